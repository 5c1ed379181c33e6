/* Accuracy and special values of the expanded elementary functions: expanded bodies are run here, in f32 and f64, and
 * compared with the C library in the next wider type.
 * QTM_TEST_DENSE=1 in the environment: every 61st float instead of every 1021st. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lir/lir.h"
#include "tir/special.h"

enum { LANES = 512 };
typedef union Lane {
    float f;
    double d;
    int32_t i;
    int64_t l;
} Lane;

typedef struct Machine {
    Arena arena;
    LirFunction f;
    LirKernel kernel;
    bool f64;
    uint32_t result;
    Lane (*value)[LANES]; /* by instruction */
} Machine;

static uint32_t machine_push(Machine *m, LirInstr instr) {
    VEC_PUSH(&m->arena, &m->kernel.body, instr);
    return (uint32_t)m->kernel.body.count - 1;
}

static uint32_t machine_op(Machine *m, LirOpcode op, uint32_t x, uint32_t y) {
    return machine_push(m, (LirInstr){.op = op, .type = LIR_T_REAL, .args = {x, y}});
}

static uint32_t machine_real(Machine *m, double value) {
    return machine_push(m, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = value});
}

/* A kernel with inputs 0 and 1 */
static void machine_begin(Machine *m, bool f64) {
    memset(m, 0, sizeof *m);
    m->f64 = f64;
    m->f.arena = &m->arena;
    m->kernel.kind = LIR_NEST;
    static const LirBuffer buffer = {.rank = 0};
    for (uint32_t i = 0; i < 3; i++) VEC_PUSH(&m->arena, &m->f.buffers, buffer);
    LirGroup group = {0};
    LirKernel *kernel = &m->kernel;
    VEC_PUSH(&m->arena, &group.kernels, kernel);
    VEC_PUSH(&m->arena, &m->f.groups, group);
    for (uint32_t i = 0; i < 2; i++)
        machine_push(m, (LirInstr){.op = LIR_LOAD, .type = LIR_T_REAL, .access = {.buffer = i}});
}

static void machine_end(Machine *m, uint32_t result) {
    LirEffect store = {.kind = LIR_STORE, .access = {.buffer = 2}, .value = result};
    VEC_PUSH(&m->arena, &m->kernel.effects, store);
    math_expand(&m->f, m->f64);
    m->result = m->kernel.effects.data[0].value;
    m->value = calloc(m->kernel.body.count, sizeof *m->value);
}

/* `op` (of this order) of inputs 0 and 1 */
static void machine_make_order(Machine *m, LirOpcode op, int64_t order, bool f64) {
    machine_begin(m, f64);
    machine_end(m, machine_push(m, (LirInstr){.op = op, .type = LIR_T_REAL, .integer = order, .args = {0, 1}}));
}

/* Formulas of std.nn. */
static void machine_sigmoid(Machine *m, bool f64) {
    machine_begin(m, f64);
    uint32_t half = machine_real(m, 0.5), t = machine_op(m, LIR_TANH, machine_op(m, LIR_MUL, half, 0), 0);
    machine_end(m, machine_op(m, LIR_ADD, half, machine_op(m, LIR_MUL, half, t)));
}
static void machine_softplus(Machine *m, bool f64) {
    machine_begin(m, f64);
    uint32_t minus = machine_op(m, LIR_NEG, machine_op(m, LIR_ABS, 0, 0), 0);
    uint32_t log = machine_op(m, LIR_LOG1P, machine_op(m, LIR_EXP, minus, 0), 0);
    machine_end(m, machine_op(m, LIR_ADD, machine_op(m, LIR_MAX, 0, machine_real(m, 0)), log));
}

static void machine_make(Machine *m, LirOpcode op, bool f64) {
    machine_make_order(m, op, 0, f64);
}

static void machine_free(Machine *m) {
    free(m->value);
    arena_free(&m->arena);
}

#define EACH(expression)                                                                                               \
    for (int k = 0; k < LANES; k++) expression;                                                                        \
    return true

/* One instruction in the working type: REAL is its member of Lane, INTEGER that of an integer as wide. */
#define DEFINE_RUN(name, REAL, INTEGER, UNSIGNED, FMA, FLOOR, FABS, SQRT)                                              \
    static bool name(const LirInstr *in, bool wide_int, Lane *r, const Lane *x, const Lane *y, const Lane *z) {        \
        switch (in->op) {                                                                                              \
        case LIR_REAL: EACH(r[k].REAL = (__typeof__(r->REAL))in->real);                                                \
        case LIR_INT:                                                                                                  \
        case LIR_BIT_CONST: EACH(r[k].INTEGER = (__typeof__(r->INTEGER))in->integer);                                  \
        case LIR_ADD: EACH(r[k].REAL = x[k].REAL + y[k].REAL);                                                         \
        case LIR_SUB: EACH(r[k].REAL = x[k].REAL - y[k].REAL);                                                         \
        case LIR_MUL: EACH(r[k].REAL = x[k].REAL * y[k].REAL);                                                         \
        case LIR_DIV: EACH(r[k].REAL = x[k].REAL / y[k].REAL);                                                         \
        case LIR_MAX: EACH(r[k].REAL = x[k].REAL > y[k].REAL ? x[k].REAL : y[k].REAL);                                 \
        case LIR_MIN: EACH(r[k].REAL = x[k].REAL < y[k].REAL ? x[k].REAL : y[k].REAL);                                 \
        case LIR_NEG: EACH(r[k].REAL = -x[k].REAL);                                                                    \
        case LIR_ABS: EACH(r[k].REAL = FABS(x[k].REAL));                                                               \
        case LIR_FLOOR: EACH(r[k].REAL = FLOOR(x[k].REAL));                                                            \
        case LIR_FMA: EACH(r[k].REAL = FMA(x[k].REAL, y[k].REAL, z[k].REAL));                                          \
        case LIR_SQRT: EACH(r[k].REAL = SQRT(x[k].REAL));                                                              \
        case LIR_LT: EACH(r[k].l = wide_int ? x[k].INTEGER < y[k].INTEGER : x[k].REAL < y[k].REAL);                    \
        case LIR_LE: EACH(r[k].l = x[k].REAL <= y[k].REAL);                                                            \
        case LIR_EQ: EACH(r[k].l = x[k].REAL == y[k].REAL);                                                            \
        case LIR_AND: EACH(r[k].l = x[k].l && y[k].l);                                                                 \
        case LIR_OR: EACH(r[k].l = x[k].l || y[k].l);                                                                  \
        case LIR_NOT: EACH(r[k].l = !x[k].l);                                                                          \
        case LIR_SELECT: EACH(r[k] = x[k].l ? y[k] : z[k]);                                                            \
        case LIR_BITS_INT_TO_REAL: EACH(r[k].REAL = (__typeof__(r->REAL))x[k].INTEGER);                                \
        case LIR_BITS:                                                                                                 \
        case LIR_FROM_BITS: EACH(r[k].INTEGER = x[k].INTEGER);                                                         \
        case LIR_SHL: EACH(r[k].INTEGER = (__typeof__(r->INTEGER))((UNSIGNED)x[k].INTEGER << y[k].INTEGER));           \
        case LIR_SHR: EACH(r[k].INTEGER = x[k].INTEGER >> y[k].INTEGER);                                               \
        case LIR_BIT_AND: EACH(r[k].INTEGER = x[k].INTEGER & y[k].INTEGER);                                            \
        case LIR_BIT_OR: EACH(r[k].INTEGER = x[k].INTEGER | y[k].INTEGER);                                             \
        case LIR_BIT_ADD:                                                                                              \
            EACH(r[k].INTEGER = (__typeof__(r->INTEGER))((UNSIGNED)x[k].INTEGER + (UNSIGNED)y[k].INTEGER));            \
        case LIR_BIT_SUB:                                                                                              \
            EACH(r[k].INTEGER = (__typeof__(r->INTEGER))((UNSIGNED)x[k].INTEGER - (UNSIGNED)y[k].INTEGER));            \
        default: return false;                                                                                         \
        }                                                                                                              \
    }
DEFINE_RUN(run_f32, f, i, uint32_t, fmaf, floorf, fabsf, sqrtf)
DEFINE_RUN(run_f64, d, l, uint64_t, fma, floor, fabs, sqrt)

/* Inputs are value[0] and value[1]. */
static const Lane *machine_run(Machine *m) {
    for (size_t i = 0; i < m->kernel.body.count; i++) {
        const LirInstr *in = &m->kernel.body.data[i];
        if (in->op == LIR_LOAD) continue;
        const Lane *x = m->value[in->args[0]], *y = m->value[in->args[1]], *z = m->value[in->args[2]];
        bool wide_int = m->kernel.body.data[in->args[0]].type == LIR_T_INT; /* compares integers */
        bool known = m->f64 ? run_f64(in, wide_int, m->value[i], x, y, z) : run_f32(in, wide_int, m->value[i], x, y, z);
        cr_assert(known, "instruction %s is not a machine operation", lir_op_text(in->op));
    }
    return m->value[m->result];
}

static double machine_one(Machine *m, double x, double y) {
    for (int k = 0; k < LANES; k++) {
        if (m->f64)
            m->value[0][k].d = x, m->value[1][k].d = y;
        else
            m->value[0][k].f = (float)x, m->value[1][k].f = (float)y;
    }
    const Lane *r = machine_run(m);
    return m->f64 ? r->d : (double)r->f;
}

/* Distance in units of the last place at the exact result; infinity counts as the next power of two. */
static double ulps(long double got, long double want, int digits, int min_exponent, int max_exponent) {
    if (want != want) return got != got ? 0 : INFINITY;
    long double limit = ldexpl(1, max_exponent);
    if (fabsl(want) > limit) want = copysignl(limit, want);
    if (fabsl(got) > limit) got = copysignl(limit, got);
    if (got == want) return 0;
    int exponent;
    frexpl(want, &exponent);
    if (want == 0 || exponent < min_exponent) exponent = min_exponent;
    if (exponent > max_exponent) exponent = max_exponent;
    double distance = (double)fabsl(ldexpl(got - want, digits - exponent));
    return distance == distance ? distance : INFINITY;
}
static double ulps32(float got, double want) {
    return ulps(got, want, FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP);
}
static double ulps64(double got, long double want) {
    return ulps(got, want, DBL_MANT_DIG, DBL_MIN_EXP, DBL_MAX_EXP);
}

typedef struct Case {
    LirOpcode op;
    double (*wide)(double);
    long double (*wider)(long double);
    double limit32, limit64; /* ulp */
    double low, high;        /* where f64 is sampled evenly, besides all exponents */
    double size32, size64;   /* |x| up to which the limit holds */
    bool positive;           /* it holds for x > 0 */
    int64_t order;
} Case;

#define POLYGAMMA(name, order)                                                                                         \
    static double name(double x) {                                                                                     \
        return (double)special_polygamma(order, x);                                                                    \
    }                                                                                                                  \
    static long double name##l(long double x) {                                                                        \
        return special_polygamma(order, x);                                                                            \
    }
POLYGAMMA(digamma, 0)
POLYGAMMA(trigamma, 1)
POLYGAMMA(tetragamma, 2)
POLYGAMMA(pentagamma, 3)

static double dilog(double x) {
    return (double)special_dilog(x);
}

static const Case cases[] = {
    {LIR_EXP, exp, expl, 1, 1, -746, 710, INFINITY, INFINITY, false, 0},
    {LIR_LOG, log, logl, 1, 1, 0, 4, INFINITY, INFINITY, false, 0},
    {LIR_EXPM1, expm1, expm1l, 2, 2, -40, 40, INFINITY, INFINITY, false, 0},
    {LIR_LOG1P, log1p, log1pl, 2, 2, -1, 4, INFINITY, INFINITY, false, 0},
    {LIR_TANH, tanh, tanhl, 2, 2, -20, 20, INFINITY, INFINITY, false, 0},
    {LIR_SIN, sin, sinl, 2, 2, -1e4, 1e4, 1e4, 1e9, false, 0},
    {LIR_COS, cos, cosl, 2, 2, -1e4, 1e4, 1e4, 1e9, false, 0},
    {LIR_ERF, erf, erfl, 1.2, 1.2, -6, 6, INFINITY, INFINITY, false, 0},
    {LIR_ERFC, erfc, erfcl, 4, 4, -6, 28, INFINITY, INFINITY, false, 0},
    {LIR_ATAN, atan, atanl, 2, 2, -20, 20, INFINITY, INFINITY, false, 0},
    {LIR_LGAMMA, lgamma, lgammal, 5, 5, 0, 20, INFINITY, INFINITY, true, 0},
    {LIR_DILOG, dilog, special_dilog, 4, 4, -50, 1, INFINITY, INFINITY, false, 0},
    {LIR_POLYGAMMA, digamma, digammal, 5, 5, 0, 20, INFINITY, INFINITY, true, 0},
    {LIR_POLYGAMMA, trigamma, trigammal, 6, 6, 0, 30, 1e18, 1e100, true, 1},
    {LIR_POLYGAMMA, tetragamma, tetragammal, 7, 7, 0, 30, 1e9, 1e50, true, 2},
    {LIR_POLYGAMMA, pentagamma, pentagammal, 8, 8, 0, 30, 1e6, 1e30, true, 3},
};

static const Case *find_case(LirOpcode op, int64_t order) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cases[i].op == op && cases[i].order == order) return &cases[i];
    return NULL;
}

static void sweep_order_f32(LirOpcode op, int64_t order) {
    const Case *c = find_case(op, order);
    Machine m;
    machine_make_order(&m, op, order, false);
    const uint32_t step = (getenv("QTM_TEST_DENSE") ? 61 : 1021) * (op == LIR_POLYGAMMA ? 64 : 1); /* slow to compare */
    double worst = 0;
    float worst_at = 0;
    const uint64_t end = c->positive ? UINT64_C(0x7f800000) : UINT64_C(1) << 32;
    for (uint64_t bits = c->positive; bits < end;) {
        int n = 0;
        for (; n < LANES && bits < end; bits += step) {
            uint32_t word = (uint32_t)bits;
            float x;
            memcpy(&x, &word, sizeof x);
            if (fabsf(x) <= c->size32 || x != x) m.value[0][n++].f = x;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < n; k++) {
            double error = ulps32(r[k].f, c->wide(m.value[0][k].f));
            if (error > worst) worst = error, worst_at = m.value[0][k].f;
        }
    }
    printf("%-6s f32  %.3f ulp at %a, %zu instructions\n", lir_op_text(op), worst, (double)worst_at,
           m.kernel.body.count);
    cr_expect_leq(worst, c->limit32, "%s in f32: %g ulp at %a", lir_op_text(op), worst, (double)worst_at);
    machine_free(&m);
}

static void sweep_f32(LirOpcode op) {
    sweep_order_f32(op, 0);
}

static uint64_t random_state = 0x9e3779b97f4a7c15;
static uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
static double random_between(double low, double high) {
    return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}
static double random_double(void) {
    uint64_t bits = random_bits();
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void sweep_order_f64(LirOpcode op, int64_t order) {
    const Case *c = find_case(op, order);
    Machine m;
    machine_make_order(&m, op, order, true);
    printf("seed %llx\n", (unsigned long long)random_state);
    double worst = 0, worst_at = 0;
    for (int i = 0; i < (op == LIR_POLYGAMMA ? 60000 : 2000000); i += LANES) {
        for (int k = 0; k < LANES; k++) {
            double x = k % 4 == 0   ? random_double()
                       : k % 4 == 1 ? copysign(exp(random_between(-50, 3)), random_between(-1, 1))
                                    : random_between(c->low, c->high);
            if (c->positive) x = fabs(x);
            m.value[0][k].d = fabs(x) <= c->size64 && (x != 0 || !c->positive) ? x : c->positive;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < LANES; k++) {
            double error = ulps64(r[k].d, c->wider(m.value[0][k].d));
            if (error > worst) worst = error, worst_at = m.value[0][k].d;
        }
    }
    printf("%-6s f64  %.3f ulp at %a, %zu instructions\n", lir_op_text(op), worst, worst_at, m.kernel.body.count);
    cr_expect_leq(worst, c->limit64, "%s in f64: %g ulp at %a", lir_op_text(op), worst, worst_at);
    machine_free(&m);
}

static void sweep_f64(LirOpcode op) {
    sweep_order_f64(op, 0);
}

Test(math_accuracy, exp_f32) {
    sweep_f32(LIR_EXP);
}
Test(math_accuracy, log_f32) {
    sweep_f32(LIR_LOG);
}
Test(math_accuracy, expm1_f32) {
    sweep_f32(LIR_EXPM1);
}
Test(math_accuracy, log1p_f32) {
    sweep_f32(LIR_LOG1P);
}
Test(math_accuracy, tanh_f32) {
    sweep_f32(LIR_TANH);
}
Test(math_accuracy, sin_f32) {
    sweep_f32(LIR_SIN);
}
Test(math_accuracy, cos_f32) {
    sweep_f32(LIR_COS);
}
Test(math_accuracy, exp_f64) {
    sweep_f64(LIR_EXP);
}
Test(math_accuracy, log_f64) {
    sweep_f64(LIR_LOG);
}
Test(math_accuracy, expm1_f64) {
    sweep_f64(LIR_EXPM1);
}
Test(math_accuracy, log1p_f64) {
    sweep_f64(LIR_LOG1P);
}
Test(math_accuracy, tanh_f64) {
    sweep_f64(LIR_TANH);
}
Test(math_accuracy, sin_f64) {
    sweep_f64(LIR_SIN);
}
Test(math_accuracy, cos_f64) {
    sweep_f64(LIR_COS);
}

Test(math_accuracy, erf) {
    sweep_f32(LIR_ERF);
    sweep_f64(LIR_ERF);
}
Test(math_accuracy, erfc) {
    sweep_f32(LIR_ERFC);
    sweep_f64(LIR_ERFC);
}
Test(math_accuracy, atan) {
    sweep_f32(LIR_ATAN);
    sweep_f64(LIR_ATAN);
}
Test(math_accuracy, lgamma) {
    sweep_f32(LIR_LGAMMA);
    sweep_f64(LIR_LGAMMA);
}
Test(math_accuracy, polygamma, .timeout = 120) {
    for (int64_t order = 0; order < 4; order++) {
        sweep_order_f32(LIR_POLYGAMMA, order);
        sweep_order_f64(LIR_POLYGAMMA, order);
    }
}

Test(math_accuracy, dilog, .timeout = 120) {
    sweep_f32(LIR_DILOG);
    sweep_f64(LIR_DILOG);
}

/* Beyond x = n Bessel functions have zeros: the error is compared with the size of their oscillation there,
 * sqrt(2 / (pi x)), but relative below. */
static void sweep_bessel(int order, bool f64, double limit) {
    Machine m;
    machine_make_order(&m, LIR_BESSEL_J, order, f64);
    double worst = 0, worst_at = 0;
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < LANES; k++) {
            double x = k % 4 == 0   ? exp(random_between(-20, f64 ? 15 : 9))
                       : k % 4 == 1 ? random_between(0, order + 1)
                                    : random_between(-100, 100);
            if (f64)
                m.value[0][k].d = x;
            else
                m.value[0][k].f = (float)x;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < LANES; k++) {
            double x = f64 ? m.value[0][k].d : (double)m.value[0][k].f, got = f64 ? r[k].d : (double)r[k].f;
            long double want = jnl(order, x);
            double size = fabs((double)want), swing = sqrt(2 / (M_PI * fabs(x))), unit = f64 ? 0x1p-53 : 0x1p-24;
            if (fabs(x) > order && swing > size) size = swing < 1 ? swing : 1;
            if (size < (f64 ? 1e-290 : 1e-30)) continue;
            double error = (double)fabsl(got - want) / size / unit;
            if (!(error <= worst)) worst = error, worst_at = x;
        }
    }
    printf("bessel_j %d %s: %.2f roundings at %a, %zu instructions\n", order, f64 ? "f64" : "f32", worst, worst_at,
           m.kernel.body.count);
    cr_expect(worst <= limit, "%g roundings at %a", worst, worst_at);
    machine_free(&m);
}
Test(math_accuracy, bessel, .timeout = 120) {
    static const int orders[] = {0, 1, 2, 3, 5, 10, 20, 50, 100};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        for (int f64 = 0; f64 < 2; f64++) sweep_bessel(orders[i], f64, 8 + 1.25 * orders[i]);
}

/* Where x < 0 the functions have zeros and poles between all integers: the error is compared with the size of the two
 * terms whose difference they are, pi^(n+1) |cot^(n)| or log |sin|, and their value at 1 - x. */
static void sweep_negative(LirOpcode op, int64_t order, bool f64, double limit) {
    Machine m;
    machine_make_order(&m, op, order, f64);
    double worst = 0, worst_at = 0;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < LANES; k++) {
            double x = k % 2 ? random_between(-20, 0) : -exp(random_between(-30, 3));
            if (f64)
                m.value[0][k].d = x;
            else
                m.value[0][k].f = (float)x;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < LANES; k++) {
            double x = f64 ? m.value[0][k].d : (double)m.value[0][k].f, got = f64 ? r[k].d : (double)r[k].f;
            bool gamma = op == LIR_LGAMMA;
            double want = gamma ? lgamma(x) : (double)special_polygamma(order, x);
            double mirror = gamma ? lgamma(1 - x) : (double)special_polygamma(order, 1 - x);
            double size = fabs(want) + 2 * fabs(mirror) + 1, unit = f64 ? 0x1p-53 : 0x1p-24;
            if (!isfinite(want) || size > 1e30) continue;
            double error = fabs(got - want) / size / unit;
            if (error > worst) worst = error, worst_at = x;
        }
    }
    printf("%s %d of negative numbers, %s: %.2f roundings at %a\n", lir_op_text(op), (int)order, f64 ? "f64" : "f32",
           worst, worst_at);
    cr_expect_leq(worst, limit, "%g roundings at %a", worst, worst_at);
    machine_free(&m);
}
Test(math_accuracy, gamma_functions_of_negative_numbers) {
    for (int f64 = 0; f64 < 2; f64++) {
        sweep_negative(LIR_LGAMMA, 0, f64, 8);
        for (int64_t order = 0; order < 4; order++) sweep_negative(LIR_POLYGAMMA, order, f64, 20);
    }
}

/* Pairs whose power covers all exponents and a bit more, pairs near 1, and small everyday ones. */
static void random_pair(bool f64, double *x, double *y) {
    double size = f64 ? 750 : 106;
    switch (random_bits() % 3) {
    case 0: *x = exp(random_between(-size, f64 ? 709 : 88)); break;
    case 1: *x = 1 + copysign(exp(random_between(f64 ? -36 : -16, -1)), random_between(-1, 1)); break;
    default: *x = random_between(0, 10), *y = random_between(-6, 6); return;
    }
    if (!f64) *x = (float)*x;
    *y = random_between(-size, size) / log(*x);
    if (*x == 1) *y = 2;
}

static void sweep_pow(bool f64, double limit) {
    Machine m;
    machine_make(&m, LIR_POW, f64);
    printf("seed %llx\n", (unsigned long long)random_state);
    double worst = 0, at[2] = {0};
    for (int i = 0; i < 2000000; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            double x, y;
            random_pair(f64, &x, &y);
            if (f64)
                m.value[0][k].d = x, m.value[1][k].d = y;
            else
                m.value[0][k].f = (float)x, m.value[1][k].f = (float)y;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < LANES; k++) {
            double x = f64 ? m.value[0][k].d : (double)m.value[0][k].f;
            double y = f64 ? m.value[1][k].d : (double)m.value[1][k].f;
            double error = f64 ? ulps64(r[k].d, powl(x, y)) : ulps32(r[k].f, pow(x, y));
            if (error > worst) worst = error, at[0] = x, at[1] = y;
        }
    }
    printf("pow    %s  %.3f ulp at %a, %a, %zu instructions\n", f64 ? "f64" : "f32", worst, at[0], at[1],
           m.kernel.body.count);
    cr_expect_leq(worst, limit, "%g ulp at %a, %a", worst, at[0], at[1]);
    machine_free(&m);
}
Test(math_accuracy, pow_f32) {
    sweep_pow(false, 2);
}
Test(math_accuracy, pow_f64) {
    sweep_pow(true, 2);
}

/* Of sigmoid the error in units of the last place below 1: it is a sum with 1/2. */
static void sweep_formula(const char *name, bool f64, double limit) {
    const bool sigmoid = !strcmp(name, "sigmoid");
    Machine m;
    if (sigmoid)
        machine_sigmoid(&m, f64);
    else
        machine_softplus(&m, f64);
    double worst = 0, worst_at = 0;
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < LANES; k++) {
            double x = k % 4 ? random_between(-40, 40) : copysign(exp(random_between(-90, 88)), random_between(-1, 1));
            if (f64)
                m.value[0][k].d = x;
            else
                m.value[0][k].f = (float)x;
        }
        const Lane *r = machine_run(&m);
        for (int k = 0; k < LANES; k++) {
            long double x = f64 ? m.value[0][k].d : (double)m.value[0][k].f, got = f64 ? r[k].d : (double)r[k].f;
            long double want = sigmoid ? 1 / (1 + expl(-x)) : fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
            double error = sigmoid ? (double)ldexpl(fabsl(got - want), f64 ? 53 : 24)
                           : f64   ? ulps64((double)got, want)
                                   : ulps32((float)got, (double)want);
            if (!(error <= worst)) worst = error, worst_at = (double)x;
        }
    }
    printf("%s %s  %.3f ulp at %a, %zu instructions\n", name, f64 ? "f64" : "f32", worst, worst_at,
           m.kernel.body.count);
    cr_expect_leq(worst, limit, "%s: %g ulp at %a", name, worst, worst_at);
    machine_free(&m);
}
Test(math_accuracy, formulas_of_networks) {
    for (int f64 = 0; f64 < 2; f64++) {
        sweep_formula("sigmoid", f64, 1.5);
        sweep_formula("softplus", f64, 2);
    }
}

/* The table of the reference tells the limits that are tested here. */
Test(math_accuracy, table_of_the_reference) {
    static const char *const names[] = {
        [LIR_EXP] = "exp",   [LIR_LOG] = "log",   [LIR_EXPM1] = "expm1",    [LIR_LOG1P] = "log1p",
        [LIR_TANH] = "tanh", [LIR_SIN] = "sin",   [LIR_COS] = "cos",        [LIR_ERF] = "erf",
        [LIR_ERFC] = "erfc", [LIR_ATAN] = "atan", [LIR_DILOG] = "dilog(x)", [LIR_LGAMMA] = "lgamma(x)"};
    FILE *file = fopen(QTM_SOURCE_DIR "/lang/reference/builtins.md", "r");
    cr_assert(file);
    char line[1024];
    int seen = 0;
    while (fgets(line, sizeof line, file)) {
        char name[32];
        double f32, f64;
        if (sscanf(line, "| `%31[^`]` | %lf | %lf |", name, &f32, &f64) != 3) continue;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (!names[i] || strcmp(names[i], name)) continue;
            const Case *c = find_case((LirOpcode)i, 0);
            cr_expect(c->limit32 == f32 && c->limit64 == f64, "%s: %g and %g are tested", name, c->limit32, c->limit64);
            seen++;
        }
    }
    fclose(file);
    cr_expect_eq(seen, 12, "%d functions are in the table", seen);
}

/* --- special values --- */

static void check_special(LirOpcode op, double x, double y, double want) {
    for (int f64 = 0; f64 < 2; f64++) {
        Machine m;
        machine_make(&m, op, f64 != 0);
        double got = machine_one(&m, x, y);
        bool same = want != want ? got != got : got == want && signbit(got) == signbit(want);
        cr_expect(same, "%s(%g, %g) in %s: %g instead of %g", lir_op_text(op), x, y, f64 ? "f64" : "f32", got, want);
        machine_free(&m);
    }
}

Test(math_special, exponentials) {
    check_special(LIR_EXP, 0, 0, 1);
    check_special(LIR_EXP, -0.0, 0, 1);
    check_special(LIR_EXP, INFINITY, 0, INFINITY);
    check_special(LIR_EXP, -INFINITY, 0, 0);
    check_special(LIR_EXP, 1e5, 0, INFINITY);
    check_special(LIR_EXP, -1e5, 0, 0);
    check_special(LIR_EXP, NAN, 0, NAN);
    check_special(LIR_EXPM1, 0, 0, 0);
    check_special(LIR_EXPM1, -0.0, 0, -0.0);
    check_special(LIR_EXPM1, INFINITY, 0, INFINITY);
    check_special(LIR_EXPM1, -INFINITY, 0, -1);
    check_special(LIR_EXPM1, NAN, 0, NAN);
    check_special(LIR_TANH, 0, 0, 0);
    check_special(LIR_TANH, -0.0, 0, -0.0);
    check_special(LIR_TANH, INFINITY, 0, 1);
    check_special(LIR_TANH, -INFINITY, 0, -1);
    check_special(LIR_TANH, NAN, 0, NAN);
}

Test(math_special, dilogarithm_and_bessel_functions) {
    check_special(LIR_DILOG, 0, 0, 0);
    check_special(LIR_DILOG, 1.5, 0, NAN);
    check_special(LIR_DILOG, -INFINITY, 0, -INFINITY);
    check_special(LIR_DILOG, NAN, 0, NAN);
    check_special(LIR_BESSEL_J, NAN, 0, NAN);
    check_special(LIR_BESSEL_J, 1e12, 0, NAN);
}

Test(math_special, logarithms) {
    check_special(LIR_LOG, 1, 0, 0);
    check_special(LIR_LOG, 0, 0, -INFINITY);
    check_special(LIR_LOG, -0.0, 0, -INFINITY);
    check_special(LIR_LOG, -1, 0, NAN);
    check_special(LIR_LOG, -INFINITY, 0, NAN);
    check_special(LIR_LOG, INFINITY, 0, INFINITY);
    check_special(LIR_LOG, NAN, 0, NAN);
    check_special(LIR_LOG1P, 0, 0, 0);
    check_special(LIR_LOG1P, -0.0, 0, -0.0);
    check_special(LIR_LOG1P, -1, 0, -INFINITY);
    check_special(LIR_LOG1P, -2, 0, NAN);
    check_special(LIR_LOG1P, INFINITY, 0, INFINITY);
    check_special(LIR_LOG1P, NAN, 0, NAN);
}

Test(math_special, trigonometry) {
    check_special(LIR_SIN, 0, 0, 0);
    check_special(LIR_SIN, -0.0, 0, -0.0);
    check_special(LIR_SIN, INFINITY, 0, NAN);
    check_special(LIR_SIN, NAN, 0, NAN);
    check_special(LIR_COS, 0, 0, 1);
    check_special(LIR_COS, -INFINITY, 0, NAN);
    check_special(LIR_COS, NAN, 0, NAN);
    check_special(LIR_SIN, 1e20, 0, NAN);
}

Test(math_special, error_functions_and_gamma) {
    check_special(LIR_ERF, 0, 0, 0);
    check_special(LIR_ERF, -0.0, 0, -0.0);
    check_special(LIR_ERF, INFINITY, 0, 1);
    check_special(LIR_ERF, -INFINITY, 0, -1);
    check_special(LIR_ERF, NAN, 0, NAN);
    check_special(LIR_ERFC, 0, 0, 1);
    check_special(LIR_ERFC, INFINITY, 0, 0);
    check_special(LIR_ERFC, -INFINITY, 0, 2);
    check_special(LIR_ERFC, NAN, 0, NAN);
    check_special(LIR_LGAMMA, 1, 0, 0);
    check_special(LIR_LGAMMA, 2, 0, 0);
    check_special(LIR_LGAMMA, 0, 0, INFINITY);
    check_special(LIR_LGAMMA, -3, 0, INFINITY);
    check_special(LIR_LGAMMA, -1e30, 0, INFINITY);
    check_special(LIR_LGAMMA, INFINITY, 0, INFINITY);
    check_special(LIR_LGAMMA, -INFINITY, 0, INFINITY);
    check_special(LIR_LGAMMA, NAN, 0, NAN);
    check_special(LIR_POLYGAMMA, 0, 0, NAN);
    check_special(LIR_POLYGAMMA, -2, 0, NAN);
    check_special(LIR_POLYGAMMA, INFINITY, 0, INFINITY);
    check_special(LIR_POLYGAMMA, NAN, 0, NAN);
}

/* Every pair of these, and random ones, against the C library. */
Test(math_special, quadrants) {
    static const double at[] = {0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e30, -1e-30, INFINITY, -INFINITY, NAN};
    const size_t n = sizeof at / sizeof *at;
    Machine m[2];
    machine_make(&m[0], LIR_ATAN2, false);
    machine_make(&m[1], LIR_ATAN2, true);
    printf("seed %llx\n", (unsigned long long)random_state);
    for (size_t i = 0; i < n * n * 2 + 4000; i++) {
        bool listed = i < n * n * 2;
        double y = listed ? at[i / 2 / n] : random_between(-3, 3), x = listed ? at[i / 2 % n] : random_between(-3, 3);
        if (!(i % 2)) y = (float)y, x = (float)x;
        double got = machine_one(&m[i % 2], y, x), want = atan2(y, x);
        double error = i % 2 ? ulps64(got, atan2l(y, x)) : ulps32((float)got, want);
        cr_expect(error <= 2 && (want != want || signbit(got) == signbit(want)), "atan2(%g, %g): %g instead of %g", y,
                  x, got, want);
    }
    machine_free(&m[0]);
    machine_free(&m[1]);
}

/* The functions of special.c are what the others are compared with. Digits from Abramowitz and Stegun, tables 6.1, 6.2
 * and 26.2, and the closed forms at 1/4, 1/2 and 1. */
Test(math_special, references) {
    const long double gamma = 0.57721566490153286060651209008240243L, pi = 3.14159265358979323846264338327950288L;
    const long double zeta3 = 1.20205690315959428539973816151144999L;
    cr_expect_float_eq(special_polygamma(0, 1), -gamma, 1e-18L);
    cr_expect_float_eq(special_polygamma(0, 0.5L), -gamma - 2 * logl(2), 4e-18L);
    cr_expect_float_eq(special_polygamma(0, 0.25L), -gamma - pi / 2 - 3 * logl(2), 4e-18L);
    cr_expect_float_eq(special_polygamma(0, -0.5L), 2 - gamma - 2 * logl(2), 4e-18L);
    cr_expect_float_eq(special_polygamma(1, 1), pi * pi / 6, 1e-18L);
    cr_expect_float_eq(special_polygamma(1, -0.5L), pi * pi / 2 + 4, 1e-17L);
    cr_expect_float_eq(special_polygamma(2, 1), -2 * zeta3, 1e-18L);
    cr_expect_float_eq(special_polygamma(3, 1), powl(pi, 4) / 15, 1e-17L);
    cr_expect_float_eq(special_polygamma(3, 0.5L), powl(pi, 4), 1e-16L);
    cr_expect_float_eq(special_lgamma(0.5), 0.57236494292470008707, 1e-15);
    cr_expect_float_eq(special_lgamma(-0.5), 1.26551212348464539649, 1e-15);
}

/* Every pair of these against the C library, whose pow is exact in these cases or the result is not finite. */
Test(math_special, powers) {
    static const double at[] = {0.0,  -0.0, 1.0, -1.0, 2.0,   -2.0,     0.5,       -0.5, 3.0,
                                -3.0, 1.5,  4.0, 1e30, -1e30, INFINITY, -INFINITY, NAN};
    const size_t n = sizeof at / sizeof *at;
    Machine m[2];
    machine_make(&m[0], LIR_POW, false);
    machine_make(&m[1], LIR_POW, true);
    for (size_t i = 0; i < n * n * 2; i++) {
        double x = at[i / 2 / n], y = at[i / 2 % n], got = machine_one(&m[i % 2], x, y);
        double want = i % 2 ? pow(x, y) : (double)powf((float)x, (float)y);
        double error = i % 2 ? ulps64(got, want) : ulps32((float)got, want);
        cr_expect(error <= 1 && (want != want || signbit(got) == signbit(want)), "pow(%g, %g) in f%d: %g instead of %g",
                  x, y, i % 2 ? 64 : 32, got, want);
    }
    machine_free(&m[0]);
    machine_free(&m[1]);
}

/* --- renumbering --- */

Test(math_expand, renumbers_arguments_indices_and_effects) {
    Machine m;
    machine_make(&m, LIR_EXP, false); /* for its buffers */
    m.f.buffers.data[0].rank = m.f.buffers.data[2].rank = 1;
    const LirInstr body[] = {
        {.op = LIR_LOAD, .type = LIR_T_REAL, .access = {.buffer = 1}},
        {.op = LIR_EXP, .type = LIR_T_REAL, .args = {0}},
        {.op = LIR_TO_INT, .type = LIR_T_INT, .args = {1}},
        {.op = LIR_LOAD, .type = LIR_T_REAL, .access = {.buffer = 0, .index = {{.kind = LIR_INDEX_VALUE, .value = 2}}}},
        {.op = LIR_LOG, .type = LIR_T_REAL, .args = {3}},
        {.op = LIR_MUL, .type = LIR_T_REAL, .args = {4, 1}},
    };
    m.kernel.body.count = 0;
    for (size_t i = 0; i < 6; i++) VEC_PUSH(&m.arena, &m.kernel.body, body[i]);
    LirEffect *effect = &m.kernel.effects.data[0];
    effect->value = 5;
    effect->access.index[0] = (LirIndex){.kind = LIR_INDEX_VALUE, .value = 2};
    math_expand(&m.f, false);
    const LirInstr *out = m.kernel.body.data;
    const size_t last = m.kernel.body.count - 1;
    cr_assert_eq(effect->value, last);
    cr_assert_eq(out[last].op, LIR_MUL);
    const uint32_t index = effect->access.index[0].value, exp = out[last].args[1];
    cr_expect_eq(out[index].op, LIR_TO_INT);
    cr_expect_eq(out[index].args[0], exp);
    cr_expect_eq(out[exp].op, LIR_MUL, "exp ends with its second scale");
    cr_expect_eq(out[last].args[0], last - 1, "log comes right before");
    cr_expect_eq(out[index + 1].op, LIR_LOAD);
    cr_expect_eq(out[index + 1].access.index[0].value, index);
    for (size_t i = 0; i <= last; i++)
        for (int a = 0; a < lir_op_arity(out[i].op); a++) cr_expect_lt(out[i].args[a], i);
    machine_free(&m);
}

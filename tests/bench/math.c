/* The elementary functions as emitted code: speed, accuracy and the limit of the machine. For each function and width a
 * kernel over arrays in the first cache is built by hand, expanded, emitted for this machine, linked and run.
 *
 *   bench_math [--sweep=N] [--asm=FOLDER] [FUNCTION ...]
 *
 * prints one line of JSON for each:
 *   elements_per_s, cycles_per_vector   best of several rounds of CPU time on one core; the length of a cycle comes
 * from a chain of dependent additions, measured in turns with the rounds max_ulp, at                         largest
 * error seen, against the C library in the next wider type: in f32 every Nth float (--sweep=1: all of them), in f64 as
 * many numbers of all exponents
 * --asm: the assembly of FUNCTION in FOLDER/FUNCTION_f32.s, for functions.py, which adds the limit by instruction
 * ports.
 */
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lir/lir.h"
#include "qtm/kernel.h"
#include "llvm/emit.h"

enum {
    BYTES = 8192,
    ROUNDS = 300,
    PASSES = 40,
    MOST_F64 = 1 << 22
}; /* an array; three of them fit into the first cache */

static int count_of(bool f64) {
    return BYTES / (f64 ? 8 : 4);
}

static uint32_t push(Arena *arena, LirKernel *k, LirInstr instr) {
    VEC_PUSH(arena, &k->body, instr);
    return (uint32_t)k->body.count - 1;
}

typedef struct Bodies {
    Arena *arena;
    LirKernel *k;
    uint32_t x, y;
} Bodies;

static uint32_t op(Bodies *b, LirOpcode code, uint32_t x, uint32_t y) {
    return push(b->arena, b->k, (LirInstr){.op = code, .type = LIR_T_REAL, .args = {x, y}});
}
static uint32_t real(Bodies *b, double value) {
    return push(b->arena, b->k, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = value});
}

/* Formulas of the library, as the compiler leaves them. */
static uint32_t sigmoid(Bodies *b) {
    uint32_t half = real(b, 0.5), t = op(b, LIR_TANH, op(b, LIR_MUL, half, b->x), 0);
    return op(b, LIR_ADD, half, op(b, LIR_MUL, half, t));
}
static uint32_t softplus(Bodies *b) {
    uint32_t e = op(b, LIR_EXP, op(b, LIR_NEG, op(b, LIR_ABS, b->x, 0), 0), 0);
    return op(b, LIR_ADD, op(b, LIR_MAX, b->x, real(b, 0)), op(b, LIR_LOG1P, e, 0));
}
static uint32_t beta_density(Bodies *b) {
    uint32_t rest = op(b, LIR_SUB, real(b, 1), b->x);
    return op(b, LIR_MUL, op(b, LIR_POW, b->x, b->y), op(b, LIR_POW, rest, real(b, 3.7)));
}

/* Products and sums that wait for nothing but their own chain: the peak of the machine. */
enum { PEAK_CHAINS = 10, PEAK_LENGTH = 12 };
static uint32_t peak_body(Bodies *b) {
    uint32_t chain[PEAK_CHAINS], c = real(b, 0.75);
    for (int i = 0; i < PEAK_CHAINS; i++) chain[i] = op(b, LIR_ADD, b->x, real(b, i));
    for (int step = 0; step < PEAK_LENGTH; step++)
        for (int i = 0; i < PEAK_CHAINS; i++)
            chain[i] = push(b->arena, b->k, (LirInstr){.op = LIR_FMA, .type = LIR_T_REAL, .args = {chain[i], c, b->x}});
    for (int i = 1; i < PEAK_CHAINS; i++) chain[0] = op(b, LIR_MAX, chain[0], chain[i]);
    return chain[0];
}

static double sigmoid_d(double x, double y) {
    (void)y;
    return 1 / (1 + exp(-x));
}
static long double sigmoid_l(long double x, long double y) {
    (void)y;
    return 1 / (1 + expl(-x));
}
static double softplus_d(double x, double y) {
    (void)y;
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static long double softplus_l(long double x, long double y) {
    (void)y;
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}
static double beta_density_d(double x, double y) {
    return pow(x, y) * pow(1 - x, 3.7);
}
static long double beta_density_l(long double x, long double y) {
    return powl(x, y) * powl(1 - x, 3.7L);
}
#define ONE(f)                                                                                                         \
    static double f##_d(double x, double y) {                                                                          \
        (void)y;                                                                                                       \
        return f(x);                                                                                                   \
    }                                                                                                                  \
    static long double f##_l(long double x, long double y) {                                                           \
        (void)y;                                                                                                       \
        return f##l(x);                                                                                                \
    }
ONE(exp);
ONE(log);
ONE(expm1);
ONE(log1p);
ONE(tanh);
ONE(sin);
ONE(cos);
ONE(erf);
ONE(erfc);
ONE(atan);
ONE(lgamma);

typedef struct Case {
    const char *name;
    LirOpcode code; /* or */
    uint32_t (*body)(Bodies *);
    double (*wide)(double, double);
    long double (*wider)(long double, long double);
    double low, high;    /* arguments of the timing */
    double from32, to32; /* arguments of the sweep */
    double from64, to64;
    bool two, absolute; /* absolute: errors in units of the last place below 1 */
} Case;

static const Case cases[] = {
    {"exp", LIR_EXP, 0, exp_d, exp_l, -20, 20, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"log", LIR_LOG, 0, log_d, log_l, 0.01, 20, 0, INFINITY, 0, INFINITY, false, false},
    {"expm1", LIR_EXPM1, 0, expm1_d, expm1_l, -5, 5, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"log1p", LIR_LOG1P, 0, log1p_d, log1p_l, -0.9, 20, -1, INFINITY, -1, INFINITY, false, false},
    {"pow", LIR_POW, 0, pow, powl, 0.01, 4, 0, INFINITY, 0, INFINITY, true, false},
    {"tanh", LIR_TANH, 0, tanh_d, tanh_l, -4, 4, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"sigmoid", 0, sigmoid, sigmoid_d, sigmoid_l, -8, 8, -INFINITY, INFINITY, -INFINITY, INFINITY, false, true},
    {"softplus", 0, softplus, softplus_d, softplus_l, -8, 8, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"erf", LIR_ERF, 0, erf_d, erf_l, -3, 3, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"erfc", LIR_ERFC, 0, erfc_d, erfc_l, -3, 9, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"lgamma", LIR_LGAMMA, 0, lgamma_d, lgamma_l, 0.1, 20, 0, INFINITY, 0, INFINITY, false, false},
    {"sin", LIR_SIN, 0, sin_d, sin_l, -10, 10, -0x1p20, 0x1p20, -0x1p30, 0x1p30, false, false},
    {"cos", LIR_COS, 0, cos_d, cos_l, -10, 10, -0x1p20, 0x1p20, -0x1p30, 0x1p30, false, false},
    {"atan", LIR_ATAN, 0, atan_d, atan_l, -5, 5, -INFINITY, INFINITY, -INFINITY, INFINITY, false, false},
    {"beta_density", 0, beta_density, beta_density_d, beta_density_l, 0.001, 0.999, 0.001, 0.999, 0.001, 0.999, true,
     false},
};

typedef struct Compiled {
    void *library;
    qtm_entry entry;
    size_t instructions;
    unsigned vector_bits;
} Compiled;

static void build_kernel(Arena *arena, LirFunction *f, const Case *c) {
    Bodies b = {arena, ARENA_NEW(arena, LirKernel), 0, 0};
    *b.k = (LirKernel){.kind = LIR_NEST,
                       .name = c->name,
                       .loop_count = 1,
                       .loops = {0},
                       .vector = true,
                       .m_axis = LIR_NO_AXIS,
                       .n_axis = LIR_NO_AXIS,
                       .k_axis = LIR_NO_AXIS};
    LirGroup group = {.name = "all", .row_axis = LIR_NO_AXIS, .block = 1, .slots = 1, .reason = ""};
    VEC_PUSH(arena, &group.kernels, b.k);
    VEC_PUSH(arena, &f->groups, group);
    for (uint32_t i = 0; i < 3; i++) {
        LirBuffer buffer = {.name = "number",
                            .space = i < 2 ? LIR_IN : LIR_OUT,
                            .type = LIR_T_REAL,
                            .port = i % 2,
                            .rank = 1,
                            .dims = {0},
                            .dynamic_axis = LIR_NO_AXIS};
        if (i == 2) buffer.port = 0;
        VEC_PUSH(arena, &f->buffers, buffer);
    }
    LirAccess at = {.index = {{.kind = LIR_INDEX_LOOP, .axis = 0}}};
    b.x = push(arena, b.k, (LirInstr){.op = LIR_LOAD, .type = LIR_T_REAL, .access = at});
    at.buffer = 1;
    if (c->two) b.y = push(arena, b.k, (LirInstr){.op = LIR_LOAD, .type = LIR_T_REAL, .access = at});
    at.buffer = 2;
    uint32_t result = c->body ? c->body(&b) : op(&b, c->code, b.x, b.y);
    LirEffect store = {.kind = LIR_STORE, .access = at, .value = result};
    VEC_PUSH(arena, &b.k->effects, store);
}

_Noreturn static void fail(const char *what, const char *why) {
    fprintf(stderr, "bench_math: %s: %s\n", what, why);
    exit(1);
}

static Compiled compile(const Case *c, bool f64, const char *listing) {
    Arena arena = {0};
    TirFunction axes = {.arena = &arena, .name = "bench.f"};
    TirAxis axis = {.name = "i", .size = count_of(f64)};
    VEC_PUSH(&arena, &axes.axes, axis);
    LirFunction f = {.arena = &arena, .name = "bench.f", .source = &axes}, *pointer = &f;
    LirModule module = {.arena = &arena, .f64 = f64};
    VEC_PUSH(&arena, &module.functions, pointer);
    build_kernel(&arena, &f, c);
    math_expand(&f, f64);
    HostTarget target;
    const char *error = "", *width = f64 ? "f64" : "f32";
    if (!host_target(&arena, NULL, &target, &error)) fail(c->name, error);
    LlvmPart part = llvm_whole(&arena, &module);
    char folder[] = "/tmp/bench_math_XXXXXX";
    if (!mkdtemp(folder)) fail("mkdtemp", folder);
    if (listing) {
        const char *path = arena_format(&arena, "%s/%s_%s.s", listing, c->name, width);
        if (!llvm_emit(&part, &target, LLVM_OUTPUT_ASM, 2, path, &error)) fail(c->name, error);
    }
    const char *object = arena_format(&arena, "%s/f.o", folder), *library = arena_format(&arena, "%s/f.so", folder);
    if (!llvm_emit(&part, &target, LLVM_OUTPUT_OBJ, 2, object, &error)) fail(c->name, error);
    if (system(arena_format(&arena, "cc -shared -o %s %s", library, object))) fail("cc", library);
    Compiled out = {.library = dlopen(library, RTLD_NOW | RTLD_LOCAL), .vector_bits = target.vector_bits};
    if (!out.library) fail("dlopen", dlerror());
    *(void **)&out.entry = dlsym(out.library, "qtm_fn_bench__f");
    out.instructions = f.groups.data[0].kernels.data[0]->body.count;
    unlink(object), unlink(library), rmdir(folder);
    arena_free(&arena);
    return out;
}

/* What emitted code calls: one slot, on the caller. */
void qtm_pool_run(struct qtm_pool *pool, qtm_group group, const struct qtm_frame *frame, int64_t slots) {
    (void)pool;
    for (int64_t slot = 0; slot < slots; slot++) group(frame, slot, 0);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds of one cycle: additions that wait for one another. */
static double cycle_length(void) {
    enum { N = 20000 };
    uint64_t sum = 1;
    double start = seconds();
    for (int i = 0; i < N; i++)
        __asm__ volatile("add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\t" : "+r"(sum));
    return (seconds() - start) / (4. * N);
}

typedef struct Memory {
    void *x, *y, *out;
    struct qtm_frame frame;
    const void *in[2];
    void *outs[1];
    char work[64];
} Memory;

static Memory *memory_new(void) {
    Memory *m = aligned_alloc(64, (sizeof *m + 63) / 64 * 64);
    m->x = aligned_alloc(64, BYTES), m->y = aligned_alloc(64, BYTES), m->out = aligned_alloc(64, BYTES);
    m->in[0] = m->x, m->in[1] = m->y, m->outs[0] = m->out;
    m->frame = (struct qtm_frame){.in = m->in, .out = m->outs, .work = m->work, .scratch = m->work};
    return m;
}

static void memory_free(Memory *m) {
    free(m->x), free(m->y), free(m->out), free(m);
}

static void set(void *p, bool f64, int i, double value) {
    if (f64)
        ((double *)p)[i] = value;
    else
        ((float *)p)[i] = (float)value;
}
static double get(const void *p, bool f64, int i) {
    return f64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

typedef struct Timing {
    double each, cycle, product; /* seconds of a number, of a cycle, of a vector product and sum */
} Timing;

/* Lower deciles of rounds taken in turns: clocks of single rounds jump, and other programs slow some of them. */
static Timing time_of(const Compiled *c, const Compiled *peak, const Case *k, bool f64) {
    static double each[ROUNDS], cycle[ROUNDS], product[ROUNDS];
    const int n = count_of(f64);
    Memory *m = memory_new();
    for (int i = 0; i < n; i++) {
        double t = ((i * 2654435761u) >> 8) * 0x1p-24;
        set(m->x, f64, i, k->low + (k->high - k->low) * t), set(m->y, f64, i, 0.3 + 3 * t);
    }
    for (int round = 0; round < ROUNDS; round++) {
        cycle[round] = cycle_length();
        double start = seconds();
        for (int pass = 0; pass < PASSES; pass++) c->entry(&m->frame);
        double middle = seconds();
        for (int pass = 0; pass < PASSES / 8; pass++) peak->entry(&m->frame);
        each[round] = (middle - start) / PASSES / n;
        product[round] = (seconds() - middle) / (PASSES / 8) / n / (PEAK_CHAINS * PEAK_LENGTH);
    }
    qsort(each, ROUNDS, sizeof *each, compare);
    qsort(cycle, ROUNDS, sizeof *cycle, compare);
    qsort(product, ROUNDS, sizeof *product, compare);
    memory_free(m);
    return (Timing){each[ROUNDS / 10], cycle[ROUNDS / 10], product[ROUNDS / 10]};
}

/* Distance in units of the last place at the exact result; infinity counts as the next power of two. */
static double ulps(long double got, long double want, bool f64, bool absolute) {
    const int digits = f64 ? DBL_MANT_DIG : FLT_MANT_DIG, low = f64 ? DBL_MIN_EXP : FLT_MIN_EXP;
    const int high = f64 ? DBL_MAX_EXP : FLT_MAX_EXP;
    if (want != want) return got != got ? 0 : INFINITY;
    long double limit = ldexpl(1, high);
    if (fabsl(want) > limit) want = copysignl(limit, want);
    if (fabsl(got) > limit) got = copysignl(limit, got);
    if (got == want) return 0;
    int exponent;
    frexpl(want, &exponent);
    if (want == 0 || exponent < low) exponent = low;
    if (exponent > high) exponent = high;
    if (absolute && exponent < 0) exponent = 0;
    double distance = (double)fabsl(ldexpl(got - want, digits - exponent));
    return distance == distance ? distance : INFINITY;
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

/* The argument number `count` of a sweep: in f32 the float of those bits; else half of them by random bits, half evenly
 * in the range of the timing stretched by 40. Of two arguments, powers that cover all exponents. */
static void argument(const Case *k, bool f64, uint64_t count, double *x, double *y) {
    uint64_t bits = f64 ? random_bits() : 0;
    uint32_t word = (uint32_t)count;
    float single;
    memcpy(&single, &word, sizeof word);
    memcpy(x, &bits, sizeof bits);
    if (!f64) *x = (double)single;
    if (f64 && count % 2) *x = random_between(k->low * 40, k->high * 40);
    if (k->two && k->to32 == INFINITY) {
        double size = f64 ? 750 : 106;
        if (f64) *x = count % 2 ? random_between(0, 10) : exp(random_between(-size, 709));
        *y = random_between(-size, size) / log(*x);
        if (count % 3 == 0) *y = random_between(-6, 6);
    } else if (k->two) {
        *y = random_between(-1, 6);
    }
    double from = f64 ? k->from64 : k->from32, to = f64 ? k->to64 : k->to32;
    if (!(*x >= from && *x <= to) || (k->code == LIR_LGAMMA && *x == 0)) *x = k->low;
}

static double sweep(const Compiled *c, const Case *k, bool f64, uint64_t step, double at[2]) {
    Memory *m = memory_new();
    double worst = 0;
    uint64_t end = UINT64_C(1) << 32;
    if (f64 && end / step > MOST_F64) end = step * MOST_F64;
    for (uint64_t bits = 0; bits < end;) {
        for (int i = 0; i < count_of(f64); i++, bits += step) {
            double x, y = 0;
            argument(k, f64, bits, &x, &y);
            set(m->x, f64, i, x), set(m->y, f64, i, y);
        }
        c->entry(&m->frame);
        for (int i = 0; i < count_of(f64); i++) {
            double x = get(m->x, f64, i), y = get(m->y, f64, i), got = get(m->out, f64, i);
            if (!f64 && (double)(float)k->wide(x, y) == got) continue; /* within half a unit */
            double error = ulps(got, f64 ? k->wider(x, y) : (long double)k->wide(x, y), f64, k->absolute);
            if (error > worst) worst = error, at[0] = x, at[1] = y;
        }
    }
    memory_free(m);
    return worst;
}

static void run_case(const Case *k, bool f64, uint64_t step, const char *listing) {
    static const Case peak_case = {.name = "peak", .body = peak_body};
    Compiled c = compile(k, f64, listing), peak = compile(&peak_case, f64, NULL);
    Timing t = time_of(&c, &peak, k, f64);
    double at[2] = {0}, lanes = c.vector_bits / (f64 ? 64. : 32.);
    printf("{\"function\": \"%s\", \"width\": \"%s\", \"lanes\": %g, \"elements_per_s\": %.4g, \"cycles_per_vector\": "
           "%.2f, "
           "\"products_per_cycle\": %.2f, \"lir_instructions\": %zu",
           k->name, f64 ? "f64" : "f32", lanes, 1 / t.each, t.each / t.cycle * lanes, t.cycle / t.product / lanes,
           c.instructions);
    if (step) {
        double worst = sweep(&c, k, f64, step, at);
        printf(", \"max_ulp\": %.3f, \"at\": \"%a\"", worst, at[0]);
        if (k->two) printf(", \"and\": \"%a\"", at[1]);
    }
    printf("}\n");
    fflush(stdout);
    dlclose(c.library), dlclose(peak.library);
}

int main(int argc, char **argv) {
    const size_t count = sizeof cases / sizeof *cases;
    uint64_t step = 0;
    const char *listing = NULL;
    int names = 1;
    for (; names < argc && argv[names][0] == '-'; names++) {
        if (!strncmp(argv[names], "--sweep=", 8))
            step = strtoull(argv[names] + 8, NULL, 10);
        else if (!strncmp(argv[names], "--asm=", 6))
            listing = argv[names] + 6;
        else
            fail(argv[names], "no such option");
    }
    for (size_t i = 0; i < count; i++) {
        bool wanted = names == argc;
        for (int a = names; a < argc; a++) wanted |= !strcmp(argv[a], cases[i].name);
        for (int f64 = 0; wanted && f64 < 2; f64++) run_case(&cases[i], f64, step, listing);
    }
    return 0;
}

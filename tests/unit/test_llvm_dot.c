/* Emitted matrix products against plain loops: odd shapes, transposed operands, run-time rows, sums over blocks, and a
 * body at the end. Inputs are multiples of 1/8, so all sums of these sizes are exact and must be equal. */
#include "llvm_run.h"
#include "llvm/tile.h"

enum { BODY_NONE, BODY_RELU, BODY_LONG };

enum { WEIGHTS_IN_PLACE, WEIGHTS_PACKED, WEIGHTS_PACKED_TURNED }; /* turned: stored [n, k] */

typedef struct Shape {
    int64_t m, n, k;
    bool f64, rows, a_transposed;
    int body, weights;
    unsigned bits; /* vectors that the machine may lack: the code generator splits them. 0: as the machine */
    const char *march;
} Shape;

static double body_of(int body, double acc, double bias, double scale) {
    double x = acc + bias;
    if (body == BODY_NONE) return acc;
    if (body == BODY_RELU) return x > 0 ? x : 0;
    for (int i = 0; i < 8; i++) x = x * 0.5 + scale;
    return x;
}

static uint32_t body_make(Unit *u, LirKernel *dot, int body, LirAccess bias, LirAccess scale) {
    uint32_t v = unit_op(u, dot, LIR_ACC, LIR_T_REAL, 0, 0, 0);
    if (body != BODY_NONE) v = unit_op(u, dot, LIR_ADD, LIR_T_REAL, v, unit_load(u, dot, bias), 0);
    if (body == BODY_RELU) v = unit_op(u, dot, LIR_MAX, LIR_T_REAL, v, unit_real(u, dot, 0), 0);
    if (body != BODY_LONG) return v;
    uint32_t row = unit_load(u, dot, scale), half = unit_real(u, dot, 0.5);
    for (int i = 0; i < 8; i++)
        v = unit_op(u, dot, LIR_ADD, LIR_T_REAL, unit_op(u, dot, LIR_MUL, LIR_T_REAL, v, half, 0), row, 0);
    return v;
}

/* A group in front that packs buffer `b`, its strips in pieces. */
static LirAccess pack_make(Unit *u, uint32_t b, TirAxisId k, TirAxisId n, int64_t columns, bool turned) {
    int64_t strip = lir_strip(u->module.f64);
    TirAxisId strips = unit_axis(u, "strips", (columns + strip - 1) / strip), element = unit_axis(u, "strip", strip);
    unit_group(u, "pack", LIR_NO_AXIS, 1, 2);
    uint32_t packed = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(strips, k, element));
    LirKernel *pack = unit_kernel(u, LIR_PACK, DIMS(strips));
    pack->n_axis = n, pack->k_axis = k;
    pack->a = turned ? ACCESS(b, LOOP_AT(n), LOOP_AT(k)) : ACCESS(b, LOOP_AT(k), LOOP_AT(n));
    LirAccess access = ACCESS(packed, LOOP_AT(n), LOOP_AT(k), LOOP_AT(n));
    unit_effect(u, pack, LIR_STORE, access, 0);
    return access;
}

/* y[m,n] = body(sum_k a[m,k] b[k,n]); with `rows`, m is the row axis in blocks and slots. */
static Unit *product_make(Shape s) {
    Unit *u = unit_new(s.march, s.f64);
    if (s.bits) u->target.vector_bits = s.bits;
    TirAxisId m = unit_axis(u, "m", s.rows ? -1 : s.m), k = unit_axis(u, "k", s.k), n = unit_axis(u, "n", s.n);
    bool turned = s.weights == WEIGHTS_PACKED_TURNED;
    unit_group(u, "none", LIR_NO_AXIS, 1, 1);
    uint32_t b = unit_buffer(u, LIR_IN, LIR_T_REAL, 1, turned ? DIMS(n, k) : DIMS(k, n));
    LirAccess right = ACCESS(b, LOOP_AT(k), LOOP_AT(n));
    if (s.weights != WEIGHTS_IN_PLACE) right = pack_make(u, b, k, n, s.n, turned);
    unit_group(u, "g", s.rows ? m : LIR_NO_AXIS, 24, s.rows ? 3 : 1);
    uint32_t a = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, s.a_transposed ? DIMS(k, m) : DIMS(m, k));
    uint32_t bias = unit_buffer(u, LIR_IN, LIR_T_REAL, 2, DIMS(n)),
             scale = unit_buffer(u, LIR_IN, LIR_T_REAL, 3, DIMS(m));
    uint32_t y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(m, n));
    LirKernel *dot = unit_kernel(u, LIR_DOT, NO_DIMS);
    dot->m_axis = m, dot->n_axis = n, dot->k_axis = k;
    dot->a = s.a_transposed ? ACCESS(a, LOOP_AT(k), LOOP_AT(m)) : ACCESS(a, LOOP_AT(m), LOOP_AT(k));
    dot->b = right;
    dot->packed = s.weights != WEIGHTS_IN_PLACE;
    uint32_t v = body_make(u, dot, s.body, ACCESS(bias, LOOP_AT(n)), ACCESS(scale, LOOP_AT(m)));
    unit_effect(u, dot, LIR_STORE, ACCESS(y, LOOP_AT(m), LOOP_AT(n)), v);
    const char *broken = lir_verify(&u->f, &u->arena);
    cr_assert_null(broken, "%s", broken ? broken : "");
    unit_build(u);
    return u;
}

/* For so many rows: all elements, and none past the end. */
static void product_run(Unit *u, Shape s) {
    u->extent[0] = s.m;
    void *in[4] = {unit_reals(u, (size_t)(s.m * s.k)), unit_reals(u, (size_t)(s.k * s.n)), unit_reals(u, (size_t)s.n),
                   unit_reals(u, (size_t)s.m)};
    memcpy(u->in, in, sizeof in);
    u->out[0] = unit_memory((size_t)(s.m * s.n) * 8);
    u->threads = 2;
    unit_run(u);
    bool turned = s.weights == WEIGHTS_PACKED_TURNED;
    for (int64_t i = 0; i < s.m; i++)
        for (int64_t j = 0; j < s.n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < s.k; l++)
                sum += unit_get(u, in[0], (size_t)(s.a_transposed ? l * s.m + i : i * s.k + l)) *
                       unit_get(u, in[1], (size_t)(turned ? j * s.k + l : l * s.n + j));
            double want = body_of(s.body, sum, unit_get(u, in[2], (size_t)j), unit_get(u, in[3], (size_t)i));
            double got = unit_get(u, u->out[0], (size_t)(i * s.n + j));
            cr_assert(fabs(got - want) <= 8 * unit_epsilon(u) * (1 + fabs(want)),
                      "%s f%d %lldx%lldx%lld weights %d at %lld,%lld: %g, not %g", s.march, s.f64 ? 64 : 32,
                      (long long)s.m, (long long)s.n, (long long)s.k, s.weights, (long long)i, (long long)j, got, want);
        }
    cr_assert(isnan(unit_get(u, u->out[0], (size_t)(s.m * s.n))), "wrote past the end");
    for (int i = 0; i < 4; i++) free(in[i]);
    free(u->out[0]);
}

static void check_product(Shape s) {
    Unit *u = product_make(s);
    product_run(u, s);
    unit_free(u);
}

/* Tiles of every height, whole and partly empty, in blocks of 24 rows. */
static void check_rows(Shape s) {
    static const int64_t rows[] = {0, 1, 2, 5, 6, 7, 11, 13, 19, 20, 23, 36, 39, 57, 72, 100};
    s.rows = true;
    Unit *u = product_make(s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s.m = rows[i];
        product_run(u, s);
    }
    unit_free(u);
}

/* In registers, for a machine that may not be this one. */
static void check_tile(const char *march, int64_t rows, int64_t n, int64_t k, int weights, DotTile want) {
    Shape s = {.march = "native", .m = rows, .n = n, .k = k, .weights = weights};
    Unit *u = product_make(s);
    HostTarget target;
    const char *error = "";
    cr_assert(host_target(&u->arena, march, &target, &error), "%s", error);
    const LirGroup *group = &u->f.groups.data[u->f.groups.count - 1];
    DotTile got = dot_tile(&u->arena, &target, &u->f, group, group->kernels.data[0], false);
    cr_assert(got.rows == want.rows && got.vectors == want.vectors && got.lanes == want.lanes &&
                  got.panel == want.panel && got.part == want.part,
              "%s, %lld rows of %lld x %lld: %s, parts of %lld", march, (long long)rows, (long long)k, (long long)n,
              got.why, (long long)got.part);
    unit_free(u);
}

Test(llvm_dot, tiles_fill_registers) {
    enum { PLACE = WEIGHTS_IN_PLACE, PACKED = WEIGHTS_PACKED };
    check_tile("x86-64-v3", 66, 128, 128, PACKED, (DotTile){.rows = 6, .vectors = 2, .lanes = 8});
    check_tile("x86-64-v4", 66, 128, 128, PACKED, (DotTile){.rows = 14, .vectors = 2, .lanes = 16});
    check_tile("baseline", 66, 128, 128, PACKED, (DotTile){.rows = 6, .vectors = 2, .lanes = 4});
    check_tile("x86-64-v3", 32, 24, 24, PLACE, (DotTile){.rows = 4, .vectors = 3, .lanes = 8});
    check_tile("x86-64-v3", 32, 5, 24, PLACE, (DotTile){.rows = 8, .vectors = 1, .lanes = 8});
    check_tile("x86-64-v3", 2, 64, 24, PLACE, (DotTile){.rows = 2, .vectors = 4, .lanes = 8});
    /* lines 512 bytes apart share eight places of the cache */
    check_tile("x86-64-v3", 66, 128, 128, PLACE, (DotTile){.rows = 6, .vectors = 2, .lanes = 8, .panel = true});
    /* four parts of a strip, each of 16 KiB at most */
    check_tile("x86-64-v3", 66, 128, 1000, PACKED, (DotTile){.rows = 6, .vectors = 2, .lanes = 8, .part = 250});
}

static const int64_t sizes[] = {1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 24, 31, 40};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void check_many(const char *march, unsigned seed, int count) {
    for (int i = 0; i < count; i++) {
        Shape s = {.march = march};
        s.m = sizes[rand_r(&seed) % SIZES];
        s.n = sizes[1 + rand_r(&seed) % (SIZES - 1)];
        s.k = sizes[rand_r(&seed) % SIZES];
        s.f64 = i & 1;
        s.rows = i & 2;
        s.a_transposed = rand_r(&seed) % 2;
        s.body = rand_r(&seed) % 3;
        s.weights = rand_r(&seed) % 3;
        check_product(s);
    }
}

/* Every width, with weights in every order, in turns. */
static void check_widths(const char *march, unsigned bits, int64_t from, int64_t to) {
    for (int64_t n = from; n <= to; n++)
        check_rows((Shape){.march = march,
                           .bits = bits,
                           .n = n,
                           .k = 1 + n * 7 % 23,
                           .f64 = n & 1,
                           .body = (int)(n / 2 % 3),
                           .weights = (int)(n % 3)});
}

Test(llvm_dot, widths_native) {
    check_widths("native", 0, 1, 40);
}

Test(llvm_dot, widths_baseline) {
    check_widths("baseline", 0, 1, 26);
}

Test(llvm_dot, widths_wide) {
    check_widths("native", 512, 1, 40);
}

Test(llvm_dot, wide_odd_and_long) {
    static const int64_t widths[] = {47, 63, 65, 100, 129, 255, 511, 1023, 1024};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        Shape s = {.march = "native", .n = widths[i], .k = 1030 - widths[i], .m = 17, .rows = true};
        s.weights = (int)(i % 3);
        s.f64 = i & 1;
        check_product(s);
    }
    /* k in parts, with and without a rest */
    check_product((Shape){.march = "native", .m = 45, .n = 50, .k = 700, .body = BODY_RELU, .weights = WEIGHTS_PACKED});
    check_product((Shape){.march = "native", .m = 61, .n = 17, .k = 513, .f64 = true, .body = BODY_LONG});
    check_rows((Shape){.march = "native", .n = 40, .k = 1001, .body = BODY_RELU, .weights = WEIGHTS_PACKED_TURNED});
}

Test(llvm_dot, odd_shapes_v3) {
    check_many("x86-64-v3", 7, 24);
}

Test(llvm_dot, odd_shapes_baseline) {
    check_many("baseline", 11, 12);
}

Test(llvm_dot, layer_sizes) {
    check_product((Shape){.march = "native", .m = 150, .n = 128, .k = 128, .rows = true, .body = BODY_RELU});
    check_product((Shape){.march = "native", .m = 64, .n = 64, .k = 64, .body = BODY_LONG});
    check_product((Shape){.march = "native", .m = 33, .n = 100, .k = 128, .rows = true, .body = BODY_LONG});
    check_product((Shape){.march = "native", .m = 0, .n = 16, .k = 4, .rows = true});
}

/* Weight gradients: w[o][i,j] = sum over rows r of x[r,o?,i] g[r,j], block by block into a copy per slot, then the sum
 * of the copies through a second view of the same memory. */
static void check_gradient(const char *march, bool f64, int64_t rows, int64_t ni, int64_t nj) {
    enum { SLOTS = 4 };
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", -1), i = unit_axis(u, "i", ni), j = unit_axis(u, "j", nj),
              s = unit_axis(u, "s", SLOTS);
    unit_group(u, "rows", r, 16, SLOTS);
    uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r, i)),
             g = unit_buffer(u, LIR_IN, LIR_T_REAL, 1, DIMS(r, j));
    uint32_t part = unit_buffer(u, LIR_PARTIAL, LIR_T_REAL, 0, DIMS(i, j));
    LirKernel *dot = unit_kernel(u, LIR_DOT, NO_DIMS);
    dot->m_axis = i, dot->n_axis = j, dot->k_axis = r, dot->accumulate = true;
    dot->a = ACCESS(x, LOOP_AT(r), LOOP_AT(i));
    dot->b = ACCESS(g, LOOP_AT(r), LOOP_AT(j));
    uint32_t acc = unit_op(u, dot, LIR_ACC, LIR_T_REAL, 0, 0, 0);
    unit_effect(u, dot, LIR_ADD_TO, ACCESS(part, LOOP_AT(i), LOOP_AT(j)), acc);
    unit_group(u, "combine", LIR_NO_AXIS, 1, 1);
    uint32_t copies = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(s, i, j));
    u->f.buffers.data[copies].offset = u->f.buffers.data[part].offset;
    uint32_t w = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(i, j));
    unit_kernel(u, LIR_ZERO, NO_DIMS)->zero = w;
    LirKernel *sum = unit_kernel(u, LIR_NEST, DIMS(s, i, j));
    uint32_t v = unit_load(u, sum, ACCESS(copies, LOOP_AT(s), LOOP_AT(i), LOOP_AT(j)));
    unit_effect(u, sum, LIR_ADD_TO, ACCESS(w, LOOP_AT(i), LOOP_AT(j)), v);
    unit_build(u);
    u->extent[0] = rows;
    void *in[2] = {unit_reals(u, (size_t)(rows * ni)), unit_reals(u, (size_t)(rows * nj))};
    memcpy(u->in, in, sizeof in);
    u->out[0] = unit_memory((size_t)(ni * nj) * 8);
    void *first = unit_memory((size_t)(ni * nj) * 8);
    for (u->threads = 1; u->threads <= 3; u->threads++) {
        unit_run(u);
        size_t bytes = (size_t)(ni * nj) * (f64 ? 8 : 4);
        if (u->threads == 1)
            memcpy(first, u->out[0], bytes);
        else
            cr_assert_eq(memcmp(first, u->out[0], bytes), 0, "depends on the number of threads");
    }
    for (int64_t p = 0; p < ni; p++)
        for (int64_t q = 0; q < nj; q++) {
            double want = 0;
            for (int64_t row = 0; row < rows; row++)
                want += unit_get(u, in[0], (size_t)(row * ni + p)) * unit_get(u, in[1], (size_t)(row * nj + q));
            cr_assert_eq(unit_get(u, u->out[0], (size_t)(p * nj + q)), want, "%s %lldx%lld, %lld rows", march,
                         (long long)ni, (long long)nj, (long long)rows);
        }
    free(in[0]), free(in[1]), free(first), free(u->out[0]);
    unit_free(u);
}

Test(llvm_dot, weight_gradients) {
    check_gradient("x86-64-v3", false, 100, 13, 17);
    check_gradient("x86-64-v3", true, 37, 5, 40);
    check_gradient("x86-64-v3", false, 0, 4, 9);
    check_gradient("baseline", false, 70, 9, 6);
    check_gradient("native", false, 200, 64, 64);
    for (int64_t n = 1; n <= 20; n++) check_gradient("native", n & 1, 40 * (n % 4), n, 21 - n);
    check_gradient("native", false, 5000, 3, 33);
}

/* One matrix for every point of an outer loop, and no row: y[o, n] = sum_k a[o, k] b[o, k, n]. */
Test(llvm_dot, outer_loop_and_single_row) {
    Unit *u = unit_new("x86-64-v3", false);
    TirAxisId o = unit_axis(u, "o", 3), k = unit_axis(u, "k", 10), n = unit_axis(u, "n", 21);
    unit_group(u, "g", LIR_NO_AXIS, 1, 1);
    uint32_t a = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(o, k)),
             b = unit_buffer(u, LIR_IN, LIR_T_REAL, 1, DIMS(o, k, n));
    uint32_t y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(o, n));
    LirKernel *dot = unit_kernel(u, LIR_DOT, DIMS(o));
    dot->n_axis = n, dot->k_axis = k;
    dot->a = ACCESS(a, LOOP_AT(o), LOOP_AT(k));
    dot->b = ACCESS(b, LOOP_AT(o), LOOP_AT(k), LOOP_AT(n));
    uint32_t acc = unit_op(u, dot, LIR_ACC, LIR_T_REAL, 0, 0, 0);
    unit_effect(u, dot, LIR_STORE, ACCESS(y, LOOP_AT(o), LOOP_AT(n)), acc);
    unit_build(u);
    void *in[2] = {unit_reals(u, 30), unit_reals(u, 630)};
    memcpy(u->in, in, sizeof in);
    u->out[0] = unit_memory(63 * 8);
    unit_run(u);
    for (size_t p = 0; p < 3; p++)
        for (size_t j = 0; j < 21; j++) {
            double want = 0;
            for (size_t l = 0; l < 10; l++)
                want += unit_get(u, in[0], p * 10 + l) * unit_get(u, in[1], (p * 10 + l) * 21 + j);
            cr_assert_eq(unit_get(u, u->out[0], p * 21 + j), want);
        }
    free(in[0]), free(in[1]), free(u->out[0]);
    unit_free(u);
}

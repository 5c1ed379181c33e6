/* Emitted kernels other than matrix products: tails, broadcasts, reductions, slots, dynamic lengths, gathers and
 * scatters, searches, draws, single instructions, and the text of the output. */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "llvm_run.h"
#include "runtime/rng/philox.h"
#include "llvm/frame.h"

_Static_assert(offsetof(struct qtm_frame, in) == FRAME_IN, "frame");
_Static_assert(offsetof(struct qtm_frame, out) == FRAME_OUT, "frame");
_Static_assert(offsetof(struct qtm_frame, work) == FRAME_WORK, "frame");
_Static_assert(offsetof(struct qtm_frame, scratch) == FRAME_SCRATCH, "frame");
_Static_assert(offsetof(struct qtm_frame, scratch_stride) == FRAME_SCRATCH_STRIDE, "frame");
_Static_assert(offsetof(struct qtm_frame, extent) == FRAME_EXTENT, "frame");
_Static_assert(offsetof(struct qtm_frame, seed) == FRAME_SEED, "frame");
_Static_assert(offsetof(struct qtm_frame, step) == FRAME_STEP, "frame");
_Static_assert(offsetof(struct qtm_frame, pool) == FRAME_POOL, "frame");
_Static_assert(sizeof(struct qtm_frame) == FRAME_BYTES, "frame");

static const int64_t row_counts[] = {0, 1, 7, 8, 9, 100};

/* y[r, n] = x[r, n] * w[n] + c[r], through a scratch buffer of the block; total[] += y; biggest over n for each r. */
static void check_rows(const char *march, bool f64, int64_t n) {
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", -1), a = unit_axis(u, "a", n), s = unit_axis(u, "s", 5);
    unit_group(u, "rows", r, 8, 5);
    uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r, a)), w = unit_buffer(u, LIR_IN, LIR_T_REAL, 1, DIMS(a));
    uint32_t c = unit_buffer(u, LIR_IN, LIR_T_REAL, 2, DIMS(r)), big = unit_buffer(u, LIR_OUT, LIR_T_REAL, 1, DIMS(r));
    uint32_t t = unit_buffer(u, LIR_SCRATCH, LIR_T_REAL, 0, DIMS(r, a)),
             y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(r, a));
    uint32_t part = unit_buffer(u, LIR_PARTIAL, LIR_T_REAL, 0, NO_DIMS),
             col = unit_buffer(u, LIR_PARTIAL, LIR_T_REAL, 0, DIMS(a));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r, a));
    uint32_t product = unit_op(u, k, LIR_MUL, LIR_T_REAL, unit_load(u, k, ACCESS(x, LOOP_AT(r), LOOP_AT(a))),
                               unit_load(u, k, ACCESS(w, LOOP_AT(a))), 0);
    uint32_t v = unit_op(u, k, LIR_ADD, LIR_T_REAL, product, unit_load(u, k, ACCESS(c, LOOP_AT(r))), 0);
    unit_effect(u, k, LIR_STORE, ACCESS(t, LOOP_AT(r), LOOP_AT(a)), v);
    unit_effect(u, k, LIR_ADD_TO, ACCESS(col, LOOP_AT(a)), v);
    LirKernel *fill = unit_kernel(u, LIR_FILL, NO_DIMS);
    fill->zero = big, fill->fill = -INFINITY;
    k = unit_kernel(u, LIR_NEST, DIMS(r, a));
    v = unit_load(u, k, ACCESS(t, LOOP_AT(r), LOOP_AT(a)));
    unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(r), LOOP_AT(a)), v);
    unit_effect(u, k, LIR_ADD_TO, ACCESS_ALL(part), v);
    unit_effect(u, k, LIR_MAX_TO, ACCESS(big, LOOP_AT(r)), v);
    unit_group(u, "combine", LIR_NO_AXIS, 1, 1);
    uint32_t copies = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(s)),
             cols = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(s, a));
    u->f.buffers.data[copies].offset = u->f.buffers.data[part].offset;
    u->f.buffers.data[cols].offset = u->f.buffers.data[col].offset;
    uint32_t total = unit_buffer(u, LIR_OUT, LIR_T_REAL, 2, NO_DIMS),
             sums = unit_buffer(u, LIR_OUT, LIR_T_REAL, 3, DIMS(a));
    unit_kernel(u, LIR_ZERO, NO_DIMS)->zero = total;
    unit_kernel(u, LIR_ZERO, NO_DIMS)->zero = sums;
    k = unit_kernel(u, LIR_NEST, DIMS(s));
    unit_effect(u, k, LIR_ADD_TO, ACCESS_ALL(total), unit_load(u, k, ACCESS(copies, LOOP_AT(s))));
    k = unit_kernel(u, LIR_NEST, DIMS(s, a));
    unit_effect(u, k, LIR_ADD_TO, ACCESS(sums, LOOP_AT(a)), unit_load(u, k, ACCESS(cols, LOOP_AT(s), LOOP_AT(a))));
    unit_build(u);
    for (size_t i = 0; i < sizeof row_counts / sizeof *row_counts; i++) {
        int64_t rows = u->extent[0] = row_counts[i];
        void *in[3] = {unit_reals(u, (size_t)(rows * n)), unit_reals(u, (size_t)n), unit_reals(u, (size_t)rows)};
        memcpy(u->in, in, sizeof in);
        size_t counts[4] = {(size_t)(rows * n), (size_t)rows, 1, (size_t)n};
        for (int o = 0; o < 4; o++) u->out[o] = unit_memory(counts[o] * 8);
        u->threads = 1 + (int)i % 3;
        unit_run(u);
        double all = 0;
        for (int64_t p = 0; p < rows; p++) {
            double most = -INFINITY;
            for (int64_t q = 0; q < n; q++) {
                double want = unit_get(u, in[0], (size_t)(p * n + q)) * unit_get(u, in[1], (size_t)q) +
                              unit_get(u, in[2], (size_t)p);
                cr_assert_eq(unit_get(u, u->out[0], (size_t)(p * n + q)), want, "%s rows %lld n %lld", march,
                             (long long)rows, (long long)n);
                most = want > most ? want : most;
                all += want;
            }
            cr_assert_eq(unit_get(u, u->out[1], (size_t)p), most);
        }
        cr_assert_eq(unit_get(u, u->out[2], 0), all, "%s rows %lld n %lld: %g", march, (long long)rows, (long long)n,
                     all);
        double by_column = 0;
        for (int64_t q = 0; q < n; q++) by_column += unit_get(u, u->out[3], (size_t)q);
        cr_assert_eq(by_column, all);
        for (int o = 0; o < 4; o++) cr_assert(isnan(unit_get(u, u->out[o], counts[o])), "wrote past the end");
        for (int o = 0; o < 4; o++) free(u->out[o]);
        for (int o = 0; o < 3; o++) free(in[o]);
    }
    unit_free(u);
}

Test(llvm, rows_v3) {
    check_rows("x86-64-v3", false, 13);
    check_rows("x86-64-v3", false, 2);
    check_rows("x86-64-v3", true, 70);
}

Test(llvm, rows_baseline) {
    check_rows("baseline", false, 13);
    check_rows("baseline", true, 3);
}

/* The row axis as the vector axis, through a dynamic WORK buffer, with an integer and a bool beside it. */
static void check_dynamic(const char *march, bool f64) {
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", -1), q = unit_axis(u, "q", -2), two = unit_axis(u, "two", 2);
    unit_group(u, "rows", r, 32, 3);
    uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r));
    uint32_t other = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(q, two)),
             w = unit_buffer(u, LIR_WORK, LIR_T_REAL, 0, DIMS(r));
    uint32_t flags = unit_buffer(u, LIR_WORK, LIR_T_BOOL, 0, DIMS(r));
    uint32_t number = unit_buffer(u, LIR_OUT, LIR_T_INT, 0, DIMS(r)),
             y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 1, DIMS(r));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r));
    uint32_t v = unit_load(u, k, ACCESS(x, LOOP_AT(r)));
    uint32_t index = unit_instr(u, k, (LirInstr){.op = LIR_LOOP, .type = LIR_T_INT, .axis = r});
    unit_effect(u, k, LIR_STORE, ACCESS(w, LOOP_AT(r)), unit_op(u, k, LIR_NEG, LIR_T_REAL, v, 0, 0));
    unit_effect(u, k, LIR_STORE, ACCESS(number, LOOP_AT(r)), index);
    unit_effect(u, k, LIR_STORE, ACCESS(flags, LOOP_AT(r)),
                unit_op(u, k, LIR_LT, LIR_T_BOOL, v, unit_real(u, k, 0), 0));
    unit_group(u, "back", r, 16, 2);
    k = unit_kernel(u, LIR_NEST, DIMS(r));
    uint32_t flag = unit_load(u, k, ACCESS(flags, LOOP_AT(r))), negated = unit_load(u, k, ACCESS(w, LOOP_AT(r)));
    uint32_t length = unit_instr(u, k, (LirInstr){.op = LIR_EXTENT, .type = LIR_T_INT, .axis = q});
    uint32_t value =
        unit_op(u, k, LIR_SELECT, LIR_T_REAL, flag, negated, unit_op(u, k, LIR_TO_REAL, LIR_T_REAL, length, 0, 0));
    unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(r)), value);
    unit_group(u, "other", q, 4, 2);
    k = unit_kernel(u, LIR_NEST, DIMS(q, two));
    unit_effect(u, k, LIR_STORE, ACCESS(other, LOOP_AT(q), LOOP_AT(two)), unit_real(u, k, 1));
    unit_build(u);
    unsigned bytes = f64 ? 8 : 4;
    for (size_t i = 0; i < sizeof row_counts / sizeof *row_counts; i++) {
        int64_t rows = u->extent[0] = row_counts[i];
        u->extent[1] = 3 * (int64_t)i;
        int64_t want = unit_round(u->extent[1] * 2 * bytes) + unit_round(rows * bytes) + unit_round(rows * 4);
        cr_assert_eq(u->work_bytes(u->extent), want);
        void *in = unit_reals(u, (size_t)rows);
        u->in[0] = in;
        u->out[0] = unit_memory((size_t)rows * 4), u->out[1] = unit_memory((size_t)rows * 8);
        unit_run(u);
        for (int64_t p = 0; p < rows; p++) {
            double a = unit_get(u, in, (size_t)p);
            cr_assert_eq(((int32_t *)u->out[0])[p], p);
            cr_assert_eq(unit_get(u, u->out[1], (size_t)p), a < 0 ? -a : (double)u->extent[1]);
        }
        free(in), free(u->out[0]), free(u->out[1]);
    }
    unit_free(u);
}

Test(llvm, dynamic_lengths) {
    check_dynamic("x86-64-v3", false);
    check_dynamic("x86-64-v3", true);
    check_dynamic("baseline", false);
}

/* out[r] = table[clamp(i[r])], sums[clamp(i[r])] += x[r], and where[r] = search(grid, x[r]). */
static void check_indirect(const char *march, bool f64, int64_t n, bool dynamic) {
    enum { ROWS = 45 };
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", ROWS), a = unit_axis(u, "a", dynamic ? -1 : n);
    unit_group(u, "g", LIR_NO_AXIS, 1, 1);
    uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r)), i = unit_buffer(u, LIR_IN, LIR_T_INT, 1, DIMS(r));
    uint32_t table = unit_buffer(u, LIR_IN, LIR_T_REAL, 2, DIMS(a)),
             out = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(r));
    uint32_t sums = unit_buffer(u, LIR_OUT, LIR_T_REAL, 1, DIMS(a)),
             where = unit_buffer(u, LIR_OUT, LIR_T_INT, 2, DIMS(r));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r));
    uint32_t index = unit_load(u, k, ACCESS(i, LOOP_AT(r))), value = unit_load(u, k, ACCESS(x, LOOP_AT(r)));
    unit_effect(u, k, LIR_STORE, ACCESS(out, LOOP_AT(r)), unit_load(u, k, ACCESS(table, VALUE_AT(index))));
    LirAccess grid = ACCESS(table, ((LirIndex){.kind = LIR_INDEX_CONST, .axis = a}));
    uint32_t found =
        unit_instr(u, k, (LirInstr){.op = LIR_SEARCH, .type = LIR_T_INT, .axis = a, .args = {value}, .access = grid});
    unit_effect(u, k, LIR_STORE, ACCESS(where, LOOP_AT(r)), found);
    unit_kernel(u, LIR_ZERO, NO_DIMS)->zero = sums;
    k = unit_kernel(u, LIR_NEST, DIMS(r));
    k->vector = false;
    index = unit_load(u, k, ACCESS(i, LOOP_AT(r)));
    unit_effect(u, k, LIR_ADD_TO, ACCESS(sums, VALUE_AT(index)), unit_load(u, k, ACCESS(x, LOOP_AT(r))));
    unit_build(u);
    u->extent[0] = n;
    void *xs = unit_reals(u, ROWS), *ts = unit_memory((size_t)n * 8);
    int32_t *is = unit_memory(ROWS * 4);
    for (int p = 0; p < ROWS; p++) is[p] = p * 7 % 31 - 4;
    unit_set(u, xs, 3, NAN);
    for (int64_t p = 0; p < n; p++) unit_set(u, ts, (size_t)p, -1.5 + (double)p * 0.25);
    u->in[0] = xs, u->in[1] = is, u->in[2] = ts;
    size_t counts[3] = {ROWS, (size_t)n, ROWS};
    for (int o = 0; o < 3; o++) u->out[o] = unit_memory(counts[o] * 8);
    unit_run(u);
    double *want = calloc((size_t)n + 1, sizeof *want);
    for (int p = 0; p < ROWS && n; p++) {
        int64_t at = is[p] < 0 ? 0 : is[p] >= n ? n - 1 : is[p], low = 0;
        double v = unit_get(u, xs, (size_t)p);
        cr_assert_eq(unit_get(u, u->out[0], (size_t)p), unit_get(u, ts, (size_t)at));
        for (int64_t q = 0; q < n - 1; q++)
            if (unit_get(u, ts, (size_t)q) <= v) low = q;
        cr_assert_eq(((int32_t *)u->out[2])[p], low, "%s n %lld: %d, not %lld", march, (long long)n,
                     ((int32_t *)u->out[2])[p], (long long)low);
        want[at] += v;
    }
    for (int64_t p = 0; p < n; p++) {
        double got = unit_get(u, u->out[1], (size_t)p);
        cr_assert(isnan(want[p]) ? isnan(got) : got == want[p]);
    }
    free(want), free(xs), free(is), free(ts);
    for (int o = 0; o < 3; o++) free(u->out[o]);
    unit_free(u);
}

Test(llvm, gather_scatter_search) {
    check_indirect("x86-64-v3", false, 17, false);
    check_indirect("x86-64-v3", true, 16, false);
    check_indirect("x86-64-v3", false, 2, false);
    check_indirect("x86-64-v3", false, 11, true);
    check_indirect("x86-64-v3", true, 0, true);
    check_indirect("baseline", false, 9, true);
}

/* The sums along each of two rows of neighbours t[i] and t[i + 1], also where i or i + 1 is outside, and of a third
 * element that makes a pair with neither: 100 t[i] + 10 t[i + 1] + t[i + 3]. The index is known from a chain of
 * lookups, for which the body takes several vectors at once. */
static void check_neighbours(const char *march, bool f64, int64_t n, bool dynamic) {
    enum { ROWS = 150, CHAIN = 4 };
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", ROWS), a = unit_axis(u, "a", dynamic ? -1 : n), two = unit_axis(u, "two", 2);
    unit_group(u, "g", LIR_NO_AXIS, 1, 1);
    uint32_t i = unit_buffer(u, LIR_IN, LIR_T_INT, 0, DIMS(r)), next = unit_buffer(u, LIR_IN, LIR_T_INT, 1, DIMS(r));
    uint32_t table = unit_buffer(u, LIR_IN, LIR_T_REAL, 2, DIMS(two, a)),
             out = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(two, r));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(two, r));
    uint32_t at = unit_load(u, k, ACCESS(i, LOOP_AT(r))), load[3];
    for (int c = 0; c < CHAIN; c++) at = unit_load(u, k, ACCESS(next, VALUE_AT(at)));
    const int shift[3] = {0, 1, 3};
    const double factor[3] = {100, 10, 1};
    uint32_t sum = 0;
    for (int p = 0; p < 3; p++) {
        uint32_t by = unit_instr(u, k, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = shift[p]});
        uint32_t place = p ? unit_instr(u, k, (LirInstr){.op = LIR_ADD, .type = LIR_T_INT, .args = {at, by}}) : at;
        load[p] = unit_load(u, k, ACCESS(table, LOOP_AT(two), VALUE_AT(place)));
        uint32_t f = unit_instr(u, k, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = factor[p]});
        uint32_t term = unit_instr(u, k, (LirInstr){.op = LIR_MUL, .type = LIR_T_REAL, .args = {load[p], f}});
        sum = p ? unit_instr(u, k, (LirInstr){.op = LIR_ADD, .type = LIR_T_REAL, .args = {sum, term}}) : term;
    }
    unit_effect(u, k, LIR_STORE, ACCESS(out, LOOP_AT(two), LOOP_AT(r)), sum);
    unit_build(u);
    u->extent[0] = n;
    int32_t *is = unit_memory(ROWS * 4), *chain = unit_memory(ROWS * 4);

    for (int p = 0; p < ROWS; p++) is[p] = p % (int)(n + 7) - 3;
    for (int p = 0; p < ROWS; p++) chain[p] = p < n + 2 ? p : -3; /* stays, or leaves the table */
    void *ts = unit_reals(u, (size_t)(2 * n));
    u->in[0] = is, u->in[1] = chain, u->in[2] = ts;
    for (int64_t p = 0; p < 2 * n; p++) unit_set(u, ts, (size_t)p, (double)(p * p % 97));
    u->out[0] = unit_memory(2 * ROWS * 8);
    unit_run(u);
    for (int row = 0; row < 2; row++)
        for (int p = 0; p < ROWS; p++) {
            int64_t place = is[p];
            for (int c = 0; c < CHAIN; c++) place = chain[place < 0 ? 0 : place >= ROWS ? ROWS - 1 : place];
            double want = 0;
            for (int q = 0; q < 3; q++) {
                int64_t e = place + shift[q];
                e = e < 0 ? 0 : e >= n ? n - 1 : e;
                want += factor[q] * unit_get(u, ts, (size_t)(row * n + e));
            }
            cr_assert_eq(unit_get(u, u->out[0], (size_t)(row * ROWS + p)), want, "%s n %lld: row %d, %d", march,
                         (long long)n, row, p);
        }
    free(is), free(chain), free(ts), free(u->out[0]);
    unit_free(u);
}

Test(llvm, neighbours_by_one_load) {
    check_neighbours("native", false, 17, false);
    check_neighbours("x86-64-v3", false, 2, false);
    check_neighbours("x86-64-v3", false, 1, false);
    check_neighbours("x86-64-v3", true, 9, false);
    check_neighbours("x86-64-v3", false, 9, true);
    check_neighbours("baseline", false, 9, false);
}

static void check_draws(const char *march, bool f64, bool vector) {
    enum { ROWS = 29 };
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", ROWS), data = unit_axis(u, "data", -1);
    unit_group(u, "g", LIR_NO_AXIS, 1, 1);
    uint32_t y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(r)),
             picked = unit_buffer(u, LIR_OUT, LIR_T_INT, 1, DIMS(r));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r));
    k->vector = vector;
    uint32_t index = unit_instr(u, k, (LirInstr){.op = LIR_LOOP, .type = LIR_T_INT, .axis = r});
    uint32_t v = unit_instr(u, k, (LirInstr){.op = LIR_UNIFORM, .type = LIR_T_REAL, .args = {index}, .integer = 3});
    uint32_t row = unit_instr(
        u, k, (LirInstr){.op = LIR_PICK, .type = LIR_T_INT, .args = {index}, .integer = 70000, .axis = data});
    unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(r)), v);
    unit_effect(u, k, LIR_STORE, ACCESS(picked, LOOP_AT(r)), row);
    unit_build(u);
    u->extent[0] = 3000000019, u->seed = 0x0123456789abcdef, u->step = 0x500000007;
    u->out[0] = unit_memory(ROWS * 8), u->out[1] = unit_memory(ROWS * 4);
    unit_run(u);
    for (uint32_t p = 0; p < ROWS; p++) {
        double want = ((qtm_random_word(u->seed, u->step, 3, p) >> 9) + 0.5) * 0x1p-23;
        uint32_t pick =
            (uint32_t)((uint64_t)qtm_random_word(u->seed, u->step, 70000, p) * (uint64_t)u->extent[0] >> 32);
        cr_assert_eq(unit_get(u, u->out[0], p), want, "%s: draw %u", march, p);
        cr_assert_eq(((uint32_t *)u->out[1])[p], pick, "%s: pick %u", march, p);
    }
    free(u->out[0]), free(u->out[1]);
    unit_free(u);
}

/* Emitted code against rng/philox.h, which test_tir.c holds to the published vectors. */
Test(llvm, draws) {
    check_draws("x86-64-v3", false, true);
    check_draws("x86-64-v3", true, true);
    check_draws("baseline", false, true);
    check_draws("baseline", true, true);
    check_draws("x86-64-v3", false, false);
}

/* One instruction over all of its cases; `want` in the order of the inputs. */
static void check_op(const char *march, bool f64, LirOpcode op, LirType type, const double *x, const double *want,
                     size_t n) {
    Unit *u = unit_new(march, f64);
    TirAxisId r = unit_axis(u, "r", (int64_t)n);
    unit_group(u, "g", LIR_NO_AXIS, 1, 1);
    uint32_t in = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r)), out = unit_buffer(u, LIR_OUT, type, 0, DIMS(r));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r));
    uint32_t v = unit_load(u, k, ACCESS(in, LOOP_AT(r))), three = unit_real(u, k, 3);
    if (op == LIR_BITS_INT_TO_REAL) { /* there and back, with 5 << 1 >> 1 added and taken away */
        uint32_t five = unit_instr(u, k, (LirInstr){.op = LIR_BIT_CONST, .type = LIR_T_INT, .integer = 5});
        uint32_t one = unit_instr(u, k, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = 1});
        uint32_t shifted = unit_op(u, k, LIR_SHR, LIR_T_INT, unit_op(u, k, LIR_SHL, LIR_T_INT, five, one, 0), one, 0);
        v = unit_op(u, k, LIR_REAL_TO_BITS_INT, LIR_T_INT, v, 0, 0);
        v = unit_op(u, k, LIR_BIT_SUB, LIR_T_INT, unit_op(u, k, LIR_BIT_ADD, LIR_T_INT, v, five, 0), shifted, 0);
    }
    if (op == LIR_FROM_BITS) v = unit_op(u, k, LIR_BITS, LIR_T_INT, v, 0, 0);
    v = unit_op(u, k, op, type, v, three, v);
    unit_effect(u, k, LIR_STORE, ACCESS(out, LOOP_AT(r)), v);
    unit_build(u);
    void *data = unit_memory(n * 8);
    for (size_t i = 0; i < n; i++) unit_set(u, data, i, x[i]);
    u->in[0] = data, u->out[0] = unit_memory(n * 8);
    unit_run(u);
    for (size_t i = 0; i < n; i++) {
        double got = type == LIR_T_INT ? ((int32_t *)u->out[0])[i] : unit_get(u, u->out[0], i);
        cr_assert(got == want[i] || (isnan(got) && isnan(want[i])), "%s f%d %s(%g) = %g, not %g", march, f64 ? 64 : 32,
                  lir_op_text(op), x[i], got, want[i]);
        if (want[i] == 0 && type == LIR_T_REAL)
            cr_assert_eq(signbit(got), signbit(want[i]), "%s: sign of zero", lir_op_text(op));
    }
    free(data), free(u->out[0]);
    unit_free(u);
}

Test(llvm, instructions) {
    static const double x[] = {0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.75, 1e9, 3e9, -3e9, INFINITY, -INFINITY, NAN};
    static const double floors[] = {0, -0.0, 0, 1, 2, -1, -2, -3, 1e9, 3e9, -3e9, INFINITY, -INFINITY, NAN};
    static const double rounds[] = {0, -0.0, 0, 2, 2, -0.0, -2, -3, 1e9, 3e9, -3e9, INFINITY, -INFINITY, NAN};
    static const double ints[] = {0, 0, 0, 1, 2, 0, -1, -2, 1e9, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0};
    static const double signs[] = {0, 0, 1, 1, 1, -1, -1, -1, 1, 1, -1, 1, -1, 0};
    static const double most[] = {3, 3, 3, 3, 3, 3, 3, 3, 1e9, 3e9, 3, INFINITY, 3, 3};
    static const double least[] = {0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.75, 3, 3, -3e9, 3, -INFINITY, 3};
    static const double small[] = {0, 1, -1, 100, -127, 1023, -1022, 4, 5, 6, 7};
    static const double a[] = {0.5, 1 + 0x1p-12, -3, 1 + 0x1p-12, 0, INFINITY, 1e6}; /* 3a + a = 4a: one rounding */
    static const double fma4[] = {2, 4 + 0x1p-10, -12, 4 + 0x1p-10, 0, INFINITY, 4e6};
    const char *machines[] = {"x86-64-v3", "baseline"};
    for (int i = 0; i < 4; i++) {
        const char *m = machines[i / 2];
        check_op(m, i & 1, LIR_FLOOR, LIR_T_REAL, x, floors, 14);
        check_op(m, i & 1, LIR_ROUND, LIR_T_REAL, x, rounds, 14);
        check_op(m, i & 1, LIR_TO_INT, LIR_T_INT, x, ints, 14);
        check_op(m, i & 1, LIR_SIGN, LIR_T_REAL, x, signs, 14);
        check_op(m, i & 1, LIR_MAX, LIR_T_REAL, x, most, 14);
        check_op(m, i & 1, LIR_MIN, LIR_T_REAL, x, least, 14);
        check_op(m, i & 1, LIR_FROM_BITS, LIR_T_REAL, x, x, 14);
        check_op(m, i & 1, LIR_BITS_INT_TO_REAL, LIR_T_REAL, small, small, 11);
        check_op(m, i & 1, LIR_FMA, LIR_T_REAL, a, fma4, 7);
    }
}

/* Both directions along the middle of three axes. */
Test(llvm, cumulative_sums) {
    for (int reverse = 0; reverse < 2; reverse++) {
        Unit *u = unit_new("x86-64-v3", false);
        TirAxisId r = unit_axis(u, "r", 4), a = unit_axis(u, "a", 6), b = unit_axis(u, "b", 3);
        unit_group(u, "g", r, 3, 2);
        uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r, a, b)),
                 y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(r, a, b));
        LirKernel *k = unit_kernel(u, LIR_CUMSUM, DIMS(r, b));
        k->k_axis = a, k->reverse = reverse;
        k->a = ACCESS(x, LOOP_AT(r), LOOP_AT(a), LOOP_AT(b));
        unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(r), LOOP_AT(a), LOOP_AT(b)), 0);
        unit_build(u);
        void *in = unit_reals(u, 72);
        u->in[0] = in, u->out[0] = unit_memory(72 * 8);
        unit_run(u);
        for (size_t p = 0; p < 4; p++)
            for (size_t q = 0; q < 3; q++) {
                double sum = 0;
                for (size_t i = 0; i < 6; i++) {
                    size_t at = (p * 6 + (reverse ? 5 - i : i)) * 3 + q;
                    sum += unit_get(u, in, at);
                    cr_assert_eq(unit_get(u, u->out[0], at), sum);
                }
            }
        free(in), free(u->out[0]);
        unit_free(u);
    }
}

/* A transposition and a reduction over a non-contiguous axis: lanes that are not neighbours, with a tail. */
Test(llvm, strided_lanes) {
    const char *machines[] = {"x86-64-v3", "baseline"};
    for (int i = 0; i < 2; i++) {
        Unit *u = unit_new(machines[i], false);
        TirAxisId a = unit_axis(u, "a", 11), b = unit_axis(u, "b", 5);
        unit_group(u, "g", LIR_NO_AXIS, 1, 1);
        uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(a, b)),
                 y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(b, a));
        uint32_t z = unit_buffer(u, LIR_OUT, LIR_T_REAL, 1, DIMS(a, b)),
                 s = unit_buffer(u, LIR_OUT, LIR_T_REAL, 2, DIMS(b));
        unit_kernel(u, LIR_ZERO, NO_DIMS)->zero = s;
        LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(b, a));
        uint32_t v = unit_load(u, k, ACCESS(x, LOOP_AT(a), LOOP_AT(b)));
        unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(b), LOOP_AT(a)), v);
        unit_effect(u, k, LIR_STORE, ACCESS(z, LOOP_AT(a), LOOP_AT(b)), unit_op(u, k, LIR_NEG, LIR_T_REAL, v, 0, 0));
        unit_effect(u, k, LIR_ADD_TO, ACCESS(s, LOOP_AT(b)), v);
        unit_build(u);
        void *in = unit_reals(u, 55);
        u->in[0] = in;
        for (int o = 0; o < 3; o++) u->out[o] = unit_memory(55 * 8);
        unit_run(u);
        for (size_t q = 0; q < 5; q++) {
            double sum = 0;
            for (size_t p = 0; p < 11; p++) {
                double v0 = unit_get(u, in, p * 5 + q);
                sum += v0;
                cr_assert_eq(unit_get(u, u->out[0], q * 11 + p), v0);
                cr_assert_eq(unit_get(u, u->out[1], p * 5 + q), -v0);
            }
            cr_assert_eq(unit_get(u, u->out[2], q), sum);
        }
        free(in);
        for (int o = 0; o < 3; o++) free(u->out[o]);
        unit_free(u);
    }
}

static Unit *simple_unit(const char *march) {
    Unit *u = unit_new(march, false);
    TirAxisId r = unit_axis(u, "r", -1), n = unit_axis(u, "n", 128);
    unit_group(u, "rows", r, 64, 8);
    uint32_t x = unit_buffer(u, LIR_IN, LIR_T_REAL, 0, DIMS(r, n)),
             y = unit_buffer(u, LIR_OUT, LIR_T_REAL, 0, DIMS(r, n));
    LirKernel *k = unit_kernel(u, LIR_NEST, DIMS(r, n));
    uint32_t v = unit_load(u, k, ACCESS(x, LOOP_AT(r), LOOP_AT(n)));
    v = unit_op(u, k, LIR_FLOOR, LIR_T_REAL, unit_op(u, k, LIR_FMA, LIR_T_REAL, v, v, v), 0, 0);
    unit_effect(u, k, LIR_STORE, ACCESS(y, LOOP_AT(r), LOOP_AT(n)), unit_op(u, k, LIR_SQRT, LIR_T_REAL, v, 0, 0));
    return u;
}

Test(llvm, text_of_the_output) {
    Unit *u = simple_unit("x86-64-v3");
    char *plain = unit_text(u, LLVM_OUTPUT_IR), *better = unit_text(u, LLVM_OUTPUT_IR_OPTIMISED);
    cr_assert(strstr(plain, "<8 x float>") && strstr(better, "<8 x float>"));
    cr_assert(strstr(better, "define hidden void @unit__f.k1_0(") && strstr(better, "define void @qtm_fn_unit__f("));
    cr_assert(strstr(better, "noalias"));
    char *listing = unit_text(u, LLVM_OUTPUT_ASM);
    cr_assert(strstr(listing, "vfmadd") && strstr(listing, "vroundps") && !strstr(listing, "vmaskmov"));
    unit_free(u);
    u = simple_unit("x86-64-v4");
    cr_assert(strstr(unit_text(u, LLVM_OUTPUT_IR_OPTIMISED), "<16 x float>"));
    cr_assert(strstr(unit_text(u, LLVM_OUTPUT_ASM), "%zmm"));
    unit_free(u);
    u = simple_unit("baseline");
    listing = unit_text(u, LLVM_OUTPUT_ASM);
    cr_assert(!strstr(listing, "fmaf") && !strstr(listing, "floorf") && !strstr(listing, "sqrtf"), "a call to libm");
    unit_free(u);
}

Test(llvm, unexpanded_instruction_stops, .signal = SIGABRT) {
    Unit *u = simple_unit("baseline");
    LirKernel *k = u->f.groups.data[0].kernels.data[0];
    k->body.data[2].op = LIR_EXP;
    rmdir(u->folder); /* nothing gets as far as being written */
    cr_assert(freopen("/dev/null", "w", stderr));
    unit_text(u, LLVM_OUTPUT_IR);
}

Test(llvm, errors_and_names) {
    Arena arena = {0};
    HostTarget target;
    const char *error = NULL;
    cr_assert(!host_target(&arena, "x86-65", &target, &error));
    cr_assert(strstr(error, "no machine type 'x86-65'"));
    cr_assert_str_eq(llvm_symbol(&arena, "gan.gen_1 x"), "gan__gen_1_x20x");
    Unit *u = simple_unit("native");
    error = NULL;
    cr_assert(!llvm_emit(unit_part(u), &u->target, LLVM_OUTPUT_OBJ, 2, "/nonexistent/f.o", &error));
    cr_assert(strstr(error, "No such file"), "%s", error);
    free((char *)error);
    unit_free(u);
    arena_free(&arena);
}

static void *emit_listing(void *unit) {
    return unit_text(unit, LLVM_OUTPUT_ASM);
}

Test(llvm, two_threads) {
    Unit *u[3] = {simple_unit("x86-64-v3"), simple_unit("x86-64-v3"), simple_unit("x86-64-v3")};
    const char *alone = unit_text(u[2], LLVM_OUTPUT_ASM);
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, emit_listing, u[i]);
    for (int i = 0; i < 2; i++) {
        void *text;
        pthread_join(thread[i], &text);
        cr_assert_str_eq(text, alone);
    }
    for (int i = 0; i < 3; i++) unit_free(u[i]);
}

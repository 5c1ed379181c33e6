/* Bad numbers and bad sizes through every kind of kernel: infinities, NaN, both zeros, denormals and huge numbers, in
 * loops of 0 rows and up, and along axes that fill no vector, give from emitted code what the tensor-IR interpreter
 * says: NaN where it says NaN, the same infinity, and denormals that are not flushed. For vectors of 128, 256 and 512
 * bits, in f32 and f64, with one thread and with three. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/pool.h"
#include "unit/tir_text.h"
#include "llvm/emit.h"

enum { MOST_OUTPUTS = 40, ROWS_MOST = 65 };
static const int widths[] = {2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 31, 33};
enum { WIDTHS = sizeof widths / sizeof *widths };
static const int64_t rows_swept[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 33, ROWS_MOST};
enum { ROWS = sizeof rows_swept / sizeof *rows_swept };

/* --- the numbers --- */

enum { SPECIALS = 20 };
static double special(bool f64, size_t i) {
    const double least = f64 ? 0x1p-1074 : 0x1p-149, normal = f64 ? DBL_MIN : FLT_MIN, most = f64 ? DBL_MAX : FLT_MAX;
    const double list[SPECIALS] = {0.0,   1.5,  -0.0, INFINITY, -1.0, NAN,    0.5,  least, -INFINITY,
                                   3.0,   most, -2.5, normal,   1.0,  -least, 7.25, -most, 3.0 * normal / 8,
                                   -0.75, 20.0};
    return list[i % SPECIALS];
}

/* Some that are tame: 0.25 to 4. */
static double tame(size_t i) {
    return 0.25 * (double)(1 + i * 7 % 16);
}

/* --- programs --- */

typedef struct Text {
    char *data;
    size_t size;
    FILE *out;
    int values, outputs;
} Text;

static void text_begin(Text *t) {
    *t = (Text){0};
    t->out = open_memstream(&t->data, &t->size);
}

static void give(Text *t) {
    fprintf(t->out, "\n");
    t->values++;
    t->outputs++;
}

static const char *text_end(Text *t, const char *last) {
    for (int o = 0; o < t->outputs; o++)
        fprintf(t->out, "  output value %d \"o%d\" = %%%d\n", o, o, t->values - t->outputs + o);
    fprintf(t->out, "%s", last);
    fclose(t->out);
    return t->data;
}

/* Every map of one and of two numbers, over all rows: %0 and %1 are the columns. */
static const char *maps(Text *t) {
    static const char *const one[] = {"neg", "abs",   "sign",  "floor", "round", "sqrt", "exp",
                                      "log", "expm1", "log1p", "tanh",  "erf",   "erfc", "atan"};
    static const char *const two[] = {"add", "sub", "mul", "div", "max", "min", "pow", "atan2"};
    static const char *const compare[] = {"lt", "le", "eq"};
    text_begin(t);
    fprintf(t->out,
            "func maps {\n  axis rows = dynamic 0 batch\n  input column 0 0 \"x\" = %%0\n"
            "  input column 0 1 \"y\" = %%1\n  %%0 : real{rows} = input port 0\n  %%1 : real{rows} = input port 1\n"
            "  %%2 : int{rows} = to_int %%0\n");
    t->values = 3;
    for (size_t i = 0; i < sizeof compare / sizeof *compare; i++, t->values++)
        fprintf(t->out, "  %%%d : bool{rows} = %s %%0, %%1\n", t->values, compare[i]);
    fprintf(t->out,
            "  %%%d : bool{rows} = and %%3, %%4\n  %%%d : bool{rows} = not %%5\n  %%%d : bool{rows} = or %%6, %%7\n", 6,
            7, 8);
    t->values = 9;
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        fprintf(t->out, "  %%%d : real{rows} = %s %%0", t->values, one[i]);
        give(t);
    }
    for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
        fprintf(t->out, "  %%%d : real{rows} = %s %%0, %%1", t->values, two[i]);
        give(t);
    }
    for (int c = 3; c <= 8; c++) {
        fprintf(t->out, "  %%%d : real{rows} = select %%%d, %%0, %%1", t->values, c);
        give(t);
    }
    fprintf(t->out, "  %%%d : real{rows} = to_real %%2", t->values);
    give(t);
    return text_end(t, "}\n");
}

/* Reductions, products, tables and lines along an axis of `w` and over the rows. %0 and %1 are columns, %2 a table of w
 * tame numbers, %3 weights. */
static const char *kernels(Text *t, int w, int64_t rows) {
    char size[32];
    snprintf(size, sizeof size, rows < 0 ? "dynamic 0" : "%lld", (long long)rows);
    text_begin(t);
    fprintf(t->out,
            "func kernels%d {\n  axis rows = %s batch\n  axis w = %d\n  axis n = 5\n"
            "  input column 0 0 \"x\" = %%0\n  input column 0 1 \"y\" = %%1\n  input block 0 0 \"t\" = %%2\n"
            "  input block 1 0 \"W\" = %%3\n"
            "  %%0 : real{rows} = input port 0\n  %%1 : real{rows} = input port 1\n  %%2 : real{w} = input port 2\n"
            "  %%3 : real{w, n} = input port 3\n"
            "  %%4 : real{rows, w} = mul %%1, %%2\n  %%5 : int{rows} = to_int %%0\n"
            "  %%6 : real{rows, w} = max %%4, %%0\n"
            "  %%7 : real{rows, n} = dot %%4, %%3 over {w}\n"
            "  %%8 : real{rows} = sum %%6 over {w}\n"
            "  %%9 : real{rows} = reduce_max %%6 over {w}\n"
            "  %%10 : real{w} = reduce_max %%6 over {rows}\n"
            "  %%11 : real = sum %%4 over {rows, w}\n"
            "  %%12 : real{w} = sum %%6 over {rows}\n"
            "  %%13 : real{w, n} = dot %%4, %%7 over {rows}\n"
            "  %%14 : real{rows} = gather %%2, %%5 axis w\n"
            "  %%15 : real{w} = scatter %%1, %%5 axis w\n"
            "  %%16 : real{rows, w} = cumsum %%4 axis w\n"
            "  %%17 : real{rows, w} = cumsum %%6 axis w reverse\n"
            "  %%18 : int{rows, w} = argsort %%6 axis w\n"
            "  %%19 : real{rows, w} = to_real %%18\n"
            "  %%20 : real{rows, n} = dot %%6, %%3 over {w}\n",
            w, size, w);
    t->values = 21;
    t->outputs = 14;
    return text_end(t, "}\n");
}

typedef struct Case {
    Fixture x;
    TirFunction *f;
    LirFunction *lir;
} Case;

static void case_make(Case *c, const char *text, bool f64) {
    c->f = fixture_function(&c->x, text);
    c->lir = schedule_function(&c->x.arena, c->f, f64);
    math_expand(c->lir, f64);
}

static void *load(Case *cases, int count, const HostTarget *target, bool f64) {
    Arena arena = {0};
    LirModule module = {.arena = &arena, .f64 = f64};
    for (int i = 0; i < count; i++) VEC_PUSH(&arena, &module.functions, cases[i].lir);
    char folder[] = "/tmp/qtmc_test_XXXXXX";
    cr_assert(mkdtemp(folder));
    char *object = arena_format(&arena, "%s/f.o", folder), *library = arena_format(&arena, "%s/f.so", folder);
    const char *error = "";
    LlvmPart part = llvm_whole(&arena, &module);
    cr_assert(llvm_emit(&part, target, LLVM_OUTPUT_OBJ, 1, object, &error), "%s", error);
    cr_assert_eq(system(arena_format(&arena, "cc -shared -o %s %s", library, object)), 0);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    cr_assert(handle, "%s", dlerror());
    unlink(object), unlink(library), rmdir(folder);
    arena_free(&arena);
    return handle;
}

static void *memory(size_t bytes) {
    size_t rounded = (bytes + 127) / 64 * 64;
    void *p = aligned_alloc(64, rounded);
    memset(p, 0xff, rounded);
    return p;
}

/* A number as it is in memory, back in f64. */
static double held(double value, bool f64) {
    return f64 ? value : (float)value;
}

/* Columns are special numbers, out of step with one another; tables and weights are tame. The largest numbers are left
 * out where sums of them would depend on their order. */
static TirTensor input_make(Arena *arena, const TirFunction *f, size_t port, int64_t rows, bool f64, bool sums) {
    const TirOp *op = &f->ops.data[f->inputs.data[port].value];
    TirTensor t = {.type = op->type, .rank = op->axes.count, .count = 1};
    for (uint32_t d = 0; d < t.rank; d++) {
        int64_t size = f->axes.data[op->axes.id[d]].size;
        t.shape[d] = size < 0 ? rows : size;
        t.count *= (size_t)t.shape[d];
    }
    t.data = arena_alloc(arena, (t.count + 1) * sizeof *t.data);
    for (size_t i = 0; i < t.count; i++) {
        double x = port == 0 ? special(f64, i) : port == 1 ? special(f64, 7 * i + i / SPECIALS) : tame(i);
        if (sums && isfinite(x) && fabs(x) > 1e6) x = 4;
        if (sums && fabs(x) == special(f64, 7)) x *= 64; /* times a quarter it is still exact: positions have no ties */
        t.data[i] = held(x, f64);
    }
    return t;
}

static double largest(const TirTensor *t) {
    double most = 0;
    for (size_t i = 0; i < t->count; i++)
        if (isfinite(t->data[i])) most = fmax(most, fabs(t->data[i]));
    return most;
}

static bool same(double got, double want, double allowed, bool f64, double relative) {
    double most = f64 ? DBL_MAX : FLT_MAX, least = f64 ? 0x1p-1074 : 0x1p-149, there = held(want, f64);
    if (isnan(there)) return isnan(got);
    if (fabs(want) > most * (1 - relative) && isfinite(want)) /* rounding decides whether it is still a number */
        return signbit(got) == signbit(want) && fabs(got) >= most * (1 - 2 * relative);
    if (isinf(there)) return got == there;
    return fabs(got - there) <= relative * fabs(there) + allowed + 8 * least;
}

typedef struct Run {
    void *library;
    bool f64, sums;
    int threads;
    const char *what;
} Run;

static void run_case(const Run *run, const Case *c, int64_t rows) {
    Arena arena = {0};
    TirTensor inputs[4], want[MOST_OUTPUTS];
    const TirFunction *f = c->f;
    const void *in[4];
    void *out[MOST_OUTPUTS];
    int64_t extent[] = {rows}, stride = (c->lir->scratch_bytes + 63) / 64 * 64;
    qtm_entry entry;
    qtm_work work_bytes;
    const char *symbol = llvm_symbol(&arena, f->name);
    *(void **)&entry = dlsym(run->library, arena_format(&arena, "qtm_fn_%s", symbol));
    *(void **)&work_bytes = dlsym(run->library, arena_format(&arena, "qtm_work_%s", symbol));
    for (size_t i = 0; i < f->inputs.count; i++) {
        inputs[i] = input_make(&arena, f, i, rows, run->f64, run->sums);
        void *data = memory(inputs[i].count * 8);
        for (size_t k = 0; k < inputs[i].count; k++)
            if (run->f64)
                ((double *)data)[k] = inputs[i].data[k];
            else
                ((float *)data)[k] = (float)inputs[i].data[k];
        in[i] = data;
    }
    tir_interpret(f, &arena, inputs, extent, 1, 1, want);
    for (size_t o = 0; o < f->outputs.count; o++) out[o] = memory(want[o].count * 8);
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(run->threads, 0, 1, &pool), QTM_OK);
    struct qtm_frame frame = {.in = in,
                              .out = out,
                              .extent = extent,
                              .work = memory((size_t)work_bytes(extent)),
                              .scratch_stride = stride,
                              .scratch = memory((size_t)(stride * run->threads)),
                              .pool = pool};
    entry(&frame);
    for (size_t o = 0; o < f->outputs.count; o++) {
        double relative = run->f64 ? 1e-11 : 1e-5, allowed = run->sums ? 10 * relative * largest(&want[o]) : 0;
        for (size_t i = 0; i < want[o].count && want[o].type == TIR_REAL;
             i++) { /* positions as the reals they become */
            double got = run->f64 ? ((double *)out[o])[i] : ((float *)out[o])[i];
            const TirOp *op = &f->ops.data[f->outputs.data[o].value];
            cr_expect(same(got, want[o].data[i], allowed, run->f64, relative),
                      "%s, %s of %lld rows, %d threads: %%%u %s, element %zu: %.17g, want %.17g", run->what, f->name,
                      (long long)rows, run->threads, f->outputs.data[o].value, tir_op_text(op->op), i, got,
                      want[o].data[i]);
        }
        free(out[o]);
    }
    for (size_t i = 0; i < f->inputs.count; i++) free((void *)in[i]);
    free(frame.work);
    free(frame.scratch);
    qtm_pool_destroy(pool);
    arena_free(&arena);
}

/* The maps, then the kernels of every width for any number of rows, then of some for numbers of rows that are known. */
static void sweep(const char *march, unsigned vector_bits, bool f64) {
    static const int64_t known[] = {2, 3, 17};
    enum { KNOWN = 3, COUNT = 1 + WIDTHS + KNOWN };
    Arena arena = {0};
    HostTarget target;
    const char *error = "";
    Case *cases = calloc(COUNT, sizeof *cases);
    Text text;
    cr_assert(host_target(&arena, march, &target, &error), "%s", error);
    if (vector_bits) target.vector_bits = vector_bits;
    for (int i = 0; i < COUNT; i++) {
        int w = i <= WIDTHS ? widths[i ? i - 1 : 0] : 100 + i;
        case_make(&cases[i], i ? kernels(&text, w, i <= WIDTHS ? -1 : known[i - 1 - WIDTHS]) : maps(&text), f64);
        free(text.data);
    }
    Run run = {.library = load(cases, COUNT, &target, f64), .f64 = f64};
    run.what = arena_format(&arena, "%s %u bits %s", march, target.vector_bits, f64 ? "f64" : "f32");
    for (int i = 0; i < COUNT; i++) {
        run.sums = i > 0;
        for (run.threads = 1; run.threads <= 3; run.threads += 2) {
            if (i > WIDTHS) run_case(&run, &cases[i], known[i - 1 - WIDTHS]);
            for (int r = 0; r < ROWS && i <= WIDTHS; r++) run_case(&run, &cases[i], rows_swept[r]);
        }
        fixture_free(&cases[i].x);
    }
    dlclose(run.library);
    free(cases);
    arena_free(&arena);
}

Test(sweep, baseline_f32) {
    sweep("baseline", 0, false);
}
Test(sweep, baseline_f64) {
    sweep("baseline", 0, true);
}
Test(sweep, native_f32) {
    sweep("native", 0, false);
}
Test(sweep, native_f64) {
    sweep("native", 0, true);
}
Test(sweep, wide_f32) {
    sweep("native", 512, false);
}
Test(sweep, wide_f64) {
    sweep("native", 512, true);
}

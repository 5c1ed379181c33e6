/* Meaning through the whole back end: random tensor programs with their gradients give the same numbers from the
 * tensor-IR interpreter, from the loop-IR interpreter in planned memory, and from emitted code: for narrow, usual and
 * wide vectors, with one thread and with several. Vectors of 512 bits are split by the code generator where the machine
 * lacks them, so their lanes are tested everywhere. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lir/interp.h"
#include "runtime/core/pool.h"
#include "llvm/emit.h"

#include "gradients/random_tir.c"
#include "tir_text.h"

enum { PROGRAMS = 40, FIRST_SEED = 7100, MAX_PORTS = 32 };

typedef struct Case {
    Program program;
    TirTensor *want;
    LirFunction *lir;
    int64_t extent;
    void *first[MAX_PORTS]; /* what the first run gave, which all others give too */
} Case;

/* Two seeds of three have slots and pieces for threads, in short blocks or in one, however little there is to do. */
static const ScheduleSizes sizes[] = {
    {.slot_ns = 1, .copies_ns = 1, .copies = 1e9, .scratch = 256, .rows_most = 5},
    {.slot_ns = 20, .copies_ns = 1, .copies = 1e9, .scratch = 1e9, .rows_most = 9999},
};

static void optimise(TirFunction *f) {
    opt_custom(f);
    opt_unstack(f);
    opt_fold(f);
    opt_cse(f);
    opt_dce(f);
    opt_loop(f);
    opt_order(f);
}

/* The loss and its first gradient along two directions at once. */
static void tangents_add(Program *p, uint32_t gradients) {
    TirId of[2] = {p->f->outputs.data[0].value, p->f->outputs.data[gradients].value}, x[RANDOM_INPUTS];
    TirId along[RANDOM_INPUTS], out[2];
    TirId place = map1(p, TIR_TO_REAL, tir_iota(p->f, tir_axis_add(p->f, "direction", 2, false), nowhere));
    for (uint32_t k = 0; k < p->input_count; k++) {
        x[k] = p->f->inputs.data[k].value;
        along[k] = map1(p, TIR_COS, map2(p, TIR_ADD, place, real(p, k)));
    }
    ad_tangent(p->f, of, 2, x, along, p->input_count, out);
    for (int i = 0; i < 2; i++)
        if (out[i] != TIR_NONE) tir_output(p->f, TIR_PORT_VALUE, (uint32_t)i, "along", out[i]);
}

static void case_make(Case *c, uint64_t seed, bool f64) {
    c->extent = RANDOM_EXTENT;
    program_random(&c->program, seed, 14, true);
    tangents_add(&c->program, program_gradient(&c->program, 0));
    c->want = program_run(&c->program, &c->program.arena);
    optimise(c->program.f);
    c->program.f->name = arena_format(&c->program.arena, "p%llu", (unsigned long long)seed);
    c->lir = schedule_function_sized(&c->program.arena, c->program.f, f64,
                                     seed % 3 ? &sizes[seed % 3 - 1] : &schedule_sizes);
    const char *broken = lir_verify(c->lir, &c->program.arena);
    cr_assert_null(broken, "seed %llu: %s", (unsigned long long)seed, broken ? broken : "");
}

/* Relative to the largest number of the output: sums cancel. */
static void compare(const Case *c, uint32_t port, const double *got, double tolerance, const char *what,
                    uint64_t seed) {
    const TirTensor *want = &c->want[port];
    double scale = 1e-3;
    for (size_t i = 0; i < want->count; i++) scale = fmax(scale, fabs(want->data[i]));
    for (size_t i = 0; i < want->count; i++)
        cr_assert(fabs(got[i] - want->data[i]) <= tolerance * scale,
                  "%s, seed %llu, output %u, element %zu: %.9g, want %.9g", what, (unsigned long long)seed, port, i,
                  got[i], want->data[i]);
}

static void interpret(const Case *c, uint64_t seed) {
    TirTensor got[MAX_PORTS];
    Arena arena = {0};
    int64_t extent[] = {RANDOM_EXTENT};
    lir_interpret(c->lir, &arena, c->program.inputs, extent, RANDOM_SEED, RANDOM_STEP, got);
    for (uint32_t o = 0; o < c->program.f->outputs.count; o++)
        compare(c, o, got[o].data, 1e-9, "loop IR interpreter", seed);
    arena_free(&arena);
}

static void *load(Case *cases, int count, const HostTarget *target, bool f64) {
    Arena arena = {0};
    LirModule module = {.arena = &arena, .f64 = f64};
    for (int i = 0; i < count; i++) {
        math_expand(cases[i].lir, f64);
        VEC_PUSH(&arena, &module.functions, cases[i].lir);
    }
    char folder[] = "/tmp/qtmc_test_XXXXXX";
    cr_assert(mkdtemp(folder));
    char *object = arena_format(&arena, "%s/f.o", folder), *library = arena_format(&arena, "%s/f.so", folder);
    const char *error = "";
    LlvmPart part = llvm_whole(&arena, &module);
    cr_assert(llvm_emit(&part, target, LLVM_OUTPUT_OBJ, 2, object, &error), "%s", error);
    /* qtm_pool_run stays open: it is found in this program, which exports it */
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

static void *narrow(const TirTensor *t, bool f64) {
    void *data = memory(t->count * 8);
    for (size_t i = 0; i < t->count; i++) {
        if (f64)
            ((double *)data)[i] = t->data[i];
        else
            ((float *)data)[i] = (float)t->data[i];
    }
    return data;
}

static void run_case(void *library, Case *c, bool f64, int threads, double tolerance, uint64_t seed) {
    const TirFunction *f = c->program.f;
    const char *symbol = llvm_symbol((Arena *)&c->program.arena, f->name);
    qtm_entry entry;
    qtm_work work_bytes;
    *(void **)&entry = dlsym(library, arena_format((Arena *)&c->program.arena, "qtm_fn_%s", symbol));
    *(void **)&work_bytes = dlsym(library, arena_format((Arena *)&c->program.arena, "qtm_work_%s", symbol));
    cr_assert(entry && work_bytes);
    const void *in[MAX_PORTS];
    void *out[MAX_PORTS];
    int64_t extent[] = {c->extent}, stride = (c->lir->scratch_bytes + 63) / 64 * 64;
    for (size_t i = 0; i < f->inputs.count; i++) in[i] = narrow(&c->program.inputs[i], f64);
    for (size_t o = 0; o < f->outputs.count; o++) out[o] = memory(c->want[o].count * 8);
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(threads, 0, 1, &pool), QTM_OK);
    struct qtm_frame frame = {.in = in,
                              .out = out,
                              .extent = extent,
                              .seed = RANDOM_SEED,
                              .step = RANDOM_STEP,
                              .work = memory((size_t)work_bytes(extent)),
                              .scratch_stride = stride,
                              .scratch = memory((size_t)(stride * threads)),
                              .pool = pool};
    entry(&frame);
    for (uint32_t o = 0; o < f->outputs.count; o++) {
        double got[4096];
        cr_assert_leq(c->want[o].count, sizeof got / sizeof *got);
        for (size_t i = 0; i < c->want[o].count; i++) got[i] = f64 ? ((double *)out[o])[i] : ((float *)out[o])[i];
        compare(c, o, got, tolerance, "emitted code", seed);
        if (!c->first[o]) {
            c->first[o] = out[o];
            continue;
        }
        cr_assert(!memcmp(out[o], c->first[o], c->want[o].count * (f64 ? 8 : 4)),
                  "seed %llu, output %u: %d threads give other bits than one", (unsigned long long)seed, o, threads);
        free(out[o]);
    }
    for (size_t i = 0; i < f->inputs.count; i++) free((void *)in[i]);
    free(frame.work);
    free(frame.scratch);
    qtm_pool_destroy(pool);
}

static void case_free(Case *c) {
    for (uint32_t o = 0; o < MAX_PORTS; o++) free(c->first[o]);
    program_free(&c->program);
}

static void differential(const char *march, unsigned vector_bits, bool f64, double tolerance) {
    Arena arena = {0};
    HostTarget target;
    const char *error = "";
    cr_assert(host_target(&arena, march, &target, &error), "%s", error);
    if (vector_bits) target.vector_bits = vector_bits;
    Case *cases = calloc(PROGRAMS, sizeof *cases);
    fprintf(stderr, "seeds %d to %d\n", FIRST_SEED, FIRST_SEED + PROGRAMS - 1);
    for (int i = 0; i < PROGRAMS; i++) {
        case_make(&cases[i], FIRST_SEED + (uint64_t)i, f64);
        if (f64) interpret(&cases[i], FIRST_SEED + (uint64_t)i);
    }
    void *library = load(cases, PROGRAMS, &target, f64);
    for (int i = 0; i < PROGRAMS; i++) {
        run_case(library, &cases[i], f64, 1, tolerance, FIRST_SEED + (uint64_t)i);
        run_case(library, &cases[i], f64, 3, tolerance, FIRST_SEED + (uint64_t)i);
        case_free(&cases[i]);
    }
    dlclose(library);
    free(cases);
    arena_free(&arena);
}

Test(compiled, native_f64) {
    differential("native", 0, true, 1e-8);
}
Test(compiled, native_f32) {
    differential("native", 0, false, 2e-2);
}
Test(compiled, baseline_f64) {
    differential("baseline", 0, true, 1e-8);
}
Test(compiled, wide_f64) {
    differential("native", 512, true, 1e-8);
}
Test(compiled, wide_f32) {
    differential("native", 512, false, 2e-2);
}

/* A layer with its loss and the derivative by its weights, over rows that are known (n >= 0) or not. */
static TirFunction *layer(Fixture *x, int64_t n) {
    char rows[64];
    snprintf(rows, sizeof rows, n < 0 ? "dynamic 0" : "%lld", (long long)n);
    return fixture_function(x, arena_format(&x->arena,
                                            "func layer%lld {\n"
                                            "  axis rows = %s batch\n  axis in = 20\n  axis out = 36\n"
                                            "  input block 0 0 \"W\" = %%0\n  input column 0 0 \"x\" = %%1\n"
                                            "  %%0 : real{in, out} = input port 0\n"
                                            "  %%1 : real{rows, in} = input port 1\n"
                                            "  %%2 : real{rows, out} = dot %%1, %%0 over {in}\n"
                                            "  %%3 : real{rows, out} = tanh %%2\n"
                                            "  %%4 : real = sum %%3 over {rows, out}\n"
                                            "  %%5 : real{out} = sum %%3 over {rows}\n"
                                            "  %%6 : real{in, out} = dot %%1, %%3 over {rows}\n"
                                            "  %%7 : real{in} = sum %%6 over {out}\n"
                                            "  output loss 0 \"loss\" = %%4\n  output value 0 \"sums\" = %%5\n"
                                            "  output value 1 \"weights\" = %%6\n  output value 2 \"more\" = %%7\n"
                                            "}\n",
                                            (long long)n + 1, rows));
}

static void layer_make(Case *c, Fixture *x, int64_t known, int64_t rows, const ScheduleSizes *of, bool f64) {
    static const int64_t shape[2][2] = {{20, 36}, {0, 20}};
    Program *p = &c->program;
    p->f = layer(x, known);
    p->input_count = 2;
    c->extent = rows;
    for (int k = 0; k < 2; k++) {
        TirTensor *t = &p->inputs[k];
        *t = (TirTensor){.type = TIR_REAL, .rank = 2, .shape = {k ? rows : shape[k][0], shape[k][1]}};
        t->count = (size_t)(t->shape[0] * t->shape[1]);
        t->data = ARENA_ARRAY(&p->arena, double, t->count + 1);
        for (size_t i = 0; i < t->count; i++) t->data[i] = 0.1 + 0.05 * sin(0.7 * (double)i + k);
    }
    c->want = ARENA_ARRAY(&p->arena, TirTensor, p->f->outputs.count);
    tir_interpret(p->f, &p->arena, p->inputs, &rows, RANDOM_SEED, RANDOM_STEP, c->want);
    c->lir = schedule_function_sized(&p->arena, p->f, f64, of);
    const char *broken = lir_verify(c->lir, &p->arena);
    cr_assert_null(broken, "%lld rows: %s", (long long)rows, broken ? broken : "");
}

/* Dynamic rows, or where there are two at least, known ones. */
static void layers_run(const int64_t *rows, int count, bool known, bool f64, const ScheduleSizes *of) {
    Arena arena = {0};
    HostTarget target;
    const char *error = "";
    cr_assert(host_target(&arena, "native", &target, &error), "%s", error);
    Case *cases = calloc((size_t)count, sizeof *cases);
    Fixture *x = calloc((size_t)count, sizeof *x);
    for (int i = 0; i < count; i++) {
        layer_make(&cases[i], &x[i], known && rows[i] > 1 ? rows[i] : -1, rows[i], of, f64);
        cases[i].lir->name = cases[i].program.f->name = arena_format(&arena, "layer%d", i);
    }
    void *library = load(cases, count, &target, f64);
    for (int i = 0; i < count; i++) {
        for (int threads = 1; threads <= 5; threads += threads == 3 ? 2 : 1)
            run_case(library, &cases[i], f64, threads, f64 ? 1e-12 : 1e-4, (uint64_t)rows[i]);
        case_free(&cases[i]);
        fixture_free(&x[i]);
    }
    dlclose(library);
    free(cases);
    free(x);
    arena_free(&arena);
}

/* No rows, one, fewer than slots, as many as make some slots, and all: the same bits from 1, 2, 3 and 5 threads. */
Test(compiled, any_number_of_rows_and_threads) {
    static const int64_t rows[] = {0, 1, 2, 5, 33, 100, 700, 5000};
    const ScheduleSizes *of[] = {&schedule_sizes, &sizes[0], &sizes[1]};
    for (int which = 0; which < 12; which++)
        layers_run(rows, sizeof rows / sizeof *rows, which & 1, which & 2, of[which / 4]);
}

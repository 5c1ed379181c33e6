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

enum { PROGRAMS = 40, FIRST_SEED = 7100, MAX_PORTS = 32 };

typedef struct Case {
    Program program;
    TirTensor *want;
    LirFunction *lir;
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

static void *load(Case *cases, const HostTarget *target, bool f64) {
    Arena arena = {0};
    LirModule module = {.arena = &arena, .f64 = f64};
    for (int i = 0; i < PROGRAMS; i++) {
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

static void run_case(void *library, const Case *c, bool f64, int threads, double tolerance, uint64_t seed) {
    const TirFunction *f = c->program.f;
    const char *symbol = llvm_symbol((Arena *)&c->program.arena, f->name);
    qtm_entry entry;
    qtm_work work_bytes;
    *(void **)&entry = dlsym(library, arena_format((Arena *)&c->program.arena, "qtm_fn_%s", symbol));
    *(void **)&work_bytes = dlsym(library, arena_format((Arena *)&c->program.arena, "qtm_work_%s", symbol));
    cr_assert(entry && work_bytes);
    const void *in[MAX_PORTS];
    void *out[MAX_PORTS];
    int64_t extent[] = {RANDOM_EXTENT}, stride = (c->lir->scratch_bytes + 63) / 64 * 64;
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
        free(out[o]);
    }
    for (size_t i = 0; i < f->inputs.count; i++) free((void *)in[i]);
    free(frame.work);
    free(frame.scratch);
    qtm_pool_destroy(pool);
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
    void *library = load(cases, &target, f64);
    for (int i = 0; i < PROGRAMS; i++) {
        run_case(library, &cases[i], f64, 1, tolerance, FIRST_SEED + (uint64_t)i);
        run_case(library, &cases[i], f64, 3, tolerance, FIRST_SEED + (uint64_t)i);
        program_free(&cases[i].program);
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

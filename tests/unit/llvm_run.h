/* Help for tests of emitted code: builds LIR by hand, emits it as an object, links that into a shared library and calls
 * it. Reals are kept as doubles on the test's side and converted to the module's width in memory. The pool is a serial
 * one that takes the slots last to first. */
#ifndef TESTS_UNIT_LLVM_RUN_H
#define TESTS_UNIT_LLVM_RUN_H

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lir/lir.h"
#include "qtm/kernel.h"
#include "llvm/emit.h"

typedef struct Unit {
    Arena arena;
    TirFunction axes;
    LirFunction f;
    LirModule module;
    HostTarget target;
    const char *folder;
    void *library;
    qtm_entry entry;
    qtm_work work_bytes;
    const void *in[16];
    void *out[16];
    int64_t extent[4];
    uint64_t seed, step;
    int threads;
} Unit;

typedef void (*PoolRun)(struct qtm_pool *, qtm_group, const struct qtm_frame *, int64_t);

static inline Unit *unit_new(const char *march, bool f64) {
    Unit *u = calloc(1, sizeof *u);
    const char *error = "";
    cr_assert(host_target(&u->arena, march, &u->target, &error), "%s", error);
    u->f.arena = u->module.arena = u->axes.arena = &u->arena;
    u->f.name = u->axes.name = "unit.f";
    u->f.source = &u->axes;
    u->module.f64 = f64;
    u->threads = 1;
    LirFunction *f = &u->f;
    VEC_PUSH(&u->arena, &u->module.functions, f);
    char template[] = "/tmp/qtmc_test_XXXXXX";
    cr_assert(mkdtemp(template));
    u->folder = arena_string(&u->arena, template, strlen(template));
    return u;
}

/* size < 0: dynamic, of data set -1 - size */
static inline TirAxisId unit_axis(Unit *u, const char *name, int64_t size) {
    TirAxis axis = {.name = name, .size = size < 0 ? -1 : size, .data = size < 0 ? (uint32_t)(-1 - size) : 0};
    VEC_PUSH(&u->arena, &u->axes.axes, axis);
    return (TirAxisId)u->axes.axes.count - 1;
}

static inline LirGroup *unit_group(Unit *u, const char *name, TirAxisId row, int64_t block, uint32_t slots) {
    LirGroup group = {.name = name, .row_axis = row, .block = block, .slots = slots, .reason = ""};
    VEC_PUSH(&u->arena, &u->f.groups, group);
    return &u->f.groups.data[u->f.groups.count - 1];
}

static inline int64_t unit_round(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* A buffer of the newest group; ends the list of dimensions with LIR_NO_AXIS. */
static inline uint32_t unit_buffer(Unit *u, LirSpace space, LirType type, uint32_t port, const TirAxisId *dims) {
    const LirGroup *group = &u->f.groups.data[u->f.groups.count - 1];
    LirBuffer b = {.name = arena_format(&u->arena, "b%zu", u->f.buffers.count),
                   .clear = space == LIR_PARTIAL,
                   .space = space,
                   .type = type,
                   .port = port,
                   .group = (uint32_t)u->f.groups.count - 1,
                   .dynamic_axis = LIR_NO_AXIS};
    int64_t bytes = type == LIR_T_REAL && u->module.f64 ? 8 : 4;
    for (; dims[b.rank] != LIR_NO_AXIS; b.rank++) {
        int64_t size = u->axes.axes.data[dims[b.rank]].size;
        b.dims[b.rank] = dims[b.rank];
        if (space == LIR_SCRATCH && dims[b.rank] == group->row_axis)
            bytes *= group->block;
        else if (size >= 0)
            bytes *= size;
        else
            b.dynamic_axis = dims[b.rank];
    }
    if (space == LIR_PARTIAL) bytes *= group->slots;
    int64_t *end = space == LIR_SCRATCH ? &u->f.scratch_bytes : &u->f.work_bytes;
    if (space == LIR_WORK && b.dynamic_axis != LIR_NO_AXIS) {
        b.bytes_per_row = bytes;
        b.place = (uint32_t)u->f.places.count;
        VEC_PUSH(&u->arena, &u->f.places, ((LirPlace){b.dynamic_axis, bytes}));
    } else if (space != LIR_IN && space != LIR_OUT) {
        b.dynamic_axis = LIR_NO_AXIS;
        b.bytes = unit_round(bytes);
        b.offset = *end;
        *end += b.bytes;
    }
    VEC_PUSH(&u->arena, &u->f.buffers, b);
    return (uint32_t)u->f.buffers.count - 1;
}
#define DIMS(...) ((const TirAxisId[]){__VA_ARGS__, LIR_NO_AXIS})
#define NO_DIMS ((const TirAxisId[]){LIR_NO_AXIS})

static inline LirKernel *unit_kernel(Unit *u, LirKernelKind kind, const TirAxisId *loops) {
    LirKernel *k = ARENA_NEW(&u->arena, LirKernel);
    LirGroup *group = &u->f.groups.data[u->f.groups.count - 1];
    k->kind = kind;
    k->name = arena_format(&u->arena, "k%zu_%zu", u->f.groups.count, group->kernels.count);
    k->vector = true;
    k->m_axis = k->n_axis = k->k_axis = LIR_NO_AXIS;
    for (; loops[k->loop_count] != LIR_NO_AXIS; k->loop_count++) k->loops[k->loop_count] = loops[k->loop_count];
    VEC_PUSH(&u->arena, &group->kernels, k);
    return k;
}

#define LOOP_AT(a) ((LirIndex){.kind = LIR_INDEX_LOOP, .axis = (a)})
#define CONST_AT(c) ((LirIndex){.kind = LIR_INDEX_CONST, .constant = (c)})
#define VALUE_AT(v) ((LirIndex){.kind = LIR_INDEX_VALUE, .value = (v)})
#define ACCESS(b, ...) ((LirAccess){.buffer = (b), .index = {__VA_ARGS__}})
#define ACCESS_ALL(b) ((LirAccess){.buffer = (b)})

static inline uint32_t unit_instr(Unit *u, LirKernel *k, LirInstr instr) {
    VEC_PUSH(&u->arena, &k->body, instr);
    return (uint32_t)k->body.count - 1;
}

static inline uint32_t unit_op(Unit *u, LirKernel *k, LirOpcode op, LirType type, uint32_t a, uint32_t b, uint32_t c) {
    return unit_instr(u, k, (LirInstr){.op = op, .type = type, .args = {a, b, c}});
}

static inline uint32_t unit_load(Unit *u, LirKernel *k, LirAccess access) {
    return unit_instr(u, k,
                      (LirInstr){.op = LIR_LOAD, .type = u->f.buffers.data[access.buffer].type, .access = access});
}

static inline uint32_t unit_real(Unit *u, LirKernel *k, double value) {
    return unit_instr(u, k, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = value});
}

static inline void unit_effect(Unit *u, LirKernel *k, LirEffectKind kind, LirAccess access, uint32_t value) {
    VEC_PUSH(&u->arena, &k->effects, ((LirEffect){.kind = kind, .access = access, .value = value}));
}

static inline const LlvmPart *unit_part(Unit *u) {
    LlvmPart *part = ARENA_NEW(&u->arena, LlvmPart);
    *part = llvm_whole(&u->arena, &u->module);
    return part;
}

static inline char *unit_text(Unit *u, LlvmOutput what) {
    char *path = arena_format(&u->arena, "%s/text", u->folder);
    const char *error = "";
    cr_assert(llvm_emit(unit_part(u), &u->target, what, 2, path, &error), "%s", error);
    FILE *file = fopen(path, "r");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = arena_alloc(&u->arena, size + 1);
    cr_assert_eq(fread(text, 1, size, file), size);
    fclose(file);
    unlink(path);
    return text;
}

static inline void unit_pool(struct qtm_pool *pool, qtm_group group, const struct qtm_frame *frame, int64_t slots) {
    int threads = *(int *)pool;
    for (int64_t s = slots; s-- > 0;) group(frame, s, s % threads);
}

static inline void unit_build(Unit *u) {
    const char *error = "", *stub = "struct p; typedef void (*g)(const void *, long, long);"
                                    "void (*unit_pool_run)(struct p *, g, const void *, long);"
                                    "void qtm_pool_run(struct p *a, g b, const void *c, long d);"
                                    "void qtm_pool_run(struct p *a, g b, const void *c, long d) "
                                    "{ unit_pool_run(a, b, c, d); }";
    char *object = arena_format(&u->arena, "%s/f.o", u->folder),
         *library = arena_format(&u->arena, "%s/f.so", u->folder);
    char *source = arena_format(&u->arena, "%s/pool.c", u->folder);
    cr_assert(llvm_emit(unit_part(u), &u->target, LLVM_OUTPUT_OBJ, 2, object, &error), "%s", error);
    FILE *file = fopen(source, "w");
    fputs(stub, file);
    fclose(file);
    cr_assert_eq(
        system(arena_format(&u->arena, "cc -shared -fPIC -Wl,-Bsymbolic,-z,defs -o %s %s %s", library, source, object)),
        0, "the object needs something that is not there");
    u->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    cr_assert(u->library, "%s", dlerror());
    *(PoolRun *)dlsym(u->library, "unit_pool_run") = unit_pool;
    *(void **)&u->entry = dlsym(u->library, "qtm_fn_unit__f");
    *(void **)&u->work_bytes = dlsym(u->library, "qtm_work_unit__f");
    cr_assert(u->entry && u->work_bytes);
    unlink(object), unlink(library), unlink(source), rmdir(u->folder);
}

static inline void *unit_memory(size_t bytes) {
    void *p = aligned_alloc(64, (size_t)unit_round((int64_t)bytes + 64));
    memset(p, 0xff, (size_t)unit_round((int64_t)bytes + 64)); /* NaN, -1 */
    return p;
}

static inline void unit_run(Unit *u) {
    int64_t stride = unit_round(u->f.scratch_bytes);
    struct qtm_frame frame = {.in = u->in,
                              .out = u->out,
                              .work = unit_memory((size_t)u->work_bytes(u->extent)),
                              .scratch = unit_memory((size_t)(stride * u->threads)),
                              .scratch_stride = stride,
                              .extent = u->extent,
                              .seed = u->seed,
                              .step = u->step,
                              .pool = (struct qtm_pool *)&u->threads};
    u->entry(&frame);
    free(frame.work);
    free(frame.scratch);
}

/* Reals in memory. */
static inline void unit_set(const Unit *u, void *p, size_t i, double value) {
    if (u->module.f64)
        ((double *)p)[i] = value;
    else
        ((float *)p)[i] = (float)value;
}

static inline double unit_get(const Unit *u, const void *p, size_t i) {
    return u->module.f64 ? ((const double *)p)[i] : ((const float *)p)[i];
}

/* An input or output of `count` reals; an input holds multiples of 1/8 in [-2, 2), exact in every width. */
static inline void *unit_reals(const Unit *u, size_t count) {
    void *p = unit_memory(count * 8);
    for (size_t i = 0; i < count; i++) unit_set(u, p, i, (double)((i * 2654435761u >> 7) % 32) / 8 - 2);
    return p;
}

static inline double unit_epsilon(const Unit *u) {
    return u->module.f64 ? 0x1p-52 : 0x1p-23;
}

static inline void unit_free(Unit *u) {
    if (u->library) dlclose(u->library);
    rmdir(u->folder);
    arena_free(&u->arena);
    free(u);
}

#endif

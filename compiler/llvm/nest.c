/* NEST, CUMSUM and ARGSORT kernels. Scalar loops outside; the last loop steps by whole vectors, and what is left over
 * is done once more under a mask. An effect that uses none of the innermost loops is summed in registers, in up to four
 * partial sums so that one addition need not wait for another, and meets memory once, where those loops have ended. */
#include "lir/cost.h"
#include "llvm/build.h"
#include "llvm/shape.h"

enum { NEST_LINES = 4 }; /* vectors of running sums that go together */

typedef struct Reduction {
    bool active;    /* summed in registers */
    uint32_t level; /* number of loops it is indexed by */
    LLVMValueRef slot[NEST_SUMS];
    LirType type;
} Reduction;

typedef struct Nest {
    Body *b;
    Reduction *effects;
    NestShape shape;
} Nest;

static void nest_plan(Nest *nest) {
    Body *b = nest->b;
    nest->effects = ARENA_ARRAY(b->emit->arena, Reduction, b->kernel->effects.count);
    for (size_t i = 0; i < b->kernel->effects.count; i++) {
        const LirEffect *effect = &b->kernel->effects.data[i];
        Reduction *r = &nest->effects[i];
        r->level = lir_access_level(b->f, b->kernel, &effect->access, b->level);
        r->type = b->f->buffers.data[effect->access.buffer].type;
        r->active = effect->kind != LIR_STORE && r->level < b->kernel->loop_count;
    }
}

/* The sums of the effects indexed by `level` loops start where those loops have been entered. */
static void sums_start(Nest *nest, uint32_t level) {
    Body *b = nest->b;
    for (size_t i = 0; i < b->kernel->effects.count; i++) {
        Reduction *r = &nest->effects[i];
        if (!r->active || r->level != level) continue;
        LLVMValueRef neutral = build_neutral(b->emit, b->kernel->effects.data[i].kind, r->type);
        neutral = build_splat(b, neutral, b->lanes);
        for (unsigned s = 0; s < nest->shape.sums; s++) {
            r->slot[s] = build_alloca(b, LLVMTypeOf(neutral), "sum");
            LLVMBuildStore(b->at, neutral, r->slot[s]);
        }
    }
}

/* (0 + 1) + (2 + 3), then across the lanes, then into memory. */
static void sums_finish(Nest *nest, uint32_t level) {
    Body *b = nest->b;
    for (size_t i = 0; i < b->kernel->effects.count; i++) {
        const LirEffect *effect = &b->kernel->effects.data[i];
        Reduction *r = &nest->effects[i];
        if (!r->active || r->level != level) continue;
        LLVMTypeRef type = type_lanes(type_memory(b->emit, r->type), b->lanes);
        LLVMValueRef sum[NEST_SUMS] = {0};
        for (size_t s = 0; s < nest->shape.sums; s++) sum[s] = LLVMBuildLoad2(b->at, type, r->slot[s], "");
        for (size_t n = nest->shape.sums; n > 1; n /= 2)
            for (size_t s = 0; s < n / 2; s++) sum[s] = build_combine(b, effect->kind, sum[2 * s], sum[2 * s + 1]);
        access_combine(b, &effect->access, effect->kind, build_horizontal(b, effect->kind, sum[0], b->lanes));
    }
}

static void point_effects(Nest *nest, unsigned sum) {
    Body *b = nest->b;
    for (size_t i = 0; i < b->kernel->effects.count; i++) {
        const LirEffect *effect = &b->kernel->effects.data[i];
        Reduction *r = &nest->effects[i];
        bool lanes = b->lanes > 1 && (r->active || access_is_vector(b, &effect->access));
        LLVMValueRef value = body_value(b, effect->value, lanes || b->vector[effect->value]);
        if (r->active) {
            LLVMTypeRef type = LLVMTypeOf(value);
            if (b->mask) {
                LLVMValueRef neutral = build_neutral(b->emit, effect->kind, r->type);
                value = LLVMBuildSelect(b->at, b->mask, value, build_splat(b, neutral, b->lanes), "");
            }
            LLVMValueRef so_far = LLVMBuildLoad2(b->at, type, r->slot[sum], "");
            LLVMBuildStore(b->at, build_combine(b, effect->kind, so_far, value), r->slot[sum]);
        } else if (effect->kind == LIR_STORE) {
            access_store(b, &effect->access, value);
        } else {
            access_combine(b, &effect->access, effect->kind, value);
        }
    }
}

static void nest_point(Nest *nest, LLVMValueRef index, unsigned sum) {
    Body *b = nest->b;
    uint32_t last = b->kernel->loop_count;
    if (last) b->index[b->kernel->loops[last - 1]] = index;
    body_level(b, last);
    point_effects(nest, sum);
}

/* for (i = begin; i < end; i += unroll * lanes): `unroll` vectors, each with its own partial sums. `masked`: the last
 * vector may reach past the end. */
static void nest_loop(Nest *nest, LLVMValueRef begin, LLVMValueRef end, unsigned unroll, bool masked) {
    Body *b = nest->b;
    Loop loop = loop_begin(b, begin, end, (int64_t)unroll * b->lanes, masked ? "rest" : "vector");
    for (unsigned u = 0; u < unroll; u++) {
        LLVMValueRef index =
            u ? LLVMBuildNSWAdd(b->at, loop.counter, const_i64(b->emit, (int64_t)u * b->lanes), "") : loop.counter;
        if (masked) {
            LLVMValueRef left = LLVMBuildSub(b->at, end, index, "");
            b->mask = mask_first(b, build_min_i64(b, left, const_i64(b->emit, b->lanes)));
        }
        nest_point(nest, index, u);
    }
    b->mask = NULL;
    loop_end(b, &loop);
}

static LLVMValueRef round_down(Body *b, LLVMValueRef n, int64_t step) {
    return LLVMBuildAnd(b->at, n, const_i64(b->emit, -step), "");
}

static void nest_inner(Nest *nest) {
    Body *b = nest->b;
    LLVMValueRef zero = const_i64(b->emit, 0), n = axis_trip(b, b->kernel->loops[b->kernel->loop_count - 1]);
    int64_t known = -1;
    bool fixed = constant_of(n, &known);
    if (b->lanes == 1) {
        nest_loop(nest, zero, n, 1, false);
        return;
    }
    bool tail = !fixed || known % b->lanes;
    if (tail && nest->shape.one_copy) {
        nest_loop(nest, zero, n, 1, true);
        return;
    }
    LLVMValueRef begin = zero, whole = round_down(b, n, b->lanes);
    if (nest->shape.sums > 1 && (!fixed || known >= (int64_t)nest->shape.sums * b->lanes)) {
        LLVMValueRef end = round_down(b, n, (int64_t)nest->shape.sums * b->lanes);
        nest_loop(nest, begin, end, nest->shape.sums, false);
        begin = end;
    }
    int64_t from, to;
    bool none = constant_of(begin, &from) && constant_of(whole, &to) && from == to;
    if (!none) nest_loop(nest, begin, whole, 1, false);
    if (tail) nest_loop(nest, whole, n, 1, true);
}

static void nest_level(Nest *nest, uint32_t level) {
    Body *b = nest->b;
    uint32_t count = b->kernel->loop_count;
    if (level == count) { /* no loop at all */
        nest_point(nest, NULL, 0);
        return;
    }
    body_level(b, level);
    sums_start(nest, level);
    if (level + 1 == count) {
        nest_inner(nest);
    } else if (loop_is_joined(b, level)) {
        nest_level(nest, level + 1);
    } else {
        TirAxisId axis = b->kernel->loops[level];
        Loop loop = loop_begin(b, const_i64(b->emit, 0), axis_trip(b, axis), 1, b->f->source->axes.data[axis].name);
        b->index[axis] = loop.counter;
        nest_level(nest, level + 1);
        loop_end(b, &loop);
    }
    sums_finish(nest, level);
}

/* Inclusive sums along k_axis, of as many lines as there are lanes. */
static void cumsum_line(Body *b) {
    Emit *e = b->emit;
    const LirKernel *k = b->kernel;
    LLVMTypeRef type = type_lanes(e->real, b->lanes);
    LLVMValueRef slot = build_alloca(b, type, "sum"), n = axis_trip(b, k->k_axis);
    LLVMBuildStore(b->at, LLVMConstNull(type), slot);
    Loop loop = loop_begin(b, const_i64(e, 0), n, 1, "sum");
    LLVMValueRef from_end = LLVMBuildSub(b->at, LLVMBuildSub(b->at, n, const_i64(e, 1), ""), loop.counter, "");
    b->index[k->k_axis] = k->reverse ? from_end : loop.counter;
    LLVMValueRef sum = LLVMBuildFAdd(b->at, LLVMBuildLoad2(b->at, type, slot, ""), access_load(b, &k->a), "");
    LLVMBuildStore(b->at, sum, slot);
    access_store(b, &k->effects.data[0].access, sum);
    loop_end(b, &loop);
}

/* Running sums wait for one another, but not for those of the lines beside them: where these are neighbours in memory,
 * along the last loop, a few vectors of lines go together. */
static unsigned line_lanes(Body *b) {
    const LirKernel *k = b->kernel;
    if (k->kind != LIR_CUMSUM || !k->loop_count) return 1;
    for (uint32_t d = 0; d < LIR_MAX_DIMS; d++)
        if (k->a.index[d].kind == LIR_INDEX_VALUE) return 1;
    TirAxisId last = k->loops[k->loop_count - 1];
    int64_t from, to, bound = axis_bound(b, last);
    if (!constant_of(access_stride(b, &k->a, last), &from) || from != 1) return 1;
    if (!constant_of(access_stride(b, &k->effects.data[0].access, last), &to) || to != 1) return 1;
    unsigned lanes = b->emit->lanes * (b->emit->target->registers < 16 ? 1 : NEST_LINES);
    while (lanes > 1 && lanes / 2 >= bound) lanes /= 2;
    return lanes;
}

/* Positions along k_axis in ascending order, by the runtime. */
static void argsort_line(Body *b) {
    Emit *e = b->emit;
    const LirKernel *k = b->kernel;
    const LirAccess *to = &k->effects.data[0].access;
    const char *name = e->f64 ? "qtm_argsort_f64" : "qtm_argsort_f32";
    LLVMTypeRef params[5] = {e->i64, e->ptr, e->i64, e->ptr, e->i64};
    LLVMTypeRef type = LLVMFunctionType(e->nothing, params, 5, false);
    LLVMValueRef fn = LLVMGetNamedFunction(e->module, name);
    if (!fn) fn = LLVMAddFunction(e->module, name, type);
    b->index[k->k_axis] = const_i64(e, 0);
    LLVMValueRef args[5] = {axis_trip(b, k->k_axis), access_address(b, &k->a).pointer,
                            access_stride(b, &k->a, k->k_axis), access_address(b, to).pointer,
                            access_stride(b, to, k->k_axis)};
    LLVMBuildCall2(b->at, type, fn, args, 5, "");
}

static void line_point(Body *b) {
    if (b->kernel->kind == LIR_CUMSUM)
        cumsum_line(b);
    else
        argsort_line(b);
}

/* Lines side by side along the last loop; those that fill no vector under a mask. */
static void lines_emit(Body *b, TirAxisId axis) {
    LLVMValueRef n = axis_trip(b, axis), whole = round_down(b, n, b->lanes);
    Loop loop = loop_begin(b, const_i64(b->emit, 0), whole, b->lanes, "lines");
    b->index[axis] = loop.counter;
    line_point(b);
    loop_end(b, &loop);
    loop = loop_begin(b, whole, n, b->lanes, "lines.rest");
    b->index[axis] = loop.counter;
    b->mask = mask_first(b, LLVMBuildSub(b->at, n, loop.counter, ""));
    line_point(b);
    b->mask = NULL;
    loop_end(b, &loop);
}

/* One line for every point of the loops. */
static void line_emit(Body *b) {
    const LirKernel *k = b->kernel;
    Loop loops[LIR_MAX_DIMS];
    b->lanes = line_lanes(b);
    uint32_t count = k->loop_count - (b->lanes > 1);
    for (uint32_t i = 0; i < count; i++) {
        loops[i] = loop_begin(b, const_i64(b->emit, 0), axis_trip(b, k->loops[i]), 1, "point");
        b->index[k->loops[i]] = loops[i].counter;
    }
    if (b->lanes > 1) {
        b->vector_axis = k->loops[count];
        lines_emit(b, k->loops[count]);
    } else {
        line_point(b);
    }
    for (uint32_t i = count; i-- > 0;) loop_end(b, &loops[i]);
}

void nest_emit(Body *b) {
    if (lir_is_line(b->kernel)) {
        line_emit(b);
        return;
    }
    Nest nest = {.b = b};
    nest.shape = nest_shape(b->emit->arena, b->emit->target, b->emit->f64, b->f, b->group, b->kernel);
    b->lanes = nest.shape.lanes;
    b->vector_axis = b->lanes > 1 ? b->kernel->loops[b->kernel->loop_count - 1] : LIR_NO_AXIS;
    body_analyse(b);
    nest_plan(&nest);
    nest_level(&nest, 0);
}

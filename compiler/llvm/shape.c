#include "llvm/shape.h"

#include "lir/affine.h"
#include "lir/cost.h"

enum {
    NEST_UNROLL_BODY = 16,  /* instructions up to which a reduction is unrolled by NEST_SUMS */
    NEST_DEEP = 4,          /* lookups in a chain from which on several vectors may go together */
    NEST_SEARCH = 4,        /* a search counts as so many */
    NEST_CHAIN = 20,        /* operations from which on several vectors go together, */
    NEST_CHAIN_4 = 48,      /* up to which four do, */
    NEST_CHAIN_2 = 200,     /* and up to which two do */
    NEST_DRAW = 100,        /* operations of a random number */
    NEST_ONE_COPY_BODY = 48 /* instructions from which full and partial vectors share one masked loop */
};

static int64_t axis_length(const LirFunction *f, const LirGroup *group, TirAxisId axis) {
    int64_t size = f->source->axes.data[axis].size;
    if (size < 0) size = INT64_MAX;
    bool rows = group && group->row_axis != LIR_NO_AXIS && axis == group->row_axis;
    return rows && group->block < size ? group->block : size;
}

int64_t shape_bound(const LirFunction *f, const LirGroup *group, const LirKernel *kernel, TirAxisId axis) {
    int64_t bound = axis_length(f, group, axis);
    uint32_t place, count = lir_joined(kernel, axis, &place);
    for (uint32_t i = 1; i <= count; i++) {
        int64_t outer = axis_length(f, group, kernel->loops[place - i]);
        bound = outer > INT32_MAX || bound > INT32_MAX ? INT64_MAX : bound * outer;
    }
    return bound;
}

static bool is_lookup(const LirFunction *f, const LirKernel *k, const LirInstr *in) {
    LirAffine a;
    if (in->op == LIR_SEARCH) return true;
    for (unsigned d = 0; in->op == LIR_LOAD && d < f->buffers.data[in->access.buffer].rank; d++)
        if (in->access.index[d].kind == LIR_INDEX_VALUE && !lir_affine_index(f, k, &in->access, d, &a)) return true;
    return false;
}

/* How many vectors go through the body together. Where one lookup waits for another, as in a bisection, a processor has
 * nothing else to do meanwhile; unless the body has other lookups enough in every round. */
static unsigned lookup_vectors(Arena *arena, const HostTarget *target, const LirFunction *f, const LirKernel *k) {
    uint32_t *depth = ARENA_ARRAY(arena, uint32_t, k->body.count), chain = 0, all = 0;
    for (size_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        for (int a = 0; a < lir_op_arity(in->op); a++)
            if (depth[in->args[a]] > depth[i]) depth[i] = depth[in->args[a]];
        for (unsigned d = 0; in->op == LIR_LOAD && d < LIR_MAX_DIMS; d++) {
            const LirIndex *index = &in->access.index[d];
            if (index->kind == LIR_INDEX_VALUE && depth[index->value] > depth[i]) depth[i] = depth[index->value];
        }
        uint32_t lookups = in->op == LIR_SEARCH ? NEST_SEARCH : is_lookup(f, k, in);
        depth[i] += lookups;
        all += lookups;
        if (depth[i] > chain) chain = depth[i];
    }
    if (chain < NEST_DEEP || target->registers < 16) return 1;
    return all <= 3 * chain ? 4 : all <= 6 * chain ? 2 : 1;
}

/* What takes time at every point: sums of indices end in addresses. */
static bool is_work(const LirInstr *in) {
    bool sum = in->op == LIR_ADD || in->op == LIR_SUB || in->op == LIR_MUL;
    return lir_op_arity(in->op) > 0 && !(sum && in->type == LIR_T_INT);
}

/* An elementary function is a chain of operations that wait for one another, about 60 cycles long, of which a processor
 * holds only a few in its scheduler. Side by side, several vectors keep it busy and share the loads of constants, until
 * registers run out. They should divide the loop, if it is not long. */
static unsigned chain_vectors(const HostTarget *target, const LirKernel *k, int64_t bound, unsigned vector) {
    size_t count = 0;
    for (size_t i = 0; i < k->body.count; i++) {
        LirOpcode op = k->body.data[i].op;
        count += op == LIR_UNIFORM || op == LIR_PICK ? NEST_DRAW : is_work(&k->body.data[i]);
    }
    if (count < NEST_CHAIN || count > NEST_CHAIN_2 || target->registers < 16) return 1;
    unsigned vectors = count <= NEST_CHAIN_4 ? 4 : 2;
    while (vectors > 1 && bound % (vectors * vector) && bound < 16 * vectors * vector) vectors /= 2;
    return vectors;
}

NestShape nest_shape(Arena *arena, const HostTarget *target, bool f64, const LirFunction *f, const LirGroup *group,
                     const LirKernel *k) {
    NestShape shape = {.lanes = 1, .together = 1, .sums = 1};
    const uint32_t *level = lir_levels(arena, f, k);
    int64_t bound = k->loop_count ? shape_bound(f, group, k, k->loops[k->loop_count - 1]) : 1;
    size_t inner = 0;
    for (size_t i = 0; i < k->body.count; i++)
        inner += level[i] == k->loop_count && (is_work(&k->body.data[i]) || k->body.data[i].type != LIR_T_INT);
    for (size_t i = 0; i < k->effects.count; i++) {
        const LirEffect *e = &k->effects.data[i];
        shape.reduces |= e->kind != LIR_STORE && lir_access_level(f, k, &e->access, level) < k->loop_count;
    }
    if (!k->loop_count || !k->vector) return shape;
    unsigned vector = target->vector_bits / (f64 ? 64 : 32);
    unsigned lookup = lookup_vectors(arena, target, f, k), chain = chain_vectors(target, k, bound, vector);
    shape.lanes = vector * (chain > lookup ? chain : lookup);
    while (shape.lanes > 1 && shape.lanes / 2 >= bound) shape.lanes /= 2;
    if (shape.lanes > vector) shape.together = shape.lanes / vector;
    if (shape.reduces && shape.lanes > 1 && inner <= NEST_UNROLL_BODY) shape.sums = NEST_SUMS;
    shape.one_copy =
        inner >= NEST_ONE_COPY_BODY && (bound > shape.lanes || k->loops[k->loop_count - 1] == group->row_axis);
    return shape;
}

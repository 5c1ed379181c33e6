/* Two loops that walk memory as one become one: for x, for y over a[x, y] and b[x, y, n] is a loop of x times y steps.
 * Short inner loops, as the places and channels of a convolution, then fill vectors and tiles of products, and a
 * product over the rows of a block and their places is one product. The kernel's own form stays: y runs on past its
 * end, through all of x, and the index of x stays 0. That is right where every access steps by the same distance from
 * the end of y to the next x as within y, and where nothing else asks for x or y. */
#include "lir/affine.h"
#include "llvm/build.h"

typedef struct Join {
    Body *b;
    TirAxisId outer, inner;
    int64_t length; /* steps of the inner loop, with what has joined it before */
    bool *asks;     /* by instruction: an integer that depends on either index */
} Join;

static bool affine_fits(const Join *j, const LirAffine *a) {
    return lir_affine_factor(a, j->outer) == j->length * lir_affine_factor(a, j->inner);
}

static bool access_fits(const Join *j, const LirAccess *access) {
    Body *b = j->b;
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    int64_t outer = 0, inner = 0;
    for (unsigned d = 0; d < buffer->rank; d++) {
        const LirIndex *index = &access->index[d];
        LirAffine a = {.count = 0};
        int64_t stride = 0, x = 0, y = 0;
        if (index->kind == LIR_INDEX_LOOP) {
            x = index->axis == j->outer;
            y = index->axis == j->inner;
        } else if (index->kind == LIR_INDEX_VALUE && j->asks && j->asks[index->value]) {
            if (!lir_affine_index(b->f, b->kernel, access, d, &a)) return false;
            x = lir_affine_factor(&a, j->outer);
            y = lir_affine_factor(&a, j->inner);
        }
        if (!x && !y) continue;
        if (!constant_of(dim_stride(b, buffer, d), &stride)) return false;
        outer += x * stride;
        inner += y * stride;
    }
    return outer == j->length * inner;
}

static bool is_index_step(LirOpcode op) {
    return op == LIR_ADD || op == LIR_SUB || op == LIR_MUL;
}

/* What reads the indices themselves: sums of them as addresses, and numbers of events. */
static bool body_fits(Join *j) {
    const LirKernel *k = j->b->kernel;
    j->asks = ARENA_ARRAY(j->b->emit->arena, bool, k->body.count + 1);
    for (uint32_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        bool asks = in->op == LIR_LOOP && (in->axis == j->outer || in->axis == j->inner);
        for (int a = 0; a < lir_op_arity(in->op); a++) {
            if (!j->asks[in->args[a]]) continue;
            LirAffine affine;
            bool draws = in->op == LIR_UNIFORM || in->op == LIR_PICK;
            if (draws && (!lir_affine(j->b->f, k, in->args[a], &affine) || !affine_fits(j, &affine))) return false;
            if (!draws && !(in->type == LIR_T_INT && is_index_step(in->op))) return false;
            asks |= !draws;
        }
        if ((in->op == LIR_LOAD || in->op == LIR_SEARCH) && !access_fits(j, &in->access)) return false;
        j->asks[i] = asks;
    }
    for (size_t i = 0; i < k->effects.count; i++)
        if (j->asks[k->effects.data[i].value] || !access_fits(j, &k->effects.data[i].access)) return false;
    return true;
}

static bool can_join(Body *b, TirAxisId outer, TirAxisId inner) {
    Join j = {.b = b, .outer = outer, .inner = inner};
    if (!constant_of(axis_trip(b, inner), &j.length) || j.length < 1) return false;
    if (b->kernel->kind == LIR_DOT && (!access_fits(&j, &b->kernel->a) || !access_fits(&j, &b->kernel->b)))
        return false;
    return body_fits(&j);
}

static void join(Body *b, TirAxisId outer, TirAxisId inner) {
    while (b->joined[inner]) inner = b->joined[inner] - 1;
    b->joined[inner] = outer + 1;
    b->index[outer] = const_i64(b->emit, 0);
}

/* Of a product: the loop around it that m, or in a sum over rows k, continues. */
static void join_product(Body *b, LirKernel *k) {
    TirAxisId inner = k->accumulate ? k->k_axis : k->m_axis;
    while (k->loop_count && inner != LIR_NO_AXIS && can_join(b, k->loops[k->loop_count - 1], inner)) {
        join(b, k->loops[--k->loop_count], inner);
    }
}

static void join_nest(Body *b, LirKernel *k) {
    for (uint32_t i = k->loop_count; i-- > 1;) {
        if (!can_join(b, k->loops[i - 1], k->loops[i])) continue;
        join(b, k->loops[i - 1], k->loops[i]);
        for (uint32_t n = i - 1; n + 1 < k->loop_count; n++) k->loops[n] = k->loops[n + 1];
        k->loop_count--;
    }
}

void loops_join(Body *b) {
    LirKernel *k = arena_copy(b->emit->arena, b->kernel, sizeof *k);
    b->kernel = k;
    b->joined = ARENA_ARRAY(b->emit->arena, TirAxisId, b->f->source->axes.count + 1);
    if (k->kind == LIR_DOT) join_product(b, k);
    if (k->kind == LIR_NEST) join_nest(b, k);
}

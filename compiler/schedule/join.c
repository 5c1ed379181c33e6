/* Two loops that walk memory as one become one: for x, for y over a[x, y] and b[x, y, n] is a loop of x times y steps.
 * Short inner loops, as the places and channels of a convolution, then fill vectors and tiles of products, and a
 * product over the rows of a block and their places is one product. The kernel's form stays: the emitter lets y run on
 * past its end, through all of x, and the index of x stays 0. That is right where every access goes as far from the end
 * of y to the next x as its steps within y, and where nothing else asks for x or y. */
#include "lir/affine.h"
#include "schedule/plan.h"

typedef struct Join {
    const LirFunction *f;
    const LirGroup *group;
    const LirKernel *kernel;
    TirAxisId outer, inner;
    int64_t length; /* steps of the inner loop, with what has joined it before */
    bool *asks;     /* by instruction: an integer that depends on either index */
} Join;

/* Elements along dimension `dim` from one index to the next; 0 where only the data tell. */
static int64_t dim_stride(const Join *j, const LirBuffer *buffer, uint32_t dim) {
    int64_t stride = 1;
    for (uint32_t d = buffer->rank; d-- > dim + 1;) {
        int64_t size = j->f->source->axes.data[buffer->dims[d]].size;
        if (buffer->space == LIR_SCRATCH && buffer->dims[d] == j->group->row_axis) size = j->group->block;
        if (buffer->pitch && d + 1 == buffer->rank) size = buffer->pitch;
        if (size < 0) return 0;
        stride *= size;
    }
    return stride;
}

static bool access_fits(const Join *j, const LirAccess *access) {
    const LirBuffer *buffer = &j->f->buffers.data[access->buffer];
    int64_t outer = 0, inner = 0;
    for (uint32_t d = 0; d < buffer->rank; d++) {
        const LirIndex *index = &access->index[d];
        int64_t x = 0, y = 0;
        LirAffine a;
        if (index->kind == LIR_INDEX_LOOP) {
            x = index->axis == j->outer;
            y = index->axis == j->inner;
        } else if (index->kind == LIR_INDEX_VALUE && j->asks[index->value]) {
            if (!lir_affine_index(j->f, j->kernel, access, d, &a)) return false;
            x = lir_affine_factor(&a, j->outer);
            y = lir_affine_factor(&a, j->inner);
        }
        int64_t stride = x || y ? dim_stride(j, buffer, d) : 1;
        if (!stride) return false;
        outer += x * stride;
        inner += y * stride;
    }
    return outer == j->length * inner;
}

/* What may read an index: a sum, which ends in an address, and a draw, by the number of its event. */
static bool reader_fits(const Join *j, const LirInstr *in, uint32_t argument) {
    LirAffine a;
    if (in->op == LIR_UNIFORM || in->op == LIR_PICK)
        return lir_affine(j->f, j->kernel, argument, &a) &&
               lir_affine_factor(&a, j->outer) == j->length * lir_affine_factor(&a, j->inner);
    return in->type == LIR_T_INT && (in->op == LIR_ADD || in->op == LIR_SUB || in->op == LIR_MUL);
}

static bool body_fits(Join *j) {
    const LirKernel *k = j->kernel;
    for (uint32_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        j->asks[i] = in->op == LIR_LOOP && (in->axis == j->outer || in->axis == j->inner);
        for (int a = 0; a < lir_op_arity(in->op); a++) {
            if (!j->asks[in->args[a]]) continue;
            if (!reader_fits(j, in, in->args[a])) return false;
            j->asks[i] = in->type == LIR_T_INT && in->op != LIR_PICK;
        }
        if ((in->op == LIR_LOAD || in->op == LIR_SEARCH) && !access_fits(j, &in->access)) return false;
    }
    for (size_t i = 0; i < k->effects.count; i++)
        if (j->asks[k->effects.data[i].value] || !access_fits(j, &k->effects.data[i].access)) return false;
    return true;
}

static bool can_join(const LirFunction *f, const LirGroup *group, const LirKernel *k, TirAxisId outer, TirAxisId inner,
                     int64_t length) {
    Arena scratch = {0};
    Join j = {.f = f, .group = group, .kernel = k, .outer = outer, .inner = inner, .length = length};
    j.asks = ARENA_ARRAY(&scratch, bool, k->body.count + 1);
    bool product = k->kind == LIR_DOT;
    bool fits = (!product || (access_fits(&j, &k->a) && access_fits(&j, &k->b))) && body_fits(&j);
    arena_free(&scratch);
    return fits;
}

/* The loop at `at`, and so on outwards, into what follows it. */
static void join_kernel(const LirFunction *f, const LirGroup *group, LirKernel *k) {
    TirAxisId inner = LIR_NO_AXIS;
    int64_t length = 0;
    if (k->kind == LIR_DOT) inner = k->accumulate ? k->k_axis : k->m_axis;
    for (uint32_t i = k->loop_count; i-- > 0;) {
        TirAxisId outer = k->loops[i];
        if (inner != LIR_NO_AXIS && !length && inner != group->row_axis) length = f->source->axes.data[inner].size;
        if (length > 0 && can_join(f, group, k, outer, inner, length)) {
            k->joined |= 1u << i;
            int64_t size = f->source->axes.data[outer].size;
            length = outer == group->row_axis || size < 0 ? -1 : length * size; /* ends with a loop of unknown length */
            continue;
        }
        if (k->kind == LIR_DOT) return; /* other loops are around the tiles */
        inner = outer;
        length = 0;
    }
}

void plan_join(Plan *plan) {
    LirFunction *f = plan->lir;
    for (size_t g = 0; g < f->groups.count; g++)
        for (size_t k = 0; k < f->groups.data[g].kernels.count; k++) {
            LirKernel *kernel = f->groups.data[g].kernels.data[k];
            if (kernel->kind == LIR_NEST || kernel->kind == LIR_DOT) join_kernel(f, &f->groups.data[g], kernel);
        }
}

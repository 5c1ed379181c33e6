/* See affine.h. Sums, differences and products by constants of loop indices, followed through the body. */
#include "lir/affine.h"

enum { AFFINE_LARGEST = 1 << 30 }; /* factors and bounds stay below: no product of two overflows */

static bool constant(LirAffine *a, int64_t value) {
    *a = (LirAffine){.constant = value, .least = value, .most = value};
    return value > -AFFINE_LARGEST && value < AFFINE_LARGEST;
}

static bool of_axis(const LirFunction *f, uint32_t axis, bool length, LirAffine *a) {
    int64_t size = f->source->axes.data[axis].size;
    if (size < 1 || size >= AFFINE_LARGEST) return false;
    if (length) return constant(a, size);
    *a = (LirAffine){.count = 1, .most = size - 1};
    a->term[0].axis = axis;
    a->term[0].factor = 1;
    return true;
}

int64_t lir_affine_factor(const LirAffine *a, uint32_t axis) {
    for (uint32_t i = 0; i < a->count; i++)
        if (a->term[i].axis == axis) return a->term[i].factor;
    return 0;
}

/* a + times * b */
static bool add(const LirFunction *f, LirAffine *a, const LirAffine *b, int64_t times) {
    a->constant += times * b->constant;
    for (uint32_t k = 0; k < b->count; k++) {
        uint32_t at = 0;
        while (at < a->count && a->term[at].axis != b->term[k].axis) at++;
        if (at == LIR_MAX_DIMS) return false;
        if (at == a->count) {
            a->term[a->count].axis = b->term[k].axis;
            a->term[a->count++].factor = 0;
        }
        a->term[at].factor += times * b->term[k].factor;
        if (!a->term[at].factor) a->term[at] = a->term[--a->count];
    }
    a->least = a->most = a->constant;
    for (uint32_t k = 0; k < a->count; k++) {
        int64_t reach = a->term[k].factor * (f->source->axes.data[a->term[k].axis].size - 1);
        *(reach < 0 ? &a->least : &a->most) += reach;
    }
    return a->least > -AFFINE_LARGEST && a->most < AFFINE_LARGEST;
}

bool lir_affine(const LirFunction *f, const LirKernel *kernel, uint32_t instr, LirAffine *a) {
    const LirInstr *in = &kernel->body.data[instr];
    LirAffine b;
    if (in->type != LIR_T_INT) return false;
    switch (in->op) {
    case LIR_INT: return constant(a, in->integer);
    case LIR_LOOP:
    case LIR_EXTENT: return of_axis(f, in->axis, in->op == LIR_EXTENT, a);
    case LIR_NEG: return constant(a, 0) && lir_affine(f, kernel, in->args[0], &b) && add(f, a, &b, -1);
    case LIR_ADD:
    case LIR_SUB:
        return lir_affine(f, kernel, in->args[0], a) && lir_affine(f, kernel, in->args[1], &b) &&
               add(f, a, &b, in->op == LIR_ADD ? 1 : -1);
    case LIR_MUL: {
        LirAffine x, y;
        if (!lir_affine(f, kernel, in->args[0], &x) || !lir_affine(f, kernel, in->args[1], &y)) return false;
        if (x.count && y.count) return false;
        return constant(a, 0) && add(f, a, x.count ? &x : &y, x.count ? y.constant : x.constant);
    }
    default: return false;
    }
}

bool lir_affine_index(const LirFunction *f, const LirKernel *kernel, const LirAccess *access, uint32_t dim,
                      LirAffine *a) {
    const LirIndex *index = &access->index[dim];
    int64_t size = f->source->axes.data[f->buffers.data[access->buffer].dims[dim]].size;
    return index->kind == LIR_INDEX_VALUE && size > 0 && lir_affine(f, kernel, index->value, a) && a->least >= 0 &&
           a->most < size;
}

bool lir_access_apart(const LirFunction *f, const LirKernel *kernel, const LirAccess *access, uint32_t axis) {
    for (uint32_t d = 0; d < f->buffers.data[access->buffer].rank; d++) {
        const LirIndex *index = &access->index[d];
        LirAffine a;
        if (index->kind == LIR_INDEX_LOOP && index->axis == axis) return true;
        if (lir_affine_index(f, kernel, access, d, &a) && lir_affine_factor(&a, axis)) return true;
    }
    return false;
}

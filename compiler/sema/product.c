/* Products along axes, as multiplications of halves: every partial product is there, none is got by dividing, so the
 * derivatives are right where factors are zero. Long axes are halved by gathers, short ones taken apart. */
#include "sema/sema.h"

enum { APART_MAX = 16 };

static TirId times(TirFunction *f, TirId a, TirId b, Span span) {
    return tir_map(f, TIR_MUL, span, a, b, TIR_NONE);
}

static TirId product_apart(TirFunction *f, TirId id, TirAxisId axis, int64_t from, int64_t count, Span span) {
    if (count == 1) return tir_slice(f, id, axis, from, span);
    TirId left = product_apart(f, id, axis, from, count / 2, span);
    return times(f, left, product_apart(f, id, axis, from + count / 2, count - count / 2, span), span);
}

static TirId product_along(Elab *e, TirId id, TirAxisId axis, Span span) {
    TirFunction *f = e->context->f;
    int64_t size = f->axes.data[axis].size, half = size / 2;
    if (size <= APART_MAX) return product_apart(f, id, axis, 0, size, span);
    TirId first = tir_iota(f, dim_new(e, "half", half).axis, span);
    TirId second = tir_map(f, TIR_ADD, span, first, tir_int(f, half, span), TIR_NONE);
    TirAxisId shorter = f->ops.data[first].axis;
    TirId pairs = times(f, tir_gather(f, id, first, axis, span), tir_gather(f, id, second, axis, span), span);
    TirId product = product_along(e, pairs, shorter, span);
    return size % 2 ? times(f, product, tir_slice(f, id, axis, size - 1, span), span) : product;
}

bool id_product(Elab *e, TirId *id, TirAxes axes, Span span) {
    for (uint32_t i = 0; i < axes.count; i++) {
        if (e->context->f->axes.data[axes.id[i]].batch) {
            elab_error(e, DIAG_E0306, span, "a product over the events of a sample leaves the range of numbers");
            diag_help(e->sink, "sum the logarithms: exp(sum(log(...) for e in ...))");
            return false;
        }
        *id = product_along(e, *id, axes.id[i], span);
    }
    return true;
}

/* Zeros around an array: the array is put into a larger one, row by row, so that rows stay together and nobody asks
 * afterwards whether a place lies inside. */
#include "sema/sema.h"

typedef struct Padding {
    Dim dim[TIR_MAX_AXES]; /* of the result */
    int64_t stride[TIR_MAX_AXES], size;
} Padding;

static TirId times(TirFunction *f, TirId a, int64_t b, Span span) {
    return tir_map(f, TIR_MUL, span, a, tir_int(f, b, span), TIR_NONE);
}
static TirId plus(TirFunction *f, TirId a, TirId b, Span span) {
    return tir_map(f, TIR_ADD, span, a, b, TIR_NONE);
}

/* start + sum of index times stride over the dimensions of `v`; `own`: their axes. */
static TirId place(Elab *e, const Dim *dim, uint32_t rank, const Padding *p, int64_t start, TirAxes *own, Span span) {
    TirFunction *f = e->context->f;
    TirId at = tir_int(f, start, span);
    *own = tir_axes_none();
    for (uint32_t i = 0; i < rank; i++) {
        if (dim[i].axis == TIR_NONE) continue;
        *own = tir_axes_add(*own, dim[i].axis);
        at = plus(f, at, times(f, tir_iota(f, dim[i].axis, span), p->stride[i], span), span);
    }
    return at;
}

Value value_pad(Elab *e, Value v, int64_t zeros, uint32_t count, Span span) {
    if (!zeros) return v;
    Padding p = {.size = 1};
    int64_t start = 0;
    for (uint32_t i = 0; i < v.rank; i++) p.dim[i] = dim_new(e, "padded", v.dim[i].size + (i < count ? 2 * zeros : 0));
    for (uint32_t i = v.rank; i-- > 0;) {
        p.stride[i] = p.size;
        p.size *= p.dim[i].size;
        start += i < count ? zeros * p.stride[i] : 0;
    }
    TirFunction *f = e->context->f;
    Dim flat = dim_new(e, "flat", p.size);
    TirAxes own, all;
    TirId into = place(e, v.dim, v.rank, &p, start, &own, span), value = value_real_id(e, &v);
    TirAxes result = tir_axes_union(tir_axes_minus(value_axes(e, &v), own), tir_axes_one(flat.axis));
    TirId padded = tir_scatter(f, value, id_broadcast(e, into, own, span), flat.axis, result, span);
    TirId from = place(e, p.dim, v.rank, &p, 0, &all, span);
    Value made = value_tensor(e, tir_gather(f, padded, from, flat.axis, span), p.dim, v.rank, span);
    made.unit = v.unit;
    return made;
}

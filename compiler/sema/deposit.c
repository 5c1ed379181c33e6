/* Numbers added up at places of an array, as a scatter over their own dimensions. */
#include "sema/sema.h"

/* `at`: integers of the shape of `v`; places outside of the array count as its ends. */
Value value_deposit(Elab *e, Value v, Value at, int64_t size, Span span) {
    TirFunction *f = e->context->f;
    TirAxes own = tir_axes_none();
    for (uint32_t i = 0; i < v.rank; i++) {
        if (v.dim[i].axis == TIR_NONE) continue;
        at = value_move(e, &at, i, v.dim[i].axis, span);
        own = tir_axes_add(own, v.dim[i].axis);
    }
    TirId value = id_broadcast(e, value_real_id(e, &v), own, span);
    TirId index = id_broadcast(e, value_id(e, &at, TIR_INT), own, span);
    TirAxes rows = tir_axes_minus(tir_axes_union(f->ops.data[value].axes, f->ops.data[index].axes), own);
    Dim dim = dim_new(e, "place", size);
    TirId made = dim.axis == TIR_NONE
                     ? tir_sum(f, value, own, span)
                     : tir_scatter(f, value, index, dim.axis, tir_axes_union(rows, tir_axes_one(dim.axis)), span);
    Value all = value_tensor(e, made, &dim, 1, span);
    all.unit = v.unit;
    return all;
}

/* Indices that number the elements of an array row by row: ((i n_1 + j) n_2 + k) ... A gather by one sees a flat array
 * in another shape, a scatter by one makes it flat: flatten(gather(t, i n + j); i, j)       ->  t scatter(v at i n + j)
 * ->  flatten(v; i, j)      where every place gets one value Both come from `flatten` and its inverse in the library,
 * and from their derivatives. */
#include <stdlib.h>

#include "opt/fold.h"

enum { DEPTH = 32 };

typedef struct Numbering {
    int64_t constant;
    TirAxes axes;
    int64_t factor[TIR_MAX_AXES];
} Numbering;

static int64_t factor_of(const Numbering *n, TirAxisId axis) {
    for (uint32_t i = 0; i < n->axes.count; i++)
        if (n->axes.id[i] == axis) return n->factor[i];
    return 0;
}

/* x + times * y */
static bool numbering_add(Numbering *x, const Numbering *y, int64_t times) {
    TirAxes axes = tir_axes_union(x->axes, y->axes);
    Numbering sum = {.constant = x->constant + times * y->constant, .axes = axes};
    for (uint32_t i = 0; i < axes.count; i++)
        sum.factor[i] = factor_of(x, axes.id[i]) + times * factor_of(y, axes.id[i]);
    *x = sum;
    return llabs(sum.constant) < INT32_MAX;
}

static bool numbering(const TirFunction *f, TirId v, int depth, Numbering *n) {
    const TirOp *op = &f->ops.data[v];
    Numbering other;
    *n = (Numbering){0};
    if (op->type != TIR_INT || depth == 0) return false;
    switch (op->op) {
    case TIR_CONST: n->constant = op->integer; return llabs(op->integer) < INT32_MAX;
    case TIR_IOTA:
        n->axes = tir_axes_one(op->axis);
        n->factor[0] = 1;
        return f->axes.data[op->axis].size > 0;
    case TIR_BROADCAST: return numbering(f, op->args[0], depth - 1, n);
    case TIR_ADD:
    case TIR_SUB:
        return numbering(f, op->args[0], depth - 1, n) && numbering(f, op->args[1], depth - 1, &other) &&
               numbering_add(n, &other, op->op == TIR_ADD ? 1 : -1);
    case TIR_MUL: {
        Numbering x, y;
        if (!numbering(f, op->args[0], depth - 1, &x) || !numbering(f, op->args[1], depth - 1, &y)) return false;
        if (x.axes.count && y.axes.count) return false;
        return numbering_add(n, x.axes.count ? &x : &y, x.axes.count ? y.constant : x.constant);
    }
    default: return false;
    }
}

/* Whether `index` numbers all points of `axes`, the last axis fastest, from 0 to n - 1. */
static bool row_major(const TirFunction *f, TirId index, int64_t n, TirAxes *axes) {
    Numbering number;
    if (n < 1 || !numbering(f, index, DEPTH, &number) || number.constant || !number.axes.count) return false;
    int64_t stride = 1;
    for (uint32_t i = number.axes.count; i-- > 0; stride *= f->axes.data[number.axes.id[i]].size)
        if (number.factor[i] != stride) return false;
    *axes = number.axes;
    return stride == n;
}

TirId fold_flatten(TirFunction *f, const TirOp *op) {
    TirOp gather = f->ops.data[fold_narrow(f, op->args[0])];
    TirAxes axes;
    if (gather.op != TIR_GATHER || !row_major(f, gather.args[1], f->axes.data[gather.axis].size, &axes))
        return TIR_NONE;
    if (!tir_axes_equal(axes, op->attr_axes)) return TIR_NONE;
    if (tir_axes_both(f->ops.data[gather.args[0]].axes, axes).count) return TIR_NONE;
    return fold_last(f, tir_rename(f, gather.args[0], gather.axis, op->axis, op->span));
}

TirId fold_scatter(TirFunction *f, const TirOp *op) {
    TirAxes axes, own = f->ops.data[op->args[0]].axes;
    if (op->arg_count != 2 || !row_major(f, op->args[1], f->axes.data[op->axis].size, &axes) || axes.count < 2)
        return TIR_NONE;
    TirAxes others = tir_axes_minus(own, axes);
    if (tir_axes_minus(axes, own).count || tir_axes_has(own, op->axis)) return TIR_NONE;
    if (!tir_axes_equal(tir_axes_union(others, tir_axes_one(op->axis)), op->attr_axes)) return TIR_NONE;
    return fold_last(f, tir_flatten(f, op->args[0], axes, op->axis, op->span));
}

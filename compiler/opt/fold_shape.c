/* Folding of structure and reductions. Broadcasts move outwards and disappear into sums; sums are factored:
 *   sum_S(a * b), b without the axes S   ->  b * sum_S(a)      (also a / b, and with a and b exchanged)
 *   sum_S(dot(a, b; T))                  ->  dot(a, b; S and T)
 *   sum_S(a * b), each with axes of its own, or a matrix that exists anyway and a vector  ->  dot(a, b; S)
 * This changes the order of rounding, which a sum does not promise; it never adds work, and it is what turns the
 * derivatives of means and of outer products into few operations. Everything else here is exact. */
#include "opt/fold.h"

static TirAxes axes_of(const TirFunction *f, TirId v) {
    return f->ops.data[v].axes;
}

static TirId sum(TirFunction *f, TirId a, TirAxes axes, Span s) {
    return axes.count == 0 ? a : fold_last(f, tir_sum(f, a, axes, s));
}
static TirId product(TirFunction *f, TirId a, TirId b, Span s) {
    return fold_map(f, TIR_MUL, s, a, b, TIR_NONE);
}

/* n * a, n the number of points along `axes` */
static TirId repeat(TirFunction *f, TirId a, TirAxes axes, Span s) {
    TirType type = f->ops.data[a].type;
    int64_t size = 1;
    for (uint32_t k = 0; k < axes.count; k++) {
        if (f->axes.data[axes.id[k]].size >= 0) {
            size *= f->axes.data[axes.id[k]].size;
            continue;
        }
        TirId extent = tir_extent(f, axes.id[k], s);
        if (type == TIR_REAL) extent = tir_map(f, TIR_TO_REAL, s, extent, TIR_NONE, TIR_NONE);
        a = product(f, a, extent, s);
    }
    return product(f, a, type == TIR_REAL ? tir_real(f, (double)size, s) : tir_int(f, size, s), s);
}

/* --- sums --- */

/* Exists in memory whatever reads it: using it in a matrix product costs nothing. */
static bool is_stored(const TirFunction *f, TirId v) {
    TirOpcode op = f->ops.data[v].op;
    return op == TIR_INPUT || op == TIR_DOT;
}

static TirId sum_of_product(TirFunction *f, const TirOp *op, TirId a, TirId b) {
    Span s = op->span;
    TirAxes only_a = tir_axes_minus(op->attr_axes, axes_of(f, b));
    TirAxes only_b = tir_axes_minus(op->attr_axes, axes_of(f, a));
    if (only_a.count + only_b.count > 0) {
        TirAxes both = tir_axes_minus(tir_axes_minus(op->attr_axes, only_a), only_b);
        a = sum(f, a, only_a, s);
        b = sum(f, b, only_b, s);
        return sum(f, product(f, a, b, s), both, s);
    }
    bool free_a = tir_axes_minus(axes_of(f, a), axes_of(f, b)).count > 0;
    bool free_b = tir_axes_minus(axes_of(f, b), axes_of(f, a)).count > 0;
    if ((free_a && free_b) || (free_a && is_stored(f, a)) || (free_b && is_stored(f, b)))
        return fold_last(f, tir_dot(f, a, b, op->attr_axes, s));
    return TIR_NONE;
}

/* sum_S of dot(a, b; T): over S and T at once; what only one of the two has of S is summed there first. */
static TirId sum_of_dot(TirFunction *f, const TirOp *op, const TirOp *dot) {
    TirId a = dot->args[0], b = dot->args[1];
    TirAxes only_a = tir_axes_minus(op->attr_axes, axes_of(f, b));
    TirAxes only_b = tir_axes_minus(op->attr_axes, axes_of(f, a));
    TirAxes both = tir_axes_minus(tir_axes_minus(op->attr_axes, only_a), only_b);
    a = sum(f, a, only_a, op->span);
    b = sum(f, b, only_b, op->span);
    return fold_last(f, tir_dot(f, a, b, tir_axes_union(dot->attr_axes, both), op->span));
}

static TirId fold_sum(TirFunction *f, const TirOp *op) {
    Span s = op->span;
    TirOp arg = f->ops.data[op->args[0]];
    TirId a = arg.arg_count > 0 ? arg.args[0] : TIR_NONE;
    switch (arg.op) {
    case TIR_BROADCAST: {
        TirAxes kept = tir_axes_both(op->attr_axes, axes_of(f, a));
        return repeat(f, sum(f, a, kept, s), tir_axes_minus(op->attr_axes, kept), s);
    }
    case TIR_SUM: return sum(f, a, tir_axes_union(arg.attr_axes, op->attr_axes), s);
    case TIR_NEG: return fold_map(f, TIR_NEG, s, sum(f, a, op->attr_axes, s), TIR_NONE, TIR_NONE);
    case TIR_MUL: return arg.type == TIR_REAL ? sum_of_product(f, op, a, arg.args[1]) : TIR_NONE;
    case TIR_DOT: return sum_of_dot(f, op, &arg);
    case TIR_DIV:
        if (tir_axes_both(op->attr_axes, axes_of(f, arg.args[1])).count > 0) return TIR_NONE;
        return fold_map(f, TIR_DIV, s, sum(f, a, op->attr_axes, s), arg.args[1], TIR_NONE);
    default: return TIR_NONE;
    }
}

static TirId fold_reduce_max(TirFunction *f, const TirOp *op) {
    TirId a = fold_narrow(f, op->args[0]);
    if (a == op->args[0]) return TIR_NONE;
    TirAxes kept = tir_axes_both(op->attr_axes, axes_of(f, a)), gone = tir_axes_minus(op->attr_axes, kept);
    for (uint32_t k = 0; k < gone.count; k++)
        if (f->axes.data[gone.id[k]].size < 0) return TIR_NONE; /* could be empty */
    return kept.count == 0 ? a : fold_last(f, tir_reduce_max(f, a, kept, op->span));
}

static TirId fold_dot(TirFunction *f, const TirOp *op) {
    Span s = op->span;
    TirId arg[2] = {fold_narrow(f, op->args[0]), fold_narrow(f, op->args[1])};
    if (arg[0] != op->args[0] || arg[1] != op->args[1]) {
        TirAxes in_a = tir_axes_both(op->attr_axes, axes_of(f, arg[0]));
        TirAxes in_b = tir_axes_both(op->attr_axes, axes_of(f, arg[1]));
        TirAxes both = tir_axes_both(in_a, in_b), none = tir_axes_minus(op->attr_axes, tir_axes_union(in_a, in_b));
        TirId a = sum(f, arg[0], tir_axes_minus(in_a, both), s), b = sum(f, arg[1], tir_axes_minus(in_b, both), s);
        TirId made = both.count > 0 ? fold_last(f, tir_dot(f, a, b, both, s)) : product(f, a, b, s);
        return repeat(f, made, none, s);
    }
    for (int k = 0; k < 2; k++) {
        if (f->ops.data[arg[k]].op != TIR_NEG) continue;
        arg[k] = f->ops.data[arg[k]].args[0];
        TirId positive = fold_last(f, tir_dot(f, arg[0], arg[1], op->attr_axes, s));
        return fold_map(f, TIR_NEG, s, positive, TIR_NONE, TIR_NONE);
    }
    return TIR_NONE;
}

/* --- structure --- */

static TirId fold_rename(TirFunction *f, const TirOp *op) {
    TirOp arg = f->ops.data[op->args[0]];
    switch (arg.op) {
    case TIR_BROADCAST:
        if (!tir_axes_has(axes_of(f, arg.args[0]), op->axis)) return arg.args[0];
        return fold_last(f, tir_rename(f, arg.args[0], op->axis, op->axis2, op->span));
    case TIR_RENAME:
        if (arg.axis2 != op->axis) return TIR_NONE;
        if (arg.axis == op->axis2) return arg.args[0];
        return fold_last(f, tir_rename(f, arg.args[0], arg.axis, op->axis2, op->span));
    case TIR_IOTA: return tir_iota(f, op->axis2, op->span);
    default: return TIR_NONE;
    }
}

static TirId fold_slice(TirFunction *f, const TirOp *op) {
    TirOp arg = f->ops.data[op->args[0]];
    if (arg.op == TIR_IOTA) return tir_int(f, op->integer, op->span);
    if (arg.op != TIR_BROADCAST) return TIR_NONE;
    if (!tir_axes_has(axes_of(f, arg.args[0]), op->axis)) return arg.args[0];
    return fold_last(f, tir_slice(f, arg.args[0], op->axis, op->integer, op->span));
}

static TirId fold_gather(TirFunction *f, const TirOp *op) {
    TirId table = fold_narrow(f, op->args[0]), index = fold_narrow(f, op->args[1]);
    int64_t size = f->axes.data[op->axis].size;
    if (!tir_axes_has(axes_of(f, table), op->axis)) return size > 0 ? table : TIR_NONE;
    if (f->ops.data[index].op == TIR_CONST && size > 0) {
        int64_t at = f->ops.data[index].integer;
        at = at < 0 ? 0 : at >= size ? size - 1 : at;
        return fold_last(f, tir_slice(f, table, op->axis, at, op->span));
    }
    TirOp ordered = f->ops.data[index];
    if (ordered.op == TIR_IOTA && f->axes.data[ordered.axis].size == size && size > 0 &&
        !tir_axes_has(axes_of(f, table), ordered.axis))
        return fold_last(f, tir_rename(f, table, op->axis, ordered.axis, op->span));
    if (table == op->args[0] && index == op->args[1]) return TIR_NONE;
    return fold_last(f, tir_gather(f, table, index, op->axis, op->span));
}

static TirId fold_search(TirFunction *f, const TirOp *op) {
    TirId table = fold_narrow(f, op->args[0]), x = fold_narrow(f, op->args[1]);
    if (!tir_axes_has(axes_of(f, table), op->axis)) table = op->args[0];
    if (table == op->args[0] && x == op->args[1]) return TIR_NONE;
    return fold_last(f, tir_search(f, table, x, op->axis, op->span));
}

static TirId fold_cumsum(TirFunction *f, const TirOp *op) {
    TirId a = fold_narrow(f, op->args[0]);
    if (a == op->args[0] || !tir_axes_has(axes_of(f, a), op->axis)) return TIR_NONE;
    return fold_last(f, tir_cumsum(f, a, op->axis, op->flag, op->span));
}

TirId fold_shape(TirFunction *f, const TirOp *op) {
    switch (op->op) {
    case TIR_EXTENT: {
        int64_t size = f->axes.data[op->axis].size;
        return size >= 0 ? tir_int(f, size, op->span) : TIR_NONE;
    }
    case TIR_BROADCAST: {
        TirId a = fold_narrow(f, op->args[0]);
        return a != op->args[0] || tir_axes_equal(axes_of(f, a), op->axes) ? a : TIR_NONE;
    }
    case TIR_RENAME: return fold_rename(f, op);
    case TIR_SLICE: return fold_slice(f, op);
    case TIR_GATHER: return fold_gather(f, op);
    case TIR_SEARCH: return fold_search(f, op);
    case TIR_SUM: return fold_sum(f, op);
    case TIR_REDUCE_MAX: return fold_reduce_max(f, op);
    case TIR_CUMSUM: return fold_cumsum(f, op);
    case TIR_DOT: return fold_dot(f, op);
    case TIR_FLATTEN: return fold_flatten(f, op);
    case TIR_SCATTER: return fold_scatter(f, op);
    default: return TIR_NONE;
    }
}

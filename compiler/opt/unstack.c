/* Takes stacks of few values apart, so that what was put together only to be contracted or read again stays in
 * registers:
 *   dot(stack(x_0 .. x_{k-1}; n), w; n)  ->  sum_i x_i * slice(w, n, i)     for k <= DOT_LIMIT
 *   slice(stack(x ...; n), n, i)         ->  x_i
 *   sum(stack(x ...; n); n ...)          ->  sum(x_0 + x_1 + ...; ...)      for k <= SUM_LIMIT
 *   rename(stack(x ...; n); n to m)      ->  stack(x ...; m)
 * The first changes the order of summation, nothing else. Stacks left without a user are dead code. */
#include "opt/rewrite.h"

enum { DOT_LIMIT = 4, SUM_LIMIT = 16 };

/* The stack along an axis of `axes` that `v` is, or NULL. */
static const TirOp *stack_over(const TirFunction *f, TirId v, TirAxes axes, uint32_t limit) {
    const TirOp *op = &f->ops.data[v];
    return op->op == TIR_STACK && op->arg_count <= limit && tir_axes_has(axes, op->axis) ? op : NULL;
}

static TirId stack_sum(TirFunction *f, const TirOp *op, TirOp stack) {
    TirId sum = stack.args[0];
    for (uint32_t k = 1; k < stack.arg_count; k++) sum = tir_map(f, TIR_ADD, op->span, sum, stack.args[k], TIR_NONE);
    TirAxes rest = tir_axes_minus(op->attr_axes, tir_axes_one(stack.axis));
    TirAxes stacked = tir_axes_minus(f->ops.data[op->args[0]].axes, tir_axes_one(stack.axis));
    return tir_sum(f, rewrite_widen(f, sum, stacked, op->span), rest, op->span);
}

static TirId stack_dot(TirFunction *f, const TirOp *op, TirOp stack, TirId other) {
    TirId sum = TIR_NONE;
    for (uint32_t k = 0; k < stack.arg_count; k++) {
        TirId part = tir_slice(f, other, stack.axis, k, op->span);
        part = tir_map(f, TIR_MUL, op->span, stack.args[k], part, TIR_NONE);
        sum = sum == TIR_NONE ? part : tir_map(f, TIR_ADD, op->span, sum, part, TIR_NONE);
    }
    return sum;
}

/* What `op` becomes, or TIR_NONE. */
static TirId op_unstack(TirFunction *f, const TirOp *op) {
    const TirOp *stack;
    switch (op->op) {
    case TIR_SLICE:
        stack = stack_over(f, op->args[0], tir_axes_one(op->axis), TIR_NONE);
        return stack ? stack->args[op->integer] : TIR_NONE;
    case TIR_RENAME:
        stack = stack_over(f, op->args[0], tir_axes_one(op->axis), TIR_NONE);
        return stack ? tir_stack(f, stack->args, stack->arg_count, op->axis2, op->span) : TIR_NONE;
    case TIR_SUM:
        stack = stack_over(f, op->args[0], op->attr_axes, SUM_LIMIT);
        return stack ? stack_sum(f, op, *stack) : TIR_NONE;
    case TIR_DOT:
        if (op->attr_axes.count != 1) return TIR_NONE;
        for (int k = 0; k < 2; k++)
            if ((stack = stack_over(f, op->args[k], op->attr_axes, DOT_LIMIT)))
                return stack_dot(f, op, *stack, op->args[1 - k]);
        return TIR_NONE;
    default: return TIR_NONE;
    }
}

void opt_unstack(TirFunction *f) {
    opt_bodies(f, opt_unstack);
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        TirId made = op_unstack(f, &op);
        w.map[v] = made == TIR_NONE ? rewrite_append(f, op) : rewrite_widen(f, made, op.axes, op.span);
    }
    rewrite_end(&w);
}

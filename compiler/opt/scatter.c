/* Sums of what is scattered into tables of one shape are scattered into one table:
 *   scatter(v_0 at i_0) + scatter(v_1 at i_1)  ->  scatter(v_0 at i_0, v_1 at i_1)
 * The adjoint of a table that is read in many places is such a sum; without this each place has a table of its own, and
 * a copy of it for every slot of the rows. Only where nobody else reads the parts. The order of summation changes. */
#include "opt/rewrite.h"

static TirAxes points(const TirFunction *f, const TirOp *op) {
    return tir_axes_union(f->ops.data[op->args[0]].axes, f->ops.data[op->args[1]].axes);
}

static bool together(const TirFunction *f, const TirOp *a, const TirOp *b) {
    return a->op == TIR_SCATTER && b->op == TIR_SCATTER && a->axis == b->axis &&
           tir_axes_equal(a->attr_axes, b->attr_axes) && tir_axes_equal(points(f, a), points(f, b));
}

static TirOp scatter_both(TirFunction *f, const TirOp *a, const TirOp *b) {
    TirOp op = *a;
    op.arg_count = a->arg_count + b->arg_count;
    op.args = ARENA_ARRAY(f->arena, TirId, op.arg_count);
    for (uint32_t k = 0; k < op.arg_count; k++) op.args[k] = k < a->arg_count ? a->args[k] : b->args[k - a->arg_count];
    return op;
}

void opt_scatter(TirFunction *f) {
    opt_bodies(f, opt_scatter);
    Rewrite w;
    rewrite_begin(&w, f);
    uint32_t *uses = ARENA_ARRAY(&w.scratch, uint32_t, w.old_count);
    for (TirId v = 0; v < w.old_count; v++)
        for (uint32_t k = 0; k < w.old[v].arg_count; k++) uses[w.old[v].args[k]]++;
    for (size_t i = 0; i < f->outputs.count; i++) uses[f->outputs.data[i].value]++;
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        if (op.op == TIR_ADD && uses[w.old[v].args[0]] == 1 && uses[w.old[v].args[1]] == 1) {
            const TirOp *a = &f->ops.data[op.args[0]], *b = &f->ops.data[op.args[1]];
            if (together(f, a, b)) op = scatter_both(f, a, b);
        }
        w.map[v] = rewrite_append(f, op);
    }
    rewrite_end(&w);
}

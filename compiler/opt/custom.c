/* Takes the given derivatives away once every derivative has been taken: a custom operation becomes its value, and what
 * only its slopes needed goes; so does the mark of what has no derivative. No later form has such operations, so every
 * function passes here. */
#include "opt/rewrite.h"

static bool is_custom(const TirOp *op) {
    return op->op == TIR_CUSTOM || op->op == TIR_OPAQUE;
}

void opt_custom(TirFunction *f) {
    opt_bodies(f, opt_custom);
    bool any = false;
    for (size_t v = 0; v < f->ops.count && !any; v++) any = is_custom(&f->ops.data[v]);
    if (!any) return;
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        w.map[v] = is_custom(&op) ? op.args[0] : rewrite_append(f, op);
    }
    rewrite_end(&w);
    opt_dce(f);
}

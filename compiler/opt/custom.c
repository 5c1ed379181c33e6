/* Takes the given derivatives away once every derivative has been taken: a custom operation becomes its value, and what
 * only its slopes needed goes. No later form has such an operation, so every function passes here. */
#include "opt/rewrite.h"

static bool has_custom(const TirFunction *f) {
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].op == TIR_CUSTOM) return true;
    return false;
}

void opt_custom(TirFunction *f) {
    if (!has_custom(f)) return;
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        w.map[v] = op.op == TIR_CUSTOM ? op.args[0] : rewrite_append(f, op);
    }
    rewrite_end(&w);
    opt_dce(f);
}

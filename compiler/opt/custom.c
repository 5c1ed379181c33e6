/* Takes the given derivatives away once every derivative has been taken: a custom operation becomes its value, and what
 * only its slopes needed goes. No later form has such an operation, so every function passes here. */
#include "opt/rewrite.h"

void opt_custom(TirFunction *f) {
    Rewrite w;
    bool replaced = false;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        bool custom = op.op == TIR_CUSTOM;
        w.map[v] = custom ? op.args[0] : rewrite_append(f, op);
        replaced |= custom;
    }
    rewrite_end(&w);
    if (replaced) opt_dce(f);
}

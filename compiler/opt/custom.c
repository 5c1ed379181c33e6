/* Takes the given derivatives away once every derivative has been taken: a custom operation becomes its value, and what
 * only its slopes needed goes; so does the mark of what has no derivative. No later form has such operations, so every
 * function passes here. */
#include "opt/rewrite.h"

void opt_custom(TirFunction *f) {
    opt_bodies(f, opt_custom);
    Rewrite w;
    bool replaced = false;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        bool custom = op.op == TIR_CUSTOM || op.op == TIR_OPAQUE;
        w.map[v] = custom ? op.args[0] : rewrite_append(f, op);
        replaced |= custom;
    }
    rewrite_end(&w);
    if (replaced) opt_dce(f);
}

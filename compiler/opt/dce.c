/* Dead code: what no output needs goes. INPUT operations stay, because the ports are the function's interface. */
#include "opt/rewrite.h"

void opt_dce(TirFunction *f) {
    opt_bodies(f, opt_dce);
    Rewrite w;
    rewrite_begin(&w, f);
    bool *live = ARENA_ARRAY(&w.scratch, bool, w.old_count);
    for (size_t i = 0; i < f->outputs.count; i++) live[f->outputs.data[i].value] = true;
    for (size_t v = w.old_count; v-- > 0;) {
        live[v] |= w.old[v].op == TIR_INPUT;
        if (!live[v]) continue;
        for (uint32_t k = 0; k < w.old[v].arg_count; k++) live[w.old[v].args[k]] = true;
    }
    for (TirId v = 0; v < w.old_count; v++)
        if (live[v]) w.map[v] = rewrite_append(f, rewrite_operation(&w, v));
    rewrite_end(&w);
}

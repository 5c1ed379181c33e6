/* What the passes share: a function's operations are taken away and put back one by one, in order, with their arguments
 * renumbered, so that a pass can leave out, replace or insert operations as it goes. A replacement has the type and the
 * axes of what it replaces. */
#ifndef QTMC_OPT_REWRITE_H
#define QTMC_OPT_REWRITE_H

#include "tir/tir.h"

typedef struct Rewrite {
    TirFunction *f; /* its operations are the new ones */
    TirOp *old;
    size_t old_count;
    TirId *map; /* old to new; TIR_NONE: not put back */
    Arena scratch;
} Rewrite;

void rewrite_begin(Rewrite *w, TirFunction *f);
/* Old operation `id` with its arguments renumbered; nothing is appended yet. */
TirOp rewrite_operation(Rewrite *w, TirId id);
TirId rewrite_append(TirFunction *f, TirOp op);
/* `v` with exactly these axes. */
TirId rewrite_widen(TirFunction *f, TirId v, TirAxes axes, Span span);
/* Renumbers the ports. */
void rewrite_end(Rewrite *w);

/* Runs a pass over the bodies of the loops of `f`. */
void opt_bodies(TirFunction *f, void (*pass)(TirFunction *));

#endif

/* Between fold.c and fold_shape.c: building values that are simplified as they are made. */
#ifndef QTMC_OPT_FOLD_H
#define QTMC_OPT_FOLD_H

#include "opt/rewrite.h"

/* Appends `op`, whose arguments are in `f`, or what it simplifies to; same type, same axes. */
TirId fold_emit(TirFunction *f, TirOp op);
/* The operation that a builder has just appended, simplified. */
TirId fold_last(TirFunction *f, TirId built);
TirId fold_map(TirFunction *f, TirOpcode op, Span span, TirId a, TirId b, TirId c);
/* `v` with these axes, a superset of its own. */
TirId fold_widen(TirFunction *f, TirId v, TirAxes axes, Span span);
/* The value under a broadcast, or `v`. */
TirId fold_narrow(const TirFunction *f, TirId v);

/* Rules for everything that is not element-wise; the result may lack axes of `op`. TIR_NONE: no rule applies. */
TirId fold_shape(TirFunction *f, const TirOp *op);
/* fold_index.c */
TirId fold_flatten(TirFunction *f, const TirOp *op);
TirId fold_scatter(TirFunction *f, const TirOp *op);

#endif

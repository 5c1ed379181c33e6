/* Runs scheduled loop IR as it stands, before math expansion; the oracle for schedules. */
#ifndef QTMC_LIR_INTERP_H
#define QTMC_LIR_INTERP_H

#include "lir/lir.h"

/* As tir_interpret: inputs by port, extents by data set, outputs by port in `arena`. Wants a function scheduled as f64.
 */
void lir_interpret(const LirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
                   uint64_t step, TirTensor *outputs);

#endif

/* Integers of a kernel body that are sums of loop indices times constants: where a window begins, an element of an
 * array seen in another shape. Scheduler and emitter ask, so that such an index is a plain address. */
#ifndef QTMC_LIR_AFFINE_H
#define QTMC_LIR_AFFINE_H

#include "lir/lir.h"

typedef struct LirAffine {
    int64_t constant;
    uint32_t count;
    struct {
        uint32_t axis;
        int64_t factor; /* not 0 */
    } term[LIR_MAX_DIMS];
    int64_t least, most; /* over all points */
} LirAffine;

/* Whether instruction `instr` of the kernel is one. Loops of dynamic length have no bounds: not these. */
bool lir_affine(const LirFunction *f, const LirKernel *kernel, uint32_t instr, LirAffine *a);
int64_t lir_affine_factor(const LirAffine *a, uint32_t axis);
/* Whether a computed index is one that never leaves [0, n - 1] of a static dimension `dim`: nothing is to be clamped.
 */
bool lir_affine_index(const LirFunction *f, const LirKernel *kernel, const LirAccess *access, uint32_t dim,
                      LirAffine *a);
/* Whether each step along `axis` goes to another place, whatever the others do. */
bool lir_access_apart(const LirFunction *f, const LirKernel *kernel, const LirAccess *access, uint32_t axis);

#endif

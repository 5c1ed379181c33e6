/* How a nest uses the vector registers: decided from the kernel and the machine alone, for the emitter, which follows
 * it, and for --report=schedule, which tells it. */
#ifndef QTMC_LLVM_SHAPE_H
#define QTMC_LLVM_SHAPE_H

#include "lir/lir.h"
#include "llvm/emit.h"

enum { NEST_SUMS = 4 }; /* most partial sums of a reduction */
typedef struct NestShape {
    unsigned lanes;    /* elements of the last loop that go through the body together; 1: scalars */
    unsigned together; /* vectors among them, where lookups or operations wait for one another; else 1 */
    unsigned sums;     /* partial sums of every reduction: vectors a round of the unrolled loop */
    bool reduces;      /* sums or maxima are kept in registers */
    bool one_copy;     /* what is left of the last vector goes through the same masked loop as all */
} NestShape;

NestShape nest_shape(Arena *arena, const HostTarget *target, bool f64, const LirFunction *f, const LirGroup *group,
                     const LirKernel *kernel);
/* The longest that a loop along an axis can be in this kernel, with those that are joined to it: a block, for rows.
 * INT64_MAX where only the data tell. */
int64_t shape_bound(const LirFunction *f, const LirGroup *group, const LirKernel *kernel, TirAxisId axis);

#endif

/* A static model of a processor's core: how many cycles a kernel takes at least, and what it spends them on. For
 * reports: it knows neither what else runs nor what caches hold, and its numbers are those of today's x86-64 cores (two
 * vector multiply-adds, two loads, one store a cycle; a sum is ready after four). */
#ifndef QTMC_REPORT_BOUND_H
#define QTMC_REPORT_BOUND_H

#include "lir/cost.h"
#include "llvm/emit.h"
#include "llvm/shape.h"
#include "llvm/tile.h"

typedef enum BoundKind {
    BOUND_ARITHMETIC,
    BOUND_LOADS,
    BOUND_STORES,
    BOUND_LOOKUPS,
    BOUND_DIVISIONS,
    BOUND_SUMS,
    BOUND_CALLS,
    BOUND_MEMORY,
    BOUND_COUNT
} BoundKind;

typedef struct Bound {
    double part[BOUND_COUNT]; /* cycles that each would take by itself */
    double cycles;            /* of the longest */
    BoundKind kind;
} Bound;

/* How the kernel is emitted, in the one of two that is of its kind. */
typedef struct Shape {
    NestShape nest;
    DotTile tile;
} Shape;

/* `far`: bytes that come from or go to memory, not a cache. */
Bound bound_of(const LirKernel *kernel, const LirCost *cost, const Shape *shape, const HostTarget *target, bool f64,
               double far);
const char *bound_text(BoundKind kind);

#endif

/* What kernels cost, counted from loop IR: for reports, and for whoever decides by it. Counts are of elements, exact
 * but for what depends on values (how far a sort has to go); they know no machine, no vectors and no caches.
 *
 *   flops    an addition, product, quotient, root, maximum, minimum or rounding of reals is 1, a fused product and sum
 *            2; comparisons, selections and work on bits none. An elementary function is counted as what math expansion
 *            makes of it, before and after
 *   steps    instructions: a product that only a sum reads is one with it; a constant or an index is none */
#ifndef QTMC_LIR_COST_H
#define QTMC_LIR_COST_H

#include "lir/lir.h"

typedef struct LirCost {
    double flops;
    double products;      /* multiply-adds of DOT, two flops each, in `flops` but in none of the following six */
    double steps;         /* in the innermost loop, for every element */
    double outer;         /* outside of it */
    double divides;       /* of the steps: quotients and roots */
    double loads, stores; /* in the innermost loop, of neighbours */
    double lookups; /* the same where the places are no neighbours, or values choose them; a search is its halvings */
    double reduced; /* elements of the longest sum that stays in a register, through all its points */
    double calls;   /* of functions in C, for one element each */
    double read, written; /* bytes outside of scratch, each element once; for a group of rows what has rows */
    double kept;          /* the same of what has no rows: weights, tables, sums */
    double cached;        /* bytes of scratch and of partial copies, written or read */
} LirCost;

/* The length of every axis: as declared, `rows` for `row`, and `other` for further dynamic ones. */
double *lir_lengths(Arena *arena, const LirFunction *f, TirAxisId row, double rows, double other);
/* One run of a kernel or a group; of a group that runs a loop, of all its rounds. An array that several kernels of a
 * group touch counts once for reading and once for writing. */
LirCost lir_kernel_cost(Arena *arena, const LirFunction *f, const LirGroup *group, const LirKernel *kernel, bool f64,
                        const double *length);
LirCost lir_group_cost(Arena *arena, const LirFunction *f, const LirGroup *group, bool f64, const double *length);
/* Of one instruction and one element. */
double lir_instr_flops(const LirInstr *instr, bool f64);
/* By instruction of a nest: how many of the kernel's loops it has to be inside of, outermost first. */
uint32_t *lir_levels(Arena *arena, const LirFunction *f, const LirKernel *kernel);
/* The same of the place that an access names. */
uint32_t lir_access_level(const LirFunction *f, const LirKernel *kernel, const LirAccess *access,
                          const uint32_t *level);
void lir_cost_add(LirCost *to, LirCost more);

#endif

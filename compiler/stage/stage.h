/* Stages: a function that runs at every step is cut in two where values cross that need not be computed anew each time.
 * What they need runs before, rarely: once at the start of a fit where they depend on constants, options and columns of
 * data only. Outputs STAGED k of the early function are inputs STAGED k of the late one.
 *
 * One mechanism covers what is known when the model is compiled as well: a table of the logarithms of a grid is made at
 * the start, by the same code as at every step before, so that it has the same bits in single precision, and neither
 * the executable nor its text carries it. It costs some microseconds once.
 *
 * Where to cut is a minimum cut (choose.c): reading a number that was made before costs something too, and memory for
 * every event. */
#ifndef QTMC_STAGE_STAGE_H
#define QTMC_STAGE_STAGE_H

#include "tir/tir.h"

/* The numbers of a column lie in low .. high, both included. */
typedef struct StageColumn {
    uint32_t data, field;
    double low, high;
} StageColumn;
typedef struct StageColumns {
    const StageColumn *data;
    size_t count;
} StageColumns;

/* Bounds of every element of a value, which is then no NaN either; `known` false: there may be anything. */
typedef struct StageRange {
    double low, high;
    bool known;
} StageRange;

/* --- start.c --- */
/* `f` without what is the same at every step, and in `start` what makes that; NULL where it would not pay. `f` stays as
 * it is. With `f64`, it runs in double precision only: a power of what is the same at every step, but for its exponent,
 * may then be exp(exponent * log(base)), the logarithm of the start. */
TirFunction *stage_start(Arena *arena, const TirFunction *f, StageColumns columns, bool f64, TirFunction **start);
/* Of every operation: does it depend on constants, options and columns only? */
bool *stage_settled(Arena *arena, const TirFunction *f);

/* --- choose.c --- */
/* Operations to evaluate `f` once, with 100,000 events in every data set. */
double stage_work(const TirFunction *f);
/* Of the values that are `early` those to hand over, so that what is computed late and what is read costs least; and in
 * `saved`, what that is less than computing everything late. */
bool *stage_choose(Arena *arena, const TirFunction *f, const bool *early, double *saved);

/* --- range.c --- */
StageRange *stage_ranges(Arena *arena, const TirFunction *f, StageColumns columns);

/* --- power.c --- */
/* Rewrites `f`: comparisons of settled values whose ranges decide them become constants; with `powers`, powers of
 * settled bases that are nowhere negative become exponentials. */
void stage_simplify(TirFunction *f, const bool *settled, const StageRange *ranges, bool powers);

/* --- split.c --- */
/* Takes the values of `taken` out of `f`, which reads them from ports STAGED of field `field`; returns the function
 * that makes them. Whole numbers and truths go as reals. */
TirFunction *stage_split(TirFunction *f, const bool *taken, uint32_t field, const char *name);

#endif

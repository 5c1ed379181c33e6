/* Stages: a function that runs at every step is cut in two where values cross that need not be computed anew each time.
 * What they need runs before, less often: once at the start of a fit where they depend on constants, options and
 * columns of data only; once a step where two of its updates compute them from the same. Outputs STAGED k of the early
 * function are inputs STAGED k of the late one.
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
/* Element-wise operations that take as long as to evaluate `f` once, with 100,000 events in every data set. */
double stage_work(const TirFunction *f);
/* Of the values that are `early` those to hand over, so that what is computed late and what is read costs least; and in
 * `saved`, what that is less than computing everything late. `often`: they are made at every step, not once. */
bool *stage_choose(Arena *arena, const TirFunction *f, const bool *early, bool often, double *saved);

/* --- range.c --- */
StageRange *stage_ranges(Arena *arena, const TirFunction *f, StageColumns columns);

/* --- power.c --- */
/* Rewrites `f`: comparisons of settled values whose ranges decide them become constants; with `powers`, powers of
 * settled bases that are nowhere negative become exponentials. */
void stage_simplify(TirFunction *f, const bool *settled, const StageRange *ranges, bool powers);

/* --- split.c --- */
/* The function that makes the values of `taken`, in the order of `f`. Whole numbers and truths go as reals. */
TirFunction *stage_early(Arena *arena, const TirFunction *f, const bool *taken, const char *name);
/* Values of `f` with a number (not TIR_NONE) are read from ports STAGED: field `field`, output `number` of `early`. */
void stage_late(TirFunction *f, const uint32_t *number, uint32_t field, const TirFunction *early);
/* Both, for the one function. */
TirFunction *stage_split(TirFunction *f, const bool *taken, uint32_t field, const char *name);

/* --- shared.c --- */
/* Two updates: the blocks that are moved from the first one on before the second one runs, and every how many steps
 * they run. */
typedef struct StageMoves {
    const uint32_t *blocks;
    size_t count;
    double every[2];
} StageMoves;
/* Two functions, without what both compute from what does not change between them, which `shared` makes; all NULL where
 * that would not pay. */
typedef struct StageShared {
    TirFunction *shared, *first, *second;
} StageShared;
StageShared stage_share(Arena *arena, const TirFunction *f, const TirFunction *g, const StageMoves *moves,
                        const char *name);
/* Of every operation of `g` the one of `f` that gives the same, or TIR_NONE. */
TirId *stage_match(Arena *arena, const TirFunction *f, const TirFunction *g, const StageMoves *moves);

#endif

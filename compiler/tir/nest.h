/* Walks of the reference interpreter: a nest of loops over axes in which some arrays move by their own strides.
 */
#ifndef QTMC_TIR_NEST_H
#define QTMC_TIR_NEST_H

#include "tir/tir.h"

enum { NEST_ARRAYS = 1 + TIR_EXTERN_ARGS };

typedef struct Nest {
    uint32_t rank, arrays;
    int64_t size[TIR_MAX_AXES]; /* outermost first */
    double *base[NEST_ARRAYS];
    int64_t stride[NEST_ARRAYS][TIR_MAX_AXES];
} Nest;

/* One innermost loop of `n` points: array k is at p[k], p[k] + step[k], ... */
typedef void NestRow(const void *context, int64_t n, double *const *p, const int64_t *step);

/* Calls `row` for all points, in row-major order of the loops; not at all if a loop is empty. */
void nest_run(const Nest *nest, NestRow *row, const void *context);

/* The innermost loop of an element-wise operation: array 0 is the result, the others are the arguments.
 * Context: the TirOp. */
NestRow interp_map_row;

#endif

/* Functions that the C library lacks, for the interpreters and as what the emitted code is tested against. */
#ifndef QTMC_TIR_SPECIAL_H
#define QTMC_TIR_SPECIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "tir/tir.h"

double special_lgamma(double x); /* log|gamma(x)|, without the C library's global sign */
/* d^(n+1)/dx^(n+1) log gamma(x); NaN at 0, -1, -2, ... About 18 digits but for |x| below 1e-4000 or n above 30. */
long double special_polygamma(int64_t n, long double x);
/* Li2(x); NaN above 1. */
long double special_dilog(long double x);

/* Element-wise operations that are one of these or of qtm/numeric.h. */
bool special_has(TirOpcode op);
double special_map(TirOpcode op, int64_t order, const double *args);

#endif

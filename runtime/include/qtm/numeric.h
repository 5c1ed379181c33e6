/* Numerical routines that emitted code calls one number, or one row, at a time: functions whose series have no fixed
 * length, and sorting. The compiler's interpreters call the same. None keeps state or allocates. */
#ifndef QTM_NUMERIC_H
#define QTM_NUMERIC_H

#include <stdint.h>

/* The largest parameter of the incomplete functions: the time of their series grows with its square root. */
#define QTM_PARAMETER_MAX 1e7

/* P(a, x) = integral of t^(a-1) e^-t / Gamma(a) over 0 .. x, and its derivative i times by a, m times by x:
 * order = 10 i + m, i at most 2, i + m at most 3. NaN unless 0 < a <= QTM_PARAMETER_MAX and x >= 0. */
double qtm_inc_gamma(double a, double x, int32_t order);
/* Q(a, x) = 1 - P(a, x), with its relative accuracy in the tail. */
double qtm_inc_gamma_upper(double a, double x);
/* The x with P(a, x) = u. */
double qtm_inc_gamma_inverse(double a, double u);

/* I_x(a, b) = integral of t^(a-1) (1-t)^(b-1) / B(a, b) over 0 .. x, and its derivative i times by a, j times by b and
 * m times by x: order = 100 i + 10 j + m, i + j at most 2, i + j + m at most 3. NaN unless a and b are positive and at
 * most QTM_PARAMETER_MAX and 0 <= x <= 1. */
double qtm_inc_beta(double a, double b, double x, int32_t order);
/* The x with I_x(a, b) = u. */
double qtm_inc_beta_inverse(double a, double b, double u);

/* index[k * index_stride] = position of the k-th smallest of x[0], x[stride], ...: equal ones in the order in which
 * they stand, NaN last. 0 <= n < 2^31. */
void qtm_argsort_f32(int64_t n, const float *x, int64_t stride, int32_t *index, int64_t index_stride);
void qtm_argsort_f64(int64_t n, const double *x, int64_t stride, int32_t *index, int64_t index_stride);

#endif

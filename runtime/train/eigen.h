/* Eigenvalues and eigenvectors of a symmetric matrix, in f64. **Local** */
#ifndef QTM_EIGEN_H
#define QTM_EIGEN_H

#include <stdint.h>

#include "runtime/core/status.h"

/* a [n, n] symmetric; it becomes the eigenvectors, one a row, of length 1; values [n] in ascending order, right to
 * about 1e-16 of the largest. */
qtm_status qtm_eigen(int64_t n, double *a, double *values);

#endif

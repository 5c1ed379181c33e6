/* Limited-memory BFGS in f64 (Nocedal and Wright, Numerical Optimization, 2nd ed.: two-loop recursion, algorithm 7.4;
 * line search for the strong Wolfe conditions, algorithms 3.5 and 3.6, with cubic interpolation). It knows the function
 * only through a callback, so it takes the same decisions on every rank where the callback gives every rank the same
 * bits. */
#ifndef QTM_LBFGS_H
#define QTM_LBFGS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/status.h"

/* Sets *f and g[0..n-1] at x. A point where the function is not finite is allowed except the first. May be collective.
 */
typedef qtm_status (*qtm_lbfgs_function)(void *context, const double *x, double *f, double *g);

enum {
    QTM_LBFGS_STORED,
    QTM_LBFGS_NEXT,
    QTM_LBFGS_KNOWN,
    QTM_LBFGS_FLAT,
    QTM_LBFGS_CONVERGED,
    QTM_LBFGS_ITERATIONS,
    QTM_LBFGS_EVALUATIONS,
    QTM_LBFGS_COUNTERS = 8
};

/* counters, f, x, g, s, y and rho are the state that a checkpoint keeps. */
struct qtm_lbfgs {
    int64_t n;
    int memory;
    double tolerance;
    int64_t counters[QTM_LBFGS_COUNTERS];
    double f;
    double *x, *g;                         /* [n] the current point and, when KNOWN, f and its gradient there */
    double *s, *y, *rho;                   /* [memory, n], [memory, n], [memory] */
    double *d, *x_trial, *g_trial, *alpha; /* scratch */
};

/* memory >= 1; tolerance > 0. The caller fills x. **Local** */
qtm_status qtm_lbfgs_create(struct qtm_lbfgs *lbfgs, int64_t n, int memory, double tolerance);
void qtm_lbfgs_destroy(struct qtm_lbfgs *lbfgs);

/* One iteration. With `same_function`, the function is the one of the last iteration and x has not been changed, so its
 * value need not be asked again. Sets CONVERGED when
 *     max |g_i| <= tolerance * max(1, |f|), or
 *     |change of f| <= max(tolerance^2, 4 eps) * max(1, |f|) in two iterations running (f - f* goes as the square of
 * the distance, hence the square), or not even steepest descent finds a lower f: rounding is all that is left. */
qtm_status qtm_lbfgs_step(struct qtm_lbfgs *lbfgs, bool same_function, qtm_lbfgs_function function, void *context);

#endif

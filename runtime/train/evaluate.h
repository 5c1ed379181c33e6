/* What a trained fit says: its parameters and its curves, with spreads. With a generator network these are the mean and
 * the standard deviation over parameter vectors, of all ranks; for fitted parameters the value and its uncertainty,
 * from the curvature of the objective at the optimum. */
#ifndef QTM_EVALUATE_H
#define QTM_EVALUATE_H

#include "runtime/train/session.h"

struct qtm_result {
    double *value, *spread; /* [param_count]; spread NaN: not determined */
    int64_t points;
    double *mean, *sd, *truth; /* [curve_count, points]; sd and truth NaN: none */
    double *variation;         /* [curve_count] total variation to the truth; NaN: not a density or no truth */
    double *correlation;       /* NULL, or [param_count, param_count]; NaN where a parameter is not determined */
    const char *wrapper;       /* NULL, or "ensemble of 20 runs of gan": what value and spread are over */
};

/* On every rank the same. **Collective** */
qtm_status qtm_result_compute(struct qtm_session *session, struct qtm_result *result);
void qtm_result_free(struct qtm_result *result);
/* Means and standard deviations of `rows` runs, each [param_count] values and then [curve_count, points] of curves,
 * into a result computed for one of them; rows that are not finite are left out, and the number of others is given
 * back.
 * **Local** */
int64_t qtm_result_combine(const struct qtm_session *session, int64_t rows, const double *values,
                           struct qtm_result *result);

/* Position of grid point i of a curve. */
double qtm_curve_x(const struct qtm_curve *curve, int64_t points, int64_t i);

#endif

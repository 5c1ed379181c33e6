/* Uncertainties of fitted parameters from the observed information: with H the matrix of second derivatives of the
 * objective (a negative log-likelihood of all events) at the optimum, cov(w) = H^-1 in the space of the weights and
 * cov(q) = J H^-1 J', J = dq/dw, for any quantity q: parameters and points of curves. An objective that is a mean over
 * the events is multiplied by their number first. */
#ifndef QTM_INFORMATION_H
#define QTM_INFORMATION_H

#include "runtime/train/evaluate.h"

/* Fills result->spread and result->sd. Directions in which the objective does not change (an overall factor of
 * normalised densities) are left out; a parameter that moves along one gets NaN, for the data do not determine it. All
 * NaN where there is no information: no update over all data, or more weights than can be differentiated one by one
 * (128). `curve` may be NULL. **Collective** */
qtm_status qtm_information_spread(struct qtm_session *session, struct qtm_call *params, struct qtm_call *curve,
                                  struct qtm_result *result);

#endif

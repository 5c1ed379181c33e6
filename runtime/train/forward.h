/* Gradients against derivatives that forward mode gives, in f64, at random directions u, v of the weights:
 *   first order   <gradient, v> = dL/dv
 *   second order  <u, H v> = <v, H u>, where H v is the derivative of the gradient along v.
 * Reverse and forward mode use other rules where an operation is no element-wise one, so a wrong one shows. */
#ifndef QTM_FORWARD_H
#define QTM_FORWARD_H

#include "runtime/train/session.h"

#define QTM_FORWARD_LIMIT 1e-10

struct qtm_forward {
    struct qtm_session *session;
    const struct qtm_update *update;
    struct qtm_call call;
    struct qtm_gradient product; /* H along the directions */
    double **directions;         /* [block_count] NULL where the update has no such block */
    double *u, *h;               /* [product.count] a direction, and H along it */
    double *first, *second;      /* [block_count] the largest error so far; NULL: the functions are not there */
    uint64_t random;
};

qtm_status qtm_forward_open(struct qtm_session *session, const struct qtm_update *update, struct qtm_forward *forward);
/* At the weights as they are, whose gradient and loss are given. */
void qtm_forward_point(struct qtm_forward *forward, const struct qtm_gradient *gradient, double loss);
void qtm_forward_close(struct qtm_forward *forward);

#endif

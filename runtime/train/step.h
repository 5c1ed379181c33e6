/* One training step: the updates of a fit in the order written, each with its gradient, exchange and optimiser, then
 * the checks that the ranks still agree. */
#ifndef QTM_STEP_H
#define QTM_STEP_H

#include "runtime/train/session.h"

struct qtm_adam_settings;
/* Moves the weights of an update against its gradient, on the session's threads: by Adam, or without it down the
 * gradient with momentum. **Local** */
void qtm_step_move(struct qtm_session *session, struct qtm_trainer *trainer, const struct qtm_adam_settings *adam,
                   double rate, double momentum);

/* What the ranks agreed on at the end of a step. */
struct qtm_step_end {
    bool converged;     /* every update is an L-BFGS that has converged */
    uint64_t interrupt; /* highest signal number given by any rank, or 0 */
};

/* Takes step number session->step and adds one to it. `interrupt` is the signal this rank has received, or 0. Errors,
 * the same on all ranks: a loss or a gradient that is not finite (with step, objective and block); copies that differ
 * between ranks. Weights are of no use after an error. **Collective** */
qtm_status qtm_step_run(struct qtm_session *session, uint64_t interrupt, struct qtm_step_end *end);

#endif

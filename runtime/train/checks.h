/* The checks of a model: `check` declarations, sum rules and positivity, at the parameters a fit starts from. */
#ifndef QTM_CHECKS_H
#define QTM_CHECKS_H

#include "runtime/train/session.h"

/* Fails with the two sides of the first check that does not hold for some parameter vector. **Collective** */
qtm_status qtm_session_checks(struct qtm_session *session);

#endif

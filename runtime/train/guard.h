/* Densities that are none: see qtm_guard in qtm/model.h. */
#ifndef QTM_GUARD_H
#define QTM_GUARD_H

#include "runtime/train/session.h"

/* Do all guards hold in what the call computed last? **Local** */
bool qtm_guard_holds(const struct qtm_call *call);

/* A failure that says the density, the node, the value and the parameters, where a guard does not hold. `when` begins
 * the message: "step 3 of fit gan". The parameters are those of the session's weights (and of its seed, where they are
 * generated); without a session, the declared truth. **Local** */
qtm_status qtm_guard_check(const struct qtm_call *call, const struct qtm_model *model, struct qtm_session *session,
                           const char *when);

#endif

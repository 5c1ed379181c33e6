/* Networks whose weights come from the checkpoint of another run and are not trained. */
#ifndef QTM_FREEZE_H
#define QTM_FREEZE_H

#include "runtime/train/session.h"

enum { QTM_SHAPES_LENGTH = 16384 };

/* Names and shapes of the weights of a group, "critic.0.W[8,2] critic.0.c[8]": two groups with equal text have the same
 * layout. */
void qtm_freeze_shapes(const struct qtm_fit *fit, int group, char text[QTM_SHAPES_LENGTH]);
/* Reads the frozen groups of a session. Errors: a file that is not there or no checkpoint, one without such a network,
 * weights of other shapes. **Local** */
qtm_status qtm_freeze_load(struct qtm_session *session);

#endif

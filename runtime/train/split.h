/* Data sets that are split: objectives see the first share of a rank's events, monitors the rest. */
#ifndef QTM_SPLIT_H
#define QTM_SPLIT_H

#include "runtime/train/session.h"

/* Fills session->monitored and monitored_extent, and cuts session->events and extent, after the data are read. Errors:
 * memory; a share without events. **Local** */
qtm_status qtm_split_open(struct qtm_session *session);
void qtm_split_close(struct qtm_session *session);

#endif

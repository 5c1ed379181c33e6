/* The commands fit and resume: the loop over steps with its reports and checkpoints, and what is left at the end. */
#ifndef QTM_LOOP_H
#define QTM_LOOP_H

#include "qtm/model.h"
#include "runtime/comm/comm.h"
#include "runtime/core/options.h"

/* Both set *exit_status to 0, or to 128 + the signal that ended the run after its checkpoint. **Collective** */
qtm_status qtm_fit_command(const struct qtm_model *model, const struct qtm_arguments *arguments, struct qtm_comm *comm,
                           int *exit_status);
qtm_status qtm_resume_command(const struct qtm_model *model, const struct qtm_arguments *arguments,
                              struct qtm_comm *comm, int *exit_status);

#endif

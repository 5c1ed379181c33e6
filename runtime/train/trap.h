/* --trap=nan: where the first number that is none comes from. */
#ifndef QTM_TRAP_H
#define QTM_TRAP_H

#include "qtm/model.h"
#include "runtime/core/call.h"

/* After a failure was recorded for a NaN or infinity in what the call computed last: runs the call again on the
 * reference interpreter and adds to the message the operation that made it, its place in the model's source, its index,
 * its arguments. Gives a failure back. **Local** */
qtm_status qtm_trap_explain(const struct qtm_model *model, const struct qtm_call *call);

#endif

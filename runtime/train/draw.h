/* The command draw: events at the declared truth, to an event file. */
#ifndef QTM_DRAW_H
#define QTM_DRAW_H

#include "qtm/model.h"
#include "runtime/core/options.h"
#include "runtime/core/status.h"

/* **Local**: one rank draws. */
qtm_status qtm_draw_command(const struct qtm_model *model, const struct qtm_arguments *arguments);

/* Can closure data of this data set be drawn? **Local** */
bool qtm_draw_can(const struct qtm_model *model, int data);
/* Fills columns[field][0 .. count - 1] with `count` events of such a data set. **Local** */
qtm_status qtm_draw_events(const struct qtm_model *model, int data, const double *options, uint64_t seed, int64_t count,
                           float *const *columns);

#endif

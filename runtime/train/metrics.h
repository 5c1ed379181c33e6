/* What a run says about itself while it goes on: losses and monitors every report interval, averaged over ranks, as a
 * line of metrics.jsonl and as progress on the terminal. */
#ifndef QTM_METRICS_H
#define QTM_METRICS_H

#include <stdio.h>

#include "runtime/train/session.h"

struct qtm_reading {
    double *losses;   /* [update_count] */
    double *monitors; /* monitor m at first[m] .. first[m + 1] */
    int64_t *first;   /* [monitor_count + 1] */
    bool stop;        /* `stop when` holds on every rank */
};

qtm_status qtm_reading_create(const struct qtm_session *session, struct qtm_reading *reading); /* **Local** */
void qtm_reading_free(struct qtm_reading *reading);
/* Takes the losses of the last step and evaluates the monitors at the weights as they are. **Collective** */
qtm_status qtm_reading_take(struct qtm_session *session, struct qtm_reading *reading);

/* Opens the metrics of a run for appending, keeping only the complete lines of steps up to `step` (0: none). **Local**
 */
qtm_status qtm_metrics_open(const char *path, int64_t step, FILE **file);
/* Appends one line and flushes it. **Local** */
qtm_status qtm_metrics_write(FILE *file, const char *path, const struct qtm_session *session,
                             const struct qtm_reading *reading);

/* One line of progress: rewritten in place on a terminal, else a line each. `steps` in all; `started` is the step and
 * `elapsed` the time since this start. **Local** */
void qtm_progress_print(const struct qtm_session *session, const struct qtm_reading *reading, int64_t steps,
                        int64_t started, double elapsed);
/* Ends the rewritten line, so that other output starts on a line of its own. **Local** */
void qtm_progress_end(void);

#endif

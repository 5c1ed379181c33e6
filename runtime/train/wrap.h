/* Fits made of many runs of another fit: other seeds (ensemble) run belongs to one rank alone; the ranks share the runs
 * out, and their number changes nothing but the time. */
#ifndef QTM_WRAP_H
#define QTM_WRAP_H

#include <stdio.h>

#include "qtm/model.h"
#include "runtime/comm/comm.h"
#include "runtime/core/options.h"
#include "runtime/train/evaluate.h"

/* What a rank needs for its runs. */
struct qtm_wrap {
    const struct qtm_wrapper *wrapper;
    struct qtm_config config; /* of a run on this rank alone */
    struct qtm_comm *comm;    /* of all ranks */
    const char *folder;
    int64_t steps, report_every;
    int64_t rows, width; /* runs; parameters and points of curves */
    double *values;      /* [rows, width], NaN where a run failed */
    bool quiet;
};

/* **Collective** */
qtm_status qtm_wrap_command(const struct qtm_model *model, const struct qtm_wrapper *wrapper,
                            const struct qtm_choice *choice, const struct qtm_arguments *arguments,
                            struct qtm_comm *comm);

/* Runs an open session to its last step; with `metrics`, writes a line at every report. */
qtm_status qtm_wrap_steps(const struct qtm_wrap *wrap, struct qtm_session *session, FILE *metrics, const char *path);

#endif

/* What the command line says of a run, for every command that starts one. */
#ifndef QTM_START_H
#define QTM_START_H

#include "runtime/core/options.h"
#include "runtime/train/session.h"

enum { QTM_RUN_FOLDER = 4096 };

/* The seed, threads, options and files that were given, or their defaults. */
struct qtm_config qtm_start_config(const struct qtm_model *model, const struct qtm_fit *fit, struct qtm_comm *comm,
                                   const struct qtm_choice *choice, const struct qtm_arguments *arguments);
/* Where the run is kept: --out, or run/NAME of what is run. */
qtm_status qtm_start_folder(const struct qtm_arguments *arguments, char folder[QTM_RUN_FOLDER]);
/* `given`, or a part of the steps, at least 1. */
int64_t qtm_start_interval(int64_t given, int64_t steps, int64_t parts);

#endif

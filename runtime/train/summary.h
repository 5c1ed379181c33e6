/* The files that a finished run leaves: summary.json (answer and circumstances) and curves.json (for the report). */
#ifndef QTM_SUMMARY_H
#define QTM_SUMMARY_H

#include "runtime/train/evaluate.h"

/* Both **Local**, on one rank; files appear whole or not at all. */
qtm_status qtm_summary_write(const char *path, const struct qtm_session *session, const struct qtm_result *result,
                             bool converged);
qtm_status qtm_curves_write(const char *path, const struct qtm_session *session, const struct qtm_result *result);
/* Prints parameters and total variation as a table. */
void qtm_summary_print(const struct qtm_session *session, const struct qtm_result *result);

#endif

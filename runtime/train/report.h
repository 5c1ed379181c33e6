/* The report of a run, made from the files in its folder alone: curves with band and truth, histories of losses and
 * monitors as PNG, and report.html, which shows them with the table of parameters. */
#ifndef QTM_REPORT_WRITE_H
#define QTM_REPORT_WRITE_H

#include "qtm/model.h"
#include "runtime/core/status.h"

/* `model` names the parameters' truth and the labels of monitors; the run must be of this model. Prints where the
 * report is unless quiet. **Local** */
qtm_status qtm_report_write(const char *folder, const struct qtm_model *model, bool quiet);

#endif

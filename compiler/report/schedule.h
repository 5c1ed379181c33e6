/* --report=schedule: in which kernels every compiled function runs, what they cost, and why they are made so. */
#ifndef QTMC_REPORT_SCHEDULE_H
#define QTMC_REPORT_SCHEDULE_H

#include "driver/pipeline.h"

/* After the passes over loop IR. Of functions that run at every step: groups in order, then kernels, those first that a
 * static model of the processor finds longest. The other functions take a line. */
void report_schedule(FILE *out, const Pipeline *pipeline, const HostTarget *target);

#endif

/* --report=memory: what every compiled function keeps in memory. */
#ifndef QTMC_REPORT_MEMORY_H
#define QTMC_REPORT_MEMORY_H

#include "driver/pipeline.h"

/* After the schedule. For each function: bytes of its arena (alive through a call; a fixed part and a part for every
 * row of each data set) and of its scratch (a thread), and for every value that one pass over the rows makes and a
 * later one reads, whether it is kept or made again, and what either would cost. */
void report_memory(FILE *out, const Pipeline *pipeline);

#endif

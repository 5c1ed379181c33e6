/* The plan of a function's arena, printed. */
#ifndef QTMC_REPORT_ARENA_H
#define QTMC_REPORT_ARENA_H

#include "report/text.h"

/* Bytes of the arena's static part, or of what a row of the axis `name` adds; with the bodies of loops, which use one
 * place behind it one after another. */
int64_t arena_bytes(const LirFunction *f, const char *name);
/* Of outputs that a later function reads, bytes without a row of data, or those that each row of `row` adds. */
double staged_bytes(const LirFunction *f, bool f64, TirAxisId row);
/* Where every buffer lies and when it lives, and the group that needs most. */
void arena_print(FILE *out, const Pipeline *p, const LirFunction *f);

#endif

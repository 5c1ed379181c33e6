/* What the runtime holds for a whole fit. */
#ifndef QTMC_REPORT_FITS_H
#define QTMC_REPORT_FITS_H

#include "report/text.h"

/* For each fit: the columns of its data sets, the largest arena and scratch of its functions (they run one after
 * another in one place, runtime/core/call.c), and weights with what optimisers keep. */
void report_fits(FILE *out, const Pipeline *p);

#endif

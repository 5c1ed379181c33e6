/* The pages behind `qtmc explain CODE`. A page is explain/CODE.md; explain.cmake turns all of them into one C table
 * when the compiler is built, so that none is looked for at run time. */
#ifndef QTMC_DIAG_EXPLAIN_H
#define QTMC_DIAG_EXPLAIN_H

#include "diag/diag.h"

/* The page's text as it is written; NULL for a code that has none yet, which a test reports. */
extern const char *const EXPLAIN_PAGES[DIAG_CODE_COUNT];

/* Finds a code by its name in upper or lower case; DIAG_CODE_COUNT when there is none. */
DiagCode explain_find(const char *name);
/* The code nearest to a name that is none, or NULL. */
const char *explain_nearest(const char *name);
/* One page as plain text, models indented and marked as wrong or right. */
void explain_print(FILE *out, DiagCode code, bool colour);
/* Every code with its title. */
void explain_print_codes(FILE *out);

#endif

/* LEFT OP RIGHT within a tolerance: what a `check` says, for the compiler, which evaluates checks of constants, and for
 * the runtime, which evaluates the others when a fit starts. */
#ifndef QTM_CHECK_H
#define QTM_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* op: <, <=, >, >= or ==. relative: the tolerance is of the right side, where that is above 1. */
static inline bool qtm_check_holds(const char *op, double tolerance, bool relative, double left, double right) {
    double slack = relative ? tolerance * fmax(1, fabs(right)) : tolerance;
    if (!strcmp(op, "<")) return left < right + slack;
    if (!strcmp(op, "<=")) return left <= right + slack;
    if (!strcmp(op, ">")) return left > right - slack;
    if (!strcmp(op, ">=")) return left >= right - slack;
    return fabs(left - right) <= slack;
}

#endif

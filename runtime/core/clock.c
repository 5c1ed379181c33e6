/* The monotonic clock, and that of the process. */
#include "runtime/core/clock.h"

#include <time.h>

static double clock_read(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double qtm_clock_seconds(void) {
    return clock_read(CLOCK_MONOTONIC);
}

double qtm_clock_processor(void) {
    return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

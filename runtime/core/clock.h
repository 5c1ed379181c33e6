/* Time for measuring: seconds since an arbitrary start, never going back. **Local** */
#ifndef QTM_CORE_CLOCK_H
#define QTM_CORE_CLOCK_H

double qtm_clock_seconds(void);

#endif

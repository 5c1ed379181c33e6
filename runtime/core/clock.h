/* Time for measuring: seconds since an arbitrary start, never going back. **Local** */
#ifndef QTM_CORE_CLOCK_H
#define QTM_CORE_CLOCK_H

double qtm_clock_seconds(void);
/* Seconds of the processor that all threads of this process have spent: counts nothing else that runs. */
double qtm_clock_processor(void);

#endif

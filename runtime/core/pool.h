/* The persistent threads that run kernels (qtm_pool_run, declared in qtm/kernel.h). The thread that calls qtm_pool_run
 * takes part as thread 0; workers are 1 .. threads - 1. Thread t starts with slots
 * [slots * t / threads, slots * (t + 1) / threads), so that it finds what it made before in its cache; who has done his
 * takes those of others, so a thread that comes late is not waited for. Scratch indexed by `thread` is private to it.
 * Between runs a worker spins for some tens of microseconds (a wake costs well under 1 us then) and then sleeps; where
 * there are more threads than processors it sleeps at once.
 * Only one thread at a time may call qtm_pool_run on a pool, and never from inside a group. */
#ifndef QTM_CORE_POOL_H
#define QTM_CORE_POOL_H

#include "qtm/kernel.h"
#include "runtime/core/status.h"

/* Starts a pool of `threads` in all, the caller included; 0 means as many as this process may use: the CPUs of its
 * affinity mask over `local_size`, at least 1. local_rank and local_size are this process's place among the job's
 * processes on this machine (0, 1 when alone): neighbours then choose different CPUs.
 * Workers are pinned to CPUs of the process's mask unless it has fewer than `threads`; the caller is pinned too while
 * the pool lives, if the job's threads exactly fill the mask (else it stays as it was). Set QTM_PIN=0 to pin nothing. A
 * single thread is never pinned. Fails when memory or threads run out. Call from the thread that will call
 * qtm_pool_run.
 * **Local** */
qtm_status qtm_pool_create(int threads, int local_rank, int local_size, struct qtm_pool **out);

/* Stops the workers and gives the caller its affinity back; call from the thread that created the pool. NULL is fine.
 */
void qtm_pool_destroy(struct qtm_pool *pool);

/* Threads in all, >= 1; also the number of scratch areas a frame needs. */
int qtm_pool_threads(const struct qtm_pool *pool);

/* CPUs in this process's affinity mask, >= 1: an upper limit for a sensible --threads. */
int qtm_pool_cpus(void);

#endif

/* The job's processes. MPI is initialised (MPI_THREAD_FUNNELED: only the thread that called qtm_comm_open may use it)
 * only if a launcher started the process; else the job has one rank and nothing here costs anything. Failures of MPI
 * come back as a status with MPI's own text; after one the job cannot go on together: print and qtm_comm_abort. */
#ifndef QTM_COMM_COMM_H
#define QTM_COMM_COMM_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/status.h"

struct qtm_comm;

enum qtm_reduce { QTM_SUM, QTM_MIN, QTM_MAX };

/* **Collective**, once in a process. */
qtm_status qtm_comm_open(int *argc, char ***argv, struct qtm_comm **out);
/* Finalises MPI, or ends a part. NULL is fine. **Collective** */
void qtm_comm_close(struct qtm_comm *comm);
/* The ranks of equal `color`, in the order of their ranks, as a job of their own. Close it before `comm`.
 * **Collective**
 */
qtm_status qtm_comm_split(struct qtm_comm *comm, int color, struct qtm_comm **out);
/* This rank alone. **Local** */
qtm_status qtm_comm_alone(const struct qtm_comm *comm, struct qtm_comm **out);

/* **Local** */
int qtm_comm_rank(const struct qtm_comm *comm);
int qtm_comm_size(const struct qtm_comm *comm);
int qtm_comm_local_rank(const struct qtm_comm *comm); /* among the ranks on this machine (shared memory) */
int qtm_comm_local_size(const struct qtm_comm *comm);

qtm_status qtm_comm_barrier(struct qtm_comm *comm); /* **Collective** */
/* `bytes` at `data` on rank `root` are copied to all. Any size. **Collective** */
qtm_status qtm_comm_broadcast(struct qtm_comm *comm, void *data, int64_t bytes, int root);
/* Element-wise in place, the same bits on every rank. Sums of f64 are taken in rank order (so the result depends on the
 * number of ranks only through the terms); meant for small arrays. **Collective** */
qtm_status qtm_comm_reduce_f64(struct qtm_comm *comm, double *data, int64_t count, enum qtm_reduce how);
qtm_status qtm_comm_reduce_u64(struct qtm_comm *comm, uint64_t *data, int64_t count, enum qtm_reduce how);

/* What every rank gave, on rank 0: rank r's bytes are data[offset[r] .. offset[r + 1]). Elsewhere empty. */
struct qtm_gathered {
    int count;
    char *data;
    int64_t *offset;
};
/* Collects `bytes` at `data` (another number on each rank is fine, 0 too; 2 GiB in all). **Collective** */
qtm_status qtm_comm_gather(struct qtm_comm *comm, const void *data, int64_t bytes, struct qtm_gathered *gathered);
void qtm_gathered_free(struct qtm_gathered *gathered);

/* Did everybody succeed? QTM_OK if `mine` is QTM_OK on all ranks; else the status of the lowest rank that failed, and
 * its message, on all ranks. Put it after every step that can fail on one rank alone. **Collective** */
qtm_status qtm_comm_agree(struct qtm_comm *comm, qtm_status mine);
/* Do all ranks hold the same bytes (the same number of them too)? **Collective** */
qtm_status qtm_comm_same(struct qtm_comm *comm, const void *data, int64_t bytes, bool *same);

/* Ends all processes of the job with this exit status. **Local** in effect at once. */
_Noreturn void qtm_comm_abort(struct qtm_comm *comm, int status);

#endif

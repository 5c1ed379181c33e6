/* Weighted averages over ranks: a bucketed ring of reduce-scatter and all-gather over MPI_Isend and MPI_Irecv.
 *
 * Cost. With M bytes, P ranks, k buckets, latency a of a message and bandwidth b of a link:
 *     time per rank = 2 k (P - 1) a + 2 (P - 1)/P M / b     (up to QTM_RING_WINDOW buckets overlap their latencies)
 * against T (P - 1) a + (P - 1) M / b for passing T whole tensors around. The volume, 2 (P - 1)/P M, is the least
 * possible for an all-reduce; smaller buckets overlap better and pay more latency.
 *
 * A bucket is split into P chunks. Reduce-scatter, round i = 0 .. P-2: rank r sends chunk r - i to rank r + 1, receives
 * chunk r - i - 1 from rank r - 1 and adds its own (all modulo P). Rank r then holds the sum of chunk r + 1, taken once
 * in the fixed order of ranks r+1, r+2, ..., r, divides it, and the all-gather copies it around: every rank ends with
 * the same bits. Messages of a window slot carry the slot's number as tag and match in order, so tags stay below
 * QTM_RING_WINDOW however many ranks and buckets there are. */
#ifndef QTM_COMM_RING_H
#define QTM_COMM_RING_H

#include <stdint.h>

#include "runtime/comm/comm.h"

enum { QTM_RING_WINDOW = 4, QTM_RING_BUCKET = 256 * 1024 };

struct qtm_ring;

/* Buffers for averages on `comm`, which must outlive the ring. bucket_bytes: the same on every rank; 0 means
 * QTM_RING_BUCKET. **Local** */
qtm_status qtm_ring_create(struct qtm_comm *comm, int64_t bucket_bytes, struct qtm_ring **out);
void qtm_ring_destroy(struct qtm_ring *ring); /* NULL is fine. **Local** */

/* data[i] = sum_r w_r data_r[i] / sum_r w_r on every rank, bit for bit the same. `count` (any, 0 too) must be equal on
 * all ranks; weight is finite and >= 0, and not 0 on all; the data of a rank of weight 0 is not looked at. Equal
 * weights give the plain mean, whatever they are. Errors: a bad weight, another count on another rank, MPI.
 * **Collective** */
qtm_status qtm_ring_average(struct qtm_ring *ring, float *data, int64_t count, double weight);
qtm_status qtm_ring_average_f64(struct qtm_ring *ring, double *data, int64_t count, double weight);

#endif

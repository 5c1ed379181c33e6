/* The bucketed ring. Up to QTM_RING_WINDOW buckets are under way at once; each is a small state machine whose step is
 * one round of the ring, and every completed pair of messages advances one of them. */
#include "runtime/comm/ring.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/comm/internal.h"
#include "runtime/core/memory.h"

enum { RING_MAX_BUCKET = 1 << 30 };

struct qtm_ring {
    struct qtm_comm *comm;
    int64_t bucket_bytes;
    char *incoming[QTM_RING_WINDOW]; /* a chunk each, for the reduce-scatter */
};

/* One call: the vector, its element type, and the weights. */
struct ring_job {
    struct qtm_ring *ring;
    char *data;
    int64_t count, bucket; /* elements; of a bucket */
    int size;              /* bytes of an element */
    double weight, total;  /* this rank's and all ranks' */
};

struct ring_slot {
    bool busy;
    int64_t first, count; /* the bucket: elements */
    int round;            /* 0 .. 2 (P - 1) - 1 */
};

/* ---- arithmetic on one type; scale rounds once ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type takes none */
#define RING_ARITHMETIC(type)                                                                                          \
    static void ring_add_##type(type *data, const type *more, int64_t count) {                                         \
        for (int64_t i = 0; i < count; i++) data[i] += more[i];                                                        \
    }                                                                                                                  \
    static void ring_multiply_##type(type *data, double factor, int64_t count) {                                       \
        if (factor == 0)                                                                                               \
            memset(data, 0, (size_t)count * sizeof *data); /* whatever is there, NaN too */                            \
        else if (factor != 1)                                                                                          \
            for (int64_t i = 0; i < count; i++) data[i] = (type)(data[i] * factor);                                    \
    }
RING_ARITHMETIC(float)
RING_ARITHMETIC(double)
/* NOLINTEND(bugprone-macro-parentheses) */

/* A product in double, rounded to float, is as good as the quotient and several times as fast. */
static void ring_divide_float(float *data, double divisor, int64_t count) {
    ring_multiply_float(data, 1 / divisor, count);
}

static void ring_divide_double(double *data, double divisor, int64_t count) {
    for (int64_t i = 0; i < count; i++) data[i] /= divisor;
}

static void ring_add(const struct ring_job *job, void *data, const void *more, int64_t count) {
    if (job->size == sizeof(float))
        ring_add_float(data, more, count);
    else
        ring_add_double(data, more, count);
}

static void ring_multiply(const struct ring_job *job, void *data, double factor, int64_t count) {
    if (job->size == sizeof(float))
        ring_multiply_float(data, factor, count);
    else
        ring_multiply_double(data, factor, count);
}

static void ring_divide(const struct ring_job *job, void *data, double divisor, int64_t count) {
    if (job->size == sizeof(float))
        ring_divide_float(data, divisor, count);
    else
        ring_divide_double(data, divisor, count);
}

/* ---- the ring ---- */

/* Chunk c (modulo P) of a slot's bucket; *count may be 0. */
static char *ring_chunk(const struct ring_job *job, const struct ring_slot *slot, int chunk, int64_t *count) {
    int ranks = job->ring->comm->size;
    chunk = (chunk % ranks + ranks) % ranks;
    int64_t start = slot->count * chunk / ranks, end = slot->count * (chunk + 1) / ranks;
    *count = end - start;
    return job->data + (slot->first + start) * job->size;
}

/* Round i < P-1 sends chunk r - i and receives r - i - 1 (to add); round P-1+i sends r - i + 1 and receives r - i. */
static void ring_round(const struct ring_job *job, const struct ring_slot *slot, int *send, int *receive) {
    const struct qtm_comm *comm = job->ring->comm;
    bool gather = slot->round >= comm->size - 1;
    *send = comm->rank - slot->round + (gather ? comm->size : 0); /* r - (round - (P-1)) + 1 = r - round + P */
    *receive = *send - 1;
}

static qtm_status ring_post(const struct ring_job *job, int64_t index, struct ring_slot *slot, MPI_Request pair[2]) {
    const struct qtm_comm *comm = job->ring->comm;
    int send, receive;
    int64_t send_count, receive_count;
    ring_round(job, slot, &send, &receive);
    const char *from = ring_chunk(job, slot, send, &send_count);
    char *to = ring_chunk(job, slot, receive, &receive_count);
    if (slot->round < comm->size - 1) to = job->ring->incoming[index];
    int left = (comm->rank + comm->size - 1) % comm->size, right = (comm->rank + 1) % comm->size;
    COMM_TRY(MPI_Irecv(to, (int)(receive_count * job->size), MPI_BYTE, left, (int)index, comm->world, &pair[0]));
    COMM_TRY(MPI_Isend(from, (int)(send_count * job->size), MPI_BYTE, right, (int)index, comm->world, &pair[1]));
    return QTM_OK;
}

/* Both messages of the slot's round are through. The chunk received in round P-2 is complete: divide it. */
static void ring_finish_round(const struct ring_job *job, int64_t index, struct ring_slot *slot) {
    const struct qtm_comm *comm = job->ring->comm;
    if (slot->round < comm->size - 1) {
        int send, receive;
        int64_t count;
        ring_round(job, slot, &send, &receive);
        char *chunk = ring_chunk(job, slot, receive, &count);
        ring_add(job, chunk, job->ring->incoming[index], count);
        if (slot->round == comm->size - 2) ring_divide(job, chunk, job->total, count);
    }
    slot->round++;
    slot->busy = slot->round < 2 * (comm->size - 1);
}

/* Gives the slot the next bucket, weighted, if there is one. */
static void ring_next_bucket(const struct ring_job *job, struct ring_slot *slot, int64_t *next) {
    if (*next >= job->count) return;
    int64_t left = job->count - *next;
    *slot = (struct ring_slot){.busy = true, .first = *next, .count = left < job->bucket ? left : job->bucket};
    *next += slot->count;
    ring_multiply(job, job->data + slot->first * job->size, job->weight, slot->count);
}

static qtm_status ring_run(const struct ring_job *job) {
    struct ring_slot slots[QTM_RING_WINDOW] = {0};
    MPI_Request requests[2 * QTM_RING_WINDOW];
    int64_t next = 0;
    int busy = 0;
    for (int i = 0; i < 2 * QTM_RING_WINDOW; i++) requests[i] = MPI_REQUEST_NULL;
    for (int64_t i = 0; i < QTM_RING_WINDOW; i++) {
        ring_next_bucket(job, &slots[i], &next);
        if (!slots[i].busy) break;
        QTM_TRY(ring_post(job, i, &slots[i], &requests[2 * i]));
        busy++;
    }
    while (busy > 0) {
        int done;
        COMM_TRY(MPI_Waitany(2 * QTM_RING_WINDOW, requests, &done, MPI_STATUS_IGNORE));
        int64_t i = done / 2;
        if (requests[2 * i] != MPI_REQUEST_NULL || requests[2 * i + 1] != MPI_REQUEST_NULL) continue;
        ring_finish_round(job, i, &slots[i]);
        /* Bucket b goes to slot b modulo the window on every rank, so that tags match: a slot takes the bucket that is
         * its own, whichever finished first. */
        if (!slots[i].busy) {
            int64_t own = slots[i].first + (int64_t)QTM_RING_WINDOW * job->bucket;
            ring_next_bucket(job, &slots[i], &own);
        }
        if (slots[i].busy)
            QTM_TRY(ring_post(job, i, &slots[i], &requests[2 * i]));
        else
            busy--;
    }
    return QTM_OK;
}

/* What the ranks tell one another before data move. */
struct ring_hello {
    double weight;
    int64_t count, bucket;
};

/* Exchanges weights and sizes. Weights are taken relative to the largest, so that equal weights are all exactly 1. */
static qtm_status ring_greet(struct ring_job *job, double weight) {
    struct qtm_comm *comm = job->ring->comm;
    struct ring_hello mine = {weight, job->count, job->bucket};
    struct ring_hello *all = qtm_alloc_array(comm->size, sizeof *all);
    if (!all) return qtm_error_memory(comm->size * (int64_t)sizeof *all);
    int code = MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE, comm->world);
    qtm_status status = code == MPI_SUCCESS ? QTM_OK : qtm_comm_error("MPI_Allgather", code);
    double largest = 0, total = 0;
    for (int r = 0; r < comm->size && status == QTM_OK; r++) {
        if (!(all[r].weight >= 0 && all[r].weight <= DBL_MAX))
            status =
                qtm_error("rank %d gave the weight %g to an average over ranks; it must be finite and not negative", r,
                          all[r].weight);
        else if (all[r].count != all[0].count || all[r].bucket != all[0].bucket)
            status =
                qtm_error("rank %d averages %lld numbers, rank 0 %lld; all ranks must run the same model and options",
                          r, (long long)all[r].count, (long long)all[0].count);
        largest = fmax(largest, all[r].weight);
    }
    if (status == QTM_OK && largest == 0) status = qtm_error("all ranks gave the weight 0 to an average over ranks");
    for (int r = 0; r < comm->size && status == QTM_OK; r++) total += all[r].weight / largest;
    job->weight = weight / largest;
    job->total = total;
    qtm_free(all);
    return status;
}

static qtm_status ring_average(struct qtm_ring *ring, void *data, int64_t count, int size, double weight) {
    struct ring_job job = {
        .ring = ring, .data = data, .count = count, .size = size, .bucket = ring->bucket_bytes / size};
    if (ring->comm->size > 1) {
        QTM_TRY(ring_greet(&job, weight));
        return ring_run(&job);
    }
    if (!(weight > 0 && weight <= DBL_MAX))
        return qtm_error("the weight %g of the only rank in an average; it must be positive and finite", weight);
    return QTM_OK;
}

qtm_status qtm_ring_average(struct qtm_ring *ring, float *data, int64_t count, double weight) {
    return ring_average(ring, data, count, sizeof *data, weight);
}

qtm_status qtm_ring_average_f64(struct qtm_ring *ring, double *data, int64_t count, double weight) {
    return ring_average(ring, data, count, sizeof *data, weight);
}

qtm_status qtm_ring_create(struct qtm_comm *comm, int64_t bucket_bytes, struct qtm_ring **out) {
    *out = NULL;
    if (bucket_bytes == 0) bucket_bytes = QTM_RING_BUCKET;
    if (bucket_bytes < (int64_t)sizeof(double) || bucket_bytes > RING_MAX_BUCKET)
        return qtm_misuse("ring buckets of %lld bytes: use 8 to %d", (long long)bucket_bytes, RING_MAX_BUCKET);
    struct qtm_ring *ring = qtm_alloc(sizeof *ring);
    if (!ring) return qtm_error_memory(sizeof *ring);
    ring->comm = comm;
    ring->bucket_bytes = bucket_bytes;
    /* The longest chunk has ceil(elements / P) elements. */
    int64_t chunk = bucket_bytes / comm->size + (int64_t)sizeof(double);
    for (int i = 0; i < QTM_RING_WINDOW && comm->size > 1; i++) {
        ring->incoming[i] = qtm_alloc(chunk);
        if (!ring->incoming[i]) {
            qtm_ring_destroy(ring);
            return qtm_error_memory(chunk);
        }
    }
    *out = ring;
    return QTM_OK;
}

void qtm_ring_destroy(struct qtm_ring *ring) {
    if (!ring) return;
    for (int i = 0; i < QTM_RING_WINDOW; i++) qtm_free(ring->incoming[i]);
    qtm_free(ring);
}

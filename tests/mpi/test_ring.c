/* The ring average and the collectives, on however many ranks mpirun starts: `mpirun -n P test_ring`. Every rank checks
 * against a serial reference it can compute itself; rank 0 prints the count. Exit status 0 if every check held. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/comm/comm.h"
#include "runtime/comm/ring.h"
#include "runtime/core/memory.h"

static struct qtm_comm *comm;
static uint64_t passed, failed;

static void check(bool good, const char *what, int64_t detail) {
    if (good) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "rank %d of %d: FAILED: %s (%lld): %s\n", qtm_comm_rank(comm), qtm_comm_size(comm), what,
            (long long)detail, qtm_error_text());
}

static bool all_same(const void *data, int64_t bytes) {
    bool same = false;
    return qtm_comm_same(comm, data, bytes, &same) == QTM_OK && same;
}

/* Tensor t on rank r is the constant 100 t + r; tensors lie one after another in one vector. Small integers average
 * exactly, so the mean is 100 t + (P - 1)/2 to the last bit. */
static void test_constants(int64_t bucket) {
    static const int64_t sizes[] = {1, 7, 0, 128, 1000, 3, 65, 4099, 2};
    enum { TENSORS = sizeof sizes / sizeof *sizes };
    int64_t total = 0, at = 0, wrong = 0;
    for (int t = 0; t < TENSORS; t++) total += sizes[t];
    float *data = qtm_alloc_array(total, sizeof *data);
    for (int t = 0; t < TENSORS; t++)
        for (int64_t i = 0; i < sizes[t]; i++) data[at++] = (float)(100 * t + qtm_comm_rank(comm));
    struct qtm_ring *ring;
    check(qtm_ring_create(comm, bucket, &ring) == QTM_OK, "ring create", bucket);
    check(qtm_ring_average(ring, data, total, 3.25) == QTM_OK, "average of constants", bucket);
    at = 0;
    for (int t = 0; t < TENSORS; t++)
        for (int64_t i = 0; i < sizes[t]; i++)
            wrong += data[at++] != (float)(100 * t + (qtm_comm_size(comm) - 1) / 2.0);
    check(wrong == 0, "constants differ from 100 t + (P - 1)/2", wrong);
    qtm_ring_destroy(ring);
    qtm_free(data);
}

/* A number that any rank can recompute for any other. */
static double noise(int rank, int64_t index) {
    uint64_t word = (uint64_t)(rank + 1) * 0x9e3779b97f4a7c15u + (uint64_t)index * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 30) * 0x94d049bb133111ebu;
    return (double)((word ^ word >> 31) >> 11) * 0x1p-53 - 0.5;
}

static double reference(int64_t index, const double *weights) {
    double sum = 0, total = 0;
    for (int r = 0; r < qtm_comm_size(comm); r++) {
        if (weights[r] > 0) sum += weights[r] * (double)(float)noise(r, index);
        total += weights[r];
    }
    return sum / total;
}

static void test_noise(int64_t count, int64_t bucket, const double *weights, bool f64) {
    int rank = qtm_comm_rank(comm);
    int64_t size = f64 ? sizeof(double) : sizeof(float);
    void *data = qtm_alloc_array(count + 1, size); /* one more: a guard */
    float *single = data;
    double *both = data;
    for (int64_t i = 0; i <= count; i++) {
        double value = i == count ? 12345 : weights[rank] > 0 ? (double)(float)noise(rank, i) : NAN;
        if (f64)
            both[i] = value;
        else
            single[i] = (float)value;
    }
    struct qtm_ring *ring;
    check(qtm_ring_create(comm, bucket, &ring) == QTM_OK, "ring create", bucket);
    qtm_status status = f64 ? qtm_ring_average_f64(ring, both, count, weights[rank])
                            : qtm_ring_average(ring, single, count, weights[rank]);
    check(status == QTM_OK, "average of noise", count);
    check(all_same(data, count * size), "ranks differ in bits", count);
    int64_t wrong = 0;
    double tolerance = f64 ? 1e-15 : 1e-6;
    for (int64_t i = 0; i < count; i++)
        wrong += !(fabs((f64 ? both[i] : (double)single[i]) - reference(i, weights)) <= tolerance);
    check(wrong == 0, "numbers differ from the reference", wrong);
    check((f64 ? both[count] : (double)single[count]) == 12345, "wrote behind the end", count);
    qtm_ring_destroy(ring);
    qtm_free(data);
}

static void test_averages(void) {
    static const int64_t counts[] = {0, 1, 2, 3, 5, 31, 1024, 1025, 51206, 300007};
    static const int64_t buckets[] = {8, 40, 4096, 0};
    enum { MANY = 64 };
    double equal[MANY], shares[MANY], gaps[MANY];
    for (int r = 0; r < MANY; r++) {
        equal[r] = 0.1;
        shares[r] = 50000 + 17 * r;
        gaps[r] = r == 1 ? 0 : 1 + r;
    }
    for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            if (buckets[b] != 0 && counts[c] / buckets[b] > 1000) continue; /* a message a number: slow and no news */
            test_noise(counts[c], buckets[b], equal, false);
            test_noise(counts[c], buckets[b], shares, true);
            test_noise(counts[c], buckets[b], gaps, false);
        }
}

static void test_bad_arguments(void) {
    struct qtm_ring *ring;
    float data[4] = {1, 2, 3, 4};
    check(qtm_ring_create(comm, 4, &ring) == QTM_MISUSE && !ring, "a bucket of 4 bytes passed", 4);
    check(qtm_ring_create(comm, 0, &ring) == QTM_OK, "ring create", 0);
    check(qtm_ring_average(ring, data, 4, NAN) == QTM_FAILED, "weight NaN passed", 0);
    check(qtm_ring_average(ring, data, 4, -1) == QTM_FAILED, "weight -1 passed", 0);
    check(qtm_ring_average(ring, data, 4, 0) == QTM_FAILED, "weight 0 on all ranks passed", 0);
    if (qtm_comm_size(comm) > 1) {
        qtm_status status = qtm_ring_average(ring, data, qtm_comm_rank(comm) == 0 ? 4 : 3, 1);
        check(status == QTM_FAILED, "different counts passed", 0);
    }
    check(data[0] == 1 && data[3] == 4, "data changed by a refused average", 0);
    qtm_ring_destroy(ring);
}

static void test_reductions(void) {
    int rank = qtm_comm_rank(comm), size = qtm_comm_size(comm);
    double sum[2] = {rank + 1, 0.1}, low = 5 - rank, high = rank * rank;
    uint64_t words = UINT64_C(1) << 40;
    double tenths = 0.1;
    for (int r = 1; r < size; r++) tenths += 0.1;
    check(qtm_comm_reduce_f64(comm, sum, 2, QTM_SUM) == QTM_OK, "sum", 0);
    check(sum[0] == size * (size + 1) / 2 && sum[1] == tenths, "sum in rank order", (int64_t)sum[0]);
    check(qtm_comm_reduce_f64(comm, &low, 1, QTM_MIN) == QTM_OK && low == 6 - size, "min", (int64_t)low);
    check(qtm_comm_reduce_f64(comm, &high, 1, QTM_MAX) == QTM_OK && high == (size - 1) * (size - 1), "max",
          (int64_t)high);
    check(qtm_comm_reduce_u64(comm, &words, 1, QTM_SUM) == QTM_OK && words == (uint64_t)size << 40, "u64 sum", 0);
}

static void test_gather_and_broadcast(void) {
    int rank = qtm_comm_rank(comm), size = qtm_comm_size(comm);
    char mine[64];
    memset(mine, 'a' + rank % 26, sizeof mine);
    struct qtm_gathered all;
    check(qtm_comm_gather(comm, mine, rank % 3, &all) == QTM_OK, "gather", rank);
    bool good = rank == 0 ? all.count == size : !all.data;
    for (int r = 0; rank == 0 && r < size; r++) {
        good = good && all.offset[r + 1] - all.offset[r] == r % 3;
        for (int64_t i = all.offset[r]; i < all.offset[r + 1]; i++) good = good && all.data[i] == 'a' + r % 26;
    }
    check(good, "gathered bytes", rank);
    qtm_gathered_free(&all);
    char text[16] = "";
    if (rank == size - 1) strcpy(text, "from the last");
    check(qtm_comm_broadcast(comm, text, sizeof text, size - 1) == QTM_OK, "broadcast", 0);
    check(strcmp(text, "from the last") == 0, "broadcast text", 0);
}

static void test_agreement(void) {
    int rank = qtm_comm_rank(comm), size = qtm_comm_size(comm);
    check(qtm_comm_agree(comm, QTM_OK) == QTM_OK, "agreement on success", 0);
    qtm_status mine = rank == size - 1 ? qtm_misuse("rank %d has no file", rank) : QTM_OK;
    check(qtm_comm_agree(comm, mine) == QTM_MISUSE, "agreement on failure", 0);
    char expected[64];
    snprintf(expected, sizeof expected, "rank %d has no file", size - 1);
    check(strcmp(qtm_error_text(), expected) == 0, "the failing rank's message", 0);
    int32_t values[3] = {1, 2, 3};
    check(all_same(values, sizeof values), "equal copies called different", 0);
    values[2] += rank;
    check(all_same(values, sizeof values) == (size == 1), "different copies called equal", 0);
}

int main(int argc, char **argv) {
    if (qtm_comm_open(&argc, &argv, &comm) != QTM_OK) {
        fprintf(stderr, "%s\n", qtm_error_text());
        return 1;
    }
    int64_t blocks = qtm_alloc_live();
    test_constants(0);
    test_constants(64);
    test_averages();
    test_bad_arguments();
    test_reductions();
    test_gather_and_broadcast();
    test_agreement();
    check(qtm_comm_barrier(comm) == QTM_OK, "barrier", 0);
    check(qtm_alloc_live() == blocks, "blocks not given back", qtm_alloc_live() - blocks);
    uint64_t counts[2] = {passed, failed};
    qtm_status status = qtm_comm_reduce_u64(comm, counts, 2, QTM_SUM);
    if (qtm_comm_rank(comm) == 0)
        printf("%d ranks: %llu checks passed, %llu failed\n", qtm_comm_size(comm), (unsigned long long)counts[0],
               (unsigned long long)counts[1]);
    qtm_comm_close(comm);
    return status != QTM_OK || counts[1] > 0;
}

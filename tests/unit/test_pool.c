/* The thread pool, the allocator and the status: every slot runs once, whatever the number of threads; who is done
 * takes over from who is late; waking from sleep loses nothing; failures come back and leave nothing behind. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/clock.h"
#include "runtime/core/memory.h"
#include "runtime/core/pool.h"
#include "runtime/core/status.h"

enum { SLOTS = 1000, THREADS = 8 };

struct tally {
    _Atomic int runs[SLOTS];
    int64_t thread[SLOTS];
    _Atomic int inside[THREADS]; /* runs under one thread's number: its scratch is its own */
    _Atomic int disorder;
};

static void tally_group(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    struct tally *tally = frame->out[0];
    atomic_fetch_add(&tally->runs[slot], 1);
    tally->thread[slot] = thread;
    if (atomic_fetch_add(&tally->inside[thread], 1)) atomic_fetch_add(&tally->disorder, 1);
    atomic_fetch_sub(&tally->inside[thread], 1);
}

static void check_run(struct qtm_pool *pool, int threads, int64_t slots) {
    static struct tally tally;
    memset(&tally, 0, sizeof tally);
    void *out[1] = {&tally};
    struct qtm_frame frame = {.out = out};
    qtm_pool_run(pool, tally_group, &frame, slots);
    for (int64_t s = 0; s < SLOTS; s++) cr_assert_eq(tally.runs[s], s < slots, "slot %ld of %ld", (long)s, (long)slots);
    cr_assert_eq(tally.disorder, 0);
    for (int64_t s = 0; s < slots; s++)
        cr_assert(tally.thread[s] >= 0 && tally.thread[s] < threads, "slot %ld on thread %ld", (long)s,
                  (long)tally.thread[s]);
}

/* The first thread that comes is held back until the others have done all the other slots. */
static void late_group(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    struct tally *tally = frame->out[0];
    tally_group(frame, slot, thread);
    int64_t slots = *(const int64_t *)frame->in[0];
    if (atomic_fetch_add(&tally->inside[0], 1) > 0) return;
    double limit = qtm_clock_seconds() + 60;
    while (atomic_load(&tally->inside[0]) < slots && qtm_clock_seconds() < limit) sched_yield();
}

Test(pool, nobody_waits_for_slots_of_a_late_thread) {
    static struct tally tally;
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(2, 0, 1, &pool), QTM_OK);
    for (int64_t slots = 2; slots < 40; slots += 7) {
        memset(&tally, 0, sizeof tally);
        const void *in[1] = {&slots};
        void *out[1] = {&tally};
        struct qtm_frame frame = {.in = in, .out = out};
        double start = qtm_clock_seconds();
        qtm_pool_run(pool, late_group, &frame, slots);
        cr_assert_lt(qtm_clock_seconds(), start + 60, "the slots of the thread that is held back were left to it");
        for (int64_t s = 0; s < slots; s++) cr_assert_eq(tally.runs[s], 1);
    }
    qtm_pool_destroy(pool);
}

Test(pool, every_slot_once) {
    for (int threads = 1; threads <= THREADS; threads++) {
        struct qtm_pool *pool;
        cr_assert_eq(qtm_pool_create(threads, 0, 1, &pool), QTM_OK, "%s", qtm_error_text());
        cr_assert_eq(qtm_pool_threads(pool), threads);
        for (int64_t slots = 0; slots < 20; slots++) check_run(pool, threads, slots);
        check_run(pool, threads, SLOTS);
        qtm_pool_destroy(pool);
    }
    check_run(NULL, 1, 5);
    cr_assert_eq(qtm_alloc_live(), 0);
}

/* Pauses around the length of the spin catch a wake that arrives while a worker falls asleep. */
Test(pool, no_wake_is_lost) {
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(3, 0, 1, &pool), QTM_OK);
    for (int i = 0; i < 1500; i++) {
        check_run(pool, 3, 2 + i % 7);
        double until = qtm_clock_seconds() + 1e-6 * (i % 160);
        while (qtm_clock_seconds() < until) {
        }
    }
    struct timespec nap = {.tv_nsec = 3000000};
    for (int i = 0; i < 30; i++) {
        nanosleep(&nap, NULL);
        check_run(pool, 3, 3);
    }
    qtm_pool_destroy(pool);
}

static void sum_group(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    const float *in = frame->in[0];
    float sum = 0;
    for (int i = 0; i < 100; i++) sum += in[slot * 100 + i];
    ((float *)frame->out[0])[slot] = sum;
}

Test(pool, result_does_not_depend_on_threads) {
    float *in = qtm_alloc_array(SLOTS * 100, sizeof *in), *out = qtm_alloc_array(2 * SLOTS, sizeof *out);
    for (int i = 0; i < SLOTS * 100; i++) in[i] = 1.0f / (float)(i + 1);
    const void *ins[1] = {in};
    for (int threads = 1; threads <= 5; threads++) {
        void *outs[1] = {threads == 1 ? out : out + SLOTS};
        struct qtm_frame frame = {.in = ins, .out = outs};
        struct qtm_pool *pool;
        cr_assert_eq(qtm_pool_create(threads, 0, 1, &pool), QTM_OK);
        qtm_pool_run(pool, sum_group, &frame, SLOTS);
        qtm_pool_destroy(pool);
        if (threads > 1) cr_assert_arr_eq(out, out + SLOTS, SLOTS * sizeof *out);
    }
    qtm_free(in);
    qtm_free(out);
}

Test(pool, affinity_comes_back) {
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof before, &before);
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(0, 0, 1, &pool), QTM_OK);
    cr_assert_eq(qtm_pool_threads(pool), qtm_pool_cpus() > 0 ? CPU_COUNT(&before) : 1);
    qtm_pool_destroy(pool);
    sched_getaffinity(0, sizeof after, &after);
    cr_assert(CPU_EQUAL(&before, &after));
    cr_assert_eq(qtm_pool_create(0, 1, 1000000, &pool), QTM_OK, "more ranks than processors still get a thread each");
    cr_assert_eq(qtm_pool_threads(pool), 1);
    qtm_pool_destroy(pool);
}

/* Waits for the other thread, so that each runs one slot. */
static void record_cpus(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    _Atomic int *here = frame->out[1];
    sched_getaffinity(0, sizeof(cpu_set_t), (cpu_set_t *)frame->out[0] + thread);
    for (atomic_fetch_add(here, 1); atomic_load(here) % 2;) sched_yield();
}

Test(pool, workers_are_pinned_apart) {
    int cpus = qtm_pool_cpus();
    if (cpus < 2) cr_skip_test("one processor: nothing to pin");
    unsetenv("QTM_PIN");
    static cpu_set_t sets[2];
    static _Atomic int here;
    void *outs[2] = {sets, &here};
    struct qtm_frame frame = {.out = outs};
    for (int rank = 0; rank < 2; rank++) {
        struct qtm_pool *pool;
        cr_assert_eq(qtm_pool_create(2, rank, 1, &pool), QTM_OK);
        qtm_pool_run(pool, record_cpus, &frame, 2);
        cr_assert_eq(CPU_COUNT(&sets[1]), 1);
        cpu_set_t both;
        CPU_AND(&both, &sets[0], &sets[1]);
        if (cpus == 2) cr_assert_eq(CPU_COUNT(&both), 0, "caller and worker share a processor");
        qtm_pool_destroy(pool);
    }
    setenv("QTM_PIN", "0", 1);
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(2, 0, 1, &pool), QTM_OK);
    qtm_pool_run(pool, record_cpus, &frame, 2);
    cr_assert_eq(CPU_COUNT(&sets[1]), cpus);
    qtm_pool_destroy(pool);
}

Test(pool, refuses_senseless_counts) {
    struct qtm_pool *pool;
    cr_assert_eq(qtm_pool_create(-1, 0, 1, &pool), QTM_MISUSE);
    cr_assert_eq(qtm_pool_create(100000, 0, 1, &pool), QTM_MISUSE);
    cr_assert_str_eq(qtm_error_text(), "100000 threads: use 1 to 1024, or 0 for one a processor");
    cr_assert_null(pool);
}

Test(pool, failing_allocations_come_back) {
    qtm_status status = QTM_FAILED;
    int failures = 0;
    for (int n = 0; status != QTM_OK && n < 50; n++) {
        struct qtm_pool *pool;
        qtm_alloc_fail_after(n);
        status = qtm_pool_create(2, 0, 1, &pool);
        qtm_alloc_fail_after(-1);
        if (status != QTM_OK) {
            failures++;
            cr_assert(strstr(qtm_error_text(), "out of memory"), "%s", qtm_error_text());
            cr_assert_eq(qtm_alloc_live(), 0);
        } else {
            qtm_pool_destroy(pool);
        }
    }
    cr_assert_eq(failures, 3);
    cr_assert_eq(status, QTM_OK);
}

Test(memory, blocks_are_aligned_and_zero) {
    for (int64_t bytes = 0; bytes < 300; bytes += 7) {
        unsigned char *block = qtm_alloc(bytes);
        cr_assert_eq((uintptr_t)block % 64, 0);
        for (int64_t i = 0; i < bytes; i++) cr_assert_eq(block[i], 0);
        memset(block, 0xff, (size_t)bytes);
        qtm_free(block);
    }
    cr_assert_null(qtm_alloc_array(INT64_MAX / 2, 8));
    cr_assert_null(qtm_alloc(INT64_MAX));
    qtm_free(NULL);
    cr_assert_eq(qtm_alloc_live(), 0);
}

Test(memory, the_nth_allocation_fails_once) {
    qtm_alloc_fail_after(2);
    void *blocks[4];
    for (int i = 0; i < 4; i++) blocks[i] = qtm_alloc(8);
    cr_assert(blocks[0] && blocks[1] && !blocks[2] && blocks[3]);
    for (int i = 0; i < 4; i++) qtm_free(blocks[i]);
}

static qtm_status inner(void) {
    return qtm_error("the %s is %d", "reason", 7);
}

static qtm_status outer(void) {
    QTM_TRY(inner());
    return QTM_OK;
}

Test(status, message_and_trail) {
    cr_assert_str_eq(qtm_error_text(), "");
    cr_assert_eq(outer(), QTM_FAILED);
    cr_assert_str_eq(qtm_error_text(), "the reason is 7");
    cr_assert(strstr(qtm_error_trail(), "test_pool.c:"), "%s", qtm_error_trail());
    cr_assert_eq(qtm_misuse("first: %s", qtm_error_text()), QTM_MISUSE, "an argument may be the last message");
    cr_assert_str_eq(qtm_error_text(), "first: the reason is 7");
    cr_assert_str_eq(qtm_error_trail(), "");
}

Test(clock, does_not_go_back) {
    double before = qtm_clock_seconds();
    for (int i = 0; i < 1000; i++) {
        double now = qtm_clock_seconds();
        cr_assert_geq(now, before);
        before = now;
    }
}

/* Persistent worker threads. Every thread has a range of the slots of a run and takes them one by one; when it has none
 * left it takes those of others. So a worker that wakes late finds its slots done, and nobody waits for it.
 *
 * A claim. The word of a range is { number of the run, slots left }, and whoever lowers the count by compare-and-swap
 * has the slot. A worker may still hold the number of a run that is over: its words then have another number, or no
 * slots left, and it goes back to sleep. While a slot of a run is left the run is not over, so the caller has not begun
 * to write the next one, and what the worker has read about the run (after its ticket, before the claim) is of this
 * run.
 *
 * Sleeping. A waiter announces itself (asleep = 1), looks again, and waits on the futex; who changes the word looks at
 * the announcement after the change. Both sides are sequentially consistent, so one of them sees the other. */
#define _GNU_SOURCE /* affinity */
#include "runtime/core/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/core/clock.h"
#include "runtime/core/memory.h"

#define POOL_SPIN_SECONDS 80e-6
#define POOL_SPIN_CROWDED 2e-6 /* more threads than processors: spinning takes time from those who have work */
enum { POOL_MAX_THREADS = 1024, POOL_SPIN_BURST = 64 };

struct pool_word {
    _Alignas(64) _Atomic uint32_t value;
    _Atomic uint32_t asleep;
};

struct pool_range {
    _Alignas(64) _Atomic uint64_t left; /* run << 32 | slots left */
};

struct pool_worker {
    struct pool_word ticket; /* the run there is work of; also changes at the end */
    struct qtm_pool *pool;
    pthread_t handle;
    int64_t thread; /* its number, 1 .. */
};

struct qtm_pool {
    int threads;
    int started; /* workers that exist */
    double spin; /* seconds */
    uint32_t run;
    _Atomic(qtm_group) group;
    _Atomic(const struct qtm_frame *) frame;
    _Atomic int64_t slots;
    _Atomic bool ending;
    struct pool_word pending;    /* slots that are not done */
    struct pool_range *ranges;   /* [threads] */
    struct pool_worker *workers; /* [threads - 1] */
    bool caller_pinned;
    cpu_set_t caller_mask; /* to give back */
};

static inline void pool_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Returns the word's value once it differs from `old` (or, with until_zero, once it is 0). */
static uint32_t pool_wait(const struct qtm_pool *pool, struct pool_word *word, uint32_t old, bool until_zero) {
    double limit = 0;
    uint32_t now;
    for (;;) {
        for (int i = 0; i < POOL_SPIN_BURST; i++) {
            now = atomic_load_explicit(&word->value, memory_order_acquire);
            if (until_zero ? now == 0 : now != old) return now;
            pool_pause();
        }
        double time = qtm_clock_seconds();
        if (limit == 0) limit = time + pool->spin;
        if (time > limit) break;
    }
    for (;;) {
        atomic_store(&word->asleep, 1);
        now = atomic_load(&word->value);
        if (until_zero ? now == 0 : now != old) break;
        syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
    }
    atomic_store(&word->asleep, 0);
    return now;
}

static void pool_wake(struct pool_word *word) {
    if (atomic_load(&word->asleep)) syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Takes a slot of the range; false when the run has none left there. With it `left` slots were left. */
static bool range_take(struct pool_range *range, uint32_t run, uint32_t *left) {
    uint64_t word = atomic_load_explicit(&range->left, memory_order_acquire);
    for (;;) {
        *left = (uint32_t)word;
        if (word >> 32 != run || *left == 0) return false;
        if (atomic_compare_exchange_weak(&range->left, &word, word - 1)) return true;
    }
}

static int64_t range_begin(const struct qtm_pool *pool, int64_t slots, int64_t thread) {
    return slots * thread / pool->threads;
}

/* Own slots first, then those of the next threads. */
static void pool_work(struct qtm_pool *pool, uint32_t run, int64_t thread) {
    qtm_group group = atomic_load_explicit(&pool->group, memory_order_relaxed);
    const struct qtm_frame *frame = atomic_load_explicit(&pool->frame, memory_order_relaxed);
    int64_t slots = atomic_load_explicit(&pool->slots, memory_order_relaxed);
    uint32_t done = 0, left;
    for (int64_t next = 0; next < pool->threads; next++) {
        int64_t of = (thread + next) % pool->threads, end = range_begin(pool, slots, of + 1);
        while (range_take(&pool->ranges[of], run, &left)) {
            group(frame, end - left, thread);
            done++;
        }
    }
    if (done && atomic_fetch_sub(&pool->pending.value, done) == done) pool_wake(&pool->pending);
}

static void *pool_worker_main(void *argument) {
    struct pool_worker *worker = argument;
    struct qtm_pool *pool = worker->pool;
    for (uint32_t run = 0;;) {
        run = pool_wait(pool, &worker->ticket, run, false);
        if (atomic_load(&pool->ending)) return NULL;
        pool_work(pool, run, worker->thread);
    }
}

static void pool_post(struct pool_worker *worker, uint32_t run) {
    atomic_store(&worker->ticket.value, run);
    pool_wake(&worker->ticket);
}

void qtm_pool_run(struct qtm_pool *pool, qtm_group group, const struct qtm_frame *frame, int64_t slots) {
    if (slots <= 1 || !pool || pool->threads == 1 || slots > INT32_MAX) {
        for (int64_t slot = 0; slot < slots; slot++) group(frame, slot, 0);
        return;
    }
    uint32_t run = ++pool->run;
    atomic_store_explicit(&pool->group, group, memory_order_relaxed);
    atomic_store_explicit(&pool->frame, frame, memory_order_relaxed);
    atomic_store_explicit(&pool->slots, slots, memory_order_relaxed);
    atomic_store_explicit(&pool->pending.value, (uint32_t)slots, memory_order_relaxed);
    for (int t = 0; t < pool->threads; t++) {
        uint64_t count = (uint64_t)(range_begin(pool, slots, t + 1) - range_begin(pool, slots, t));
        atomic_store_explicit(&pool->ranges[t].left, (uint64_t)run << 32 | count, memory_order_release);
    }
    for (int t = 1; t < pool->threads; t++)
        if (range_begin(pool, slots, t) < range_begin(pool, slots, t + 1)) pool_post(&pool->workers[t - 1], run);
    pool_work(pool, run, 0);
    pool_wait(pool, &pool->pending, 0, true);
}

/* Where threads go: CPU number `index` of the mask. */
static int pool_cpu(const cpu_set_t *mask, int index) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, mask) && index-- == 0) return cpu;
    return -1;
}

static bool pool_pinning_wanted(void) {
    const char *setting = getenv("QTM_PIN");
    return !setting || strcmp(setting, "0") != 0;
}

static void pool_set_one(cpu_set_t *set, int cpu) {
    CPU_ZERO(set);
    CPU_SET(cpu, set);
}

/* A thread starts on its creator's CPU and stays there for milliseconds unless it is created pinned. */
static qtm_status pool_worker_start(struct qtm_pool *pool, int index, int cpu) {
    struct pool_worker *worker = &pool->workers[index];
    worker->pool = pool;
    worker->thread = index + 1;
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return qtm_error("could not start thread %d: %s", index + 1, strerror(code));
    if (cpu >= 0) {
        cpu_set_t one;
        pool_set_one(&one, cpu);
        pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
    }
    code = pthread_create(&worker->handle, &attributes, pool_worker_main, worker);
    pthread_attr_destroy(&attributes);
    /* A sandbox may forbid pinning: then start where the system likes. */
    if (code != 0 && code != EAGAIN && cpu >= 0) code = pthread_create(&worker->handle, NULL, pool_worker_main, worker);
    if (code != 0)
        return qtm_error("could not start thread %d of %d: %s; ask for fewer with --threads", index + 1, pool->threads,
                         strerror(code));
    pool->started = index + 1;
    return QTM_OK;
}

static qtm_status pool_start(struct qtm_pool *pool, int local_rank, int local_size) {
    cpu_set_t mask;
    bool known = sched_getaffinity(0, sizeof mask, &mask) == 0;
    int cpus = known ? CPU_COUNT(&mask) : 0;
    bool pin = known && cpus >= pool->threads && pool->threads > 1 && pool_pinning_wanted();
    bool crowded =
        pool->threads > qtm_pool_cpus() || (int64_t)pool->threads * local_size > sysconf(_SC_NPROCESSORS_ONLN);
    pool->spin = crowded ? POOL_SPIN_CROWDED : POOL_SPIN_SECONDS;
    int first = pin ? (int)((int64_t)local_rank * pool->threads % cpus) : 0;
    for (int i = 0; i < pool->threads - 1; i++)
        QTM_TRY(pool_worker_start(pool, i, pin ? pool_cpu(&mask, (first + 1 + i) % cpus) : -1));
    /* Pinning the caller takes its freedom to evade other processes, so only where the job leaves no other CPU free. */
    if (pin && (pool->threads == cpus || (int64_t)pool->threads * local_size == cpus)) {
        cpu_set_t one;
        pool_set_one(&one, pool_cpu(&mask, first));
        pool->caller_mask = mask;
        pool->caller_pinned = sched_setaffinity(0, sizeof one, &one) == 0;
    }
    return QTM_OK;
}

qtm_status qtm_pool_create(int threads, int local_rank, int local_size, struct qtm_pool **out) {
    *out = NULL;
    if (local_size < 1) local_size = 1;
    if (threads == 0) threads = qtm_pool_cpus() / local_size > 0 ? qtm_pool_cpus() / local_size : 1;
    if (threads < 0 || threads > POOL_MAX_THREADS)
        return qtm_misuse("%d threads: use 1 to %d, or 0 for one a processor", threads, POOL_MAX_THREADS);
    struct qtm_pool *pool = qtm_alloc(sizeof *pool);
    if (!pool) return qtm_error_memory(sizeof *pool);
    pool->threads = threads;
    pool->workers = qtm_alloc_array(threads - 1, sizeof *pool->workers);
    pool->ranges = qtm_alloc_array(threads, sizeof *pool->ranges);
    qtm_status status = pool->workers && pool->ranges ? pool_start(pool, local_rank, local_size)
                                                      : qtm_error_memory(threads * (int64_t)sizeof *pool->workers);
    if (status != QTM_OK) {
        qtm_pool_destroy(pool);
        return status;
    }
    *out = pool;
    return QTM_OK;
}

void qtm_pool_destroy(struct qtm_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->ending, true);
    for (int i = 0; i < pool->started; i++) pool_post(&pool->workers[i], pool->run + 1);
    for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i].handle, NULL);
    if (pool->caller_pinned) sched_setaffinity(0, sizeof pool->caller_mask, &pool->caller_mask);
    qtm_free(pool->workers);
    qtm_free(pool->ranges);
    qtm_free(pool);
}

int qtm_pool_threads(const struct qtm_pool *pool) {
    return pool ? pool->threads : 1;
}

int qtm_pool_cpus(void) {
    cpu_set_t mask;
    int cpus = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 0;
    return cpus > 0 ? cpus : 1;
}

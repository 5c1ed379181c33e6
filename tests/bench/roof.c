/* What the machine can do at most, on one core and on two at once: fused multiply-adds a second in f32 and f64 with
 * vectors as wide as the compiler's target has, and bytes a second read from the second-level cache and from memory.
 * Rates are per second of processor time, so that what else runs counts little. The caches are taken to be 512 KiB a
 * core and less than 128 MiB in all. Build with -O3 -march=native. Prints a line of JSON: lists of one core, two cores.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
typedef float v32 __attribute__((vector_size(BYTES)));
typedef double v64 __attribute__((vector_size(BYTES)));
enum { CHAINS = 12, REPEAT = 20, ROUNDS = 20000, NEAR = 192 << 10, FAR = 128 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* CHAINS independent sums, each waiting for its own last addition only: more than latency times throughput. */
#define FMA_RATE(NAME, TYPE, LANE)                                                                                     \
    static double NAME(void *unused) {                                                                                 \
        (void)unused;                                                                                                  \
        TYPE sum[CHAINS] = {0}, x = (TYPE){0} + (LANE)0.999, y = (TYPE){0} + (LANE)0.001;                              \
        __asm__ volatile("" : "+x"(x), "+x"(y));                                                                       \
        double start = now();                                                                                          \
        for (int i = 0; i < ROUNDS; i++) {                                                                             \
            _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; k++) {                                                \
                sum[k] = sum[k] * x + y;                                                                               \
                __asm__ volatile("" : "+x"(sum[k]));                                                                   \
            }                                                                                                          \
        }                                                                                                              \
        return 2.0 * CHAINS * ROUNDS * (double)(BYTES / sizeof(LANE)) / (now() - start);                               \
    }
FMA_RATE(rate_f32, v32, float)
FMA_RATE(rate_f64, v64, double)

/* Reads `bytes` of memory `passes` times. */
static double rate_read(const char *memory, int64_t bytes, int passes) {
    v32 sum[8] = {0};
    double start = now();
    for (int pass = 0; pass < passes; pass++) {
        for (const char *at = memory; at < memory + bytes; at += 8 * BYTES) {
            _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) sum[k] += *(const v32 *)(at + (int64_t)k * BYTES);
        }
        __asm__ volatile("" : "+x"(sum[0]), "+x"(sum[1]), "+x"(sum[2]), "+x"(sum[3]) : : "memory");
        __asm__ volatile("" : "+x"(sum[4]), "+x"(sum[5]), "+x"(sum[6]), "+x"(sum[7]));
    }
    return (double)bytes * passes / (now() - start);
}

static double rate_near(void *memory) {
    return rate_read(memory, NEAR, 100);
}
static double rate_far(void *memory) {
    return rate_read(memory, FAR, 1);
}

struct job {
    double (*rate)(void *);
    void *memory;
    int repeat;
    double best;
};

static void *job_run(void *argument) {
    struct job *job = argument;
    job->best = 0;
    for (int i = 0; i < job->repeat; i++) {
        double rate = job->rate(job->memory);
        if (rate > job->best) job->best = rate;
    }
    return NULL;
}

static void show(const char *name, double (*rate)(void *), void *memory[2], int repeat, const char *end) {
    struct job one = {rate, memory[0], repeat, 0}, two = {rate, memory[1], repeat, 0};
    job_run(&one);
    double alone = one.best;
    pthread_t thread;
    if (pthread_create(&thread, NULL, job_run, &two)) exit(1);
    job_run(&one);
    pthread_join(thread, NULL);
    printf("\"%s\": [%.4g, %.4g]%s", name, alone / 1e9, (one.best + two.best) / 1e9, end);
}

int main(void) {
    void *memory[2];
    for (int i = 0; i < 2; i++) {
        memory[i] = aligned_alloc(64, FAR);
        if (!memory[i]) return 1;
        memset(memory[i], 0, FAR);
    }
    printf("{");
    show("f32", rate_f32, memory, REPEAT, ", ");
    show("f64", rate_f64, memory, REPEAT, ", ");
    show("near", rate_near, memory, REPEAT, ", ");
    show("far", rate_far, memory, 3, "}\n");
    return 0;
}

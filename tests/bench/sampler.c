/* Times the functions that qtmc emits for a model with a draw, on one core: that behind `draw`, in batches until there
 * are EVENTS, and that of a fit's objective with its derivative. Stands in for the runtime's main and its pool. Prints
 * JSON: the least and the median time of a call, and the least time spent before and after the pass over the events, in
 * tables.
 *
 *     sampler draw|gradient EVENTS CALLS          sampler lookups BYTES CALLS          (as a model's executable)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "qtm/model.h"

static double rows_seconds;

/* Of the processor, so that what else runs on the machine is not counted. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void qtm_pool_run(struct qtm_pool *pool, qtm_group group, const struct qtm_frame *frame, int64_t slots) {
    (void)pool;
    double start = now();
    for (int64_t slot = 0; slot < slots; slot++) group(frame, slot, 0);
    rows_seconds += now() - start;
}

/* As the runtime's qtm_alloc: zeros, on large pages where there is much. */
static void *room(int64_t bytes) {
    size_t page = (size_t)2 << 20, size = (size_t)bytes + 64;
    size_t align = size >= 2 * page ? page : 64;
    size = (size + align - 1) / align * align;
    void *block = aligned_alloc(align, size);
    if (!block) {
        fputs("sampler: out of memory\n", stderr);
        exit(1);
    }
    if (align == page) (void)madvise(block, size, MADV_HUGEPAGE);
    return memset(block, 0, size);
}

static void *port_room(const struct qtm_port *port, bool f64) {
    int64_t count = 1;
    for (int d = 0; d < port->rank; d++) count *= port->shape[d];
    return room(count * (f64 ? 8 : 4));
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* Room for a call of a function on one core; what it is given is 0, but for what its start has made, once. It shares
 * nothing with other updates, as the fit has one. */
static struct qtm_frame frame_make(const struct qtm_fn *fn) {
    static const int64_t extent[1] = {0};
    const void **in = room(fn->in_count * (int64_t)sizeof *in);
    void **out = room(fn->out_count * (int64_t)sizeof *out);
    struct qtm_frame start = {0};
    if (fn->start) {
        start = frame_make(fn->start);
        fn->start->run(&start);
    }
    for (int i = 0; i < fn->in_count; i++) {
        bool staged = fn->in[i].role == QTM_STAGED;
        in[i] = staged ? start.out[fn->in[i].index] : port_room(&fn->in[i], fn->f64);
    }
    for (int i = 0; i < fn->out_count; i++) out[i] = port_room(&fn->out[i], fn->f64);
    return (struct qtm_frame){.in = in,
                              .out = out,
                              .work = room(fn->work_bytes(extent)),
                              .scratch = room(fn->scratch_bytes),
                              .scratch_stride = fn->scratch_bytes,
                              .extent = extent,
                              .seed = 1};
}

/* A call runs the function `batches` times. */
static void function_time(const struct qtm_fn *fn, int64_t batches, int calls) {
    struct qtm_frame frame = frame_make(fn);
    double *seconds = room(calls * (int64_t)sizeof *seconds), tables = 1e9;
    for (int call = 0; call < calls; call++) {
        frame.step = (uint64_t)call;
        rows_seconds = 0;
        double start = now();
        for (int64_t batch = 0; batch < batches; batch++) {
            frame.seed = (uint64_t)batch + 1;
            fn->run(&frame);
        }
        seconds[call] = now() - start;
        if (seconds[call] - rows_seconds < tables) tables = seconds[call] - rows_seconds;
    }
    qsort(seconds, (size_t)calls, sizeof *seconds, compare);
    printf("{\"least\": %.9f, \"median\": %.9f, \"tables\": %.9f}\n", seconds[0], seconds[calls / 2], tables);
}

/* Seconds for two neighbouring floats from a place in `bytes` of memory that no prediction finds, none waiting for
 * another: one load of the place, one of both floats, and nothing done with them. */
static void lookups_time(int64_t bytes, int calls) {
    enum { COUNT = 1 << 12 };
    int64_t places = bytes / 4 - 1;
    const char *table = room(bytes);
    uint32_t *place = room(COUNT * (int64_t)sizeof *place), state = 1;
    for (int i = 0; i < COUNT; i++) {
        state = state * 1664525u + 1013904223u;
        place[i] = 4 * (uint32_t)(((uint64_t)state * (uint64_t)places) >> 32);
    }
    double least = 1e9;
    for (int round = 0; round < calls; round++) {
        double start = now();
        for (int pass = 0; pass < 100; pass++) {
            for (int i = 0; i < COUNT; i += 4) {
                for (int k = 0; k < 4; k++) {
                    uint64_t both;
                    memcpy(&both, table + place[i + k], sizeof both);
                    __asm__ volatile("" : : "r"(both));
                }
            }
        }
        double seconds = now() - start;
        if (seconds < least) least = seconds;
    }
    printf("{\"least\": %.4g}\n", least / (100.0 * COUNT));
}

int qtm_main(int argc, char **argv, const struct qtm_model *model) {
    if (argc != 4) return 2;
    int64_t number = strtoll(argv[2], NULL, 10), batch = model->events[0].draw_batch;
    int calls = (int)strtol(argv[3], NULL, 10);
    if (!strcmp(argv[1], "draw")) function_time(&model->events[0].draw, (number + batch - 1) / batch, calls);
    if (!strcmp(argv[1], "gradient")) function_time(&model->fits[0].updates[0].gradient, 1, calls);
    if (!strcmp(argv[1], "lookups")) lookups_time(number, calls);
    return 0;
}

/* What emitted code and the runtime agree on. An emitted function is called with one frame, computes its outputs from
 * its inputs, and keeps nothing. The layout of qtm_frame is part of the ABI: compiler/llvm/frame.h mirrors its offsets
 * and a test compares them. */
#ifndef QTM_KERNEL_H
#define QTM_KERNEL_H

#include <stddef.h>
#include <stdint.h>

struct qtm_pool;

struct qtm_frame {
    const void *const *in;  /* one pointer an input port: row-major arrays, 64-byte aligned */
    void *const *out;       /* one pointer an output port */
    char *work;             /* qtm_fn.work_bytes(extent) bytes, 64-byte aligned, contents undefined */
    char *scratch;          /* threads * scratch_stride bytes, 64-byte aligned, contents undefined */
    int64_t scratch_stride; /* >= qtm_fn.scratch_bytes, a multiple of 64 */
    const int64_t *extent;  /* local number of events of each data set, by data set number */
    uint64_t seed;          /* key of the random streams */
    uint64_t step;          /* step counter: another step draws other numbers */
    struct qtm_pool *pool;
};

/* One group on one slot; `thread` picks the scratch. */
typedef void (*qtm_group)(const struct qtm_frame *frame, int64_t slot, int64_t thread);
/* Called by emitted code: runs group(frame, s, thread) for every s in [0, slots) on the pool and returns when all are
 * done. Which thread runs which slot must not matter to the result. slots == 1 runs on the caller. */
void qtm_pool_run(struct qtm_pool *pool, qtm_group group, const struct qtm_frame *frame, int64_t slots);

typedef void (*qtm_entry)(const struct qtm_frame *frame);
typedef int64_t (*qtm_work)(const int64_t *extent);

/* Random streams: word 0 of Philox4x32-10 with
 *   counter = { index low 32, index high 32, step low 32, (stream & 0xffff) | (step >> 32) << 16 },
 *   key = { seed low, seed high },
 * and uniform = ((word >> 9) + 0.5) * 2^-23, the same number in f32 and f64, never 0 or 1. */

#endif

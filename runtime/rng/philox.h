/* Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC'11), and the random streams that runtime/include/qtm/kernel.h describes: a draw is a pure function of
 * (seed, step, stream, index), so any thread, rank or backward pass can make it again. Header only, no dependencies:
 * the runtime, the reference interpreter and tests share it. */
#ifndef QTM_RNG_PHILOX_H
#define QTM_RNG_PHILOX_H

#include <stdint.h>

struct qtm_philox {
    uint32_t word[4];
};

static inline struct qtm_philox qtm_philox4x32(struct qtm_philox counter, uint32_t key0, uint32_t key1) {
    uint32_t *c = counter.word;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c[0], p1 = UINT64_C(0xCD9E8D57) * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ key0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ key1,
                            (uint32_t)p0};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        key0 += 0x9E3779B9u; /* the golden ratio */
        key1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    return counter;
}

/* Word 0 for draw `index` of `stream` at `step`. */
static inline uint32_t qtm_random_word(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index) {
    struct qtm_philox counter = {{(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)step,
                                  (stream & 0xffffu) | ((uint32_t)(step >> 32) << 16)}};
    return qtm_philox4x32(counter, (uint32_t)seed, (uint32_t)(seed >> 32)).word[0];
}

/* 23 bits and a half: exact in f32 and f64, never 0 or 1. */
static inline double qtm_random_uniform(uint32_t word) {
    return ((double)(word >> 9) + 0.5) * 0x1p-23;
}

/* Uniform in [0, length). */
static inline uint32_t qtm_random_below(uint32_t word, uint32_t length) {
    return (uint32_t)(((uint64_t)word * length) >> 32);
}

#endif

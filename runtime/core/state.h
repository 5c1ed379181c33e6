/* The weights of a fit and the gradients of its updates. Every group of blocks is one flat vector, so that an
 * optimiser, an exchange and a hash each are one loop; its blocks start at multiples of 64 bytes, and what lies between
 * them is zero and stays zero. */
#ifndef QTM_STATE_H
#define QTM_STATE_H

#include "qtm/model.h"
#include "runtime/core/status.h"

struct qtm_state_group {
    int64_t count; /* numbers, padding included */
    float *f32;
    double *f64;     /* a copy made by qtm_state_widen, or the master of a wide group */
    bool wide;       /* f64 is the master (L-BFGS, finite differences) and f32 its rounded copy */
    bool shared;     /* equal on all ranks */
    int64_t cluster; /* equal inside of groups of so many ranks; 0: not exchanged in groups */
};

struct qtm_state {
    const struct qtm_fit *fit;
    struct qtm_state_group *groups; /* [group_count] */
    int64_t *offset;                /* [block_count] start of a block in its group */
};

/* All weights zero. A group is wide where an L-BFGS update moves it, or everywhere with `all_wide`; it is shared where
 * the update that moves it is exchanged. Errors: memory; a group moved by an exchanged and by a local update. **Local**
 */
qtm_status qtm_state_create(const struct qtm_fit *fit, bool all_wide, struct qtm_state **out);
void qtm_state_destroy(struct qtm_state *state); /* NULL is fine */

float *qtm_state_block_f32(const struct qtm_state *state, int block);
double *qtm_state_block_f64(const struct qtm_state *state, int block);

/* Makes the f64 copy of group `index` from f32; nothing to do where it is the master. */
void qtm_state_widen(struct qtm_state *state, int index);
/* Rounds the f64 master of a wide group to f32. */
void qtm_state_narrow(struct qtm_state *state, int index);

/* 64-bit hash of a group's master copy: equal weights have equal hashes, and weights that differ in one bit other ones.
 */
uint64_t qtm_state_hash(const struct qtm_state *state, int index);

/* The gradient of one update: its groups' vectors one after the other, in the order of update.groups. */
struct qtm_gradient {
    const struct qtm_update *update;
    int64_t count;
    float *f32; /* one of the two, by the function it is for */
    double *f64;
};
qtm_status qtm_gradient_create(const struct qtm_state *state, const struct qtm_update *update, bool f64,
                               struct qtm_gradient *gradient);
void qtm_gradient_destroy(struct qtm_gradient *gradient);
/* Where a block starts in the gradient; -1 if its group is not in the update. */
int64_t qtm_gradient_offset(const struct qtm_state *state, const struct qtm_update *update, int block);
/* The number of the first block with a NaN or an infinity in it, or -1. */
int qtm_gradient_first_bad(const struct qtm_state *state, const struct qtm_gradient *gradient);

#endif

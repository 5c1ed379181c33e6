/* Checkpoints of a session. Everything that the next step depends on is kept, so that n steps, a stop and n steps more
 * are 2n steps bit for bit on the same number of ranks. What is equal on all ranks is stored once, the rest (critics,
 * for instance) once a rank, under "rank0/", "rank1/" ... */
#ifndef QTM_SAVED_H
#define QTM_SAVED_H

#include "runtime/train/session.h"

/* How a run was started; kept in its checkpoints. */
struct qtm_plan {
    int64_t steps, report_every, checkpoint_every; /* steps: in all */
    double best;                                   /* least value so far of the monitor that chooses best.h5 */
};

/* What a checkpoint says about its run. */
struct qtm_saved {
    char *path;
    const struct qtm_fit *fit;
    struct qtm_plan plan;
    uint64_t seed;
    int ranks;
    int64_t step;
    double seconds;
    double *options;
    struct qtm_choice choice;
    char **data; /* paths */
};

/* Writes the whole session to `path` on rank 0. **Collective** */
qtm_status qtm_saved_write(struct qtm_session *session, const struct qtm_plan *plan, const char *path);

/* Reads what a checkpoint says about its run. Errors: those of qtm_checkpoint_open; a checkpoint of another model.
 * **Local** */
qtm_status qtm_saved_open(const char *path, const struct qtm_model *model, struct qtm_saved *saved);
void qtm_saved_close(struct qtm_saved *saved, const struct qtm_model *model);

/* Puts weights, optimisers and counters of the checkpoint into a session opened for its fit. A rank r beyond the stored
 * ones takes the local weights of rank r mod stored. **Collective** */
qtm_status qtm_saved_load(const struct qtm_saved *saved, struct qtm_session *session);

#endif

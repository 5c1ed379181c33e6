/* Everything one fit needs while it runs on one rank: weights, data, bound functions, optimisers. Made once at the
 * start of fit, resume or check-gradients; the other files of this folder work on it. */
#ifndef QTM_SESSION_H
#define QTM_SESSION_H

#include "qtm/model.h"
#include "runtime/comm/comm.h"
#include "runtime/comm/ring.h"
#include "runtime/core/call.h"
#include "runtime/core/state.h"
#include "runtime/train/lbfgs.h"

struct qtm_config {
    const struct qtm_model *model;
    const struct qtm_fit *fit;
    struct qtm_comm *comm;
    const double *options;   /* [option_count] */
    const char *const *data; /* [data_count] path or NULL: the declared one */
    uint64_t seed;
    int threads;                     /* 0: as many as there are processors for this rank */
    bool checking;                   /* all weights in f64 and no optimisers, for finite differences */
    bool resuming;                   /* weights come from a checkpoint: frozen ones are not read */
    bool correlate;                  /* results have the correlations of parameters; ... */
    bool trap;                       /* NaN and infinity are followed to where they come from */
    double scale;                    /* ... their information is of the objective times this (0: see information.h) */
    const struct qtm_choice *choice; /* of parameters */
    const struct qtm_events *events; /* NULL, or [data_count] to use instead of files (not owned) */
};

/* How an objective over all local events depends on their number. */
enum qtm_additivity { QTM_OF_MEAN, QTM_OF_SUM, QTM_OF_NEITHER };

/* An update with its functions and the state of its optimiser. */
struct qtm_trainer {
    const struct qtm_update *update;
    char label[64];        /* names of its groups: "critic", "generator"; with a number where several share one */
    bool shared;           /* the optimiser's state is equal on all ranks */
    struct qtm_comm *near; /* the ranks of this one's group and their ring, of an exchange in groups */
    struct qtm_ring *near_ring;
    double weight, scale; /* exchanged gradient: scale * weighted average */
    struct qtm_call gradient, settings;
    struct qtm_gradient vector;
    double loss;     /* of the last step, over all ranks where exchanged */
    int64_t applied; /* Adam: steps taken */
    float *m, *v;
    struct qtm_lbfgs lbfgs;
};

struct qtm_session {
    struct qtm_config config;
    const struct qtm_model *model;
    const struct qtm_fit *fit;
    struct qtm_comm *comm;
    int rank, ranks, threads;
    uint64_t draw_seed; /* differs between ranks */
    struct qtm_ring *ring;
    struct qtm_pool *pool;
    struct qtm_workspace space;
    struct qtm_state *state;
    struct qtm_events *events; /* [data_count] zeroed where the fit does not use a data set */
    int64_t *extent;
    bool owns_events;
    struct qtm_events *monitored; /* [data_count] what monitors see: the second share of a data set that is split */
    int64_t *monitored_extent;
    float *options_f32;
    double *options_f64;
    struct qtm_held held;   /* the choice, for kernels */
    struct qtm_call shared; /* by updates, once a step; fn NULL: none */
    struct qtm_binding binding;
    struct qtm_trainer *trainers; /* [update_count] */
    struct qtm_call monitor;      /* fn NULL: none */
    int64_t step;                 /* steps done */
    double seconds;               /* time spent in steps, over all starts */
    double processor;             /* of the processor, by all threads of this rank in this start */
};

/* Reads the data, binds the functions, sets the weights to their start (the same on all ranks). On failure the session
 * is closed, and the failure is the same on all ranks. **Collective** */
qtm_status qtm_session_open(struct qtm_session *session, const struct qtm_config *config);
void qtm_session_close(struct qtm_session *session);

/* The block of raw parameters that a block of the fit is, or -1. */
int qtm_session_param_block(const struct qtm_session *session, int block);

/* Does the update move element `i` of a block of one of its groups? */
bool qtm_session_moves(const struct qtm_session *session, const struct qtm_update *update, int block, int64_t i);

/* Seed of an independent family of random streams. */
uint64_t qtm_session_seed(uint64_t seed, uint64_t purpose);

/* Does the objective of an update over all events grow with their number, or stay? Found by giving it the same few
 * events twice. **Local** */
qtm_status qtm_session_additivity(struct qtm_session *session, const struct qtm_update *update,
                                  enum qtm_additivity *additivity);

#endif

/* Calling an emitted function: its ports are bound once to weights, event columns, options and gradients; a call then
 * only sets seed and step. Outputs that are no gradient are kept by the call; so is what is made once for all runs of a
 * function, from the data and options as they are at its first run. All functions are **Local**. */
#ifndef QTM_CALL_H
#define QTM_CALL_H

#include "qtm/model.h"
#include "runtime/core/choice.h"
#include "runtime/core/state.h"
#include "runtime/io/events.h"

/* Memory that all calls of a process share, since only one runs at a time. It grows while calls are bound. */
struct qtm_workspace {
    struct qtm_pool *pool;
    char *work, *scratch;
    int64_t work_bytes, scratch_stride;
};
void qtm_workspace_destroy(struct qtm_workspace *space); /* does not own the pool */

/* What ports refer to. Parts that a function does not use may be NULL. */
struct qtm_binding {
    struct qtm_workspace *space;
    struct qtm_state *state;
    struct qtm_gradient *gradient;
    struct qtm_events *events; /* [data_count] local shares */
    const int64_t *extent;     /* [data_count] events[d].local */
    const float *options_f32;  /* option i at [16 i], so that each is aligned */
    const double *options_f64; /* option i at [8 i] */
    const struct qtm_held *held;
    const double *const *points;     /* [variables] of the density at hand */
    const double *const *directions; /* [blocks] along which derivatives are taken */
    struct qtm_call *shared;         /* by all calls whose fn->shared is that of it: runs once a step; or NULL */
};

/* The options as a binding has them; both to be given to qtm_free. */
qtm_status qtm_options_align(int count, const double *options, float **f32, double **f64);

struct qtm_call {
    const struct qtm_fn *fn;
    struct qtm_binding binding;
    const void **in;
    void **out;
    char **values;           /* [out_count] owned outputs; NULL for gradients */
    int64_t *out_count;      /* [out_count] numbers in an output */
    bool *widen;             /* [group_count] groups whose f64 copy this call reads */
    struct qtm_call *start;  /* of fn->start, run once before the first run: what it makes stays; or NULL */
    struct qtm_call *shared; /* of fn->shared; or NULL */
    bool owns_shared;        /* the binding had none: run before every run */
    bool ran;
    uint64_t seed, step; /* of what it computed last */
};

/* Binds every port and makes room for the function's work. The binding's parts must outlive the call. On failure `call`
 * is zeroed. */
qtm_status qtm_call_bind(struct qtm_call *call, const struct qtm_fn *fn, const struct qtm_binding *binding);
void qtm_call_destroy(struct qtm_call *call);
void qtm_call_run(struct qtm_call *call, uint64_t seed, uint64_t step);
/* Its events are others now: what it makes once is made again at its next run. */
void qtm_call_renew(struct qtm_call *call);

/* The output with this role and index, or -1. */
int qtm_call_find(const struct qtm_call *call, enum qtm_role role, int index);
/* Number `element` of an output, as f64. */
double qtm_call_value(const struct qtm_call *call, int output, int64_t element);
/* The loss of a gradient or loss function. */
double qtm_call_loss(const struct qtm_call *call);

#endif

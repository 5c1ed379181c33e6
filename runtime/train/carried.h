/* The tensor form of its functions that an executable carries (compiler/driver/trap.h), for the compiler's reference
 * interpreter. */
#ifndef QTM_CARRIED_H
#define QTM_CARRIED_H

#include "qtm/model.h"
#include "runtime/core/call.h"
#include "source/source.h"
#include "tir/tir.h"

struct qtm_carried {
    Arena arena;
    SourceSet sources; /* of the model: spans point into them */
    TirModule *module; /* NULL: the executable carries none */
};

void qtm_carried_read(const struct qtm_model *model, struct qtm_carried *carried);
void qtm_carried_free(struct qtm_carried *carried);

/* The function by the name of an emitted one, which ends with its width, and what may follow the name in its place;
 * NULL where there is none. */
TirFunction *qtm_carried_find(const struct qtm_carried *carried, const char *emitted, const char *ending);

/* Inputs of `f`, in `arena`: the first `count` are what the call has bound to its first inputs; one without a value is
 * empty. Where an axis of `f` is shorter than the call's, the first elements; `extent` are the lengths of its dynamic
 * axes. */
TirTensor *qtm_carried_inputs(const struct qtm_call *call, const TirFunction *f, size_t count, const int64_t *extent,
                              Arena *arena);

#endif

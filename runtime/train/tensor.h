/* The tensor form of the model's functions, which its executable carries as text (compiler/driver/trap.h), and with
 * which the compiler's reference interpreter can run a call again. All functions are **Local**. */
#ifndef QTM_TENSOR_H
#define QTM_TENSOR_H

#include "diag/diag.h"
#include "qtm/model.h"
#include "runtime/core/call.h"
#include "tir/tir.h"

struct qtm_tensor {
    Arena arena;
    SourceSet sources; /* of the model */
    const TirFunction *f;
    const TirTensor *inputs; /* [inputs of f] */
};

/* The function of a call, with the inputs that the call has bound. `f` is NULL where the executable does not carry it.
 * To be closed in either case. */
void qtm_tensor_open(struct qtm_tensor *tensor, const struct qtm_model *model, const struct qtm_call *call);
void qtm_tensor_close(struct qtm_tensor *tensor);

#endif

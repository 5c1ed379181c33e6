/* The tensor form of the function of a call (carried.h), with which the compiler's reference interpreter can run it
 * again. All functions are **Local**. */
#ifndef QTM_TENSOR_H
#define QTM_TENSOR_H

#include "diag/diag.h"
#include "qtm/model.h"
#include "runtime/core/call.h"
#include "runtime/train/carried.h"

struct qtm_tensor {
    struct qtm_carried carried;
    const TirFunction *f;
    const TirTensor *inputs; /* [inputs of f] */
};

/* The function of a call, with the inputs that the call has bound. `f` is NULL where the executable does not carry it.
 * To be closed in either case. */
void qtm_tensor_open(struct qtm_tensor *tensor, const struct qtm_model *model, const struct qtm_call *call);
void qtm_tensor_close(struct qtm_tensor *tensor);

#endif

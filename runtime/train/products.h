/* Derivatives by reverse mode against those by forward mode, in f64, at random directions u, v of the weights:
 *   first order   <gradient, v> = dL/dv
 *   second order  <u, H v> = <v, H u>, where H v is the derivative of the gradient along v, by forward over reverse
 * mode The two modes use other rules where an operation is no element-wise one, so a wrong one shows. Nothing is
 * compiled for it: the executable carries every objective as text (runtime/train/carried.h), which is derived here by
 * the compiler's own rules and run by its reference interpreter, over few events: each identity holds for any number of
 * them. */
#ifndef QTM_PRODUCTS_H
#define QTM_PRODUCTS_H

#include "runtime/train/carried.h"
#include "runtime/train/session.h"

#define QTM_PRODUCTS_LIMIT 1e-10

/* The objective's function, whose only output is the loss, gets an input for a direction of each of the `inputs`, and
 * as outputs the loss and its gradient by each, and then the derivatives of these along the directions. */
void qtm_products_derive(TirFunction *f, const uint32_t *inputs, uint32_t count);

/* What such a function is run with. */
struct qtm_products_run {
    const TirFunction *f;
    uint32_t count;      /* of inputs with a direction */
    const bool **moving; /* [count] elements whose direction is not 0 */
    TirTensor *tensors;  /* [f->inputs.count] the last `count` are the directions */
    const int64_t *extent;
    uint64_t seed;
    double *first, *second; /* [count] out: largest error so far, relative to the sizes of the terms */
};
/* False where a number is none; `random` goes on. */
bool qtm_products_compare(const struct qtm_products_run *run, uint64_t *random);

struct qtm_products {
    struct qtm_session *session;
    const struct qtm_update *update;
    Arena arena;
    TirFunction *objective;
    uint32_t count, *inputs;
    const bool **moving;
    double *first, *second; /* [block_count] the largest error so far; NULL: no function is carried */
    uint64_t random;
};

void qtm_products_open(struct qtm_session *session, const struct qtm_update *update, const struct qtm_carried *carried,
                       struct qtm_products *products);
/* With what is bound to the call of the gradient as it is. */
void qtm_products_point(struct qtm_products *products, const struct qtm_call *call);
void qtm_products_close(struct qtm_products *products);

#endif

/* Between grad.c, which reads grad, jacobian and hessian, and jacobian.c, which derives one value by another. */
#ifndef QTMC_SEMA_GRAD_H
#define QTMC_SEMA_GRAD_H

#include "sema/unit.h"

/* What is derived by: every number and array in it, each a value of its own. */
typedef struct Leaves {
    VEC(Value) values; /* tensors */
    bool replaced;     /* some value had to be made anew */
    bool failed;
} Leaves;

typedef enum Derivability {
    DERIVED,
    DERIVED_NOT,   /* there is no way from the leaves to the value along which derivatives go */
    DERIVED_MIXED, /* the value and a leaf each have events, or points, that the other has not */
    DERIVED_LARGE  /* some value on the way, or the result, would have more than TIR_MAX_AXES axes */
} Derivability;

/* The derivative of the tensor `of` by every leaf: its dimensions, then the leaf's; units included. Where all leaves
 * are numbers of one unit, `whole` may become all of them as one array, whose last dimension counts the leaves.
 * DERIVED_NOT gives zeros. */
Derivability value_derive(Elab *e, const Value *of, const Leaves *leaves, Value *parts, Value *whole, Span span);

#endif

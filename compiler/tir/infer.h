/* Facts that the builder, the verifier and the text form share: which attributes an operation has, and which type and
 * axes its result must have. Keeping them in one place is what makes "built" and "verified" the same thing. */
#ifndef QTMC_TIR_INFER_H
#define QTMC_TIR_INFER_H

#include "tir/tir.h"

/* Attributes of an operation, in the order in which the text form writes them. */
enum {
    TIR_ATTR_VALUE = 1,    /* CONST: real, or integer */
    TIR_ATTR_INTEGER = 2,  /* port, stream, index */
    TIR_ATTR_OVER = 4,     /* attr_axes that are summed */
    TIR_ATTR_AXIS = 8,     /* axis */
    TIR_ATTR_AXIS2 = 16,   /* axis2 */
    TIR_ATTR_FLAG = 32,    /* flag */
    TIR_ATTR_RESULT = 64,  /* attr_axes are the axes of the result */
    TIR_ATTR_EXTERN = 256, /* external */
    TIR_ATTR_LEAF = 128,   /* axes of the result are given, not derived */
    TIR_ATTR_BODY = 512,   /* body */
};
unsigned tir_op_attrs(TirOpcode op);

/* Computes type and axes of the result of `op` from its arguments (which must be operations before `at`) and
 * attributes. CONST and INPUT, UNIFORM, PICK keep the type or the axes that `op` carries. Returns NULL, or the rule
 * that is broken. */
const char *tir_infer(const TirFunction *f, TirId at, const TirOp *op, TirType *type, TirAxes *axes);

/* loop.c: the same for LOOP and RESULT. */
const char *tir_infer_loop(const TirFunction *f, const TirOp *op, TirType *type, TirAxes *axes);

/* build.c: appends `op` (its args are copied) with the type and axes that follow from the rules. */
TirId tir_push(TirFunction *f, TirOp op, const TirId *args, uint32_t count);

/* NULL, or what is wrong with an axis set of this function. */
const char *tir_axes_check(const TirFunction *f, TirAxes axes);
/* Both the same length whenever the program runs. */
bool tir_axis_same_size(const TirFunction *f, TirAxisId a, TirAxisId b);

#endif

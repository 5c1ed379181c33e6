/* What a derivative rule sees of reverse mode. A cotangent may lack axes of the value it belongs to: it is then the
 * same for every point along them, which keeps the derivative of sums and broadcasts free. */
#ifndef QTMC_AD_REVERSE_H
#define QTMC_AD_REVERSE_H

#include "tir/tir.h"

typedef struct Reverse {
    TirFunction *f;
    size_t primal_count; /* operations before differentiation: only these have cotangents */
    size_t first;        /* of the wanted values: none before it is active */
    bool *active;        /* depends on a wanted value through real, differentiable operations */
    bool *leaf;          /* wanted itself: nothing goes further back */
    bool *masked;        /* may sit in a branch that is not taken: its cotangent can be a zero that has to stay zero */
    bool *tame;          /* finite for inputs of moderate size: no singular operation leads to it */
    TirId *cotangent;    /* TIR_NONE: zero */
    TirId **results;     /* of a loop: those of its results */
} Reverse;

/* Rules: `op` is a copy of the primal operation `id`, `g` its cotangent. */
typedef void AdRule(Reverse *r, TirId id, const TirOp *op, TirId g);

/* Adds `c` to the cotangent of `arg`; `c` has no axis that `arg` lacks. */
void ad_add(Reverse *r, TirId arg, TirId c, Span span);
/* The same for an element-wise use: `c` stands for a value over `axes`, and is summed over those that `arg` lacks. */
void ad_add_summed(Reverse *r, TirId arg, TirId c, TirAxes axes, Span span);

/* ad_adjoint; `masked`: every cotangent may be a zero that has to stay zero. */
void ad_adjoint_masked(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt,
                       uint32_t count, TirId *out, bool masked);
/* loop.c: whether a body has a choice between values, so that one may not show in the results. */
bool ad_chooses(const TirFunction *body);

/* Whether finite arguments, not too large, can give a result that is not. */
bool ad_op_singular(const TirFunction *f, const TirOp *op);

#define TIR_OP(NAME, text, arity, shape, type, flags, vjp, cost) AdRule ad_vjp_##vjp;
#include "tir/tir_ops.def"
#undef TIR_OP

#endif

/* fold and scan as a loop of the tensor form: between rounds.c, which elaborates one round with placeholders, and
 * outline.c, which makes the loop's body of what that appended. */
#ifndef QTMC_SEMA_ROUNDS_H
#define QTMC_SEMA_ROUNDS_H

#include "sema/sema.h"

/* One number or array of the state. */
typedef struct Leaf {
    Value init;
    TirType type;
    TirAxes axes; /* hidden ones too: at least those of `init` */
    TirId placeholder, out;
} Leaf;

typedef struct Rolled {
    Span span;
    int64_t rounds;
    TirAxisId axis;
    TirId items, item; /* what the rounds go through, and its placeholder; TIR_NONE: not used */
    size_t first;      /* operation of the round */
    VEC(Leaf) leaves;
    VEC(TirId) draws; /* made in the round */
    bool by_outside;  /* a derivative was taken in the round by what is the same in all rounds */
} Rolled;

/* Appends the loop. `all`: it also gives every state after each round, behind the final ones. */
TirId rounds_outline(Elab *e, const Rolled *rolled, bool all);

#endif

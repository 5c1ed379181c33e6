/* The reference interpreter with an eye on numbers that are none: what tir_interpret does, and besides it rounds, notes
 * and keeps values. For tir/ and the runtime, which runs functions again. */
#ifndef QTMC_TIR_INTERP_H
#define QTMC_TIR_INTERP_H

#include "tir/tir.h"

/* The first round of a loop whose results are none, from where a body can be run alone. */
typedef struct InterpRound {
    const TirTensor *inputs; /* of the body; NULL: all rounds are good */
    int64_t at;              /* index along the loop's axis */
} InterpRound;

typedef struct InterpWatch {
    bool single;          /* reals are rounded to single precision behind every operation */
    bool *bad;            /* [ops] set where a real value has an element that is NaN or infinite; may be NULL */
    const bool *keep;     /* [ops] values that stay; may be NULL */
    const double **value; /* [ops] those, in the arena */
    InterpRound *rounds;  /* [ops] of loops; may be NULL */
} InterpWatch;

void tir_interpret_watched(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent,
                           uint64_t seed, uint64_t step, const InterpWatch *watch, TirTensor *outputs);

#endif

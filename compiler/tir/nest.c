/* The odometer behind every walk of the interpreter; see nest.h. */
#include "tir/nest.h"

void nest_run(const Nest *nest, NestRow *row, const void *context) {
    for (uint32_t d = 0; d < nest->rank; d++)
        if (nest->size[d] == 0) return;
    const uint32_t outer = nest->rank ? nest->rank - 1 : 0;
    const int64_t n = nest->rank ? nest->size[outer] : 1;
    int64_t at[TIR_MAX_AXES] = {0}, step[NEST_ARRAYS] = {0};
    double *p[NEST_ARRAYS] = {0};
    for (uint32_t k = 0; k < nest->arrays; k++) {
        p[k] = nest->base[k];
        step[k] = nest->rank ? nest->stride[k][outer] : 0;
    }
    for (;;) {
        row(context, n, p, step);
        uint32_t d = outer;
        for (; d > 0; d--) {
            bool carry = ++at[d - 1] == nest->size[d - 1];
            for (uint32_t k = 0; k < nest->arrays; k++)
                p[k] += carry ? -nest->stride[k][d - 1] * (nest->size[d - 1] - 1) : nest->stride[k][d - 1];
            if (!carry) break;
            at[d - 1] = 0;
        }
        if (d == 0) return;
    }
}

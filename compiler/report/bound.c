#include "report/bound.h"

enum { SUM_READY = 4, CALL = 60, SORT_STEP = 3 };
static const double BYTES_A_CYCLE = 8, QUOTIENT_BYTES = 5.0 / 32; /* five cycles for a vector of 32 bytes */

const char *bound_text(BoundKind kind) {
    static const char *const text[BOUND_COUNT] = {
        "arithmetic",
        "loads",
        "stores",
        "lookups, element by element",
        "divisions and roots",
        "sums that wait for one another",
        "calls of functions, element by element",
        "memory",
    };
    return text[kind];
}

Bound bound_of(const LirKernel *k, const LirCost *c, const NestShape *shape, const HostTarget *target, bool f64,
               double far) {
    unsigned width = target->vector_bits / (f64 ? 64 : 32), lanes = k->kind == LIR_NEST ? shape->lanes : width;
    if (lanes > width) lanes = width;
    if (lir_is_line(k)) lanes = 1;
    bool nest = k->kind == LIR_NEST;
    Bound b = {{0}, 0, BOUND_ARITHMETIC};
    b.part[BOUND_ARITHMETIC] = (c->products / width + c->steps / lanes + c->outer) / 2;
    if (!target->fma) b.part[BOUND_ARITHMETIC] += c->products / width / 2;
    b.part[BOUND_LOADS] = c->loads / lanes / 2;
    b.part[BOUND_STORES] = c->stores / lanes;
    b.part[BOUND_LOOKUPS] = c->lookups;
    b.part[BOUND_DIVISIONS] = c->divides * QUOTIENT_BYTES * (f64 ? 8 : 4) * (lanes == 1 ? 4 : 1);
    if (nest) b.part[BOUND_SUMS] = SUM_READY * c->reduced / lanes / shape->sums;
    if (k->kind == LIR_CUMSUM) b.part[BOUND_SUMS] = SUM_READY * c->steps;
    b.part[BOUND_CALLS] =
        c->calls * (k->kind == LIR_ARGSORT ? 0 : CALL) + (k->kind == LIR_ARGSORT ? SORT_STEP * c->steps : 0);
    b.part[BOUND_MEMORY] = far / BYTES_A_CYCLE;
    for (BoundKind i = 0; i < BOUND_COUNT; i++) {
        if (b.part[i] <= b.cycles) continue;
        b.cycles = b.part[i];
        b.kind = i;
    }
    return b;
}

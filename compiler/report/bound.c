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

/* A step of k in a tile of r x v sums: r v multiply-adds, v loads of B and r of A, after the last step's sums. */
static void bound_product(Bound *b, const LirCost *c, const DotTile *tile, const HostTarget *target) {
    double steps = c->products / (tile->rows * tile->vectors * tile->lanes), sums = tile->rows * tile->vectors;
    b->part[BOUND_ARITHMETIC] += steps * sums / 2 * (target->fma ? 1 : 2);
    b->part[BOUND_LOADS] += steps * (tile->rows + tile->vectors) / 2;
    b->part[BOUND_SUMS] = steps * SUM_READY;
}

Bound bound_of(const LirKernel *k, const LirCost *c, const Shape *shape, const HostTarget *target, bool f64,
               double far) {
    unsigned width = target->vector_bits / (f64 ? 64 : 32), lanes = width;
    if (k->kind == LIR_NEST && shape->nest.lanes < width) lanes = shape->nest.lanes;
    if (k->kind == LIR_DOT) lanes = shape->tile.lanes;
    if (lir_is_line(k)) lanes = 1;
    Bound b = {{0}, 0, BOUND_ARITHMETIC};
    b.part[BOUND_ARITHMETIC] = (c->steps / lanes + c->outer) / 2;
    b.part[BOUND_LOADS] = c->loads / lanes / 2;
    b.part[BOUND_STORES] = c->stores / lanes;
    b.part[BOUND_LOOKUPS] = c->lookups;
    b.part[BOUND_DIVISIONS] = c->divides * QUOTIENT_BYTES * (f64 ? 8 : 4) * (lanes == 1 ? 4 : 1);
    b.part[BOUND_MEMORY] = far / BYTES_A_CYCLE;
    b.part[BOUND_CALLS] = k->kind == LIR_ARGSORT ? SORT_STEP * c->steps : CALL * c->calls;
    if (k->kind == LIR_NEST) b.part[BOUND_SUMS] = SUM_READY * c->reduced / lanes / shape->nest.sums;
    if (k->kind == LIR_CUMSUM) b.part[BOUND_SUMS] = SUM_READY * c->steps;
    if (k->kind == LIR_DOT) bound_product(&b, c, &shape->tile, target);
    for (BoundKind i = 0; i < BOUND_COUNT; i++) {
        if (b.part[i] <= b.cycles) continue;
        b.cycles = b.part[i];
        b.kind = i;
    }
    return b;
}

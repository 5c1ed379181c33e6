/* Where a number that is none comes from. The function is run twice: once to see which values have elements that are
 * NaN or infinite, once more to keep those that lie on a way to the bad output, and their arguments. Then the way is
 * walked back, element by element: from an element to an element of an argument that it was computed from and that is
 * no number either, until there is none. The branch of a select that was not taken is not walked, nor what a gather
 * does not pick.
 */
#include <math.h>
#include <string.h>

#include "tir/infer.h"
#include "tir/interp.h"

typedef struct Walk {
    const TirFunction *f;
    const int64_t *extent;
    Arena *arena;
    uint64_t seed, step;
    bool single;
    const InterpRound *rounds; /* [ops] */
    const double **value;      /* [ops] */
    int64_t *at;               /* [axes] the element at hand */
} Walk;

static int64_t walk_size(const Walk *w, TirAxisId axis) {
    const TirAxis *a = &w->f->axes.data[axis];
    return a->size >= 0 ? a->size : w->extent[a->data];
}

/* The element of `id` at the place at hand. */
static size_t walk_index(const Walk *w, TirId id) {
    TirAxes axes = w->f->ops.data[id].axes;
    size_t index = 0;
    for (uint32_t i = 0; i < axes.count; i++)
        index = index * (size_t)walk_size(w, axes.id[i]) + (size_t)w->at[axes.id[i]];
    return index;
}

static double walk_value(const Walk *w, TirId id) {
    return w->value[id] ? w->value[id][walk_index(w, id)] : 0;
}

static bool walk_bad(const Walk *w, TirId id) {
    return w->f->ops.data[id].type == TIR_REAL && !isfinite(walk_value(w, id));
}

/* The next place in row-major order of `axes`; false behind the last. */
static bool walk_next(const Walk *w, TirAxes axes) {
    for (uint32_t i = axes.count; i-- > 0;) {
        if (++w->at[axes.id[i]] < walk_size(w, axes.id[i])) return true;
        w->at[axes.id[i]] = 0;
    }
    return false;
}

/* The first place along `axes` where an argument is bad: that argument, or TIR_NONE. Counts what it goes by. */
static TirId walk_search(const Walk *w, const TirOp *op, TirAxes axes, TirTrap *trap) {
    for (uint32_t i = 0; i < axes.count; i++) w->at[axes.id[i]] = 0;
    trap->points = 0;
    trap->largest = 0;
    do {
        trap->points++;
        for (uint32_t k = 0; k < op->arg_count; k++) {
            if (w->f->ops.data[op->args[k]].type != TIR_REAL) continue;
            if (walk_bad(w, op->args[k])) return op->args[k];
            trap->largest = fmax(trap->largest, fabs(walk_value(w, op->args[k])));
        }
    } while (walk_next(w, axes));
    return TIR_NONE;
}

static int64_t clamped(int64_t k, int64_t size) {
    return k < 0 ? 0 : k >= size ? size - 1 : k;
}

/* Pairs of values and an index at which they are added: those whose index is the place at hand. */
static TirId walk_scatter(const Walk *w, const TirOp *op, TirTrap *trap) {
    int64_t wanted = w->at[op->axis], size = walk_size(w, op->axis);
    trap->points = 0;
    for (uint32_t k = 0; k < op->arg_count; k += 2) {
        TirId values = op->args[k], index = op->args[k + 1];
        TirAxes points = tir_axes_union(w->f->ops.data[values].axes, w->f->ops.data[index].axes);
        points = tir_axes_minus(points, op->axes);
        for (uint32_t i = 0; i < points.count; i++) w->at[points.id[i]] = 0;
        do {
            if (clamped((int64_t)walk_value(w, index), size) != wanted) continue;
            trap->points++;
            if (walk_bad(w, values)) return values;
            trap->largest = fmax(trap->largest, fabs(walk_value(w, values)));
        } while (walk_next(w, points));
    }
    return TIR_NONE;
}

/* Into the first round of a loop that goes wrong. Where it goes wrong because of what it is given, the first bad
 * element of that is where the walk goes on. */
static TirId walk_loop(const Walk *w, TirId loop, TirTrap *trap) {
    const TirOp *op = &w->f->ops.data[loop];
    const InterpRound *round = &w->rounds[loop];
    TirTrap inner;
    if (!round->inputs || !tir_trap(op->body, w->arena, round->inputs, w->extent, w->seed, w->step, w->single, &inner))
        return TIR_NONE;
    const TirOp *found = &inner.f->ops.data[inner.op];
    if (inner.f != op->body || found->op != TIR_INPUT) {
        if (inner.round < 0) inner.round = round->at;
        inner.turned = trap->turned;
        inner.loop = loop;
        *trap = inner;
        return TIR_NONE;
    }
    TirId given = op->args[found->integer];
    TirAxes axes = w->f->ops.data[given].axes;
    for (uint32_t i = 0; i < axes.count; i++) w->at[axes.id[i]] = 0;
    while (!walk_bad(w, given))
        if (!walk_next(w, axes)) return TIR_NONE;
    return given;
}

static TirId walk_cumsum(const Walk *w, const TirOp *op, TirTrap *trap) {
    int64_t place = w->at[op->axis], first = op->flag ? place : 0;
    int64_t last = op->flag ? walk_size(w, op->axis) - 1 : place;
    trap->points = (size_t)(last - first + 1);
    for (w->at[op->axis] = first; w->at[op->axis] <= last; w->at[op->axis]++)
        if (walk_bad(w, op->args[0])) return op->args[0];
    w->at[op->axis] = place;
    return TIR_NONE;
}

static void walk_unflatten(const Walk *w, const TirOp *op) {
    int64_t index = w->at[op->axis];
    for (uint32_t i = op->attr_axes.count; i-- > 0;) {
        int64_t size = walk_size(w, op->attr_axes.id[i]);
        w->at[op->attr_axes.id[i]] = index % size;
        index /= size;
    }
}

/* An argument at the same place: rather a NaN than an infinity where the result is NaN. */
static TirId walk_same(const Walk *w, const TirOp *op) {
    TirId found = TIR_NONE;
    for (uint32_t k = 0; k < op->arg_count; k++) {
        if (op->op == TIR_CUSTOM && k) break; /* the others say its derivative */
        if (op->op == TIR_SELECT && k != (walk_value(w, op->args[0]) != 0 ? 1u : 2u)) continue;
        if (!walk_bad(w, op->args[k])) continue;
        if (isnan(walk_value(w, op->args[k]))) return op->args[k];
        if (found == TIR_NONE) found = op->args[k];
    }
    return found;
}

/* The argument of which the element at hand came to be no number, its place in w->at; or TIR_NONE. */
static TirId walk_step(const Walk *w, const TirOp *op, TirTrap *trap) {
    trap->points = 0;
    switch (op->op) {
    case TIR_SUM:
    case TIR_REDUCE_MAX:
    case TIR_DOT: return walk_search(w, op, op->attr_axes, trap);
    case TIR_SCATTER: return walk_scatter(w, op, trap);
    case TIR_RESULT: return walk_loop(w, op->args[0], trap);
    case TIR_CUMSUM: return walk_cumsum(w, op, trap);
    case TIR_SLICE: w->at[op->axis] = op->integer; break;
    case TIR_RENAME: w->at[op->axis] = w->at[op->axis2]; break;
    case TIR_FLATTEN: walk_unflatten(w, op); break;
    case TIR_STACK: return walk_bad(w, op->args[w->at[op->axis]]) ? op->args[w->at[op->axis]] : TIR_NONE;
    case TIR_GATHER:
        w->at[op->axis] = clamped((int64_t)walk_value(w, op->args[1]), walk_size(w, op->axis));
        return walk_bad(w, op->args[0]) ? op->args[0] : TIR_NONE;
    default: break;
    }
    return walk_same(w, op);
}

static void walk_back(const Walk *w, TirId at, TirTrap *trap) {
    const TirFunction *f = w->f;
    trap->turned = TIR_NONE;
    trap->f = f;
    trap->round = -1;
    for (;;) {
        const TirOp *op = &f->ops.data[at];
        for (uint32_t i = 0; i < op->axes.count; i++) {
            trap->at[i] = w->at[op->axes.id[i]];
            trap->size[i] = walk_size(w, op->axes.id[i]);
        }
        trap->value = walk_value(w, at);
        trap->largest = 0;
        TirId from = walk_step(w, op, trap);
        if (trap->f != f) return; /* found in a loop */
        if (from != TIR_NONE && isnan(trap->value) && isinf(walk_value(w, from))) trap->turned = at;
        if (from == TIR_NONE || f->ops.data[from].op == TIR_CONST) break;
        at = from;
    }
    const TirOp *op = &f->ops.data[at];
    trap->op = at;
    if (!trap->points)
        for (uint32_t k = 0; k < op->arg_count && k < TIR_TRAP_ARGS; k++)
            trap->args[trap->arg_count++] = walk_value(w, op->args[k]);
}

/* Marks what `of` is computed from, as far as `only` (may be NULL) has it. */
static void mark_from(const TirFunction *f, TirId of, const bool *only, bool *mark) {
    mark[of] = true;
    for (TirId i = of + 1; i-- > 0;)
        for (uint32_t k = 0; mark[i] && k < f->ops.data[i].arg_count; k++)
            if (!only || only[f->ops.data[i].args[k]]) mark[f->ops.data[i].args[k]] = true;
}

static bool of_guard(const TirPort *port) {
    return port->role == TIR_PORT_GUARD || port->role == TIR_PORT_NODE;
}

bool tir_trap(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
              uint64_t step, bool single, TirTrap *trap) {
    size_t count = f->ops.count;
    TirTensor *outputs = ARENA_ARRAY(arena, TirTensor, f->outputs.count + 1);
    bool *bad = ARENA_ARRAY(arena, bool, count + 1), *way = ARENA_ARRAY(arena, bool, count + 1);
    bool *keep = ARENA_ARRAY(arena, bool, count + 1), *forward = ARENA_ARRAY(arena, bool, count + 1);
    InterpWatch watch = {.single = single, .bad = bad};
    tir_interpret_watched(f, arena, inputs, extent, seed, step, &watch, outputs);
    *trap = (TirTrap){0};
    while (trap->output < f->outputs.count &&
           (of_guard(&f->outputs.data[trap->output]) || !bad[f->outputs.data[trap->output].value]))
        trap->output++;
    if (trap->output == f->outputs.count) return false;
    TirId of = f->outputs.data[trap->output].value;
    mark_from(f, of, bad, way);
    for (size_t i = 0; i < count; i++) {
        keep[i] |= way[i];
        for (uint32_t k = 0; way[i] && k < f->ops.data[i].arg_count; k++) keep[f->ops.data[i].args[k]] = true;
    }
    watch = (InterpWatch){.single = single, .keep = keep};
    watch.value = ARENA_ARRAY(arena, const double *, count + 1);
    watch.rounds = ARENA_ARRAY(arena, InterpRound, count + 1);
    tir_interpret_watched(f, arena, inputs, extent, seed, step, &watch, outputs);
    Walk w = {.f = f, .extent = extent, .arena = arena, .seed = seed, .step = step, .single = single};
    w.rounds = watch.rounds;
    w.value = watch.value;
    w.at = ARENA_ARRAY(arena, int64_t, f->axes.count + 1);
    TirAxes axes = f->ops.data[of].axes;
    while (!walk_bad(&w, of) && walk_next(&w, axes)) continue;
    walk_back(&w, of, trap);
    for (size_t i = 0; i < f->outputs.count; i++)
        if (f->outputs.data[i].role != TIR_PORT_GRADIENT) mark_from(f, f->outputs.data[i].value, NULL, forward);
    trap->backward = !forward[trap->round < 0 ? trap->op : trap->loop];
    return true;
}

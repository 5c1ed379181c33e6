/* Where to cut, as a minimum cut of a network. Of every early value v that the late function needs,
 *   either it is read: that costs read(v), or it is computed there: that costs work(v), and its arguments are needed.
 * Nodes: "v is needed" and "v is computed late"; v is read where the edge between them is cut. Source: what late values
 * and outputs use. */
#include <math.h>

#include "schedule/cut.h"
#include "stage/stage.h"

enum { EVENTS = 100000 /* of a data set, whose number is not known yet */ };

/* Operations that reading a number may cost: an event's own comes from memory and needs room there, a small table stays
 * in cache. A column is there in any case. What is made at every step is written at every step, too. */
enum { READ_ROW = 8, READ_COLUMN = 4, READ_TABLE = 2, TABLE_NUMBERS = 8192, WRITTEN = 3 };

/* Multiply-adds of matrix products, which wait for nothing, go so much faster than operations of nests. */
static const double DOT_SPEED = 4;

static double size_of(const TirFunction *f, TirAxes axes) {
    double size = 1;
    for (uint32_t k = 0; k < axes.count; k++) {
        int64_t n = f->axes.data[axes.id[k]].size;
        size *= n < 0 ? EVENTS : (double)n;
    }
    return size;
}

static double op_work(const TirFunction *f, const TirOp *op) {
    double each = tir_op_cost(op->op);
    switch (op->op) {
    case TIR_DOT: return each / DOT_SPEED * size_of(f, tir_axes_union(op->axes, op->attr_axes));
    case TIR_SUM:
    case TIR_REDUCE_MAX:
    case TIR_SCATTER: return each * size_of(f, f->ops.data[op->args[0]].axes);
    case TIR_LOOP: return stage_work(op->body) * size_of(f, tir_axes_one(op->axis));
    default: return each * size_of(f, op->axes);
    }
}

double stage_work(const TirFunction *f) {
    double work = 0;
    for (size_t v = 0; v < f->ops.count; v++) work += op_work(f, &f->ops.data[v]);
    return work;
}

static bool has_events(const TirFunction *f, TirAxes axes) {
    for (uint32_t k = 0; k < axes.count; k++)
        if (f->axes.data[axes.id[k]].size < 0) return true;
    return false;
}

/* A whole number is handed over where a single-precision real holds it: of a position in a table. Of a data set, which
 * may be large, no value has many numbers an event. */
static bool can_read(const TirFunction *f, TirId v) {
    enum { WHOLE = 1 << 24, NUMBERS_AN_EVENT = 8 };
    const TirOp *op = &f->ops.data[v];
    if (op->op == TIR_LOOP) return false;
    if (has_events(f, op->axes) && size_of(f, op->axes) > (double)EVENTS * NUMBERS_AN_EVENT) return false;
    if (op->type != TIR_INT) return true;
    if (op->op != TIR_SEARCH && op->op != TIR_ARGSORT) return false;
    int64_t size = f->axes.data[op->axis].size;
    return size >= 0 && size < WHOLE;
}

static int64_t read_cost(const TirFunction *f, TirId v, bool often) {
    const TirOp *op = &f->ops.data[v];
    double size = size_of(f, op->axes);
    if (op->op == TIR_CONST || op->op == TIR_IOTA || op->op == TIR_EXTENT) return 0;
    if (op->op == TIR_INPUT) return (int64_t)(size <= TABLE_NUMBERS ? 0 : READ_COLUMN * size);
    if (!can_read(f, v)) return CUT_NEVER;
    return (int64_t)((size <= TABLE_NUMBERS ? READ_TABLE * size : READ_ROW * size) * (often ? WRITTEN : 1));
}

typedef struct Network {
    const TirFunction *f;
    const bool *early;
    bool often;
    bool *asked; /* by something late, or an output */
    bool *live;  /* late code would compute it, were nothing handed over */
    Cut cut;
} Network;

static uint32_t node_needed(TirId v) {
    return CUT_FIRST + 2 * v;
}
static uint32_t node_computed(TirId v) {
    return CUT_FIRST + 2 * v + 1;
}

static void find_asked(Network *n) {
    const TirFunction *f = n->f;
    for (size_t i = 0; i < f->outputs.count; i++) n->asked[f->outputs.data[i].value] = true;
    for (TirId v = 0; v < f->ops.count; v++)
        for (uint32_t k = 0; !n->early[v] && k < f->ops.data[v].arg_count; k++) n->asked[f->ops.data[v].args[k]] = true;
    for (TirId v = (TirId)f->ops.count; v-- > 0;) {
        n->live[v] |= n->asked[v] && n->early[v];
        for (uint32_t k = 0; n->live[v] && k < f->ops.data[v].arg_count; k++) n->live[f->ops.data[v].args[k]] = true;
    }
}

static void build_network(Network *n) {
    const TirFunction *f = n->f;
    for (TirId v = 0; v < f->ops.count; v++) {
        if (!n->live[v]) continue;
        const TirOp *op = &f->ops.data[v];
        if (n->asked[v]) cut_edge(&n->cut, CUT_SOURCE, node_needed(v), CUT_NEVER);
        cut_edge(&n->cut, node_needed(v), node_computed(v), read_cost(f, v, n->often));
        double work = op->op == TIR_INPUT ? (double)CUT_NEVER : ceil(op_work(f, op));
        cut_edge(&n->cut, node_computed(v), CUT_SINK, work < (double)CUT_NEVER ? (int64_t)work : CUT_NEVER);
        for (uint32_t k = 0; k < op->arg_count; k++)
            cut_edge(&n->cut, node_computed(v), node_needed(op->args[k]), CUT_NEVER);
    }
}

static bool is_leaf(TirOpcode op) {
    return op == TIR_CONST || op == TIR_IOTA || op == TIR_EXTENT || op == TIR_INPUT;
}

bool *stage_choose(Arena *arena, const TirFunction *f, const bool *early, bool often, double *saved) {
    Arena scratch = {0};
    Network n = {.f = f, .early = early, .often = often};
    n.asked = ARENA_ARRAY(&scratch, bool, f->ops.count + 1);
    n.live = ARENA_ARRAY(&scratch, bool, f->ops.count + 1);
    find_asked(&n);
    cut_begin(&n.cut, &scratch, CUT_FIRST + 2 * (uint32_t)f->ops.count);
    build_network(&n);
    bool *taken = ARENA_ARRAY(arena, bool, f->ops.count + 1);
    *saved = -(double)cut_solve(&n.cut);
    for (TirId v = 0; v < f->ops.count; v++) {
        if (!n.live[v]) continue;
        const TirOp *op = &f->ops.data[v];
        *saved += op->op == TIR_INPUT ? (double)read_cost(f, v, often) : op_work(f, op);
        taken[v] = !is_leaf(op->op) && cut_on_source_side(&n.cut, node_needed(v)) &&
                   !cut_on_source_side(&n.cut, node_computed(v));
    }
    arena_free(&scratch);
    return taken;
}

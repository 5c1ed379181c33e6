/* Store or recompute. What one pass over the rows makes and a later pass reads must either be kept in memory for all
 * rows (the tape, when the later pass is the way back of a derivative) or made again there, row by row. For each pass
 * the cheapest choice for all values together is found, as a minimum cut:
 *
 *   x_v  the pass has v        y_v  the pass makes v again
 *   source -> x_v  never cut   v is read by the pass
 *   x_v -> y_v                 cut: v is kept; its bytes are written and read, each worth the operations that a core
 * does while it moves: FAR for a tape that does not fit the caches, NEAR for one that does y_v -> sink cut: v is made
 * again; its operations y_v -> x_u     never cut   v is made of u, unless the pass has u anyway (it made it, or u has
 * no rows)
 *
 * store(x) and recompute(x) in the source forbid one of the two. A value is made again by copying its operation into
 * the group that reads it; draws have no state, so a copied one gives the same numbers. Assumes classes and stages, and
 * leaves both as they are for the function with the copies. */
#include "schedule/cut.h"
#include "schedule/plan.h"

#include <math.h>

enum { FAR = 8, NEAR = 1, NEAR_BYTES = 1 << 19 };

typedef struct Recompute {
    Plan *plan;
    Arena *arena;    /* scratch */
    bool *wanted;    /* of another pass, so that it lives outside of its own */
    bool *fixed;     /* kept whatever it costs: an output, or read by rows that are not its own */
    bool *kept;      /* by a pass that is decided */
    uint32_t target; /* the group that is decided */
    int64_t byte;    /* what moving one is worth */
    bool *read;      /* by the target, at its own row */
    uint32_t *node;  /* x_v: 0 when v is not in the network; y_v is the next */
    VEC(TirId) members;
    Cut cut;
    /* the function with the copies */
    bool **made; /* [group][v]: made again there */
    VEC(TirOp) ops;
    VEC(const char *) label;
    VEC(uint32_t) stage; /* the least that an operation may run in */
    TirId *map, **copy;  /* old value -> new one; the same for the copy in a group */
} Recompute;

static bool computed(const OpPlan *p) {
    return p->kind != OP_DEAD && p->kind != OP_INPUT && p->kind != OP_INLINE;
}

static bool has_rows(const Plan *plan, TirId v) {
    TirAxisId row = plan->op[v].row;
    return row != LIR_NO_AXIS && tir_axes_has(plan->f->ops.data[v].axes, row);
}

/* Points of `axes` in one row. */
static double row_points(const Plan *plan, TirAxes axes, TirAxisId row) {
    double points = 1;
    for (uint32_t d = 0; d < axes.count; d++) {
        int64_t size = plan_axis_size(plan, axes.id[d]);
        if (axes.id[d] != row) points *= size < 0 ? INFINITY : (double)size;
    }
    return points;
}

static double row_bytes(const Plan *plan, TirId v, TirAxisId row) {
    const TirOp *op = &plan->f->ops.data[v];
    return row_points(plan, op->axes, row) * (op->type == TIR_REAL && plan->f64 ? 8 : 4);
}

static int64_t capacity(double cost) {
    return cost < (double)CUT_NEVER ? (int64_t)cost : CUT_NEVER;
}

static void note_wanted(Plan *plan, TirId reader, Use use, void *context) {
    Recompute *r = context;
    const OpPlan *v = &plan->op[use.base], *other = &plan->op[reader];
    if (!computed(v) || other->group == v->group) return;
    r->wanted[use.base] = true;
    if (!plan_read_in_place(plan, other, v, use.base, use)) r->fixed[use.base] = true;
}

static void find_wanted(Recompute *r) {
    const Plan *plan = r->plan;
    for (TirId v = 0; v < plan->f->ops.count; v++)
        if (computed(&plan->op[v])) plan_visit_uses(r->plan, v, note_wanted, r);
    for (size_t o = 0; o < plan->f->outputs.count; o++) r->fixed[plan->f->outputs.data[o].value] = true;
    for (size_t i = 0; i < plan->packs.count; i++) r->fixed[plan->packs.data[i].value] = true;
}

/* --- the network of one pass --- */

static void add_member(Recompute *r, TirId v) {
    if (r->node[v]) return;
    VEC_PUSH(r->arena, &r->members, v);
    r->node[v] = CUT_FIRST + 2 * (uint32_t)(r->members.count - 1);
}

/* Whether the target has it without keeping or copying anything. */
static bool at_hand(const Recompute *r, TirId v) {
    const OpPlan *p = &r->plan->op[v];
    if (p->kind == OP_INLINE || p->kind == OP_DEAD) return true;
    if (p->kind == OP_INPUT) return !tir_axes_has(r->plan->f->ops.data[v].axes, r->plan->groups.data[r->target].row);
    return p->group == r->target || !has_rows(r->plan, v);
}

static void note_read(Plan *plan, TirId reader, Use use, void *context) {
    Recompute *r = context;
    const OpPlan *p = &plan->op[use.base];
    if (at_hand(r, use.base) || p->kind == OP_INPUT) return;
    if (!plan_read_in_place(plan, &plan->op[reader], p, use.base, use)) return;
    r->read[use.base] = true;
    add_member(r, use.base);
}

static void note_argument(Plan *plan, TirId reader, Use use, void *context) {
    Recompute *r = context;
    if (!at_hand(r, use.base)) add_member(r, use.base);
}

static void connect_argument(Plan *plan, TirId reader, Use use, void *context) {
    Recompute *r = context;
    if (!at_hand(r, use.base)) cut_edge(&r->cut, r->node[reader] + 1, r->node[use.base], CUT_NEVER);
}

/* Operations of one row to make `v` of its arguments; infinite when it cannot or must not be. */
static double cost_again(const Recompute *r, TirId v) {
    const OpPlan *p = &r->plan->op[v];
    const TirOp *op = &r->plan->f->ops.data[v];
    TirAxisId row = r->plan->groups.data[r->target].row;
    if (p->kind == OP_INPUT || r->fixed[v] || p->row != row || op->memory == TIR_MEMORY_STORE) return INFINITY;
    TirAxes points = p->space;
    for (uint32_t k = 0; k < op->arg_count && op->op == TIR_DOT; k++) /* the axes that are summed count too */
        points = tir_axes_union(points, r->plan->f->ops.data[op->args[k]].axes);
    return row_points(r->plan, points, row) * tir_op_cost(op->op);
}

static double cost_keep(const Recompute *r, TirId v) {
    TirAxisId row = r->plan->groups.data[r->target].row;
    bool there = r->fixed[v] || r->kept[v] || r->plan->op[v].kind == OP_INPUT;
    if (r->plan->f->ops.data[v].memory == TIR_MEMORY_RECOMPUTE && !there && isfinite(cost_again(r, v))) return INFINITY;
    return (double)r->byte * row_bytes(r->plan, v, row) * (there ? 1 : 2);
}

static void connect(Recompute *r) {
    for (size_t i = 0; i < r->members.count; i++) { /* grows */
        TirId v = r->members.data[i];
        if (isfinite(cost_again(r, v))) plan_visit_uses(r->plan, v, note_argument, r);
    }
    cut_begin(&r->cut, r->arena, CUT_FIRST + 2 * (uint32_t)r->members.count);
    for (size_t i = 0; i < r->members.count; i++) {
        TirId v = r->members.data[i];
        uint32_t x = r->node[v], y = x + 1;
        double again = cost_again(r, v);
        cut_edge(&r->cut, x, y, capacity(cost_keep(r, v)));
        cut_edge(&r->cut, y, CUT_SINK, isfinite(again) ? capacity(again) : CUT_NEVER);
        if (isfinite(again)) plan_visit_uses(r->plan, v, connect_argument, r);
        if (r->read[v]) cut_edge(&r->cut, CUT_SOURCE, x, CUT_NEVER);
    }
}

static void note_decision(Recompute *r, TirId v, bool again) {
    const TirOp *op = &r->plan->f->ops.data[v];
    TirAxisId row = r->plan->groups.data[r->target].row;
    if (r->plan->op[v].kind == OP_INPUT) return;
    LirKept kept = {
        .span = op->span, .row = row, .bytes = row_bytes(r->plan, v, row), .asked = op->memory, .again = again};
    if (again) {
        r->made[r->target][v] = true;
        kept.cost = cost_again(r, v);
        if (!r->read[v]) kept.bytes = 0; /* only on the way to others */
    } else {
        if (r->kept[v]) return;
        r->kept[v] = true;
    }
    VEC_PUSH(r->plan->arena, &r->plan->lir->kept, kept);
}

static bool decide(Recompute *r, uint32_t target) {
    Plan *plan = r->plan;
    size_t count = plan->f->ops.count;
    r->target = target;
    r->members.count = 0;
    r->read = ARENA_ARRAY(r->arena, bool, count + 1);
    r->node = ARENA_ARRAY(r->arena, uint32_t, count + 1);
    r->made[target] = ARENA_ARRAY(r->arena, bool, count + 1);
    for (TirId v = 0; v < count; v++)
        if (computed(&plan->op[v]) && plan->op[v].group == target) plan_visit_uses(plan, v, note_read, r);
    if (!r->members.count) return false;
    connect(r);
    if (cut_solve(&r->cut) >= CUT_NEVER) tir_fail(plan->f, r->members.data[0], "no way to keep the values of a pass");
    bool any = false;
    for (size_t i = 0; i < r->members.count; i++) {
        TirId v = r->members.data[i];
        if (!cut_on_source_side(&r->cut, r->node[v])) continue;
        bool again = cut_on_source_side(&r->cut, r->node[v] + 1);
        any |= again;
        note_decision(r, v, again);
    }
    return any;
}

/* --- the function with the copies --- */

static TirId resolve(Recompute *r, TirId v, uint32_t group);

static TirId push(Recompute *r, TirOp op, const char *label, uint32_t stage) {
    VEC_PUSH(r->plan->arena, &r->label, label);
    VEC_PUSH(r->plan->arena, &r->ops, op);
    VEC_PUSH(r->arena, &r->stage, stage);
    return (TirId)r->ops.count - 1;
}

/* The operation with its arguments as `group` sees them; TIR_NONE: as they are. */
static TirOp renewed(Recompute *r, TirId v, uint32_t group) {
    TirOp op = r->plan->f->ops.data[v];
    TirId *args = ARENA_ARRAY(r->plan->arena, TirId, op.arg_count + 1);
    for (uint32_t k = 0; k < op.arg_count; k++)
        args[k] = group == TIR_NONE ? r->map[op.args[k]] : resolve(r, op.args[k], group);
    op.args = args;
    return op;
}

static TirId copy_into(Recompute *r, TirId v, uint32_t group) {
    size_t count = r->plan->f->ops.count;
    if (!r->copy[group]) {
        r->copy[group] = ARENA_ARRAY(r->arena, TirId, count);
        for (size_t i = 0; i < count; i++) r->copy[group][i] = TIR_NONE;
    }
    if (r->copy[group][v] == TIR_NONE) {
        TirOp op = renewed(r, v, group);
        const char *label = arena_format(r->plan->arena, "%u_again%u", v, group);
        r->copy[group][v] = push(r, op, label, r->plan->groups.data[group].stage);
    }
    return r->copy[group][v];
}

/* The new value that `group` reads for `v`. */
static TirId resolve(Recompute *r, TirId v, uint32_t group) {
    const TirOp *op = &r->plan->f->ops.data[v];
    if (r->plan->op[v].kind == OP_INLINE) {
        bool same = op->arg_count == 0 || resolve(r, op->args[0], group) == r->map[op->args[0]];
        return same ? r->map[v] : copy_into(r, v, group);
    }
    return r->made[group] && r->made[group][v] ? copy_into(r, v, group) : r->map[v];
}

static void rebuild(Recompute *r) {
    Plan *plan = r->plan;
    TirFunction *f = plan->f;
    for (TirId v = 0; v < f->ops.count; v++) {
        const OpPlan *p = &plan->op[v];
        r->map[v] = TIR_NONE;
        if (p->kind == OP_DEAD && f->ops.data[v].op != TIR_INPUT) continue;
        TirOp op = renewed(r, v, computed(p) ? p->group : TIR_NONE);
        r->map[v] = push(r, op, arena_format(plan->arena, "%u", v), 0);
    }
    f->inputs.data = arena_copy(plan->arena, f->inputs.data, f->inputs.count * sizeof *f->inputs.data);
    f->outputs.data = arena_copy(plan->arena, f->outputs.data, f->outputs.count * sizeof *f->outputs.data);
    for (size_t i = 0; i < f->inputs.count; i++)
        if (f->inputs.data[i].value != TIR_NONE) f->inputs.data[i].value = r->map[f->inputs.data[i].value];
    for (size_t i = 0; i < f->outputs.count; i++) f->outputs.data[i].value = r->map[f->outputs.data[i].value];
    f->ops.data = r->ops.data;
    f->ops.count = r->ops.count;
    f->ops.capacity = r->ops.capacity;
    plan->op = ARENA_ARRAY(plan->arena, OpPlan, f->ops.count + 1);
    plan->label = r->label.data;
    plan->groups.count = plan->packs.count = 0;
    plan_classify(plan);
    for (size_t v = 0; v < f->ops.count; v++)
        if (computed(&plan->op[v])) plan->op[v].stage = r->stage.data[v];
    plan_stages(plan);
}

const char *plan_label(const Plan *plan, TirId at) {
    return plan->label ? plan->label[at] : arena_format(plan->arena, "%u", at);
}

/* Bytes of everything that passes hand on. */
static double tape_bytes(const Recompute *r) {
    const Plan *plan = r->plan;
    double bytes = 0;
    for (TirId v = 0; v < plan->f->ops.count; v++) {
        if (!r->wanted[v] || !has_rows(plan, v)) continue;
        int64_t rows = plan_axis_size(plan, plan->op[v].row);
        bytes += row_bytes(plan, v, plan->op[v].row) * (rows < 0 ? INFINITY : (double)rows);
    }
    return bytes;
}

void plan_recompute(Plan *plan) {
    Arena scratch = {0};
    size_t count = plan->f->ops.count;
    Recompute r = {.plan = plan, .arena = &scratch};
    r.wanted = ARENA_ARRAY(&scratch, bool, count + 1);
    r.fixed = ARENA_ARRAY(&scratch, bool, count + 1);
    r.kept = ARENA_ARRAY(&scratch, bool, count + 1);
    r.map = ARENA_ARRAY(&scratch, TirId, count + 1);
    r.made = ARENA_ARRAY(&scratch, bool *, plan->groups.count + 1);
    r.copy = ARENA_ARRAY(&scratch, TirId *, plan->groups.count + 1);
    find_wanted(&r);
    r.byte = tape_bytes(&r) > NEAR_BYTES ? FAR : NEAR;
    bool any = false;
    for (uint32_t g = 0; g < plan->groups.count; g++)
        if (plan->groups.data[g].row != LIR_NO_AXIS) any |= decide(&r, g);
    if (any) rebuild(&r);
    arena_free(&scratch);
}

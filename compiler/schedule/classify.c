/* Decides for every live operation how it is computed, at which points, and by which rows. */
#include "schedule/plan.h"

/* A matrix product below these sizes is a plain loop nest. */
enum { DOT_MIN_N = 4, DOT_MIN_K = 4, DOT_MIN_M = 3 };
enum { INDEX_TERMS = 24 }; /* longest index that is made wherever it is used */

/* A dynamic axis if there is one, for scratch has room for one block of rows of no other dynamic axis. */
TirAxisId plan_row_of(const TirFunction *f, TirAxes axes) {
    TirAxisId row = LIR_NO_AXIS;
    for (uint32_t i = 0; i < axes.count; i++) {
        const TirAxis *axis = &f->axes.data[axes.id[i]];
        if (axis->batch && axis->size < 0) return axes.id[i];
        if (axis->batch && row == LIR_NO_AXIS) row = axes.id[i];
    }
    return row;
}

int64_t plan_axis_size(const Plan *plan, TirAxisId axis) {
    return plan->f->axes.data[axis].size;
}

static TirAxes batch_axes(const TirFunction *f, TirAxes axes) {
    TirAxes batch = tir_axes_none();
    for (uint32_t i = 0; i < axes.count; i++)
        if (f->axes.data[axes.id[i]].batch) batch = tir_axes_add(batch, axes.id[i]);
    return batch;
}

static void mark_live(Plan *plan, bool *live) {
    const TirFunction *f = plan->f;
    for (size_t i = 0; i < f->outputs.count; i++) live[f->outputs.data[i].value] = true;
    for (size_t i = f->ops.count; i-- > 0;) {
        if (!live[i]) continue;
        for (uint32_t k = 0; k < f->ops.data[i].arg_count; k++) live[f->ops.data[i].args[k]] = true;
    }
}

/* Row-less [k, n] weights times rows, which are events and, in a convolution, places: the last axis of the result is n.
 */
static bool dot_by_weights(Plan *plan, const TirOp *op, TirId a, TirId b, OpPlan *out) {
    const TirFunction *f = plan->f;
    TirAxes wa = f->ops.data[b].axes, ra = f->ops.data[a].axes;
    if (op->attr_axes.count != 1 || wa.count != 2 || plan_row_of(f, wa) != LIR_NO_AXIS) return false;
    TirAxisId k = op->attr_axes.id[0];
    TirAxisId n = wa.id[0] == k ? wa.id[1] : wa.id[0];
    TirAxisId row = plan_row_of(f, ra);
    if (row == LIR_NO_AXIS || tir_axes_has(ra, n)) return false;
    TirAxes rows = tir_axes_minus(ra, op->attr_axes);
    if (op->axes.id[op->axes.count - 1] != n) return false;
    if (plan_axis_size(plan, k) < DOT_MIN_K || plan_axis_size(plan, n) < DOT_MIN_N) return false;
    out->dot_a = a;
    out->dot_b = b;
    out->dot_k = k;
    out->dot_n = n;
    out->dot_m = rows.id[rows.count - 1];
    out->dot_pack = plan_pack_wanted(plan, op, out);
    return true;
}

/* Rows [rows, m] times rows [rows, n], summed over all rows: [m, n]. */
static bool dot_over_rows(Plan *plan, const TirOp *op, TirId a, TirId b, OpPlan *out) {
    const TirFunction *f = plan->f;
    TirAxes s = op->attr_axes, aa = f->ops.data[a].axes, ba = f->ops.data[b].axes;
    TirAxes ma = tir_axes_minus(aa, s), na = tir_axes_minus(ba, s);
    if (ma.count != 1 || na.count != 1 || ma.id[0] >= na.id[0]) return false;
    TirAxes batch = batch_axes(f, aa);
    if (!batch.count || !tir_axes_equal(batch, batch_axes(f, ba)) || tir_axes_minus(batch, s).count) return false;
    if (plan_axis_size(plan, na.id[0]) < DOT_MIN_N || ba.id[ba.count - 1] != na.id[0]) return false;
    out->dot_a = a;
    out->dot_b = b;
    out->dot_m = ma.id[0];
    out->dot_n = na.id[0];
    out->dot_k = s.id[s.count - 1];
    return true;
}

/* A product for every point of what both factors have: [both, m, k] times [both, k, n]. */
static bool dot_of_each(Plan *plan, const TirOp *op, TirId a, TirId b, OpPlan *out) {
    const TirFunction *f = plan->f;
    TirAxes aa = f->ops.data[a].axes, ba = f->ops.data[b].axes, s = op->attr_axes;
    if (s.count != 1 || f->axes.data[s.id[0]].batch) return false;
    TirAxes ma = tir_axes_minus(tir_axes_minus(aa, s), ba), na = tir_axes_minus(tir_axes_minus(ba, s), aa);
    if (na.count != 1 || !ma.count) return false;
    TirAxisId n = na.id[0], m = ma.id[ma.count - 1];
    if (ba.id[ba.count - 1] != n || op->axes.id[op->axes.count - 1] != n) return false;
    if (plan_axis_size(plan, s.id[0]) < DOT_MIN_K || plan_axis_size(plan, n) < DOT_MIN_N) return false;
    if (plan_axis_size(plan, m) >= 0 && plan_axis_size(plan, m) < DOT_MIN_M) return false;
    out->dot_a = a;
    out->dot_b = b;
    out->dot_k = s.id[0];
    out->dot_n = n;
    out->dot_m = m;
    return true;
}

static OpKind dot_kind(Plan *plan, TirId at, OpPlan *out) {
    const TirOp *op = &plan->f->ops.data[at];
    for (int swap = 0; swap < 2; swap++) {
        TirId a = op->args[swap], b = op->args[1 - swap];
        if (dot_by_weights(plan, op, a, b, out)) return OP_DOT;
        if (dot_over_rows(plan, op, a, b, out)) return OP_DOT_ROWS;
    }
    for (int swap = 0; swap < 2; swap++)
        if (dot_of_each(plan, op, op->args[swap], op->args[1 - swap], out)) return OP_DOT;
    return OP_CONTRACT;
}

/* Rows are split by their own axis, and memory of a dynamic size has one name: there each element looks for its place.
 */
static OpKind flatten_kind(const Plan *plan, const TirOp *op) {
    for (uint32_t i = 0; i < op->axes.count; i++)
        if (plan_axis_size(plan, op->axes.id[i]) < 0) return OP_POINT;
    return batch_axes(plan->f, op->attr_axes).count ? OP_POINT : OP_FLATTEN;
}

/* Integers that are sums, differences and products of indices of static axes without rows: cheaper made than read, and
 * what says that an element of an array lies beside another. */
static uint32_t index_terms(const Plan *plan, const TirOp *op) {
    uint32_t terms = 1;
    switch (op->op) {
    case TIR_CONST: return op->type == TIR_INT;
    case TIR_IOTA: return plan_axis_size(plan, op->axis) >= 0;
    case TIR_BROADCAST:
    case TIR_SLICE:
    case TIR_RENAME: return plan->op[op->args[0]].index_terms;
    case TIR_ADD:
    case TIR_SUB:
    case TIR_MUL: break;
    default: return 0;
    }
    if (op->type != TIR_INT || plan_row_of(plan->f, op->axes) != LIR_NO_AXIS) return 0;
    for (uint32_t k = 0; k < op->arg_count; k++) {
        uint32_t more = plan->op[op->args[k]].index_terms;
        if (!more) return 0;
        terms += more;
    }
    return terms <= INDEX_TERMS ? terms : 0;
}

static bool fixed_axis(const Plan *plan, TirAxisId axis) {
    return plan_axis_size(plan, axis) >= 0 && !plan->f->axes.data[axis].batch;
}

static void classify_op(Plan *plan, TirId at) {
    const TirOp *op = &plan->f->ops.data[at];
    OpPlan *p = &plan->op[at];
    p->space = op->axes;
    p->index_terms = index_terms(plan, op);
    switch (op->op) {
    case TIR_INPUT: p->kind = OP_INPUT; break;
    case TIR_CONST:
    case TIR_IOTA:
    case TIR_EXTENT:
    case TIR_STEP:
    case TIR_BROADCAST:
    case TIR_SLICE:
    case TIR_RENAME: p->kind = OP_INLINE; break;
    case TIR_GATHER:
        p->kind = plan->op[op->args[1]].index_terms && fixed_axis(plan, op->axis) ? OP_INLINE : OP_POINT;
        break;
    case TIR_SUM:
    case TIR_REDUCE_MAX:
        p->kind = op->op == TIR_SUM ? OP_SUM : OP_MAX;
        p->space = plan->f->ops.data[op->args[0]].axes;
        break;
    case TIR_STACK:
        p->kind = OP_STACK;
        p->space = tir_axes_minus(op->axes, tir_axes_one(op->axis));
        break;
    case TIR_FLATTEN:
        p->kind = flatten_kind(plan, op);
        if (p->kind == OP_FLATTEN) p->space = plan->f->ops.data[op->args[0]].axes;
        break;
    case TIR_SCATTER:
        p->kind = OP_SCATTER;
        p->space = tir_axes_union(plan->f->ops.data[op->args[0]].axes, plan->f->ops.data[op->args[1]].axes);
        break;
    case TIR_CUMSUM:
    case TIR_ARGSORT:
        p->kind = op->op == TIR_CUMSUM ? OP_CUMSUM : OP_ARGSORT;
        p->space = tir_axes_minus(op->axes, tir_axes_one(op->axis));
        break;
    case TIR_DOT:
        p->kind = dot_kind(plan, at, p);
        if (p->kind != OP_DOT)
            p->space = tir_axes_union(plan->f->ops.data[op->args[0]].axes, plan->f->ops.data[op->args[1]].axes);
        break;
    case TIR_LOOP:
    case TIR_RESULT:
        p->kind = op->op == TIR_LOOP ? OP_LOOP : OP_RESULT;
        p->loop = op->op == TIR_LOOP ? at : op->args[0];
        return;
    default: p->kind = p->index_terms ? OP_INLINE : OP_POINT; break;
    }
    p->row = plan_row_of(plan->f, p->space);
    /* The copies of a partial start at zero, so a maximum over rows is taken in one go instead. */
    if (p->kind == OP_MAX && p->row != LIR_NO_AXIS && !tir_axes_has(op->axes, p->row)) p->row = LIR_NO_AXIS;
    p->partial = p->row != LIR_NO_AXIS && !tir_axes_has(op->axes, p->row) && p->kind != OP_POINT &&
                 p->kind != OP_STACK && p->kind != OP_FLATTEN && p->kind != OP_CUMSUM && p->kind != OP_ARGSORT &&
                 p->kind != OP_INLINE && p->kind != OP_INPUT;
}

/* An inline operation that somebody needs in memory becomes a point operation. */
static void require_memory(Plan *plan, TirId at) {
    OpPlan *p = &plan->op[at];
    if (p->kind == OP_INLINE) p->kind = OP_POINT;
}

static void require_tables(Plan *plan, TirId at) {
    const TirOp *op = &plan->f->ops.data[at];
    OpPlan *p = &plan->op[at];
    if (p->kind == OP_FLATTEN) return;
    switch (op->op) {
    case TIR_GATHER:
    case TIR_SEARCH:
    case TIR_CUMSUM:
    case TIR_ARGSORT:
    case TIR_FLATTEN:
        /* tables may still be sliced or renamed in place; only leaves without memory must be stored */
        for (TirId t = op->args[0];; t = plan->f->ops.data[t].args[0]) {
            TirOpcode code = plan->f->ops.data[t].op;
            if (plan->op[t].kind != OP_INLINE) break;
            if (code == TIR_SLICE || code == TIR_RENAME) continue;
            if (code == TIR_GATHER && (op->op == TIR_GATHER || op->op == TIR_FLATTEN)) continue;
            require_memory(plan, t);
            break;
        }
        break;
    case TIR_DOT:
        if (p->kind == OP_DOT || p->kind == OP_DOT_ROWS) {
            require_memory(plan, op->args[0]);
            require_memory(plan, op->args[1]);
        }
        break;
    case TIR_LOOP:
        for (uint32_t k = 0; k < op->arg_count; k++) require_memory(plan, op->args[k]);
        break;
    default: break;
    }
}

void plan_classify(Plan *plan) {
    const TirFunction *f = plan->f;
    bool *live = ARENA_ARRAY(plan->arena, bool, f->ops.count + 1);
    mark_live(plan, live);
    for (TirId i = 0; i < f->ops.count; i++) {
        plan->op[i] = (OpPlan){.kind = OP_DEAD,
                               .row = LIR_NO_AXIS,
                               .buffer = TIR_NONE,
                               .slot_buffer = TIR_NONE,
                               .local_buffer = TIR_NONE,
                               .loop = TIR_NONE};
        if (live[i]) classify_op(plan, i);
    }
    for (size_t i = 0; i < f->outputs.count; i++) require_memory(plan, f->outputs.data[i].value);
    for (TirId i = (TirId)f->ops.count; i-- > 0;)
        if (live[i]) require_tables(plan, i);
}

bool plan_passes(const Plan *plan, TirId at) {
    const TirOp *op = &plan->f->ops.data[at];
    return plan->op[at].kind == OP_INLINE && (op->arg_count == 1 || op->op == TIR_GATHER);
}

/* Follows `value` through inline operations. `moved` collects axes of the base that its own loop does not index. */
static void follow(Plan *plan, TirId reader, TirId value, bool table, TirAxisId table_axis, UseVisitor visit,
                   void *context) {
    Use use = {.base = value, .reindexed = table, .moved_row = table ? table_axis : LIR_NO_AXIS};
    while (plan_passes(plan, use.base)) {
        const TirOp *op = &plan->f->ops.data[use.base];
        if (op->op == TIR_GATHER) use.reindexed = true;
        if (op->op == TIR_SLICE || op->op == TIR_RENAME) {
            use.reindexed = true;
            if (plan->f->axes.data[op->axis].batch) use.moved_row = op->axis;
        }
        use.base = op->args[0];
    }
    visit(plan, reader, use, context);
}

void plan_visit_uses(Plan *plan, TirId reader, UseVisitor visit, void *context) {
    const TirOp *op = &plan->f->ops.data[reader];
    OpKind kind = plan->op[reader].kind;
    bool tabled = op->op == TIR_GATHER || op->op == TIR_SEARCH || op->op == TIR_CUMSUM || op->op == TIR_ARGSORT ||
                  (op->op == TIR_FLATTEN && kind != OP_FLATTEN);
    bool whole = kind == OP_DOT || kind == OP_DOT_ROWS || kind == OP_LOOP;
    bool moves = op->op == TIR_SLICE || op->op == TIR_RENAME; /* when stored itself */
    for (uint32_t i = 0; i < op->arg_count; i++) {
        if (whole || moves) {
            TirAxisId axis = moves && plan->f->axes.data[op->axis].batch ? op->axis : LIR_NO_AXIS;
            follow(plan, reader, op->args[i], true, axis, visit, context);
        } else {
            follow(plan, reader, op->args[i], tabled && i == 0, op->axis, visit, context);
        }
    }
}

/* Writes the loop IR of every group: one kernel a cluster, with the clearing, combining and copying around them. */
#include "schedule/plan.h"

#include <math.h>
#include <string.h>

#include "lir/affine.h"

typedef struct Body {
    Plan *plan;
    LirKernel *kernel;
    uint32_t group;
    uint32_t *memo; /* by operation: its instruction in this kernel, or TIR_NONE */
} Body;

static uint32_t value_of(Body *body, TirId at);

static uint32_t instr(Body *body, LirInstr i) {
    VEC_PUSH(body->plan->arena, &body->kernel->body, i);
    return (uint32_t)body->kernel->body.count - 1;
}

static LirIndex index_loop(TirAxisId axis) {
    return (LirIndex){.kind = LIR_INDEX_LOOP, .axis = axis};
}

/* How the axes of a value are indexed where an operation reads it: each by its own loop, but for these. */
typedef struct Route {
    struct {
        TirAxisId axis;
        LirIndex index;
    } moved[2 * TIR_MAX_AXES];
    uint32_t count;
} Route;

static LirIndex route_index(const Route *route, TirAxisId axis) {
    for (uint32_t i = route->count; i-- > 0;)
        if (route->moved[i].axis == axis) return route->moved[i].index;
    return index_loop(axis);
}

static void route_set(Body *body, Route *route, TirAxisId axis, LirIndex index) {
    if (route->count == 2 * TIR_MAX_AXES) tir_fail(body->plan->f, 0, "too many slices and renames in a row");
    route->moved[route->count].axis = axis;
    route->moved[route->count++].index = index;
}

static LirIndex index_constant(int64_t constant) {
    return (LirIndex){.kind = LIR_INDEX_CONST, .constant = constant, .axis = LIR_NO_AXIS};
}

static uint32_t index_value(Body *body, TirId at, Route route);

/* Through a slice, a rename or a gather to its argument. */
static void route_step(Body *body, Route *route, const TirOp *op) {
    LirIndex index = {.kind = LIR_INDEX_VALUE};
    if (op->op == TIR_GATHER) index.value = index_value(body, op->args[1], *route);
    if (op->op == TIR_GATHER) route_set(body, route, op->axis, index);
    if (op->op == TIR_SLICE) route_set(body, route, op->axis, index_constant(op->integer));
    if (op->op == TIR_RENAME) route_set(body, route, op->axis, route_index(route, op->axis2));
}

/* Follows inline operations from `value` to what is stored or in a register. */
static TirId route_follow(Body *body, Route *route, TirId value) {
    const TirFunction *f = body->plan->f;
    while (plan_passes(body->plan, value)) {
        route_step(body, route, &f->ops.data[value]);
        value = f->ops.data[value].args[0];
    }
    return value;
}

static LirAccess access_of(const Plan *plan, uint32_t buffer, const Route *route) {
    LirAccess access = {.buffer = buffer};
    const LirBuffer *b = &plan->lir->buffers.data[buffer];
    for (uint32_t d = 0; d < b->rank; d++) access.index[d] = route_index(route, b->dims[d]);
    return access;
}

static LirAccess own_access(const Plan *plan, uint32_t buffer) {
    Route route = {0};
    return access_of(plan, buffer, &route);
}

/* Where a reader in this value's own group finds it. */
static uint32_t readable(const Plan *plan, TirId value) {
    const OpPlan *p = &plan->op[value];
    return p->local_buffer != TIR_NONE ? p->local_buffer : p->buffer;
}

static uint32_t readable_from(const Plan *plan, TirId value, uint32_t group) {
    return plan->op[value].group == group ? readable(plan, value) : plan->op[value].buffer;
}

static LirType lir_type(TirType type) {
    return type == TIR_REAL ? LIR_T_REAL : type == TIR_INT ? LIR_T_INT : LIR_T_BOOL;
}

/* A computed place along an axis, as a gather takes it. */
static uint32_t index_within(Body *body, uint32_t value, TirAxisId axis, Span span) {
    int64_t size = plan_axis_size(body->plan, axis);
    LirAffine a;
    if (lir_affine(body->plan->lir, body->kernel, value, &a) && a.least >= 0 && a.most < size) return value;
    uint32_t last = instr(body, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = size - 1, .span = span});
    uint32_t first = instr(body, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .span = span});
    value = instr(body, (LirInstr){.op = LIR_MIN, .type = LIR_T_INT, .args = {value, last}, .span = span});
    return instr(body, (LirInstr){.op = LIR_MAX, .type = LIR_T_INT, .args = {value, first}, .span = span});
}

/* A value without arguments, or arithmetic on indices, at the place that `route` leads to. */
static uint32_t leaf(Body *body, TirId at, const Route *route) {
    const TirOp *op = &body->plan->f->ops.data[at];
    LirInstr i = {
        .type = lir_type(op->type), .real = op->real, .integer = op->integer, .axis = op->axis, .span = op->span};
    switch (op->op) {
    case TIR_CONST: i.op = op->type == TIR_REAL ? LIR_REAL : op->type == TIR_INT ? LIR_INT : LIR_BOOL; break;
    case TIR_EXTENT: i.op = LIR_EXTENT; break;
    case TIR_STEP: i.op = LIR_STEP; break;
    case TIR_IOTA: {
        LirIndex index = route_index(route, op->axis);
        if (index.kind == LIR_INDEX_VALUE) return index_within(body, index.value, op->axis, op->span);
        i.op = index.kind == LIR_INDEX_CONST ? LIR_INT : LIR_LOOP;
        i.integer = index.constant;
        i.axis = index.axis;
        break;
    }
    case TIR_ADD:
    case TIR_SUB:
    case TIR_MUL:
        i.op = op->op == TIR_ADD ? LIR_ADD : op->op == TIR_SUB ? LIR_SUB : LIR_MUL;
        for (uint32_t a = 0; a < op->arg_count; a++) i.args[a] = index_value(body, op->args[a], *route);
        break;
    default: tir_fail(body->plan->f, at, "not a leaf");
    }
    return instr(body, i);
}

static uint32_t index_value(Body *body, TirId at, Route route) {
    const TirOp *op = &body->plan->f->ops.data[at];
    for (; op->op == TIR_BROADCAST || op->op == TIR_SLICE || op->op == TIR_RENAME; op = &body->plan->f->ops.data[at]) {
        route_step(body, &route, op);
        at = op->args[0];
    }
    return leaf(body, at, &route);
}

/* Row-major number of the point in the axes of a draw. */
static uint32_t event_index(Body *body, const TirOp *op) {
    uint32_t index = TIR_NONE;
    for (uint32_t d = 0; d < op->axes.count; d++) {
        TirAxisId axis = op->axes.id[d];
        uint32_t loop = instr(body, (LirInstr){.op = LIR_LOOP, .type = LIR_T_INT, .axis = axis, .span = op->span});
        if (index != TIR_NONE) {
            uint32_t size =
                instr(body, (LirInstr){.op = LIR_EXTENT, .type = LIR_T_INT, .axis = axis, .span = op->span});
            index = instr(body, (LirInstr){.op = LIR_MUL, .type = LIR_T_INT, .args = {index, size}, .span = op->span});
            loop = instr(body, (LirInstr){.op = LIR_ADD, .type = LIR_T_INT, .args = {index, loop}, .span = op->span});
        }
        index = loop;
    }
    if (index == TIR_NONE) index = instr(body, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .span = op->span});
    return index;
}

static uint32_t draw(Body *body, const TirOp *op) {
    LirInstr i = {.op = op->op == TIR_PICK ? LIR_PICK : LIR_UNIFORM,
                  .type = lir_type(op->type),
                  .axis = op->axis2,
                  .integer = op->integer,
                  .span = op->span};
    i.args[0] = event_index(body, op);
    return instr(body, i);
}

static uint32_t load_table(Body *body, TirId at, const TirOp *op) {
    Plan *plan = body->plan;
    uint32_t index = value_of(body, op->args[1]);
    Route route = {0};
    bool search = op->op == TIR_SEARCH;
    LirIndex searched = {.kind = LIR_INDEX_CONST, .axis = op->axis};
    LirIndex gathered = {.kind = LIR_INDEX_VALUE, .value = index};
    route_set(body, &route, op->axis, search ? searched : gathered);
    /* a rename on the way hands the marked index on to the table's own axis */
    TirId base = route_follow(body, &route, op->args[0]);
    LirInstr i = {.op = search ? LIR_SEARCH : LIR_LOAD, .type = lir_type(op->type), .axis = op->axis, .span = op->span};
    i.args[0] = search ? index : 0;
    i.access = access_of(plan, readable_from(plan, base, body->group), &route);
    return instr(body, i);
}

static uint32_t int_map(Body *body, LirOpcode op, uint32_t a, uint32_t b, Span span) {
    return instr(body, (LirInstr){.op = op, .type = LIR_T_INT, .args = {a, b}, .span = span});
}

/* One element of a flattened value: its place k, taken apart from the last axis on, k = (rest) n + index. The quotient
 * is taken in reals, exactly: (k + 1/2) / n keeps 1/(2n) away from whole numbers, and k stays below 2^23. */
static uint32_t load_flattened(Body *body, const TirOp *op) {
    Plan *plan = body->plan;
    Route route = {0};
    uint32_t rest = instr(body, (LirInstr){.op = LIR_LOOP, .type = LIR_T_INT, .axis = op->axis, .span = op->span});
    for (uint32_t i = op->attr_axes.count; i-- > 0;) {
        uint32_t index = rest;
        if (i > 0) {
            int64_t n = plan_axis_size(plan, op->attr_axes.id[i]);
            LirInstr real = {.type = LIR_T_REAL, .span = op->span};
            real.op = LIR_TO_REAL, real.args[0] = rest;
            uint32_t k = instr(body, real);
            uint32_t half = instr(body, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = 0.5, .span = op->span});
            uint32_t size =
                instr(body, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = (double)n, .span = op->span});
            real.op = LIR_ADD, real.args[0] = k, real.args[1] = half;
            k = instr(body, real);
            real.op = LIR_DIV, real.args[0] = k, real.args[1] = size;
            k = instr(body, real);
            uint32_t above =
                instr(body, (LirInstr){.op = LIR_TO_INT, .type = LIR_T_INT, .args = {k}, .span = op->span});
            uint32_t whole = instr(body, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = n, .span = op->span});
            index = int_map(body, LIR_SUB, rest, int_map(body, LIR_MUL, above, whole, op->span), op->span);
            rest = above;
        }
        route_set(body, &route, op->attr_axes.id[i], (LirIndex){.kind = LIR_INDEX_VALUE, .value = index});
    }
    TirId base = route_follow(body, &route, op->args[0]);
    LirInstr load = {.op = LIR_LOAD, .type = lir_type(op->type), .span = op->span};
    load.access = access_of(plan, readable_from(plan, base, body->group), &route);
    return instr(body, load);
}

static const struct {
    TirOpcode tir;
    LirOpcode lir;
} point_ops[] = {
    {TIR_NEG, LIR_NEG},
    {TIR_ABS, LIR_ABS},
    {TIR_SIGN, LIR_SIGN},
    {TIR_FLOOR, LIR_FLOOR},
    {TIR_EXP, LIR_EXP},
    {TIR_LOG, LIR_LOG},
    {TIR_EXPM1, LIR_EXPM1},
    {TIR_LOG1P, LIR_LOG1P},
    {TIR_SQRT, LIR_SQRT},
    {TIR_TANH, LIR_TANH},
    {TIR_SIN, LIR_SIN},
    {TIR_COS, LIR_COS},
    {TIR_ADD, LIR_ADD},
    {TIR_SUB, LIR_SUB},
    {TIR_MUL, LIR_MUL},
    {TIR_DIV, LIR_DIV},
    {TIR_ROUND, LIR_ROUND},
    {TIR_ERF, LIR_ERF},
    {TIR_ERFC, LIR_ERFC},
    {TIR_ATAN, LIR_ATAN},
    {TIR_ATAN2, LIR_ATAN2},
    {TIR_LGAMMA, LIR_LGAMMA},
    {TIR_POLYGAMMA, LIR_POLYGAMMA},
    {TIR_DILOG, LIR_DILOG},
    {TIR_BESSEL_J, LIR_BESSEL_J},
    {TIR_INC_GAMMA, LIR_INC_GAMMA},
    {TIR_INC_GAMMA_UPPER, LIR_INC_GAMMA_UPPER},
    {TIR_INC_GAMMA_INVERSE, LIR_INC_GAMMA_INVERSE},
    {TIR_INC_BETA, LIR_INC_BETA},
    {TIR_INC_BETA_INVERSE, LIR_INC_BETA_INVERSE},
    {TIR_POW, LIR_POW},
    {TIR_MAX, LIR_MAX},
    {TIR_MIN, LIR_MIN},
    {TIR_LT, LIR_LT},
    {TIR_LE, LIR_LE},
    {TIR_EQ, LIR_EQ},
    {TIR_AND, LIR_AND},
    {TIR_OR, LIR_OR},
    {TIR_NOT, LIR_NOT},
    {TIR_SELECT, LIR_SELECT},
    {TIR_TO_INT, LIR_TO_INT},
    {TIR_TO_REAL, LIR_TO_REAL},
    {TIR_EXTERN, LIR_EXTERN},
};

static uint32_t point(Body *body, TirId at) {
    const TirOp *op = &body->plan->f->ops.data[at];
    switch (op->op) {
    case TIR_UNIFORM:
    case TIR_PICK: return draw(body, op);
    case TIR_GATHER:
    case TIR_SEARCH: return load_table(body, at, op);
    case TIR_FLATTEN: return load_flattened(body, op);
    case TIR_STOP:
    case TIR_OPAQUE:
    case TIR_BROADCAST: return value_of(body, op->args[0]);
    case TIR_CONST:
    case TIR_IOTA:
    case TIR_EXTENT:
    case TIR_STEP: {
        Route route = {0};
        return leaf(body, at, &route);
    }
    case TIR_SLICE:
    case TIR_RENAME: { /* stored: read its argument as an inline one would */
        OpPlan *p = &body->plan->op[at];
        OpKind kind = p->kind;
        p->kind = OP_INLINE;
        body->memo[at] = TIR_NONE;
        uint32_t value = value_of(body, at);
        p->kind = kind;
        return value;
    }
    default: break;
    }
    LirInstr i = {.type = lir_type(op->type), .integer = op->integer, .span = op->span};
    for (uint32_t a = 0; a < op->arg_count; a++) i.args[a] = value_of(body, op->args[a]);
    if (op->op == TIR_EXTERN) {
        i.external = op->external;
        i.integer = op->arg_count;
        for (uint32_t a = op->arg_count; a < TIR_EXTERN_ARGS; a++) i.args[a] = i.args[0];
    }
    for (size_t k = 0; k < sizeof point_ops / sizeof *point_ops; k++) {
        if (point_ops[k].tir != op->op) continue;
        i.op = point_ops[k].lir;
        return instr(body, i);
    }
    tir_fail(body->plan->f, at, "operation without a kernel instruction");
}

/* The instruction that yields `at` at the kernel's own point; loads it if no operation of this kernel made it. */
static uint32_t value_of(Body *body, TirId at) {
    if (body->memo[at] != TIR_NONE) return body->memo[at];
    Plan *plan = body->plan;
    Route route = {0};
    TirId base = route_follow(body, &route, at);
    uint32_t value;
    bool moved = false;
    for (TirId t = at; t != base; t = plan->f->ops.data[t].args[0]) moved |= plan->f->ops.data[t].op != TIR_BROADCAST;
    if (plan->op[base].kind == OP_INLINE) {
        value = leaf(body, base, &route);
    } else if (!moved && body->memo[base] != TIR_NONE) {
        value = body->memo[base];
    } else {
        const TirOp *op = &plan->f->ops.data[base];
        LirInstr i = {.op = LIR_LOAD, .type = lir_type(op->type), .span = op->span};
        i.access = access_of(plan, readable_from(plan, base, body->group), &route);
        value = instr(body, i);
    }
    return body->memo[at] = value;
}

static LirKernel *kernel_new(Plan *plan, LirGroup *group, LirKernelKind kind, const char *name, Span span) {
    LirKernel *kernel = ARENA_NEW(plan->arena, LirKernel);
    kernel->kind = kind;
    kernel->name = name;
    kernel->span = span;
    kernel->m_axis = kernel->n_axis = kernel->k_axis = LIR_NO_AXIS;
    VEC_PUSH(plan->arena, &group->kernels, kernel);
    return kernel;
}

static void loops_set(LirKernel *kernel, TirAxes axes, TirAxisId row) {
    kernel->loop_count = 0;
    if (row != LIR_NO_AXIS && tir_axes_has(axes, row)) kernel->loops[kernel->loop_count++] = row;
    for (uint32_t i = 0; i < axes.count; i++)
        if (axes.id[i] != row) kernel->loops[kernel->loop_count++] = axes.id[i];
}

static void effect(Plan *plan, LirKernel *kernel, LirEffectKind kind, LirAccess access, uint32_t value) {
    LirEffect e = {.kind = kind, .access = access, .value = value};
    VEC_PUSH(plan->arena, &kernel->effects, e);
}

/* Clears or fills what a cluster accumulates into, unless it is a slot's copy, which is cleared when the slot starts.
 */
static void clear_targets(Plan *plan, LirGroup *group, const Cluster *cluster) {
    for (size_t i = 0; i < cluster->ops.count; i++) {
        TirId at = cluster->ops.data[i];
        const OpPlan *p = &plan->op[at];
        bool adds = p->kind == OP_SUM || p->kind == OP_SCATTER || p->kind == OP_CONTRACT;
        if (p->partial || (!adds && p->kind != OP_MAX)) continue;
        LirKernel *kernel =
            kernel_new(plan, group, adds ? LIR_ZERO : LIR_FILL,
                       arena_format(plan->arena, "clear_%s", plan_label(plan, at)), plan->f->ops.data[at].span);
        kernel->zero = readable(plan, at);
        kernel->reason = adds ? "where sums start" : "where maxima start";
        kernel->fill = adds ? 0 : -INFINITY;
    }
}

static void op_effects(Body *body, TirId at) {
    Plan *plan = body->plan;
    const TirOp *op = &plan->f->ops.data[at];
    const OpPlan *p = &plan->op[at];
    uint32_t target = p->partial ? p->slot_buffer : p->buffered ? readable(plan, at) : TIR_NONE;
    LirAccess access = target == TIR_NONE ? (LirAccess){0} : own_access(plan, target);
    switch (p->kind) {
    case OP_SUM:
    case OP_MAX:
        effect(plan, body->kernel, p->kind == OP_SUM ? LIR_ADD_TO : LIR_MAX_TO, access, value_of(body, op->args[0]));
        break;
    case OP_CONTRACT: {
        LirInstr product = {.op = LIR_MUL, .type = LIR_T_REAL, .span = op->span};
        product.args[0] = value_of(body, op->args[0]);
        product.args[1] = value_of(body, op->args[1]);
        effect(plan, body->kernel, LIR_ADD_TO, access, instr(body, product));
        break;
    }
    case OP_STACK:
        for (uint32_t i = 0; i < op->arg_count; i++) {
            Route route = {0};
            route_set(body, &route, op->axis, index_constant(i));
            effect(plan, body->kernel, LIR_STORE, access_of(plan, target, &route), value_of(body, op->args[i]));
        }
        break;
    case OP_FLATTEN:
        effect(plan, body->kernel, LIR_STORE, own_access(plan, p->unfolded), value_of(body, op->args[0]));
        break;
    case OP_SCATTER:
        for (uint32_t i = 0; i < op->arg_count; i += 2) {
            Route route = {0};
            LirIndex index = {.kind = LIR_INDEX_VALUE, .value = value_of(body, op->args[i + 1])};
            route_set(body, &route, op->axis, index);
            effect(plan, body->kernel, LIR_ADD_TO, access_of(plan, target, &route), value_of(body, op->args[i]));
        }
        break;
    default: /* a point value or a finished product */
        if (p->kind == OP_POINT) body->memo[at] = point(body, at);
        if (target != TIR_NONE) effect(plan, body->kernel, LIR_STORE, access, body->memo[at]);
        break;
    }
}

static void dot_setup(Body *body, TirId at, TirAxisId row) {
    Plan *plan = body->plan;
    const OpPlan *p = &plan->op[at];
    LirKernel *kernel = body->kernel;
    bool rows = p->kind == OP_DOT_ROWS;
    TirAxes around = rows ? plan->f->ops.data[at].attr_axes : plan->f->ops.data[at].axes;
    around = tir_axes_minus(around, tir_axes_one(rows ? p->dot_k : p->dot_n));
    if (!rows) around = tir_axes_minus(around, tir_axes_one(p->dot_m));
    loops_set(kernel, around, row);
    kernel->m_axis = p->dot_m;
    kernel->n_axis = p->dot_n;
    kernel->k_axis = p->dot_k;
    kernel->accumulate = rows;
    kernel->a = own_access(plan, readable_from(plan, p->dot_a, p->group));
    const Pack *pack = p->dot_pack ? plan_pack_of(plan, p) : NULL;
    kernel->packed = pack;
    kernel->b = pack ? plan_pack_access(pack) : own_access(plan, readable_from(plan, p->dot_b, p->group));
    uint32_t acc = instr(body, (LirInstr){.op = LIR_ACC, .type = LIR_T_REAL, .span = kernel->span});
    body->memo[at] = acc;
    LirEffectKind kind = plan_stores(plan, at) ? LIR_STORE : LIR_ADD_TO;
    if (rows && kind == LIR_STORE)
        kernel->reason = arena_format(plan->arena, "%s; one block has all rows of a slot, so it is stored, not added",
                                      kernel->reason);
    if (rows) effect(plan, kernel, kind, own_access(plan, p->slot_buffer), acc);
}

/* Operations along one axis. */
static void line_kernel(Plan *plan, LirGroup *group, const Cluster *cluster) {
    TirId at = cluster->ops.data[0];
    const TirOp *op = &plan->f->ops.data[at];
    LirKernelKind kind = op->op == TIR_CUMSUM ? LIR_CUMSUM : LIR_ARGSORT;
    const char *name = arena_format(plan->arena, "%s_%s", tir_op_text(op->op), plan_label(plan, at));
    LirKernel *kernel = kernel_new(plan, group, kind, name, op->span);
    loops_set(kernel, plan->op[at].space, group->row_axis);
    kernel->reason = cluster->reason;
    kernel->k_axis = op->axis;
    kernel->reverse = op->flag;
    Body body = {.plan = plan, .kernel = kernel};
    Route route = {0};
    TirId base = route_follow(&body, &route, op->args[0]);
    kernel->a = access_of(plan, readable_from(plan, base, plan->op[at].group), &route);
    effect(plan, kernel, LIR_STORE, own_access(plan, readable(plan, at)), 0);
}

/* Copies `from` to `to`, both over the axes of `to`. */
static LirKernel *copy_kernel(Plan *plan, LirGroup *group, const char *name, TirId at, uint32_t from, uint32_t to) {
    const TirOp *op = &plan->f->ops.data[at];
    LirKernel *kernel = kernel_new(plan, group, LIR_NEST, name, op->span);
    kernel->vector = true;
    loops_set(kernel, op->axes, group->row_axis);
    Body body = {.plan = plan, .kernel = kernel};
    LirInstr load = {.op = LIR_LOAD, .type = lir_type(op->type), .access = own_access(plan, from), .span = op->span};
    effect(plan, kernel, LIR_STORE, own_access(plan, to), instr(&body, load));
    return kernel;
}

/* Values accumulated block by block in scratch that others read whole. */
static void export_locals(Plan *plan, LirGroup *group, const Cluster *cluster) {
    for (size_t i = 0; i < cluster->ops.count; i++) {
        TirId at = cluster->ops.data[i];
        const OpPlan *p = &plan->op[at];
        if (p->local_buffer == TIR_NONE) continue;
        LirKernel *kernel = copy_kernel(plan, group, arena_format(plan->arena, "export_%s", plan_label(plan, at)), at,
                                        p->local_buffer, p->buffer);
        kernel->reason = "summed in the cache block by block, then handed to later groups";
    }
}

/* Whether no two lanes of a vector along the last loop add to the same place. */
static bool lanes_apart(const Plan *plan, const LirKernel *kernel) {
    bool apart = kernel->loop_count > 0;
    for (size_t i = 0; i < kernel->effects.count && apart; i++)
        apart =
            lir_access_apart(plan->lir, kernel, &kernel->effects.data[i].access, kernel->loops[kernel->loop_count - 1]);
    return apart;
}

/* The operations that share a kernel, the same ones counted together. */
static const char *cluster_computes(Plan *plan, const Cluster *cluster) {
    const char *text = "";
    for (size_t i = 0; i < cluster->ops.count; i++) {
        TirOpcode op = plan->f->ops.data[cluster->ops.data[i]].op;
        size_t before = 0, all = 0;
        for (size_t k = 0; k < cluster->ops.count; k++) {
            bool same = plan->f->ops.data[cluster->ops.data[k]].op == op;
            all += same;
            before += same && k < i;
        }
        if (before) continue;
        const char *comma = *text ? ", " : "", *name = tir_op_text(op);
        text = all > 1 ? arena_format(plan->arena, "%s%s%zu %s", text, comma, all, name)
                       : arena_format(plan->arena, "%s%s%s", text, comma, name);
    }
    return text;
}

static void cluster_kernels(Plan *plan, LirGroup *group, const Cluster *cluster) {
    TirId last = cluster->ops.data[cluster->ops.count - 1];
    if (cluster->kind == CLUSTER_LINE) {
        line_kernel(plan, group, cluster);
        export_locals(plan, group, cluster);
        return;
    }
    clear_targets(plan, group, cluster);
    bool dot = cluster->kind == CLUSTER_DOT || cluster->kind == CLUSTER_DOT_ROWS;
    const TirOp *named = &plan->f->ops.data[dot ? cluster->ops.data[0] : last];
    const char *name =
        arena_format(plan->arena, "%s_%s", tir_op_text(named->op), plan_label(plan, dot ? cluster->ops.data[0] : last));
    LirKernel *kernel = kernel_new(plan, group, dot ? LIR_DOT : LIR_NEST, name, named->span);
    Body body = {.plan = plan,
                 .kernel = kernel,
                 .group = plan->op[last].group,
                 .memo = ARENA_ARRAY(plan->arena, uint32_t, plan->f->ops.count + 1)};
    memset(body.memo, 0xff, (plan->f->ops.count + 1) * sizeof *body.memo);
    kernel->reason = cluster->reason;
    kernel->computes = cluster_computes(plan, cluster);
    if (dot)
        dot_setup(&body, cluster->ops.data[0], group->row_axis);
    else
        loops_set(kernel, cluster->space, group->row_axis);
    if (cluster->kind != CLUSTER_DOT_ROWS)
        for (size_t i = 0; i < cluster->ops.count; i++) op_effects(&body, cluster->ops.data[i]);
    kernel->vector = cluster->kind != CLUSTER_SCATTER || lanes_apart(plan, kernel);
    export_locals(plan, group, cluster);
}

/* Adds up the copies of a partial. */
static void combine_kernel(Plan *plan, LirGroup *group, TirId at) {
    const OpPlan *p = &plan->op[at];
    const char *name = arena_format(plan->arena, "combine_%s", plan_label(plan, at));
    LirKernel *kernel = kernel_new(plan, group, LIR_COMBINE, name, plan->f->ops.data[at].span);
    kernel->a.buffer = p->slot_buffer;
    kernel->zero = p->buffer;
    kernel->reason = arena_format(plan->arena, "adds up the copies of at most %u slots, the first one first",
                                  plan->groups.data[p->group].slots);
}

static void pack_kernel(Plan *plan, LirGroup *group, const Pack *pack) {
    const TirOp *op = &plan->f->ops.data[pack->value];
    LirKernel *kernel = kernel_new(
        plan, group, LIR_PACK,
        arena_format(plan->arena, "pack_%s_%s", plan_label(plan, pack->value), plan->f->axes.data[pack->k].name),
        op->span);
    kernel->reason = "weights in the order in which products read them, made once a call";
    kernel->loops[0] = plan->lir->buffers.data[pack->buffer].dims[0];
    kernel->loop_count = 1;
    kernel->n_axis = pack->n;
    kernel->k_axis = pack->k;
    kernel->a = own_access(plan, readable_from(plan, pack->value, pack->group));
    effect(plan, kernel, LIR_STORE, plan_pack_access(pack), 0);
}

static void output_copy(Plan *plan, LirGroup *group, uint32_t port) {
    TirId value = plan->f->outputs.data[port].value;
    uint32_t to = plan_buffer_add(plan, arena_format(plan->arena, "out%u", port), LIR_OUT,
                                  plan->f->ops.data[value].type, plan->f->ops.data[value].axes);
    plan->lir->buffers.data[to].port = port;
    LirKernel *kernel =
        copy_kernel(plan, group, arena_format(plan->arena, "copy_out%u", port), value, plan->op[value].buffer, to);
    kernel->reason = "a value that lives elsewhere, as an output";
}

static void combines(Plan *plan, LirGroup *group, const GroupPlan *from) {
    for (size_t i = 0; i < from->combines.count; i++)
        if (plan->op[from->combines.data[i]].slot_buffer != plan->op[from->combines.data[i]].buffer)
            combine_kernel(plan, group, from->combines.data[i]);
}

static void packs(Plan *plan, LirGroup *group, uint32_t g) {
    for (size_t i = 0; i < plan->packs.count; i++)
        if (plan->packs.data[i].group == g) pack_kernel(plan, group, &plan->packs.data[i]);
}

static LirGroup moving_group(Plan *plan, uint32_t g, const char *what, uint32_t slots) {
    return (LirGroup){.name = arena_format(plan->arena, "g%u_%s", g, what),
                      .row_axis = LIR_NO_AXIS,
                      .block = 1,
                      .slots = slots,
                      .reason = arena_format(plan->arena, "no rows: every kernel in %u pieces, for threads", slots)};
}

static LirGroup group_main(Plan *plan, uint32_t g) {
    GroupPlan *from = &plan->groups.data[g];
    LirGroup group = {.row_axis = from->row,
                      .block = from->block,
                      .slots = from->slots,
                      .slot_rows = from->slot_rows,
                      .reason = from->reason};
    if (from->loop != TIR_NONE) {
        group.loop = plan_loop(plan, from->loop);
        group.name = arena_format(plan->arena, "g%u_loop", g);
        group.reason = "rounds that need one another: one after the other, each with the groups of its body";
        return group;
    }
    const char *rows = from->row == LIR_NO_AXIS ? "once" : plan->f->axes.data[from->row].name;
    group.name = arena_format(plan->arena, "g%u_%s", g, rows);
    if (!from->combine_slots) combines(plan, &group, from);
    for (size_t i = 0; i < from->clusters.count; i++) cluster_kernels(plan, &group, &from->clusters.data[i]);
    if (!from->pack_slots) packs(plan, &group, g);
    for (size_t i = 0; i < from->copies.count; i++) output_copy(plan, &group, from->copies.data[i]);
    return group;
}

/* Groups are numbered as plan_sizes did. */
void plan_kernels(Plan *plan) {
    for (uint32_t g = 0; g < plan->groups.count; g++) {
        const GroupPlan *from = &plan->groups.data[g];
        if (from->combine_slots) {
            LirGroup group = moving_group(plan, g, "combine", from->combine_slots);
            combines(plan, &group, from);
            VEC_PUSH(plan->arena, &plan->lir->groups, group);
        }
        if (from->main) VEC_PUSH(plan->arena, &plan->lir->groups, group_main(plan, g));
        if (from->pack_slots) {
            LirGroup group = moving_group(plan, g, "pack", from->pack_slots);
            packs(plan, &group, g);
            VEC_PUSH(plan->arena, &plan->lir->groups, group);
        }
    }
}

/* Loops over rounds. Their slices are found by adding to a pointer, so the axis of the rounds has to be the first of
 * every sequence: the function is copied with one new axis for every axis that a loop runs along, before all others,
 * and sequences are renamed onto it and results back. A body keeps the order of its axes, so its arrays lie as outside.
 */
#include "schedule/plan.h"
#include "tir/infer.h"

typedef struct First {
    const TirFunction *from;
    TirFunction *f;
    uint32_t count;   /* new axes */
    TirAxisId *fresh; /* by axis of `from`: its new axis, or TIR_NONE */
    TirId *map;
} First;

static TirAxes shift_axes(TirAxes axes, uint32_t by) {
    for (uint32_t i = 0; i < axes.count; i++) axes.id[i] += by;
    return axes;
}

/* All axes of an operation, those in its body too, whose table becomes that of `f`. */
static void shift_op(const TirFunction *f, TirOp *op, uint32_t by) {
    unsigned attrs = tir_op_attrs(op->op);
    op->axes = shift_axes(op->axes, by);
    op->attr_axes = shift_axes(op->attr_axes, by);
    if (attrs & TIR_ATTR_AXIS) op->axis += by;
    if (attrs & TIR_ATTR_AXIS2) op->axis2 += by;
    for (size_t i = 0; op->body && i < op->body->ops.count; i++) shift_op(f, &op->body->ops.data[i], by);
    if (op->body) tir_body_axes(f, op->body);
}

static void axes_make(First *first) {
    const TirFunction *from = first->from;
    TirFunction *f = first->f;
    for (TirAxisId a = 0; a < from->axes.count; a++) first->fresh[a] = TIR_NONE;
    for (size_t v = 0; v < from->ops.count; v++) {
        const TirOp *op = &from->ops.data[v];
        if (op->op != TIR_LOOP || first->fresh[op->axis] != TIR_NONE) continue;
        const TirAxis *axis = &from->axes.data[op->axis];
        const char *name = arena_format(f->arena, "%s.rounds", axis->name);
        first->fresh[op->axis] = tir_axis_add(f, name, axis->size, false);
        first->count++;
    }
    for (TirAxisId a = 0; a < from->axes.count; a++) VEC_PUSH(f->arena, &f->axes, from->axes.data[a]);
}

/* The sequence on the axis of rounds: a result that was renamed away from it as it was. */
static TirId sequence_move(First *first, TirId id, TirAxisId axis, Span span) {
    TirFunction *f = first->f;
    const TirOp *op = &f->ops.data[id];
    TirAxisId fresh = first->fresh[axis];
    if (op->op == TIR_RENAME && op->axis == fresh && op->axis2 == axis + first->count) return op->args[0];
    return tir_rename(f, id, axis + first->count, fresh, span);
}

static TirId loop_copy(First *first, const TirOp *op) {
    TirFunction *f = first->f;
    TirOp copy = *op;
    copy.body = tir_function_copy(f->arena, op->body, op->body->name);
    shift_op(f, &copy, first->count);
    copy.axis = first->fresh[op->axis];
    TirId *args = ARENA_ARRAY(f->arena, TirId, op->arg_count + 1);
    for (uint32_t k = 0; k < op->arg_count; k++) {
        args[k] = first->map[op->args[k]];
        if (tir_loop_slices(first->from, op, k)) args[k] = sequence_move(first, args[k], op->axis, op->span);
    }
    return tir_push(f, copy, args, op->arg_count);
}

/* One operation for each result that is read. */
static TirId result_copy(First *first, const TirOp *op) {
    const TirOp *loop = &first->from->ops.data[op->args[0]];
    TirFunction *f = first->f;
    TirId copy = first->map[op->args[0]], id = TIR_NONE;
    for (TirId v = copy + 1; v < f->ops.count && id == TIR_NONE; v++) {
        const TirOp *other = &f->ops.data[v];
        if (other->op == TIR_RESULT && other->args[0] == copy && other->integer == op->integer) id = v;
    }
    if (id == TIR_NONE) id = tir_result(f, copy, (uint32_t)op->integer, op->span);
    if (op->integer < loop->integer) return id;
    return tir_rename(f, id, first->fresh[loop->axis], loop->axis + first->count, op->span);
}

static TirId op_copy(First *first, const TirOp *op) {
    TirFunction *f = first->f;
    TirOp copy = *op;
    shift_op(f, &copy, first->count);
    copy.args = ARENA_ARRAY(f->arena, TirId, op->arg_count);
    for (uint32_t k = 0; k < op->arg_count; k++) copy.args[k] = first->map[op->args[k]];
    VEC_PUSH(f->arena, &f->ops, copy);
    return (TirId)(f->ops.count - 1);
}

static void ports_copy(First *first, TirPort *ports, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ports[i].value != TIR_NONE) ports[i].value = first->map[ports[i].value];
}

const TirFunction *plan_loops_first(Arena *arena, const TirFunction *f) {
    bool loops = false;
    for (size_t v = 0; v < f->ops.count; v++) loops |= f->ops.data[v].op == TIR_LOOP;
    if (!loops) return f;
    First first = {.from = f, .f = tir_function_new(arena, f->name)};
    first.fresh = ARENA_ARRAY(arena, TirAxisId, f->axes.count + 1);
    first.map = ARENA_ARRAY(arena, TirId, f->ops.count + 1);
    axes_make(&first);
    for (size_t i = 0; i < f->inputs.count; i++) VEC_PUSH(arena, &first.f->inputs, f->inputs.data[i]);
    for (size_t i = 0; i < f->outputs.count; i++) VEC_PUSH(arena, &first.f->outputs, f->outputs.data[i]);
    for (size_t v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        first.map[v] = op->op == TIR_LOOP     ? loop_copy(&first, op)
                       : op->op == TIR_RESULT ? result_copy(&first, op)
                                              : op_copy(&first, op);
    }
    ports_copy(&first, first.f->inputs.data, first.f->inputs.count);
    ports_copy(&first, first.f->outputs.data, first.f->outputs.count);
    return first.f;
}

/* Where result `k` of the loop lies: what RESULT reads, or memory that nobody reads. */
static uint32_t result_buffer(Plan *plan, TirId loop, uint32_t k) {
    const TirFunction *f = plan->f;
    for (TirId v = loop + 1; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        if (op->op == TIR_RESULT && op->args[0] == loop && op->integer == k && plan->op[v].buffer != TIR_NONE)
            return plan->op[v].buffer;
    }
    const TirFunction *body = f->ops.data[loop].body;
    TirType type = body->ops.data[body->outputs.data[k].value].type;
    const char *name = arena_format(plan->arena, "b%u_%u", loop, k);
    return plan_buffer_add(plan, name, LIR_WORK, type, tir_result_axes(&f->ops.data[loop], k));
}

LirLoop *plan_loop(Plan *plan, TirId at) {
    const TirOp *op = &plan->f->ops.data[at];
    LirLoop *loop = ARENA_NEW(plan->arena, LirLoop);
    loop->body = schedule_function_sized(plan->arena, op->body, plan->f64, plan->sizes);
    loop->body->name = arena_format(plan->arena, "%s.loop%u", plan->f->name, at);
    loop->body->is_body = true;
    loop->axis = op->axis;
    loop->rounds = plan_axis_size(plan, op->axis);
    loop->from_end = op->flag;
    loop->states = (uint32_t)op->integer;
    loop->in_count = op->arg_count;
    loop->out_count = (uint32_t)op->body->outputs.count;
    loop->in = ARENA_ARRAY(plan->arena, uint32_t, loop->in_count + 1);
    loop->slice = ARENA_ARRAY(plan->arena, bool, loop->in_count + 1);
    loop->out = ARENA_ARRAY(plan->arena, uint32_t, loop->out_count + 1);
    loop->other = ARENA_ARRAY(plan->arena, uint32_t, loop->states + 1);
    for (uint32_t k = 0; k < loop->in_count; k++) {
        loop->in[k] = plan->op[op->args[k]].buffer;
        loop->slice[k] = tir_loop_slices(plan->f, op, k);
    }
    for (uint32_t k = 0; k < loop->out_count; k++) loop->out[k] = result_buffer(plan, at, k);
    for (uint32_t k = 0; k < loop->states; k++) {
        const TirOp *state = &plan->f->ops.data[op->args[k]];
        loop->other[k] =
            plan_buffer_add(plan, arena_format(plan->arena, "b%u_%u_other", at, k), LIR_WORK, state->type, state->axes);
    }
    return loop;
}

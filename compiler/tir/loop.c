/* Loops: building them, and the rules that a loop and its body keep; what a loop is stands in tir.h. */
#include <string.h>

#include "tir/infer.h"

TirFunction *tir_body_new(const TirFunction *f, const char *name) {
    TirFunction *body = tir_function_new(f->arena, name);
    tir_body_axes(f, body);
    return body;
}

void tir_body_axes(const TirFunction *f, TirFunction *body) {
    body->axes.data = arena_copy(body->arena, f->axes.data, f->axes.count * sizeof *f->axes.data);
    body->axes.count = body->axes.capacity = f->axes.count;
    for (size_t i = 0; i < body->ops.count; i++)
        if (body->ops.data[i].body) tir_body_axes(f, body->ops.data[i].body);
}

TirId tir_body_input(TirFunction *body, TirType type, TirAxes axes, Span span) {
    uint32_t number = (uint32_t)body->inputs.count;
    return tir_input(body, TIR_PORT_ROUND, number, 0, arena_format(body->arena, "in%u", number), type, axes, span);
}

TirId tir_loop(TirFunction *f, TirFunction *body, const TirId *args, uint32_t count, uint32_t states, TirAxisId axis,
               bool from_end, Span span) {
    TirOp op = {.op = TIR_LOOP, .body = body, .integer = (int64_t)states, .axis = axis, .flag = from_end, .span = span};
    return tir_push(f, op, args, count);
}

TirId tir_result(TirFunction *f, TirId loop, uint32_t result, Span span) {
    return tir_push(f, (TirOp){.op = TIR_RESULT, .integer = result, .span = span}, &loop, 1);
}

TirAxes tir_result_axes(const TirOp *loop, uint32_t result) {
    TirAxes axes = loop->body->ops.data[loop->body->outputs.data[result].value].axes;
    return result < loop->integer ? axes : tir_axes_add(axes, loop->axis);
}

bool tir_loop_slices(const TirFunction *f, const TirOp *loop, uint32_t k) {
    return k >= loop->integer && tir_axes_has(f->ops.data[loop->args[k]].axes, loop->axis);
}

/* The axes have the same number, name and length in the body. */
static bool axes_shared(const TirFunction *f, const TirFunction *body, TirAxes axes) {
    for (uint32_t i = 0; i < axes.count; i++) {
        if (axes.id[i] >= f->axes.count || axes.id[i] >= body->axes.count) return false;
        const TirAxis *a = &f->axes.data[axes.id[i]], *b = &body->axes.data[axes.id[i]];
        if (strcmp(a->name, b->name) != 0 || a->size != b->size || a->data != b->data) return false;
    }
    return true;
}

static const char *check_input(const TirFunction *f, const TirOp *op, uint32_t k) {
    const TirFunction *body = op->body;
    if (body->inputs.data[k].value >= body->ops.count) return "an input of the body has no value";
    const TirOp *arg = &f->ops.data[op->args[k]], *input = &body->ops.data[body->inputs.data[k].value];
    if (arg->op == TIR_LOOP) return "reads a loop, and not one of its results";
    if (arg->type != input->type) return "an argument of another type than the body's input";
    TirAxes axes = arg->axes;
    if (tir_loop_slices(f, op, k)) axes = tir_axes_minus(axes, tir_axes_one(op->axis));
    if (!tir_axes_equal(axes, input->axes)) return "an argument of other axes than the body's input";
    if (tir_axes_has(axes, op->axis)) return "a state has the axis of the rounds";
    return axes_shared(f, body, axes) ? NULL : "an axis that is another one in the body";
}

static const char *check_output(const TirFunction *f, const TirOp *op, uint32_t k) {
    const TirFunction *body = op->body;
    if (body->outputs.data[k].value >= body->ops.count) return "an output of the body has no value";
    const TirOp *output = &body->ops.data[body->outputs.data[k].value];
    if (tir_axes_has(output->axes, op->axis)) return "an output of the body has the axis of the rounds";
    if (!axes_shared(f, body, output->axes)) return "an axis that is another one in the body";
    if (k >= op->integer) return output->axes.count < TIR_MAX_AXES ? NULL : "too many axes";
    const TirOp *state = &body->ops.data[body->inputs.data[k].value];
    if (state->type != output->type || !tir_axes_equal(state->axes, output->axes))
        return "a state changes its type or its axes";
    return NULL;
}

static const char *infer_loop(const TirFunction *f, const TirOp *op) {
    const TirFunction *body = op->body;
    const char *wrong = NULL;
    if (!body) return "has no body";
    if (f->axes.data[op->axis].size < 2) return "runs along an axis whose length is not known";
    if (body->inputs.count != op->arg_count) return "wants an argument for every input of its body";
    if (op->integer < 0 || op->integer > op->arg_count || (size_t)op->integer > body->outputs.count)
        return "has more states than its body";
    if (!body->outputs.count) return "has no result";
    for (uint32_t k = 0; k < op->arg_count && !wrong; k++) wrong = check_input(f, op, k);
    for (uint32_t k = 0; k < body->outputs.count && !wrong; k++) wrong = check_output(f, op, k);
    return wrong;
}

const char *tir_infer_loop(const TirFunction *f, const TirOp *op, TirType *type, TirAxes *axes) {
    const TirOp *loop = op;
    uint32_t result = 0;
    if (op->op == TIR_RESULT) {
        loop = &f->ops.data[op->args[0]];
        if (loop->op != TIR_LOOP) return "wants a loop";
        if (op->integer < 0 || (size_t)op->integer >= loop->body->outputs.count) return "the loop has no such result";
        result = (uint32_t)op->integer;
    } else {
        const char *wrong = infer_loop(f, op);
        if (wrong) return wrong;
    }
    *type = loop->body->ops.data[loop->body->outputs.data[result].value].type;
    *axes = tir_result_axes(loop, result);
    return NULL;
}

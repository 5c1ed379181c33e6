/* Checked builders. Every operation is made by tir_push, which derives its type and axes and stops the compiler when
 * a rule of tir_ops.def is broken: a caller's mistake, never the user's. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tir/infer.h"

TirFunction *tir_function_new(Arena *arena, const char *name) {
    TirFunction *f = ARENA_NEW(arena, TirFunction);
    f->arena = arena;
    f->name = arena_string(arena, name, strlen(name));
    return f;
}

_Noreturn void tir_fail(const TirFunction *f, TirId at, const char *format, ...) {
    fprintf(stderr, "internal error: ");
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  in function %s", f->name);
    if (at < f->ops.count) {
        const TirOp *op = &f->ops.data[at];
        fprintf(stderr, ", operation %%%u (%s), from file %u, bytes %u to %u", at, tir_op_text(op->op), op->span.file,
                op->span.begin, op->span.end);
    }
    fprintf(stderr, "\n");
    tir_print(stderr, f);
    abort();
}

static TirAxisId axis_push(TirFunction *f, TirAxis axis) {
    for (size_t i = 0; i < f->axes.count; i++)
        if (!strcmp(f->axes.data[i].name, axis.name)) tir_fail(f, TIR_NONE, "a second axis named %s", axis.name);
    axis.name = arena_string(f->arena, axis.name, strlen(axis.name));
    VEC_PUSH(f->arena, &f->axes, axis);
    return (TirAxisId)(f->axes.count - 1);
}

TirAxisId tir_axis_add(TirFunction *f, const char *name, int64_t size, bool batch) {
    if (size < 2) tir_fail(f, TIR_NONE, "axis %s of size %lld", name, (long long)size);
    return axis_push(f, (TirAxis){.name = name, .size = size, .batch = batch});
}

TirAxisId tir_axis_add_dynamic(TirFunction *f, const char *name, uint32_t data) {
    return axis_push(f, (TirAxis){.name = name, .size = -1, .data = data, .batch = true});
}

TirId tir_push(TirFunction *f, TirOp op, const TirId *args, uint32_t count) {
    op.arg_count = count;
    op.args = count ? arena_copy(f->arena, args, count * sizeof *args) : NULL;
    TirId id = (TirId)f->ops.count;
    TirType type = op.type;
    TirAxes axes = op.axes;
    const char *wrong = tir_infer(f, id, &op, &type, &axes);
    op.type = type;
    op.axes = axes;
    VEC_PUSH(f->arena, &f->ops, op);
    if (wrong) tir_fail(f, id, "%s: %s", tir_op_text(op.op), wrong);
    return id;
}

TirId tir_input(TirFunction *f, TirPortRole role, uint32_t index, uint32_t field, const char *name, TirType type,
                TirAxes axes, Span span) {
    TirPort port = {.role = role, .index = index, .field = field, .value = (TirId)f->ops.count};
    port.name = arena_string(f->arena, name, strlen(name));
    VEC_PUSH(f->arena, &f->inputs, port);
    TirOp op = {.op = TIR_INPUT, .type = type, .axes = axes, .integer = (int64_t)f->inputs.count - 1, .span = span};
    return tir_push(f, op, NULL, 0);
}

void tir_output(TirFunction *f, TirPortRole role, uint32_t index, const char *name, TirId value) {
    if (value >= f->ops.count) tir_fail(f, value, "output %s of no value", name);
    if (role == TIR_PORT_LOSS && (f->ops.data[value].axes.count || f->ops.data[value].type != TIR_REAL))
        tir_fail(f, value, "the loss %s is not a real scalar", name);
    TirPort port = {.role = role, .index = index, .value = value};
    port.name = arena_string(f->arena, name, strlen(name));
    VEC_PUSH(f->arena, &f->outputs, port);
}

TirId tir_real(TirFunction *f, double value, Span span) {
    return tir_push(f, (TirOp){.op = TIR_CONST, .type = TIR_REAL, .real = value, .span = span}, NULL, 0);
}

TirId tir_int(TirFunction *f, int64_t value, Span span) {
    return tir_push(f, (TirOp){.op = TIR_CONST, .type = TIR_INT, .integer = value, .span = span}, NULL, 0);
}

TirId tir_bool(TirFunction *f, bool value, Span span) {
    return tir_push(f, (TirOp){.op = TIR_CONST, .type = TIR_BOOL, .integer = value, .span = span}, NULL, 0);
}

TirId tir_iota(TirFunction *f, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_IOTA, .axis = axis, .span = span}, NULL, 0);
}

TirId tir_extent(TirFunction *f, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_EXTENT, .axis = axis, .span = span}, NULL, 0);
}

TirId tir_step(TirFunction *f, Span span) {
    return tir_push(f, (TirOp){.op = TIR_STEP, .span = span}, NULL, 0);
}

TirId tir_uniform(TirFunction *f, int64_t stream, TirAxes axes, Span span) {
    return tir_push(f, (TirOp){.op = TIR_UNIFORM, .integer = stream, .axes = axes, .span = span}, NULL, 0);
}

TirId tir_pick(TirFunction *f, int64_t stream, TirAxes axes, TirAxisId data_axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_PICK, .integer = stream, .axes = axes, .axis2 = data_axis, .span = span}, NULL,
                    0);
}

TirId tir_map_order(TirFunction *f, TirOpcode op, int64_t order, Span span, TirId a, TirId b, TirId c) {
    int arity = tir_op_arity(op);
    if (!(tir_op_flags(op) & TIR_FUSE) || arity < 1 || (tir_op_attrs(op) & ~(unsigned)TIR_ATTR_INTEGER) ||
        op == TIR_SLICE)
        tir_fail(f, TIR_NONE, "%s is not element-wise", tir_op_text(op));
    return tir_push(f, (TirOp){.op = op, .integer = order, .span = span}, (TirId[]){a, b, c}, (uint32_t)arity);
}

TirId tir_map(TirFunction *f, TirOpcode op, Span span, TirId a, TirId b, TirId c) {
    return tir_map_order(f, op, 0, span, a, b, c);
}

TirId tir_polygamma(TirFunction *f, int64_t order, TirId a, Span span) {
    return tir_map_order(f, TIR_POLYGAMMA, order, span, a, TIR_NONE, TIR_NONE);
}

TirId tir_extern(TirFunction *f, TirExtern *external, const TirId *args, uint32_t count, Span span) {
    return tir_push(f, (TirOp){.op = TIR_EXTERN, .external = external, .span = span}, args, count);
}

TirId tir_broadcast(TirFunction *f, TirId a, TirAxes axes, Span span) {
    if (a < f->ops.count && tir_axes_equal(f->ops.data[a].axes, axes)) return a;
    return tir_push(f, (TirOp){.op = TIR_BROADCAST, .attr_axes = axes, .span = span}, &a, 1);
}

TirId tir_rename(TirFunction *f, TirId a, TirAxisId from, TirAxisId to, Span span) {
    return tir_push(f, (TirOp){.op = TIR_RENAME, .axis = from, .axis2 = to, .span = span}, &a, 1);
}

TirId tir_slice(TirFunction *f, TirId a, TirAxisId axis, int64_t index, Span span) {
    return tir_push(f, (TirOp){.op = TIR_SLICE, .axis = axis, .integer = index, .span = span}, &a, 1);
}

TirId tir_stack(TirFunction *f, const TirId *args, uint32_t count, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_STACK, .axis = axis, .span = span}, args, count);
}

TirId tir_gather(TirFunction *f, TirId table, TirId index, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_GATHER, .axis = axis, .span = span}, (TirId[]){table, index}, 2);
}

TirId tir_scatter(TirFunction *f, TirId values, TirId index, TirAxisId axis, TirAxes result, Span span) {
    TirOp op = {.op = TIR_SCATTER, .axis = axis, .attr_axes = result, .span = span};
    return tir_push(f, op, (TirId[]){values, index}, 2);
}

TirId tir_search(TirFunction *f, TirId table, TirId x, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_SEARCH, .axis = axis, .span = span}, (TirId[]){table, x}, 2);
}

TirId tir_flatten(TirFunction *f, TirId a, TirAxes axes, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_FLATTEN, .attr_axes = axes, .axis = axis, .span = span}, &a, 1);
}

TirId tir_sum(TirFunction *f, TirId a, TirAxes axes, Span span) {
    if (!axes.count) return a;
    return tir_push(f, (TirOp){.op = TIR_SUM, .attr_axes = axes, .span = span}, &a, 1);
}

TirId tir_reduce_max(TirFunction *f, TirId a, TirAxes axes, Span span) {
    if (!axes.count) return a;
    return tir_push(f, (TirOp){.op = TIR_REDUCE_MAX, .attr_axes = axes, .span = span}, &a, 1);
}

TirId tir_cumsum(TirFunction *f, TirId a, TirAxisId axis, bool from_end, Span span) {
    return tir_push(f, (TirOp){.op = TIR_CUMSUM, .axis = axis, .flag = from_end, .span = span}, &a, 1);
}

TirId tir_argsort(TirFunction *f, TirId a, TirAxisId axis, Span span) {
    return tir_push(f, (TirOp){.op = TIR_ARGSORT, .axis = axis, .span = span}, &a, 1);
}

TirId tir_dot(TirFunction *f, TirId a, TirId b, TirAxes axes, Span span) {
    if (!axes.count) return tir_map(f, TIR_MUL, span, a, b, TIR_NONE);
    return tir_push(f, (TirOp){.op = TIR_DOT, .attr_axes = axes, .span = span}, (TirId[]){a, b}, 2);
}

TirId tir_custom(TirFunction *f, TirId value, const TirId *pairs, uint32_t pair_count, Span span) {
    Arena scratch = {0};
    TirId *args = ARENA_ARRAY(&scratch, TirId, 2 * (size_t)pair_count + 1);
    args[0] = value;
    for (uint32_t k = 0; k < 2 * pair_count; k++) args[k + 1] = pairs[k];
    TirId id = tir_push(f, (TirOp){.op = TIR_CUSTOM, .span = span}, args, 2 * pair_count + 1);
    arena_free(&scratch);
    return id;
}

/* The reference interpreter: every operation in order, every real in f64, every value whole in memory and contiguous.
 * It is what the other forms are compared with, so it takes the definitions literally:
 *   reduce_max   starts at -inf and skips NaN; of no elements it is -inf
 *   gather       of a table without rows is 0
 *   search       the last k in [0, n-2] with table[k] <= x, by bisection; 0 if none (NaN too)
 *   uniform      see runtime/rng/philox.h; the index counts points in row-major order of the axes
 * A value's memory is released after its last use. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qtm/numeric.h"
#include "runtime/rng/philox.h"
#include "tir/infer.h"
#include "tir/interp.h"
#include "tir/nest.h"

typedef struct Value {
    double *data;
    size_t count;
    bool owned;
    double **results; /* of a loop */
} Value;

typedef struct Interp {
    const TirFunction *f;
    const TirTensor *inputs;
    const int64_t *extent;
    uint64_t seed, step;
    Value *values;   /* by operation */
    TirId *last_use; /* by operation; TIR_NONE for outputs */
    const InterpWatch *watch;
    Arena *arena; /* of what the watch keeps */
} Interp;

static int64_t axis_size(const Interp *in, TirAxisId axis) {
    const TirAxis *a = &in->f->axes.data[axis];
    return a->size >= 0 ? a->size : in->extent[a->data];
}

static size_t axes_count(const Interp *in, TirAxes axes) {
    size_t count = 1;
    for (uint32_t i = 0; i < axes.count; i++) count *= (size_t)axis_size(in, axes.id[i]);
    return count;
}

/* Distance of neighbours along `axis` in a value with these axes; 0 along an axis it lacks. */
static int64_t axis_stride(const Interp *in, TirAxes axes, TirAxisId axis) {
    int64_t stride = 1;
    for (uint32_t i = axes.count; i-- > 0;) {
        if (axes.id[i] == axis) return stride;
        stride *= axis_size(in, axes.id[i]);
    }
    return 0;
}

static void nest_loop(const Interp *in, Nest *nest, TirAxes axes) {
    for (uint32_t i = 0; i < axes.count; i++) nest->size[nest->rank++] = axis_size(in, axes.id[i]);
}

/* Adds an array with axes `own` to a nest whose loops are `loops`. */
static void nest_array(const Interp *in, Nest *nest, double *data, TirAxes own, TirAxes loops) {
    uint32_t k = nest->arrays++;
    nest->base[k] = data;
    for (uint32_t d = 0; d < loops.count; d++) nest->stride[k][d] = axis_stride(in, own, loops.id[d]);
}

static const TirOp *arg_op(const Interp *in, const TirOp *op, uint32_t i) {
    return &in->f->ops.data[op->args[i]];
}

/* A nest over `loops` (in that order, which need not ascend) with the result and all arguments. */
static Nest nest_make(const Interp *in, const TirOp *op, double *out, TirAxes loops) {
    Nest nest = {0};
    nest_loop(in, &nest, loops);
    nest_array(in, &nest, out, op->axes, loops);
    for (uint32_t i = 0; i < op->arg_count; i++)
        nest_array(in, &nest, in->values[op->args[i]].data, arg_op(in, op, i)->axes, loops);
    return nest;
}

static void interp_rename(const Interp *in, const TirOp *op, double *out) {
    Nest nest = nest_make(in, op, out, op->axes);
    for (uint32_t d = 0; d < op->axes.count; d++)
        if (op->axes.id[d] == op->axis2) nest.stride[1][d] = axis_stride(in, arg_op(in, op, 0)->axes, op->axis);
    nest_run(&nest, interp_map_row, op);
}

static void interp_slice(const Interp *in, const TirOp *op, double *out) {
    Nest nest = nest_make(in, op, out, op->axes);
    nest.base[1] += op->integer * axis_stride(in, arg_op(in, op, 0)->axes, op->axis);
    nest_run(&nest, interp_map_row, op);
}

static void interp_stack(const Interp *in, const TirOp *op, double *out) {
    TirAxes loops = tir_axes_minus(op->axes, tir_axes_one(op->axis));
    for (uint32_t i = 0; i < op->arg_count; i++) {
        Nest nest = {0};
        nest_loop(in, &nest, loops);
        nest_array(in, &nest, out + (int64_t)i * axis_stride(in, op->axes, op->axis), op->axes, loops);
        nest_array(in, &nest, in->values[op->args[i]].data, arg_op(in, op, i)->axes, loops);
        nest_run(&nest, interp_map_row, op);
    }
}

/* gather, scatter and search: the axis that is looked up is no loop. A scatter is done pair by pair. */
typedef struct Lookup {
    const TirOp *op;
    int64_t length, stride;
} Lookup;

static int64_t clamp_index(double index, int64_t length) {
    return index < 0 ? 0 : index >= (double)length ? length - 1 : (int64_t)index;
}

static void gather_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const Lookup *look = context;
    for (int64_t i = 0; i < n; i++) {
        double value = 0;
        if (look->length) value = p[1][i * step[1] + look->stride * clamp_index(p[2][i * step[2]], look->length)];
        p[0][i * step[0]] = value;
    }
}

static void scatter_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const Lookup *look = context;
    if (!look->length) return;
    for (int64_t i = 0; i < n; i++)
        p[0][i * step[0] + look->stride * clamp_index(p[2][i * step[2]], look->length)] += p[1][i * step[1]];
}

static void search_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const Lookup *look = context;
    for (int64_t i = 0; i < n; i++) {
        const double *table = p[1] + i * step[1], x = p[2][i * step[2]];
        int64_t low = 0, high = look->length - 1; /* invariant: low == 0 or table[low] <= x; the answer is below high */
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (table[middle * look->stride] <= x)
                low = middle;
            else
                high = middle;
        }
        p[0][i * step[0]] = (double)low;
    }
}

static void interp_lookup(const Interp *in, const TirOp *op, double *out) {
    TirAxes value = arg_op(in, op, 0)->axes;
    Lookup look = {op, axis_size(in, op->axis), axis_stride(in, value, op->axis)};
    Nest nest = nest_make(in, op, out, op->axes);
    nest_run(&nest, op->op == TIR_GATHER ? gather_row : search_row, &look);
}

static void interp_scatter(const Interp *in, const TirOp *op, double *out) {
    Lookup look = {op, axis_size(in, op->axis), axis_stride(in, op->axes, op->axis)};
    for (uint32_t k = 0; k < op->arg_count; k += 2) {
        TirOp pair = *op;
        pair.args += k;
        pair.arg_count = 2;
        TirAxes loops = tir_axes_union(arg_op(in, &pair, 0)->axes, arg_op(in, &pair, 1)->axes);
        Nest nest = nest_make(in, &pair, out, loops);
        nest_run(&nest, scatter_row, &look);
    }
}

/* The flattened axes are the innermost loops in the argument and one axis in the result: both have the same strides
 * where the result's axis is cut again into its parts. */
static void interp_flatten(const Interp *in, const TirOp *op, double *out) {
    TirAxes kept = tir_axes_minus(op->axes, tir_axes_one(op->axis));
    Nest nest = {0};
    nest_loop(in, &nest, kept);
    nest_loop(in, &nest, op->attr_axes);
    nest.arrays = 2;
    nest.base[0] = out;
    nest.base[1] = in->values[op->args[0]].data;
    for (uint32_t d = 0; d < nest.rank; d++) {
        TirAxisId axis = d < kept.count ? kept.id[d] : op->attr_axes.id[d - kept.count];
        nest.stride[1][d] = axis_stride(in, arg_op(in, op, 0)->axes, axis);
        nest.stride[0][d] = d < kept.count ? axis_stride(in, op->axes, axis)
                                           : axis_stride(in, op->axes, op->axis) * axis_stride(in, op->attr_axes, axis);
    }
    nest_run(&nest, interp_map_row, op);
}

static void sum_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    if (step[0] == 0) {
        double sum = *p[0];
        for (int64_t i = 0; i < n; i++) sum += p[1][i * step[1]];
        *p[0] = sum;
    } else
        for (int64_t i = 0; i < n; i++) p[0][i * step[0]] += p[1][i * step[1]];
}

static void max_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    for (int64_t i = 0; i < n; i++) {
        double x = p[1][i * step[1]], *most = p[0] + i * step[0];
        if (x > *most) *most = x;
    }
}

static void interp_reduce(const Interp *in, const TirOp *op, double *out, size_t count) {
    if (op->op == TIR_REDUCE_MAX)
        for (size_t i = 0; i < count; i++) out[i] = -INFINITY;
    Nest nest = nest_make(in, op, out, arg_op(in, op, 0)->axes);
    nest_run(&nest, op->op == TIR_SUM ? sum_row : max_row, op);
    if (op->type == TIR_INT)
        for (size_t i = 0; i < count; i++) out[i] = (int32_t)(uint32_t)(int64_t)out[i];
}

static void dot_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const double *a = p[1], *b = p[2];
    double *out = p[0];
    if (step[0] == 0) {
        double sum = *out;
        for (int64_t i = 0; i < n; i++) sum += a[i * step[1]] * b[i * step[2]];
        *out = sum;
    } else if (step[0] == 1 && step[1] == 0 && step[2] == 1) {
        double factor = *a;
        for (int64_t i = 0; i < n; i++) out[i] += factor * b[i];
    } else if (step[0] == 1 && step[1] == 1 && step[2] == 0) {
        double factor = *b;
        for (int64_t i = 0; i < n; i++) out[i] += a[i] * factor;
    } else
        for (int64_t i = 0; i < n; i++) out[i * step[0]] += a[i * step[1]] * b[i * step[2]];
}

/* The innermost loop is the last summed axis when both arguments are contiguous along it, else the result's last axis.
 */
static void interp_dot(const Interp *in, const TirOp *op, double *out) {
    TirAxes a = arg_op(in, op, 0)->axes, b = arg_op(in, op, 1)->axes, sum = op->attr_axes, loops = op->axes;
    TirAxisId last = sum.id[sum.count - 1];
    bool inner_sum = !loops.count || (axis_stride(in, a, last) == 1 && axis_stride(in, b, last) == 1);
    TirAxisId row = loops.count ? loops.id[loops.count - 1] : 0;
    if (!inner_sum) loops.count--;
    for (uint32_t i = 0; i < sum.count; i++) loops.id[loops.count++] = sum.id[i];
    if (!inner_sum) loops.id[loops.count++] = row;
    Nest nest = nest_make(in, op, out, loops);
    nest_run(&nest, dot_row, op);
}

static void cumsum_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const TirOp *op = context;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = op->flag ? n - 1 - i : i;
        sum += p[1][at * step[1]];
        p[0][at * step[0]] = sum;
    }
}

static void interp_along(const Interp *in, const TirOp *op, double *out, NestRow *row) {
    TirAxes loops = tir_axes_minus(op->axes, tir_axes_one(op->axis));
    loops.id[loops.count++] = op->axis;
    Nest nest = nest_make(in, op, out, loops);
    nest_run(&nest, row, op);
}

static void argsort_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    int32_t *index = calloc((size_t)n + 1, sizeof *index);
    qtm_argsort_f64(n, p[1], step[1], index, 1);
    for (int64_t i = 0; i < n; i++) p[0][i * step[0]] = index[i];
    free(index);
}

static void interp_leaf(const Interp *in, const TirOp *op, double *out, size_t count) {
    int64_t length = op->op == TIR_PICK ? axis_size(in, op->axis2) : 0;
    switch (op->op) {
    case TIR_CONST: *out = op->type == TIR_REAL ? op->real : (double)op->integer; break;
    case TIR_EXTENT: *out = (double)axis_size(in, op->axis); break;
    case TIR_STEP: *out = (int32_t)(uint32_t)in->step; break;
    case TIR_IOTA:
        for (size_t i = 0; i < count; i++) out[i] = (double)i;
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            uint32_t word = qtm_random_word(in->seed, in->step, (uint32_t)op->integer, i);
            out[i] = op->op == TIR_UNIFORM ? qtm_random_uniform(word) : qtm_random_below(word, (uint32_t)length);
        }
    }
}

static void interp_input(const Interp *in, TirId id, size_t count) {
    const TirTensor *tensor = &in->inputs[in->f->ops.data[id].integer];
    if (tensor->count != count)
        tir_fail(in->f, id, "interpreter: input of %zu elements, %zu wanted", tensor->count, count);
    in->values[id] = (Value){.data = tensor->data, .count = count};
}

/* Slice `at` of a sequence, out of it or into it: the axis may be any of its axes. */
static void loop_slice(const Interp *in, TirAxes axes, TirAxisId axis, int64_t at, double *whole, double *slice,
                       bool into) {
    size_t inner = (size_t)axis_stride(in, axes, axis), size = (size_t)axis_size(in, axis);
    size_t outer = inner ? axes_count(in, axes) / inner / size : 0;
    for (size_t i = 0; i < outer; i++) {
        double *place = whole + (i * size + (size_t)at) * inner, *own = slice + i * inner;
        if (inner) memcpy(into ? place : own, into ? own : place, inner * sizeof *own);
    }
}

static double *interp_array(const Interp *in, TirId id, size_t count) {
    double *data = calloc(count + 1, sizeof *data);
    if (!data) tir_fail(in->f, id, "interpreter: out of memory");
    return data;
}

/* What the body reads in round `at`: states are in place already. */
static void loop_inputs(const Interp *in, const TirOp *op, int64_t at, TirTensor *inputs) {
    for (uint32_t k = (uint32_t)op->integer; k < op->arg_count; k++) {
        const Value *v = &in->values[op->args[k]];
        if (tir_loop_slices(in->f, op, k))
            loop_slice(in, arg_op(in, op, k)->axes, op->axis, at, v->data, inputs[k].data, false);
        else
            inputs[k].data = v->data;
    }
}

/* Runs one round under the watch, and keeps what the body read if that is the first whose results are none. */
static void loop_watch(const Interp *in, TirId id, int64_t at, Arena *round, const TirTensor *inputs,
                       TirTensor *outputs) {
    const TirFunction *body = in->f->ops.data[id].body;
    const InterpWatch *watch = in->watch;
    InterpRound *first = watch->rounds ? &watch->rounds[id] : NULL;
    InterpWatch own = {.single = watch->single, .bad = ARENA_ARRAY(round, bool, body->ops.count + 1)};
    tir_interpret_watched(body, round, inputs, in->extent, in->seed, in->step, &own, outputs);
    bool bad = false;
    for (size_t k = 0; k < body->outputs.count; k++) bad |= own.bad[body->outputs.data[k].value];
    if (bad && watch->bad) watch->bad[id] = true;
    if (!bad || !first || first->inputs) return;
    TirTensor *kept = arena_copy(in->arena, inputs, body->inputs.count * sizeof *inputs);
    for (size_t k = 0; k < body->inputs.count; k++)
        kept[k].data = arena_copy(in->arena, inputs[k].data, inputs[k].count * sizeof(double));
    *first = (InterpRound){kept, at};
}

static void interp_loop(const Interp *in, TirId id) {
    const TirOp *op = &in->f->ops.data[id];
    const TirFunction *body = op->body;
    Arena arena = {0};
    TirTensor *inputs = ARENA_ARRAY(&arena, TirTensor, op->arg_count + 1);
    TirTensor *outputs = ARENA_ARRAY(&arena, TirTensor, body->outputs.count + 1);
    for (uint32_t k = 0; k < op->arg_count; k++) {
        inputs[k].count = axes_count(in, body->ops.data[body->inputs.data[k].value].axes);
        inputs[k].data = ARENA_ARRAY(&arena, double, inputs[k].count + 1);
        if (k < op->integer) memcpy(inputs[k].data, in->values[op->args[k]].data, inputs[k].count * sizeof(double));
    }
    double **results = calloc(body->outputs.count + 1, sizeof *results);
    if (!results) tir_fail(in->f, id, "interpreter: out of memory");
    for (uint32_t k = 0; k < body->outputs.count; k++)
        results[k] = interp_array(in, id, axes_count(in, tir_result_axes(op, k)));
    const int64_t rounds = axis_size(in, op->axis);
    for (int64_t i = 0; i < rounds; i++) {
        Arena round = {0};
        int64_t at = op->flag ? rounds - 1 - i : i;
        loop_inputs(in, op, at, inputs);
        if (in->watch)
            loop_watch(in, id, at, &round, inputs, outputs);
        else
            tir_interpret(body, &round, inputs, in->extent, in->seed, in->step, outputs);
        for (uint32_t k = 0; k < body->outputs.count; k++) {
            if (k < op->integer)
                memcpy(inputs[k].data, outputs[k].data, outputs[k].count * sizeof(double));
            else
                loop_slice(in, tir_result_axes(op, k), op->axis, at, results[k], outputs[k].data, true);
        }
        arena_free(&round);
    }
    for (uint32_t k = 0; k < op->integer; k++) memcpy(results[k], inputs[k].data, inputs[k].count * sizeof(double));
    in->values[id] = (Value){.results = results};
    arena_free(&arena);
}

static void interp_op(const Interp *in, TirId id) {
    const TirOp *op = &in->f->ops.data[id];
    size_t count = axes_count(in, op->axes);
    if (op->op == TIR_INPUT) {
        interp_input(in, id, count);
        return;
    }
    if (op->op == TIR_LOOP) {
        interp_loop(in, id);
        return;
    }
    double *out = interp_array(in, id, count);
    in->values[id] = (Value){.data = out, .count = count, .owned = true};
    switch (op->op) {
    case TIR_CONST:
    case TIR_EXTENT:
    case TIR_STEP:
    case TIR_IOTA:
    case TIR_UNIFORM:
    case TIR_PICK: interp_leaf(in, op, out, count); break;
    case TIR_RENAME: interp_rename(in, op, out); break;
    case TIR_SLICE: interp_slice(in, op, out); break;
    case TIR_STACK: interp_stack(in, op, out); break;
    case TIR_SCATTER: interp_scatter(in, op, out); break;
    case TIR_GATHER:
    case TIR_SEARCH: interp_lookup(in, op, out); break;
    case TIR_FLATTEN: interp_flatten(in, op, out); break;
    case TIR_SUM:
    case TIR_REDUCE_MAX: interp_reduce(in, op, out, count); break;
    case TIR_CUMSUM: interp_along(in, op, out, cumsum_row); break;
    case TIR_ARGSORT: interp_along(in, op, out, argsort_row); break;
    case TIR_DOT: interp_dot(in, op, out); break;
    case TIR_CUSTOM: memcpy(out, in->values[op->args[0]].data, count * sizeof *out); break;
    case TIR_RESULT: memcpy(out, in->values[op->args[0]].results[op->integer], count * sizeof *out); break;
    default: {
        Nest nest = nest_make(in, op, out, op->axes);
        nest_run(&nest, interp_map_row, op);
    }
    }
}

/* Rounds and notes what the watch wants of a value that was just made. */
static void interp_watch(const Interp *in, Arena *arena, TirId id) {
    const InterpWatch *watch = in->watch;
    Value *value = &in->values[id];
    if (in->f->ops.data[id].type == TIR_REAL)
        for (size_t i = 0; i < value->count; i++) {
            if (watch->single && value->owned) value->data[i] = (float)value->data[i];
            if (watch->bad && !isfinite(value->data[i])) watch->bad[id] = true;
        }
    if (watch->keep && watch->keep[id] && value->data)
        watch->value[id] = arena_copy(arena, value->data, value->count * sizeof(double));
}

static void interp_release(const Interp *in, TirId value) {
    for (size_t k = 0; in->values[value].results && k < in->f->ops.data[value].body->outputs.count; k++)
        free(in->values[value].results[k]);
    free(in->values[value].results);
    if (in->values[value].owned) free(in->values[value].data);
    in->values[value] = (Value){0};
}

static void interp_output(const Interp *in, Arena *arena, TirId value, TirTensor *tensor) {
    const TirOp *op = &in->f->ops.data[value];
    *tensor = (TirTensor){.type = op->type, .rank = op->axes.count, .count = in->values[value].count};
    for (uint32_t i = 0; i < op->axes.count; i++) tensor->shape[i] = axis_size(in, op->axes.id[i]);
    tensor->data = arena_copy(arena, in->values[value].data, tensor->count * sizeof(double));
}

void tir_interpret(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
                   uint64_t step, TirTensor *outputs) {
    tir_interpret_watched(f, arena, inputs, extent, seed, step, NULL, outputs);
}

void tir_interpret_watched(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent,
                           uint64_t seed, uint64_t step, const InterpWatch *watch, TirTensor *outputs) {
    const size_t count = f->ops.count;
    Interp in = {.f = f, .inputs = inputs, .extent = extent, .seed = seed, .step = step, .watch = watch};
    in.arena = arena;
    in.values = calloc(count + 1, sizeof(Value));
    in.last_use = calloc(count + 1, sizeof(TirId));
    if (!in.values || !in.last_use) tir_fail(f, TIR_NONE, "interpreter: out of memory");
    for (size_t i = 0; i < count; i++) {
        in.last_use[i] = (TirId)i;
        for (uint32_t k = 0; k < f->ops.data[i].arg_count; k++) in.last_use[f->ops.data[i].args[k]] = (TirId)i;
    }
    for (size_t i = 0; i < f->outputs.count; i++) in.last_use[f->outputs.data[i].value] = TIR_NONE;
    for (size_t i = 0; i < count; i++) {
        const TirOp *op = &f->ops.data[i];
        interp_op(&in, (TirId)i);
        if (watch) interp_watch(&in, arena, (TirId)i);
        for (uint32_t k = 0; k < op->arg_count; k++)
            if (in.last_use[op->args[k]] == i) interp_release(&in, op->args[k]);
        if (in.last_use[i] == i) interp_release(&in, (TirId)i);
    }
    for (size_t i = 0; i < f->outputs.count; i++) interp_output(&in, arena, f->outputs.data[i].value, &outputs[i]);
    for (size_t i = 0; i < count; i++) interp_release(&in, (TirId)i);
    free(in.values);
    free(in.last_use);
}

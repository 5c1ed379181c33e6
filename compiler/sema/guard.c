/* What is drawn from, and what is normalised, must be a density: finite and nowhere negative, and not zero everywhere.
 * Every table of one (density.c) in a function that the runtime watches gives that function two more outputs:
 *   code   0: good;  GUARD_ZERO: zero everywhere;  else N - k, k the first bad of its N nodes in row-major order
 *   value  what stands at that node
 * for every parameter vector, and one row in the Program that says what the nodes are. A value is bad when it is no
 * finite number of single precision, or below -1e-6 of the largest: less is rounding. */
#include <string.h>

#include "sema/unit.h"

static const double LARGEST = 3.4e38, ROUNDING = 1e-6;
enum { GUARD_ZERO = -1 };

/* --- coordinates of the nodes --- */

static bool mark_needed(const TirFunction *f, TirId of, bool *needed) {
    needed[of] = true;
    for (TirId i = of + 1; i-- > 0;) {
        const TirOp *op = &f->ops.data[i];
        if (!needed[i]) continue;
        if (op->op == TIR_INPUT || op->op == TIR_STEP || op->op == TIR_EXTENT || op->op == TIR_EXTERN ||
            (tir_op_flags(op->op) & TIR_STREAM))
            return false;
        for (uint32_t k = 0; k < op->arg_count; k++) needed[op->args[k]] = true;
    }
    return true;
}

/* The numbers that a value is whatever the model is given; NULL where it depends on that. */
static const double *known_numbers(Elab *e, TirId of, size_t count) {
    const TirFunction *f = e->context->f;
    bool *needed = ARENA_ARRAY(e->arena, bool, of + 1);
    if (!mark_needed(f, of, needed)) return NULL;
    TirFunction *part = tir_function_new(e->arena, "nodes");
    part->axes = f->axes;
    TirId *place = ARENA_ARRAY(e->arena, TirId, of + 1);
    for (TirId i = 0; i <= of; i++) {
        if (!needed[i]) continue;
        TirOp op = f->ops.data[i];
        op.args = arena_copy(e->arena, op.args, op.arg_count * sizeof *op.args);
        for (uint32_t k = 0; k < op.arg_count; k++) op.args[k] = place[op.args[k]];
        place[i] = (TirId)part->ops.count;
        VEC_PUSH(e->arena, &part->ops, op);
    }
    tir_output(part, TIR_PORT_VALUE, 0, "nodes", place[of]);
    TirTensor numbers;
    tir_interpret(part, e->arena, NULL, NULL, 0, 0, &numbers);
    return numbers.count == count ? numbers.data : NULL;
}

static bool same_guard(const ProgramGuard *a, const ProgramGuard *b) {
    bool same = !strcmp(a->density, b->density) && a->axis_count == b->axis_count;
    for (uint32_t i = 0; same && i < a->axis_count; i++) {
        const ProgramGuardAxis *x = &a->axes[i], *y = &b->axes[i];
        same = x->count == y->count && !x->at == !y->at &&
               (!x->at || !memcmp(x->at, y->at, (size_t)x->count * sizeof *x->at));
    }
    return same;
}

static uint32_t guard_row(Elab *e, const Value *density, const DensityAxis *axes, const Value *at, const Dim *dim,
                          uint32_t count) {
    ProgramGuard row = {.density = family_name(e, density), .axis_count = count};
    ProgramGuardAxis *out = ARENA_ARRAY(e->arena, ProgramGuardAxis, count);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (ProgramGuardAxis){axes[i].name, unit_type_text(e, axes[i].type), dim[i].size, NULL};
        Value x = at[i];
        out[i].at = known_numbers(e, value_real_id(e, &x), (size_t)dim[i].size);
    }
    row.axes = out;
    for (size_t g = 0; g < e->program->guards.count; g++)
        if (same_guard(&e->program->guards.data[g], &row)) return (uint32_t)g;
    VEC_PUSH(e->arena, &e->program->guards, row);
    return (uint32_t)e->program->guards.count - 1;
}

/* --- the two outputs --- */

/* N - k for node k. */
static TirId node_rank(TirFunction *f, const Dim *dim, uint32_t count, Span span) {
    int64_t stride = 1;
    TirId index = tir_int(f, 0, span);
    for (uint32_t i = count; i-- > 0; stride *= dim[i].size) {
        if (dim[i].axis == TIR_NONE) continue;
        TirId along = tir_map(f, TIR_MUL, span, tir_iota(f, dim[i].axis, span), tir_int(f, stride, span), TIR_NONE);
        index = tir_map(f, TIR_ADD, span, index, along, TIR_NONE);
    }
    index = tir_map(f, TIR_SUB, span, tir_int(f, stride, span), index, TIR_NONE);
    return tir_map(f, TIR_TO_REAL, span, index, TIR_NONE, TIR_NONE);
}

/* `table` has the axes of the grid and maybe others: vectors, and points on which the density depends. */
static void put_guard(Elab *e, uint32_t row, const char *name, TirId table, const Dim *dim, uint32_t count, Span span) {
    Context *c = e->context;
    TirFunction *f = c->f;
    TirAxes all = f->ops.data[table].axes, over = tir_axes_minus(all, context_rows(c, false));
    TirId zero = tir_real(f, 0, span), least;
    TirId size = tir_map(f, TIR_ABS, span, table, TIR_NONE, TIR_NONE);
    TirId finite = tir_map(f, TIR_LE, span, size, tir_real(f, LARGEST, span), TIR_NONE);
    TirId clean = tir_map(f, TIR_SELECT, span, finite, table, zero);
    TirId most = tir_reduce_max(f, clean, over, span);
    least = tir_map(f, TIR_MUL, span, most, tir_real(f, -ROUNDING, span), TIR_NONE);
    TirId bad = tir_map(f, TIR_LT, span, clean, least, TIR_NONE);
    bad = tir_map(f, TIR_OR, span, tir_map(f, TIR_NOT, span, finite, TIR_NONE, TIR_NONE), bad, TIR_NONE);
    TirId rank = node_rank(f, dim, count, span);
    uint32_t nodes = f->ops.data[rank].axes.count;
    TirId code = tir_reduce_max(f, tir_map(f, TIR_SELECT, span, bad, rank, zero), over, span);
    TirId there = tir_map(f, TIR_AND, span, bad, tir_map(f, TIR_EQ, span, rank, code, TIR_NONE), TIR_NONE);
    TirId value = tir_sum(f, tir_map(f, TIR_SELECT, span, there, table, zero), over, span);
    if (over.count > nodes) { /* the node is bad at several of the other points: their mean */
        TirId one = tir_real(f, 1, span);
        TirId points = tir_sum(f, tir_map(f, TIR_SELECT, span, there, one, zero), over, span);
        value = tir_map(f, TIR_DIV, span, value, tir_map(f, TIR_MAX, span, points, one, TIR_NONE), TIR_NONE);
    }
    TirId none = tir_map(f, TIR_LE, span, most, zero, TIR_NONE);
    none = tir_map(f, TIR_AND, span, none, tir_map(f, TIR_EQ, span, code, zero, TIR_NONE), TIR_NONE);
    code = tir_map(f, TIR_SELECT, span, none, tir_real(f, GUARD_ZERO, span), code);
    TirPort ports[] = {{.index = 2 * row, .name = name, .value = code},
                       {.index = 2 * row + 1, .name = name, .value = value}};
    VEC_PUSH(e->arena, &c->guards, ports[0]);
    VEC_PUSH(e->arena, &c->guards, ports[1]);
}

/* A table in the rounds of a loop that depends on its state is in the loop's body, and not looked at. */
void guard_outputs(Elab *e) {
    Context *c = e->context;
    bool *inside = ARENA_ARRAY(e->arena, bool, c->f->ops.count + 1);
    for (size_t i = 0; i < c->placeholders.count; i++) inside[c->placeholders.data[i]] = true;
    for (size_t i = 0; c->placeholders.count && i < c->f->ops.count; i++)
        for (uint32_t k = 0; k < c->f->ops.data[i].arg_count; k++) inside[i] |= inside[c->f->ops.data[i].args[k]];
    for (size_t i = 0; i < c->guards.count; i++) {
        const TirPort *port = &c->guards.data[i];
        if (inside[port->value]) continue;
        tir_output(c->f, TIR_PORT_GUARD, port->index, port->name, port->value);
    }
}

void guard_table(Elab *e, const Value *density, const DensityAxis *axes, const Value *at, const Dim *dim,
                 uint32_t count, const Value *table, Span span) {
    if (!e->context->guarded) return;
    TirId id = table->id;
    TirFunction *f = e->context->f;
    bool grid = false;
    for (uint32_t i = 0; i < count; i++) grid |= dim[i].axis != TIR_NONE;
    if (!grid || f->ops.data[id].type != TIR_REAL) return;
    uint32_t row = guard_row(e, density, axes, at, dim, count);
    put_guard(e, row, e->program->guards.data[row].density, id, dim, count, span);
}

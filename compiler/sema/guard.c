/* What is drawn from, and what is normalised, must be a density: finite and nowhere negative, and not zero everywhere.
 * Every table of one (density.c) in a function that the runtime watches gives that function three more outputs for
 * every parameter vector, and one row in the Program that says what the nodes are: GUARD g       0: good;  else
 * GUARD_ZERO: zero everywhere, GUARD_INFINITE: somewhere NaN or infinite, GUARD_NEGATIVE NODE 2 g      N - k, k the
 * first bad of its N nodes in row-major order;  0: none NODE 2 g + 1  what stands at that node GUARD is made of two
 * reductions over the table that the kernel which makes the table can do on the way. NODE needs more passes, and is not
 * compiled: the runtime has it interpreted where GUARD is not 0 (runtime/train/guard.c). A value is bad when it is no
 * finite number of single precision, or below -1e-6 of the largest: less is rounding. */
#include <string.h>

#include "sema/unit.h"

static const double LARGEST = 3.4e38, BEYOND = 3.4028e38, ROUNDING = 1e-6;
enum { GUARD_INFINITE = 1, GUARD_NEGATIVE, GUARD_ZERO };

/* --- coordinates of the nodes --- */

/* The numbers that a value is whatever the model is given; NULL where it depends on that. */
static const double *known_numbers(Elab *e, TirId of, size_t count) {
    const TirPort nodes = {.role = TIR_PORT_VALUE, .name = "nodes", .value = of};
    const TirFunction *part = tir_part(e->arena, e->context->f, &nodes, 1);
    for (size_t i = 0; i < part->ops.count; i++) {
        TirOpcode op = part->ops.data[i].op;
        if (op == TIR_INPUT || op == TIR_STEP || op == TIR_EXTENT || op == TIR_EXTERN ||
            (tir_op_flags(op) & TIR_STREAM))
            return NULL;
    }
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

/* --- the outputs --- */

static void put_output(Elab *e, TirPortRole role, uint32_t index, const char *name, TirId value) {
    const TirPort port = {.role = role, .index = index, .name = name, .value = value};
    VEC_PUSH(e->arena, &e->context->guards, port);
}

/* With `most` the largest value, and `least` the largest of the negated ones, where BEYOND stands for what is no
 * number: GUARD_INFINITE, if least is beyond LARGEST; GUARD_NEGATIVE, if it is above ROUNDING most; GUARD_ZERO, if most
 * is 0. */
static TirId verdict(TirFunction *f, TirId table, TirAxes over, Span span) {
    TirId finite = tir_map(f, TIR_LE, span, table, tir_real(f, LARGEST, span), TIR_NONE);
    TirId negated = tir_map(f, TIR_NEG, span, table, TIR_NONE, TIR_NONE);
    negated = tir_map(f, TIR_SELECT, span, finite, negated, tir_real(f, BEYOND, span));
    TirId most = tir_reduce_max(f, table, over, span), least = tir_reduce_max(f, negated, over, span);
    TirId allowed = tir_map(f, TIR_MUL, span, most, tir_real(f, ROUNDING, span), TIR_NONE);
    TirId infinite = tir_map(f, TIR_LT, span, tir_real(f, LARGEST, span), least, TIR_NONE);
    TirId negative = tir_map(f, TIR_LT, span, allowed, least, TIR_NONE);
    TirId none = tir_map(f, TIR_LE, span, most, tir_real(f, 0, span), TIR_NONE);
    TirId code = tir_map(f, TIR_SELECT, span, none, tir_real(f, GUARD_ZERO, span), tir_real(f, 0, span));
    code = tir_map(f, TIR_SELECT, span, negative, tir_real(f, GUARD_NEGATIVE, span), code);
    return tir_map(f, TIR_SELECT, span, infinite, tir_real(f, GUARD_INFINITE, span), code);
}

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

/* Where the value is bad, at any point. */
static TirId bad_points(TirFunction *f, TirId table, TirAxes over, Span span) {
    TirId size = tir_map(f, TIR_ABS, span, table, TIR_NONE, TIR_NONE);
    TirId finite = tir_map(f, TIR_LE, span, size, tir_real(f, LARGEST, span), TIR_NONE);
    TirId clean = tir_map(f, TIR_SELECT, span, finite, table, tir_real(f, 0, span));
    TirId most = tir_reduce_max(f, clean, over, span);
    TirId least = tir_map(f, TIR_MUL, span, most, tir_real(f, -ROUNDING, span), TIR_NONE);
    TirId low = tir_map(f, TIR_LT, span, clean, least, TIR_NONE);
    return tir_map(f, TIR_OR, span, tir_map(f, TIR_NOT, span, finite, TIR_NONE, TIR_NONE), low, TIR_NONE);
}

static void put_node(Elab *e, uint32_t row, const char *name, TirId table, TirAxes over, const Dim *dim, uint32_t count,
                     Span span) {
    TirFunction *f = e->context->f;
    TirId zero = tir_real(f, 0, span), bad = bad_points(f, table, over, span), rank = node_rank(f, dim, count, span);
    uint32_t nodes = f->ops.data[rank].axes.count;
    TirId code = tir_reduce_max(f, tir_map(f, TIR_SELECT, span, bad, rank, zero), over, span);
    TirId there = tir_map(f, TIR_AND, span, bad, tir_map(f, TIR_EQ, span, rank, code, TIR_NONE), TIR_NONE);
    TirId value = tir_sum(f, tir_map(f, TIR_SELECT, span, there, table, zero), over, span);
    if (over.count > nodes) { /* the node is bad at several of the other points: their mean */
        TirId one = tir_real(f, 1, span);
        TirId points = tir_sum(f, tir_map(f, TIR_SELECT, span, there, one, zero), over, span);
        value = tir_map(f, TIR_DIV, span, value, tir_map(f, TIR_MAX, span, points, one, TIR_NONE), TIR_NONE);
    }
    put_output(e, TIR_PORT_NODE, 2 * row, name, code);
    put_output(e, TIR_PORT_NODE, 2 * row + 1, name, value);
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
        tir_output(c->f, port->role, port->index, port->name, port->value);
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
    const char *name = e->program->guards.data[row].density;
    /* the table has the axes of the grid and maybe others: vectors, and points on which the density depends */
    TirAxes over = tir_axes_minus(f->ops.data[id].axes, context_rows(e->context, false));
    put_output(e, TIR_PORT_GUARD, row, name, verdict(f, id, over, span));
    put_node(e, row, name, id, over, dim, count, span);
}

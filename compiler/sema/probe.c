/* Derivative clauses against differences, for `check-gradients`: the objective is elaborated once more, and at every
 * call of a function with a clause its slope is compared with the difference quotient of its value at shifted
 * arguments, (8 (f(x + h) - f(x - h)) - (f(x + 2h) - f(x - 2h))) / 12h, at all points that the objective evaluates; in
 * a round of a loop, at points that are made up. An array is shifted as a whole, along a direction without symmetry.
 * The best of some steps h counts, as a wrong slope agrees at none; the worst point is told. Points where the quotient
 * is not finite (beyond the end of a domain) tell nothing. */
#include "sema/probe.h"

#include <math.h>
#include <string.h>

#include "sema/clause.h"
#include "sema/unit.h"

enum { PROBE_CALLS = 4 /* of one argument of one function */, PROBE_POINTS = 16 };
static const double STEPS[] = {1e-2, 1e-3, 1e-4};
enum { STEP_COUNT = sizeof STEPS / sizeof *STEPS };
/* Slopes below this part of |f / x| drown in the rounding of the quotient: errors are then relative to that. */
static const double SMALLEST = 1e-5;

typedef struct Probing {
    Elab *e;
    TirFunction *f;
    Span span;
} Probing;

static TirId op1(const Probing *p, TirOpcode op, TirId a) {
    return tir_map(p->f, op, p->span, a, TIR_NONE, TIR_NONE);
}

static TirId op2(const Probing *p, TirOpcode op, TirId a, TirId b) {
    return tir_map(p->f, op, p->span, a, b, TIR_NONE);
}

static TirId choose(const Probing *p, TirId condition, TirId yes, TirId no) {
    return tir_map(p->f, TIR_SELECT, p->span, condition, yes, no);
}

static TirId real(const Probing *p, double value) {
    return tir_real(p->f, value, p->span);
}

static TirId all_max(const Probing *p, TirId v) {
    return tir_reduce_max(p->f, v, p->f->ops.data[v].axes, p->span);
}

static TirAxes shown(const Value *v) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < v->rank; i++)
        if (v->dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, v->dim[i].axis);
    return axes;
}

/* 1 for a number; between 1 and 2, another for each element, for an array. */
static TirId direction(const Probing *p, TirAxes axes) {
    TirId place = TIR_NONE;
    for (uint32_t i = 0; i < axes.count; i++) {
        TirId k = op1(p, TIR_TO_REAL, tir_iota(p->f, axes.id[i], p->span));
        k = op2(p, TIR_MUL, k, real(p, 0.7 + 0.6 * i));
        place = place == TIR_NONE ? k : op2(p, TIR_ADD, place, k);
    }
    if (place == TIR_NONE) return real(p, 1);
    return op2(p, TIR_ADD, real(p, 1.5), op2(p, TIR_MUL, real(p, 0.5), op1(p, TIR_SIN, place)));
}

/* The value with argument `at` moved by `shift`; TIR_NONE when it is no more a value of the same shape. */
static TirId shifted(const Probing *p, const Clause *clause, uint32_t at, TirId shift, const Value *v) {
    Value *args = arena_copy(p->e->arena, clause->args, hir_arguments(clause->decl)->count * sizeof *args);
    args[at].id = op2(p, TIR_ADD, args[at].id, shift);
    Value moved = clause_body(p->e, clause, args);
    if (value_is_poison(&moved) || moved.rank != v->rank) return TIR_NONE;
    moved = value_align(p->e, moved, v, p->span);
    return value_real_id(p->e, &moved);
}

/* The quotient with step `t`, relative to the size of the argument. */
static TirId quotient(const Probing *p, const Clause *clause, uint32_t at, TirId unit, TirId h, const Value *v) {
    static const double shift[4] = {1, -1, 2, -2}, factor[4] = {8, -8, -1, 1};
    TirId sum = TIR_NONE, step = op2(p, TIR_MUL, unit, h);
    for (int k = 0; k < 4; k++) {
        TirId value = shifted(p, clause, at, op2(p, TIR_MUL, step, real(p, shift[k])), v);
        if (value == TIR_NONE) return TIR_NONE;
        value = op2(p, TIR_MUL, value, real(p, factor[k]));
        sum = sum == TIR_NONE ? value : op2(p, TIR_ADD, sum, value);
    }
    return op2(p, TIR_DIV, sum, op2(p, TIR_MUL, h, real(p, 12)));
}

typedef struct Comparison {
    TirId error, slope, difference; /* of every point; error -1 where there is no telling */
} Comparison;

/* Keeps, at every point, the better of two steps. */
static void better(const Probing *p, Comparison *best, TirId error, TirId difference) {
    if (best->error != TIR_NONE) {
        TirId less = op2(p, TIR_LT, error, best->error);
        difference = choose(p, less, difference, best->difference);
        error = choose(p, less, error, best->error);
    }
    best->error = error;
    best->difference = difference;
}

static bool compare(const Probing *p, const Clause *clause, const Value *v, const Slope *slope, Comparison *out) {
    const Value *argument = &clause->args[slope->argument];
    TirAxes own = shown(argument), seen = shown(&slope->x);
    bool each = !tir_axes_minus(seen, shown(v)).count; /* element by element */
    TirId size = op1(p, TIR_ABS, argument->id);
    if (!each) size = tir_reduce_max(p->f, size, own, p->span);
    size = choose(p, op2(p, TIR_LT, real(p, 0), size), size, real(p, 1));
    TirId unit = direction(p, own), along = op2(p, TIR_MUL, value_real_id(p->e, &slope->slope), direction(p, seen));
    TirAxes summed = each ? tir_axes_none() : tir_axes_both(seen, p->f->ops.data[along].axes);
    out->slope = tir_sum(p->f, along, summed, p->span);
    out->error = TIR_NONE;
    TirId floor = op2(p, TIR_MUL, real(p, SMALLEST), op2(p, TIR_DIV, op1(p, TIR_ABS, v->id), size));
    floor = op2(p, TIR_MAX, op2(p, TIR_MAX, floor, real(p, 1e-300)), op1(p, TIR_ABS, out->slope));
    for (int k = 0; k < STEP_COUNT; k++) {
        TirId h = op2(p, TIR_MUL, size, real(p, STEPS[k]));
        TirId difference = quotient(p, clause, slope->argument, unit, h, v);
        if (difference == TIR_NONE) return false;
        TirId distance = op1(p, TIR_ABS, op2(p, TIR_SUB, difference, out->slope));
        TirId error = op2(p, TIR_DIV, distance, op2(p, TIR_MAX, floor, op1(p, TIR_ABS, difference)));
        TirId finite = op2(p, TIR_LT, op1(p, TIR_ABS, difference), real(p, INFINITY));
        TirId telling = op2(p, TIR_EQ, error, error); /* the slope may be no number where the quotient is one */
        error = choose(p, finite, choose(p, telling, error, real(p, INFINITY)), real(p, INFINITY));
        better(p, out, error, choose(p, finite, difference, real(p, NAN)));
    }
    TirId known = op2(p, TIR_EQ, out->difference, out->difference);
    out->error = choose(p, known, out->error, real(p, -1));
    return true;
}

/* Of the worst point: its error, argument, slope and difference. */
static void put_worst(Probes *probes, const Probing *p, const Comparison *c, TirId x) {
    TirAxes axes = tir_axes_union(p->f->ops.data[c->error].axes, p->f->ops.data[x].axes);
    TirId worst = all_max(p, c->error), rest = real(p, -INFINITY);
    TirId here = op2(p, TIR_EQ, c->error, worst);
    TirId shown_values[] = {x, c->slope, c->difference};
    VEC_PUSH(p->e->arena, &probes->values, worst);
    for (int k = 0; k < 3; k++) {
        TirId value = id_broadcast(p->e, choose(p, here, shown_values[k], rest), axes, p->span);
        VEC_PUSH(p->e->arena, &probes->values, all_max(p, value));
    }
}

static bool wanted(const Probes *probes, const AstNode *entry) {
    uint32_t calls = 0;
    for (size_t i = 0; i < probes->entries.count; i++) calls += probes->entries.data[i] == entry;
    return calls < PROBE_CALLS;
}

/* Numbers between 0.2 and 1.4, others for each point, argument and element. */
static TirId made_up(const Probing *p, uint32_t argument, TirAxes axes) {
    TirId place = real(p, 1 + argument);
    for (uint32_t i = 0; i < axes.count; i++) {
        TirId k = op1(p, TIR_TO_REAL, tir_iota(p->f, axes.id[i], p->span));
        place = op2(p, TIR_ADD, place, op2(p, TIR_MUL, k, real(p, 1.7 + 0.9 * i)));
    }
    return op2(p, TIR_ADD, real(p, 0.8), op2(p, TIR_MUL, real(p, 0.6), op1(p, TIR_SIN, place)));
}

/* In the round of a loop, whose values are not known outside of it: the function is called once more, at numbers that
 * are made up. */
static void probe_apart(const Probing *p, const Clause *clause) {
    Elab *e = p->e;
    const AstNode *arguments = hir_arguments(clause->decl);
    Value *args = arena_copy(e->arena, clause->args, arguments->count * sizeof *args);
    Local *outer = e->frame->locals;
    struct Drawing *drawing = e->context->drawing;
    TirAxisId points = dim_new(e, "probe", PROBE_POINTS).axis;
    e->context->drawing = NULL;
    for (uint32_t i = 0; i < arguments->count; i++) {
        if (args[i].kind == VALUE_TENSOR && args[i].type == TIR_REAL)
            args[i].id = made_up(p, i, tir_axes_add(shown(&args[i]), points));
        local_push(e, arguments->kids[i]->name, args[i]);
    }
    Clause apart = {clause->decl, clause->span, args};
    Value v = clause_body(e, &apart, clause_held(e, &apart));
    if (!value_is_poison(&v)) clause_result(e, &apart, v);
    e->frame->locals = outer;
    e->context->drawing = drawing;
}

void clause_probe(Elab *e, const Clause *clause, const Value *v, const Slope *slopes, uint32_t count) {
    Probes *probes = e->probes;
    if (e->context->drawing) {
        probe_apart(&(Probing){e, e->context->f, clause->span}, clause);
        return;
    }
    Probing p = {e, e->context->f, clause->span};
    e->probes = NULL; /* what the shifted values call is not compared again */
    for (uint32_t k = 0; k < count; k++) {
        const Value *argument = &clause->args[slopes[k].argument];
        Comparison c;
        if (hir_clause_none(slopes[k].entry) || !wanted(probes, slopes[k].entry) ||
            !compare(&p, clause, v, &slopes[k], &c))
            continue;
        put_worst(probes, &p, &c, argument->id);
        VEC_PUSH(e->arena, &probes->entries, slopes[k].entry);
        VEC_PUSH(e->arena, &probes->decls, clause->decl);
    }
    e->probes = probes;
}

/* "f by x", and "model.qtm:12:30" */
static ProgramClause clause_names(Elab *e, const HirDecl *decl, const AstNode *entry) {
    const SourceFile *file = source_file(e->hir->sources, entry->span.file);
    uint32_t line, column;
    source_position(file, entry->span.begin, &line, &column);
    return (ProgramClause){arena_format(e->arena, "%s by %s", decl->name, entry->name),
                           arena_format(e->arena, "%s:%u:%u", file->path, line, column)};
}

void probe_output(Elab *e, Probes *probes, ProgramUpdate *update) {
    TirFunction *f = e->context->f;
    for (size_t i = 0; i < probes->entries.count; i++)
        VEC_PUSH(e->arena, &update->clauses, clause_names(e, probes->decls.data[i], probes->entries.data[i]));
    for (size_t i = 0; i < probes->values.count; i++)
        tir_output(f, TIR_PORT_VALUE, (uint32_t)i, "probe", probes->values.data[i]);
    if (probes->values.count) update->clause_check = f;
}

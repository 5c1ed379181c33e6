/* root(EXPR for x in LOW .. HIGH), the x at which EXPR is zero, and fixed_point(EXPR for x from START), the x that EXPR
 * gives back, that is the root of f(x) = x - EXPR. EXPR is elaborated for every step, so the steps are a fixed number
 * of ordinary operations, the same for all events: root         HALVINGS halvings of the bracket, then NEWTON Newton
 * steps that stay in what is left of it fixed_point  ROUNDS times x <- EXPR, then NEWTON Newton steps The value x* has
 * its derivative from the implicit rule, dx/dp = -(df/dp) / (df/dx), by whatever EXPR is made of. What that is need not
 * be known when f itself is differentiated with x held: y = x* by tir_custom with the pair f(stop x*, p), -1 / f'(stop
 * x*, p)       exact in the first derivative z = y - f(y, p) / f'(y, p) a Newton step: exact up to the third and the
 * result is x* with the derivative of z. (A Newton step squares the error, in powers of dp as in numbers: what is wrong
 * from dp^2 on becomes wrong from dp^4 on.) This needs no list of the values that EXPR reads, and no slope by each of
 * them, which for a table that EXPR interpolates would be a matrix. */
#include "sema/unit.h"

#include <math.h>

enum { HALVINGS = 32, ROUNDS = 32, NEWTON = 4, KNOWN_STEPS = 1200 };

typedef struct Equation {
    Elab *e;
    const AstNode *node; /* EXPR for x ... */
    Span span;
    const Unit *unit; /* of x */
    TirAxes axes;     /* of x and of EXPR */
    bool fixed;       /* f = x - EXPR */
} Equation;

static Value map2(const Equation *q, TirOpcode op, Value a, Value b) {
    return elab_map(q->e, op, q->span, a, b, value_poison());
}

static TirId op1(const Equation *q, TirOpcode op, TirId a) {
    return tir_map(q->e->context->f, op, q->span, a, TIR_NONE, TIR_NONE);
}

static TirId op2(const Equation *q, TirOpcode op, TirId a, TirId b) {
    return tir_map(q->e->context->f, op, q->span, a, b, TIR_NONE);
}

static TirId choose(const Equation *q, TirId condition, TirId yes, TirId no) {
    return tir_map(q->e->context->f, TIR_SELECT, q->span, condition, yes, no);
}

static TirId real(const Equation *q, double value) {
    return tir_real(q->e->context->f, value, q->span);
}

/* EXPR at x */
static Value body_at(const Equation *q, Value x) {
    Elab *e = q->e;
    Frame *frame = e->frame;
    Local *outer = frame->locals;
    TirAxes force = frame->force;
    frame->force = tir_axes_union(force, q->axes);
    x.span = q->node->name_span;
    local_push(e, q->node->name, x);
    Value v = value_scalar(elab_expr(e, q->node->kids[0]));
    frame->locals = outer;
    frame->force = force;
    if (value_is_poison(&v)) return v;
    if ((v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR) && !v.rank && v.type != TIR_BOOL) return v;
    Value poison =
        elab_error(e, DIAG_E0342, q->node->kids[0]->span, "an equation is solved for one number, and this is %s",
                   v.rank ? value_shape_text(e, &v) : value_kind_text(&v));
    diag_help(e->sink, "solve for one element at a time: [root(...) for i in n]");
    return poison;
}

static Value equation_at(const Equation *q, Value x) {
    Value v = body_at(q, x);
    return q->fixed && !value_is_poison(&v) ? map2(q, TIR_SUB, x, v) : v;
}

static Value unknown(const Equation *q, TirId x) {
    Value v = value_tensor(q->e, x, NULL, 0, q->span);
    v.unit = q->unit;
    return v;
}

/* f(x), and f'(x) unless `slope` is NULL; false after a report. */
static bool evaluate(const Equation *q, TirId x, TirId *value, TirId *slope) {
    Elab *e = q->e;
    Value v = equation_at(q, unknown(q, x));
    if (value_is_poison(&v)) return false;
    *value = value_real_id(e, &v);
    if (!slope) return true;
    TirFunction *f = e->context->f;
    bool *leaf = ARENA_ARRAY(e->arena, bool, f->ops.count);
    leaf[x] = true;
    if (!derivative_exists(e, *value, leaf, q->span, "needed because the equation is solved by its derivative"))
        return false;
    TirId one = real(q, 1);
    ad_adjoint(f, value, &one, 1, &x, 1, slope);
    if (*slope != TIR_NONE) return true;
    elab_error(e, DIAG_E0342, q->node->kids[0]->span, "this does not depend smoothly on '%s', which is solved for",
               q->node->name);
    diag_help(e->sink, "name '%s' in the formula, and let no step such as floor or stop lie between", q->node->name);
    return false;
}

/* --- steps --- */

typedef struct Bracket {
    TirId low, high;
    bool on_log;
} Bracket;

static TirId middle(const Equation *q, const Bracket *b) {
    if (b->on_log) return op2(q, TIR_MUL, op1(q, TIR_SQRT, b->low), op1(q, TIR_SQRT, b->high));
    return op2(q, TIR_MUL, real(q, 0.5), op2(q, TIR_ADD, b->low, b->high));
}

/* `sign`: of f at the lower end. A root that lies there, where it is 0, is come to from above. */
static bool halve(const Equation *q, Bracket *b, TirId sign) {
    TirId x = middle(q, b), value;
    if (!evaluate(q, x, &value, NULL)) return false;
    TirId above = op2(q, TIR_LT, real(q, 0), op2(q, TIR_MUL, sign, value));
    b->low = choose(q, above, x, b->low);
    b->high = choose(q, above, b->high, x);
    return true;
}

/* Stays where the step is not a number. `b`: or NULL. */
static bool newton(const Equation *q, TirId *x, const Bracket *b) {
    TirId value, slope;
    if (!evaluate(q, *x, &value, &slope)) return false;
    TirId to = op2(q, TIR_SUB, *x, op2(q, TIR_DIV, value, slope));
    TirId next = choose(q, op2(q, TIR_LT, op1(q, TIR_ABS, to), real(q, INFINITY)), to, *x);
    if (b) {
        next = choose(q, op2(q, TIR_LT, to, b->low), b->low, next);
        next = choose(q, op2(q, TIR_LT, b->high, to), b->high, next);
    }
    *x = next;
    return true;
}

/* x* with its derivatives. */
static Value implicit(const Equation *q, TirId x) {
    Elab *e = q->e;
    TirFunction *f = e->context->f;
    TirId held = op1(q, TIR_STOP, x), value, slope;
    if (!evaluate(q, held, &value, &slope)) return value_poison();
    TirId first[2] = {value, op2(q, TIR_DIV, real(q, -1), slope)};
    TirId y = tir_custom(f, x, first, 1, q->span);
    if (!evaluate(q, y, &value, &slope)) return value_poison();
    TirId second[2] = {op2(q, TIR_SUB, y, op2(q, TIR_DIV, value, slope)), real(q, 1)};
    return unknown(q, tir_custom(f, x, second, 1, q->span));
}

static TirId solve_bracket(const Equation *q, Bracket b, TirId at_low, TirId at_high) {
    TirId sign = op1(q, TIR_SIGN, at_low);
    TirId change = op2(q, TIR_LE, op2(q, TIR_MUL, sign, at_high), real(q, 0));
    /* comparisons with a NaN fail: one at the lower end would pass for a sign of 0 */
    change = op2(q, TIR_AND, change, op2(q, TIR_EQ, at_low, at_low));
    for (int i = 0; i < HALVINGS; i++)
        if (!halve(q, &b, sign)) return TIR_NONE;
    TirId x = middle(q, &b);
    for (int i = 0; i < NEWTON; i++)
        if (!newton(q, &x, &b)) return TIR_NONE;
    return choose(q, change, x, real(q, NAN));
}

/* --- equations of known numbers --- */

static Value known_number(const Equation *q, double x) {
    Value v = value_number(x, q->span);
    v.unit = q->unit;
    return v;
}

/* Halvings until the ends are neighbours; poison, without a report, where EXPR is no number. */
static Value known_root(const Equation *q, double low, double high, double at_low, bool on_log) {
    for (int i = 0; i < KNOWN_STEPS; i++) {
        double x = on_log ? sqrt(low) * sqrt(high) : low + (high - low) / 2;
        if (!(x > low && x < high)) break;
        Value v = equation_at(q, known_number(q, x));
        if (v.kind != VALUE_NUMBER) return value_poison();
        *(v.number * at_low > 0 ? &low : &high) = x;
    }
    Value left = equation_at(q, known_number(q, low)), right = equation_at(q, known_number(q, high));
    if (left.kind != VALUE_NUMBER || right.kind != VALUE_NUMBER) return value_poison();
    return known_number(q, fabs(left.number) < fabs(right.number) ? low : high);
}

static Value report_bracket(const Equation *q, const AstNode *range, double at_low, double at_high) {
    Value poison = elab_error(q->e, DIAG_E0342, range->span,
                              "there is no change of sign in this bracket: the formula is %.6g and %.6g at its ends",
                              at_low, at_high);
    diag_note(q->e->sink, q->node->kids[0]->span, "the formula");
    diag_help(q->e->sink, "give two ends with the root between them");
    return poison;
}

/* --- the constructs --- */

static bool read_number(Elab *e, const AstNode *node, const char *what, Value *v) {
    *v = value_scalar(elab_expr(e, node));
    if (value_is_poison(v)) return false;
    if ((v->kind == VALUE_NUMBER || v->kind == VALUE_TENSOR) && !v->rank && v->type != TIR_BOOL) return true;
    elab_error(e, DIAG_E0342, node->span, "%s is a number, and this is %s", what, value_kind_text(v));
    diag_help(e->sink, "write one number, or solve for one element at a time");
    return false;
}

static Value report_form(Elab *e, const AstNode *node, const char *form) {
    return elab_help(e, elab_error(e, DIAG_E0342, node->span, "this does not say where to look for '%s'", node->name),
                     "%s", form);
}

static TirId on_axes(const Equation *q, const Value *v) {
    return id_broadcast(q->e, value_real_id(q->e, v), q->axes, q->span);
}

Value elab_root(Elab *e, const AstNode *call) {
    const AstNode *node = call->kids[1], *range = node->kids[1];
    Value none = value_poison(), low, high;
    if (range->kind != AST_RANGE || node->kids[2])
        return report_form(e, node, "write for example: root(x^2 - a for x in 0 .. 10)");
    if (!read_number(e, range->kids[0], "the end of a bracket", &low) ||
        !read_number(e, range->kids[1], "the end of a bracket", &high))
        return none;
    Equation q = {.e = e, .node = node, .span = call->span};
    if (!unit_same(e, range->span, &low, &high, "the ends of one bracket", &q.unit)) return none;
    low.unit = high.unit = q.unit;
    Value at_low = equation_at(&q, low), at_high = equation_at(&q, high);
    if (value_is_poison(&at_low) || value_is_poison(&at_high)) return none;
    bool ends = low.kind == VALUE_NUMBER && high.kind == VALUE_NUMBER;
    if (ends && (low.number >= high.number || (range->flag && low.number <= 0)))
        return elab_help(e,
                         elab_error(e, DIAG_E0342, range->span,
                                    low.number >= high.number ? "the lower end of a bracket comes first"
                                                              : "a bracket on log starts above 0"),
                         "write for example: for %s in 1e-3 .. 10", node->name);
    if (ends && at_low.kind == VALUE_NUMBER && at_high.kind == VALUE_NUMBER) {
        if (!(at_low.number * at_high.number <= 0)) return report_bracket(&q, range, at_low.number, at_high.number);
        Value v = at_low.number == 0 ? low : known_root(&q, low.number, high.number, at_low.number, range->flag);
        if (v.kind == VALUE_NUMBER || e->sink->errors) return v;
    }
    Value both = map2(&q, TIR_ADD, low, high);
    q.axes = tir_axes_union(value_axes(e, &both), tir_axes_union(value_axes(e, &at_low), value_axes(e, &at_high)));
    Bracket b = {on_axes(&q, &low), on_axes(&q, &high), range->flag};
    TirId x = solve_bracket(&q, b, value_real_id(e, &at_low), value_real_id(e, &at_high));
    return x == TIR_NONE ? none : implicit(&q, x);
}

/* From a known start, with known numbers alone; poison, without a report, where EXPR is no number. */
static Value known_fixed_point(const Equation *q, double x) {
    for (int i = 0; i < KNOWN_STEPS; i++) {
        Value v = body_at(q, known_number(q, x));
        if (v.kind != VALUE_NUMBER) return value_poison();
        if (!isfinite(v.number)) break;
        if (v.number == x || fabs(v.number - x) <= 4e-16 * fabs(x)) return known_number(q, v.number);
        x = v.number;
    }
    Value poison = elab_error(q->e, DIAG_E0342, q->span, "this does not settle: its last finite value is %.10g", x);
    diag_help(q->e->sink, "the formula must bring its argument nearer to the solution; or use root(...)");
    return poison;
}

Value elab_fixed_point(Elab *e, const AstNode *call) {
    const AstNode *node = call->kids[1];
    Value none = value_poison(), start;
    if (node->kids[1]->kind != AST_FROM)
        return report_form(e, node, "write for example: fixed_point(cos(x) for x from 1)");
    if (!read_number(e, node->kids[1]->kids[0], "the start", &start)) return none;
    Equation q = {.e = e, .node = node, .span = call->span, .unit = start.unit, .fixed = true};
    Value at_start = equation_at(&q, start); /* reports where EXPR has another unit than x */
    if (value_is_poison(&at_start)) return none;
    if (start.kind == VALUE_NUMBER && at_start.kind == VALUE_NUMBER) {
        Value v = known_fixed_point(&q, start.number);
        if (v.kind == VALUE_NUMBER || e->sink->errors) return v;
    }
    q.axes = value_axes(e, &at_start);
    TirId x = on_axes(&q, &start);
    for (int i = 0; i < ROUNDS; i++) {
        Value v = body_at(&q, unknown(&q, x));
        if (value_is_poison(&v)) return none;
        x = on_axes(&q, &v);
    }
    for (int i = 0; i < NEWTON; i++)
        if (!newton(&q, &x, NULL)) return none;
    return implicit(&q, x);
}

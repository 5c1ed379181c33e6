/* integral(EXPR for x in LOW .. HIGH): the body is elaborated once with x on an axis of its own, the nodes of a
 * quadrature. When what it became is a sum of terms c x^p (1 - x)^q over 0 .. 1, the integral is a sum of Beta
 * functions (closed.c) and the nodes go unused; otherwise it is the weighted sum over the nodes.
 *
 * The quadrature is double exponential (Takahasi and Mori, Publ. RIMS 9 (1974) 721): with t_k evenly spaced,
 *   v = 1 / (1 + exp(-pi sinh t)),   x = low + (high - low) v,   dx/dt = (high - low) pi cosh t v (1 - v),
 * which holds for integrands with poles weaker than 1/x at the lower end and for any that are smooth inside. The nodes
 * come as near to the lower end as 1e-37 of the interval (x^p is integrated to 1e-37^(p + 1), relative); those nearer
 * to the upper end than 6e-8, the spacing of the numbers there, are moved there. */
#include "sema/sema.h"

#include <math.h>

static const double NODES_FROM = -4.0, NODES_STEP = 0.1;
enum { NODES = 81 };

static Value map1(Elab *e, TirOpcode op, Span span, Value a) {
    return elab_map(e, op, span, a, value_poison(), value_poison());
}

static Value map2(Elab *e, TirOpcode op, Span span, Value a, Value b) {
    return elab_map(e, op, span, a, b, value_poison());
}

/* Numbers known now, one a node, on the axis of the nodes. */
static Value node_numbers(Elab *e, Dim dim, double (*formula)(double t), Span span) {
    TirId *ids = ARENA_ARRAY(e->arena, TirId, NODES);
    for (int k = 0; k < NODES; k++) ids[k] = tir_real(e->context->f, formula(NODES_FROM + NODES_STEP * k), span);
    return value_tensor(e, tir_stack(e->context->f, ids, NODES, dim.axis, span), NULL, 0, span);
}

static double node_place(double t) {
    return fmin(1 / (1 + exp(-M_PI * sinh(t))), 1 - 0x1p-24);
}

static double node_weight(double t) {
    double v = 1 / (1 + exp(-M_PI * sinh(t))), rest = 1 / (1 + exp(M_PI * sinh(t)));
    return NODES_STEP * M_PI * cosh(t) * v * rest;
}

typedef struct Interval {
    Value low, high;   /* of x, or of log x */
    bool on_log, unit; /* unit: exactly 0 .. 1 */
} Interval;

static bool read_end(Elab *e, const AstNode *node, Value *end) {
    *end = value_scalar(elab_expr(e, node));
    if (value_is_poison(end)) return false;
    if ((end->kind == VALUE_NUMBER || end->kind == VALUE_TENSOR) && !end->rank && end->type != TIR_BOOL) return true;
    elab_error(e, DIAG_E0309, node->span, "the end of an integral is a number, and this is %s", value_kind_text(end));
    diag_help(e->sink, "write for example: for x in 0 .. 1");
    return false;
}

static bool read_interval(Elab *e, const AstNode *source, Interval *interval) {
    if (source->kind != AST_RANGE) {
        elab_error(e, DIAG_E0309, source->span, "an integral goes over an interval");
        diag_help(e->sink, "write for example: integral(f(x) for x in 0 .. 1)");
        return false;
    }
    Value *low = &interval->low, *high = &interval->high;
    if (!read_end(e, source->kids[0], low) || !read_end(e, source->kids[1], high)) return false;
    bool known = low->kind == VALUE_NUMBER && high->kind == VALUE_NUMBER;
    bool infinite = (low->kind == VALUE_NUMBER && !isfinite(low->number)) ||
                    (high->kind == VALUE_NUMBER && !isfinite(high->number));
    if (infinite || (source->flag && low->kind == VALUE_NUMBER && low->number <= 0)) {
        elab_error(e, DIAG_E0401, source->span,
                   infinite ? "the ends of an integral are finite" : "an integral on log starts above 0");
        diag_help(e->sink, "%s",
                  infinite ? "map the variable onto a finite interval, such as x = t / (1 - t)"
                           : "start at a small number, or leave out 'on log'");
        return false;
    }
    interval->unit = known && !source->flag && low->number == 0 && high->number == 1;
    interval->on_log = source->flag;
    return true;
}

/* Positions and weights of the nodes as values on the axis `dim`. */
static void place_nodes(Elab *e, const Interval *interval, Dim dim, Span span, Value *x, Value *weight) {
    Value low = interval->low, high = interval->high;
    if (interval->on_log) {
        low = map1(e, TIR_LOG, span, low);
        high = map1(e, TIR_LOG, span, high);
    }
    Value v = node_numbers(e, dim, node_place, span);
    Value length = map2(e, TIR_SUB, span, high, low);
    *x = interval->unit ? v : map2(e, TIR_ADD, span, low, map2(e, TIR_MUL, span, length, v));
    *weight = map2(e, TIR_MUL, span, node_numbers(e, dim, node_weight, span), length);
    if (!interval->on_log) return;
    *x = map1(e, TIR_EXP, span, *x);
    *weight = map2(e, TIR_MUL, span, *weight, *x);
}

static Value body_at(Elab *e, const AstNode *call, const AstNode *node, Value x, TirAxes axes) {
    Frame *frame = e->frame;
    Local *outer = frame->locals;
    TirAxes force = frame->force;
    frame->force = tir_axes_union(force, axes);
    local_push(e, node->name, x);
    const AstNode *body = node->kids[0];
    Value v = body->kind == AST_COMPREHEND && body->flag ? elab_integral(e, call, body) : elab_expr(e, body);
    if (!value_is_poison(&v) && node->kids[2]) {
        Value when = elab_expr(e, node->kids[2]);
        v = elab_map(e, TIR_SELECT, node->span, when, v, value_number(0, node->span));
    }
    frame->locals = outer;
    frame->force = force;
    v = value_scalar(v);
    if (value_is_poison(&v)) return v;
    if (v.kind != VALUE_LIST && !v.rank && v.type != TIR_BOOL && (v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR))
        return v;
    Value poison = elab_error(e, DIAG_E0308, body->span, "what is integrated must be one number, and this is %s",
                              value_shape_text(e, &v));
    diag_help(e->sink, "integrate its elements one by one, or their sum");
    return poison;
}

Value elab_integral(Elab *e, const AstNode *call, const AstNode *comprehend) {
    Span span = call->span;
    Interval interval = {0};
    if (!loop_names(e, comprehend, 1) || !read_interval(e, comprehend->kids[1], &interval)) return value_poison();
    Dim dim = dim_new(e, "node", NODES);
    TirAxes axes = tir_axes_one(dim.axis);
    Value x, weight;
    place_nodes(e, &interval, dim, span, &x, &weight);
    x.span = comprehend->name_span;
    Value v = body_at(e, call, comprehend, x, axes);
    if (value_is_poison(&v)) return v;
    if (v.kind == VALUE_NUMBER || !tir_axes_has(value_axes(e, &v), dim.axis))
        return map2(e, TIR_MUL, span, v, map2(e, TIR_SUB, span, interval.high, interval.low));
    Value closed = interval.unit ? closed_integral(e, v, x, span) : value_poison();
    closed.unit = v.unit;
    if (!value_is_poison(&closed)) return closed;
    Value product = map2(e, TIR_MUL, span, v, weight);
    Value sum = value_tensor(e, tir_sum(e->context->f, value_real_id(e, &product), axes, span), NULL, 0, span);
    sum.unit = product.unit;
    return sum;
}

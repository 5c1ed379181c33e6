/* Raw values to values of a domain, and the logarithm of the Jacobian of that map; the formulas stand in
 * runtime/include/qtm/domain.h. Arrays are transformed as arrays: a handful of operations whatever their size. Every
 * formula is finite in f32 for every raw value. */
#include "sema/sema.h"

#include <math.h>

typedef struct Maker {
    Elab *e;
    Span span;
} Maker;

static Value number(Maker m, double x) {
    return value_number(x, m.span);
}

static Value one(Maker m, TirOpcode op, Value a) {
    return elab_map(m.e, op, m.span, a, value_poison(), value_poison());
}

static Value two(Maker m, TirOpcode op, Value a, Value b) {
    return elab_map(m.e, op, m.span, a, b, value_poison());
}

static Value scaled(Maker m, double factor, Value a) {
    return two(m, TIR_MUL, a, number(m, factor));
}

static Value shifted(Maker m, Value a, double by) {
    return two(m, TIR_ADD, a, number(m, by));
}

/* Raw values beyond this size are all the same: their square must be finite in f32. */
static Value bounded(Maker m, Value r) {
    return two(m, TIR_MIN, two(m, TIR_MAX, r, number(m, -1e18)), number(m, 1e18));
}

/* 1 + r^2 */
static Value one_and_square(Maker m, Value r) {
    return shifted(m, two(m, TIR_MUL, r, r), 1);
}

/* r^2 / (1 + r^2) as (r / s) (r / s) with s = sqrt(1 + r^2). */
static Value square_share(Maker m, Value r) {
    r = bounded(m, r);
    Value q = two(m, TIR_DIV, r, one(m, TIR_SQRT, one_and_square(m, r)));
    return two(m, TIR_MUL, q, q);
}

/* sqrt(1 + r^2) - 1 as r (r / (1 + sqrt(1 + r^2))), which keeps its digits near 0. */
static Value hyperbola(Maker m, Value r) {
    r = bounded(m, r);
    Value s = shifted(m, one(m, TIR_SQRT, one_and_square(m, r)), 1);
    return two(m, TIR_MUL, r, two(m, TIR_DIV, r, s));
}

/* c tanh(r / c) */
static Value soft_exponent(Maker m, Value r) {
    return scaled(m, QTM_DOMAIN_EXPONENT, one(m, TIR_TANH, scaled(m, 1 / QTM_DOMAIN_EXPONENT, r)));
}

static Value soft_exp(Maker m, Value r) {
    return one(m, TIR_EXP, soft_exponent(m, r));
}

static TirAxisId line_axis(const Value *v) {
    return v->dim[v->rank - 1].axis;
}

static Value line_sum(Maker m, Value v) {
    TirAxisId axis = line_axis(&v);
    TirId id = axis == TIR_NONE ? v.id : tir_sum(m.e->context->f, v.id, tir_axes_one(axis), m.span);
    return value_tensor(m.e, id, v.dim, v.rank - 1, m.span);
}

/* What has one number a line, for every element of it. */
static Value line_spread(Maker m, Value v, const Value *line) {
    TirId id = value_real_id(m.e, &v);
    if (line_axis(line) != TIR_NONE) id = id_broadcast(m.e, id, tir_axes_one(line_axis(line)), m.span);
    return value_tensor(m.e, id, line->dim, line->rank, m.span);
}

static Value line_cumsum(Maker m, Value v, bool from_end) {
    if (line_axis(&v) == TIR_NONE) return v;
    return value_tensor(m.e, tir_cumsum(m.e->context->f, v.id, line_axis(&v), from_end, m.span), v.dim, v.rank, m.span);
}

/* Is this element number `at` of its line? */
static Value line_place(Maker m, const Value *line, int64_t at) {
    Dim last = line->dim[line->rank - 1];
    if (last.axis == TIR_NONE) return value_bool(at == 0, m.span);
    Value k = value_tensor(m.e, tir_iota(m.e->context->f, last.axis, m.span), NULL, 0, m.span);
    Value there = two(m, TIR_EQ, k, value_int((double)at, m.span));
    TirId id = id_broadcast(m.e, there.id, value_axes(m.e, line), m.span);
    return value_tensor(m.e, id, line->dim, line->rank, m.span);
}

static Value line_choose(Maker m, const Value *line, int64_t at, Value there, Value elsewhere) {
    Value place = line_place(m, line, at);
    if (place.kind == VALUE_NUMBER) return place.number != 0 ? there : elsewhere;
    if (there.kind == VALUE_NUMBER) {
        TirId id = id_broadcast(m.e, value_real_id(m.e, &there), value_axes(m.e, line), m.span);
        there = value_tensor(m.e, id, line->dim, line->rank, m.span);
    }
    return elab_map(m.e, TIR_SELECT, m.span, place, there, elsewhere);
}

typedef struct Softmax {
    Value shares, logs; /* of the elements */
    Value rest_log;     /* of the one more with logit 0, one number a line */
} Softmax;

/* Shares of the logits r and, with `rest`, of one more that is 0. The largest is taken off first; it drops out of the
 * derivative. */
static Softmax softmax(Maker m, Value r, bool rest) {
    TirFunction *f = m.e->context->f;
    TirAxisId axis = line_axis(&r);
    Value top = r;
    if (axis != TIR_NONE) top.id = tir_reduce_max(f, r.id, tir_axes_one(axis), m.span);
    top = value_tensor(m.e, top.id, r.dim, r.rank - 1, m.span);
    if (rest) top = two(m, TIR_MAX, top, number(m, 0));
    top = one(m, TIR_STOP, top);
    Value centred = two(m, TIR_SUB, r, line_spread(m, top, &r));
    Value weights = one(m, TIR_EXP, centred), total = line_sum(m, weights);
    if (rest) total = two(m, TIR_ADD, total, one(m, TIR_EXP, one(m, TIR_NEG, top)));
    Value log_total = one(m, TIR_LOG, total);
    return (Softmax){two(m, TIR_DIV, weights, line_spread(m, total, &r)),
                     two(m, TIR_SUB, centred, line_spread(m, log_total, &r)),
                     one(m, TIR_NEG, two(m, TIR_ADD, top, log_total))};
}

static Value ordered_value(Maker m, const ParamDomain *d, Value r) {
    double n = (double)r.dim[r.rank - 1].size, width = d->high - d->low;
    if (isfinite(d->low) && isfinite(d->high)) {
        Value gaps = scaled(m, width * (1 - QTM_DOMAIN_SHARE), softmax(m, r, true).shares);
        gaps = shifted(m, gaps, width * QTM_DOMAIN_SHARE / (n + 1));
        return shifted(m, line_cumsum(m, gaps, false), d->low);
    }
    Value steps = soft_exp(m, r);
    if (isfinite(d->high)) return two(m, TIR_SUB, number(m, d->high), line_cumsum(m, steps, true));
    if (isfinite(d->low)) return shifted(m, line_cumsum(m, steps, false), d->low);
    return line_cumsum(m, line_choose(m, &r, 0, r, steps), false);
}

static Value simplex_logits(Maker m, Value r) {
    return line_choose(m, &r, r.dim[r.rank - 1].size - 1, number(m, 0), r);
}

static Value simplex_value(Maker m, Value r) {
    double n = (double)r.dim[r.rank - 1].size;
    if (n == 1) return shifted(m, scaled(m, 0, r), 1);
    return shifted(m, scaled(m, 1 - QTM_DOMAIN_SHARE, softmax(m, simplex_logits(m, r), false).shares),
                   QTM_DOMAIN_SHARE / n);
}

Value transform_value(Elab *e, const ParamDomain *d, Value r, Span span) {
    Maker m = {e, span};
    double middle = (d->low + d->high) / 2, half = (d->high - d->low) / 2;
    switch (d->kind) {
    case QTM_OPEN:
        r = one(m, TIR_TANH, scaled(m, 0.5, r));
        return shifted(m, scaled(m, half * (1 - 2 * QTM_DOMAIN_MARGIN), r), middle);
    case QTM_CLOSED: /* rounding must not carry a value over the end */
        r = shifted(m, scaled(m, half, one(m, TIR_SIN, r)), middle);
        return two(m, TIR_MIN, two(m, TIR_MAX, r, number(m, d->low)), number(m, d->high));
    case QTM_LOW_END: return shifted(m, scaled(m, 2 * half, square_share(m, r)), d->low);
    case QTM_HIGH_END: return two(m, TIR_SUB, number(m, d->high), scaled(m, 2 * half, square_share(m, r)));
    case QTM_ABOVE: return shifted(m, soft_exp(m, r), d->low);
    case QTM_BELOW: return two(m, TIR_SUB, number(m, d->high), soft_exp(m, one(m, TIR_NEG, r)));
    case QTM_FROM: return shifted(m, hyperbola(m, r), d->low);
    case QTM_UP_TO: return two(m, TIR_SUB, number(m, d->high), hyperbola(m, r));
    case QTM_ORDERED: return ordered_value(m, d, r);
    case QTM_SIMPLEX: return simplex_value(m, r);
    default: return r;
    }
}

/* log of d tanh(u)/du = 1/cosh(u)^2 = 2 (log 2 - |u| - log(1 + exp(-2 |u|))) */
static Value log_tanh_slope(Maker m, Value u) {
    u = one(m, TIR_ABS, u);
    Value tail = one(m, TIR_LOG1P, one(m, TIR_EXP, scaled(m, -2, u)));
    return scaled(m, -2, shifted(m, two(m, TIR_ADD, u, tail), -log(2)));
}

static Value log_soft_exp_slope(Maker m, Value r) {
    return two(m, TIR_ADD, soft_exponent(m, r), log_tanh_slope(m, scaled(m, 1 / QTM_DOMAIN_EXPONENT, r)));
}

/* log |x|, kept finite at 0, where a map folds back from an end that belongs to the domain. */
static Value log_size(Maker m, Value x) {
    return one(m, TIR_LOG, two(m, TIR_MAX, one(m, TIR_ABS, x), number(m, 1e-30)));
}

static Value ordered_log_jacobian(Maker m, const ParamDomain *d, Value r) {
    double n = (double)r.dim[r.rank - 1].size;
    if (isfinite(d->low) && isfinite(d->high)) {
        Softmax s = softmax(m, r, true);
        Value line = two(m, TIR_ADD, line_sum(m, s.logs), s.rest_log);
        return shifted(m, line, n * log((d->high - d->low) * (1 - QTM_DOMAIN_SHARE)));
    }
    Value slopes = log_soft_exp_slope(m, r);
    if (!isfinite(d->low) && !isfinite(d->high)) slopes = line_choose(m, &r, 0, number(m, 0), slopes);
    if (slopes.kind == VALUE_NUMBER) return slopes;
    return line_sum(m, slopes);
}

/* With respect to the first n - 1 values: the last follows. */
static Value simplex_log_jacobian(Maker m, Value r) {
    double n = (double)r.dim[r.rank - 1].size;
    if (n == 1) return number(m, 0);
    Value line = line_sum(m, softmax(m, simplex_logits(m, r), false).logs);
    return shifted(m, line, (n - 1) * log(1 - QTM_DOMAIN_SHARE));
}

Value transform_log_jacobian(Elab *e, const ParamDomain *d, Value r, Span span) {
    Maker m = {e, span};
    double half = (d->high - d->low) / 2;
    Value v = r;
    switch (d->kind) {
    case QTM_OPEN: /* h (1 - 2 margin) / (2 cosh(r / 2)^2) */
        v = shifted(m, log_tanh_slope(m, scaled(m, 0.5, r)), log(half * (1 - 2 * QTM_DOMAIN_MARGIN) / 2));
        break;
    case QTM_CLOSED: v = shifted(m, log_size(m, one(m, TIR_COS, r)), log(half)); break;
    case QTM_LOW_END:
    case QTM_HIGH_END: /* (b - a) 2 |r| / (1 + r^2)^2 */
        r = bounded(m, r);
        v = two(m, TIR_SUB, log_size(m, r), scaled(m, 2, one(m, TIR_LOG, one_and_square(m, r))));
        v = shifted(m, v, log(4 * half));
        break;
    case QTM_ABOVE:
    case QTM_BELOW: v = log_soft_exp_slope(m, d->kind == QTM_ABOVE ? r : one(m, TIR_NEG, r)); break;
    case QTM_FROM:
    case QTM_UP_TO: /* |r| / sqrt(1 + r^2) */
        r = bounded(m, r);
        v = two(m, TIR_SUB, log_size(m, r), scaled(m, 0.5, one(m, TIR_LOG, one_and_square(m, r))));
        break;
    case QTM_ORDERED: v = ordered_log_jacobian(m, d, r); break;
    case QTM_SIMPLEX: v = simplex_log_jacobian(m, r); break;
    default: return number(m, 0);
    }
    return v;
}

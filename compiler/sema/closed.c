/* Integrals over 0 .. 1 in closed form. The operations that lead from x to the integrand are read as a sum of terms
 *   c x^p (1 - x)^q      with c, p and q independent of x,
 * and each contributes c B(p + 1, q + 1), B(a, b) = Gamma(a) Gamma(b) / Gamma(a + b) (DLMF 5.12.1). What diverges
 * (an exponent of -1 or less) is not a number. */
#include "sema/sema.h"

#include <math.h>

enum { TERMS_MAX = 32, EXPONENT_MAX = 8 };

/* A number known now plus a value of the function (TIR_NONE: none). */
typedef struct Exponent {
    double known;
    TirId id;
} Exponent;

typedef struct Term {
    double scale;
    TirId factor; /* TIR_NONE: 1 */
    Exponent p, q;
} Term;

typedef struct Terms {
    uint32_t count;
    Term term[TERMS_MAX];
} Terms;

typedef struct Closed {
    TirFunction *f;
    TirId x;
    TirAxisId axis;
    Span span;
} Closed;

static bool expand(const Closed *c, TirId id, Terms *out);

static TirId join(const Closed *c, TirOpcode op, TirId a, TirId b) {
    if (b == TIR_NONE) return a;
    if (a == TIR_NONE) return op == TIR_SUB ? tir_map(c->f, TIR_NEG, c->span, b, TIR_NONE, TIR_NONE) : b;
    return tir_map(c->f, op, c->span, a, b, TIR_NONE);
}

static TirId as_real(const Closed *c, TirId id) {
    return c->f->ops.data[id].type == TIR_INT ? tir_map(c->f, TIR_TO_REAL, c->span, id, TIR_NONE, TIR_NONE) : id;
}

static bool constant(const Closed *c, TirId id, double *value) {
    const TirOp *op = &c->f->ops.data[id];
    if (op->op == TIR_TO_REAL) return constant(c, op->args[0], value);
    if (op->op != TIR_CONST) return false;
    *value = op->type == TIR_REAL ? op->real : (double)op->integer;
    return true;
}

static bool independent(const Closed *c, TirId id) {
    return !tir_axes_has(c->f->ops.data[id].axes, c->axis);
}

static Exponent exponent_of(const Closed *c, TirId id) {
    double value;
    return constant(c, id, &value) ? (Exponent){value, TIR_NONE} : (Exponent){0, as_real(c, id)};
}

static Exponent exponent_add(const Closed *c, Exponent a, Exponent b, double sign) {
    return (Exponent){a.known + sign * b.known, join(c, sign < 0 ? TIR_SUB : TIR_ADD, a.id, b.id)};
}

static Exponent exponent_times(const Closed *c, Exponent a, Exponent b) {
    if (b.id == TIR_NONE && b.known == 1) return a;
    TirId left =
        a.id == TIR_NONE ? TIR_NONE : tir_map(c->f, TIR_MUL, c->span, a.id, tir_real(c->f, b.known, c->span), TIR_NONE);
    if (b.id == TIR_NONE) return (Exponent){a.known * b.known, left};
    TirId right = tir_map(c->f, TIR_MUL, c->span, b.id, tir_real(c->f, a.known, c->span), TIR_NONE);
    TirId both = a.id == TIR_NONE ? TIR_NONE : tir_map(c->f, TIR_MUL, c->span, a.id, b.id, TIR_NONE);
    return (Exponent){a.known * b.known, join(c, TIR_ADD, join(c, TIR_ADD, left, right), both)};
}

static bool push(Terms *terms, Term term) {
    if (terms->count == TERMS_MAX) return false;
    terms->term[terms->count++] = term;
    return true;
}

/* 1 - x, as the language writes it */
static bool is_complement(const Closed *c, const TirOp *op) {
    double one;
    return op->op == TIR_SUB && op->args[1] == c->x && constant(c, op->args[0], &one) && one == 1;
}

static bool expand_product(const Closed *c, const Terms *a, const Terms *b, double sign, Terms *out) {
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            const Term *s = &a->term[i], *t = &b->term[j];
            Term term = {sign < 0 ? s->scale / t->scale : s->scale * t->scale, TIR_NONE,
                         exponent_add(c, s->p, t->p, sign), exponent_add(c, s->q, t->q, sign)};
            if (sign < 0 && t->factor != TIR_NONE)
                term.factor =
                    tir_map(c->f, TIR_DIV, c->span, s->factor == TIR_NONE ? tir_real(c->f, 1, c->span) : s->factor,
                            t->factor, TIR_NONE);
            else
                term.factor = join(c, TIR_MUL, s->factor, t->factor);
            if (!push(out, term)) return false;
        }
    }
    return true;
}

/* x^e, (1 - x)^e, and products of these to a power; sums to a small whole power are multiplied out. */
static bool expand_power(const Closed *c, const Terms *base, Exponent e, Terms *out) {
    if (base->count == 1 && base->term[0].factor == TIR_NONE && base->term[0].scale == 1) {
        Term term = base->term[0];
        term.p = exponent_times(c, term.p, e);
        term.q = exponent_times(c, term.q, e);
        return push(out, term);
    }
    if (e.id != TIR_NONE || e.known != floor(e.known) || e.known < 1 || e.known > EXPONENT_MAX) return false;
    Terms product = *base;
    for (int k = 1; k < (int)e.known; k++) {
        Terms next = {0};
        if (!expand_product(c, &product, base, 1, &next)) return false;
        product = next;
    }
    for (uint32_t i = 0; i < product.count; i++)
        if (!push(out, product.term[i])) return false;
    return true;
}

static bool expand_sum(const Closed *c, const TirOp *op, Terms *out) {
    Terms right = {0};
    if (!expand(c, op->args[0], out) || !expand(c, op->args[1], &right)) return false;
    for (uint32_t i = 0; i < right.count; i++) {
        if (op->op == TIR_SUB) right.term[i].scale = -right.term[i].scale;
        if (!push(out, right.term[i])) return false;
    }
    return true;
}

static bool expand_binary(const Closed *c, const TirOp *op, Terms *out) {
    Terms left = {0}, right = {0};
    TirId exponent = op->args[1];
    if (!expand(c, op->args[0], &left)) return false;
    if (op->op == TIR_POW) return independent(c, exponent) && expand_power(c, &left, exponent_of(c, exponent), out);
    if (!expand(c, op->args[1], &right) || (op->op == TIR_DIV && right.count != 1)) return false;
    return expand_product(c, &left, &right, op->op == TIR_DIV ? -1 : 1, out);
}

/* Reads the operation `id` as terms, appended to `out`; false when it is none of these forms. */
static bool expand(const Closed *c, TirId id, Terms *out) {
    const TirOp op = c->f->ops.data[id]; /* a copy: joining terms appends operations */
    double value;
    if (id == c->x) return push(out, (Term){1, TIR_NONE, {1, TIR_NONE}, {0, TIR_NONE}});
    if (constant(c, id, &value)) return push(out, (Term){value, TIR_NONE, {0, TIR_NONE}, {0, TIR_NONE}});
    if (independent(c, id)) return push(out, (Term){1, as_real(c, id), {0, TIR_NONE}, {0, TIR_NONE}});
    if (is_complement(c, &op)) return push(out, (Term){1, TIR_NONE, {0, TIR_NONE}, {1, TIR_NONE}});
    Terms base = {0};
    switch (op.op) {
    case TIR_ADD:
    case TIR_SUB: return expand_sum(c, &op, out);
    case TIR_MUL:
    case TIR_DIV:
    case TIR_POW: return expand_binary(c, &op, out);
    case TIR_SQRT: return expand(c, op.args[0], &base) && expand_power(c, &base, (Exponent){0.5, TIR_NONE}, out);
    case TIR_NEG:
        if (!expand(c, op.args[0], &base)) return false;
        for (uint32_t i = 0; i < base.count; i++) {
            base.term[i].scale = -base.term[i].scale;
            if (!push(out, base.term[i])) return false;
        }
        return true;
    default: return false;
    }
}

static Value exponent_value(Elab *e, Exponent exponent, double plus, Span span) {
    Value known = value_number(exponent.known + plus, span);
    if (exponent.id == TIR_NONE) return known;
    return elab_map(e, TIR_ADD, span, value_tensor(e, exponent.id, NULL, 0, span), known, value_poison());
}

/* B(a, b); not a number where the integral diverges. */
static Value beta_function(Elab *e, Value a, Value b, Span span) {
    Value none = value_poison();
    if (a.kind == VALUE_NUMBER && b.kind == VALUE_NUMBER) {
        bool converges = a.number > 0 && b.number > 0;
        return value_number(converges ? exp(lgamma(a.number) + lgamma(b.number) - lgamma(a.number + b.number)) : NAN,
                            span);
    }
    Value sum = elab_map(e, TIR_LGAMMA, span, elab_map(e, TIR_ADD, span, a, b, none), none, none);
    Value parts = elab_map(e, TIR_ADD, span, elab_map(e, TIR_LGAMMA, span, a, none, none),
                           elab_map(e, TIR_LGAMMA, span, b, none, none), none);
    Value value = elab_map(e, TIR_EXP, span, elab_map(e, TIR_SUB, span, parts, sum, none), none, none);
    Value converges = elab_map(e, TIR_LT, span, value_number(0, span), elab_map(e, TIR_MIN, span, a, b, none), none);
    return elab_map(e, TIR_SELECT, span, converges, value, value_number(NAN, span));
}

Value closed_integral(Elab *e, Value integrand, Value x, Span span) {
    Closed c = {e->context->f, x.id, value_axes(e, &x).id[0], span};
    Terms terms = {0};
    if (integrand.kind != VALUE_TENSOR || !expand(&c, integrand.id, &terms)) return value_poison();
    Value total = value_poison(), none = value_poison();
    for (uint32_t i = 0; i < terms.count; i++) {
        const Term *term = &terms.term[i];
        Value v = beta_function(e, exponent_value(e, term->p, 1, span), exponent_value(e, term->q, 1, span), span);
        if (term->scale != 1) v = elab_map(e, TIR_MUL, span, v, value_number(term->scale, span), none);
        if (term->factor != TIR_NONE)
            v = elab_map(e, TIR_MUL, span, v, value_tensor(e, term->factor, NULL, 0, span), none);
        total = i ? elab_map(e, TIR_ADD, span, total, v, none) : v;
    }
    return total;
}

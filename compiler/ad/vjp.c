/* The derivative rule of every tensor operation: given the cotangent of the result, add to the cotangents of the
 * arguments. Named by the vjp column of tir_ops.def; an operation without a rule does not link.
 *
 * Branches not taken. Where a select, gather, max ... drops a value, its cotangent is zero there; the value itself may
 * be infinite or NaN (log 0 in the branch that is not taken), and 0 * inf must not become NaN. Rules that multiply by
 * or divide by something that can be singular therefore go through scale() and quotient(), which replace the singular
 * factor where the cotangent is exactly zero, and change nothing elsewhere (so second derivatives stay exact). */
#include "ad/reverse.h"

#include <float.h>
#include <math.h>

static TirId map1(Reverse *r, TirOpcode op, Span s, TirId a) {
    return tir_map(r->f, op, s, a, TIR_NONE, TIR_NONE);
}
static TirId map2(Reverse *r, TirOpcode op, Span s, TirId a, TirId b) {
    return tir_map(r->f, op, s, a, b, TIR_NONE);
}
static TirId choose(Reverse *r, Span s, TirId c, TirId a, TirId b) {
    return tir_map(r->f, TIR_SELECT, s, c, a, b);
}
static TirId real(Reverse *r, Span s, double value) {
    return tir_real(r->f, value, s);
}
static TirAxes axes_of(const Reverse *r, TirId v) {
    return r->f->ops.data[v].axes;
}

static bool is_const(const Reverse *r, TirId v, double *value) {
    const TirOp *op = &r->f->ops.data[v];
    if (op->op == TIR_BROADCAST) return is_const(r, op->args[0], value);
    *value = op->real;
    return op->op == TIR_CONST && op->type == TIR_REAL;
}

static TirId product(Reverse *r, Span s, TirId a, TirId b) {
    const TirOp *x = &r->f->ops.data[a], *y = &r->f->ops.data[b];
    if (x->op == TIR_CONST && x->real == 1) return b;
    if (y->op == TIR_CONST && y->real == 1) return a;
    return map2(r, TIR_MUL, s, a, b);
}

/* As Reverse.tame, for values made by a rule too. */
static bool is_tame(const Reverse *r, TirId v) {
    if (v < r->primal_count) return r->tame[v];
    const TirOp *op = &r->f->ops.data[v];
    if (op->type != TIR_REAL) return true;
    bool tame = !ad_op_singular(r->f, op);
    for (uint32_t k = 0; k < op->arg_count && tame; k++) tame = is_tame(r, op->args[k]);
    return tame;
}

/* g * factor, zero where g is zero and the factor is not finite. Values beyond the range of f32 count as such. */
static TirId scale(Reverse *r, TirId id, Span s, TirId g, TirId factor) {
    if (r->masked[id] && !is_tame(r, factor)) {
        TirId finite = map2(r, TIR_LT, s, map1(r, TIR_ABS, s, factor), real(r, s, FLT_MAX));
        TirId drop = map2(r, TIR_AND, s, map2(r, TIR_EQ, s, g, real(r, s, 0)), map1(r, TIR_NOT, s, finite));
        factor = choose(r, s, drop, real(r, s, 0), factor);
    }
    return product(r, s, g, factor);
}

/* g / divisor, zero where g is zero and the divisor is zero or NaN. */
static TirId quotient(Reverse *r, TirId id, Span s, TirId g, TirId divisor) {
    double c;
    if (r->masked[id] && !(is_const(r, divisor, &c) && c != 0)) {
        TirId sound = map2(r, TIR_LT, s, real(r, s, 0), map1(r, TIR_ABS, s, divisor));
        TirId drop = map2(r, TIR_AND, s, map2(r, TIR_EQ, s, g, real(r, s, 0)), map1(r, TIR_NOT, s, sound));
        divisor = choose(r, s, drop, real(r, s, 1), divisor);
    }
    return map2(r, TIR_DIV, s, g, divisor);
}

void ad_vjp_none(Reverse *r, TirId id, const TirOp *op, TirId g) {
    tir_fail(r->f, id, "an operation without a derivative has a cotangent");
}
void ad_vjp_zero(Reverse *r, TirId id, const TirOp *op, TirId g) {
    tir_fail(r->f, id, "an operation with derivative zero has a cotangent");
}

/* --- element-wise, one argument: the contribution is g * dy/da --- */

void ad_vjp_neg(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], map1(r, TIR_NEG, op->span, g), op->axes, op->span);
}
void ad_vjp_abs(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId c = product(r, op->span, g, map1(r, TIR_SIGN, op->span, op->args[0]));
    ad_add_summed(r, op->args[0], c, op->axes, op->span);
}
void ad_vjp_exp(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, id), op->axes, op->span);
}
void ad_vjp_log(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], quotient(r, id, op->span, g, op->args[0]), op->axes, op->span);
}
void ad_vjp_expm1(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId slope = map1(r, TIR_EXP, op->span, op->args[0]); /* not y + 1, which is 0 +- 1 ulp for very negative a */
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, slope), op->axes, op->span);
}
void ad_vjp_log1p(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId divisor = map2(r, TIR_ADD, op->span, real(r, op->span, 1), op->args[0]);
    ad_add_summed(r, op->args[0], quotient(r, id, op->span, g, divisor), op->axes, op->span);
}
void ad_vjp_sqrt(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId half = product(r, op->span, g, real(r, op->span, 0.5));
    ad_add_summed(r, op->args[0], quotient(r, id, op->span, half, id), op->axes, op->span);
}
void ad_vjp_tanh(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId square = map2(r, TIR_MUL, op->span, id, id);
    TirId slope = map2(r, TIR_SUB, op->span, real(r, op->span, 1), square);
    ad_add_summed(r, op->args[0], product(r, op->span, g, slope), op->axes, op->span);
}
void ad_vjp_sin(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId slope = map1(r, TIR_COS, op->span, op->args[0]);
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, slope), op->axes, op->span);
}
void ad_vjp_cos(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId slope = map1(r, TIR_NEG, op->span, map1(r, TIR_SIN, op->span, op->args[0]));
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, slope), op->axes, op->span);
}

void ad_vjp_atan(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId square = map2(r, TIR_MUL, op->span, op->args[0], op->args[0]);
    TirId divisor = map2(r, TIR_ADD, op->span, real(r, op->span, 1), square);
    ad_add_summed(r, op->args[0], quotient(r, id, op->span, g, divisor), op->axes, op->span);
}
/* +- 2/sqrt(pi) exp(-a^2) */
static void gaussian_rule(Reverse *r, const TirOp *op, TirId g, double factor) {
    TirId square = map2(r, TIR_MUL, op->span, op->args[0], op->args[0]);
    TirId bell = map1(r, TIR_EXP, op->span, map1(r, TIR_NEG, op->span, square));
    TirId slope = map2(r, TIR_MUL, op->span, real(r, op->span, factor), bell);
    ad_add_summed(r, op->args[0], product(r, op->span, g, slope), op->axes, op->span);
}
void ad_vjp_erf(Reverse *r, TirId id, const TirOp *op, TirId g) {
    gaussian_rule(r, op, g, M_2_SQRTPI);
}
void ad_vjp_erfc(Reverse *r, TirId id, const TirOp *op, TirId g) {
    gaussian_rule(r, op, g, -M_2_SQRTPI);
}
void ad_vjp_lgamma(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId slope = tir_polygamma(r->f, 0, op->args[0], op->span);
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, slope), op->axes, op->span);
}
void ad_vjp_polygamma(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId slope = tir_polygamma(r->f, op->integer + 1, op->args[0], op->span);
    ad_add_summed(r, op->args[0], scale(r, id, op->span, g, slope), op->axes, op->span);
}

/* --- element-wise, two arguments --- */

void ad_vjp_add(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], g, op->axes, op->span);
    ad_add_summed(r, op->args[1], g, op->axes, op->span);
}
void ad_vjp_sub(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], g, op->axes, op->span);
    if (r->active[op->args[1]]) ad_add_summed(r, op->args[1], map1(r, TIR_NEG, op->span, g), op->axes, op->span);
}
void ad_vjp_mul(Reverse *r, TirId id, const TirOp *op, TirId g) {
    for (int k = 0; k < 2; k++)
        if (r->active[op->args[k]])
            ad_add_summed(r, op->args[k], scale(r, id, op->span, g, op->args[1 - k]), op->axes, op->span);
}
/* y = a/b: da = g/b, db = -(g/b) y */
void ad_vjp_div(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId q = quotient(r, id, s, g, op->args[1]);
    ad_add_summed(r, op->args[0], q, op->axes, s);
    if (r->active[op->args[1]]) ad_add_summed(r, op->args[1], map1(r, TIR_NEG, s, scale(r, id, s, q, id)), op->axes, s);
}

/* b a^(b-1); 0 rather than 0 * inf at a = b = 0 */
static TirId pow_slope_base(Reverse *r, const TirOp *op, TirId a, TirId b) {
    Span s = op->span;
    double c;
    if (is_const(r, b, &c)) {
        if (c == 2) return map2(r, TIR_MUL, s, b, a);
        return map2(r, TIR_MUL, s, b, map2(r, TIR_POW, s, a, real(r, s, c - 1)));
    }
    if (!(is_const(r, a, &c) && c != 0)) {
        TirId zero = real(r, s, 0);
        TirId both = map2(r, TIR_AND, s, map2(r, TIR_EQ, s, a, zero), map2(r, TIR_EQ, s, b, zero));
        a = choose(r, s, both, real(r, s, 1), a);
    }
    return map2(r, TIR_MUL, s, b, map2(r, TIR_POW, s, a, map2(r, TIR_SUB, s, b, real(r, s, 1))));
}
void ad_vjp_pow(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId a = op->args[0], b = op->args[1];
    if (r->active[a]) ad_add_summed(r, a, scale(r, id, s, g, pow_slope_base(r, op, a, b)), op->axes, s);
    if (!r->active[b]) return;
    /* a^b log a, and 0 where a <= 0; the log never sees such a base */
    TirId positive = map2(r, TIR_LT, s, real(r, s, 0), a);
    TirId log_base = map1(r, TIR_LOG, s, choose(r, s, positive, a, real(r, s, 1)));
    TirId slope = choose(r, s, positive, map2(r, TIR_MUL, s, id, log_base), real(r, s, 0));
    ad_add_summed(r, b, scale(r, id, s, g, slope), op->axes, s);
}

/* y = atan2(a, b): da = g b / (a^2 + b^2), db = -g a / (a^2 + b^2) */
void ad_vjp_atan2(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId a = op->args[0], b = op->args[1];
    TirId square = map2(r, TIR_ADD, s, map2(r, TIR_MUL, s, a, a), map2(r, TIR_MUL, s, b, b));
    TirId q = quotient(r, id, s, g, square);
    if (r->active[a]) ad_add_summed(r, a, scale(r, id, s, q, b), op->axes, s);
    if (r->active[b]) ad_add_summed(r, b, map1(r, TIR_NEG, s, scale(r, id, s, q, a)), op->axes, s);
}

/* The cotangent goes to `then` where the condition holds, else to `other`; zeros enter the branch not taken. */
static void split(Reverse *r, const TirOp *op, TirId condition, TirId then, TirId other, TirId g) {
    TirId zero = real(r, op->span, 0);
    if (r->active[then]) ad_add_summed(r, then, choose(r, op->span, condition, g, zero), op->axes, op->span);
    if (r->active[other]) ad_add_summed(r, other, choose(r, op->span, condition, zero, g), op->axes, op->span);
}
void ad_vjp_max(Reverse *r, TirId id, const TirOp *op, TirId g) {
    split(r, op, map2(r, TIR_LE, op->span, op->args[1], op->args[0]), op->args[0], op->args[1], g);
}
void ad_vjp_min(Reverse *r, TirId id, const TirOp *op, TirId g) {
    split(r, op, map2(r, TIR_LE, op->span, op->args[0], op->args[1]), op->args[0], op->args[1], g);
}
void ad_vjp_select(Reverse *r, TirId id, const TirOp *op, TirId g) {
    split(r, op, op->args[0], op->args[1], op->args[2], g);
}

/* --- structure --- */

static TirId with_axes(Reverse *r, TirId g, TirAxes axes, Span s) {
    TirAxes all = tir_axes_union(axes_of(r, g), axes);
    return tir_axes_equal(all, axes_of(r, g)) ? g : tir_broadcast(r->f, g, all, s);
}

void ad_vjp_broadcast(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(r, op->args[0], g, op->axes, op->span);
}
void ad_vjp_rename(Reverse *r, TirId id, const TirOp *op, TirId g) {
    if (tir_axes_has(axes_of(r, g), op->axis2)) g = tir_rename(r->f, g, op->axis2, op->axis, op->span);
    ad_add(r, op->args[0], g, op->span);
}
/* The cotangent at the index of the slice, zero at the others. */
void ad_vjp_slice(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId here = map2(r, TIR_EQ, s, tir_iota(r->f, op->axis, s), tir_int(r->f, op->integer, s));
    ad_add(r, op->args[0], choose(r, s, here, g, real(r, s, 0)), s);
}
void ad_vjp_stack(Reverse *r, TirId id, const TirOp *op, TirId g) {
    bool along = tir_axes_has(axes_of(r, g), op->axis);
    TirAxes rest = tir_axes_minus(op->axes, tir_axes_one(op->axis));
    for (uint32_t k = 0; k < op->arg_count; k++) {
        if (!r->active[op->args[k]]) continue;
        TirId part = along ? tir_slice(r->f, g, op->axis, k, op->span) : g;
        ad_add_summed(r, op->args[k], part, rest, op->span);
    }
}
/* Every point of the result adds to the row it was read from. */
void ad_vjp_gather(Reverse *r, TirId id, const TirOp *op, TirId g) {
    g = with_axes(r, g, op->axes, op->span);
    TirAxes table = axes_of(r, op->args[0]);
    ad_add(r, op->args[0], tir_scatter(r->f, g, op->args[1], op->axis, table, op->span), op->span);
}
/* Every point reads the row that it was added to. */
void ad_vjp_scatter(Reverse *r, TirId id, const TirOp *op, TirId g) {
    g = with_axes(r, g, op->axes, op->span);
    TirId read = tir_gather(r->f, g, op->args[1], op->axis, op->span);
    ad_add_summed(r, op->args[0], read, axes_of(r, read), op->span);
}

/* Every point of the argument reads the place that it went to: ((i n_1 + j) n_2 + k) ... */
void ad_vjp_flatten(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    g = with_axes(r, g, tir_axes_one(op->axis), s);
    TirId place = tir_iota(r->f, op->attr_axes.id[0], s);
    for (uint32_t i = 1; i < op->attr_axes.count; i++) {
        TirId size = tir_int(r->f, r->f->axes.data[op->attr_axes.id[i]].size, s);
        place = map2(r, TIR_ADD, s, map2(r, TIR_MUL, s, place, size), tir_iota(r->f, op->attr_axes.id[i], s));
    }
    ad_add(r, op->args[0], tir_gather(r->f, g, place, op->axis, s), s);
}

/* --- reductions --- */

void ad_vjp_sum(Reverse *r, TirId id, const TirOp *op, TirId g) {
    ad_add(r, op->args[0], g, op->span);
}
/* Points that reach the maximum share the cotangent equally. */
void ad_vjp_reduce_max(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId top = map2(r, TIR_EQ, s, op->args[0], id);
    TirId count = tir_sum(r->f, choose(r, s, top, real(r, s, 1), real(r, s, 0)), op->attr_axes, s);
    TirId share = map2(r, TIR_DIV, s, g, count);
    ad_add(r, op->args[0], choose(r, s, top, share, real(r, s, 0)), s);
}
void ad_vjp_cumsum(Reverse *r, TirId id, const TirOp *op, TirId g) {
    g = with_axes(r, g, tir_axes_one(op->axis), op->span);
    ad_add(r, op->args[0], tir_cumsum(r->f, g, op->axis, !op->flag, op->span), op->span);
}
/* y = sum_S a b: da = sum of g b over the axes of b that a lacks. Those that g lacks as well (axes of S that only b
 * has, or a cotangent that is constant along them) are summed before the product. */
void ad_vjp_dot(Reverse *r, TirId id, const TirOp *op, TirId g) {
    for (int k = 0; k < 2; k++) {
        TirId arg = op->args[k], other = op->args[1 - k];
        if (!r->active[arg]) continue;
        TirAxes lacking = tir_axes_minus(axes_of(r, other), axes_of(r, arg));
        TirAxes only = tir_axes_minus(lacking, axes_of(r, g)), shared = tir_axes_both(lacking, axes_of(r, g));
        if (only.count > 0) other = tir_sum(r->f, other, only, op->span);
        TirId c = shared.count > 0 ? tir_dot(r->f, g, other, shared, op->span) : product(r, op->span, g, other);
        ad_add(r, arg, c, op->span);
    }
}

/* --- derivatives given by hand --- */

/* x_k gets slope_k g, summed over the axes that x_k lacks; a product where both have those is a dot. */
void ad_vjp_custom(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    for (uint32_t k = 1; k < op->arg_count; k += 2) {
        TirId x = op->args[k], slope = op->args[k + 1];
        if (!r->active[x]) continue;
        TirAxes axes = tir_axes_union(op->axes, axes_of(r, slope));
        TirAxes shared = tir_axes_both(axes_of(r, slope), axes_of(r, g));
        shared = tir_axes_minus(shared, axes_of(r, x));
        bool guarded = r->masked[id] && !is_tame(r, slope);
        TirId c = guarded || !shared.count ? scale(r, id, s, g, slope) : tir_dot(r->f, g, slope, shared, s);
        ad_add_summed(r, x, c, guarded ? axes : tir_axes_minus(axes, shared), s);
    }
}

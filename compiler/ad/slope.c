/* The slope of every element-wise operation: t * d op / d arg k, for both modes of differentiation. `t` is the
 * cotangent of the result in reverse mode and the tangent of the argument in forward mode. */
#include "ad/ad.h"

#include <math.h>

/* --- one argument --- */

TirId ad_slope_neg(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_map1(ad, TIR_NEG, op->span, t);
}
TirId ad_slope_abs(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_product(ad, op->span, t, ad_map1(ad, TIR_SIGN, op->span, op->args[0]));
}
TirId ad_slope_exp(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, id);
}
TirId ad_slope_log(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_quotient(ad, id, op->span, t, op->args[0]);
}
TirId ad_slope_expm1(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId slope = ad_map1(ad, TIR_EXP, op->span, op->args[0]); /* not y + 1, which is 0 +- 1 ulp for very negative a */
    return ad_scale(ad, id, op->span, t, slope);
}
TirId ad_slope_log1p(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId divisor = ad_map2(ad, TIR_ADD, op->span, ad_real(ad, op->span, 1), op->args[0]);
    return ad_quotient(ad, id, op->span, t, divisor);
}
TirId ad_slope_sqrt(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId half = ad_product(ad, op->span, t, ad_real(ad, op->span, 0.5));
    return ad_quotient(ad, id, op->span, half, id);
}
TirId ad_slope_tanh(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId square = ad_map2(ad, TIR_MUL, op->span, id, id);
    TirId slope = ad_map2(ad, TIR_SUB, op->span, ad_real(ad, op->span, 1), square);
    return ad_product(ad, op->span, t, slope);
}
TirId ad_slope_sin(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, ad_map1(ad, TIR_COS, op->span, op->args[0]));
}
TirId ad_slope_cos(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId slope = ad_map1(ad, TIR_NEG, op->span, ad_map1(ad, TIR_SIN, op->span, op->args[0]));
    return ad_scale(ad, id, op->span, t, slope);
}
TirId ad_slope_atan(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId square = ad_map2(ad, TIR_MUL, op->span, op->args[0], op->args[0]);
    TirId divisor = ad_map2(ad, TIR_ADD, op->span, ad_real(ad, op->span, 1), square);
    return ad_quotient(ad, id, op->span, t, divisor);
}
/* factor exp(-a^2) */
static TirId gaussian_slope(Ad *ad, const TirOp *op, TirId t, double factor) {
    TirId square = ad_map2(ad, TIR_MUL, op->span, op->args[0], op->args[0]);
    TirId bell = ad_map1(ad, TIR_EXP, op->span, ad_map1(ad, TIR_NEG, op->span, square));
    return ad_product(ad, op->span, t, ad_map2(ad, TIR_MUL, op->span, ad_real(ad, op->span, factor), bell));
}
TirId ad_slope_erf(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return gaussian_slope(ad, op, t, M_2_SQRTPI);
}
TirId ad_slope_erfc(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return gaussian_slope(ad, op, t, -M_2_SQRTPI);
}
TirId ad_slope_lgamma(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, tir_polygamma(ad->f, 0, op->args[0], op->span));
}
TirId ad_slope_polygamma(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, tir_polygamma(ad->f, op->integer + 1, op->args[0], op->span));
}

/* J_0' = -J_1, J_n' = (J_(n-1) - J_(n+1)) / 2 */
TirId ad_slope_bessel_j(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    Span s = op->span;
    TirId above = tir_map_order(ad->f, TIR_BESSEL_J, op->integer + 1, s, op->args[0], TIR_NONE, TIR_NONE), slope;
    if (op->integer == 0) {
        slope = ad_map1(ad, TIR_NEG, s, above);
    } else {
        TirId below = tir_map_order(ad->f, TIR_BESSEL_J, op->integer - 1, s, op->args[0], TIR_NONE, TIR_NONE);
        slope = ad_map2(ad, TIR_MUL, s, ad_real(ad, s, 0.5), ad_map2(ad, TIR_SUB, s, below, above));
    }
    return ad_scale(ad, id, s, t, slope);
}

/* 1 + x/2 + x^2/3 + ... = 2/(2-x) (1 + q/3 + q^2/5 + ...), q = (x/(2-x))^2, |x| < 1/4 */
static TirId dilog_series(Ad *ad, Span s, TirId x) {
    TirId rest = ad_map2(ad, TIR_SUB, s, ad_real(ad, s, 2), x), ratio = ad_map2(ad, TIR_DIV, s, x, rest);
    TirId q = ad_map2(ad, TIR_MUL, s, ratio, ratio), sum = ad_real(ad, s, 1. / 21);
    for (int n = 19; n > 0; n -= 2)
        sum = ad_map2(ad, TIR_ADD, s, ad_real(ad, s, 1. / n), ad_map2(ad, TIR_MUL, s, q, sum));
    return ad_map2(ad, TIR_DIV, s, ad_map2(ad, TIR_MUL, s, ad_real(ad, s, 2), sum), rest);
}
/* -log(1 - x) / x, which is a series where x is small: the quotient's own derivatives would lose digits there */
TirId ad_slope_dilog(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    Span s = op->span;
    TirId x = op->args[0], small = ad_map2(ad, TIR_LT, s, ad_map1(ad, TIR_ABS, s, x), ad_real(ad, s, 0.25));
    TirId series = dilog_series(ad, s, ad_choose(ad, s, small, x, ad_real(ad, s, 0)));
    TirId large = ad_map1(ad, TIR_NEG, s, ad_choose(ad, s, small, ad_real(ad, s, -1), x));
    TirId quotient = ad_map2(ad, TIR_DIV, s, ad_map1(ad, TIR_LOG1P, s, large), large);
    return ad_scale(ad, id, s, t, ad_choose(ad, s, small, series, quotient));
}

/* --- incomplete functions: one more derivative by argument k, which is one more in its decimal digit of the order ---
 */

static TirId derived(Ad *ad, TirOpcode op, int64_t order, Span s, const TirId *args, uint32_t k) {
    const uint32_t count = (uint32_t)tir_op_arity(op);
    int64_t digit = 1;
    for (uint32_t i = k + 1; i < count; i++) digit *= 10;
    order += digit;
    return tir_map_order(ad->f, op, order, s, args[0], args[1], count > 2 ? args[2] : TIR_NONE);
}
TirId ad_slope_inc_gamma(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, derived(ad, op->op, op->integer, op->span, op->args, k));
}
TirId ad_slope_inc_beta(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, derived(ad, op->op, op->integer, op->span, op->args, k));
}
TirId ad_slope_inc_gamma_upper(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId slope = derived(ad, TIR_INC_GAMMA, 0, op->span, op->args, k);
    return ad_scale(ad, id, op->span, t, ad_map1(ad, TIR_NEG, op->span, slope));
}
/* From F(parameters, y) = u:  dy/du = 1 / f, dy/da = -(dF/da) / f, with the density f = dF/dy at the result y */
static TirId inverse_slope(Ad *ad, TirId id, const TirOp *op, TirOpcode function, uint32_t k, TirId t) {
    Span s = op->span;
    const uint32_t last = op->arg_count - 1;
    TirId at[3];
    for (uint32_t i = 0; i < last; i++) at[i] = op->args[i];
    at[last] = id;
    TirId over = ad_quotient(ad, id, s, t, derived(ad, function, 0, s, at, last));
    if (k == last) return over;
    return ad_map1(ad, TIR_NEG, s, ad_scale(ad, id, s, over, derived(ad, function, 0, s, at, k)));
}
TirId ad_slope_inc_gamma_inverse(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return inverse_slope(ad, id, op, TIR_INC_GAMMA, k, t);
}
TirId ad_slope_inc_beta_inverse(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return inverse_slope(ad, id, op, TIR_INC_BETA, k, t);
}

/* --- two arguments --- */

TirId ad_slope_add(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return t;
}
TirId ad_slope_sub(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return k == 0 ? t : ad_map1(ad, TIR_NEG, op->span, t);
}
TirId ad_slope_mul(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return ad_scale(ad, id, op->span, t, op->args[1 - k]);
}
/* y = a/b: t/b, and -(t/b) y */
TirId ad_slope_div(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    TirId q = ad_quotient(ad, id, op->span, t, op->args[1]);
    return k == 0 ? q : ad_map1(ad, TIR_NEG, op->span, ad_scale(ad, id, op->span, q, id));
}

/* b a^(b-1); 0 rather than 0 * inf at a = b = 0 */
static TirId pow_slope_base(Ad *ad, Span s, TirId a, TirId b) {
    double c;
    if (ad_is_const(ad, b, &c)) {
        if (c == 0) return ad_real(ad, s, 0);
        if (c == 2) return ad_map2(ad, TIR_MUL, s, b, a);
        return ad_map2(ad, TIR_MUL, s, b, ad_map2(ad, TIR_POW, s, a, ad_real(ad, s, c - 1)));
    }
    if (!(ad_is_const(ad, a, &c) && c != 0)) {
        TirId zero = ad_real(ad, s, 0);
        TirId both = ad_map2(ad, TIR_AND, s, ad_map2(ad, TIR_EQ, s, a, zero), ad_map2(ad, TIR_EQ, s, b, zero));
        a = ad_choose(ad, s, both, ad_real(ad, s, 1), a);
    }
    return ad_map2(ad, TIR_MUL, s, b, ad_map2(ad, TIR_POW, s, a, ad_map2(ad, TIR_SUB, s, b, ad_real(ad, s, 1))));
}
/* a^b log a, and 0 where a <= 0; the log never sees such a base */
static TirId pow_slope_exponent(Ad *ad, Span s, TirId id, TirId a) {
    TirId positive = ad_map2(ad, TIR_LT, s, ad_real(ad, s, 0), a);
    TirId log_base = ad_map1(ad, TIR_LOG, s, ad_choose(ad, s, positive, a, ad_real(ad, s, 1)));
    return ad_choose(ad, s, positive, ad_map2(ad, TIR_MUL, s, id, log_base), ad_real(ad, s, 0));
}
TirId ad_slope_pow(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    Span s = op->span;
    TirId a = op->args[0], b = op->args[1];
    return ad_scale(ad, id, s, t, k == 0 ? pow_slope_base(ad, s, a, b) : pow_slope_exponent(ad, s, id, a));
}

/* y = atan2(a, b): t b / (a^2 + b^2), and -t a / (a^2 + b^2) */
TirId ad_slope_atan2(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    Span s = op->span;
    TirId a = op->args[0], b = op->args[1];
    TirId square = ad_map2(ad, TIR_ADD, s, ad_map2(ad, TIR_MUL, s, a, a), ad_map2(ad, TIR_MUL, s, b, b));
    TirId q = ad_quotient(ad, id, s, t, square);
    return k == 0 ? ad_scale(ad, id, s, q, b) : ad_map1(ad, TIR_NEG, s, ad_scale(ad, id, s, q, a));
}

/* --- choices: the branch not taken gets, or gives, zero --- */

static TirId branch(Ad *ad, Span s, TirId condition, bool then, TirId t) {
    TirId zero = ad_real(ad, s, 0);
    return ad_choose(ad, s, condition, then ? t : zero, then ? zero : t);
}
/* Whether low <= high, once for both arguments. */
static TirId in_order(Ad *ad, Span s, TirId low, TirId high) {
    if (ad->kept == TIR_NONE) ad->kept = ad_map2(ad, TIR_LE, s, low, high);
    return ad->kept;
}
TirId ad_slope_max(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return branch(ad, op->span, in_order(ad, op->span, op->args[1], op->args[0]), k == 0, t);
}
TirId ad_slope_min(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return branch(ad, op->span, in_order(ad, op->span, op->args[0], op->args[1]), k == 0, t);
}
TirId ad_slope_select(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    return branch(ad, op->span, op->args[0], k == 1, t);
}

/* log and log1p.
 *   x = 2^e m, f = m - 1;   log(x) = e ln2 + log(1 + f), ln2 in two parts
 *   f32: m in [2/3, 4/3), log(1 + f) = f + f^2 p(f)
 *   f64: m in [1/sqrt2, sqrt2), s = f / (2 + f), log(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 r(s^2))), the form of fdlibm
 * p and r from coefficients.h. The large terms are added last. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

static double mantissa_low(const MathBuilder *b) {
    return b->f64 ? 0x1.6a09e667f3bcdp-1 : 0x1.555556p-1;
}

static MathId log_of(MathBuilder *b, MathId e, MathId f) {
    MathId rest = math_mul(b, e, math_real(b, MATH_PART(b, ln2, 1)));
    MathId sum;
    if (b->f64) {
        MathId s = math_div(b, f, math_add(b, f, math_real(b, 2)));
        MathId z = math_mul(b, s, s);
        MathId half_square = math_mul(b, math_mul(b, f, f), math_real(b, 0.5));
        MathId r = math_mul(b, z, math_poly(b, z, log_r_f64, sizeof log_r_f64 / sizeof(double)));
        MathId correction = math_fma(b, s, math_add(b, half_square, r), rest);
        sum = math_sub(b, f, math_sub(b, half_square, correction));
    } else {
        MathId p = math_poly(b, f, log_p_f32, sizeof log_p_f32 / sizeof(double));
        sum = math_add(b, f, math_fma(b, math_mul(b, f, f), p, rest));
    }
    return math_fma(b, e, math_real(b, MATH_PART(b, ln2, 0)), sum);
}

/* What arguments outside (0, inf) give, for x the argument of the logarithm. */
static MathId log_ends(MathBuilder *b, MathId x, MathId result) {
    MathId infinity = math_real(b, INFINITY), zero = math_real(b, 0);
    result = math_select(b, math_lt(b, x, infinity), result, infinity);
    MathId outside = math_select(b, math_eq(b, x, zero), math_real(b, -INFINITY), math_real(b, NAN));
    return math_select(b, math_lt(b, zero, x), result, outside);
}

MathId math_log(MathBuilder *b, MathId x) {
    MathParts parts = math_split(b, x, mantissa_low(b), true);
    return log_ends(b, x, log_of(b, parts.e, math_sub(b, parts.m, math_real(b, 1))));
}

/* e from 1 + x rounded, but f = (1 + x) 2^-e - 1 from x itself: with one rounding, exact where it cancels. A factor of
 * 4 keeps 2^-e normal. Tiny arguments are their own result. */
MathId math_log1p(MathBuilder *b, MathId x) {
    MathId u = math_add(b, x, math_real(b, 1)), quarter = math_real(b, 0.25);
    MathParts parts = math_split(b, u, mantissa_low(b), false);
    MathId scale = math_from_bits(b, math_bit_sub(b, math_real_bits(b, 4), parts.exponent));
    MathId f = math_fma(b, quarter, scale, math_real(b, -1));
    f = math_fma(b, math_mul(b, x, quarter), scale, f);
    MathId result = log_ends(b, u, log_of(b, parts.e, f));
    MathId tiny = math_lt(b, math_abs(b, x), math_real(b, b->f64 ? 0x1p-55 : 0x1p-26));
    return math_select(b, tiny, x, result);
}

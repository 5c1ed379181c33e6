/* log and log1p.
 *   x = 2^e m, m in [1/sqrt2, sqrt2), f = m - 1;   log(x) = e ln2 + log(1 + f), ln2 in two parts
 *   s = f / (2 + f), z = s^2, log(1 + f) = f - s (f - z r(z)), r from coefficients.h
 * The large terms are added last. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

static double mantissa_low(const MathBuilder *b) {
    return b->f64 ? 0x1.6a09e667f3bcdp-1 : 0x1.6a09e6p-1;
}

/* In f32 ln2 happens to be so near to its rounded value that the second part is not needed. */
static MathId log_of(MathBuilder *b, MathId e, MathId f) {
    const double unit = math_unit(b);
    MathId s = math_div(b, f, math_add(b, f, math_real(b, 2))), z = math_mul(b, s, s);
    MathId difference = math_fma(b, math_neg(b, z), MATH_POLY(b, z, log_r), f);
    if (!b->f64) {
        MathId sum = math_fma(b, math_neg(b, s), difference, f);
        return math_fma(b, e, math_real(b, 0.69314718055994530942 * unit), sum);
    }
    MathId rest = math_mul(b, e, math_real(b, -ln2_f64[1]));
    MathId sum = math_sub(b, f, math_fma(b, s, difference, rest));
    return math_fma(b, e, math_real(b, ln2_f64[0]), sum);
}

/* What arguments outside (0, inf) give, for x the argument of the logarithm: infinity and NaN themselves, 0 -infinity,
 * negative ones NaN. */
static MathId log_ends(MathBuilder *b, MathId x, MathId result) {
    MathId bits = math_bits(b, x);
    result = math_select(b, math_lt(b, bits, math_real_bits(b, INFINITY)), result, x);
    MathId outside = math_select(b, math_eq(b, x, math_real(b, 0)), math_real(b, -INFINITY), math_real(b, NAN));
    return math_select(b, math_lt(b, math_bit_const(b, 0), bits), result, outside);
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
    MathId tiny = math_lt(b, math_bits(b, math_abs(b, x)), math_real_bits(b, b->f64 ? 0x1p-55 : 0x1p-26));
    return math_select(b, tiny, x, result);
}

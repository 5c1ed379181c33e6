/* sin and cos.
 *   x = j pi/2 + r, |r| <= pi/4, pi/2 in three parts, each subtracted with one rounding (the first is exact)
 * then sin(r) or cos(r) by the polynomials of coefficients.h, chosen and signed by the two low bits of j. Arguments
 * whose j does not fit the reduction (|x| > 2^20 in f32, 2^30 in f64) give NaN rather than a wrong number. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

/* x if its reduction is exact, else NaN */
static MathId in_range(MathBuilder *b, MathId x) {
    MathId limit = math_real_bits(b, b->f64 ? 0x1p30 : 0x1p20);
    MathId outside = math_lt(b, limit, math_bits(b, math_abs(b, x)));
    return math_select(b, outside, math_real(b, NAN), x);
}

/* sin(x + quadrant pi/2); the low bits hold j + quadrant */
static MathId sine(MathBuilder *b, MathId x, int quadrant) {
    MathId magic = math_real(b, math_magic(b) + quadrant);
    MathId t = math_fma(b, x, math_real(b, M_2_PI), magic), j = math_sub(b, t, magic), r = x;
    for (int i = 0; i < 3; i++) r = math_fma(b, j, math_real(b, -MATH_PART(b, half_pi, i)), r);
    MathId z = math_mul(b, r, r);
    MathId s = math_fma(b, math_mul(b, z, r), MATH_POLY(b, z, sin_s), r);
    MathId c = math_fma(b, z, MATH_POLY(b, z, cos_c), math_real(b, -0.5));
    c = math_fma(b, z, c, math_real(b, 1));
    const int width = b->f64 ? 64 : 32;
    MathId second = math_shl(b, math_bits(b, t), width - 2), first = math_shl(b, math_bits(b, t), width - 1);
    MathId odd = math_lt(b, first, math_bit_const(b, 0)), bits = math_bits(b, math_select(b, odd, c, s));
    /* adding the top bit turns the sign */
    return math_from_bits(b, math_bit_add(b, bits, math_bit_and(b, second, math_real_bits(b, -0.0))));
}

/* Tiny arguments are their own sine, -0 among them. */
MathId math_sin(MathBuilder *b, MathId x) {
    MathId tiny = math_lt(b, math_bits(b, math_abs(b, x)), math_real_bits(b, b->f64 ? 0x1p-27 : 0x1p-12));
    return math_select(b, tiny, x, sine(b, in_range(b, x), 0));
}

MathId math_cos(MathBuilder *b, MathId x) {
    return sine(b, in_range(b, x), 1);
}

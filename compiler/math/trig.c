/* sin and cos.
 *   x = j pi/2 + r, |r| <= pi/4, pi/2 in three parts, each subtracted with one rounding (the first is exact)
 * then sin(r) or cos(r) by the polynomials of coefficients.h, chosen and signed by the two low bits of j. Arguments
 * whose j does not fit the reduction (|x| > 2^20 in f32, 2^30 in f64) give NaN rather than a wrong number. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

static MathId reduce(MathBuilder *b, MathId x, MathId *j_bits) {
    MathId magic = math_real(b, math_magic(b));
    MathId t = math_fma(b, x, math_real(b, 0x1.45f306dc9c883p-1), magic); /* 2/pi */
    MathId j = math_sub(b, t, magic), r = x;
    for (int i = 0; i < 3; i++) r = math_fma(b, j, math_real(b, -MATH_PART(b, half_pi, i)), r);
    *j_bits = math_bits(b, t);
    return r;
}

/* sin(x + quadrant pi/2) */
static MathId sine(MathBuilder *b, MathId x, int quadrant) {
    MathId j, size = math_abs(b, x);
    MathId inside = math_le(b, size, math_real(b, b->f64 ? 0x1p30 : 0x1p20));
    MathId r = reduce(b, math_select(b, inside, x, math_real(b, NAN)), &j);
    MathId z = math_mul(b, r, r);
    MathId s = math_fma(b, math_mul(b, z, r), MATH_POLY(b, z, sin_s), r);
    MathId c = math_fma(b, z, MATH_POLY(b, z, cos_c), math_real(b, -0.5));
    c = math_fma(b, z, c, math_real(b, 1));
    MathId one = math_bit_const(b, 1);
    if (quadrant) j = math_bit_add(b, j, math_bit_const(b, quadrant));
    MathId odd = math_bit_and(b, j, one);
    MathId take_s = math_bit_sub(b, odd, one);                  /* all ones where j is even */
    MathId take_c = math_bit_sub(b, math_bit_const(b, 0), odd); /* where it is odd */
    MathId bits = math_bit_or(b, math_bit_and(b, math_bits(b, s), take_s), math_bit_and(b, math_bits(b, c), take_c));
    MathId flip = math_shl(b, math_bit_and(b, j, math_bit_const(b, 2)), b->f64 ? 62 : 30);
    MathId result = math_from_bits(b, math_bit_add(b, bits, flip)); /* adding the top bit turns the sign */
    if (quadrant) return result;
    MathId tiny = math_lt(b, size, math_real(b, b->f64 ? 0x1p-27 : 0x1p-12));
    return math_select(b, tiny, x, result);
}

MathId math_sin(MathBuilder *b, MathId x) {
    return sine(b, x, 0);
}
MathId math_cos(MathBuilder *b, MathId x) {
    return sine(b, x, 1);
}

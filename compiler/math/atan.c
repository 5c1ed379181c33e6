/* atan and atan2: atan(q) = q + q z p(z), z = q^2, for the quotient q <= 1 of the smaller by the larger argument; then
 * pi/2 - r where they were exchanged, pi - r where x has a minus, the sign of y. p from coefficients.h, pi in two
 * parts. Zeros and infinities as in C17 annex F. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

static MathId both(MathBuilder *b, MathId x, MathId y, double value) {
    MathId c = math_real(b, value);
    return math_and(b, math_eq(b, x, c), math_eq(b, y, c));
}

static MathId sign_bit(MathBuilder *b, MathId x) {
    return math_bit_and(b, math_bits(b, x), math_real_bits(b, -0.0));
}

MathId math_atan2(MathBuilder *b, MathId y, MathId x) {
    MathId ax = math_abs(b, x), ay = math_abs(b, y), swap = math_lt(b, ax, ay);
    MathId top = math_select(b, swap, ax, ay), bottom = math_select(b, swap, ay, ax);
    MathId q = math_div(b, top, bottom);
    q = math_select(b, both(b, top, bottom, 0), math_real(b, 0), q);
    q = math_select(b, both(b, top, bottom, INFINITY), math_real(b, 1), q);
    MathId z = math_mul(b, q, q);
    MathId r = math_fma(b, math_mul(b, q, z), MATH_POLY(b, z, atan_p), q);
    MathId half = math_sub(b, math_real(b, MATH_PART(b, half_pi, 0)), r);
    r = math_select(b, swap, math_add(b, half, math_real(b, MATH_PART(b, half_pi, 1))), r);
    MathId one = math_from_bits(b, math_bit_or(b, sign_bit(b, x), math_real_bits(b, 1)));
    MathId whole = math_sub(b, math_real(b, MATH_PART(b, pi, 0)), r);
    whole = math_add(b, whole, math_real(b, MATH_PART(b, pi, 1)));
    r = math_select(b, math_lt(b, one, math_real(b, 0)), whole, r);
    return math_from_bits(b, math_bit_or(b, math_bits(b, r), sign_bit(b, y)));
}

MathId math_atan(MathBuilder *b, MathId x) {
    return math_atan2(b, x, math_real(b, 1));
}

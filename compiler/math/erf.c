/* erf and erfc.
 *   |x| < 7/8:  erf(x) = x + x p(x^2)
 *   x >= 0:     erfc(x) = exp(-x^2) g(t) / (1 + 2 x), t = (x - 3.75) / (x + 3.75)   (Shepherd, Laframboise 1981)
 * p and g from coefficients.h; x^2 in two parts, so that tails keep their relative accuracy. */
#include "math/coefficients.h"
#include "math/math.h"

/* erf(x), |x| < 7/8 */
static MathId inner(MathBuilder *b, MathId x) {
    return math_fma(b, x, MATH_POLY(b, math_mul(b, x, x), erf_p), x);
}

/* erfc of x >= 0 */
static MathId upper(MathBuilder *b, MathId x) {
    MathId limit = math_real(b, 30), k = math_real(b, 3.75);
    x = math_select(b, math_lt(b, limit, x), limit, x);
    MathId t = math_div(b, math_sub(b, x, k), math_add(b, x, k));
    MathId square = math_fma(b, x, x, math_real(b, -0.0)), minus = math_neg(b, square);
    MathId rest = math_neg(b, math_fma(b, x, x, minus));
    MathId divisor = math_fma(b, x, math_real(b, 2), math_real(b, 1));
    MathId factor = math_div(b, MATH_POLY(b, t, erfc_g), divisor);
    return math_mul(b, factor, math_exp_sum(b, minus, rest));
}

MathId math_erf(MathBuilder *b, MathId x) {
    MathId size = math_abs(b, x), small = inner(b, x);
    MathId large = math_sub(b, math_real(b, 1), upper(b, size));
    MathId sign = math_bit_and(b, math_bits(b, x), math_real_bits(b, -0.0));
    large = math_from_bits(b, math_bit_or(b, math_bits(b, large), sign));
    return math_select(b, math_lt(b, size, math_real(b, 0.875)), small, large);
}

MathId math_erfc(MathBuilder *b, MathId x) {
    MathId size = math_abs(b, x), tail = upper(b, size);
    MathId outer = math_select(b, math_lt(b, x, math_real(b, 0)), math_sub(b, math_real(b, 2), tail), tail);
    MathId middle = math_sub(b, math_real(b, 1), inner(b, x));
    return math_select(b, math_lt(b, size, math_real(b, 0.5)), middle, outer);
}

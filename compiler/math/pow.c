/* pow(x, y) = exp(y log|x|), the logarithm and its product with y as unevaluated sums of two reals.
 *   |x| = 2^e m, m in [1/sqrt2, sqrt2), q = 2 (m - 1) / (m + 1)
 *   log m = q + q^3/12 + q^5 p(q^2), p from coefficients.h; q and q^3/12 in two parts, the rest in one
 * Special cases are those of C17 annex F. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

typedef struct Sum {
    MathId high, low;
} Sum;

/* x * y with its own rounding: FMA, so that nobody contracts it with an addition */
static MathId product(MathBuilder *b, MathId x, MathId y) {
    return math_fma(b, x, y, math_real(b, -0.0));
}

/* x y = high + low exactly */
static Sum product_sum(MathBuilder *b, MathId x, MathId y) {
    MathId high = product(b, x, y);
    return (Sum){high, math_fma(b, x, y, math_neg(b, high))};
}

/* x + y = high + low exactly, if |x| >= |y| or x = 0 */
static Sum fast_sum(MathBuilder *b, MathId x, MathId y) {
    MathId high = math_add(b, x, y);
    return (Sum){high, math_add(b, math_sub(b, x, high), y)};
}

/* q: the quotient, and its remainder over the divisor, which is itself f + 2 in two parts */
static Sum quotient(MathBuilder *b, MathId f) {
    MathId two = math_real(b, 2);
    Sum divisor = fast_sum(b, two, f);
    MathId inverse = math_div(b, math_real(b, 1), divisor.high), twice = math_add(b, f, f);
    MathId high = product(b, twice, inverse), minus = math_neg(b, high);
    MathId rest = math_fma(b, minus, divisor.low, math_fma(b, minus, divisor.high, twice));
    return (Sum){high, product(b, rest, inverse)};
}

/* q^3 / 12 */
static Sum cube_term(MathBuilder *b, Sum q, Sum square) {
    Sum cube = product_sum(b, q.high, square.high);
    MathId cube_low = math_fma(b, q.high, square.low, math_fma(b, q.low, square.high, cube.low));
    MathId c = math_real(b, MATH_PART(b, twelfth, 0));
    Sum term = product_sum(b, cube.high, c);
    MathId low = math_fma(b, cube.high, math_real(b, MATH_PART(b, twelfth, 1)), math_fma(b, cube_low, c, term.low));
    return (Sum){term.high, low};
}

static Sum log_sum(MathBuilder *b, MathId x) {
    MathParts parts = math_split(b, x, b->f64 ? 0x1.6a09e667f3bcdp-1 : 0x1.6a09e6p-1, true);
    Sum q = quotient(b, math_sub(b, parts.m, math_real(b, 1)));
    Sum square = product_sum(b, q.high, q.high);
    square.low = math_fma(b, math_add(b, q.high, q.high), q.low, square.low);
    Sum cube = cube_term(b, q, square);
    MathId fifth = product(b, product(b, cube.high, square.high), math_real(b, 12));
    MathId low = math_fma(b, fifth, MATH_POLY(b, square.high, pow_q), math_add(b, cube.low, q.low));
    Sum mantissa = fast_sum(b, q.high, cube.high);
    Sum whole = fast_sum(b, product(b, parts.e, math_real(b, MATH_PART(b, ln2, 0) * math_unit(b))), mantissa.high);
    low = math_add(b, low, math_add(b, mantissa.low, whole.low));
    low = math_fma(b, parts.e, math_real(b, MATH_PART(b, ln2, 1) * math_unit(b)), low);
    return fast_sum(b, whole.high, low);
}

/* |x|^y for x neither NaN nor of size 1, y not 0 */
static MathId magnitude(MathBuilder *b, MathId size, MathId y) {
    MathId infinity = math_real(b, INFINITY), zero = math_real(b, 0);
    Sum log = log_sum(b, size);
    log.high = math_select(b, math_lt(b, size, infinity), log.high, size);
    log.high = math_select(b, math_eq(b, size, zero), math_real(b, -INFINITY), log.high);
    Sum power = product_sum(b, y, log.high);
    MathId low = math_fma(b, y, log.low, power.low);
    MathId near = math_lt(b, math_abs(b, power.high), math_real(b, b->f64 ? 800 : 120)); /* else low may be NaN */
    return math_exp_sum(b, power.high, math_select(b, near, low, zero));
}

MathId math_pow(MathBuilder *b, MathId x, MathId y) {
    MathId zero = math_real(b, 0), one = math_real(b, 1);
    MathId size = math_abs(b, x);
    MathId result = magnitude(b, size, y);
    MathId whole = math_eq(b, math_floor(b, y), y), half = math_mul(b, y, math_real(b, 0.5));
    MathId odd = math_and(b, whole, math_not(b, math_eq(b, math_floor(b, half), half)));
    result = math_select(b, math_eq(b, size, one), one, result);
    MathId sign = math_bit_and(b, math_bits(b, x), math_real_bits(b, -0.0));
    MathId signed_one = math_from_bits(b, math_bit_or(b, sign, math_real_bits(b, 1)));
    result = math_mul(b, result, math_select(b, odd, signed_one, one));
    MathId negative = math_and(b, math_lt(b, x, zero), math_lt(b, math_real(b, -INFINITY), x));
    result = math_select(b, math_and(b, negative, math_not(b, whole)), math_real(b, NAN), result);
    result = math_select(b, math_eq(b, x, one), one, result);
    return math_select(b, math_eq(b, y, zero), one, result);
}

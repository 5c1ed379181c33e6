/* pow(x, y) = exp(y log|x|), the logarithm and its product with y as unevaluated sums of two reals.
 *   |x| = 2^e m, m in [1/sqrt2, sqrt2), q = 2 (m - 1) / (m + 1)
 *   log m = q + q^3 (1/12 + q^2 p(q^2)), p from coefficients.h; q in two parts, the rest, below 1/100 of it, in one;
 *   in f64, where y log|x| may be eight times larger in its own units, q^3/12 in two parts as well
 * Special cases are those of C17 annex F; they are arranged so that for a constant y little of them is left. */
#include <float.h>
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

/* log m - q.high in f32; of the term with q^3 only q p(q^2) is rounded */
static MathId tail_f32(MathBuilder *b, Sum q) {
    Sum square = product_sum(b, q.high, q.high);
    MathId slope = math_fma(b, square.high, math_real(b, 0.25), math_real(b, 1)); /* of the logarithm by q */
    MathId p = math_fma(b, square.high, MATH_POLY(b, square.high, pow_q), math_real(b, 1. / 12));
    MathId term = product(b, q.high, p);
    return math_fma(b, term, square.high, math_fma(b, term, square.low, product(b, q.low, slope)));
}

/* log m in f64 */
static Sum mantissa_f64(MathBuilder *b, Sum q) {
    Sum square = product_sum(b, q.high, q.high);
    square.low = math_fma(b, math_add(b, q.high, q.high), q.low, square.low);
    Sum cube = product_sum(b, q.high, square.high);
    MathId cube_low = math_fma(b, q.high, square.low, math_fma(b, q.low, square.high, cube.low));
    MathId c = math_real(b, twelfth_f64[0]);
    Sum term = product_sum(b, cube.high, c);
    MathId low = math_fma(b, cube.high, math_real(b, twelfth_f64[1]), math_fma(b, cube_low, c, term.low));
    MathId fifth = product(b, cube.high, square.high);
    low = math_fma(b, fifth, MATH_POLY(b, square.high, pow_q), math_add(b, low, q.low));
    Sum sum = fast_sum(b, q.high, term.high);
    return (Sum){sum.high, math_add(b, sum.low, low)};
}

static Sum log_sum(MathBuilder *b, MathId x) {
    MathParts parts = math_split(b, x, b->f64 ? 0x1.6a09e667f3bcdp-1 : 0x1.6a09e6p-1, true);
    Sum q = quotient(b, math_sub(b, parts.m, math_real(b, 1)));
    Sum mantissa = b->f64 ? mantissa_f64(b, q) : (Sum){q.high, tail_f32(b, q)};
    const double unit = math_unit(b);
    Sum whole = fast_sum(b, product(b, parts.e, math_real(b, MATH_PART(b, ln2, 0) * unit)), mantissa.high);
    MathId low = math_add(b, mantissa.low, whole.low);
    return fast_sum(b, whole.high, math_fma(b, parts.e, math_real(b, MATH_PART(b, ln2, 1) * unit), low));
}

/* |x|^y for finite y */
static MathId magnitude(MathBuilder *b, MathId size, MathId y) {
    MathId bits = math_bits(b, size);
    Sum log = log_sum(b, size);
    log.high = math_select(b, math_lt(b, bits, math_real_bits(b, INFINITY)), log.high, size);
    log.high = math_select(b, math_lt(b, bits, math_bit_const(b, 1)), math_real(b, -INFINITY), log.high);
    Sum power = product_sum(b, y, log.high);
    MathId low = math_fma(b, y, log.low, power.low);
    MathId far = math_bits(b, math_abs(b, power.high)), limit = math_real_bits(b, b->f64 ? 800 : 120);
    low = math_select(b, math_lt(b, far, limit), low, math_real(b, 0)); /* else it may be NaN */
    return math_exp_sum(b, power.high, low);
}

MathId math_pow(MathBuilder *b, MathId x, MathId y) {
    MathId zero = math_real(b, 0), one = math_real(b, 1), most = math_real(b, b->f64 ? DBL_MAX : FLT_MAX);
    MathId finite = math_min(b, most, math_max(b, math_neg(b, most), y));
    MathId bits = math_bits(b, magnitude(b, math_abs(b, x), finite));
    MathId whole = math_eq(b, math_floor(b, y), y), half = math_mul(b, y, math_real(b, 0.5));
    MathId odd = math_and(b, whole, math_not(b, math_eq(b, math_floor(b, half), half)));
    MathId sign = math_bit_and(b, math_bits(b, x), math_real_bits(b, -0.0));
    sign = math_op(b, LIR_SELECT, LIR_T_INT, odd, sign, math_bit_const(b, 0));
    MathId result = math_from_bits(b, math_bit_or(b, bits, sign));
    MathId negative = math_and(b, math_lt(b, x, zero), math_lt(b, math_real(b, -INFINITY), x));
    result = math_select(b, math_and(b, negative, math_not(b, whole)), math_real(b, NAN), result);
    MathId always = math_and(b, math_eq(b, x, one), math_not(b, math_eq(b, y, y))); /* 1 to the power NaN */
    return math_select(b, math_op(b, LIR_OR, LIR_T_BOOL, always, math_eq(b, y, zero), 0), one, result);
}

/* exp, expm1, tanh.
 *   x = n ln2 + r, |r| <= ln2/2, ln2 in two parts;   exp(x) = 2^n (1 + r + r^2 q(r)), q from coefficients.h
 * 2^n is applied in two factors, so that results may be subnormal or just below overflow. Arguments are first cut to
 * where the result is 0 (or -1) or infinite anyway, by max and min that let NaN through. */
#include "math/coefficients.h"
#include "math/math.h"

typedef struct Reduced {
    MathId n, n_bits; /* n in the low bits, plus what `reduce` was asked to add */
    MathId r, tail;   /* exp(r) = 1 + tail */
} Reduced;

static MathId cut(MathBuilder *b, MathId x, double low, double high) {
    return math_min(b, math_real(b, high), math_max(b, math_real(b, low), x));
}

/* `small` is added to the reduced argument; MATH_NOTHING for none */
enum { MATH_NOTHING = 0xffffffff };

static Reduced reduce(MathBuilder *b, MathId x, MathId small, int add_to_bits) {
    MathId magic = math_real(b, math_magic(b) + add_to_bits);
    MathId t = math_fma(b, x, math_real(b, 0x1.71547652b82fep0), magic); /* 1/ln2 */
    MathId n = math_sub(b, t, magic);
    MathId r = math_fma(b, n, math_real(b, -MATH_PART(b, ln2, 0)), x);
    r = math_fma(b, n, math_real(b, -MATH_PART(b, ln2, 1)), r);
    if (small != MATH_NOTHING) r = math_add(b, r, small);
    MathId q = MATH_POLY(b, r, exp_q);
    return (Reduced){n, math_bits(b, t), r, math_fma(b, math_mul(b, r, r), q, r)};
}

static int bias(const MathBuilder *b) {
    return b->f64 ? 1023 : 127;
}

/* With n + 2 bias in the low bits: the bits above the lowest one, moved to the place of an exponent, are 2^(n/2)
 * rounded down; n + 2 bias there less these is the other factor of 2^n. */
static MathId exp_scaled(MathBuilder *b, MathId x, MathId small) {
    x = b->f64 ? cut(b, x, -746, 710) : cut(b, x, -104, 89);
    Reduced e = reduce(b, x, small, 2 * bias(b));
    const int mantissa = math_mantissa(b);
    MathId exponents = math_bit_const(b, -(INT64_C(1) << mantissa));
    MathId half = math_bit_and(b, math_shl(b, e.n_bits, mantissa - 1), exponents);
    MathId other = math_bit_sub(b, math_shl(b, e.n_bits, mantissa), half);
    MathId first = math_from_bits(b, half);
    return math_mul(b, math_fma(b, e.tail, first, first), math_from_bits(b, other));
}

MathId math_exp(MathBuilder *b, MathId x) {
    return exp_scaled(b, x, MATH_NOTHING);
}

MathId math_exp_sum(MathBuilder *b, MathId x, MathId small) {
    return exp_scaled(b, x, small);
}

/* 2^n tail + (2^n - 1), computed with half of 2^n since n may be one above the largest exponent. Tiny arguments are
 * their own result, subnormals and -0 among them. */
MathId math_expm1(MathBuilder *b, MathId x) {
    Reduced e = reduce(b, cut(b, x, -50, b->f64 ? 710 : 89), MATH_NOTHING, bias(b) - 1);
    MathId half = math_from_bits(b, math_shl(b, e.n_bits, math_mantissa(b)));
    MathId result = math_fma(b, e.tail, half, math_sub(b, half, math_real(b, 0.5)));
    result = math_add(b, result, result);
    MathId tiny = math_lt(b, math_bits(b, math_abs(b, x)), math_real_bits(b, b->f64 ? 0x1p-54 : 0x1p-25));
    return math_select(b, tiny, x, result);
}

/* tanh|x| = -m / (m + 2), m = expm1(-2|x|); 1 from about 9 (19 in f64) on. With m = 2^n tail + (2^n - 1) both m and
 * m + 2 are made with one rounding. The sign is put back as a bit. */
MathId math_tanh(MathBuilder *b, MathId x) {
    MathId sign = math_real_bits(b, -0.0), one = math_real(b, 1);
    MathId minus = math_from_bits(b, math_bit_or(b, math_bits(b, x), sign)); /* -|x| */
    MathId y = math_max(b, math_real(b, b->f64 ? -20 : -10), minus);
    Reduced e = reduce(b, math_add(b, y, y), MATH_NOTHING, bias(b));
    MathId scale = math_from_bits(b, math_shl(b, e.n_bits, math_mantissa(b)));
    MathId top = math_fma(b, math_neg(b, e.tail), scale, math_sub(b, one, scale));
    MathId bottom = math_fma(b, e.tail, scale, math_add(b, scale, one));
    sign = math_bit_and(b, math_bits(b, x), sign);
    return math_from_bits(b, math_bit_or(b, math_bits(b, math_div(b, top, bottom)), sign));
}

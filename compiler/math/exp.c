/* exp, expm1, tanh.
 *   x = n ln2 + r, |r| <= ln2/2, ln2 in two parts;   exp(x) = 2^n (1 + r + r^2 q(r)), q from coefficients.h
 * 2^n is applied in two factors, so that results may be subnormal or just below overflow. Arguments are first cut to
 * where the result is 0 (or -1) or infinite anyway, by selects that let NaN through. */
#include "math/coefficients.h"
#include "math/math.h"

typedef struct Reduced {
    MathId n_bits;  /* n in the low bits */
    MathId r, tail; /* exp(r) = 1 + tail */
} Reduced;

static MathId cut_below(MathBuilder *b, MathId x, double low) {
    MathId limit = math_real(b, low);
    return math_select(b, math_lt(b, x, limit), limit, x);
}

static MathId cut_above(MathBuilder *b, MathId x, double high) {
    MathId limit = math_real(b, high);
    return math_select(b, math_lt(b, limit, x), limit, x);
}

/* `small` is added to the reduced argument; MATH_NOTHING for none */
enum { MATH_NOTHING = 0xffffffff };

static Reduced reduce(MathBuilder *b, MathId x, MathId small) {
    MathId magic = math_real(b, math_magic(b));
    MathId t = math_fma(b, x, math_real(b, 0x1.71547652b82fep0), magic); /* 1/ln2 */
    MathId n = math_sub(b, t, magic);
    MathId r = math_fma(b, n, math_real(b, -MATH_PART(b, ln2, 0)), x);
    r = math_fma(b, n, math_real(b, -MATH_PART(b, ln2, 1)), r);
    if (small != MATH_NOTHING) r = math_add(b, r, small);
    MathId q = MATH_POLY(b, r, exp_q);
    return (Reduced){math_bits(b, t), r, math_fma(b, math_mul(b, r, r), q, r)};
}

/* 2^n for n in the range of normal exponents; the bits above n are shifted out */
static MathId power_of_two(MathBuilder *b, MathId n_bits, double times) {
    return math_from_bits(b, math_bit_add(b, math_shl(b, n_bits, math_mantissa(b)), math_real_bits(b, times)));
}

static MathId exp_scaled(MathBuilder *b, MathId x, MathId small) {
    x = cut_below(b, x, b->f64 ? -746 : -104);
    x = cut_above(b, x, b->f64 ? 710 : 89);
    Reduced e = reduce(b, x, small);
    MathId p = math_add(b, math_real(b, 1), e.tail);
    MathId half = math_shr(b, e.n_bits, 1);
    MathId first = power_of_two(b, half, 1), second = power_of_two(b, math_bit_sub(b, e.n_bits, half), 1);
    return math_mul(b, math_mul(b, p, first), second);
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
    MathId y = cut_above(b, cut_below(b, x, -50), b->f64 ? 710 : 89);
    Reduced e = reduce(b, y, MATH_NOTHING);
    MathId half = power_of_two(b, e.n_bits, 0.5);
    MathId result = math_fma(b, e.tail, half, math_sub(b, half, math_real(b, 0.5)));
    result = math_add(b, result, result);
    MathId tiny = math_lt(b, math_abs(b, x), math_real(b, b->f64 ? 0x1p-54 : 0x1p-25));
    return math_select(b, tiny, x, result);
}

/* tanh|x| = -m / (2 + m) with m = expm1(-2|x|); 1 from about 9 (19 in f64) on. The divisor is kept in two parts and the
 * quotient corrected by its remainder: otherwise three roundings add up. The sign is put back as a bit. */
MathId math_tanh(MathBuilder *b, MathId x) {
    MathId y = cut_above(b, math_abs(b, x), b->f64 ? 20 : 10);
    Reduced e = reduce(b, math_mul(b, y, math_real(b, -2)), MATH_NOTHING);
    MathId scale = power_of_two(b, e.n_bits, 1), two = math_real(b, 2);
    MathId m = math_fma(b, e.tail, scale, math_sub(b, scale, math_real(b, 1)));
    MathId divisor = math_add(b, m, two), divisor_low = math_add(b, math_sub(b, two, divisor), m);
    MathId inverse = math_div(b, math_real(b, 1), divisor), top = math_abs(b, m);
    MathId quotient = math_mul(b, top, inverse), minus = math_neg(b, quotient);
    MathId rest = math_fma(b, minus, divisor_low, math_fma(b, minus, divisor, top));
    MathId result = math_fma(b, rest, inverse, quotient);
    MathId sign = math_bit_and(b, math_bits(b, x), math_real_bits(b, -0.0));
    return math_from_bits(b, math_bit_or(b, math_bits(b, result), sign));
}

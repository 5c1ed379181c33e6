/* Bessel functions J_n(x) of whole order; a = |x|, J_n(-a) = (-1)^n J_n(a).
 *   n = 0, 1, a < 8:   x^n (a^2 - r^2) (a^2 - s^2) p(64 - a^2), r and s the first two zeros, in two parts each, so
 *                      that the relative accuracy stays where they are; all coefficients of p are positive
 *   n = 0, 1, a >= 8:  sqrt(2 / (pi a)) (c(z) cos w - s(z) sin(w) / a), w = a - (2 n + 1) pi/4, z = 1/a^2
 *   n >= 2, a >= n:    from J_0 and J_1 by J_(k+1) = 2 k/a J_k - J_(k-1)
 *   n >= 2, a < n:     J_k = (a/2)^k / k! g_k with g_(k-1) = g_k - (a/2)^2 / (k (k+1)) g_(k+1) from far above n down to
 * 0, then scaled so that J_0 + 2 (J_2 + J_4 + ...) = 1 (Miller; the ratio of g_k to 1 stays in range) Polynomials from
 * coefficients.h. Beyond the range of sin and cos NaN. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

/* (a - zero) (a + zero) */
static MathId near_zero(MathBuilder *b, MathId a, double zero, double rest) {
    MathId distance = math_sub(b, math_sub(b, a, math_real(b, zero)), math_real(b, rest));
    return math_mul(b, distance, math_add(b, a, math_real(b, zero)));
}

/* J_0 and J_1 of a >= 0 */
static void first_two(MathBuilder *b, MathId a, MathId *j0, MathId *j1) {
    MathId large = math_le(b, math_real(b, 8), a), v = math_select(b, large, math_real(b, 1), a);
    MathId square = math_fma(b, math_neg(b, v), v, math_real(b, 64));
    MathId near0 = math_mul(b, near_zero(b, v, MATH_PART(b, bessel0_a, 0), MATH_PART(b, bessel0_a, 1)),
                            near_zero(b, v, MATH_PART(b, bessel0_b, 0), MATH_PART(b, bessel0_b, 1)));
    MathId near1 = math_mul(b, near_zero(b, v, MATH_PART(b, bessel1_a, 0), MATH_PART(b, bessel1_a, 1)),
                            near_zero(b, v, MATH_PART(b, bessel1_b, 0), MATH_PART(b, bessel1_b, 1)));
    MathId small0 = math_mul(b, near0, MATH_POLY(b, square, bessel0_p));
    MathId small1 = math_mul(b, math_mul(b, v, near1), MATH_POLY(b, square, bessel1_p));

    MathId w = math_select(b, large, a, math_real(b, 8)), inverse = math_div(b, math_real(b, 1), w);
    MathId z = math_mul(b, inverse, inverse), sine = math_sin(b, w), cosine = math_cos(b, w);
    /* sqrt(2) cos(w - pi/4) and sqrt(2) sin(w - pi/4), which are -sqrt(2) sin and sqrt(2) cos of w - 3 pi/4 */
    MathId sum = math_add(b, cosine, sine), difference = math_sub(b, sine, cosine);
    MathId size = math_op(b, LIR_SQRT, LIR_T_REAL, math_mul(b, inverse, math_real(b, M_1_PI)), 0, 0);
    MathId s0 = math_mul(b, inverse, MATH_POLY(b, z, bessel0_s)), s1 = math_mul(b, inverse, MATH_POLY(b, z, bessel1_s));
    MathId large0 = math_fma(b, MATH_POLY(b, z, bessel0_c), sum, math_neg(b, math_mul(b, s0, difference)));
    MathId large1 = math_fma(b, MATH_POLY(b, z, bessel1_c), difference, math_mul(b, s1, sum));
    *j0 = math_select(b, large, math_mul(b, size, large0), small0);
    *j1 = math_select(b, large, math_mul(b, size, large1), small1);
}

static MathId upwards(MathBuilder *b, int64_t n, MathId a) {
    MathId below, here, twice = math_div(b, math_real(b, 2), a);
    first_two(b, a, &below, &here);
    for (int64_t k = 1; k < n; k++) {
        MathId factor = math_mul(b, twice, math_real(b, (double)k));
        MathId above = math_fma(b, factor, here, math_neg(b, below));
        below = here;
        here = above;
    }
    return here;
}

static MathId downwards(MathBuilder *b, int64_t n, MathId a) {
    const int64_t start = (n + n / 2 + (b->f64 ? 20 : 12)) / 2 * 2;
    MathId half = math_mul(b, a, math_real(b, 0.5)), h = math_mul(b, half, half);
    MathId above = math_real(b, 1), here = above, wanted = here, sum = math_real(b, 0), power = math_real(b, 1);
    for (int64_t k = start; k > 0; k--) { /* here is g_k */
        if (k == n) wanted = here;
        if (k % 2 == 0) {
            MathId ratio = math_mul(b, h, math_real(b, 1. / (double)((k + 1) * (k + 2))));
            sum = math_fma(b, sum, ratio, math_mul(b, here, math_real(b, 2)));
        }
        MathId factor = math_mul(b, h, math_real(b, -1. / (double)(k * (k + 1))));
        MathId next = math_fma(b, factor, above, here);
        above = here;
        here = next;
    }
    sum = math_fma(b, sum, math_mul(b, h, math_real(b, 0.5)), here);
    for (int64_t k = 1; k <= n; k++) power = math_mul(b, power, math_mul(b, half, math_real(b, 1. / (double)k)));
    return math_div(b, math_mul(b, power, wanted), sum);
}

MathId math_bessel_j(MathBuilder *b, int64_t n, MathId x) {
    MathId a = math_abs(b, x), value;
    if (n < 2) {
        MathId j0, j1;
        first_two(b, a, &j0, &j1);
        value = n ? j1 : j0;
    } else {
        MathId order = math_real(b, (double)n), small = math_lt(b, a, order);
        MathId up = upwards(b, n, math_select(b, small, order, a));
        value = math_select(b, small, downwards(b, n, math_select(b, small, a, order)), up);
    }
    return n % 2 ? math_select(b, math_lt(b, x, math_real(b, 0)), math_neg(b, value), value) : value;
}

/* lgamma(x) = log|gamma(x)| and its derivatives polygamma(n, x), n = 0, 1, ...; for x < 0 by reflection at y = 1 - x:
 *   lgamma(x) = -log(|sin(pi x)| / pi) - lgamma(y)
 *   polygamma(n, x) = (-1)^n polygamma(n, y) - pi d^n/dx^n cot(pi x)
 * Poles of lgamma give infinity, poles of the others NaN.
 *
 * lgamma, y < 8: with n = round(y), d = y - n,  log gamma(2 + d) = d p(d),
 *   gamma(y) = gamma(2 + d) (y - 1) ... (y - n + 2), or gamma(2 + d) / y, or gamma(2 + d) / (y (y + 1))
 * psi = polygamma(0), y < 8: moved into [1, 2] by psi(y + 1) = psi(y) + 1/y, there (w - root) p(w - 3/2), which keeps
 * the relative accuracy at its root. Both, y >= 8: Stirling's series. Polynomials from coefficients.h.
 * polygamma(n >= 1): (-1)^(n+1) polygamma(n, y) = n! sum_{k < s} (y + k)^-(n+1) + the asymptotic series at y + s. */
#include <math.h>

#include "math/coefficients.h"
#include "math/math.h"

enum { STIRLING_FROM = 8, SHIFTS = 6 };

static MathId nearest(MathBuilder *b, MathId x) {
    return math_floor(b, math_add(b, x, math_real(b, 0.5)));
}

/* x - its nearest integer; 0 where all numbers are integers */
static MathId fraction(MathBuilder *b, MathId x) {
    MathId huge = math_le(b, math_real(b, ldexp(1, math_mantissa(b))), math_abs(b, x));
    return math_select(b, huge, math_real(b, 0), math_sub(b, x, nearest(b, x)));
}

static MathId reflected(MathBuilder *b, MathId x, MathId *negative) {
    *negative = math_lt(b, x, math_real(b, 0));
    return math_select(b, *negative, math_sub(b, math_real(b, 1), x), x);
}

/* log gamma(y), y > 0 */
static MathId lgamma_positive(MathBuilder *b, MathId y) {
    MathId one = math_real(b, 1), large = math_le(b, math_real(b, STIRLING_FROM), y);
    MathId v = math_select(b, large, math_real(b, 2), y), n = nearest(b, v), d = math_sub(b, v, n), product = one;
    for (int k = 1; k <= SHIFTS; k++) {
        MathId more = math_mul(b, product, math_sub(b, v, math_real(b, k)));
        product = math_select(b, math_le(b, math_real(b, k + 2), n), more, product);
    }
    MathId low = math_lt(b, n, math_real(b, 2));
    MathId divisor = math_select(b, math_lt(b, n, one), math_fma(b, v, v, v), v);
    MathId log = math_log(b, math_select(b, large, y, math_select(b, low, divisor, product)));
    MathId small = math_fma(b, d, MATH_HORNER(b, d, lgamma_p), math_select(b, low, math_neg(b, log), log));
    MathId inverse = math_div(b, one, y), z = math_mul(b, inverse, inverse);
    MathId rest = math_fma(b, inverse, MATH_POLY(b, z, stirling_w), math_real(b, 0.4189385332046727417803));
    MathId series = math_fma(b, math_sub(b, y, math_real(b, 0.5)), math_sub(b, log, one), rest);
    return math_select(b, large, series, small);
}

MathId math_lgamma(MathBuilder *b, MathId x) {
    MathId negative, zero = math_real(b, 0), y = reflected(b, x, &negative), f = fraction(b, x);
    MathId positive = lgamma_positive(b, y);
    MathId sine = math_abs(b, math_sin(b, math_mul(b, f, math_real(b, M_PI))));
    MathId log = math_log(b, math_mul(b, sine, math_real(b, M_1_PI)));
    MathId mirrored = math_sub(b, math_neg(b, log), positive);
    mirrored = math_select(b, math_eq(b, sine, zero), math_real(b, INFINITY), mirrored);
    return math_select(b, negative, mirrored, positive);
}

/* psi(y), y > 0 */
static MathId digamma_positive(MathBuilder *b, MathId y) {
    MathId one = math_real(b, 1), large = math_le(b, math_real(b, STIRLING_FROM), y);
    MathId v = math_select(b, large, math_real(b, 1.5), y), low = math_lt(b, v, one);
    /* the sum of 1/(v - j) as one fraction */
    MathId top = math_select(b, low, math_real(b, -1), math_real(b, 0)), bottom = math_select(b, low, v, one);
    MathId w = math_select(b, low, math_add(b, v, one), v);
    for (int j = 1; j <= SHIFTS; j++) {
        MathId t = math_sub(b, v, math_real(b, j)), more = math_le(b, math_real(b, j + 1), v);
        top = math_select(b, more, math_fma(b, top, t, bottom), top);
        bottom = math_select(b, more, math_mul(b, bottom, t), bottom);
        w = math_select(b, more, t, w);
    }
    MathId distance = math_sub(b, w, math_real(b, MATH_PART(b, digamma_root, 0)));
    distance = math_sub(b, distance, math_real(b, MATH_PART(b, digamma_root, 1)));
    MathId p = MATH_POLY(b, math_sub(b, w, math_real(b, 1.5)), digamma_p);
    MathId small = math_fma(b, distance, p, math_div(b, top, bottom));
    MathId inverse = math_div(b, one, y), z = math_mul(b, inverse, inverse);
    MathId series = math_fma(b, inverse, math_real(b, -0.5), math_log(b, y));
    series = math_sub(b, series, math_mul(b, z, MATH_POLY(b, z, digamma_q)));
    return math_select(b, large, series, small);
}

static MathId power(MathBuilder *b, MathId x, int64_t n) {
    MathId result = math_real(b, 1);
    for (bool first = true; n; n >>= 1, x = n ? math_mul(b, x, x) : x)
        if (n & 1) {
            result = first ? x : math_mul(b, result, x);
            first = false;
        }
    return result;
}

static double factorial(int64_t n) {
    return tgamma((double)n + 1);
}

/* (-1)^(n+1) polygamma(n, y), y > 0, n >= 1 */
static MathId polygamma_positive(MathBuilder *b, int64_t n, MathId y) {
    static const double bernoulli[] = {1. / 6,  -1. / 30,     1. / 42, -1. / 30,
                                       5. / 66, -691. / 2730, 7. / 6,  -3617. / 510};
    const int64_t shifts = (b->f64 ? 12 : 5) + n;
    const int terms = b->f64 ? 8 : 4;
    MathId one = math_real(b, 1), sum = math_real(b, 0), shift = math_lt(b, y, math_real(b, (double)shifts));
    for (int64_t k = shifts; k-- > 0;) { /* small terms first */
        MathId inverse = math_div(b, one, math_add(b, y, math_real(b, (double)k)));
        sum = math_add(b, sum, power(b, inverse, n + 1));
    }
    sum = math_select(b, shift, sum, math_real(b, 0));
    y = math_select(b, shift, math_add(b, y, math_real(b, (double)shifts)), y);
    MathId inverse = math_div(b, one, y), z = math_mul(b, inverse, inverse), series = math_real(b, 0);
    for (int k = terms; k > 0; k--) { /* B_2k (2k + n - 1)! / (2k)! */
        double c = bernoulli[k - 1];
        for (int64_t i = 2 * k + 1; i <= 2 * k + n - 1; i++) c *= (double)i;
        series = math_fma(b, series, z, math_real(b, c));
    }
    series = math_mul(b, series, z);
    series = math_fma(b, inverse, math_real(b, factorial(n) / 2), series);
    series = math_add(b, series, math_real(b, factorial(n - 1)));
    return math_fma(b, power(b, inverse, n), series, math_mul(b, sum, math_real(b, factorial(n))));
}

/* pi d^n/dx^n cot(pi x) = pi^(n+1) C_n(cot(pi x)),  C_0(c) = c,  C_(n+1)(c) = -(1 + c^2) C_n'(c) */
static MathId cotangent(MathBuilder *b, int64_t n, MathId f) {
    double *c = ARENA_ARRAY(b->arena, double, n + 3), *next = ARENA_ARRAY(b->arena, double, n + 3);
    c[1] = M_PI;
    for (int64_t order = 0; order < n; order++) {
        for (int64_t k = 0; k <= order + 2; k++) {
            double slope = k <= order ? (double)(k + 1) * c[k + 1] : 0;
            double lower = k >= 2 ? (double)(k - 1) * c[k - 1] : 0;
            next[k] = -M_PI * (slope + lower);
        }
        double *swap = c;
        c = next;
        next = swap;
    }
    MathId angle = math_real(b, M_PI), half = math_sub(b, math_real(b, 0.5), math_abs(b, f));
    MathId cosine = math_sin(b, math_mul(b, half, angle)); /* accurate where it is small */
    return math_poly(b, math_div(b, cosine, math_sin(b, math_mul(b, f, angle))), c, (size_t)n + 2);
}

MathId math_polygamma(MathBuilder *b, int64_t n, MathId x) {
    MathId negative, y = reflected(b, x, &negative), f = fraction(b, x);
    MathId positive = n ? polygamma_positive(b, n, y) : digamma_positive(b, y);
    if (n && n % 2 == 0) positive = math_neg(b, positive);
    MathId mirrored = math_sub(b, n % 2 ? math_neg(b, positive) : positive, cotangent(b, n, f));
    MathId pole = math_and(b, math_le(b, x, math_real(b, 0)), math_eq(b, f, math_real(b, 0)));
    return math_select(b, pole, math_real(b, NAN), math_select(b, negative, mirrored, positive));
}

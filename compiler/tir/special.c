/* Functions that the C library lacks; see special.h. The gamma functions:
 *   x > 0:  recurrence upwards to x >= 30 + n, then the asymptotic series; near the root of psi its power series
 *   x < 0:  polygamma(n, x) = (-1)^n polygamma(n, 1 - x) - pi d^n/dx^n cot(pi x) */
#include "tir/special.h"

#include <math.h>
#include <string.h>

#include "qtm/numeric.h"

static const long double pi = 3.14159265358979323846264338327950288L;

double special_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

static long double factorial(int64_t n) {
    return tgammal((long double)n + 1);
}

static long double power(long double x, int64_t n) {
    long double result = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) result *= x;
    return result;
}

/* |polygamma(n, x)| for n >= 1, psi(x) for n = 0 */
static long double positive(int64_t n, long double x) {
    static const long double bernoulli[] = {1.L / 6,       -1.L / 30, 1.L / 42,      -1.L / 30,    5.L / 66,
                                            -691.L / 2730, 7.L / 6,   -3617.L / 510, 43867.L / 798};
    long double sum = 0, series = 0;
    for (; x < 30 + (long double)n; x++) sum += power(1 / x, n + 1);
    for (int k = 9; k > 0; k--) {
        long double c = bernoulli[k - 1];
        for (int64_t i = 2 * k + 1; i <= 2 * k + n - 1; i++) c *= (long double)i;
        if (n == 0) c /= 2 * k;
        series = (series + c) / (x * x);
    }
    if (n == 0) return logl(x) - 0.5L / x - series - sum;
    return power(1 / x, n) * (series + factorial(n) / 2 / x + factorial(n - 1)) + factorial(n) * sum;
}

/* pi^(n+1) C_n(cot(pi x)),  C_0(c) = c,  C_(n+1)(c) = -(1 + c^2) C_n'(c) */
static long double cotangent(int64_t n, long double x) {
    long double c[256] = {0}, next[256], angle = pi * (x - roundl(x)), result = 0;
    c[1] = pi;
    for (int64_t order = 0; order < n; order++) {
        for (int64_t k = 0; k <= order + 2; k++) {
            long double slope = k <= order ? (long double)(k + 1) * c[k + 1] : 0;
            next[k] = -pi * (slope + (k >= 2 ? (long double)(k - 1) * c[k - 1] : 0));
        }
        memcpy(c, next, sizeof *c * (size_t)(order + 3));
    }
    for (int64_t k = n + 1; k >= 0; k--) result = result * (cosl(angle) / sinl(angle)) + c[k];
    return result;
}

/* psi(root + x) as a power series */
static long double near_root(long double x) {
    const long double root = 1.46163214496836234126265954232572132847L;
    long double result = 0;
    for (int64_t k = 9; k > 0; k--) result = (result + (k % 2 ? 1 : -1) * positive(k, root) / factorial(k)) * x;
    return result;
}

long double special_polygamma(int64_t n, long double x) {
    const long double from_root = (x - 0x1.762d86356be3fp+0L) - 0x1.b86a722197829p-54L;
    if (n == 0 && fabsl(from_root) < 0.01L) return near_root(from_root);
    if (x != x || (x <= 0 && x == floorl(x))) return NAN;
    if (isinf(x)) return n ? 0 : x;
    if (x > 0) return n && n % 2 == 0 ? -positive(n, x) : positive(n, x);
    long double mirrored = special_polygamma(n, 1 - x);
    return (n % 2 ? -mirrored : mirrored) - cotangent(n, x);
}

/* sum of y^k / k^2, |y| <= 1/2 */
static long double dilog_series(long double y) {
    long double sum = 0, term = y;
    for (int k = 1; k < 200 && fabsl(term) > 1e-22L * fabsl(sum); k++, term *= y) sum += term / k / k;
    return sum;
}

/* Into |y| <= 1/2 by DLMF 25.12.3, 25.12.4 and 25.12.6. */
long double special_dilog(long double x) {
    const long double sixth = pi * pi / 6;
    if (!(x <= 1)) return NAN;
    if (x == 1) return sixth;
    if (x > 0.5L) return sixth - logl(x) * log1pl(-x) - dilog_series(1 - x);
    if (x >= -0.5L) return dilog_series(x);
    if (x >= -1) { /* x / (x - 1) is in 1/3 .. 1/2 */
        long double l = log1pl(-x);
        return -0.5L * l * l - dilog_series(x / (x - 1));
    }
    long double l = logl(-x);
    return -sixth - 0.5L * l * l - special_dilog(1 / x);
}

bool special_has(TirOpcode op) {
    switch (op) {
    case TIR_LGAMMA:
    case TIR_POLYGAMMA:
    case TIR_DILOG:
    case TIR_BESSEL_J:
    case TIR_INC_GAMMA:
    case TIR_INC_GAMMA_UPPER:
    case TIR_INC_GAMMA_INVERSE:
    case TIR_INC_BETA:
    case TIR_INC_BETA_INVERSE: return true;
    default: return false;
    }
}

double special_map(TirOpcode op, int64_t order, const double *args) {
    switch (op) {
    case TIR_LGAMMA: return special_lgamma(args[0]);
    case TIR_POLYGAMMA: return (double)special_polygamma(order, args[0]);
    case TIR_DILOG: return (double)special_dilog(args[0]);
    case TIR_BESSEL_J: return jn((int)order, args[0]);
    case TIR_INC_GAMMA: return qtm_inc_gamma(args[0], args[1], (int32_t)order);
    case TIR_INC_GAMMA_UPPER: return qtm_inc_gamma_upper(args[0], args[1]);
    case TIR_INC_GAMMA_INVERSE: return qtm_inc_gamma_inverse(args[0], args[1]);
    case TIR_INC_BETA: return qtm_inc_beta(args[0], args[1], args[2], (int32_t)order);
    case TIR_INC_BETA_INVERSE: return qtm_inc_beta_inverse(args[0], args[1], args[2]);
    default: return NAN;
    }
}

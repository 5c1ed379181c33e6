/* log gamma and its derivatives; see special.h.
 *   x > 0:  recurrence upwards to x >= 30 + n, then the asymptotic series; near the root of psi its power series
 *   x < 0:  polygamma(n, x) = (-1)^n polygamma(n, 1 - x) - pi d^n/dx^n cot(pi x) */
#include "tir/special.h"

#include <math.h>
#include <string.h>

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

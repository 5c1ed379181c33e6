/* The incomplete gamma functions and their derivatives by both arguments, and the inverse.
 *   D = x^a e^-x / Gamma(a + 1)
 *   x < a + 1:   P = D S,     S = 1 + x/(a+1) + x^2/((a+1)(a+2)) + ...                              DLMF 8.11.4
 *   otherwise:   Q = D a K,   K = 1/(x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - ...)))                  DLMF 8.9.2
 * S and K are differentiated by a term by term (the fraction through its recurrence A_n = b_n A_(n-1) + c_n A_(n-2),
 * the same for B), D through log D = a log x - x - log Gamma(a + 1). All derivatives with an x among them are those of
 * the density p = D a / x, whose logarithm is elementary. */
#include <math.h>
#include <stdbool.h>

#include "qtm/numeric.h"
#include "runtime/numeric/gamma.h"

/* A function of a: its value, first and second derivative. */
typedef struct Jet {
    double v, d, dd;
} Jet;

static Jet jet_product(Jet x, Jet y) {
    return (Jet){x.v * y.v, x.d * y.v + x.v * y.d, x.dd * y.v + 2 * x.d * y.d + x.v * y.dd};
}
static Jet jet_quotient(Jet x, Jet y) {
    double v = x.v / y.v, d = (x.d - v * y.d) / y.v;
    return (Jet){v, d, (x.dd - 2 * d * y.d - v * y.dd) / y.v};
}

/* D and its derivatives by a. */
static Jet prefactor(double a, double x, int by_a) {
    Jet result = {0};
    double slope = 0;
    if (a < NUMERIC_LARGE) {
        result.v = pow(x, a) * exp(-x) / tgamma(a + 1);
        if (by_a) slope = log(x) - numeric_digamma(a + 1);
    } else { /* relative to its value at x = a */
        double m = (x - a) / a;
        result.v = exp(-a * numeric_log_defect(m, x / a) - numeric_stirling(a)) / sqrt(2 * M_PI * a);
        if (by_a) slope = numeric_log(m, x / a) - numeric_digamma_rest(a) - 1 / a;
    }
    if (!by_a || result.v == 0) return result;
    result.d = result.v * slope;
    result.dd = result.v * (slope * slope - numeric_trigamma(a + 1));
    return result;
}

static Jet series(double a, double x, int by_a) {
    Jet sum = {1, 0, 0}, t = {1, 0, 0};
    for (double n = 1;; n++) {
        double r = 1 / (a + n);
        t.v *= x * r;
        sum.v += t.v;
        if (by_a >= 1) t.d = (t.d * x - t.v) * r, sum.d += t.d;
        if (by_a >= 2) t.dd = (t.dd * x - 2 * t.d) * r, sum.dd += t.dd;
        bool small = t.v <= 0x1p-56 * sum.v;
        if (by_a >= 1) small &= fabs(t.d) <= 0x1p-54 * fabs(sum.d);
        if (by_a >= 2) small &= fabs(t.dd) <= 0x1p-54 * fabs(sum.dd);
        if (small) return sum;
    }
}

/* One step of the fraction's recurrence: b depends on a as -a, c as n a. */
static Jet fraction_step(Jet last, Jet before, double b, double c, double n, int by_a) {
    Jet next = {.v = b * last.v + c * before.v};
    if (by_a >= 1) next.d = b * last.d - last.v + c * before.d + n * before.v;
    if (by_a >= 2) next.dd = b * last.dd - 2 * last.d + c * before.dd + 2 * n * before.d;
    return next;
}

static void jet_scale(Jet *x, double factor) {
    x->v *= factor, x->d *= factor, x->dd *= factor;
}

static bool jet_close(Jet x, Jet y, int by_a) {
    const double eps = 0x1p-53, first = 16 * eps, second = 64 * eps; /* what rounding leaves of their digits */
    return fabs(x.v - y.v) <= eps * fabs(x.v) && (by_a < 1 || fabs(x.d - y.d) <= first * fabs(x.d)) &&
           (by_a < 2 || fabs(x.dd - y.dd) <= second * fabs(x.dd));
}

static Jet fraction(double a, double x, int by_a) {
    Jet top_before = {0, 0, 0}, top = {1, 0, 0}, low_before = {1, 0, 0}, low = {x + 1 - a, -1, 0};
    Jet value = jet_quotient(top, low);
    const double most = 2000 + 40 * sqrt(a);
    for (double n = 1; n < most; n++) {
        double b = x + 2 * n + 1 - a, c = -n * (n - a);
        Jet top_next = fraction_step(top, top_before, b, c, n, by_a);
        Jet low_next = fraction_step(low, low_before, b, c, n, by_a);
        top_before = top, top = top_next, low_before = low, low = low_next;
        if (fabs(low.v) > 0x1p200) {
            const double down = 0x1p-200;
            jet_scale(&top, down), jet_scale(&top_before, down), jet_scale(&low, down), jet_scale(&low_before, down);
        }
        Jet next = jet_quotient(top, low);
        if (jet_close(next, value, by_a)) return next;
        value = next;
    }
    return value;
}

/* P with its derivatives by a, or Q: whichever of the two is not 1 minus the other. */
static Jet smaller(double a, double x, int by_a, bool *upper) {
    *upper = !(x < a + 1);
    Jet d = prefactor(a, x, by_a);
    if (d.v == 0) return (Jet){0};
    if (!*upper) return jet_product(d, series(a, x, by_a));
    return jet_product(jet_product(d, (Jet){a, 1, 0}), fraction(a, x, by_a));
}

/* The density and its derivatives: i by a, m by x, i + m <= 2. */
static double density(double a, double x, int i, int m) {
    if (x == 0 && i + m == 0) return a < 1 ? INFINITY : a == 1 ? 1 : 0;
    if (isinf(x)) return 0;
    x = fmax(x, 0x1p-500);
    Jet d = prefactor(a, x, 2);
    d = jet_product(d, (Jet){a / x, 1 / x, 0});
    if (m == 0) return i == 0 ? d.v : i == 1 ? d.d : d.dd;
    double by_x = (a - 1) / x - 1;
    if (i == 1) return d.d * by_x + d.v / x;
    return m == 1 ? d.v * by_x : d.v * (by_x * by_x - (a - 1) / (x * x));
}

static bool outside(double a, double x) {
    return !(a > 0 && a <= QTM_PARAMETER_MAX && x >= 0);
}

double qtm_inc_gamma(double a, double x, int32_t order) {
    int i = order / 10, m = order % 10;
    if (outside(a, x)) return NAN;
    if (m > 0) return density(a, x, i, m - 1);
    if (x == 0 || isinf(x)) return i == 0 && x > 0;
    bool upper;
    Jet part = smaller(a, x, i, &upper);
    double value = i == 0 ? part.v : i == 1 ? part.d : part.dd;
    return upper ? (i == 0) - value : value;
}

double qtm_inc_gamma_upper(double a, double x) {
    if (outside(a, x)) return NAN;
    if (x == 0 || isinf(x)) return x == 0;
    bool upper;
    double part = smaller(a, x, 0, &upper).v;
    return upper ? part : 1 - part;
}

/* Newton's method in t = log x for log P = log u, or for log Q = log(1 - u): both are concave in t, since the density
 * of t is, so that steps from a place where P and Q are not 0 come to the root from one side; the bracket is for places
 * where they are. */
double qtm_inc_gamma_inverse(double a, double u) {
    if (!(a > 0 && a <= QTM_PARAMETER_MAX && u >= 0 && u <= 1)) return NAN;
    if (u == 0 || u == 1) return u == 0 ? 0 : INFINITY;
    double t = (log(u) + lgamma(a + 1)) / a; /* P = x^a / Gamma(a + 1) for small x */
    if (t < -40) return exp(t);
    double z = 1 - 1 / (9 * a) + numeric_normal_quantile(u) / (3 * sqrt(a)); /* Wilson, Hilferty 1931 */
    if (a >= 0.5 && z > 0.2) t = log(a) + 3 * log(z);
    double low = -745, high = log(a + 50 * sqrt(a) + 1000);
    if (t > high) t = 0.5 * (low + high);
    for (int round = 0; round < 100; round++) {
        bool upper;
        double x = exp(t), part = smaller(a, x, 0, &upper).v, slope = a * prefactor(a, x, 0).v; /* x density */
        double p = upper ? 1 - part : part, q = upper ? part : 1 - part;
        double excess = u < 0.5 ? log(p / u) : -log(q / (1 - u)); /* grows with t */
        slope /= u < 0.5 ? p : q;
        if (p < u)
            low = t;
        else
            high = t;
        double step = excess / slope, next = t - step;
        bool newton = isfinite(step) && next >= low && next <= high;
        if (newton && fabs(step) * (1 + sqrt(a)) < 1e-8) return exp(next);
        t = newton ? next : 0.5 * (low + high);
        if (high - low < 1e-16 * fabs(t)) break;
    }
    return exp(t);
}

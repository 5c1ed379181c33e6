/* The incomplete beta function and its derivatives by all arguments, and the inverse.
 *   E = x^a y^b / B(a, b), y = 1 - x
 *   x < (a+1)/(a+b+2):  I = E h / a,  h = 1/(1 + d_1/(1 + d_2/(1 + ...)))                           DLMF 8.17.22
 *       d_(2m) = m (b-m) x / ((a+2m-1)(a+2m)),   d_(2m+1) = -(a+m)(a+b+m) x / ((a+2m)(a+2m+1))
 *   otherwise:          I_x(a, b) = 1 - I_y(b, a)
 * h is differentiated by a and b through the recurrence of the fraction, E through its logarithm. All derivatives with
 * an x among them are those of the density f = E / (x y), whose logarithm is elementary. */
#include <math.h>
#include <stdbool.h>

#include "qtm/numeric.h"
#include "runtime/numeric/gamma.h"

/* A function of a and b: its value, first and second derivatives. */
typedef struct Jet {
    double v, a, b, aa, ab, bb;
} Jet;

static inline Jet jet_product(Jet x, Jet y, int by) {
    Jet r = {.v = x.v * y.v};
    if (by >= 1) r.a = x.a * y.v + x.v * y.a, r.b = x.b * y.v + x.v * y.b;
    if (by >= 2) {
        r.aa = x.aa * y.v + 2 * x.a * y.a + x.v * y.aa;
        r.ab = x.ab * y.v + x.a * y.b + x.b * y.a + x.v * y.ab;
        r.bb = x.bb * y.v + 2 * x.b * y.b + x.v * y.bb;
    }
    return r;
}
static inline Jet jet_quotient(Jet x, Jet y, int by) {
    Jet r = {.v = x.v / y.v};
    if (by >= 1) r.a = (x.a - r.v * y.a) / y.v, r.b = (x.b - r.v * y.b) / y.v;
    if (by >= 2) {
        r.aa = (x.aa - 2 * r.a * y.a - r.v * y.aa) / y.v;
        r.ab = (x.ab - r.a * y.b - r.b * y.a - r.v * y.ab) / y.v;
        r.bb = (x.bb - 2 * r.b * y.b - r.v * y.bb) / y.v;
    }
    return r;
}
static inline Jet jet_sum(Jet x, Jet y) {
    return (Jet){x.v + y.v, x.a + y.a, x.b + y.b, x.aa + y.aa, x.ab + y.ab, x.bb + y.bb};
}
static inline Jet jet_scaled(Jet x, double c) {
    return (Jet){x.v * c, x.a * c, x.b * c, x.aa * c, x.ab * c, x.bb * c};
}

/* log(x^a y^b / B(a, b)) of a < NUMERIC_LARGE <= b, by log(Gamma(a+b) / Gamma(b)) = a log b + (a+b-1/2) log(1+a/b) - a
 * + ..., which has no large terms that cancel */
static double log_mixed(double a, double b, double x, double y) {
    double rest = numeric_stirling(a + b) - numeric_stirling(b) - log(tgamma(a));
    return a * log(x * b) + b * (x < 0.5 ? log1p(-x) : log(y)) + (a + b - 0.5) * log1p(a / b) - a + rest;
}

static double prefactor(double a, double b, double x, double y) {
    if (a < NUMERIC_LARGE && b < NUMERIC_LARGE) return pow(x, a) * pow(y, b) * (tgamma(a + b) / tgamma(a) / tgamma(b));
    if (a < NUMERIC_LARGE) return exp(log_mixed(a, b, x, y));
    if (b < NUMERIC_LARGE) return exp(log_mixed(b, a, y, x));
    /* relative to its value at x = a / (a+b), where the logarithms' first orders cancel */
    double off = b * x - a * y;
    double power = a * numeric_log_defect(off / a, x * (a + b) / a) + b * numeric_log_defect(-off / b, y * (a + b) / b);
    double rest = numeric_stirling(a + b) - numeric_stirling(a) - numeric_stirling(b);
    return sqrt(a * b / (2 * M_PI * (a + b))) * exp(rest - power);
}

/* d(log E)/da = log x - digamma(a) + digamma(a + b) */
static double log_slope(double a, double b, double x, double y) {
    double rest = numeric_digamma_rest(a + b);
    if (a < NUMERIC_LARGE) return log(x * (a + b)) + rest - numeric_digamma(a);
    return numeric_log((b * x - a * y) / a, x * (a + b) / a) + rest - numeric_digamma_rest(a);
}

/* E and its derivatives by a and b. */
static Jet prefactor_jet(double a, double b, double x, double y, int by) {
    Jet e = {.v = prefactor(a, b, x, y)};
    if (by == 0 || e.v == 0) return e;
    double da = log_slope(a, b, x, y), db = log_slope(b, a, y, x), both = numeric_trigamma(a + b);
    e.a = e.v * da;
    e.b = e.v * db;
    e.aa = e.v * (da * da - numeric_trigamma(a) + both);
    e.ab = e.v * (da * db + both);
    e.bb = e.v * (db * db - numeric_trigamma(b) + both);
    return e;
}

/* d_n and its derivatives */
static inline Jet fraction_term(double a, double b, double x, double n, bool even, int by) {
    double m = floor(n / 2);
    Jet top, low1, low2;
    if (even) {
        top = (Jet){.v = m * (b - m) * x, .b = m * x};
        low1 = (Jet){.v = a + 2 * m - 1, .a = 1};
        low2 = (Jet){.v = a + 2 * m, .a = 1};
    } else {
        top = (Jet){
            .v = -(a + m) * (a + b + m) * x, .a = -x * (2 * a + b + 2 * m), .b = -x * (a + m), .aa = -2 * x, .ab = -x};
        low1 = (Jet){.v = a + 2 * m, .a = 1};
        low2 = (Jet){.v = a + 2 * m + 1, .a = 1};
    }
    return jet_quotient(jet_quotient(top, low1, by), low2, by);
}

static inline bool close_to(double x, double y, double eps) {
    return fabs(x - y) <= eps * fabs(x) || fabs(x) < 1e-300;
}
static inline bool jet_close(Jet x, Jet y, int by) {
    const double eps = 0x1p-53, first = 16 * eps, second = 64 * eps; /* what rounding leaves of their digits */
    if (!close_to(x.v, y.v, eps)) return false;
    if (by >= 1 && !(close_to(x.a, y.a, first) && close_to(x.b, y.b, first))) return false;
    if (by < 2) return true;
    return close_to(x.aa, y.aa, second) && close_to(x.ab, y.ab, second) && close_to(x.bb, y.bb, second);
}

static inline __attribute__((always_inline)) Jet fraction_of(double a, double b, double x, int by) {
    Jet top_before = {.v = 1}, top = {0}, low_before = {0}, low = {.v = 1}, value = {0};
    /* 1/(1 + d_1/(1 + ...)): T_-1 = 1, T_0 = 0, then T_1 = T_0 + 1 T_-1 and so on */
    const double most = 4000 + 80 * sqrt(a + b);
    Jet term = {.v = 1};
    for (int n = 0; n < most; n++) {
        if (n > 0) term = fraction_term(a, b, x, n, n % 2 == 0, by);
        Jet top_next = jet_sum(top, jet_product(term, top_before, by));
        Jet low_next = jet_sum(low, jet_product(term, low_before, by));
        if (n == 0) low_next = (Jet){.v = 1};
        top_before = top, top = top_next, low_before = low, low = low_next;
        if (fabs(low.v) > 0x1p200 || fabs(low.v) < 0x1p-200) {
            double factor = 1 / fabs(low.v);
            top = jet_scaled(top, factor), top_before = jet_scaled(top_before, factor);
            low = jet_scaled(low, factor), low_before = jet_scaled(low_before, factor);
        }
        Jet next = jet_quotient(top, low, by);
        if (n > 2 && jet_close(next, value, by)) return next;
        value = next;
    }
    return value;
}

static Jet fraction(double a, double b, double x, int by) {
    return by == 0 ? fraction_of(a, b, x, 0) : by == 1 ? fraction_of(a, b, x, 1) : fraction_of(a, b, x, 2);
}

/* I_x(a, b) with its derivatives, x below (a+1)/(a+b+2) */
static Jet lower(double a, double b, double x, double y, int by) {
    Jet e = prefactor_jet(a, b, x, y, by);
    if (e.v == 0) return (Jet){0};
    return jet_product(e, jet_quotient(fraction(a, b, x, by), (Jet){.v = a, .a = 1}, by), by);
}

static bool below(double a, double b, double x) {
    return x < (a + 1) / (a + b + 2);
}

/* The density and its derivatives: i by a, j by b, m by x, i + j + m <= 2. */
static double density(double a, double b, double x, int i, int j, int m) {
    if (i + j + m == 0) {
        if (x == 0) return a < 1 ? INFINITY : a == 1 ? b : 0;
        if (x == 1) return b < 1 ? INFINITY : b == 1 ? a : 0;
    }
    double y = fmax(1 - x, 0x1p-500);
    x = fmax(x, 0x1p-500);
    Jet f = jet_scaled(prefactor_jet(a, b, x, y, 2), 1 / x / y);
    if (m == 0) {
        const double part[3][3] = {{f.v, f.b, f.bb}, {f.a, f.ab, 0}, {f.aa, 0, 0}};
        return part[i][j];
    }
    double by_x = (a - 1) / x - (b - 1) / y;
    if (i == 1) return f.a * by_x + f.v / x;
    if (j == 1) return f.b * by_x - f.v / y;
    return m == 1 ? f.v * by_x : f.v * (by_x * by_x - (a - 1) / (x * x) - (b - 1) / (y * y));
}

static bool outside(double a, double b) {
    return !(a > 0 && a <= QTM_PARAMETER_MAX && b > 0 && b <= QTM_PARAMETER_MAX);
}

static double jet_part(Jet x, int i, int j) {
    const double part[3][3] = {{x.v, x.b, x.bb}, {x.a, x.ab, 0}, {x.aa, 0, 0}};
    return part[i][j];
}

double qtm_inc_beta(double a, double b, double x, int32_t order) {
    int i = order / 100, j = order / 10 % 10, m = order % 10;
    if (outside(a, b) || !(x >= 0 && x <= 1)) return NAN;
    if (m > 0) return density(a, b, x, i, j, m - 1);
    if (x == 0 || x == 1) return i + j == 0 && x == 1;
    if (below(a, b, x)) return jet_part(lower(a, b, x, 1 - x, i + j), i, j);
    return (i + j == 0) - jet_part(lower(b, a, 1 - x, x, i + j), j, i);
}

/* I_x(a, b) and its complement, at x = 1/(1 + e^-s) */
static void both_tails(double a, double b, double s, double *p, double *q, double *slope) {
    double x = s < 0 ? exp(s) / (1 + exp(s)) : 1 / (1 + exp(-s)),
           y = s < 0 ? 1 / (1 + exp(s)) : exp(-s) / (1 + exp(-s));
    bool low = below(a, b, x);
    double part = low ? lower(a, b, x, y, 0).v : lower(b, a, y, x, 0).v;
    *p = low ? part : 1 - part;
    *q = low ? 1 - part : part;
    *slope = prefactor(a, b, x, y);
}

/* Newton's method in s = log(x / (1 - x)), as for the incomplete gamma function: log I and log(1 - I) are concave in s,
 * since the density of s is. */
double qtm_inc_beta_inverse(double a, double b, double u) {
    if (outside(a, b) || !(u >= 0 && u <= 1)) return NAN;
    if (u == 0 || u == 1) return u;
    double log_beta = lgamma(a) + lgamma(b) - lgamma(a + b);
    double left = (log(u) + log(a) + log_beta) / a, right = (log1p(-u) + log(b) + log_beta) / b;
    if (left < -40 - log1p(b)) return exp(left); /* I = x^a / (a B) for small x */
    if (right < -40 - log1p(a)) return 1 - exp(right);
    double width = sqrt(numeric_trigamma(a) + numeric_trigamma(b));
    double s = numeric_digamma(a) - numeric_digamma(b) + numeric_normal_quantile(u) * width, low = -745, high = 745;
    if (!(s > low && s < high)) s = 0;
    for (int round = 0; round < 200; round++) {
        double p, q, slope;
        both_tails(a, b, s, &p, &q, &slope);
        double excess = u < 0.5 ? log(p / u) : -log(q / (1 - u));
        slope /= u < 0.5 ? p : q;
        if (p < u)
            low = s;
        else
            high = s;
        double step = excess / slope, next = s - step;
        bool newton = isfinite(step) && next >= low && next <= high;
        if (newton && fabs(step) * (1 + 1 / width) < 1e-8) {
            s = next;
            break;
        }
        s = newton ? next : 0.5 * (low + high);
        if (high - low < 1e-16 * fabs(s)) break;
    }
    return s < 0 ? exp(s) / (1 + exp(s)) : 1 / (1 + exp(-s));
}

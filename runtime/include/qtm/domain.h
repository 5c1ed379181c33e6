/* Domains of parameters. A fit moves a real number, the raw value; a smooth function maps it into the domain. The
 * functions are built by compiler/sema/transform.c; here are their inverses and what may stand in a domain, for the
 * compiler, which checks starts and truths, and for the runtime, which reads values from the command line.
 *   OPEN     (a, b)    m + h (1 - 2 margin) tanh(r / 2)         m = (a + b)/2, h = (b - a)/2
 *   CLOSED   [a, b]    m + h sin(r)
 *   LOW_END  [a, b)    a + (b - a) r^2 / (1 + r^2)              HIGH_END (a, b] mirrored
 *   ABOVE    (a, inf)  a + exp(c tanh(r / c)), c = 80           BELOW (-inf, b) mirrored
 *   FROM     [a, inf)  a + sqrt(1 + r^2) - 1                    UP_TO (-inf, b] mirrored
 *   REAL               r
 *   ORDERED  x_i = a + (b - a) sum_{j <= i} g_j, g = softmax(r_1 ... r_n, 0); above a: a + sum exp(r_j); below b the
 *            same from the end; on the real line r_1 + sum_{1 < j <= i} exp(r_j)
 *   SIMPLEX  softmax(r_1 ... r_(n-1), 0)
 * ORDERED and SIMPLEX transform the lines of an array along its last dimension. */
#ifndef QTM_DOMAIN_H
#define QTM_DOMAIN_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum qtm_domain {
    QTM_OPEN,
    QTM_CLOSED,
    QTM_LOW_END,
    QTM_HIGH_END,
    QTM_ABOVE,
    QTM_FROM,
    QTM_BELOW,
    QTM_UP_TO,
    QTM_REAL,
    QTM_ORDERED,
    QTM_SIMPLEX,
};

/* Values keep these parts of their domain away from ends that do not belong to it, where powers and logarithms of
 * parameters have their poles; shares are parts of the whole that no gap falls below on average. */
#define QTM_DOMAIN_MARGIN 1e-6
#define QTM_DOMAIN_SHARE 1e-6
/* exp is kept between exp(-80) and exp(80): finite and not 0 in f32. */
#define QTM_DOMAIN_EXPONENT 80.0

static inline bool qtm_domain_has_low_end(enum qtm_domain domain) {
    return domain == QTM_CLOSED || domain == QTM_LOW_END || domain == QTM_FROM;
}

static inline bool qtm_domain_has_high_end(enum qtm_domain domain) {
    return domain == QTM_CLOSED || domain == QTM_HIGH_END || domain == QTM_UP_TO;
}

/* One value by itself; `ends`: ends count as inside whatever the domain says. */
static inline bool qtm_domain_holds(enum qtm_domain domain, double low, double high, bool ends, double x) {
    if (!isfinite(x)) return false;
    bool above = x > low || (x == low && (ends || qtm_domain_has_low_end(domain)));
    bool below = x < high || (x == high && (ends || qtm_domain_has_high_end(domain)));
    return above && below;
}

/* Do n values stand together: increasing where ordered, of sum 1 in a simplex? */
static inline bool qtm_domain_line_holds(enum qtm_domain domain, int64_t n, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        if (domain == QTM_ORDERED && i && !(x[i] > x[i - 1])) return false;
    }
    return domain != QTM_SIMPLEX || fabs(sum - 1) <= 1e-6;
}

/* Was a fit driven to an end of the domain? As near as the margin lets it come, or, where the end belongs to the
 * domain, as near as a start may lie. There the objective goes on falling, and its curvature says nothing of errors. */
static inline bool qtm_domain_at_end(enum qtm_domain domain, double low, double high, double x) {
    double near = 2 * QTM_DOMAIN_MARGIN * (isfinite(high - low) ? high - low : 1);
    switch (domain) {
    case QTM_OPEN:
    case QTM_CLOSED:
    case QTM_LOW_END:
    case QTM_HIGH_END: return x - low <= near || high - x <= near;
    case QTM_FROM: return x - low <= near;
    case QTM_UP_TO: return high - x <= near;
    case QTM_SIMPLEX: return x <= near || 1 - x <= near;
    default: return false;
    }
}

/* The value of raw value `at` of n where nothing else is said: the middle, 1 from the end, 0. */
static inline double qtm_domain_start(enum qtm_domain domain, double low, double high, int64_t n, int64_t at) {
    if (domain == QTM_SIMPLEX) return 1 / (double)n;
    if (domain == QTM_ORDERED) {
        if (isfinite(low) && isfinite(high)) return low + (high - low) * (double)(at + 1) / (double)(n + 1);
        if (isfinite(low)) return low + (double)(at + 1);
        return isfinite(high) ? high - (double)(n - at) : (double)at;
    }
    if (isfinite(low) && isfinite(high)) return (low + high) / 2;
    if (isfinite(low)) return low + 1;
    return isfinite(high) ? high - 1 : 0;
}

static inline double qtm_domain_clamp(double x, double low, double high) {
    return x > low ? (x < high ? x : high) : low; /* NaN gives low */
}

/* Raw value of exp(c tanh(r / c)) = y. */
static inline double qtm_domain_raw_exp(double y) {
    double t = qtm_domain_clamp(log(y) / QTM_DOMAIN_EXPONENT, -1 + 1e-12, 1 - 1e-12);
    return QTM_DOMAIN_EXPONENT * atanh(t);
}

/* A value at an end that belongs to the domain is moved inside by the margin: at the end itself the derivative is 0,
 * and a fit that starts there would stay. */
static inline double qtm_domain_raw_one(enum qtm_domain domain, double low, double high, double x) {
    double middle = (low + high) / 2, half = (high - low) / 2, margin = QTM_DOMAIN_MARGIN, u;
    switch (domain) {
    case QTM_OPEN: {
        double t = (x - middle) / (half * (1 - 2 * margin));
        return 2 * atanh(qtm_domain_clamp(t, -1 + 1e-15, 1 - 1e-15));
    }
    case QTM_CLOSED: return asin(qtm_domain_clamp((x - middle) / half, -1 + margin, 1 - margin));
    case QTM_LOW_END:
    case QTM_HIGH_END:
        u = (domain == QTM_LOW_END ? x - low : high - x) / (high - low);
        u = qtm_domain_clamp(u, margin, 1 - 1e-12);
        return sqrt(u / (1 - u));
    case QTM_ABOVE: return qtm_domain_raw_exp(x - low);
    case QTM_BELOW: return -qtm_domain_raw_exp(high - x);
    case QTM_FROM:
    case QTM_UP_TO: u = fmax(domain == QTM_FROM ? x - low : high - x, margin); return sqrt(u * (u + 2));
    default: return x;
    }
}

static inline void qtm_domain_raw_ordered(double low, double high, int64_t n, const double *x, double *raw) {
    double share = QTM_DOMAIN_SHARE / (double)(n + 1), whole = 1 - QTM_DOMAIN_SHARE;
    if (isfinite(low) && isfinite(high)) {
        double last = log(fmax(((high - x[n - 1]) / (high - low) - share) / whole, 1e-15));
        for (int64_t i = n; i-- > 0;)
            raw[i] = log(fmax(((x[i] - (i ? x[i - 1] : low)) / (high - low) - share) / whole, 1e-15)) - last;
    } else if (isfinite(high)) {
        for (int64_t i = 0; i < n; i++) raw[i] = qtm_domain_raw_exp((i + 1 < n ? x[i + 1] : high) - x[i]);
    } else {
        for (int64_t i = n; i-- > 1;) raw[i] = qtm_domain_raw_exp(x[i] - x[i - 1]);
        raw[0] = isfinite(low) ? qtm_domain_raw_exp(x[0] - low) : x[0];
    }
}

/* Raw values of n values: of one line where the domain is ORDERED or SIMPLEX. raw may be x. */
static inline void qtm_domain_raw(enum qtm_domain domain, double low, double high, int64_t n, const double *x,
                                  double *raw) {
    if (domain == QTM_ORDERED) {
        qtm_domain_raw_ordered(low, high, n, x, raw);
        return;
    }
    double share = QTM_DOMAIN_SHARE / (double)n, whole = 1 - QTM_DOMAIN_SHARE;
    double last = domain == QTM_SIMPLEX ? log(fmax((x[n - 1] - share) / whole, 1e-15)) : 0;
    for (int64_t i = 0; i < n; i++)
        raw[i] = domain == QTM_SIMPLEX ? log(fmax((x[i] - share) / whole, 1e-15)) - last
                                       : qtm_domain_raw_one(domain, low, high, x[i]);
}

#endif

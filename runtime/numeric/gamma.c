/* Pieces of the incomplete functions; see gamma.h. Asymptotic series: DLMF 5.11.1, 5.11.2, 5.15.8. */
#include "runtime/numeric/gamma.h"

#include <math.h>

enum { SHIFT_TO = 16 }; /* the series below lose less than a rounding from here on */

double numeric_stirling(double z) {
    double q = 1 / (z * z);
    return (1. / 12 + q * (-1. / 360 + q * (1. / 1260 + q * (-1. / 1680 + q * (1. / 1188 - q * 691. / 360360))))) / z;
}

/* digamma(z) - log z, z large */
static double digamma_series(double z) {
    double q = 1 / (z * z);
    return -0.5 / z -
           q * (1. / 12 - q * (1. / 120 - q * (1. / 252 - q * (1. / 240 - q * (1. / 132 - q * 691. / 32760)))));
}

double numeric_digamma_rest(double z) {
    double sum = 0, start = z;
    if (z >= SHIFT_TO) return digamma_series(z);
    for (; z < SHIFT_TO; z++) sum += 1 / z;
    return digamma_series(z) + log(z / start) - sum;
}

double numeric_digamma(double z) {
    double sum = 0;
    for (; z < SHIFT_TO; z++) sum += 1 / z;
    return log(z) + digamma_series(z) - sum;
}

double numeric_trigamma(double z) {
    double sum = 0;
    for (; z < SHIFT_TO; z++) sum += 1 / (z * z);
    double q = 1 / (z * z);
    double series = q * (1. / 6 - q * (1. / 30 - q * (1. / 42 - q * (1. / 30 - q * (5. / 66 - q * 691. / 2730)))));
    return sum + (1 + 0.5 / z + series) / z;
}

double numeric_log(double m, double ratio) {
    return fabs(m) < 0.3 ? log1p(m) : log(ratio);
}

/* With s = m / (2 + m):  log(1 + m) = 2 (s + s^3/3 + ...),  m - 2 s = m s. */
double numeric_log_defect(double m, double ratio) {
    if (!(fabs(m) < 0.3)) return m - log(ratio);
    double s = m / (2 + m), q = s * s, power = s * q, sum = 0;
    for (int k = 3; k < 40; k += 2, power *= q) {
        double term = power / k;
        sum += term;
        if (fabs(term) <= 1e-17 * fabs(sum)) break;
    }
    return m * s - 2 * sum;
}

/* Abramowitz and Stegun 26.2.23 */
double numeric_normal_quantile(double u) {
    double tail = u < 0.5 ? u : 1 - u, t = sqrt(-2 * log(tail));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    return u < 0.5 ? -z : z;
}

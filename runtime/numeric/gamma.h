/* What the incomplete functions share: digamma, trigamma and pieces that keep their accuracy for large parameters. */
#ifndef QTM_NUMERIC_GAMMA_H
#define QTM_NUMERIC_GAMMA_H

/* From here on Stirling's series are used. */
#define NUMERIC_LARGE 20.0

double numeric_stirling(double z);     /* log Gamma(z + 1) - (z log z - z + log(2 pi z) / 2), z >= NUMERIC_LARGE */
double numeric_digamma_rest(double z); /* digamma(z) - log z, z > 0 */
double numeric_digamma(double z);      /* z > 0 */
double numeric_trigamma(double z);     /* z > 0 */
/* log(1 + m) and m - log(1 + m); 1 + m is `ratio`, of which m has few digits near -1 */
double numeric_log(double m, double ratio);
double numeric_log_defect(double m, double ratio);
double numeric_normal_quantile(double u); /* to three digits or so: a place to start from */

#endif

/* Functions that tests/models/rules.qtm declares with `extern fun`. */
#include <math.h>

/* What falls from 1 at 0 with rate a: a shape without a normalisation. */
double falling(double x, double a) {
    return exp(-a * x) * (1 + x * x);
}

/* In the units of the model: x in GeV, the result in GeV^2. */
double squared(double x) {
    return x * x;
}

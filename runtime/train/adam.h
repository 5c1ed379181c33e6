/* Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1, with bias correction):
 *     m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
 *     w <- w - rate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) */
#ifndef QTM_ADAM_H
#define QTM_ADAM_H

#include <stdint.h>

struct qtm_adam_settings {
    double rate, beta1, beta2, epsilon;
};

/* One step, number t >= 1, on `count` weights. The arrays do not overlap. **Local** */
void qtm_adam_step(const struct qtm_adam_settings *settings, int64_t t, int64_t count, float *restrict w,
                   const float *restrict g, float *restrict m, float *restrict v);

/* Gradient descent with momentum: m <- momentum m + g, w <- w - rate m. */
void qtm_sgd_step(double rate, double momentum, int64_t count, float *restrict w, const float *restrict g,
                  float *restrict m);

#endif

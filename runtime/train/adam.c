/* The Adam step as one loop over memory. Every lane does the same operations in the same order, so the result does not
 * depend on the width of vectors. */
#include "runtime/train/adam.h"

#include <math.h>

#include "runtime/core/clones.h"

QTM_CLONES static void adam_apply(float b1, float b2, float rate, float scale, float epsilon, int64_t count,
                                  float *restrict w, const float *restrict g, float *restrict m, float *restrict v) {
    float c1 = 1.0f - b1, c2 = 1.0f - b2;
    for (int64_t i = 0; i < count; i++) {
        m[i] = b1 * m[i] + c1 * g[i];
        v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
        w[i] -= rate * m[i] / (sqrtf(v[i] * scale) + epsilon);
    }
}

void qtm_adam_step(const struct qtm_adam_settings *settings, int64_t t, int64_t count, float *restrict w,
                   const float *restrict g, float *restrict m, float *restrict v) {
    double correct1 = 1 - pow(settings->beta1, (double)t), correct2 = 1 - pow(settings->beta2, (double)t);
    adam_apply((float)settings->beta1, (float)settings->beta2, (float)(settings->rate / correct1),
               (float)(1 / correct2), (float)settings->epsilon, count, w, g, m, v);
}

QTM_CLONES static void sgd_apply(float rate, float momentum, int64_t count, float *restrict w, const float *restrict g,
                                 float *restrict m) {
    for (int64_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + g[i];
        w[i] -= rate * m[i];
    }
}

void qtm_sgd_step(double rate, double momentum, int64_t count, float *restrict w, const float *restrict g,
                  float *restrict m) {
    sgd_apply((float)rate, (float)momentum, count, w, g, m);
}

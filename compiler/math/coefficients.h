/* Polynomials and constants of the elementary functions. Made by coefficients.py, which says how; do not edit. */
#ifndef QTMC_MATH_COEFFICIENTS_H
#define QTMC_MATH_COEFFICIENTS_H

/* exp(r) = 1 + r + r^2 q(r), |r| <= ln2 / 2 */
/* relative error 2^-31.0 */
static const double exp_q_f32[] = {0x1.000000p-1, 0x1.555556p-3,  0x1.5554f0p-5,
                                   0x1.110fe2p-7, 0x1.6d438cp-10, 0x1.a28f22p-13};
/* relative error 2^-61.7 */
static const double exp_q_f64[] = {0x1.000000p-1,         0x1.5555555555559p-3,  0x1.5555555555557p-5,
                                   0x1.111111110f642p-7,  0x1.6c16c16c15773p-10, 0x1.a01a01b00fcc5p-13,
                                   0x1.a01a01ab1a225p-16, 0x1.71ddf7e787cabp-19, 0x1.27e4d12ff642bp-22,
                                   0x1.af5f7e056c165p-26, 0x1.1f840ab1f87fcp-29};

/* log(1 + f) = f + f^2 p(f), |f| <= 1/3 */
/* relative error 2^-27.5 */
static const double log_p_f32[] = {-0x1.000000p-1, 0x1.555500p-2,  -0x1.ffff06p-3, 0x1.99d27ep-3, -0x1.559a78p-3,
                                   0x1.1eb6cap-3,  -0x1.f3643cp-4, 0x1.1ef280p-3,  -0x1.075f98p-3};

/* log((1 + s) / (1 - s)) = 2 s + s z r(z), z = s^2, |s| <= (sqrt2 - 1) / (sqrt2 + 1) */
/* relative error 2^-59.4 */
static const double log_r_f64[] = {0x1.5555555555595p-1, 0x1.999999997f26cp-2, 0x1.249249427c47dp-2,
                                   0x1.c71c51a26870dp-3, 0x1.746652b1500b2p-3, 0x1.399fd376aebe3p-3,
                                   0x1.2f17efa94bb3cp-3};

/* 2 atanh(q / 2) = q + q^3 / 12 + q^5 p(q^2), |q| <= 2 (sqrt2 - 1) / (sqrt2 + 1) */
/* relative error 2^-36.7 */
static const double pow_q_f32[] = {0x1.999a04p-7, 0x1.245122p-9, 0x1.dfdaf2p-12};
/* relative error 2^-73.2 */
static const double pow_q_f64[] = {0x1.9999999999995p-7,  0x1.2492492493153p-9,  0x1.c71c71c563a8ep-12,
                                   0x1.745d183e4e87ap-14, 0x1.3b135fe084404p-16, 0x1.112117e6e98e1p-18,
                                   0x1.de25389d2da68p-21, 0x1.eb7e3f7d17bbdp-23};

/* sin(r) = r + r z s(z), z = r^2, |r| <= pi/4 */
/* relative error 2^-28.0 */
static const double sin_s_f32[] = {-0x1.555546p-3, 0x1.11077ap-7, -0x1.9954a8p-13};
/* relative error 2^-57.9 */
static const double sin_s_f64[] = {-0x1.5555555555548p-3, 0x1.111111110f76cp-7,   -0x1.a01a019bf47c8p-13,
                                   0x1.71de356101f76p-19, -0x1.ae5e55ce16221p-26, 0x1.5d8e865cf0aa1p-33};

/* cos(r) = 1 - z/2 + z^2 c(z) */
/* relative error 2^-33.1 */
static const double cos_c_f32[] = {0x1.55554ap-5, -0x1.6c0c2cp-10, 0x1.99e9d4p-16};
/* relative error 2^-64.1 */
static const double cos_c_f64[] = {0x1.555555555554bp-5,   -0x1.6c16c16c1503fp-10, 0x1.a01a019c95689p-16,
                                   -0x1.27e4f7f6ea6fcp-22, 0x1.1ee9dfb7cf91ep-29,  -0x1.8fa8985847226p-37};

/* unevaluated sums; the first part of ln2 is short, so that its product with an exponent is exact */
static const double ln2_f32[] = {0x1.62e800p-1, -0x1.e8082ep-16};
static const double ln2_f64[] = {0x1.62e42fefa4000p-1, -0x1.8432a1b0e2634p-43};
static const double half_pi_f32[] = {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50};
static const double half_pi_f64[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
static const double twelfth_f32[] = {0x1.555556p-4, -0x1.555556p-29};
static const double twelfth_f64[] = {0x1.5555555555555p-4, 0x1.5555555555555p-58};

#endif

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

/* log((1 + s) / (1 - s)) = 2 s + s z r(z), z = s^2, |s| <= (sqrt2 - 1) / (sqrt2 + 1) */
/* relative error 2^-30.2 */
static const double log_r_f32[] = {0x1.55557ap-1, 0x1.995ed0p-2, 0x1.31e1a8p-2};
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

/* erf(x) = x + x p(z), z = x^2, |x| <= 7/8 */
/* relative error 2^-29.9 */
static const double erf_p_f32[] = {0x1.06eba8p-3, -0x1.812744p-2,  0x1.ce2e76p-4, -0x1.b81964p-6,
                                   0x1.553c7ep-8, -0x1.aea5b2p-11, 0x1.6c909cp-14};
/* relative error 2^-56.2 */
static const double erf_p_f64[] = {0x1.06eba8214db69p-3,   -0x1.812746b037a0ap-2,  0x1.ce2f21a0445b1p-4,
                                   -0x1.b82ce31315a94p-6,  0x1.565bcd298915bp-8,   -0x1.c02dba830c319p-11,
                                   0x1.f9a42fc1a7af7p-14,  -0x1.f4ef245bbcd18p-17, 0x1.bc13555536677p-20,
                                   -0x1.7ca48fdd94807p-23, 0x1.04a486f714c57p-25,  -0x1.b68b53fe0e4aep-27,
                                   0x1.5f0eea5dacfe1p-28,  -0x1.0bf316e8c6738p-30};

/* erfc(x) = exp(-x^2) g(t) / (1 + 2 x), t = (x - 3.75) / (x + 3.75), 0 <= x <= 28 */
/* relative error 2^-24.5 */
static const double erfc_g_f32[] = {0x1.3ccda0p+0,  -0x1.1f3676p-3,  0x1.d62286p-9,  0x1.510186p-4,  -0x1.bdb7dap-4,
                                    0x1.7a1104p-4,  -0x1.e0547ap-5,  0x1.d1006cp-6,  -0x1.43713ep-7, 0x1.bf0aacp-10,
                                    0x1.ba98f8p-12, -0x1.ea2066p-13, -0x1.136a34p-17};
/* relative error 2^-53.1 */
static const double erfc_g_f64[] = {
    0x1.3ccda0b5d5dc2p+0,  -0x1.1f367683f89a8p-3,  0x1.d5f2948161efep-9,   0x1.510169d0969e1p-4,
    -0x1.bda9309a32c82p-4, 0x1.7a14188a93474p-4,   -0x1.e0d0fa6c835dbp-5,  0x1.d0b003802921ep-6,
    -0x1.3f603c710c788p-7, 0x1.cc3a0c49a9b93p-10,  0x1.33fb542573160p-12,  -0x1.303f66d9e2e93p-12,
    0x1.b13e74e0b1d19p-15, 0x1.777a3fad66eeap-16,  -0x1.7fcfdb9a4ced5p-17, -0x1.022bf95d6d191p-20,
    0x1.d43b9bbb120d5p-20, -0x1.552da1935f7a4p-24, -0x1.13447b119f9fcp-22, 0x1.a45fe9020e44ep-25,
    0x1.88080082638e0p-25, -0x1.51c868879c09ep-26, -0x1.f995d7b66541ep-27, 0x1.d87b75567903bp-29,
    0x1.286d90cfaa667p-28, 0x1.df1f0a80f6a7bp-31};

/* atan(x) = x + x z p(z), z = x^2, |x| <= 1 */
/* relative error 2^-30.8 */
static const double atan_p_f32[] = {-0x1.555550p-2, 0x1.9997a0p-3,  -0x1.24707ep-3, 0x1.c4ce16p-4,  -0x1.686920p-4,
                                    0x1.131292p-4,  -0x1.6b3b0ap-5, 0x1.6c9586p-6,  -0x1.d6fd2ap-8, 0x1.1d4516p-10};
/* relative error 2^-57.5 */
static const double atan_p_f64[] = {
    -0x1.5555555555522p-2, 0x1.9999999995164p-3,  -0x1.2492492371733p-3, 0x1.c71c717cddaf8p-4,   -0x1.745d117d84af6p-4,
    0x1.3b13647ab07fcp-4,  -0x1.110e4080760efp-4, 0x1.e1bae6ec3e99ep-5,  -0x1.ae5b36241ef7bp-5,  0x1.82d01d9146ac1p-5,
    -0x1.5988753a420fdp-5, 0x1.2bf74338df2d6p-5,  -0x1.e94e0fe7be15fp-6, 0x1.676c587f5ad2fp-6,   -0x1.c60bc9d0a1defp-7,
    0x1.d59962d2ad472p-8,  -0x1.780ee16770454p-9, 0x1.b0f185fa67115p-11, -0x1.3c99bdf631f79p-13, 0x1.b7c55a6d9bcd4p-17};

/* log gamma(2 + d) = d p(d), |d| <= 1/2 */
/* relative error 2^-25.9 */
static const double lgamma_p_f32[] = {0x1.b0ee60p-2,   0x1.4a34ccp-2,  -0x1.13df74p-4,  0x1.5132d2p-6,
                                      -0x1.e4caa4p-8,  0x1.7aa5a0p-9,  -0x1.1c831ep-10, 0x1.0e59c4p-11,
                                      -0x1.558514p-11, 0x1.9dc560p-14, 0x1.2c71c8p-11};
/* relative error 2^-56.2 */
static const double lgamma_p_f64[] = {0x1.b0ee6072093cep-2,   0x1.4a34cc4a60fa6p-2,   -0x1.13e001a55759ep-4,
                                      0x1.51322ac7d8745p-6,   -0x1.e404fc21b2a80p-8,  0x1.7add6ead69ac0p-9,
                                      -0x1.38ac5c161e03cp-10, 0x1.0b36afa77f1a7p-11,  -0x1.d3fd5b592b1f1p-13,
                                      0x1.a127a090b092cp-14,  -0x1.78db4fb57a04dp-15, 0x1.581044fc5419fp-16,
                                      -0x1.3d20bc9e0bacdp-17, 0x1.255c50a57f72fp-18,  -0x1.09935e659a820p-19,
                                      0x1.03dc44d95e35ap-20,  -0x1.58ba86eb8a96bp-21, 0x1.8a73b477b74aap-23,
                                      0x1.068d5ae807ce6p-22,  0x1.55106539b2360p-24,  -0x1.3764807ba3754p-22};

/* log gamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + w(z)/x, z = 1/x^2, x >= 8 */
/* relative error 2^-41.0 */
static const double stirling_w_f32[] = {0x1.555556p-4, -0x1.6c2338p-9, 0x1.a2cbcap-11};
/* relative error 2^-71.0 */
static const double stirling_w_f64[] = {0x1.5555555555554p-4,   -0x1.6c16c16c07d2ap-9, 0x1.a01a01286a41dp-11,
                                        -0x1.38130be765fe0p-11, 0x1.b912f5f1dfa59p-11, -0x1.ed2a2f1c8c0ffp-10,
                                        0x1.40baa9a68fe80p-8};

/* psi(1.5 + u) = (1.5 + u - root) p(u), |u| <= 1/2 */
/* relative error 2^-26.8 */
static const double digamma_p_f32[] = {0x1.e6f0ccp-1, -0x1.b1cb62p-2, 0x1.eca142p-3, -0x1.2fef70p-3,
                                       0x1.851b10p-4, -0x1.fb15e8p-5, 0x1.4dd454p-5, -0x1.bdb3aep-6,
                                       0x1.1e7a14p-6, -0x1.5f77dep-7, 0x1.54a7bep-7, -0x1.0ca82ap-7};
/* relative error 2^-54.4 */
static const double digamma_p_f64[] = {
    0x1.e6f0cbb873616p-1,  -0x1.b1cb63005ee96p-2,  0x1.eca189b8e719bp-3,  -0x1.2feeeb98a7ef8p-3,
    0x1.8512e5901c517p-4,  -0x1.fb4420298976dp-5,  0x1.4de9aa225c389p-5,  -0x1.b9f8b154d334fp-6,
    0x1.25646f2e5749bp-6,  -0x1.863558346d3e0p-7,  0x1.03c0f8f1e4c32p-7,  -0x1.5a0822c908eafp-8,
    0x1.cd13ac000de4dp-9,  -0x1.334eb5c3f1ea7p-9,  0x1.9a7f1ac4d23e4p-10, -0x1.115c34093c24cp-10,
    0x1.643b00803e6d6p-11, -0x1.dff081361689bp-12, 0x1.75a392fd03a39p-12, -0x1.d5c303efd5018p-13,
    0x1.7536c43326dd7p-15, -0x1.b0f416752e73bp-15, 0x1.456efa8238cf6p-13, -0x1.7131a4d3ab1cfp-14};

/* psi(x) = log x - 1/(2 x) - z q(z), z = 1/x^2, x >= 8 */
/* relative error 2^-38.5 */
static const double digamma_q_f32[] = {0x1.555554p-4, -0x1.1104a4p-7, 0x1.f61528p-9};
/* relative error 2^-71.1 */
static const double digamma_q_f64[] = {0x1.5555555555555p-4,  -0x1.111111110fa38p-7, 0x1.041040fbdd7b3p-8,
                                       -0x1.111105c015c3fp-8, 0x1.f073780320b34p-8,  -0x1.589cdc98df226p-6,
                                       0x1.44cbfff2eae53p-4,  -0x1.26343ebfa92a1p-2};

/* Li2(1 - exp(-u)) = u - u^2/4 + u^3 p(u^2), |u| <= log 2 */
/* relative error 2^-34.3 */
static const double dilog_p_f32[] = {0x1.c71c70p-6, -0x1.233f74p-12, 0x1.378278p-18};
/* relative error 2^-66.2 */
static const double dilog_p_f64[] = {0x1.c71c71c71c71cp-6,   -0x1.23456789ab840p-12, 0x1.3d079fb5d54a2p-18,
                                     -0x1.8a86a28a13b93p-24, 0x1.04d6e0d6ddec6p-29,  -0x1.64e86aa52b974p-35,
                                     0x1.c48e382f61903p-41,  0x1.bdbd6f7d01fefp-46};

/* J0(x) = (x^2 - a^2) (x^2 - b^2) p(64 - x^2), a and b its first zeros, |x| <= 8 */
/* relative error 2^-25.1 */
static const double bessel0_p_f32[] = {0x1.70d780p-14, 0x1.86c898p-17, 0x1.a1ff32p-22, 0x1.ae4f96p-28, 0x1.0a782ep-34,
                                       0x1.bca0aap-42, 0x1.0f4548p-49, 0x1.e9b704p-58, 0x1.596d32p-66, 0x1.31886cp-74};
/* relative error 2^-55.2 */
static const double bessel0_p_f64[] = {0x1.70d77f560145cp-14,  0x1.86c89ec148fc7p-17,  0x1.a1fee49614f18p-22,
                                       0x1.ae528ba67b307p-28,  0x1.0a698d0a074a8p-34,  0x1.bd3c2ed8c1898p-42,
                                       0x1.0d978753785bdp-49,  0x1.f0aff677e96bap-58,  0x1.68931ba415947p-66,
                                       0x1.a7de0449b6e21p-75,  0x1.9c26be8b09b60p-84,  0x1.50d8441a270e7p-93,
                                       0x1.dc876cba23ec4p-103, 0x1.0260408dce353p-112, 0x1.b48ec9d2b187cp-122};

/* J0(x) = sqrt(2 / (pi x)) (c(z) cos w - s(z) sin(w) / x), w = x - pi/4, z = 1/x^2, x >= 8 */

/* c */
/* relative error 2^-33.2 */
static const double bessel0_c_f32[] = {0x1.000000p+0, -0x1.1fffc8p-4, 0x1.cad356p-4, -0x1.16c920p-1, 0x1.c50348p+1};
/* relative error 2^-57.8 */
static const double bessel0_c_f64[] = {0x1.000000p+0,          -0x1.1ffffffffeff8p-4,  0x1.cb5fffee5f63ep-4,
                                       -0x1.251eda3fdfd3dp-1,  0x1.84b7a04eeaf9dp+2,   -0x1.b769ea1263f62p+6,
                                       0x1.75288ee7e23bfp+11,  -0x1.a1600a14f87c2p+16, 0x1.01e1f5e939462p+22,
                                       -0x1.23579a2a342c7p+27, 0x1.fc0a5468fe137p+31,  -0x1.1e962d6bebf58p+36,
                                       0x1.30e4e6aadbca7p+39};

/* s */
/* relative error 2^-27.0 */
static const double bessel0_s_f32[] = {-0x1.fffffep-4, 0x1.2bf188p-4, -0x1.c7c696p-3, 0x1.33ea14p+0};
/* relative error 2^-49.9 */
static const double bessel0_s_f64[] = {-0x1.fffffffffffbcp-4,  0x1.2bfffffef40e2p-4,  -0x1.d11dfa7e4901dp-3,
                                       0x1.ba497bb6116aep+0,   -0x1.85b29127e06abp+4, 0x1.0f8cfa5ae63f6p+9,
                                       -0x1.00b9032cae201p+14, 0x1.0acac26be3493p+19, -0x1.e07feaa780eefp+23,
                                       0x1.27d22b4d57636p+28,  -0x1.5e9d140ee5341p+31};

/* J1(x) = x (x^2 - a^2) (x^2 - b^2) p(64 - x^2), a and b its first zeros, |x| <= 8 */
/* relative error 2^-27.2 */
static const double bessel1_p_f32[] = {0x1.517f30p-15, 0x1.3848bcp-19, 0x1.bdc362p-25, 0x1.5dc46ep-31, 0x1.6059aep-38,
                                       0x1.f374cap-46, 0x1.029abep-53, 0x1.cdf1b4p-62, 0x1.705b3ep-71, 0x1.1e81bep-78};
/* relative error 2^-56.3 */
static const double bessel1_p_f64[] = {0x1.517f30234baa5p-15,  0x1.3848b9914d38ap-19,  0x1.bdc3954972476p-25,
                                       0x1.5dc281b891bb2p-31,  0x1.606db335d12b1p-38,  0x1.f27e2f186d7f0p-46,
                                       0x1.0641511e25befp-53,  0x1.abca750c456d3p-62,  0x1.16e72e2856358p-70,
                                       0x1.29be45997f998p-79,  0x1.09431b364189dp-88,  0x1.90a621fd97dd2p-98,
                                       0x1.0567e34d23fefp-107, 0x1.12f9198617ad0p-117, 0x1.917bc361ee1a4p-127};

/* J1(x) = sqrt(2 / (pi x)) (c(z) cos w - s(z) sin(w) / x), w = x - 3 pi/4, z = 1/x^2, x >= 8 */

/* c */
/* relative error 2^-33.1 */
static const double bessel1_c_f32[] = {0x1.000000p+0, 0x1.dfffc2p-4, -0x1.2701cap-3, 0x1.4a737ep-1, -0x1.041d9ap+2};
/* relative error 2^-57.7 */
static const double bessel1_c_f64[] = {0x1.000000p+0,          0x1.dffffffffef0cp-4,   -0x1.274ffff6ae36dp-3,
                                       0x1.5a6a497684439p-1,   -0x1.b88c42f172b83p+2,  0x1.e5b31e801e431p+6,
                                       -0x1.95cf9d170d6dep+11, 0x1.c12be3eb99a8dp+16,  -0x1.13ce7b74628bdp+22,
                                       0x1.36819e031ff7dp+27,  -0x1.0e329b77d1c6bp+32, 0x1.307becd93054fp+36,
                                       -0x1.43b2b6c6b576bp+39};

/* s */
/* relative error 2^-26.8 */
static const double bessel1_s_f32[] = {0x1.800000p-2, -0x1.a3f42cp-4, 0x1.17885cp-2, -0x1.6c460cp+0};
/* relative error 2^-49.8 */
static const double bessel1_s_f64[] = {0x1.7ffffffffffeep-2,   -0x1.a3fffffee3b74p-4,  0x1.1c3cfd13fcb56p-2,
                                       -0x1.fe550dda103b9p+0,  0x1.b3910649ba3d0p+4,   -0x1.298e6cbfcc545p+9,
                                       0x1.15d85aa8f058ep+14,  -0x1.1eb247f1ee0c1p+19, 0x1.01304a88f67e8p+24,
                                       -0x1.3c058a0d466c6p+28, 0x1.761c13d865da4p+31};

/* unevaluated sums; the first part of ln2 is short, so that its product with an exponent is exact */
static const double ln2_f32[] = {0x1.62e800p-1, -0x1.e8082ep-16};
static const double ln2_f64[] = {0x1.62e42fefa4000p-1, -0x1.8432a1b0e2634p-43};
static const double half_pi_f32[] = {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50};
static const double half_pi_f64[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
static const double twelfth_f64[] = {0x1.5555555555555p-4, 0x1.5555555555555p-58};
static const double digamma_root_f32[] = {0x1.762d86p+0, 0x1.ab5f20p-27};
static const double digamma_root_f64[] = {0x1.762d86356be3fp+0, 0x1.b86a722197829p-54};
static const double pi_f32[] = {0x1.921fb6p+1, -0x1.777a5cp-24};
static const double pi_f64[] = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
static const double bessel0_a_f32[] = {0x1.33d152p+1, 0x1.d2e368p-24};
static const double bessel0_a_f64[] = {0x1.33d152e971b40p+1, -0x1.0f539d7da258ep-53};
static const double bessel0_b_f32[] = {0x1.6148f6p+2, -0x1.34f46ep-24};
static const double bessel0_b_f64[] = {0x1.6148f5b2c2e45p+2, 0x1.75054cd60a517p-54};
static const double bessel1_a_f32[] = {0x1.ea7558p+1, -0x1.4a121ep-24};
static const double bessel1_a_f64[] = {0x1.ea75575af6f09p+1, -0x1.60155a9d1b256p-53};
static const double bessel1_b_f32[] = {0x1.c0ff60p+2, -0x1.8971b6p-23};
static const double bessel1_b_f64[] = {0x1.c0ff5f3b47250p+2, -0x1.b226d9d243827p-54};

#endif

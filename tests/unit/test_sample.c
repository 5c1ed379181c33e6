/* Drawing from densities of several variables, weighted samples and detectors: means and their derivatives, taken by
 * the reference interpreter in f64 from fixed seeds, against exact values. A tolerance is a number of standard errors.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tir/tir.h"
#include "unit/model_text.h"

enum { SEED = 20 };

/* The objective of fit `index` and its derivative by the one parameter, in the middle of its domain (low, high). */
static void objective(Model *m, size_t index, double *value, double *slope) {
    ProgramFit *fit = &m->program->fits.data[index];
    TirFunction *f = fit->updates.data[0].objective;
    uint32_t input = 0;
    ad_gradient(f, 0, &input, 1);
    cr_assert_null(tir_verify(f, &m->arena));
    double zero = 0;
    TirTensor in[3], out[8]; /* raw value, whether it is held, at what */
    cr_assert_leq(f->inputs.count, 3);
    for (int i = 0; i < 3; i++) in[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = &zero};
    tir_interpret(f, &m->arena, in, NULL, SEED, 0, out);
    const ProgramParam *p = &m->program->params.data[0];
    *value = out[0].data[0];
    *slope = out[f->outputs.count - 1].data[0] / ((p->high - p->low) / 4 * (1 - 2e-6)); /* by d value / d raw at 0 */
}

static void check(const char *text, size_t index, double value, double value_error, double slope, double slope_error) {
    Model *m = model_good(text);
    double got, derivative;
    objective(m, index, &got, &derivative);
    cr_expect_float_eq(got, value, 4 * value_error, "seed %d: %.6f instead of %.6f within 4 x %.2g", SEED, got, value,
                       value_error);
    cr_expect_float_eq(derivative, slope, 4 * slope_error, "seed %d: derivative %.6f instead of %.6f within 4 x %.2g",
                       SEED, derivative, slope, slope_error);
    model_free(m);
}

#define USE "use std.sampler\nuse std.detector\n"

/* --- densities of several variables --- */

#define NORMAL                                                                                                         \
    USE "param rho in (0.2, 1)\nevent XY { x in -5 .. 5\n y in -5 .. 5 }\n"                                            \
        "density g(x in -5 .. 5, y in -5 .. 5) = exp(-(x^2 - 2*rho*x*y + y^2) / (2*(1 - rho^2)))\n"                    \
        "fit f {\n  events 200000\n  minimize mean(%s for e in draw XY ~ g) over params using adam(1)\n}\n"

static const char *with(const char *format, const char *formula) {
    static char text[4096];
    snprintf(text, sizeof text, format, formula);
    return text;
}

/* The full-conditional map of published samplers gives 3.12 and 1.87 here; freezing the tables gives 0 for the first.
 */
Test(sample, correlated_normal_has_the_exact_pathwise_gradient) {
    double n = sqrt(200000);
    check(with(NORMAL, "e.x * e.y"), 0, 0.6, 1.17 / n, 1, 1.6 / n);
    check(with(NORMAL, "e.x^2"), 0, 1 + 0.01 / 6, 1.42 / n, 0, 1e-5);
    check(with(NORMAL, "e.y^2"), 0, 1 + 0.01 / 6, 1.42 / n, 0, 2.5 / n);
}

/* Scale freedom, sum over nodes of A dx/dA = 0, to round-off. */
Test(sample, an_overall_factor_moves_nothing) {
    Model *m = model_good(USE "param s in (1, 3)\nevent E { x in 0.01 .. 1 on log\n y in 0 .. 1\n z in 0 .. 2 }\n"
                              "density f(e : E) = s * (e.x + e.y^2 * e.z + exp(-e.z * e.x))\n"
                              "fit a {\n  events 2000\n  minimize mean(e.x + 2 * e.y^2 * e.z for e in draw E ~ f) over "
                              "params using adam(1)\n}\n");
    double value, slope;
    objective(m, 0, &value, &slope);
    cr_expect(value > 0.1);
    cr_expect_float_eq(slope, 0, 1e-12);
    model_free(m);
}

/* 1 + p xy is its own bilinear interpolation: E[xy] = (1/4 + p/9) / (1 + p/4). */
Test(sample, bilinear_density) {
    double p = 2, n = sqrt(100000), q = 1 + p / 4;
    check(USE
          "param p in (1, 3)\nevent E { x in 0 .. 1\n y in 0 .. 1 }\ndensity f(y in 0 .. 1, x in 0 .. 1) = 1 + p*x*y\n"
          "fit a {\n  events 100000\n  minimize mean(e.x * e.y for e in draw E ~ f) over params using adam(1)\n}\n",
          0, (0.25 + p / 9) / q, 0.26 / n, (1. / 9 * q - (0.25 + p / 9) / 4) / (q * q), 0.06 / n);
}

/* 1 + xyz: E[xyz] = (1/8 + 1/27) / (1 + 1/8); and 1/x on a grid laid on log, uniform in log x: E[x] = 0.999 / ln 1000.
 */
Test(sample, three_variables_and_logarithmic_grids) {
    double n = sqrt(50000);
    const char *model = USE
        "param p in (0, 2)\nevent E { x in 0 .. 1\n y in 0 .. 1\n z in 0 .. 1 }\nevent L { x in 1e-3 .. 1 on log\n"
        " y in 0 .. 1 }\ndensity f(e : E) = 1 + p * e.x * e.y * e.z\ndensity g(e : L) = p / e.x\n"
        "density h(x in 1e-3 .. 1 on log) = p / x\nevent H { x in 1e-3 .. 1 }\n"
        "fit a {\n  events 50000\n  minimize mean(e.x * e.y * e.z for e in draw E ~ f) over params using adam(1)\n}\n"
        "fit b {\n  events 50000\n  minimize mean(e.x for e in draw L ~ g) over params using adam(1)\n}\n"
        "fit c {\n  events 50000\n  minimize mean(e.x for e in draw H { x ~ h }) over params using adam(1)\n}\n"
        "fit d {\n  minimize integral(f) over params using adam(1)\n}\n"
        "fit e {\n  minimize integral(g) + integral(h) over params using adam(1)\n}\n"
        "fit k {\n  minimize log(pdf(f, {z: 0.5, x: 1, y: 1})) + log(g({x: 0.5, y: 1})) + log(h(0.5)) over params "
        "using adam(1)\n}\n";
    double q = 1.125;
    check(model, 0, (1. / 8 + 1. / 27) / q, 0.18 / n, (1. / 27 * q - (1. / 8 + 1. / 27) / 8) / (q * q), 0.05 / n);
    check(model, 1, 0.999 / log(1000), 0.24 / n, 0, 1e-12);
    check(model, 2, 0.999 / log(1000), 0.24 / n, 0, 1e-12);
    check(model, 3, 1.125, 1e-12, 0.125, 1e-12);
    check(model, 4, 2 * log(1000), 1e-9, 2 * log(1000), 1e-9);
    check(model, 5, log(1.5 / 1.125) + 2 * log(2), 1e-12, 0.5 / 1.5 - 0.125 / 1.125 + 2, 1e-12);
}

/* `when`: x + y < 1 of a constant; E[x] = 1/3. The edge goes through cells, which moves it by less than a cell. */
Test(sample, a_density_is_zero_where_when_says_so) {
    const char *model =
        USE "param p in (0, 2)\nevent E { x in 0 .. 1\n y in 0 .. 1 }\n"
            "density f(x in 0 .. 1, y in 0 .. 1) = p when x + y < 1\n"
            "fit a {\n  events 50000\n  minimize mean(e.x for e in draw E ~ f) over params using adam(1)\n}\n"
            "fit b {\n  minimize f(0.3, 0.8) + f(0.3, 0.6) over params using adam(1)\n}\n";
    check(model, 0, 1. / 3, 0.24 / sqrt(50000) + 0.001, 0, 1e-12);
    check(model, 1, 1, 1e-12, 1, 1e-12);
}

/* Tables are made from parameters: no operation on the way to them has the axis of events. */
Test(sample, tables_are_made_once_a_vector) {
    Model *m = model_good(with(NORMAL, "e.x"));
    const TirFunction *f = m->program->fits.data[0].updates.data[0].objective;
    int tables = 0;
    for (size_t i = 0; i < f->ops.count; i++) {
        const TirOp *op = &f->ops.data[i];
        if (op->op != TIR_FLATTEN && op->op != TIR_CUMSUM && op->op != TIR_EXP) continue;
        tables++;
        for (uint32_t a = 0; a < op->axes.count; a++) cr_expect_not(f->axes.data[op->axes.id[a]].batch);
    }
    cr_expect_geq(tables, 5);
    model_free(m);
}

/* --- records --- */

Test(sample, records_are_values) {
    check(USE "param p in (0, 2)\nevent E { x in 0 .. 1\n y in 0 .. 1 }\n"
              "fun swap(r) = {x: r.y, y: 3 * r.x}\nfun total(e : E) = e.x + 10 * e.y\n"
              "fit a {\n  let {y, x} = swap({x: p, y: 5})\n"
              "  minimize total({y: y, x: x}) + { let {x} = if p > 0.5 then swap({x: 0, y: p}) else {y: 1, x: 7}  x }\n"
              "    over params using adam(1)\n}\n",
          0, 5 + 30 + 1, 1e-12, 31, 1e-12);
}

/* --- weights --- */

Test(sample, when_in_a_comprehension) {
    const char *model =
        USE "param p in (0, 2)\nevent E { x in 0 .. 1 }\ndensity f(x in 0 .. 1) = p\n"
            "fit a {\n  events 50000\n  let s = draw E ~ f\n"
            "  minimize mean(p * e.x for e in s when e.x > 0.5) + sum(p * j for j in [1, 2, 4] when j > 1)\n"
            "    + mean(j for j in [1, 2, 6] when j > p) + max(e.x for e in s when e.x < 0.5)\n"
            "    + sum(1 for e in s when e.x > 0.5) / 50000 + prod(j * p for j in [0.5, 3, 2] when j > p)\n"
            "    + prod(3 for j in index(4) when j > 5 * p) over params using adam(1)\n}\n";
    check(model, 0, 0.75 + 6 + 4 + 0.5 + 0.5 + 6 + 1, 0.0030, 6.75 + 12, 0.0014);
}

/* --- detectors: uniform events through one stage each --- */

#define STAGES(stages, formula)                                                                                        \
    USE "param p in (0.2, 0.8)\nevent E { x in 0 .. 1 }\ndensity f(x in 0 .. 1) = 1\n"                                 \
        "density b(e : E) = e.x\ndetector d(e : E) -> E {\n" stages "\n}\n"                                            \
        "fit a {\n  events 100000\n  minimize mean(" formula                                                           \
        " for e in draw E ~ f |> d) over params using adam(1)\n}\n"

Test(sample, weight_and_require) {
    double n = sqrt(100000);
    check(STAGES("  weight e.x", "2 * p * e.x"), 0, 2. / 3, 0.3 / n, 4. / 3, 0.6 / n);
    check(STAGES("  require e.x > 0.5", "2 * p * e.x"), 0, 0.75, 0.21 / n, 1.5, 0.42 / n);
    /* weight x^p: (p + 1) / (p + 2), derivative 1 / (p + 2)^2 */
    check(STAGES("  weight 3 * e.x^p", "e.x"), 0, 1.5 / 2.5, 0.3 / n, 1 / 6.25, 0.3 / n);
}

Test(sample, keep_carries_the_score) {
    check(STAGES("  keep with probability e.x^p", "e.x"), 0, 1.5 / 2.5, 0.35 / sqrt(100000), 1 / 6.25,
          0.4 / sqrt(100000));
}

/* E[x^2] = 1/3 + p^2 */
Test(sample, smear_moves_events) {
    check(STAGES("  smear x by gaussian(0, p)", "e.x^2"), 0, 1. / 3 + 0.25, 0.65 / sqrt(100000), 1, 1.7 / sqrt(100000));
    check(STAGES("  smear E by gaussian(0.5, p) where E = 2 * e.x\n  rebuild e = {x: E}", "e.x"), 0, 1.5,
          0.8 / sqrt(100000), 0, 1 / sqrt(100000));
}

/* D0: truth N(m, s^2), smeared by N(0, 0.25): variance s^2 + 0.25 and its derivative 2 s. */
Test(sample, smeared_normal) {
    check(USE
          "param s in (0.5, 1.5)\nevent E { x in -8 .. 8 }\ndensity f(x in -8 .. 8) = exp(-x^2 / (2 * s^2))\n"
          "detector d(e : E) -> E {\n  smear x by gaussian(0, 0.5)\n}\n"
          "fit a {\n  events 100000\n  minimize mean(e.x^2 for e in draw E ~ f |> d) over params using adam(1)\n}\n",
          0, 1.25 + 0.16 * 0.16 / 6, 1.8 / sqrt(100000), 2, 3 / sqrt(100000));
}

/* Background 2x with fraction p: (1 - p)/2 + 2p/3, whatever the efficiency of what stands before. */
Test(sample, add_mixes_a_background_in) {
    double n = sqrt(100000);
    check(STAGES("  add b with fraction p", "e.x"), 0, 0.25 + 1. / 3, 0.28 / n, 1. / 6, 1.2 / n);
    check(STAGES("  weight 0.2\n  add b with fraction p", "e.x"), 0, 0.25 + 1. / 3, 0.28 / n, 1. / 6, 1.2 / n);
    check(STAGES("  weight 4 * e.x\n  add b with fraction p", "e.x"), 0, 2. / 3, 0.3 / n, 0, 1.5 / n);
}

/* Classes 0 and 1 in equal parts; seen as 1: p of the zeros and 0.7 of the ones. */
Test(sample, confuse_redraws_a_class) {
    check(STAGES("  let c = floor(2 * e.x)\n  rebuild e = {x: c}\n  confuse x by [[1 - p, 0.3], [p, 0.7]]", "e.x"), 0,
          0.6, 0.49 / sqrt(100000), 0.5, 1 / sqrt(100000));
}

Test(sample, stages_follow_one_another_and_take_arguments) {
    check(USE "param p in (0.2, 0.8)\nevent E { x in 0 .. 1 }\nevent R { y in 0 .. 2\n z in 0 .. 1 }\ndensity f(x in 0 "
              ".. 1) = 1\n"
              "detector d(e : E, factor) -> R {\n  let {x} = {x: factor * e.x}\n  rebuild e = {z: 1, y: x}\n"
              "  require e.y > 1\n}\ndetector twice(e : R) -> R {\n  weight e.y\n}\n"
              "fit a {\n  events 100000\n  let s = draw E ~ f\n"
              "  minimize mean(2 * p * e.y * e.z for e in s |> d(2) |> twice) over params using adam(1)\n}\n",
          0, (7. / 3) / 1.5, 0.3 / sqrt(50000), (14. / 3) / 1.5, 0.6 / sqrt(50000));
}

/* --- std.detector --- */

/* Moments of the Crystal Ball with alpha 1.5, n 6 by quadrature of its density; sigma is p. */
Test(sample, crystal_ball_has_its_moments) {
    double alpha = 1.5, n = 6, A = pow(n / alpha, n) * exp(-alpha * alpha / 2), B = n / alpha - alpha, moment[5] = {0};
    for (double h = 1e-3, t = -400 + h / 2; t < 10; t += h)
        for (int k = 0; k < 5; k++) moment[k] += h * pow(t, k) * (t > -alpha ? exp(-t * t / 2) : A * pow(B - t, -n));
    double mean = moment[1] / moment[0], square = moment[2] / moment[0], fourth = moment[4] / moment[0],
           N = sqrt(100000);
    check(STAGES("  let t = crystal_ball(p, 1.5, 6)\n  rebuild e = {x: t}", "e.x"), 0, 0.5 * mean, 0.7 / N, mean,
          1.4 / N);
    check(STAGES("  let t = crystal_ball(p, 1.5, 6)\n  rebuild e = {x: t}", "e.x^2"), 0, 0.25 * square,
          0.25 * sqrt(fourth) / N, square, sqrt(fourth) / N);
}

Test(sample, responses) {
    check(USE "param p in (0, 2)\nfit a {\n  minimize resolution(4 * p, 0.18, 0.1, 0.02) + turn_on(p, 3, 2)\n"
              "    + normal_quantile(0.975 * p) + normal_quantile(0.3) + normal_quantile(0.001) over params using "
              "adam(1)\n}\n",
          0,
          sqrt(0.18 * 0.18 * 4 + 0.01 + 0.0004 * 16) + 1 / (1 + exp(1.)) + 1.959963984540 - 0.524400512708 -
              3.090232306168,
          1e-8,
          0.5 * (0.18 * 0.18 * 4 + 2 * 0.0004 * 16) / sqrt(0.18 * 0.18 * 4 + 0.01 + 0.0004 * 16) +
              0.5 * exp(1.) / pow(1 + exp(1.), 2) + 0.975 * sqrt(2 * M_PI) * exp(1.959963984540 * 1.959963984540 / 2),
          1e-5);
}

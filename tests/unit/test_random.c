/* std.random: every family against its cumulative distribution, and derivatives of means against exact ones; sort,
 * argsort and what the library makes of them. Run by the reference interpreter in f64 from a fixed seed. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tir/tir.h"
#include "unit/model_text.h"

enum { SEED = 11 };

/* --- distributions --- */

/* u = F(x) of every event fills ten bins evenly: chi-square of nine degrees of freedom is below 33.7 but once in ten
 * thousand. */
enum { EVENTS = 20000, BINS = 10 };
static const double CHI2_LIMIT = 33.7;

static const struct Family {
    const char *draw, *cdf; /* of e.x */
} families[] = {
    {"draw_uniform(-1, 3)", "(e.x + 1) / 4"},
    {"draw_normal(2, 3)", "normal_cdf((e.x - 2) / 3)"},
    {"draw_lognormal(0.5, 0.7)", "normal_cdf((log(e.x) - 0.5) / 0.7)"},
    {"draw_exponential(3)", "1 - exp(-e.x / 3)"},
    {"draw_cauchy(1, 2)", "0.5 + atan(e.x - 1) / pi"},
    {"draw_logistic(1, 2)", "1 / (1 + exp(-(e.x - 1) / 2))"},
    {"draw_weibull(2, 1.7)", "1 - exp(-(e.x / 2)^1.7)"},
    {"draw_gamma(0.3, 2)", "inc_gamma(0.3, e.x / 2)"},
    {"draw_gamma(40, 0.5)", "inc_gamma(40, 2 * e.x)"},
    {"draw_chi2(3)", "1 - inc_gamma_upper(1.5, e.x / 2)"},
    {"draw_beta(0.5, 2)", "inc_beta(0.5, 2, e.x)"},
    {"draw_beta(300, 20)", "inc_beta(300, 20, e.x)"},
    {"draw_dirichlet([0.5, 2, 1])[1]", "inc_beta(2, 1.5, e.x)"},
    {"draw_student(3.5, 1, 2)", "if e.x < 1 then inc_beta(1.75, 0.5, 3.5 / (3.5 + (e.x - 1)^2 / 4)) / 2"
                                " else 1 - inc_beta(1.75, 0.5, 3.5 / (3.5 + (e.x - 1)^2 / 4)) / 2"},
    {"draw_truncated_normal(1, 2, -1, 8)",
     "(normal_cdf((e.x - 1) / 2) - normal_cdf(-1)) / (normal_cdf(3.5) - normal_cdf(-1))"},
    {"draw_truncated_normal(0, 1, 5, 7)",
     "1 - (normal_cdf(-e.x) - normal_cdf(-7)) / (normal_cdf(-5) - normal_cdf(-7))"},
    {"draw_normal_mixture([0.3, 0.7], [-1, 2], [1, 0.5])", "0.3 * normal_cdf(e.x + 1) + 0.7 * normal_cdf(2 * e.x - 4)"},
    {"draw_by_cdf(ramp, 0, 2)", "ramp(e.x)"},
};

Test(random, families_have_their_distribution, .timeout = 120) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "use std.random\nuse std.sampler\nuse std.math\nparam p in (0, 2) truth 1\nevent One { x in 0 .. 1 }\n"
                 "density any(x in 0 .. 1) = 1\nfun ramp(x) = x^2 / 8 + x / 4\nfun mine(f) = %s\n"
                 "fit t {\n  events %d\n  let s = draw One { x ~ any by mine }\n"
                 "  monitor bins = [mean(if floor(%d * (%s)) == k then 1 else 0 for e in s) for k in index(%d)]\n"
                 "  minimize p over params using adam(1)\n}\n",
                 families[i].draw, EVENTS, BINS, families[i].cdf, BINS);
        Model *m = model_good(text);
        const ProgramFit *fit = &m->program->fits.data[0];
        double zero = 0;
        TirTensor in[3], out[4];
        for (int k = 0; k < 3; k++) in[k] = (TirTensor){.type = TIR_REAL, .count = 1, .data = &zero};
        tir_interpret(fit->monitor, &m->arena, in, NULL, SEED, 0, out);
        double chi2 = 0, all = 0;
        cr_assert_eq(out[0].count, BINS);
        for (int k = 0; k < BINS; k++) {
            double off = out[0].data[k] - 1. / BINS;
            chi2 += EVENTS * off * off * BINS;
            all += out[0].data[k];
        }
        cr_expect_float_eq(all, 1, 1e-12, "%s: %g of the events are in a bin", families[i].draw, all);
        cr_expect_lt(chi2, CHI2_LIMIT, "%s: chi-square %.1f, seed %d", families[i].draw, chi2, SEED);
        model_free(m);
    }
}

/* --- derivatives of means --- */

/* The mean of E over EVENTS5 numbers drawn with parameter p in the middle of (low, high), and its derivative by p:
 * within three standard errors, given the standard deviation of one event's. */
enum { EVENTS5 = 100000 };
typedef struct Mean {
    const char *interval, *draw, *value;
    double exact, deviation, slope, slope_deviation;
} Mean;

static void check_mean(const Mean *c) {
    char text[1024];
    snprintf(text, sizeof text,
             "use std.random\nuse std.sampler\nparam p in (%s)\nevent One { x in 0 .. 1 }\n"
             "density any(x in 0 .. 1) = 1\nfun mine(f) = %s\n"
             "fit t {\n  events %d\n  minimize mean(%s for e in draw One { x ~ any by mine }) over params using "
             "adam(1)\n}\n",
             c->interval, c->draw, EVENTS5, c->value);
    Model *m = model_good(text);
    TirFunction *f = m->program->fits.data[0].updates.data[0].objective;
    uint32_t input = 0;
    ad_gradient(f, 0, &input, 1);
    double zero = 0, n = sqrt(EVENTS5);
    TirTensor in[3], out[8];
    for (int i = 0; i < 3; i++) in[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = &zero};
    tir_interpret(f, &m->arena, in, NULL, SEED, 0, out);
    const ProgramParam *p = &m->program->params.data[0];
    double slope = out[f->outputs.count - 1].data[0] / ((p->high - p->low) / 4 * (1 - 2e-6));
    cr_expect_float_eq(out[0].data[0], c->exact, 3 * c->deviation / n, "%s of %s: %.6f instead of %.6f", c->value,
                       c->draw, out[0].data[0], c->exact);
    cr_expect_float_eq(slope, c->slope, 3 * c->slope_deviation / n + 1e-12, "d/dp of %s of %s: %.6f instead of %.6f",
                       c->value, c->draw, slope, c->slope);
    model_free(m);
}

Test(random, derivatives_of_means, .timeout = 120) {
    const double a = -0.5, b = 1, da = exp(-a * a / 2) / sqrt(2 * M_PI), db = exp(-b * b / 2) / sqrt(2 * M_PI);
    const double inside = 0.5 * (erf(b / sqrt(2)) - erf(a / sqrt(2))), shift = (da - db) / inside;
    const double variance = 1 + (a * da - b * db) / inside - shift * shift;
    const Mean cases[] = {
        {"1, 3", "draw_gamma(p, 1)", "e.x^2", 6, 9.2, 5, 5.3},
        {"1, 3", "draw_gamma(2, p)", "e.x", 4, 2.9, 2, 1.42},
        {"1, 3", "draw_beta(p, 3)", "e.x", 0.4, 0.2, 0.12, 0.024},
        {"1, 3", "draw_beta(3, p)", "e.x", 0.6, 0.2, -0.12, 0.024},
        {"1, 3", "draw_dirichlet([p, 1, 2])[0]", "e.x", 0.4, 0.2, 0.12, 0.037},
        {"1, 3", "sum(draw_dirichlet([p, 1, 2]))", "e.x", 1, 1e-12, 0, 0},
        {"4, 12", "draw_student(p, 0, 1)", "e.x^2", 8. / 6, 2.5, -1. / 18, 0.29},
        {"0, 2", "draw_truncated_normal(p, 1, 0.5, 2)", "e.x", 1 + shift, 0.42, variance, 0.07},
        {"0.2, 0.6", "draw_normal_mixture([p, 1 - p], [-1, 2], [1, 0.5])", "e.x", 0.8, 1.65, -3, 3.5},
        {"1, 3", "draw_weibull(p, 2)", "e.x^2", 4, 4, 4, 4},
        {"1, 3", "draw_lognormal(0, p / 4)", "e.x", exp(0.125), 0.61, exp(0.125) / 8, 0.4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_mean(&cases[i]);
}

/* --- sort --- */

Test(random, sort_and_what_is_made_of_it) {
    Model *m = model_good("use std.math\nparam p in (0, 2) truth 1\n"
                          "fun a() = [3 * p, p, 2 * p, p]\n"
                          "fun m() = [[mod(7 * i + 4 * j, 5) * p for j in index(4)] for i in index(3)]\n"
                          "fun slopes_of(v[n]) = grad(sum(sort(v) * [1, 2, 3, 4]), v)\n"
                          "fit t {\n"
                          "  monitor sorted = sort(a())\n"
                          "  monitor places = argsort(a())\n"
                          "  monitor ranks = rank(a())\n"
                          "  monitor again = sort(a())[rank(a())]\n"
                          "  monitor rows = flatten(sort(m()))\n"
                          "  monitor slopes = slopes_of(a())\n"
                          "  monitor middle = [median(a()), median([p, 5, 2 * p]), quantile(a(), 0.9), quantile(a(), "
                          "0), quantile(a(), 1)]\n"
                          "  monitor one = [sort([p])[0], argsort([p])[0], median([p])]\n"
                          "  minimize p over params using adam(1)\n}\n");
    const ProgramFit *fit = &m->program->fits.data[0];
    const double want[][12] = {
        {1, 1, 2, 3}, {1, 3, 2, 0},        {3, 0, 2, 1}, {3, 1, 2, 1}, {0, 2, 3, 4, 0, 1, 2, 4, 1, 2, 3, 4},
        {4, 1, 3, 2}, {1.5, 2, 2.7, 1, 3}, {1, 0, 1}};
    double zero = 0;
    TirTensor in[3], out[8];
    for (int i = 0; i < 3; i++) in[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = &zero};
    tir_interpret(fit->monitor, &m->arena, in, NULL, SEED, 0, out);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        for (size_t k = 0; k < out[i].count; k++)
            cr_expect_float_eq(out[i].data[k], want[i][k], 1e-9, "%s, %zu: %g instead of %g",
                               fit->monitors.data[i].name, k, out[i].data[k], want[i][k]);
    model_free(m);
}

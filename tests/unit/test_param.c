/* Parameters: every domain's map against its inverse, its derivative and log-Jacobian against finite differences, its
 * values at extremes of f32; links, families and held parameters in the functions that sema makes; what of the command
 * line is taken and refused. Random tests print their seed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/choice.h"
#include "unit/model_text.h"

enum { NUMBERS = 64 };

/* Runs a function of a fit whose parameters are one block, with these raw values, mask and values of what is held. */
static const TirTensor *run(Model *m, const TirFunction *f, const double *raw, const double *mask,
                            const double *value) {
    static const double zeros[NUMBERS];
    TirTensor in[8] = {0}, *out = calloc(f->outputs.count + 1, sizeof *out);
    cr_assert_leq(f->inputs.count, 8);
    for (size_t i = 0; i < f->inputs.count; i++) {
        const TirPort *port = &f->inputs.data[i];
        const ProgramParamBlock *block = &m->program->param_blocks.data[port->index];
        const double *of = port->role == TIR_PORT_BLOCK ? raw : port->field == 0 ? mask : value;
        in[i] = (TirTensor){.type = TIR_REAL, .rank = block->rank, .count = (size_t)block->count};
        for (uint32_t d = 0; d < block->rank; d++) in[i].shape[d] = block->shape[d];
        in[i].data = (double *)(of ? of : zeros);
    }
    tir_interpret(f, &m->arena, in, NULL, 1, 0, out);
    return out;
}

/* --- maps --- */

typedef struct Case {
    const char *text; /* of the domain */
    double low, high;
    int count; /* 0: a number */
} Case;

static const Case cases[] = {
    {"(-1, 3)", -1, 3, 0},
    {"[-1, 3]", -1, 3, 0},
    {"[-1, 3)", -1, 3, 0},
    {"(-1, 3]", -1, 3, 0},
    {"(2, inf)", 2, INFINITY, 0},
    {"[2, inf)", 2, INFINITY, 0},
    {"(-inf, 2)", -INFINITY, 2, 0},
    {"(-inf, 2]", -INFINITY, 2, 0},
    {"positive", 0, INFINITY, 0},
    {"(-inf, inf)", -INFINITY, INFINITY, 0},
    {"(-1, 3)", -1, 3, 5},
    {"[2, inf)", 2, INFINITY, 5},
    {"ordered (-1, 3)", -1, 3, 5},
    {"ordered (2, inf)", 2, INFINITY, 5},
    {"ordered (-inf, 2)", -INFINITY, 2, 5},
    {"ordered (-inf, inf)", -INFINITY, INFINITY, 5},
    {"simplex", 0, 1, 5},
    {"ordered (0, 1)", 0, 1, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

static Model *case_model(const Case *c) {
    char text[512];
    snprintf(
        text, sizeof text,
        "param p%.*s%.0d%s in %s\n"
        "fit f {\n  minimize sum(p * p) over params using adam\n  monitor j = log_jacobian\n  monitor v = params\n}\n",
        c->count ? 1 : 0, "[", c->count, c->count ? "]" : "", c->text);
    return model_good(text);
}

static uint64_t random_state;
static double random_normal(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(random_state >> 11) * 0x1p-53;
    }
    return sum - 6;
}

static void random_begin(void) {
    const char *given = getenv("QTM_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : 1;
    fprintf(stderr, "QTM_TEST_SEED=%llu\n", (unsigned long long)random_state);
}

static void values_at(Model *m, const double *raw, int n, double *value) {
    const TirTensor *out = run(m, m->program->fits.data[0].params, raw, NULL, NULL);
    cr_assert_eq(out[0].count, (size_t)n);
    memcpy(value, out[0].data, (size_t)n * sizeof *value);
}

Test(param, maps_stay_inside_and_come_back) {
    random_begin();
    for (int k = 0; k < CASES; k++) {
        const Case *c = &cases[k];
        Model *m = case_model(c);
        int n = c->count ? c->count : 1;
        const ProgramParam *p = &m->program->params.data[0];
        cr_assert(p->low == c->low && p->high == c->high, "%s", c->text);
        for (int round = 0; round < 20; round++) {
            double raw[5], value[5], back[5], again[5];
            for (int i = 0; i < n; i++) raw[i] = 2 * random_normal();
            values_at(m, raw, n, value);
            for (int i = 0; i < n; i++)
                cr_assert(qtm_domain_holds(p->domain, p->low, p->high, false, value[i]), "%s: %.17g", c->text,
                          value[i]);
            cr_assert(qtm_domain_line_holds(p->domain, n, value), "%s", c->text);
            qtm_domain_raw(p->domain, p->low, p->high, n, value, back);
            values_at(m, back, n, again);
            for (int i = 0; i < n; i++)
                cr_assert_float_eq(again[i], value[i], 1e-9 * (1 + fabs(value[i])), "%s[%d]: %.17g came back as %.17g",
                                   c->text, i, value[i], again[i]);
        }
        double start[5], raw[5], value[5];
        for (int i = 0; i < n; i++) start[i] = m->program->params.data[i].start;
        qtm_domain_raw(p->domain, p->low, p->high, n, start, raw);
        values_at(m, raw, n, value);
        for (int i = 0; i < n; i++) cr_assert_float_eq(value[i], start[i], 1e-9, "%s: start", c->text);
        model_free(m);
    }
}

/* log |det d value / d raw| by central differences; of a simplex without its last value and raw value. */
static double log_determinant(Model *m, const double *raw, int n, int free) {
    double a[25], shifted[5], plus[5], minus[5], result = 0, h = 1e-5;
    for (int j = 0; j < free; j++) {
        memcpy(shifted, raw, (size_t)n * sizeof *raw);
        shifted[j] = raw[j] + h;
        values_at(m, shifted, n, plus);
        shifted[j] = raw[j] - h;
        values_at(m, shifted, n, minus);
        for (int i = 0; i < free; i++) a[i * free + j] = (plus[i] - minus[i]) / (2 * h);
    }
    for (int j = 0; j < free; j++) { /* Gauss with pivots */
        int pivot = j;
        for (int i = j; i < free; i++)
            if (fabs(a[i * free + j]) > fabs(a[pivot * free + j])) pivot = i;
        for (int k = 0; k < free; k++) {
            double keep = a[j * free + k];
            a[j * free + k] = a[pivot * free + k];
            a[pivot * free + k] = keep;
        }
        result += log(fabs(a[j * free + j]));
        for (int i = j + 1; i < free; i++) {
            double factor = a[i * free + j] / a[j * free + j];
            for (int k = j; k < free; k++) a[i * free + k] -= factor * a[j * free + k];
        }
    }
    return result;
}

Test(param, log_jacobians_are_those_of_the_maps) {
    random_begin();
    for (int k = 0; k < CASES; k++) {
        Model *m = case_model(&cases[k]);
        int n = cases[k].count ? cases[k].count : 1;
        bool simplex = m->program->params.data[0].domain == QTM_SIMPLEX;
        for (int round = 0; round < 5; round++) {
            double raw[5];
            for (int i = 0; i < n; i++) raw[i] = random_normal();
            const TirTensor *out = run(m, m->program->fits.data[0].monitor, raw, NULL, NULL);
            double expected = log_determinant(m, raw, n, simplex ? n - 1 : n);
            cr_assert_float_eq(out[0].data[0], expected, 1e-5, "%s: %.9g, by differences %.9g", cases[k].text,
                               out[0].data[0], expected);
        }
        model_free(m);
    }
}

/* The derivative that training uses, by every raw value. */
Test(param, derivatives_are_those_of_the_maps) {
    random_begin();
    for (int k = 0; k < CASES; k++) {
        Model *m = case_model(&cases[k]);
        int n = cases[k].count ? cases[k].count : 1;
        TirFunction *f = tir_function_copy(&m->arena, m->program->fits.data[0].updates.data[0].objective, "gradient");
        uint32_t block = 0;
        while (f->inputs.data[block].role != TIR_PORT_BLOCK) block++;
        ad_gradient(f, 0, &block, 1);
        double raw[5], shifted[5], h = 1e-5;
        for (int i = 0; i < n; i++) raw[i] = random_normal();
        const TirTensor *out = run(m, f, raw, NULL, NULL);
        for (int i = 0; i < n; i++) {
            double loss[2];
            for (int side = 0; side < 2; side++) {
                memcpy(shifted, raw, sizeof raw);
                shifted[i] += side ? -h : h;
                loss[side] = run(m, f, shifted, NULL, NULL)[0].data[0];
            }
            double expected = (loss[0] - loss[1]) / (2 * h);
            cr_assert_float_eq(out[1].data[i], expected, 1e-5 * (1 + fabs(expected)),
                               "%s[%d]: %.9g, by differences %.9g", cases[k].text, i, out[1].data[i], expected);
        }
        double mask[5] = {1, 1, 1, 1, 1}; /* held: no derivative */
        out = run(m, f, raw, mask, NULL);
        for (int i = 0; i < n; i++) cr_assert_eq(out[1].data[i], 0, "%s", cases[k].text);
        model_free(m);
    }
}

Test(param, maps_are_finite_and_inside_for_the_largest_raw_values) {
    static const double extremes[] = {0, 1e-30, -1e-30, 90, -90, 1e4, -1e4, 1e19, -1e19, 3e38, -3e38};
    for (int k = 0; k < CASES; k++) {
        Model *m = case_model(&cases[k]);
        int n = cases[k].count ? cases[k].count : 1;
        const ProgramParam *p = &m->program->params.data[0];
        for (size_t x = 0; x < sizeof extremes / sizeof *extremes; x++) {
            double raw[5], value[5];
            for (int i = 0; i < n; i++) raw[i] = i % 2 ? -extremes[x] : extremes[x];
            values_at(m, raw, n, value);
            for (int i = 0; i < n; i++) {
                cr_assert(fabs(value[i]) < 3.4e38 || p->domain == QTM_REAL, "%s at %g: %g", cases[k].text, raw[i],
                          value[i]);
                cr_assert(value[i] >= p->low && value[i] <= p->high, "%s at %g: %.17g", cases[k].text, raw[i],
                          value[i]);
            }
            const TirTensor *out = run(m, m->program->fits.data[0].monitor, raw, NULL, NULL);
            cr_assert(!isnan(out[0].data[0]), "%s at %g", cases[k].text, extremes[x]);
        }
        model_free(m);
    }
}

/* --- links, families, held values --- */

static const char family[] = "use std.prior\n"
                             "flavour q in { u, d, s, ub }\n"
                             "param a[q] in (-1, 3) truth 0.5\n"
                             "param a.ub = a.u\n"
                             "param a.s = -0.2 fixed\n"
                             "param a.d in (0, 4) start 1 prior normal(2, 0.5)\n"
                             "param k in [0, inf) truth 2\n"
                             "param b[f in q] = k * a[f] + 1\n"
                             "fit f {\n"
                             "  minimize (a.u - a.d)^2 + b.s^2 - log_prior over params using adam\n"
                             "  monitor moved = params\n"
                             "  monitor sums = [b.u, b.ub, b.s, log_prior]\n"
                             "}\n";

Test(param, families_links_and_fixed_values) {
    Model *m = model_good(family);
    const Program *p = m->program;
    static const char *const names[] = {"a.u", "a.d", "a.s", "a.ub", "k", "b.u", "b.d", "b.s", "b.ub"};
    static const double truths[] = {0.5, 0.5, -0.2, 0.5, 2, 2, 2, 0.6, 2}, starts[] = {1, 1, -0.2, 1, 1, 2, 2, 0.8, 2};
    cr_assert_eq(p->params.count, 9);
    for (int i = 0; i < 9; i++) {
        const ProgramParam *param = &p->params.data[i];
        cr_assert_str_eq(param->name, names[i]);
        cr_assert(param->has_truth);
        cr_assert_float_eq(param->truth, truths[i], 1e-14, "%s: %.17g", names[i], param->truth);
        cr_assert_float_eq(param->start, starts[i], 1e-14, "%s: %.17g", names[i], param->start);
    }
    cr_assert_eq(p->params.data[2].kind, PROGRAM_FIXED);
    cr_assert(p->params.data[2].bounded);
    cr_assert_eq(p->params.data[3].kind, PROGRAM_LINK);
    cr_assert_str_eq(p->params.data[3].link, "a.u");
    cr_assert_eq(p->params.data[1].low, 0);
    cr_assert_eq(p->param_blocks.count, 1);
    cr_assert_eq(p->param_blocks.data[0].count, 4); /* a.u, a.d, a.s, k */
    const ProgramFit *fit = &p->fits.data[0];
    cr_assert_eq(fit->monitors.data[0].count, 3);
    cr_assert_str_eq(fit->monitors.data[0].labels[1], "a.d");
    double raw[4] = {0.3, -0.2, 5, 1}, mask[4] = {0, 0, 1, 0}, value[4] = {0, 0, -0.2, 0};
    double u = 1 + 2 * (1 - 2e-6) * tanh(0.15), d = 2 + 2 * (1 - 2e-6) * tanh(-0.1), k = sqrt(2) - 1;
    const TirTensor *out = run(m, fit->monitor, raw, mask, value);
    double density = -0.5 * pow((d - 2) / 0.5, 2) - log(0.5) - 0.5 * log(2 * M_PI);
    double expected[] = {k * u + 1, k * u + 1, k * -0.2 + 1, density};
    cr_assert_float_eq(out[0].data[0], u, 1e-14);
    cr_assert_float_eq(out[0].data[2], k, 1e-14);
    for (int i = 0; i < 4; i++) cr_assert_float_eq(out[1].data[i], expected[i], 1e-13);
    model_free(m);
}

Test(param, a_held_value_is_exact) {
    Model *m = model_good("param p in (0, 2)\nfit f { minimize p^2 over params using adam }\n");
    double raw[1] = {0.7}, mask[1] = {1}, value[1] = {0.1234567890123456};
    cr_assert_eq(run(m, m->program->fits.data[0].params, raw, mask, value)[0].data[0], value[0]);
    model_free(m);
}

Test(param, arrays_are_one_block_and_one_operation) {
    Model *m =
        model_good("param t[i in 100, j in 100] in (0, 1000) truth 1 + i + 2 * j\n"
                   "fit f { minimize sum(t * t) over params using adam  monitor r = mean((params - truth)^2) }\n");
    const Program *p = m->program;
    cr_assert_eq(p->params.count, 10000);
    cr_assert_str_eq(p->params.data[302].name, "t[3,2]");
    cr_assert_eq(p->params.data[302].truth, 8);
    cr_assert_lt(p->fits.data[0].updates.data[0].objective->ops.count, 40);
    cr_assert_lt(p->fits.data[0].params->ops.count, 40);
    model_free(m);
}

Test(param, values_in_declared_units) {
    Model *m = model_good("unit GeV\nunit MeV = 1e-3 GeV\n"
                          "param m : MeV in (100, 2000) start 0.5 GeV truth 938\nparam e : GeV = 2 * m\n"
                          "fit f { minimize (m / 1 GeV - 1)^2 over params using adam  monitor v = e / 1 GeV }\n");
    const ProgramParam *p = m->program->params.data;
    cr_assert(p[0].low == 100 && p[0].high == 2000 && p[0].start == 500 && p[0].truth == 938);
    cr_assert_str_eq(p[0].unit, "MeV");
    cr_assert_float_eq(p[1].truth, 1.876, 1e-12);
    double raw[1] = {0};
    cr_assert_float_eq(run(m, m->program->fits.data[0].params, raw, NULL, NULL)[0].data[0], 1050, 1e-9);
    cr_assert_float_eq(run(m, m->program->fits.data[0].monitor, raw, NULL, NULL)[0].data[0], 2.1, 1e-12);
    model_free(m);
}

/* Against the formulas with the C library's lgamma. */
Test(param, priors_are_log_densities) {
    static const double x[] = {0.3, 1.7}, nowhere = -1e30, half_log = 0.91893853320467274178;
    for (int i = 0; i < 2; i++) {
        char text[1024];
        double z = x[i];
        snprintf(text, sizeof text,
                 "use std.prior\nparam p in (0, 2)\nfit f { minimize p^2 over params using adam\n"
                 "monitor v = [normal(%.17g, 1, 0.5), uniform(%.17g, 0, 1), lognormal(%.17g, 0.2, 0.7), "
                 "exponential(%.17g, 3), gamma(%.17g, 2.5, 0.6), beta(%.17g, 0.7, 3.2), cauchy(%.17g, 1, 2), "
                 "half_normal(%.17g, 2), lgamma(%.17g), dirichlet([%.17g, 0.4], 1.5)] }\n",
                 z, z, z, z, z, z, z, z, z, z);
        Model *m = model_good(text);
        double l = (log(z) - 0.2) / 0.7, n = (z - 1) / 0.5;
        const double expected[] = {
            -n * n / 2 - log(0.5) - half_log,
            z < 1 ? 0 : nowhere,
            -l * l / 2 - log(0.7) - half_log - log(z),
            -z / 3 - log(3),
            1.5 * log(z) - z / 0.6 - lgamma(2.5) - 2.5 * log(0.6),
            z < 1 ? -0.3 * log(z) + 2.2 * log(1 - z) + lgamma(3.9) - lgamma(0.7) - lgamma(3.2) : nowhere,
            -log1p((z - 1) * (z - 1) / 4) - log(2 * M_PI),
            -z * z / 8 - log(2) - half_log + log(2),
            lgamma(z),
            0.5 * (log(z) + log(0.4)) + lgamma(3) - 2 * lgamma(1.5),
        };
        double raw[1] = {0};
        const TirTensor *out = run(m, m->program->fits.data[0].monitor, raw, NULL, NULL);
        cr_assert_eq(out[0].count, 10);
        for (int k = 0; k < 10; k++)
            cr_assert_float_eq(out[0].data[k], expected[k], 1e-10 * (1 + fabs(expected[k])),
                               "x = %g, %d: %.15g for %.15g", z, k, out[0].data[k], expected[k]);
        model_free(m);
    }
}

/* --- the command line --- */

#define P(label, what, line_, number)                                                                                  \
    {.name = label,                                                                                                    \
     .domain = what,                                                                                                   \
     .high = 1,                                                                                                        \
     .start = 0.5,                                                                                                     \
     .bounded = true,                                                                                                  \
     .element = (number + 1) % line_,                                                                                  \
     .place = number,                                                                                                  \
     .line = line_}
static const struct qtm_param table[] = {P("a.u", QTM_OPEN, 1, 0),
                                         P("a.d", QTM_OPEN, 1, 1),
                                         {.name = "l", .kind = QTM_LINK, .link = "2 * a.u", .line = 1},
                                         {.name = "c", .kind = QTM_FIXED, .start = 7, .place = 2, .line = 1},
                                         P("w[0]", QTM_SIMPLEX, 2, 3),
                                         P("w[1]", QTM_SIMPLEX, 2, 4),
                                         P("t[0,0]", QTM_CLOSED, 2, 5),
                                         P("t[0,1]", QTM_CLOSED, 2, 6)};
static const struct qtm_param_block blocks[] = {{"params", 7}};
static const struct qtm_model model = {
    .param_count = 8, .param_block_count = 1, .params = table, .param_blocks = blocks};

Test(param, choices) {
    struct qtm_choice choice;
    cr_assert_eq(qtm_choice_make(&model, NULL, "a.u=0.25, t[0,1]", "a=0.1,t[0]=1,w[0]=0.3,w[1]=0.7", &choice), QTM_OK);
    static const int64_t held[] = {1, 0, 0, 1, 0, 0, 0, 1};
    static const double value[] = {0.25, 0.1, 0, 7, 0.3, 0.7, 1, 1};
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(choice.held[i], held[i], "%s", table[i].name);
        cr_assert_eq(choice.value[i], value[i], "%s", table[i].name);
    }
    struct qtm_held ports;
    cr_assert_eq(qtm_held_create(&model, &choice, &ports), QTM_OK);
    cr_assert_eq(ports.f64[QTM_HELD_MASK][0], 1);
    cr_assert_eq(ports.f64[QTM_HELD_VALUE][0], 0.25);
    cr_assert_float_eq(ports.f64[QTM_HELD_START][3] - ports.f64[QTM_HELD_START][4], log(0.3 / 0.7), 1e-5);
    qtm_held_destroy(&ports);
    qtm_choice_destroy(&choice);
}

Test(param, choices_refused) {
    static const struct {
        const char *free, *fix, *start, *text;
    } wrong[] = {
        {NULL, "a.x", NULL, "no parameter 'a.x'; did you mean 'a."},
        {NULL, "l", NULL, "'l' is a link, 2 * a.u"},
        {"l", NULL, NULL, "is a link"},
        {"c", NULL, NULL, "no domain to move in"},
        {"a.u", "a", NULL, "named by --free and by --fix"},
        {NULL, "a.u=2", NULL, "the domain of 'a.u' is (0, 1)"},
        {NULL, NULL, "a.u=0", "the domain of 'a.u' is (0, 1)"},
        {NULL, NULL, "t=1.5", "the domain of 't[0,0]' is [0, 1]"},
        {NULL, NULL, "a.u", "needs a value"},
        {NULL, NULL, "a.u=x", "needs a number, not 'x'"},
        {NULL, "w[0]", NULL, "only together"},
        {NULL, NULL, "w[0]=0.1", "do not add up to 1"},
        {"a.u=1", NULL, NULL, "--free takes names"},
        {NULL, ",", NULL, "a name of a parameter is wanted"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct qtm_choice choice;
        cr_assert_eq(qtm_choice_make(&model, wrong[i].free, wrong[i].fix, wrong[i].start, &choice), QTM_MISUSE);
        cr_assert(strstr(qtm_error_text(), wrong[i].text), "'%s' is not in '%s'", wrong[i].text, qtm_error_text());
    }
}

/* Units and measures: numbers that come out of models in declared units, formulas of the kinematics library against
 * numbers computed elsewhere, and the tensor functions of a model with its units written and left out, which are equal.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "unit/model_text.h"

#define LIBRARY "use std.units\nuse std.constants\nuse std.kinematics\nuse std.sampler\nparam p in (0, 2) truth 1\n"
#define TAIL "\n  minimize (p - 1)^2 over params using adam(1e-3)\n}\n"

/* Monitor 0 of a fit at p = 1, the middle of its domain. */
static void check_monitor(const char *text, const double *expected, size_t count, double tolerance) {
    Model *m = model_good(text);
    const ProgramFit *fit = &m->program->fits.data[0];
    double zero = 0;
    TirTensor in[4],
        *out = calloc(fit->monitor->outputs.count, sizeof *out); /* raw value, whether it is held, at what */
    for (int i = 0; i < 4; i++) in[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = &zero};
    tir_interpret(fit->monitor, &m->arena, in, NULL, 1, 0, out);
    cr_assert_eq(out[0].count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert(fabs(((double *)out[0].data)[i] - expected[i]) <= tolerance * fmax(1, fabs(expected[i])),
                  "value %zu is %.17g instead of %.17g", i, ((double *)out[0].data)[i], expected[i]);
    free(out);
    model_free(m);
}

#define CHECK(tolerance, text, ...)                                                                                    \
    check_monitor(text, (double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double), tolerance)

/* The text of every function of a model's first fit. */
static char *functions_text(const char *text) {
    Model *m = model_good(text);
    const ProgramFit *fit = &m->program->fits.data[0];
    char *buffer;
    size_t length;
    FILE *out = open_memstream(&buffer, &length);
    for (size_t i = 0; i < fit->updates.count; i++) tir_print(out, fit->updates.data[i].objective);
    tir_print(out, fit->monitor);
    tir_print(out, fit->curve);
    for (size_t i = 0; i < m->program->events.count; i++)
        if (m->program->events.data[i].draw) tir_print(out, m->program->events.data[i].draw);
    fclose(out);
    model_free(m);
    return buffer;
}

static void check_equal(const char *a, const char *b) {
    char *first = functions_text(a), *second = functions_text(b);
    cr_assert_str_eq(first, second);
    free(first);
    free(second);
}

/* --- units --- */

Test(units, conversions) {
    CHECK(1e-14,
          LIBRARY "fit a {\n monitor m = [27.5 GeV / (1 MeV), 10 GeV^2 / (1 TeV)^2, (1 GeV^(1/2))^2 / GeV, 3 mrad, 5 %,"
                  " 180 deg, hbar_c, 1 mb * (1 GeV)^2, (1 s)/(299792458 m), 1 nb / (1 pb)]" TAIL,
          27500, 1e-5, 1, 3e-3, 5e-2, M_PI, 1, 1 / 0.3893793721718595, 1, 1000);
}

Test(units, fractional_powers_come_back) {
    CHECK(1e-14,
          LIBRARY "fun third(v) = v^(1/3)\nfit a {\n"
                  "  monitor m = [third(8 GeV)^3 / GeV, sqrt(16 GeV^2) / GeV, sqrt(sqrt(16 GeV))^4 / GeV, "
                  "(4 GeV)^0.5 * (9 GeV)^(3/2) / GeV^2, (2 GeV)^-2 * GeV^2]" TAIL,
          8, 4, 16, 54, 0.25);
}

Test(units, known_zero_has_any_unit) {
    CHECK(0, LIBRARY "fit a {\n monitor m = [max(p * 1 GeV, 0) / GeV, if p * GeV > 0 then 1 else 0]" TAIL, 1, 1);
}

/* Products of arrays, sums, elements and grids keep their units: each would be refused if one were lost. */
Test(units, arrays) {
    CHECK(1e-14,
          LIBRARY "fit a {\n  let e = [1 GeV, 2 GeV, p * 3 GeV]\n  let q = linspace(0 GeV^2, 4 GeV^2, 3)\n"
                  "  monitor m = [(e @ e) / GeV^2, sum(e) / GeV, mean(q) / (1 GeV^2), max(e) / GeV, e[2] / (1 GeV),"
                  " cumsum(e)[1] / GeV, search(q, 3 GeV^2), sum(x^2 for x in e) / GeV^2, sum(e * e) / GeV^2]" TAIL,
          14, 6, 2, 3, 3, 3, 1, 14, 14);
}

Test(units, functions_of_several_quantities) {
    CHECK(1e-14,
          LIBRARY "fit a {\n  let e = [1 GeV, 2 GeV, p * 3 GeV]\n"
                  "  monitor m = [atan2(p * GeV, 1 GeV), prod(e) / GeV^3, prod(k * GeV for k in e) / GeV^6, "
                  "grad(p^2 * GeV, p) / GeV]" TAIL,
          M_PI / 4, 6, 6, 2);
}

/* --- kinematics: HERA, E_e = 27.5 GeV, E_p = 920 GeV --- */

Test(units, electron_method) {
    static const double points[3][6] = {
        {.01, 100, .09881423, 25.6916996, 2.7631219, 9.4930805},
        {.001, 10, .09881423, 24.8735178, 3.0206081, NAN},
        {.1, 1000, .09881423, 33.8735178, 2.0524483, NAN},
    };
    for (int i = 0; i < 3; i++) {
        const double *p = points[i];
        char text[1000];
        snprintf(text, sizeof text,
                 LIBRARY "fit a {\n  let y = inelasticity(%g, %g GeV^2, beam_s(27.5 GeV, 920 GeV))\n"
                         "  let E = scattered_energy(y, %g GeV^2, 27.5 GeV)\n"
                         "  monitor m = [y, E / GeV, scattered_cos(E, %g GeV^2, 27.5 GeV), "
                         "electron_Q2(E, %.10g, 27.5 GeV) / GeV^2, electron_x(E, %.10g, 27.5 GeV, 920 GeV), "
                         "scattered_pT(y, %g GeV^2) / GeV, E * sin(%.10g) / GeV]" TAIL,
                 p[0], p[1], p[1], p[1], p[4], p[4], p[1], p[4]);
        double pT = isnan(p[5]) ? p[3] * sin(p[4]) : p[5];
        CHECK(3e-6, text, p[2], p[3], cos(p[4]), p[1], p[0], pT, pT);
    }
}

/* All methods agree on an event without losses: sigma_h = 2 E_e y, pT_h = E sin theta. */
Test(units, reconstruction_methods_agree) {
    CHECK(1e-12,
          LIBRARY "fit a {\n  let y = 0.3\n  let Q2 = 100 GeV^2\n  let E = scattered_energy(y, Q2, 27.5 GeV)\n"
                  "  let c = scattered_cos(E, Q2, 27.5 GeV)\n  let pT = scattered_pT(y, Q2)\n"
                  "  let sigma = 2 * 27.5 GeV * y\n  let g = hadronic_cos(pT, sigma)\n"
                  "  monitor m = [jacquet_blondel_y(sigma, 27.5 GeV), jacquet_blondel_Q2(pT, y) / GeV^2, "
                  "double_angle_y(c, g), double_angle_Q2(c, g, 27.5 GeV) / GeV^2, "
                  "sigma / (sigma + E * (1 - c)), half_tangent(c)^2 * (1 + c) / (1 - c)]" TAIL,
          0.3, 100, 0.3, 100, 0.3, 1);
}

Test(units, invariants) {
    const double M = 0.93827208816;
    CHECK(1e-12,
          LIBRARY "fit a {\n monitor m = [hadronic_W2(0.1, 9 GeV^2) / GeV^2, target_gamma(0.1, 9 GeV^2), "
                  "photon_energy(0.1, 9 GeV^2) / GeV, Y_plus(0.5), Y_minus(0.5), photon_polarisation(0.5, 0), "
                  "sqrt(1 + target_gamma(0.1, 9 GeV^2)^2)]" TAIL,
          M * M + 81, 2 * M * 0.1 / 3, 9 / (0.2 * M), 1.25, 0.75, 0.5 / 0.625, sqrt(1 + 0.04 * M * M / 9));
}

/* F2 = 0.78110, FL = 0 at x = 0.01, Q2 = 100 GeV^2, sqrt(s) = 318.1 GeV. */
Test(units, neutral_current_cross_section) {
    CHECK(3e-6,
          LIBRARY "fit a {\n  let y = inelasticity(0.01, 100 GeV^2, (318.1 GeV)^2)\n"
                  "  monitor m = [y, Y_plus(y), nc_cross_section(0.01, 100 GeV^2, y, "
                  "reduced_cross_section(y, 0.7811, 0, 0, 1)) / (pb/GeV^2)]" TAIL,
          0.0988263, 1.812114, 1844.06);
}

/* --- units cost nothing --- */

#define ERASED(gev, gev2, of_gev, of_gev2)                                                                             \
    "use std.units\nuse std.sampler\nparam p in (0, 2) truth 1\n"                                                      \
    "event Dis { x in 0.1 .. 1\n  Q2" of_gev2 " in 3.5 .. 50 }\ndata d : Dis from \"a.h5\"\n"                          \
    "const M = 0.938" gev "\n"                                                                                         \
    "fun gamma(x, Q2" of_gev2 ") = 2 * M * x / sqrt(Q2)\n"                                                             \
    "qcf F2(x, Q2" of_gev2 ") = x^p * (1 - x)^3 * (Q2 / (4" gev2 "))^0.2\n"                                            \
    "density f(x in 0.1 .. 1) = x^p\n"                                                                                 \
    "density g(Q2" of_gev2 " in 3.5 .. 50) = (Q2 / (10" gev2 "))^(-p)\n"                                               \
    "fun score(e : Dis, m" of_gev ") = sqrt(1 + gamma(e.x, e.Q2)^2) * F2(e.x, e.Q2) * (m / M)^2\n"                     \
    "fit a {\n  events 10\n  let s = draw Dis { x ~ f, Q2 ~ g }\n"                                                     \
    "  monitor m = mean(score(e, 2" gev ") for e in s)\n"                                                              \
    "  minimize mean(score(e, 1" gev                                                                                   \
    ") for e in d) + mean(log(pdf(g, e.Q2)) for e in d) over params using adam(1e-3)\n}\n"

Test(units, are_erased) {
    check_equal(ERASED(" GeV", " GeV^2", " : GeV", " : GeV^2"), ERASED("", "", "", ""));
}

/* --- units of fields --- */

Test(units, fields_are_in_base_units_inside) {
    Model *m = model_good("use std.units\nuse std.sampler\nparam p in (0, 2) truth 1\n"
                          "event Jet { E : MeV in 100 .. 3000\n  m : GeV in 0 .. 3000 MeV }\n"
                          "data d : Jet from \"a.h5\"\n"
                          "density f(E : MeV in 100 .. 3000) = (E / GeV)^(-p)\n"
                          "density g(m : MeV in 0 .. 3000) = 1 + m / GeV\n"
                          "fit a {\n  events 4\n  let s = draw Jet { E ~ f, m ~ g }\n"
                          "  minimize mean(p * e.E / GeV for e in all of d) + mean(e.E / GeV for e in s)"
                          " over params using adam(1e-3)\n}\n");
    const ProgramEvent *event = &m->program->events.data[0];
    cr_assert_float_eq(event->fields.data[0].low, 0.1, 1e-15);
    cr_assert_float_eq(event->fields.data[0].high, 3, 1e-15);
    cr_assert_str_eq(event->fields.data[0].unit, "MeV");
    cr_assert_float_eq(event->fields.data[0].scale, 1e-3, 1e-18);
    cr_assert_float_eq(event->fields.data[1].high, 3, 1e-15);
    cr_assert_eq(event->fields.data[1].scale, 1);
    TirTensor *out = calloc(event->draw->outputs.count, sizeof *out);
    tir_interpret(event->draw, &m->arena, NULL, NULL, 5, 0, out);
    double low[2] = {1e9, 1e9}, high[2] = {0};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < out[k].count; i++) {
            low[k] = fmin(low[k], ((double *)out[k].data)[i]);
            high[k] = fmax(high[k], ((double *)out[k].data)[i]);
        }
    cr_assert(low[0] >= 0.1 && low[0] < 0.11 && high[0] > 2.9 && high[0] <= 3, "%g .. %g GeV", low[0], high[0]);
    cr_assert(low[1] >= 0 && low[1] < 0.01 && high[1] > 2.9 && high[1] <= 3, "%g .. %g GeV", low[1], high[1]);
    const ProgramFit *fit = &m->program->fits.data[0];
    for (size_t i = 0; i < fit->curves.count; i++) cr_assert_eq(fit->curves.data[i].high, i ? 3 : 3000);
    free(out);
    model_free(m);
}

/* --- measures --- */

#define DRAWN(density)                                                                                                 \
    "use std.units\nuse std.sampler\nparam p in (0, 2) truth 1\nevent E { x in 0.1 .. 1 }\n" density                   \
    "fit a {\n  events 10\n  let s = draw E { x ~ f }\n  monitor m = mean(e.x for e in s) + pdf(f, 0.5)\n"             \
    "  minimize mean(e.x for e in s) + integral(f) over params using adam(1e-3)\n}\n"

Test(units, what_draws_or_integrates_sees_a_density_per_d_of_its_variable) {
    check_equal(DRAWN("density f(x in 0.1 .. 1) per dlnx = x^p\n"),
                DRAWN("fun h(x) = x^p\ndensity f(x in 0.1 .. 1) = h(x) / x\n"));
}

Test(units, per_inserts_the_jacobian) {
    CHECK(1e-14,
          LIBRARY "density f(x in 0.1 .. 1) = x^2\ndensity g(x in 0.1 .. 1) per dlnx = x^2\n"
                  "xsec h(x in 0.1 .. 1, Q2 : GeV^2 in 1 .. 10) : pb/GeV^2 per dx dQ2 = 8 pb/GeV^2\n"
                  "density same(x in 0.1 .. 1) per dlnx = per(f(x), dlnx) + g(x)\n"
                  "fit a {\n  monitor m = [f(0.5), per(f(0.5), dlnx), per(g(0.5), dx), per(f(0.5), dx), same(0.5), "
                  "per(h(0.5, 4 GeV^2), dlnQ2) / pb, per(h(0.5, 4 GeV^2), dlnx, dlnQ2) / pb, f(0.5) / f(0.25)]" TAIL,
          0.25, 0.125, 0.5, 0.25, 0.375, 32, 16, 4);
}

/* The integral of a density in pb/GeV^2 over Q2 is in pb, whatever unit the domain is written in. */
Test(units, integral_of_a_cross_section) {
    CHECK(1e-10,
          LIBRARY "xsec h(Q2 : GeV^2 in 1 .. 10) : pb/GeV^2 per dQ2 = 8 pb/GeV^2\n"
                  "xsec k(Q : MeV in 1000 .. 3000) : pb per dlnQ = 8 pb * Q / GeV\n"
                  "fit a {\n  monitor m = [integral(h) / pb, integral(k) / pb, pdf(h, 4 GeV^2), pdf(k, 2 GeV)]" TAIL,
          72, 16, 1. / 9, 1. / 2000);
}

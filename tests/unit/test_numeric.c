/* The runtime's incomplete functions, their derivatives and inverses against reference values of 60 digits, special
 * values, and the sort against the C library's. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "qtm/numeric.h"
#include "unit/numeric_reference.h"

static double relative(double got, double want) {
    return want == 0 || fabs(want) < 1e-290 ? fabs(got) : fabs(got / want - 1);
}

/* The largest error of each column, and where. */
typedef struct Worst {
    const char *name;
    double limit, error;
    const double *row;
} Worst;

static void note(Worst *w, double got, double want, const double *row) {
    double error = relative(got, want);
    if (!(error <= w->error)) w->error = error, w->row = row;
}
static void report(const Worst *w, int count) {
    for (int k = 0; k < count; k++) {
        printf("%-14s relative error %.1e\n", w[k].name, w[k].error);
        cr_expect(w[k].error <= w[k].limit, "%s: relative error %g at %g, %g, %g", w[k].name, w[k].error, w[k].row[0],
                  w[k].row[1], w[k].row[2]);
    }
}

Test(numeric, incomplete_gamma) {
    Worst w[] = {{"P", 1e-13, 0, NULL},     {"Q", 1e-13, 0, NULL},      {"density", 1e-13, 0, NULL},
                 {"dP/da", 1e-12, 0, NULL}, {"d2P/da2", 1e-8, 0, NULL}, {"dp/da", 1e-11, 0, NULL},
                 {"dp/dx", 1e-11, 0, NULL}};
    for (size_t i = 0; i < sizeof reference_gamma / sizeof *reference_gamma; i++) {
        const double *r = reference_gamma[i], a = r[0], x = r[1];
        const double got[] = {qtm_inc_gamma(a, x, 0),  qtm_inc_gamma_upper(a, x), qtm_inc_gamma(a, x, 1),
                              qtm_inc_gamma(a, x, 10), qtm_inc_gamma(a, x, 20),   qtm_inc_gamma(a, x, 11),
                              qtm_inc_gamma(a, x, 2)};
        for (int k = 0; k < 7; k++) note(&w[k], got[k], r[2 + k], r);
    }
    report(w, 7);
}

Test(numeric, incomplete_beta) {
    Worst w[] = {{"I", 1e-13, 0, NULL},     {"density", 1e-13, 0, NULL}, {"dI/da", 1e-11, 0, NULL},
                 {"dI/db", 1e-10, 0, NULL}, {"d2I/da2", 1e-8, 0, NULL},  {"d2I/dadb", 1e-8, 0, NULL},
                 {"d2I/db2", 1e-8, 0, NULL}};
    static const int32_t orders[] = {0, 1, 100, 10, 200, 110, 20};
    for (size_t i = 0; i < sizeof reference_beta / sizeof *reference_beta; i++) {
        const double *r = reference_beta[i];
        for (int k = 0; k < 7; k++) note(&w[k], qtm_inc_beta(r[0], r[1], r[2], orders[k]), r[3 + k], r);
    }
    report(w, 7);
}

/* The inverse of the value, to 1e-13 and what the rounding of u does to it: du / density. */
static double inverse_error(double got, double want, double u, double density) {
    return fabs(got - want) / (1e-13 * want + 8 * 0x1p-53 * u / density);
}
Test(numeric, inverses) {
    for (size_t i = 0; i < sizeof reference_gamma / sizeof *reference_gamma; i++) {
        const double *r = reference_gamma[i], x = qtm_inc_gamma_inverse(r[0], r[2]);
        cr_expect_leq(inverse_error(x, r[1], r[2], r[4]), 1, "a = %g: %.17g instead of %.17g", r[0], x, r[1]);
    }
    for (size_t i = 0; i < sizeof reference_beta / sizeof *reference_beta; i++) {
        const double *r = reference_beta[i], x = qtm_inc_beta_inverse(r[0], r[1], r[3]);
        cr_expect_leq(inverse_error(x, r[2], r[3], r[4]), 1, "a, b = %g, %g: %.17g instead of %.17g", r[0], r[1], x,
                      r[2]);
    }
}

/* Down to where there is nothing left, and back: all finite and in order. */
Test(numeric, inverses_of_any_probability) {
    static const double shapes[] = {1e-3, 0.01, 0.2, 1, 3, 50, 1e4, 1e6};
    for (int i = 0; i < 8; i++) {
        double last = 0, last_beta = 0;
        for (double u = 1e-300; u < 1; u = u < 1e-3 ? u * 1e10 : u + 0.01) {
            double x = qtm_inc_gamma_inverse(shapes[i], u), back = qtm_inc_gamma(shapes[i], x, 0);
            cr_expect(x >= last && isfinite(x), "gamma %g at %g: %g after %g", shapes[i], u, x, last);
            cr_expect(x < 1e-300 || fabs(back / u - 1) < 1e-9, "gamma %g at %g: %g", shapes[i], u, back);
            last = x;
            x = qtm_inc_beta_inverse(shapes[i], shapes[7 - i], u);
            cr_expect(x >= last_beta && x <= 1, "beta %g at %g: %g after %g", shapes[i], u, x, last_beta);
            last_beta = x;
        }
    }
}

Test(numeric, special_values) {
    const double inf = INFINITY;
    cr_expect_eq(qtm_inc_gamma(2, 0, 0), 0);
    cr_expect_eq(qtm_inc_gamma(2, inf, 0), 1);
    cr_expect_eq(qtm_inc_gamma_upper(2, 0), 1);
    cr_expect_eq(qtm_inc_gamma_upper(2, inf), 0);
    cr_expect_eq(qtm_inc_gamma(0.5, 0, 1), inf);
    cr_expect_eq(qtm_inc_gamma(1, 0, 1), 1);
    cr_expect_eq(qtm_inc_gamma(3, 0, 1), 0);
    for (int32_t order = 0; order <= 30; order++) {
        if (order / 10 > 2 || order / 10 + order % 10 > 3) continue;
        cr_expect(!isnan(qtm_inc_gamma(2.5, 0, order)) && !isnan(qtm_inc_gamma(2.5, inf, order)), "order %d", order);
        cr_expect(isnan(qtm_inc_gamma(-1, 1, order)) && isnan(qtm_inc_gamma(1, -1, order)), "order %d", order);
        cr_expect(isnan(qtm_inc_gamma(NAN, 1, order)) && isnan(qtm_inc_gamma(1, NAN, order)), "order %d", order);
        cr_expect(isnan(qtm_inc_gamma(0, 1, order)) && isnan(qtm_inc_gamma(inf, 1, order)), "order %d", order);
    }
    cr_expect_eq(qtm_inc_beta(2, 3, 0, 0), 0);
    cr_expect_eq(qtm_inc_beta(2, 3, 1, 0), 1);
    cr_expect_eq(qtm_inc_beta(0.5, 3, 0, 1), inf);
    cr_expect_eq(qtm_inc_beta(2, 1, 1, 1), 2);
    cr_expect_eq(qtm_inc_beta(2, 3, 0, 110), 0);
    cr_expect_eq(qtm_inc_beta(2, 3, 1, 100), 0);
    cr_expect(isnan(qtm_inc_beta(2, 3, 1.5, 0)) && isnan(qtm_inc_beta(2, 3, -0.5, 1)) &&
              isnan(qtm_inc_beta(0, 3, 0.5, 0)));
    cr_expect(isnan(qtm_inc_beta(2, NAN, 0.5, 0)) && isnan(qtm_inc_beta(2, 3, NAN, 0)));
    cr_expect_eq(qtm_inc_gamma_inverse(2, 0), 0);
    cr_expect_eq(qtm_inc_gamma_inverse(2, 1), inf);
    cr_expect_eq(qtm_inc_beta_inverse(2, 3, 0), 0);
    cr_expect_eq(qtm_inc_beta_inverse(2, 3, 1), 1);
    cr_expect(isnan(qtm_inc_gamma_inverse(2, 1.5)) && isnan(qtm_inc_gamma_inverse(2, NAN)));
    cr_expect(isnan(qtm_inc_beta_inverse(-2, 3, 0.5)) && isnan(qtm_inc_beta_inverse(2, 3, -0.5)));
}

/* --- sort --- */

enum { LONG = 100000 };
static const double *sorted_values;

static int by_value(const void *a, const void *b) {
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    double x = sorted_values[i], y = sorted_values[j];
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y) ? isnan(x) - isnan(y) : (i > j) - (i < j);
    return x < y ? -1 : x > y ? 1 : (i > j) - (i < j);
}

static void check_sort(const double *x, int64_t n, int64_t stride, int64_t step) {
    double *wide = malloc(sizeof *wide * (size_t)(n * stride + 1));
    float *narrow = malloc(sizeof *narrow * (size_t)(n * stride + 1));
    int32_t *want = malloc(sizeof *want * (size_t)(n + 1)), *got = malloc(sizeof *got * (size_t)(n * step + 1));
    for (int64_t i = 0; i < n; i++) want[i] = (int32_t)i, wide[i * stride] = x[i], narrow[i * stride] = (float)x[i];
    sorted_values = x;
    qsort(want, (size_t)n, sizeof *want, by_value);
    for (int f64 = 0; f64 < 2; f64++) {
        if (f64)
            qtm_argsort_f64(n, wide, stride, got, step);
        else
            qtm_argsort_f32(n, narrow, stride, got, step);
        for (int64_t i = 0; i < n; i++)
            cr_assert_eq(got[i * step], want[i], "%s, %lld of %lld: %d instead of %d", f64 ? "f64" : "f32",
                         (long long)i, (long long)n, got[i * step], want[i]);
    }
    free(wide), free(narrow), free(want), free(got);
}

/* Few values, so that most are equal, some NaN, infinite or -0; rows in order, in reverse and of one value, and the saw
 * that defeats a median of three. */
Test(numeric, sort_is_stable_with_nan_last) {
    srand(5);
    double *x = malloc(LONG * sizeof *x);
    for (int kind = 0; kind < 6; kind++)
        for (int64_t n = 0; n < LONG; n = n < 40 ? n + 1 : n * 7 + 3) {
            for (int64_t i = 0; i < n; i++) {
                int word = rand() % 64;
                double some = word == 0 ? NAN : word == 1 ? -INFINITY : word == 2 ? -0.0 : word / 8;
                double saw = (double)(i % 2 ? i : n / 2 + i / 2);
                x[i] = kind == 0   ? some
                       : kind == 1 ? (double)(float)rand()
                       : kind == 2 ? (double)i
                       : kind == 3 ? (double)(n - i)
                       : kind == 4 ? 1
                                   : saw;
            }
            check_sort(x, n, 1 + kind % 3, 1 + kind % 2);
        }
    free(x);
}

/* A quadratic sort of a row this long would not end. */
Test(numeric, sort_of_a_long_row, .timeout = 60) {
    enum { COUNT = 2000000 };
    double *x = malloc(COUNT * sizeof *x);
    int32_t *index = malloc(COUNT * sizeof *index);
    for (int64_t i = 0; i < COUNT; i++) x[i] = (double)((i * 7919) % 1000003);
    qtm_argsort_f64(COUNT, x, 1, index, 1);
    for (int64_t i = 1; i < COUNT; i++) cr_assert(x[index[i - 1]] <= x[index[i]]);
    free(x), free(index);
}

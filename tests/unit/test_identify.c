/* Eigenvalues, null spaces and bounds of Fisher matrices that are known. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/train/eigen.h"
#include "runtime/train/identify.h"

/* A v = lambda v, ascending, for sizes up to 40 and matrices of less than full rank. */
Test(identify, eigen) {
    uint64_t state = 12345;
    for (int n = 1; n <= 40; n += 3) {
        double *a = malloc(sizeof(double) * (size_t)(n * n)), *v = malloc(sizeof(double) * (size_t)(n * n)), values[40];
        int rank = n > 4 ? n - 2 : n;
        memset(a, 0, sizeof(double) * (size_t)(n * n));
        for (int k = 0; k < rank; k++) {
            double row[40];
            for (int i = 0; i < n; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                row[i] = (double)(state >> 11) * 0x1p-53 - 0.5;
            }
            for (int i = 0; i < n * n; i++) a[i] += row[i / n] * row[i % n];
        }
        memcpy(v, a, sizeof(double) * (size_t)(n * n));
        cr_assert_eq(qtm_eigen(n, v, values), QTM_OK);
        for (int e = 0; e < n; e++) {
            if (e) cr_expect_geq(values[e], values[e - 1]);
            for (int i = 0; i < n; i++) {
                double sum = 0, unit = 0;
                for (int j = 0; j < n; j++) {
                    sum += a[i * n + j] * v[e * n + j];
                    unit += v[e * n + j] * v[i * n + j];
                }
                cr_expect_float_eq(sum, values[e] * v[e * n + i], 1e-13 * n, "n = %d", n);
                cr_expect_float_eq(unit, e == i, 1e-13, "n = %d", n);
            }
        }
        if (n > 4) cr_expect(fabs(values[1]) < 1e-14 * n && values[2] > 1e-6, "rank of n = %d", n);
        free(a);
        free(v);
    }
}

static const struct qtm_param params[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
static const struct qtm_model model = {.param_count = 4, .params = params};

static struct qtm_identified start(int count, const double *matrix, const int *last) {
    struct qtm_identified of = {.model = &model, .fits = "fit", .events = 1, .count = count};
    of.rows = qtm_alloc_array(4, sizeof(int));
    of.last = qtm_alloc_array(4, sizeof(int));
    of.matrix = qtm_alloc_array(16, sizeof(double));
    of.moment = qtm_alloc_array(4, sizeof(double));
    for (int i = 0; i < count; i++) {
        of.rows[i] = i;
        of.last[i] = last ? last[i] : -1;
        of.moment[i] = 1;
    }
    memcpy(of.matrix, matrix, sizeof(double) * (size_t)(count * count));
    return of;
}

/* Only a + 2 b and c are seen; d not at all. Lengths differ by 1e6, which must not matter. */
Test(identify, null_space) {
    double matrix[16] = {4, 8, 0, 0, 8, 16, 0, 0, 0, 0, 1e-12, 0, 0, 0, 0, 0};
    struct qtm_identified of = start(4, matrix, NULL);
    of.moment[2] = 1e-12;
    cr_assert_eq(qtm_identify_solve(&of, NULL), QTM_OK);
    cr_expect_eq(of.flat, 2);
    bool seen[2] = {false};
    for (int k = 0; k < 2; k++) {
        char text[128];
        qtm_identify_direction_text(&of, k, text, sizeof text);
        seen[0] |= !strcmp(text, "d");
        seen[1] |= !strcmp(text, "0.894 a - 0.447 b");
    }
    cr_expect(seen[0] && seen[1]);
    cr_expect(of.free[0] && of.free[1] && !of.free[2] && of.free[3]);
    cr_expect_float_eq(sqrt(of.covariance[2 * 4 + 2]), 1e6, 1);
    cr_expect(of.held[0] != of.held[1] && !of.held[2] && of.held[3]);
    cr_expect_float_eq(sqrt(of.covariance[0] + of.covariance[5]), of.held[0] ? 0.25 : 0.5, 1e-12);
    cr_expect(of.scaled[0] == 0 && of.scaled[1] == 0);
    cr_expect_float_eq(of.spectrum[3], 20, 1e-12);
}

/* Three shares of 1 with F = 1/p of a multinomial: the covariance is diag(p) - p p', rows of which add up to 0. */
Test(identify, shares) {
    double p[3] = {0.2, 0.3, 0.5}, matrix[9] = {0};
    const int last[3] = {2, 2, -2};
    for (int i = 0; i < 3; i++) matrix[4 * i] = 1 / p[i];
    struct qtm_identified of = start(3, matrix, last);
    cr_assert_eq(qtm_identify_solve(&of, NULL), QTM_OK);
    cr_expect(of.flat == 0 && of.coordinates == 2);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            cr_expect_float_eq(of.covariance[3 * i + k], (i == k ? p[i] : 0) - p[i] * p[k], 1e-14);
}

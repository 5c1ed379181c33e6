/* Spectrum, null space and covariance of a Fisher matrix. Whether a direction is flat must not depend on units, so it
 * is asked of C_ij = F_ij / sqrt(F_ii F_jj), in which every parameter counts in units of its bound with all others
 * known. An exact symmetry of the densities leaves round-off there, 1e-16, since scores at every node are summed. */
#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/train/eigen.h"
#include "runtime/train/identify.h"

static const double FLAT = 1e-10;      /* eigenvalues of C below this part of the largest */
static const double ROUND_OFF = 1e-12; /* F_ii below this part of <s_i^2>: the density does not depend on it */
static const double SMALL = 1e-6;      /* parts of a direction below this are round-off */

struct solver {
    struct qtm_identified *to;
    int m;          /* coordinates */
    int *at;        /* [m] the parameter */
    double *f;      /* [m, m] F by coordinates */
    double *unit;   /* [m] 1 / sqrt(F_ii); 0: no information on it */
    double *vector; /* [m, m] eigenvectors of C, one a row */
    double *null;   /* [flat, m] in the units of C */
};

/* Element of F by coordinates: b_a' F b_b with b_a = e_a - e_last(a). */
static double element(const struct qtm_identified *to, int a, int b) {
    int n = to->count, la = to->last[a], lb = to->last[b];
    double value = to->matrix[(int64_t)a * n + b];
    if (la >= 0) value -= to->matrix[(int64_t)la * n + b];
    if (lb >= 0) value -= to->matrix[(int64_t)a * n + lb];
    if (la >= 0 && lb >= 0) value += to->matrix[(int64_t)la * n + lb];
    return value;
}

static qtm_status coordinates_make(struct solver *s) {
    struct qtm_identified *to = s->to;
    int64_t n = to->count;
    s->at = qtm_alloc_array(n, sizeof *s->at);
    s->unit = qtm_alloc_array(n, sizeof(double));
    s->f = qtm_alloc_array(n * n, sizeof(double));
    s->vector = qtm_alloc_array(n * n, sizeof(double));
    if (!s->at || !s->unit || !s->f || !s->vector) return qtm_error_memory(2 * n * n * (int64_t)sizeof(double));
    for (int i = 0; i < n; i++)
        if (to->last[i] != -2) s->at[s->m++] = i;
    for (int a = 0; a < s->m; a++)
        for (int b = 0; b < s->m; b++) s->f[(int64_t)a * s->m + b] = element(to, s->at[a], s->at[b]);
    for (int a = 0; a < s->m; a++) {
        double own = s->f[(int64_t)a * s->m + a];
        s->unit[a] = own > ROUND_OFF * to->moment[s->at[a]] ? 1 / sqrt(own) : 0;
    }
    to->coordinates = s->m;
    return QTM_OK;
}

static qtm_status spectra_make(struct solver *s) {
    struct qtm_identified *to = s->to;
    int64_t m = s->m;
    to->spectrum = qtm_alloc_array(m, sizeof(double));
    to->scaled = qtm_alloc_array(m, sizeof(double));
    if (!to->spectrum || !to->scaled) return qtm_error_memory(2 * m * (int64_t)sizeof(double));
    memcpy(s->vector, s->f, (size_t)(m * m) * sizeof(double));
    QTM_TRY(qtm_eigen(m, s->vector, to->spectrum));
    for (int64_t a = 0; a < m; a++)
        for (int64_t b = 0; b < m; b++)
            s->vector[a * m + b] = a == b ? s->unit[a] > 0 : s->f[a * m + b] * s->unit[a] * s->unit[b];
    QTM_TRY(qtm_eigen(m, s->vector, to->scaled));
    while (to->flat < m && to->scaled[to->flat] <= FLAT * fmax(to->scaled[m - 1], 1)) to->flat++;
    for (int k = 0; k < to->flat; k++) to->spectrum[k] = to->scaled[k] = 0;
    return QTM_OK;
}

/* Directions of few parameters: Gauss-Jordan on the flat eigenvectors, the largest element of each row first, whose
 * parameter is then held. */
static qtm_status directions_make(struct solver *s) {
    struct qtm_identified *to = s->to;
    int64_t m = s->m;
    s->null = qtm_alloc_array(to->flat * m, sizeof(double));
    to->directions = qtm_alloc_array((int64_t)to->flat * to->count, sizeof(double));
    to->held = qtm_alloc_array(to->count, sizeof(bool));
    to->free = qtm_alloc_array(to->count, sizeof(bool));
    if (!s->null || !to->directions || !to->held || !to->free) return qtm_error_memory(to->flat * m * 8);
    memcpy(s->null, s->vector, (size_t)(to->flat * m) * sizeof(double));
    for (int64_t k = 0; k < to->flat; k++) {
        double *row = s->null + k * m;
        int64_t pivot = 0;
        for (int64_t a = 0; a < m; a++)
            if (fabs(row[a]) > (1 + SMALL) * fabs(row[pivot])) pivot = a;
        to->held[s->at[pivot]] = true;
        double scale = row[pivot];
        for (int64_t a = 0; a < m; a++) row[a] /= scale;
        for (int64_t j = 0; j < to->flat; j++) {
            double *other = s->null + j * m, part = other[pivot];
            for (int64_t a = 0; a < m && j != k; a++) other[a] -= part * row[a];
        }
    }
    for (int64_t k = 0; k < to->flat; k++) {
        double *row = s->null + k * m, *direction = to->directions + k * to->count, square = 0, largest = 0;
        for (int64_t a = 0; a < m; a++) {
            if (fabs(row[a]) < SMALL) row[a] = 0;
            double step = row[a] * (s->unit[a] > 0 ? s->unit[a] : 1);
            int i = s->at[a];
            direction[i] += step;
            if (to->last[i] >= 0) direction[to->last[i]] -= step;
        }
        for (int i = 0; i < to->count; i++) {
            if (direction[i] != 0) to->free[i] = true;
            square += direction[i] * direction[i];
            if (fabs(direction[i]) > fabs(largest)) largest = direction[i];
        }
        for (int i = 0; i < to->count; i++) direction[i] /= copysign(sqrt(square), largest);
    }
    return QTM_OK;
}

/* a [n, n] symmetric and positive becomes its inverse: L L' = a, then (L^-1)' L^-1. False if it is not positive. */
static bool invert(int64_t n, double *a) {
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    for (int64_t j = 0; j < n; j++) { /* L^-1 in its place */
        a[j * n + j] = 1 / a[j * n + j];
        for (int64_t i = j + 1; i < n; i++) {
            double sum = 0;
            for (int64_t k = j; k < i; k++) sum -= a[i * n + k] * a[k * n + j];
            a[i * n + j] = sum / a[i * n + i];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = i; k < n; k++) sum += a[k * n + i] * a[k * n + j];
            a[j * n + i] = sum; /* above the diagonal, which later sums do not read but for k = i */
            if (i == j) a[i * n + i] = sum;
        }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
    return true;
}

static qtm_status covariance_make(struct solver *s) {
    struct qtm_identified *to = s->to;
    int64_t m = s->m, n = to->count, r = 0;
    int *rest = qtm_alloc_array(m, sizeof *rest);
    double *c = s->vector;
    to->covariance = qtm_alloc_array(n * n, sizeof(double));
    to->alone = qtm_alloc_array(n, sizeof(double));
    if (!rest || !to->covariance || !to->alone) {
        qtm_free(rest);
        return qtm_error_memory(n * n * (int64_t)sizeof(double));
    }
    for (int a = 0; a < m; a++)
        if (!to->held[s->at[a]]) rest[r++] = a;
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < r; j++)
            c[i * r + j] = s->f[rest[i] * m + rest[j]] * s->unit[rest[i]] * s->unit[rest[j]];
    bool good = invert(r, c);
    for (int64_t i = 0; i < r && good; i++)
        for (int64_t j = 0; j < r; j++) {
            double value = c[i * r + j] * s->unit[rest[i]] * s->unit[rest[j]];
            int64_t a = s->at[rest[i]], b = s->at[rest[j]];
            int64_t la = to->last[a], lb = to->last[b];
            to->covariance[a * n + b] += value;
            if (la >= 0) to->covariance[la * n + b] -= value;
            if (lb >= 0) to->covariance[a * n + lb] -= value;
            if (la >= 0 && lb >= 0) to->covariance[la * n + lb] += value;
        }
    for (int64_t i = 0; i < n; i++) to->alone[i] = NAN;
    for (int64_t a = 0; a < m; a++) to->alone[s->at[a]] = s->unit[a] > 0 ? s->unit[a] : INFINITY;
    qtm_free(rest);
    return good ? QTM_OK : qtm_error("the Fisher matrix of fit %s is not positive", to->fits);
}

static qtm_status bands_make(struct qtm_identified *to, const double *slope) {
    int64_t n = to->count, points = to->model->band_points, curves = to->model->band_count;
    to->band = qtm_alloc_array(curves * points, sizeof(double));
    to->band_free = qtm_alloc_array(curves, sizeof(bool));
    if (!to->band || !to->band_free) return qtm_error_memory(curves * points * (int64_t)sizeof(double));
    for (int64_t q = 0; q < curves * points; q++) {
        const double *d = slope + q * n;
        double variance = 0, terms = 0;
        for (int64_t i = 0; i < n; i++) {
            terms += d[i] * d[i] * to->covariance[i * n + i];
            for (int64_t j = 0; j < n && d[i] != 0; j++) variance += d[i] * to->covariance[i * n + j] * d[j];
        }
        to->band[q] = variance > 1e-24 * terms ? sqrt(variance) : 0; /* 0: the same whatever the parameters */
        for (int64_t k = 0; k < to->flat; k++) {
            const double *direction = to->directions + k * n;
            double sum = 0, size = 0;
            for (int64_t i = 0; i < n; i++) {
                sum += d[i] * direction[i];
                size += fabs(d[i] * direction[i]);
            }
            if (fabs(sum) > SMALL * size) to->band_free[q / points] = true;
        }
    }
    return QTM_OK;
}

qtm_status qtm_identify_solve(struct qtm_identified *to, const double *slope) {
    struct solver s = {.to = to};
    qtm_status status = coordinates_make(&s);
    if (!status) status = spectra_make(&s);
    if (!status) status = directions_make(&s);
    if (!status) status = covariance_make(&s);
    if (!status && slope) status = bands_make(to, slope);
    qtm_free(s.at);
    double *blocks[] = {s.f, s.unit, s.vector, s.null};
    for (int i = 0; i < 4; i++) qtm_free(blocks[i]);
    return status;
}

/* Householder's reduction to tridiagonal form and implicit QL (Golub and Van Loan, 8.3; tred2 and tql2 of EISPACK).
 * Column j of the matrix of eigenvectors is held as row j, so that every inner loop goes along memory. */
#include "runtime/train/eigen.h"

#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"

/* Row i is reduced: d holds it, e takes the products with the rows before. */
static double row_reduce(int64_t n, int64_t i, double *v, double *d, double *e) {
    double scale = 0, h = 0;
    for (int64_t k = 0; k < i; k++) scale += fabs(d[k]);
    if (scale == 0) {
        e[i] = d[i - 1];
        for (int64_t j = 0; j < i; j++) {
            d[j] = v[j * n + i - 1];
            v[j * n + i] = v[i * n + j] = 0;
        }
        return 0;
    }
    for (int64_t k = 0; k < i; k++) {
        d[k] /= scale;
        h += d[k] * d[k];
    }
    double f = d[i - 1], g = f > 0 ? -sqrt(h) : sqrt(h);
    e[i] = scale * g;
    h -= f * g;
    d[i - 1] = f - g;
    for (int64_t j = 0; j < i; j++) e[j] = 0;
    for (int64_t j = 0; j < i; j++) {
        const double *row = v + j * n;
        v[i * n + j] = f = d[j];
        g = e[j] + row[j] * f;
        for (int64_t k = j + 1; k < i; k++) {
            g += row[k] * d[k];
            e[k] += row[k] * f;
        }
        e[j] = g;
    }
    f = 0;
    for (int64_t j = 0; j < i; j++) {
        e[j] /= h;
        f += e[j] * d[j];
    }
    for (int64_t j = 0; j < i; j++) e[j] -= f / (h + h) * d[j];
    for (int64_t j = 0; j < i; j++) {
        double *row = v + j * n;
        f = d[j];
        g = e[j];
        for (int64_t k = j; k < i; k++) row[k] -= f * e[k] + g * d[k];
        d[j] = row[i - 1];
        row[i] = 0;
    }
    return h;
}

/* d: the diagonal, e[1 ..]: beside it; v: the product of the reflections. */
static void tridiagonal_make(int64_t n, double *v, double *d, double *e) {
    for (int64_t j = 0; j < n; j++) d[j] = v[j * n + n - 1];
    for (int64_t i = n - 1; i > 0; i--) d[i] = row_reduce(n, i, v, d, e);
    for (int64_t i = 0; i < n - 1; i++) {
        double *next = v + (i + 1) * n, h = d[i + 1];
        v[i * n + n - 1] = v[i * n + i];
        v[i * n + i] = 1;
        for (int64_t k = 0; k <= i && h != 0; k++) d[k] = next[k] / h;
        for (int64_t j = 0; j <= i && h != 0; j++) {
            double *row = v + j * n, g = 0;
            for (int64_t k = 0; k <= i; k++) g += next[k] * row[k];
            for (int64_t k = 0; k <= i; k++) row[k] -= g * d[k];
        }
        for (int64_t k = 0; k <= i; k++) next[k] = 0;
    }
    for (int64_t j = 0; j < n; j++) {
        d[j] = v[j * n + n - 1];
        v[j * n + n - 1] = 0;
    }
    v[n * n - 1] = 1;
    e[0] = 0;
}

/* One implicit QL sweep from m down to l. Returns by how much the diagonal was shifted. */
static double sweep(int64_t n, int64_t l, int64_t m, double *v, double *d, double *e) {
    double g = d[l], p = (d[l + 1] - g) / (2 * e[l]), r = copysign(hypot(p, 1), p);
    d[l] = e[l] / (p + r);
    d[l + 1] = e[l] * (p + r);
    double first = d[l + 1], shift = g - d[l], beside = e[l + 1];
    for (int64_t i = l + 2; i < n; i++) d[i] -= shift;
    p = d[m];
    double c = 1, c2 = 1, c3 = 1, s = 0, s2 = 0;
    for (int64_t i = m; i-- > l;) {
        c3 = c2;
        c2 = c;
        s2 = s;
        double h = c * p;
        g = c * e[i];
        r = hypot(p, e[i]);
        e[i + 1] = s * r;
        s = e[i] / r;
        c = p / r;
        p = c * d[i] - s * g;
        d[i + 1] = h + s * (c * g + s * d[i]);
        double *low = v + i * n, *high = low + n;
        for (int64_t k = 0; k < n; k++) {
            double x = high[k];
            high[k] = s * low[k] + c * x;
            low[k] = c * low[k] - s * x;
        }
    }
    p = -s * s2 * c3 * beside * e[l] / first;
    e[l] = s * p;
    d[l] = c * p;
    return shift;
}

static void values_find(int64_t n, double *v, double *d, double *e) {
    enum { SWEEPS_MAX = 200 };
    double shift = 0, largest = 0;
    memmove(e, e + 1, (size_t)(n - 1) * sizeof(double));
    e[n - 1] = 0;
    for (int64_t l = 0; l < n; l++) {
        largest = fmax(largest, fabs(d[l]) + fabs(e[l]));
        int64_t m = l;
        while (m < n - 1 && fabs(e[m]) > 0x1p-52 * largest) m++;
        for (int k = 0; m > l && k < SWEEPS_MAX && (!k || fabs(e[l]) > 0x1p-52 * largest); k++)
            shift += sweep(n, l, m, v, d, e);
        d[l] += shift;
        e[l] = 0;
    }
}

qtm_status qtm_eigen(int64_t n, double *a, double *values) {
    if (n < 1) return QTM_OK;
    double *beside = qtm_alloc_array(n, sizeof(double));
    if (!beside) return qtm_error_memory(n * (int64_t)sizeof(double));
    tridiagonal_make(n, a, values, beside);
    values_find(n, a, values, beside);
    qtm_free(beside);
    for (int64_t i = 0; i < n; i++) {
        int64_t least = i;
        for (int64_t k = i + 1; k < n; k++)
            if (values[k] < values[least]) least = k;
        if (least == i) continue;
        double value = values[i];
        values[i] = values[least];
        values[least] = value;
        for (int64_t k = 0; k < n; k++) {
            double x = a[i * n + k];
            a[i * n + k] = a[least * n + k];
            a[least * n + k] = x;
        }
    }
    return QTM_OK;
}

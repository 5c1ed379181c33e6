/* L-BFGS. Vectors are plain arrays and sums run in index order, so a repeated run takes the same path bit for bit. */
#include "runtime/train/lbfgs.h"

#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"

static const double DECREASE = 1e-4, CURVATURE = 0.9; /* c1 and c2 of the Wolfe conditions */
enum { BRACKET_MAX = 20, ZOOM_MAX = 30 };

qtm_status qtm_lbfgs_create(struct qtm_lbfgs *lbfgs, int64_t n, int memory, double tolerance) {
    *lbfgs = (struct qtm_lbfgs){.n = n, .memory = memory, .tolerance = tolerance};
    double **vectors[] = {&lbfgs->x, &lbfgs->g, &lbfgs->d, &lbfgs->x_trial, &lbfgs->g_trial};
    bool good = true;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        *vectors[i] = qtm_alloc_array(n, sizeof(double));
        if (!*vectors[i]) good = false;
    }
    lbfgs->s = qtm_alloc_array(n * memory, sizeof(double));
    lbfgs->y = qtm_alloc_array(n * memory, sizeof(double));
    lbfgs->rho = qtm_alloc_array(memory, sizeof(double));
    lbfgs->alpha = qtm_alloc_array(memory, sizeof(double));
    if (good && lbfgs->s && lbfgs->y && lbfgs->rho && lbfgs->alpha) return QTM_OK;
    qtm_lbfgs_destroy(lbfgs);
    return qtm_error_memory(n * memory * (int64_t)sizeof(double));
}

void qtm_lbfgs_destroy(struct qtm_lbfgs *lbfgs) {
    double *blocks[] = {lbfgs->x, lbfgs->g, lbfgs->d,   lbfgs->x_trial, lbfgs->g_trial,
                        lbfgs->s, lbfgs->y, lbfgs->rho, lbfgs->alpha};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) qtm_free(blocks[i]);
    *lbfgs = (struct qtm_lbfgs){0};
}

static double dot(int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double norm_max(int64_t n, const double *a) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(a[i]));
    return most;
}

/* d = -H g by the two-loop recursion; without history -g, scaled so that the first step is no longer than 1. */
static void direction_compute(struct qtm_lbfgs *lbfgs) {
    int64_t n = lbfgs->n, stored = lbfgs->counters[QTM_LBFGS_STORED], next = lbfgs->counters[QTM_LBFGS_NEXT];
    double *d = lbfgs->d;
    for (int64_t i = 0; i < n; i++) d[i] = -lbfgs->g[i];
    if (!stored) {
        double length = sqrt(dot(n, d, d)), scale = length > 1 ? 1 / length : 1;
        for (int64_t i = 0; i < n; i++) d[i] *= scale;
        return;
    }
    for (int64_t k = 0; k < stored; k++) { /* newest first */
        int64_t at = (next - 1 - k + (int64_t)2 * lbfgs->memory) % lbfgs->memory;
        const double *s = lbfgs->s + at * n, *y = lbfgs->y + at * n;
        lbfgs->alpha[at] = lbfgs->rho[at] * dot(n, s, d);
        for (int64_t i = 0; i < n; i++) d[i] -= lbfgs->alpha[at] * y[i];
    }
    int64_t newest = (next - 1 + lbfgs->memory) % lbfgs->memory;
    const double *y_new = lbfgs->y + newest * n;
    double gamma = 1 / (lbfgs->rho[newest] * dot(n, y_new, y_new));
    for (int64_t i = 0; i < n; i++) d[i] *= gamma;
    for (int64_t k = stored - 1; k >= 0; k--) {
        int64_t at = (next - 1 - k + (int64_t)2 * lbfgs->memory) % lbfgs->memory;
        const double *s = lbfgs->s + at * n, *y = lbfgs->y + at * n;
        double beta = lbfgs->rho[at] * dot(n, y, d);
        for (int64_t i = 0; i < n; i++) d[i] += (lbfgs->alpha[at] - beta) * s[i];
    }
}

/* A point on the search line: step a, value f, slope df/da. */
struct line_point {
    double a, f, slope;
};

struct line_search {
    struct qtm_lbfgs *lbfgs;
    qtm_lbfgs_function function;
    void *context;
    struct line_point start, last; /* x_trial and g_trial are those of `last` */
};

static qtm_status line_evaluate(struct line_search *line, double a) {
    struct qtm_lbfgs *lbfgs = line->lbfgs;
    for (int64_t i = 0; i < lbfgs->n; i++) lbfgs->x_trial[i] = lbfgs->x[i] + a * lbfgs->d[i];
    double f;
    QTM_TRY(line->function(line->context, lbfgs->x_trial, &f, lbfgs->g_trial));
    lbfgs->counters[QTM_LBFGS_EVALUATIONS]++;
    line->last = (struct line_point){a, f, dot(lbfgs->n, lbfgs->g_trial, lbfgs->d)};
    if (!isfinite(line->last.f) || !isfinite(line->last.slope)) line->last.f = INFINITY;
    return QTM_OK;
}

static bool line_decreases(const struct line_search *line, const struct line_point *p) {
    return p->f <= line->start.f + DECREASE * p->a * line->start.slope;
}

static bool line_is_flat(const struct line_search *line, const struct line_point *p) {
    return fabs(p->slope) <= -CURVATURE * line->start.slope;
}

/* Minimum of the cubic through two points with slopes, kept a tenth of the interval away from its ends; the middle
 * where there is none. */
static double line_interpolate(const struct line_point *p, const struct line_point *q) {
    double low = fmin(p->a, q->a), high = fmax(p->a, q->a), width = high - low, a = (low + high) / 2;
    double t = p->slope + q->slope - 3 * (p->f - q->f) / (p->a - q->a), r = t * t - p->slope * q->slope;
    if (isfinite(r) && r >= 0) {
        double root = copysign(sqrt(r), q->a - p->a);
        double cubic = q->a - (q->a - p->a) * (q->slope + root - t) / (q->slope - p->slope + 2 * root);
        if (isfinite(cubic)) a = cubic;
    }
    return fmin(fmax(a, low + 0.1 * width), high - 0.1 * width);
}

/* Algorithm 3.6: `low` is the best point with enough decrease, the minimum lies between it and `high`. Ends with a good
 * last point, or with the best found if the interval is exhausted. */
static qtm_status line_zoom(struct line_search *line, struct line_point low, struct line_point high, bool *found) {
    for (int i = 0; i < ZOOM_MAX && fabs(high.a - low.a) > 1e-14 * fmax(low.a, high.a); i++) {
        QTM_TRY(line_evaluate(line, line_interpolate(&low, &high)));
        struct line_point p = line->last;
        if (!line_decreases(line, &p) || p.f >= low.f) {
            high = p;
            continue;
        }
        if (line_is_flat(line, &p)) {
            *found = true;
            return QTM_OK;
        }
        if (p.slope * (high.a - low.a) >= 0) high = low;
        low = p;
    }
    *found = low.a > 0 && low.f < line->start.f;
    if (*found && line->last.a != low.a) QTM_TRY(line_evaluate(line, low.a));
    return QTM_OK;
}

/* Algorithm 3.5. */
static qtm_status line_run(struct line_search *line, bool *found) {
    struct line_point before = line->start;
    double a = 1;
    *found = false;
    for (int i = 0; i < BRACKET_MAX; i++) {
        QTM_TRY(line_evaluate(line, a));
        struct line_point p = line->last;
        if (!line_decreases(line, &p) || (i > 0 && p.f >= before.f)) return line_zoom(line, before, p, found);
        if (line_is_flat(line, &p)) {
            *found = true;
            return QTM_OK;
        }
        if (p.slope >= 0) return line_zoom(line, p, before, found);
        before = p;
        a *= 2.5;
    }
    *found = true; /* still going down: take what there is */
    return QTM_OK;
}

/* Keeps s = x' - x and y = g' - g where s.y > 0 clearly, so that H stays positive definite. */
static void history_append(struct qtm_lbfgs *lbfgs) {
    int64_t n = lbfgs->n, at = lbfgs->counters[QTM_LBFGS_NEXT];
    double *s = lbfgs->s + at * n, *y = lbfgs->y + at * n;
    for (int64_t i = 0; i < n; i++) {
        s[i] = lbfgs->x_trial[i] - lbfgs->x[i];
        y[i] = lbfgs->g_trial[i] - lbfgs->g[i];
    }
    double product = dot(n, s, y);
    if (!(product > 1e-12 * sqrt(dot(n, s, s)) * sqrt(dot(n, y, y)))) return;
    lbfgs->rho[at] = 1 / product;
    lbfgs->counters[QTM_LBFGS_NEXT] = (at + 1) % lbfgs->memory;
    if (lbfgs->counters[QTM_LBFGS_STORED] < lbfgs->memory) lbfgs->counters[QTM_LBFGS_STORED]++;
}

/* Searches along the quasi-Newton direction, and along -g if that fails. */
static qtm_status point_search(struct line_search *line, bool *found) {
    struct qtm_lbfgs *lbfgs = line->lbfgs;
    for (;;) {
        direction_compute(lbfgs);
        line->start = (struct line_point){0, lbfgs->f, dot(lbfgs->n, lbfgs->g, lbfgs->d)};
        *found = false;
        if (line->start.slope < 0) QTM_TRY(line_run(line, found));
        if (*found || !lbfgs->counters[QTM_LBFGS_STORED]) return QTM_OK;
        lbfgs->counters[QTM_LBFGS_STORED] = lbfgs->counters[QTM_LBFGS_NEXT] = 0;
    }
}

static void convergence_check(struct qtm_lbfgs *lbfgs, double change) {
    double size = fmax(1, fabs(lbfgs->f)), tolerance = lbfgs->tolerance;
    bool flat = fabs(change) <= fmax(tolerance * tolerance, 4 * 2.220446049250313e-16) * size;
    lbfgs->counters[QTM_LBFGS_FLAT] = flat ? lbfgs->counters[QTM_LBFGS_FLAT] + 1 : 0;
    if (norm_max(lbfgs->n, lbfgs->g) <= tolerance * size || lbfgs->counters[QTM_LBFGS_FLAT] >= 2)
        lbfgs->counters[QTM_LBFGS_CONVERGED] = 1;
}

qtm_status qtm_lbfgs_step(struct qtm_lbfgs *lbfgs, bool same_function, qtm_lbfgs_function function, void *context) {
    if (!same_function || !lbfgs->counters[QTM_LBFGS_KNOWN]) {
        QTM_TRY(function(context, lbfgs->x, &lbfgs->f, lbfgs->g));
        lbfgs->counters[QTM_LBFGS_EVALUATIONS]++;
        lbfgs->counters[QTM_LBFGS_KNOWN] = 1;
    }
    /* The caller sees a start that is not finite in f; there is nothing to search. */
    if (!isfinite(lbfgs->f) || !isfinite(dot(lbfgs->n, lbfgs->g, lbfgs->g))) return QTM_OK;
    struct line_search line = {.lbfgs = lbfgs, .function = function, .context = context};
    bool found;
    lbfgs->counters[QTM_LBFGS_CONVERGED] = 0;
    QTM_TRY(point_search(&line, &found));
    if (!found) {
        lbfgs->counters[QTM_LBFGS_CONVERGED] = 1;
        return QTM_OK;
    }
    history_append(lbfgs);
    double change = line.last.f - lbfgs->f;
    memcpy(lbfgs->x, lbfgs->x_trial, (size_t)lbfgs->n * sizeof(double));
    memcpy(lbfgs->g, lbfgs->g_trial, (size_t)lbfgs->n * sizeof(double));
    lbfgs->f = line.last.f;
    lbfgs->counters[QTM_LBFGS_ITERATIONS]++;
    convergence_check(lbfgs, change);
    return QTM_OK;
}

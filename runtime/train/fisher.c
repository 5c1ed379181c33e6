/* The quadrature (Takahasi and Mori, Publ. RIMS 9 (1974) 721): with t evenly spaced by h from -T to T,
 *   v = 1 / (1 + exp(-pi sinh t)),   x = low + (high - low) v,   dx/dt = (high - low) pi cosh t v (1 - v).
 * It holds for densities with poles weaker than 1/x at both ends: nodes come as near to an end as 1e-23 of the
 * interval, or as the spacing of numbers there. Halving h about doubles the digits, where the density is smooth. One
 * that has edges inside (pixels) shows by not settling, and is integrated over even panels of four Gauss-Legendre nodes
 * each instead. */
#include "runtime/train/fisher.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/pool.h"

enum { VARIABLES_MAX = 8, LEVELS = 8, SMOOTH_LEVELS = 4, PANELS = 4 };
static const double REACH = 3.5, CLOSE_ENOUGH = 1e-4, SMOOTH = 0.05;
static const double WORK_MAX = 1e7; /* nodes times parameters */

/* --- functions at given values --- */

static qtm_status given_fill(struct qtm_given *given, const double *value, const double *options, int threads) {
    const struct qtm_model *model = given->model;
    struct qtm_choice choice = {qtm_alloc_array(model->param_count, sizeof(int64_t)), (double *)value, (double *)value};
    if (!choice.held) return qtm_error_memory(model->param_count * (int64_t)sizeof(int64_t));
    qtm_status status = qtm_held_create(model, &choice, &given->held);
    qtm_free(choice.held);
    QTM_TRY(status);
    QTM_TRY(qtm_pool_create(threads, 0, 1, &given->pool));
    given->space.pool = given->pool;
    QTM_TRY(qtm_options_align(model->option_count, options, &given->options_f32, &given->options_f64));
    given->directions = qtm_alloc_array(model->param_block_count, sizeof *given->directions);
    given->points = qtm_alloc_array(VARIABLES_MAX, sizeof *given->points);
    if (!given->directions || !given->points) return qtm_error_memory(VARIABLES_MAX * (int64_t)sizeof(double *));
    return QTM_OK;
}

qtm_status qtm_given_open(const struct qtm_model *model, const double *value, const double *options, int threads,
                          struct qtm_given *given) {
    *given = (struct qtm_given){.model = model, .point_count = VARIABLES_MAX};
    qtm_status status = given_fill(given, value, options, threads);
    if (status) qtm_given_close(given);
    return status;
}

static void inputs_drop(struct qtm_given *given) {
    for (int b = 0; given->directions && b < given->model->param_block_count; b++) {
        qtm_free(given->directions[b]);
        given->directions[b] = NULL;
    }
    for (int v = 0; given->points && v < given->point_count; v++) {
        qtm_free(given->points[v]);
        given->points[v] = NULL;
    }
}

void qtm_given_close(struct qtm_given *given) {
    inputs_drop(given);
    qtm_free(given->directions);
    qtm_free(given->points);
    qtm_held_destroy(&given->held);
    qtm_workspace_destroy(&given->space);
    qtm_pool_destroy(given->pool);
    qtm_free(given->options_f32);
    qtm_free(given->options_f64);
    *given = (struct qtm_given){0};
}

/* Makes room for what a function takes besides values, and binds it. */
static qtm_status given_bind(struct qtm_given *given, const struct qtm_fn *fn, struct qtm_call *call) {
    static const int64_t no_extent[1] = {0};
    inputs_drop(given);
    given->along = 0;
    for (int i = 0; i < fn->in_count; i++) {
        const struct qtm_port *port = &fn->in[i];
        if (port->role != QTM_DIRECTION && port->role != QTM_POINT) continue;
        int64_t count = 1;
        for (int d = 0; d < port->rank; d++) count *= port->shape[d];
        double *block = qtm_alloc_array(count, sizeof *block);
        if (!block) return qtm_error_memory(count * (int64_t)sizeof *block);
        *(port->role == QTM_POINT ? &given->points[port->index] : &given->directions[port->index]) = block;
        if (port->role == QTM_DIRECTION) given->along = port->shape[port->rank - 1];
    }
    struct qtm_binding binding = {.space = &given->space,
                                  .extent = no_extent,
                                  .options_f32 = given->options_f32,
                                  .options_f64 = given->options_f64,
                                  .held = &given->held,
                                  .points = (const double *const *)given->points,
                                  .directions = (const double *const *)given->directions};
    return qtm_call_bind(call, fn, &binding);
}

/* Directions first .. first + along - 1: each along one parameter. */
static void directions_set(struct qtm_given *given, int first) {
    for (int b = 0; b < given->model->param_block_count; b++)
        if (given->directions[b])
            memset(given->directions[b], 0,
                   (size_t)(given->model->param_blocks[b].count * given->along) * sizeof(double));
    for (int k = 0; k < given->along && first + k < given->count; k++) {
        const struct qtm_param *param = &given->model->params[given->rows[first + k]];
        if (given->directions[param->block]) given->directions[param->block][param->place * given->along + k] = 1;
    }
}

/* Runs the function for all parameters: the derivatives of output `output` go to slope [points, count]. */
static void slopes_run(struct qtm_given *given, struct qtm_call *call, int outputs, int64_t points, double *slope) {
    for (int first = 0; first < given->count || !first; first += (int)given->along) {
        if (given->along) directions_set(given, first);
        qtm_call_run(call, 0, 0);
        if (!given->along) return; /* it depends on no parameter */
        for (int c = 0; c < outputs; c++) {
            const double *from = (const double *)call->out[qtm_call_find(call, QTM_VALUE, 2 * c + 1)];
            for (int64_t i = 0; i < points; i++)
                for (int k = 0; k < given->along && first + k < given->count; k++)
                    slope[(c * points + i) * given->count + first + k] = from[i * given->along + k];
        }
    }
}

qtm_status qtm_fisher_bands(struct qtm_given *given, double *value, double *slope) {
    const struct qtm_model *model = given->model;
    struct qtm_call call;
    QTM_TRY(given_bind(given, &model->band, &call));
    slopes_run(given, &call, model->band_count, model->band_points, slope);
    for (int c = 0; c < model->band_count; c++)
        for (int64_t i = 0; i < model->band_points; i++)
            value[c * model->band_points + i] = qtm_call_value(&call, qtm_call_find(&call, QTM_VALUE, 2 * c), i);
    qtm_call_destroy(&call);
    return QTM_OK;
}

/* --- quadrature --- */

struct line {
    int64_t count;
    double *x, *weight;
};

struct sums {
    double mass, *first, *second; /* integral of f, f s [count], f s s [count, count] */
};

struct work {
    struct qtm_given *given;
    const struct qtm_density *density;
    struct qtm_call call;
    struct line lines[VARIABLES_MAX];
    int64_t batch;          /* points of a call */
    double *weight, *slope; /* [batch], [batch, count] */
    struct sums sums;
};

/* Double exponential with spacing h, or where there are panels these. */
struct rule {
    double h;
    int64_t panels;
};

static int64_t line_count(struct rule rule) {
    return rule.panels ? 4 * rule.panels : 2 * (int64_t)floor(REACH / rule.h) + 1;
}

/* Place and weight of node k on 0 .. 1, and how far it is from 1. */
static double node_place(struct rule rule, int64_t k, double *rest, double *weight) {
    static const double at[] = {-0.86113631159405258, -0.33998104358485626, 0.33998104358485626, 0.86113631159405258};
    static const double part[] = {0.34785484513745386, 0.65214515486254614, 0.65214515486254614, 0.34785484513745386};
    if (rule.panels) {
        double v = ((double)(k / 4) + 0.5 * (1 + at[k % 4])) / (double)rule.panels;
        *rest = 1 - v;
        *weight = 0.5 * part[k % 4] / (double)rule.panels;
        return v;
    }
    double t = rule.h * (double)(k - line_count(rule) / 2), v = 1 / (1 + exp(-M_PI * sinh(t)));
    *rest = 1 / (1 + exp(M_PI * sinh(t)));
    *weight = rule.h * M_PI * cosh(t) * v * *rest;
    return v;
}

static qtm_status line_make(const struct qtm_variable *variable, struct rule rule, struct line *line) {
    double low = variable->on_log ? log(variable->low) : variable->low;
    double high = variable->on_log ? log(variable->high) : variable->high;
    line->count = line_count(rule);
    line->x = qtm_alloc_array(2 * line->count, sizeof(double));
    if (!line->x) return qtm_error_memory(2 * line->count * (int64_t)sizeof(double));
    line->weight = line->x + line->count;
    for (int64_t k = 0; k < line->count; k++) {
        double rest, weight, v = node_place(rule, k, &rest, &weight);
        double x = v < 0.5 ? low + (high - low) * v : high - (high - low) * rest;
        if (variable->on_log) x = exp(x);
        /* inside: a density may have a pole at an end */
        x = fmin(fmax(x, nextafter(variable->low, variable->high)), nextafter(variable->high, variable->low));
        line->x[k] = x;
        line->weight[k] = weight * (high - low) * (variable->on_log ? x : 1);
    }
    return QTM_OK;
}

static qtm_status value_report(const struct work *work, int64_t i, const char *what, double value) {
    char place[256];
    size_t used = 0;
    for (int v = 0; v < work->density->variable_count && used < sizeof place; v++)
        used += (size_t)snprintf(place + used, sizeof place - used, "%s%s = %.6g", v ? ", " : "",
                                 work->density->variables[v].name, work->given->points[v][i]);
    return qtm_error(
        "density '%s' %s %g at %s: it has no information at these parameters; start elsewhere with --start",
        work->density->name, what, value, place);
}

/* Adds the first `count` points of the batch to the sums. */
static qtm_status batch_add(struct work *work, int64_t count) {
    int params = work->given->count;
    struct sums *sums = &work->sums;
    slopes_run(work->given, &work->call, 1, work->batch, work->slope);
    int output = qtm_call_find(&work->call, QTM_VALUE, 0);
    for (int64_t i = 0; i < count; i++) {
        double f = qtm_call_value(&work->call, output, i), mass = work->weight[i] * f;
        if (!(f >= 0) || !isfinite(f)) return value_report(work, i, "is", f);
        if (!(mass > 0)) continue; /* cut off by `when`, or too small to count */
        double *s = work->slope + i * params;
        sums->mass += mass;
        for (int j = 0; j < params; j++) {
            s[j] /= f;
            if (!isfinite(s[j])) return value_report(work, i, "has a derivative", s[j]);
            sums->first[j] += mass * s[j];
            double *row = sums->second + (int64_t)j * params, factor = mass * s[j];
            for (int k = 0; k <= j && factor != 0; k++) row[k] += factor * s[k];
        }
    }
    return QTM_OK;
}

/* Goes over all nodes of the product of the lines. */
static qtm_status nodes_run(struct work *work, int64_t *nodes) {
    int variables = work->density->variable_count;
    int64_t at[VARIABLES_MAX] = {0}, filled = 0;
    *nodes = 0;
    for (bool more = true; more;) {
        double weight = 1;
        for (int v = 0; v < variables; v++) {
            if (work->given->points[v]) work->given->points[v][filled] = work->lines[v].x[at[v]];
            weight *= work->lines[v].weight[at[v]];
        }
        work->weight[filled++] = weight;
        ++*nodes;
        int v = variables - 1;
        while (v >= 0 && ++at[v] == work->lines[v].count) at[v--] = 0;
        more = v >= 0;
        if (filled < work->batch && more) continue;
        QTM_TRY(batch_add(work, filled));
        filled = 0;
    }
    return QTM_OK;
}

/* F from the sums; returns how far it is from what `matrix` held. */
static double matrix_take(const struct work *work, struct qtm_fisher *to) {
    const struct sums *sums = &work->sums;
    int params = work->given->count;
    double change = 0;
    for (int i = 0; i < params; i++) to->moment[i] = sums->second[(int64_t)i * params + i] / sums->mass;
    double *diagonal = sums->first; /* becomes the new diagonal once it is used up */
    for (int i = params; i-- > 0;)
        for (int k = i; k >= 0; k--) {
            double value = sums->second[(int64_t)i * params + k] / sums->mass -
                           sums->first[i] / sums->mass * (sums->first[k] / sums->mass);
            sums->second[(int64_t)i * params + k] = value;
        }
    for (int i = 0; i < params; i++) diagonal[i] = fmax(sums->second[(int64_t)i * params + i], 1e-12 * to->moment[i]);
    for (int i = 0; i < params; i++)
        for (int k = 0; k <= i; k++) {
            double value = sums->second[(int64_t)i * params + k], scale = sqrt(diagonal[i] * diagonal[k]);
            double *old = &to->matrix[(int64_t)i * params + k];
            if (scale > 0) change = fmax(change, fabs(value - *old) / scale);
            *old = to->matrix[(int64_t)k * params + i] = value;
        }
    return change;
}

static qtm_status level_run(struct work *work, struct rule rule, struct qtm_fisher *to, double *change) {
    int64_t params = work->given->count;
    int variables = work->density->variable_count;
    work->sums.mass = 0;
    memset(work->sums.first, 0, (size_t)params * sizeof(double));
    memset(work->sums.second, 0, (size_t)(params * params) * sizeof(double));
    qtm_status status = QTM_OK;
    for (int v = 0; !status && v < variables; v++)
        status = line_make(&work->density->variables[v], rule, &work->lines[v]);
    if (!status) status = nodes_run(work, &to->nodes);
    for (int v = 0; v < variables; v++) {
        qtm_free(work->lines[v].x);
        work->lines[v] = (struct line){0};
    }
    QTM_TRY(status);
    if (!(work->sums.mass > 0)) return qtm_error("density '%s' is 0 in all of its domain", work->density->name);
    *change = matrix_take(work, to);
    return QTM_OK;
}

static double cost(const struct work *work, struct rule rule) {
    return (double)work->given->count * pow((double)line_count(rule), work->density->variable_count);
}

/* Finer and finer until F settles, or the next level would take too long; `most` levels. `coarser`: `to` holds F of the
 * level before the first. */
static qtm_status levels_run(struct work *work, struct rule rule, int most, bool coarser, struct qtm_fisher *to) {
    if (!coarser) to->change = NAN;
    for (int level = coarser; level < most + coarser; level++, rule.h /= 2, rule.panels *= 2) {
        double change;
        if (level && cost(work, rule) > WORK_MAX) break;
        QTM_TRY(level_run(work, rule, to, &change));
        if (level) to->change = change;
        if ((level > 1 || coarser) && change < CLOSE_ENOUGH) break;
    }
    return QTM_OK;
}

static qtm_status work_run(struct work *work, struct qtm_fisher *to) {
    int64_t params = work->given->count;
    QTM_TRY(given_bind(work->given, &work->density->value, &work->call));
    work->batch = work->call.out_count[qtm_call_find(&work->call, QTM_VALUE, 0)];
    work->weight = qtm_alloc_array(work->batch, sizeof(double));
    work->slope = qtm_alloc_array(work->batch * params, sizeof(double));
    work->sums.first = qtm_alloc_array(params, sizeof(double));
    work->sums.second = qtm_alloc_array(params * params, sizeof(double));
    to->matrix = qtm_alloc_array(params * params, sizeof(double));
    to->moment = qtm_alloc_array(params, sizeof(double));
    if (!work->weight || !work->slope || !work->sums.first || !work->sums.second || !to->matrix || !to->moment)
        return qtm_error_memory((2 * params + work->batch) * params * (int64_t)sizeof(double));
    QTM_TRY(levels_run(work, (struct rule){.h = 1}, SMOOTH_LEVELS, false, to));
    to->panels = to->change > SMOOTH && cost(work, (struct rule){.panels = 2 * PANELS}) <= WORK_MAX;
    if (to->panels) return levels_run(work, (struct rule){.panels = PANELS}, LEVELS, false, to);
    if (to->change < CLOSE_ENOUGH) return QTM_OK;
    return levels_run(work, (struct rule){.h = 0.0625}, LEVELS, true, to);
}

qtm_status qtm_fisher_density(struct qtm_given *given, const struct qtm_density *density, struct qtm_fisher *fisher) {
    *fisher = (struct qtm_fisher){0};
    if (density->variable_count > VARIABLES_MAX)
        return qtm_error("density '%s' has %d variables, more than %d", density->name, density->variable_count,
                         VARIABLES_MAX);
    struct work work = {.given = given, .density = density};
    qtm_status status = work_run(&work, fisher);
    if (work.call.fn) qtm_call_destroy(&work.call);
    double *blocks[] = {work.weight, work.slope, work.sums.first, work.sums.second};
    for (int i = 0; i < 4; i++) qtm_free(blocks[i]);
    if (status) qtm_fisher_free(fisher);
    return status;
}

void qtm_fisher_free(struct qtm_fisher *fisher) {
    qtm_free(fisher->matrix);
    qtm_free(fisher->moment);
    *fisher = (struct qtm_fisher){0};
}

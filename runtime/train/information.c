/* Observed information by four-point differences of the f64 gradient, and its pseudo-inverse.
 * Matrices are small: one row and column a free weight. */
#include "runtime/train/information.h"

#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/train/eigen.h"
#include "runtime/train/pieces.h"

enum { WEIGHTS_MAX = 128 };
static const double STEP = 1e-3; /* weights are logits of size 1: fourth order leaves 1e-12, rounding 1e-12 */

/* The weights of the update, without padding. */
struct free_weights {
    int count;
    double *at[WEIGHTS_MAX];       /* where they are */
    int64_t gradient[WEIGHTS_MAX]; /* where their gradient is */
};

struct information {
    struct qtm_session *session;
    const struct qtm_update *update;
    struct qtm_gradient vector;
    struct qtm_call call;
    struct qtm_pieces pieces; /* of the data */
    struct free_weights weights;
    double scale;               /* of the gradient of the local events */
    double *matrix, *vectors;   /* [n, n]: H; its eigenvectors, one a row */
    double *eigen;              /* [n] 1/eigenvalue, or 0 where the direction is flat */
    double *plus, *minus, *sum; /* quantities at displaced weights */
};

static const struct qtm_update *update_find(const struct qtm_fit *fit) {
    for (int u = 0; u < fit->update_count; u++)
        if (fit->updates[u].full_data && fit->updates[u].check.name && fit->updates[u].exchange == QTM_RING)
            return &fit->updates[u];
    for (int u = 0; u < fit->update_count; u++)
        if (fit->updates[u].full_data && fit->updates[u].check.name) return &fit->updates[u];
    return NULL;
}

static bool weights_list(struct qtm_session *session, const struct qtm_update *update, struct free_weights *weights) {
    weights->count = 0;
    for (int b = 0; b < session->fit->block_count; b++) {
        int64_t at = qtm_gradient_offset(session->state, update, b);
        int of = qtm_session_param_block(session, b);
        const double *held = of >= 0 ? session->held.f64[QTM_HELD_FIELDS * of + QTM_HELD_MASK] : NULL;
        for (int64_t i = 0; at >= 0 && i < session->fit->blocks[b].count; i++) {
            if ((held && held[i] != 0) || !qtm_session_moves(session, update, b, i)) continue;
            if (weights->count == WEIGHTS_MAX) return false;
            weights->at[weights->count] = qtm_state_block_f64(session->state, b) + i;
            weights->gradient[weights->count++] = at + i;
        }
    }
    return weights->count > 0;
}

/* Gradient of the whole objective at the weights as they are, added to row[] with a factor. */
static void gradient_add(struct information *info, double factor, double *row) {
    for (int64_t piece = 0; piece < info->pieces.count; piece++) {
        double share = qtm_pieces_load(&info->pieces, piece);
        if (info->pieces.count > 1) qtm_call_renew(&info->call);
        qtm_call_run(&info->call, info->session->draw_seed, 0);
        for (int j = 0; j < info->weights.count; j++)
            row[j] += factor * info->scale * share * info->vector.f64[info->weights.gradient[j]];
    }
}

/* Row i of H = d(gradient)/dw_i = [8 (g(h) - g(-h)) - (g(2h) - g(-2h))] / 12 h. */
static void hessian_row(struct information *info, int i, double *row) {
    double *w = info->weights.at[i], start = *w, h = STEP * fmax(1, fabs(start));
    static const double shift[4] = {1, -1, 2, -2}, factor[4] = {8, -8, -1, 1};
    for (int k = 0; k < 4; k++) {
        *w = start + shift[k] * h;
        gradient_add(info, factor[k] / (12 * h), row);
    }
    *w = start;
}

/* H, its eigenvectors and the inverse eigenvalues. Along a valley of equal values the measured curvature is not 0 but
 * of the size of the gradient that is left, so this bounds what counts as flat. Returns false if H has a direction that
 * clearly goes down: this is no minimum. */
static qtm_status information_solve(struct information *info, bool *minimum) {
    int n = info->weights.count;
    double *left = info->sum;
    memset(left, 0, (size_t)n * sizeof(double));
    gradient_add(info, 1, left);
    for (int i = 0; i < n; i++) hessian_row(info, i, info->matrix + (int64_t)i * n);
    QTM_TRY(qtm_comm_reduce_f64(info->session->comm, left, n, QTM_SUM));
    QTM_TRY(qtm_comm_reduce_f64(info->session->comm, info->matrix, (int64_t)n * n, QTM_SUM));
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            info->matrix[i * n + j] = info->matrix[j * n + i] =
                0.5 * (info->matrix[i * n + j] + info->matrix[j * n + i]);
    memcpy(info->vectors, info->matrix, (size_t)(n * n) * sizeof(double));
    QTM_TRY(qtm_eigen(n, info->vectors, info->eigen));
    double largest = 0, gradient = 0;
    for (int i = 0; i < n; i++) {
        largest = fmax(largest, fabs(info->eigen[i]));
        gradient += left[i] * left[i];
    }
    double flat = fmax(1e-9 * largest, 10 * sqrt(gradient));
    *minimum = largest > 0 && isfinite(largest);
    for (int i = 0; i < n; i++) {
        double value = info->eigen[i];
        if (!(value >= -flat)) *minimum = false;
        info->eigen[i] = value > flat ? 1 / value : 0;
    }
    return QTM_OK;
}

/* Every quantity of a call, one after the other: parameters where they stand in its outputs, or else the `each` numbers
 * of outputs 0, 2, 4 ..., which are curves. */
static void quantities_read(struct qtm_call *call, uint64_t seed, int outputs, const struct qtm_param *params,
                            int64_t each, double *to) {
    qtm_call_run(call, seed, 0);
    for (int i = 0; i < outputs; i++) {
        int output = qtm_call_find(call, QTM_VALUE, params ? params[i].output : 2 * i);
        if (params) to[i] = qtm_call_value(call, output, params[i].element);
        if (params) continue;
        for (int64_t k = 0; k < each; k++) to[i * each + k] = qtm_call_value(call, output, k);
    }
}

/* spread_q^2 = sum_e (dq/dv_e)^2 / lambda_e, with the derivative along eigenvector v_e by central differences. A
 * quantity that moves along a flat direction by more than a thousandth of how it moves in all is not determined. */
static void spread_compute(struct information *info, struct qtm_call *call, int outputs, const struct qtm_param *params,
                           int64_t each, double *spread, double *covariance) {
    int n = info->weights.count;
    int64_t total = outputs * each;
    double start[WEIGHTS_MAX], h = 1e-4;
    for (int j = 0; j < n; j++) start[j] = *info->weights.at[j];
    double *all = info->sum, *flat = info->sum + total;
    memset(info->sum, 0, (size_t)(2 * total) * sizeof(double));
    for (int64_t q = 0; q < total; q++) spread[q] = 0;
    for (int e = 0; e < n; e++) {
        for (int j = 0; j < n; j++) *info->weights.at[j] = start[j] + h * info->vectors[e * n + j];
        quantities_read(call, info->session->config.seed, outputs, params, each, info->plus);
        for (int j = 0; j < n; j++) *info->weights.at[j] = start[j] - h * info->vectors[e * n + j];
        quantities_read(call, info->session->config.seed, outputs, params, each, info->minus);
        for (int64_t q = 0; q < total; q++) {
            double slope = (info->plus[q] - info->minus[q]) / (2 * h);
            spread[q] += slope * slope * info->eigen[e];
            all[q] += slope * slope;
            if (info->eigen[e] == 0) flat[q] += slope * slope;
            info->plus[q] = slope;
        }
        for (int64_t q = 0; covariance && q < total * total; q++)
            covariance[q] += info->plus[q / total] * info->plus[q % total] * info->eigen[e];
    }
    for (int j = 0; j < n; j++) *info->weights.at[j] = start[j];
    for (int64_t q = 0; q < total; q++) spread[q] = flat[q] > 1e-6 * all[q] ? NAN : sqrt(spread[q]);
}

/* Whether the objective adds over events at weights other than these, where no term is zero by chance, such as the
 * penalty of a parameter that stands at its expected value. */
static qtm_status additivity_away(struct information *info, enum qtm_additivity *additivity) {
    double start[WEIGHTS_MAX];
    for (int j = 0; j < info->weights.count; j++) {
        start[j] = *info->weights.at[j];
        *info->weights.at[j] += 0.1 * fmax(1, fabs(start[j]));
    }
    qtm_status status = qtm_session_additivity(info->session, info->update, additivity);
    for (int j = 0; j < info->weights.count; j++) *info->weights.at[j] = start[j];
    return status;
}

static qtm_status information_open(struct information *info, int64_t quantities) {
    struct qtm_session *session = info->session;
    int64_t n = info->weights.count;
    enum qtm_additivity away;
    QTM_TRY(qtm_gradient_create(session->state, info->update, true, &info->vector));
    struct qtm_binding binding = session->binding;
    binding.gradient = &info->vector;
    binding.shared = NULL; /* the weights are others at every run */
    QTM_TRY(additivity_away(info, &away));
    QTM_TRY(qtm_pieces_open(&info->pieces, session, &info->update->check, away, &binding));
    QTM_TRY(qtm_call_bind(&info->call, &info->update->check, &binding));
    info->matrix = qtm_alloc_array(n * n, sizeof(double));
    info->vectors = qtm_alloc_array(n * n, sizeof(double));
    info->eigen = qtm_alloc_array(n, sizeof(double));
    info->plus = qtm_alloc_array(quantities, sizeof(double));
    info->minus = qtm_alloc_array(quantities, sizeof(double));
    info->sum = qtm_alloc_array(2 * quantities + n, sizeof(double));
    if (!info->matrix || !info->vectors || !info->eigen || !info->plus || !info->minus || !info->sum)
        return qtm_error_memory((n * n + quantities) * (int64_t)sizeof(double));
    enum qtm_additivity additivity;
    QTM_TRY(qtm_session_additivity(session, info->update, &additivity));
    /* Scaled so that the sum over ranks is that over all events: a mean over the local ones times their number. */
    info->scale = additivity == QTM_OF_MEAN ? (double)session->extent[info->update->data] : 1;
    double scale = session->config.scale; /* said by the user, of the objective as written */
    if (scale > 0)
        info->scale = additivity == QTM_OF_MEAN ? scale * (double)session->extent[info->update->data] /
                                                      (double)session->events[info->update->data].total
                                                : scale;
    return QTM_OK;
}

static void information_close(struct information *info) {
    qtm_gradient_destroy(&info->vector);
    qtm_call_destroy(&info->call);
    qtm_pieces_close(&info->pieces);
    double *blocks[] = {info->matrix, info->vectors, info->eigen, info->plus, info->minus, info->sum};
    for (int i = 0; i < 6; i++) qtm_free(blocks[i]);
}

qtm_status qtm_information_spread(struct qtm_session *session, struct qtm_call *params, struct qtm_call *curve,
                                  struct qtm_result *result) {
    struct information info = {.session = session, .update = update_find(session->fit)};
    int count = session->model->param_count, curves = session->fit->curve_count;
    int64_t most = curves * result->points > count ? curves * result->points : count;
    for (int i = 0; i < count; i++) result->spread[i] = NAN;
    for (int64_t i = 0; i < curves * result->points; i++) result->sd[i] = NAN;
    if (!info.update || !weights_list(session, info.update, &info.weights)) return QTM_OK;
    bool minimum = false, was_wide[WEIGHTS_MAX];
    int groups = session->fit->group_count;
    if (groups > WEIGHTS_MAX) return QTM_OK;
    for (int g = 0; g < groups; g++) { /* displaced weights live in the f64 copy */
        qtm_state_widen(session->state, g);
        was_wide[g] = session->state->groups[g].wide;
        session->state->groups[g].wide = true;
    }
    qtm_status status = qtm_comm_agree(session->comm, information_open(&info, most));
    if (!status) status = information_solve(&info, &minimum);
    if (!status && minimum) {
        for (int i = 0; result->correlation && i < count * count; i++) result->correlation[i] = 0;
        spread_compute(&info, params, count, session->model->params, 1, result->spread, result->correlation);
        for (int i = 0; i < count; i++) { /* what another update moves is constant here, and not known exactly */
            const struct qtm_param *param = &session->model->params[i];
            if (param->kind != QTM_LINK && !session->fit->generated &&
                !qtm_session_moves(session, info.update, param->block, param->place))
                result->spread[i] = NAN;
        }
        for (int i = 0; result->correlation && i < count * count; i++) {
            double variance = result->spread[i / count] * result->spread[i % count];
            bool own = i / count == i % count && variance > 0; /* 1, and not 1 but for round-off */
            result->correlation[i] = own ? 1 : result->correlation[i] / variance;
        }
        if (curve) spread_compute(&info, curve, curves, NULL, result->points, result->sd, NULL);
    }
    for (int g = 0; g < groups; g++) session->state->groups[g].wide = was_wide[g];
    information_close(&info);
    return status;
}

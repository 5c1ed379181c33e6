/* Evaluation after training. Several calls with other step numbers give other vectors; the step numbers lie far above
 * any training step, so that no vector of the training is used again. */
#include "runtime/train/evaluate.h"

#include <math.h>

#include "runtime/core/memory.h"
#include "runtime/train/information.h"

enum { CALLS = 8 };
static const uint64_t FIRST_STEP = (uint64_t)1 << 40;

double qtm_curve_x(const struct qtm_curve *curve, int64_t points, int64_t i) {
    double part = (double)i / (double)(points > 1 ? points - 1 : 1);
    if (curve->on_log) return curve->low * pow(curve->high / curve->low, part);
    return curve->low + (curve->high - curve->low) * part;
}

static qtm_status result_create(struct qtm_session *session, struct qtm_result *result) {
    int64_t params = session->model->param_count, curves = session->fit->curve_count;
    *result = (struct qtm_result){.points = session->fit->curve_points};
    int64_t numbers = curves * result->points;
    double **vectors[] = {&result->value, &result->spread, &result->mean,
                          &result->sd,    &result->truth,  &result->variation};
    int64_t counts[] = {params, params, numbers, numbers, numbers, curves};
    for (int i = 0; i < 6; i++) {
        *vectors[i] = qtm_alloc_array(counts[i], sizeof(double));
        if (!*vectors[i]) return qtm_error_memory(counts[i] * (int64_t)sizeof(double));
    }
    if (session->config.correlate) {
        result->correlation = qtm_alloc_array(params * params, sizeof(double));
        if (!result->correlation) return qtm_error_memory(params * params * (int64_t)sizeof(double));
        for (int64_t i = 0; i < params * params; i++) result->correlation[i] = NAN;
    }
    for (int64_t i = 0; i < params; i++) result->spread[i] = NAN;
    for (int64_t i = 0; i < numbers; i++) result->sd[i] = result->truth[i] = NAN;
    for (int64_t i = 0; i < curves; i++) result->variation[i] = NAN;
    return QTM_OK;
}

void qtm_result_free(struct qtm_result *result) {
    double *blocks[] = {result->value, result->spread,    result->mean,       result->sd,
                        result->truth, result->variation, result->correlation};
    for (int i = 0; i < 7; i++) qtm_free(blocks[i]);
    *result = (struct qtm_result){0};
}

/* Adds one call's vectors to the sums of `count` quantities: output is [vectors, count] or [count]. */
static int64_t sums_add(const struct qtm_call *call, int output, int64_t count, double *sum, double *square) {
    int64_t vectors = call->out_count[output] / (count ? count : 1);
    for (int64_t v = 0; v < vectors; v++)
        for (int64_t i = 0; i < count; i++) {
            double value = qtm_call_value(call, output, v * count + i);
            sum[i] += value;
            square[i] += value * value;
        }
    return vectors;
}

/* Turns sums over all ranks into means and standard deviations. */
static qtm_status sums_finish(struct qtm_session *session, int64_t count, double vectors, double *sum, double *square) {
    QTM_TRY(qtm_comm_reduce_f64(session->comm, sum, count, QTM_SUM));
    QTM_TRY(qtm_comm_reduce_f64(session->comm, square, count, QTM_SUM));
    QTM_TRY(qtm_comm_reduce_f64(session->comm, &vectors, 1, QTM_SUM));
    for (int64_t i = 0; i < count; i++) {
        sum[i] /= vectors;
        double variance = square[i] / vectors - sum[i] * sum[i];
        square[i] = sqrt(fmax(variance, 0) * vectors / fmax(vectors - 1, 1));
    }
    return QTM_OK;
}

static qtm_status params_compute(struct qtm_session *session, struct qtm_result *result, struct qtm_call *call,
                                 int calls) {
    const struct qtm_param *model_params = session->model->params;
    int64_t params = session->model->param_count;
    double vectors = 0;
    for (int64_t i = 0; i < params; i++) result->spread[i] = 0;
    for (int k = 0; k < calls; k++) {
        qtm_call_run(call, session->draw_seed, FIRST_STEP + (uint64_t)k);
        for (int64_t i = 0, count; i < params; i += count) { /* the elements of an array follow one another */
            for (count = 1; i + count < params && model_params[i + count].output == model_params[i].output;) count++;
            int output = qtm_call_find(call, QTM_VALUE, model_params[i].output);
            int64_t got = sums_add(call, output, count, result->value + i, result->spread + i);
            if (!i) vectors += (double)got;
        }
    }
    return sums_finish(session, params, vectors, result->value, result->spread);
}

static qtm_status curves_compute(struct qtm_session *session, struct qtm_result *result, struct qtm_call *call,
                                 int calls) {
    int64_t points = result->points, curves = session->fit->curve_count;
    double vectors = 0;
    for (int64_t i = 0; i < curves * points; i++) result->sd[i] = 0;
    for (int k = 0; k < calls; k++) {
        qtm_call_run(call, session->draw_seed, FIRST_STEP + (uint64_t)k);
        for (int64_t c = 0; c < curves; c++) {
            int output = qtm_call_find(call, QTM_VALUE, (int)(2 * c));
            vectors += (double)sums_add(call, output, points, result->mean + c * points, result->sd + c * points) /
                       (double)curves;
            int truth = qtm_call_find(call, QTM_VALUE, (int)(2 * c + 1));
            for (int64_t i = 0; truth >= 0 && i < points; i++)
                result->truth[c * points + i] = qtm_call_value(call, truth, i);
        }
    }
    return sums_finish(session, curves * points, round(vectors), result->mean, result->sd);
}

/* Half the integral of |p - p_true|, by the trapezoid rule on the curve's grid; on log, of x |p - p_true| over
 * d(log x). */
static double variation_compute(const struct qtm_curve *curve, int64_t points, const double *p, const double *truth) {
    double length = curve->on_log ? log(curve->high / curve->low) : curve->high - curve->low;
    double step = length / (double)(points - 1), sum = 0;
    for (int64_t i = 0; i < points; i++) {
        double ends = i == 0 || i == points - 1 ? 0.5 : 1;
        sum += ends * fabs(p[i] - truth[i]) * (curve->on_log ? qtm_curve_x(curve, points, i) : 1);
    }
    return 0.5 * step * sum;
}

static qtm_status functions_check(const struct qtm_session *session, const struct qtm_call *params,
                                  const struct qtm_call *curve) {
    for (int i = 0; params->fn && i < session->model->param_count; i++)
        if (qtm_call_find(params, QTM_VALUE, session->model->params[i].output) < 0)
            return qtm_error("fit %s: the model gives no value of '%s'", session->fit->name,
                             session->model->params[i].name);
    for (int c = 0; curve->fn && c < session->fit->curve_count; c++)
        if (qtm_call_find(curve, QTM_VALUE, 2 * c) < 0)
            return qtm_error("fit %s: the model gives no curve '%s'", session->fit->name, session->fit->curves[c].name);
    return QTM_OK;
}

qtm_status qtm_result_compute(struct qtm_session *session, struct qtm_result *result) {
    const struct qtm_fit *fit = session->fit;
    struct qtm_call params = {0}, curve = {0};
    bool has_curves = fit->curve.name && fit->curve_count;
    qtm_status status = result_create(session, result);
    if (!status) status = qtm_call_bind(&params, &fit->params, &session->binding);
    if (!status && has_curves) status = qtm_call_bind(&curve, &fit->curve, &session->binding);
    if (!status) status = functions_check(session, &params, &curve);
    status = qtm_comm_agree(session->comm, status);
    int calls = fit->generated ? CALLS : 1;
    if (!status) status = params_compute(session, result, &params, calls);
    if (!status && has_curves) status = curves_compute(session, result, &curve, calls);
    if (!status && !fit->generated)
        status = qtm_information_spread(session, &params, has_curves ? &curve : NULL, result);
    for (int i = 0; session->config.choice && i < session->model->param_count; i++) {
        if (!session->config.choice->held[i]) continue;
        result->value[i] = session->config.choice->value[i]; /* a mean of equal numbers may round */
        result->spread[i] = 0;
    }
    for (int c = 0; !status && has_curves && c < fit->curve_count; c++)
        if (fit->curves[c].density && qtm_call_find(&curve, QTM_VALUE, 2 * c + 1) >= 0 && result->points > 1)
            result->variation[c] = variation_compute(&fit->curves[c], result->points, result->mean + c * result->points,
                                                     result->truth + c * result->points);
    qtm_call_destroy(&params);
    qtm_call_destroy(&curve);
    if (status) qtm_result_free(result);
    return status;
}

static void variations_compute(const struct qtm_fit *fit, struct qtm_result *result) {
    int64_t points = result->points;
    for (int c = 0; c < fit->curve_count; c++)
        if (!isnan(result->variation[c]))
            result->variation[c] =
                variation_compute(&fit->curves[c], points, result->mean + c * points, result->truth + c * points);
}

int64_t qtm_result_combine(const struct qtm_session *session, int64_t rows, const double *values,
                           struct qtm_result *result) {
    int64_t params = session->model->param_count, width = params + session->fit->curve_count * result->points, used = 0;
    for (int64_t r = 0; r < rows; r++) used += isfinite(values[r * width]);
    for (int64_t i = 0; i < width; i++) {
        double sum = 0, square = 0;
        for (int64_t r = 0; r < rows; r++)
            if (isfinite(values[r * width])) sum += values[r * width + i];
        double mean = sum / (double)used;
        for (int64_t r = 0; r < rows; r++)
            if (isfinite(values[r * width])) square += (values[r * width + i] - mean) * (values[r * width + i] - mean);
        double spread = used > 1 ? sqrt(square / (double)(used - 1)) : NAN;
        *(i < params ? &result->value[i] : &result->mean[i - params]) = mean;
        *(i < params ? &result->spread[i] : &result->sd[i - params]) = spread;
    }
    variations_compute(session->fit, result);
    return used;
}

/* summary.json and curves.json. A number that is not known is null. */
#include "runtime/train/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/io/file.h"
#include "runtime/io/json.h"

/* Events that a step uses on all ranks: those drawn, or those of the data where all are used. */
static int64_t events_per_step(const struct qtm_session *session) {
    int64_t events = session->fit->events * session->ranks;
    if (events) return events;
    for (int u = 0; u < session->fit->update_count; u++)
        if (session->fit->updates[u].full_data) {
            int64_t total = session->events[session->fit->updates[u].data].total;
            if (total > events) events = total;
        }
    return events;
}

/* "end": at an end of its domain, so that no spread can be given. */
static const char *param_state(const struct qtm_session *session, int row, double value) {
    const struct qtm_param *param = &session->model->params[row];
    if (param->kind == QTM_LINK) return "link";
    if (session->config.choice && session->config.choice->held[row]) return "fixed";
    bool moved = false; /* the blocks of raw parameters are the first of a fit that moves them itself */
    for (int u = 0; u < session->fit->update_count && !session->fit->generated && param->bounded; u++)
        moved |= qtm_gradient_offset(session->state, &session->fit->updates[u], param->block) >= 0 &&
                 qtm_session_moves(session, &session->fit->updates[u], param->block, param->place);
    return moved && qtm_domain_at_end(param->domain, param->low, param->high, value) ? "end" : "free";
}

/* In the units of the declaration. */
static void params_write(struct qtm_json_writer *json, const struct qtm_session *session,
                         const struct qtm_result *result) {
    qtm_json_object(json, "params");
    for (int i = 0; i < session->model->param_count; i++) {
        const struct qtm_param *param = &session->model->params[i];
        qtm_json_object(json, param->name);
        qtm_json_number(json, "value", result->value[i]);
        const char *state = param_state(session, i, result->value[i]);
        qtm_json_number(json, "spread", strcmp(state, "end") ? result->spread[i] : NAN);
        qtm_json_text(json, "state", state);
        if (param->unit) qtm_json_text(json, "unit", param->unit);
        if (param->link) qtm_json_text(json, "link", param->link);
        qtm_json_end(json);
    }
    qtm_json_end(json);
}

static void correlation_write(struct qtm_json_writer *json, const struct qtm_session *session,
                              const struct qtm_result *result) {
    int count = session->model->param_count;
    qtm_json_array(json, "correlation");
    for (int i = 0; i < count; i++) {
        qtm_json_array(json, NULL);
        for (int k = 0; k < count; k++) qtm_json_number(json, NULL, result->correlation[i * count + k]);
        qtm_json_end(json);
    }
    qtm_json_end(json);
}

qtm_status qtm_summary_write(const char *path, const struct qtm_session *session, const struct qtm_result *result,
                             bool converged) {
    struct qtm_file file;
    QTM_TRY(qtm_file_begin(path, &file));
    struct qtm_json_writer json = {.out = file.stream, .indent = true};
    qtm_json_object(&json, NULL);
    qtm_json_text(&json, "model", session->model->name);
    qtm_json_text(&json, "fit", session->fit->name);
    if (result->wrapper) qtm_json_text(&json, "wrapper", result->wrapper);
    params_write(&json, session, result);
    if (result->correlation) correlation_write(&json, session, result);
    bool any = false;
    for (int c = 0; c < session->fit->curve_count; c++) {
        if (isnan(result->variation[c])) continue;
        if (!any) qtm_json_object(&json, "total_variation");
        any = true;
        qtm_json_number(&json, session->fit->curves[c].name, result->variation[c]);
    }
    if (any) qtm_json_end(&json);
    qtm_json_integer(&json, "steps", session->step);
    qtm_json_number(&json, "seconds", session->seconds);
    qtm_json_number(&json, "processor_seconds", session->processor);
    qtm_json_number(&json, "steps_per_second", session->seconds > 0 ? (double)session->step / session->seconds : NAN);
    qtm_json_integer(&json, "events_per_step", events_per_step(session));
    qtm_json_integer(&json, "ranks", session->ranks);
    qtm_json_integer(&json, "threads", session->threads);
    qtm_json_unsigned(&json, "seed", session->config.seed);
    if (session->trainers[0].update->optimiser == QTM_LBFGS) qtm_json_bool(&json, "converged", converged);
    qtm_json_text(&json, "model_hash", session->model->hash);
    qtm_json_text(&json, "version", session->model->compiler);
    qtm_json_end(&json);
    fputc('\n', file.stream);
    return qtm_file_commit(&file);
}

static void row_write(struct qtm_json_writer *json, const char *name, int64_t points, const double *values) {
    qtm_json_array(json, name);
    for (int64_t i = 0; i < points; i++) qtm_json_number(json, NULL, values[i]);
    qtm_json_end(json);
}

qtm_status qtm_curves_write(const char *path, const struct qtm_session *session, const struct qtm_result *result) {
    struct qtm_file file;
    QTM_TRY(qtm_file_begin(path, &file));
    struct qtm_json_writer json = {.out = file.stream};
    int64_t points = result->points;
    qtm_json_array(&json, NULL);
    for (int c = 0; c < session->fit->curve_count; c++) {
        const struct qtm_curve *curve = &session->fit->curves[c];
        qtm_json_object(&json, NULL);
        qtm_json_text(&json, "name", curve->name);
        qtm_json_bool(&json, "density", curve->density);
        qtm_json_bool(&json, "on_log", curve->on_log);
        qtm_json_array(&json, "x");
        for (int64_t i = 0; i < points; i++) qtm_json_number(&json, NULL, qtm_curve_x(curve, points, i));
        qtm_json_end(&json);
        row_write(&json, "mean", points, result->mean + c * points);
        row_write(&json, "spread", points, result->sd + c * points);
        row_write(&json, "truth", points, result->truth + c * points);
        qtm_json_end(&json);
    }
    qtm_json_end(&json);
    fputc('\n', file.stream);
    return qtm_file_commit(&file);
}

static void correlation_print(const struct qtm_session *session, const struct qtm_result *result) {
    const struct qtm_model *model = session->model;
    printf("correlations:\n");
    for (int i = 0; i < model->param_count; i++) {
        printf("%-12s", model->params[i].name);
        for (int k = 0; k <= i; k++) {
            double value = result->correlation[i * model->param_count + k];
            if (isnan(value))
                printf("%8s", "-");
            else
                printf("%8.3f", value);
        }
        printf("\n");
    }
}

/* How many rows from `row` on belong to one array. */
static int array_length(const struct qtm_model *model, int row) {
    int count = 1;
    while (row + count < model->param_count && model->params[row + count].output == model->params[row].output) count++;
    return count;
}

static void param_print(const struct qtm_session *session, const struct qtm_result *result, int row) {
    const struct qtm_param *param = &session->model->params[row];
    const char *state = param_state(session, row, result->value[row]);
    printf("%-12s %12.6g ", param->name, result->value[row]);
    if (!strcmp(state, "fixed"))
        printf("%12s", "fixed");
    else if (isnan(result->spread[row]) || !strcmp(state, "end"))
        printf("%12s", "-");
    else
        printf("%12.3g", result->spread[row]);
    if (param->has_truth)
        printf(" %12.6g", param->truth);
    else if (session->model->has_truth || param->unit || param->link || !strcmp(state, "end"))
        printf(" %12s", "");
    if (param->unit) printf("  %s", param->unit);
    if (param->link) printf("  = %s", param->link);
    if (!strcmp(state, "end")) printf("  at the end of its domain");
    printf("\n");
}

/* A large array as one line. */
static void array_print(const struct qtm_session *session, const struct qtm_result *result, int row, int count) {
    const struct qtm_param *param = &session->model->params[row];
    const char *bracket = strchr(param->name, '[');
    double low = INFINITY, high = -INFINITY;
    for (int i = row; i < row + count; i++) {
        low = fmin(low, result->value[i]);
        high = fmax(high, result->value[i]);
    }
    printf("%-12.*s %d values from %.6g to %.6g%s%s\n", bracket ? (int)(bracket - param->name) : 12, param->name, count,
           low, high, param->unit ? " " : "", param->unit ? param->unit : "");
}

void qtm_summary_print(const struct qtm_session *session, const struct qtm_result *result) {
    enum { ROWS_MAX = 24 };
    const struct qtm_model *model = session->model;
    if (result->wrapper) printf("\n%s", result->wrapper);
    printf("\n%-12s %12s %12s%s\n", "parameter", "value", "spread", model->has_truth ? "        truth" : "");
    for (int i = 0, count; i < model->param_count; i += count) {
        count = array_length(model, i);
        if (count > ROWS_MAX) array_print(session, result, i, count);
        for (int k = 0; k < count && count <= ROWS_MAX; k++) param_print(session, result, i + k);
    }
    if (result->correlation) correlation_print(session, result);
    for (int c = 0; c < session->fit->curve_count; c++)
        if (!isnan(result->variation[c]))
            printf("total variation of %s to the truth: %.5f\n", session->fit->curves[c].name, result->variation[c]);
}

/* Ensembles and bootstraps. The first run is rank 0's, which keeps it open: it knows names, grids and the truth when
 * the results are written. A run that fails (a loss that is not finite) is told, left out and counted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/train/wrap.h"

#include "runtime/core/clock.h"
#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/rng/philox.h"
#include "runtime/train/metrics.h"
#include "runtime/train/report.h"
#include "runtime/train/start.h"
#include "runtime/train/step.h"
#include "runtime/train/summary.h"

enum { PATH_LENGTH = 4096, SEED_MEMBERS = 4096, STREAM_ROWS = 0x7001 };

static qtm_status path_join(char *path, const char *folder, const char *name) {
    if (snprintf(path, PATH_LENGTH, "%s/%s", folder, name) >= PATH_LENGTH)
        return qtm_error("%s: the name of the folder is too long", folder);
    return QTM_OK;
}

qtm_status qtm_wrap_steps(const struct qtm_wrap *wrap, struct qtm_session *session, FILE *metrics, const char *path) {
    struct qtm_reading reading;
    struct qtm_step_end end = {0};
    QTM_TRY(qtm_reading_create(session, &reading));
    qtm_status status = QTM_OK;
    double clock = qtm_clock_seconds(), processor = qtm_clock_processor();
    while (!status && session->step < wrap->steps && !end.converged && !reading.stop) {
        status = qtm_step_run(session, 0, &end);
        session->seconds = qtm_clock_seconds() - clock;
        bool due = session->step % wrap->report_every == 0 || end.converged || session->step == wrap->steps;
        if (status || !due) continue;
        status = qtm_reading_take(session, &reading);
        if (!status && metrics) status = qtm_metrics_write(metrics, path, session, &reading);
    }
    session->processor = qtm_clock_processor() - processor;
    qtm_reading_free(&reading);
    return status;
}

/* --- bootstrap --- */

/* As many events as there are, each one of them drawn with replacement. */
static qtm_status events_redraw(const struct qtm_events *from, uint64_t seed, uint32_t data, struct qtm_events *to) {
    if (!from->fields) return QTM_OK;
    int64_t *rows = qtm_alloc_array(from->local, sizeof *rows);
    if (!rows) return qtm_error_memory(from->local * (int64_t)sizeof *rows);
    for (int64_t i = 0; i < from->local; i++)
        rows[i] = qtm_random_below(qtm_random_word(seed, data, STREAM_ROWS, (uint64_t)i), (uint32_t)from->local);
    qtm_status status = qtm_events_pick(from, from->local, rows, to);
    to->total = from->total;
    qtm_free(rows);
    return status;
}

static void events_drop(struct qtm_events *events, int count) {
    for (int d = 0; events && d < count; d++) qtm_events_free(&events[d]);
    qtm_free(events);
}

static qtm_status replica_make(const struct qtm_session *base, uint64_t seed, struct qtm_events **out) {
    int count = base->model->data_count;
    struct qtm_events *events = *out = qtm_alloc_array(count, sizeof *events);
    if (!events) return qtm_error_memory(count * (int64_t)sizeof *events);
    for (int d = 0; d < count; d++) {
        if (base->events[d].local > UINT32_MAX)
            return qtm_error("data set '%s' has too many events for a bootstrap", base->model->data[d].name);
        QTM_TRY(events_redraw(&base->events[d], seed, (uint32_t)d, &events[d]));
    }
    return QTM_OK;
}

/* --- runs --- */

static qtm_status row_take(const struct qtm_wrap *wrap, struct qtm_session *session, double *row) {
    struct qtm_result result;
    int64_t params = session->model->param_count;
    QTM_TRY(qtm_result_compute(session, &result));
    memcpy(row, result.value, (size_t)params * sizeof(double));
    memcpy(row + params, result.mean, (size_t)(wrap->width - params) * sizeof(double));
    qtm_result_free(&result);
    return QTM_OK;
}

/* Run number `member`, left open; `row` gets what it found. */
static qtm_status member_run(struct qtm_wrap *wrap, int64_t member, const struct qtm_events *events, FILE *metrics,
                             const char *path, struct qtm_session *session) {
    struct qtm_config config = wrap->config;
    config.seed = qtm_session_seed(wrap->config.seed, SEED_MEMBERS + (uint64_t)member);
    config.events = events;
    QTM_TRY(qtm_session_open(session, &config));
    double *row = wrap->values + member * wrap->width;
    qtm_status status = qtm_wrap_steps(wrap, session, metrics, path);
    if (!status) status = row_take(wrap, session, row);
    if (status) {
        fprintf(stderr, "run %lld failed and is left out: %s\n", (long long)member + 1, qtm_error_text());
        row[0] = NAN;
    } else if (!wrap->quiet) {
        printf("run %lld of %lld: %lld steps, %.3g s\n", (long long)member + 1, (long long)wrap->rows,
               (long long)session->step, session->seconds);
        fflush(stdout);
    }
    return QTM_OK;
}

/* This rank's runs. The first of rank 0 stays open in `first`; `base` holds the data for a bootstrap. */
static qtm_status members_run(struct qtm_wrap *wrap, struct qtm_session *base, struct qtm_session *first) {
    char path[PATH_LENGTH];
    int rank = qtm_comm_rank(wrap->comm), ranks = qtm_comm_size(wrap->comm);
    bool bootstrap = wrap->wrapper->kind == QTM_BOOTSTRAP;
    if (bootstrap) QTM_TRY(qtm_session_open(base, &wrap->config));
    for (int64_t member = rank; member < wrap->rows; member += ranks) {
        struct qtm_session own, *session = member ? &own : first;
        struct qtm_events *events = NULL;
        FILE *metrics = NULL;
        if (bootstrap) QTM_TRY(replica_make(base, qtm_session_seed(wrap->config.seed, (uint64_t)member), &events));
        if (!member) {
            QTM_TRY(path_join(path, wrap->folder, "metrics.jsonl"));
            QTM_TRY(qtm_metrics_open(path, 0, &metrics));
        }
        qtm_status status = member_run(wrap, member, events, metrics, path, session);
        if (metrics) fclose(metrics);
        if (!status && member) qtm_session_close(session);
        if (member) events_drop(events, wrap->config.model->data_count);
        QTM_TRY(status);
    }
    return QTM_OK;
}

static qtm_status results_write(struct qtm_wrap *wrap, struct qtm_session *session) {
    char path[PATH_LENGTH], text[256];
    struct qtm_result result;
    QTM_TRY(qtm_result_compute(session, &result));
    int64_t used = qtm_result_combine(session, wrap->rows, wrap->values, &result);
    qtm_status status = QTM_OK;
    if (used < 2)
        status = qtm_error("%lld of %lld runs came to an end: no spread can be given", (long long)used,
                           (long long)wrap->rows);
    snprintf(text, sizeof text, "%s: mean and standard deviation of %lld runs of %s",
             wrap->wrapper->kind == QTM_ENSEMBLE ? "ensemble" : "bootstrap", (long long)used, session->fit->name);
    result.wrapper = text;
    if (!status) status = path_join(path, wrap->folder, "curves.json");
    if (!status) status = qtm_curves_write(path, session, &result);
    if (!status) status = path_join(path, wrap->folder, "summary.json");
    if (!status) status = qtm_summary_write(path, session, &result, true);
    if (!status && !wrap->quiet) qtm_summary_print(session, &result);
    if (!status) status = qtm_report_write(wrap->folder, session->model, wrap->quiet);
    qtm_result_free(&result);
    return status;
}

static qtm_status runs_go(struct qtm_wrap *wrap) {
    struct qtm_session base = {0}, first = {0};
    bool root = qtm_comm_rank(wrap->comm) == 0;
    for (int64_t i = 0; i < wrap->rows * wrap->width; i++) wrap->values[i] = 0;
    qtm_status status = root ? qtm_make_folders(wrap->folder) : QTM_OK;
    status = qtm_comm_agree(wrap->comm, status);
    if (!status) status = qtm_comm_agree(wrap->comm, members_run(wrap, &base, &first));
    for (int64_t r = 0; !status && r < wrap->rows; r++)
        status = qtm_comm_reduce_f64(wrap->comm, wrap->values + r * wrap->width, wrap->width, QTM_SUM);
    if (!status) status = qtm_comm_agree(wrap->comm, root ? results_write(wrap, &first) : QTM_OK);
    const struct qtm_events *events = first.config.events;
    int sets = wrap->config.model->data_count;
    if (first.fit) qtm_session_close(&first);
    events_drop((struct qtm_events *)events, sets);
    if (base.fit) qtm_session_close(&base);
    return status;
}

qtm_status qtm_wrap_command(const struct qtm_model *model, const struct qtm_wrapper *wrapper,
                            const struct qtm_choice *choice, const struct qtm_arguments *arguments,
                            struct qtm_comm *comm) {
    const struct qtm_fit *fit = &model->fits[wrapper->fit];
    char folder[QTM_RUN_FOLDER];
    QTM_TRY(qtm_start_folder(arguments, folder));
    struct qtm_comm *alone;
    QTM_TRY(qtm_comm_alone(comm, &alone));
    struct qtm_wrap wrap = {
        .wrapper = wrapper,
        .comm = comm,
        .folder = folder,
        .steps = arguments->steps >= 0 ? arguments->steps : fit->steps,
        .rows = (int64_t)wrapper->settings[0],
        .width = model->param_count + fit->curve_count * fit->curve_points,
        .quiet = arguments->quiet,
        .config = qtm_start_config(model, fit, alone, choice, arguments),
    };
    wrap.report_every = qtm_start_interval(arguments->report_every, wrap.steps, 100);
    wrap.values = qtm_alloc_array(wrap.rows * wrap.width, sizeof(double));
    qtm_status status = wrap.values ? QTM_OK : qtm_error_memory(wrap.rows * wrap.width * (int64_t)sizeof(double));
    status = qtm_comm_agree(comm, status);
    if (!status) status = runs_go(&wrap);
    qtm_free(wrap.values);
    qtm_comm_close(alone);
    return status;
}

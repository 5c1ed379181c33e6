/* The training loop. Rank 0 writes all files; the others take part in what is collective. */
#include "runtime/train/loop.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/clock.h"
#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/train/checks.h"
#include "runtime/train/data.h"
#include "runtime/train/metrics.h"
#include "runtime/train/report.h"
#include "runtime/train/saved.h"
#include "runtime/train/start.h"
#include "runtime/train/step.h"
#include "runtime/train/summary.h"
#include "runtime/train/wrap.h"

enum { PATH_LENGTH = 4096 };

static volatile sig_atomic_t signal_received;
static void signal_note(int number) {
    signal_received = number;
}

/* A run on its way. */
struct run {
    struct qtm_session session;
    struct qtm_plan plan;
    struct qtm_reading reading;
    const char *folder;
    char metrics_path[PATH_LENGTH], checkpoint_path[PATH_LENGTH], best_path[PATH_LENGTH];
    FILE *metrics; /* on rank 0 */
    bool quiet;
    int64_t started; /* step and time at which this start began */
    double seconds_before, clock;
    int64_t reported, saved; /* steps of the last report and checkpoint */
};

static bool is_root(const struct run *run) {
    return run->session.rank == 0;
}

static qtm_status path_join(char *path, const char *folder, const char *name) {
    if (snprintf(path, PATH_LENGTH, "%s/%s", folder, name) >= PATH_LENGTH)
        return qtm_error("%s: the name of the folder is too long", folder);
    return QTM_OK;
}

/* Folder, source of the model and metrics. What an earlier run left as its result is removed: it is not this run's. */
static qtm_status run_prepare(struct run *run) {
    struct qtm_session *session = &run->session;
    char path[PATH_LENGTH];
    QTM_TRY(path_join(run->metrics_path, run->folder, "metrics.jsonl"));
    QTM_TRY(path_join(run->checkpoint_path, run->folder, "last.h5"));
    QTM_TRY(path_join(run->best_path, run->folder, "best.h5"));
    if (!is_root(run)) return QTM_OK;
    QTM_TRY(qtm_make_folders(run->folder));
    QTM_TRY(path_join(path, run->folder, "summary.json"));
    unlink(path);
    if (!session->step) unlink(run->best_path);
    QTM_TRY(path_join(path, run->folder, "model.qtm"));
    struct qtm_file file;
    QTM_TRY(qtm_file_begin(path, &file));
    fputs(session->model->source ? session->model->source : "", file.stream);
    QTM_TRY(qtm_file_commit(&file));
    return qtm_metrics_open(run->metrics_path, session->step, &run->metrics);
}

static qtm_status run_report(struct run *run) {
    struct qtm_session *session = &run->session;
    QTM_TRY(qtm_reading_take(session, &run->reading));
    run->reported = session->step;
    if (!is_root(run)) return QTM_OK;
    QTM_TRY(qtm_metrics_write(run->metrics, run->metrics_path, session, &run->reading));
    if (!run->quiet)
        qtm_progress_print(session, &run->reading, run->plan.steps, run->started,
                           session->seconds - run->seconds_before);
    return QTM_OK;
}

static qtm_status run_save(struct run *run) {
    QTM_TRY(qtm_saved_write(&run->session, &run->plan, run->checkpoint_path));
    run->saved = run->session.step;
    return QTM_OK;
}

/* best.h5 holds the weights with the least value so far of the monitor that the fit selects on. */
static qtm_status run_select(struct run *run) {
    int best = run->session.fit->best;
    if (best < 0) return QTM_OK;
    double value = run->reading.monitors[run->reading.first[best]];
    if (!(value < run->plan.best)) return QTM_OK;
    run->plan.best = value;
    return qtm_saved_write(&run->session, &run->plan, run->best_path);
}

static qtm_status run_steps(struct run *run, struct qtm_step_end *end) {
    struct qtm_session *session = &run->session;
    *end = (struct qtm_step_end){0};
    run->reading.stop = false;
    while (session->step < run->plan.steps && !end->interrupt && !end->converged && !run->reading.stop) {
        QTM_TRY(qtm_step_run(session, (uint64_t)signal_received, end));
        session->seconds = run->seconds_before + qtm_clock_seconds() - run->clock;
        if (session->step % run->plan.report_every == 0) {
            qtm_status status = run_report(run);
            QTM_TRY(qtm_comm_agree(session->comm, status));
            QTM_TRY(run_select(run));
        }
        if (session->step % run->plan.checkpoint_every == 0) QTM_TRY(run_save(run));
    }
    if (run->reported != session->step && session->step > run->started && !end->interrupt) {
        qtm_status status = run_report(run);
        QTM_TRY(qtm_comm_agree(session->comm, status));
        QTM_TRY(run_select(run));
    }
    if (run->saved != session->step) QTM_TRY(run_save(run));
    return QTM_OK;
}

static void lbfgs_print(const struct run *run) {
    for (int u = 0; u < run->session.fit->update_count; u++) {
        const struct qtm_trainer *trainer = &run->session.trainers[u];
        const int64_t *counters = trainer->lbfgs.counters;
        if (trainer->update->optimiser == QTM_LBFGS)
            printf("lbfgs of %s: %s after %lld iterations and %lld evaluations\n", trainer->label,
                   counters[QTM_LBFGS_CONVERGED] ? "converged" : "not converged",
                   (long long)counters[QTM_LBFGS_ITERATIONS], (long long)counters[QTM_LBFGS_EVALUATIONS]);
    }
}

static qtm_status results_write(struct run *run, const struct qtm_result *result, bool converged) {
    char path[PATH_LENGTH];
    QTM_TRY(path_join(path, run->folder, "curves.json"));
    QTM_TRY(qtm_curves_write(path, &run->session, result));
    QTM_TRY(path_join(path, run->folder, "summary.json"));
    QTM_TRY(qtm_summary_write(path, &run->session, result, converged));
    if (!run->quiet) {
        qtm_progress_end();
        if (run->reading.stop)
            printf("stopped after step %lld: the condition of 'stop when' holds\n", (long long)run->session.step);
        lbfgs_print(run);
        qtm_summary_print(&run->session, result);
    }
    return qtm_report_write(run->folder, run->session.model, run->quiet);
}

static qtm_status run_finish(struct run *run, bool converged) {
    struct qtm_result result;
    QTM_TRY(qtm_result_compute(&run->session, &result));
    if (result.correlation) result.wrapper = "laplace: spreads and correlations from the inverse of the Hessian";
    qtm_status status = is_root(run) ? results_write(run, &result, converged) : QTM_OK;
    qtm_result_free(&result);
    return qtm_comm_agree(run->session.comm, status);
}

static void signals_catch(void) {
    struct sigaction action = {.sa_handler = signal_note, .sa_flags = SA_RESTART | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Runs an open session to its end and closes it. */
static qtm_status run_go(struct run *run, int *exit_status) {
    struct qtm_session *session = &run->session;
    struct qtm_step_end end;
    run->started = session->step;
    run->seconds_before = session->seconds;
    run->reported = run->saved = -1;
    qtm_status status = qtm_reading_create(session, &run->reading);
    if (!status) status = run_prepare(run);
    status = qtm_comm_agree(session->comm, status);
    signals_catch();
    run->clock = qtm_clock_seconds();
    double processor = qtm_clock_processor();
    if (!status) status = run_steps(run, &end);
    session->processor = qtm_clock_processor() - processor;
    if (!status && end.interrupt) {
        *exit_status = 128 + (int)end.interrupt;
        if (is_root(run)) {
            if (!run->quiet) qtm_progress_end();
            fprintf(stderr, "stopped by signal %d after step %lld; go on with: resume %s\n", (int)end.interrupt,
                    (long long)session->step, run->checkpoint_path);
        }
    } else if (!status) {
        status = run_finish(run, end.converged);
    } else if (is_root(run) && !run->quiet && run->reported >= 0) {
        qtm_progress_end();
    }
    if (run->metrics) fclose(run->metrics);
    qtm_reading_free(&run->reading);
    qtm_session_close(session);
    return status;
}

static void run_announce(const struct run *run, const char *what) {
    const struct qtm_session *session = &run->session;
    if (!is_root(run) || run->quiet) return;
    printf("%s %s: %lld steps, %d rank%s of %d thread%s, seed %llu, in %s\n", what, session->fit->name,
           (long long)run->plan.steps, session->ranks, session->ranks == 1 ? "" : "s", session->threads,
           session->threads == 1 ? "" : "s", (unsigned long long)session->config.seed, run->folder);
    for (int d = 0; d < session->fit->draw_count; d++) printf("draws: %s\n", session->fit->draws[d]);
    for (int d = 0; d < session->model->data_count; d++)
        if (session->events[d].fields)
            qtm_data_print(&session->model->data[d], session->config.data ? session->config.data[d] : NULL,
                           &session->events[d]);
    fflush(stdout);
}

static qtm_status fit_run(const struct qtm_model *model, const struct qtm_fit *fit, const struct qtm_wrapper *wrapper,
                          const struct qtm_choice *choice, const struct qtm_arguments *arguments, struct qtm_comm *comm,
                          int *exit_status) {
    struct run run = {.quiet = arguments->quiet};
    run.plan.best = INFINITY;
    run.plan.steps = arguments->steps >= 0 ? arguments->steps : fit->steps;
    run.plan.report_every = qtm_start_interval(arguments->report_every, run.plan.steps, 100);
    run.plan.checkpoint_every = qtm_start_interval(arguments->checkpoint_every, run.plan.steps, 10);
    char folder[QTM_RUN_FOLDER];
    QTM_TRY(qtm_start_folder(arguments, folder));
    run.folder = folder;
    struct qtm_config config = qtm_start_config(model, fit, comm, choice, arguments);
    config.correlate = wrapper != NULL;
    config.scale = wrapper ? wrapper->settings[0] : 0;
    QTM_TRY(qtm_session_open(&run.session, &config));
    qtm_status status = qtm_session_checks(&run.session);
    if (status) {
        qtm_session_close(&run.session);
        return status;
    }
    run_announce(&run, "fit");
    return run_go(&run, exit_status);
}

qtm_status qtm_fit_command(const struct qtm_model *model, const struct qtm_arguments *arguments, struct qtm_comm *comm,
                           int *exit_status) {
    const struct qtm_fit *fit = NULL;
    for (int i = 0; i < model->fit_count; i++)
        if (!strcmp(model->fits[i].name, arguments->operand)) fit = &model->fits[i];
    const struct qtm_wrapper *wrapper = NULL;
    for (int i = 0; i < model->wrapper_count; i++)
        if (!strcmp(model->wrappers[i].name, arguments->operand)) wrapper = &model->wrappers[i];
    if (wrapper) fit = &model->fits[wrapper->fit];
    if (!fit) return qtm_misuse("the model has no fit '%s'", arguments->operand);
    struct qtm_choice choice;
    QTM_TRY(qtm_choice_make(model, arguments->free, arguments->fix, arguments->start, &choice));
    qtm_status status = wrapper && wrapper->kind != QTM_LAPLACE
                            ? qtm_wrap_command(model, wrapper, &choice, arguments, comm)
                            : fit_run(model, fit, wrapper, &choice, arguments, comm, exit_status);
    qtm_choice_destroy(&choice);
    return status;
}

static void folder_of(const char *path, char *folder) {
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_LENGTH, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path) snprintf(folder, PATH_LENGTH, "/");
}

static qtm_status resume_run(const struct qtm_arguments *arguments, struct qtm_comm *comm, struct qtm_saved *saved,
                             const struct qtm_model *model, int *exit_status) {
    struct run run = {.quiet = arguments->quiet, .plan = saved->plan};
    if (arguments->steps >= 0) run.plan.steps = arguments->steps;
    if (arguments->report_every > 0) run.plan.report_every = arguments->report_every;
    if (arguments->checkpoint_every > 0) run.plan.checkpoint_every = arguments->checkpoint_every;
    if (run.plan.steps < saved->step)
        return qtm_misuse("--steps=%lld counts all steps, and %s has %lld already", (long long)run.plan.steps,
                          saved->path, (long long)saved->step);
    char folder[PATH_LENGTH];
    folder_of(saved->path, folder);
    run.folder = folder;
    for (int d = 0; d < model->data_count; d++)
        if (!arguments->data[d]) arguments->data[d] = saved->data[d];
    struct qtm_config config = {
        .model = model,
        .fit = saved->fit,
        .comm = comm,
        .options = saved->options,
        .data = arguments->data,
        .choice = &saved->choice,
        .seed = saved->seed,
        .threads = arguments->threads > 0 ? (int)arguments->threads : 0,
        .resuming = true,
        .trap = arguments->trap != NULL,
    };
    QTM_TRY(qtm_session_open(&run.session, &config));
    qtm_status status = qtm_saved_load(saved, &run.session);
    if (status) {
        qtm_session_close(&run.session);
        return status;
    }
    run_announce(&run, "resume");
    if (is_root(&run) && saved->ranks != run.session.ranks)
        printf("the checkpoint is of %d rank%s: local weights of rank r are those of its rank r mod %d\n", saved->ranks,
               saved->ranks == 1 ? "" : "s", saved->ranks);
    return run_go(&run, exit_status);
}

qtm_status qtm_resume_command(const struct qtm_model *model, const struct qtm_arguments *arguments,
                              struct qtm_comm *comm, int *exit_status) {
    struct qtm_saved saved;
    QTM_TRY(qtm_comm_agree(comm, qtm_saved_open(arguments->operand, model, &saved)));
    qtm_status status = resume_run(arguments, comm, &saved, model, exit_status);
    qtm_saved_close(&saved, model);
    return status;
}

/* Metrics and progress. A line of metrics is written in one call and flushed, and a reader may look at the file at any
 * time; a run that is killed leaves at worst one incomplete last line, which resume drops. */
#include "runtime/train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/train/guard.h"

qtm_status qtm_reading_create(const struct qtm_session *session, struct qtm_reading *reading) {
    const struct qtm_fit *fit = session->fit;
    *reading = (struct qtm_reading){0};
    reading->first = qtm_alloc_array(fit->monitor_count + 1, sizeof(int64_t));
    if (!reading->first) return qtm_error_memory(fit->monitor_count * (int64_t)sizeof(int64_t));
    for (int m = 0; m < fit->monitor_count; m++) reading->first[m + 1] = reading->first[m] + fit->monitors[m].count;
    reading->losses = qtm_alloc_array(fit->update_count, sizeof(double));
    reading->monitors = qtm_alloc_array(reading->first[fit->monitor_count], sizeof(double));
    if (reading->losses && reading->monitors) return QTM_OK;
    qtm_reading_free(reading);
    return qtm_error_memory(fit->update_count * (int64_t)sizeof(double));
}

void qtm_reading_free(struct qtm_reading *reading) {
    qtm_free(reading->losses);
    qtm_free(reading->monitors);
    qtm_free(reading->first);
    *reading = (struct qtm_reading){0};
}

static qtm_status monitor_check(struct qtm_session *session) {
    char when[256];
    snprintf(when, sizeof when, "a monitor after step %lld of fit %s", (long long)session->step, session->fit->name);
    return qtm_comm_agree(session->comm, qtm_guard_check(&session->monitor, session->model, session, when));
}

qtm_status qtm_reading_take(struct qtm_session *session, struct qtm_reading *reading) {
    const struct qtm_fit *fit = session->fit;
    int64_t numbers = reading->first[fit->monitor_count];
    for (int u = 0; u < fit->update_count; u++) reading->losses[u] = session->trainers[u].loss / session->ranks;
    QTM_TRY(qtm_comm_reduce_f64(session->comm, reading->losses, fit->update_count, QTM_SUM));
    reading->stop = false;
    if (!session->monitor.fn) {
        for (int64_t i = 0; i < numbers; i++) reading->monitors[i] = NAN;
        return QTM_OK;
    }
    qtm_call_run(&session->monitor, session->draw_seed, (uint64_t)session->step);
    QTM_TRY(monitor_check(session));
    for (int m = 0; m < fit->monitor_count; m++) {
        int output = qtm_call_find(&session->monitor, QTM_VALUE, m);
        for (int64_t i = 0; i < fit->monitors[m].count; i++)
            reading->monitors[reading->first[m] + i] =
                output >= 0 && i < session->monitor.out_count[output]
                    ? qtm_call_value(&session->monitor, output, i) / session->ranks
                    : NAN;
    }
    double stop = 0;
    if (fit->stops) {
        stop = qtm_call_value(&session->monitor, qtm_call_find(&session->monitor, QTM_VALUE, fit->monitor_count), 0);
        QTM_TRY(qtm_comm_reduce_f64(session->comm, &stop, 1, QTM_MIN));
    }
    reading->stop = stop > 0;
    return qtm_comm_reduce_f64(session->comm, reading->monitors, numbers, QTM_SUM);
}

/* Copies the lines to keep. The old file is replaced only when the new one is complete. */
static qtm_status metrics_cut(const char *path, int64_t step) {
    char *text = NULL;
    if (step > 0 && !access(path, R_OK)) QTM_TRY(qtm_file_read(path, &text, NULL));
    struct qtm_file file;
    qtm_status status = qtm_file_begin(path, &file);
    if (status) {
        qtm_free(text);
        return status;
    }
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        struct qtm_json *root = NULL;
        if (!end || qtm_json_parse(path, line, end - line, &root)) break;
        bool keep = qtm_json_member_number(root, "step", INFINITY) <= (double)step;
        qtm_json_free(root);
        if (!keep) break;
        fwrite(line, 1, (size_t)(end + 1 - line), file.stream);
        line = end + 1;
    }
    qtm_free(text);
    return qtm_file_commit(&file);
}

qtm_status qtm_metrics_open(const char *path, int64_t step, FILE **file) {
    *file = NULL;
    QTM_TRY(metrics_cut(path, step));
    *file = fopen(path, "a");
    return *file ? QTM_OK : qtm_error("%s: cannot be written: %m", path);
}

qtm_status qtm_metrics_write(FILE *file, const char *path, const struct qtm_session *session,
                             const struct qtm_reading *reading) {
    const struct qtm_fit *fit = session->fit;
    struct qtm_json_writer json = {.out = file};
    qtm_json_object(&json, NULL);
    qtm_json_integer(&json, "step", session->step);
    qtm_json_number(&json, "seconds", round(session->seconds * 1e6) / 1e6);
    qtm_json_object(&json, "losses");
    for (int u = 0; u < fit->update_count; u++) qtm_json_number(&json, session->trainers[u].label, reading->losses[u]);
    qtm_json_end(&json);
    qtm_json_object(&json, "monitors");
    for (int m = 0; m < fit->monitor_count; m++) {
        qtm_json_array(&json, fit->monitors[m].name);
        for (int64_t i = reading->first[m]; i < reading->first[m + 1]; i++)
            qtm_json_number(&json, NULL, reading->monitors[i]);
        qtm_json_end(&json);
    }
    qtm_json_end(&json);
    qtm_json_end(&json);
    fputc('\n', file);
    return fflush(file) || ferror(file) ? qtm_error("%s: cannot be written: %m", path) : QTM_OK;
}

/* Is there a person's terminal at the end of stdout? Open MPI gives its processes a terminal of its own and passes on
 * what it reads there, so under mpirun it is mpirun's stdout that counts. */
static bool stdout_is_terminal(void) {
    if (!isatty(STDOUT_FILENO)) return false;
    if (!getenv("OMPI_COMM_WORLD_SIZE")) return true;
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return false;
    target[length] = 0;
    return !strncmp(target, "/dev/pts/", 9) || !strncmp(target, "/dev/tty", 8);
}

static void duration_print(char *text, size_t size, double seconds) {
    if (!(seconds < 360000))
        snprintf(text, size, "-");
    else if (seconds >= 3600)
        snprintf(text, size, "%dh %02dm", (int)seconds / 3600, (int)seconds / 60 % 60);
    else if (seconds >= 60)
        snprintf(text, size, "%dm %02ds", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(text, size, "%.0fs", ceil(seconds));
}

void qtm_progress_print(const struct qtm_session *session, const struct qtm_reading *reading, int64_t steps,
                        int64_t started, double elapsed) {
    const struct qtm_fit *fit = session->fit;
    char line[1024], left[32];
    double rate = elapsed > 0 ? (double)(session->step - started) / elapsed : 0;
    duration_print(left, sizeof left, rate > 0 ? (double)(steps - session->step) / rate : INFINITY);
    size_t used = (size_t)snprintf(line, sizeof line, "%lld/%lld  %.3g steps/s", (long long)session->step,
                                   (long long)steps, rate);
    for (int u = 0; u < fit->update_count && used < sizeof line; u++)
        used += (size_t)snprintf(line + used, sizeof line - used, "  %s %.6g", session->trainers[u].label,
                                 reading->losses[u]);
    for (int m = 0; m < fit->monitor_count && used < sizeof line; m++) {
        double square = 0, count = (double)fit->monitors[m].count;
        for (int64_t i = reading->first[m]; i < reading->first[m + 1]; i++)
            square += reading->monitors[i] * reading->monitors[i];
        double shown = fit->monitors[m].count == 1 ? reading->monitors[reading->first[m]] : sqrt(square / count);
        used += (size_t)snprintf(line + used, sizeof line - used, "  %s%s %.4g",
                                 fit->monitors[m].count == 1 ? "" : "rms ", fit->monitors[m].name, shown);
    }
    if (used < sizeof line) snprintf(line + used, sizeof line - used, "  left %s", left);
    if (stdout_is_terminal())
        printf("\r%s\033[K", line);
    else
        printf("%s\n", line);
    fflush(stdout);
}

void qtm_progress_end(void) {
    if (stdout_is_terminal()) printf("\n");
    fflush(stdout);
}

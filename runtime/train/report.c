/* Pictures and report.html of a run folder. Pictures that could not be drawn (no gnuplot) are left out of the page. */
#include "runtime/train/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/report/plot.h"

enum { PATH_LENGTH = 4096, NAME_LENGTH = 200, PICTURES_MAX = 64 };

struct picture {
    char file[NAME_LENGTH], caption[NAME_LENGTH];
};

/* The lines of metrics.jsonl. */
struct history {
    int64_t count, room;
    struct qtm_json **lines;
};

struct report {
    const char *folder;
    const struct qtm_model *model;
    struct qtm_json *summary, *curves;
    struct history history;
    int picture_count;
    struct picture pictures[PICTURES_MAX];
};

static qtm_status text_read(const char *folder, const char *name, char **text, int64_t *length, char *path) {
    if (snprintf(path, PATH_LENGTH, "%s/%s", folder, name) >= PATH_LENGTH)
        return qtm_error("%s: the name of the folder is too long", folder);
    return qtm_file_read(path, text, length);
}

static qtm_status json_read(const char *folder, const char *name, struct qtm_json **root) {
    char path[PATH_LENGTH], *text;
    int64_t length;
    QTM_TRY(text_read(folder, name, &text, &length, path));
    qtm_status status = qtm_json_parse(path, text, length, root);
    qtm_free(text);
    return status;
}

static qtm_status history_append(struct history *history, struct qtm_json *line) {
    if (history->count == history->room) {
        int64_t room = history->room ? 2 * history->room : 256;
        struct qtm_json **lines = qtm_alloc_array(room, sizeof *lines);
        if (!lines) return qtm_error_memory(room * (int64_t)sizeof *lines);
        for (int64_t i = 0; i < history->count; i++) lines[i] = history->lines[i];
        qtm_free(history->lines);
        history->lines = lines;
        history->room = room;
    }
    history->lines[history->count++] = line;
    return QTM_OK;
}

/* An incomplete last line, of a run that goes on or was killed, is not an error. */
static qtm_status history_read(struct report *report) {
    char path[PATH_LENGTH], *text;
    QTM_TRY(text_read(report->folder, "metrics.jsonl", &text, NULL, path));
    qtm_status status = QTM_OK;
    for (char *line = text, *end; !status && (end = strchr(line, '\n')); line = end + 1) {
        struct qtm_json *root = NULL;
        status = qtm_json_parse(path, line, end - line, &root);
        if (!status) status = history_append(&report->history, root);
        if (status) qtm_json_free(root);
    }
    qtm_free(text);
    return status;
}

static const struct qtm_json *child(const struct qtm_json *parent, int64_t index) {
    const struct qtm_json *item = parent ? parent->first : NULL;
    while (item && index--) item = item->next;
    return item;
}

static double number_of(const struct qtm_json *item) {
    return item && item->kind == QTM_JSON_NUMBER ? item->number : NAN;
}

/* A name as part of a file name. */
static void name_clean(const char *name, char *clean, size_t size) {
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9');
        clean[n++] = plain ? *name : '_';
    }
    clean[n] = 0;
}

/* Reserves the next picture; its path is written to `path`. NULL when there are too many. */
static struct picture *picture_begin(struct report *report, const char *kind, const char *name, char *path) {
    if (report->picture_count == PICTURES_MAX) return NULL;
    struct picture *picture = &report->pictures[report->picture_count];
    char clean[100];
    name_clean(name, clean, sizeof clean);
    snprintf(picture->file, sizeof picture->file, "%s%s%s.png", kind, *clean ? "_" : "", clean);
    if (snprintf(path, PATH_LENGTH, "%s/%s", report->folder, picture->file) >= PATH_LENGTH) return NULL;
    return picture;
}

static bool is_true(const struct qtm_json *curve, const char *name) {
    const struct qtm_json *member = qtm_json_member(curve, name);
    return member && member->kind == QTM_JSON_BOOL && member->number != 0;
}

static void row_read(const struct qtm_json *array, int64_t points, double *to) {
    const struct qtm_json *item = array ? array->first : NULL;
    for (int64_t i = 0; i < points; i++, item = item ? item->next : NULL) to[i] = number_of(item);
}

static bool all_finite(const double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return count > 0;
}

static qtm_status curve_draw(struct report *report, const struct qtm_json *curve) {
    const char *name = qtm_json_member_text(curve, "name");
    const struct qtm_json *x = qtm_json_member(curve, "x");
    if (!name || !x) return qtm_error("%s/curves.json: a curve has no name or no x", report->folder);
    int64_t points = x->count;
    char path[PATH_LENGTH];
    struct picture *picture = picture_begin(report, "curve", name, path);
    if (!picture) return QTM_OK;
    double *rows = qtm_alloc_array(6 * points, sizeof(double));
    if (!rows) return qtm_error_memory(6 * points * (int64_t)sizeof(double));
    double *mean = rows + points, *spread = rows + 2 * points, *truth = rows + 3 * points, *low = rows + 4 * points,
           *high = rows + 5 * points;
    row_read(x, points, rows);
    row_read(qtm_json_member(curve, "mean"), points, mean);
    row_read(qtm_json_member(curve, "spread"), points, spread);
    row_read(qtm_json_member(curve, "truth"), points, truth);
    for (int64_t i = 0; i < points; i++) {
        low[i] = mean[i] - spread[i];
        high[i] = mean[i] + spread[i];
    }
    bool banded = all_finite(spread, points), drawn = false;
    struct qtm_plot_curve plot = {
        .title = name,
        .x_label = "x",
        .y_label = is_true(curve, "density") ? "density" : name,
        .points = points,
        .log_x = is_true(curve, "on_log"),
        .x = rows,
        .mean = mean,
        .lower = banded ? low : NULL,
        .upper = banded ? high : NULL,
        .truth = all_finite(truth, points) ? truth : NULL,
    };
    snprintf(picture->caption, sizeof picture->caption, "%s%s", name,
             banded ? ", with one standard deviation as a band" : "");
    qtm_status status = qtm_plot_curve(path, &plot, &drawn);
    if (drawn) report->picture_count++;
    qtm_free(rows);
    return status;
}

static const char *monitor_label(const struct qtm_model *model, const char *fit, const char *name, int64_t index) {
    for (int f = 0; f < model->fit_count; f++) {
        if (!fit || strcmp(model->fits[f].name, fit)) continue;
        for (int m = 0; m < model->fits[f].monitor_count; m++) {
            const struct qtm_monitor *monitor = &model->fits[f].monitors[m];
            if (!strcmp(monitor->name, name) && monitor->labels && index < monitor->count)
                return monitor->labels[index];
        }
    }
    return NULL;
}

/* One number of every line: losses are numbers of an object, monitors arrays of numbers. */
static double history_value(const struct qtm_json *line, const char *area, const char *name, int64_t index) {
    const struct qtm_json *object = qtm_json_member(line, area);
    if (!name) return number_of(child(object, index));
    return number_of(child(qtm_json_member(object, name), index));
}

/* All losses (name NULL) or the numbers of one monitor over the step. */
static qtm_status history_draw(struct report *report, const char *area, const char *name, int64_t series_count) {
    const struct history *history = &report->history;
    char path[PATH_LENGTH];
    struct picture *picture = picture_begin(report, name ? "monitor" : "losses", name ? name : "", path);
    if (!picture || !history->count || !series_count) return QTM_OK;
    int64_t count = history->count;
    double *numbers = qtm_alloc_array((series_count + 1) * count, sizeof(double));
    struct qtm_plot_series *series = qtm_alloc_array(series_count, sizeof *series);
    qtm_status status = QTM_OK;
    if (!numbers || !series) status = qtm_error_memory((series_count + 1) * count * (int64_t)sizeof(double));
    const char *fit = qtm_json_member_text(report->summary, "fit");
    for (int64_t i = 0; !status && i < count; i++) numbers[i] = qtm_json_member_number(history->lines[i], "step", NAN);
    for (int64_t s = 0; !status && s < series_count; s++) {
        double *y = numbers + (s + 1) * count;
        for (int64_t i = 0; i < count; i++) y[i] = history_value(history->lines[i], area, name, s);
        const struct qtm_json *loss = child(qtm_json_member(history->lines[0], area), s);
        const char *label = name ? monitor_label(report->model, fit, name, s) : loss ? loss->name : NULL;
        series[s] = (struct qtm_plot_series){.label = label, .count = count, .x = numbers, .y = y};
    }
    bool drawn = false;
    struct qtm_plot_history plot = {
        .title = name ? name : "losses",
        .x_label = "step",
        .y_label = name ? name : "loss",
        .series_count = (int)series_count,
        .series = series,
        .zero_line = name != NULL,
    };
    snprintf(picture->caption, sizeof picture->caption, "%s over the steps", name ? name : "losses");
    if (!status) status = qtm_plot_history(path, &plot, &drawn);
    if (drawn) report->picture_count++;
    qtm_free(numbers);
    qtm_free(series);
    return status;
}

static void html_text(FILE *out, const char *text) {
    for (; text && *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

static void html_number(FILE *out, double value, int digits) {
    if (isfinite(value))
        fprintf(out, "<td>%.*g</td>", digits, value);
    else
        fputs("<td>not determined</td>", out);
}

static void params_print(const struct report *report, FILE *out) {
    const struct qtm_json *params = qtm_json_member(report->summary, "params");
    fputs("<table><tr><th>parameter</th><th>value</th><th>spread</th><th>truth</th><th></th></tr>\n", out);
    for (const struct qtm_json *item = params ? params->first : NULL; item; item = item->next) {
        fputs("<tr><td>", out);
        html_text(out, item->name);
        fputs("</td>", out);
        html_number(out, qtm_json_member_number(item, "value", NAN), 6);
        const char *state = qtm_json_member_text(item, "state");
        if (state && !strcmp(state, "fixed"))
            fputs("<td>fixed</td>", out);
        else if (state && !strcmp(state, "end"))
            fputs("<td>at the end of its domain</td>", out);
        else
            html_number(out, qtm_json_member_number(item, "spread", NAN), 3);
        const struct qtm_param *param = NULL;
        for (int i = 0; i < report->model->param_count; i++)
            if (!strcmp(report->model->params[i].name, item->name)) param = &report->model->params[i];
        if (param && param->has_truth)
            html_number(out, param->truth, 6);
        else
            fputs("<td></td>", out);
        fputs("<td>", out);
        if (param && param->unit) html_text(out, param->unit);
        if (param && param->link) {
            fputs(" = ", out);
            html_text(out, param->link);
        }
        fputs("</td>", out);
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

/* The plain numbers and texts of the summary, and the total variations. */
static void facts_print(const struct report *report, FILE *out) {
    fputs("<table>\n", out);
    const struct qtm_json *variation = qtm_json_member(report->summary, "total_variation");
    for (const struct qtm_json *item = variation ? variation->first : NULL; item; item = item->next) {
        fputs("<tr><td>total variation of ", out);
        html_text(out, item->name);
        fputs(" to the truth</td>", out);
        html_number(out, number_of(item), 3);
        fputs("</tr>\n", out);
    }
    for (const struct qtm_json *item = report->summary->first; item; item = item->next) {
        if (item->kind != QTM_JSON_NUMBER && item->kind != QTM_JSON_TEXT) continue;
        fputs("<tr><td>", out);
        for (const char *c = item->name; *c; c++) fputc(*c == '_' ? ' ' : *c, out);
        fputs("</td>", out);
        if (item->kind == QTM_JSON_NUMBER) {
            html_number(out, item->number, 6);
        } else {
            fputs("<td>", out);
            html_text(out, item->text);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

static qtm_status page_write(const struct report *report, bool quiet) {
    char path[PATH_LENGTH];
    struct qtm_file file;
    snprintf(path, sizeof path, "%s/report.html", report->folder);
    QTM_TRY(qtm_file_begin(path, &file));
    FILE *out = file.stream;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", out);
    html_text(out, report->model->name);
    fputs("</title>\n<style>body{font:16px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
          "td,th{text-align:left;padding:.2em 1.5em .2em 0}img{max-width:100%}figure{margin:1em 0}"
          "figcaption{color:#555}</style></head><body>\n<h1>",
          out);
    html_text(out, report->model->name);
    fputs(": ", out);
    html_text(out, qtm_json_member_text(report->summary, "fit"));
    fputs("</h1>\n<h2>Parameters</h2>\n", out);
    params_print(report, out);
    fputs("<h2>Run</h2>\n", out);
    facts_print(report, out);
    if (report->picture_count) fputs("<h2>Curves and histories</h2>\n", out);
    for (int i = 0; i < report->picture_count; i++) {
        const struct picture *picture = &report->pictures[i];
        fprintf(out, "<figure><img src=\"%s\" alt=\"\"><figcaption>", picture->file);
        html_text(out, picture->caption);
        fputs("</figcaption></figure>\n", out);
    }
    fputs("</body></html>\n", out);
    QTM_TRY(qtm_file_commit(&file));
    if (!quiet)
        printf("\nreport: %s (%d picture%s)\n", path, report->picture_count, report->picture_count == 1 ? "" : "s");
    return QTM_OK;
}

static qtm_status pictures_draw(struct report *report) {
    for (const struct qtm_json *curve = report->curves->first; curve; curve = curve->next)
        QTM_TRY(curve_draw(report, curve));
    if (!report->history.count) return QTM_OK;
    const struct qtm_json *losses = qtm_json_member(report->history.lines[0], "losses");
    const struct qtm_json *monitors = qtm_json_member(report->history.lines[0], "monitors");
    for (const struct qtm_json *item = monitors ? monitors->first : NULL; item; item = item->next)
        QTM_TRY(history_draw(report, "monitors", item->name, item->count));
    return history_draw(report, "losses", NULL, losses ? losses->count : 0);
}

qtm_status qtm_report_write(const char *folder, const struct qtm_model *model, bool quiet) {
    struct report *report = qtm_alloc(sizeof *report);
    if (!report) return qtm_error_memory(sizeof *report);
    report->folder = folder;
    report->model = model;
    qtm_status status = json_read(folder, "summary.json", &report->summary);
    const char *hash = qtm_json_member_text(report->summary, "model_hash");
    if (!status && (!hash || strcmp(hash, model->hash)))
        status =
            qtm_error("%s: the run of another model (or another version or other sizes of '%s')", folder, model->name);
    if (!status) status = json_read(folder, "curves.json", &report->curves);
    if (!status) status = history_read(report);
    if (!status) status = pictures_draw(report);
    if (!status) status = page_write(report, quiet);
    qtm_json_free(report->summary);
    qtm_json_free(report->curves);
    for (int64_t i = 0; i < report->history.count; i++) qtm_json_free(report->history.lines[i]);
    qtm_free(report->history.lines);
    qtm_free(report);
    return status;
}

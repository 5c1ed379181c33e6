/* The command: at which values, of which fits, by which parameters. Fits that use the same densities and move the same
 * parameters are told of once. */
#include "runtime/train/identify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/report/plot.h"
#include "runtime/train/evaluate.h"

enum { PATH_LENGTH = 4096, EVENTS = 10000 };

struct command {
    const struct qtm_model *model;
    const struct qtm_arguments *arguments;
    struct qtm_choice choice;
    double *value; /* [param_count] */
    const char *at;
    char folder[PATH_LENGTH];
    struct qtm_json_writer json;
};

/* --- values --- */

/* At the truth what is held by --fix stays there. */
static void truth_take(struct command *command) {
    const struct qtm_model *model = command->model;
    for (int i = 0; i < model->param_count; i++) {
        const struct qtm_param *param = &model->params[i];
        bool said = command->choice.value[i] != param->start;
        if (param->has_truth && !said) command->value[i] = param->truth;
    }
    command->at = "the truth";
}

/* The values that a run ended with, from its summary. */
static qtm_status run_take(struct command *command, const char *folder) {
    const struct qtm_model *model = command->model;
    char path[PATH_LENGTH];
    if (snprintf(path, sizeof path, "%s/summary.json", folder) >= (int)sizeof path)
        return qtm_misuse("--at=%.60s...: the name is too long", folder);
    char *text;
    int64_t length;
    struct qtm_json *root;
    if (qtm_file_read(path, &text, &length))
        return qtm_misuse("--at=%s is neither truth nor start nor the folder of a finished run", folder);
    qtm_status status = qtm_json_parse(path, text, length, &root);
    qtm_free(text);
    QTM_TRY(status);
    const struct qtm_json *params = qtm_json_member(root, "params");
    for (int i = 0; !status && i < model->param_count; i++) {
        double value = qtm_json_member_number(qtm_json_member(params, model->params[i].name), "value", NAN);
        if (isfinite(value))
            command->value[i] = value;
        else
            status =
                qtm_error("%s: no value of parameter '%s'; is it a run of this model?", path, model->params[i].name);
    }
    qtm_json_free(root);
    command->at = folder;
    return status;
}

static qtm_status values_take(struct command *command) {
    const struct qtm_model *model = command->model;
    const char *at = command->arguments->at;
    bool all = true;
    for (int i = 0; i < model->param_count; i++) {
        command->value[i] = command->choice.value[i];
        if (model->params[i].kind != QTM_LINK && !command->choice.held[i]) all &= model->params[i].has_truth;
    }
    if (at && strcmp(at, "truth") && strcmp(at, "start")) return run_take(command, at);
    if (at && !strcmp(at, "truth") && !all) {
        for (int i = 0; i < model->param_count; i++)
            if (model->params[i].kind != QTM_LINK && !command->choice.held[i] && !model->params[i].has_truth)
                return qtm_error("--at=truth: parameter '%s' has no truth; use --at=start", model->params[i].name);
    }
    command->at = "the start";
    if (all && (at ? !strcmp(at, "truth") : !command->arguments->start)) truth_take(command);
    return QTM_OK;
}

/* --- fits --- */

static bool fit_moves(const struct command *command, const struct qtm_fit *fit, int row) {
    const struct qtm_param *param = &command->model->params[row];
    if (param->kind == QTM_LINK || command->choice.held[row]) return false;
    if (fit->generated) return true;
    for (int u = 0; u < fit->update_count; u++) {
        const struct qtm_update *update = &fit->updates[u];
        bool params = false;
        for (int g = 0; g < update->group_count; g++) params |= fit->groups[update->groups[g]].kind == QTM_GROUP_PARAMS;
        if (params && !update->move_count) return true;
        for (int k = 0; params && k < update->move_count; k++) {
            const struct qtm_range *range = &update->moves[k];
            if (range->block == param->block && param->place >= range->first &&
                param->place < range->first + range->count)
                return true;
        }
    }
    return false;
}

/* Do two fits use the same densities, one as often as the other? A data set or drawn events, that is no difference. */
static bool fits_equal(const struct command *command, const struct qtm_fit *a, const struct qtm_fit *b) {
    if (a->use_count != b->use_count) return false;
    for (int d = 0; d < command->model->density_count; d++) {
        int more = 0;
        for (int u = 0; u < a->use_count; u++) {
            more += (a->uses[u].density == d) - (b->uses[u].density == d);
            if (a->uses[u].detector || b->uses[u].detector) return false;
        }
        if (more) return false;
    }
    for (int i = 0; i < command->model->param_count; i++)
        if (fit_moves(command, a, i) != fit_moves(command, b, i)) return false;
    return true;
}

/* --- one fit --- */

static void identified_free(struct qtm_identified *of) {
    void *blocks[] = {of->rows, of->matrix, of->moment,     of->last,  of->spectrum,   of->scaled, of->directions,
                      of->held, of->free,   of->covariance, of->alone, of->band_value, of->band,   of->band_free};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) qtm_free(blocks[i]);
}

static qtm_status rows_make(struct command *command, struct qtm_identified *to) {
    const struct qtm_model *model = command->model;
    to->rows = qtm_alloc_array(model->param_count, sizeof *to->rows);
    to->last = qtm_alloc_array(model->param_count, sizeof *to->last);
    if (!to->rows || !to->last) return qtm_error_memory(model->param_count * (int64_t)sizeof(int));
    for (int i = 0; i < model->param_count; i++) {
        const struct qtm_param *param = &model->params[i];
        if (!fit_moves(command, to->fit, i)) continue;
        int64_t rest = param->line - 1 - param->element % (param->line > 0 ? param->line : 1);
        bool share = param->domain == QTM_SIMPLEX && param->line > 1;
        to->last[to->count] = !share ? -1 : rest ? to->count + (int)rest : -2;
        to->rows[to->count++] = i;
    }
    return QTM_OK;
}

/* F of all events: densities are independent of each other. */
static qtm_status matrix_add(struct qtm_given *given, struct qtm_identified *to) {
    int64_t n = to->count;
    to->matrix = qtm_alloc_array(n * n, sizeof(double));
    to->moment = qtm_alloc_array(n, sizeof(double));
    if (!to->matrix || !to->moment) return qtm_error_memory(n * n * (int64_t)sizeof(double));
    to->change = NAN;
    for (int d = 0; d < to->model->density_count; d++) {
        int times = 0;
        for (int u = 0; u < to->fit->use_count; u++) times += to->fit->uses[u].density == d;
        if (!times) continue;
        struct qtm_fisher one;
        QTM_TRY(qtm_fisher_density(given, &to->model->densities[d], &one));
        double factor = (double)times * (double)to->events;
        for (int64_t i = 0; i < n * n; i++) to->matrix[i] += factor * one.matrix[i];
        for (int64_t i = 0; i < n; i++) to->moment[i] += factor * one.moment[i];
        if (one.nodes > to->nodes) to->nodes = one.nodes;
        to->change = fmax(to->change, one.change);
        to->panels |= one.panels;
        qtm_fisher_free(&one);
    }
    return QTM_OK;
}

static qtm_status identified_make(struct command *command, struct qtm_identified *to) {
    const struct qtm_model *model = command->model;
    int64_t curves = model->band_count * model->band_points;
    int threads = command->arguments->threads > 0 ? (int)command->arguments->threads : 0;
    QTM_TRY(rows_make(command, to));
    struct qtm_given given;
    QTM_TRY(qtm_given_open(model, command->value, command->arguments->options, threads, &given));
    given.rows = to->rows;
    given.count = to->count;
    qtm_status status = matrix_add(&given, to);
    double *slope = NULL;
    if (!status && curves) {
        to->band_value = qtm_alloc_array(curves, sizeof(double));
        slope = qtm_alloc_array(curves * to->count, sizeof(double));
        if (!to->band_value || !slope) status = qtm_error_memory(curves * (to->count + 1) * (int64_t)sizeof(double));
        if (!status) status = qtm_fisher_bands(&given, to->band_value, slope);
    }
    qtm_given_close(&given);
    if (!status) status = qtm_identify_solve(to, slope);
    qtm_free(slope);
    return status;
}

/* --- output --- */

static qtm_status pictures_draw(const struct command *command, const struct qtm_identified *of) {
    int64_t points = of->model->band_points;
    double *numbers = qtm_alloc_array(3 * points, sizeof(double));
    if (!numbers) return qtm_error_memory(3 * points * (int64_t)sizeof(double));
    qtm_status status = QTM_OK;
    for (int c = 0; !status && c < of->model->band_count; c++) {
        const struct qtm_curve *curve = &of->model->bands[c];
        char path[PATH_LENGTH + 256], title[256];
        double *x = numbers, *lower = x + points, *upper = lower + points;
        for (int64_t i = 0; i < points; i++) {
            x[i] = qtm_curve_x(curve, points, i);
            lower[i] = of->band_value[c * points + i] - of->band[c * points + i];
            upper[i] = of->band_value[c * points + i] + of->band[c * points + i];
        }
        snprintf(path, sizeof path, "%s/%s_%s.png", command->folder, of->fit->name, curve->name);
        for (char *s = strrchr(path, '/') + 1; *s; s++)
            if (*s == '[' || *s == ']' || *s == ',') *s = '_';
        snprintf(title, sizeof title, "%s, bound of %lld events%s", curve->name, (long long)of->events,
                 of->band_free[c] ? ", what is not determined held" : "");
        struct qtm_plot_curve plot = {.title = title,
                                      .x_label = "x",
                                      .y_label = curve->name,
                                      .points = points,
                                      .log_x = curve->on_log,
                                      .x = x,
                                      .mean = of->band_value + c * points,
                                      .lower = lower,
                                      .upper = upper};
        status = qtm_plot_curve(path, &plot, NULL);
    }
    qtm_free(numbers);
    return status;
}

static void head_print(const struct command *command, const struct qtm_identified *of) {
    printf("identify %s at %s", of->fits, command->at);
    int held = 0;
    for (int i = 0; i < of->model->param_count; i++)
        if (of->model->params[i].kind != QTM_LINK && command->choice.held[i])
            printf("%s %s", held++ ? "," : "; held:", of->model->params[i].name);
    printf("\n");
}

static qtm_status fit_identify(struct command *command, const struct qtm_fit *fit, const char *names) {
    struct qtm_identified of = {.model = command->model,
                                .fits = names,
                                .fit = fit,
                                .value = command->value,
                                .events = command->arguments->events > 0 ? command->arguments->events : EVENTS};
    qtm_status status = identified_make(command, &of);
    if (!status) {
        qtm_identify_write(&command->json, &of);
        if (!command->arguments->json) head_print(command, &of);
        if (!command->arguments->json) qtm_identify_print(&of);
        status = pictures_draw(command, &of);
    }
    identified_free(&of);
    return status;
}

/* Why a fit says nothing; NULL: it does. */
static const char *reason_find(const struct command *command, const struct qtm_fit *fit) {
    bool moves = false;
    for (int i = 0; i < command->model->param_count; i++) moves |= fit_moves(command, fit, i);
    if (!fit->use_count)
        return "its objectives neither draw events from a density nor take pdf() of one, so it has no likelihood of "
               "events; laplace(NAME) gives the errors of a fit of numbers";
    if (!moves) return "no parameter is free in it";
    for (int u = 0; u < fit->use_count; u++)
        if (!command->model->densities[fit->uses[u].density].value.name)
            return "its density depends on the weights of a network, or on data: what its events tell of the "
                   "parameters is known only once it is trained";
    return NULL;
}

/* Fits that say nothing are named, and pass. */
static qtm_status fits_identify(struct command *command) {
    const struct qtm_model *model = command->model;
    const char *wanted = command->arguments->operand;
    int done = 0;
    for (int f = 0; f < model->fit_count; f++) {
        const struct qtm_fit *fit = &model->fits[f];
        if (wanted && strcmp(wanted, fit->name)) continue;
        const char *why = reason_find(command, fit);
        if (why && wanted) return qtm_error("fit %s: %s", fit->name, why);
        if (why && !command->arguments->json) printf("fit %s is left out: %s\n\n", fit->name, why);
        if (why) continue;
        bool again = false;
        char names[512];
        int used = snprintf(names, sizeof names, "%s", fit->name);
        for (int k = 0; k < model->fit_count && !wanted; k++) {
            if (k == f || reason_find(command, &model->fits[k]) || !fits_equal(command, fit, &model->fits[k])) continue;
            again |= k < f;
            if (used < (int)sizeof names)
                used += snprintf(names + used, sizeof names - (size_t)used, ", %s", model->fits[k].name);
        }
        if (again) continue;
        if (done++ && !command->arguments->json) printf("\n");
        QTM_TRY(fit_identify(command, fit, names));
    }
    if (done) return QTM_OK;
    return qtm_error("the model has no fit of events with free parameters: 'identify' needs densities that a fit draws "
                     "from or takes pdf() of");
}

static qtm_status document_write(struct command *command) {
    char path[PATH_LENGTH + 32];
    const char *out = command->arguments->out ? command->arguments->out : "run/identify";
    if (snprintf(command->folder, sizeof command->folder, "%s", out) >= (int)sizeof command->folder)
        return qtm_error("%.60s...: the name of the folder is too long", out);
    QTM_TRY(qtm_make_folders(command->folder));
    snprintf(path, sizeof path, "%s/identify.json", command->folder);
    struct qtm_file file;
    QTM_TRY(qtm_file_begin(path, &file));
    command->json = (struct qtm_json_writer){.out = file.stream};
    qtm_json_object(&command->json, NULL);
    qtm_json_text(&command->json, "model", command->model->name);
    qtm_json_text(&command->json, "model_hash", command->model->hash);
    qtm_json_text(&command->json, "at", command->at);
    qtm_json_array(&command->json, "identified");
    qtm_status status = fits_identify(command);
    if (status) {
        qtm_file_abort(&file);
        return status;
    }
    qtm_json_end(&command->json);
    qtm_json_end(&command->json);
    fputc('\n', file.stream);
    QTM_TRY(qtm_file_commit(&file));
    char *text = NULL;
    if (command->arguments->json) {
        QTM_TRY(qtm_file_read(path, &text, NULL));
        fputs(text, stdout);
        qtm_free(text);
    } else {
        printf("\nwritten: %s\n", path);
    }
    return QTM_OK;
}

qtm_status qtm_identify_command(const struct qtm_model *model, const struct qtm_arguments *arguments) {
    struct command command = {.model = model, .arguments = arguments};
    QTM_TRY(qtm_choice_make(model, arguments->free, arguments->fix, arguments->start, &command.choice));
    command.value = qtm_alloc_array(model->param_count, sizeof(double));
    qtm_status status =
        command.value ? values_take(&command) : qtm_error_memory((int64_t)model->param_count * (int64_t)sizeof(double));
    if (!status) status = document_write(&command);
    qtm_free(command.value);
    qtm_choice_destroy(&command.choice);
    return status;
}

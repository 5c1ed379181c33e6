/* Reading of --free, --fix and --start. */
#include "runtime/core/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/suggest.h"

enum { NAME_LENGTH = 128 };

/* One entry of a list: name, or name=value. */
struct entry {
    const char *flag;
    char name[NAME_LENGTH];
    bool has_value;
    double value; /* as written */
};

struct reader {
    const struct qtm_model *model;
    struct qtm_choice *choice;
    char *said; /* [param_count] the flag that spoke of it: 'r' free, 'x' fix */
};

void qtm_choice_domain_text(const struct qtm_param *param, char *text, size_t size) {
    const char *unit = param->unit ? param->unit : "", *space = param->unit ? " " : "";
    if (param->domain == QTM_SIMPLEX) {
        snprintf(text, size, "a simplex: shares that add up to 1");
        return;
    }
    snprintf(text, size, "%s%c%.10g, %.10g%c%s%s", param->domain == QTM_ORDERED ? "increasing values of " : "",
             qtm_domain_has_low_end(param->domain) ? '[' : '(', param->low, param->high,
             qtm_domain_has_high_end(param->domain) ? ']' : ')', space, unit);
}

/* Is `name` this parameter, its family, its array, or a row of its array? */
static bool name_covers(const char *name, const char *full) {
    size_t length = strlen(name);
    if (!strncmp(name, full, length) && (!full[length] || full[length] == '.' || full[length] == '[')) return true;
    return length > 1 && name[length - 1] == ']' && !strncmp(name, full, length - 1) && full[length - 1] == ',';
}

static qtm_status name_unknown(const struct qtm_model *model, const struct entry *entry) {
    const char **names = qtm_alloc_array(model->param_count, sizeof *names);
    if (!names) return qtm_error_memory(model->param_count * (int64_t)sizeof *names);
    for (int i = 0; i < model->param_count; i++) names[i] = model->params[i].name;
    const char *nearest = qtm_suggest_nearest(entry->name, names, (size_t)model->param_count);
    qtm_free(names);
    return qtm_misuse("--%s: the model has no parameter '%s'%s%s%s", entry->flag, entry->name,
                      nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static qtm_status value_check(const struct entry *entry, const struct qtm_param *param, bool ends, double value) {
    if (!param->bounded ? isfinite(value) : qtm_domain_holds(param->domain, param->low, param->high, ends, value))
        return QTM_OK;
    char domain[160];
    qtm_choice_domain_text(param, domain, sizeof domain);
    return qtm_misuse("--%s=%s=%.10g: the domain of '%s' is %s", entry->flag, entry->name, entry->value, param->name,
                      domain);
}

static qtm_status param_say(struct reader *reader, const struct entry *entry, int row) {
    const struct qtm_param *param = &reader->model->params[row];
    struct qtm_choice *choice = reader->choice;
    char flag = entry->flag[1]; /* f-r-ee, f-i-x, s-t-art */
    double value = entry->value;
    if (param->kind == QTM_LINK)
        return qtm_misuse("--%s: '%s' is a link, %s: it follows other parameters and can be neither freed nor held",
                          entry->flag, param->name, param->link);
    if (flag != 't') {
        if (reader->said[row] && reader->said[row] != flag)
            return qtm_misuse("'%s' is named by --free and by --fix; leave one of them out", param->name);
        reader->said[row] = flag;
    }
    if (flag == 'r' && !param->bounded)
        return qtm_misuse("--free: '%s' has no domain to move in; declare one: param %s in (LOW, HIGH)", param->name,
                          param->name);
    if (entry->has_value) {
        QTM_TRY(value_check(entry, param, flag == 'i', value));
        choice->start[row] = value;
    }
    if (flag != 't') choice->held[row] = flag == 'i';
    choice->value[row] = choice->start[row];
    return QTM_OK;
}

static qtm_status entry_say(struct reader *reader, const struct entry *entry) {
    bool found = false, links = false;
    for (int i = 0; i < reader->model->param_count; i++) {
        const struct qtm_param *param = &reader->model->params[i];
        if (!name_covers(entry->name, param->name)) continue;
        /* of a family, those that are no links */
        if (param->kind == QTM_LINK && strcmp(entry->name, param->name)) {
            links = true;
            continue;
        }
        found = true;
        QTM_TRY(param_say(reader, entry, i));
    }
    if (found) return QTM_OK;
    if (links) return qtm_misuse("--%s: all of '%s' are links: they follow other parameters", entry->flag, entry->name);
    return name_unknown(reader->model, entry);
}

/* Reads the next entry of a list; commas inside of brackets belong to names. */
static qtm_status entry_read(const char **text, struct entry *entry) {
    const char *s = *text, *equal = NULL;
    int depth = 0;
    for (; *s && (depth || *s != ','); s++) {
        if (*s == '[') depth++;
        if (*s == ']') depth--;
        if (*s == '=' && !equal) equal = s;
    }
    const char *end = equal ? equal : s;
    while (end > *text && end[-1] == ' ') end--;
    while (**text == ' ') ++*text;
    size_t length = end > *text ? (size_t)(end - *text) : 0;
    if (!length || length >= NAME_LENGTH)
        return qtm_misuse("--%s: a name of a parameter is wanted at '%.40s'", entry->flag, *text);
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)length, *text);
    entry->has_value = equal != NULL;
    entry->value = 0;
    if (equal) {
        char *rest;
        entry->value = strtod(equal + 1, &rest);
        while (*rest == ' ') rest++;
        if (rest == equal + 1 || rest != s)
            return qtm_misuse("--%s: '%s' needs a number, not '%.*s'", entry->flag, entry->name, (int)(s - equal - 1),
                              equal + 1);
    }
    *text = *s ? s + 1 : s;
    return QTM_OK;
}

static qtm_status list_read(struct reader *reader, const char *flag, const char *text) {
    bool takes = flag[1] != 'r', needs = flag[1] == 't';
    while (text && *text) {
        struct entry entry = {.flag = flag};
        QTM_TRY(entry_read(&text, &entry));
        if (entry.has_value && !takes)
            return qtm_misuse("--free takes names; to start from a value, add --start=%s=%.10g", entry.name,
                              entry.value);
        if (!entry.has_value && needs) return qtm_misuse("--start: '%s' needs a value: %s=0.5", entry.name, entry.name);
        QTM_TRY(entry_say(reader, &entry));
    }
    return QTM_OK;
}

/* Ordered arrays and simplexes are held as a whole, and their values must fit together. */
static qtm_status lines_check(const struct qtm_model *model, const struct qtm_choice *choice) {
    for (int i = 0; i < model->param_count; i += (int)(model->params[i].line > 1 ? model->params[i].line : 1)) {
        const struct qtm_param *param = &model->params[i];
        if (param->kind == QTM_LINK || (param->domain != QTM_ORDERED && param->domain != QTM_SIMPLEX)) continue;
        for (int k = 1; k < (int)param->line; k++)
            if (choice->held[i + k] != choice->held[i])
                return qtm_misuse("'%s' and '%s' can be held or free only together: their values depend on each other",
                                  param->name, model->params[i + k].name);
        if (!qtm_domain_line_holds(param->domain, param->line, choice->start + i))
            return qtm_misuse("the values from '%s' to '%s' do not %s", param->name,
                              model->params[i + (int)param->line - 1].name,
                              param->domain == QTM_SIMPLEX ? "add up to 1" : "increase");
    }
    return QTM_OK;
}

qtm_status qtm_choice_make(const struct qtm_model *model, const char *free, const char *fix, const char *start,
                           struct qtm_choice *choice) {
    int64_t count = model->param_count;
    *choice = (struct qtm_choice){qtm_alloc_array(count, sizeof(int64_t)), qtm_alloc_array(count, sizeof(double)),
                                  qtm_alloc_array(count, sizeof(double))};
    struct reader reader = {model, choice, qtm_alloc(count)};
    qtm_status status = QTM_OK;
    if (!choice->held || !choice->value || !choice->start || !reader.said)
        status = qtm_error_memory(count * (int64_t)(3 * sizeof(double) + 1));
    for (int i = 0; !status && i < count; i++) {
        choice->held[i] = model->params[i].kind == QTM_FIXED;
        choice->value[i] = choice->start[i] = model->params[i].start;
    }
    if (!status) status = list_read(&reader, "start", start);
    if (!status) status = list_read(&reader, "free", free);
    if (!status) status = list_read(&reader, "fix", fix);
    if (!status) status = lines_check(model, choice);
    qtm_free(reader.said);
    if (status) qtm_choice_destroy(choice);
    return status;
}

void qtm_choice_destroy(struct qtm_choice *choice) {
    qtm_free(choice->held);
    qtm_free(choice->value);
    qtm_free(choice->start);
    *choice = (struct qtm_choice){0};
}

qtm_status qtm_held_create(const struct qtm_model *model, const struct qtm_choice *choice, struct qtm_held *held) {
    *held = (struct qtm_held){.count = model->param_block_count * QTM_HELD_FIELDS};
    held->f32 = qtm_alloc_array(held->count, sizeof *held->f32);
    held->f64 = qtm_alloc_array(held->count, sizeof *held->f64);
    if (!held->f32 || !held->f64) return qtm_error_memory(held->count * (int64_t)sizeof *held->f32);
    for (int i = 0; i < held->count; i++) {
        int64_t count = model->param_blocks[i / QTM_HELD_FIELDS].count;
        held->f32[i] = qtm_alloc_array(count, sizeof(float));
        held->f64[i] = qtm_alloc_array(count, sizeof(double));
        if (!held->f32[i] || !held->f64[i]) return qtm_error_memory(count * (int64_t)sizeof(double));
    }
    for (int i = 0; held->count && i < model->param_count; i++) {
        const struct qtm_param *param = &model->params[i];
        double *const *of = held->f64 + QTM_HELD_FIELDS * param->block;
        if (param->kind == QTM_LINK) continue;
        of[QTM_HELD_MASK][param->place] = (double)choice->held[i];
        of[QTM_HELD_VALUE][param->place] = choice->value[i];
        bool lines = param->domain == QTM_ORDERED || param->domain == QTM_SIMPLEX;
        int64_t line = lines ? param->line : 1;
        if (param->element % line == 0) /* the rows of a line follow one another */
            qtm_domain_raw(param->domain, param->low, param->high, line, choice->start + i,
                           of[QTM_HELD_START] + param->place);
    }
    for (int i = 0; i < held->count; i++)
        for (int64_t k = 0; k < model->param_blocks[i / QTM_HELD_FIELDS].count; k++)
            held->f32[i][k] = (float)held->f64[i][k];
    return QTM_OK;
}

void qtm_held_destroy(struct qtm_held *held) {
    for (int i = 0; i < held->count; i++) {
        if (held->f32) qtm_free(held->f32[i]);
        if (held->f64) qtm_free(held->f64[i]);
    }
    qtm_free(held->f32);
    qtm_free(held->f64);
    *held = (struct qtm_held){0};
}

/* Matching columns with fields. Every column that is no target keeps field -1. */
#include "runtime/io/table_plan.h"

#include <stdio.h>
#include <string.h>

#include "runtime/io/events_check.h"

enum { PLAN_LIST = 1024 };

static qtm_status ignore_mark(const struct qtm_events_request *request, const struct qtm_names *names, int64_t columns,
                              struct qtm_target *target, int64_t *left) {
    *left = columns;
    for (int i = 0; request->data && i < request->data->ignore_count; i++) {
        const char *name = request->data->ignore[i];
        char list[PLAN_LIST];
        qtm_names_list(names, list, sizeof list);
        if (!names->count)
            return qtm_error("%s: the file does not name its columns, so '%s' to ignore is not found; give the file a "
                             "line of names",
                             request->path, name);
        int64_t found = 0;
        for (int64_t c = 0; c < columns; c++) {
            if (strcmp(names->name[c], name) || target[c].field == -2) continue;
            target[c].field = -2; /* until the plan is made */
            found++;
        }
        if (!found)
            return qtm_error("%s: there is no column '%s' to ignore%s; the columns are %s", request->path, name,
                             qtm_names_suggest(names, name), list);
        *left -= found;
    }
    return QTM_OK;
}

/* The columns that the model lists, as it writes them. */
static int64_t columns_list(const struct qtm_events_request *request, char *list, size_t size) {
    size_t used = 0;
    int64_t count = 0;
    list[0] = '\0';
    for (int i = 0; i < request->data->column_count; i++) {
        const struct qtm_field *field = &request->event->fields[request->data->columns[i].field];
        char array[32] = "";
        if (field->length > 1) snprintf(array, sizeof array, "[%lld]", (long long)field->length);
        int length = snprintf(list + used, size - used, "%s%s%s", i ? ", " : "", field->name, array);
        used = used + (size_t)length < size ? used + (size_t)length : size - 1;
        count += field->length;
    }
    return count;
}

static qtm_status count_error(const struct qtm_events_request *request, const struct qtm_names *names, int64_t columns,
                              int64_t left) {
    char own[PLAN_LIST], files[PLAN_LIST], less[64] = "";
    int64_t count = columns_list(request, own, sizeof own);
    qtm_names_list(names, files, sizeof files);
    if (left < columns) snprintf(less, sizeof less, " (%lld without the ignored)", (long long)left);
    return qtm_error("%s: the file has %lld columns%s%s%s, but data %s lists %lld: %s; list every column in the file's "
                     "order, or ignore some by name",
                     request->path, (long long)columns, less, names->count ? ": " : "", files, request->data->name,
                     (long long)count, own);
}

/* A column put where the file has one of another name, while the file has that name elsewhere: two were swapped. */
static qtm_status swap_check(const struct qtm_events_request *request, const struct qtm_names *names, int64_t column,
                             const struct qtm_field *field) {
    int64_t place = names->count && field->length == 1 ? qtm_names_find(names, field->name) : -1;
    if (place < 0 || place == column || !strcmp(names->name[column], field->name)) return QTM_OK;
    return qtm_error("%s: column %lld is '%s', but data %s calls it '%s', which is column %lld of the file; list the "
                     "columns in the file's order",
                     request->path, (long long)column + 1, names->name[column], request->data->name, field->name,
                     (long long)place + 1);
}

static qtm_status plan_by_place(const struct qtm_events_request *request, const struct qtm_names *names,
                                int64_t columns, int64_t left, struct qtm_target *target) {
    char list[PLAN_LIST];
    if (columns_list(request, list, sizeof list) != left) return count_error(request, names, columns, left);
    for (int f = 0; f < request->event->field_count; f++) {
        bool listed = false;
        for (int i = 0; i < request->data->column_count; i++) listed |= request->data->columns[i].field == f;
        if (!listed)
            return qtm_error("%s: data %s lists no column for '%s' of event %s", request->path, request->data->name,
                             request->event->fields[f].name, request->event->name);
    }
    int64_t at = 0;
    for (int i = 0; i < request->data->column_count; i++) {
        const struct qtm_column *column = &request->data->columns[i];
        const struct qtm_field *field = &request->event->fields[column->field];
        for (int64_t k = 0; k < field->length; k++) {
            while (target[at].field == -2) at++;
            QTM_TRY(swap_check(request, names, at, field));
            target[at++] = (struct qtm_target){column->field, k, column->scale};
        }
    }
    return QTM_OK;
}

static bool name_begins(const char *name, const char *with) {
    return !strncmp(name, with, strlen(with));
}

/* The columns of an array: NAME0, NAME1 ... wherever they are, or a run of names that begin with NAME. */
static qtm_status plan_array(const struct qtm_events_request *request, const struct qtm_names *names, int index,
                             struct qtm_target *target) {
    const struct qtm_field *field = &request->event->fields[index];
    int64_t first = -1, run = 0, found = 0;
    for (int64_t k = 0; k < field->length; k++) {
        char name[128];
        snprintf(name, sizeof name, "%.100s%lld", field->name, (long long)k);
        int64_t place = qtm_names_find(names, name);
        if (place < 0 || target[place].field == -2) break;
        found++;
    }
    for (int64_t c = 0; c < names->count; c++) {
        if (target[c].field == -2 || !name_begins(names->name[c], field->name)) {
            if (first >= 0) break;
            continue;
        }
        if (first < 0) first = c;
        run++;
    }
    if (found != field->length && run != field->length) {
        char list[PLAN_LIST];
        qtm_names_list(names, list, sizeof list);
        return qtm_error("%s: event %s needs %lld columns %s0 .. %s%lld, or as many in a row whose names begin with "
                         "'%s'; the file has %lld: %s",
                         request->path, request->event->name, (long long)field->length, field->name, field->name,
                         (long long)field->length - 1, field->name, (long long)(found ? found : run), list);
    }
    for (int64_t k = 0; k < field->length; k++) {
        char name[128];
        snprintf(name, sizeof name, "%.100s%lld", field->name, (long long)k);
        int64_t place = found == field->length ? qtm_names_find(names, name) : first + k;
        target[place] = (struct qtm_target){index, k, field->scale};
    }
    return QTM_OK;
}

static qtm_status plan_by_name(const struct qtm_events_request *request, const struct qtm_names *names, int64_t columns,
                               struct qtm_target *target) {
    char list[PLAN_LIST];
    qtm_names_list(names, list, sizeof list);
    if (!names->count)
        return qtm_error("%s: the file has %lld columns without names; give it a line of names, or list the columns in "
                         "the model: columns { ... }",
                         request->path, (long long)columns);
    for (int f = 0; f < request->event->field_count; f++) {
        const struct qtm_field *field = &request->event->fields[f];
        if (field->length > 1) {
            QTM_TRY(plan_array(request, names, f, target));
            continue;
        }
        int64_t place = qtm_names_find(names, field->name);
        if (place < 0 || target[place].field == -2)
            return qtm_error("%s: there is no column '%s', which event %s needs%s; the columns are %s", request->path,
                             field->name, request->event->name, qtm_names_suggest(names, field->name), list);
        for (int64_t c = place + 1; c < columns; c++)
            if (!strcmp(names->name[c], field->name))
                return qtm_error("%s: columns %lld and %lld are both '%s'; rename one, or list the columns in the "
                                 "model: columns { ... }",
                                 request->path, (long long)place + 1, (long long)c + 1, field->name);
        target[place] = (struct qtm_target){f, 0, field->scale};
    }
    return QTM_OK;
}

qtm_status qtm_plan_make(const struct qtm_events_request *request, const struct qtm_names *names, int64_t columns,
                         struct qtm_target *target) {
    int64_t left;
    for (int64_t c = 0; c < columns; c++) target[c] = (struct qtm_target){-1, 0, 1};
    QTM_TRY(ignore_mark(request, names, columns, target, &left));
    if (request->data && request->data->column_count > 0)
        QTM_TRY(plan_by_place(request, names, columns, left, target));
    else
        QTM_TRY(plan_by_name(request, names, columns, target));
    for (int64_t c = 0; c < columns; c++)
        if (target[c].field == -2) target[c].field = -1;
    return QTM_OK;
}

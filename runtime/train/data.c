/* `where` is compiled code: it is called as any other function of the model, on blocks of events that have not yet been
 * shared over ranks. Only one thread works on it. */
#include "runtime/train/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/call.h"
#include "runtime/core/memory.h"

const char *qtm_data_find(const struct qtm_data *data, const char *path, char found[QTM_DATA_PATH]) {
    if (!path) path = data->path;
    const char *folder = getenv("QTM_DATA");
    if (!folder || !*folder || *path == '/' || !access(path, F_OK)) return path;
    if (snprintf(found, QTM_DATA_PATH, "%s/%s", folder, path) >= QTM_DATA_PATH || access(found, F_OK)) return path;
    return found;
}

/* ---- where ---- */

struct where {
    const struct qtm_model *model;
    const struct qtm_data *data;
    int index;
    struct qtm_workspace space;
    float *options_f32;
    double *options_f64;
    struct qtm_events *events; /* [data_count] of which one is filled */
    int64_t *extent;
    bool *reads; /* [fields] */
};

static void where_close(struct where *where) {
    qtm_workspace_destroy(&where->space);
    qtm_free(where->options_f32);
    qtm_free(where->options_f64);
    qtm_free(where->events);
    qtm_free(where->extent);
    qtm_free(where->reads);
}

static qtm_status where_make(struct where *where, const struct qtm_data_source *source) {
    const struct qtm_model *model = source->model;
    *where = (struct where){.model = model, .data = &model->data[source->data], .index = source->data};
    QTM_TRY(qtm_options_align(model->option_count, source->options, &where->options_f32, &where->options_f64));
    where->events = qtm_alloc_array(model->data_count, sizeof *where->events);
    where->extent = qtm_alloc_array(model->data_count, sizeof *where->extent);
    where->reads = qtm_alloc_array(model->events[where->data->event].field_count, sizeof *where->reads);
    if (!where->events || !where->extent || !where->reads)
        return qtm_error_memory(model->data_count * (int64_t)sizeof *where->events);
    const struct qtm_fn *fn = &where->data->where;
    for (int i = 0; i < fn->in_count; i++)
        if (fn->in[i].role == QTM_COLUMN) where->reads[fn->in[i].field] = true;
    return QTM_OK;
}

static qtm_status where_run(void *context, int64_t count, double *const *columns, unsigned char *kept) {
    struct where *where = context;
    const struct qtm_event *event = &where->model->events[where->data->event];
    struct qtm_events *events = &where->events[where->index];
    struct qtm_call call;
    struct qtm_binding binding = {
        .space = &where->space,
        .events = where->events,
        .extent = where->extent,
        .options_f32 = where->options_f32,
        .options_f64 = where->options_f64,
    };
    *events = (struct qtm_events){.local = count,
                                  .total = count,
                                  .fields = event->field_count,
                                  .field = event->fields,
                                  .f64 = (double **)columns};
    where->extent[where->index] = count;
    QTM_TRY(qtm_call_bind(&call, &where->data->where, &binding));
    qtm_call_run(&call, 0, 0);
    int output = qtm_call_find(&call, QTM_VALUE, 0);
    bool fits = output >= 0 && call.out_count[output] == count;
    for (int64_t i = 0; fits && i < count; i++) kept[i] = qtm_call_value(&call, output, i) > 0.5;
    qtm_call_destroy(&call);
    return fits ? QTM_OK
                : qtm_error("data %s: its condition gives no number an event; build the model again with the compiler "
                            "of this runtime",
                            where->data->name);
}

qtm_status qtm_data_load(const struct qtm_data_source *source, struct qtm_events *events) {
    const struct qtm_data *data = &source->model->data[source->data];
    char found[QTM_DATA_PATH];
    struct qtm_events_request request = {
        .path = qtm_data_find(data, source->path, found),
        .event = &source->model->events[data->event],
        .data = data,
        .rank = source->rank,
        .ranks = source->ranks,
        .wide = source->wide,
    };
    *events = (struct qtm_events){0};
    if (!data->where.name) return qtm_events_read(&request, events);
    struct where where;
    qtm_status status = where_make(&where, source);
    const struct qtm_events_filter filter = {.reads = where.reads, .run = where_run, .context = &where};
    request.filter = &filter;
    if (!status) status = qtm_events_read(&request, events);
    where_close(&where);
    return status;
}

qtm_status qtm_data_cut(const struct qtm_data_source *source, struct qtm_events *events) {
    const struct qtm_data *data = &source->model->data[source->data];
    if (!data->where.name) return QTM_OK;
    struct qtm_events all;
    struct where where;
    int64_t count = events->local, kept_count = 0;
    QTM_TRY(qtm_events_repeat(events, count, 1, &all));
    unsigned char *kept = qtm_alloc(count);
    qtm_status status = where_make(&where, source);
    if (!status && !kept) status = qtm_error_memory(count);
    if (!status) status = where_run(&where, count, all.f64, kept);
    where_close(&where);
    qtm_events_free(&all);
    for (int64_t i = 0; !status && i < count; i++) {
        if (!kept[i]) continue;
        for (int f = 0; f < events->fields; f++) {
            int64_t length = events->field[f].length;
            memmove(events->f32[f] + kept_count * length, events->f32[f] + i * length, (size_t)length * sizeof(float));
        }
        kept_count++;
    }
    qtm_free(kept);
    if (status) return status;
    events->local = events->total = kept_count;
    if (!kept_count)
        return qtm_error("data %s: none of %lld events drawn at the truth passes its condition behind `where`; give a "
                         "file with --data=%s=FILE",
                         data->name, (long long)count, data->name);
    return QTM_OK;
}

void qtm_data_print(const struct qtm_data *data, const char *path, const struct qtm_events *events) {
    char found[QTM_DATA_PATH];
    printf("data %s: %lld events read from %s", data->name, (long long)events->read, qtm_data_find(data, path, found));
    if (data->where.name) printf(", %lld kept by where", (long long)events->total);
    printf("\n");
}

/* Events in memory: which reader a file needs, the check of values, columns in f32 and f64. */
#include "runtime/io/events.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/events_check.h"
#include "runtime/io/file.h"
#include "runtime/io/h5.h"

#define EVENTS_TOLERANCE 1e-6 /* of a bound's size */

/* ---- values ---- */

static void fault_add(struct qtm_events_fault *fault, int64_t event, double value) {
    if (fault->count++ > 0) return;
    fault->first = event;
    fault->value = value;
}

/* The outermost floats inside [low, high]. */
static float float_at_least(double low) {
    float value = (float)low;
    return (double)value < low ? nextafterf(value, INFINITY) : value;
}

static float float_at_most(double high) {
    float value = (float)high;
    return (double)value > high ? nextafterf(value, -INFINITY) : value;
}

static float float_inside(const struct qtm_field *field, double value) {
    float low = float_at_least(field->low), high = float_at_most(field->high), nearest = (float)value;
    return nearest < low ? low : nearest > high ? high : nearest;
}

int64_t qtm_events_store(const struct qtm_events_run *run, void *to, struct qtm_events_check *check) {
    const struct qtm_field *field = run->field;
    double low = field->low - EVENTS_TOLERANCE * fabs(field->low);
    double high = field->high + EVENTS_TOLERANCE * fabs(field->high);
    float low_float = float_at_least(field->low), high_float = float_at_most(field->high);
    float *narrow = to;
    double *wide = to;
    int64_t stored = 0;
    for (int64_t i = 0; i < run->count; i++) {
        if (run->kept && !run->kept[i]) continue;
        for (int64_t k = 0; k < field->length; k++) {
            double from = run->from[i * field->length + k];
            float value = (float)from;
            int64_t at = stored * field->length + k;
            if (!isfinite(from))
                fault_add(&check->not_finite, run->first + i, from);
            else if (from < low || from > high || (!run->wide && !isfinite(value)))
                fault_add(&check->outside, run->first + i, from);
            if (run->wide)
                wide[at] = from < field->low ? field->low : from > field->high ? field->high : from;
            else
                narrow[at] = value < low_float ? low_float : value > high_float ? high_float : value;
        }
        stored++;
    }
    return stored;
}

qtm_status qtm_events_report(const struct qtm_events_request *request, const struct qtm_field *field, double scale,
                             const char *label, const char *place, const struct qtm_events_check *check) {
    const struct qtm_events_fault *fault = &check->not_finite;
    const char *path = request->path, *plural = fault->count == 1 ? "" : "s";
    if (fault->count > 0)
        return qtm_error("%s: %s has %lld value%s that %s NaN or infinite, the first is %s %lld; remove %s from the "
                         "file",
                         path, label, (long long)fault->count, plural, fault->count == 1 ? "is" : "are", place,
                         (long long)fault->first, fault->count == 1 ? "this event" : "these events");
    fault = &check->outside;
    plural = fault->count == 1 ? "" : "s";
    if (fault->count > 0)
        return qtm_error("%s: %s has %lld value%s outside %s's domain %.9g .. %.9g, the first is %.9g at %s %lld; cut "
                         "the data to the domain or widen it in event %s",
                         path, label, (long long)fault->count, plural, field->name, field->low / scale,
                         field->high / scale, fault->value / scale, place, (long long)fault->first,
                         request->event->name);
    return QTM_OK;
}

/* ---- reading ---- */

double qtm_events_scale(const struct qtm_events_request *request, int field) {
    for (int c = 0; request->data && c < request->data->column_count; c++)
        if (request->data->columns[c].field == field) return request->data->columns[c].scale;
    return request->event->fields[field].scale;
}

qtm_status qtm_events_share(const struct qtm_events_request *request, struct qtm_events *events) {
    int64_t total = events->total;
    if (events->read == 0) return qtm_error("%s: the file holds no events", request->path);
    if (total == 0)
        return qtm_error("%s: none of its %lld events passes the condition behind `where`%s%s; loosen it, or give "
                         "other data",
                         request->path, (long long)events->read, request->data ? " of data " : "",
                         request->data ? request->data->name : "");
    if (total < request->ranks)
        return qtm_error("%s: %lld events are too few for %d ranks; start fewer ranks or give more events",
                         request->path, (long long)total, request->ranks);
    events->first = (int64_t)((__int128)total * request->rank / request->ranks);
    events->local = (int64_t)((__int128)total * (request->rank + 1) / request->ranks) - events->first;
    return QTM_OK;
}

qtm_status qtm_events_column_alloc(const struct qtm_events_request *request, int field, struct qtm_events *events) {
    int64_t values = events->local * events->field[field].length;
    bool wide = qtm_events_wide(request, field);
    void *column = qtm_alloc_array(values, wide ? sizeof(double) : sizeof(float));
    if (wide)
        events->f64[field] = column;
    else
        events->f32[field] = column;
    return column ? QTM_OK : qtm_error_memory(values * (int64_t)(wide ? sizeof(double) : sizeof(float)));
}

qtm_status qtm_events_read(const struct qtm_events_request *request, struct qtm_events *events) {
    *events = (struct qtm_events){0};
    bool hdf5;
    QTM_TRY(qtm_file_check(request->path, "an event file"));
    QTM_TRY(qtm_h5_recognise(request->path, &hdf5));
    QTM_TRY(qtm_events_create(request->event, 0, events));
    qtm_status status = hdf5 ? qtm_events_read_h5(request, events) : qtm_events_read_table(request, events);
    if (status) qtm_events_free(events);
    return status;
}

/* ---- columns ---- */

qtm_status qtm_events_create(const struct qtm_event *event, int64_t count, struct qtm_events *events) {
    *events = (struct qtm_events){
        .local = count, .total = count, .read = count, .fields = event->field_count, .field = event->fields};
    events->f32 = qtm_alloc_array(event->field_count, sizeof *events->f32);
    events->f64 = qtm_alloc_array(event->field_count, sizeof *events->f64);
    if (events->f32 && events->f64) return QTM_OK;
    qtm_events_free(events);
    return qtm_error_memory(2 * event->field_count * (int64_t)sizeof *events->f32);
}

qtm_status qtm_events_column(const struct qtm_events *events, int field, bool f64, const void **column) {
    int64_t values = events->local * events->field[field].length;
    if (f64 && !events->f64[field]) {
        double *wide = events->f64[field] = qtm_alloc_array(values, sizeof *wide);
        if (!wide) return qtm_error_memory(values * (int64_t)sizeof *wide);
        for (int64_t i = 0; i < values; i++) wide[i] = events->f32[field][i];
    } else if (!f64 && !events->f32[field]) {
        float *narrow = events->f32[field] = qtm_alloc_array(values, sizeof *narrow);
        if (!narrow) return qtm_error_memory(values * (int64_t)sizeof *narrow);
        for (int64_t i = 0; i < values; i++) narrow[i] = float_inside(&events->field[field], events->f64[field][i]);
    }
    *column = f64 ? (const void *)events->f64[field] : (const void *)events->f32[field];
    return QTM_OK;
}

qtm_status qtm_events_repeat(const struct qtm_events *events, int64_t count, int copies, struct qtm_events *repeated) {
    const struct qtm_event event = {.field_count = events->fields, .fields = events->field};
    QTM_TRY(qtm_events_create(&event, count * copies, repeated));
    for (int f = 0; f < events->fields; f++) {
        int64_t values = count * events->field[f].length;
        repeated->f64[f] = qtm_alloc_array(values * copies, sizeof(double));
        if (!repeated->f64[f]) {
            qtm_events_free(repeated);
            return qtm_error_memory(values * copies * (int64_t)sizeof(double));
        }
        for (int64_t i = 0; i < values * copies; i++)
            repeated->f64[f][i] = events->f64[f] ? events->f64[f][i % values] : (double)events->f32[f][i % values];
    }
    return QTM_OK;
}

static void *column_pick(const void *column, int64_t bytes, int64_t count, const int64_t *rows) {
    char *to = qtm_alloc_array(count, bytes);
    for (int64_t i = 0; to && i < count; i++)
        memcpy(to + i * bytes, (const char *)column + rows[i] * bytes, (size_t)bytes);
    return to;
}

qtm_status qtm_events_pick(const struct qtm_events *events, int64_t count, const int64_t *rows,
                           struct qtm_events *picked) {
    const struct qtm_event event = {.field_count = events->fields, .fields = events->field};
    QTM_TRY(qtm_events_create(&event, count, picked));
    for (int f = 0; f < events->fields; f++) {
        int64_t length = events->field[f].length;
        if (events->f32[f]) picked->f32[f] = column_pick(events->f32[f], length * (int64_t)sizeof(float), count, rows);
        if (events->f64[f]) picked->f64[f] = column_pick(events->f64[f], length * (int64_t)sizeof(double), count, rows);
        if (!events->f32[f] == !picked->f32[f] && !events->f64[f] == !picked->f64[f]) continue;
        qtm_events_free(picked);
        return qtm_error_memory(count * length * (int64_t)sizeof(double));
    }
    return QTM_OK;
}

void qtm_events_free(struct qtm_events *events) {
    for (int field = 0; field < events->fields; field++) {
        if (events->f32) qtm_free(events->f32[field]);
        if (events->f64) qtm_free(events->f64[field]);
    }
    qtm_free(events->f32);
    qtm_free(events->f64);
    *events = (struct qtm_events){0};
}

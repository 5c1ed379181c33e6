/* Reading event files. A column is a 1-D dataset, or one member of a compound dataset; both are read as doubles a block
 * at a time, checked, and stored as floats. */
#include "runtime/io/events.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/suggest.h"
#include "runtime/io/h5.h"

enum { EVENTS_BLOCK = 1 << 16, EVENTS_NAMES = 64, EVENTS_LIST = 1024, EVENTS_LABEL = 256 };
#define EVENTS_TOLERANCE 1e-6 /* of a bound's size */

struct events_source {
    const char *path;
    hid_t file, object; /* /events: a group, or a compound dataset */
    bool compound;
};

struct events_column {
    const struct events_source *source;
    const struct qtm_field *field;
    const char *event; /* its name, for messages */
    hid_t dataset, space, memory_type;
    int64_t total;
    char label[EVENTS_LABEL]; /* "dataset /events/y1" */
};

/* ---- what there is ---- */

/* A name to be released with H5free_memory. */
static char *events_name(const struct events_source *source, int64_t index) {
    if (source->compound) {
        hid_t type = H5Dget_type(source->object);
        char *name = H5Tget_member_name(type, (unsigned)index);
        H5Tclose(type);
        return name;
    }
    ssize_t length =
        H5Lget_name_by_idx(source->object, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, NULL, 0, H5P_DEFAULT);
    char *name = length < 0 ? NULL : H5allocate_memory((size_t)length + 1, true);
    if (name)
        H5Lget_name_by_idx(source->object, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, name, (size_t)length + 1,
                           H5P_DEFAULT);
    return name;
}

static int64_t events_name_count(const struct events_source *source) {
    int64_t count;
    if (source->compound) {
        hid_t type = H5Dget_type(source->object);
        count = H5Tget_nmembers(type);
        H5Tclose(type);
    } else {
        H5G_info_t info;
        count = H5Gget_info(source->object, &info) < 0 ? 0 : (int64_t)info.nlinks;
    }
    return count;
}

/* Names the field that is missing, the nearest name there is, and all there are. */
static qtm_status events_missing(const struct events_source *source, const struct qtm_field *field, const char *event) {
    char *names[EVENTS_NAMES], list[EVENTS_LIST] = "";
    const char *known[EVENTS_NAMES];
    int64_t all = events_name_count(source);
    size_t count = 0, used = 0;
    for (int64_t i = 0; i < all && count < EVENTS_NAMES; i++) {
        char *name = events_name(source, i);
        if (!name) continue;
        int length = snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", name);
        used = used + (size_t)length < sizeof list ? used + (size_t)length : sizeof list - 1;
        known[count] = names[count] = name;
        count++;
    }
    const char *nearest = qtm_suggest_nearest(field->name, known, count);
    const char *what = source->compound ? "member" : "dataset";
    qtm_status status =
        qtm_error("%s: /events has no %s '%s', which event %s needs; it has: %s%s%s%s%s", source->path, what,
                  field->name, event, used ? list : "nothing", nearest ? "; did you mean '" : "",
                  nearest ? nearest : "", nearest ? "'?" : "", nearest ? " Rename it in the file or in the model" : "");
    for (size_t i = 0; i < count; i++) H5free_memory(names[i]);
    return status;
}

/* ---- opening ---- */

static bool events_is_number(hid_t type) {
    H5T_class_t class = H5Tget_class(type);
    return class == H5T_INTEGER || class == H5T_FLOAT;
}

static qtm_status events_open(const char *path, struct events_source *source) {
    *source = (struct events_source){.path = path, .file = -1, .object = -1};
    QTM_TRY(qtm_h5_open(path, "an event file", &source->file));
    htri_t there = H5Lexists(source->file, "events", H5P_DEFAULT);
    if (there <= 0) {
        struct events_source top = {.path = path, .file = source->file, .object = source->file};
        char *first = there == 0 && events_name_count(&top) > 0 ? events_name(&top, 0) : NULL;
        qtm_status status =
            qtm_error("%s: there is no /events%s%s%s; an event file has a group /events with one 1-D dataset a field",
                      path, first ? " (there is /" : "", first ? first : "", first ? ")" : "");
        H5free_memory(first);
        return status;
    }
    source->object = H5Oopen(source->file, "events", H5P_DEFAULT);
    if (source->object < 0) return qtm_h5_read_error(path, "/events");
    H5I_type_t kind = H5Iget_type(source->object);
    if (kind == H5I_GROUP) return QTM_OK;
    if (kind == H5I_DATASET) {
        hid_t type = H5Dget_type(source->object);
        source->compound = H5Tget_class(type) == H5T_COMPOUND;
        H5Tclose(type);
    }
    if (!source->compound)
        return qtm_error(
            "%s: /events is neither a group nor a compound dataset; it should be a group with one 1-D dataset "
            "a field",
            path);
    return QTM_OK;
}

static void events_close(struct events_source *source) {
    if (source->file >= 0) H5Fclose(source->file);
}

static void events_column_close(struct events_column *column) {
    if (column->memory_type >= 0) H5Tclose(column->memory_type);
    if (column->space >= 0) H5Sclose(column->space);
    if (column->dataset >= 0) H5Dclose(column->dataset);
}

/* The dataset with a cache that holds the chunk being read: the default, 1 MiB, would unpack a larger chunk once a
 * block. Two chunks, because a block may straddle them. */
static hid_t events_dataset_open(hid_t object, const char *name) {
    hid_t dataset = H5Dopen2(object, name, H5P_DEFAULT);
    if (dataset < 0) return dataset;
    hid_t layout = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    hsize_t chunk[H5S_MAX_RANK];
    int rank = H5Pget_layout(layout) == H5D_CHUNKED ? H5Pget_chunk(layout, H5S_MAX_RANK, chunk) : 0;
    size_t bytes = rank == 1 ? 2 * (size_t)chunk[0] * H5Tget_size(type) : 0;
    H5Tclose(type);
    H5Pclose(layout);
    if (bytes <= 1 << 20) return dataset;
    H5Dclose(dataset);
    hid_t access_list = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access_list, 521, bytes, 1.0);
    dataset = H5Dopen2(object, name, access_list);
    H5Pclose(access_list);
    return dataset;
}

/* Finds the field's numbers and sets memory_type, or says why not. */
static qtm_status events_column_find(struct events_column *column) {
    const struct events_source *source = column->source;
    const char *name = column->field->name;
    bool number = true;
    if (source->compound) {
        column->dataset = events_dataset_open(source->file, "events");
        if (column->dataset < 0) return qtm_h5_read_error(source->path, column->label);
        hid_t type = H5Dget_type(column->dataset);
        int member = H5Tget_member_index(type, name);
        if (member >= 0) {
            hid_t member_type = H5Tget_member_type(type, (unsigned)member);
            number = events_is_number(member_type);
            H5Tclose(member_type);
        }
        H5Tclose(type);
        if (member < 0) return events_missing(source, column->field, column->event);
        column->memory_type = H5Tcreate(H5T_COMPOUND, sizeof(double));
        H5Tinsert(column->memory_type, name, 0, H5T_NATIVE_DOUBLE);
    } else {
        if (H5Lexists(source->object, name, H5P_DEFAULT) <= 0)
            return events_missing(source, column->field, column->event);
        column->dataset = events_dataset_open(source->object, name);
        if (column->dataset < 0)
            return qtm_error("%s: %s is not a dataset, or is damaged (%s)", source->path, column->label,
                             qtm_h5_reason());
        hid_t type = H5Dget_type(column->dataset);
        number = events_is_number(type);
        H5Tclose(type);
        column->memory_type = H5Tcopy(H5T_NATIVE_DOUBLE);
    }
    if (!number)
        return qtm_error("%s: %s does not hold numbers; it should be float or integer", source->path, column->label);
    return QTM_OK;
}

static qtm_status events_column_open(struct events_column *column) {
    const struct events_source *source = column->source;
    column->dataset = column->space = column->memory_type = -1;
    snprintf(column->label, sizeof column->label,
             source->compound ? "member %s of dataset /events" : "dataset /events/%s", column->field->name);
    QTM_TRY(events_column_find(column));
    column->space = H5Dget_space(column->dataset);
    int rank = H5Sget_simple_extent_ndims(column->space);
    if (rank != 1)
        return qtm_error("%s: %s has %d dimensions; it should have one, the events", source->path, column->label, rank);
    hsize_t total;
    H5Sget_simple_extent_dims(column->space, &total, NULL);
    column->total = (int64_t)total;
    return QTM_OK;
}

/* ---- reading ---- */

/* What is wrong with the values of a column: how many, and the first. */
struct events_fault {
    int64_t count, first;
    double value;
};
struct events_check {
    struct events_fault not_finite, outside;
};

static void events_fault_add(struct events_fault *fault, int64_t index, double value) {
    if (fault->count++ > 0) return;
    fault->first = index;
    fault->value = value;
}

/* The outermost floats inside [low, high]. */
static float events_float_at_least(double low) {
    float value = (float)low;
    return (double)value < low ? nextafterf(value, INFINITY) : value;
}

static float events_float_at_most(double high) {
    float value = (float)high;
    return (double)value > high ? nextafterf(value, -INFINITY) : value;
}

static void events_convert(const struct qtm_field *field, int64_t first, int64_t count, const double *from, float *to,
                           struct events_check *check) {
    double low = field->low - EVENTS_TOLERANCE * fabs(field->low);
    double high = field->high + EVENTS_TOLERANCE * fabs(field->high);
    float low_float = events_float_at_least(field->low), high_float = events_float_at_most(field->high);
    for (int64_t i = 0; i < count; i++) {
        float value = (float)from[i];
        if (!isfinite(from[i]))
            events_fault_add(&check->not_finite, first + i, from[i]);
        else if (from[i] < low || from[i] > high || !isfinite(value))
            events_fault_add(&check->outside, first + i, from[i]);
        to[i] = value < low_float ? low_float : value > high_float ? high_float : value;
    }
}

static qtm_status events_report(const struct events_column *column, const struct events_check *check) {
    const char *path = column->source->path, *label = column->label;
    const struct events_fault *fault = &check->not_finite;
    if (fault->count > 0)
        return qtm_error(
            "%s: %s has %lld value%s that %s NaN or infinite, the first is event %lld; remove %s from the file", path,
            label, (long long)fault->count, fault->count == 1 ? "" : "s", fault->count == 1 ? "is" : "are",
            (long long)fault->first, fault->count == 1 ? "this event" : "these events");
    fault = &check->outside;
    if (fault->count > 0)
        return qtm_error(
            "%s: %s has %lld value%s outside %s's domain %.9g .. %.9g, the first is %.9g at event %lld; cut the "
            "data to the domain or widen it in event %s",
            path, label, (long long)fault->count, fault->count == 1 ? "" : "s", column->field->name, column->field->low,
            column->field->high, fault->value, (long long)fault->first, column->event);
    return QTM_OK;
}

static qtm_status events_column_read(const struct events_column *column, int64_t first, int64_t count, double *block,
                                     float *to) {
    struct events_check check = {0};
    for (int64_t done = 0; done < count;) {
        hsize_t size = (hsize_t)(count - done < EVENTS_BLOCK ? count - done : EVENTS_BLOCK);
        hsize_t start = (hsize_t)(first + done);
        H5Sselect_hyperslab(column->space, H5S_SELECT_SET, &start, NULL, &size, NULL);
        hid_t memory = H5Screate_simple(1, &size, NULL);
        herr_t read = H5Dread(column->dataset, column->memory_type, memory, column->space, H5P_DEFAULT, block);
        qtm_status status = read < 0 ? qtm_h5_read_error(column->source->path, column->label) : QTM_OK;
        H5Sclose(memory);
        if (status != QTM_OK) return status;
        events_convert(column->field, (int64_t)start, (int64_t)size, block, to + done, &check);
        done += (int64_t)size;
    }
    return events_report(column, &check);
}

/* The share of `rank`, or why there is none. */
static qtm_status events_share(const char *path, int rank, int ranks, struct qtm_events *events) {
    int64_t total = events->total;
    if (total == 0) return qtm_error("%s: /events holds no events", path);
    if (total < ranks)
        return qtm_error("%s: %lld events are too few for %d ranks; start fewer ranks or give more events", path,
                         (long long)total, ranks);
    events->first = (int64_t)((__int128)total * rank / ranks);
    events->local = (int64_t)((__int128)total * (rank + 1) / ranks) - events->first;
    return QTM_OK;
}

/* Opens column `field`, checks its length, and with a block reads its share. */
static qtm_status events_field_visit(const struct events_source *source, const struct qtm_event *event, int field,
                                     double *block, struct qtm_events *events) {
    struct events_column column = {.source = source, .field = &event->fields[field], .event = event->name};
    qtm_status status = events_column_open(&column);
    if (status == QTM_OK && field == 0) events->total = column.total;
    if (status == QTM_OK && column.total != events->total)
        status = qtm_error("%s: %s has %lld values, but %s has %lld; all fields need the same number", source->path,
                           column.label, (long long)column.total, event->fields[0].name, (long long)events->total);
    if (status == QTM_OK && block) {
        events->f32[field] = qtm_alloc_array(events->local, sizeof(float));
        status = events->f32[field]
                     ? events_column_read(&column, events->first, events->local, block, events->f32[field])
                     : qtm_error_memory(events->local * (int64_t)sizeof(float));
    }
    events_column_close(&column);
    return status;
}

/* Every column is looked at before any is read: a missing one is found at once. */
static qtm_status events_read_all(const struct events_source *source, const struct qtm_event *event, int rank,
                                  int ranks, double *block, struct qtm_events *events) {
    for (int field = 0; field < event->field_count; field++)
        QTM_TRY(events_field_visit(source, event, field, NULL, events));
    QTM_TRY(events_share(source->path, rank, ranks, events));
    for (int field = 0; field < event->field_count; field++)
        QTM_TRY(events_field_visit(source, event, field, block, events));
    return QTM_OK;
}

qtm_status qtm_events_read(const char *path, const struct qtm_event *event, int rank, int ranks,
                           struct qtm_events *events) {
    *events = (struct qtm_events){.fields = event->field_count};
    struct events_source source;
    qtm_status status = events_open(path, &source);
    double *block = NULL;
    if (status == QTM_OK) {
        block = qtm_alloc_array(EVENTS_BLOCK, sizeof *block);
        events->f32 = qtm_alloc_array(event->field_count, sizeof *events->f32);
        if (!block || !events->f32) status = qtm_error_memory(EVENTS_BLOCK * (int64_t)sizeof *block);
    }
    if (status == QTM_OK) status = events_read_all(&source, event, rank, ranks, block, events);
    events_close(&source);
    qtm_free(block);
    if (status != QTM_OK) qtm_events_free(events);
    return status;
}

static void events_columns_free(void **columns, int fields) {
    for (int field = 0; columns && field < fields; field++) qtm_free(columns[field]);
    qtm_free(columns);
}

qtm_status qtm_events_make_f64(struct qtm_events *events) {
    if (events->f64) return QTM_OK;
    double **columns = qtm_alloc_array(events->fields, sizeof *columns);
    if (!columns) return qtm_error_memory(events->fields * (int64_t)sizeof *columns);
    for (int field = 0; field < events->fields; field++) {
        columns[field] = qtm_alloc_array(events->local, sizeof(double));
        if (!columns[field]) {
            events_columns_free((void **)columns, events->fields);
            return qtm_error_memory(events->local * (int64_t)sizeof(double));
        }
        for (int64_t i = 0; i < events->local; i++) columns[field][i] = events->f32[field][i];
    }
    events->f64 = columns;
    return QTM_OK;
}

void qtm_events_free(struct qtm_events *events) {
    events_columns_free((void **)events->f32, events->fields);
    events_columns_free((void **)events->f64, events->fields);
    *events = (struct qtm_events){0};
}

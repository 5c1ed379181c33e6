/* Reading event files in HDF5. A column is a dataset, or one member of a compound dataset; both are read as doubles a
 * block at a time. With a filter the columns it looks at are read once more before, over all events. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/suggest.h"
#include "runtime/io/events_check.h"
#include "runtime/io/h5.h"

enum { EVENTS_BLOCK = 1 << 16 /* numbers */, EVENTS_NAMES = 64, EVENTS_LIST = 1024, EVENTS_LABEL = 256 };

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
    double scale;
    char label[EVENTS_LABEL]; /* "dataset /events/y1" */
};

/* One file being read. */
struct events_reading {
    const struct qtm_events_request *request;
    struct events_source source;
    struct events_column *columns; /* [fields] */
    double **blocks;               /* [fields] one block each where a filter looks, else the first only */
    unsigned char *kept;           /* [read] of the filter, or NULL */
    int64_t block_events;
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

/* Names what is missing and `why` it is needed, the nearest name there is, and all there are. */
static qtm_status events_missing(const struct events_source *source, const char *missing, const char *why) {
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
    const char *nearest = qtm_suggest_nearest(missing, known, count);
    const char *what = source->compound ? "member" : "dataset";
    qtm_status status =
        qtm_error("%s: /events has no %s '%s', which %s; it has: %s%s%s%s%s", source->path, what, missing, why,
                  used ? list : "nothing", nearest ? "; did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?" : "", nearest ? " Rename it in the file or in the model" : "");
    for (size_t i = 0; i < count; i++) H5free_memory(names[i]);
    return status;
}

static qtm_status events_field_missing(const struct events_column *column) {
    char why[EVENTS_LABEL];
    snprintf(why, sizeof why, "event %s needs", column->event);
    return events_missing(column->source, column->field->name, why);
}

static bool events_name_there(const struct events_source *source, const char *name) {
    if (!source->compound) return H5Lexists(source->object, name, H5P_DEFAULT) > 0;
    hid_t type = H5Dget_type(source->object);
    int member = H5Tget_member_index(type, name);
    H5Tclose(type);
    return member >= 0;
}

/* ---- opening ---- */

static bool events_is_number(hid_t type) {
    H5T_class_t class = H5Tget_class(type);
    return class == H5T_INTEGER || class == H5T_FLOAT;
}

/* Is the member a number, or an array of as many as the field has? */
static bool events_member_fits(hid_t type, const struct qtm_field *field) {
    if (field->length == 1) return events_is_number(type);
    hsize_t length = 0;
    if (H5Tget_class(type) != H5T_ARRAY || H5Tget_array_ndims(type) != 1) return false;
    H5Tget_array_dims2(type, &length);
    hid_t element = H5Tget_super(type);
    bool number = events_is_number(element);
    H5Tclose(element);
    return number && (int64_t)length == field->length;
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
    size_t bytes = rank > 0 ? 2 * H5Tget_size(type) : 0;
    for (int d = 0; d < rank; d++) bytes *= (size_t)chunk[d];
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

/* Reads one member only: a number, or an array of them. */
static hid_t events_member_type(const struct qtm_field *field) {
    hsize_t length = (hsize_t)field->length;
    hid_t type = H5Tcreate(H5T_COMPOUND, (size_t)field->length * sizeof(double));
    hid_t array = length == 1 ? H5Tcopy(H5T_NATIVE_DOUBLE) : H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &length);
    H5Tinsert(type, field->name, 0, array);
    H5Tclose(array);
    return type;
}

/* Finds the field's numbers and sets memory_type, or says why not. */
static qtm_status events_column_find(struct events_column *column) {
    const struct events_source *source = column->source;
    const struct qtm_field *field = column->field;
    bool fits;
    if (!events_name_there(source, field->name)) return events_field_missing(column);
    column->dataset = source->compound ? events_dataset_open(source->file, "events")
                                       : events_dataset_open(source->object, field->name);
    if (column->dataset < 0)
        return qtm_error("%s: %s is not a dataset, or is damaged (%s)", source->path, column->label, qtm_h5_reason());
    hid_t type = H5Dget_type(column->dataset);
    if (source->compound) {
        hid_t member = H5Tget_member_type(type, (unsigned)H5Tget_member_index(type, field->name));
        fits = events_member_fits(member, field);
        H5Tclose(member);
        column->memory_type = events_member_type(field);
    } else {
        fits = events_is_number(type);
        column->memory_type = H5Tcopy(H5T_NATIVE_DOUBLE);
    }
    H5Tclose(type);
    if (fits) return QTM_OK;
    if (field->length > 1 && source->compound)
        return qtm_error("%s: %s is not an array of %lld numbers, as event %s declares", source->path, column->label,
                         (long long)field->length, column->event);
    return qtm_error("%s: %s does not hold numbers; it should be float or integer", source->path, column->label);
}

static qtm_status events_column_open(struct events_column *column) {
    const struct events_source *source = column->source;
    const struct qtm_field *field = column->field;
    snprintf(column->label, sizeof column->label,
             source->compound ? "member %s of dataset /events" : "dataset /events/%s", field->name);
    QTM_TRY(events_column_find(column));
    column->space = H5Dget_space(column->dataset);
    int rank = H5Sget_simple_extent_ndims(column->space), due = field->length > 1 && !source->compound ? 2 : 1;
    if (rank != due)
        return qtm_error("%s: %s has %d dimension%s; it should have %s", source->path, column->label, rank,
                         rank == 1 ? "" : "s", due == 1 ? "one, the events" : "two, the events and the array");
    hsize_t size[2] = {0, 0};
    H5Sget_simple_extent_dims(column->space, size, NULL);
    if (due == 2 && (int64_t)size[1] != field->length)
        return qtm_error("%s: %s has %lld numbers an event, but event %s declares %s[%lld]", source->path,
                         column->label, (long long)size[1], column->event, field->name, (long long)field->length);
    column->total = (int64_t)size[0];
    return QTM_OK;
}

/* ---- reading ---- */

/* `count` events from number `first`, scaled. */
static qtm_status events_block_read(const struct events_column *column, int64_t first, int64_t count, double *block) {
    hsize_t start[2] = {(hsize_t)first, 0}, size[2] = {(hsize_t)count, (hsize_t)column->field->length};
    int rank = H5Sget_simple_extent_ndims(column->space);
    H5Sselect_hyperslab(column->space, H5S_SELECT_SET, start, NULL, size, NULL);
    hid_t memory = H5Screate_simple(rank, size, NULL);
    herr_t read = H5Dread(column->dataset, column->memory_type, memory, column->space, H5P_DEFAULT, block);
    qtm_status status = read < 0 ? qtm_h5_read_error(column->source->path, column->label) : QTM_OK;
    H5Sclose(memory);
    int64_t values = count * column->field->length;
    for (int64_t i = 0; status == QTM_OK && column->scale != 1 && i < values; i++) block[i] *= column->scale;
    return status;
}

/* Runs the filter over all events. */
static qtm_status events_filter_run(struct events_reading *reading, struct qtm_events *events) {
    const struct qtm_events_filter *filter = reading->request->filter;
    reading->kept = qtm_alloc(events->read);
    if (!reading->kept) return qtm_error_memory(events->read);
    for (int64_t first = 0; first < events->read; first += reading->block_events) {
        int64_t left = events->read - first, count = left < reading->block_events ? left : reading->block_events;
        for (int field = 0; field < events->fields; field++)
            if (filter->reads[field])
                QTM_TRY(events_block_read(&reading->columns[field], first, count, reading->blocks[field]));
        QTM_TRY(filter->run(filter->context, count, reading->blocks, reading->kept + first));
        for (int64_t i = 0; i < count; i++) events->total += reading->kept[first + i];
    }
    return QTM_OK;
}

/* The number in the file of the event that is number `index` of those kept. */
static int64_t events_place(const struct events_reading *reading, int64_t index) {
    if (!reading->kept) return index;
    int64_t place = 0;
    while (!reading->kept[place] || index-- > 0) place++;
    return place;
}

/* Reads the share of one column: from event `first` of the file on until it is full. */
static qtm_status events_column_read(struct events_reading *reading, int field, int64_t first,
                                     struct qtm_events *events) {
    const struct events_column *column = &reading->columns[field];
    struct qtm_events_check check = {0};
    bool wide = qtm_events_wide(reading->request, field);
    QTM_TRY(qtm_events_column_alloc(reading->request, field, events));
    for (int64_t done = 0; done < events->local;) {
        int64_t left = (reading->kept ? events->read - first : events->local - done), wanted = events->local - done;
        struct qtm_events_run run = {.field = column->field, .first = first, .from = reading->blocks[0], .wide = wide};
        run.count = left < reading->block_events ? left : reading->block_events;
        if (reading->kept) {
            run.kept = reading->kept + first;
            int64_t used = 0;
            while (used < run.count && wanted > 0) wanted -= run.kept[used++];
            run.count = used;
        }
        QTM_TRY(events_block_read(column, first, run.count, reading->blocks[0]));
        done += qtm_events_store(&run, qtm_events_column_at(events, field, wide, done), &check);
        first += run.count;
    }
    return qtm_events_report(reading->request, column->field, column->scale, column->label, "event", &check);
}

/* Every column is looked at before any is read: a missing one is found at once. */
static qtm_status events_columns_open(struct events_reading *reading, struct qtm_events *events) {
    const struct qtm_events_request *request = reading->request;
    for (int field = 0; field < events->fields; field++) {
        struct events_column *column = &reading->columns[field];
        column->scale = qtm_events_scale(request, field);
        QTM_TRY(events_column_open(column));
        if (field == 0) events->read = column->total;
        if (column->total != events->read)
            return qtm_error("%s: %s has %lld values, but %s has %lld; all fields need the same number", request->path,
                             column->label, (long long)column->total, events->field[0].name, (long long)events->read);
    }
    for (int i = 0; request->data && i < request->data->ignore_count; i++)
        if (!events_name_there(&reading->source, request->data->ignore[i]))
            return events_missing(&reading->source, request->data->ignore[i], "the model ignores");
    return QTM_OK;
}

static qtm_status events_blocks_make(struct events_reading *reading, const struct qtm_events *events) {
    const struct qtm_events_filter *filter = reading->request->filter;
    int64_t longest = 1;
    for (int field = 0; field < events->fields; field++)
        if (events->field[field].length > longest) longest = events->field[field].length;
    reading->block_events = longest < EVENTS_BLOCK ? EVENTS_BLOCK / longest : 1;
    for (int field = 0; field < events->fields; field++) {
        int64_t values = reading->block_events * (field == 0 ? longest : events->field[field].length);
        if (field > 0 && !(filter && filter->reads[field])) continue;
        reading->blocks[field] = qtm_alloc_array(values, sizeof(double));
        if (!reading->blocks[field]) return qtm_error_memory(values * (int64_t)sizeof(double));
    }
    return QTM_OK;
}

static qtm_status events_read_all(struct events_reading *reading, struct qtm_events *events) {
    QTM_TRY(events_open(reading->request->path, &reading->source));
    QTM_TRY(events_columns_open(reading, events));
    QTM_TRY(events_blocks_make(reading, events));
    if (reading->request->filter)
        QTM_TRY(events_filter_run(reading, events));
    else
        events->total = events->read;
    QTM_TRY(qtm_events_share(reading->request, events));
    int64_t first = events_place(reading, events->first);
    for (int field = 0; field < events->fields; field++) QTM_TRY(events_column_read(reading, field, first, events));
    return QTM_OK;
}

qtm_status qtm_events_read_h5(const struct qtm_events_request *request, struct qtm_events *events) {
    const struct qtm_event *event = request->event;
    struct events_reading reading = {.request = request, .source = {.file = -1}};
    reading.columns = qtm_alloc_array(event->field_count, sizeof *reading.columns);
    reading.blocks = qtm_alloc_array(event->field_count, sizeof *reading.blocks);
    qtm_status status = reading.columns && reading.blocks
                            ? QTM_OK
                            : qtm_error_memory(event->field_count * (int64_t)sizeof *reading.columns);
    for (int field = 0; reading.columns && field < event->field_count; field++)
        reading.columns[field] = (struct events_column){.source = &reading.source,
                                                        .field = &event->fields[field],
                                                        .event = event->name,
                                                        .dataset = -1,
                                                        .space = -1,
                                                        .memory_type = -1};
    if (status == QTM_OK) status = events_read_all(&reading, events);
    for (int field = 0; reading.columns && field < event->field_count; field++)
        events_column_close(&reading.columns[field]);
    for (int field = 0; reading.blocks && field < event->field_count; field++) qtm_free(reading.blocks[field]);
    events_close(&reading.source);
    qtm_free(reading.columns);
    qtm_free(reading.blocks);
    qtm_free(reading.kept);
    return status;
}

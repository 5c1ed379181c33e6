/* Writing event files: a group /events, one chunked f4 dataset a field, filled batch by batch. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/events.h"
#include "runtime/io/file.h"
#include "runtime/io/h5.h"

enum { EVENTS_CHUNK = 1 << 16 };

struct events_sink {
    const char *path;
    struct qtm_h5_output output;
    hid_t group;
    hid_t *datasets; /* [fields] */
    float **columns; /* [fields][batch * length] */
    int fields;
    const struct qtm_field *field; /* [fields] */
};

static qtm_status sink_open(struct events_sink *sink, const char *temporary, const struct qtm_event *event,
                            int64_t total) {
    QTM_TRY(qtm_h5_create(temporary, sink->path, &sink->output));
    sink->group = H5Gcreate2(sink->output.file, "events", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (sink->group < 0) return qtm_h5_write_error(sink->path);
    for (int field = 0; field < event->field_count; field++) {
        int64_t length = event->fields[field].length, most = length < EVENTS_CHUNK ? EVENTS_CHUNK / length : 1;
        int rank = length > 1 ? 2 : 1;
        hsize_t size[2] = {(hsize_t)total, (hsize_t)length};
        hsize_t chunk[2] = {(hsize_t)(total < most ? total : most), (hsize_t)length};
        hid_t space = H5Screate_simple(rank, size, NULL), layout = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(layout, rank, chunk);
        sink->datasets[field] =
            H5Dcreate2(sink->group, event->fields[field].name, H5T_IEEE_F32LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
        H5Pclose(layout);
        H5Sclose(space);
        if (sink->datasets[field] < 0) return qtm_h5_write_error(sink->path);
    }
    return QTM_OK;
}

static qtm_status sink_put_number(const struct events_sink *sink, const char *name, double number) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(sink->group, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t written = attribute < 0 ? -1 : H5Awrite(attribute, H5T_NATIVE_DOUBLE, &number);
    qtm_status status = written < 0 ? qtm_h5_write_error(sink->path) : QTM_OK;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return status;
}

static qtm_status sink_put_attributes(const struct events_sink *sink, const struct qtm_attribute *attributes,
                                      int count) {
    for (int i = 0; i < count; i++) {
        if (attributes[i].text)
            QTM_TRY(qtm_h5_put_text(sink->group, attributes[i].name, attributes[i].text, sink->path));
        else
            QTM_TRY(sink_put_number(sink, attributes[i].name, attributes[i].number));
    }
    return QTM_OK;
}

static qtm_status sink_put_batch(const struct events_sink *sink, int64_t first, int64_t count) {
    for (int field = 0; field < sink->fields; field++) {
        int64_t length = sink->field[field].length;
        double scale = sink->field[field].scale;
        float *column = sink->columns[field];
        for (int64_t i = 0; scale != 1 && i < count * length; i++) column[i] = (float)(column[i] / scale);
        hsize_t start[2] = {(hsize_t)first, 0}, size[2] = {(hsize_t)count, (hsize_t)length};
        hid_t space = H5Dget_space(sink->datasets[field]), memory = H5Screate_simple(length > 1 ? 2 : 1, size, NULL);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
        herr_t written = H5Dwrite(sink->datasets[field], H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, column);
        qtm_status status = written < 0 ? qtm_h5_write_error(sink->path) : QTM_OK;
        H5Sclose(memory);
        H5Sclose(space);
        if (status != QTM_OK) return status;
    }
    return QTM_OK;
}

static qtm_status sink_alloc(struct events_sink *sink, int64_t batch) {
    sink->datasets = qtm_alloc_array(sink->fields, sizeof *sink->datasets);
    sink->columns = qtm_alloc_array(sink->fields, sizeof *sink->columns);
    if (!sink->datasets || !sink->columns) return qtm_error_memory(sink->fields * (int64_t)sizeof *sink->columns);
    for (int field = 0; field < sink->fields; field++) {
        int64_t values = batch * sink->field[field].length;
        sink->columns[field] = qtm_alloc_array(values, sizeof(float));
        if (!sink->columns[field]) return qtm_error_memory(values * (int64_t)sizeof(float));
    }
    return QTM_OK;
}

static void sink_free(struct events_sink *sink) {
    for (int field = 0; sink->columns && field < sink->fields; field++) qtm_free(sink->columns[field]);
    qtm_free(sink->columns);
    qtm_free(sink->datasets);
}

qtm_status qtm_events_write(const char *path, const struct qtm_event *event, int64_t total, int64_t batch,
                            qtm_events_source source, void *context, const struct qtm_attribute *attributes,
                            int attribute_count) {
    if (total < 1 || batch < 1)
        return qtm_error("%s: %lld events cannot be written; ask for at least 1", path, (long long)total);
    struct events_sink sink = {
        .path = path, .output = {.file = -1}, .group = -1, .fields = event->field_count, .field = event->fields};
    char *temporary = qtm_file_temporary(path);
    qtm_status status = temporary ? sink_alloc(&sink, batch) : qtm_error_memory((int64_t)strlen(path));
    if (status == QTM_OK) status = sink_open(&sink, temporary, event, total);
    if (status == QTM_OK) status = sink_put_attributes(&sink, attributes, attribute_count);
    for (int64_t first = 0; status == QTM_OK && !sink.output.error && first < total; first += batch) {
        int64_t count = total - first < batch ? total - first : batch;
        status = source(context, first, count, sink.columns);
        if (status == QTM_OK) status = sink_put_batch(&sink, first, count);
    }
    /* The producer's or HDF5's failure is the reason; else the system's, which finish knows. */
    if (status == QTM_OK)
        status = qtm_h5_finish(&sink.output, path);
    else if (sink.output.file >= 0)
        H5Fclose(sink.output.file);
    sink_free(&sink);
    if (status == QTM_OK)
        status = qtm_file_replace(temporary, path);
    else if (temporary)
        unlink(temporary);
    qtm_free(temporary);
    return status;
}

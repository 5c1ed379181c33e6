/* Named arrays and texts in HDF5. The root carries the attributes format = "qtm checkpoint" and version; arrays are
 * datasets, chunked with a Fletcher-32 checksum (so that a flipped bit is an error, not another answer); texts are
 * fixed-length strings. */
#include "runtime/io/checkpoint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"
#include "runtime/io/h5.h"

#define CHECKPOINT_FORMAT "qtm checkpoint"
enum { CHECKPOINT_VERSION = 1, CHECKPOINT_MAX_RANK = 8, CHECKPOINT_CHUNK = 1 << 16, CHECKPOINT_SHAPE_TEXT = 256 };

struct qtm_checkpoint {
    hid_t file;                  /* reader or writer */
    struct qtm_h5_output output; /* writer */
    char *path, *temporary;      /* temporary: NULL for a reader */
};

static const char *const type_names[] = {[QTM_F32] = "f32", [QTM_F64] = "f64", [QTM_I64] = "i64", [QTM_U64] = "u64"};

static hid_t type_memory(enum qtm_type type) {
    switch (type) {
    case QTM_F32: return H5T_NATIVE_FLOAT;
    case QTM_F64: return H5T_NATIVE_DOUBLE;
    case QTM_I64: return H5T_NATIVE_INT64;
    default: return H5T_NATIVE_UINT64;
    }
}

static hid_t type_file(enum qtm_type type) {
    switch (type) {
    case QTM_F32: return H5T_IEEE_F32LE;
    case QTM_F64: return H5T_IEEE_F64LE;
    case QTM_I64: return H5T_STD_I64LE;
    default: return H5T_STD_U64LE;
    }
}

/* ---- writing ---- */

static struct qtm_checkpoint *checkpoint_new(const char *path, bool writing) {
    struct qtm_checkpoint *checkpoint = qtm_alloc(sizeof *checkpoint);
    if (!checkpoint) return NULL;
    checkpoint->file = checkpoint->output.file = -1;
    checkpoint->path = qtm_text_copy(path);
    checkpoint->temporary = writing ? qtm_file_temporary(path) : NULL;
    if (checkpoint->path && (checkpoint->temporary || !writing)) return checkpoint;
    qtm_checkpoint_close(checkpoint);
    return NULL;
}

static qtm_status checkpoint_put_version(hid_t file, const char *path) {
    int64_t version = CHECKPOINT_VERSION;
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, "version", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t written = attribute < 0 ? -1 : H5Awrite(attribute, H5T_NATIVE_INT64, &version);
    qtm_status status = written < 0 ? qtm_h5_write_error(path) : QTM_OK;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return status;
}

qtm_status qtm_checkpoint_create(const char *path, struct qtm_checkpoint **out) {
    *out = NULL;
    struct qtm_checkpoint *checkpoint = checkpoint_new(path, true);
    if (!checkpoint) return qtm_error_memory((int64_t)sizeof *checkpoint);
    qtm_status status = qtm_h5_create(checkpoint->temporary, path, &checkpoint->output);
    checkpoint->file = checkpoint->output.file;
    if (status == QTM_OK) status = qtm_h5_put_text(checkpoint->file, "format", CHECKPOINT_FORMAT, path);
    if (status == QTM_OK) status = checkpoint_put_version(checkpoint->file, path);
    if (status != QTM_OK)
        qtm_checkpoint_close(checkpoint);
    else
        *out = checkpoint;
    return status;
}

/* Creates dataset `name` (and the groups above it) and writes it. */
static qtm_status checkpoint_write(struct qtm_checkpoint *checkpoint, const char *name, hid_t stored, hid_t given,
                                   hid_t space, hid_t layout, const void *data) {
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t dataset = H5Dcreate2(checkpoint->file, name, stored, space, links, layout, H5P_DEFAULT);
    herr_t written = dataset < 0 ? -1 : H5Dwrite(dataset, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    qtm_status status = written < 0 ? qtm_h5_write_error(checkpoint->path) : QTM_OK;
    if (dataset >= 0) H5Dclose(dataset);
    H5Pclose(links);
    return status;
}

qtm_status qtm_checkpoint_put(struct qtm_checkpoint *checkpoint, const char *name, enum qtm_type type, int rank,
                              const int64_t *shape, const void *data) {
    if (rank > CHECKPOINT_MAX_RANK)
        return qtm_error("%s: '%s' has %d dimensions, more than %d", checkpoint->path, name, rank, CHECKPOINT_MAX_RANK);
    qtm_h5_quiet();
    hsize_t sizes[CHECKPOINT_MAX_RANK], chunk[CHECKPOINT_MAX_RANK], room = CHECKPOINT_CHUNK;
    bool empty = rank == 0;
    for (int d = rank - 1; d >= 0; d--) { /* whole rows as far as a chunk has room */
        sizes[d] = (hsize_t)shape[d];
        if (sizes[d] == 0) empty = true;
        chunk[d] = sizes[d] < room ? sizes[d] : room;
        room = chunk[d] ? room / chunk[d] : room;
        if (room == 0) room = 1;
    }
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, sizes, NULL);
    hid_t layout = H5Pcreate(H5P_DATASET_CREATE);
    if (!empty) {
        H5Pset_chunk(layout, rank, chunk);
        H5Pset_fletcher32(layout);
    }
    qtm_status status = checkpoint_write(checkpoint, name, type_file(type), type_memory(type), space, layout, data);
    H5Pclose(layout);
    H5Sclose(space);
    return status;
}

qtm_status qtm_checkpoint_put_text(struct qtm_checkpoint *checkpoint, const char *name, const char *text) {
    qtm_h5_quiet();
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    qtm_status status = checkpoint_write(checkpoint, name, type, type, space, H5P_DEFAULT, text);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

qtm_status qtm_checkpoint_commit(struct qtm_checkpoint *checkpoint) {
    checkpoint->file = -1;
    qtm_status status = qtm_h5_finish(&checkpoint->output, checkpoint->path);
    if (status == QTM_OK) {
        status = qtm_file_replace(checkpoint->temporary, checkpoint->path);
        qtm_free(checkpoint->temporary);
        checkpoint->temporary = NULL;
    }
    qtm_checkpoint_close(checkpoint);
    return status;
}

void qtm_checkpoint_close(struct qtm_checkpoint *checkpoint) {
    if (!checkpoint) return;
    if (checkpoint->file >= 0) H5Fclose(checkpoint->file);
    if (checkpoint->temporary) unlink(checkpoint->temporary);
    qtm_free(checkpoint->temporary);
    qtm_free(checkpoint->path);
    qtm_free(checkpoint);
}

/* ---- reading ---- */

static bool checkpoint_format_matches(hid_t file) {
    if (H5Aexists(file, "format") <= 0) return false;
    hid_t attribute = H5Aopen(file, "format", H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);
    char *format = NULL;
    bool same = H5Tis_variable_str(type) > 0 && H5Aread(attribute, type, &format) >= 0 && format &&
                strcmp(format, CHECKPOINT_FORMAT) == 0;
    H5free_memory(format);
    H5Tclose(type);
    H5Aclose(attribute);
    return same;
}

static qtm_status checkpoint_check(hid_t file, const char *path) {
    if (!checkpoint_format_matches(file))
        return qtm_error("%s: an HDF5 file, but not a checkpoint; checkpoints lie in the run folder, as last.h5", path);
    int64_t version = -1;
    hid_t attribute = H5Aopen(file, "version", H5P_DEFAULT);
    if (attribute >= 0) {
        H5Aread(attribute, H5T_NATIVE_INT64, &version);
        H5Aclose(attribute);
    }
    if (version != CHECKPOINT_VERSION)
        return qtm_error(
            "%s: a checkpoint of version %lld, this program reads version %d; use the program that wrote it", path,
            (long long)version, CHECKPOINT_VERSION);
    return QTM_OK;
}

qtm_status qtm_checkpoint_open(const char *path, struct qtm_checkpoint **out) {
    *out = NULL;
    struct qtm_checkpoint *checkpoint = checkpoint_new(path, false);
    if (!checkpoint) return qtm_error_memory((int64_t)sizeof *checkpoint);
    qtm_status status = qtm_h5_open(path, "a checkpoint", &checkpoint->file);
    if (status == QTM_OK) status = checkpoint_check(checkpoint->file, path);
    if (status != QTM_OK)
        qtm_checkpoint_close(checkpoint);
    else
        *out = checkpoint;
    return status;
}

/* H5Lexists fails, loudly, when a group on the way is absent: look at one part of the name after the other. */
bool qtm_checkpoint_has(const struct qtm_checkpoint *checkpoint, const char *name) {
    qtm_h5_quiet();
    char part[512];
    for (size_t length = 0; name[length];) {
        length += strspn(name + length, "/");
        length += strcspn(name + length, "/");
        if (length >= sizeof part) return false;
        memcpy(part, name, length);
        part[length] = '\0';
        if (H5Lexists(checkpoint->file, part, H5P_DEFAULT) <= 0) return false;
    }
    return true;
}

static qtm_status checkpoint_dataset(const struct qtm_checkpoint *checkpoint, const char *name, hid_t *dataset) {
    *dataset = -1;
    if (!qtm_checkpoint_has(checkpoint, name))
        return qtm_error("%s: the checkpoint has no '%s'; it belongs to another model or version", checkpoint->path,
                         name);
    *dataset = H5Dopen2(checkpoint->file, name, H5P_DEFAULT);
    return *dataset < 0 ? qtm_h5_read_error(checkpoint->path, name) : QTM_OK;
}

static void shape_print(char *text, int rank, const int64_t *shape) {
    size_t used = (size_t)snprintf(text, CHECKPOINT_SHAPE_TEXT, "[");
    for (int d = 0; d < rank; d++)
        used +=
            (size_t)snprintf(text + used, CHECKPOINT_SHAPE_TEXT - used, "%s%lld", d ? ", " : "", (long long)shape[d]);
    snprintf(text + used, CHECKPOINT_SHAPE_TEXT - used, "]");
}

static bool type_matches(hid_t dataset, enum qtm_type type) {
    hid_t stored = H5Dget_type(dataset);
    bool same = H5Tequal(stored, type_file(type)) > 0;
    H5Tclose(stored);
    return same;
}

static qtm_status checkpoint_check_array(const struct qtm_checkpoint *checkpoint, const char *name, hid_t dataset,
                                         enum qtm_type type, int rank, const int64_t *shape) {
    hsize_t sizes[H5S_MAX_RANK];
    int64_t found_shape[CHECKPOINT_MAX_RANK];
    char found[CHECKPOINT_SHAPE_TEXT], wanted[CHECKPOINT_SHAPE_TEXT];
    hid_t space = H5Dget_space(dataset);
    int found_rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    H5Sclose(space);
    bool same = found_rank == rank && rank <= CHECKPOINT_MAX_RANK;
    for (int d = 0; d < found_rank && d < CHECKPOINT_MAX_RANK; d++) {
        found_shape[d] = (int64_t)sizes[d];
        same = same && found_shape[d] == shape[d];
    }
    if (!same) {
        shape_print(found, found_rank < CHECKPOINT_MAX_RANK ? found_rank : CHECKPOINT_MAX_RANK, found_shape);
        shape_print(wanted, rank, shape);
        return qtm_error("%s: '%s' has the shape %s, this model needs %s; it was written by a model of other sizes",
                         checkpoint->path, name, found, wanted);
    }
    if (!type_matches(dataset, type))
        return qtm_error("%s: '%s' is not of type %s, as this model needs", checkpoint->path, name, type_names[type]);
    return QTM_OK;
}

qtm_status qtm_checkpoint_get(const struct qtm_checkpoint *checkpoint, const char *name, enum qtm_type type, int rank,
                              const int64_t *shape, void *data) {
    hid_t dataset;
    QTM_TRY(checkpoint_dataset(checkpoint, name, &dataset));
    qtm_status status = checkpoint_check_array(checkpoint, name, dataset, type, rank, shape);
    if (status == QTM_OK && H5Dread(dataset, type_memory(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        status = qtm_h5_read_error(checkpoint->path, name);
    H5Dclose(dataset);
    return status;
}

qtm_status qtm_checkpoint_count(const struct qtm_checkpoint *checkpoint, const char *name, int64_t *count) {
    hid_t dataset;
    QTM_TRY(checkpoint_dataset(checkpoint, name, &dataset));
    hid_t space = H5Dget_space(dataset);
    *count = (int64_t)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Dclose(dataset);
    return QTM_OK;
}

qtm_status qtm_checkpoint_get_text(const struct qtm_checkpoint *checkpoint, const char *name, char **text) {
    hid_t dataset;
    *text = NULL;
    QTM_TRY(checkpoint_dataset(checkpoint, name, &dataset));
    hid_t type = H5Dget_type(dataset);
    qtm_status status = QTM_OK;
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0) {
        status = qtm_error("%s: '%s' is not a text", checkpoint->path, name);
    } else {
        int64_t bytes = (int64_t)H5Tget_size(type);
        char *copy = qtm_alloc(bytes + 1);
        if (!copy)
            status = qtm_error_memory(bytes);
        else if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, copy) < 0)
            status = qtm_h5_read_error(checkpoint->path, name);
        if (status == QTM_OK)
            *text = copy;
        else
            qtm_free(copy);
    }
    H5Tclose(type);
    H5Dclose(dataset);
    return status;
}

/* Opening HDF5 files and saying what went wrong. */
#include "runtime/io/h5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/file.h"
#include "runtime/io/h5_driver.h"

static _Thread_local char h5_reason[512];

void qtm_h5_quiet(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static herr_t h5_innermost(unsigned number, const H5E_error2_t *error, void *text) {
    if (number == 0 && error->desc) snprintf(text, sizeof h5_reason, "%s", error->desc);
    return 0;
}

const char *qtm_h5_reason(void) {
    snprintf(h5_reason, sizeof h5_reason, "no reason given");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, h5_innermost, h5_reason);
    return h5_reason;
}

static hid_t h5_access(void) {
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access_list, H5F_CLOSE_STRONG);
    return access_list;
}

/* A file cut in its superblock is no HDF5 file to the library any more, but still none of another kind. */
qtm_status qtm_h5_recognise(const char *path, bool *hdf5) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char start[sizeof signature];
    FILE *stream = fopen(path, "re");
    if (!stream) return qtm_error("%s: cannot be read: %s", path, strerror(errno));
    *hdf5 = fread(start, 1, sizeof start, stream) == sizeof start && !memcmp(start, signature, sizeof start);
    fclose(stream);
    qtm_h5_quiet();
    if (!*hdf5) *hdf5 = H5Fis_hdf5(path) > 0; /* behind a user block */
    return QTM_OK;
}

qtm_status qtm_h5_open(const char *path, const char *kind, hid_t *file) {
    *file = -1;
    QTM_TRY(qtm_file_check(path, kind));
    qtm_h5_quiet();
    htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 == 0) return qtm_error("%s: not an HDF5 file, so not %s", path, kind);
    hid_t access_list = h5_access();
    *file = H5Fopen(path, H5F_ACC_RDONLY, access_list);
    const char *reason = *file < 0 ? qtm_h5_reason() : NULL;
    H5Pclose(access_list);
    if (reason)
        return qtm_error("%s: HDF5 cannot open it, it is truncated or damaged (%s); copy or make it again", path,
                         reason);
    return QTM_OK;
}

qtm_status qtm_h5_create(const char *temporary, const char *path, struct qtm_h5_output *output) {
    struct stat status;
    *output = (struct qtm_h5_output){.file = -1};
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return qtm_error("%s: cannot be written: is a folder; give the name of a file", path);
    qtm_h5_quiet();
    hid_t access_list = h5_access();
    if (qtm_h5_driver_set(access_list, &output->error) >= 0)
        output->file = H5Fcreate(temporary, H5F_ACC_TRUNC, H5P_DEFAULT, access_list);
    const char *reason = output->file >= 0 ? NULL : output->error ? strerror(output->error) : qtm_h5_reason();
    H5Pclose(access_list);
    if (reason) return qtm_error("%s: cannot be written: %s; is the folder there and writable?", path, reason);
    return QTM_OK;
}

qtm_status qtm_h5_finish(struct qtm_h5_output *output, const char *path) {
    if (output->file < 0) return QTM_OK;
    qtm_h5_quiet();
    herr_t closed = H5Fclose(output->file);
    output->file = -1;
    if (output->error)
        return qtm_error("%s: could not be written: %s; free some space, or choose another folder", path,
                         strerror(output->error));
    return closed < 0 ? qtm_h5_write_error(path) : QTM_OK;
}

qtm_status qtm_h5_put_text(hid_t object, const char *name, const char *text, const char *path) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE); /* h5py reads this kind as str */
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t written = attribute < 0 ? -1 : H5Awrite(attribute, type, &text);
    qtm_status result = written < 0 ? qtm_h5_write_error(path) : QTM_OK;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return result;
}

qtm_status qtm_h5_read_error(const char *path, const char *name) {
    return qtm_error(
        "%s: %s: reading failed (%s); the file is damaged, or uses a filter that this HDF5 lacks: copy or make "
        "it again, with gzip or no compression",
        path, name, qtm_h5_reason());
}

qtm_status qtm_h5_write_error(const char *path) {
    return qtm_error("%s: writing failed (%s)", path, qtm_h5_reason());
}

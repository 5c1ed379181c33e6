/* The driver: plain pread and pwrite. A failed write is remembered, later writes are dropped. */
#include "runtime/io/h5_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/memory.h"

struct driver_setting {
    int *error;
};

struct driver_file {
    H5FD_t base; /* HDF5's part, first */
    int fd;
    int *error;
    haddr_t allocated, written; /* HDF5's end of address space; the end of what was written */
};

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access_list, haddr_t limit) {
    const struct driver_setting *setting = H5Pget_driver_info(access_list);
    struct driver_file *file = setting ? qtm_alloc(sizeof *file) : NULL;
    if (!file) {
        if (setting) *setting->error = ENOMEM;
        return NULL;
    }
    file->error = setting->error;
    file->fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd >= 0) return &file->base;
    *file->error = errno;
    qtm_free(file);
    return NULL;
}

static herr_t driver_close(H5FD_t *base) {
    struct driver_file *file = (struct driver_file *)base;
    if (close(file->fd) != 0 && *file->error == 0) *file->error = errno;
    qtm_free(file);
    return 0;
}

static int driver_compare(const H5FD_t *a, const H5FD_t *b) {
    return (a > b) - (a < b);
}

/* As HDF5's own driver: small writes of metadata are gathered, and the file names no driver. */
static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
    if (flags)
        *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
                 H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t driver_get_allocated(const H5FD_t *base, H5FD_mem_t type) {
    return ((const struct driver_file *)base)->allocated;
}

static herr_t driver_set_allocated(H5FD_t *base, H5FD_mem_t type, haddr_t address) {
    ((struct driver_file *)base)->allocated = address;
    return 0;
}

static haddr_t driver_get_written(const H5FD_t *base, H5FD_mem_t type) {
    return ((const struct driver_file *)base)->written;
}

/* What was never written reads as zeros. */
static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer) {
    struct driver_file *file = (struct driver_file *)base;
    char *to = buffer;
    while (size > 0) {
        ssize_t part = pread(file->fd, to, size, (off_t)address);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0 && *file->error == 0) *file->error = errno;
        if (part <= 0) break;
        to += part, address += (haddr_t)part, size -= (size_t)part;
    }
    memset(to, 0, size);
    return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
    struct driver_file *file = (struct driver_file *)base;
    const char *from = buffer;
    if (address + size > file->written) file->written = address + size;
    while (size > 0 && *file->error == 0) {
        ssize_t part = pwrite(file->fd, from, size, (off_t)address);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) {
            *file->error = part < 0 ? errno : EIO;
            break;
        }
        from += part, address += (haddr_t)part, size -= (size_t)part;
    }
    return 0;
}

/* The file ends where its address space does: a reader calls a shorter one truncated. */
static herr_t driver_truncate(H5FD_t *base, hid_t transfer, hbool_t closing) {
    struct driver_file *file = (struct driver_file *)base;
    if (file->allocated == file->written) return 0;
    if (ftruncate(file->fd, (off_t)file->allocated) != 0 && *file->error == 0) *file->error = errno;
    file->written = file->allocated;
    return 0;
}

static const H5FD_class_t driver_class = {
    .name = "qtm_careful",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(struct driver_setting),
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .get_eoa = driver_get_allocated,
    .set_eoa = driver_set_allocated,
    .get_eof = driver_get_written,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

herr_t qtm_h5_driver_set(hid_t access_list, int *error) {
    static hid_t driver = -1;
    if (driver < 0) driver = H5FDregister(&driver_class);
    if (driver < 0) return -1;
    struct driver_setting setting = {error};
    return H5Pset_driver(access_list, driver, &setting);
}

/* A file driver for writing with HDF5 that survives a full disk. HDF5 1.10 crashes when its own driver reports a failed
 * write during a flush or a close; this one keeps the first error for the caller to ask and lets HDF5 go on. The file
 * is then worthless and must be removed. For runtime/io only. **Local** */
#ifndef QTM_IO_H5_DRIVER_H
#define QTM_IO_H5_DRIVER_H

#include <hdf5.h>

/* Makes `access_list` use the driver; the first errno of the file is stored at `error`, which must outlive the file.
 * Negative on failure. */
herr_t qtm_h5_driver_set(hid_t access_list, int *error);

#endif

/* What events.c and checkpoint.c share of HDF5: opening with errors a person can use, and the reason behind a failure
 * without the library's own printed stack. For runtime/io only. **Local** */
#ifndef QTM_IO_H5_H
#define QTM_IO_H5_H

#include <hdf5.h>
#include <stdbool.h>

#include "runtime/core/status.h"

/* Stops HDF5 from printing; to be called by every public function before its first call to HDF5. */
void qtm_h5_quiet(void);
/* The innermost description of HDF5's error stack, of the call that just failed. Static, per thread. */
const char *qtm_h5_reason(void);
/* Does the file begin as HDF5 does, damaged or not? */
qtm_status qtm_h5_recognise(const char *path, bool *hdf5);
/* Opens for reading; closing the file closes everything opened in it. `kind` is what it should be, "an event file". */
qtm_status qtm_h5_open(const char *path, const char *kind, hid_t *file);

/* A file being written. Its address must not change between create and finish. */
struct qtm_h5_output {
    hid_t file;
    int error; /* the first errno, 0 so far */
};
/* Creates TEMPORARY for writing, over an old file; `path` is for messages. */
qtm_status qtm_h5_create(const char *temporary, const char *path, struct qtm_h5_output *output);
/* Closes; any error of the system since create is reported here. Fine twice: the second call does nothing. */
qtm_status qtm_h5_finish(struct qtm_h5_output *output, const char *path);
/* The last call to HDF5 failed to write. */
qtm_status qtm_h5_write_error(const char *path);
/* A text attribute of `object`. */
qtm_status qtm_h5_put_text(hid_t object, const char *name, const char *text, const char *path);

/* The last call to HDF5 failed to read `name`: the reason and advice. */
qtm_status qtm_h5_read_error(const char *path, const char *name);

#endif

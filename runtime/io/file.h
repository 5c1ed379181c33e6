/* Files that appear whole or not at all: written to "PATH.tmp.PID" in the same folder, then renamed over PATH.
 * All functions are **Local**; messages name the file and the reason. */
#ifndef QTM_IO_FILE_H
#define QTM_IO_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "runtime/core/status.h"

struct qtm_file {
    FILE *stream; /* write here; errors may be ignored, commit finds them */
    char *path, *temporary;
};

/* Opens the temporary file for writing. On failure nothing is left behind. */
qtm_status qtm_file_begin(const char *path, struct qtm_file *file);
/* Flushes, checks every error (a full disk too), syncs and renames. In all cases the file is closed and released; on
 * failure the temporary is removed and an older PATH is untouched. */
qtm_status qtm_file_commit(struct qtm_file *file);
/* Drops what was written. Fine on a zeroed or already committed struct. */
void qtm_file_abort(struct qtm_file *file);

/* The parts, for writers that open files by name (HDF5). The name is to be given to qtm_free; NULL when out of memory.
 */
char *qtm_file_temporary(const char *path);
/* Syncs `temporary` and renames it to `path`; removes it on failure. */
qtm_status qtm_file_replace(const char *temporary, const char *path);

/* The whole file with a NUL behind it, to be given to qtm_free; `length` (may be NULL) is without the NUL. */
qtm_status qtm_file_read(const char *path, char **text, int64_t *length);

/* Can the file be read, and is there anything in it? `kind` is what it should be, "an event file". */
qtm_status qtm_file_check(const char *path, const char *kind);

/* mkdir -p. Fine if it is there; an error if something else has that name. */
qtm_status qtm_make_folders(const char *path);

#endif

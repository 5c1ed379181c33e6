/* A file of named arrays and texts (HDF5, checksummed), for checkpoints. It knows nothing of training. Names may
 * contain
 * "/" (groups). The writer's file appears whole at commit or not at all. All functions are **Local**. */
#ifndef QTM_IO_CHECKPOINT_H
#define QTM_IO_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/status.h"

enum qtm_type { QTM_F32, QTM_F64, QTM_I64, QTM_U64 };

struct qtm_checkpoint;

/* Opens PATH's temporary for writing. */
qtm_status qtm_checkpoint_create(const char *path, struct qtm_checkpoint **out);
/* Row-major; rank 0 is a scalar (shape may be NULL). A name can be put once. */
qtm_status qtm_checkpoint_put(struct qtm_checkpoint *checkpoint, const char *name, enum qtm_type type, int rank,
                              const int64_t *shape, const void *data);
qtm_status qtm_checkpoint_put_text(struct qtm_checkpoint *checkpoint, const char *name, const char *text);
/* Closes, syncs and renames; releases the checkpoint in all cases. */
qtm_status qtm_checkpoint_commit(struct qtm_checkpoint *checkpoint);

/* Opens an existing checkpoint; errors: not there, not HDF5, truncated, HDF5 but no checkpoint, a newer version. */
qtm_status qtm_checkpoint_open(const char *path, struct qtm_checkpoint **out);
bool qtm_checkpoint_has(const struct qtm_checkpoint *checkpoint, const char *name);
/* Reads an array of exactly this type and shape into `data`. An error says what the file has instead. */
qtm_status qtm_checkpoint_get(const struct qtm_checkpoint *checkpoint, const char *name, enum qtm_type type, int rank,
                              const int64_t *shape, void *data);
/* Number of elements of an array, to allocate before a get of rank 1. */
qtm_status qtm_checkpoint_count(const struct qtm_checkpoint *checkpoint, const char *name, int64_t *count);
/* A text, to be given to qtm_free. */
qtm_status qtm_checkpoint_get_text(const struct qtm_checkpoint *checkpoint, const char *name, char **text);

/* Closes a reader; drops a writer that was not committed, and its temporary. NULL is fine. */
void qtm_checkpoint_close(struct qtm_checkpoint *checkpoint);

#endif

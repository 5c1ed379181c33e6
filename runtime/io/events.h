/* Event files: HDF5, either a group /events with one 1-D dataset a field, or a compound 1-D dataset /events with one
 * member a field. Reading takes any float or integer type, byte order, chunking and compression; other datasets and
 * members are ignored. Writing makes the first form in f4. */
#ifndef QTM_IO_EVENTS_H
#define QTM_IO_EVENTS_H

#include <stdint.h>

#include "qtm/model.h"
#include "runtime/core/status.h"

struct qtm_events {
    int64_t local, total, first; /* this rank holds events [first, first + local) of `total` */
    int fields;
    float **f32;  /* [fields][local], each 64-byte aligned */
    double **f64; /* the same, or NULL until qtm_events_make_f64 */
};

/* Reads the share [rank * N / ranks, (rank + 1) * N / ranks) of each field of `event`, in the event's order. Every
 * value is finite and inside the field's [low, high]; a value outside by less than 1e-6 of the bound's size (rounding
 * of the writer) is moved to the nearest float inside. Errors name file and dataset: not there, a folder, not HDF5,
 * truncated or corrupt, no /events, a missing field (with what there is and the nearest name), wrong rank or type,
 * fields of different length, no events, fewer events than ranks, NaN or infinite values, values outside the domain. On
 * failure `events` is zeroed. Release with qtm_events_free. **Local** (every rank opens the file itself; agree on
 * failure afterwards with qtm_comm_agree). */
qtm_status qtm_events_read(const char *path, const struct qtm_event *event, int rank, int ranks,
                           struct qtm_events *events);
/* Makes the f64 copies if they are not there yet. **Local** */
qtm_status qtm_events_make_f64(struct qtm_events *events);
void qtm_events_free(struct qtm_events *events); /* fine on a zeroed struct */

/* Fills columns[field][0 .. count - 1] with events number first .. first + count - 1. Called with first increasing. */
typedef qtm_status (*qtm_events_source)(void *context, int64_t first, int64_t count, float *const *columns);

struct qtm_attribute { /* of the group /events; text if not NULL, else number */
    const char *name, *text;
    double number;
};

/* Writes `total` events in batches of at most `batch` asked from `source`; the file appears whole (temporary + rename)
 * or not at all. **Local**: one rank writes. */
qtm_status qtm_events_write(const char *path, const struct qtm_event *event, int64_t total, int64_t batch,
                            qtm_events_source source, void *context, const struct qtm_attribute *attributes,
                            int attribute_count);

#endif

/* Files of events, told apart by their content:
 *   HDF5   a group /events with one dataset a field, or a compound dataset /events with one member a field. Any float
 * or integer type, byte order, chunking and compression; other datasets and members are not looked at. An array field
 * is a dataset [events, length] or a member with that many elements. text   a table, one event a line
 * (runtime/io/table.c). Writing makes the first form in f4. Numbers in files are those in memory over the field's
 * scale. */
#ifndef QTM_IO_EVENTS_H
#define QTM_IO_EVENTS_H

#include <stdint.h>

#include "qtm/model.h"
#include "runtime/core/status.h"

struct qtm_events {
    int64_t local, total, first; /* this rank holds events [first, first + local) of the `total` kept */
    int64_t read;                /* events in the file */
    int fields;
    const struct qtm_field *field; /* [fields] */
    float **f32;  /* [fields] columns [local, length], 64-byte aligned; NULL where not asked for: qtm_events_column */
    double **f64; /* the same in f64 */
};

/* Which events to keep, before they are shared over ranks. */
struct qtm_events_filter {
    const bool *reads; /* [fields] which columns `run` looks at */
    /* kept[i] = 1 or 0 for each of `count` events; columns[field] is [count, length] and 64-byte aligned. Called for
     * one run of events after another. */
    qtm_status (*run)(void *context, int64_t count, double *const *columns, unsigned char *kept);
    void *context;
};

struct qtm_events_request {
    const char *path;
    const struct qtm_event *event;
    const struct qtm_data *data;            /* columns and names to ignore, or NULL: all by name */
    const struct qtm_events_filter *filter; /* NULL: keep all */
    int rank, ranks;                        /* ranks >= 1 */
    const bool *wide;                       /* [fields] columns to hold in f64, or NULL: all in f32 */
};

/* Reads the share [rank * N / ranks, (rank + 1) * N / ranks) of the N events kept. Every value kept is finite and
 * inside its field's [low, high]; one outside by less than 1e-6 of the bound's size (rounding of the writer) is moved
 * to the nearest number inside. Errors name file and dataset, or line and column: not there, a folder, compressed,
 * truncated or corrupt, no /events, a missing field (with what there is and the nearest name), wrong rank or type,
 * fields of different length, no events, none kept, fewer events than ranks, NaN or infinite values, values outside the
 * domain. On failure `events` is zeroed. Release with qtm_events_free. **Local** (every rank opens the file itself;
 * agree on failure afterwards with qtm_comm_agree). */
qtm_status qtm_events_read(const struct qtm_events_request *request, struct qtm_events *events);

/* Room for `count` events without columns, which the caller sets. */
qtm_status qtm_events_create(const struct qtm_event *event, int64_t count, struct qtm_events *events);
/* A column as float or double, made from the other if it is not there. Copies of the struct see it too. **Local** */
qtm_status qtm_events_column(const struct qtm_events *events, int field, bool f64, const void **column);
/* The first `count` events `copies` times over, in f64. **Local** */
qtm_status qtm_events_repeat(const struct qtm_events *events, int64_t count, int copies, struct qtm_events *repeated);
/* Events number rows[0 .. count - 1], in the widths that there are. **Local** */
qtm_status qtm_events_pick(const struct qtm_events *events, int64_t count, const int64_t *rows,
                           struct qtm_events *picked);
void qtm_events_free(struct qtm_events *events); /* fine on a zeroed struct */

/* Fills columns[field][0 .. count * length - 1] with events number first .. first + count - 1. Called with first
 * increasing. */
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

/* What both readers of event files share: the check of every value, its storage as float or double, the share of a
 * rank. For runtime/io only. **Local** */
#ifndef QTM_IO_EVENTS_CHECK_H
#define QTM_IO_EVENTS_CHECK_H

#include "runtime/io/events.h"

/* What is wrong with values: how many events, the first one and its value. */
struct qtm_events_fault {
    int64_t count, first;
    double value;
};
struct qtm_events_check {
    struct qtm_events_fault not_finite, outside;
};

/* A run of events of one column, already scaled. */
struct qtm_events_run {
    const struct qtm_field *field;
    int64_t first, count; /* number of the first event, for faults; events */
    const double *from;
    const unsigned char *kept; /* [count], or NULL: all */
    bool wide;                 /* store double, else float */
};

/* Stores the kept events of a run in `to`, moved into the domain where they are outside by rounding only. Returns how
 * many. */
int64_t qtm_events_store(const struct qtm_events_run *run, void *to, struct qtm_events_check *check);
/* The values at fault in words, or "" if none: `label` is the column, `place` what first stands for: "event", "line".
 */
qtm_status qtm_events_report(const struct qtm_events_request *request, const struct qtm_field *field, double scale,
                             const char *label, const char *place, const struct qtm_events_check *check);

/* Number in memory = number in the file * this. */
double qtm_events_scale(const struct qtm_events_request *request, int field);
static inline bool qtm_events_wide(const struct qtm_events_request *request, int field) {
    return request->wide && request->wide[field];
}
/* From read and total: first and local, or why this rank has none. */
qtm_status qtm_events_share(const struct qtm_events_request *request, struct qtm_events *events);
/* Room for the local events of a column. */
qtm_status qtm_events_column_alloc(const struct qtm_events_request *request, int field, struct qtm_events *events);
/* The column that was allocated. */
static inline char *qtm_events_column_at(const struct qtm_events *events, int field, bool wide, int64_t event) {
    int64_t at = event * events->field[field].length;
    return wide ? (char *)(events->f64[field] + at) : (char *)(events->f32[field] + at);
}

/* The two readers; `events` has its column tables. */
qtm_status qtm_events_read_h5(const struct qtm_events_request *request, struct qtm_events *events);
qtm_status qtm_events_read_table(const struct qtm_events_request *request, struct qtm_events *events);

#endif

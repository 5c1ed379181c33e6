/* The second share of a split data set is a copy, so that its columns are aligned like those of any other; a data set
 * that is not split is seen whole by objectives and monitors. */
#include "runtime/train/split.h"

#include <math.h>

#include "runtime/core/memory.h"

static qtm_status held_copy(const struct qtm_events *from, int64_t first, struct qtm_events *to) {
    int64_t count = from->local - first, *rows = qtm_alloc_array(count, sizeof *rows);
    if (!rows) return qtm_error_memory(count * (int64_t)sizeof *rows);
    for (int64_t i = 0; i < count; i++) rows[i] = first + i;
    qtm_status status = qtm_events_pick(from, count, rows, to);
    qtm_free(rows);
    return status;
}

qtm_status qtm_split_open(struct qtm_session *session) {
    const struct qtm_model *model = session->model;
    int64_t count = model->data_count;
    session->monitored = qtm_alloc_array(count, sizeof *session->monitored);
    session->monitored_extent = qtm_alloc_array(count, sizeof *session->monitored_extent);
    if (!session->monitored || !session->monitored_extent)
        return qtm_error_memory(count * (int64_t)sizeof *session->monitored);
    for (int64_t d = 0; d < count; d++) {
        struct qtm_events *events = &session->events[d];
        double split = model->data[d].split;
        if (split > 0 && session->owns_events && events->fields) {
            int64_t first = (int64_t)floor(split * (double)events->local);
            if (first < 1 || first == events->local)
                return qtm_error("data set '%s': %lld events on a rank cannot be split %g to %g; each share needs one",
                                 model->data[d].name, (long long)events->local, split, 1 - split);
            QTM_TRY(held_copy(events, first, &session->monitored[d]));
            events->local = session->extent[d] = first;
        } else {
            session->monitored[d] = *events;
        }
        session->monitored_extent[d] = session->monitored[d].local;
    }
    return QTM_OK;
}

void qtm_split_close(struct qtm_session *session) {
    for (int d = 0; session->monitored && session->events && d < session->model->data_count; d++)
        if (session->monitored[d].f32 != session->events[d].f32) qtm_events_free(&session->monitored[d]);
    qtm_free(session->monitored);
    qtm_free(session->monitored_extent);
}

/* The second share of a split data set is a copy, so that its columns are aligned like those of any other; a data set
 * that is not split is seen whole by objectives and monitors. */
#include "runtime/train/split.h"

#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"

static qtm_status held_copy(const struct qtm_events *from, int64_t first, struct qtm_events *to) {
    *to = (struct qtm_events){.local = from->local - first, .total = from->total, .first = from->first + first};
    to->f32 = qtm_alloc_array(from->fields, sizeof *to->f32);
    if (!to->f32) return qtm_error_memory(from->fields * (int64_t)sizeof *to->f32);
    to->fields = from->fields;
    for (int f = 0; f < from->fields; f++) {
        to->f32[f] = qtm_alloc_array(to->local, sizeof(float));
        if (!to->f32[f]) return qtm_error_memory(to->local * (int64_t)sizeof(float));
        memcpy(to->f32[f], from->f32[f] + first, (size_t)to->local * sizeof(float));
    }
    return QTM_OK;
}

qtm_status qtm_split_open(struct qtm_session *session) {
    const struct qtm_model *model = session->model;
    int64_t count = model->data_count;
    session->held = qtm_alloc_array(count, sizeof *session->held);
    session->held_extent = qtm_alloc_array(count, sizeof *session->held_extent);
    if (!session->held || !session->held_extent) return qtm_error_memory(count * (int64_t)sizeof *session->held);
    for (int64_t d = 0; d < count; d++) {
        struct qtm_events *events = &session->events[d];
        double split = model->data[d].split;
        if (split > 0 && session->owns_events && events->f32) {
            int64_t first = (int64_t)floor(split * (double)events->local);
            if (first < 1 || first == events->local)
                return qtm_error("data set '%s': %lld events on a rank cannot be split %g to %g; each share needs one",
                                 model->data[d].name, (long long)events->local, split, 1 - split);
            QTM_TRY(held_copy(events, first, &session->held[d]));
            events->local = session->extent[d] = first;
        } else {
            session->held[d] = *events;
        }
        session->held_extent[d] = session->held[d].local;
    }
    return QTM_OK;
}

void qtm_split_close(struct qtm_session *session) {
    for (int d = 0; session->held && session->events && d < session->model->data_count; d++)
        if (session->held[d].f32 != session->events[d].f32) qtm_events_free(&session->held[d]);
    qtm_free(session->held);
    qtm_free(session->held_extent);
}

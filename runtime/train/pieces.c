#include "runtime/train/pieces.h"

#include <string.h>

#include "runtime/core/memory.h"

enum { PIECE = 1 << 18 }; /* events: 2 MiB a column */

/* The only data set that the function reads, or -1. */
static int only_data(const struct qtm_fn *fn) {
    int data = -1;
    for (int i = 0; i < fn->in_count; i++) {
        if (fn->in[i].role != QTM_COLUMN) continue;
        if (data >= 0 && data != fn->in[i].index) return -1;
        data = fn->in[i].index;
    }
    return data;
}

static bool any_wide(const struct qtm_fn *fn, const struct qtm_events *events) {
    for (int i = 0; i < fn->in_count; i++)
        if (fn->in[i].role == QTM_COLUMN && events->f64[fn->in[i].field]) return true;
    return false;
}

static qtm_status buffers_make(struct qtm_pieces *pieces, const struct qtm_fn *fn) {
    struct qtm_session *session = pieces->session;
    int sets = session->model->data_count, d = pieces->data;
    const struct qtm_event *event = &session->model->events[session->model->data[d].event];
    pieces->events = qtm_alloc_array(sets, sizeof *pieces->events);
    pieces->extent = qtm_alloc_array(sets, sizeof *pieces->extent);
    if (!pieces->events || !pieces->extent) return qtm_error_memory(sets * (int64_t)sizeof *pieces->events);
    for (int i = 0; i < sets; i++) pieces->extent[i] = session->extent[i];
    QTM_TRY(qtm_events_create(event, PIECE, &pieces->events[d]));
    pieces->extent[d] = PIECE;
    for (int i = 0; i < fn->in_count; i++) {
        int field = fn->in[i].field;
        if (fn->in[i].role != QTM_COLUMN || pieces->events[d].f64[field]) continue;
        int64_t bytes = PIECE * event->fields[field].length * (int64_t)sizeof(double);
        pieces->events[d].f64[field] = qtm_alloc(bytes);
        if (!pieces->events[d].f64[field]) return qtm_error_memory(bytes);
    }
    return QTM_OK;
}

qtm_status qtm_pieces_open(struct qtm_pieces *pieces, struct qtm_session *session, const struct qtm_fn *fn,
                           enum qtm_additivity additivity, struct qtm_binding *binding) {
    int data = only_data(fn);
    *pieces = (struct qtm_pieces){.session = session, .data = -1, .count = 1, .mean = additivity == QTM_OF_MEAN};
    if (data < 0 || !fn->f64 || additivity == QTM_OF_NEITHER || session->extent[data] <= PIECE) return QTM_OK;
    if (!fn->start && any_wide(fn, &session->events[data])) return QTM_OK; /* nothing would be made of all events */
    pieces->data = data;
    pieces->count = (session->extent[data] + PIECE - 1) / PIECE;
    QTM_TRY(buffers_make(pieces, fn));
    binding->events = pieces->events;
    binding->extent = pieces->extent;
    return QTM_OK;
}

void qtm_pieces_close(struct qtm_pieces *pieces) {
    if (pieces->events) qtm_events_free(&pieces->events[pieces->data]);
    qtm_free(pieces->events);
    qtm_free(pieces->extent);
}

double qtm_pieces_load(struct qtm_pieces *pieces, int64_t number) {
    if (pieces->data < 0) return 1;
    const struct qtm_events *from = &pieces->session->events[pieces->data];
    const struct qtm_events *to = &pieces->events[pieces->data];
    int64_t all = pieces->session->extent[pieces->data], first = number * PIECE;
    int64_t count = all - first < PIECE ? all - first : PIECE;
    pieces->extent[pieces->data] = count;
    for (int f = 0; f < to->fields; f++) {
        int64_t length = to->field[f].length;
        if (to->f64[f] && from->f64[f])
            memcpy(to->f64[f], from->f64[f] + first * length, (size_t)(count * length) * sizeof(double));
        else
            for (int64_t i = 0; to->f64[f] && i < count * length; i++) to->f64[f][i] = from->f32[f][first * length + i];
    }
    return pieces->mean ? (double)count / (double)all : 1;
}

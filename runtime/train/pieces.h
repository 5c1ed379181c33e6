/* Data a piece at a time, for a function in f64 where the data are held in f32: what it sums or averages over all
 * events is put together from the pieces, and no second copy of the data is made. The pieces are the same for any
 * number of threads. */
#ifndef QTM_PIECES_H
#define QTM_PIECES_H

#include "runtime/train/session.h"

struct qtm_pieces {
    struct qtm_session *session;
    int data;                  /* the set that is cut, or -1: one piece, as it is */
    bool mean;                 /* of the events: a piece counts by its share */
    int64_t count;             /* of pieces */
    struct qtm_events *events; /* [data_count] for the binding */
    int64_t *extent;           /* [data_count] */
};

/* Cuts the data if that saves memory and is exact: `fn` reads one data set only, which is larger than a piece, and adds
 * over its events as said. Sets events and extent of the binding, before anything is bound to
 * it. */
qtm_status qtm_pieces_open(struct qtm_pieces *pieces, struct qtm_session *session, const struct qtm_fn *fn,
                           enum qtm_additivity additivity, struct qtm_binding *binding);
void qtm_pieces_close(struct qtm_pieces *pieces);
/* Puts piece `number` where the function reads it. Returns what its result counts in the whole. */
double qtm_pieces_load(struct qtm_pieces *pieces, int64_t number);

#endif

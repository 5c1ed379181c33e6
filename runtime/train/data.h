/* The data sets of a model: where their files are, the events that `where` keeps, what was read. */
#ifndef QTM_TRAIN_DATA_H
#define QTM_TRAIN_DATA_H

#include "qtm/model.h"
#include "runtime/io/events.h"

struct qtm_data_source {
    const struct qtm_model *model;
    int data;
    const char *path;      /* NULL: the declared one */
    const double *options; /* [option_count], for `where` */
    int rank, ranks;
    const bool *wide; /* [fields] columns that some function reads in f64 */
};

enum { QTM_DATA_PATH = 4096 };
/* Where the file of a data set is: seen from the current folder, else from the one that QTM_DATA names. `path` NULL:
 * the declared one. The result is it as given where it is in neither, or does not fit. **Local** */
const char *qtm_data_find(const struct qtm_data *data, const char *path, char found[QTM_DATA_PATH]);

/* Reads the share of a rank of the events that pass `where`. **Local** */
qtm_status qtm_data_load(const struct qtm_data_source *source, struct qtm_events *events);
/* Drops events that do not pass `where` from columns that are in f32 only. **Local** */
qtm_status qtm_data_cut(const struct qtm_data_source *source, struct qtm_events *events);

/* One line: the name, how many events were read, how many kept. */
void qtm_data_print(const struct qtm_data *data, const char *path, const struct qtm_events *events);

#endif

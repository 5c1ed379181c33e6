/* Which parameters of a run are free, which are held at a value, and where the free ones start: what the model
 * declares, changed by --free, --fix and --start, and kept in checkpoints. And the same as the inputs of kernels. */
#ifndef QTM_CHOICE_H
#define QTM_CHOICE_H

#include "qtm/model.h"
#include "runtime/core/status.h"

/* Rows of the model's table of parameters; of links nothing is chosen. Values in the declared units. */
struct qtm_choice {
    int64_t *held; /* [param_count] 1: held at `value` */
    double *value, *start;
};

/* The flags are lists as they stand on the command line, or NULL. A name means a parameter, or all members of a family
 * or elements of an array. Errors: unknown names, with the nearest; values outside of a domain; what can be neither
 * held nor freed. **Local** */
qtm_status qtm_choice_make(const struct qtm_model *model, const char *free, const char *fix, const char *start,
                           struct qtm_choice *choice);
void qtm_choice_destroy(struct qtm_choice *choice);

/* Prints "(0, 3) GeV". */
void qtm_choice_domain_text(const struct qtm_param *param, char *text, size_t size);

/* Inputs of kernels: arrays of every block of raw parameters. */
enum { QTM_HELD_MASK, QTM_HELD_VALUE, QTM_HELD_START, QTM_HELD_FIELDS };
struct qtm_held {
    int count; /* of arrays: blocks * QTM_HELD_FIELDS */
    float **f32;
    double **f64;
};
qtm_status qtm_held_create(const struct qtm_model *model, const struct qtm_choice *choice, struct qtm_held *held);
void qtm_held_destroy(struct qtm_held *held);

#endif

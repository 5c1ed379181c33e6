/* Fisher information of densities: for p = f / integral(f) and parameters theta in their declared units, for one event
 *   F_ij = integral p (d log p / d theta_i) (d log p / d theta_j)
 *        = <s_i s_j> - <s_i> <s_j>,   s = d log f / d theta,   < > the mean over p. */
#ifndef QTM_FISHER_H
#define QTM_FISHER_H

#include "qtm/model.h"
#include "runtime/core/call.h"

/* The functions of a model at given values of its parameters. */
struct qtm_given {
    const struct qtm_model *model;
    const int *rows; /* [count] of the table of parameters: those that derivatives are taken by (not owned) */
    int count;
    struct qtm_pool *pool;
    struct qtm_workspace space;
    struct qtm_held held;
    double **directions; /* [param_block_count] as inputs; ... */
    int64_t along;       /* ... so many at a time */
    double **points;     /* [variables] as inputs */
    int point_count;
    float *options_f32;
    double *options_f64;
};

/* `value`: [param_count], in declared units; of links unused. **Local** */
qtm_status qtm_given_open(const struct qtm_model *model, const double *value, const double *options, int threads,
                          struct qtm_given *given);
void qtm_given_close(struct qtm_given *given);

struct qtm_fisher {
    double *matrix; /* [count, count] for one event */
    double *moment; /* [count] <s_i s_i>: F_ii far below it is round-off */
    int64_t nodes;  /* of the quadrature */
    bool panels;    /* it is of even panels, as the density has edges */
    double change;  /* of F from half as many nodes a variable, relative to sqrt(F_ii F_jj); NaN: not known */
};
/* By given->rows, of a density that has a function. The quadrature is double exponential in every variable (in its
 * logarithm where it is laid on log), or of even panels where that does not settle, with twice as many nodes until F
 * changes by less than 1e-4 or the next would take too long. **Local** */
qtm_status qtm_fisher_density(struct qtm_given *given, const struct qtm_density *density, struct qtm_fisher *fisher);
void qtm_fisher_free(struct qtm_fisher *fisher);

/* Curves and their derivatives: value [band_count, band_points], slope [band_count, band_points, count]. **Local** */
qtm_status qtm_fisher_bands(struct qtm_given *given, double *value, double *slope);

#endif

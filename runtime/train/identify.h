/* What the events of a model can tell of its parameters, before any fit: the Fisher information of the densities that
 * its fits draw from or take pdf() of, its spectrum, the directions that it says nothing of, and Cramer-Rao bounds. */
#ifndef QTM_IDENTIFY_H
#define QTM_IDENTIFY_H

#include "runtime/core/options.h"
#include "runtime/train/fisher.h"

/* Coordinates are the parameters, but for the last share of a line of shares, which is 1 minus the others. */
struct qtm_identified {
    const struct qtm_model *model;
    const char *fits;          /* names of the fits that use these densities and move these parameters */
    const struct qtm_fit *fit; /* the first of them */
    int64_t events;
    int count;        /* parameters */
    int *rows;        /* [count] of the table of parameters */
    double *value;    /* [param_count] where F is taken */
    double *matrix;   /* [count, count] F of all events */
    double *moment;   /* [count] see fisher.h */
    int64_t nodes;    /* of the largest quadrature */
    double change;    /* the largest, see fisher.h */
    bool panels;      /* of any density, see fisher.h */
    int *last;        /* [count] of a share: the place of the last share of its line, else -1; of that itself: -2 */
    double *spectrum; /* [coordinates] eigenvalues of F, ascending */
    double *scaled;   /* [coordinates] the same of F_ij / sqrt(F_ii F_jj); 0 where F_ii is 0 */
    int coordinates;
    int flat;                  /* directions of which F says nothing; they come first in the spectra */
    double *directions;        /* [flat, count] of length 1 */
    bool *held;                /* [count] one a direction: with these known, all others are determined */
    bool *free;                /* [count] moves along such a direction: not determined */
    double *covariance;        /* [count, count] inverse of F with the held ones known; 0 for those */
    double *alone;             /* [count] bound with all others known */
    double *band_value, *band; /* [band_count, band_points] value, and standard deviation with the held ones known */
    bool *band_free;           /* [band_count] changes along a direction of which F says nothing */
};

/* Fills all from `spectrum` on from what stands above it. slope: of the bands, [band_count, band_points, count].
 * **Local** */
qtm_status qtm_identify_solve(struct qtm_identified *to, const double *slope);

/* Prints the tables; writes a member of the open array of a JSON document. */
void qtm_identify_print(const struct qtm_identified *of);
struct qtm_json_writer;
void qtm_identify_write(struct qtm_json_writer *json, const struct qtm_identified *of);
/* "0.894 N_u + 0.447 N_d" */
void qtm_identify_direction_text(const struct qtm_identified *of, int direction, char *text, size_t size);

/* **Collective**: runs on rank 0. */
qtm_status qtm_identify_command(const struct qtm_model *model, const struct qtm_arguments *arguments);

#endif

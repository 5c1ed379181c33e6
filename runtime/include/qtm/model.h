/* The description of a compiled model: constant data written by qtmc beside the kernels (as C, so that a person can
 * read it) and read by the runtime, which needs nothing else to run draw, fit, resume, report and check-gradients. */
#ifndef QTM_MODEL_H
#define QTM_MODEL_H

#include <stdbool.h>

#include "qtm/domain.h"
#include "qtm/kernel.h"

#define QTM_MODEL_VERSION 6

enum qtm_role {
    QTM_BLOCK,
    QTM_COLUMN,
    QTM_OPTION,
    QTM_LOSS,
    QTM_GRADIENT,
    QTM_VALUE,
    QTM_HELD,
    QTM_GUARD,
    QTM_POINT,
    QTM_DIRECTION,
    QTM_STAGED
};

struct qtm_port {
    const char *name;
    enum qtm_role role;
    /* BLOCK, GRADIENT: block of the fit; COLUMN: data set and field; OPTION; VALUE: number; HELD: block of raw
     * parameters and field 0: 1 where a parameter is held, 1: the value it is held at, 2: raw value of its start;
     * GUARD: see qtm_guard; POINT: variable of a density; DIRECTION: block, along which a derivative is taken in the
     * place of HELD 1 (field 1); STAGED: an output of qtm_fn.start (field 0) or .shared (field 1): the one with this
     * index */
    int index, field;
    int rank;
    const int64_t *shape; /* row-major; -1 - d stands for the local number of events of data set d */
};

struct qtm_fn {
    const char *name; /* NULL: absent */
    qtm_entry run;
    qtm_work work_bytes;
    int64_t scratch_bytes;
    bool f64; /* type of every real input and output: double if set, else float */
    int in_count, out_count;
    const struct qtm_port *in, *out;
    const struct qtm_fn *start;  /* NULL, or makes what is the same at every call, of the same data and options */
    const struct qtm_fn *shared; /* NULL, or makes what another update of the step reads as well: the same function */
};

enum qtm_param_kind { QTM_FREE, QTM_FIXED, QTM_LINK };
/* One number: a parameter, or an element of an array of parameters. All numbers here, and those that fits give,
 * are in its unit. */
struct qtm_param {
    const char *name; /* "a", "a.u", "theta[0,3]" */
    enum qtm_domain domain;
    double low, high;
    bool has_start, has_truth; /* declared */
    double start, truth;       /* start: declared or chosen by the compiler; of what is FIXED its value */
    enum qtm_param_kind kind;  /* as declared */
    bool bounded;              /* has a domain, so that it can be free */
    const char *unit;          /* NULL: a pure number */
    const char *link;          /* LINK: its expression */
    int output;                /* of qtm_fit.params, and the place in it */
    int64_t element;
    int block; /* of raw values, and the place in it; not of a LINK */
    int64_t place;
    int64_t line; /* so many, ending at a multiple of it in the block, are transformed together */
};
/* Raw values of parameters. In a fit that moves them itself they are the block of the group PARAMS of this name. */
struct qtm_param_block {
    const char *name;
    int64_t count;
};
struct qtm_option {
    const char *name, *help;
    double value;
    bool integer;
};

struct qtm_field {
    const char *name;
    double low, high; /* closed; of the numbers in memory */
    int64_t length;   /* numbers an event: 1, or n for an array; its column is [events, n], row-major */
    double scale;     /* number in memory = number in a file * scale: 0.01 for percent, 1e-3 for MeV */
};
struct qtm_event {
    const char *name;
    int field_count;
    const struct qtm_field *fields;
    struct qtm_fn draw; /* f32; outputs VALUE i = field i, [draw_batch] or [draw_batch, length]; of weighted events also
                           VALUE field_count: 1 for those to be written, 0 for the others, 2 where the weight is no
                           probability. Absent unless every param has a truth and a draw of this event stands in some
                           fit. Seed and step choose the batch */
    int64_t draw_batch;
};
/* One field in the order of the columns of a table; an array stands for `length` columns in a row. */
struct qtm_column {
    int field;
    double scale; /* takes the place of the field's */
};
struct qtm_data {
    const char *name, *path;
    int event;
    int column_count; /* 0: fields are found by the names of the file's columns */
    const struct qtm_column *columns;
    int ignore_count; /* columns of the file to drop, by their names there */
    const char *const *ignore;
    struct qtm_fn where; /* f64; inputs COLUMN of this data set, OPTION; output VALUE 0 = 1 for an event to keep, 0 for
                            one to drop before anything else sees it, [events]. May be absent */
    double split; /* share of the events that objectives see, from the first on; the rest is for monitors. 0: none */
    struct qtm_fn draw; /* as that of an event: closure data. Absent where no truth is declared: that of the event */
    int64_t draw_batch;
};

enum qtm_group_kind { QTM_GROUP_PARAMS, QTM_GROUP_GENERATOR, QTM_GROUP_NETWORK };
struct qtm_block {
    const char *name;
    int group;
    int64_t count;
    int rank;
    const int64_t *shape;
};
/* A group of blocks updated together. */
struct qtm_weights {
    const char *name;
    enum qtm_group_kind kind;
    const char *frozen; /* NULL, or the checkpoint of another run whose weights of this name are used, not trained */
};

/* Elements first .. first + count - 1 of a block. */
struct qtm_range {
    int block;
    int64_t first, count;
};

/* A derivative clause of the model that an objective uses: "f by x", and where it is written. */
struct qtm_clause {
    const char *name, *place;
};

enum qtm_optimiser { QTM_ADAM, QTM_SGD, QTM_LBFGS };
enum qtm_exchange { QTM_LOCAL, QTM_RING };
struct qtm_update {
    const char *objective; /* its source text */
    int group_count;
    const int *groups;
    enum qtm_optimiser optimiser;
    /* RING: gradients are averaged over ranks, weighted by the rank's share where full_data */
    enum qtm_exchange exchange;
    bool full_data; /* the objective uses all local events of data set `data`, no sample */
    int data;
    int every; /* >= 1 */
    struct qtm_fn
        gradient; /* f64 for LBFGS, f32 for the others; outputs LOSS, then GRADIENT of each block of its groups */
    struct qtm_fn check; /* the same in f64 */
    /* f64; VALUE 0.. : ADAM rate, beta1, beta2, epsilon; SGD rate, momentum; LBFGS memory, tolerance. May use the step
     */
    struct qtm_fn settings;
    int64_t ring_groups, ring_outer; /* RING: averages inside of consecutive groups of so many ranks, and over all ranks
                                        at steps K, 2 K, ... (counted from 1); 0, 0: over all ranks in every step */
    /* Which raw parameters move, where the update is not over all: the gradient by the others is 0. 0: all. And their
     * names, "a+theta"; NULL: those of the groups */
    int move_count;
    const struct qtm_range *moves;
    const char *label;
    int clause_count;
    const struct qtm_clause *clauses;
    /* f64; VALUE 4i .. 4i + 3: of clause i at the worst of all points, how far slope and difference are apart
     * (relative; below 0 where no difference is finite), the argument, the slope, the difference; absent without
     * clauses */
    struct qtm_fn clause_check;
};

struct qtm_monitor {
    const char *name;
    int64_t count;
    const char *const *labels; /* NULL, or one a number (params) */
};
struct qtm_curve {
    const char *name;
    bool density;
    double low, high;
    int event_field;
    bool on_log; /* points even in log x */
};
/* LEFT OP RIGHT must hold when a fit starts. */
struct qtm_check {
    const char *text, *op; /* <, <=, >, >= or == */
    double tolerance;
    bool relative; /* the tolerance is of the right side, where that is above 1 */
};
/* What `identify` works on. */
struct qtm_variable {
    const char *name, *unit; /* unit: as declared; NULL: a pure number */
    double low, high;        /* in its unit */
    bool on_log;
};
struct qtm_density {
    const char *name;
    int variable_count;
    const struct qtm_variable *variables;
    struct qtm_fn value; /* f64; inputs POINT, HELD 1, DIRECTION 1, OPTION; VALUE 0 = the density, not normalised, per d
                            of its variables, [points]; VALUE 1 = its derivative by the values of the parameters along
                            the directions, [points, directions]. Absent where it depends on a network or on data */
};
/* Numbers of an event that follow a density: all fields (-1) or one of a data set, or (data -1) of drawn events. */
struct qtm_use {
    int density, data, event, field;
    const char *detector; /* NULL, or what the drawn events go through */
};
struct qtm_fit {
    const char *name;
    bool generated;  /* parameters come from a generator network */
    int64_t vectors; /* parameter vectors a step; 1 when not generated */
    int64_t events;  /* events drawn a step in all: vectors * events each; 0 without a draw */
    int64_t steps;   /* from `stop after`; default of --steps */
    int group_count, block_count, update_count, monitor_count, curve_count;
    const struct qtm_weights *groups;
    const struct qtm_block *blocks;
    const struct qtm_update *updates;
    const struct qtm_monitor *monitors;
    const struct qtm_curve *curves;
    struct qtm_fn init; /* f32; VALUE b = start of block b, but for raw parameters; may be absent */
    /* f64; VALUE = `output` of the params table, [vectors, elements ...], without vectors where that is 1 */
    struct qtm_fn params;
    struct qtm_fn monitor; /* f64; VALUE m = monitor m, [] or [count]: averaged over vectors; may be absent */
    struct qtm_fn curve;   /* f64; VALUE 2c = curve c on its grid, [vectors, curve_points] or [curve_points];
                              VALUE 2c+1 = the same at the truth [curve_points] (absent if there is no truth).
                              Densities are normalised to 1 over their domain. Grid: curve_points equally spaced (or in
                              log x)   points from low to high, both included */
    int64_t curve_points;
    int use_count;
    const struct qtm_use *uses; /* the densities that its objectives draw from or take pdf() of */
    int check_count;
    const struct qtm_check *checks;
    struct qtm_fn check; /* f64; VALUE 2i, 2i+1: the sides of check i, [vectors] or []; absent without checks */
    int best;            /* the monitor whose least value chooses best.h5; -1: none */
    bool stops;          /* `monitor` has one more output, VALUE monitor_count: 1 where the fit may stop */
    int draw_count;
    const char *const
        *draws; /* what is drawn, by which method, and what that declares of its gradient: one line each */
};

/* A density on the grid from which it is drawn, or over which it is normalised. Output GUARD g of a function is, for
 * every parameter vector, QTM_GUARD_HOLDS where the values on the grid of guard g are finite, nowhere negative and not
 * all zero. The text of the function (`trap` of the model) has two outputs more: NODE 2 g is N - k, k the first bad of
 * the N nodes (row-major), or 0; NODE 2 g + 1 is the value there. */
enum qtm_guard_code { QTM_GUARD_HOLDS, QTM_GUARD_INFINITE, QTM_GUARD_NEGATIVE, QTM_GUARD_ZERO };
struct qtm_guard_axis {
    const char *name, *unit; /* unit NULL: a pure number */
    int64_t count;
    const double *at; /* [count] in its unit; NULL: not known beforehand */
};
struct qtm_guard {
    const char *density;
    int axis_count;
    const struct qtm_guard_axis *axes;
};

enum qtm_wrap_kind { QTM_ENSEMBLE, QTM_BOOTSTRAP, QTM_LAPLACE };
/* A fit made of runs of another. Settings: ENSEMBLE members; BOOTSTRAP replicas; LAPLACE scale of the objective (0: as
 * it is, a mean times the number of events). */
struct qtm_wrapper {
    const char *name;
    enum qtm_wrap_kind kind;
    int fit;
    double settings[1];
};

/* The functions of the model as text, and its sources, for --trap=nan and check-gradients: compiler/driver/trap.h. */
struct qtm_packed {
    const unsigned char *data;
    int64_t bytes, whole; /* packed, and as text; 0: absent */
};

/* A processor that the functions are compiled for. */
struct qtm_processor {
    const char *name;
    uint64_t needs; /* bit f: feature f of qtm/features.def */
};
extern int qtm_processor_used; /* place in qtm_model.processors of the one whose code runs; set by qtm_main */

struct qtm_model {
    int version;                      /* QTM_MODEL_VERSION */
    const char *name, *hash, *source; /* hash of the source text and of the -D sizes; source: its text, kept in runs */
    const char *compiler;             /* version of qtmc */
    int processor_count;
    const struct qtm_processor
        *processors; /* each needs what those before it need, and more; the last one that can, runs */
    bool has_truth;  /* every param has one */
    int param_count, param_block_count, option_count, event_count, data_count, fit_count;
    const struct qtm_param *params;
    const struct qtm_param_block *param_blocks;
    const struct qtm_option *options;
    const struct qtm_event *events;
    const struct qtm_data *data;
    const struct qtm_fit *fits;
    int wrapper_count;
    const struct qtm_wrapper *wrappers;
    int density_count, band_count;
    const struct qtm_density *densities;
    const struct qtm_curve *bands; /* the qcfs of one variable; ... */
    struct qtm_fn band;            /* ... f64; VALUE 2c, 2c+1: as of a density, [band_points] */
    int64_t band_points;
    int guard_count;
    const struct qtm_guard *guards;
    struct qtm_packed trap;
};

/* The main of every model's executable. Returns the exit status: 0, 1 for an error, 2 for wrong usage. */
int qtm_main(int argc, char **argv, const struct qtm_model *model);

#endif

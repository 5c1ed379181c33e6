/* What a model means once its names, shapes and types are settled: tensor functions and the tables that describe them.
 * Made by sema, read by the driver, which differentiates and compiles the functions and writes the tables as a
 * qtm_model (runtime/include/qtm/model.h, whose comments say what each entry means). */
#ifndef QTMC_HIR_PROGRAM_H
#define QTMC_HIR_PROGRAM_H

#include "diag/diag.h"
#include "qtm/domain.h"
#include "tir/tir.h"

typedef enum ProgramParamKind { PROGRAM_FREE, PROGRAM_FIXED, PROGRAM_LINK } ProgramParamKind;
/* One number: a parameter, or one element of an array of parameters. Numbers, also those of the fit's `params`
 * function, are in the unit of the declaration. */
typedef struct ProgramParam {
    const char *name; /* "a", "a.u", "theta[0,3]" */
    enum qtm_domain domain;
    double low, high;
    bool has_start, has_truth; /* has_start: declared */
    double start, truth;       /* start: in any case */
    ProgramParamKind kind;     /* as declared */
    bool bounded;              /* has a domain, so that it can be free */
    const char *unit;          /* NULL: a pure number */
    const char *link;          /* its expression */
    uint32_t output;           /* of the fit's `params` function, and where in it */
    int64_t element;
    uint32_t block; /* of raw values, and where in it; not of a link */
    int64_t place;
    int64_t line; /* this many, along the last dimension of an array, are transformed together */
} ProgramParam;
/* Raw values: all numbers in one block, every array in one of its own. In a fit that moves the parameters themselves
 * they are its first blocks, under these names. */
typedef struct ProgramParamBlock {
    const char *name; /* "params", "params.theta" */
    uint32_t rank;
    int64_t shape[TIR_MAX_AXES];
    int64_t count;
} ProgramParamBlock;

typedef struct ProgramOption {
    const char *name, *help;
    double value;
    bool integer;
} ProgramOption;
typedef struct ProgramField {
    const char *name;
    double low, high; /* in base units */
    const char *unit; /* as declared, "GeV^2"; NULL: a pure number */
    double scale;     /* base units in one of it: files and reports hold value / scale */
    int64_t length;   /* numbers an event */
} ProgramField;
typedef struct ProgramEvent {
    const char *name;
    VEC(ProgramField) fields;
    TirFunction *draw; /* or NULL */
    int64_t draw_batch;
} ProgramEvent;
typedef struct ProgramColumn {
    uint32_t field;
    double scale; /* number in base units = number in the file * scale */
} ProgramColumn;
typedef struct ProgramData {
    const char *name, *path;
    uint32_t event;
    double split; /* share of the events, from the first on, that objectives see; monitors see the rest. 0: all, both */
    VEC(ProgramColumn) columns; /* in the order of the file; none: fields are found by name */
    VEC(const char *) ignore;   /* columns of the file to drop */
    TirFunction *where;         /* VALUE 0: 1 for an event to take in, 0 for another; or NULL */
    TirFunction *draw;          /* of what is declared as its truth; or NULL */
    int64_t draw_batch;
} ProgramData;

typedef enum ProgramGroupKind { PROGRAM_PARAMS, PROGRAM_GENERATOR, PROGRAM_NETWORK } ProgramGroupKind;
typedef struct ProgramWeights {
    const char *name;
    ProgramGroupKind kind;
    const char *frozen; /* checkpoint that its weights are read from; NULL: they are initialised */
} ProgramWeights;
typedef struct ProgramBlock {
    const char *name; /* "critic.0.W" */
    uint32_t group;
    uint32_t rank;
    int64_t shape[TIR_MAX_AXES]; /* axes of size 1 are left out; a scalar has rank 0 */
} ProgramBlock;

typedef enum ProgramOptimiser { PROGRAM_ADAM, PROGRAM_SGD, PROGRAM_LBFGS } ProgramOptimiser;
typedef enum ProgramExchange { PROGRAM_LOCAL, PROGRAM_RING } ProgramExchange;
/* Elements first .. first + count - 1 of a block. */
typedef struct ProgramRange {
    uint32_t block;
    int64_t first, count;
} ProgramRange;
/* A derivative clause that an objective uses: "f by x", "model.qtm:12:30". */
typedef struct ProgramClause {
    const char *name, *place;
} ProgramClause;
typedef struct ProgramUpdate {
    const char *objective_text;
    VEC(uint32_t) groups;
    VEC(ProgramRange) moves; /* of the raw parameters, where not all of them move; empty: all */
    const char *label;       /* "a+theta", where single parameters are named; NULL: the names of the groups */
    ProgramOptimiser optimiser;
    ProgramExchange exchange;
    int64_t ring_groups, ring_outer; /* ranks in a group, steps from one average over all; 0: one ring */
    bool full_data;
    uint32_t data;
    int64_t every;
    TirFunction *objective; /* output 0: LOSS. Inputs: BLOCK, COLUMN, OPTION ports. The driver adds gradients by the
                               BLOCK inputs whose block belongs to `groups` */
    TirFunction *settings;
    VEC(ProgramClause) clauses;
    TirFunction *clause_check; /* VALUE 4i ..: of clause i at its worst point, how far slope and difference are apart
                                  (relative; below 0: no telling), the argument, both. NULL without clauses */
} ProgramUpdate;

typedef struct ProgramMonitor {
    const char *name;
    int64_t count;
    const char *const *labels;
} ProgramMonitor;
typedef struct ProgramCurve {
    const char *name;
    bool density;
    double low, high;
    int32_t event_field;
    bool on_log; /* its points are even in the logarithm */
} ProgramCurve;
/* LEFT OP RIGHT, evaluated when a fit starts. */
typedef struct ProgramCheck {
    const char *text, *op;
    double tolerance;
    bool relative; /* the tolerance is of the right side, where that is above 1 */
} ProgramCheck;
/* A density of the events of some fit, for `identify`: its value at points, at given values of the parameters. */
typedef struct ProgramVariable {
    const char *name, *unit; /* unit: as declared; NULL: a pure number */
    double low, high;        /* in its unit */
    bool on_log;
} ProgramVariable;
typedef struct ProgramDensity {
    const char *name; /* "mix[0]" */
    VEC(ProgramVariable) variables;
    TirFunction *value; /* inputs POINT, HELD 1, OPTION; VALUE 0: not normalised, per d of the variables, [points].
                           The driver adds the derivative along DIRECTION 1 */
    bool depends;       /* on weights of a network or on data besides */
} ProgramDensity;
/* Where a fit uses one: each such place is one more independent number (or set of numbers) of an event. */
typedef struct ProgramUse {
    uint32_t density;
    int32_t data, event, field; /* -1: not known, or (field) all */
    const char *detector;       /* that the events go through; NULL: none */
} ProgramUse;
typedef struct ProgramFit {
    const char *name;
    bool generated;
    int64_t vectors, events, steps;
    VEC(ProgramWeights) groups;
    VEC(ProgramBlock) blocks;
    VEC(ProgramUpdate) updates;
    VEC(ProgramMonitor) monitors;
    VEC(ProgramCurve) curves;
    VEC(ProgramCheck) checks;
    VEC(ProgramUse) uses;                         /* what its events tell: `identify` */
    VEC(const char *) draws;                      /* "XY x, y ~ g by multilinear (gradient exact: ...)" */
    TirFunction *init, *params, *monitor, *curve; /* init and monitor may be NULL */
    TirFunction *check;                           /* may be NULL; VALUE 2i and 2i + 1: the sides of check i */
    int64_t curve_points;
    int32_t best; /* monitor whose least value chooses best.h5, or -1 */
    bool stops;   /* the monitor function has one more output: 1 where `stop when` holds */
} ProgramFit;

/* A density on a grid: what the outputs GUARD g, NODE 2 g and NODE 2 g + 1 of functions are of. */
typedef struct ProgramGuardAxis {
    const char *name, *unit; /* unit NULL: a pure number */
    int64_t count;
    const double *at; /* [count] in declared units; NULL: known only when the model runs */
} ProgramGuardAxis;
typedef struct ProgramGuard {
    const char *density;
    uint32_t axis_count;
    const ProgramGuardAxis *axes;
} ProgramGuard;

typedef enum ProgramWrap { PROGRAM_ENSEMBLE, PROGRAM_BOOTSTRAP, PROGRAM_LAPLACE } ProgramWrap;
enum { PROGRAM_WRAP_SETTINGS = 1 };
/* fit final = ensemble(gan, members = 20): the settings in the order of runtime/include/qtm/model.h */
typedef struct ProgramWrapper {
    const char *name;
    ProgramWrap kind;
    uint32_t fit;
    double settings[PROGRAM_WRAP_SETTINGS];
} ProgramWrapper;

typedef struct Program {
    Arena *arena;
    const char *name;      /* of the module: file name without folder and .qtm */
    const struct Hir *hir; /* the resolved model, for what is said of it as it was written */
    VEC(ProgramParam) params;
    VEC(ProgramParamBlock) param_blocks;
    VEC(ProgramOption) options;
    VEC(ProgramEvent) events;
    VEC(ProgramData) data;
    VEC(ProgramFit) fits;
    VEC(ProgramDensity) densities;
    VEC(ProgramCurve) bands; /* every qcf of one variable, for `identify` */
    TirFunction *band;       /* VALUE c: band c at curve_points points; or NULL */
    int64_t band_points;
    VEC(ProgramWrapper) wrappers;
    VEC(ProgramGuard) guards;
    VEC(TirExtern *) externs; /* the functions in C that it calls */
} Program;

/* -D name=value */
typedef struct SizeOverride {
    const char *name;
    int64_t value;
    bool used;
} SizeOverride;

/* compiler/sema: reads the modules that `file` uses from `stdlib_dir` ("std.nn" is stdlib_dir/std/nn.qtm) and from the
 * folder of the file, resolves, checks, and elaborates. Returns NULL when errors were reported. Without `calls`,
 * nothing that belongs to the model is run: what its functions in C give is NaN where a value is wanted already. With
 * `hir_out`, prints the resolved form there (qtmc --emit=hir). */
Program *sema_program(Arena *arena, SourceSet *sources, uint32_t file, const char *stdlib_dir, SizeOverride *overrides,
                      size_t override_count, bool calls, DiagSink *sink, FILE *hir_out);

/* qtmc eval */
typedef struct EvalSetting {
    const char *name;
    double value; /* of a parameter in its declared unit */
    bool whole;   /* written as a whole number */
} EvalSetting;
typedef struct EvalRequest {
    const char *const *expressions;
    size_t count;
    const EvalSetting *settings; /* --set */
    size_t setting_count;
    bool truth, seeded; /* parameters at their truths, not their starts; random numbers may be drawn */
    uint64_t seed;
    FILE *out;
} EvalRequest;
/* Prints every expression with its value, on the reference interpreter in f64. False when errors were reported. */
bool sema_eval(Arena *arena, SourceSet *sources, uint32_t file, const char *stdlib_dir, SizeOverride *overrides,
               size_t override_count, DiagSink *sink, const EvalRequest *request);

#endif

/* From a model's file to machine code: one visible list of passes (passes.def), each run over every function before the
 * next, with a verifier behind each. */
#ifndef QTMC_DRIVER_PIPELINE_H
#define QTMC_DRIVER_PIPELINE_H

#include "driver/output.h"
#include "hir/program.h"
#include "lir/lir.h"
#include "llvm/emit.h"

typedef enum PassId {
#define PASS(id, name, level, function, help) PASS_##id,
#include "driver/passes.def"
#undef PASS
    PASS_COUNT
} PassId;

const char *pass_name(PassId id);
const char *pass_help(PassId id);

typedef struct PipelineControl {
    PassId print_after, stop_after; /* PASS_COUNT: none */
    bool verify_each, time_passes;
} PipelineControl;

/* One function of the model on its way down. */
typedef struct Unit {
    const char *symbol; /* unique in the model */
    TirFunction *tir;   /* behind the pass `stage` without NODE outputs, and without what other functions make for it */
    TirFunction *whole; /* with both, for the text that the executable carries (trap.h); NULL before */
    bool gradient;      /* made by differentiation */
    bool wanted[2];     /* in f32, in f64 */
    bool hot[2];        /* runs at every step: worth the code generator's full effort */
    LirFunction *lir[2];
    struct Unit *start;  /* makes once what this one reads at every step (stage/stage.h); or NULL */
    struct Unit *shared; /* makes at every step what another update reads as well; or NULL */
    bool staged;         /* is one of those */
    struct Unit *same;   /* an earlier one, whose functions are this one's too; or NULL */
} Unit;

enum { WIDTH_F32, WIDTH_F64, WIDTH_COUNT };

typedef struct UpdateUnits {
    Unit *objective, *gradient, *settings;
    Unit *clauses;      /* or NULL */
    TirFunction *given; /* the objective as it was derived, with the derivatives that are given */
} UpdateUnits;
typedef struct FitUnits {
    Unit *init, *params, *monitor, *curve, *check; /* monitor and check may be NULL */
    UpdateUnits *updates;
} FitUnits;

/* A function of given values of the parameters, and the same with its derivative along directions. */
typedef struct IdentifyUnits {
    Unit *value, *slope;
} IdentifyUnits;

/* What the last pass should write: a file a function. */
typedef struct CodeRequest {
    OutputFolder *folder;
    LlvmOutput what;
    int level;              /* effort for hot functions, 0 to 3; the others get less */
    void (*beside)(void *); /* called when all is known but the code, to start what can run beside; may be NULL */
    void *beside_argument;
    VEC(const char *) paths; /* made */
} CodeRequest;

typedef struct Pipeline {
    Arena *arena;
    SourceSet *sources;
    DiagSink *sink;
    PipelineControl control;
    const char *stdlib; /* folder of the library in the language */
    bool calls;         /* an executable is made of it: its functions in C may be called on the way */
    FILE *hir_out;      /* where sema prints the resolved model, or NULL */
    SizeOverride *sizes;
    size_t size_count;
    HostTarget *targets; /* from the one that needs least on */
    size_t target_count;
    CodeRequest *code; /* NULL when stopping before it */
    /* made on the way */
    uint32_t file;
    Program *program;
    VEC(Unit *) units;
    Unit **draws;      /* one an event, NULL where absent */
    Unit **wheres;     /* one a data set, NULL where absent */
    Unit **data_draws; /* one a data set, NULL where absent */
    FitUnits *fits;
    IdentifyUnits *densities; /* one a density */
    IdentifyUnits bands;
    LirModule modules[WIDTH_COUNT];
    double seconds[PASS_COUNT];
} Pipeline;

/* Runs every pass up to `last`, or up to control.stop_after where that comes first. False when errors were reported to
 * the sink (or, for files that cannot be written, to standard error). */
bool pipeline_run(Pipeline *pipeline, PassId last);
/* --time-passes */
void pipeline_print_times(const Pipeline *pipeline, FILE *out);

#endif

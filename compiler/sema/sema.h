/* Elaboration: the resolved tree is evaluated with values that are partly numbers and partly tensor operations, every
 * call inlined, which leaves straight tensor functions. A value keeps two kinds of axes apart: the dimensions the user
 * sees (x[n]) and the batch axes (vectors, events, the points of a comprehension) that its tensor carries besides. So a
 * formula for one event works for all, and only dimensions are checked against each other.
 * Batch axes are made before all others in every function: axis order is memory order. */
#ifndef QTMC_SEMA_SEMA_H
#define QTMC_SEMA_SEMA_H

#include "hir/hir.h"
#include "qtm/domain.h"

typedef enum ValueKind {
    VALUE_POISON,   /* an error was reported; nothing more is said about what depends on it */
    VALUE_NUMBER,   /* known now */
    VALUE_TENSOR,   /* an operation of the function under construction */
    VALUE_LIST,     /* [a, b, ...]; a family of parameters over flavours has its set in `decl` */
    VALUE_FUNCTION, /* a declaration that can be called; of a family: bound to the indices in `items` */
    VALUE_PRIMITIVE,
    VALUE_RECORD, /* `items` are its fields: one event (`decl`), or {x: a, y: b} (`names`) */
    VALUE_SAMPLE, /* many events: fields carry the axes in `sample` */
    VALUE_PAIRS,  /* pairs(a, b): two samples in `items` over the axes in `sample`, event by event */
    VALUE_DATA,   /* of a family: bound to the indices in `items` */
    VALUE_SET,    /* the flavours of `decl` */
    VALUE_LABEL,  /* one of them: `number` counts from 0 */
} ValueKind;

typedef struct Dim {
    int64_t size;
    TirAxisId axis;
} Dim; /* axis: TIR_NONE when the size is 1 */

typedef struct Primitive Primitive;
typedef struct Unit Unit;       /* unit.c; NULL is a pure number */
typedef struct Measure Measure; /* measure.c; what a density is per; NULL: no density */
typedef struct Value Value;
struct Value {
    ValueKind kind;
    TirType type; /* NUMBER: real, int (a whole number) or bool (0, 1) */
    Span span;    /* where it was written */
    double number;
    TirId id; /* TENSOR */
    uint32_t rank;
    Dim dim[TIR_MAX_AXES];
    const Unit *unit; /* NUMBER, TENSOR: in base units (natural units: powers of GeV) */
    const Measure *measure;
    const Value *items; /* LIST, RECORD, SAMPLE, PAIRS; FUNCTION and DATA: indices of the family */
    uint32_t count;
    HirDecl *decl;            /* FUNCTION, DATA, SET, LABEL; RECORD and SAMPLE: the event type, or NULL */
    const char *const *names; /* RECORD without an event type */
    bool numbers; /* FUNCTION: a density that was passed as an argument: one of pure numbers, see measure.h */
    const Primitive *primitive;
    TirAxes sample;      /* SAMPLE, PAIRS */
    const Value *weight; /* SAMPLE, PAIRS, and a drawn RECORD: of every event; NULL: all 1 */
};

typedef struct Local {
    struct Local *next;
    const char *name;
    Value value;
} Local;

/* Where a draw stands: the chain of calls (and rounds of unrolled loops) from an item of the fit down to it. Equal
 * chains draw equal numbers, in whatever function they are elaborated. */
typedef struct Path {
    const struct Path *up;
    const void *node;
    uint32_t round;
} Path;

typedef struct DimName {
    struct DimName *next;
    const char *name;
    Dim dim;
} DimName;

/* The network whose weights are being used; `layers` counts the layers with weights. */
typedef struct Net {
    uint32_t group, layers;
    const char *name;
    double scale; /* of initial weights */
    bool adopts;  /* the generator: networks that it calls give it their weights */
} Net;

typedef struct Frame {
    struct Frame *caller;
    const HirDecl *decl;   /* being evaluated; NULL in an item of a fit */
    Span site;             /* of the call */
    Local *locals, *first; /* first: the first argument, which fold replaces */
    DimName *dims;
    TirAxes force; /* sample axes of the comprehensions and draws around: uniform() fills them */
    const Path *path;
    Net *net;
} Frame;

typedef struct BlockState {
    const AstNode *weight;
    HirDecl *layer;
    Local *locals; /* what its initial value may need: numbers and functions */
    uint32_t rank; /* declared dimensions, those of size 1 included */
    int64_t size[TIR_MAX_AXES];
    uint32_t order[TIR_MAX_AXES], stored; /* stored dimension i is declared dimension order[i] */
    double scale;
    const char *name;
} BlockState;

typedef struct FitState {
    ProgramFit *out;
    HirDecl *decl;
    const AstNode *vectors, *events, *generate, *stop, *draw; /* draw: the first one */
    const AstNode *stop_when, *select;
    VEC(const AstNode *) lets, updates, monitors, freezes;
    VEC(Value) monitor_values; /* in the monitor function, averaged over vectors */
    VEC(const Path *) streams;
    VEC(BlockState) blocks; /* one for each block of `out` */
    uint32_t param_group, stream_base;
} FitState;

/* What parameters stand for in a function: nothing, what the fit moves, their declared truths, their declared starts,
 * or values in declared units that the runtime gives. */
typedef enum ParamMode { PARAMS_NONE, PARAMS_FITTED, PARAMS_TRUTH, PARAMS_START, PARAMS_GIVEN, PARAMS_MODES } ParamMode;

typedef struct ParamDomain {
    enum qtm_domain kind;
    double low, high; /* in declared units, as raw values and all numbers of a slot are */
} ParamDomain;

/* One parameter: a declaration without a family, or a member of one. It is a number or an array. */
typedef struct ParamSlot {
    HirDecl *decl;
    const char *name; /* "a", "a.u" */
    Span span;
    const AstNode *domain_node, *value, *start, *truth, *prior, *type;
    ParamDomain domain;
    const Unit *unit;
    const char *unit_text; /* NULL: a pure number */
    double scale;          /* base units in one of it */
    bool broken;           /* an error was reported */
    bool bounded;          /* has a domain, so that it can be free */
    bool fixed, link, has_start, has_truth;
    double *starts, *truths; /* [count]; starts of what is fixed: its value */
    uint32_t rank;           /* of an array; 0 for a number */
    int64_t size[TIR_MAX_AXES], count;
    uint32_t number;       /* among the slots */
    uint32_t row;          /* the first of its rows in Program.params */
    uint32_t block;        /* of raw values: 0 holds all numbers, an array has one of its own */
    int64_t place;         /* in the block */
    int64_t output;        /* among the numbers that a generator gives, those of block 0 first */
    const uint32_t *label; /* its flavours, one for each flavour set of the family */
} ParamSlot;

/* The parameters of one function, as far as they are needed. */
typedef struct ParamValues {
    Value *value;   /* [slots] */
    uint8_t *state; /* [slots] 0 new, 1 being computed (a link that needs itself), 2 known */
} ParamValues;

typedef struct BatchAxis {
    uint32_t row;
    int64_t count;
    TirAxisId axis;
} BatchAxis; /* of a row of the table of data sets; count -1: all local events */
typedef struct Input {
    TirPortRole role;
    uint32_t index, field;
    TirId value;
} Input;

typedef struct LetValue {
    const AstNode *let;
    const Path *fresh; /* the call of fresh() that it is drawn for, or NULL */
    Value value;
} LetValue;

/* A parameter that a qcf solves. */
typedef struct Solved {
    HirDecl *decl;
    ParamMode mode; /* at the fitted parameters or at the truth, as curves need both */
    bool busy;      /* being solved */
    bool trial;     /* `value` is the trial value that its own condition sees */
    Value value;
    struct Solved *outer;
} Solved;

/* The axis of a grid of so many nodes in variable number `place` of a density. */
typedef struct GridAxis {
    uint32_t place;
    Dim dim;
} GridAxis;

typedef struct Probes Probes;   /* comparisons of derivative clauses with differences: probe.c */
typedef struct Missing Missing; /* a derivative that does not exist: missing.c */
enum { CLAUSE_ORDER = 3 };      /* how often a derivative clause can be differentiated, the first time included */

/* One tensor function under construction. */
typedef struct Context {
    TirFunction *f;
    FitState *fit; /* or NULL */
    ParamMode mode;
    TirAxisId vectors, events, param_axis; /* TIR_NONE when of size 1 or absent */
    int64_t vector_count, event_count;
    VEC(BatchAxis) batches;
    VEC(Input) inputs;
    ParamValues params[PARAMS_MODES];
    Value *param_inputs; /* [blocks][4] raw values, mask, values and start of held parameters, NULL until needed */
    Value generated;     /* what the generator gives; count 0 until needed */
    TirId *param_raw;    /* [slots] raw value, TIR_NONE where not needed */
    bool truth_missing;  /* a truth was needed that is not declared */
    bool params_used;    /* a parameter was asked for */
    VEC(Solved *) solved;
    Solved *solving;    /* the innermost being solved */
    VEC(LetValue) lets; /* of the fit, as far as evaluated */
    const Path *fresh;  /* lets are evaluated for this call of fresh() */
    bool guarded;       /* the runtime looks at the guards of its densities: guard.c */
    VEC(TirPort) guards;
    VEC(TirId) placeholders; /* of states and elements of loops: rounds.c */
    VEC(GridAxis) grids;     /* shared by the tables of all densities ... */
    uint32_t tabulating;     /* ... but those made while another is: density.c */
    bool full_data;          /* all local events of data set `data` were used */
    uint32_t data;
    bool too_large; /* reported */
    bool clauses;   /* a function with a derivative clause was called */
    const Missing *missing;
    struct Drawing *drawing; /* the innermost loop whose round is being elaborated: rounds.c */
    uint32_t axis_names;
    VEC(Dim) by_size; /* one axis for all lists and grids of one length: then they need no renaming */
} Context;

/* A type, `: GeV^2`, that was read before: a function's are asked for at every call. */
enum { UNIT_TYPES = 256 };
typedef struct UnitType {
    const AstNode *type;
    const Unit *unit;
    double scale;
    bool valid;
} UnitType;

typedef struct Elab {
    Arena *arena;
    Hir *hir;
    DiagSink *sink;
    Program *program;
    VEC(HirDecl *) options, events, data; /* by row of the Program's tables */
    VEC(ParamSlot *) slots;               /* in the order of declaration; HirDecl.index is that of the first member */
    VEC(ParamSlot *) path;                /* links being computed */
    bool *seen;                           /* [slots] an objective over the parameters has a derivative by it */
    Span *ends;                           /* [slots] where the way of one that is not seen ends, as far as known */
    bool fitted;                          /* there is such an objective */
    bool *moving; /* [slots] those that the update at hand moves: the others are constant; NULL: all of them */
    Context *context;
    Frame *frame;
    uint32_t depth;    /* of calls */
    const char *stack; /* where it began: elaboration is recursive, and says so before the stack ends */
    uint64_t work;     /* expressions evaluated */
    bool too_deep;     /* reported: too deep, too much work, or too many draws */
    VEC(FitState *) fits;
    FitState *noting;      /* the fit whose objective is being evaluated: identify.c */
    VEC(Value) densities;  /* one a row of Program.densities */
    VEC(FitState *) users; /* the first fit that uses it */
    uint32_t clause_depth; /* of clauses being evaluated within each other */
    Probes *probes;        /* where slopes are to be compared with differences (probe.c), or NULL */
    bool calls;            /* functions in C may be called: the model is built or evaluated, not only checked */
    bool checking;         /* bodies are evaluated on their own: body.c */
    const Unit *units;     /* all that were met: unit.c */
    UnitType types[UNIT_TYPES];
} Elab;

struct Primitive {
    const char *name;
    int least, most;
    Value (*apply)(Elab *e, const Primitive *self, const AstNode *node, const Value *args, uint32_t count);
    TirOpcode op;
    bool reduces; /* accepts `EXPR for e in SOURCE` */
};

/* --- value.c --- */
Value value_poison(void);
Value value_number(double number, Span span);
Value value_int(double number, Span span);
Value value_bool(bool truth, Span span);
/* A tensor of this function with these visible dimensions; reports a value too large to hold. */
Value value_tensor(Elab *e, TirId id, const Dim *dim, uint32_t rank, Span span);
/* The same with the unit and the measure of what it is made from, or is a part of. */
Value value_like(Elab *e, const Value *from, TirId id, const Dim *dim, uint32_t rank, Span span);
Value value_list(Elab *e, const Value *items, uint32_t count, Span span);
bool value_is_poison(const Value *v);
const char *value_shape_text(Elab *e, const Value *v); /* "[3, 4]", "a number" */
const char *value_kind_text(const Value *v);
/* Lists become arrays (on `hint` when that axis fits); false after a report when v is no number or array. */
bool value_to_array(Elab *e, Value *v, TirAxisId hint);
TirId value_id(Elab *e, const Value *v, TirType type);
TirId value_real_id(Elab *e, const Value *v);
TirAxes value_axes(Elab *e, const Value *v);
Dim dim_new(Elab *e, const char *name, int64_t size); /* a fresh axis when size > 1 */
Dim dim_of_size(Elab *e, int64_t size);               /* the function's axis for lists and grids of that length */
TirId id_move(Elab *e, TirId id, TirAxisId from, TirAxisId to, Span span);
/* The value on another axis in place of dimension `at`. */
Value value_move(Elab *e, const Value *v, uint32_t at, TirAxisId to, Span span);
/* A dimension of size 1 everywhere is no dimension. */
Value value_scalar(Value v);
TirId id_broadcast(Elab *e, TirId id, TirAxes axes, Span span);
bool value_size(Elab *e, const Value *v, const char *what, int64_t *size); /* a whole number >= 1 */

/* --- error.c: reports with the chain of calls that leads into library code. --- */
Value elab_error(Elab *e, DiagCode code, Span span, const char *format, ...) __attribute__((format(printf, 4, 5)));
const char *elab_source_text(Elab *e, Span span); /* what is written there, on one line */
/* return elab_help(e, elab_error(...), "a remedy"); gives `poison`. */
Value elab_help(Elab *e, Value poison, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- map.c: elementwise operations and products --- */
Value elab_map(Elab *e, TirOpcode op, Span span, Value a, Value b, Value c); /* as many as the arity says */
Value elab_matmul(Elab *e, Span span, Value a, Value b);
Value elab_binary(Elab *e, AstOp op, Span span, Value a, Value b);
Value value_align(Elab *e, Value v, const Value *target, Span span); /* onto the axes of a value of the same shape */
Value elab_index(Elab *e, Span span, Value of, Value index);
/* An index on dimension `at`, in whose place the dimensions of the index come. */
Value elab_index_at(Elab *e, Span span, Value of, uint32_t at, Value index);

/* --- expr.c --- */
Value elab_expr(Elab *e, const AstNode *node);
Value const_value(Elab *e, HirDecl *decl, Span span);
Value elab_const_number(Elab *e, const AstNode *node, const char *what); /* NUMBER or POISON */
Local *local_find(Frame *frame, const char *name);
void local_push(Elab *e, const char *name, Value value);

/* --- family.c: flavour sets, and members of families --- */
Value value_set(HirDecl *flavour, Span span);
Value value_label(HirDecl *flavour, uint32_t number, Span span);
const char *label_text(const Value *label);
Value set_label(Elab *e, HirDecl *flavour, const AstNode *field); /* the flavour that a FIELD names */
/* A flavour set or a whole number n as the list of its rounds; other values stay. False after a report. */
bool source_expand(Elab *e, Value *source);
uint32_t family_size(Elab *e, HirDecl *decl); /* members in all, 1 without a family and after a report */
Value family_member(Elab *e, HirDecl *decl, uint32_t number, Span span);
uint32_t family_number(Elab *e, const Value *member);  /* counts members, the last index fastest */
const char *family_name(Elab *e, const Value *member); /* "critic[0]" */
bool value_is_family(const Value *v);                  /* FUNCTION or DATA of a family */
Value family_index(Elab *e, Span span, Value of, Value index);
Value family_field(Elab *e, Value of, const AstNode *field);
bool family_complete(Elab *e, const Value *v, Span span); /* false after a report: an index is missing */
void family_enter(Elab *e, const Value *member);          /* its indices as locals of the frame */
const char *family_path(Elab *e, const Value *member);
uint32_t data_row(Elab *e, const Value *data);

/* --- call.c, layer.c --- */
Value elab_call(Elab *e, const AstNode *node,
                const Value *piped); /* CALL or NAME; piped: argument before those written */
Value elab_apply(Elab *e, Value callee, const AstNode *node, const Value *args, uint32_t count, Span span);
Value elab_decl_call(Elab *e, HirDecl *decl, const AstNode *node, const Value *args, uint32_t count, Span span);
/* The same for a FUNCTION, which may be a member of a family. */
Value elab_function_call(Elab *e, const Value *callee, const AstNode *node, const Value *args, uint32_t count,
                         Span span);
/* Arguments of the declaration of the frame as its locals, checked; false after a report. */
bool frame_bind(Elab *e, HirDecl *decl, const Value *args);
bool frame_bind_array(Elab *e, const AstNode *arg, Value *value, const HirDecl *decl);
Value elab_layer_weight(Elab *e, const AstNode *weight, HirDecl *layer, uint32_t number);
uint32_t fit_group(Elab *e, FitState *fit, const char *name, ProgramGroupKind kind);

/* The body of a FUN in its frame, with its result checked. */
Value function_body(Elab *e, HirDecl *decl);

/* --- clause.c: functions whose derivative is given, and functions in C --- */
Value clause_value(Elab *e, HirDecl *decl); /* in the frame of the call */
TirExtern *extern_of(Elab *e, HirDecl *decl);
bool extern_unknown(const Elab *e, const TirFunction *f); /* it has functions in C, which are not to be called now */

/* --- missing.c: derivatives that do not exist --- */
/* Whether a derivative goes through argument `at`. */
bool derivative_passes(const TirFunction *f, const TirOp *op, uint32_t at);
bool *derivative_reach(const TirFunction *f, Arena *arena,
                       TirId of); /* [operations] those that a derivative of `of` goes through */
/* `v`, by which no derivative exists: in a function, by argument `entry` of its clause or, NULL, by any. */
Value value_opaque(Elab *e, Value v, const HirDecl *decl, const AstNode *entry);
/* Whether a derivative of `of` by the marked operations exists; reports where not, with `why` said of `wanted`. */
bool derivative_exists(Elab *e, TirId of, const bool *leaf, Span wanted, const char *why);

/* --- build.c, grad.c, product.c --- */
Value elab_build(Elab *e, const AstNode *node);
Value elab_grad(Elab *e, const AstNode *call);
Value elab_jacobian(Elab *e, const AstNode *call);
Value elab_hessian(Elab *e, const AstNode *call);
/* The product over axes; false after a report. Factors that are zero are no trouble to its derivatives. */
bool id_product(Elab *e, TirId *id, TirAxes axes, Span span);

/* --- sample.c --- */
Value elab_source(Elab *e, const AstNode *source); /* what stands after `in` */
/* Whether the loop names as many variables as its source has: one, or two for pairs; false after a report. */
bool loop_names(Elab *e, const AstNode *loop, uint32_t wanted);
Value elab_reduce(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend);
Value elab_reduce_array(Elab *e, const Primitive *reduce, Value v, Span span);
/* `when` of a comprehension for the element at hand; poison where there is none, or after a report. */
Value elab_pass_condition(Elab *e, const AstNode *node, bool *good);
int64_t elab_stream(Elab *e, const AstNode *node);

/* --- rounds.c: fold and scan --- */
Value elab_fold(Elab *e, const AstNode *call);
Value elab_scan(Elab *e, const AstNode *call);
/* Every operation that draws is told here when it is made. */
void rounds_note_draw(Elab *e, TirId draw);
/* And of every value by which a derivative is taken. */
void rounds_note_leaf(Elab *e, TirId leaf);

/* --- solve.c: the value of a parameter that a qcf solves --- */
Value context_solved(Elab *e, HirDecl *decl, Span span);

/* --- check.c: `check` declarations, sum rules and positivity --- */
/* Evaluates what can be evaluated now: at constants, and at the truth. Reports what does not hold. */
void check_now(Elab *e);
/* The others, evaluated when a fit starts. */
void fit_check_function(Elab *e, FitState *fit);

/* --- integral.c, closed.c: integral(EXPR for x in LOW .. HIGH) --- */
Value elab_integral(Elab *e, const AstNode *call, const AstNode *comprehend);
/* Over 0 .. 1 of the variable `x`, in terms of Beta functions; poison, without a report, when it has no such form. */
Value closed_integral(Elab *e, Value integrand, Value x, Span span);

/* --- root.c: root(EXPR for x in LOW .. HIGH), fixed_point(EXPR for x from START) --- */
Value elab_root(Elab *e, const AstNode *call);
Value elab_fixed_point(Elab *e, const AstNode *call);

/* --- primitive.c --- */
const Primitive *primitive_find(const char *name);
Value elab_linspace(Elab *e, Value low, Value high, int64_t count, Dim dim, Span span);

/* --- context.c: inputs, parameters, axes of the function under construction --- */
/* Starts a function; with `events`, it has the events axis of the fit's draws. `root` (may be NULL) and the lets of the
 * fit are searched for data sets, whose axes must be made before all others. */
Context *context_new(Elab *e, const char *name, FitState *fit, ParamMode mode, bool events, const AstNode *root);
TirId context_input(Elab *e, TirPortRole role, uint32_t index, uint32_t field, const char *name, TirAxes axes,
                    Span span);
Value context_let(Elab *e, const AstNode *let);
/* fresh(x): x with the lets in it drawn again. */
Value elab_fresh(Elab *e, const AstNode *call);
/* count: of a random batch; -1: all local events; 0: what the fit takes when nothing is said. */
Value context_data(Elab *e, const Value *data, int64_t count, Span span);
TirAxes context_rows(const Context *context, bool events); /* the axes vectors and events */
/* For every point of `axes` an event of the data set picked at random; `node` says which stream. */
Value context_data_picked(Elab *e, const Value *data, TirAxes axes, const AstNode *node, Span span);
/* A function of all local events of data set `row`, outside of any fit. */
Context *context_rows_of(Elab *e, const char *name, uint32_t row);

/* --- identify.c: the densities that the objectives of a fit draw from, or take pdf() of --- */
void identify_note_draw(Elab *e, const Value *density, const HirDecl *event, int32_t field);
/* A call pdf(f, x). */
void identify_note_pdf(Elab *e, const HirDecl *callee, const Value *args, uint32_t count);
/* The events of that type go through the detector. */
void identify_note_detector(Elab *e, const HirDecl *detector, const HirDecl *event);
/* Their functions, and that of the qcfs (curve.c), once all fits are elaborated. */
void identify_functions(Elab *e);
void identify_curve_function(Elab *e, FitState *fit);

/* --- generator.c: parameters from a network --- */
Value generator_output(Elab *e, FitState *fit);

/* --- table.c --- */
bool table_sizes(Elab *e, SizeOverride *overrides, size_t count);
void table_build(Elab *e);
void table_check_constants(Elab *e);

/* --- data.c --- */
void data_declare(Elab *e, HirDecl *decl);
/* The numbers that a field of an event, or a column, has; false after a report. */
bool data_field_length(Elab *e, const AstNode *field, int64_t *length);
void data_where(Elab *e, uint32_t row); /* the function that says which events are taken in */

/* --- table.c --- */
int64_t size_value(Elab *e, HirDecl *decl);
bool table_domain(Elab *e, const AstNode *variable, double *low, double *high); /* low .. high of a VARIABLE */

/* --- param.c: declarations of parameters, read into slots and rows of the Program's table --- */
void param_declare(Elab *e, HirDecl *decl);
/* Blocks, rows, links and priors, once all parameters and options are declared. */
void param_finish(Elab *e);
const ParamSlot *param_free(const Elab *e, size_t *at); /* the next slot that a fit moves unless told otherwise */
bool param_all_truth(const Elab *e);
/* A value of the shape of an array of parameters, on axes in the order of storage. */
TirId param_stored(Elab *e, const ParamSlot *slot, Value v);

/* --- param_value.c: what parameters are in the function under construction --- */
Value param_value(Elab *e, const HirDecl *decl, Span span); /* a number, an array, or a list over flavours */
Value param_slot_value(Elab *e, const ParamSlot *slot, Span span);
/* The same as a pure number, in declared units. */
Value param_slot_number(Elab *e, const ParamSlot *slot, Span span);
/* Of a family over one flavour set, one member without the others, which may be links to it: a.u, a[f]. */
HirDecl *param_family(Elab *e, const AstNode *node); /* NULL: `node` names no such family */
Value param_member(Elab *e, const HirDecl *decl, const AstNode *field);
Value param_indexed(Elab *e, const HirDecl *decl, Value index, Span span);
Value param_vector(Elab *e, bool truth, Span span); /* `params`, `truth`: all free ones, arrays element by element */
Value param_log_prior(Elab *e, Span span);
Value param_log_jacobian(Elab *e, Span span);
/* Runs `node` with the family's indices of `slot` bound to their names. */
Value param_expr(Elab *e, const ParamSlot *slot, const AstNode *node);
Value param_prior(Elab *e, const ParamSlot *slot, Value value); /* log density, summed over an array */

/* --- param_seen.c: parameters that no data can see --- */
void param_note_seen(Elab *e, const Context *c, TirId loss);
bool *param_reached(Elab *e, const Context *c, TirId loss); /* [slots] the loss has a derivative by it */
void param_report_unseen(Elab *e);

/* --- transform.c --- */
Value transform_value(Elab *e, const ParamDomain *domain, Value raw, Span span);
/* log |d value / d raw|: of every element, or of every line of an ordered array or a simplex. */
Value transform_log_jacobian(Elab *e, const ParamDomain *domain, Value raw, Span span);

/* --- record.c --- */
Value elab_record(Elab *e, const AstNode *node);
const char *record_field_name(const Value *record, uint32_t at);
Value record_find(const Value *record, const char *name); /* of kind SET when there is no such field */
Value record_field(Elab *e, const Value *record, const char *name, Span span, Span name_span);
/* A record with exactly the fields of the event type becomes an event of it; false after a report. */
bool record_to_event(Elab *e, Value *v, HirDecl *event, Span span);
Value elab_choose(Elab *e, Span span, Value condition, Value yes, Value no); /* `if`; of records field by field */
/* What a let calls `v`: one name, or {x, Q2} for fields of it. */
bool let_names(const AstNode *let, const char *name);
Value let_value(Elab *e, const AstNode *let, Value v, const AstNode *name);
void let_bind(Elab *e, const AstNode *let, Value v);

/* --- density.c --- */
enum { DENSITY_AXES_MAX = 5 }; /* a grid in more dimensions has too many nodes */
typedef struct DensityAxis {
    const char *name;
    double low, high, scale; /* of the variable, in its declared unit; that unit in base units */
    const Unit *unit;
    const AstNode *type; /* what was declared behind its name, or NULL */
    bool log;            /* its coordinate on a grid is its logarithm */
} DensityAxis;
HirDecl *density_event(const Elab *e, const HirDecl *density); /* NULL: a density over variables */
/* Of a family, the variables of one member: their domains may depend on its indices. 0 after a report. */
uint32_t density_axes(Elab *e, const Value *member, DensityAxis *axes);
bool density_value(Elab *e, const char *what, const Value *v, DensityAxis *axes, uint32_t *count);
/* Numbers, an event or a record as the arguments that the density declares; NULL after a report. */
/* The numbers of [x, y] where a density gets this list as its one argument; all other arguments as they are. */
const Value *density_numbers(Elab *e, const HirDecl *density, const Value *args, uint32_t *count);
const Value *density_arguments(Elab *e, HirDecl *density, const Value *args, uint32_t *count, Span span);
/* Plain numbers as arguments of a density count in the declared units of its variables; false after a report. */
bool density_attach(Elab *e, const HirDecl *density, Value *args, uint32_t count, Span span);
Value density_cut(Elab *e, const HirDecl *density, Value v);
Value density_table(Elab *e, const Value *density, const AstNode *node, const DensityAxis *axes, const Value *lines,
                    uint32_t count, Span span);
/* The first `count` dimensions as one. */
Value value_flatten(Elab *e, Value v, uint32_t count, Span span);
/* deposit.c */
Value value_deposit(Elab *e, Value v, Value at, int64_t size, Span span);

/* --- guard.c --- */
/* Outputs that tell the runtime whether the table, of a density at the nodes `at`, is that of a density. */
void guard_table(Elab *e, const Value *density, const DensityAxis *axes, const Value *at, const Dim *dim,
                 uint32_t count, const Value *table, Span span);
void guard_outputs(Elab *e); /* after the function's own outputs */

/* --- eval.c --- */
void eval_all(Elab *e, const EvalRequest *request);

/* --- draw.c, detector.c --- */
Value elab_draw(Elab *e, const AstNode *node);
Value draw_events(Elab *e, const AstNode *node, HirDecl *event, Value density, const AstNode *method);
Value elab_detector(Elab *e, HirDecl *decl, const Value *args);

/* --- body.c: units and measures in what no fit reaches --- */
void body_check_all(Elab *e);
Value body_number(Elab *e, const Unit *unit, Span span); /* stands for a number that is not known here */

/* --- fit.c: reads the items of a fit and makes its updates and monitors --- */
bool fit_collect(Elab *e, FitState *fit);
void fit_elaborate(Elab *e, FitState *fit);
bool fit_minimize(Elab *e, FitState *fit, const AstNode *item); /* minimize.c */

/* --- over.c: `over a, theta`: the parameters that an update moves --- */
/* The parameters that the names say, in e->moving, or NULL there when they say none or all; false after a report. */
bool over_begin(Elab *e, FitState *fit, const AstNode *names, ProgramUpdate *update);
/* After the objective is made: does it depend on every one of the names? */
bool over_end(Elab *e, const AstNode *names, const ProgramUpdate *update);
bool over_is_param(const Elab *e, const AstNode *name);

/* --- item.c: freeze, stop when, select best on; split of a data set; wrappers --- */
void fit_freeze(Elab *e, FitState *fit, const AstNode *item);
void fit_check_frozen(Elab *e, FitState *fit);
void fit_stop_when(Elab *e, FitState *fit);
void fit_select(Elab *e, FitState *fit);
double data_split(Elab *e, const AstNode *node);
void wrapper_add(Elab *e, HirDecl *decl);

/* --- function.c: the functions every fit has --- */
void fit_init_function(Elab *e, FitState *fit);
void fit_params_function(Elab *e, FitState *fit);
void fit_curve_function(Elab *e, FitState *fit);
/* `draw`: a draw, or a pipe from one through detectors. */
void event_draw_function(Elab *e, FitState *fit, const AstNode *draw, const HirDecl *event);
/* The same for one data set that says what its truth is. */
void data_draw_function(Elab *e, uint32_t row);

#endif

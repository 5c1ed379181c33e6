/* Elaboration: the resolved tree is evaluated with values that are partly numbers and partly tensor operations, every
 * call inlined, which leaves straight tensor functions. A value keeps two kinds of axes apart: the dimensions the user
 * sees (x[n]) and the batch axes (vectors, events, the points of a comprehension) that its tensor carries besides. So a
 * formula for one event works for all, and only dimensions are checked against each other.
 * Batch axes are made before all others in every function: axis order is memory order. */
#ifndef QTMC_SEMA_SEMA_H
#define QTMC_SEMA_SEMA_H

#include "hir/hir.h"

typedef enum ValueKind {
    VALUE_POISON,   /* an error was reported; nothing more is said about what depends on it */
    VALUE_NUMBER,   /* known now */
    VALUE_TENSOR,   /* an operation of the function under construction */
    VALUE_LIST,     /* [a, b, ...]; a family of parameters over flavours has its set in `decl` */
    VALUE_FUNCTION, /* a declaration that can be called; of a family: bound to the indices in `items` */
    VALUE_PRIMITIVE,
    VALUE_RECORD, /* `items` are its fields: one event (`decl`), or {x: a, y: b} (`names`) */
    VALUE_SAMPLE, /* many events: fields carry the axes in `sample` */
    VALUE_DATA,   /* of a family: bound to the indices in `items` */
    VALUE_SET,    /* the flavours of `decl` */
    VALUE_LABEL,  /* one of them: `number` counts from 0 */
    VALUE_RANGE,  /* low .. high: `items` are the ends, `number` 1 for `on log` */
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
    const Value *items; /* LIST, RECORD, SAMPLE, RANGE; FUNCTION and DATA: indices of the family */
    uint32_t count;
    HirDecl *decl;            /* FUNCTION, DATA, SET, LABEL; RECORD and SAMPLE: the event type, or NULL */
    const char *const *names; /* RECORD without an event type */
    bool numbers; /* FUNCTION: a density that was passed as an argument: one of pure numbers, see measure.h */
    const Primitive *primitive;
    TirAxes sample;      /* SAMPLE */
    const Value *weight; /* SAMPLE: of every event; NULL: all 1 */
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

typedef enum ParamMode { PARAMS_NONE, PARAMS_FITTED, PARAMS_TRUTH, PARAMS_START } ParamMode;

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
    bool busy;  /* being solved */
    bool trial; /* `value` is the trial value that its own condition sees */
    Value value;
    struct Solved *outer;
} Solved;

/* One tensor function under construction. */
typedef struct Context {
    TirFunction *f;
    FitState *fit; /* or NULL */
    ParamMode mode;
    TirAxisId vectors, events, param_axis; /* TIR_NONE when of size 1 or absent */
    int64_t vector_count, event_count;
    VEC(BatchAxis) batches;
    VEC(Input) inputs;
    Value *params;    /* fitted or generated, NULL until needed */
    bool params_used; /* a parameter was asked for */
    VEC(Solved *) solved;
    Solved *solving;    /* the innermost being solved */
    VEC(LetValue) lets; /* of the fit, as far as evaluated */
    const Path *fresh;  /* lets are evaluated for this call of fresh() */
    bool full_data;     /* all local events of data set `data` were used */
    uint32_t data;
    bool too_large; /* reported */
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
    VEC(HirDecl *) params, options, events, data; /* by row of the Program's tables */
    Context *context;
    Frame *frame;
    uint32_t depth;    /* of calls */
    const char *stack; /* where it began: elaboration is recursive, and says so before the stack ends */
    uint64_t work;     /* expressions evaluated */
    bool too_deep;     /* reported: too deep, too much work, or too many draws */
    VEC(FitState *) fits;
    bool checking;     /* bodies are evaluated on their own: body.c */
    const Unit *units; /* all that were met: unit.c */
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
Value record_field(Elab *e, const Value *of, const AstNode *node);
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
bool frame_bind_array(Elab *e, const AstNode *arg, Value *value, const HirDecl *decl);
Value elab_layer_weight(Elab *e, const AstNode *weight, HirDecl *layer, uint32_t number);
uint32_t fit_group(Elab *e, FitState *fit, const char *name, ProgramGroupKind kind);

/* --- build.c, grad.c, product.c --- */
Value elab_build(Elab *e, const AstNode *node);
Value elab_grad(Elab *e, const AstNode *call);
/* The product over axes; false after a report. Factors that are zero are no trouble to its derivatives. */
bool id_product(Elab *e, TirId *id, TirAxes axes, Span span);

/* --- sample.c --- */
Value elab_source(Elab *e, const AstNode *source); /* what stands after `in` */
Value elab_reduce(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend);
Value elab_reduce_array(Elab *e, const Primitive *reduce, Value v, Span span);
Value elab_draw(Elab *e, const AstNode *node);
Value elab_fold(Elab *e, const AstNode *call);
int64_t elab_stream(Elab *e, const AstNode *node);

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

/* --- primitive.c --- */
const Primitive *primitive_find(const char *name);
Value value_flatten(Elab *e, Value v, Span span);
Value elab_linspace(Elab *e, Value low, Value high, int64_t count, Dim dim, Span span);

/* --- context.c: inputs, parameters, axes of the function under construction --- */
/* Starts a function; with `events`, it has the events axis of the fit's draws. `root` (may be NULL) and the lets of the
 * fit are searched for data sets, whose axes must be made before all others. */
Context *context_new(Elab *e, const char *name, FitState *fit, ParamMode mode, bool events, const AstNode *root);
TirId context_input(Elab *e, TirPortRole role, uint32_t index, uint32_t field, const char *name, TirAxes axes,
                    Span span);
Value context_param(Elab *e, const HirDecl *decl, Span span);
Value context_params(Elab *e, bool truth, Span span);
Value context_let(Elab *e, const AstNode *let);
/* fresh(x): x with the lets in it drawn again. */
Value elab_fresh(Elab *e, const AstNode *call);
/* count: of a random batch; -1: all local events; 0: what the fit takes when nothing is said. */
Value context_data(Elab *e, const Value *data, int64_t count, Span span);
TirAxes context_rows(const Context *context, bool events); /* the axes vectors and events */

/* --- generator.c: parameters from a network --- */
Value generator_output(Elab *e, FitState *fit);

/* --- table.c --- */
bool table_sizes(Elab *e, SizeOverride *overrides, size_t count);
void table_build(Elab *e);
void table_check_constants(Elab *e);
int64_t size_value(Elab *e, HirDecl *decl);
bool density_domain(Elab *e, HirDecl *density, double *low, double *high);
double param_start(const ProgramParam *param);             /* declared, or what the fit takes otherwise */
double param_raw(const ProgramParam *param, double value); /* inverse of the squashing into the domain */
enum { PARAM_MARGIN_PPM = 1 }; /* parameters keep this many millionths of their domain away from its ends */

/* --- body.c: units and measures in what no fit reaches --- */
void body_check_all(Elab *e);
Value body_param(Elab *e, const HirDecl *param, Span span);

/* --- fit.c: reads the items of a fit and makes its updates and monitors --- */
bool fit_collect(Elab *e, FitState *fit);
void fit_elaborate(Elab *e, FitState *fit);
bool fit_minimize(Elab *e, FitState *fit, const AstNode *item); /* minimize.c */

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
void event_draw_function(Elab *e, FitState *fit, const AstNode *draw);

#endif

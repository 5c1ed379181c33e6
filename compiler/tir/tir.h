/* Tensor IR: pure SSA over named axes. A value has a type and a set of axes; element-wise operations broadcast by the
 * union of their arguments' axes, so a per-event formula is batched simply because its inputs carry batch axes.
 * Axis ids are ordered: a value's axes are kept ascending, and that order is its memory layout (row-major, last axis
 * contiguous). No value has an axis of size 1. Operations are stored in order: arguments come before users.
 * A gradient is tensor IR again. */
#ifndef QTMC_TIR_TIR_H
#define QTMC_TIR_TIR_H

#include <stdio.h>

#include "diag/diag.h"
#include "source/source.h"
#include "support/arena.h"

typedef enum TirOpcode {
#define TIR_OP(name, ...) TIR_##name,
#include "tir/tir_ops.def"
#undef TIR_OP
    TIR_OPCODE_COUNT
} TirOpcode;

typedef enum TirType { TIR_REAL, TIR_INT, TIR_BOOL } TirType;

/* Whether a value that a later pass over the rows reads is kept in memory or made again there (schedule/recompute.c).
 */
typedef enum TirMemory { TIR_MEMORY_AUTO, TIR_MEMORY_STORE, TIR_MEMORY_RECOMPUTE } TirMemory;

enum {
    TIR_MAX_AXES = 8,
    TIR_EXTERN_ARGS = 6,
    TIR_MAX_ORDER = 100, /* of a polygamma or Bessel function */
    TIR_NONE = 0xffffffff
};
typedef uint32_t TirAxisId; /* index into TirFunction.axes */
typedef uint32_t TirId;     /* index into TirFunction.ops: a value is the operation that makes it */

typedef struct TirAxis {
    const char *name; /* unique in the function */
    int64_t size;     /* >= 2 (0 and 1 too when dynamic); -1: known only when the program runs */
    uint32_t data;    /* dynamic: number of the data set whose local event count is the size */
    bool batch;       /* vectors or events: rows that are computed independently; schedules split these */
} TirAxis;

typedef struct TirAxes {
    uint32_t count;
    TirAxisId id[TIR_MAX_AXES]; /* ascending */
} TirAxes;

/* What an input or output of a function is bound to when the program runs. */
typedef enum TirPortRole {
    TIR_PORT_BLOCK,    /* input: parameter block `index` of the fit */
    TIR_PORT_COLUMN,   /* input: field `field` of data set `index` */
    TIR_PORT_OPTION,   /* input: option `index`, a scalar */
    TIR_PORT_LOSS,     /* output: the objective, a scalar */
    TIR_PORT_GRADIENT, /* output: derivative of the loss by parameter block `index` */
    TIR_PORT_VALUE, /* output: value `index` of whatever the function computes (fields, curves, monitors, settings) */
    TIR_PORT_HELD, /* input: of parameter block `index`, `field` 0: 1 where a parameter is held, 1: the value that it is
                      held at, 2: raw value of its start */
    TIR_PORT_GUARD,     /* output: whether density table `index` is good; sema/guard.c */
    TIR_PORT_POINT,     /* input: variable `index` of a density at many points */
    TIR_PORT_DIRECTION, /* input: the direction of a derivative, in the place of block `index` (field 0) or of the
                           values of that block's parameters (field 1) */
    TIR_PORT_STAGED,    /* output of a function that runs before another: value `index`; input of that other: from the
                           function at the start (field 0) or of the step (field 1); stage/stage.h */
    TIR_PORT_ROUND,     /* input of the body of a loop: state, slice or constant `index` */
    TIR_PORT_NODE, /* output: of density table g, index 2 g: the first bad node, 2 g + 1: the value there. Not compiled:
                      the runtime has it interpreted where the guard does not hold */
    TIR_PORT_ROLES
} TirPortRole;

typedef struct TirPort {
    TirPortRole role;
    uint32_t index, field;
    const char *name;
    TirId value; /* inputs: the INPUT operation; outputs: the value returned */
} TirPort;

/* A function in C that a model declares: `double symbol(double, ...)`, pure and safe to call from many threads. */
typedef struct TirExtern {
    const char *symbol;
    const char *file;       /* C source, object, archive or shared object, or "-lNAME"; NULL: in the running program */
    void (*function)(void); /* where it is here, once found (support/foreign.c); of another type */
} TirExtern;

typedef struct TirFunction TirFunction;

typedef struct TirOp {
    TirOpcode op;
    TirType type;
    TirAxes axes; /* of the result */
    uint32_t arg_count;
    TirId *args;
    TirAxes attr_axes; /* REDUCE, DOT: summed axes */
    TirAxisId axis, axis2;
    double real;     /* CONST */
    int64_t integer; /* CONST of int or bool; SLICE index; INPUT: input port number; UNIFORM, PICK: stream;
                        POLYGAMMA, BESSEL_J, INC_GAMMA, INC_BETA: order; LOOP: number of states; RESULT: which result */
    bool flag;
    TirMemory memory;
    TirExtern *external; /* EXTERN */
    TirFunction *body;   /* LOOP: one round; belongs to this operation alone */
    Span span;           /* of the source construct, also on adjoint operations */
} TirOp;

struct TirFunction {
    Arena *arena;
    const char *name;
    VEC(TirAxis) axes;
    VEC(TirOp) ops;
    VEC(TirPort) inputs, outputs;
};

typedef struct TirModule {
    Arena *arena;
    VEC(TirFunction *) functions;
} TirModule;

/* --- build.c: checked builders. Each returns the new value; arguments of the wrong type or shape stop the compiler (an
 *     internal error): callers report user errors before they build. --- */
TirFunction *tir_function_new(Arena *arena, const char *name);
TirAxisId tir_axis_add(TirFunction *f, const char *name, int64_t size, bool batch);
TirAxisId tir_axis_add_dynamic(TirFunction *f, const char *name, uint32_t data);
TirId tir_input(TirFunction *f, TirPortRole role, uint32_t index, uint32_t field, const char *name, TirType type,
                TirAxes axes, Span span);
void tir_output(TirFunction *f, TirPortRole role, uint32_t index, const char *name, TirId value);
TirId tir_real(TirFunction *f, double value, Span span);
TirId tir_int(TirFunction *f, int64_t value, Span span);
TirId tir_bool(TirFunction *f, bool value, Span span);
TirId tir_iota(TirFunction *f, TirAxisId axis, Span span);
TirId tir_extent(TirFunction *f, TirAxisId axis, Span span);
TirId tir_step(TirFunction *f, Span span);
TirId tir_uniform(TirFunction *f, int64_t stream, TirAxes axes, Span span);
/* One random row of `data_axis` for every point of `axes`. */
TirId tir_pick(TirFunction *f, int64_t stream, TirAxes axes, TirAxisId data_axis, Span span);
/* Any FUSE operation of MAP shape with 1, 2 or 3 arguments. */
TirId tir_map(TirFunction *f, TirOpcode op, Span span, TirId a, TirId b, TirId c);
/* The same of an operation with an order; without it, of order 0. */
TirId tir_map_order(TirFunction *f, TirOpcode op, int64_t order, Span span, TirId a, TirId b, TirId c);
TirId tir_polygamma(TirFunction *f, int64_t order, TirId a, Span span);
TirId tir_extern(TirFunction *f, TirExtern *external, const TirId *args, uint32_t count, Span span);
TirId tir_broadcast(TirFunction *f, TirId a, TirAxes axes, Span span);
TirId tir_rename(TirFunction *f, TirId a, TirAxisId from, TirAxisId to, Span span);
TirId tir_slice(TirFunction *f, TirId a, TirAxisId axis, int64_t index, Span span);
TirId tir_stack(TirFunction *f, const TirId *args, uint32_t count, TirAxisId axis, Span span);
TirId tir_gather(TirFunction *f, TirId table, TirId index, TirAxisId axis, Span span);
TirId tir_scatter(TirFunction *f, TirId values, TirId index, TirAxisId axis, TirAxes result, Span span);
TirId tir_search(TirFunction *f, TirId table, TirId x, TirAxisId axis, Span span);
/* Two axes or more, in their order, become `axis`, which is as long as they together. */
TirId tir_flatten(TirFunction *f, TirId a, TirAxes axes, TirAxisId axis, Span span);
TirId tir_sum(TirFunction *f, TirId a, TirAxes axes, Span span); /* axes that `a` lacks must not be listed */
TirId tir_reduce_max(TirFunction *f, TirId a, TirAxes axes, Span span);
TirId tir_cumsum(TirFunction *f, TirId a, TirAxisId axis, bool from_end, Span span);
TirId tir_argsort(TirFunction *f, TirId a, TirAxisId axis, Span span);
TirId tir_dot(TirFunction *f, TirId a, TirId b, TirAxes axes, Span span);
/* `value`, whose derivative is given: pairs x_0, slope_0, x_1, slope_1 ..., all real.
 *     dy = sum over k of [sum over the axes of slope_k and x_k that y lacks] slope_k dx_k
 * `value` itself is never differentiated through; the slopes are, for higher derivatives. */
TirId tir_custom(TirFunction *f, TirId value, const TirId *pairs, uint32_t pair_count, Span span);

/* --- loop.c: a function, the body, applied once for every index of an axis of static size, from the first index to the
 * last, or from the end. Arguments are the initial states, then sequences, which carry the axis and give one slice a
 * round, and constants, which lack it; the body has an input for each. It returns the new states, then anything else;
 * the loop has a result for each of these: the final states, and the rest stacked along the axis. Axes have the same
 * numbers in the body as outside. Results are read by tir_result only. --- */
TirFunction *tir_body_new(const TirFunction *f, const char *name);
TirId tir_body_input(TirFunction *body, TirType type, TirAxes axes, Span span);
TirId tir_loop(TirFunction *f, TirFunction *body, const TirId *args, uint32_t count, uint32_t states, TirAxisId axis,
               bool from_end, Span span);
TirId tir_result(TirFunction *f, TirId loop, uint32_t result, Span span);
TirAxes tir_result_axes(const TirOp *loop, uint32_t result);
/* Argument `k` of the loop is a sequence. */
bool tir_loop_slices(const TirFunction *f, const TirOp *loop, uint32_t k);
/* The body gets the axes that the function around it has got since. */
void tir_body_axes(const TirFunction *f, TirFunction *body);

/* --- copy.c: a copy that can be rewritten without touching `f`, whose arena must outlive it. --- */
TirFunction *tir_function_copy(Arena *arena, const TirFunction *f, const char *name);

/* --- shrink.c: batch axes become at most `rows` long (>= 2), as far as the function allows it. --- */
void tir_shrink(TirFunction *f, int64_t rows);

/* axis sets */
TirAxes tir_axes_none(void);
TirAxes tir_axes_one(TirAxisId axis);
TirAxes tir_axes_add(TirAxes axes, TirAxisId axis);
TirAxes tir_axes_union(TirAxes a, TirAxes b);
TirAxes tir_axes_minus(TirAxes a, TirAxes b);
TirAxes tir_axes_both(TirAxes a, TirAxes b);
bool tir_axes_has(TirAxes axes, TirAxisId axis);
bool tir_axes_equal(TirAxes a, TirAxes b);

/* op facts, from tir_ops.def */
enum { TIR_FUSE = 1, TIR_CONSTFOLD = 2, TIR_LINEAR = 4, TIR_STREAM = 8 };
const char *tir_op_text(TirOpcode op);
unsigned tir_op_flags(TirOpcode op);
int tir_op_arity(TirOpcode op);
double tir_op_cost(TirOpcode op); /* floating-point operations an element */

/* --- text.c: print, and parse what was printed; tir_parse returns NULL after reporting to the sink. --- */
void tir_print(FILE *out, const TirFunction *f);
/* Under another name, every operation with its span: for reading it again beside its sources. */
void tir_print_spans(FILE *out, const TirFunction *f, const char *name);
void tir_print_module(FILE *out, const TirModule *m);
TirModule *tir_parse(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink);

/* --- verify.c: NULL, or a text that says which operation breaks which rule. --- */
const char *tir_verify(const TirFunction *f, Arena *arena);

/* --- part.c --- */
/* A function with these outputs, whose values are of `f`, and with nothing that they do not need: ports of other
 * inputs stay, without a value. Shares with `f` what operations have besides arguments. */
TirFunction *tir_part(Arena *arena, const TirFunction *f, const TirPort *outputs, size_t count);
/* Of its outputs those with this role, of any index. */
TirFunction *tir_part_of_role(Arena *arena, const TirFunction *f, TirPortRole role);

/* --- interp.c: the reference interpreter, every real in f64. --- */
typedef struct TirTensor {
    TirType type;
    uint32_t rank;
    int64_t shape[TIR_MAX_AXES];
    size_t count;
    double *data; /* ints and bools are stored as doubles */
} TirTensor;
/* Inputs by input port; sizes of dynamic axes come from `extent[data set]`. Outputs by output port, in `arena`. */
void tir_interpret(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
                   uint64_t step, TirTensor *outputs);

/* --- trap.c: where a number that is none comes from --- */
enum { TIR_TRAP_ARGS = 6 };
typedef struct TirTrap {
    const TirFunction *f;       /* the function, or the body of a loop in it: in round `round` of it, from 0 */
    int64_t round;              /* -1: of no loop */
    TirId loop;                 /* of `f` */
    TirId op;                   /* makes it of arguments that are numbers; or an INPUT that holds it */
    int64_t at[TIR_MAX_AXES];   /* where, along the axes of the operation, from 0 */
    int64_t size[TIR_MAX_AXES]; /* of these axes */
    double value;               /* NaN or infinite */
    uint32_t arg_count;         /* values of arguments there; of a reduction none */
    double args[TIR_TRAP_ARGS];
    size_t points;   /* of a reduction: how many numbers of its arguments */
    double largest;  /* and the largest of their sizes */
    TirId turned;    /* where infinity became NaN on the way to the output, or TIR_NONE */
    uint32_t output; /* the output that it reaches: the first that is none */
    bool backward;   /* the loss does not need the operation: it belongs to the derivative */
} TirTrap;
/* Runs the function again, in single precision (`single`) or double, and follows the first output that is NaN or
 * infinite back to the operation where that began. False where all outputs are finite. */
bool tir_trap(const TirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
              uint64_t step, bool single, TirTrap *trap);

/* --- compiler/ad/reverse.c --- */
/* Appends to `f` the sum over j and over all points of seed[j] * d(of[j])/d(wrt[i]), with the axes of wrt[i], for each
 * i: out[i], or TIR_NONE where no `of` depends on wrt[i] through operations that have a derivative. The values `wrt`
 * are leaves: what they are made of, and other values made of the same, stay as they are. A seed may lack axes of its
 * `of`: it is then the same along them. What is appended are ordinary operations, so it can be differentiated again. */
void ad_adjoint(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt, uint32_t count,
                TirId *out);
/* Appends the derivative of each of[i] along wrt[j] -> tangent[j]; TIR_NONE: zero. The leaves are as in ad_adjoint.
 * Tangents may carry axes that wrt[j] lacks, new ones that no value before has: many directions at once. */
void ad_tangent(TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, const TirId *tangent,
                uint32_t wrt_count, TirId *out);
/* Whether a derivative can go through the operation to some argument. */
bool ad_differentiable(const TirOp *op);
/* Appends to `f` the derivative of output port `loss` (a scalar) by every input port listed, and replaces nothing: new
 * output ports GRADIENT (index = the input port's index) are added in the order of `inputs`. An input on which the
 * loss does not depend gets a zero gradient of its shape. Every operation on the path has a rule. */
void ad_gradient(TirFunction *f, uint32_t loss_output, const uint32_t *inputs, uint32_t count);

/* --- compiler/opt: one file a pass; each rewrites the function in place and keeps it verifiable. --- */
void opt_custom(TirFunction *f); /* custom(value, ...) -> value, once no derivative is taken any more */
void opt_fold(TirFunction *f);  /* constant folding and algebra: x*1, x+0, pow by small integers, select of const ... */
void opt_cse(TirFunction *f);   /* equal operations become one (draws too: same stream, same axes) */
void opt_dce(TirFunction *f);   /* what no output needs goes; unused inputs stay as ports */
void opt_loop(TirFunction *f);  /* loops take and give only what is read */
void opt_order(TirFunction *f); /* renumbers inner axes: the innermost loops of sums of products become long */
void opt_scatter(TirFunction *f); /* scatter(...) + scatter(...) -> one scatter of both */
void opt_unstack(
    TirFunction *f); /* dot(stack(x...), w) -> sum of x_i * slice(w, i) for few x; slice(stack) -> x_i; sum(stack) */

/* Internal error: prints the function, the operation and its span, and stops. */
_Noreturn void tir_fail(const TirFunction *f, TirId at, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

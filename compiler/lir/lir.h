/* Loop IR: kernels over buffers. A function is a list of groups that run one after another; a group splits the rows of
 * its row axis into slots, whose number depends on the rows alone (so that results do not depend on the number of
 * threads), walks each slot in blocks of rows, and runs its kernels on every block, so that what is made and used
 * inside a block stays in cache.
 *
 *   slot s of S covers rows [s*R/S, (s+1)*R/S) of R; each is walked in blocks of `block` rows, the last may be shorter.
 *   S = lir_slots(group, R).
 *   A group without a row axis (row_axis == LIR_NO_AXIS) and with one slot runs its kernels once. With more slots, slot
 *   s runs every kernel for its piece of the kernel's first loop, or of a COMBINE's elements: its kernels do not need
 *   one another and write nothing twice.
 *
 * Buffers are row-major in the order of their dimensions.
 *   IN, OUT    the caller's memory: frame->in[port], frame->out[port]
 *   WORK       in the function's arena (frame->work), alive through the whole call
 *   PARTIAL    WORK with a first dimension of `slots` of its group: one copy a slot
 *   SCRATCH    one copy a thread (frame->scratch); a dimension on the group's row axis holds one block:
 *              index 0 is the block's first row
 */
#ifndef QTMC_LIR_LIR_H
#define QTMC_LIR_LIR_H

#include <stdio.h>

#include "source/source.h"
#include "support/arena.h"
#include "tir/tir.h"

typedef enum LirOpcode {
#define LIR_OP(name, ...) LIR_##name,
#include "lir/lir_ops.def"
#undef LIR_OP
    LIR_OPCODE_COUNT
} LirOpcode;

typedef enum LirType {
    LIR_T_REAL,
    LIR_T_INT,
    LIR_T_BOOL
} LirType; /* in memory: f32|f64, i32, i32 of all zeros or all ones */
enum { LIR_NO_AXIS = 0xffffffff, LIR_MAX_DIMS = TIR_MAX_AXES + 1 };

typedef enum LirSpace { LIR_IN, LIR_OUT, LIR_WORK, LIR_PARTIAL, LIR_SCRATCH } LirSpace;

typedef struct LirBuffer {
    const char *name;
    LirSpace space;
    LirType type;
    uint32_t port;  /* IN, OUT */
    uint32_t group; /* PARTIAL, SCRATCH: owner */
    uint32_t rank;
    TirAxisId dims[LIR_MAX_DIMS]; /* axis of each dimension (PARTIAL: without the slot dimension, which comes first) */
    int64_t offset;               /* byte offset in arena or scratch; a multiple of 64 */
    int64_t bytes;                /* static size; for a PARTIAL, of all slots; for a WORK with a dynamic dimension, 0 */
    uint32_t dynamic_axis; /* WORK: the one dynamic axis, or LIR_NO_AXIS; it then has bytes_per_row * extent bytes */
    int64_t bytes_per_row;
    uint32_t place; /* of the function's, where it begins */
    int64_t pitch;  /* SCRATCH: elements from one line along the last dimension to the next, where more than its length,
                       so that walking down a column does not meet the same few places of a cache; else 0 */
    uint32_t alias_of; /* 1 + the number of the buffer that it names by other dimensions; or 0 */
    uint32_t from, to; /* WORK, PARTIAL: the first and the last group that needs it; from > to: none */
    Span span;         /* of what it holds */
    bool clear;        /* set to zero when a slot of its group starts: a PARTIAL's copy, or what the one slot adds to */
} LirBuffer;

/* Memory of dynamic size, for buffers that are never needed at once: bytes_per_row * extent bytes, rounded up to 64.
 * The places lie behind all static buffers, in order. */
typedef struct LirPlace {
    TirAxisId axis;
    int64_t bytes_per_row;
} LirPlace;

/* How one dimension of a buffer is indexed. */
typedef enum LirIndexKind { LIR_INDEX_LOOP, LIR_INDEX_CONST, LIR_INDEX_VALUE } LirIndexKind;
typedef struct LirIndex {
    LirIndexKind kind;
    uint32_t axis;    /* LOOP: a loop axis of the kernel (an equal-sized axis may index another axis' dimension) */
    int64_t constant; /* CONST */
    uint32_t value;   /* VALUE: an INT instruction; the emitter clamps it into [0, n-1] */
} LirIndex;

typedef struct LirAccess {
    uint32_t buffer;
    LirIndex index[LIR_MAX_DIMS]; /* one a dimension (not the slot of a PARTIAL, which is implied) */
} LirAccess;

typedef struct LirInstr {
    LirOpcode op;
    LirType type; /* math expansion uses LIR_T_INT for "as wide as the real" integers too, on BIT_* ops only */
    uint32_t args[TIR_EXTERN_ARGS];
    uint32_t axis;    /* LOOP, EXTENT */
    LirAccess access; /* LOAD, SEARCH: for SEARCH the dimension searched has index kind CONST 0 and axis = `axis` */
    double real;
    int64_t integer;
    TirExtern *external; /* EXTERN */
    Span span;
} LirInstr;

/* What a kernel does with a finished value. */
typedef enum LirEffectKind {
    LIR_STORE,  /* buffer[access] = value */
    LIR_ADD_TO, /* buffer[access] += value; loops that the access does not use are reduced. In a NEST the emitter
                   accumulates in registers when the innermost loops are the reduced ones, else in memory */
    LIR_MAX_TO,
} LirEffectKind;
typedef struct LirEffect {
    LirEffectKind kind;
    LirAccess access;
    uint32_t value;
} LirEffect;

typedef enum LirKernelKind {
    LIR_ZERO,    /* clear `zero` (a SCRATCH or WORK buffer), once a block */
    LIR_FILL,    /* fill `zero` (a real buffer) with `fill`: the start of a MAX_TO */
    LIR_NEST,    /* for every point of `loops`: body, effects. The last loop is the vector axis if `vector` */
    LIR_DOT,     /* for outer loops, m, n: acc = sum_k A*B; then body and effects at every (m, n) */
    LIR_CUMSUM,  /* buffer `effects[0]` = inclusive sums of load `a` along `k_axis`, for every point of `loops` */
    LIR_ARGSORT, /* the same with positions in ascending order in place of sums, see qtm/numeric.h */
    LIR_COMBINE, /* real buffer `zero` = the sum of the copies of the PARTIAL `a`, slot 0 first */
    LIR_PACK,    /* `effects[0]` = the weights `a`[k, n], or [n, k], as products read them: [strip][k][element], strip s
                    being columns s*e .. s*e + e - 1 of n, one line of a cache; elements past n are never used.
                    `loops[0]` runs over the strips */
} LirKernelKind;

typedef struct LirKernel {
    LirKernelKind kind;
    const char *name;    /* unique in the function; says what it computes */
    const char *symbol;  /* of the emitted function that computes it; set by llvm_whole */
    uint32_t loop_count; /* outermost first; the group's row axis, where used, comes first and runs over the block */
    TirAxisId loops[LIR_MAX_DIMS];
    uint32_t joined; /* bit i: loop i and the next are one loop over memory, of both their steps; of the last loop of a
                        DOT the next is m, or k where it accumulates. See schedule/join.c */
    bool vector;     /* NEST: vectorise the last loop. False where lanes could collide (scatter) */
    VEC(LirInstr) body;
    VEC(LirEffect) effects;
    uint32_t zero; /* ZERO, FILL, COMBINE: the buffer written */
    double fill;
    /* DOT: `loops` are the loops around the tile; the axes m, n, k are not in `loops`.
     *   A is indexed by (loops, m, k), B by (loops, k, n) with n its last dimension (stride 1) and effects likewise
     * with n last. n is the vector axis. m may be the group's row axis (it then runs over the block) or any other axis;
     *   k may be the group's row axis (weight gradients).
     *   If `packed`, B is what a PACK made of it: dimension 0 is indexed by n / e, 1 by k, 2 by n % e, written with n
     * as the loop of both. If `accumulate`, body is empty and the effect is one ADD_TO of ACC: used when a loop or the
     * block sums over rows; or a STORE, where one block has all rows of a slot. */
    TirAxisId m_axis, n_axis, k_axis; /* m_axis may be LIR_NO_AXIS (one row) */
    LirAccess a, b;
    bool accumulate;
    bool packed;
    bool reverse; /* CUMSUM from the end */
    Span span;
    const char *computes; /* its operations, "dot, 2 add, tanh"; NULL where the name says all */
    const char *reason;   /* why it is a kernel of its own, and computed so; in plain words, or NULL */
} LirKernel;

/* Rounds of another function. In each, input k of the body is the buffer in[k]: whole, or where slice[k] its piece for
 * the round, the first dimension being the rounds. Of the `states` first ones the buffer is the state at the start
 * only; output k goes to out[k] or to other[k] in turn, so that the last round writes out[k], and is input k of the
 * next round. Further outputs are slices of out[k]. The body has the frame's scratch, and its work behind all buffers.
 */
typedef struct LirFunction LirFunction;
typedef struct LirLoop {
    LirFunction *body;
    TirAxisId axis;
    int64_t rounds;
    bool from_end;
    uint32_t states, in_count, out_count;
    uint32_t *in, *out, *other;
    bool *slice;
} LirLoop;

typedef struct LirGroup {
    const char *name;
    TirAxisId row_axis;       /* or LIR_NO_AXIS */
    int64_t block;            /* rows in a block */
    uint32_t slots;           /* at most */
    int64_t slot_rows;        /* fewest rows of a slot, where there is more than one; 0: always `slots` slots */
    VEC(LirKernel *) kernels; /* every block, in order */
    LirLoop *loop;            /* what it runs in place of kernels, or NULL */
    const char *reason;       /* why this grouping and these sizes, for --report=schedule and comments in the output */
} LirGroup;

/* A value that one pass over the rows makes and a later one needs: in memory for all rows, or made again there. */
typedef struct LirKept {
    Span span;
    TirAxisId row;
    double bytes; /* of one row, kept or saved; 0 for what is made again only on the way to other values */
    double cost;  /* made again: floating-point operations a row */
    TirMemory asked;
    bool again;
} LirKept;

struct LirFunction {
    Arena *arena;
    const char *name;
    const TirFunction *source; /* axes and ports */
    VEC(LirBuffer) buffers;
    VEC(LirPlace) places;
    VEC(LirGroup) groups;
    VEC(LirKept) kept;
    int64_t work_bytes;    /* static part of the arena */
    int64_t scratch_bytes; /* a thread's, bodies included */
    bool is_body;          /* of a loop: its ports may begin anywhere */
    bool hot;              /* runs over and over: worth the code generator's full effort */
};

typedef struct LirModule {
    Arena *arena;
    bool f64; /* width of LIR_T_REAL */
    VEC(LirFunction *) functions;
} LirModule;

/* Elements in a strip of packed weights: 64 bytes, whatever the machine's vectors are. */
static inline int64_t lir_strip(bool f64) {
    return f64 ? 8 : 16;
}
/* CUMSUM, ARGSORT: no body, from `a` into the one effect along k_axis */
static inline bool lir_is_line(const LirKernel *kernel) {
    return kernel->kind == LIR_CUMSUM || kernel->kind == LIR_ARGSORT;
}
/* How many slots have work when the group's row axis has `rows`. */
static inline int64_t lir_slots(const LirGroup *group, int64_t rows) {
    if (group->row_axis == LIR_NO_AXIS || !group->slot_rows || rows >= group->slots * group->slot_rows)
        return group->slots;
    return rows < group->slot_rows ? 1 : rows / group->slot_rows;
}
/* The loop of a kernel that its group deals out in pieces, or LIR_NO_AXIS. */
static inline uint32_t lir_row_axis(const LirGroup *group, const LirKernel *kernel) {
    if (group->row_axis != LIR_NO_AXIS || group->slots == 1 || !kernel->loop_count) return group->row_axis;
    return kernel->loops[0];
}
/* How many loops in front of this one are joined to it: those at place - 1, place - 2, ... of `loops`, from `place`. */
uint32_t lir_joined(const LirKernel *kernel, uint32_t axis, uint32_t *place);
const char *lir_op_text(LirOpcode op);
int lir_op_arity(LirOpcode op);
/* text.c */
void lir_print(FILE *out, const LirFunction *f);
void lir_print_module(FILE *out, const LirModule *m);
/* verify.c: NULL, or what is wrong. */
const char *lir_verify(const LirFunction *f, Arena *arena);
/* The length of an axis is static (size) or frame->extent[axis.data]. The slot count of a PARTIAL is its group's. */

/* What slots and blocks are chosen by. */
typedef struct ScheduleSizes {
    double slot_ns;    /* least work of a slot */
    double copies_ns;  /* clearing, reading and adding one byte of a slot's copy */
    double copies;     /* most part of the work that copies may take */
    double scratch;    /* bytes of a block that live at the same time */
    int64_t rows_most; /* in a block */
    int64_t products;  /* rows of a block from which on the operands of products are read often enough */
} ScheduleSizes;
extern const ScheduleSizes schedule_sizes;
/* compiler/schedule/schedule.c: fusion, grouping, layout and buffers. f64: width of reals, for the sizes. */
LirFunction *schedule_function(Arena *arena, const TirFunction *f, bool f64);
/* With other sizes than those of the machine: for tests. */
LirFunction *schedule_function_sized(Arena *arena, const TirFunction *f, bool f64, const ScheduleSizes *sizes);
/* compiler/math/expand.c: replaces EXP ... POW in every kernel body by plain instructions. */
void math_expand(LirFunction *f, bool f64);

#endif

/* What the scheduler decides about each tensor operation before it writes kernels. Private to compiler/schedule.
 *
 *   classify.c  how an operation can be computed: in registers, as a reduction, as a matrix product ...
 *   stages.c    in which group (stage, row axis) it runs
 *   recompute.c which values of one pass over the rows a later one makes again instead of reading them
 *   cluster.c   which operations of a group share one loop nest
 *   sizes.c     how many slots a group has, and how many rows a block
 *   pack.c      which weights are copied into the order in which products read them
 *   storage.c   which buffer holds each value that must live in memory
 *   places.c    where buffers lie
 *   kernels.c   loop IR of every cluster
 *   join.c      loops that walk memory as one
 *   loops.c     loops over rounds: their axes, their groups
 */
#ifndef QTMC_SCHEDULE_PLAN_H
#define QTMC_SCHEDULE_PLAN_H

#include "lir/lir.h"
#include "tir/tir.h"

typedef enum OpKind {
    OP_DEAD,
    OP_INPUT,
    OP_INLINE, /* recomputed wherever it is used: constants, indices and sums of them, and re-indexed loads */
    OP_POINT,  /* one value for each point of its own axes, kept in a register or stored */
    OP_SUM,    /* reduction over points of its argument */
    OP_MAX,
    OP_STACK,
    OP_FLATTEN, /* stored at the points of its argument */
    OP_SCATTER,
    OP_DOT,      /* matrix product whose result is finished in one pass: rows x weights */
    OP_DOT_ROWS, /* matrix product that sums over rows: a weight gradient */
    OP_CONTRACT, /* any other product-and-sum, as a loop nest */
    OP_CUMSUM,
    OP_ARGSORT,
    OP_LOOP,   /* a group of its own that calls the body; has no value itself */
    OP_RESULT, /* memory that a loop writes */
} OpKind;

typedef struct OpPlan {
    OpKind kind;
    TirAxes space;         /* the points at which it is computed */
    TirAxisId row;         /* row axis of the group that computes it, or LIR_NO_AXIS */
    bool partial;          /* computed over rows, but the result has none: one copy a slot, then combined */
    bool buffered;         /* lives in memory */
    bool exported;         /* read by another group, or an output */
    uint32_t stage, group; /* groups of a stage: the one without rows runs first, loops last */
    uint32_t cluster;      /* position in its group's list of clusters */
    uint32_t buffer;       /* where users read it, LIR: TIR_NONE until storage.c */
    uint32_t slot_buffer;  /* partial: the copies */
    uint32_t local_buffer; /* accumulated in scratch first, then copied to `buffer` */
    uint32_t unfolded;     /* FLATTEN: another name of `buffer`, by the axes that are flattened */
    TirAxisId dot_k, dot_n, dot_m;
    TirId dot_a, dot_b;
    TirId loop;           /* LOOP, RESULT: the loop; else TIR_NONE */
    uint32_t index_terms; /* operations of an index made of indices and constants; 0: not one */
    bool dot_pack;        /* b is read from a packed copy, made once a call */
} OpPlan;

typedef enum ClusterKind { CLUSTER_NEST, CLUSTER_SCATTER, CLUSTER_DOT, CLUSTER_DOT_ROWS, CLUSTER_LINE } ClusterKind;
typedef struct Cluster {
    ClusterKind kind;
    TirAxes space;
    VEC(TirId) ops;
    const char *reason; /* why its first operation is in no earlier one; NULL where there is none */
} Cluster;

typedef struct GroupPlan {
    uint32_t stage;
    TirAxisId row;
    TirId loop; /* that this group runs, or TIR_NONE */
    VEC(Cluster) clusters;
    VEC(TirId) combines;  /* partial values whose copies are added up when the group starts */
    VEC(uint32_t) copies; /* output ports that are filled by copying their value, when the group ends */
    int64_t block;
    uint32_t slots;
    int64_t slot_rows;
    bool one_block; /* every slot has rows, and one block has them all */
    /* Of a group in front of this one for its combines, and one behind it for packs; 0: it does them itself. */
    uint32_t combine_slots, pack_slots;
    bool main;       /* something is left to do besides */
    uint32_t number; /* of its LirGroup */
    const char *reason;
} GroupPlan;

/* A packed copy of weights, made when row-less group `group` ends. */
typedef struct Pack {
    TirId value;
    TirAxisId n, k;
    uint32_t stage, group, buffer;
} Pack;

typedef struct Plan {
    Arena *arena;
    TirFunction *f; /* a copy of the source with the slot axes added */
    bool f64;
    const ScheduleSizes *sizes;
    OpPlan *op;
    const char **label; /* of operations that are not numbered as in the source; NULL: all are */
    VEC(GroupPlan) groups;
    VEC(Pack) packs;
    LirFunction *lir;
} Plan;

/* One read of a value by an operation, seen through inline operations down to what is in memory or in a register. */
typedef struct Use {
    TirId base;          /* the operation read: never OP_INLINE, unless a constant or an index */
    bool reindexed;      /* not read at the reader's own point: sliced or renamed on the way, or a table */
    TirAxisId moved_row; /* a base axis that is not indexed by its own loop because of that; LIR_NO_AXIS if none */
} Use;
/* The batch axis whose rows a group splits. */
TirAxisId plan_row_of(const TirFunction *f, TirAxes axes);
/* Whether whoever reads this value reads its first argument, perhaps at another place. */
bool plan_passes(const Plan *plan, TirId at);
/* Everything that `at` reads; STACK may read more than fit, hence the visitor. */
typedef void (*UseVisitor)(Plan *plan, TirId reader, Use use, void *context);
void plan_visit_uses(Plan *plan, TirId reader, UseVisitor visit, void *context);
/* The number of the operation in the source, "12"; of one that group 3 makes again, "12_again3". */
const char *plan_label(const Plan *plan, TirId at);
int64_t plan_axis_size(const Plan *plan, TirAxisId axis); /* -1 when dynamic */

/* Whether the reader finds the value at its own row, so that both can run in one pass over the rows. */
/* Whether the sum over rows `at`, a partial, is finished by one product a slot. */
bool plan_stores(const Plan *plan, TirId at);
bool plan_read_in_place(const Plan *plan, const OpPlan *reader, const OpPlan *value, TirId base, Use use);

void plan_classify(Plan *plan);
void plan_stages(Plan *plan);
void plan_recompute(Plan *plan);
void plan_clusters(Plan *plan);
void plan_storage(Plan *plan);
void plan_sizes(Plan *plan);
bool plan_pack_wanted(const Plan *plan, const TirOp *op, const OpPlan *p);
void plan_pack_need(Plan *plan, const OpPlan *p);
void plan_pack_storage(Plan *plan);
const Pack *plan_pack_of(const Plan *plan, const OpPlan *p); /* NULL: read where the weights are */
LirAccess plan_pack_access(const Pack *pack);
void plan_kernels(Plan *plan);
void plan_buffer_sizes(Plan *plan);
void plan_offsets(Plan *plan);
void plan_join(Plan *plan);

/* `f`, or where it has loops a copy in which the axes of rounds come first: a slice is then one piece of memory. */
const TirFunction *plan_loops_first(Arena *arena, const TirFunction *f);
LirLoop *plan_loop(Plan *plan, TirId at);

uint32_t plan_buffer_add(Plan *plan, const char *name, LirSpace space, TirType type, TirAxes axes);

#endif

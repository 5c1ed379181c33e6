/* Fusion: operations of one group that are computed at the same points share a loop nest, as long as every value that
 * is read away from its own point is finished in an earlier nest. A value that only its own nest reads stays in a
 * register. */
#include "schedule/plan.h"

typedef struct Earliest {
    uint32_t position;
    bool tables; /* reads something away from its own point: not for the epilogue of a matrix product */
    TirId after; /* the value whose kernel must be over first, or TIR_NONE */
    bool moved;  /* because it is read at another point than the reader's */
} Earliest;

/* Whether a reader in the same nest can take the value from a register. */
static bool in_register(const Plan *plan, TirId reader, Use use) {
    const OpPlan *v = &plan->op[use.base];
    return !use.reindexed && (v->kind == OP_POINT || v->kind == OP_DOT) &&
           tir_axes_equal(v->space, plan->op[reader].space);
}

static void find_earliest(Plan *plan, TirId reader, Use use, void *context) {
    Earliest *e = context;
    const OpPlan *v = &plan->op[use.base];
    if (use.reindexed) e->tables = true;
    if (v->kind == OP_INPUT || v->kind == OP_INLINE || v->group != plan->op[reader].group) return;
    bool close = in_register(plan, reader, use);
    uint32_t position = v->cluster + (close ? 0 : 1);
    if (position < e->position || (position == e->position && close)) return;
    e->position = position;
    e->after = close ? TIR_NONE : use.base;
    e->moved = use.reindexed;
}

static ClusterKind cluster_kind(OpKind kind) {
    switch (kind) {
    case OP_SCATTER: return CLUSTER_SCATTER;
    case OP_DOT: return CLUSTER_DOT;
    case OP_DOT_ROWS: return CLUSTER_DOT_ROWS;
    case OP_CUMSUM:
    case OP_ARGSORT: return CLUSTER_LINE;
    default: return CLUSTER_NEST;
    }
}

static bool can_join(const Plan *plan, const Cluster *cluster, TirId at, bool tables) {
    const OpPlan *p = &plan->op[at];
    if (!tir_axes_equal(cluster->space, p->space)) return false;
    switch (p->kind) {
    case OP_POINT: return cluster->kind == CLUSTER_NEST || (cluster->kind == CLUSTER_DOT && !tables);
    case OP_SUM:
    case OP_MAX:
    case OP_STACK:
    case OP_FLATTEN:
    case OP_CONTRACT: return cluster->kind == CLUSTER_NEST;
    case OP_SCATTER: return cluster->kind == CLUSTER_SCATTER;
    default: return false;
    }
}

/* Why `at` begins a cluster: what it waits for, or how it differs from those that it could have joined. */
static const char *reason_new(const Plan *plan, const GroupPlan *group, TirId at, Earliest e) {
    const OpPlan *p = &plan->op[at];
    if (e.after != TIR_NONE) {
        const OpPlan *v = &plan->op[e.after];
        const char *value =
            arena_format(plan->arena, "%s_%s", tir_op_text(plan->f->ops.data[e.after].op), plan_label(plan, e.after));
        bool total = v->kind == OP_SUM || v->kind == OP_MAX || v->kind == OP_CONTRACT || v->kind == OP_SCATTER;
        const char *why = p->kind == OP_DOT || p->kind == OP_DOT_ROWS ? "a matrix product reads whole rows of it"
                          : total                                     ? "it is a sum or maximum that must be complete"
                          : v->kind == OP_CUMSUM || v->kind == OP_ARGSORT ? "it is made line by line"
                          : e.moved                                       ? "it is read at another point than its own"
                                                                          : "it has other axes";
        return arena_format(plan->arena, "waits for %s: %s", value, why);
    }
    if (p->kind == OP_DOT || p->kind == OP_DOT_ROWS) return "a matrix product begins a kernel";
    if (p->kind == OP_CUMSUM || p->kind == OP_ARGSORT) return "made line by line, with nothing beside it";
    if (p->kind == OP_SCATTER) return "adds to places that its values choose: lanes could meet in one";
    if (e.position >= group->clusters.count) return NULL;
    const Cluster *near = &group->clusters.data[group->clusters.count - 1];
    for (uint32_t c = e.position; c < group->clusters.count; c++)
        if (tir_axes_equal(group->clusters.data[c].space, p->space)) near = &group->clusters.data[c];
    if (!tir_axes_equal(near->space, p->space)) return "has other axes than the kernels before it";
    if (p->kind == OP_POINT) return "looks things up, or follows a scatter: no end of a matrix product";
    if (near->kind == CLUSTER_DOT) return "a matrix product ends point by point, and sums nothing of what it makes";
    return "what is before it adds to places that values choose, and does nothing else";
}

static void place(Plan *plan, TirId at) {
    OpPlan *p = &plan->op[at];
    GroupPlan *group = &plan->groups.data[p->group];
    Earliest e = {.after = TIR_NONE};
    plan_visit_uses(plan, at, find_earliest, &e);
    for (uint32_t c = e.position; c < group->clusters.count; c++) {
        if (!can_join(plan, &group->clusters.data[c], at, e.tables)) continue;
        p->cluster = c;
        VEC_PUSH(plan->arena, &group->clusters.data[c].ops, at);
        return;
    }
    Cluster cluster = {.kind = cluster_kind(p->kind), .space = p->space, .reason = reason_new(plan, group, at, e)};
    VEC_PUSH(plan->arena, &cluster.ops, at);
    VEC_PUSH(plan->arena, &group->clusters, cluster);
    p->cluster = (uint32_t)group->clusters.count - 1;
}

static void note_memory(Plan *plan, TirId reader, Use use, void *context) {
    (void)context;
    OpPlan *v = &plan->op[use.base];
    if (v->kind == OP_INPUT || v->kind == OP_INLINE) return;
    const OpPlan *r = &plan->op[reader];
    if (r->group != v->group || r->cluster != v->cluster || !in_register(plan, reader, use)) v->buffered = true;
}

void plan_clusters(Plan *plan) {
    for (TirId i = 0; i < plan->f->ops.count; i++) {
        OpKind kind = plan->op[i].kind;
        if (kind != OP_DEAD && kind != OP_INPUT && kind != OP_INLINE && plan->op[i].loop == TIR_NONE) place(plan, i);
    }
    for (TirId i = 0; i < plan->f->ops.count; i++) {
        OpPlan *p = &plan->op[i];
        if (p->kind == OP_DEAD || p->kind == OP_INPUT || p->kind == OP_INLINE) continue;
        if (p->kind != OP_POINT && p->kind != OP_DOT) p->buffered = true;
        plan_visit_uses(plan, i, note_memory, NULL);
    }
}

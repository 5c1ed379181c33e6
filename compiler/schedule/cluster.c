/* Fusion: operations of one group that are computed at the same points share a loop nest, as long as every value that
 * is read away from its own point is finished in an earlier nest. A value that only its own nest reads stays in a
 * register. */
#include "schedule/plan.h"

typedef struct Earliest {
    uint32_t position;
    bool tables; /* reads something away from its own point: not for the epilogue of a matrix product */
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
    uint32_t position = v->cluster + (in_register(plan, reader, use) ? 0 : 1);
    if (position > e->position) e->position = position;
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

static void place(Plan *plan, TirId at) {
    OpPlan *p = &plan->op[at];
    GroupPlan *group = &plan->groups.data[p->group];
    Earliest e = {0, false};
    plan_visit_uses(plan, at, find_earliest, &e);
    for (uint32_t c = e.position; c < group->clusters.count; c++) {
        if (!can_join(plan, &group->clusters.data[c], at, e.tables)) continue;
        p->cluster = c;
        VEC_PUSH(plan->arena, &group->clusters.data[c].ops, at);
        return;
    }
    Cluster cluster = {.kind = cluster_kind(p->kind), .space = p->space};
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

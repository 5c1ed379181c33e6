/* Weights as matrix products read them: copied once a call into strips of columns, each a line of the cache wide and
 * all of k long, so that a tile of a product walks along one piece of memory (LIR_PACK). Decides which products read
 * their weights so, and writes the copies. Assumes weights of two axes, without rows. */
#include "schedule/plan.h"

#include <string.h>

enum {
    IN_PLACE_BYTES = 16 * 1024, /* weights that stay in the first-level cache as they are, with room for the rows */
    FEW_ROWS = 8                /* so many rows do not pay for a copy */
};

/* Rows of all products of `at`, or -1 where the number is known at run time only. */
static int64_t product_rows(const Plan *plan, const TirOp *op, TirAxisId n) {
    int64_t rows = 1;
    for (uint32_t d = 0; d < op->axes.count; d++) {
        int64_t size = plan_axis_size(plan, op->axes.id[d]);
        if (op->axes.id[d] == n) continue;
        if (size < 0) return -1;
        rows *= size;
    }
    return rows;
}

bool plan_pack_wanted(const Plan *plan, const TirOp *op, const OpPlan *p) {
    TirAxes weights = plan->f->ops.data[p->dot_b].axes;
    if (weights.id[1] != p->dot_n) return true; /* [n, k]: the tile wants neighbours along n */
    int64_t n = plan_axis_size(plan, p->dot_n), k = plan_axis_size(plan, p->dot_k);
    int64_t rows = product_rows(plan, op, p->dot_n), bytes = n * k * (plan->f64 ? 8 : 4);
    if (n <= lir_strip(plan->f64) || bytes <= IN_PLACE_BYTES) return false;
    return rows < 0 || rows > FEW_ROWS;
}

/* One copy of a value for each axis that is k, made in the earliest stage that wants it. */
void plan_pack_need(Plan *plan, const OpPlan *p) {
    for (size_t i = 0; i < plan->packs.count; i++) {
        Pack *pack = &plan->packs.data[i];
        if (pack->value != p->dot_b || pack->k != p->dot_k) continue;
        if (p->stage < pack->stage) pack->stage = p->stage;
        return;
    }
    Pack pack = {.value = p->dot_b, .n = p->dot_n, .k = p->dot_k, .stage = p->stage, .buffer = TIR_NONE};
    VEC_PUSH(plan->arena, &plan->packs, pack);
}

static TirAxisId axis_named(Plan *plan, const char *name, int64_t size) {
    for (TirAxisId a = 0; a < plan->f->axes.count; a++)
        if (!strcmp(plan->f->axes.data[a].name, name) && plan_axis_size(plan, a) == size) return a;
    TirAxis axis = {.name = name, .size = size}; /* of loop IR only, where one strip is a dimension too */
    VEC_PUSH(plan->arena, &plan->f->axes, axis);
    return (TirAxisId)plan->f->axes.count - 1;
}

void plan_pack_storage(Plan *plan) {
    int64_t strip = lir_strip(plan->f64);
    for (size_t i = 0; i < plan->packs.count; i++) {
        Pack *pack = &plan->packs.data[i];
        int64_t strips = (plan_axis_size(plan, pack->n) + strip - 1) / strip;
        const char *name = arena_format(plan->arena, "strips%lld", (long long)strips);
        TirAxes axes = {.count = 3};
        axes.id[0] = axis_named(plan, name, strips);
        axes.id[1] = pack->k;
        axes.id[2] = axis_named(plan, "strip", strip);
        name =
            arena_format(plan->arena, "b%s_packed_%s", plan_label(plan, pack->value), plan->f->axes.data[pack->k].name);
        pack->buffer = plan_buffer_add(plan, name, LIR_WORK, TIR_REAL, axes);
        plan->lir->buffers.data[pack->buffer].span = plan->f->ops.data[pack->value].span;
    }
}

LirAccess plan_pack_access(const Pack *pack) {
    return (LirAccess){.buffer = pack->buffer,
                       .index = {{.kind = LIR_INDEX_LOOP, .axis = pack->n},
                                 {.kind = LIR_INDEX_LOOP, .axis = pack->k},
                                 {.kind = LIR_INDEX_LOOP, .axis = pack->n}}};
}

const Pack *plan_pack_of(const Plan *plan, const OpPlan *p) {
    for (size_t i = 0; i < plan->packs.count; i++)
        if (plan->packs.data[i].value == p->dot_b && plan->packs.data[i].k == p->dot_k) return &plan->packs.data[i];
    return NULL;
}

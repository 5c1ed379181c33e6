/* Assigns operations to groups. A group is a stage and a row axis; the group without rows runs first in its stage.
 *
 *   reader and value in the same group, value read at the reader's own row:   same stage
 *   row-less value read by rows:                                              same stage (row-less runs first)
 *   value of rows read by row-less or by other rows, or a combined partial:   next stage
 *   value read by a loop, which runs last in its stage:                       same stage, but for a partial
 *   result of a loop:                                                         next stage
 */
#include "schedule/plan.h"

bool plan_read_in_place(const Plan *plan, const OpPlan *reader, const OpPlan *value, TirId base, Use use) {
    if (reader->row != value->row) return false;
    if (reader->row == LIR_NO_AXIS) return true;
    return !value->partial && tir_axes_has(plan->f->ops.data[base].axes, reader->row) && use.moved_row != reader->row;
}

static void stage_after(Plan *plan, TirId reader, Use use, void *context) {
    uint32_t *stage = context;
    const OpPlan *r = &plan->op[reader], *v = &plan->op[use.base];
    if (v->kind == OP_INPUT || v->kind == OP_INLINE) return;
    bool same = plan_read_in_place(plan, r, v, use.base, use) || (v->row == LIR_NO_AXIS && r->row != LIR_NO_AXIS);
    if (v->kind == OP_RESULT) same = false;
    if (r->kind == OP_LOOP || r->kind == OP_RESULT) same = !v->partial;
    uint32_t least = same ? v->stage : v->stage + 1;
    if (least > *stage) *stage = least;
}

static void note_export(Plan *plan, TirId reader, Use use, void *context) {
    (void)context;
    OpPlan *v = &plan->op[use.base];
    if (v->kind == OP_INPUT || v->kind == OP_INLINE) return;
    if (v->group != plan->op[reader].group) v->exported = v->buffered = true;
}

static uint32_t group_find(Plan *plan, uint32_t stage, TirAxisId row, TirId loop) {
    for (uint32_t i = 0; i < plan->groups.count; i++) {
        const GroupPlan *group = &plan->groups.data[i];
        if (group->stage == stage && group->row == row && group->loop == loop) return i;
    }
    return TIR_NONE;
}

/* By stage; in a stage the group without rows, then rows, then loops in the order in which they stand. */
static bool group_later(const GroupPlan *a, const GroupPlan *b) {
    if (a->stage != b->stage) return a->stage > b->stage;
    if (a->loop != TIR_NONE || b->loop != TIR_NONE)
        return a->loop != TIR_NONE && (b->loop == TIR_NONE || a->loop > b->loop);
    return b->row == LIR_NO_AXIS && a->row != LIR_NO_AXIS;
}

static void group_need(Plan *plan, uint32_t stage, TirAxisId row, TirId loop) {
    if (group_find(plan, stage, row, loop) != TIR_NONE) return;
    GroupPlan group = {.stage = stage, .row = row, .loop = loop, .slots = 1, .block = 1};
    VEC_PUSH(plan->arena, &plan->groups, group);
    for (size_t i = plan->groups.count - 1; i > 0; i--) {
        GroupPlan *a = &plan->groups.data[i - 1], *b = &plan->groups.data[i];
        if (!group_later(a, b)) break;
        GroupPlan swap = *a;
        *a = *b;
        *b = swap;
    }
}

static bool computed(const OpPlan *p) {
    return p->kind != OP_DEAD && p->kind != OP_INPUT && p->kind != OP_INLINE;
}

void plan_stages(Plan *plan) {
    const TirFunction *f = plan->f;
    uint32_t last = 0;
    for (TirId i = 0; i < f->ops.count; i++) {
        OpPlan *p = &plan->op[i];
        if (!computed(p)) continue;
        plan_visit_uses(plan, i, stage_after, &p->stage);
        group_need(plan, p->stage, p->row, p->loop);
        if (p->partial) group_need(plan, p->stage + 1, LIR_NO_AXIS, TIR_NONE);
        if (p->kind == OP_DOT && p->dot_pack) {
            group_need(plan, p->stage, LIR_NO_AXIS, TIR_NONE);
            plan_pack_need(plan, p);
        }
        if (p->stage + (p->partial ? 1 : 0) > last) last = p->stage + (p->partial ? 1 : 0);
    }
    for (TirId i = 0; i < f->ops.count; i++) {
        OpPlan *p = &plan->op[i];
        if (!computed(p)) continue;
        p->group = group_find(plan, p->stage, p->row, p->loop);
        if (!p->partial) continue;
        p->exported = p->buffered = true;
        GroupPlan *combine = &plan->groups.data[group_find(plan, p->stage + 1, LIR_NO_AXIS, TIR_NONE)];
        VEC_PUSH(plan->arena, &combine->combines, i);
    }
    for (TirId i = 0; i < f->ops.count; i++)
        if (computed(&plan->op[i])) plan_visit_uses(plan, i, note_export, NULL);
    for (size_t i = 0; i < plan->packs.count; i++) {
        Pack *pack = &plan->packs.data[i];
        pack->group = group_find(plan, pack->stage, LIR_NO_AXIS, TIR_NONE);
        OpPlan *v = &plan->op[pack->value];
        if (computed(v) && v->group != pack->group) v->exported = v->buffered = true;
    }
    /* Outputs: the first port of a computed value is where it lives; others, and inputs passed through, are copied. */
    bool *taken = ARENA_ARRAY(plan->arena, bool, f->ops.count + 1);
    for (uint32_t o = 0; o < f->outputs.count; o++) {
        TirId value = f->outputs.data[o].value;
        OpPlan *p = &plan->op[value];
        if (computed(p) && !taken[value]) {
            taken[value] = p->exported = p->buffered = true;
            continue;
        }
        group_need(plan, last + 1, LIR_NO_AXIS, TIR_NONE);
        VEC_PUSH(plan->arena, &plan->groups.data[plan->groups.count - 1].copies, o);
    }
    for (TirId i = 0; i < f->ops.count; i++)
        if (computed(&plan->op[i]))
            plan->op[i].group = group_find(plan, plan->op[i].stage, plan->op[i].row, plan->op[i].loop);
}

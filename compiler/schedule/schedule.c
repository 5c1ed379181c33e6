/* Tensor IR to loop IR: the steps, in order. See plan.h for what each decides. */
#include "lir/lir.h"
#include "schedule/plan.h"

/* The schedule names new axes (slots), so it works on a copy that shares the operations. */
static TirFunction *copy_for_axes(Arena *arena, const TirFunction *f) {
    TirFunction *copy = arena_copy(arena, f, sizeof *f);
    copy->arena = arena;
    copy->axes.data = arena_copy(arena, f->axes.data, f->axes.count * sizeof *f->axes.data);
    copy->axes.capacity = f->axes.count;
    return copy;
}

LirFunction *schedule_function_sized(Arena *arena, const TirFunction *f, bool f64, const ScheduleSizes *sizes) {
    f = plan_loops_first(arena, f);
    Plan plan = {.arena = arena, .f = copy_for_axes(arena, f), .f64 = f64, .sizes = sizes};
    plan.op = ARENA_ARRAY(arena, OpPlan, f->ops.count + 1);
    plan.lir = ARENA_NEW(arena, LirFunction);
    plan.lir->arena = arena;
    plan.lir->name = f->name;
    plan.lir->source = plan.f;
    plan_classify(&plan);
    plan_stages(&plan);
    plan_recompute(&plan);
    plan_clusters(&plan);
    plan_sizes(&plan);
    plan_storage(&plan);
    plan_kernels(&plan);
    plan_offsets(&plan);
    plan_join(&plan);
    return plan.lir;
}

LirFunction *schedule_function(Arena *arena, const TirFunction *f, bool f64) {
    return schedule_function_sized(arena, f, f64, &schedule_sizes);
}

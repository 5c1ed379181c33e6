/* What is the same at every step of a fit: what depends on constants, options and columns of data, of which functions
 * see the same events at every step, and on no draw. */
#include "stage/stage.h"

static bool changes(const TirFunction *f) {
    for (size_t v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        if (op->op == TIR_UNIFORM || op->op == TIR_PICK || op->op == TIR_STEP || (op->body && changes(op->body)))
            return true;
    }
    return false;
}

static bool op_settled(const TirFunction *f, const TirOp *op) {
    if (op->op == TIR_INPUT) {
        TirPortRole role = f->inputs.data[op->integer].role;
        return role == TIR_PORT_COLUMN || role == TIR_PORT_OPTION;
    }
    return op->op != TIR_UNIFORM && op->op != TIR_PICK && op->op != TIR_STEP && !(op->body && changes(op->body));
}

bool *stage_settled(Arena *arena, const TirFunction *f) {
    bool *settled = ARENA_ARRAY(arena, bool, f->ops.count + 1);
    for (TirId v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        settled[v] = op_settled(f, op);
        for (uint32_t k = 0; k < op->arg_count; k++) settled[v] &= settled[op->args[k]];
    }
    return settled;
}

TirFunction *stage_start(Arena *arena, const TirFunction *f, StageColumns columns, bool f64, TirFunction **start) {
    const double WORTH = 0.01; /* of the work of a step: less is not worth a function */
    TirFunction *step = tir_function_copy(arena, f, f->name);
    bool *settled = stage_settled(arena, step);
    stage_simplify(step, settled, stage_ranges(arena, step, columns), f64);
    opt_fold(step);
    opt_cse(step);
    opt_dce(step);
    double saved;
    const bool *taken = stage_choose(arena, step, stage_settled(arena, step), false, &saved);
    *start = NULL;
    bool any = false;
    for (size_t v = 0; v < step->ops.count; v++) any |= taken[v];
    if (!any || stage_work(f) - stage_work(step) + saved < WORTH * stage_work(f)) return NULL;
    *start = stage_split(step, taken, 0, arena_format(arena, "%s.start", f->name));
    return step;
}

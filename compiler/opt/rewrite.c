/* Rebuilding a function's list of operations; see rewrite.h. */
#include "opt/rewrite.h"

void rewrite_begin(Rewrite *w, TirFunction *f) {
    *w = (Rewrite){.f = f, .old = f->ops.data, .old_count = f->ops.count};
    w->map = ARENA_ARRAY(&w->scratch, TirId, w->old_count);
    for (size_t i = 0; i < w->old_count; i++) w->map[i] = TIR_NONE;
    f->ops.data = NULL;
    f->ops.count = f->ops.capacity = 0;
}

TirOp rewrite_operation(Rewrite *w, TirId id) {
    TirOp op = w->old[id];
    if (op.arg_count == 0) return op;
    op.args = arena_copy(w->f->arena, op.args, sizeof *op.args * op.arg_count);
    for (uint32_t k = 0; k < op.arg_count; k++) op.args[k] = w->map[op.args[k]];
    return op;
}

TirId rewrite_append(TirFunction *f, TirOp op) {
    VEC_PUSH(f->arena, &f->ops, op);
    return (TirId)(f->ops.count - 1);
}

TirId rewrite_widen(TirFunction *f, TirId v, TirAxes axes, Span span) {
    return tir_axes_equal(f->ops.data[v].axes, axes) ? v : tir_broadcast(f, v, axes, span);
}

static void ports_renumber(Rewrite *w, TirPort *ports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ports[i].value == TIR_NONE) continue;
        ports[i].value = w->map[ports[i].value];
        if (ports[i].value == TIR_NONE) tir_fail(w->f, TIR_NONE, "port %s lost its value", ports[i].name);
    }
}

void rewrite_end(Rewrite *w) {
    ports_renumber(w, w->f->inputs.data, w->f->inputs.count);
    ports_renumber(w, w->f->outputs.data, w->f->outputs.count);
    arena_free(&w->scratch);
}

void opt_bodies(TirFunction *f, void (*pass)(TirFunction *)) {
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].body) pass(f->ops.data[v].body);
}

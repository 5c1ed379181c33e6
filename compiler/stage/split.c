/* Cutting a function in two at chosen values. The late function keeps all of its ports, in their order, and gets those
 * of the values behind them; the early one has the ports that it uses. Whole numbers and truths are handed over as
 * reals. */
#include "opt/rewrite.h"
#include "stage/stage.h"

/* A value as a real, and back. */
static TirId as_real(TirFunction *f, TirId v) {
    Span span = f->ops.data[v].span;
    if (f->ops.data[v].type == TIR_INT) return tir_map(f, TIR_TO_REAL, span, v, TIR_NONE, TIR_NONE);
    if (f->ops.data[v].type == TIR_BOOL)
        return tir_map(f, TIR_SELECT, span, v, tir_real(f, 1, span), tir_real(f, 0, span));
    return v;
}
static TirId from_real(TirFunction *f, TirId v, TirType type, Span span) {
    if (type == TIR_INT) return tir_map(f, TIR_TO_INT, span, v, TIR_NONE, TIR_NONE);
    if (type == TIR_BOOL) return tir_map(f, TIR_LT, span, tir_real(f, 0.5, span), v, TIR_NONE);
    return v;
}

/* Ports whose value went, go. */
static void ports_drop(TirFunction *f) {
    size_t count = 0;
    for (size_t i = 0; i < f->inputs.count; i++) {
        TirPort port = f->inputs.data[i];
        if (port.value == TIR_NONE) continue;
        f->ops.data[port.value].integer = (int64_t)count;
        f->inputs.data[count++] = port;
    }
    f->inputs.count = count;
}

TirFunction *stage_early(Arena *arena, const TirFunction *f, const bool *taken, const char *name) {
    TirFunction *copy = tir_function_copy(arena, f, name);
    copy->outputs.count = 0;
    for (TirId v = 0; v < f->ops.count; v++) {
        if (!taken[v]) continue;
        uint32_t number = (uint32_t)copy->outputs.count;
        const char *port = arena_format(arena, "staged%u.%s", number, tir_op_text(f->ops.data[v].op));
        tir_output(copy, TIR_PORT_STAGED, number, port, as_real(copy, v));
    }
    TirFunction *early = tir_part(arena, copy, copy->outputs.data, copy->outputs.count);
    ports_drop(early);
    return early;
}

void stage_late(TirFunction *f, const uint32_t *number, uint32_t field, const TirFunction *early) {
    size_t first = f->inputs.count;
    VEC(TirPort) ports = {0};
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        if (number[v] == TIR_NONE) {
            w.map[v] = rewrite_append(f, rewrite_operation(&w, v));
            continue;
        }
        const TirOp old = w.old[v];
        int64_t place = (int64_t)(first + ports.count);
        TirOp input = {.op = TIR_INPUT, .type = TIR_REAL, .axes = old.axes, .integer = place, .span = old.span};
        TirId value = rewrite_append(f, input);
        TirPort port = {TIR_PORT_STAGED, number[v], field, early->outputs.data[number[v]].name, value};
        VEC_PUSH(f->arena, &ports, port);
        w.map[v] = from_real(f, value, old.type, old.span);
    }
    rewrite_end(&w); /* renumbers the ports that there were */
    for (size_t k = 0; k < ports.count; k++) VEC_PUSH(f->arena, &f->inputs, ports.data[k]);
    opt_dce(f);
}

TirFunction *stage_split(TirFunction *f, const bool *taken, uint32_t field, const char *name) {
    TirFunction *early = stage_early(f->arena, f, taken, name);
    uint32_t *number = ARENA_ARRAY(f->arena, uint32_t, f->ops.count + 1), count = 0;
    for (TirId v = 0; v < f->ops.count; v++) number[v] = taken[v] ? count++ : TIR_NONE;
    stage_late(f, number, field, early);
    return early;
}

/* Cutting a function in two at chosen values. The late function keeps all of its ports, in their order, and gets those
 * of the values behind them; the early one has the ports that it uses. */
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

static const char *port_name(TirFunction *f, TirId v, uint32_t number) {
    return arena_format(f->arena, "staged%u.%s", number, tir_op_text(f->ops.data[v].op));
}

static TirFunction *early_part(TirFunction *f, const bool *taken, const char *name) {
    TirFunction *copy = tir_function_copy(f->arena, f, name);
    copy->outputs.count = 0;
    for (TirId v = 0; v < f->ops.count; v++) {
        if (!taken[v]) continue;
        uint32_t number = (uint32_t)copy->outputs.count;
        tir_output(copy, TIR_PORT_STAGED, number, port_name(copy, v, number), as_real(copy, v));
    }
    TirFunction *part = tir_part(f->arena, copy, copy->outputs.data, copy->outputs.count);
    ports_drop(part);
    return part;
}

TirFunction *stage_split(TirFunction *f, const bool *taken, uint32_t field, const char *name) {
    TirFunction *early = early_part(f, taken, name);
    size_t first = f->inputs.count, count = early->outputs.count;
    TirPort *ports = ARENA_ARRAY(f->arena, TirPort, count + 1);
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0, k = 0; v < w.old_count; v++) {
        if (!taken[v]) {
            w.map[v] = rewrite_append(f, rewrite_operation(&w, v));
            continue;
        }
        const TirOp old = w.old[v];
        TirOp input = {
            .op = TIR_INPUT, .type = TIR_REAL, .axes = old.axes, .integer = (int64_t)(first + k), .span = old.span};
        TirId value = rewrite_append(f, input);
        ports[k] = (TirPort){TIR_PORT_STAGED, k, field, early->outputs.data[k].name, value};
        w.map[v] = from_real(f, value, old.type, old.span);
        k++;
    }
    rewrite_end(&w); /* renumbers the ports that there were */
    for (size_t k = 0; k < count; k++) VEC_PUSH(f->arena, &f->inputs, ports[k]);
    opt_dce(f);
    return early;
}

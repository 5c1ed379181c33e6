/* Checks everything that tir.h promises about a function: axes, types and axes of every operation, ports. */
#include <inttypes.h>
#include <string.h>

#include "tir/infer.h"

static const char *verify_table(const TirFunction *f, Arena *arena) {
    for (size_t i = 0; i < f->axes.count; i++) {
        const TirAxis *axis = &f->axes.data[i];
        if (!axis->name || !axis->name[0]) return arena_format(arena, "axis %zu has no name", i);
        if (axis->size != -1 && axis->size < 2)
            return arena_format(arena, "axis %s has size %" PRId64, axis->name, axis->size);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(f->axes.data[j].name, axis->name)) return arena_format(arena, "two axes named %s", axis->name);
    }
    return NULL;
}

static const char *verify_op_rule(const TirFunction *f, TirId id) {
    const TirOp *op = &f->ops.data[id];
    TirType type = op->type;
    TirAxes axes = op->axes;
    if ((unsigned)op->type > TIR_BOOL) return "no such type";
    const char *wrong = tir_infer(f, id, op, &type, &axes);
    if (wrong) return wrong;
    if (type != op->type) return "type of the result";
    if (!tir_axes_equal(axes, op->axes)) return "axes of the result";
    if (op->op == TIR_CONST && op->type == TIR_BOOL && (op->integer & ~INT64_C(1))) return "a bool is 0 or 1";
    if (op->op == TIR_INPUT && f->inputs.data[op->integer].value != id) return "its port belongs to another operation";
    return NULL;
}

static const char *verify_port(const TirFunction *f, const TirPort *port, bool input) {
    bool wants_input = port->role == TIR_PORT_BLOCK || port->role == TIR_PORT_COLUMN || port->role == TIR_PORT_OPTION ||
                       port->role == TIR_PORT_HELD || port->role == TIR_PORT_POINT ||
                       port->role == TIR_PORT_DIRECTION || port->role == TIR_PORT_ROUND;
    bool either = port->role == TIR_PORT_STAGED;
    if ((unsigned)port->role >= TIR_PORT_ROLES || (!either && wants_input != input)) return "wrong role";
    if (!port->name) return "no name";
    if (input && port->value == TIR_NONE) return NULL;
    if (port->value >= f->ops.count) return "no such value";
    const TirOp *op = &f->ops.data[port->value];
    if (input && (op->op != TIR_INPUT || port != &f->inputs.data[op->integer])) return "bound to no input operation";
    if (!input && op->op == TIR_LOOP) return "is a loop, and not one of its results";
    if (port->role == TIR_PORT_LOSS && (op->axes.count || op->type != TIR_REAL)) return "the loss is not a real scalar";
    return NULL;
}

const char *tir_verify(const TirFunction *f, Arena *arena) {
    const char *wrong = verify_table(f, arena);
    if (wrong) return arena_format(arena, "%s: %s", f->name, wrong);
    for (size_t i = 0; i < f->ops.count; i++) {
        wrong = verify_op_rule(f, (TirId)i);
        if (!wrong && f->ops.data[i].body) wrong = tir_verify(f->ops.data[i].body, arena);
        if (wrong) return arena_format(arena, "%s: %%%zu = %s: %s", f->name, i, tir_op_text(f->ops.data[i].op), wrong);
    }
    for (size_t i = 0; i < f->inputs.count; i++)
        if ((wrong = verify_port(f, &f->inputs.data[i], true)))
            return arena_format(arena, "%s: input %zu: %s", f->name, i, wrong);
    for (size_t i = 0; i < f->outputs.count; i++)
        if ((wrong = verify_port(f, &f->outputs.data[i], false)))
            return arena_format(arena, "%s: output %zu: %s", f->name, i, wrong);
    return NULL;
}

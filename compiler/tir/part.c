/* A part of a function: what some of its outputs need, in a function of their own. */
#include "tir/tir.h"

TirFunction *tir_part(Arena *arena, const TirFunction *f, const TirPort *outputs, size_t count) {
    TirFunction *part = tir_function_new(arena, f->name);
    bool *needed = ARENA_ARRAY(arena, bool, f->ops.count + 1);
    TirId *place = ARENA_ARRAY(arena, TirId, f->ops.count + 1);
    for (size_t i = 0; i < f->axes.count; i++) VEC_PUSH(arena, &part->axes, f->axes.data[i]);
    for (size_t i = 0; i < count; i++) needed[outputs[i].value] = true;
    for (size_t i = f->ops.count; i-- > 0;)
        for (uint32_t k = 0; needed[i] && k < f->ops.data[i].arg_count; k++) needed[f->ops.data[i].args[k]] = true;
    for (size_t i = 0; i < f->ops.count; i++) {
        if (!needed[i]) continue;
        TirOp op = f->ops.data[i];
        op.args = arena_copy(arena, op.args, op.arg_count * sizeof *op.args);
        for (uint32_t k = 0; k < op.arg_count; k++) op.args[k] = place[op.args[k]];
        place[i] = (TirId)part->ops.count;
        VEC_PUSH(arena, &part->ops, op);
    }
    for (size_t i = 0; i < f->inputs.count; i++) {
        TirPort port = f->inputs.data[i];
        port.value = port.value != TIR_NONE && needed[port.value] ? place[port.value] : TIR_NONE;
        VEC_PUSH(arena, &part->inputs, port);
    }
    for (size_t i = 0; i < count; i++) {
        TirPort port = outputs[i];
        port.value = place[port.value];
        VEC_PUSH(arena, &part->outputs, port);
    }
    return part;
}

TirFunction *tir_part_of_role(Arena *arena, const TirFunction *f, TirPortRole role) {
    TirPort *outputs = ARENA_ARRAY(arena, TirPort, f->outputs.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < f->outputs.count; i++)
        if (f->outputs.data[i].role == role) outputs[count++] = f->outputs.data[i];
    return tir_part(arena, f, outputs, count);
}

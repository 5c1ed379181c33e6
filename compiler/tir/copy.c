/* A copy of a function that can be rewritten without touching the original: operations, axes, ports, argument lists
 * and bodies of loops are new; names are shared, so the original's arena must outlive the copy. */
#include "tir/tir.h"

#define COPY_VEC(arena, to, from)                                                                                      \
    do {                                                                                                               \
        (to)->data = arena_copy((arena), (from)->data, (from)->count * sizeof *(from)->data);                          \
        (to)->count = (to)->capacity = (from)->count;                                                                  \
    } while (0)

TirFunction *tir_function_copy(Arena *arena, const TirFunction *f, const char *name) {
    TirFunction *copy = tir_function_new(arena, name);
    COPY_VEC(arena, &copy->axes, &f->axes);
    COPY_VEC(arena, &copy->ops, &f->ops);
    COPY_VEC(arena, &copy->inputs, &f->inputs);
    COPY_VEC(arena, &copy->outputs, &f->outputs);
    for (size_t i = 0; i < copy->ops.count; i++) {
        TirOp *op = &copy->ops.data[i];
        op->args = arena_copy(arena, op->args, op->arg_count * sizeof *op->args);
        if (op->body) op->body = tir_function_copy(arena, op->body, op->body->name);
    }
    return copy;
}

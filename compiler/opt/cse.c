/* Common subexpressions: operations that are equal in everything but their span become one. Operations have no state
 * and no effect, draws included (a draw is a function of seed, step, stream and axes), so this is always allowed.
 * Arguments of commutative operations are compared in either order. */
#include <string.h>

#include "opt/rewrite.h"

static bool op_commutes(TirOpcode op) {
    return op == TIR_ADD || op == TIR_MUL || op == TIR_EQ || op == TIR_AND || op == TIR_OR;
}

static uint64_t hash_word(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint64_t hash_axes(uint64_t hash, TirAxes axes) {
    hash = hash_word(hash, axes.count);
    for (uint32_t k = 0; k < axes.count; k++) hash = hash_word(hash, axes.id[k]);
    return hash;
}

static uint64_t real_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t hash_op(const TirOp *op) {
    uint64_t hash = hash_word(op->op, op->type);
    hash = hash_axes(hash_axes(hash, op->axes), op->attr_axes);
    hash = hash_word(hash_word(hash, op->axis), op->axis2);
    hash = hash_word(hash_word(hash, real_bits(op->real)), (uint64_t)op->integer);
    hash = hash_word(hash, op->flag);
    if (op_commutes(op->op)) return hash_word(hash, (uint64_t)op->args[0] * op->args[1] + op->args[0] + op->args[1]);
    for (uint32_t k = 0; k < op->arg_count; k++) hash = hash_word(hash, op->args[k]);
    return hash;
}

static bool body_equal(const TirFunction *a, const TirFunction *b);

static bool op_equal(const TirOp *a, const TirOp *b) {
    if (a->op != b->op || a->type != b->type || a->axis != b->axis || a->axis2 != b->axis2 ||
        real_bits(a->real) != real_bits(b->real) || a->integer != b->integer || a->flag != b->flag ||
        a->arg_count != b->arg_count || !tir_axes_equal(a->axes, b->axes) ||
        !tir_axes_equal(a->attr_axes, b->attr_axes))
        return false;
    if (a->op == TIR_EXTERN && strcmp(a->external->symbol, b->external->symbol) != 0) return false;
    if (op_commutes(a->op) && a->args[0] == b->args[1] && a->args[1] == b->args[0]) return true;
    for (uint32_t k = 0; k < a->arg_count; k++)
        if (a->args[k] != b->args[k]) return false;
    return !a->body || body_equal(a->body, b->body);
}

static bool ports_equal(const TirPort *a, const TirPort *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (a[i].value != b[i].value) return false;
    return true;
}

static bool body_equal(const TirFunction *a, const TirFunction *b) {
    if (a->ops.count != b->ops.count || a->inputs.count != b->inputs.count || a->outputs.count != b->outputs.count)
        return false;
    for (size_t v = 0; v < a->ops.count; v++)
        if (!op_equal(&a->ops.data[v], &b->ops.data[v])) return false;
    return ports_equal(a->inputs.data, b->inputs.data, a->inputs.count) &&
           ports_equal(a->outputs.data, b->outputs.data, a->outputs.count);
}

void opt_cse(TirFunction *f) {
    opt_bodies(f, opt_cse);
    Rewrite w;
    rewrite_begin(&w, f);
    size_t slots = 16;
    while (slots < 2 * w.old_count) slots *= 2;
    TirId *table = ARENA_ARRAY(&w.scratch, TirId, slots); /* 0: empty, else the operation's number plus 1 */
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        size_t slot = hash_op(&op) & (slots - 1);
        while (table[slot] && !op_equal(&f->ops.data[table[slot] - 1], &op)) slot = (slot + 1) & (slots - 1);
        if (!table[slot]) table[slot] = rewrite_append(f, op) + 1;
        TirOp *kept = &f->ops.data[table[slot] - 1];
        if (!kept->memory) kept->memory = op.memory;
        w.map[v] = table[slot] - 1;
    }
    rewrite_end(&w);
}

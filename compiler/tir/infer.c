/* Type and axes of a result, by the shape and type rules of tir_ops.def; see infer.h. */
#include "tir/infer.h"

typedef enum ShapeRule {
    LEAF,
    MAP,
    REDUCE,
    DOT,
    ADD_AXIS,
    DROP_AXIS,
    GATHER,
    SCATTER,
    RENAME,
    BROADCAST,
    KEEP,
    FLATTEN,
    CUSTOM,
    LOOP,
    RESULT
} ShapeRule;
typedef enum TypeRule { REAL, INT, BOOL, SAME, ARITH, ATTR } TypeRule;

static const struct {
    ShapeRule shape;
    TypeRule type;
} rule[] = {
#define TIR_OP(name, text, arity, shape, type, flags, rule, cost) {shape, type},
#include "tir/tir_ops.def"
#undef TIR_OP
};

static const TirOp *infer_arg(const TirFunction *f, const TirOp *op, uint32_t i) {
    return &f->ops.data[op->args[i]];
}

/* Types of the arguments of operations whose rule does not say them by itself. */
static const char *infer_arg_types(const TirFunction *f, const TirOp *op) {
    const TirType first = op->arg_count ? infer_arg(f, op, 0)->type : TIR_REAL;
    const TirType second = op->arg_count > 1 ? infer_arg(f, op, 1)->type : first;
    switch (op->op) {
    case TIR_LT:
    case TIR_LE: return first == second && first != TIR_BOOL ? NULL : "wants two reals or two ints";
    case TIR_EQ: return first == second ? NULL : "wants two arguments of one type";
    case TIR_AND:
    case TIR_OR:
    case TIR_NOT: return first == TIR_BOOL && second == TIR_BOOL ? NULL : "wants bools";
    case TIR_SELECT:
        if (first != TIR_BOOL) return "wants a bool condition";
        return second == infer_arg(f, op, 2)->type ? NULL : "wants two choices of one type";
    case TIR_ARGSORT:
    case TIR_TO_INT: return first == TIR_REAL ? NULL : "wants a real";
    case TIR_TO_REAL: return first != TIR_REAL ? NULL : "wants an int or a bool";
    case TIR_GATHER: return second == TIR_INT ? NULL : "wants an int index";
    case TIR_SCATTER:
        for (uint32_t i = 0; i < op->arg_count; i++)
            if (infer_arg(f, op, i)->type != (i % 2 ? TIR_INT : TIR_REAL)) return "wants real values and an int index";
        return op->arg_count && op->arg_count % 2 == 0 ? NULL : "wants pairs of values and an index";
    case TIR_SEARCH: return first == TIR_REAL && second == TIR_REAL ? NULL : "wants reals";
    case TIR_EXTERN:
        if (!op->external || op->arg_count > TIR_EXTERN_ARGS) return "wants a function of at most six numbers";
        for (uint32_t i = 0; i < op->arg_count; i++)
            if (infer_arg(f, op, i)->type != TIR_REAL) return "wants reals";
        return NULL;
    case TIR_CUSTOM:
        if (op->arg_count < 3 || op->arg_count % 2 == 0) return "wants a value and pairs";
        for (uint32_t i = 0; i < op->arg_count; i++)
            if (infer_arg(f, op, i)->type != TIR_REAL) return "wants reals";
        return NULL;
    case TIR_STACK:
        for (uint32_t i = 1; i < op->arg_count; i++)
            if (infer_arg(f, op, i)->type != first) return "wants arguments of one type";
        return NULL;
    default: break;
    }
    if (rule[op->op].type == ARITH) return first == second && first != TIR_BOOL ? NULL : "wants reals, or ints";
    for (uint32_t i = 0; i < op->arg_count && rule[op->op].type == REAL; i++)
        if (infer_arg(f, op, i)->type != TIR_REAL) return "wants reals";
    return NULL;
}

static TirType infer_type(const TirFunction *f, const TirOp *op) {
    switch (rule[op->op].type) {
    case REAL: return TIR_REAL;
    case INT: return TIR_INT;
    case BOOL: return TIR_BOOL;
    case SAME:
    case ARITH: return infer_arg(f, op, op->op == TIR_SELECT ? 1 : 0)->type;
    case ATTR: return op->type;
    }
    return TIR_REAL;
}

static const char *infer_leaf(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    *axes = tir_axes_none();
    if (tir_op_attrs(op->op) & TIR_ATTR_LEAF) *axes = op->axes;
    if (op->op == TIR_IOTA) *axes = tir_axes_one(op->axis);
    if (op->op == TIR_INPUT && (op->integer < 0 || (size_t)op->integer >= f->inputs.count)) return "no such input port";
    if ((op->op == TIR_UNIFORM || op->op == TIR_PICK) && (op->integer < 0 || op->integer > 0xffff))
        return "a stream number has 16 bits";
    return NULL;
}

static const char *infer_gather(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    TirAxes table = infer_arg(f, op, 0)->axes, index = infer_arg(f, op, 1)->axes;
    if (!tir_axes_has(table, op->axis)) return "the table lacks the axis that is looked up";
    if (tir_axes_has(index, op->axis)) return "the index has the axis that is looked up";
    *axes = tir_axes_union(tir_axes_minus(table, tir_axes_one(op->axis)), index);
    return NULL;
}

static const char *infer_scatter(const TirFunction *f, const TirOp *op, TirAxes points, TirAxes *axes) {
    for (uint32_t i = 0; i + 1 < op->arg_count; i += 2)
        if (!tir_axes_equal(points, tir_axes_union(infer_arg(f, op, i)->axes, infer_arg(f, op, i + 1)->axes)))
            return "pairs over different points";
    if (!tir_axes_has(op->attr_axes, op->axis)) return "the result lacks the axis that is written";
    if (tir_axes_has(points, op->axis)) return "an argument has the axis that is written";
    TirAxes kept = tir_axes_minus(op->attr_axes, tir_axes_one(op->axis));
    if (tir_axes_minus(kept, points).count) return "the result has an axis that no argument has";
    *axes = op->attr_axes;
    return NULL;
}

static const char *infer_summed(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    if (!op->attr_axes.count) return "sums over no axis";
    for (uint32_t i = 0; i < op->arg_count; i++)
        if (tir_axes_minus(op->attr_axes, infer_arg(f, op, i)->axes).count) return "an argument lacks a summed axis";
    *axes = tir_axes_minus(*axes, op->attr_axes);
    return NULL;
}

static const char *infer_flatten(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    int64_t size = 1;
    if (tir_axes_minus(op->attr_axes, *axes).count) return "the argument lacks a flattened axis";
    for (uint32_t i = 0; i < op->attr_axes.count; i++) {
        if (f->axes.data[op->attr_axes.id[i]].size < 0) return "flattens a dynamic axis";
        size *= f->axes.data[op->attr_axes.id[i]].size;
    }
    if (op->attr_axes.count < 2 || size != f->axes.data[op->axis].size) return "axes of another size";
    if (tir_axes_has(*axes, op->axis)) return "the argument has the new axis already";
    *axes = tir_axes_add(tir_axes_minus(*axes, op->attr_axes), op->axis);
    return NULL;
}

static const char *infer_one_axis(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    const TirAxis *axis = &f->axes.data[op->axis];
    TirAxes one = tir_axes_one(op->axis);
    bool has = tir_axes_has(*axes, op->axis);
    switch (rule[op->op].shape) {
    case ADD_AXIS:
        if (has) return "an argument has the stacked axis";
        if (axis->size != (int64_t)op->arg_count) return "wants one argument for every index of the axis";
        if (axes->count == TIR_MAX_AXES) return "too many axes";
        *axes = tir_axes_add(*axes, op->axis);
        return NULL;
    case DROP_AXIS:
        if (!has) return "the argument lacks the axis";
        if (op->integer < 0 || op->integer >= axis->size) return "index outside the axis";
        *axes = tir_axes_minus(*axes, one);
        return NULL;
    case RENAME:
        if (!has) return "the argument lacks the axis";
        if (tir_axes_has(*axes, op->axis2)) return "the argument has the new axis already";
        if (!tir_axis_same_size(f, op->axis, op->axis2)) return "axes of different sizes";
        *axes = tir_axes_add(tir_axes_minus(*axes, one), op->axis2);
        return NULL;
    default: return has ? NULL : "the argument lacks the axis";
    }
}

static const char *infer_order(const TirOp *op) {
    int64_t most = op->op == TIR_POLYGAMMA || op->op == TIR_BESSEL_J ? TIR_MAX_ORDER : INT64_MAX;
    int64_t parameters = op->integer / 10, all = op->integer % 10;
    if (op->op == TIR_INC_GAMMA || op->op == TIR_INC_BETA) { /* see qtm/numeric.h */
        parameters = op->op == TIR_INC_BETA ? parameters / 10 + parameters % 10 : parameters;
        if (parameters > 2)
            return "a third derivative by a parameter of an incomplete function, of which there are two";
        if (all + parameters > 3) return "a fourth derivative of an incomplete function, of which there are three";
    }
    return op->integer < 0 || op->integer > most ? "an order out of range" : NULL;
}

static const char *infer_axes(const TirFunction *f, const TirOp *op, TirAxes *axes) {
    TirAxes points = tir_axes_none();
    for (uint32_t i = 0; i < op->arg_count; i++) {
        TirAxes more = infer_arg(f, op, i)->axes;
        if (points.count + tir_axes_minus(more, points).count > TIR_MAX_AXES) return "too many axes";
        points = tir_axes_union(points, more);
    }
    *axes = points;
    switch (rule[op->op].shape) {
    case LEAF: return infer_leaf(f, op, axes);
    case MAP: return infer_order(op);
    case REDUCE:
    case DOT: return infer_summed(f, op, axes);
    case GATHER: return infer_gather(f, op, axes);
    case SCATTER: return infer_scatter(f, op, points, axes);
    case FLATTEN: return infer_flatten(f, op, axes);
    case CUSTOM: *axes = infer_arg(f, op, 0)->axes; return NULL;
    case BROADCAST:
        if (tir_axes_minus(points, op->attr_axes).count) return "the result lacks an axis of the argument";
        *axes = op->attr_axes;
        return NULL;
    case ADD_AXIS:
    case DROP_AXIS:
    case RENAME:
    case KEEP: return infer_one_axis(f, op, axes);
    case LOOP:
    case RESULT: break;
    }
    return NULL;
}

const char *tir_infer(const TirFunction *f, TirId at, const TirOp *op, TirType *type, TirAxes *axes) {
    if ((unsigned)op->op >= TIR_OPCODE_COUNT) return "no such operation";
    int arity = tir_op_arity(op->op);
    if (arity >= 0 ? op->arg_count != (uint32_t)arity : op->arg_count < 1) return "wrong number of arguments";
    for (uint32_t i = 0; i < op->arg_count; i++)
        if (op->args[i] >= at) return "an argument does not come before its user";
    unsigned attrs = tir_op_attrs(op->op);
    if ((attrs & TIR_ATTR_AXIS) && op->axis >= f->axes.count) return "no such axis";
    if ((attrs & TIR_ATTR_AXIS2) && op->axis2 >= f->axes.count) return "no such axis";
    const char *wrong = NULL;
    if (attrs & (TIR_ATTR_OVER | TIR_ATTR_RESULT)) wrong = tir_axes_check(f, op->attr_axes);
    if (!wrong && (attrs & TIR_ATTR_LEAF)) wrong = tir_axes_check(f, op->axes);
    if (!wrong && (op->op == TIR_LOOP || op->op == TIR_RESULT)) return tir_infer_loop(f, op, type, axes);
    for (uint32_t i = 0; i < op->arg_count; i++)
        if (infer_arg(f, op, i)->op == TIR_LOOP) return "reads a loop, and not one of its results";
    if (!wrong) wrong = infer_arg_types(f, op);
    if (!wrong) wrong = infer_axes(f, op, axes);
    if (!wrong) *type = infer_type(f, op);
    return wrong;
}

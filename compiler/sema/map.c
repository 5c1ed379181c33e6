/* Element-wise operations, products and indexing of values. Shapes are compared by the dimensions the user sees; the
 * arguments are brought onto the same axes; numbers known now are computed now. */
#include <math.h>

#include "sema/measure.h"
#include "tir/special.h"

static double fold_number(TirOpcode op, const double *args) {
    double a = args[0], b = args[1];
    if (special_has(op)) return special_map(op, 0, args);
    switch (op) {
    case TIR_NEG: return -a;
    case TIR_ABS: return fabs(a);
    case TIR_SIGN: return (a > 0) - (a < 0);
    case TIR_FLOOR: return floor(a);
    case TIR_EXP: return exp(a);
    case TIR_LOG: return log(a);
    case TIR_EXPM1: return expm1(a);
    case TIR_LOG1P: return log1p(a);
    case TIR_SQRT: return sqrt(a);
    case TIR_TANH: return tanh(a);
    case TIR_SIN: return sin(a);
    case TIR_COS: return cos(a);
    case TIR_ADD: return a + b;
    case TIR_SUB: return a - b;
    case TIR_MUL: return a * b;
    case TIR_DIV: return a / b;
    case TIR_POW: return pow(a, b);
    case TIR_ROUND: return rint(a);
    case TIR_ATAN: return atan(a);
    case TIR_ATAN2: return atan2(a, b);
    case TIR_ERF: return erf(a);
    case TIR_ERFC: return erfc(a);
    case TIR_MAX: return a >= b ? a : b;
    case TIR_MIN: return a <= b ? a : b;
    case TIR_LT: return a < b;
    case TIR_LE: return a <= b;
    case TIR_EQ: return a == b;
    case TIR_AND: return a != 0 && b != 0;
    case TIR_OR: return a != 0 || b != 0;
    case TIR_NOT: return a == 0;
    case TIR_TO_INT: return trunc(a);
    default: return a;
    }
}

/* What the arguments must be converted to. */
static TirType working_type(TirOpcode op, const Value *args, uint32_t count) {
    switch (op) {
    case TIR_ADD:
    case TIR_SUB:
    case TIR_MUL:
    case TIR_MAX:
    case TIR_MIN:
    case TIR_NEG:
    case TIR_ABS:
    case TIR_LT:
    case TIR_LE:
    case TIR_EQ:
    case TIR_STOP:
        for (uint32_t i = 0; i < count; i++)
            if (args[i].type == TIR_REAL) return TIR_REAL;
        return TIR_INT;
    case TIR_AND:
    case TIR_OR:
    case TIR_NOT: return TIR_BOOL;
    default: return TIR_REAL;
    }
}

static Value fold(TirOpcode op, Span span, const Value *args, uint32_t count) {
    double numbers[3] = {0};
    for (uint32_t i = 0; i < count; i++) numbers[i] = args[i].number;
    double result = fold_number(op, numbers);
    bool whole = true;
    for (uint32_t i = 0; i < count; i++) whole &= args[i].type != TIR_REAL;
    Value v = value_number(result, span);
    if (op == TIR_LT || op == TIR_LE || op == TIR_EQ || op == TIR_AND || op == TIR_OR || op == TIR_NOT)
        v.type = TIR_BOOL;
    else if (op == TIR_FLOOR || op == TIR_ROUND || op == TIR_TO_INT || op == TIR_SIGN ||
             (whole && result == floor(result) && fabs(result) < 0x1p53 &&
              (op == TIR_ADD || op == TIR_SUB || op == TIR_MUL || op == TIR_DIV || op == TIR_POW || op == TIR_MAX ||
               op == TIR_MIN || op == TIR_NEG || op == TIR_ABS || op == TIR_STOP)))
        v.type = TIR_INT;
    return v;
}

/* Brings `v` onto the axes of `target`, dimension by dimension; both have the same sizes. Where the axes overlap in
 * another order, it goes by way of fresh axes. */
Value value_align(Elab *e, Value v, const Value *target, Span span) {
    bool crossed = false;
    for (uint32_t i = 0; i < v.rank; i++)
        for (uint32_t j = 0; j < v.rank; j++)
            crossed |= i != j && v.dim[i].axis != TIR_NONE && v.dim[i].axis == target->dim[j].axis;
    for (uint32_t i = 0; crossed && i < v.rank; i++)
        if (v.dim[i].axis != TIR_NONE) v = value_move(e, &v, i, dim_new(e, "a", v.dim[i].size).axis, span);
    for (uint32_t i = 0; i < v.rank; i++)
        if (v.dim[i].axis != TIR_NONE) v = value_move(e, &v, i, target->dim[i].axis, span);
    return v;
}

static Value report_shapes(Elab *e, Span span, const Value *a, const Value *b) {
    Value poison =
        elab_error(e, DIAG_E0302, span, "shapes do not fit: %s and %s", value_shape_text(e, a), value_shape_text(e, b));
    if (a->span.file) diag_note(e->sink, a->span, "this has shape %s", value_shape_text(e, a));
    if (b->span.file) diag_note(e->sink, b->span, "this has shape %s", value_shape_text(e, b));
    diag_help(e->sink, "element by element, both sides need the same shape, or one of them is one number");
    return poison;
}

/* Common shape in args[lead]; false after a report. */
static bool align_all(Elab *e, Span span, Value *args, uint32_t count, uint32_t *lead) {
    *lead = 0;
    TirAxisId hint = TIR_NONE;
    for (uint32_t i = 0; i < count; i++)
        if (args[i].kind == VALUE_TENSOR && args[i].rank && hint == TIR_NONE) hint = args[i].dim[0].axis;
    for (uint32_t i = 0; i < count; i++) {
        if (!value_to_array(e, &args[i], hint)) return false;
        if (value_scalar(args[i]).rank > value_scalar(args[*lead]).rank ||
            (value_scalar(args[i]).rank == value_scalar(args[*lead]).rank && args[i].rank > args[*lead].rank))
            *lead = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        Value *v = &args[i];
        if (i == *lead || !value_scalar(*v).rank) continue;
        bool same = v->rank == args[*lead].rank;
        for (uint32_t d = 0; same && d < v->rank; d++) same = v->dim[d].size == args[*lead].dim[d].size;
        if (!same) {
            uint32_t first = i < *lead ? i : *lead, second = i < *lead ? *lead : i;
            report_shapes(e, span, &args[first], &args[second]);
            return false;
        }
        *v = value_align(e, *v, &args[*lead], span);
    }
    return true;
}

static bool types_fit(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count) {
    bool logic = op == TIR_AND || op == TIR_OR || op == TIR_NOT;
    for (uint32_t i = 0; i < count; i++) {
        bool condition = logic || (op == TIR_SELECT && i == 0);
        if ((args[i].type == TIR_BOOL) == condition) continue;
        if (op == TIR_SELECT && i > 0 && args[1].type == args[2].type) continue;
        elab_error(e, DIAG_E0303, args[i].span.file ? args[i].span : span, "%s is wanted here, and this is %s",
                   condition ? "a condition" : "a number", value_kind_text(&args[i]));
        diag_help(e->sink, "%s",
                  condition ? "compare it with something: a < b" : "write 'if condition then a else b' to get numbers");
        return false;
    }
    return true;
}

static bool axes_fit(Elab *e, Span span, const Value *args, uint32_t count) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < count; i++) {
        TirAxes more = tir_axes_minus(value_axes(e, &args[i]), axes);
        if (axes.count + more.count > TIR_MAX_AXES) {
            elab_error(e, DIAG_E0306, span, "this value would have more than %d axes", TIR_MAX_AXES);
            diag_help(e->sink, "nest fewer sums and arrays");
            return false;
        }
        axes = tir_axes_union(axes, more);
    }
    return true;
}

Value elab_map(Elab *e, TirOpcode op, Span span, Value a, Value b, Value c) {
    Value args[3] = {a, b, c};
    uint32_t count = (uint32_t)tir_op_arity(op), lead;
    bool known = true;
    for (uint32_t i = 0; i < count; i++) {
        if (value_is_poison(&args[i])) return value_poison();
        known &= args[i].kind == VALUE_NUMBER;
    }
    if (!align_all(e, span, args, count, &lead) || !types_fit(e, op, span, args, count)) return value_poison();
    const Unit *unit;
    const Measure *measure;
    if (!unit_of_map(e, op, span, args, count, &unit) || !measure_of_map(e, op, span, args, count, &measure))
        return value_poison();
    if (known && op != TIR_SELECT) {
        Value v = fold(op, span, args, count);
        v.unit = unit;
        v.measure = measure;
        return v;
    }
    if (!axes_fit(e, span, args, count)) return value_poison();
    TirId id[3] = {TIR_NONE, TIR_NONE, TIR_NONE};
    TirType type = op == TIR_SELECT ? working_type(TIR_ADD, args + 1, 2) : working_type(op, args, count);
    if (op == TIR_SELECT && args[1].type == TIR_BOOL) type = TIR_BOOL;
    for (uint32_t i = 0; i < count; i++) id[i] = value_id(e, &args[i], op == TIR_SELECT && i == 0 ? TIR_BOOL : type);
    TirId result = tir_map(e->context->f, op, span, id[0], id[1], id[2]);
    Value v = value_tensor(e, result, args[lead].dim, args[lead].rank, span);
    v.unit = unit;
    v.measure = measure;
    return v;
}

/* Last dimension of `a` against the first of `b`. */
Value elab_matmul(Elab *e, Span span, Value a, Value b) {
    if (value_is_poison(&a) || value_is_poison(&b)) return value_poison();
    if (!value_to_array(e, &a, TIR_NONE) || !value_to_array(e, &b, TIR_NONE)) return value_poison();
    Value sides[2] = {a, b};
    if (!types_fit(e, TIR_MUL, span, sides, 2)) return value_poison();
    if (a.kind == VALUE_NUMBER || b.kind == VALUE_NUMBER || !a.rank || !b.rank) {
        Value poison = elab_error(e, DIAG_E0302, span, "'@' multiplies arrays, and these are %s and %s",
                                  value_shape_text(e, &a), value_shape_text(e, &b));
        diag_help(e->sink, "use '*' for numbers");
        return poison;
    }
    Dim left = a.dim[a.rank - 1], right = b.dim[0];
    if (left.size != right.size) {
        Value poison = elab_error(e, DIAG_E0302, span, "shapes do not fit: %s @ %s", value_shape_text(e, &a),
                                  value_shape_text(e, &b));
        if (a.span.file) diag_note(e->sink, a.span, "this has shape %s", value_shape_text(e, &a));
        if (b.span.file) diag_note(e->sink, b.span, "this has shape %s", value_shape_text(e, &b));
        diag_help(e->sink, "the last size on the left (%lld) must be the first on the right (%lld)",
                  (long long)left.size, (long long)right.size);
        return poison;
    }
    Value target = b;
    target.dim[0] = left;
    for (uint32_t i = 1; i < b.rank; i++)
        for (uint32_t j = 0; j < a.rank; j++)
            if (b.dim[i].axis != TIR_NONE && b.dim[i].axis == a.dim[j].axis)
                target.dim[i] = dim_new(e, "a", b.dim[i].size);
    b = value_align(e, b, &target, span);
    Dim dim[2 * TIR_MAX_AXES];
    uint32_t rank = 0;
    for (uint32_t i = 0; i + 1 < a.rank; i++) dim[rank++] = a.dim[i];
    for (uint32_t i = 1; i < b.rank; i++) dim[rank++] = b.dim[i];
    Value both[2] = {a, b};
    const Unit *unit;
    if (!axes_fit(e, span, both, 2) || !unit_of_map(e, TIR_MUL, span, both, 2, &unit)) return value_poison();
    TirId x = value_real_id(e, &a), y = value_real_id(e, &b);
    TirFunction *f = e->context->f;
    TirId id =
        left.size == 1 ? tir_map(f, TIR_MUL, span, x, y, TIR_NONE) : tir_dot(f, x, y, tir_axes_one(left.axis), span);
    Value v = value_tensor(e, id, dim, rank, span);
    v.unit = unit;
    return v;
}

Value elab_binary(Elab *e, AstOp op, Span span, Value a, Value b) {
    Value none = value_poison();
    if (a.kind == VALUE_LABEL && b.kind == VALUE_LABEL && a.decl == b.decl && (op == AST_EQ || op == AST_NE))
        return value_bool((a.number == b.number) == (op == AST_EQ), span);
    switch (op) {
    case AST_ADD: return elab_map(e, TIR_ADD, span, a, b, none);
    case AST_SUB: return elab_map(e, TIR_SUB, span, a, b, none);
    case AST_MUL: return elab_map(e, TIR_MUL, span, a, b, none);
    case AST_DIV: return elab_map(e, TIR_DIV, span, a, b, none);
    case AST_POW: return elab_map(e, TIR_POW, span, a, b, none);
    case AST_MATMUL: return elab_matmul(e, span, a, b);
    case AST_LT: return elab_map(e, TIR_LT, span, a, b, none);
    case AST_LE: return elab_map(e, TIR_LE, span, a, b, none);
    case AST_GT: return elab_map(e, TIR_LT, span, b, a, none);
    case AST_GE: return elab_map(e, TIR_LE, span, b, a, none);
    case AST_EQ: return elab_map(e, TIR_EQ, span, a, b, none);
    case AST_NE: return elab_map(e, TIR_NOT, span, elab_map(e, TIR_EQ, span, a, b, none), none, none);
    case AST_AND: return elab_map(e, TIR_AND, span, a, b, none);
    default: return elab_map(e, TIR_OR, span, a, b, none);
    }
}

static Value report_range(Elab *e, Span span, double index, int64_t size) {
    Value poison = elab_error(e, DIAG_E0307, span, "index %.10g is outside 0 .. %lld", index, (long long)size - 1);
    diag_help(e->sink, "indices count from 0");
    return poison;
}

static Value report_indices(Elab *e, Span span, const Value *of) {
    Value poison = elab_error(e, DIAG_E0307, span, "more indices than dimensions: the array has shape %s",
                              value_shape_text(e, of));
    diag_help(e->sink, "an index for each dimension, or fewer");
    return poison;
}

/* of[index] along `axis`; the whole axis in order is the value itself on another axis. */
static TirId id_take(Elab *e, TirId of, TirId index, TirAxisId axis, Span span) {
    TirFunction *f = e->context->f;
    const TirOp *op = &f->ops.data[index];
    if (op->op == TIR_IOTA && f->axes.data[op->axis].size == f->axes.data[axis].size) {
        if (op->axis == axis) return of;
        if (!tir_axes_has(f->ops.data[of].axes, op->axis)) return id_move(e, of, axis, op->axis, span);
    }
    return tir_gather(f, of, index, axis, span);
}

/* a[p] of a family of parameters over the flavours `of.decl` */
static Value label_index(Elab *e, Span span, const Value *of, const Value *index) {
    if (index->kind == VALUE_LABEL && of->kind == VALUE_LIST && of->decl == index->decl) {
        Value v = of->items[(uint32_t)index->number];
        v.span = span;
        return v;
    }
    Value poison;
    if (of->kind == VALUE_LIST && of->decl) {
        poison = elab_error(e, DIAG_E0307, index->span, "an index here is a flavour of '%s', and this is %s%s%s",
                            of->decl->name, value_kind_text(index), index->kind == VALUE_LABEL ? " of " : "",
                            index->kind == VALUE_LABEL ? index->decl->name : "");
        diag_note(e->sink, of->decl->node->name_span, "declared here");
        diag_help(e->sink, "write .%s, or [p] inside 'for p in %s'", of->decl->node->kids[0]->kids[0]->name,
                  of->decl->name);
        return poison;
    }
    poison = elab_error(e, DIAG_E0307, index->span, "%s has no member for a flavour", value_kind_text(of));
    diag_help(e->sink, "declare it as a family over the flavours: NAME[%s]", index->decl->name);
    return poison;
}

/* An index on the first dimension. */
Value elab_index(Elab *e, Span span, Value of, Value index) {
    return elab_index_at(e, span, of, 0, index);
}

Value elab_index_at(Elab *e, Span span, Value of, uint32_t at, Value index) {
    if (value_is_poison(&of) || value_is_poison(&index)) return value_poison();
    if (of.kind == VALUE_FUNCTION || of.kind == VALUE_DATA) return family_index(e, span, of, index);
    if (index.kind == VALUE_LABEL || (of.kind == VALUE_LIST && of.decl)) return label_index(e, span, &of, &index);
    if (index.kind == VALUE_LIST && !value_to_array(e, &index, TIR_NONE)) return value_poison();
    if (index.kind != VALUE_NUMBER && index.kind != VALUE_TENSOR)
        return elab_help(e,
                         elab_error(e, DIAG_E0307, index.span, "an index must be a whole number, and this is %s",
                                    value_kind_text(&index)),
                         "write a number from 0, as in a[0]");
    if (index.type != TIR_INT) {
        Value poison =
            elab_error(e, DIAG_E0307, index.span.file ? index.span : span, "an index must be a whole number");
        diag_help(e->sink, "whole() makes one of a real number: a[whole(x)]");
        return poison;
    }
    if (of.kind == VALUE_LIST && index.kind == VALUE_NUMBER && !at) {
        if (index.number < 0 || index.number >= of.count) return report_range(e, index.span, index.number, of.count);
        return of.items[(uint32_t)index.number];
    }
    if (!value_to_array(e, &of, TIR_NONE)) return value_poison();
    if (of.kind == VALUE_NUMBER || !of.rank)
        return elab_help(e, elab_error(e, DIAG_E0307, span, "one number has no elements to take by an index"),
                         "leave out the index");
    if (at >= of.rank) return report_indices(e, span, &of);
    TirFunction *f = e->context->f;
    Dim first = of.dim[at];
    if (index.kind == VALUE_NUMBER && (index.number < 0 || index.number >= (double)first.size))
        return report_range(e, index.span, index.number, first.size);
    if (index.kind == VALUE_TENSOR && of.rank - 1 + index.rank > TIR_MAX_AXES) {
        elab_error(e, DIAG_E0306, span, "an array has at most %d dimensions", TIR_MAX_AXES);
        return value_poison();
    }
    for (uint32_t i = 0; i < of.rank && index.kind == VALUE_TENSOR && first.size > 1; i++)
        if (of.dim[i].axis != TIR_NONE && tir_axes_has(value_axes(e, &index), of.dim[i].axis) &&
            !(i == at && f->ops.data[index.id].op == TIR_IOTA))
            of = value_move(e, &of, i, dim_new(e, "a", of.dim[i].size).axis, span);
    first = of.dim[at];
    Dim dim[2 * TIR_MAX_AXES];
    uint32_t rank = 0;
    for (uint32_t i = 0; i < at; i++) dim[rank++] = of.dim[i];
    for (uint32_t i = 0; index.kind == VALUE_TENSOR && i < index.rank; i++) dim[rank++] = index.dim[i];
    for (uint32_t i = at + 1; i < of.rank; i++) dim[rank++] = of.dim[i];
    Value both[2] = {of, index};
    if (!axes_fit(e, span, both, 2)) return value_poison();
    TirId id = of.id;
    if (first.size == 1)
        id = id_broadcast(e, id, value_axes(e, &index), span);
    else if (index.kind == VALUE_NUMBER)
        id = tir_slice(f, id, first.axis, (int64_t)index.number, span);
    else
        id = id_take(e, id, index.id, first.axis, span);
    return value_like(e, &of, id, dim, rank, span);
}

/* The primitives of primitive.def. */
#include <math.h>
#include <string.h>

#include "sema/pairs.h"
#include "sema/unit.h"
#include "tir/special.h"

typedef const Primitive *Self;

static Value apply_map(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return elab_map(e, self->op, node->span, args[0], value_poison(), value_poison());
}

static Value apply_map2(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return elab_map(e, self->op, node->span, args[0], args[1], value_poison());
}

/* Marks the operations that make the numbers of `v`. */
static void ask_memory(Elab *e, const Value *v, TirMemory memory) {
    if (v->kind == VALUE_TENSOR) {
        TirOp *op = &e->context->f->ops.data[v->id];
        while (op->op == TIR_BROADCAST || op->op == TIR_SLICE || op->op == TIR_RENAME)
            op = &e->context->f->ops.data[op->args[0]];
        op->memory = memory;
    }
    if (v->kind == VALUE_LIST || v->kind == VALUE_RECORD)
        for (uint32_t i = 0; i < v->count; i++) ask_memory(e, &v->items[i], memory);
}

static Value apply_store(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    ask_memory(e, &args[0], TIR_MEMORY_STORE);
    return args[0];
}

static Value apply_recompute(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    ask_memory(e, &args[0], TIR_MEMORY_RECOMPUTE);
    return args[0];
}

/* -floor(-x) */
static Value apply_ceil(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value none = value_poison();
    Value below = elab_map(e, TIR_FLOOR, node->span, elab_map(e, TIR_NEG, node->span, args[0], none, none), none, none);
    return elab_map(e, TIR_NEG, node->span, below, none, none);
}

static Value apply_map3(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return elab_map(e, self->op, node->span, args[0], args[1], args[2]);
}

/* A function of an order, known now, and one number. */
static Value apply_ordered(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value n = args[0], x = args[1];
    if (n.kind != VALUE_NUMBER || n.number != (double)(int)n.number || n.number < 0 || n.number > TIR_MAX_ORDER / 2) {
        Value poison = elab_error(e, DIAG_E0305, args[0].span, "the order of '%s' is a whole number from 0 to %d",
                                  self->name, TIR_MAX_ORDER / 2);
        diag_help(e->sink, "%s",
                  self->op == TIR_POLYGAMMA ? "polygamma(0, x) is the logarithmic derivative of the gamma function"
                                            : "write it as a number, as in bessel_j(2, x)");
        return poison;
    }
    if (!value_to_array(e, &x, TIR_NONE)) return value_poison();
    if (x.type == TIR_BOOL)
        return elab_help(e, elab_error(e, DIAG_E0303, args[1].span, "a number is wanted here, and this is a condition"),
                         "write 'if condition then a else b' to get numbers");
    if (!unit_pure(e, &n, args[0].span, arena_format(e->arena, "the order of %s", self->name)) ||
        !unit_pure(e, &x, args[1].span, arena_format(e->arena, "the argument of %s", self->name)))
        return value_poison();
    if (x.kind == VALUE_NUMBER) return value_number(special_map(self->op, (int)n.number, &x.number), node->span);
    TirId id =
        tir_map_order(e->context->f, self->op, (int)n.number, node->span, value_real_id(e, &x), TIR_NONE, TIR_NONE);
    return value_tensor(e, id, x.dim, x.rank, node->span);
}

static Value apply_extreme(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = args[0];
    if (count == 1) return elab_reduce_array(e, self, v, node->span);
    for (uint32_t i = 1; i < count; i++) v = elab_map(e, self->op, node->span, v, args[i], value_poison());
    return v;
}

static Value apply_total(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return elab_reduce_array(e, self, args[0], node->span);
}

static Value apply_misplaced(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return elab_help(e, elab_error(e, DIAG_E0309, node->span, "'%s' must be called by its name", self->name),
                     "write %s(...) where it is wanted, or give a function of your own that calls it", self->name);
}

/* An array with at least one dimension, or poison. */
static Value array_argument(Elab *e, Self self, const Value *arg) {
    Value v = *arg;
    if (!value_to_array(e, &v, TIR_NONE)) return value_poison();
    if (v.kind == VALUE_TENSOR && v.rank && v.type != TIR_BOOL) return v;
    return elab_help(e,
                     elab_error(e, DIAG_E0303, arg->span, "'%s' takes an array of numbers, and this is %s", self->name,
                                value_kind_text(&v)),
                     "give a list or an array, such as [1, 2] or index(n)");
}

static Value apply_cumsum(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = array_argument(e, self, &args[0]), along = count > 1 ? value_scalar(args[1]) : value_int(0, node->span);
    if (value_is_poison(&v)) return v;
    if (along.kind != VALUE_NUMBER || along.type != TIR_INT || along.number < 0 || along.number >= v.rank)
        return elab_help(e,
                         elab_error(e, DIAG_E0307, args[1].span,
                                    "the dimension of 'cumsum' is a whole number from 0 to %u", v.rank - 1),
                         "0 is the first dimension");
    Dim dim = v.dim[(uint32_t)along.number];
    TirId id = value_real_id(e, &v);
    if (dim.size > 1) id = tir_cumsum(e->context->f, id, dim.axis, false, node->span);
    Value sum = value_tensor(e, id, v.dim, v.rank, node->span);
    sum.unit = v.unit;
    return sum;
}

/* The positions of the elements along the last dimension in ascending order; an array of one row is one element long.
 */
static TirId last_sorted(Elab *e, const Value *v, Span span) {
    return tir_argsort(e->context->f, value_real_id(e, v), v->dim[v->rank - 1].axis, span);
}

static Value apply_argsort(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = array_argument(e, self, &args[0]);
    if (value_is_poison(&v)) return v;
    TirFunction *f = e->context->f;
    TirId id = v.dim[v.rank - 1].size > 1 ? last_sorted(e, &v, node->span)
                                          : tir_broadcast(f, tir_int(f, 0, node->span), value_axes(e, &v), node->span);
    return value_tensor(e, id, v.dim, v.rank, node->span);
}

/* The elements at those positions, along an axis of their own. */
static Value apply_sort(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = array_argument(e, self, &args[0]);
    if (value_is_poison(&v) || v.dim[v.rank - 1].size == 1) return v;
    TirFunction *f = e->context->f;
    Dim *dims = ARENA_ARRAY(e->arena, Dim, v.rank), *last = &dims[v.rank - 1];
    memcpy(dims, v.dim, v.rank * sizeof *dims);
    *last = dim_new(e, "sorted", v.dim[v.rank - 1].size);
    TirAxisId from = v.dim[v.rank - 1].axis;
    TirId at = tir_rename(f, last_sorted(e, &v, node->span), from, last->axis, node->span);
    Value sorted = value_tensor(e, tir_gather(f, value_real_id(e, &v), at, from, node->span), dims, v.rank, node->span);
    sorted.unit = v.unit;
    return sorted;
}

static Value apply_search(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value table = array_argument(e, self, &args[0]), x = args[1];
    const Unit *unit;
    if (value_is_poison(&table) || !value_to_array(e, &x, TIR_NONE)) return value_poison();
    if (!unit_same(e, node->span, &table, &x, "compared", &unit)) return value_poison();
    if (table.rank != 1)
        return elab_help(e,
                         elab_error(e, DIAG_E0302, args[0].span,
                                    "'search' takes a table of one dimension, and this has shape %s",
                                    value_shape_text(e, &table)),
                         "take one of its rows by an index");
    if (table.dim[0].size == 1) return value_int(0, node->span);
    if (tir_axes_has(value_axes(e, &x), table.dim[0].axis))
        table = value_move(e, &table, 0, dim_new(e, "a", table.dim[0].size).axis, node->span);
    TirId id = tir_search(e->context->f, value_real_id(e, &table), value_real_id(e, &x), table.dim[0].axis, node->span);
    return value_tensor(e, id, x.dim, x.rank, node->span);
}

/* low (1 - t) + high t with t = k / (n - 1): exact at both ends, so that a formula such as (1 - x)^b is not asked for
 * a point just outside its domain. */
Value elab_linspace(Elab *e, Value low, Value high, int64_t count, Dim dim, Span span) {
    Value none = value_poison();
    if (value_is_poison(&low) || value_is_poison(&high)) return none;
    if (count == 1) return unit_same(e, span, &low, &high, "the ends of one grid", &low.unit) ? low : none;
    Value k = value_tensor(e, tir_iota(e->context->f, dim.axis, span), &dim, 1, span);
    Value t = elab_map(e, TIR_DIV, span, k, value_number((double)(count - 1), span), none);
    Value rest = elab_map(e, TIR_SUB, span, value_number(1, span), t, none);
    return elab_map(e, TIR_ADD, span, elab_map(e, TIR_MUL, span, low, rest, none),
                    elab_map(e, TIR_MUL, span, high, t, none), none);
}

static Value apply_linspace(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    int64_t size;
    if (!value_size(e, &args[2], "the number of points", &size)) return value_poison();
    return elab_linspace(e, value_scalar(args[0]), value_scalar(args[1]), size, dim_of_size(e, size), node->span);
}

static Value apply_index(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    int64_t size;
    if (!value_size(e, &args[0], "the length", &size)) return value_poison();
    Dim dim = dim_of_size(e, size);
    TirId id = size == 1 ? tir_int(e->context->f, 0, node->span) : tir_iota(e->context->f, dim.axis, node->span);
    return value_tensor(e, id, &dim, 1, node->span);
}

static Value apply_length(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    if (args[0].kind == VALUE_LIST) return value_int(args[0].count, node->span);
    Value v = array_argument(e, self, &args[0]);
    return value_is_poison(&v) ? v : value_int((double)v.dim[0].size, node->span);
}

static Value apply_repeat(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    int64_t size;
    if (!value_size(e, &args[1], "the number of repetitions", &size)) return value_poison();
    if (size > 4096)
        return elab_help(e, elab_error(e, DIAG_E0306, args[1].span, "a list has at most 4096 elements"),
                         "use an array: a formula over index(n)");
    Value *items = ARENA_ARRAY(e->arena, Value, size);
    for (int64_t i = 0; i < size; i++) items[i] = args[0];
    return value_list(e, items, (uint32_t)size, node->span);
}

static Value apply_uniform(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    if (!e->context->fit)
        return elab_help(
            e, elab_error(e, DIAG_E0304, node->span, "a random number has no place where a constant is wanted"),
            "draw it in a fit, or write the number");
    TirId id = tir_uniform(e->context->f, elab_stream(e, node), e->frame->force, node->span);
    rounds_note_draw(e, id);
    return value_tensor(e, id, NULL, 0, node->span);
}

/* The variable of a density that the second argument numbers; without it the only one. */
static bool variable_argument(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count,
                              DensityAxis *axis) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t variables;
    if (!density_value(e, self->name, &args[0], axes, &variables)) return false;
    Value at = count > 1 ? value_scalar(args[1]) : value_int(0, node->span);
    if (count == 1 && variables != 1) {
        elab_error(e, DIAG_E0301, node->span, "'%s' has %u variables, and '%s' is of one of them", args[0].decl->name,
                   variables, self->name);
        diag_help(e->sink, "say which: %s(%s, 0) is that of '%s'", self->name, args[0].decl->name, axes[0].name);
        return false;
    }
    if (at.kind != VALUE_NUMBER || at.type != TIR_INT || at.number < 0 || at.number >= variables) {
        elab_error(e, DIAG_E0307, args[1].span, "the number of a variable of '%s' is a whole number from 0 to %u",
                   args[0].decl->name, variables - 1);
        diag_help(e->sink, "0 stands for '%s', the first of them", axes[0].name);
        return false;
    }
    *axis = axes[(uint32_t)at.number];
    return true;
}

static Value apply_bound(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    DensityAxis axis;
    if (!variable_argument(e, self, node, args, count, &axis)) return value_poison();
    Value bound = value_number(self->op == TIR_MIN ? axis.low : axis.high, node->span);
    if (args[0].numbers) return bound;
    bound.number *= axis.scale;
    bound.unit = axis.unit;
    return bound;
}

static Value apply_on_log(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    DensityAxis axis;
    if (!variable_argument(e, self, node, args, count, &axis)) return value_poison();
    return value_bool(axis.log, node->span);
}

static Value apply_variables(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t variables;
    if (!density_value(e, self->name, &args[0], axes, &variables)) return value_poison();
    return value_int(variables, node->span);
}

static Value apply_tabulate(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t variables;
    if (!density_value(e, self->name, &args[0], axes, &variables)) return value_poison();
    if (args[1].kind != VALUE_LIST || args[1].count != variables)
        return elab_help(e,
                         elab_error(e, DIAG_E0302, args[1].span,
                                    "'%s' takes a list of %u arrays, the nodes of every variable", self->name,
                                    variables),
                         "make each with linspace(LOW, HIGH, N)");
    return density_table(e, &args[0], node, axes, args[1].items, variables, node->span);
}

/* A whole number from `least` to `most`, known now. */
static bool whole_argument(const Value *v, int64_t least, int64_t most) {
    return v->kind == VALUE_NUMBER && v->type == TIR_INT && v->number >= (double)least && v->number <= (double)most;
}

static Value apply_flatten(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = array_argument(e, self, &args[0]),
          dims = count > 1 ? value_scalar(args[1]) : value_int(v.rank, node->span);
    if (value_is_poison(&v) || value_is_poison(&dims)) return value_poison();
    if (whole_argument(&dims, 1, v.rank)) return value_flatten(e, v, (uint32_t)dims.number, node->span);
    return elab_help(
        e, elab_error(e, DIAG_E0307, args[1].span, "'flatten' makes one of the first dimensions, from 1 to %u", v.rank),
        "flatten(x) makes one of all");
}

static Value apply_deposit(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    enum { MOST = 1 << 23 };
    Value v = array_argument(e, self, &args[0]), at = array_argument(e, self, &args[1]), size = value_scalar(args[2]);
    if (value_is_poison(&v) || value_is_poison(&at) || value_is_poison(&size)) return value_poison();
    bool same = at.type == TIR_INT && at.rank == v.rank;
    for (uint32_t i = 0; same && i < v.rank; i++) same = at.dim[i].size == v.dim[i].size;
    if (!same)
        return elab_help(e,
                         elab_error(e, DIAG_E0302, args[1].span,
                                    "'deposit' takes a whole number for every number of its first argument, which has "
                                    "shape %s",
                                    value_shape_text(e, &v)),
                         "write a formula over the same indices, such as [2 * i for i in index(n)]");
    if (!whole_argument(&size, 1, MOST))
        return elab_help(
            e, elab_error(e, DIAG_E0307, args[2].span, "the length of an array is a whole number from 1 to %d", MOST),
            "write it as a number or a size");
    return value_deposit(e, v, at, (int64_t)size.number, node->span);
}

/* Dimensions have names: their order is nowhere but in the value. */
static Value apply_transpose(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value v = array_argument(e, self, &args[0]);
    if (value_is_poison(&v)) return v;
    if (v.rank < 2)
        return elab_help(e,
                         elab_error(e, DIAG_E0302, args[0].span,
                                    "'transpose' swaps the last two dimensions, and this has shape %s",
                                    value_shape_text(e, &v)),
                         "give an array of two dimensions or more");
    Value turned = value_tensor(e, v.id, v.dim, v.rank, node->span);
    turned.unit = v.unit;
    Dim last = turned.dim[v.rank - 1];
    turned.dim[v.rank - 1] = turned.dim[v.rank - 2];
    turned.dim[v.rank - 2] = last;
    return turned;
}

static bool joins_one(const Value *v) {
    return v->kind == VALUE_NUMBER || (v->kind == VALUE_TENSOR && !v->rank);
}

static Value apply_join(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    uint32_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (args[i].kind != VALUE_LIST && !joins_one(&args[i]))
            return elab_help(e,
                             elab_error(e, DIAG_E0303, args[i].span, "'join' joins lists and numbers, and this is %s",
                                        value_kind_text(&args[i])),
                             "write [a] for the list of one element");
        length += joins_one(&args[i]) ? 1 : args[i].count;
    }
    if (length > 4096)
        return elab_help(e, elab_error(e, DIAG_E0306, node->span, "a list has at most 4096 elements"),
                         "use an array, linspace or index");
    Value *items = ARENA_ARRAY(e->arena, Value, length + 1);
    for (uint32_t i = 0, at = 0; i < count; i++)
        if (joins_one(&args[i])) {
            items[at++] = args[i];
        } else {
            memcpy(items + at, args[i].items, args[i].count * sizeof *items);
            at += args[i].count;
        }
    return value_list(e, items, length, node->span);
}

static Value apply_pi(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return value_number(3.14159265358979323846, node->span);
}

static Value apply_inf(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    return value_number(INFINITY, node->span);
}

static Value apply_integral(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    Value poison = elab_error(e, DIAG_E0309, node->span, "'integral' takes a formula and an interval");
    diag_help(e->sink, "write integral(f(x) for x in 0 .. 1); for the integral of a density add 'use std.sampler'");
    return poison;
}

static Value apply_step(Elab *e, Self self, const AstNode *node, const Value *args, uint32_t count) {
    TirFunction *f = e->context->f;
    TirId id = tir_map(f, TIR_TO_REAL, node->span, tir_step(f, node->span), TIR_NONE, TIR_NONE);
    return value_tensor(e, id, NULL, 0, node->span);
}

static const Primitive table[] = {
#define PRIMITIVE(name, least, most, apply, op, reduces) {#name, least, most, apply_##apply, op, reduces},
#include "sema/primitive.def"
#undef PRIMITIVE
};

const Primitive *primitive_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) return &table[i];
    return NULL;
}

bool sema_primitive(const char *name, int *least, int *most) {
    const Primitive *p = primitive_find(name);
    if (!p) return false;
    *least = p->least;
    *most = p->most;
    return true;
}

const char *sema_primitive_name(size_t index) {
    return index < sizeof table / sizeof *table ? table[index].name : NULL;
}

/* [EXPR for i in SOURCE]: a list goes round by round and gives a list; an array (index(n), a whole number n for it)
 * gives an array whose first dimension runs along the source: EXPR is evaluated once, for all elements, on an axis of
 * its own that only the result shows. */
#include "sema/sema.h"

enum { BUILD_ROUNDS_MAX = 4096 };

/* Whether a round is kept; conditions on lists are known when the model is compiled. */
static bool keep_round(Elab *e, const AstNode *condition, bool *keep) {
    Value v = elab_expr(e, condition);
    *keep = v.kind == VALUE_NUMBER && v.number != 0;
    if (value_is_poison(&v) || (v.kind == VALUE_NUMBER && v.type == TIR_BOOL)) return !value_is_poison(&v);
    elab_error(e, DIAG_E0304, condition->span,
               "the number of elements must be known when the model is compiled, and this condition is %s",
               v.kind == VALUE_TENSOR ? "computed when it runs" : value_kind_text(&v));
    diag_help(e->sink, "give the others a value: if condition then a else 0");
    return false;
}

static Value build_list(Elab *e, const AstNode *node, Value list) {
    Frame *frame = e->frame;
    Local *outer = frame->locals;
    const Path *path = frame->path;
    const AstNode *condition = node->count > 2 ? node->kids[2] : NULL;
    if (list.count > BUILD_ROUNDS_MAX)
        return elab_help(e,
                         elab_error(e, DIAG_E0306, node->kids[1]->span,
                                    "a list of %u elements: it must have at most %d", list.count, BUILD_ROUNDS_MAX),
                         "build an array: go over index(%u)", list.count);
    Value *items = ARENA_ARRAY(e->arena, Value, list.count + 1);
    uint32_t count = 0;
    bool whole = true;
    for (uint32_t i = 0; i < list.count && whole; i++) {
        Path round = {path, node, i};
        bool keep = true;
        frame->path = arena_copy(e->arena, &round, sizeof round);
        local_push(e, node->name, list.items[i]);
        whole = !condition || keep_round(e, condition, &keep);
        if (whole && keep) items[count++] = elab_expr(e, node->kids[0]);
        if (whole && keep) whole = !value_is_poison(&items[count - 1]);
        frame->locals = outer;
    }
    frame->path = path;
    return whole ? value_list(e, items, count, node->span) : value_poison();
}

/* `v` as elements along `each`. */
static Value build_result(Elab *e, const AstNode *node, Value v, Dim each) {
    if (value_is_poison(&v) || !value_to_array(e, &v, TIR_NONE)) return value_poison();
    TirAxes axes = each.axis == TIR_NONE ? tir_axes_none() : tir_axes_one(each.axis);
    axes = tir_axes_union(axes, tir_axes_minus(value_axes(e, &v), axes));
    uint32_t rank = v.kind == VALUE_TENSOR ? v.rank : 0;
    if (axes.count > TIR_MAX_AXES || rank == TIR_MAX_AXES) {
        elab_error(e, DIAG_E0306, node->span, "this value would have more than %d axes", TIR_MAX_AXES);
        diag_help(e->sink, "nest fewer sums and arrays");
        return value_poison();
    }
    Dim dim[TIR_MAX_AXES] = {each};
    for (uint32_t i = 0; i < rank; i++) dim[i + 1] = v.dim[i];
    TirId id = id_broadcast(e, value_id(e, &v, v.type), axes, node->span);
    Value result = value_tensor(e, id, dim, rank + 1, node->span);
    result.unit = v.unit;
    return result;
}

static Value build_array(Elab *e, const AstNode *node, Value source) {
    if (node->count > 2 && node->kids[2])
        return elab_help(e,
                         elab_error(e, DIAG_E0309, node->kids[2]->span,
                                    "'when' would leave an array without a fixed length: only lists are built with it"),
                         "give the other elements a value: if condition then a else 0");
    Frame *frame = e->frame;
    Dim each = source.dim[0];
    if (each.size > 1) {
        each = dim_new(e, "each", each.size);
        source = value_move(e, &source, 0, each.axis, node->kids[1]->span);
    }
    Value item = value_tensor(e, source.id, source.dim + 1, source.rank - 1, node->span);
    item.unit = source.unit;
    Local *outer = frame->locals;
    TirAxes force = frame->force;
    if (each.axis != TIR_NONE) frame->force = tir_axes_union(force, tir_axes_one(each.axis));
    local_push(e, node->name, item);
    Value v = elab_expr(e, node->kids[0]);
    frame->locals = outer;
    frame->force = force;
    return build_result(e, node, v, each);
}

/* A whole number n stands for 0, 1, ..., n - 1. */
static Value build_source(Elab *e, const AstNode *source) {
    Value v = elab_source(e, source);
    int64_t size;
    if (v.kind != VALUE_NUMBER || v.type == TIR_BOOL) return v;
    if (!value_size(e, &v, "the number of elements", &size)) return value_poison();
    Dim dim = dim_of_size(e, size);
    TirFunction *f = e->context->f;
    return value_tensor(e, size == 1 ? tir_int(f, 0, source->span) : tir_iota(f, dim.axis, source->span), &dim, 1,
                        source->span);
}

Value elab_build(Elab *e, const AstNode *node) {
    Value source = build_source(e, node->kids[1]);
    if (value_is_poison(&source)) return source;
    if (source.kind == VALUE_LIST) return build_list(e, node, source);
    if (source.kind == VALUE_TENSOR && source.rank) return build_array(e, node, source);
    Value poison = elab_error(e, DIAG_E0309, node->kids[1]->span,
                              "an array is built over a list, an array or a whole number, and this is %s",
                              value_kind_text(&source));
    if (source.kind == VALUE_SAMPLE)
        diag_help(e->sink, "the events of a sample have no order: take a sum or a mean over them");
    else
        diag_help(e->sink, "for example: [i * i for i in index(10)]");
    return poison;
}

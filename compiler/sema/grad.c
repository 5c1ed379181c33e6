/* grad(EXPR, x), jacobian(EXPR, x), hessian(EXPR, x): derivatives of a formula by x, which is a number, an array, a
 * list or an event. EXPR is elaborated as it stands; then operations are appended that derive it by the values of x
 * (jacobian.c). So everything that was computed from x counts, and the result can be differentiated again. */
#include "sema/grad.h"

#include <string.h>

enum { LEAVES_MAX = 4096 };

typedef enum What { GRAD, JACOBIAN, HESSIAN } What;
static const char *const what_name[] = {"grad", "jacobian", "hessian"};

static Value leaf_number(Elab *e, const Value *x, Leaves *leaves) {
    TirFunction *f = e->context->f;
    Value v = *x;
    bool known = x->kind == VALUE_NUMBER, twice = false;
    for (size_t i = 0; i < leaves->values.count && !known; i++) twice |= leaves->values.data[i].id == x->id;
    if (known || twice || x->type == TIR_INT) {
        TirId id = value_real_id(e, x);
        if (twice && x->type == TIR_REAL) id = tir_map(f, TIR_MUL, x->span, id, tir_real(f, 1, x->span), TIR_NONE);
        v = value_tensor(e, id, x->dim, known ? 0 : x->rank, x->span);
        v.unit = x->unit;
        leaves->replaced = true;
    }
    VEC_PUSH(e->arena, &leaves->values, v);
    return v;
}

/* x with a value of its own for each number, all of them in `leaves`. Fields of an event that are no numbers (labels)
 * stay. */
static Value leaf_value(Elab *e, const Value *x, Leaves *leaves) {
    if (leaves->values.count > LEAVES_MAX) leaves->failed = true;
    switch (x->kind) {
    case VALUE_NUMBER:
    case VALUE_TENSOR:
        if (x->type != TIR_BOOL) return leaf_number(e, x, leaves);
        break;
    case VALUE_LIST:
    case VALUE_RECORD: {
        Value v = *x, *items = arena_copy(e->arena, x->items, x->count * sizeof *items);
        for (uint32_t i = 0; i < x->count && !leaves->failed; i++)
            if (x->kind == VALUE_LIST || items[i].kind == VALUE_NUMBER || items[i].kind == VALUE_TENSOR)
                items[i] = leaf_value(e, &items[i], leaves);
        v.items = items;
        return v;
    }
    default: break;
    }
    leaves->failed = true;
    return *x;
}

/* Where the way from the leaves to `of` has no derivative; TIR_NONE when there is no way at all. */
static TirId find_break(Elab *e, const Leaves *leaves, TirId of) {
    const TirFunction *f = e->context->f;
    Arena scratch = {0};
    bool *depends = ARENA_ARRAY(&scratch, bool, (size_t)of + 1);
    for (size_t i = 0; i < leaves->values.count; i++)
        if (leaves->values.data[i].id <= of) depends[leaves->values.data[i].id] = true;
    for (TirId v = 0; v <= of; v++)
        for (uint32_t k = 0; k < f->ops.data[v].arg_count; k++) depends[v] |= depends[f->ops.data[v].args[k]];
    TirId at = depends[of] ? of : TIR_NONE;
    while (at != TIR_NONE && ad_differentiable(&f->ops.data[at])) {
        TirId next = at;
        for (uint32_t k = 0; k < f->ops.data[at].arg_count; k++)
            if (depends[f->ops.data[at].args[k]]) next = f->ops.data[at].args[k];
        if (next == at) break;
        at = next;
    }
    arena_free(&scratch);
    return at;
}

static Value report_independent(Elab *e, const AstNode *call, const Leaves *leaves, TirId of) {
    const AstNode *formula = call->kids[1], *by = call->kids[2];
    TirId at = find_break(e, leaves, of);
    const char *name = by->kind == AST_NAME ? arena_format(e->arena, "'%s'", by->name) : "the second argument";
    if (at == TIR_NONE) {
        Value poison = elab_error(e, DIAG_E0323, formula->span, "this does not depend on %s", name);
        diag_note(e->sink, by->span, "the derivative by this is wanted");
        diag_help(e->sink, "name in the formula what the derivative is taken by");
        return poison;
    }
    Value poison =
        elab_error(e, DIAG_E0323, formula->span, "this depends on %s only through steps that have no derivative", name);
    if (e->context->f->ops.data[at].span.file)
        diag_note(e->sink, e->context->f->ops.data[at].span,
                  "here: stop, whole, floor, round, sign, comparisons and draws have none");
    diag_help(e->sink, "use a smooth function in its place, such as tanh for sign");
    return poison;
}

/* Parts by leaf in the shape of x: a list for a list or an event. */
static Value result_value(Elab *e, const Value *x, const Value *parts, uint32_t *at) {
    if (x->kind == VALUE_TENSOR) return parts[(*at)++];
    Value *items = ARENA_ARRAY(e->arena, Value, x->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->items[i].kind == VALUE_TENSOR || x->kind == VALUE_LIST)
            items[count++] = result_value(e, &x->items[i], parts, at);
    return value_list(e, items, count, x->span);
}

/* How many dimensions a list adds in front of its items'. */
static uint32_t list_depth(const Value *v) {
    return v->kind == VALUE_LIST && v->count ? 1 + list_depth(&v->items[0]) : 0;
}

static Value report_large(Elab *e, Span span) {
    return elab_help(e,
                     elab_error(e, DIAG_E0306, span, "the derivative would have more than %d dimensions", TIR_MAX_AXES),
                     "derive by fewer dimensions at a time, or fewer elements");
}

static bool derivative_by_leaves(Elab *e, const AstNode *call, TirId of, const Leaves *leaves) {
    bool *leaf = ARENA_ARRAY(e->arena, bool, e->context->f->ops.count);
    for (size_t i = 0; i < leaves->values.count; i++) leaf[leaves->values.data[i].id] = true;
    return derivative_exists(e, of, leaf, call->span, "needed because the derivative is taken here");
}

/* The list of parts as one array, with the dimensions of the value that was derived before those of the list. */
static Value result_array(Elab *e, Value list, uint32_t of_rank) {
    uint32_t depth = list_depth(&list);
    const Value *item = &list;
    while (item->kind == VALUE_LIST && item->count) item = &item->items[0];
    if (depth + item->rank > TIR_MAX_AXES) return report_large(e, list.span);
    if (!value_to_array(e, &list, TIR_NONE)) return value_poison();
    Dim dim[TIR_MAX_AXES];
    for (uint32_t i = 0; i < list.rank; i++)
        dim[i] = i < of_rank ? list.dim[depth + i] : i < of_rank + depth ? list.dim[i - of_rank] : list.dim[i];
    memcpy(list.dim, dim, list.rank * sizeof *dim);
    return list;
}

static Value report_mixed(Elab *e, const AstNode *call) {
    Value poison = elab_error(e, DIAG_E0323, call->span,
                              "the formula is a sum or a mean over events, and has besides a value for each of others; "
                              "what it is derived by has a value for every event of the first");
    diag_help(e->sink, "derive the term of one event, and take the mean of the derivatives");
    return poison;
}

/* An array has one unit; false after a report. */
static bool units_alike(Elab *e, const AstNode *by, const Leaves *leaves) {
    const Value *v = leaves->values.data;
    for (size_t j = 1; j < leaves->values.count; j++) {
        if (v[j].unit == v[0].unit) continue;
        elab_error(e, DIAG_E0316, by->span, "the numbers that this is derived by have different units: %s and %s",
                   unit_text(e, v[0].unit), unit_text(e, v[j].unit));
        diag_help(e->sink, "an array has one unit: derive by one of them at a time");
        return false;
    }
    return true;
}

/* The derivative of `of`, a tensor, by x. `again`: of a derivative, which may be constant. */
static Value derive(Elab *e, const AstNode *call, const Value *of, const Value *x, const Leaves *leaves, bool again) {
    if ((of->rank || again) && !units_alike(e, call->kids[2], leaves)) return value_poison();
    if (!derivative_by_leaves(e, call, of->id, leaves)) return value_poison();
    Value *parts = ARENA_ARRAY(e->arena, Value, leaves->values.count), whole = value_poison();
    switch (value_derive(e, of, leaves, parts, &whole, call->span)) {
    case DERIVED_MIXED: return report_mixed(e, call);
    case DERIVED_NOT:
        if (!again) return report_independent(e, call, leaves, of->id);
        break;
    case DERIVED_LARGE: return report_large(e, call->span);
    case DERIVED: break;
    }
    if (!value_is_poison(&whole)) return whole;
    uint32_t at = 0;
    Value result = result_value(e, x, parts, &at);
    result.span = call->span;
    return result.kind == VALUE_LIST && of->rank ? result_array(e, result, of->rank) : result;
}

static Value report_formula(Elab *e, const AstNode *formula, const Value *v, What what) {
    bool numbers = v->kind == VALUE_TENSOR && v->type != TIR_BOOL;
    if (what == JACOBIAN) {
        Value poison = elab_error(e, DIAG_E0323, formula->span, "a derivative is taken of numbers, and this is %s",
                                  value_kind_text(v));
        diag_help(e->sink, "write a number, an array or a list of numbers");
        return poison;
    }
    Value poison = elab_error(e, DIAG_E0323, formula->span, "%s of one number, and this is %s",
                              what == GRAD ? "a derivative is taken" : "second derivatives are taken",
                              numbers ? value_shape_text(e, v) : value_kind_text(v));
    if (what == GRAD && (numbers || v->kind == VALUE_LIST))
        diag_help(e->sink, "derive one element, or a sum or a norm of them; all elements at once: jacobian");
    else
        diag_help(e->sink, "derive one element, or a sum or a norm of them");
    return poison;
}

/* The formula as a tensor: one number, or for a jacobian an array. */
static Value formula_value(Elab *e, const AstNode *formula, What what) {
    Value v = elab_expr(e, formula);
    if (value_is_poison(&v)) return v;
    if (v.kind != VALUE_NUMBER && v.kind != VALUE_TENSOR && v.kind != VALUE_LIST)
        return report_formula(e, formula, &v, what);
    if (!value_to_array(e, &v, TIR_NONE)) return value_poison();
    if (what != JACOBIAN) v = value_scalar(v);
    if (v.type == TIR_BOOL || (what != JACOBIAN && v.kind == VALUE_TENSOR && v.rank))
        return report_formula(e, formula, &v, what);
    Value of = value_tensor(e, value_real_id(e, &v), v.dim, v.kind == VALUE_TENSOR ? v.rank : 0, formula->span);
    of.unit = v.unit;
    return of;
}

static bool call_written(Elab *e, const AstNode *call, What what) {
    static const char *const example[] = {"grad(critic(e), e)", "jacobian([x * y, x / y], [x, y])",
                                          "hessian(potential(r), r)"};
    bool written = call->kind == AST_CALL && call->count == 3;
    for (uint32_t i = 1; written && i < 3; i++)
        written = call->kids[i]->kind != AST_NAMED && call->kids[i]->kind != AST_COMPREHEND;
    if (written) return true;
    elab_error(e, DIAG_E0301, call->span, "'%s' takes a formula and what it is derived by", what_name[what]);
    diag_help(e->sink, "for example: %s", example[what]);
    return false;
}

static Value elab_derivative(Elab *e, const AstNode *call, What what) {
    if (!call_written(e, call, what)) return value_poison();
    const AstNode *formula = call->kids[1], *by = call->kids[2];
    Value given = elab_expr(e, by);
    if (value_is_poison(&given)) return given;
    Leaves leaves = {0};
    Value x = leaf_value(e, &given, &leaves);
    if (leaves.failed || !leaves.values.count)
        return elab_help(e,
                         elab_error(e, DIAG_E0323, by->span,
                                    "a derivative is taken by numbers, an array or an event, and this is %s",
                                    value_kind_text(&given)),
                         "name a parameter or an argument, as in %s(f(x), x)", what_name[what]);
    for (size_t i = 0; i < leaves.values.count; i++) rounds_note_leaf(e, leaves.values.data[i].id);
    Local *outer = e->frame->locals;
    if (leaves.replaced && by->kind == AST_NAME) local_push(e, by->name, x);
    Value of = formula_value(e, formula, what);
    e->frame->locals = outer;
    if (value_is_poison(&of)) return of;
    Value result = derive(e, call, &of, &x, &leaves, false);
    if (what != HESSIAN || value_is_poison(&result)) return result;
    if (!units_alike(e, by, &leaves) || !value_to_array(e, &result, TIR_NONE)) return value_poison();
    return derive(e, call, &result, &x, &leaves, true);
}

Value elab_grad(Elab *e, const AstNode *call) {
    return elab_derivative(e, call, GRAD);
}
Value elab_jacobian(Elab *e, const AstNode *call) {
    return elab_derivative(e, call, JACOBIAN);
}
Value elab_hessian(Elab *e, const AstNode *call) {
    return elab_derivative(e, call, HESSIAN);
}

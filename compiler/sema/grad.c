/* grad(EXPR, x): the derivative of one number by x, which is a number, an array, a list or an event. EXPR is elaborated
 * as it stands; then adjoint operations are appended that lead from it back to the values of x. So everything that was
 * computed from x counts, and the result can be differentiated again.
 *
 * One event at a time: EXPR and x carry hidden axes (events, vectors, points). Summed over those that x carries, EXPR
 * gives the derivative at every point of x, since each event's number depends on that event. Along an axis that EXPR
 * has and x lacks (x a parameter, EXPR for every event) the sum would mix the events; there dE_b/dx = d/ds_b ( sum_b
 * s_b dE_b/dx )     at any s: the adjoint of the adjoint by its seed. */
#include "sema/unit.h"

#include <string.h>

enum { LEAVES_MAX = 4096, ROUNDS_MAX = 64 };

typedef struct Leaves {
    VEC(TirId) ids;
    bool replaced; /* some value of x had to be made anew */
    bool failed;
} Leaves;

static Value leaf_number(Elab *e, const Value *x, Leaves *leaves) {
    TirFunction *f = e->context->f;
    Value v = *x;
    bool known = x->kind == VALUE_NUMBER, twice = false;
    for (size_t i = 0; i < leaves->ids.count && !known; i++) twice |= leaves->ids.data[i] == x->id;
    if (known || twice || x->type == TIR_INT) {
        TirId id = value_real_id(e, x);
        if (twice && x->type == TIR_REAL) id = tir_map(f, TIR_MUL, x->span, id, tir_real(f, 1, x->span), TIR_NONE);
        v = value_tensor(e, id, x->dim, known ? 0 : x->rank, x->span);
        v.unit = x->unit;
        leaves->replaced = true;
    }
    VEC_PUSH(e->arena, &leaves->ids, v.id);
    return v;
}

/* x with a value of its own for each number, all of them in `leaves`. Fields of an event that are no numbers (labels)
 * stay. */
static Value leaf_value(Elab *e, const Value *x, Leaves *leaves) {
    if (leaves->ids.count > LEAVES_MAX) leaves->failed = true;
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
    for (size_t i = 0; i < leaves->ids.count; i++)
        if (leaves->ids.data[i] <= of) depends[leaves->ids.data[i]] = true;
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

static TirAxes visible_axes(const Value *x) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < x->rank; i++)
        if (x->dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, x->dim[i].axis);
    return axes;
}

static TirId zero_like(Elab *e, TirId id, Span span) {
    return id_broadcast(e, tir_real(e->context->f, 0, span), e->context->f->ops.data[id].axes, span);
}

/* The derivative of every point of `of` by the element of `g` that is left of dimension `at` on. `g` is
 * sum_b s_b dE_b/dx with s = `seed`. */
static TirId unseed(Elab *e, const Value *x, uint32_t at, TirId g, TirId seed, Span span) {
    TirFunction *f = e->context->f;
    while (at < x->rank && x->dim[at].axis == TIR_NONE) at++;
    if (at == x->rank) {
        TirId out, one = tir_real(f, 1, span);
        ad_adjoint(f, &g, &one, 1, &seed, 1, &out);
        return out == TIR_NONE ? zero_like(e, seed, span) : out;
    }
    TirId *parts = ARENA_ARRAY(e->arena, TirId, x->dim[at].size);
    for (int64_t i = 0; i < x->dim[at].size; i++)
        parts[i] = unseed(e, x, at + 1, tir_slice(f, g, x->dim[at].axis, i, span), seed, span);
    return tir_stack(f, parts, (uint32_t)x->dim[at].size, x->dim[at].axis, span);
}

/* x lacks hidden axes that `of` has; TIR_NONE after a report. */
static TirId derive_points(Elab *e, const AstNode *call, TirId of, const Value *x, bool *found) {
    TirFunction *f = e->context->f;
    TirAxes of_axes = f->ops.data[of].axes, x_axes = f->ops.data[x->id].axes, seen = visible_axes(x);
    int64_t rounds = 1;
    for (uint32_t i = 0; i < x->rank; i++) rounds *= x->dim[i].size;
    if (tir_axes_minus(tir_axes_minus(x_axes, seen), of_axes).count || tir_axes_both(of_axes, seen).count ||
        rounds > ROUNDS_MAX || of_axes.count + seen.count > TIR_MAX_AXES) {
        elab_error(e, DIAG_E0323, call->span,
                   "the formula has a value for every event, and what it is derived by is one array of %lld numbers "
                   "for all of them",
                   (long long)rounds);
        diag_help(e->sink, "derive by one number at a time, by at most %d, or derive the mean over the events",
                  ROUNDS_MAX);
        return TIR_NONE;
    }
    TirId seed = tir_broadcast(f, tir_real(f, 1, call->span), of_axes, call->span), g;
    ad_adjoint(f, &of, &seed, 1, &x->id, 1, &g);
    *found |= g != TIR_NONE;
    return g == TIR_NONE ? zero_like(e, x->id, call->span) : unseed(e, x, 0, g, seed, call->span);
}

/* Values of x in the order of `ids`, each replaced by its derivative of something with unit `of`. */
static Value result_value(Elab *e, const Value *x, const TirId *ids, uint32_t *at, const Unit *of) {
    if (x->kind == VALUE_TENSOR) {
        Value v = value_tensor(e, ids[(*at)++], x->dim, x->rank, x->span);
        unit_product(e, of, x->unit, -1, &v.unit);
        return v;
    }
    Value *items = ARENA_ARRAY(e->arena, Value, x->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->items[i].kind == VALUE_TENSOR || x->kind == VALUE_LIST)
            items[count++] = result_value(e, &x->items[i], ids, at, of);
    return value_list(e, items, count, x->span);
}

/* `of` by every leaf, in the leaves' place; false after a report. `tensors`: the values that the leaves are of. */
static bool derive(Elab *e, const AstNode *call, TirId of, Leaves *leaves, const Value *tensors) {
    TirFunction *f = e->context->f;
    uint32_t count = (uint32_t)leaves->ids.count;
    TirAxes of_axes = f->ops.data[of].axes;
    TirId *out = ARENA_ARRAY(e->arena, TirId, count + 1);
    bool found = false, extra = false;
    for (uint32_t i = 0; i < count; i++)
        extra |= tir_axes_minus(of_axes, f->ops.data[leaves->ids.data[i]].axes).count > 0;
    TirId one = tir_real(f, 1, call->span);
    if (!extra) ad_adjoint(f, &of, &one, 1, leaves->ids.data, count, out);
    for (uint32_t i = 0; i < count; i++) {
        if (extra && (out[i] = derive_points(e, call, of, &tensors[i], &found)) == TIR_NONE) return false;
        found |= !extra && out[i] != TIR_NONE;
    }
    if (!found) {
        report_independent(e, call, leaves, of);
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        leaves->ids.data[i] = out[i] == TIR_NONE ? zero_like(e, leaves->ids.data[i], call->span) : out[i];
    return true;
}

static void collect(const Value *x, Value *tensors, uint32_t *count) {
    if (x->kind == VALUE_TENSOR) tensors[(*count)++] = *x;
    for (uint32_t i = 0; (x->kind == VALUE_LIST || x->kind == VALUE_RECORD) && i < x->count; i++)
        collect(&x->items[i], tensors, count);
}

static Value report_formula(Elab *e, const AstNode *formula, const Value *v) {
    Value poison =
        elab_error(e, DIAG_E0323, formula->span, "a derivative is taken of one number, and this is %s",
                   v->kind == VALUE_TENSOR && v->type != TIR_BOOL ? value_shape_text(e, v) : value_kind_text(v));
    diag_help(e->sink, "derive one element, or a sum or a norm of them");
    return poison;
}

Value elab_grad(Elab *e, const AstNode *call) {
    bool written = call->kind == AST_CALL && call->count == 3;
    for (uint32_t i = 1; written && i < 3; i++)
        written = call->kids[i]->kind != AST_NAMED && call->kids[i]->kind != AST_COMPREHEND;
    if (!written) {
        Value poison = elab_error(e, DIAG_E0301, call->span, "'grad' takes a formula and what it is derived by");
        diag_help(e->sink, "for example: grad(critic(e), e)");
        return poison;
    }
    const AstNode *formula = call->kids[1], *by = call->kids[2];
    Value given = elab_expr(e, by);
    if (value_is_poison(&given)) return given;
    Leaves leaves = {0};
    Value x = leaf_value(e, &given, &leaves);
    if (leaves.failed || !leaves.ids.count)
        return elab_help(e,
                         elab_error(e, DIAG_E0323, by->span,
                                    "a derivative is taken by numbers, an array or an event, and this is %s",
                                    value_kind_text(&given)),
                         "name a parameter or an argument, as in grad(f(x), x)");
    Local *outer = e->frame->locals;
    if (leaves.replaced && by->kind == AST_NAME) local_push(e, by->name, x);
    Value v = elab_expr(e, formula);
    e->frame->locals = outer;
    if (value_is_poison(&v)) return v;
    if (v.kind != VALUE_NUMBER && v.kind != VALUE_TENSOR && v.kind != VALUE_LIST) return report_formula(e, formula, &v);
    if (!value_to_array(e, &v, TIR_NONE)) return value_poison();
    v = value_scalar(v);
    if (v.type == TIR_BOOL || (v.kind == VALUE_TENSOR && v.rank)) return report_formula(e, formula, &v);
    TirId of = value_real_id(e, &v);
    Value *tensors = ARENA_ARRAY(e->arena, Value, leaves.ids.count);
    uint32_t count = 0, at = 0;
    collect(&x, tensors, &count);
    if (!derive(e, call, of, &leaves, tensors)) return value_poison();
    Value result = result_value(e, &x, leaves.ids.data, &at, v.unit);
    result.span = call->span;
    return result;
}

/* Sums, means and extremes over events, over the elements of an array, and over lists. */
#include <math.h>
#include <string.h>

#include "sema/measure.h"

enum { ROUNDS_MAX = 4096, STREAMS_MAX = 4096 };

static bool path_equal(const Path *a, const Path *b) {
    for (; a && b; a = a->up, b = b->up)
        if (a->node != b->node || a->round != b->round) return false;
    return a == b;
}

int64_t elab_stream(Elab *e, const AstNode *node) {
    FitState *fit = e->context->fit;
    Path path = {e->frame->path, node, 0};
    for (size_t i = 0; i < fit->streams.count; i++)
        if (path_equal(fit->streams.data[i], &path)) return (int64_t)(fit->stream_base + i);
    if (fit->streams.count == STREAMS_MAX) {
        if (!e->too_deep) {
            elab_error(e, DIAG_E0306, node->span, "written out, this fit has more than %d draws", STREAMS_MAX);
            diag_help(e->sink, "draw an array at once: a formula over index(n) draws n numbers in one place");
        }
        e->too_deep = true;
        return 0;
    }
    const Path *kept = arena_copy(e->arena, &path, sizeof path);
    VEC_PUSH(e->arena, &fit->streams, kept);
    return (int64_t)(fit->stream_base + fit->streams.count - 1);
}

/* Number of points of the axes, as a value: known now but for the local events of a data set. */
static Value axes_points(Elab *e, TirAxes axes, Span span) {
    TirFunction *f = e->context->f;
    Value points = value_int(1, span);
    for (uint32_t i = 0; i < axes.count; i++) {
        int64_t size = f->axes.data[axes.id[i]].size;
        Value own =
            size >= 0 ? value_int((double)size, span) : value_tensor(e, tir_extent(f, axes.id[i], span), NULL, 0, span);
        points = elab_map(e, TIR_MUL, span, points, own, value_poison());
    }
    return points;
}

/* `v` over hidden axes; what does not vary along an axis counts once a point. */
static Value reduce_axes(Elab *e, const Primitive *reduce, Value v, TirAxes axes, Span span) {
    TirFunction *f = e->context->f;
    if (!value_to_array(e, &v, TIR_NONE)) return value_poison();
    if (v.type == TIR_BOOL) {
        Value poison = elab_error(e, DIAG_E0303, v.span, "'%s' takes numbers, and this is a condition", reduce->name);
        diag_help(e->sink, "to count, write: if condition then 1 else 0");
        return poison;
    }
    TirAxes present = tir_axes_both(axes, value_axes(e, &v));
    bool total = reduce->op == TIR_SUM || reduce->op == TIR_DIV;
    if (present.count) {
        TirId id = value_real_id(e, &v);
        if (total) id = tir_sum(f, id, present, span);
        if (reduce->op == TIR_MUL && !id_product(e, &id, present, span)) return value_poison();
        if (reduce->op == TIR_MAX) id = tir_reduce_max(f, id, present, span);
        if (reduce->op == TIR_MIN) {
            id = tir_reduce_max(f, tir_map(f, TIR_NEG, span, id, TIR_NONE, TIR_NONE), present, span);
            id = tir_map(f, TIR_NEG, span, id, TIR_NONE, TIR_NONE);
        }
        const Unit *unit = v.unit;
        if (reduce->op == TIR_MUL && unit && !unit_of_product(e, &v, axes_points(e, present, span), &unit))
            return value_poison();
        v = value_tensor(e, id, v.dim, v.rank, span); /* a sum over points is no density any more */
        v.unit = unit;
    }
    if (reduce->op == TIR_DIV && present.count)
        v = elab_map(e, TIR_DIV, span, v, axes_points(e, present, span), value_poison());
    if (reduce->op == TIR_SUM && present.count < axes.count)
        v = elab_map(e, TIR_MUL, span, v, axes_points(e, tir_axes_minus(axes, present), span), value_poison());
    if (reduce->op == TIR_MUL && present.count < axes.count)
        v = elab_map(e, TIR_POW, span, v, axes_points(e, tir_axes_minus(axes, present), span), value_poison());
    v.span = span;
    v.measure = NULL;
    return v;
}

Value elab_reduce_array(Elab *e, const Primitive *reduce, Value v, Span span) {
    if (v.kind == VALUE_SAMPLE || v.kind == VALUE_DATA) {
        Value poison =
            elab_error(e, DIAG_E0303, v.span, "'%s' over a sample needs a formula for its events", reduce->name);
        diag_help(e->sink, "write %s(... for e in ...)", reduce->name);
        return poison;
    }
    if (!measure_check_list(e, &v, span) || !value_to_array(e, &v, TIR_NONE)) return value_poison();
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < v.rank; i++)
        if (v.dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, v.dim[i].axis);
    v.rank = 0;
    return reduce_axes(e, reduce, v, axes, span);
}

/* What stands after `in`. */
Value elab_source(Elab *e, const AstNode *source) {
    if (source->kind != AST_ALL_OF && source->kind != AST_BATCH_OF) {
        Value v = elab_expr(e, source);
        if (v.kind == VALUE_DATA) return context_data(e, &v, 0, source->span);
        source_expand(e, &v);
        return v;
    }
    int64_t count = -1;
    if (source->kind == AST_BATCH_OF) {
        Value n = elab_expr(e, source->kids[0]);
        if (!value_size(e, &n, "the size of a batch", &count)) return value_poison();
    }
    Value v = elab_expr(e, source->kids[source->kind == AST_BATCH_OF ? 1 : 0]);
    if (value_is_poison(&v)) return v;
    if (v.kind == VALUE_DATA) return context_data(e, &v, count, source->span);
    if (v.kind == VALUE_SAMPLE && count == -1) return v;
    Value poison = elab_error(e, DIAG_E0303, source->span, "'%s' is said of a data set, and this is %s",
                              count == -1 ? "all of" : "batch n of", value_kind_text(&v));
    diag_help(e->sink, "write 'for e in NAME' with the name of a data set or of a sample");
    return poison;
}

static Value elab_reduce_over(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend,
                              Value source);

Value elab_pass_condition(Elab *e, const AstNode *node, bool *good) {
    *good = true;
    if (!node->kids[2]) return value_poison();
    Value pass = value_scalar(elab_expr(e, node->kids[2]));
    *good = !value_is_poison(&pass);
    if (*good && ((pass.kind != VALUE_NUMBER && pass.kind != VALUE_TENSOR) || pass.type != TIR_BOOL || pass.rank)) {
        *good = false;
        pass = elab_error(e, DIAG_E0303, node->kids[2]->span, "'when' takes a condition, and this is %s",
                          value_kind_text(&pass));
        diag_help(e->sink, "compare with something: when e.x > 0.5");
    }
    return pass;
}

/* What an element that `when` keeps out leaves behind. */
static double reduce_identity(const Primitive *reduce) {
    return reduce->op == TIR_MAX ? -INFINITY : reduce->op == TIR_MIN ? INFINITY : reduce->op == TIR_MUL ? 1 : 0;
}

/* Loops over lists, one inside the other: every term of the innermost is joined to what there is. */
typedef struct Rounds {
    const Primitive *reduce;
    const AstNode *call;
    Value value;
    bool begun;
    Value count; /* of terms */
} Rounds;

static bool rounds_add(Elab *e, Rounds *rounds, const AstNode *node, Value list);

static bool rounds_join(Elab *e, Rounds *rounds, Value term, Value counts, Span span) {
    const Primitive *reduce = rounds->reduce;
    TirOpcode join = reduce->op == TIR_DIV || reduce->op == TIR_SUM ? TIR_ADD : reduce->op;
    rounds->value = rounds->begun ? elab_map(e, join, span, rounds->value, term, value_poison()) : term;
    rounds->count = elab_map(e, TIR_ADD, span, rounds->count, counts, value_poison());
    rounds->begun = true;
    return !value_is_poison(&rounds->value);
}

/* `pass`: poison, or a condition that is computed when the model runs. */
static bool round_body(Elab *e, Rounds *rounds, const AstNode *node, Value pass) {
    const AstNode *body = node->kids[0];
    Value term, one = value_int(1, node->span);
    if (body->kind == AST_COMPREHEND && body->flag) {
        if (!value_is_poison(&pass)) {
            elab_error(e, DIAG_E0304, node->kids[2]->span,
                       "the condition of a loop around another must be known when the model is compiled");
            diag_help(e->sink, "write the condition behind the last 'for'");
            return false;
        }
        Value source = elab_source(e, body->kids[1]);
        if (source.kind == VALUE_LIST) return rounds_add(e, rounds, body, source);
        term = elab_reduce_over(e, rounds->reduce, rounds->call, body, source);
    } else {
        term = elab_expr(e, body);
    }
    if (value_is_poison(&pass)) return rounds_join(e, rounds, term, one, node->span);
    term = elab_choose(e, node->span, pass, term, value_number(reduce_identity(rounds->reduce), node->span));
    return rounds_join(e, rounds, term, elab_choose(e, node->span, pass, one, value_int(0, node->span)), node->span);
}

/* One round after another: the elements of a list may be functions or sizes. */
static bool rounds_add(Elab *e, Rounds *rounds, const AstNode *node, Value list) {
    Frame *frame = e->frame;
    Local *outer = frame->locals;
    const Path *path = frame->path;
    if (!list.count || list.count > ROUNDS_MAX) {
        elab_error(e, DIAG_E0306, node->kids[1]->span, "a list of %u elements: it must have 1 to %d", list.count,
                   ROUNDS_MAX);
        diag_help(e->sink, list.count ? "go over an array, index(n), in place of a list" : "give it an element");
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < list.count && good; i++) {
        Path round = {path, node, i};
        frame->path = arena_copy(e->arena, &round, sizeof round);
        local_push(e, node->name, list.items[i]);
        Value pass = elab_pass_condition(e, node, &good);
        bool known = pass.kind == VALUE_NUMBER, taken = !known || pass.number != 0;
        if (good && taken) good = round_body(e, rounds, node, known ? value_poison() : pass);
        frame->locals = outer;
    }
    frame->path = path;
    return good;
}

static Value reduce_list(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *node, Value list) {
    Rounds rounds = {reduce, call, value_int(0, node->span), false, value_int(0, node->span)};
    if (!rounds_add(e, &rounds, node, list)) return value_poison();
    if (!rounds.begun && reduce->op != TIR_SUM) {
        Value poison = elab_error(e, DIAG_E0309, node->span,
                                  "no element of the list meets the condition, and '%s' of "
                                  "nothing has no value",
                                  reduce->name);
        diag_help(e->sink, "only 'sum' of nothing has a value, 0");
        return poison;
    }
    if (reduce->op != TIR_DIV) return rounds.value;
    return elab_map(e, TIR_DIV, node->span, rounds.value, rounds.count, value_poison());
}

/* `v` of the events that `when` lets pass, each with its weight. What does not pass, or has no weight, is 0 by choice
 * and not by a product: there `v` may be no number. sum = sum(w v), mean = sum(w v) / sum(w); an extreme is over what
 * has a weight.
 */
static Value reduce_weighted(Elab *e, const Primitive *reduce, Value v, Value pass, const Value *weight, TirAxes axes,
                             Span span) {
    static const Primitive sum = {.name = "sum", .op = TIR_SUM};
    Value none = value_poison(), one = value_number(1, span), zero = value_number(0, span);
    bool total = reduce->op == TIR_SUM || reduce->op == TIR_DIV, when = !value_is_poison(&pass);
    if (!value_to_array(e, &v, TIR_NONE)) return none;
    if (v.type == TIR_BOOL) return reduce_axes(e, reduce, v, axes, span);
    if (!total) {
        if (weight) {
            Value counts = elab_map(e, TIR_LT, span, zero, *weight, none);
            pass = when ? elab_map(e, TIR_AND, span, pass, counts, none) : counts;
        }
        Value outside = value_number(reduce_identity(reduce), span);
        return reduce_axes(e, reduce, elab_map(e, TIR_SELECT, span, pass, v, outside), axes, span);
    }
    Value w = weight ? *weight : one;
    if (when) w = elab_map(e, TIR_SELECT, span, pass, w, zero);
    if (weight) pass = elab_map(e, TIR_NOT, span, elab_map(e, TIR_EQ, span, w, zero, none), none, none);
    if (when || weight) v = elab_map(e, TIR_SELECT, span, pass, v, zero);
    Value product = weight ? elab_map(e, TIR_MUL, span, v, w, none) : v;
    if (value_is_poison(&product) || value_is_poison(&w)) return none;
    v = reduce_axes(e, &sum, product, axes, span);
    if (reduce->op == TIR_SUM) return v;
    return elab_map(e, TIR_DIV, span, v, reduce_axes(e, &sum, w, axes, span), none);
}

/* The body for all points of `axes` at once, the variables being `item`, as many as the loop names. */
static Value reduce_points(Elab *e, const Primitive *reduce, const AstNode *node, const Value *item, TirAxes axes,
                           const Value *weight) {
    Frame *frame = e->frame;
    if (tir_axes_both(frame->force, axes).count) {
        Value poison =
            elab_error(e, DIAG_E0415, node->span, "a sum over this sample stands inside another over the same events");
        diag_help(e->sink, "draw a second sample for the inner sum");
        return poison;
    }
    Local *outer = frame->locals;
    TirAxes force = frame->force;
    frame->force = tir_axes_union(force, axes);
    local_push(e, node->name, item[0]);
    if (node->kids[3]) local_push(e, node->kids[3]->kids[0]->name, item[1]);
    const AstNode *body = node->kids[0];
    Value v = body->kind == AST_COMPREHEND && body->flag ? elab_reduce(e, reduce, body, body) : elab_expr(e, body);
    bool good;
    Value pass = elab_pass_condition(e, node, &good);
    frame->locals = outer;
    frame->force = force;
    if (value_is_poison(&v) || !good) return value_poison();
    if (!weight && value_is_poison(&pass)) return reduce_axes(e, reduce, v, axes, node->span);
    return reduce_weighted(e, reduce, v, pass, weight, axes, node->span);
}

static Value reduce_array(Elab *e, const Primitive *reduce, const AstNode *node, Value v) {
    TirAxes axes = tir_axes_none();
    Dim rest[TIR_MAX_AXES];
    if (!v.rank)
        return elab_help(e,
                         elab_error(e, DIAG_E0309, node->kids[1]->span,
                                    "'for %s in' needs a sample, a list or an array, and this is %s", node->name,
                                    value_kind_text(&v)),
                         "name a data set or a sample, or write a list [a, b] or an array index(n)");
    if (v.dim[0].size > 1) {
        TirAxisId fresh = dim_new(e, "each", v.dim[0].size).axis;
        v = value_move(e, &v, 0, fresh, node->kids[1]->span);
        axes = tir_axes_one(fresh);
    }
    for (uint32_t i = 1; i < v.rank; i++) rest[i - 1] = v.dim[i];
    Value item = value_like(e, &v, v.id, rest, v.rank - 1, node->span);
    return reduce_points(e, reduce, node, &item, axes, NULL);
}

bool loop_names(Elab *e, const AstNode *loop, uint32_t wanted) {
    uint32_t count = 1 + (loop->kids[3] ? loop->kids[3]->count : 0);
    if (count == wanted) return true;
    elab_error(e, DIAG_E0309, loop->name_span, "this loop names %u variable%s, and its source gives %u at a time",
               count, count == 1 ? "" : "s", wanted);
    diag_help(e->sink, wanted == 2 ? "write: for a, b in pairs(...)" : "'for a, b in' goes over pairs(a, b) only");
    return false;
}

static Value sample_event(const Value *sample, Span span) {
    return (Value){
        .kind = VALUE_RECORD, .decl = sample->decl, .items = sample->items, .count = sample->count, .span = span};
}

static Value elab_reduce_over(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend,
                              Value source) {
    if (!value_is_poison(&source) && !loop_names(e, comprehend, source.kind == VALUE_PAIRS ? 2 : 1))
        return value_poison();
    switch (source.kind) {
    case VALUE_POISON: return source;
    case VALUE_SAMPLE: {
        Value event = sample_event(&source, comprehend->name_span);
        return reduce_points(e, reduce, comprehend, &event, source.sample, source.weight);
    }
    case VALUE_PAIRS: {
        Value both[2] = {sample_event(&source.items[0], comprehend->name_span),
                         sample_event(&source.items[1], comprehend->kids[3]->span)};
        return reduce_points(e, reduce, comprehend, both, source.sample, source.weight);
    }
    case VALUE_LIST: return reduce_list(e, reduce, call, comprehend, source);
    case VALUE_TENSOR: return reduce_array(e, reduce, comprehend, source);
    default:
        return elab_help(e,
                         elab_error(e, DIAG_E0309, comprehend->kids[1]->span,
                                    "'for %s in' needs a sample, a list or an array, and this is %s", comprehend->name,
                                    value_kind_text(&source)),
                         "name a data set or a sample, or write a list [a, b] or an array index(n)");
    }
}

Value elab_reduce(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend) {
    return elab_reduce_over(e, reduce, call, comprehend, elab_source(e, comprehend->kids[1]));
}

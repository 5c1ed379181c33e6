/* Samples: drawing events, and sums, means and extremes over events, over the elements of an array, and over lists. */
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

/* Is the condition of a round true? It must be known now: a list has no rounds that come and go. */
static bool round_taken(Elab *e, const AstNode *node, bool *taken) {
    *taken = true;
    if (node->count < 3 || !node->kids[2]) return true;
    Value v = elab_expr(e, node->kids[2]);
    *taken = v.number != 0;
    if (value_is_poison(&v)) return false;
    if (v.kind == VALUE_NUMBER && v.type == TIR_BOOL) return true;
    elab_error(e, DIAG_E0304, node->kids[2]->span,
               "the condition of a loop over a list must be a condition known when the model is compiled");
    diag_help(e->sink, "write 'if CONDITION then VALUE else 0' in place of the value");
    return false;
}

/* Loops over lists, one inside the other: every term of the innermost is joined to what there is. */
typedef struct Rounds {
    const Primitive *reduce;
    const AstNode *call;
    Value value;
    double count; /* of terms */
} Rounds;

static bool rounds_add(Elab *e, Rounds *rounds, const AstNode *node, Value list);

static bool round_body(Elab *e, Rounds *rounds, const AstNode *node) {
    const AstNode *body = node->kids[0];
    Value term;
    if (body->kind == AST_COMPREHEND && body->flag) {
        Value source = elab_source(e, body->kids[1]);
        if (source.kind == VALUE_LIST) return rounds_add(e, rounds, body, source);
        term = elab_reduce_over(e, rounds->reduce, rounds->call, body, source);
    } else {
        term = elab_expr(e, body);
    }
    const Primitive *reduce = rounds->reduce;
    TirOpcode join = reduce->op == TIR_DIV || reduce->op == TIR_SUM ? TIR_ADD : reduce->op;
    rounds->value = rounds->count ? elab_map(e, join, node->span, rounds->value, term, value_poison()) : term;
    rounds->count++;
    return !value_is_poison(&rounds->value);
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
    bool good = true, taken;
    for (uint32_t i = 0; i < list.count && good; i++) {
        Path round = {path, node, i};
        frame->path = arena_copy(e->arena, &round, sizeof round);
        local_push(e, node->name, list.items[i]);
        good = round_taken(e, node, &taken) && (!taken || round_body(e, rounds, node));
        frame->locals = outer;
    }
    frame->path = path;
    return good;
}

static Value reduce_list(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *node, Value list) {
    Rounds rounds = {reduce, call, value_int(0, node->span), 0};
    if (!rounds_add(e, &rounds, node, list)) return value_poison();
    if (!rounds.count && reduce->op != TIR_SUM) {
        Value poison = elab_error(e, DIAG_E0309, node->span,
                                  "no element of the list meets the condition, and '%s' of "
                                  "nothing has no value",
                                  reduce->name);
        diag_help(e->sink, "only 'sum' of nothing has a value, 0");
        return poison;
    }
    if (reduce->op != TIR_DIV) return rounds.value;
    return elab_map(e, TIR_DIV, node->span, rounds.value, value_number(rounds.count, node->span), value_poison());
}

/* The body for all points of `axes` at once, the variable being `item`. */
static Value reduce_points(Elab *e, const Primitive *reduce, const AstNode *node, Value item, TirAxes axes) {
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
    local_push(e, node->name, item);
    const AstNode *body = node->kids[0];
    Value v = body->kind == AST_COMPREHEND && body->flag ? elab_reduce(e, reduce, body, body) : elab_expr(e, body);
    frame->locals = outer;
    frame->force = force;
    return value_is_poison(&v) ? v : reduce_axes(e, reduce, v, axes, node->span);
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
    return reduce_points(e, reduce, node, value_like(e, &v, v.id, rest, v.rank - 1, node->span), axes);
}

static Value elab_reduce_over(Elab *e, const Primitive *reduce, const AstNode *call, const AstNode *comprehend,
                              Value source) {
    switch (source.kind) {
    case VALUE_POISON: return source;
    case VALUE_SAMPLE: {
        Value event = {.kind = VALUE_RECORD,
                       .decl = source.decl,
                       .items = source.items,
                       .count = source.count,
                       .span = comprehend->name_span};
        return reduce_points(e, reduce, comprehend, event, source.sample);
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

/* Sends `v` through EXPR once for each element; false after a report. */
static bool fold_rounds(Elab *e, const AstNode *node, const char *threaded, Value *v) {
    Frame *frame = e->frame;
    Value list = elab_expr(e, node->kids[1]);
    bool good = source_expand(e, &list) && !value_is_poison(&list), taken;
    if (good && list.kind != VALUE_LIST) {
        elab_error(e, DIAG_E0309, node->kids[1]->span, "'fold' goes through a list, and this is %s",
                   value_kind_text(&list));
        diag_help(e->sink, "write a list, such as [64, 64]");
        good = false;
    }
    Local *outer = frame->locals;
    const Path *path = frame->path;
    for (uint32_t i = 0; good && i < list.count; i++) {
        Path round = {path, node, i};
        frame->path = arena_copy(e->arena, &round, sizeof round);
        local_push(e, threaded, *v);
        local_push(e, node->name, list.items[i]);
        good = round_taken(e, node, &taken);
        const AstNode *body = node->kids[0];
        if (good && taken && body->kind == AST_COMPREHEND && body->flag)
            good = fold_rounds(e, body, threaded, v);
        else if (good && taken)
            *v = elab_expr(e, body);
        good = good && !value_is_poison(v);
        frame->locals = outer;
    }
    frame->path = path;
    if (!good) *v = value_poison();
    return good;
}

/* fold(EXPR for w in LIST): the first argument of the function or layer around goes through EXPR once for each element.
 */
Value elab_fold(Elab *e, const AstNode *call) {
    Frame *frame = e->frame;
    const AstNode *node = call->kind == AST_CALL && call->count == 2 ? call->kids[1] : NULL;
    if (!node || node->kind != AST_COMPREHEND || !frame->first) {
        Value poison = elab_error(e, DIAG_E0309, call->span,
                                  "'fold' takes 'EXPR for w in LIST' and stands in a function or layer "
                                  "whose first argument it replaces");
        diag_help(e->sink, "for example: layer mlp(x[n], widths, act) = fold(dense(x, w) |> act for w in widths)");
        return poison;
    }
    Value v = frame->first->value;
    fold_rounds(e, node, frame->first->name, &v);
    return v;
}

/* --- draw --- */

static Value sampling_method(Elab *e, const AstNode *field) {
    if (field->count > 1 && field->kids[1]) return elab_expr(e, field->kids[1]);
    HirModule *module = hir_module(e->hir, "std.sampler");
    HirDecl *decl = module ? hir_find(module, "inverse_transform", NULL) : NULL;
    if (decl) return (Value){.kind = VALUE_FUNCTION, .decl = decl, .span = field->span};
    Value poison =
        elab_error(e, DIAG_E0414, field->span, "drawing needs a sampling method, and the library's is not in use");
    diag_help(e->sink, "add 'use std.sampler' at the top, or name a method: %s ~ ... by METHOD", field->name);
    return poison;
}

static bool check_draw_domain(Elab *e, const AstNode *field, HirDecl *density, const ProgramField *target) {
    double low, high;
    if (hir_arguments(density)->count != 1) {
        elab_error(e, DIAG_E0405, field->kids[0]->span,
                   "field '%s' is drawn from a density of one variable, and '%s' has %u", field->name, density->name,
                   hir_arguments(density)->count);
        diag_note(e->sink, density->node->name_span, "declared here");
        diag_help(e->sink, "declare a density of the one variable '%s'", field->name);
        return false;
    }
    if (!density_domain(e, density, &low, &high)) return false;
    if (low >= target->low && high <= target->high) return true;
    elab_error(e, DIAG_E0405, field->span, "'%s' gives values in %.10g .. %.10g, and field '%s' holds %.10g .. %.10g",
               density->name, low, high, field->name, target->low, target->high);
    diag_help(e->sink, "make the two domains equal");
    return false;
}

static bool check_draw_unit(Elab *e, const AstNode *field, const AstNode *wanted, const HirDecl *density) {
    const AstNode *variable = hir_arguments(density)->kids[0];
    const Unit *unit, *own;
    double scale;
    if (!unit_of_type(e, wanted->kids[2], &unit, &scale)) return false;
    if (!unit_of_type(e, hir_argument_unit(e->hir, variable), &own, &scale)) return false;
    if (unit == own) return true;
    elab_error(e, DIAG_E0317, field->span, "field '%s' is declared %s%s, and '%s' is a density of %s", field->name,
               unit ? "in " : "", unit_text(e, unit), density->name, unit_text(e, own));
    diag_note(e->sink, wanted->span, "the field");
    diag_note(e->sink, variable->span, "the variable of the density");
    diag_help(e->sink, "declare both in one unit");
    return false;
}

/* `wanted` is the field's declaration, `target` its row. */
static Value draw_field(Elab *e, const AstNode *field, const AstNode *wanted, const ProgramField *target) {
    Value of = elab_expr(e, field->kids[0]);
    if (value_is_poison(&of)) return of;
    if (of.kind != VALUE_FUNCTION || of.decl->node->kind != AST_DENSITY)
        return elab_help(e,
                         elab_error(e, DIAG_E0405, field->kids[0]->span,
                                    "field '%s' is drawn from a density, and this is %s", field->name,
                                    value_kind_text(&of)),
                         "name a density: FIELD ~ DENSITY");
    if (!family_complete(e, &of, field->kids[0]->span) || !check_draw_unit(e, field, wanted, of.decl) ||
        !check_draw_domain(e, field, of.decl, target))
        return value_poison();
    Value method = sampling_method(e, field);
    Value v = value_scalar(elab_apply(e, method, field, &of, 1, field->span));
    if (value_is_poison(&v)) return v;
    if ((v.kind != VALUE_TENSOR && v.kind != VALUE_NUMBER) || v.rank || v.type == TIR_BOOL)
        return elab_help(e,
                         elab_error(e, DIAG_E0405, field->span,
                                    "a sampling method gives one number, and this one gives %s",
                                    value_shape_text(e, &v)),
                         "let it give one number, or leave out 'by' to use the library's method");
    TirId id = id_broadcast(e, value_real_id(e, &v), e->frame->force, field->span);
    Value drawn = value_tensor(e, id, NULL, 0, field->span);
    drawn.unit = v.unit; /* of a method that gives quantities; the library's give numbers */
    if (!unit_attach(e, hir_arguments(of.decl)->kids[0]->kids[2], &drawn, field->span)) return value_poison();
    return unit_check_field(e, &drawn, wanted) ? drawn : value_poison();
}

static const AstNode *find_draw_field(Elab *e, const AstNode *node, const AstNode *wanted) {
    const AstNode *found = NULL;
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD || strcmp(field->name, wanted->name)) continue;
        if (found) {
            elab_error(e, DIAG_E0405, field->name_span, "field '%s' is drawn twice", field->name);
            diag_help(e->sink, "remove one of the two");
        }
        found = field;
    }
    if (!found) {
        elab_error(e, DIAG_E0405, node->span, "field '%s' of the event is not drawn", wanted->name);
        diag_note(e->sink, wanted->name_span, "declared here");
        diag_help(e->sink, "add '%s ~ DENSITY'", wanted->name);
    }
    return found;
}

static bool check_draw_names(Elab *e, const AstNode *node, const HirDecl *event) {
    const AstNode *fields = event->node->kids[0];
    const char **known = ARENA_ARRAY(e->arena, const char *, fields->count + 1);
    for (uint32_t i = 0; i < fields->count; i++) known[i] = fields->kids[i]->name;
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        bool found = field->kind != AST_DRAW_FIELD;
        for (uint32_t k = 0; k < fields->count; k++) found = found || !strcmp(known[k], field->name);
        if (found) continue;
        elab_error(e, DIAG_E0207, field->name_span, "event %s has no field '%s'", event->name, field->name);
        const char *near = diag_nearest(field->name, known, fields->count);
        if (near)
            diag_help(e->sink, "did you mean '%s'?", near);
        else
            diag_help(e->sink, "remove it, or add '%s in LOW .. HIGH' to the event", field->name);
        return false;
    }
    return true;
}

Value elab_draw(Elab *e, const AstNode *node) {
    const HirDecl *event = hir_decl(e->hir, node->kids[0]);
    if (!event) return value_poison();
    if (!e->context->fit || !e->context->event_count)
        return elab_help(e, elab_error(e, DIAG_E0405, node->span, "events can be drawn only inside a fit"),
                         "write it in the fit: let s = draw ...");
    if (!check_draw_names(e, node, event)) return value_poison();
    const AstNode *fields = event->node->kids[0];
    Value sample = {.kind = VALUE_SAMPLE, .decl = (HirDecl *)event, .count = fields->count, .span = node->span};
    Value *items = ARENA_ARRAY(e->arena, Value, fields->count);
    Frame *frame = e->frame;
    TirAxes force = frame->force;
    sample.items = items;
    sample.sample = frame->force = context_rows(e->context, true);
    bool whole = true;
    for (uint32_t i = 0; i < fields->count; i++) {
        const AstNode *field = find_draw_field(e, node, fields->kids[i]);
        if (field)
            items[i] = draw_field(e, field, fields->kids[i], &e->program->events.data[event->index].fields.data[i]);
        whole &= field && !value_is_poison(&items[i]);
    }
    frame->force = force;
    return whole ? sample : value_poison();
}

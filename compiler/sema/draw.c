/* draw T { f ~ density by method, ... } and draw T ~ density by method: a sample of events. A method is a function of
 * the density that gives one drawn number, or for a density of several variables the list of their numbers; or, in a
 * record {point, factor}, these and the weight of the event. What it declares of its gradient is kept for the fit's
 * first lines and for `qtmc info`. */

#include <string.h>

#include "sema/measure.h"

/* What a method gave: the drawn numbers, and a weight of every event, or poison. */
typedef struct Drawn {
    Value point, weight;
    const HirDecl *method;
} Drawn;

static Value library_method(Elab *e, const char *name, Span span) {
    HirModule *module = hir_module(e->hir, "std.sampler");
    HirDecl *decl = module ? hir_find(module, name, NULL) : NULL;
    if (decl) return (Value){.kind = VALUE_FUNCTION, .decl = decl, .span = span};
    Value poison = elab_error(e, DIAG_E0414, span, "drawing needs a sampling method, and the library's is not in use");
    diag_help(e->sink, "add 'use std.sampler' at the top, or name a method: ~ ... by METHOD");
    return poison;
}

/* Weights of several fields multiply. */
static bool weight_join(Elab *e, Value *weight, const Value *other, Span span) {
    if (value_is_poison(other)) return true;
    *weight = value_is_poison(weight) ? *other : elab_map(e, TIR_MUL, span, *weight, *other, value_poison());
    return !value_is_poison(weight);
}

/* {point: NUMBERS, factor: w} */
static bool take_weight(Elab *e, Drawn *drawn, Span span) {
    Value point = record_find(&drawn->point, "point"), weight = value_scalar(record_find(&drawn->point, "factor"));
    if (drawn->point.decl || drawn->point.count != 2 || point.kind == VALUE_SET || weight.kind == VALUE_SET) {
        elab_error(e, DIAG_E0405, span,
                   "a sampling method gives numbers, or a record {point, factor}, and this gives "
                   "another record");
        diag_help(e->sink, "let it give {point: [x, y], factor: w}");
        return false;
    }
    if ((weight.kind != VALUE_TENSOR && weight.kind != VALUE_NUMBER) || weight.rank || weight.type == TIR_BOOL) {
        elab_error(e, DIAG_E0405, span, "the weight of a drawn event is one number, and this is %s",
                   value_kind_text(&weight));
        diag_help(e->sink, "let the method give {point: [x, y], factor: w} with a number w");
        return false;
    }
    TirId id = id_broadcast(e, value_real_id(e, &weight), e->frame->force, span);
    drawn->weight = value_tensor(e, id, NULL, 0, span);
    drawn->point = point;
    return true;
}

/* `by METHOD` is METHOD(density), and `by METHOD(a)` is METHOD(density, a); false after a report. */
static bool apply_method(Elab *e, const AstNode *method, const char *otherwise, const AstNode *node,
                         const Value *density, Drawn *drawn) {
    *drawn = (Drawn){.weight = value_poison()};
    bool call = method && method->kind == AST_CALL;
    Value by = !method ? library_method(e, otherwise, node->span) : elab_expr(e, call ? method->kids[0] : method);
    if (value_is_poison(&by)) return false;
    if (by.kind == VALUE_FUNCTION) drawn->method = by.decl;
    FitState *noting = e->noting;
    e->noting = NULL; /* what a method asks of the density is no use of its own */
    drawn->point = call ? elab_call(e, method, density) : elab_apply(e, by, node, density, 1, node->span);
    e->noting = noting;
    if (value_is_poison(&drawn->point)) return false;
    return drawn->point.kind != VALUE_RECORD || take_weight(e, drawn, node->span);
}

/* --- what a fit says of its draws --- */

static const char *quality_text(Elab *e, const HirDecl *method) {
    const AstNode *gradient = method->node->kind == AST_FUN ? method->node->kids[5] : NULL;
    if (!gradient) return "gradient of unknown quality";
    if (!strcmp(gradient->name, "biased"))
        return arena_format(e->arena, "gradient biased: %s; see %s", gradient->text, method->module->name);
    return arena_format(e->arena, "gradient %s%s%s", gradient->name, gradient->text ? ", " : "",
                        gradient->text ? gradient->text : "");
}

/* Elaborated in several functions, a draw is told of once. */
static void note_draw(Elab *e, const HirDecl *event, const char *fields, const HirDecl *density,
                      const HirDecl *method) {
    if (!method) return;
    ProgramFit *fit = e->context->fit->out;
    const char *text = arena_format(e->arena, "%s %s ~ %s by %s (%s)", event->name, fields, density->name, method->name,
                                    quality_text(e, method));
    for (size_t i = 0; i < fit->draws.count; i++)
        if (!strcmp(fit->draws.data[i], text)) return;
    VEC_PUSH(e->arena, &fit->draws, text);
}

/* `wanted` is the field's declaration, `target` its row. */
static bool check_domain(Elab *e, const HirDecl *density, const DensityAxis *axis, const AstNode *wanted,
                         const ProgramField *target, Span span) {
    const Unit *unit;
    double scale, slack = 1e-12 * (target->high - target->low);
    if (!unit_of_type(e, wanted->kids[2], &unit, &scale)) return false;
    if (unit != axis->unit) {
        elab_error(e, DIAG_E0317, span, "field '%s' is declared %s%s, and '%s' is a density of %s", target->name,
                   unit ? "in " : "", unit_text(e, unit), density->name, unit_text(e, axis->unit));
        diag_note(e->sink, wanted->span, "the field");
        diag_note(e->sink, density->node->name_span, "the density");
        diag_help(e->sink, "declare both in one unit");
        return false;
    }
    if (axis->low * axis->scale >= target->low - slack && axis->high * axis->scale <= target->high + slack) return true;
    elab_error(e, DIAG_E0405, span, "'%s' gives values in %.10g .. %.10g, and field '%s' holds %.10g .. %.10g",
               density->name, axis->low, axis->high, target->name, target->low / axis->scale,
               target->high / axis->scale);
    diag_help(e->sink, "make the two domains equal");
    return false;
}

/* A drawn number, one for every event. */
static Value drawn_number(Elab *e, Value v, const DensityAxis *axis, Span span) {
    v = value_scalar(v);
    if (value_is_poison(&v)) return v;
    if ((v.kind != VALUE_TENSOR && v.kind != VALUE_NUMBER) || v.rank || v.type == TIR_BOOL)
        return elab_help(
            e,
            elab_error(e, DIAG_E0405, span, "a sampling method gives one number a variable, and this one gives %s",
                       v.kind == VALUE_TENSOR || v.kind == VALUE_LIST ? value_shape_text(e, &v) : value_kind_text(&v)),
            "let it give one number a variable, or leave out 'by' to use the library's method");
    TirId id = id_broadcast(e, value_real_id(e, &v), e->frame->force, span);
    v = value_tensor(e, id, NULL, 0, span);
    return unit_attach(e, axis->type, &v, span) ? v : value_poison();
}

/* --- field by field --- */

static Value draw_field(Elab *e, const AstNode *field, const HirDecl *event, uint32_t at, Value *weight) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t count;
    Value density = elab_expr(e, field->kids[0]);
    if (!density_value(e, "~", &density, axes, &count)) return value_poison();
    if (count != 1) {
        Value poison = elab_error(e, DIAG_E0405, field->kids[0]->span,
                                  "field '%s' is drawn from a density of one variable, and '%s' has %u", field->name,
                                  density.decl->name, count);
        diag_note(e->sink, density.decl->node->name_span, "declared here");
        diag_help(e->sink, "draw the whole event from it: draw EVENT ~ %s", density.decl->name);
        return poison;
    }
    const ProgramField *target = &e->program->events.data[event->index].fields.data[at];
    if (!check_domain(e, density.decl, &axes[0], event->node->kids[0]->kids[at], target, field->span))
        return value_poison();
    identify_note_draw(e, &density, event, (int32_t)at);
    Drawn drawn;
    if (!apply_method(e, field->kids[1], "inverse_transform", field, &density, &drawn)) return value_poison();
    note_draw(e, event, field->name, density.decl, drawn.method);
    if (!weight_join(e, weight, &drawn.weight, field->span)) return value_poison();
    if (drawn.point.kind == VALUE_LIST && drawn.point.count == 1) drawn.point = drawn.point.items[0];
    return drawn_number(e, drawn.point, &axes[0], field->span);
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
    Value fields = {.kind = VALUE_RECORD, .decl = (HirDecl *)event, .count = event->node->kids[0]->count};
    fields.items = ARENA_ARRAY(e->arena, Value, fields.count + 1);
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD || record_find(&fields, field->name).kind != VALUE_SET) continue;
        record_field(e, &fields, field->name, field->name_span, field->name_span);
        return false;
    }
    return true;
}

static bool draw_fields(Elab *e, const AstNode *node, const HirDecl *event, Value *items, Value *weight) {
    if (!check_draw_names(e, node, event)) return false;
    bool whole = true;
    const AstNode *fields = event->node->kids[0];
    for (uint32_t i = 0; i < fields->count; i++) {
        const AstNode *field = find_draw_field(e, node, fields->kids[i]);
        if (field) items[i] = draw_field(e, field, event, i, weight);
        whole &= field && !value_is_poison(&items[i]);
    }
    return whole;
}

/* --- all fields from one density --- */

/* Every field of the event is a variable of the density, and the other way round; place[i]: the field of variable i. */
static bool match_variables(Elab *e, const Value *density, const HirDecl *event, const DensityAxis *axes,
                            uint32_t count, uint32_t *place) {
    const ProgramEvent *out = &e->program->events.data[event->index];
    Value fields = {.kind = VALUE_RECORD, .decl = (HirDecl *)event, .count = (uint32_t)out->fields.count};
    fields.items = ARENA_ARRAY(e->arena, Value, fields.count + 1);
    for (uint32_t i = 0; i < count; i++) {
        for (place[i] = 0; place[i] < fields.count; place[i]++)
            if (!strcmp(out->fields.data[place[i]].name, axes[i].name)) break;
        if (place[i] == fields.count) {
            record_field(e, &fields, axes[i].name, density->span, density->span);
            diag_note(e->sink, density->decl->node->name_span, "'%s' is a density of '%s'", density->decl->name,
                      axes[i].name);
            return false;
        }
        if (!check_domain(e, density->decl, &axes[i], event->node->kids[0]->kids[place[i]], &out->fields.data[place[i]],
                          density->span))
            return false;
    }
    for (uint32_t k = 0; k < fields.count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < count; i++) found |= place[i] == k;
        if (found) continue;
        elab_error(e, DIAG_E0405, density->span, "'%s' does not draw field '%s' of event %s", density->decl->name,
                   out->fields.data[k].name, event->name);
        diag_note(e->sink, event->node->kids[0]->kids[k]->name_span, "declared here");
        diag_help(e->sink, "draw field by field: draw %s { %s ~ DENSITY, ... }", event->name, out->fields.data[0].name);
        return false;
    }
    return true;
}

static const char *axes_text(Elab *e, const DensityAxis *axes, uint32_t count) {
    const char *text = axes[0].name;
    for (uint32_t i = 1; i < count; i++) text = arena_format(e->arena, "%s, %s", text, axes[i].name);
    return text;
}

Value draw_events(Elab *e, const AstNode *node, HirDecl *event, Value density, const AstNode *method) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t count, place[DENSITY_AXES_MAX];
    if (!density_value(e, "~", &density, axes, &count)) return value_poison();
    if (!match_variables(e, &density, event, axes, count, place)) return value_poison();
    identify_note_draw(e, &density, event, -1);
    Drawn drawn;
    if (!apply_method(e, method, "multilinear", node, &density, &drawn)) return value_poison();
    note_draw(e, event, axes_text(e, axes, count), density.decl, drawn.method);
    Value *items = ARENA_ARRAY(e->arena, Value, count);
    Value point = drawn.point;
    if (point.kind != VALUE_LIST && count == 1) point = value_list(e, &point, 1, node->span);
    if (point.kind != VALUE_LIST || point.count != count) {
        Value poison = elab_error(e, DIAG_E0405, node->span,
                                  "a sampling method for '%s' gives a list of %u numbers, and this one gives %s",
                                  density.decl->name, count, value_shape_text(e, &point));
        diag_help(e->sink, "leave out 'by', or use a method for several variables");
        return poison;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[place[i]] = drawn_number(e, point.items[i], &axes[i], node->span);
        if (value_is_poison(&items[place[i]])) return value_poison();
    }
    Value made = {.kind = VALUE_RECORD, .decl = event, .items = items, .count = count, .span = node->span};
    if (!value_is_poison(&drawn.weight)) made.weight = arena_copy(e->arena, &drawn.weight, sizeof drawn.weight);
    return made;
}

Value elab_draw(Elab *e, const AstNode *node) {
    HirDecl *event = hir_decl(e->hir, node->kids[0]);
    if (!event) return value_poison();
    if (!e->context->fit || !e->context->event_count)
        return elab_help(e, elab_error(e, DIAG_E0405, node->span, "events can be drawn only inside a fit"),
                         "write it in the fit: let s = draw ...");
    uint32_t count = event->node->kids[0]->count;
    Value *items = ARENA_ARRAY(e->arena, Value, count + 1);
    Value sample = {.kind = VALUE_SAMPLE, .decl = event, .items = items, .count = count, .span = node->span};
    Frame *frame = e->frame;
    TirAxes force = frame->force;
    sample.sample = frame->force = context_rows(e->context, true);
    bool whole;
    if (node->kids[1]) {
        Value weight = value_poison();
        whole = draw_fields(e, node, event, items, &weight);
        if (!value_is_poison(&weight)) sample.weight = arena_copy(e->arena, &weight, sizeof weight);
    } else {
        Value drawn = draw_events(e, node, event, elab_expr(e, node->kids[2]), node->kids[3]);
        whole = !value_is_poison(&drawn);
        sample.items = drawn.items;
        sample.weight = drawn.weight;
    }
    frame->force = force;
    return whole ? sample : value_poison();
}

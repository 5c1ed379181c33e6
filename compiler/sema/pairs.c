/* Two samples event by event: pairs(a, b), which `for p, q in` goes over, and the event between two events. The pairs
 * run along the events of a drawn sample; the partner of each from a data set is picked at random, as every share of a
 * data set is. Two drawn samples of a fit have their events along the same axes. */
#include "sema/pairs.h"

static bool pairs_source(Elab *e, const Value *v) {
    if (v->kind == VALUE_SAMPLE || v->kind == VALUE_DATA || value_is_poison(v)) return !value_is_poison(v);
    elab_error(e, DIAG_E0303, v->span, "'pairs' takes two samples or data sets, and this is %s", value_kind_text(v));
    diag_help(e->sink, "for example: mean(... for a, b in pairs(measured, fake))");
    return false;
}

static Value pairs_weight(Elab *e, const Value *a, const Value *b, Span span) {
    if (!a->weight || !b->weight) return a->weight ? *a->weight : b->weight ? *b->weight : value_poison();
    return elab_map(e, TIR_MUL, span, *a->weight, *b->weight, value_poison());
}

Value apply_pairs(Elab *e, const Primitive *self, const AstNode *node, const Value *args, uint32_t count) {
    (void)self, (void)count;
    if (!pairs_source(e, &args[0]) || !pairs_source(e, &args[1])) return value_poison();
    Value *items = arena_copy(e->arena, args, 2 * sizeof *args);
    if (items[0].kind == VALUE_DATA && items[1].kind == VALUE_DATA)
        items[0] = context_data(e, &items[0], 0, node->span);
    for (int i = 0; i < 2; i++) {
        const Value *other = &items[1 - i];
        if (items[i].kind == VALUE_DATA && other->kind == VALUE_SAMPLE)
            items[i] = context_data_picked(e, &items[i], other->sample, node, node->span);
    }
    if (value_is_poison(&items[0]) || value_is_poison(&items[1])) return value_poison();
    TirAxes a = items[0].sample, b = items[1].sample;
    if (tir_axes_minus(a, b).count || tir_axes_minus(b, a).count)
        return elab_help(
            e,
            elab_error(e, DIAG_E0303, node->span,
                       "these two samples differ in their numbers of events: there is no partner for each"),
            "pair samples drawn in one fit, or a data set and a sample");
    Value weight = pairs_weight(e, &items[0], &items[1], node->span);
    Value pairs = {.kind = VALUE_PAIRS, .items = items, .count = 2, .sample = a, .span = node->span};
    if (!value_is_poison(&weight)) pairs.weight = arena_copy(e->arena, &weight, sizeof weight);
    return pairs;
}

static Value report_between(Elab *e, const Value *a, const Value *b, Span span) {
    const Value *wrong = a->kind == VALUE_RECORD ? b : a;
    Value poison = wrong->kind == VALUE_RECORD
                       ? elab_error(e, DIAG_E0216, span, "'between' takes two events with the same fields")
                       : elab_error(e, DIAG_E0303, wrong->span,
                                    "'between' takes two events and a number, and this is %s", value_kind_text(wrong));
    diag_help(e->sink, "for example: between(a, b, uniform()) for a, b in pairs(measured, fake)");
    return poison;
}

/* (1 - t) a + t b, field by field: exact at both ends. */
Value apply_between(Elab *e, const Primitive *self, const AstNode *node, const Value *args, uint32_t count) {
    (void)self, (void)count;
    const Value *a = &args[0], *b = &args[1];
    Value none = value_poison(), t = value_scalar(args[2]);
    if (value_is_poison(a) || value_is_poison(b) || value_is_poison(&t)) return none;
    if (a->kind != VALUE_RECORD || b->kind != VALUE_RECORD || a->count != b->count || a->decl != b->decl)
        return report_between(e, a, b, node->span);
    Value *items = ARENA_ARRAY(e->arena, Value, a->count + 1), event = *a;
    Value rest = elab_map(e, TIR_SUB, node->span, value_number(1, node->span), t, none);
    for (uint32_t i = 0; i < a->count; i++) {
        const char *name = record_field_name(a, i);
        Value other = record_find(b, name);
        if (other.kind == VALUE_SET) return report_between(e, a, b, node->span);
        if (a->items[i].kind == VALUE_LABEL || a->items[i].kind == VALUE_SET)
            return elab_help(
                e,
                elab_error(e, DIAG_E0303, node->span, "field '%s' holds labels, between which there is nothing", name),
                "use events without it");
        items[i] = elab_map(e, TIR_ADD, node->span, elab_map(e, TIR_MUL, node->span, rest, a->items[i], none),
                            elab_map(e, TIR_MUL, node->span, t, other, none), none);
        if (value_is_poison(&items[i])) return none;
    }
    event.items = items;
    event.weight = NULL;
    event.span = node->span;
    return event;
}

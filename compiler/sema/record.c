/* Records: events and {x: a, Q2: b}, their fields, the choice between two, and names taken out of one by
 * `let {x, Q2} = ...`. A record with exactly the fields of an event type is an event of that type where one is wanted.
 */

#include <string.h>

#include "sema/unit.h"

const char *record_field_name(const Value *record, uint32_t at) {
    return record->decl ? record->decl->node->kids[0]->kids[at]->name : record->names[at];
}

Value record_find(const Value *record, const char *name) {
    for (uint32_t i = 0; i < record->count; i++)
        if (!strcmp(record_field_name(record, i), name)) return record->items[i];
    return (Value){.kind = VALUE_SET}; /* no field is one */
}

static void suggest_field(Elab *e, const Value *record, const char *name) {
    const char **known = ARENA_ARRAY(e->arena, const char *, record->count + 1);
    const char *all = "";
    for (uint32_t i = 0; i < record->count; i++) {
        known[i] = record_field_name(record, i);
        all = arena_format(e->arena, "%s%s%s", all, i ? ", " : "", known[i]);
    }
    const char *near = diag_nearest(name, known, record->count);
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "its fields are: %s", all);
}

Value record_field(Elab *e, const Value *record, const char *name, Span span, Span name_span) {
    Value v = record_find(record, name);
    if (v.kind != VALUE_SET) {
        v.span = span;
        return v;
    }
    const char *owner = record->decl ? arena_format(e->arena, "event %s", record->decl->name) : "this record";
    Value poison = elab_error(e, DIAG_E0207, name_span, "%s has no field '%s'", owner, name);
    if (record->decl) diag_note(e->sink, record->decl->node->name_span, "declared here");
    suggest_field(e, record, name);
    return poison;
}

Value elab_record(Elab *e, const AstNode *node) {
    Value *items = ARENA_ARRAY(e->arena, Value, node->count + 1);
    const char **names = ARENA_ARRAY(e->arena, const char *, node->count + 1);
    for (uint32_t i = 0; i < node->count; i++) {
        names[i] = node->kids[i]->name;
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(names[k], names[i])) continue;
            Value poison = elab_error(e, DIAG_E0202, node->kids[i]->name_span, "field '%s' is given twice", names[i]);
            diag_note(e->sink, node->kids[k]->name_span, "first given here");
            diag_help(e->sink, "remove one of the two");
            return poison;
        }
        items[i] = elab_expr(e, node->kids[i]->kids[0]);
        if (value_is_poison(&items[i])) return value_poison();
    }
    return (Value){.kind = VALUE_RECORD, .items = items, .count = node->count, .names = names, .span = node->span};
}

static bool report_fields(Elab *e, const Value *v, const HirDecl *event, const char *name, bool missing, Span span) {
    elab_error(e, DIAG_E0216, span,
               missing ? "event %s needs a field '%s', and this record has none" : "event %s has no field '%s'",
               event->name, name);
    diag_note(e->sink, event->node->name_span, "declared here");
    if (missing) {
        diag_help(e->sink, "give it: {..., %s: VALUE}", name);
    } else {
        Value wanted = {.kind = VALUE_RECORD, .decl = (HirDecl *)event, .count = event->node->kids[0]->count};
        suggest_field(e, &wanted, name);
    }
    return false;
}

/* A known 0 is of any unit. */
static bool field_unit_fits(Elab *e, const AstNode *field, const Value *v, const HirDecl *event, Span span) {
    const Unit *unit;
    double scale;
    if (!unit_of_type(e, field->kids[2], &unit, &scale)) return false;
    if (unit == v->unit || (v->kind == VALUE_NUMBER && v->number == 0)) return true;
    elab_error(e, DIAG_E0317, v->span.file ? v->span : span, "field '%s' of event %s is declared %s%s, and this has %s",
               field->name, event->name, unit ? "in " : "", unit_text(e, unit), unit_has_text(e, v->unit));
    diag_note(e->sink, field->span, "declared here");
    diag_help(e->sink, unit ? "give it that unit" : "divide by its unit to get a pure number");
    return false;
}

bool record_to_event(Elab *e, Value *v, HirDecl *event, Span span) {
    if (v->decl == event) return true;
    const AstNode *fields = event->node->kids[0];
    Value *items = ARENA_ARRAY(e->arena, Value, fields->count + 1);
    Value wanted = {.kind = VALUE_RECORD, .decl = event, .items = items, .count = fields->count, .span = span};
    for (uint32_t i = 0; i < fields->count; i++) items[i] = record_find(v, fields->kids[i]->name);
    for (uint32_t i = 0; i < v->count; i++)
        if (record_find(&wanted, record_field_name(v, i)).kind == VALUE_SET)
            return report_fields(e, v, event, record_field_name(v, i), false, span);
    for (uint32_t i = 0; i < fields->count; i++) {
        if (items[i].kind == VALUE_SET) return report_fields(e, v, event, fields->kids[i]->name, true, span);
        items[i] = value_scalar(items[i]);
        bool number = (items[i].kind == VALUE_NUMBER || items[i].kind == VALUE_TENSOR) && items[i].type != TIR_BOOL &&
                      (items[i].kind == VALUE_NUMBER || !items[i].rank);
        if (number && !field_unit_fits(e, fields->kids[i], &items[i], event, span)) return false;
        if (number) continue;
        elab_error(e, DIAG_E0303, items[i].span.file ? items[i].span : span,
                   "field '%s' of event %s is one number, and this is %s", fields->kids[i]->name, event->name,
                   value_kind_text(&items[i]));
        diag_help(e->sink, "give one number for one event");
        return false;
    }
    *v = wanted;
    return true;
}

Value elab_choose(Elab *e, Span span, Value condition, Value yes, Value no) {
    if (value_is_poison(&condition) || value_is_poison(&yes) || value_is_poison(&no)) return value_poison();
    if (yes.kind != VALUE_RECORD && no.kind != VALUE_RECORD) return elab_map(e, TIR_SELECT, span, condition, yes, no);
    bool same = yes.kind == no.kind && yes.count == no.count;
    for (uint32_t i = 0; same && i < yes.count; i++)
        same = record_find(&no, record_field_name(&yes, i)).kind != VALUE_SET;
    if (!same) {
        Value poison = elab_error(e, DIAG_E0216, span, "a choice between records needs the same fields on both sides");
        if (yes.span.file) diag_note(e->sink, yes.span, "%s", value_kind_text(&yes));
        if (no.span.file) diag_note(e->sink, no.span, "%s", value_kind_text(&no));
        diag_help(e->sink, "give both sides all fields");
        return poison;
    }
    Value chosen = yes, *items = ARENA_ARRAY(e->arena, Value, yes.count + 1);
    for (uint32_t i = 0; i < yes.count; i++) {
        items[i] = elab_choose(e, span, condition, yes.items[i], record_find(&no, record_field_name(&yes, i)));
        if (value_is_poison(&items[i])) return value_poison();
    }
    chosen.items = items;
    chosen.span = span;
    return chosen;
}

bool let_names(const AstNode *let, const char *name) {
    if (let->name) return !strcmp(let->name, name);
    for (uint32_t i = 0; let->kids[1] && i < let->kids[1]->count; i++)
        if (let->kids[1]->kids[i]->kind == AST_NAME && !strcmp(let->kids[1]->kids[i]->name, name)) return true;
    return false;
}

Value let_value(Elab *e, const AstNode *let, Value v, const AstNode *name) {
    if (let->name || value_is_poison(&v)) return v;
    if (v.kind == VALUE_RECORD) {
        Span said = name->span; /* in the let itself, also where a use of the name asks */
        for (uint32_t i = 0; i < let->kids[1]->count; i++)
            if (let->kids[1]->kids[i]->kind == AST_NAME && !strcmp(let->kids[1]->kids[i]->name, name->name))
                said = let->kids[1]->kids[i]->span;
        return record_field(e, &v, name->name, name->span, said);
    }
    Value poison = elab_error(e, DIAG_E0303, let->kids[0]->span,
                              "'let {...}' takes the fields of a record apart, and this is %s", value_kind_text(&v));
    diag_help(e->sink, "give the whole value one name: let %s = ...", name->name);
    return poison;
}

void let_bind(Elab *e, const AstNode *let, Value v) {
    if (let->name) {
        local_push(e, let->name, v);
        return;
    }
    for (uint32_t i = 0; i < let->kids[1]->count; i++) {
        const AstNode *name = let->kids[1]->kids[i];
        if (name->kind != AST_NAME) continue;
        Value field = let_value(e, let, v, name);
        if (value_is_poison(&field)) v = field; /* said once */
        local_push(e, name->name, field);
    }
}

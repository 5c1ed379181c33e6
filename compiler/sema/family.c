/* Families: a qcf, density, network or data set declared with indices in brackets stands for one member an index. The
 * plain name is a value without indices; every index binds one more, and the name of the index (`j` of `[j in n]`, the
 * flavour set itself of `[q]`) is a local of the body that holds it. Indices are known when the model is compiled, so a
 * member costs nothing over a declaration of its own. */
#include "sema/sema.h"

#include <math.h>
#include <string.h>

enum { MEMBERS_MAX = 4096 };

Value value_set(HirDecl *flavour, Span span) {
    return (Value){.kind = VALUE_SET, .decl = flavour, .count = flavour->node->kids[0]->count, .span = span};
}

Value value_label(HirDecl *flavour, uint32_t number, Span span) {
    return (Value){.kind = VALUE_LABEL, .decl = flavour, .number = number, .span = span};
}

const char *label_text(const Value *label) {
    return label->decl->node->kids[0]->kids[(uint32_t)label->number]->name;
}

Value set_label(Elab *e, HirDecl *flavour, const AstNode *field) {
    const AstNode *names = flavour->node->kids[0];
    const char **known = ARENA_ARRAY(e->arena, const char *, names->count + 1);
    for (uint32_t i = 0; i < names->count; i++) {
        known[i] = names->kids[i]->name;
        if (!strcmp(known[i], field->name)) return value_label(flavour, i, field->name_span);
    }
    Value poison =
        elab_error(e, DIAG_E0207, field->name_span, "the flavours '%s' have no '%s'", flavour->name, field->name);
    diag_note(e->sink, flavour->node->name_span, "declared here");
    const char *near = diag_nearest(field->name, known, names->count);
    const char *all = "";
    for (uint32_t i = 0; i < names->count; i++) all = arena_format(e->arena, "%s%s%s", all, i ? ", " : "", known[i]);
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "they are: %s", all);
    return poison;
}

/* Sources of loops that are counted: the flavours of a set, a whole number n for 0 .. n-1. */
bool source_expand(Elab *e, Value *source) {
    bool set = source->kind == VALUE_SET;
    if (!set && (source->kind != VALUE_NUMBER || source->type != TIR_INT)) return true;
    double count = set ? source->count : source->number;
    if (count < 1 || count > MEMBERS_MAX) {
        elab_error(e, DIAG_E0306, source->span, "a loop of %.10g rounds: it must have 1 to %d", count, MEMBERS_MAX);
        diag_help(e->sink, "sum over an array, such as index(n), to have many terms at once");
        *source = value_poison();
        return false;
    }
    Value *items = ARENA_ARRAY(e->arena, Value, (size_t)count);
    for (uint32_t i = 0; i < (uint32_t)count; i++)
        items[i] = set ? value_label(source->decl, i, source->span) : value_int(i, source->span);
    *source = value_list(e, items, (uint32_t)count, source->span);
    return true;
}

/* --- indices --- */

/* What index `at` of a family goes over: a SET or a whole NUMBER; POISON after a report. */
static Value index_set(Elab *e, HirDecl *decl, uint32_t at) {
    const AstNode *index = hir_family(decl)->kids[at];
    Frame frame = {.caller = e->frame, .decl = decl}, *before = e->frame;
    e->frame = &frame;
    Value set = elab_expr(e, index->kind == AST_BINDER ? index->kids[0] : index);
    e->frame = before;
    if (set.kind == VALUE_SET || value_is_poison(&set)) return set;
    int64_t size;
    set = value_scalar(set);
    if (!value_size(e, &set, arena_format(e->arena, "the number of members of '%s'", decl->name), &size))
        return value_poison();
    if (size <= MEMBERS_MAX) return set;
    return elab_help(e, elab_error(e, DIAG_E0306, index->span, "a family has at most %d members", MEMBERS_MAX),
                     "use an array, whose elements are computed together");
}

static uint32_t set_size(const Value *set) {
    return set->kind == VALUE_SET ? set->count : (uint32_t)set->number;
}

uint32_t family_size(Elab *e, HirDecl *decl) {
    const AstNode *family = hir_family(decl);
    uint64_t size = 1;
    for (uint32_t i = 0; family && i < family->count; i++) {
        Value set = index_set(e, decl, i);
        if (value_is_poison(&set)) return 1;
        size *= set_size(&set);
    }
    if (size <= MEMBERS_MAX) return (uint32_t)size;
    elab_error(e, DIAG_E0306, family->span, "a family has at most %d members", MEMBERS_MAX);
    diag_help(e->sink, "use an array, whose elements are computed together");
    return 1;
}

Value family_member(Elab *e, HirDecl *decl, uint32_t number, Span span) {
    Value v = {.kind = decl->node->kind == AST_DATA ? VALUE_DATA : VALUE_FUNCTION, .decl = decl, .span = span};
    const AstNode *family = hir_family(decl);
    v.count = family ? family->count : 0;
    Value *items = ARENA_ARRAY(e->arena, Value, v.count + 1);
    for (uint32_t i = v.count; i-- > 0;) {
        Value set = index_set(e, decl, i);
        uint32_t size = value_is_poison(&set) ? 1 : set_size(&set), at = number % size;
        items[i] = set.kind == VALUE_SET ? value_label(set.decl, at, span) : value_int(at, span);
        number /= size;
    }
    v.items = items;
    return v;
}

uint32_t family_number(Elab *e, const Value *member) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < member->count; i++) {
        Value set = index_set(e, member->decl, i);
        number = number * (value_is_poison(&set) ? 1 : set_size(&set)) + (uint32_t)member->items[i].number;
    }
    return number;
}

/* "critic[0]", "rho[u, 2]" */
const char *family_name(Elab *e, const Value *member) {
    if (!member->count) return member->decl->name;
    const char *text = arena_format(e->arena, "%s[", member->decl->name);
    for (uint32_t i = 0; i < member->count; i++) {
        const Value *item = &member->items[i];
        const char *one = item->kind == VALUE_LABEL ? label_text(item) : arena_format(e->arena, "%.0f", item->number);
        text = arena_format(e->arena, "%s%s%s", text, i ? ", " : "", one);
    }
    return arena_format(e->arena, "%s]", text);
}

bool value_is_family(const Value *v) {
    return (v->kind == VALUE_FUNCTION || v->kind == VALUE_DATA) && hir_family(v->decl) != NULL;
}

static Value report_no_family(Elab *e, Span span, const Value *of) {
    Value poison = elab_error(e, DIAG_E0307, span, "'%s' is %s without members, or all its indices are given",
                              family_name(e, of), hir_kind_text(of->decl->node->kind));
    diag_note(e->sink, of->decl->node->name_span, "declared here");
    diag_help(e->sink, "remove the index, or declare a family: %s[j in n](...)", of->decl->name);
    return poison;
}

static Value report_index(Elab *e, const Value *of, const Value *set, const Value *index) {
    Value poison;
    if (set->kind == VALUE_SET) {
        poison =
            elab_error(e, DIAG_E0307, index->span, "an index of '%s' is a flavour of '%s', and this is %s%s%s",
                       of->decl->name, set->decl->name, value_kind_text(index),
                       index->kind == VALUE_LABEL ? " of " : "", index->kind == VALUE_LABEL ? index->decl->name : "");
        diag_help(e->sink, "write for example %s.%s, or %s[p] inside 'for p in %s'", of->decl->name,
                  set->decl->node->kids[0]->kids[0]->name, of->decl->name, set->decl->name);
    } else {
        poison = elab_error(
            e, DIAG_E0307, index->span, "an index of '%s' is a whole number from 0 to %u, and this is %s",
            of->decl->name, set_size(set) - 1,
            index->kind == VALUE_NUMBER ? arena_format(e->arena, "%.10g", index->number) : value_kind_text(index));
        diag_help(e->sink, "indices count from 0 and must be known when the model is compiled");
    }
    diag_note(e->sink, of->decl->node->name_span, "declared here");
    return poison;
}

/* One more index of a family of functions or data sets. */
Value family_index(Elab *e, Span span, Value of, Value index) {
    const AstNode *family = hir_family(of.decl);
    if (value_is_poison(&index)) return index;
    if (!family || of.count == family->count) return report_no_family(e, span, &of);
    Value set = index_set(e, of.decl, of.count);
    if (value_is_poison(&set)) return set;
    bool good = set.kind == VALUE_SET ? index.kind == VALUE_LABEL && index.decl == set.decl
                                      : index.kind == VALUE_NUMBER && index.type == TIR_INT && index.number >= 0 &&
                                            index.number < set_size(&set);
    if (!good) return report_index(e, &of, &set, &index);
    Value *items = ARENA_ARRAY(e->arena, Value, of.count + 1);
    for (uint32_t i = 0; i < of.count; i++) items[i] = of.items[i];
    items[of.count] = index;
    of.items = items;
    of.count++;
    of.span = span;
    return of;
}

/* rho.u */
Value family_field(Elab *e, Value of, const AstNode *field) {
    const AstNode *family = hir_family(of.decl);
    if (!family || of.count == family->count) return report_no_family(e, field->span, &of);
    Value set = index_set(e, of.decl, of.count);
    if (value_is_poison(&set)) return set;
    if (set.kind != VALUE_SET) {
        Value poison =
            elab_error(e, DIAG_E0307, field->name_span, "the members of '%s' have numbers, not names", of.decl->name);
        diag_note(e->sink, of.decl->node->name_span, "declared here");
        diag_help(e->sink, "write %s[0] ... %s[%u]", of.decl->name, of.decl->name, set_size(&set) - 1);
        return poison;
    }
    Value label = set_label(e, set.decl, field);
    return value_is_poison(&label) ? label : family_index(e, field->span, of, label);
}

/* Are all indices given? Reports where a member is due and a family stands. */
bool family_complete(Elab *e, const Value *v, Span span) {
    const AstNode *family = hir_family(v->decl);
    if (!family || v->count == family->count) return true;
    elab_error(e, DIAG_E0330, span, "'%s' is a family of %s: which member is meant?", v->decl->name,
               v->decl->node->kind == AST_DATA ? "data sets" : "functions");
    diag_note(e->sink, v->decl->node->name_span, "declared here");
    Value set = index_set(e, v->decl, v->count);
    if (set.kind == VALUE_SET)
        diag_help(e->sink, "write for example %s.%s", v->decl->name, set.decl->node->kids[0]->kids[0]->name);
    else
        diag_help(e->sink, "give an index, such as %s[0]", v->decl->name);
    return false;
}

/* The indices as locals of the frame at hand, which is that of the body. */
void family_enter(Elab *e, const Value *member) {
    const AstNode *family = member->count ? hir_family(member->decl) : NULL;
    for (uint32_t i = 0; family && i < member->count; i++) {
        const AstNode *index = family->kids[i];
        if (index->kind == AST_BINDER || (index->kind == AST_NAME && member->items[i].kind == VALUE_LABEL))
            local_push(e, index->name, member->items[i]);
    }
}

/* --- data sets --- */

/* "set{i}.h5" with the index of every member in place of {i}. */
const char *family_path(Elab *e, const Value *member) {
    const AstNode *node = member->decl->node, *family = hir_family(member->decl);
    const char *path = node->text;
    for (uint32_t i = 0; family && i < member->count; i++) {
        const AstNode *index = family->kids[i];
        if (!index->name) continue;
        const char *mark = arena_format(e->arena, "{%s}", index->name), *at = strstr(path, mark);
        const Value *item = &member->items[i];
        const char *one = item->kind == VALUE_LABEL ? label_text(item) : arena_format(e->arena, "%.0f", item->number);
        for (; at; at = strstr(path, mark))
            path = arena_format(e->arena, "%.*s%s%s", (int)(at - path), path, one, at + strlen(mark));
    }
    return path;
}

uint32_t data_row(Elab *e, const Value *data) {
    return data->decl->index + family_number(e, data);
}

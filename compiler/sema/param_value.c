/* What parameters are in the function under construction: the fit's raw values or a generator's numbers, mapped into
 * their domains; or the declared truths or starts. A parameter is computed when it is first needed. A parameter that is
 * held when the model runs takes its value from an input, and has no derivative then. */
#include <string.h>

#include "sema/unit.h"

enum { RAW, HELD_MASK, HELD_VALUE, HELD_START, INPUTS };

/* Fresh axes for the dimensions of an array, in their order. */
static TirAxes slot_dims(Elab *e, const ParamSlot *slot, Dim *dim) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < slot->rank; i++) {
        dim[i] = dim_new(e, "p", slot->size[i]);
        if (dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, dim[i].axis);
    }
    return axes;
}

static HirDecl *family_set(const Elab *e, const AstNode *index) {
    const AstNode *set = index->kind == AST_BINDER ? index->kids[0] : index;
    HirDecl *decl = set->kind == AST_NAME ? hir_decl(e->hir, set) : NULL;
    return decl && decl->node->kind == AST_FLAVOUR ? decl : NULL;
}

Value param_expr(Elab *e, const ParamSlot *slot, const AstNode *node) {
    Frame frame = {.decl = slot->decl}, *before = e->frame;
    e->frame = &frame;
    const AstNode *family = hir_family(slot->decl);
    uint32_t labels = 0, sizes = 0;
    Dim dim[TIR_MAX_AXES];
    TirAxes axes = slot_dims(e, slot, dim);
    TirFunction *f = e->context->f;
    for (uint32_t i = 0; family && i < family->count; i++) {
        const AstNode *index = family->kids[i];
        HirDecl *set = family_set(e, index);
        uint32_t at = set ? labels++ : sizes++;
        if (index->kind != AST_BINDER) continue;
        Value v = {.kind = VALUE_LABEL, .decl = set, .span = index->span};
        if (set) v.number = slot->label[at];
        if (!set) { /* an array of the numbers of the elements */
            TirId id = dim[at].axis == TIR_NONE ? tir_int(f, 0, index->span) : tir_iota(f, dim[at].axis, index->span);
            v = value_tensor(e, id_broadcast(e, id, axes, index->span), dim, slot->rank, index->span);
        }
        local_push(e, index->name, v);
    }
    Value v = elab_expr(e, node);
    e->frame = before;
    return v;
}

/* --- raw values --- */

/* An input of a whole block, made once: raw values (of a fit that moves them), or one of the three of what is held. */
static Value block_value(Elab *e, const ParamSlot *slot, int what) {
    Context *c = e->context;
    if (!c->param_inputs) c->param_inputs = ARENA_ARRAY(e->arena, Value, INPUTS * e->program->param_blocks.count);
    Value *known = &c->param_inputs[INPUTS * slot->block + (uint32_t)what];
    if (known->kind == VALUE_TENSOR) return *known;
    const ProgramParamBlock *block = &e->program->param_blocks.data[slot->block];
    Span span = c->fit->decl->node->name_span;
    Dim dim[TIR_MAX_AXES];
    uint32_t rank = slot->rank ? slot->rank : 1;
    const Value *other = NULL; /* one set of axes for all four */
    for (int i = 0; i < INPUTS; i++)
        if (c->param_inputs[INPUTS * slot->block + (uint32_t)i].kind == VALUE_TENSOR)
            other = &c->param_inputs[INPUTS * slot->block + (uint32_t)i];
    if (other)
        memcpy(dim, other->dim, sizeof dim);
    else if (slot->rank)
        slot_dims(e, slot, dim);
    else
        dim[0] = dim_new(e, "params", block->count);
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < rank; i++)
        if (dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, dim[i].axis);
    static const char *const names[] = {"", ".held", ".value", ".start"};
    const char *name = arena_format(e->arena, "%s%s", block->name, names[what]);
    TirId id = context_input(e, what == RAW ? TIR_PORT_BLOCK : TIR_PORT_HELD, slot->block,
                             what == RAW ? 0 : (uint32_t)what - 1, name, axes, span);
    return *known = value_tensor(e, id, dim, rank, span);
}

static Value slot_input(Elab *e, const ParamSlot *slot, int what) {
    Value v = block_value(e, slot, what);
    if (slot->rank) return v;
    return value_scalar(elab_index(e, slot->span, v, value_int((double)slot->place, slot->span)));
}

/* Numbers output .. output + count - 1 of what the generator gives, as an array. */
static Value generated_array(Elab *e, const ParamSlot *slot, const Value *all) {
    TirFunction *f = e->context->f;
    Value start = block_value(e, slot, HELD_START);
    const Dim *dim = start.dim;
    Value none = value_poison(), at = value_int((double)slot->output, slot->span);
    int64_t stride = slot->count;
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < slot->rank; i++) {
        stride /= slot->size[i];
        if (dim[i].axis == TIR_NONE) continue;
        axes = tir_axes_add(axes, dim[i].axis);
        Value k = value_tensor(e, tir_iota(f, dim[i].axis, slot->span), NULL, 0, slot->span);
        k = elab_map(e, TIR_MUL, slot->span, k, value_int((double)stride, slot->span), none);
        at = elab_map(e, TIR_ADD, slot->span, at, k, none);
    }
    if (!axes.count) {
        Value v = value_scalar(elab_index(e, slot->span, *all, at));
        return value_tensor(e, value_real_id(e, &v), dim, slot->rank, slot->span);
    }
    TirId id = tir_gather(f, all->id, at.id, all->dim[0].axis, slot->span);
    return value_tensor(e, id, dim, slot->rank, slot->span);
}

/* The numbers of a generator are added to the raw value of the start, about which they spread. */
static Value raw_value(Elab *e, const ParamSlot *slot) {
    Context *c = e->context;
    if (!c->fit->generate) { /* where the update at hand moves others only, this one is a constant */
        Value v = slot_input(e, slot, RAW), none = value_poison();
        return e->moving && !e->moving[slot->number] ? elab_map(e, TIR_STOP, slot->span, v, none, none) : v;
    }
    if (c->generated.kind == VALUE_POISON && !c->generated.count) {
        c->generated = generator_output(e, c->fit);
        c->generated.count = 1;
    }
    Value all = c->generated;
    if (value_is_poison(&all)) return all;
    Value v = slot->rank ? generated_array(e, slot, &all)
                         : value_scalar(elab_index(e, slot->span, all, value_int((double)slot->output, slot->span)));
    return elab_map(e, TIR_ADD, slot->span, v, slot_input(e, slot, HELD_START), value_poison());
}

/* Lines of an ordered array or a simplex are held as a whole: where `free` has one number a line, the first element of
 * the line tells. */
static Value held(Elab *e, const ParamSlot *slot, Value free, Value otherwise) {
    Value mask = slot_input(e, slot, HELD_MASK);
    if (mask.rank > free.rank) {
        Dim last = mask.dim[mask.rank - 1];
        TirId id = last.axis == TIR_NONE ? mask.id : tir_slice(e->context->f, mask.id, last.axis, 0, slot->span);
        mask = value_tensor(e, id, mask.dim, mask.rank - 1, slot->span);
    }
    mask = elab_map(e, TIR_LT, slot->span, value_number(0.5, slot->span), mask, value_poison());
    return elab_map(e, TIR_SELECT, slot->span, mask, otherwise, free);
}

static Value fitted_value(Elab *e, const ParamSlot *slot) {
    Context *c = e->context;
    Value raw = raw_value(e, slot);
    if (value_is_poison(&raw)) return raw;
    if (!c->param_raw) {
        c->param_raw = ARENA_ARRAY(e->arena, TirId, e->slots.count);
        for (size_t i = 0; i < e->slots.count; i++) c->param_raw[i] = TIR_NONE;
    }
    c->param_raw[slot->number] = raw.id;
    return held(e, slot, transform_value(e, &slot->domain, raw, slot->span), slot_input(e, slot, HELD_VALUE));
}

/* --- declared values --- */

static Value known_array(Elab *e, const ParamSlot *slot, const double *x, const AstNode *node) {
    bool equal = true;
    for (int64_t i = 1; i < slot->count; i++) equal &= x[i] == x[0];
    Dim dim[TIR_MAX_AXES];
    if (!equal && node) { /* a formula is shorter than its values */
        Value v = param_expr(e, slot, node);
        if (value_is_poison(&v) || !value_to_array(e, &v, TIR_NONE)) return value_poison();
        bool quantity = v.unit != NULL;
        v.unit = NULL; /* checked when its numbers were read */
        return quantity ? elab_map(e, TIR_MUL, slot->span, v, value_number(1 / slot->scale, slot->span), value_poison())
                        : v;
    }
    TirAxes axes = slot_dims(e, slot, dim);
    int64_t line = equal ? 1 : slot->size[slot->rank - 1]; /* a start that nobody wrote: equal lines */
    TirId id = tir_real(e->context->f, x[0], slot->span);
    if (line > 1) {
        TirId *ids = ARENA_ARRAY(e->arena, TirId, line);
        for (int64_t i = 0; i < line; i++) ids[i] = tir_real(e->context->f, x[i], slot->span);
        id = tir_stack(e->context->f, ids, (uint32_t)line, dim[slot->rank - 1].axis, slot->span);
    }
    return value_tensor(e, id_broadcast(e, id, axes, slot->span), dim, slot->rank, slot->span);
}

static Value known_value(Elab *e, const ParamSlot *slot) {
    bool truth = e->context->mode == PARAMS_TRUTH;
    if (truth && !slot->has_truth) e->context->truth_missing = true;
    const double *x = truth && slot->has_truth ? slot->truths : slot->starts;
    const AstNode *node = truth && slot->truth ? slot->truth : slot->fixed && slot->value ? slot->value : slot->start;
    return slot->rank ? known_array(e, slot, x, node) : value_number(x[0], slot->span);
}

/* What stands for a parameter that is no link. */
static Value own_value(Elab *e, const ParamSlot *slot) {
    switch (e->context->mode) {
    case PARAMS_FITTED: return fitted_value(e, slot);
    case PARAMS_GIVEN: return slot_input(e, slot, HELD_VALUE);
    default: return known_value(e, slot);
    }
}

/* --- links --- */

static Value report_cycle(Elab *e, const ParamSlot *slot) {
    size_t from = 0;
    while (e->path.data[from] != slot) from++;
    const char *chain = "";
    for (size_t i = from; i < e->path.count; i++)
        chain = arena_format(e->arena, "%s%s -> ", chain, e->path.data[i]->name);
    Value poison = elab_error(e, DIAG_E0430, slot->span, "links go in a circle: %s%s", chain, slot->name);
    for (size_t i = from + 1; i < e->path.count; i++)
        diag_note(e->sink, e->path.data[i]->span, "'%s' is linked here", e->path.data[i]->name);
    diag_help(e->sink, "give one of them a domain in place of a link: param %s in (LOW, HIGH)", slot->name);
    return poison;
}

static Value link_value(Elab *e, ParamSlot *slot) {
    VEC_PUSH(e->arena, &e->path, slot);
    Value v = param_expr(e, slot, slot->value);
    e->path.count--;
    if (value_is_poison(&v) || (slot->rank && !value_to_array(e, &v, TIR_NONE))) return value_poison();
    v = slot->rank ? v : value_scalar(v);
    if (slot->type && !v.unit && !unit_attach(e, slot->type, &v, slot->value->span)) return value_poison();
    bool good = v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR;
    if (!good || v.type == TIR_BOOL || (!slot->rank && v.kind == VALUE_TENSOR && v.rank)) {
        v = elab_error(e, DIAG_E0408, slot->value->span, "link '%s' must be one number, and this is %s", slot->name,
                       good && v.type != TIR_BOOL ? value_shape_text(e, &v) : value_kind_text(&v));
        diag_help(e->sink, "write a formula for one number");
    }
    return v;
}

/* --- values --- */

static Value with_unit(Elab *e, const ParamSlot *slot, Value v) {
    if (value_is_poison(&v) || !slot->unit) return v;
    if (slot->scale != 1)
        v = elab_map(e, TIR_MUL, slot->span, v, value_number(slot->scale, slot->span), value_poison());
    v.unit = slot->unit;
    return v;
}

Value param_slot_number(Elab *e, const ParamSlot *slot, Span span) {
    Value v = param_slot_value(e, slot, span);
    if (value_is_poison(&v)) return v;
    v.unit = NULL;
    return slot->scale == 1 ? v : elab_map(e, TIR_MUL, span, v, value_number(1 / slot->scale, span), value_poison());
}

Value param_slot_value(Elab *e, const ParamSlot *slot, Span span) {
    Context *c = e->context;
    if (e->checking) return slot->broken || slot->rank ? value_poison() : body_number(e, slot->unit, span);
    if (c->mode == PARAMS_NONE) {
        Value poison =
            elab_error(e, DIAG_E0304, span, "parameter '%s' is fitted: its value is not known here", slot->name);
        diag_note(e->sink, slot->span, "declared here");
        diag_help(e->sink, "sizes, domains and settings can use numbers, `const`, `size` and (settings only) `option`");
        return poison;
    }
    c->params_used = true;
    ParamValues *values = &c->params[c->mode];
    if (!values->value) {
        values->value = ARENA_ARRAY(e->arena, Value, e->slots.count);
        values->state = ARENA_ARRAY(e->arena, uint8_t, e->slots.count);
    }
    uint8_t *state = &values->state[slot->number];
    if (slot->broken && slot->link) return value_poison();
    if (*state == 1) return report_cycle(e, slot);
    if (*state == 0) {
        *state = 1;
        Value v = value_poison();
        if (slot->link)
            v = link_value(e, e->slots.data[slot->number]);
        else
            v = with_unit(e, slot, own_value(e, slot));
        values->value[slot->number] = v;
        *state = 2;
    }
    Value v = values->value[slot->number];
    v.span = span;
    return v;
}

/* Members `first` .. of the flavour sets from `depth` on. */
static Value family_value(Elab *e, const HirDecl *decl, uint32_t *at, uint32_t depth, uint32_t depths, Span span) {
    if (depth == depths) return param_slot_value(e, e->slots.data[(*at)++], span);
    HirDecl *set = family_set(e, hir_family(decl)->kids[depth]);
    uint32_t count = set->node->kids[0]->count;
    Value *items = ARENA_ARRAY(e->arena, Value, count);
    for (uint32_t i = 0; i < count; i++) items[i] = family_value(e, decl, at, depth + 1, depths, span);
    Value list = value_list(e, items, count, span);
    list.decl = set;
    return list;
}

static uint32_t flavour_sets(const Elab *e, const HirDecl *decl) {
    const AstNode *family = hir_family(decl);
    uint32_t depths = 0;
    for (uint32_t i = 0; family && i < family->count; i++) depths += family_set(e, family->kids[i]) != NULL;
    return depths;
}

Value param_value(Elab *e, const HirDecl *decl, Span span) {
    if (e->context->mode == PARAMS_NONE && !e->checking) { /* perhaps before the slots are there */
        ParamSlot slot = {.name = decl->name, .span = decl->node->name_span};
        return param_slot_value(e, &slot, span);
    }
    uint32_t at = decl->index;
    return family_value(e, decl, &at, 0, flavour_sets(e, decl), span);
}

/* --- members of a family --- */

HirDecl *param_family(Elab *e, const AstNode *node) {
    if (node->kind != AST_NAME || local_find(e->frame, node->name)) return NULL;
    HirDecl *decl = hir_decl(e->hir, node);
    bool family = decl && decl->node->kind == AST_PARAM && (e->context->mode != PARAMS_NONE || e->checking);
    return family && flavour_sets(e, decl) == 1 ? decl : NULL;
}

Value param_member(Elab *e, const HirDecl *decl, const AstNode *field) {
    const AstNode *set = family_set(e, hir_family(decl)->kids[0])->node->kids[0];
    const char **known = ARENA_ARRAY(e->arena, const char *, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        known[i] = set->kids[i]->name;
        if (!strcmp(known[i], field->name)) return param_slot_value(e, e->slots.data[decl->index + i], field->span);
    }
    Value poison =
        elab_error(e, DIAG_E0212, field->name_span, "family '%s' has no member '%s'", decl->name, field->name);
    diag_note(e->sink, decl->node->name_span, "declared here");
    const char *near = diag_nearest(field->name, known, set->count);
    if (near) return elab_help(e, poison, "did you mean '%s.%s'?", decl->name, near);
    const char *all = "";
    for (uint32_t i = 0; i < set->count; i++) all = arena_format(e->arena, "%s%s%s", all, i ? ", " : "", known[i]);
    return elab_help(e, poison, "its members are: %s", all);
}

Value param_indexed(Elab *e, const HirDecl *decl, Value index, Span span) {
    const HirDecl *set = family_set(e, hir_family(decl)->kids[0]);
    uint32_t count = set->node->kids[0]->count;
    if (value_is_poison(&index)) return index;
    bool whole = index.kind == VALUE_NUMBER && index.type == TIR_INT;
    if (index.kind == VALUE_LABEL && index.decl != set) {
        Value poison = elab_error(e, DIAG_E0307, span, "'%s' is a family over %s, and this is a label of %s",
                                  decl->name, set->name, index.decl->name);
        diag_note(e->sink, decl->node->name_span, "declared here");
        diag_help(e->sink, "go over %s: for f in %s", set->name, set->name);
        return poison;
    }
    if (index.kind != VALUE_LABEL && !whole) {
        Value poison = elab_error(e, DIAG_E0307, span, "'%s' is a family over %s, and its index is %s", decl->name,
                                  set->name, value_kind_text(&index));
        diag_help(e->sink, "name a member, such as %s.%s, or go over %s", decl->name, set->node->kids[0]->kids[0]->name,
                  set->name);
        return poison;
    }
    if (index.number < 0 || index.number >= count)
        return elab_help(e, elab_error(e, DIAG_E0307, span, "index %.10g is outside 0 .. %u", index.number, count - 1),
                         "indices count from 0");
    return param_slot_value(e, e->slots.data[decl->index + (uint32_t)index.number], span);
}

/* --- all parameters --- */

static Value slot_or_truth(Elab *e, const ParamSlot *slot, bool truth, Span span) {
    if (!truth) return param_slot_number(e, slot, span);
    if (!slot->has_truth) {
        Value poison = elab_error(e, DIAG_E0410, span, "parameter '%s' has no truth", slot->name);
        diag_note(e->sink, slot->span, "declared here");
        diag_help(e->sink, "add 'truth VALUE' to its declaration, or leave out what needs it");
        return poison;
    }
    ParamMode before = e->context->mode;
    e->context->mode = PARAMS_TRUTH;
    Value v = param_slot_number(e, slot, span);
    e->context->mode = before;
    return v;
}

/* Adds the elements of an array to a vector, at `offset`. */
static Value scatter_into(Elab *e, const ParamSlot *slot, Value v, Dim all, int64_t offset, Span span) {
    TirFunction *f = e->context->f;
    TirAxes own = tir_axes_none();
    Value none = value_poison(), at = value_int((double)offset, span);
    int64_t stride = slot->count;
    for (uint32_t i = 0; i < slot->rank; i++) {
        stride /= slot->size[i];
        if (slot->size[i] == 1 || v.dim[i].axis == TIR_NONE) continue;
        own = tir_axes_add(own, v.dim[i].axis);
        Value k = value_tensor(e, tir_iota(f, v.dim[i].axis, span), NULL, 0, span);
        at = elab_map(e, TIR_ADD, span, at, elab_map(e, TIR_MUL, span, k, value_int((double)stride, span), none), none);
    }
    TirAxes result = tir_axes_union(tir_axes_minus(value_axes(e, &v), own), tir_axes_one(all.axis));
    TirId id = id_broadcast(e, value_real_id(e, &v), own, span);
    TirId index = id_broadcast(e, value_id(e, &at, TIR_INT), own, span);
    return value_tensor(e, tir_scatter(f, id, index, all.axis, result, span), &all, 1, span);
}

Value param_vector(Elab *e, bool truth, Span span) {
    size_t at = 0;
    int64_t count = 0, offset = 0;
    bool arrays = false;
    for (const ParamSlot *slot; (slot = param_free(e, &at));) {
        count += slot->count;
        arrays |= slot->rank > 0 && slot->count > 1;
    }
    if (!count)
        return elab_help(e, elab_error(e, DIAG_E0406, span, "the model declares no free parameters"),
                         "declare them: param NAME in (LOW, HIGH)");
    Value *items = ARENA_ARRAY(e->arena, Value, count), sum = value_poison();
    Dim all = arrays ? dim_of_size(e, count) : (Dim){count, TIR_NONE};
    at = 0;
    for (const ParamSlot *slot; (slot = param_free(e, &at)); offset += slot->count) {
        Value v = slot_or_truth(e, slot, truth, span);
        if (value_is_poison(&v)) return v;
        if (slot->count == 1) v = value_scalar(v);
        if (!arrays) items[offset] = v;
        if (!arrays) continue;
        if (v.kind == VALUE_NUMBER) v = value_tensor(e, value_real_id(e, &v), NULL, 0, span);
        if (slot->count > 1 && v.rank) {
            v = scatter_into(e, slot, v, all, offset, span);
        } else { /* one number: where k is its place, or in its places */
            Value k = value_tensor(e, tir_iota(e->context->f, all.axis, span), &all, 1, span), none = value_poison();
            Value low = elab_map(e, TIR_LE, span, value_int((double)offset, span), k, none);
            Value high = elab_map(e, TIR_LT, span, k, value_int((double)(offset + slot->count), span), none);
            v = elab_map(e, TIR_SELECT, span, elab_map(e, TIR_AND, span, low, high, none), v, value_number(0, span));
        }
        sum = offset ? elab_map(e, TIR_ADD, span, sum, v, value_poison()) : v;
    }
    return arrays ? sum : value_list(e, items, (uint32_t)count, span);
}

/* --- densities of parameters --- */

Value param_prior(Elab *e, const ParamSlot *slot, Value value) {
    Frame frame = {.caller = e->frame, .decl = slot->decl, .site = slot->span}, *before = e->frame;
    if (value_is_poison(&value)) return value;
    e->frame = &frame;
    Value v = elab_call(e, slot->prior, &value);
    e->frame = before;
    if (value_is_poison(&v)) return v;
    const Primitive *sum = primitive_find("sum");
    bool array = v.kind == VALUE_LIST || (v.kind == VALUE_TENSOR && v.rank);
    return array ? elab_reduce_array(e, sum, v, slot->prior->span) : v;
}

Value param_log_prior(Elab *e, Span span) {
    Value total = value_poison();
    bool any = false;
    for (size_t i = 0; i < e->slots.count; i++) {
        const ParamSlot *slot = e->slots.data[i];
        if (!slot->prior) continue;
        Value v = param_prior(e, slot, param_slot_number(e, slot, slot->span));
        total = any ? elab_map(e, TIR_ADD, span, total, v, value_poison()) : v;
        any = true;
    }
    if (any) return total;
    Value poison = elab_error(e, DIAG_E0406, span, "no parameter of the model has a prior");
    diag_help(e->sink, "add one: param a in (0, 1) prior normal(0.5, 0.1), with 'use std.prior'");
    return poison;
}

Value param_log_jacobian(Elab *e, Span span) {
    Value total = value_number(0, span);
    for (size_t i = 0; i < e->slots.count; i++) {
        const ParamSlot *slot = e->slots.data[i];
        if (slot->link || !slot->bounded) continue;
        Value raw = raw_value(e, slot);
        if (value_is_poison(&raw)) return raw;
        Value v = transform_log_jacobian(e, &slot->domain, raw, slot->span);
        if (v.kind == VALUE_TENSOR) v = held(e, slot, v, value_number(0, slot->span));
        if (v.kind == VALUE_TENSOR && v.rank) v = elab_reduce_array(e, primitive_find("sum"), v, slot->span);
        total = elab_map(e, TIR_ADD, span, total, v, value_poison());
    }
    return total;
}

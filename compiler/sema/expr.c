/* Expressions: one case a kind of node. */
#include <string.h>

#include "sema/unit.h"

Local *local_find(Frame *frame, const char *name) {
    for (Local *l = frame ? frame->locals : NULL; l; l = l->next)
        if (!strcmp(l->name, name)) return l;
    return NULL;
}

void local_push(Elab *e, const char *name, Value value) {
    Local *l = ARENA_NEW(e->arena, Local);
    *l = (Local){e->frame->locals, name, value};
    e->frame->locals = l;
}

static bool known_now(const Value *v) {
    if (v->kind != VALUE_LIST) return v->kind == VALUE_NUMBER;
    for (uint32_t i = 0; i < v->count; i++)
        if (!known_now(&v->items[i])) return false;
    return true;
}

/* Evaluated once, in a frame of its own: a constant does not depend on where it is used. */
Value const_value(Elab *e, HirDecl *decl, Span span) {
    if (!decl->value) {
        Frame frame = {.caller = e->frame, .decl = decl, .site = span}, *before = e->frame;
        e->frame = &frame;
        Value v = elab_expr(e, decl->node->kids[0]);
        if (!value_is_poison(&v) && !known_now(&v)) {
            v = elab_error(e, DIAG_E0304, decl->node->kids[0]->span,
                           "constant '%s' depends on what is known only when the model runs", decl->name);
            diag_help(e->sink, "make it a function: fun %s() = ...", decl->name);
        }
        e->frame = before;
        decl->value = arena_copy(e->arena, &v, sizeof v);
    }
    Value v = *(Value *)decl->value;
    v.span = span;
    return v;
}

/* A data set that a fit declares is its own. */
static Value data_value(Elab *e, HirDecl *decl, Span span) {
    const FitState *fit = e->context->fit;
    if (!decl->owner || (fit && fit->decl == decl->owner))
        return (Value){.kind = VALUE_DATA, .decl = decl, .span = span};
    Value poison = elab_error(e, DIAG_E0211, span, "data set '%s' belongs to fit '%s'", decl->name, decl->owner->name);
    diag_note(e->sink, decl->node->name_span, "declared here");
    diag_help(e->sink, "declare it outside of the fit, so that all fits can use it");
    return poison;
}

static Value decl_value(Elab *e, HirDecl *decl, Span span) {
    switch (decl->node->kind) {
    case AST_SIZE: return value_int((double)size_value(e, decl), span);
    case AST_CONST: return const_value(e, decl, span);
    case AST_UNIT: return unit_value(e, decl, span);
    case AST_PARAM: return param_value(e, decl, span);
    case AST_NORMALIZED: return context_solved(e, decl, span);
    case AST_OPTION:
        return value_tensor(e, context_input(e, TIR_PORT_OPTION, decl->index, 0, decl->name, tir_axes_none(), span),
                            NULL, 0, span);
    case AST_FLAVOUR: return value_set(decl, span);
    case AST_DATA: return data_value(e, decl, span);
    case AST_FUN:
    case AST_QCF:
    case AST_DENSITY:
    case AST_NETWORK:
    case AST_DETECTOR:
    case AST_LAYER: return (Value){.kind = VALUE_FUNCTION, .decl = decl, .span = span};
    default: return value_poison();
    }
}

static Value elab_name(Elab *e, const AstNode *node) {
    Local *local = local_find(e->frame, node->name);
    if (local) {
        Value v = local->value;
        v.span = node->span;
        return v;
    }
    if (!e->frame->decl && e->context->fit) {
        FitState *fit = e->context->fit;
        for (size_t i = 0; i < fit->lets.count; i++)
            if (let_names(fit->lets.data[i], node->name)) {
                Value v = let_value(e, fit->lets.data[i], context_let(e, fit->lets.data[i]), node);
                v.span = node->span;
                return v;
            }
        if (!strcmp(node->name, "params")) return param_vector(e, false, node->span);
        if (!strcmp(node->name, "truth")) return param_vector(e, true, node->span);
        if (!strcmp(node->name, "log_prior")) return param_log_prior(e, node->span);
        if (!strcmp(node->name, "log_jacobian")) return param_log_jacobian(e, node->span);
    }
    HirDecl *decl = hir_decl(e->hir, node);
    if (decl) return decl_value(e, decl, node->span);
    const Primitive *primitive = primitive_find(node->name);
    if (!primitive) return value_poison();
    if (primitive->most == 0 && !primitive->reduces && strcmp(node->name, "uniform"))
        return primitive->apply(e, primitive, node, NULL, 0);
    return (Value){.kind = VALUE_PRIMITIVE, .primitive = primitive, .span = node->span};
}

/* a.u of a family of parameters */
static Value list_member(Elab *e, const Value *list, const AstNode *node) {
    Value label = set_label(e, list->decl, node);
    return value_is_poison(&label) ? label : elab_index(e, node->span, *list, label);
}

static Value elab_field(Elab *e, const AstNode *node) {
    HirDecl *member = hir_decl(e->hir, node);
    if (member) return decl_value(e, member, node->span);
    const HirDecl *family = param_family(e, node->kids[0]);
    if (family) return param_member(e, family, node);
    Value of = elab_expr(e, node->kids[0]);
    if (value_is_poison(&of)) return of;
    /* inside of a member of a family [q], q is a flavour, and q.u still another */
    if (of.kind == VALUE_SET || of.kind == VALUE_LABEL) return set_label(e, of.decl, node);
    if (of.kind == VALUE_LIST && of.decl) return list_member(e, &of, node);
    if (value_is_family(&of)) return family_field(e, of, node);
    if (of.kind != VALUE_RECORD) {
        Value poison = elab_error(e, DIAG_E0303, node->span, "only an event or a record has fields, and this is %s",
                                  value_kind_text(&of));
        if (of.kind == VALUE_SAMPLE || of.kind == VALUE_DATA)
            diag_help(e->sink, "take its events one by one: mean(e.%s for e in ...)", node->name);
        else
            diag_help(e->sink, "'.%s' is written behind the name of an event, as in e.%s", node->name, node->name);
        return poison;
    }
    return record_field(e, &of, node->name, node->span, node->name_span);
}

static Value elab_if(Elab *e, const AstNode *node) {
    Value condition = elab_expr(e, node->kids[0]);
    if (value_is_poison(&condition)) return condition;
    if (condition.kind == VALUE_NUMBER && condition.type == TIR_BOOL)
        return elab_expr(e, node->kids[condition.number != 0 ? 1 : 2]);
    Value yes = elab_expr(e, node->kids[1]), no = elab_expr(e, node->kids[2]);
    return elab_choose(e, node->span, condition, yes, no);
}

static Value elab_block(Elab *e, const AstNode *node) {
    Local *outer = e->frame->locals;
    Value v = value_poison();
    for (uint32_t i = 0; i < node->count; i++) {
        const AstNode *kid = node->kids[i];
        v = elab_expr(e, kid->kind == AST_LET ? kid->kids[0] : kid);
        if (kid->kind == AST_LET) let_bind(e, kid, v);
    }
    e->frame->locals = outer;
    return v;
}

static Value elab_array(Elab *e, const AstNode *node) {
    Value *items = ARENA_ARRAY(e->arena, Value, node->count + 1);
    for (uint32_t i = 0; i < node->count; i++) {
        items[i] = elab_expr(e, node->kids[i]);
        if (value_is_poison(&items[i])) return value_poison();
    }
    return value_list(e, items, node->count, node->span);
}

static Value elab_subscript(Elab *e, const AstNode *node) {
    const HirDecl *family = param_family(e, node->kids[0]);
    Value v = family ? param_indexed(e, family, elab_expr(e, node->kids[1]), node->kids[1]->span)
                     : elab_expr(e, node->kids[0]);
    for (uint32_t i = family ? 2 : 1, at = 0; i < node->count; i++) {
        Value index = elab_expr(e, node->kids[i]);
        if (index.kind == VALUE_LIST && !value_to_array(e, &index, TIR_NONE)) return value_poison();
        v = elab_index_at(e, node->span, v, at, index);
        at += index.kind == VALUE_TENSOR ? index.rank : 0;
    }
    return v;
}

static Value elab_pipe(Elab *e, const AstNode *node) {
    Value piped = elab_expr(e, node->kids[0]);
    return value_is_poison(&piped) ? piped : elab_call(e, node->kids[1], &piped);
}

enum { STACK_MAX = 4 << 20, WORK_MAX = 1000000 }; /* half of the usual 8 MiB; a second */

/* A small model can still ask for calls within calls without number. */
static bool too_much(Elab *e, const AstNode *node) {
    if (e->too_deep) return true;
    bool deep = e->stack - (const char *)__builtin_frame_address(0) >= STACK_MAX;
    if (!deep && ++e->work < WORK_MAX) return false;
    e->too_deep = true;
    elab_error(e, DIAG_E0306, node->span,
               deep ? "calls and expressions are nested too deeply"
                    : "written out, this model has more than %d operations",
               WORK_MAX);
    diag_help(e->sink, "%s",
              deep ? "give parts of the formula names with 'let', or call fewer functions within functions"
                   : "sum over arrays, index(n), in place of lists");
    return true;
}

Value elab_expr(Elab *e, const AstNode *node) {
    Value none = value_poison();
    if (too_much(e, node)) return none;
    switch (node->kind) {
    case AST_NUMBER: return node->flag ? value_int(node->number, node->span) : value_number(node->number, node->span);
    case AST_NAME: return elab_name(e, node);
    case AST_QUANTITY: return unit_quantity(e, node);
    case AST_FIELD: return elab_field(e, node);
    case AST_CALL: return elab_call(e, node, NULL);
    case AST_INDEX: return elab_subscript(e, node);
    case AST_UNARY:
        return elab_map(e, node->op == AST_NOT ? TIR_NOT : TIR_NEG, node->span, elab_expr(e, node->kids[0]), none,
                        none);
    case AST_BINARY: {
        Value left = elab_expr(e, node->kids[0]), right = elab_expr(e, node->kids[1]);
        return elab_binary(e, node->op, node->span, left, right);
    }
    case AST_PIPE: return elab_pipe(e, node);
    case AST_ARRAY: return elab_array(e, node);
    case AST_RECORD: return elab_record(e, node);
    case AST_BUILD: return elab_build(e, node);
    case AST_IF: return elab_if(e, node);
    case AST_BLOCK: return elab_block(e, node);
    case AST_DRAW: return elab_draw(e, node);
    case AST_NAMED: return elab_expr(e, node->kids[0]);
    case AST_COMPREHEND: {
        Value poison =
            elab_error(e, DIAG_E0309, node->span,
                       "'for %s in ...' can stand only inside sum, mean, prod, max, min, fold or []", node->name);
        diag_help(e->sink, "write for example mean(... for %s in ...)", node->name);
        return poison;
    }
    case AST_ALL_OF:
    case AST_BATCH_OF:
        return elab_help(e,
                         elab_error(e, DIAG_E0309, node->span, "'%s' can stand only after 'in'",
                                    node->kind == AST_ALL_OF ? "all of" : "batch n of"),
                         "write for example mean(... for e in %s DATA)",
                         node->kind == AST_ALL_OF ? "all of" : "batch 64 of");
    case AST_FROM:
        return elab_help(e, elab_error(e, DIAG_E0309, node->span, "a start, 'for x from', stands only in fixed_point"),
                         "write 'for x in SOURCE' to go over numbers or events");
    case AST_RANGE:
        return elab_help(e,
                         elab_error(e, DIAG_E0309, node->span,
                                    "an interval has no first and next number: only "
                                    "integral goes over one"),
                         "count with a whole number, 'for i in 5' for 0 to 4, or take points: linspace(0, 1, 5)");
    default: return value_poison();
    }
}

Value elab_const_number(Elab *e, const AstNode *node, const char *what) {
    Value v = value_scalar(elab_expr(e, node));
    if (v.kind == VALUE_NUMBER || value_is_poison(&v)) return v;
    v = elab_error(e, DIAG_E0304, node->span, "%s must be a number known when the model is compiled", what);
    diag_help(e->sink, "use numbers, `size` and `const` declarations");
    return v;
}

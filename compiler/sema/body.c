/* Units and measures inside of declarations that no fit reaches: the bodies of densities, qcfs and unused functions are
 * evaluated once with placeholders for their arguments and for parameters, in a function that is thrown away. Only what
 * is said about units and measures is kept; everything else may depend on how the declaration is used. */
#include "sema/unit.h"

Value body_number(Elab *e, const Unit *unit, Span span) {
    TirId id = tir_input(e->context->f, TIR_PORT_OPTION, (uint32_t)e->context->f->inputs.count, 0, "x", TIR_REAL,
                         tir_axes_none(), span);
    Value v = value_tensor(e, id, NULL, 0, span);
    v.unit = unit;
    return v;
}

static Value placeholder(Elab *e, const AstNode *type, Span span) {
    const Unit *unit;
    double scale;
    return unit_of_type(e, type, &unit, &scale) ? body_number(e, unit, span) : value_poison();
}

/* A field or a variable in an interval, but no label. */
static bool is_number(const AstNode *node) {
    return node->kind == AST_VARIABLE && node->kids[1] && !node->kids[3];
}

static Value event_placeholder(Elab *e, HirDecl *event) {
    const AstNode *fields = event->node->kids[0];
    Value *items = ARENA_ARRAY(e->arena, Value, fields->count + 1);
    for (uint32_t i = 0; i < fields->count; i++) {
        if (!is_number(fields->kids[i])) return value_poison();
        items[i] = placeholder(e, fields->kids[i]->kids[2], fields->kids[i]->span);
        if (value_is_poison(&items[i])) return value_poison();
    }
    return (Value){.kind = VALUE_RECORD, .decl = event, .items = items, .count = fields->count};
}

/* POISON where the declaration alone does not say what the argument is. */
static Value argument_placeholder(Elab *e, const HirDecl *decl, const AstNode *arg) {
    HirDecl *event = hir_argument_event(e->hir, arg);
    if (event) return event_placeholder(e, event);
    if (arg->kind == AST_VARIABLE ? !is_number(arg) : hir_argument_dims(arg) != NULL) return value_poison();
    const AstNode *type = hir_argument_unit(e->hir, arg);
    return !type && decl->node->kind == AST_FUN ? value_poison() : placeholder(e, type, arg->span);
}

static bool kept(const DiagSink *sink, size_t count, const Diag *diag) {
    DiagCode code = diag->code;
    if (code != DIAG_E0316 && code != DIAG_E0317 && code != DIAG_E0320 && code != DIAG_E0321) return false;
    for (size_t i = 0; i < count; i++) {
        const Diag *other = sink->diags.data[i];
        if (other->code == code && other->span.file == diag->span.file && other->span.begin == diag->span.begin)
            return false;
    }
    return true;
}

static void evaluate(Elab *e, HirDecl *decl) {
    const AstNode *arguments = hir_arguments(decl);
    Value *args = ARENA_ARRAY(e->arena, Value, arguments->count + 1);
    for (uint32_t i = 0; i < arguments->count; i++) {
        args[i] = argument_placeholder(e, decl, arguments->kids[i]);
        if (value_is_poison(&args[i])) return;
    }
    elab_decl_call(e, decl, decl->node, args, arguments->count, (Span){0});
}

static void check_body(Elab *e, HirDecl *decl) {
    DiagSink *sink = e->sink;
    size_t before = sink->diags.count, errors = sink->errors, warnings = sink->warnings;
    Frame frame = {.decl = decl};
    e->frame = &frame;
    evaluate(e, decl);
    e->frame = NULL;
    size_t count = before, after = sink->diags.count;
    for (size_t i = before; i < after; i++)
        if (kept(sink, count, sink->diags.data[i])) sink->diags.data[count++] = sink->diags.data[i];
    sink->diags.count = count;
    sink->errors = errors + (count - before);
    sink->warnings = warnings;
}

void body_check_all(Elab *e) {
    bool too_deep = e->too_deep;
    context_new(e, "bodies", NULL, PARAMS_NONE, false, NULL);
    e->checking = true;
    for (size_t m = 0; m < e->hir->modules.count; m++) {
        HirModule *module = e->hir->modules.data[m];
        for (size_t i = 0; !module->library && i < module->decls.count; i++) {
            HirDecl *decl = module->decls.data[i];
            AstKind kind = decl->node->kind;
            e->too_deep = false;
            e->work = 0;
            if ((kind == AST_QCF || kind == AST_DENSITY || (kind == AST_FUN && !decl->used)) &&
                (kind == AST_FUN || !hir_family(decl)))
                check_body(e, decl);
        }
    }
    e->checking = false;
    e->too_deep = too_deep;
}

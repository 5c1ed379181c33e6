/* The tables of a Program that need no tensors: sizes (with -D), options, event types, data sets. */
#include <math.h>
#include <string.h>

#include "sema/measure.h"

int64_t size_value(Elab *e, HirDecl *decl) {
    if (decl->size) return decl->size;
    Frame frame = {.decl = decl}, *before = e->frame;
    e->frame = &frame;
    Value v = value_scalar(elab_expr(e, decl->node->kids[0]));
    value_size(e, &v, arena_format(e->arena, "size '%s'", decl->name), &decl->size);
    e->frame = before;
    return decl->size;
}

static HirDecl *find_size(Hir *hir, const char *name) {
    HirDecl *found = hir_find(hir->main, name, NULL);
    if (found && found->node->kind == AST_SIZE) return found;
    for (size_t m = 0; m < hir->modules.count; m++) {
        for (size_t i = 0; i < hir->modules.data[m]->decls.count; i++) {
            HirDecl *decl = hir->modules.data[m]->decls.data[i];
            if (decl->node->kind == AST_SIZE && (!strcmp(decl->name, name) || !strcmp(decl->full, name))) return decl;
        }
    }
    return NULL;
}

static void report_override(Elab *e, const char *name) {
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    for (size_t m = 0; m < e->hir->modules.count; m++) {
        const HirModule *module = e->hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++)
            if (module->decls.data[i]->node->kind == AST_SIZE) VEC_PUSH(e->arena, &known, module->decls.data[i]->name);
    }
    diag_report(e->sink, DIAG_E0210, (Span){0}, "-D %s: the model has no size of that name", name);
    const char *near = diag_nearest(name, known.data, known.count);
    if (near) diag_help(e->sink, "did you mean '%s'?", near);
    const char *all = "";
    for (size_t i = 0; i < known.count; i++) all = arena_format(e->arena, "%s%s%s", all, i ? ", " : "", known.data[i]);
    if (!near && known.count) diag_help(e->sink, "its sizes are: %s", all);
}

bool table_sizes(Elab *e, SizeOverride *overrides, size_t count) {
    size_t errors = e->sink->errors;
    for (size_t i = 0; i < count; i++) {
        HirDecl *decl = find_size(e->hir, overrides[i].name);
        if (!decl) {
            report_override(e, overrides[i].name);
            continue;
        }
        overrides[i].used = true;
        Value v = value_int((double)overrides[i].value, decl->node->name_span);
        value_size(e, &v, arena_format(e->arena, "size '%s', given by -D,", decl->name), &decl->size);
    }
    for (size_t m = 0; m < e->hir->modules.count; m++) {
        HirModule *module = e->hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++)
            if (module->decls.data[i]->node->kind == AST_SIZE) size_value(e, module->decls.data[i]);
    }
    return e->sink->errors == errors;
}

/* low .. high of parameters, fields and variables, in base units: a plain number is in the declared unit. */
static bool read_domain(Elab *e, const char *name, AstNode *const *ends, const AstNode *type, double *low,
                        double *high) {
    *low = 0;
    *high = 1;
    Value a = elab_const_number(e, ends[0], "the end of a domain");
    Value b = elab_const_number(e, ends[1], "the end of a domain");
    if (value_is_poison(&a) || value_is_poison(&b)) return false;
    if (!unit_number(e, &a, type, "the end of this domain", &a.number) ||
        !unit_number(e, &b, type, "the end of this domain", &b.number))
        return false;
    if (!isfinite(a.number) || !isfinite(b.number) || a.number >= b.number) {
        elab_error(e, DIAG_E0401, span_join(ends[0]->span, ends[1]->span),
                   "the domain of '%s' is empty: %.10g is not below %.10g", name, a.number, b.number);
        diag_help(e->sink, "write the lower end first");
        return false;
    }
    *low = a.number;
    *high = b.number;
    return true;
}

static bool label_domain(Elab *e, const AstNode *variable, double *low, double *high) {
    Value set = elab_expr(e, variable->kids[0]);
    if (value_is_poison(&set)) return false;
    *low = 0;
    if (set.kind == VALUE_SET) {
        *high = set.decl->node->kids[0]->count - 1;
        return true;
    }
    elab_error(e, DIAG_E0401, variable->kids[0]->span,
               "the domain of '%s' is an interval or a set of flavours, and this is %s", variable->name,
               value_kind_text(&set));
    diag_help(e->sink, "write for example: %s in 0 .. 1", variable->name);
    return false;
}

/* Without a domain, any number; `class in q`: the number of a flavour. */
bool table_domain(Elab *e, const AstNode *variable, double *low, double *high) {
    *low = -INFINITY;
    *high = INFINITY;
    if (!variable->kids[0]) return true;
    if (!variable->kids[1]) return label_domain(e, variable, low, high);
    if (!read_domain(e, variable->name, variable->kids, variable->kids[2], low, high)) return false;
    if (!variable->flag || *low > 0) return true;
    elab_error(e, DIAG_E0401, span_join(variable->kids[0]->span, variable->kids[1]->span),
               "the grid of '%s' is laid on log, and its domain begins at %.10g", variable->name, *low);
    diag_help(e->sink, "begin above 0, or leave out 'on log'");
    return false;
}

static void add_option(Elab *e, HirDecl *decl) {
    Value v = elab_const_number(e, decl->node->kids[0], "the default of an option");
    unit_pure(e, &v, decl->node->kids[0]->span, "the default of an option");
    ProgramOption option = {decl->name, decl->node->text, v.number, v.type == TIR_INT};
    decl->index = (uint32_t)e->program->options.count;
    VEC_PUSH(e->arena, &e->program->options, option);
    VEC_PUSH(e->arena, &e->options, decl);
}

static void add_event(Elab *e, HirDecl *decl) {
    ProgramEvent event = {.name = decl->name};
    const AstNode *fields = decl->node->kids[0];
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->kids[i]->kind == AST_POISON) continue;
        const AstNode *node = fields->kids[i];
        ProgramField field = {.name = node->name, .unit = unit_type_text(e, node->kids[2])};
        const Unit *unit;
        if (unit_of_type(e, node->kids[2], &unit, &field.scale)) table_domain(e, node, &field.low, &field.high);
        if (!data_field_length(e, node, &field.length)) field.length = 1;
        VEC_PUSH(e->arena, &event.fields, field);
    }
    decl->index = (uint32_t)e->program->events.count;
    VEC_PUSH(e->arena, &e->program->events, event);
    VEC_PUSH(e->arena, &e->events, decl);
}

static void each_decl(Elab *e, AstKind kind, void (*add)(Elab *, HirDecl *)) {
    for (size_t m = 0; m < e->hir->modules.count; m++) {
        HirModule *module = e->hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++) {
            HirDecl *decl = module->decls.data[i];
            if (decl->node->kind != kind) continue;
            Frame frame = {.decl = decl}, *before = e->frame;
            e->frame = &frame;
            add(e, decl);
            e->frame = before;
        }
    }
}

/* A density is looked at even when nothing draws from it. */
static void check_density(Elab *e, HirDecl *decl) {
    DensityAxis axes[DENSITY_AXES_MAX];
    size_t errors = e->sink->errors;
    uint32_t members = family_size(e, decl);
    for (uint32_t i = 0; i < members && e->sink->errors == errors; i++) {
        Value member = family_member(e, decl, i, decl->node->name_span);
        density_axes(e, &member, axes);
    }
    measure_check_decl(e, decl);
}

void table_build(Elab *e) {
    each_decl(e, AST_PARAM, param_declare);
    each_decl(e, AST_OPTION, add_option);
    each_decl(e, AST_EVENT, add_event);
    each_decl(e, AST_DATA, data_declare);
    each_decl(e, AST_DENSITY, check_density);
    param_finish(e);
}

/* Units and constants are evaluated even when nothing uses them: a slip in one is no less a slip. */
static void check_constant(Elab *e, HirDecl *decl) {
    if (decl->node->kind == AST_UNIT)
        unit_value(e, decl, (Span){0});
    else
        const_value(e, decl, (Span){0});
}

void table_check_constants(Elab *e) {
    each_decl(e, AST_UNIT, check_constant);
    each_decl(e, AST_CONST, check_constant);
}

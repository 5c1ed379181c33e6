/* Settles the names in every declaration, whatever its kind, then looks for recursion and for what the main module
 * declares and never uses. */
#include "hir/resolve.h"

#include <string.h>

/* Names in the dimensions of an argument stand for its sizes: x[n] defines n, unless n is a size already. */
static void bind_dims(Resolver *r, const AstNode *dims) {
    for (uint32_t i = 0; dims && i < dims->count; i++) {
        const AstNode *dim = dims->kids[i];
        if (dim->kind == AST_NAME && !resolve_local(r, dim->name) && !hir_find(r->module, dim->name, NULL))
            resolve_bind(r, dim->name, dim->span);
        else
            resolve(r, dim);
    }
}

/* What stands behind a colon: an event type or a unit. */
static void resolve_type(Resolver *r, const AstNode *type) {
    if (!type) return;
    HirDecl *unit = type->kind == AST_NAME ? hir_find_unit(r->module, type->name) : NULL;
    HirDecl *found = type->kind == AST_NAME && !unit ? hir_find(r->module, type->name, NULL) : unit;
    if (type->kind == AST_NAME && (!found || (found->node->kind != AST_EVENT && found->node->kind != AST_UNIT))) {
        resolve_kind(r, type, AST_EVENT);
        return;
    }
    if (found) {
        found->used = true;
        hir_set_decl(r->hir, type, found);
        VEC_PUSH(r->hir->arena, &r->reached, found);
        return;
    }
    resolve(r, type);
}

static void resolve_arguments(Resolver *r, const AstNode *arguments) {
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        if (arg->kind == AST_POISON) continue;
        if (arg->kind == AST_VARIABLE) {
            for (uint32_t k = 0; k < 2; k++)
                if (arg->kids[k]) resolve(r, arg->kids[k]);
            resolve_type(r, arg->kids[2]);
        } else if (hir_argument_default(arg)) {
            resolve(r, hir_argument_default(arg));
        }
        resolve_bind_once(r, arg->name, arg->name_span);
    }
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        if (arg->kind != AST_ARG) continue;
        bind_dims(r, hir_argument_dims(arg));
        resolve_type(r, arg->kids[1]);
    }
}

/* [q], [j in n]: j is known in all that follows. */
static void resolve_family(Resolver *r, const AstNode *family) {
    for (uint32_t i = 0; family && i < family->count; i++) {
        const AstNode *index = family->kids[i];
        resolve(r, index->kind == AST_BINDER ? index->kids[0] : index);
        if (index->kind == AST_BINDER) resolve_bind_once(r, index->name, index->name_span);
    }
}

static void resolve_optional(Resolver *r, const AstNode *node) {
    if (node) resolve(r, node);
}

static void resolve_shape(Resolver *r, const AstNode *shape) {
    for (uint32_t i = 0; shape && i < shape->count; i++) {
        const AstNode *kid = shape->kids[i];
        if (shape->kind != AST_RECORD_SHAPE)
            resolve(r, kid);
        else if (hir_argument_dims(kid))
            resolve_kids(r, hir_argument_dims(kid));
    }
}

/* derivative { x: EXPR, a: none }: an entry for every argument. What an entry names is not needed by the function
 * itself: it may name the function, as in d exp = exp. */
static void resolve_clause(Resolver *r, const HirDecl *decl) {
    const AstNode *clause = decl->node->kids[4], *arguments = decl->node->kids[0];
    DiagSink *sink = r->hir->sink;
    size_t reached = r->reached.count;
    for (uint32_t i = 0; i < clause->count; i++) {
        const AstNode *entry = clause->kids[i];
        if (entry->kind == AST_POISON) return;
        bool argument = false, twice = false;
        for (uint32_t k = 0; k < arguments->count; k++)
            argument |= arguments->kids[k]->kind == AST_ARG && !strcmp(arguments->kids[k]->name, entry->name);
        for (uint32_t k = 0; k < i; k++) twice |= !strcmp(clause->kids[k]->name, entry->name);
        if (!argument || twice) {
            diag_report(sink, argument ? DIAG_E0202 : DIAG_E0208, entry->name_span,
                        argument ? "the derivative by '%s' is given twice" : "'%s' is no argument of '%s'", entry->name,
                        decl->name);
            if (!argument) diag_note(sink, decl->node->name_span, "declared here");
            diag_help(sink, argument ? "leave one of them out" : "a derivative is given by an argument");
        }
        if (!hir_clause_none(entry)) resolve(r, entry->kids[0]);
    }
    r->reached.count = reached;
    for (uint32_t k = 0; k < arguments->count; k++) {
        const AstNode *argument = arguments->kids[k];
        if (argument->kind != AST_ARG || hir_clause_entry(decl, argument->name)) continue;
        diag_report(sink, DIAG_E0340, clause->span, "the derivative of '%s' by '%s' is missing", decl->name,
                    argument->name);
        diag_note(sink, argument->span, "the argument");
        diag_help(sink, "add '%s: EXPR', or '%s: none' where no derivative exists", argument->name, argument->name);
    }
}

static void resolve_qcf(Resolver *r, const AstNode *node) {
    resolve_family(r, node->kids[2]);
    Scope *outside = r->scope;
    resolve_arguments(r, node->kids[0]);
    resolve_type(r, node->kids[3]);
    resolve_optional(r, node->kids[4]);
    resolve(r, node->kids[1]);
    for (uint32_t i = 0; i < node->kids[5]->count; i++)
        if (node->kids[5]->kids[i]->kind == AST_TRUTH) resolve(r, node->kids[5]->kids[i]);
    r->scope = outside; /* a sum rule is about the function, not about one value of its argument, and no recursion */
    size_t reached = r->reached.count;
    for (uint32_t i = 0; i < node->kids[5]->count; i++)
        if (node->kids[5]->kids[i]->kind == AST_NORMALIZED) resolve_kids(r, node->kids[5]->kids[i]);
    r->reached.count = reached;
}

static void resolve_density_decl(Resolver *r, const AstNode *node) {
    resolve_family(r, node->kids[2]);
    resolve_arguments(r, node->kids[0]);
    resolve_type(r, node->kids[3]);
    resolve(r, node->kids[1]);
    resolve_optional(r, node->kids[5]);
}

/* prior normal(0.5, 0.1): a function whose first argument is the parameter. `normal` is also a way to draw numbers, so
 * the library's priors go before what else is in use, but not before what this module declares. */
static void resolve_prior(Resolver *r, const AstNode *prior) {
    const AstNode *callee = prior->kind == AST_CALL ? prior->kids[0] : prior;
    if (callee->kind != AST_NAME || hir_find_own(r->module, callee->name)) {
        resolve_call(r, prior, 1);
        return;
    }
    for (size_t i = 0; i < r->module->uses.count; i++) {
        const HirUse *use = &r->module->uses.data[i];
        HirDecl *found =
            strcmp(use->module->name, "std.prior") || use->hidden ? NULL : hir_find_own(use->module, callee->name);
        if (!found) continue;
        resolve_call_of(r, prior, 1, found);
        return;
    }
    resolve_call(r, prior, 1);
}

static void resolve_param(Resolver *r, const AstNode *node) {
    resolve_family(r, node->kids[4]);
    resolve_type(r, node->kids[5]);
    for (uint32_t i = 0; i < 4; i++)
        if (node->kids[i]) resolve(r, node->kids[i]);
    if (node->kids[6] && node->kids[6]->kind != AST_POISON) resolve_prior(r, node->kids[6]);
}

static void resolve_event(Resolver *r, const AstNode *node) {
    for (uint32_t i = 0; i < node->kids[0]->count; i++) {
        const AstNode *field = node->kids[0]->kids[i];
        if (field->kind == AST_POISON) continue;
        if (field->kind == AST_VARIABLE) {
            resolve_optional(r, field->kids[0]);
            resolve_optional(r, field->kids[1]);
            resolve_type(r, field->kids[2]);
            if (field->kids[3]) resolve_kids(r, field->kids[3]);
        }
        resolve_bind_once(r, field->name, field->name_span);
    }
}

/* `where` is said of the fields of the event, by their names. */
static void resolve_data(Resolver *r, const AstNode *node) {
    resolve_kind(r, node->kids[0], AST_EVENT);
    resolve_family(r, node->kids[1]);
    for (uint32_t i = 0; node->kids[2] && i < node->kids[2]->count; i++) {
        const AstNode *column = node->kids[2]->kids[i];
        if (column->kind != AST_COLUMN) continue;
        if (column->kids[0]) resolve_kids(r, column->kids[0]);
        resolve_type(r, column->kids[1]);
    }
    resolve_optional(r, node->kids[4]);
    resolve_optional(r, node->kids[5]);
    const HirDecl *event = hir_decl(r->hir, node->kids[0]);
    for (uint32_t i = 0; event && i < event->node->kids[0]->count; i++)
        if (event->node->kids[0]->kids[i]->kind != AST_POISON)
            resolve_bind(r, event->node->kids[0]->kids[i]->name, event->node->kids[0]->kids[i]->name_span);
    resolve_optional(r, node->kids[3]);
}

static void resolve_network_name(Resolver *r, const AstNode *node) {
    HirDecl *network = hir_find(r->module, node->name, NULL);
    if (network && network->node->kind == AST_NETWORK) {
        network->used = true;
        hir_set_decl(r->hir, node, network);
        return;
    }
    diag_report(r->hir->sink, DIAG_E0303, node->name_span, "'%s' is %s; a network is wanted here", node->name,
                network ? hir_kind_text(network->node->kind) : "not declared");
    diag_help(r->hir->sink, "declare it: network %s(...) -> real = ...", node->name);
}

/* Stages follow one another: what one names, the next may use. */
static void resolve_stage(Resolver *r, const AstNode *stage) {
    switch (stage->kind) {
    case AST_SMEAR:
        if (stage->kids[1]) {
            resolve(r, stage->kids[1]->kids[0]);
            resolve_bind(r, stage->kids[1]->name, stage->kids[1]->name_span);
        }
        resolve(r, stage->kids[0]);
        resolve_bind(r, stage->name, stage->name_span);
        break;
    case AST_LET:
        resolve(r, stage->kids[0]);
        resolve_bind_let(r, stage, resolve_bind_once);
        break;
    case AST_FREEZE: resolve_network_name(r, stage); break;
    case AST_POISON: break;
    default: resolve_kids(r, stage);
    }
}

static void resolve_detector(Resolver *r, const AstNode *node) {
    resolve_arguments(r, node->kids[0]);
    resolve_kind(r, node->kids[1], AST_EVENT);
    for (uint32_t i = 0; i < node->kids[2]->count; i++) resolve_stage(r, node->kids[2]->kids[i]);
}

static void resolve_layer(Resolver *r, const AstNode *node) {
    resolve_arguments(r, node->kids[0]);
    resolve_shape(r, node->kids[1]);
    for (uint32_t i = 0; i < node->kids[2]->count; i++) {
        const AstNode *weight = node->kids[2]->kids[i];
        if (weight->kind != AST_WEIGHT) continue;
        resolve_kids(r, weight);
        resolve_bind_once(r, weight->name, weight->name_span);
    }
    resolve(r, node->kids[3]);
}

/* The lists of a minimize (groups), its optimiser's name and its exchange are words that sema knows. */
static void resolve_minimize(Resolver *r, const AstNode *node) {
    resolve(r, node->kids[0]);
    const AstNode *optimiser = node->kids[2];
    if (optimiser && optimiser->kind == AST_CALL)
        for (uint32_t i = 1; i < optimiser->count; i++) resolve(r, optimiser->kids[i]);
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        HirDecl *group = hir_find(r->module, node->kids[1]->kids[i]->name, NULL);
        if (group) group->used = true;
    }
    if (node->kids[3]) resolve(r, node->kids[3]);
    for (uint32_t i = 0; node->kids[4] && i < node->kids[4]->count; i++) resolve(r, node->kids[4]->kids[i]);
}

/* ensemble(gan, members = 20): the first argument is a fit, the others are numbers. */
static void resolve_wrapper(Resolver *r, const AstNode *call) {
    for (uint32_t i = 1; call->kind == AST_CALL && i < call->count; i++) {
        const AstNode *arg = call->kids[i];
        HirDecl *fit = arg->kind == AST_NAME ? hir_find_own(r->module, arg->name) : NULL;
        if (!fit || fit->node->kind != AST_FIT) {
            resolve(r, arg);
            continue;
        }
        fit->used = true;
        hir_set_decl(r->hir, arg, fit);
        VEC_PUSH(r->hir->arena, &r->reached, fit);
    }
}

/* `stop when residual < 1e-3`: monitors are known by their names. */
static void resolve_stop_when(Resolver *r, const AstNode *fit, const AstNode *item) {
    Scope *outer = r->scope;
    for (uint32_t i = 0; i < fit->kids[0]->count; i++)
        if (fit->kids[0]->kids[i]->kind == AST_MONITOR)
            resolve_bind(r, fit->kids[0]->kids[i]->name, fit->kids[0]->kids[i]->name_span);
    resolve(r, item);
    r->scope = outer;
}

static void resolve_fit(Resolver *r, const AstNode *node) {
    resolve_bind(r, "params", node->name_span);
    resolve_bind(r, "truth", node->name_span);
    resolve_bind(r, "log_prior", node->name_span);
    resolve_bind(r, "log_jacobian", node->name_span);
    if (node->kids[1]) resolve_wrapper(r, node->kids[1]);
    for (uint32_t i = 0; i < node->kids[0]->count; i++) {
        const AstNode *item = node->kids[0]->kids[i];
        switch (item->kind) {
        case AST_LET:
            resolve(r, item->kids[0]);
            resolve_bind_let(r, item, resolve_bind_once);
            break;
        case AST_MINIMIZE: resolve_minimize(r, item); break;
        case AST_FREEZE: resolve_network_name(r, item); break;
        case AST_STOP_WHEN: resolve_stop_when(r, node, item); break;
        case AST_DATA: break; /* a declaration of its own */
        default: resolve(r, item);
        }
    }
}

static void resolve_decl(Resolver *r, HirDecl *decl) {
    const AstNode *node = decl->node;
    r->decl = decl;
    r->scope = NULL;
    r->reached.count = 0;
    switch (node->kind) {
    case AST_PARAM:
        resolve_param(r, node);
        for (size_t i = 0; i < decl->members.count; i++) {
            r->scope = NULL;
            resolve_param(r, decl->members.data[i]);
        }
        break;
    case AST_FUN:
        resolve_arguments(r, node->kids[0]);
        resolve_shape(r, node->kids[1]);
        resolve_type(r, node->kids[3]);
        if (node->kids[2]) resolve(r, node->kids[2]);
        if (node->kids[4]) resolve_clause(r, decl);
        break;
    case AST_NETWORK:
        resolve_family(r, node->kids[3]);
        resolve_arguments(r, node->kids[0]);
        resolve_shape(r, node->kids[1]);
        resolve(r, node->kids[2]);
        break;
    case AST_QCF: resolve_qcf(r, node); break;
    case AST_DENSITY: resolve_density_decl(r, node); break;
    case AST_LAYER: resolve_layer(r, node); break;
    case AST_FIT: resolve_fit(r, node); break;
    case AST_EVENT: resolve_event(r, node); break;
    case AST_DATA: resolve_data(r, node); break;
    case AST_DETECTOR: resolve_detector(r, node); break;
    case AST_FLAVOUR: break;
    case AST_NORMALIZED: break; /* read with the qcf that it belongs to */
    default: resolve_kids(r, node);
    }
}

static void report_recursion(Hir *hir, const HirDecl *decl, HirDecl *to) {
    diag_report(hir->sink, DIAG_E0206, decl->node->name_span, "'%s' is defined by itself%s%s%s", decl->name,
                to == decl ? "" : ", through '", to == decl ? "" : to->name, to == decl ? "" : "'");
    if (to != decl) diag_note(hir->sink, to->node->name_span, "which needs it in turn");
    diag_help(hir->sink, "the language has no recursion; use sum, fold or a formula in closed form");
    to->visit = 2;
}

/* Depth first, with a stack of its own: chains of declarations may be longer than the machine's stack is deep. */
static void find_recursion(Hir *hir, HirDecl *first) {
    VEC(HirDecl *) path = {0};
    VEC_PUSH(hir->arena, &path, first);
    first->visit = 1;
    while (path.count) {
        HirDecl *decl = path.data[path.count - 1];
        if (decl->followed == decl->need_count) {
            decl->visit = 2;
            path.count--;
            continue;
        }
        HirDecl *to = decl->needs[decl->followed++];
        if (decl->node->kind == AST_PARAM) continue; /* links: sema follows members */
        if (to->visit == 1) report_recursion(hir, decl, to);
        if (to->visit) continue;
        to->visit = 1;
        VEC_PUSH(hir->arena, &path, to);
    }
}

/* A module without a fit is there to be used by others. */
static void warn_unused(Hir *hir) {
    bool fits = false;
    for (size_t i = 0; i < hir->main->decls.count; i++) fits |= hir->main->decls.data[i]->node->kind == AST_FIT;
    if (!fits) return;
    for (size_t i = 0; i < hir->main->decls.count; i++) {
        const HirDecl *decl = hir->main->decls.data[i];
        AstKind kind = decl->node->kind;
        bool told = kind == AST_SIZE || kind == AST_CONST || kind == AST_OPTION || kind == AST_DATA ||
                    kind == AST_NETWORK || kind == AST_LAYER || kind == AST_FUN; /* parameters: sema/param_seen.c */
        if (decl->used || !told) continue;
        diag_report(hir->sink, DIAG_W0501, decl->node->name_span, "'%s' is declared and never used", decl->name);
        diag_help(hir->sink, "remove it, or use it");
    }
}

void hir_resolve(Hir *hir) {
    Scopes scopes = {0};
    for (size_t m = 0; m < hir->modules.count; m++) {
        HirModule *module = hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++) {
            HirDecl *decl = module->decls.data[i];
            Resolver r = {.hir = hir, .module = module, .scopes = &scopes};
            resolve_decl(&r, decl);
            decl->needs = r.reached.data;
            decl->need_count = r.reached.count;
        }
    }
    for (size_t m = 0; m < hir->modules.count; m++)
        for (size_t i = 0; i < hir->modules.data[m]->decls.count; i++)
            if (!hir->modules.data[m]->decls.data[i]->visit) find_recursion(hir, hir->modules.data[m]->decls.data[i]);
    warn_unused(hir);
}

void hir_resolve_expression(Hir *hir, HirDecl *decl, const char *const *names, size_t count) {
    Scopes scopes = {0};
    Resolver r = {.hir = hir, .module = hir->main, .scopes = &scopes, .decl = decl};
    for (size_t i = 0; i < count; i++) resolve_bind(&r, names[i], decl->node->name_span);
    resolve(&r, decl->node->kids[0]);
}

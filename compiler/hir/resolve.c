/* Settles what every name means, in every declaration whether used or not: unknown names (with the nearest known one),
 * wrong numbers of arguments where the callee is known, recursion, and what the main module declares and never uses. */
#include "hir/hir.h"

#include <string.h>

typedef struct Scope {
    struct Scope *up;
    const char *name;
    Span span;
} Scope;

typedef struct Resolver {
    Hir *hir;
    HirModule *module;
    HirDecl *decl;
    Scope *scope;
    VEC(HirDecl *) reached; /* by the declaration at hand, for the recursion search */
} Resolver;

typedef struct Edges {
    HirDecl *from;
    HirDecl **to;
    size_t count;
} Edges;

static void resolve(Resolver *r, const AstNode *node);

static void resolve_kids(Resolver *r, const AstNode *node) {
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kids[i]) resolve(r, node->kids[i]);
}

static const Scope *local(const Resolver *r, const char *name) {
    for (const Scope *s = r->scope; s; s = s->up)
        if (!strcmp(s->name, name)) return s;
    return NULL;
}

static void bind(Resolver *r, const char *name, Span span) {
    Scope *s = ARENA_NEW(r->hir->arena, Scope);
    *s = (Scope){r->scope, name, span};
    r->scope = s;
}

/* Arguments, weights and lets of one declaration: no two alike. */
static void bind_once(Resolver *r, const char *name, Span span) {
    const Scope *before = local(r, name);
    if (before) {
        diag_report(r->hir->sink, DIAG_E0202, span, "'%s' is defined twice here", name);
        diag_note(r->hir->sink, before->span, "first defined here");
        diag_help(r->hir->sink, "give one of them another name");
    }
    bind(r, name, span);
}

static void report_unknown(Resolver *r, const AstNode *node) {
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    Arena *arena = r->hir->arena;
    for (const Scope *s = r->scope; s; s = s->up) VEC_PUSH(arena, &known, s->name);
    for (size_t i = 0; i < r->module->decls.count; i++) VEC_PUSH(arena, &known, r->module->decls.data[i]->name);
    for (size_t u = 0; u < r->module->uses.count; u++) {
        const HirModule *used = r->module->uses.data[u];
        for (size_t i = 0; i < used->decls.count; i++) VEC_PUSH(arena, &known, used->decls.data[i]->name);
    }
    for (size_t i = 0; sema_primitive_name(i); i++) VEC_PUSH(arena, &known, sema_primitive_name(i));
    diag_report(r->hir->sink, DIAG_E0201, node->span, "unknown name '%s'", node->name);
    const char *near = diag_nearest(node->name, known.data, known.count);
    for (size_t i = 0; i < r->hir->modules.count; i++) {
        const HirModule *module = r->hir->modules.data[i];
        if (module == r->module || !hir_find(module, node->name, NULL)) continue;
        diag_help(r->hir->sink, "it is declared in %s: add 'use %s'", module->name, module->name);
        return;
    }
    const char *library = hir_library_module(r->hir, node->name);
    if (library)
        diag_help(r->hir->sink, "it is in the library: add 'use %s'", library);
    else if (near)
        diag_help(r->hir->sink, "did you mean '%s'?", near);
    else
        diag_help(r->hir->sink, "declare it in this file, or add a 'use' of the module that has it");
}

/* The declaration a name means here, noted in the table; NULL for locals, primitives and what is unknown. */
static HirDecl *resolve_name(Resolver *r, const AstNode *node) {
    int least, most;
    if (local(r, node->name)) return NULL;
    HirDecl *other, *found = hir_find(r->module, node->name, &other);
    if (!found) {
        if (!sema_primitive(node->name, &least, &most)) report_unknown(r, node);
        return NULL;
    }
    if (other) {
        diag_report(r->hir->sink, DIAG_E0205, node->span, "'%s' may mean %s or %s", node->name, found->full,
                    other->full);
        diag_help(r->hir->sink, "declare it in this file, or use only one of the two modules");
    }
    found->used = true;
    hir_set_decl(r->hir, node, found);
    VEC_PUSH(r->hir->arena, &r->reached, found);
    AstKind kind = found->node->kind;
    if (kind == AST_FIT || kind == AST_EVENT) {
        diag_report(r->hir->sink, DIAG_E0211, node->span, "'%s' is %s and has no value", node->name,
                    hir_kind_text(kind));
        diag_note(r->hir->sink, found->node->name_span, "declared here");
    } else if (kind == AST_DATA && r->decl->node->kind != AST_FIT) {
        diag_report(r->hir->sink, DIAG_E0211, node->span, "data set '%s' can be used only inside a fit", node->name);
        diag_help(r->hir->sink, "pass what the function needs as arguments: f(e) for e in %s", node->name);
    }
    return found;
}

/* A name that must be a declaration of one kind: an event type, a density, a sampling method. */
static void resolve_kind(Resolver *r, const AstNode *node, AstKind kind) {
    if (!node || node->kind != AST_NAME) {
        if (node) resolve(r, node);
        return;
    }
    HirDecl *found = hir_find(r->module, node->name, NULL);
    if (found && found->node->kind == kind) {
        found->used = true;
        hir_set_decl(r->hir, node, found);
        VEC_PUSH(r->hir->arena, &r->reached, found);
        return;
    }
    if (found) {
        diag_report(r->hir->sink, DIAG_E0303, node->span, "'%s' is %s; %s is wanted here", node->name,
                    hir_kind_text(found->node->kind), hir_kind_text(kind));
        diag_note(r->hir->sink, found->node->name_span, "declared here");
        return;
    }
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    for (size_t m = 0; m < r->hir->modules.count; m++)
        for (size_t i = 0; i < r->hir->modules.data[m]->decls.count; i++)
            if (r->hir->modules.data[m]->decls.data[i]->node->kind == kind)
                VEC_PUSH(r->hir->arena, &known, r->hir->modules.data[m]->decls.data[i]->name);
    diag_report(r->hir->sink, DIAG_E0201, node->span, "unknown name '%s'; %s is wanted here", node->name,
                hir_kind_text(kind));
    const char *near = diag_nearest(node->name, known.data, known.count);
    if (near)
        diag_help(r->hir->sink, "did you mean '%s'?", near);
    else if (known.count)
        diag_help(r->hir->sink, "known: %s%s%s", known.data[0], known.count > 1 ? ", " : "",
                  known.count > 1 ? known.data[1] : "");
}

static void check_count(Resolver *r, Span span, const char *name, const HirDecl *decl, int given, int least, int most) {
    if (given >= least && (most < 0 || given <= most)) return;
    const char *wanted = least == most ? arena_format(r->hir->arena, "%d", least)
                         : most < 0    ? arena_format(r->hir->arena, "at least %d", least)
                                       : arena_format(r->hir->arena, "%d to %d", least, most);
    diag_report(r->hir->sink, DIAG_E0301, span, "'%s' takes %s argument%s, and %d %s given", name, wanted,
                least == 1 && most == 1 ? "" : "s", given, given == 1 ? "is" : "are");
    if (decl) diag_note(r->hir->sink, decl->node->name_span, "declared here");
    diag_help(r->hir->sink, "%s", given < least ? "add what is missing" : "remove what is too much");
}

static void check_named(Resolver *r, const AstNode *call, const HirDecl *decl) {
    const AstNode *arguments = hir_arguments(decl);
    for (uint32_t i = 1; i < call->count; i++) {
        const AstNode *arg = call->kids[i];
        if (arg->kind != AST_NAMED) continue;
        bool found = false;
        const char **known = ARENA_ARRAY(r->hir->arena, const char *, arguments->count + 1);
        for (uint32_t k = 0; k < arguments->count; k++) {
            known[k] = arguments->kids[k]->name;
            found |= !strcmp(known[k], arg->name);
        }
        if (found) continue;
        diag_report(r->hir->sink, DIAG_E0208, arg->name_span, "'%s' has no argument '%s'", decl->name, arg->name);
        diag_note(r->hir->sink, decl->node->name_span, "declared here");
        const char *near = diag_nearest(arg->name, known, arguments->count);
        if (near) diag_help(r->hir->sink, "did you mean '%s'?", near);
    }
}

/* A call, with `piped` arguments before those written. */
static void resolve_call(Resolver *r, const AstNode *call, int piped) {
    const AstNode *callee = call->kind == AST_CALL ? call->kids[0] : call;
    if (callee->kind != AST_NAME) {
        resolve_kids(r, call);
        return;
    }
    int given = piped + (call->kind == AST_CALL ? (int)call->count - 1 : 0), least, most;
    bool known_locally = local(r, callee->name) != NULL;
    HirDecl *decl = resolve_name(r, callee);
    if (call->kind == AST_CALL)
        for (uint32_t i = 1; i < call->count; i++) resolve(r, call->kids[i]);
    if (decl && !hir_callable(decl) && decl->node->kind != AST_FIT && decl->node->kind != AST_EVENT) {
        diag_report(r->hir->sink, DIAG_E0303, callee->span, "'%s' is %s and cannot be called", callee->name,
                    hir_kind_text(decl->node->kind));
        diag_note(r->hir->sink, decl->node->name_span, "declared here");
    } else if (decl && hir_callable(decl)) {
        int count = (int)hir_arguments(decl)->count;
        check_count(r, call->span, callee->name, decl, given, count, count);
        if (call->kind == AST_CALL) check_named(r, call, decl);
    } else if (!decl && !known_locally && sema_primitive(callee->name, &least, &most)) {
        if (most == 0 && least == 0 && call->kind != AST_CALL) return;
        check_count(r, call->span, callee->name, NULL, given, least, most);
    }
}

static void resolve_comprehend(Resolver *r, const AstNode *node) {
    resolve(r, node->kids[1]);
    Scope *outer = r->scope;
    bind(r, node->name, node->name_span);
    resolve(r, node->kids[0]);
    r->scope = outer;
}

static void resolve_block(Resolver *r, const AstNode *node) {
    Scope *outer = r->scope;
    for (uint32_t i = 0; i < node->count; i++) {
        const AstNode *kid = node->kids[i];
        if (kid->kind == AST_LET) {
            resolve_kids(r, kid);
            bind(r, kid->name, kid->name_span);
        } else {
            resolve(r, kid);
        }
    }
    r->scope = outer;
}

static void resolve_draw(Resolver *r, const AstNode *node) {
    resolve_kind(r, node->kids[0], AST_EVENT);
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD) continue;
        resolve_kind(r, field->kids[0], AST_DENSITY);
        if (field->count > 1 && field->kids[1]) resolve(r, field->kids[1]);
    }
}

/* `generate params by NETWORK from NOISE`: the noise is the network's first argument; the noise's name is looked up by
 * sema, because `normal` is also found in std.init. */
static void resolve_generate(Resolver *r, const AstNode *node) {
    resolve_call(r, node->kids[0], 1);
    const AstNode *noise = node->kids[1];
    if (noise->kind != AST_INDEX) return;
    for (uint32_t i = 1; i < noise->count; i++) resolve(r, noise->kids[i]);
}

static void resolve(Resolver *r, const AstNode *node) {
    switch (node->kind) {
    case AST_NAME: resolve_name(r, node); break;
    case AST_CALL: resolve_call(r, node, 0); break;
    case AST_PIPE:
        resolve(r, node->kids[0]);
        resolve_call(r, node->kids[1], 1);
        break;
    case AST_COMPREHEND: resolve_comprehend(r, node); break;
    case AST_BLOCK: resolve_block(r, node); break;
    case AST_DRAW: resolve_draw(r, node); break;
    case AST_GENERATE: resolve_generate(r, node); break;
    case AST_POISON: break;
    default: resolve_kids(r, node);
    }
}

/* Names in the dimensions of an argument stand for its sizes: x[n] defines n, unless n is a size already. */
static void bind_dims(Resolver *r, const AstNode *dims) {
    for (uint32_t i = 0; dims && i < dims->count; i++) {
        const AstNode *dim = dims->kids[i];
        if (dim->kind == AST_NAME && !local(r, dim->name) && !hir_find(r->module, dim->name, NULL))
            bind(r, dim->name, dim->span);
        else
            resolve(r, dim);
    }
}

static void resolve_arguments(Resolver *r, const AstNode *arguments) {
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        if (arg->kind == AST_POISON) continue;
        if (arg->kind == AST_VARIABLE) resolve_kids(r, arg);
        bind_once(r, arg->name, arg->name_span);
    }
    for (uint32_t i = 0; i < arguments->count; i++) {
        const AstNode *arg = arguments->kids[i];
        if (arg->kind != AST_ARG) continue;
        bind_dims(r, hir_argument_dims(arg));
        if (hir_argument_event(arg)) resolve_kind(r, hir_argument_event(arg), AST_EVENT);
    }
}

static void resolve_layer(Resolver *r, const AstNode *node) {
    resolve_arguments(r, node->kids[0]);
    if (node->kids[1]) resolve(r, node->kids[1]);
    for (uint32_t i = 0; i < node->kids[2]->count; i++) {
        const AstNode *weight = node->kids[2]->kids[i];
        if (weight->kind != AST_WEIGHT) continue;
        resolve_kids(r, weight);
        bind_once(r, weight->name, weight->name_span);
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
        HirDecl *network = hir_find(r->module, node->kids[1]->kids[i]->name, NULL);
        if (network && network->node->kind == AST_NETWORK) network->used = true;
    }
    if (node->kids[3]) resolve(r, node->kids[3]);
}

static void resolve_fit(Resolver *r, const AstNode *node) {
    bind(r, "params", node->name_span);
    bind(r, "truth", node->name_span);
    for (uint32_t i = 0; i < node->kids[0]->count; i++) {
        const AstNode *item = node->kids[0]->kids[i];
        if (item->kind == AST_LET) {
            resolve_kids(r, item);
            bind_once(r, item->name, item->name_span);
        } else if (item->kind == AST_MINIMIZE) {
            resolve_minimize(r, item);
        } else {
            resolve(r, item);
        }
    }
}

static void resolve_decl(Resolver *r, HirDecl *decl) {
    const AstNode *node = decl->node;
    r->decl = decl;
    r->scope = NULL;
    r->reached.count = 0;
    switch (node->kind) {
    case AST_FUN:
    case AST_QCF:
    case AST_DENSITY:
    case AST_NETWORK:
        resolve_arguments(r, node->kids[0]);
        for (uint32_t i = 1; i < node->count; i++)
            if (node->kids[i]) resolve(r, node->kids[i]);
        break;
    case AST_LAYER: resolve_layer(r, node); break;
    case AST_FIT: resolve_fit(r, node); break;
    case AST_EVENT: {
        for (uint32_t i = 0; i < node->kids[0]->count; i++) {
            const AstNode *field = node->kids[0]->kids[i];
            if (field->kind == AST_POISON) continue;
            resolve_kids(r, field);
            bind_once(r, field->name, field->name_span);
        }
        break;
    }
    case AST_DATA: resolve_kind(r, node->kids[0], AST_EVENT); break;
    default: resolve_kids(r, node);
    }
}

static const Edges *edges_of(const Edges *edges, size_t count, const HirDecl *decl) {
    for (size_t i = 0; i < count; i++)
        if (edges[i].from == decl) return &edges[i];
    return NULL;
}

static void find_recursion(Hir *hir, const Edges *edges, size_t count, HirDecl *decl) {
    const Edges *own = edges_of(edges, count, decl);
    decl->visit = 1;
    for (size_t i = 0; own && i < own->count; i++) {
        HirDecl *to = own->to[i];
        if (to->visit == 0) find_recursion(hir, edges, count, to);
        if (to->visit != 1) continue;
        diag_report(hir->sink, DIAG_E0206, decl->node->name_span, "'%s' is defined by itself%s%s%s", decl->name,
                    to == decl ? "" : ", through '", to == decl ? "" : to->name, to == decl ? "" : "'");
        if (to != decl) diag_note(hir->sink, to->node->name_span, "which needs it in turn");
        diag_help(hir->sink, "the language has no recursion; use sum, fold or a formula in closed form");
        to->visit = 2;
    }
    decl->visit = 2;
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
                    kind == AST_NETWORK || kind == AST_PARAM || kind == AST_LAYER || kind == AST_FUN;
        if (decl->used || !told) continue;
        diag_report(hir->sink, DIAG_W0501, decl->node->name_span, "'%s' is declared and never used", decl->name);
        diag_help(hir->sink, "remove it, or use it");
    }
}

void hir_resolve(Hir *hir) {
    VEC(Edges) edges = {0};
    for (size_t m = 0; m < hir->modules.count; m++) {
        HirModule *module = hir->modules.data[m];
        for (size_t i = 0; i < module->decls.count; i++) {
            Resolver r = {.hir = hir, .module = module};
            resolve_decl(&r, module->decls.data[i]);
            Edges e = {module->decls.data[i], r.reached.data, r.reached.count};
            VEC_PUSH(hir->arena, &edges, e);
        }
    }
    for (size_t i = 0; i < edges.count; i++)
        if (edges.data[i].from->visit == 0) find_recursion(hir, edges.data, edges.count, edges.data[i].from);
    warn_unused(hir);
}

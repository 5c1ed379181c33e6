/* Settles what every name means, in every declaration whether used or not: unknown names (with the nearest known one),
 * wrong numbers of arguments where the callee is known, recursion, and what the main module declares and never uses. */
#include "hir/resolve.h"

#include <string.h>

void resolve_kids(Resolver *r, const AstNode *node) {
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kids[i]) resolve(r, node->kids[i]);
}

/* Arguments, weights and lets of one declaration: no two alike. */
void resolve_bind_once(Resolver *r, const char *name, Span span) {
    const Scope *before = resolve_local(r, name);
    if (before) {
        diag_report(r->hir->sink, DIAG_E0202, span, "'%s' is defined twice here", name);
        diag_note(r->hir->sink, before->span, "first defined here");
        diag_help(r->hir->sink, "give one of them another name");
    }
    resolve_bind(r, name, span);
}

/* The module that has the name and is not in use, or NULL. */
static const char *unused_module(Resolver *r, const char *name) {
    for (size_t i = 0; i < r->hir->modules.count; i++) {
        HirModule *module = r->hir->modules.data[i];
        if (module != r->module && !hir_private(name) && hir_find_own(module, name)) return module->name;
    }
    return hir_library_module(r->hir, name);
}

/* One `use` that is forgotten hides many names: it is said once. */
static bool told_to_use(Resolver *r, const char *module) {
    const char *key = arena_format(r->hir->arena, "%s %s", r->module->name, module);
    for (size_t i = 0; i < r->hir->wanted.count; i++)
        if (!strcmp(r->hir->wanted.data[i], key)) return true;
    VEC_PUSH(r->hir->arena, &r->hir->wanted, key);
    return false;
}

static void report_unknown(Resolver *r, const AstNode *node) {
    const char *module = unused_module(r, node->name);
    if (module && told_to_use(r, module)) return;
    if (r->hir->sink->errors >= DIAG_LIMIT) { /* no more are shown; looking for near names takes its time */
        diag_report(r->hir->sink, DIAG_E0201, node->span, "unknown name '%s'", node->name);
        diag_help(r->hir->sink, "declare it in this file, or add a 'use' of the module that has it");
        return;
    }
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    Arena *arena = r->hir->arena;
    for (const Scope *s = r->scope; s; s = s->up) VEC_PUSH(arena, &known, s->name);
    for (size_t i = 0; i < r->module->decls.count; i++) VEC_PUSH(arena, &known, r->module->decls.data[i]->name);
    for (size_t u = 0; u < r->module->uses.count; u++) {
        const HirModule *used = r->module->uses.data[u].module;
        for (size_t i = 0; i < used->decls.count; i++)
            if (!hir_private(used->decls.data[i]->name)) VEC_PUSH(arena, &known, used->decls.data[i]->name);
    }
    for (size_t i = 0; sema_primitive_name(i); i++) VEC_PUSH(arena, &known, sema_primitive_name(i));
    diag_report(r->hir->sink, DIAG_E0201, node->span, "unknown name '%s'", node->name);
    const char *near = diag_nearest(node->name, known.data, known.count);
    if (module)
        diag_help(r->hir->sink, "it is declared in %s: add 'use %s'", module, module);
    else if (near)
        diag_help(r->hir->sink, "did you mean '%s'?", near);
    else
        diag_help(r->hir->sink, "declare it in this file, or add a 'use' of the module that has it");
}

/* The declaration a name means here, noted in the table; NULL for locals, primitives and what is unknown. */
static HirDecl *resolve_name(Resolver *r, const AstNode *node) {
    int least, most;
    if (resolve_local(r, node->name)) return NULL;
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
    if (kind == AST_FIT || kind == AST_EVENT || kind == AST_CHECK) {
        diag_report(r->hir->sink, DIAG_E0211, node->span, "'%s' is %s and has no value", node->name,
                    hir_kind_text(kind));
        diag_note(r->hir->sink, found->node->name_span, "declared here");
        diag_help(r->hir->sink, "name something that has a value here");
    } else if (kind == AST_DATA && r->decl->node->kind != AST_FIT) {
        diag_report(r->hir->sink, DIAG_E0211, node->span, "data set '%s' can be used only inside a fit", node->name);
        diag_help(r->hir->sink, "pass what the function needs as arguments: f(e) for e in %s", node->name);
    }
    return found;
}

/* A name that must be a declaration of one kind: an event type, a density, a sampling method. */
void resolve_kind(Resolver *r, const AstNode *node, AstKind kind) {
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
        diag_help(r->hir->sink, "give the name of %s", hir_kind_text(kind));
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
    else
        diag_help(r->hir->sink, "declare %s '%s'", hir_kind_text(kind), node->name);
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
        if (near)
            diag_help(r->hir->sink, "did you mean '%s'?", near);
        else
            diag_help(r->hir->sink, "remove it, or give it without a name in its place");
    }
}

static void check_call(Resolver *r, const AstNode *call, int piped, const HirDecl *decl, bool known_locally) {
    const AstNode *callee = call->kind == AST_CALL ? call->kids[0] : call;
    int given = piped + (call->kind == AST_CALL ? (int)call->count - 1 : 0), least, most;
    if (decl && !hir_callable(decl) && decl->node->kind != AST_FIT && decl->node->kind != AST_EVENT) {
        diag_report(r->hir->sink, DIAG_E0303, callee->span, "'%s' is %s and cannot be called", callee->name,
                    hir_kind_text(decl->node->kind));
        diag_note(r->hir->sink, decl->node->name_span, "declared here");
        diag_help(r->hir->sink, "a product is written with '*': %s * (...)", callee->name);
    } else if (decl && hir_callable(decl)) {
        int count = (int)hir_arguments(decl)->count, needed = count;
        while (needed > 0 && hir_argument_default(hir_arguments(decl)->kids[needed - 1])) needed--;
        if (decl->node->kind != AST_DENSITY) check_count(r, call->span, callee->name, decl, given, needed, count);
        if (call->kind == AST_CALL) check_named(r, call, decl);
    } else if (!decl && !known_locally && sema_primitive(callee->name, &least, &most)) {
        if (most == 0 && least == 0 && call->kind != AST_CALL) return;
        check_count(r, call->span, callee->name, NULL, given, least, most);
    }
}

void resolve_call_of(Resolver *r, const AstNode *call, int piped, HirDecl *decl) {
    decl->used = true;
    hir_set_decl(r->hir, call->kind == AST_CALL ? call->kids[0] : call, decl);
    VEC_PUSH(r->hir->arena, &r->reached, decl);
    for (uint32_t i = 1; call->kind == AST_CALL && i < call->count; i++) resolve(r, call->kids[i]);
    check_call(r, call, piped, decl, false);
}

/* A call, with `piped` arguments before those written. */
void resolve_call(Resolver *r, const AstNode *call, int piped) {
    const AstNode *callee = call->kind == AST_CALL ? call->kids[0] : call;
    if (callee->kind != AST_NAME) {
        if (call->kind == AST_CALL)
            resolve_kids(r, call);
        else
            resolve(r, call);
        HirDecl *member = hir_decl(r->hir, callee);
        if (member && hir_callable(member) && call->kind == AST_CALL) check_named(r, call, member);
        return;
    }
    bool known_locally = resolve_local(r, callee->name) != NULL;
    HirDecl *decl = resolve_name(r, callee);
    bool per = !decl && !known_locally && !strcmp(callee->name, "per"); /* per(f(x), dlnx): dlnx is no name */
    if (call->kind == AST_CALL)
        for (uint32_t i = 1; i < (per && call->count > 2 ? 2 : call->count); i++) resolve(r, call->kids[i]);
    check_call(r, call, piped, decl, known_locally);
}

/* VALUE for NAME in SOURCE when CONDITION, as an argument or in brackets */
static void resolve_comprehend(Resolver *r, const AstNode *node) {
    resolve(r, node->kids[1]);
    Scope *outer = r->scope;
    resolve_bind(r, node->name, node->name_span);
    for (uint32_t i = 0; node->kids[3] && i < node->kids[3]->count; i++)
        resolve_bind(r, node->kids[3]->kids[i]->name, node->kids[3]->kids[i]->span);
    resolve(r, node->kids[0]);
    if (node->kids[2]) resolve(r, node->kids[2]);
    r->scope = outer;
}

void resolve_bind_let(Resolver *r, const AstNode *let, void (*bind)(Resolver *, const char *, Span)) {
    if (let->name) bind(r, let->name, let->name_span);
    for (uint32_t i = 0; let->kids[1] && i < let->kids[1]->count; i++)
        bind(r, let->kids[1]->kids[i]->name, let->kids[1]->kids[i]->span);
}

static void resolve_block(Resolver *r, const AstNode *node) {
    Scope *outer = r->scope;
    for (uint32_t i = 0; i < node->count; i++) {
        const AstNode *kid = node->kids[i];
        if (kid->kind == AST_LET) {
            resolve(r, kid->kids[0]);
            resolve_bind_let(r, kid, resolve_bind);
        } else {
            resolve(r, kid);
        }
    }
    r->scope = outer;
}

/* A density is named plainly or as a member of a family: mix[i]. */
static void resolve_density(Resolver *r, const AstNode *node) {
    if (node->kind == AST_NAME && !resolve_local(r, node->name))
        resolve_kind(r, node, AST_DENSITY);
    else
        resolve(r, node);
}

/* A method may be a call: the density is its argument before those written. */
static void resolve_method(Resolver *r, const AstNode *node) {
    if (node && node->kind == AST_CALL)
        resolve_call(r, node, 1);
    else if (node)
        resolve(r, node);
}

static void resolve_draw(Resolver *r, const AstNode *node) {
    resolve_kind(r, node->kids[0], AST_EVENT);
    if (node->kids[2]) resolve_density(r, node->kids[2]);
    resolve_method(r, node->kids[3]);
    for (uint32_t i = 0; node->kids[1] && i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD) continue;
        resolve_density(r, field->kids[0]);
        resolve_method(r, field->kids[1]);
    }
}

/* nn.dense: what a module has, by the module's name. A name that is declared goes before the last part of a module's
 * path, but not before an alias, which was chosen. */
static bool resolve_qualified(Resolver *r, const AstNode *node) {
    const AstNode *of = node->kids[0];
    if (of->kind != AST_NAME || resolve_local(r, of->name)) return false;
    const HirUse *other, *use = hir_find_use(r->module, of->name, &other);
    if (!use || (!use->hidden && hir_find(r->module, of->name, NULL))) return false;
    if (other) {
        diag_report(r->hir->sink, DIAG_E0205, of->span, "'%s' may mean module %s or %s", of->name, use->module->name,
                    other->module->name);
        diag_note(r->hir->sink, use->node->span, "one is used here");
        diag_note(r->hir->sink, other->node->span, "the other here");
        diag_help(r->hir->sink, "give one of them an alias: use %s as ...", other->module->name);
    }
    HirDecl *found = hir_find_public(use->module, node->name);
    if (!found) {
        hir_report_absent(r->hir, use->module, node->name, node->name_span);
        return true;
    }
    found->used = true;
    hir_set_decl(r->hir, node, found);
    VEC_PUSH(r->hir->arena, &r->reached, found);
    return true;
}

/* A unit: NAME or NAME ^ exponent. */
static void resolve_unit(Resolver *r, const AstNode *node) {
    if (node->kind == AST_BINARY) {
        resolve_unit(r, node->kids[0]);
        resolve(r, node->kids[1]);
        return;
    }
    HirDecl *found = hir_find_unit(r->module, node->name);
    if (found) {
        found->used = true;
        hir_set_decl(r->hir, node, found);
        VEC_PUSH(r->hir->arena, &r->reached, found);
        return;
    }
    diag_report(r->hir->sink, DIAG_E0214, node->span, "unknown unit '%s'", node->name);
    const char *library = hir_library_module(r->hir, node->name);
    if (resolve_local(r, node->name) || hir_find(r->module, node->name, NULL))
        diag_help(r->hir->sink, "a product with '%s' needs '*'", node->name);
    else if (library)
        diag_help(r->hir->sink, "it is in the library: add 'use %s'", library);
    else
        diag_help(r->hir->sink, "declare it, for example: unit %s = 1e-3 GeV; a product needs '*'", node->name);
}

/* `generate params by NETWORK from NOISE`: the noise is the network's first argument; the noise's name is looked up by
 * sema, because `normal` is also found in std.init. */
static void resolve_generate(Resolver *r, const AstNode *node) {
    resolve_call(r, node->kids[0], 1);
    const AstNode *noise = node->kids[1];
    if (noise->kind != AST_INDEX) return;
    for (uint32_t i = 1; i < noise->count; i++) resolve(r, noise->kids[i]);
}

void resolve(Resolver *r, const AstNode *node) {
    switch (node->kind) {
    case AST_NAME: resolve_name(r, node); break;
    case AST_CALL: resolve_call(r, node, 0); break;
    case AST_PIPE:
        resolve(r, node->kids[0]);
        resolve_call(r, node->kids[1], 1);
        break;
    case AST_COMPREHEND:
    case AST_BUILD: resolve_comprehend(r, node); break;
    case AST_FIELD:
        if (!resolve_qualified(r, node)) resolve_kids(r, node);
        break;
    case AST_QUANTITY: resolve_unit(r, node->kids[1]); break;
    case AST_BLOCK: resolve_block(r, node); break;
    case AST_DRAW: resolve_draw(r, node); break;
    case AST_GENERATE: resolve_generate(r, node); break;
    case AST_POISON: break;
    default: resolve_kids(r, node);
    }
}

/* Reads the modules of a model and lists what they declare. "std.nn" is <library>/std/nn.qtm; any other module is
 * looked for in the folder from which the names of its user count ("a.b" is a/b.qtm there), then along the search path.
 */
#include "hir/hir.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_texts[AST_KIND_COUNT] = {
    [AST_SIZE] = "a size",
    [AST_CONST] = "a constant",
    [AST_PARAM] = "a parameter",
    [AST_OPTION] = "an option",
    [AST_FUN] = "a function",
    [AST_QCF] = "a qcf",
    [AST_DENSITY] = "a density",
    [AST_EVENT] = "an event type",
    [AST_DATA] = "a data set",
    [AST_NETWORK] = "a network",
    [AST_LAYER] = "a layer",
    [AST_FIT] = "a fit",
    [AST_UNIT] = "a unit",
    [AST_FLAVOUR] = "a set of flavours",
    [AST_CHECK] = "a check",
    [AST_DETECTOR] = "a detector",
    [AST_NORMALIZED] = "a solved parameter",
};

const char *hir_kind_text(AstKind kind) {
    return kind_texts[kind] ? kind_texts[kind] : "something else";
}

bool hir_callable(const HirDecl *decl) {
    AstKind kind = decl->node->kind;
    return kind == AST_FUN || kind == AST_QCF || kind == AST_DENSITY || kind == AST_NETWORK || kind == AST_LAYER ||
           kind == AST_DETECTOR;
}

const AstNode *hir_arguments(const HirDecl *decl) {
    return decl->node->kids[0];
}

const AstNode *hir_argument_dims(const AstNode *arg) {
    return arg->kind == AST_ARG && arg->count > 0 && arg->kids[0] && arg->kids[0]->count ? arg->kids[0] : NULL;
}

HirDecl *hir_argument_event(const Hir *hir, const AstNode *arg) {
    const AstNode *type = arg->kind == AST_ARG ? arg->kids[1] : NULL;
    HirDecl *decl = type && type->kind == AST_NAME ? hir_decl(hir, type) : NULL;
    return decl && decl->node->kind == AST_EVENT ? decl : NULL;
}

const AstNode *hir_argument_unit(const Hir *hir, const AstNode *arg) {
    if (arg->kind == AST_VARIABLE) return arg->kids[2];
    return arg->kind == AST_ARG && !hir_argument_event(hir, arg) ? arg->kids[1] : NULL;
}

const AstNode *hir_argument_default(const AstNode *arg) {
    return arg->kind == AST_ARG ? arg->kids[2] : NULL;
}

const AstNode *hir_clause_entry(const HirDecl *decl, const char *argument) {
    const AstNode *clause = decl->node->kind == AST_FUN ? decl->node->kids[4] : NULL;
    for (uint32_t i = 0; clause && i < clause->count; i++)
        if (clause->kids[i]->kind == AST_NAMED && !strcmp(clause->kids[i]->name, argument)) return clause->kids[i];
    return NULL;
}

bool hir_clause_none(const AstNode *entry) {
    return entry->kids[0]->kind == AST_NAME && !strcmp(entry->kids[0]->name, "none");
}

const AstNode *hir_family(const HirDecl *decl) {
    const AstNode *node = decl->node;
    switch (node->kind) {
    case AST_PARAM: return node->kids[4];
    case AST_QCF:
    case AST_DENSITY: return node->kids[2];
    case AST_NETWORK: return node->kids[3];
    case AST_DATA: return node->kids[1];
    default: return NULL;
    }
}

static size_t slot_of(const Hir *hir, const AstNode *key) {
    size_t slot = ((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 20 & (hir->names.capacity - 1);
    while (hir->names.key[slot] && hir->names.key[slot] != key) slot = (slot + 1) & (hir->names.capacity - 1);
    return slot;
}

HirDecl *hir_decl(const Hir *hir, const AstNode *name) {
    return hir->names.capacity ? hir->names.value[slot_of(hir, name)] : NULL;
}

void hir_set_decl(Hir *hir, const AstNode *name, HirDecl *decl) {
    if (2 * (hir->names.count + 1) > hir->names.capacity) {
        const AstNode **keys = hir->names.key;
        HirDecl **values = hir->names.value;
        size_t capacity = hir->names.capacity;
        hir->names.capacity = capacity ? 2 * capacity : 256;
        hir->names.key = ARENA_ARRAY(hir->arena, const AstNode *, hir->names.capacity);
        hir->names.value = ARENA_ARRAY(hir->arena, HirDecl *, hir->names.capacity);
        for (size_t i = 0; i < capacity; i++) {
            if (!keys[i]) continue;
            size_t slot = slot_of(hir, keys[i]);
            hir->names.key[slot] = keys[i];
            hir->names.value[slot] = values[i];
        }
    }
    size_t slot = slot_of(hir, name);
    if (!hir->names.key[slot]) hir->names.count++;
    hir->names.key[slot] = name;
    hir->names.value[slot] = decl;
}

static HirDecl *declare_name(Hir *hir, HirModule *module, const AstNode *node) {
    HirDecl *before = hir_find_own(module, node->name);
    if (before) {
        diag_report(hir->sink, DIAG_E0202, node->name_span, "'%s' is declared twice", node->name);
        diag_note(hir->sink, before->node->name_span, "first declared here, as %s", hir_kind_text(before->node->kind));
        diag_help(hir->sink, "give one of them another name");
        return NULL;
    }
    int least, most;
    if (!module->library && sema_primitive(node->name, &least, &most)) {
        diag_report(hir->sink, DIAG_E0209, node->name_span, "'%s' is a word of the language and cannot be declared",
                    node->name);
        diag_help(hir->sink, "use another name, such as my_%s", node->name);
        return NULL;
    }
    HirDecl *decl = ARENA_NEW(hir->arena, HirDecl);
    decl->node = node;
    decl->module = module;
    decl->name = node->name;
    decl->full = arena_format(hir->arena, "%s.%s", module->name, node->name);
    hir_add_decl(hir, module, decl);
    return decl;
}

/* param a.db = a.ub says something about a family that is declared before it. */
static void declare_member(Hir *hir, const HirModule *module, const AstNode *node) {
    HirDecl *family = hir_find_own(module, node->name);
    if (family && family->node->kind == AST_PARAM && hir_family(family)) {
        VEC_PUSH(hir->arena, &family->members, node);
        return;
    }
    diag_report(hir->sink, DIAG_E0212, node->name_span, "there is no family of parameters '%s' before this",
                node->name);
    if (family) diag_note(hir->sink, family->node->name_span, "'%s' is declared here", node->name);
    diag_help(hir->sink, "declare the family first, for example: param %s[q] in (0, 1)", node->name);
}

/* What a declaration declares besides itself: parameters that a qcf solves, data sets of a fit. */
static void declare_inner(Hir *hir, HirModule *module, HirDecl *owner) {
    const AstNode *node = owner->node;
    const AstNode *inner = node->kind == AST_QCF ? node->kids[5] : node->kind == AST_FIT ? node->kids[0] : NULL;
    for (uint32_t i = 0; inner && i < inner->count; i++) {
        AstKind kind = inner->kids[i]->kind;
        if (kind != AST_NORMALIZED && kind != AST_DATA) continue;
        HirDecl *decl = declare_name(hir, module, inner->kids[i]);
        if (decl) decl->owner = owner;
    }
}

static void declare(Hir *hir, HirModule *module, const AstNode *node) {
    if (node->kind == AST_PARAM && node->text) {
        declare_member(hir, module, node);
        return;
    }
    HirDecl *decl = declare_name(hir, module, node);
    if (decl) declare_inner(hir, module, decl);
}

enum { MODULE_DEPTH = 256 /* modules that use one another in a row */ };

static HirModule *module_read(Hir *hir, uint32_t file, const char *name, const char *folder, bool library);

static const char *module_path(Hir *hir, const char *folder, const char *name) {
    size_t length = strlen(folder);
    const char *slash = length && folder[length - 1] != '/' ? "/" : "";
    char *path = arena_format(hir->arena, "%s%s%s.qtm", folder, slash, name);
    for (char *c = path + length; c < path + strlen(path) - 4; c++)
        if (*c == '.') *c = '/';
    return path;
}

static void help_names(Hir *hir, const HirModule *module, const char *name) {
    const char **known = ARENA_ARRAY(hir->arena, const char *, module->decls.count + 1);
    size_t count = 0;
    for (size_t k = 0; k < module->decls.count; k++)
        if (!hir_private(module->decls.data[k]->name)) known[count++] = module->decls.data[k]->name;
    const char *near = diag_nearest(name, known, count);
    if (near)
        diag_help(hir->sink, "did you mean '%s'?", near);
    else
        diag_help(hir->sink, "'qtmc doc %s' lists what the module has", module->name);
}

void hir_report_absent(Hir *hir, const HirModule *module, const char *name, Span span) {
    const HirDecl *own = hir_find_own(module, name);
    if (own) {
        diag_report(hir->sink, DIAG_E0213, span, "'%s' is private to module %s", name, module->name);
        diag_note(hir->sink, own->node->name_span, "a name that starts with '_' is seen only in its own module");
    } else {
        diag_report(hir->sink, DIAG_E0213, span, "module %s has no '%s'", module->name, name);
    }
    help_names(hir, module, name);
}

static void report_twice(Hir *hir, Span second, Span first, const char *remedy, const char *what) {
    diag_report(hir->sink, DIAG_E0202, second, "%s is imported twice", what);
    diag_note(hir->sink, first, "first imported here");
    diag_help(hir->sink, "%s", remedy);
}

/* The names of a selective import are there, and each is said once. */
static void check_imports(Hir *hir, const HirModule *module, const AstNode *names) {
    for (uint32_t i = 0; names && i < names->count; i++) {
        const AstNode *name = names->kids[i];
        if (hir_private(name->name) || !hir_find_own(module, name->name))
            hir_report_absent(hir, module, name->name, name->span);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(names->kids[k]->name, name->name) != 0) continue;
            report_twice(hir, name->span, names->kids[k]->span, "leave one of them out",
                         arena_format(hir->arena, "'%s'", name->name));
            break;
        }
    }
}

static void add_use(Hir *hir, HirModule *user, const AstNode *node, HirModule *module) {
    const char *dot = strrchr(module->name, '.');
    HirUse use = {module,
                  node->text ? node->text
                  : dot      ? dot + 1
                             : module->name,
                  node->kids[0], node->text != NULL, node};
    check_imports(hir, module, use.names);
    for (size_t i = 0; i < user->uses.count; i++) {
        const HirUse *before = &user->uses.data[i];
        if (before->module == module && !strcmp(before->alias, use.alias))
            report_twice(hir, node->span, before->node->span, "join the two into one 'use'",
                         arena_format(hir->arena, "module %s", module->name));
        else if (use.hidden && before->hidden && !strcmp(before->alias, use.alias))
            report_twice(hir, node->span, before->node->span, "give one of them another alias",
                         arena_format(hir->arena, "the alias '%s'", use.alias));
    }
    VEC_PUSH(hir->arena, &user->uses, use);
}

/* `use std.nn as n` beside `size n = 3`: n.dense could mean either. */
static void check_aliases(Hir *hir, const HirModule *module) {
    for (size_t i = 0; i < module->uses.count; i++) {
        const HirUse *use = &module->uses.data[i];
        const HirDecl *own = use->hidden ? hir_find_own(module, use->alias) : NULL;
        if (!own) continue;
        diag_report(hir->sink, DIAG_E0202, own->node->name_span, "'%s' is declared here and is the alias of module %s",
                    own->name, use->module->name);
        diag_note(hir->sink, use->node->span, "the alias");
        diag_help(hir->sink, "give one of them another name");
    }
}

static void report_cycle(Hir *hir, const AstNode *use, const HirModule *module) {
    diag_report(hir->sink, DIAG_E0204, use->span, "module %s uses itself%s", use->name,
                module->using && module->using != use ? ", through others" : "");
    for (size_t i = 0; i < hir->modules.count; i++) {
        const HirModule *on_path = hir->modules.data[i];
        if (!on_path->loading || !on_path->using || on_path->using == use) continue;
        diag_note(hir->sink, on_path->using->span, "%s uses %s", on_path->name, on_path->using->name);
    }
    diag_help(hir->sink, module->using == use ? "remove the 'use'; a module knows its own names"
                                              : "move what both need into a third module");
    hir->broken = true;
}

/* Looks for a module in the folder of its user, then in those of the search path; the library's are in the library and
 * nowhere else. 0 when it is nowhere. */
static uint32_t find_module(Hir *hir, const HirModule *user, const AstNode *use, bool library, const char **folder) {
    const SourceSet *sources = hir->sources;
    const char *reason = NULL;
    *folder = library ? hir->stdlib : user->folder;
    const char *path = module_path(hir, *folder, use->name), *first = path;
    uint32_t file = source_read(hir->sources, path, &reason);
    for (size_t i = 0; !file && !library && !source_exists(path) && i < sources->folders.count; i++) {
        *folder = sources->folders.data[i];
        path = module_path(hir, *folder, use->name);
        file = source_read(hir->sources, path, &reason);
    }
    if (file) return file;
    hir->broken = true;
    bool nowhere = !source_exists(path);
    diag_report(hir->sink, DIAG_E0203, use->span, "module %s cannot be read: %s: %s", use->name, nowhere ? first : path,
                reason);
    for (size_t i = 0; nowhere && !library && i < sources->folders.count; i++)
        diag_note(hir->sink, (Span){0}, "nor is there %s", module_path(hir, sources->folders.data[i], use->name));
    if (library)
        diag_help(hir->sink, "the library's modules are in %s/std", hir->stdlib);
    else
        diag_help(hir->sink,
                  "a module that is not std.* stands beside the model, in %s, or in a folder given by -I or QTM_PATH",
                  *user->folder ? user->folder : "the same folder");
    return 0;
}

static bool same_file(const char *a, const char *b) {
    char left[PATH_MAX], right[PATH_MAX];
    return !strcmp(a, b) || (realpath(a, left) && realpath(b, right) && !strcmp(left, right));
}

/* One name is one module: what is drawn and saved goes by full names. */
static void check_same(Hir *hir, const HirModule *user, const AstNode *use, const HirModule *module) {
    const char *there = source_file(hir->sources, module->file)->path;
    const char *here = module_path(hir, user->folder, use->name);
    if (module->library || !source_exists(here) || same_file(here, there)) return;
    diag_report(hir->sink, DIAG_E0205, use->span, "module %s may mean %s or %s", use->name, here, there);
    diag_note(hir->sink, (Span){module->file, 0, 0}, "another module uses this file by that name");
    diag_help(hir->sink, "give one of the two files another name");
    hir->broken = true;
}

static void use_module(Hir *hir, HirModule *user, const AstNode *use) {
    HirModule *module = hir_module(hir, use->name);
    user->using = use;
    const char *here = module_path(hir, user->folder, use->name);
    bool foreign = module == hir->main && source_exists(here) &&
                   !same_file(here, source_file(hir->sources, module->file)->path); /* a namesake of the model */
    if (module && module->loading && !foreign) {
        report_cycle(hir, use, module);
        return;
    }
    if (module) {
        check_same(hir, user, use, module);
    } else {
        bool library = !strncmp(use->name, "std.", 4);
        const char *folder;
        uint32_t file = find_module(hir, user, use, library, &folder);
        if (!file) return;
        if (hir->depth >= MODULE_DEPTH) {
            diag_report(hir->sink, DIAG_E0105, use->span, "more than %d modules use one another in a row",
                        MODULE_DEPTH);
            diag_help(hir->sink, "join some of them");
            hir->broken = true;
            return;
        }
        module = module_read(hir, file, use->name, folder, library);
    }
    add_use(hir, user, use, module);
}

static HirModule *module_read(Hir *hir, uint32_t file, const char *name, const char *folder, bool library) {
    HirModule *module = ARENA_NEW(hir->arena, HirModule);
    if (!hir->modules.count) hir->main = module;
    module->name = name;
    module->folder = folder;
    module->file = file;
    module->library = library;
    module->loading = true;
    size_t place = hir->modules.count;
    VEC_PUSH(hir->arena, &hir->modules, module);
    size_t errors = hir->sink->errors;
    hir->depth++;
    module->ast = ast_parse(hir->arena, hir->sources, file, hir->sink);
    if (hir->sink->errors != errors) hir->broken = true;
    for (uint32_t i = 0; i < module->ast->count; i++)
        if (module->ast->kids[i]->kind == AST_USE) use_module(hir, module, module->ast->kids[i]);
    for (uint32_t i = 0; i < module->ast->count; i++) {
        const AstNode *node = module->ast->kids[i];
        if (node->kind != AST_USE && node->kind != AST_POISON && node->name) declare(hir, module, node);
    }
    check_aliases(hir, module);
    hir->depth--;
    module->loading = false;
    module->using = NULL;
    for (size_t i = place; i + 1 < hir->modules.count; i++) hir->modules.data[i] = hir->modules.data[i + 1];
    hir->modules.data[hir->modules.count - 1] = module;
    return module;
}

/* A file of the library may be read by itself, and may then declare what the library may. */
static bool in_library(const Hir *hir, const char *path) {
    char *file = realpath(path, NULL), *library = realpath(hir->stdlib, NULL);
    size_t length = library ? strlen(library) : 0;
    bool inside = file && library && !strncmp(file, library, length) && file[length] == '/';
    free(file);
    free(library);
    return inside;
}

void hir_load(Hir *hir, uint32_t file) {
    const char *path = source_file(hir->sources, file)->path;
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const char *name = arena_string(hir->arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
    const char *folder = arena_string(hir->arena, path, (size_t)(base - path));
    module_read(hir, file, name, folder, in_library(hir, path));
}

/* Reads the modules of a model and finds declarations in them. "std.nn" is <library>/std/nn.qtm; any other module is
 * looked for beside the module that uses it, "a.b" being a/b.qtm. */
#include "hir/hir.h"

#include <dirent.h>
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

HirModule *hir_module(const Hir *hir, const char *name) {
    for (size_t i = 0; i < hir->modules.count; i++)
        if (!strcmp(hir->modules.data[i]->name, name)) return hir->modules.data[i];
    return NULL;
}

HirDecl *hir_find_own(const HirModule *module, const char *name) {
    for (size_t i = 0; i < module->decls.count; i++)
        if (!strcmp(module->decls.data[i]->name, name)) return module->decls.data[i];
    return NULL;
}

static bool use_shows(const HirUse *use, const char *name) {
    if (use->hidden) return false;
    for (uint32_t i = 0; use->names && i < use->names->count; i++)
        if (!strcmp(use->names->kids[i]->name, name)) return true;
    return !use->names;
}

HirDecl *hir_find(const HirModule *module, const char *name, HirDecl **other) {
    if (other) *other = NULL;
    HirDecl *found = hir_find_own(module, name);
    if (found) return found;
    for (size_t i = 0; i < module->uses.count; i++) {
        const HirUse *use = &module->uses.data[i];
        HirDecl *decl = use_shows(use, name) ? hir_find_own(use->module, name) : NULL;
        if (!decl || decl == found) continue;
        if (found && other) *other = decl;
        if (!found) found = decl;
    }
    return found;
}

HirDecl *hir_find_unit(const HirModule *module, const char *name) {
    HirDecl *own = hir_find_own(module, name);
    if (own && own->node->kind == AST_UNIT) return own;
    for (size_t i = 0; i < module->uses.count; i++) {
        const HirUse *use = &module->uses.data[i];
        HirDecl *decl = use_shows(use, name) ? hir_find_own(use->module, name) : NULL;
        if (decl && decl->node->kind == AST_UNIT) return decl;
    }
    return NULL;
}

const HirUse *hir_find_use(const HirModule *module, const char *alias) {
    for (size_t i = 0; i < module->uses.count; i++)
        if (!strcmp(module->uses.data[i].alias, alias)) return &module->uses.data[i];
    return NULL;
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
    VEC_PUSH(hir->arena, &module->decls, decl);
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

static HirModule *module_read(Hir *hir, uint32_t file, const char *name, const char *folder, bool library);

static const char *module_path(Hir *hir, const char *folder, const char *name) {
    char *path = arena_format(hir->arena, "%s%s.qtm", folder, name);
    for (char *c = path + strlen(folder); c < path + strlen(path) - 4; c++)
        if (*c == '.') *c = '/';
    return path;
}

static void add_use(Hir *hir, HirModule *user, const AstNode *node, HirModule *module) {
    const char *dot = strrchr(module->name, '.');
    HirUse use = {module, node->text ? node->text : dot ? dot + 1 : module->name, node->kids[0], node->text != NULL};
    for (uint32_t i = 0; use.names && i < use.names->count; i++) {
        const AstNode *name = use.names->kids[i];
        if (hir_find_own(module, name->name)) continue;
        const char **known = ARENA_ARRAY(hir->arena, const char *, module->decls.count + 1);
        for (size_t k = 0; k < module->decls.count; k++) known[k] = module->decls.data[k]->name;
        diag_report(hir->sink, DIAG_E0213, name->span, "module %s has no '%s'", module->name, name->name);
        const char *near = diag_nearest(name->name, known, module->decls.count);
        if (near)
            diag_help(hir->sink, "did you mean '%s'?", near);
        else
            diag_help(hir->sink, "remove it; 'qtmc doc %s' lists what the module has", module->name);
    }
    VEC_PUSH(hir->arena, &user->uses, use);
}

static void use_module(Hir *hir, HirModule *user, const AstNode *use) {
    HirModule *module = hir_module(hir, use->name);
    if (module && module->loading) {
        diag_report(hir->sink, DIAG_E0204, use->span, "module %s uses itself, directly or through others", use->name);
        diag_help(hir->sink, "move what both need into a third module");
        hir->broken = true;
        return;
    }
    if (!module) {
        bool library = !strncmp(use->name, "std.", 4);
        const char *folder = library ? arena_format(hir->arena, "%s/", hir->stdlib) : user->folder;
        const char *path = module_path(hir, folder, use->name), *reason = NULL;
        uint32_t file = source_read(hir->sources, path, &reason);
        if (!file) {
            hir->broken = true;
            diag_report(hir->sink, DIAG_E0203, use->span, "module %s cannot be read: %s: %s", use->name, path, reason);
            diag_help(hir->sink,
                      library ? "the library's modules are in %s/std"
                              : "a module that is not std.* stands beside the file that uses it, in %s",
                      library ? hir->stdlib : (*folder ? folder : "the same folder"));
            return;
        }
        module = module_read(hir, file, use->name, folder, library);
    }
    add_use(hir, user, use, module);
}

static HirModule *module_read(Hir *hir, uint32_t file, const char *name, const char *folder, bool library) {
    HirModule *module = ARENA_NEW(hir->arena, HirModule);
    module->name = name;
    module->folder = folder;
    module->file = file;
    module->library = library;
    module->loading = true;
    size_t place = hir->modules.count;
    VEC_PUSH(hir->arena, &hir->modules, module);
    size_t errors = hir->sink->errors;
    module->ast = ast_parse(hir->arena, hir->sources, file, hir->sink);
    if (hir->sink->errors != errors) hir->broken = true;
    for (uint32_t i = 0; i < module->ast->count; i++)
        if (module->ast->kids[i]->kind == AST_USE) use_module(hir, module, module->ast->kids[i]);
    for (uint32_t i = 0; i < module->ast->count; i++) {
        const AstNode *node = module->ast->kids[i];
        if (node->kind != AST_USE && node->kind != AST_POISON && node->name) declare(hir, module, node);
    }
    module->loading = false;
    for (size_t i = place; i + 1 < hir->modules.count; i++) hir->modules.data[i] = hir->modules.data[i + 1];
    hir->modules.data[hir->modules.count - 1] = module;
    return module;
}

const char *hir_library_module(Hir *hir, const char *name) {
    const char *folder = arena_format(hir->arena, "%s/std", hir->stdlib), *found = NULL;
    DIR *stream = opendir(folder);
    DiagSink unheard = {.sources = hir->sources};
    for (const struct dirent *entry; stream && !found && (entry = readdir(stream));) {
        size_t length = strlen(entry->d_name);
        const char *reason;
        if (length < 5 || strcmp(entry->d_name + length - 4, ".qtm") != 0) continue;
        uint32_t file = source_read(hir->sources, arena_format(hir->arena, "%s/%s", folder, entry->d_name), &reason);
        const AstNode *ast = file ? ast_parse(hir->arena, hir->sources, file, &unheard) : NULL;
        for (uint32_t i = 0; ast && i < ast->count; i++)
            if (ast->kids[i]->name && ast->kids[i]->kind != AST_USE && !strcmp(ast->kids[i]->name, name))
                found = arena_format(hir->arena, "std.%.*s", (int)length - 4, entry->d_name);
    }
    if (stream) closedir(stream);
    diag_free(&unheard);
    return found;
}

void hir_load(Hir *hir, uint32_t file) {
    const char *path = source_file(hir->sources, file)->path;
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const char *name = arena_string(hir->arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
    const char *folder = arena_string(hir->arena, path, (size_t)(base - path));
    hir->main = module_read(hir, file, name, folder, false);
}

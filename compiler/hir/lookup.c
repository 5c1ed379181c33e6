/* Finding declarations by name: in a module, through what it uses, and in the whole library. Every module has a table
 * of its names, so that a model of many declarations is read in time proportional to its length. */
#include <dirent.h>
#include <string.h>

#include "hir/hir.h"

bool hir_private(const char *name) {
    return name[0] == '_';
}

static size_t name_slot(const HirModule *module, const char *name) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t slot = (size_t)(hash ^ hash >> 32) & (module->slot_count - 1);
    while (module->slots[slot] && strcmp(module->slots[slot]->name, name) != 0)
        slot = (slot + 1) & (module->slot_count - 1);
    return slot;
}

void hir_add_decl(Hir *hir, HirModule *module, HirDecl *decl) {
    VEC_PUSH(hir->arena, &module->decls, decl);
    if (2 * module->decls.count > module->slot_count) {
        module->slot_count = module->slot_count ? 2 * module->slot_count : 64;
        module->slots = ARENA_ARRAY(hir->arena, HirDecl *, module->slot_count);
        for (size_t i = 0; i + 1 < module->decls.count; i++) {
            size_t slot = name_slot(module, module->decls.data[i]->name);
            if (!module->slots[slot]) module->slots[slot] = module->decls.data[i];
        }
    }
    size_t slot = name_slot(module, decl->name);
    if (!module->slots[slot]) module->slots[slot] = decl;
}

HirModule *hir_module(const Hir *hir, const char *name) {
    for (size_t i = 0; i < hir->modules.count; i++)
        if (!strcmp(hir->modules.data[i]->name, name)) return hir->modules.data[i];
    return NULL;
}

HirDecl *hir_find_own(const HirModule *module, const char *name) {
    return module->slot_count ? module->slots[name_slot(module, name)] : NULL;
}

HirDecl *hir_find_public(const HirModule *module, const char *name) {
    return hir_private(name) ? NULL : hir_find_own(module, name);
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
        HirDecl *decl = use_shows(use, name) ? hir_find_public(use->module, name) : NULL;
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
        HirDecl *decl = use_shows(use, name) ? hir_find_public(use->module, name) : NULL;
        if (decl && decl->node->kind == AST_UNIT) return decl;
    }
    return NULL;
}

const HirUse *hir_find_use(const HirModule *module, const char *alias, const HirUse **other) {
    const HirUse *found = NULL;
    if (other) *other = NULL;
    for (size_t i = 0; i < module->uses.count; i++) {
        const HirUse *use = &module->uses.data[i];
        if (strcmp(use->alias, alias) != 0 || (found && found->module == use->module)) continue;
        if (!found || (use->hidden && !found->hidden))
            found = use; /* an alias that was chosen goes before one that is the last part of a path */
        else if (other && use->hidden == found->hidden)
            *other = use;
    }
    return found;
}

/* Reads what a module of the library declares, without what it uses. */
static void library_add(Hir *hir, const char *folder, const char *file_name) {
    size_t length = strlen(file_name);
    DiagSink unheard = {.sources = hir->sources};
    const char *reason;
    uint32_t file = source_read(hir->sources, arena_format(hir->arena, "%s/%s", folder, file_name), &reason);
    if (!file) return;
    HirModule *module = ARENA_NEW(hir->arena, HirModule);
    module->name = arena_format(hir->arena, "std.%.*s", (int)length - 4, file_name);
    const AstNode *ast = ast_parse(hir->arena, hir->sources, file, &unheard);
    for (uint32_t i = 0; i < ast->count; i++) {
        const AstNode *node = ast->kids[i];
        if (!node->name || node->kind == AST_USE || node->kind == AST_CHECK) continue;
        HirDecl *decl = ARENA_NEW(hir->arena, HirDecl);
        decl->node = node;
        decl->name = node->name;
        hir_add_decl(hir, module, decl);
    }
    diag_free(&unheard);
    VEC_PUSH(hir->arena, &hir->library, module);
}

static void library_read(Hir *hir) {
    const char *folder = arena_format(hir->arena, "%s/std", hir->stdlib);
    DIR *stream = opendir(folder);
    hir->library_read = true;
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        size_t length = strlen(entry->d_name);
        if (length > 4 && !strcmp(entry->d_name + length - 4, ".qtm")) library_add(hir, folder, entry->d_name);
    }
    if (stream) closedir(stream);
}

const char *hir_library_module(Hir *hir, const char *name) {
    const char *found = NULL;
    if (!hir->library_read) library_read(hir);
    for (size_t i = 0; i < hir->library.count; i++) {
        const HirModule *module = hir->library.data[i];
        if (hir_find_public(module, name) && (!found || strcmp(module->name, found) < 0)) found = module->name;
    }
    return found;
}

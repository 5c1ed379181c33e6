/* Local names: arguments, lets, variables of comprehensions. A name is found by hashing, however many are in scope. */
#include <string.h>

#include "hir/resolve.h"

static size_t scope_slot(const Scopes *scopes, const char *name) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t slot = (size_t)(hash ^ hash >> 32) & (scopes->slot_count - 1);
    while (scopes->slots[slot].name && strcmp(scopes->slots[slot].name, name) != 0)
        slot = (slot + 1) & (scopes->slot_count - 1);
    return slot;
}

static void scope_grow(Arena *arena, Scopes *scopes) {
    Scopes grown = *scopes;
    grown.slot_count = scopes->slot_count ? 2 * scopes->slot_count : 64;
    grown.slots = arena_alloc(arena, grown.slot_count * sizeof *grown.slots);
    for (size_t i = 0; i < scopes->slot_count; i++)
        if (scopes->slots[i].name) grown.slots[scope_slot(&grown, scopes->slots[i].name)] = scopes->slots[i];
    *scopes = grown;
}

/* Whether the scope is the one at hand or around it. */
static bool scope_holds(const Resolver *r, const Scope *scope) {
    return r->scope && scope->depth <= r->scope->depth && r->scopes->at.data[scope->depth - 1] == scope;
}

const Scope *resolve_local(const Resolver *r, const char *name) {
    if (!r->scope) return NULL;
    size_t slot = scope_slot(r->scopes, name);
    Scope *newest = r->scopes->slots[slot].newest;
    while (newest && !scope_holds(r, newest)) newest = newest->former;
    r->scopes->slots[slot].newest = newest; /* what was left is never entered again */
    return newest;
}

void resolve_bind(Resolver *r, const char *name, Span span) {
    Arena *arena = r->hir->arena;
    Scopes *scopes = r->scopes;
    Scope *s = ARENA_NEW(arena, Scope);
    *s = (Scope){.up = r->scope, .name = name, .span = span, .depth = r->scope ? r->scope->depth + 1 : 1};
    if (2 * (scopes->count + 1) > scopes->slot_count) scope_grow(arena, scopes);
    size_t slot = scope_slot(scopes, name);
    if (!scopes->slots[slot].name) scopes->count++;
    s->former = scopes->slots[slot].newest;
    scopes->slots[slot].name = name;
    scopes->slots[slot].newest = s;
    scopes->at.count = s->depth - 1;
    VEC_PUSH(arena, &scopes->at, s);
    r->scope = s;
}

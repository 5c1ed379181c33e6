/* Shared by the two halves of name resolution: expressions (resolve.c) and declarations (declare.c). */
#ifndef QTMC_HIR_RESOLVE_H
#define QTMC_HIR_RESOLVE_H

#include "hir/hir.h"

typedef struct Scope {
    struct Scope *up;
    const char *name;
    Span span;
    uint32_t depth;       /* from 1 */
    struct Scope *former; /* bound before under the same name */
} Scope;

/* The bindings of each name, newest first, and the scope at each depth. Whoever leaves a scope just sets Resolver.scope
 * back; what it held is known to be gone because the scope at that depth is another, or none. */
typedef struct Scopes {
    struct {
        const char *name;
        Scope *newest;
    } *slots;
    size_t count, slot_count;
    VEC(Scope *) at;
} Scopes;

typedef struct Resolver {
    Hir *hir;
    HirModule *module;
    HirDecl *decl;
    Scope *scope;
    Scopes *scopes;
    VEC(HirDecl *) reached; /* by the declaration at hand, for the recursion search */
} Resolver;

void resolve(Resolver *r, const AstNode *node);
void resolve_kids(Resolver *r, const AstNode *node);
/* A call, with `piped` arguments before those written. */
void resolve_call(Resolver *r, const AstNode *call, int piped);
/* The same where it is known which declaration the callee is. */
void resolve_call_of(Resolver *r, const AstNode *call, int piped, HirDecl *decl);
/* A name that must be a declaration of one kind: an event type, a density. */
void resolve_kind(Resolver *r, const AstNode *node, AstKind kind);
const Scope *resolve_local(const Resolver *r, const char *name);
void resolve_bind(Resolver *r, const char *name, Span span);
/* Arguments, weights and lets of one declaration: no two alike. */
void resolve_bind_once(Resolver *r, const char *name, Span span);
/* The names of a let, by one of the two. */
void resolve_bind_let(Resolver *r, const AstNode *let, void (*bind)(Resolver *, const char *, Span));

#endif

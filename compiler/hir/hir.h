/* The resolved form: every module of the model, its declarations, and which declaration each name in the tree means.
 * Made before anything is evaluated, so that a mistake in a function that no fit uses is found too. A name without an
 * entry in the table is a local (argument, let, comprehension variable) or a word of the language. */
#ifndef QTMC_HIR_HIR_H
#define QTMC_HIR_HIR_H

#include "hir/program.h"
#include "lang/ast.h"

typedef struct HirModule HirModule;

typedef struct HirDecl HirDecl;
struct HirDecl {
    const AstNode *node;          /* of a parameter that a qcf solves: its NORMALIZED condition */
    HirDecl *owner;               /* the qcf that solves it, or the fit that a data set belongs to; NULL otherwise */
    VEC(const AstNode *) members; /* PARAM: `param a.db = ...` */
    HirModule *module;
    const char *name;
    const char *full; /* "std.nn.dense" */
    uint32_t index;   /* PARAM, OPTION, EVENT, DATA: row of the Program's table */
    int64_t size;     /* SIZE: its value once settled, 0 before */
    bool used;
    HirDecl **needs; /* the declarations that it names */
    size_t need_count, followed;
    uint8_t visit; /* recursion search: 0 new, 1 on the path with `followed` of its needs seen, 2 done */
    void *value;   /* CONST, UNIT: sema's evaluated value */
};

/* What a module sees of another. */
typedef struct HirUse {
    HirModule *module;
    const char *alias;    /* the name in nn.dense: the last part of the path, or what stands behind `as` */
    const AstNode *names; /* LIST of NAME: only these are seen without the alias; NULL: all */
    bool hidden;          /* `as`: none is seen without the alias */
    const AstNode *node;
} HirUse;

struct HirModule {
    const char *name;   /* "std.nn"; of the main module the file name without .qtm */
    const char *folder; /* where the modules that it uses are looked for first */
    uint32_t file;
    const AstNode *ast;
    bool library; /* from the compiler's own library folder */
    bool loading;
    const AstNode *using; /* while loading: the USE at hand */
    VEC(HirDecl *) decls;
    HirDecl **slots; /* the same by name; of each name the first */
    size_t slot_count;
    VEC(HirUse) uses;
};

typedef struct Hir {
    Arena *arena;
    SourceSet *sources;
    DiagSink *sink;
    const char *stdlib;
    VEC(HirModule *) modules; /* a module comes after those it uses; the main module is last */
    HirModule *main;
    bool broken;    /* a module is missing or has syntax errors: names would be missed for no fault of their own */
    uint32_t depth; /* of the module being read: how many use one another down to it */
    VEC(const char *) wanted; /* modules that a message told the user to use, "USER MODULE" each */
    VEC(HirModule *) library; /* names and declarations of the library's modules, once asked for */
    bool library_read;
    struct {
        const AstNode **key;
        HirDecl **value;
        size_t count, capacity;
    } names;
} Hir;

/* modules.c: reads the main module and all it uses. */
void hir_load(Hir *hir, uint32_t file);
/* Reports that a module has no such name for others. */
void hir_report_absent(Hir *hir, const HirModule *module, const char *name, Span span);

/* lookup.c */
void hir_add_decl(Hir *hir, HirModule *module, HirDecl *decl);
/* Whether only its own module sees the name. */
bool hir_private(const char *name);
/* Declaration of that name as seen from a module: its own first, then those of the modules it uses. `*other` is set
 * when two used modules have it. */
HirDecl *hir_find(const HirModule *module, const char *name, HirDecl **other);
/* The same among units only: a unit behind a number is never hidden by a variable of the same name. */
HirDecl *hir_find_unit(const HirModule *module, const char *name);
/* nn.dense; NULL when the module at hand uses none of that alias. `*other` is set when another module has it too. */
const HirUse *hir_find_use(const HirModule *module, const char *alias, const HirUse **other);
/* What others see of a module. */
HirDecl *hir_find_public(const HirModule *module, const char *name);
HirDecl *hir_find_own(const HirModule *module, const char *name);
/* "std.nn" when that module of the library declares the name, used or not; NULL when none does. */
const char *hir_library_module(Hir *hir, const char *name);
HirModule *hir_module(const Hir *hir, const char *name);
/* The declaration that a NAME node was resolved to, or NULL. */
HirDecl *hir_decl(const Hir *hir, const AstNode *name);
void hir_set_decl(Hir *hir, const AstNode *name, HirDecl *decl);
const char *hir_kind_text(AstKind kind); /* "a size", "a network" */
bool hir_callable(const HirDecl *decl);
/* The entry of a FUN's derivative clause for an argument, or NULL; and whether it says that there is no derivative. */
const AstNode *hir_clause_entry(const HirDecl *decl, const char *argument);
bool hir_clause_none(const AstNode *entry);
/* Arguments of FUN, QCF, NETWORK, LAYER or DENSITY: ARG or VARIABLE nodes. */
const AstNode *hir_arguments(const HirDecl *decl);
/* Dimensions, event type, unit and default of an argument: NULL when it says none. */
const AstNode *hir_argument_dims(const AstNode *arg);
HirDecl *hir_argument_event(const Hir *hir, const AstNode *arg);
const AstNode *hir_argument_unit(const Hir *hir, const AstNode *arg);
const AstNode *hir_argument_default(const AstNode *arg);
/* FAMILY of a PARAM, QCF, DENSITY, DATA or NETWORK, or NULL. */
const AstNode *hir_family(const HirDecl *decl);

/* resolve.c: settles every name of every declaration, counts arguments, finds recursion and what is never used. */
void hir_resolve(Hir *hir);
/* The value of a declaration that stands in no module, in terms of what the main module sees and of `names`. */
void hir_resolve_expression(Hir *hir, HirDecl *decl, const char *const *names, size_t count);
/* Words of the language; arity (-1: any) from sema's table of primitives. */
bool sema_primitive(const char *name, int *least, int *most);
const char *sema_primitive_name(size_t index); /* NULL after the last */

/* print.c */
void hir_print(FILE *out, const Hir *hir);

#endif

/* The syntax tree: what was written, with its place, and nothing decided. One node type serves all kinds; ast.def says
 * what the children of each kind are. Names are interned: equal names are equal pointers within one Ast. */
#ifndef QTM_LANG_AST_H
#define QTM_LANG_AST_H

#include <stdio.h>

#include "diag/diag.h"
#include "source/source.h"
#include "support/arena.h"

typedef enum AstKind {
#define AST(kind, text, children) AST_##kind,
#include "ast.def"
#undef AST
    AST_KIND_COUNT
} AstKind;

typedef enum AstOp {
    AST_ADD,
    AST_SUB,
    AST_MUL,
    AST_DIV,
    AST_POW,
    AST_MATMUL,
    AST_LT,
    AST_LE,
    AST_GT,
    AST_GE,
    AST_EQ,
    AST_NE,
    AST_AND,
    AST_OR,
    AST_NOT,
    AST_NEG,
    AST_OP_COUNT
} AstOp;

enum { AST_MAX_HEIGHT = 256 };

typedef struct AstNode AstNode;
struct AstNode {
    AstKind kind;
    AstOp op;
    bool flag;
    uint32_t count;   /* children */
    uint32_t height;  /* longest way down, 1 for a leaf; at most AST_MAX_HEIGHT */
    Span span;        /* the whole construct */
    Span name_span;   /* of `name` */
    const char *name; /* interned */
    const char *text; /* string literal, unescaped */
    const char *doc;  /* the "##" lines above a declaration, or of the module; NULL when none */
    double number;
    AstNode **kids; /* NULL entries only where ast.def says "?" */
};

const char *ast_kind_name(AstKind kind);
const char *ast_op_text(AstOp op);
/* Reads one module; never NULL. Syntax errors are reported and the tree holds POISON where they were. Nesting
 * deeper than AST_MAX_HEIGHT is refused with a message, so a recursive walk over a tree is safe. */
AstNode *ast_parse(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink);
/* qtmc --emit=tokens and --emit=ast */
void ast_print_tokens(FILE *out, SourceSet *sources, uint32_t file, DiagSink *sink);
void ast_print(FILE *out, const AstNode *node);
/* Interns a name so that it can be compared with names of trees made with the same arena. */
const char *ast_intern(Arena *arena, const char *text, size_t length);

#endif

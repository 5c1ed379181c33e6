/* Parts of a text as they were written, on one line: comments left out, blanks and line ends between tokens shown as
 * one blank. For documentation and tables about a model. */
#ifndef QTM_LANG_EXCERPT_H
#define QTM_LANG_EXCERPT_H

#include "lang/ast.h"

/* What the span covers. */
const char *ast_excerpt(Arena *arena, SourceSet *sources, Span span);
/* The head of a declaration: `fun f(x, n = 2) -> real` without the formula, `param a in (0, 1) truth 0.5` whole. */
const char *ast_signature(Arena *arena, SourceSet *sources, const AstNode *declaration);

#endif

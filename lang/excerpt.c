/* Cuts the text again and joins the tokens; see excerpt.h. */
#include "lang/excerpt.h"

#include <string.h>

#include "lang/lexer.h"

typedef struct Excerpt {
    VEC(char) text;
    uint32_t end; /* of the last token taken */
    uint32_t depth;
    TokenKind last;
} Excerpt;

static void excerpt_add(Arena *arena, Excerpt *excerpt, const SourceFile *file, Span span) {
    const char *text = file->text + span.begin;
    bool apart = excerpt->text.count && span.begin > excerpt->end;
    char last = excerpt->text.count ? excerpt->text.data[excerpt->text.count - 1] : ' ';
    if (apart && last != '(' && last != '[' && *text != ')' && *text != ']') VEC_PUSH(arena, &excerpt->text, ' ');
    for (uint32_t i = span.begin; i < span.end; i++) VEC_PUSH(arena, &excerpt->text, file->text[i]);
    excerpt->end = span.end;
}

/* Whether the head of such a declaration ends before this token. */
static bool excerpt_stops(const Excerpt *excerpt, AstKind kind, TokenKind token) {
    bool formula =
        kind == AST_FUN || kind == AST_QCF || kind == AST_DENSITY || kind == AST_NETWORK || kind == AST_LAYER;
    if (excerpt->depth) return false;
    if (formula && token == TOKEN_ASSIGN) return true;
    bool braces = kind == AST_LAYER || kind == AST_DETECTOR || kind == AST_FIT;
    return braces && token == TOKEN_LBRACE && excerpt->last != TOKEN_ARROW;
}

/* Tokens of the span, up to where the head of a declaration of that kind ends; POISON: all of them. */
static const char *excerpt_cut(Arena *arena, SourceSet *sources, Span span, AstKind kind) {
    const SourceFile *file = source_file(sources, span.file);
    DiagSink unheard = {.sources = sources};
    Excerpt excerpt = {.end = span.begin};
    Lexer lexer;
    lexer_start(&lexer, arena, sources, span.file, &unheard);
    lexer.cursor = file->text + span.begin;
    for (;;) {
        Token token = lexer_next(&lexer);
        if (token.kind == TOKEN_END || token.span.begin >= span.end) break;
        if (excerpt_stops(&excerpt, kind, token.kind)) break;
        TokenRole role = TOKEN_INFO[token.kind].role;
        if (role == ROLE_OPEN) excerpt.depth++;
        if (role == ROLE_CLOSE && excerpt.depth) excerpt.depth--;
        excerpt.last = token.kind;
        excerpt_add(arena, &excerpt, file, token.span);
    }
    VEC_PUSH(arena, &excerpt.text, '\0');
    diag_free(&unheard);
    return excerpt.text.data;
}

const char *ast_excerpt(Arena *arena, SourceSet *sources, Span span) {
    return excerpt_cut(arena, sources, span, AST_POISON);
}

const char *ast_signature(Arena *arena, SourceSet *sources, const AstNode *declaration) {
    return excerpt_cut(arena, sources, declaration->span, declaration->kind);
}

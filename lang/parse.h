/* What the grammar's actions are made of: the parser's state and the building of nodes. Internal to lang/. */
#ifndef QTM_LANG_PARSE_H
#define QTM_LANG_PARSE_H

#include "lang/lexer.h"

typedef struct Parser {
    Arena *arena;
    DiagSink *sink;
    SourceSet *sources;
    uint32_t file;
    Stream stream;
    Token found;   /* the last token given to the grammar */
    Span previous; /* the one before it; nowhere at the start */
    bool ended;    /* it was END */
    AstNode *module;
    bool too_deep;    /* reported */
    uint32_t refused; /* where the last call ended that was refused; what is missing right behind it follows */
    uint32_t checks;  /* `check` declarations so far */
} Parser;

/* `count` children follow, each an AstNode * or NULL. */
AstNode *parse_node(Parser *parser, AstKind kind, Span span, uint32_t count, ...);
/* The same with a name, and the doc of the keyword token (which may be NULL). */
AstNode *parse_named(Parser *parser, AstKind kind, Span span, Span name, const Token *keyword, uint32_t count, ...);
AstNode *parse_unary(Parser *parser, AstOp op, Span span, AstNode *operand);
AstNode *parse_binary(Parser *parser, AstOp op, Span span, AstNode *left, AstNode *right);
AstNode *parse_number(Parser *parser, const Token *token);
/* A node with the children `first` (unless NULL) and then the members of `list`. */
AstNode *parse_spread(Parser *parser, AstKind kind, Span span, AstNode *first, const AstNode *list);
AstNode *parse_list(Parser *parser, Span span, AstNode *first);
AstNode *parse_append(Parser *parser, AstNode *list, AstNode *member);
/* What follows "->" as a word: only `real` can. */
AstNode *parse_real(Parser *parser, Span span);
/* { lets value }; a value that starts with '(' on the line where the last let ended is refused, as it looks like a
 * call. */
AstNode *parse_block(Parser *parser, Span span, AstNode *lets, AstNode *value);
/* layer NAME(args) -> shape { weights and lets, value }; everything before `value` is in `items`. */
AstNode *parse_layer(Parser *parser, Span span, Span name, const Token *keyword, AstNode *args, AstNode *shape,
                     AstNode *items, AstNode *value);
/* use PATH (IMPORTS) or use PATH as ALIAS */
AstNode *parse_use(Parser *parser, Span span, const char *path, Span path_span, AstNode *imports, const AstNode *alias);
/* One of the marks of a parameter, held in `marks` until parse_param sorts them: `text` tells which. */
AstNode *parse_mark(Parser *parser, AstNode *marks, const char *text, Span span, AstNode *value);
AstNode *parse_param(Parser *parser, Span span, Span name, const Token *keyword, const AstNode *member, AstNode *family,
                     AstNode *type, AstNode *marks);
AstNode *parse_check(Parser *parser, Span span, const Token *keyword, AstNode *condition, AstNode *tolerance);
/* A variable without a domain, as in (e : Dis), is an ARG. */
AstNode *parse_argument(AstNode *variable);
/* `on log`; the token stands for nothing when nothing was written. */
bool parse_on_log(Parser *parser, const Token *token);
AstNode *parse_ignore(Parser *parser, AstNode *column, const Token *name);
AstNode *parse_dims(Parser *parser, AstNode *dims, Span span);
/* A call of what may be a function: a number, a list or a record is none. */
AstNode *parse_call(Parser *parser, Span span, AstNode *callee, const AstNode *args, Span bracket);
/* Comparisons chain: a < b < c is a < b and b < c. */
AstNode *parse_compare(Parser *parser, AstOp op, Span span, AstNode *left, AstNode *right);
AstNode *parse_parens(AstNode *expr);
AstNode *parse_percent(Parser *parser, Span span, const Token *number);
AstNode *parse_quantity(Parser *parser, Span span, const Token *number, Span unit, AstNode *exponent);
/* VALUE for i in A for NAME in SOURCE: the new loop goes inside of the one there is. */
AstNode *parse_nest(Parser *parser, AstKind kind, AstNode *loop, Span span, const AstNode *names, AstNode *source,
                    AstNode *when);
/* VALUE for NAMES in SOURCE when CONDITION */
AstNode *parse_loop(Parser *parser, AstKind kind, Span span, AstNode *value, const AstNode *names, AstNode *source,
                    AstNode *when);
const char *parse_intern(Parser *parser, Span span);
/* Joins the parts of a module's path with points. */
const char *parse_path(Parser *parser, const char *path, Span part);

/* The next token; BAD tokens were reported already. */
Token parse_token(Parser *parser);
/* Reports that `found` is not among the `count` expected kinds. */
void parse_report(Parser *parser, const TokenKind *kinds, int count);
/* The tree is too deep, or the parser's stack is. */
void parse_too_deep(Parser *parser, Span span);
/* lang/grammar.y; returns 0 when the end was reached. */
int grammar_parse(Parser *parser);

#endif

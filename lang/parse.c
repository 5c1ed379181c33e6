/* What the grammar's actions do, and ast_parse. Every node knows its height; a node that would be higher than
 * AST_MAX_HEIGHT becomes POISON, so that whoever walks a tree may do so recursively. */
#include "lang/parse.h"

#include <stdarg.h>
#include <string.h>

const char *parse_intern(Parser *parser, Span span) {
    return ast_intern(parser->arena, source_file(parser->sources, span.file)->text + span.begin, span.end - span.begin);
}

const char *parse_path(Parser *parser, const char *path, Span part) {
    const char *joined = arena_format(parser->arena, "%s.%s", path, parse_intern(parser, part));
    return ast_intern(parser->arena, joined, strlen(joined));
}

void parse_too_deep(Parser *parser, Span span) {
    if (!parser->too_deep && !parser->stream.stopped) {
        diag_report(parser->sink, DIAG_E0105, span, "this is nested deeper than %d", AST_MAX_HEIGHT);
        diag_help(parser->sink, "give parts of the expression names with 'let' or 'fun'");
    }
    parser->too_deep = true;
    stream_stop(&parser->stream);
}

/* `kids` is kept. */
static AstNode *node_make(Parser *parser, AstKind kind, Span span, AstNode **kids, uint32_t count) {
    AstNode *node = ARENA_NEW(parser->arena, AstNode);
    node->kind = kind;
    node->span = span;
    node->kids = kids;
    node->count = count;
    for (uint32_t i = 0; i < count; i++)
        if (kids[i] && kids[i]->height > node->height) node->height = kids[i]->height;
    if (++node->height > AST_MAX_HEIGHT) {
        parse_too_deep(parser, span);
        *node = (AstNode){.kind = AST_POISON, .span = span, .height = 1};
    }
    return node;
}

static AstNode *node_variadic(Parser *parser, AstKind kind, Span span, uint32_t count, va_list args) {
    AstNode **kids = ARENA_ARRAY(parser->arena, AstNode *, count);
    for (uint32_t i = 0; i < count; i++) kids[i] = va_arg(args, AstNode *);
    return node_make(parser, kind, span, kids, count);
}

AstNode *parse_node(Parser *parser, AstKind kind, Span span, uint32_t count, ...) {
    va_list args;
    va_start(args, count);
    AstNode *node = node_variadic(parser, kind, span, count, args);
    va_end(args);
    return node;
}

AstNode *parse_named(Parser *parser, AstKind kind, Span span, Span name, const Token *keyword, uint32_t count, ...) {
    va_list args;
    va_start(args, count);
    AstNode *node = node_variadic(parser, kind, span, count, args);
    va_end(args);
    node->name = parse_intern(parser, name);
    node->name_span = name;
    if (keyword) node->doc = keyword->doc;
    return node;
}

AstNode *parse_unary(Parser *parser, AstOp op, Span span, AstNode *operand) {
    AstNode *node = parse_node(parser, AST_UNARY, span, 1, operand);
    node->op = op;
    return node;
}

AstNode *parse_binary(Parser *parser, AstOp op, Span span, AstNode *left, AstNode *right) {
    AstNode *node = parse_node(parser, AST_BINARY, span, 2, left, right);
    node->op = op;
    return node;
}

AstNode *parse_number(Parser *parser, const Token *token) {
    AstNode *node = parse_node(parser, AST_NUMBER, token->span, 0);
    node->number = token->number;
    node->flag = token->integer;
    return node;
}

AstNode *parse_list(Parser *parser, Span span, AstNode *first) {
    AstNode *list = node_make(parser, AST_LIST, span, NULL, 0);
    return first ? parse_append(parser, list, first) : list;
}

/* Lists grow when their count is a power of two, so no capacity is kept. */
AstNode *parse_append(Parser *parser, AstNode *list, AstNode *member) {
    if ((list->count & (list->count - 1)) == 0) {
        AstNode **kids = ARENA_ARRAY(parser->arena, AstNode *, list->count ? 2 * (size_t)list->count : 1);
        if (list->count) memcpy(kids, list->kids, list->count * sizeof *kids);
        list->kids = kids;
    }
    list->kids[list->count++] = member;
    list->span = span_join(list->span, member->span);
    if (list->kind == AST_LIST && member->height >= list->height) list->height = member->height + 1;
    return list;
}

AstNode *parse_spread(Parser *parser, AstKind kind, Span span, AstNode *first, const AstNode *list) {
    uint32_t lead = first ? 1 : 0, count = list->count + lead;
    AstNode **kids = ARENA_ARRAY(parser->arena, AstNode *, count);
    if (first) kids[0] = first;
    if (list->count) memcpy(kids + lead, list->kids, list->count * sizeof *kids);
    return node_make(parser, kind, span, kids, count);
}

AstNode *parse_real(Parser *parser, Span span) {
    const char *word = parse_intern(parser, span);
    if (strcmp(word, "real") == 0) return parse_node(parser, AST_SHAPE, span, 0);
    diag_report(parser->sink, DIAG_E0101, span, "expected 'real' or a shape in brackets after '->', found '%s'", word);
    diag_help(parser->sink, "a result is one number, '-> real', or an array, as in '-> [n]'");
    return parse_node(parser, AST_POISON, span, 0);
}

AstNode *parse_block(Parser *parser, Span span, AstNode *lets, AstNode *value) {
    const SourceFile *file = source_file(parser->sources, span.file);
    if (lets->count) {
        Span last = lets->kids[lets->count - 1]->span;
        uint32_t at = last.end; /* between the last let and the value */
        while (at < file->length && (file->text[at] == ' ' || file->text[at] == '\t')) at++;
        if (file->text[at] == '(') {
            diag_report(parser->sink, DIAG_E0101, (Span){span.file, at, at + 1},
                        "this '(' follows a value that is not a function");
            diag_help(parser->sink, "a product needs '*'; the value of a block starts on a line of its own");
        }
    }
    return parse_spread(parser, AST_BLOCK, span, NULL, parse_append(parser, lets, value));
}

AstNode *parse_layer(Parser *parser, Span span, Span name, const Token *keyword, AstNode *args, AstNode *shape,
                     AstNode *items, AstNode *value) {
    AstNode *weights = parse_list(parser, items->span, NULL), *lets = parse_list(parser, value->span, NULL);
    for (uint32_t i = 0; i < items->count; i++)
        parse_append(parser, items->kids[i]->kind == AST_WEIGHT ? weights : lets, items->kids[i]);
    if (lets->count) value = parse_block(parser, lets->span, lets, value);
    return parse_named(parser, AST_LAYER, span, name, keyword, 4, args, shape, weights, value);
}

Token parse_token(Parser *parser) {
    parser->previous = parser->found.span;
    parser->found = stream_next(&parser->stream);
    if (parser->found.kind == TOKEN_END) parser->ended = true;
    if (parser->found.kind == TOKEN_BAD) stream_panic(&parser->stream, &parser->found);
    return parser->found;
}

AstNode *ast_parse(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink) {
    const SourceFile *source = source_file(sources, file);
    Parser *parser = ARENA_NEW(arena, Parser);
    *parser = (Parser){.arena = arena, .sink = sink, .sources = sources, .file = file};
    size_t errors = sink->errors;
    parser->module = node_make(parser, AST_MODULE, (Span){file, 0, (uint32_t)source->length}, NULL, 0);
    if (!lexer_text_check(sources, file, sink)) return parser->module;
    stream_start(&parser->stream, arena, sources, file, sink);
    grammar_parse(parser);
    parser->module->span = (Span){file, 0, (uint32_t)source->length};
    parser->module->doc = parser->stream.lexer.module_doc;
    for (uint32_t i = 0; i < parser->module->count; i++) {
        uint32_t height = parser->module->kids[i]->height;
        if (height >= parser->module->height) parser->module->height = height + 1;
    }
    if (!parser->module->count && sink->errors == errors) {
        diag_report(sink, DIAG_E0106, (Span){file, 0, 0}, "this file declares nothing");
        diag_help(sink,
                  "a model needs at least a 'param', a 'density' and a 'fit'; a module needs at least one declaration");
    }
    return parser->module;
}

void ast_print_tokens(FILE *out, SourceSet *sources, uint32_t file, DiagSink *sink) {
    Arena arena = {0};
    const SourceFile *source = source_file(sources, file);
    if (!lexer_text_check(sources, file, sink)) return;
    Stream *stream = ARENA_NEW(&arena, Stream);
    stream_start(stream, &arena, sources, file, sink);
    for (;;) {
        Token token = stream_next(stream);
        uint32_t line, column;
        if (token.inserted) continue;
        source_position(source, token.span.begin, &line, &column);
        fprintf(out, "%u:%u %s", line, column, TOKEN_INFO[token.kind].name);
        if (token.kind == TOKEN_END) break;
        fprintf(out, " %.*s\n", (int)(token.span.end - token.span.begin), source->text + token.span.begin);
    }
    fputc('\n', out);
    arena_free(&arena);
}

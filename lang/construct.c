/* The grammar's actions for constructs that are more than their parts in order. */
#include "lang/parse.h"

#include <string.h>

AstNode *parse_use(Parser *parser, Span span, const char *path, Span path_span, AstNode *imports,
                   const AstNode *alias) {
    AstNode *node = parse_node(parser, AST_USE, span, 1, imports);
    node->name = path;
    node->name_span = path_span;
    node->text = alias ? alias->name : NULL;
    return node;
}

AstNode *parse_mark(Parser *parser, AstNode *marks, const char *text, Span span, AstNode *value) {
    AstNode *mark = parse_node(parser, AST_NAMED, value ? span_join(span, value->span) : span, 1, value);
    mark->name = text;
    mark->name_span = span;
    return parse_append(parser, marks, mark);
}

static void param_repeated(Parser *parser, const AstNode *mark, const char *what) {
    diag_report(parser->sink, DIAG_E0101, mark->span, "this parameter has a second %s", what);
    diag_help(parser->sink, "leave one of them out");
}

AstNode *parse_param(Parser *parser, Span span, Span name, const Token *keyword, const AstNode *member, AstNode *family,
                     AstNode *type, AstNode *marks) {
    static const char *const words[] = {"domain", "=", "start", "truth", "prior", "fixed"};
    AstNode *found[6] = {0};
    for (uint32_t i = 0; i < marks->count; i++) {
        AstNode *mark = marks->kids[i];
        uint32_t at = 0;
        while (mark->kind != AST_DOMAIN && at < 5 && strcmp(words[at], mark->name) != 0) at++;
        if (mark->kind == AST_POISON) at = 0;
        if (found[at]) param_repeated(parser, mark, at == 1 ? "value" : at == 5 ? "'fixed'" : words[at]);
        found[at] = mark;
    }
#define VALUE(at) (found[at] ? found[at]->kids[0] : NULL)
    AstNode *node = parse_named(parser, AST_PARAM, span, name, keyword, 7, found[0], VALUE(1), VALUE(2), VALUE(3),
                                family, type, VALUE(4));
#undef VALUE
    node->flag = found[5] != NULL;
    node->text = member ? member->name : NULL;
    return node;
}

AstNode *parse_check(Parser *parser, Span span, const Token *keyword, AstNode *condition, AstNode *tolerance) {
    AstNode *node = parse_node(parser, AST_CHECK, span, 2, condition, tolerance);
    const char *name = arena_format(parser->arena, "check %u", ++parser->checks);
    node->name = ast_intern(parser->arena, name, strlen(name));
    node->name_span = condition->span;
    node->doc = keyword->doc;
    return node;
}

AstNode *parse_argument(AstNode *variable) {
    if (variable->kind != AST_VARIABLE || variable->kids[0]) return variable;
    variable->kind = AST_ARG;
    variable->kids[0] = variable->kids[3];
    variable->kids[1] = variable->kids[2];
    variable->kids[2] = variable->kids[3] = NULL;
    variable->count = 3;
    return variable;
}

bool parse_on_log(Parser *parser, const Token *token) {
    if (token->kind != TOKEN_ON) return false;
    if (!strcmp(parse_intern(parser, token->span), "log")) return true;
    diag_report(parser->sink, DIAG_E0101, token->span, "expected 'log' after 'on'");
    diag_help(parser->sink, "grids are laid evenly, or 'on log'; leave 'on' out for an even one");
    return false;
}

/* The names to ignore behind one column are joined by newlines. */
AstNode *parse_ignore(Parser *parser, AstNode *column, const Token *name) {
    column->text = column->text ? arena_format(parser->arena, "%s\n%s", column->text, name->text) : name->text;
    column->span = span_join(column->span, name->span);
    return column;
}

AstNode *parse_dims(Parser *parser, AstNode *dims, Span span) {
    return dims ? dims : parse_list(parser, span, NULL);
}

AstNode *parse_call(Parser *parser, Span span, AstNode *callee, const AstNode *args, Span bracket) {
    AstKind kind = callee->kind;
    if (kind != AST_NUMBER && kind != AST_QUANTITY && kind != AST_ARRAY && kind != AST_BUILD && kind != AST_RECORD)
        return parse_spread(parser, AST_CALL, span, callee, args);
    const Diag *last = parser->sink->diags.count ? parser->sink->diags.data[parser->sink->diags.count - 1] : NULL;
    if (last && last->code == DIAG_E0104 && last->span.end == callee->span.end) /* 4x(2): the number was reported */
        return parse_node(parser, AST_POISON, span, 0);
    parser->refused = span.end;
    diag_report(parser->sink, DIAG_E0101, bracket, "this '(' follows a value that is not a function");
    diag_help(parser->sink, "a product needs '*'; in a block, what follows a 'let' starts on a line of its own");
    return parse_node(parser, AST_POISON, span, 0);
}

static bool is_comparison(const AstNode *node) {
    return node->kind == AST_BINARY && node->op >= AST_LT && node->op <= AST_NE && !node->flag;
}

AstNode *parse_compare(Parser *parser, AstOp op, Span span, AstNode *left, AstNode *right) {
    AstNode *last = left->kind == AST_BINARY && left->op == AST_AND && !left->flag ? left->kids[1] : left;
    if (!is_comparison(last)) return parse_binary(parser, op, span, left, right);
    Span tail = span_join(last->kids[1]->span, right->span);
    return parse_binary(parser, AST_AND, span, left, parse_binary(parser, op, tail, last->kids[1], right));
}

/* Brackets leave no node; a comparison or conjunction in brackets does not chain. */
AstNode *parse_parens(AstNode *expr) {
    if (expr->kind == AST_BINARY) expr->flag = true;
    return expr;
}

AstNode *parse_percent(Parser *parser, Span span, const Token *number) {
    AstNode *node = parse_number(parser, number);
    node->span = span;
    node->number /= 100;
    node->flag = false;
    return node;
}

AstNode *parse_quantity(Parser *parser, Span span, const Token *number, Span unit, AstNode *exponent) {
    AstNode *name = parse_named(parser, AST_NAME, unit, unit, NULL, 0);
    if (exponent) name = parse_binary(parser, AST_POW, span_join(unit, exponent->span), name, exponent);
    return parse_node(parser, AST_QUANTITY, span, 2, parse_number(parser, number), name);
}

AstNode *parse_loop(Parser *parser, AstKind kind, Span span, AstNode *value, const AstNode *names, AstNode *source,
                    AstNode *when) {
    AstNode *others = NULL;
    for (uint32_t i = 1; i < names->count; i++)
        others = others ? parse_append(parser, others, names->kids[i])
                        : parse_list(parser, names->kids[i]->span, names->kids[i]);
    return parse_named(parser, kind, span, names->kids[0]->span, NULL, 4, value, source, when, others);
}

AstNode *parse_nest(Parser *parser, AstKind kind, AstNode *loop, Span span, const AstNode *names, AstNode *source,
                    AstNode *when) {
    AstNode *innermost = loop;
    while (innermost->kids[0]->kind == kind && innermost->kids[0]->flag) innermost = innermost->kids[0];
    AstNode *inner = parse_loop(parser, kind, span, innermost->kids[0], names, source, when);
    inner->flag = true;
    innermost->kids[0] = inner;
    if (++loop->height > AST_MAX_HEIGHT) parse_too_deep(parser, span);
    return loop;
}

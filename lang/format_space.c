/* Blanks between two tokens on a line: one or none, and two between statements. Where nothing is known of a pair, it
 * stays as it was written, with one blank or none: a new mark of the language is safe before it has a rule here. */
#include "lang/format.h"

static TokenRole role_of(const FormatToken *token) {
    return TOKEN_INFO[token->kind].role;
}

static bool is_brace(const FormatToken *token) {
    return token->kind == TOKEN_LBRACE;
}

bool format_is_record(const FormatList *list, uint32_t brace) {
    const FormatToken *open = &list->tokens.data[brace];
    bool clause = brace && open[-1].kind == TOKEN_DERIVATIVE;
    if (!is_brace(open) || !(open->starts || clause) || brace + 2 >= list->tokens.count) return false;
    return format_is_word(list, open + 1) && open[2].kind == TOKEN_COLON && !(brace && open[-1].kind == TOKEN_ARROW);
}

/* Blanks just inside of a bracket: braces have them, but for records and patterns that were written without. */
static uint32_t inside(const FormatList *list, uint32_t bracket) {
    const FormatToken *open = &list->tokens.data[bracket];
    if (!is_brace(open)) return 0;
    if (open->partner == bracket + 1) return 0;
    bool pattern = bracket && open[-1].kind == TOKEN_LET;
    return (pattern || format_is_record(list, bracket)) && !open[1].first ? open[1].gap > 0 : 1;
}

/* A minus with nothing on its left; behind words that may be names only the tree can tell. */
static bool is_sign(const FormatList *list, uint32_t i) {
    const FormatToken *token = &list->tokens.data[i];
    if (token->kind == TOKEN_LINE_MINUS) return true;
    return token->kind == TOKEN_MINUS && token->unary;
}

static bool is_factor(const FormatToken *token) {
    return token->kind == TOKEN_STAR || token->kind == TOKEN_SLASH;
}

/* `*` and `/` are written with blanks on both sides or on none. */
static uint32_t factor_space(const FormatList *list, uint32_t i) {
    const FormatToken *token = &list->tokens.data[i];
    bool last = i + 1 == list->tokens.count;
    return token->gap || token->first || (!last && (token[1].gap || token[1].first));
}

/* Whether blanks stand on both sides of it: operators but the tight ones, and the marks that join two sides. */
static bool is_spaced(const FormatToken *token) {
    switch (token->kind) {
    case TOKEN_ASSIGN:
    case TOKEN_TILDE:
    case TOKEN_ARROW:
    case TOKEN_DOTDOT: return true;
    case TOKEN_DOT:
    case TOKEN_CARET: return false;
    default: return role_of(token) == ROLE_OPERATOR;
    }
}

static uint32_t colon_space(const FormatList *list, const FormatToken *colon, const FormatToken *token, bool before) {
    if (colon->frame != FORMAT_TOP) {
        const FormatToken *open = &list->tokens.data[colon->frame];
        if (open->kind == TOKEN_LBRACK || open->kind == TOKEN_LINE_LBRACK) return token->gap > 0;
        if (before && format_is_record(list, colon->frame)) return 0;
    }
    return 1;
}

/* Whether the line of token `i` starts with `use`. */
static bool in_use(const FormatList *list, uint32_t i) {
    const FormatLine *line = &list->lines.data[list->tokens.data[i].line];
    return list->tokens.data[line->first].kind == TOKEN_USE;
}

/* Before an opening bracket: calls and indices are tight, hard keywords are not, what may be either stays. */
static uint32_t open_space(const FormatList *list, uint32_t i) {
    const FormatToken *token = &list->tokens.data[i], *last = token - 1;
    if (is_brace(token)) return 1;
    if (last->kind == TOKEN_RBRACK) return 0;
    if (last->kind == TOKEN_NAME) return in_use(list, i);
    if (format_is_keyword(list, last)) {
        bool word = role_of(last) == ROLE_WORD || role_of(last) == ROLE_OPERATOR || last->kind == TOKEN_IF ||
                    last->kind == TOKEN_NOT || last->kind == TOKEN_DRAW;
        return word ? 1 : token->gap > 0;
    }
    if (last->kind == TOKEN_COLON || last->kind == TOKEN_COMMA || last->kind == TOKEN_STRING) return 1;
    return token->gap > 0;
}

static bool is_value(const FormatList *list, const FormatToken *token) {
    return token->kind == TOKEN_NUMBER || token->kind == TOKEN_STRING || format_is_word(list, token);
}

static uint32_t space_between(const FormatList *list, uint32_t i) {
    const FormatToken *token = &list->tokens.data[i], *last = token - 1;
    if (role_of(last) == ROLE_OPEN) return inside(list, i - 1);
    if (role_of(token) == ROLE_CLOSE) return inside(list, token->partner);
    if (token->kind == TOKEN_COMMA) return 0;
    if (token->statement && last->kind != TOKEN_COMMA) return 2; /* several on a line */
    if (last->kind == TOKEN_COMMA) return 1;
    if (token->kind == TOKEN_DOT) return last->kind == TOKEN_NUMBER; /* 1 .x, for 1. is no number */
    if (last->kind == TOKEN_DOT || token->kind == TOKEN_CARET || last->kind == TOKEN_CARET) return 0;
    if (is_sign(list, i - 1)) return 0;
    if (is_factor(token)) return factor_space(list, i);
    if (is_factor(last)) return factor_space(list, i - 1);
    if (token->kind == TOKEN_COLON) return colon_space(list, token, token, true);
    if (last->kind == TOKEN_COLON) return colon_space(list, last, token, false);
    if (is_sign(list, i)) return 1;
    if (is_spaced(token) && token->kind != TOKEN_UNIT_NAME) return 1;
    if (is_spaced(last) && last->kind != TOKEN_UNIT_NAME) return 1;
    if (role_of(token) == ROLE_OPEN) return open_space(list, i);
    if (is_value(list, token) && (is_value(list, last) || role_of(last) == ROLE_CLOSE)) return 1;
    return token->gap > 0;
}

void format_space(FormatList *list) {
    for (uint32_t i = 0; i < list->tokens.count; i++) {
        FormatToken *token = &list->tokens.data[i];
        token->space = token->first ? 0 : space_between(list, i);
    }
}

/* Cuts a text into tokens (re2c). The text ends with a NUL that stands for the end of the file; other NULs were refused
 * by lexer_text_check. Comments and strings are scanned by hand, because they may hold bytes that are not UTF-8. */
#include "lang/lexer.h"

#include <string.h>

/*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = cursor;
    re2c:define:YYMARKER = marker;
    re2c:define:YYCTXMARKER = context;
    re2c:yyfill:enable = 0;
    re2c:indent:string = "    ";

    digits = [0-9] ("_"? [0-9])*;
    exponent = [eE] [+-]? digits;
    name = [a-zA-Z_] [a-zA-Z_0-9]*;
    beyond = [\u0080-\U0010FFFF];
*/

static void lexer_newline(Lexer *lexer) {
    if (lexer->line_empty) lexer->doc_detached = true;
    lexer->line_start = lexer->line_empty = true;
}

/* Joins the pending doc lines with newlines; "##" and one space are taken off. */
static const char *lexer_doc_take(Lexer *lexer) {
    size_t length = 0, used = 0;
    if (!lexer->doc_lines.count) return NULL;
    for (size_t i = 0; i < lexer->doc_lines.count; i++)
        length += lexer->doc_lines.data[i].end - lexer->doc_lines.data[i].begin + 1;
    char *doc = arena_alloc(lexer->arena, length + 1);
    for (size_t i = 0; i < lexer->doc_lines.count; i++) {
        Span line = lexer->doc_lines.data[i];
        memcpy(doc + used, lexer->file->text + line.begin, line.end - line.begin);
        used += line.end - line.begin;
        doc[used++] = '\n';
    }
    doc[used - 1] = '\0';
    lexer->doc_lines.count = 0;
    return doc;
}

/* A comment, from its '#' to the end of the line. */
static void lexer_comment(Lexer *lexer, const char *begin) {
    const char *end = memchr(begin, '\n', (size_t)(lexer->limit - begin));
    if (!end) end = lexer->limit;
    lexer->cursor = end;
    if (begin[1] == '#' && lexer->line_start) {
        if (lexer->doc_lines.count && lexer->doc_detached && !lexer->any && !lexer->module_doc)
            lexer->module_doc = lexer_doc_take(lexer);
        const char *text = begin + 2;
        if (*text == ' ') text++;
        while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
        const char *base = lexer->file->text;
        Span line = {lexer->number, (uint32_t)(text - base), (uint32_t)((end > text ? end : text) - base)};
        VEC_PUSH(lexer->arena, &lexer->doc_lines, line);
        lexer->doc_detached = false;
    }
    lexer->line_empty = false;
}

/* Moves behind the closing quote, or to the end of the line when there is none. */
static void lexer_string_skip(Lexer *lexer, const char *begin) {
    const char *at = begin + 1;
    while (at < lexer->limit && *at != '"' && *at != '\n') at += *at == '\\' && at + 1 < lexer->limit && at[1] != '\n' ? 2 : 1;
    lexer->cursor = at;
    if (at < lexer->limit && *at == '"') {
        lexer->cursor++;
        return;
    }
    const char *base = lexer->file->text;
    if (at > begin + 1 && at[-1] == '\r') lexer->cursor--;
    diag_report(lexer->sink, DIAG_E0103, (Span){lexer->number, (uint32_t)(begin - base), (uint32_t)(lexer->cursor - base)},
                "this string has no end on its line");
    diag_help(lexer->sink, "close it with '\"'; a string cannot go over several lines");
}

static TokenKind lexer_refuse(Lexer *lexer, const char *begin, const char *remedy) {
    const char *base = lexer->file->text;
    size_t length = (size_t)(lexer->cursor - begin);
    Span span = {lexer->number, (uint32_t)(begin - base), (uint32_t)(lexer->cursor - base)};
    diag_report(lexer->sink, DIAG_E0102, span, "'%.*s' has no meaning here", (int)(length < 40 ? length : 1), begin);
    diag_help(lexer->sink, "%s", remedy);
    return TOKEN_BAD;
}

static TokenKind lexer_number_refuse(Lexer *lexer, const char *begin, const char *remedy) {
    const char *base = lexer->file->text;
    size_t length = (size_t)(lexer->cursor - begin), shown = length < 40 ? length : 40;
    Span span = {lexer->number, (uint32_t)(begin - base), (uint32_t)(lexer->cursor - base)};
    diag_report(lexer->sink, DIAG_E0104, span, "'%.*s%s' is not a number", (int)shown, begin, shown < length ? "..." : "");
    diag_help(lexer->sink, "%s", remedy);
    return TOKEN_NUMBER;
}

/* Skips blanks and comments, then cuts one token; *begin is where it starts. A refused number counts as 1. */
static TokenKind lexer_cut(Lexer *lexer, const char **begin, Token *token) {
    for (;;) {
        const char *cursor = *begin = lexer->cursor, *marker = cursor, *context = cursor;
#define CUT(what) do { lexer->cursor = cursor; return what; } while (0)
#define CUT_NUMBER(whole) do { lexer->cursor = cursor; token->integer = whole; token->number = -1; return TOKEN_NUMBER; } while (0)
        /*!re2c
        [\x00]          { if (*begin >= lexer->limit) return TOKEN_END; lexer->cursor = cursor; continue; }
        [ \t\r\f]+      { lexer->cursor = cursor; continue; }
        "\n"            { lexer->cursor = cursor; lexer_newline(lexer); continue; }
        "#"             { lexer_comment(lexer, *begin); continue; }
        ["]             { lexer_string_skip(lexer, *begin); return TOKEN_STRING; }
        name            { CUT(lexer_word(lexer, *begin, (size_t)(cursor - *begin))); }
        digits          { CUT_NUMBER(true); }
        digits "." digits exponent? | digits exponent { CUT_NUMBER(false); }
        digits ("." digits)? exponent? name | digits "_" [0-9_]* {
            CUT(lexer_number_refuse(lexer, *begin, "a product needs '*', as in 2*x; '_' stands between two digits"));
        }
        digits ("." digits)? [eE] [+-] {
            CUT(lexer_number_refuse(lexer, *begin, "write the exponent behind the 'e', as in 1e-3"));
        }
        digits "." / [^.0-9] { CUT(lexer_number_refuse(lexer, *begin, "write a digit behind the point, as in 1.0")); }
        "." digits exponent? { CUT(lexer_number_refuse(lexer, *begin, "write a digit before the point, as in 0.5")); }
        "|>"            { CUT(TOKEN_PIPE); }
        "<"             { CUT(TOKEN_LESS); }
        "<="            { CUT(TOKEN_LESS_EQUAL); }
        ">"             { CUT(TOKEN_GREATER); }
        ">="            { CUT(TOKEN_GREATER_EQUAL); }
        "=="            { CUT(TOKEN_EQUAL); }
        "!="            { CUT(TOKEN_NOT_EQUAL); }
        "+"             { CUT(TOKEN_PLUS); }
        "-"             { CUT(TOKEN_MINUS); }
        "*"             { CUT(TOKEN_STAR); }
        "/"             { CUT(TOKEN_SLASH); }
        "@"             { CUT(TOKEN_AT); }
        "^"             { CUT(TOKEN_CARET); }
        "%"             { CUT(TOKEN_PERCENT); }
        "."             { CUT(TOKEN_DOT); }
        ".."            { CUT(TOKEN_DOTDOT); }
        ","             { CUT(TOKEN_COMMA); }
        ":"             { CUT(TOKEN_COLON); }
        "="             { CUT(TOKEN_ASSIGN); }
        "~"             { CUT(TOKEN_TILDE); }
        "->"            { CUT(TOKEN_ARROW); }
        "("             { CUT(TOKEN_LPAREN); }
        "["             { CUT(TOKEN_LBRACK); }
        "{"             { CUT(TOKEN_LBRACE); }
        ")"             { CUT(TOKEN_RPAREN); }
        "]"             { CUT(TOKEN_RBRACK); }
        "}"             { CUT(TOKEN_RBRACE); }
        "**"            { CUT(lexer_refuse(lexer, *begin, "a power is written with '^', as in x^2")); }
        "&&" | "&"      { CUT(lexer_refuse(lexer, *begin, "write 'and'")); }
        "||" | "|"      { CUT(lexer_refuse(lexer, *begin, "write 'or'; a value goes into a function by '|>'")); }
        "!"             { CUT(lexer_refuse(lexer, *begin, "write 'not'")); }
        "//" | "/*"     { CUT(lexer_refuse(lexer, *begin, "a comment starts with '#'")); }
        ";"             { CUT(lexer_refuse(lexer, *begin, "nothing is needed at the end of a line; leave it out")); }
        ['] ([^'\n\x00]* ['])? { CUT(lexer_refuse(lexer, *begin, "a string stands between '\"'")); }
        [\x21-\x7e]     { CUT(lexer_refuse(lexer, *begin, "leave it out")); }
        beyond          { CUT(lexer_refuse(lexer, *begin, "names are made of the letters a to z, A to Z, digits and '_'; "
                                                  "other characters can stand in comments and strings")); }
        *               { lexer->cursor = cursor; continue; } // reported by lexer_text_check
        */
#undef CUT
#undef CUT_NUMBER
    }
}

/* Whether the name just cut starts the next field of a list, as y does in `x in 0 .. 1 y in 0 .. 1`. */
static bool lexer_names_next(const Lexer *lexer) {
    const char *at = lexer->cursor;
    while (*at == ' ' || *at == '\t') at++;
    return *at == ':' || (at[0] == 'i' && at[1] == 'n' && (at[2] == ' ' || at[2] == '\t'));
}

Token lexer_next(Lexer *lexer) {
    Token token = {0};
    const char *begin, *base = lexer->file->text;
    token.number = 1;
    token.kind = lexer_cut(lexer, &begin, &token);
    token.span = (Span){lexer->number, (uint32_t)(begin - base), (uint32_t)(lexer->cursor - base)};
    token.line_start = lexer->line_start;
    if (token.kind == TOKEN_NAME && lexer->after_number && !token.line_start && !lexer_names_next(lexer))
        token.kind = TOKEN_UNIT_NAME;
    lexer->after_number = token.kind == TOKEN_NUMBER;
    if (token.kind == TOKEN_NUMBER && token.number < 0) token.number = lexer_number(lexer, token.span);
    if (token.kind == TOKEN_STRING) token.text = lexer_string(lexer, token.span);
    if (lexer->doc_lines.count) {
        bool of_module = !lexer->any && !lexer->module_doc && (lexer->doc_detached || token.kind == TOKEN_USE || token.kind == TOKEN_END);
        const char *doc = lexer_doc_take(lexer);
        if (of_module)
            lexer->module_doc = doc;
        else
            token.doc = doc;
    }
    lexer->any = true;
    lexer->line_start = lexer->line_empty = lexer->doc_detached = false;
    return token;
}

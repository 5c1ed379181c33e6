/* What is said about a syntax error: what could have stood there, in groups a person thinks in ("an expression", "a
 * declaration"), what stood there instead, and the remedy for the usual slips. */
#include "lang/parse.h"

#include <stdio.h>
#include <string.h>

enum { EXPECT_SHOWN = 48 }; /* bytes of the offending token that are quoted */

typedef struct Expect {
    Parser *parser;
    bool wanted[TOKEN_KIND_COUNT];
    const char *texts[TOKEN_KIND_COUNT + 5];
    size_t count;
} Expect;

/* Whether a group that is named as a whole covers the kind. */
static bool expect_is_covered(const Expect *expect, TokenKind kind) {
    const TokenInfo *info = &TOKEN_INFO[kind];
    const bool *wanted = expect->wanted;
    bool value = wanted[TOKEN_NUMBER], operates = wanted[TOKEN_PLUS];
    if (kind == TOKEN_BAD || (kind == TOKEN_END && wanted[TOKEN_CONST])) return true;
    if (wanted[TOKEN_CONST] && info->role == ROLE_DECLARATION) return true;
    if (wanted[TOKEN_MINIMIZE] && info->role == ROLE_ITEM) return true;
    if (operates && (info->role == ROLE_OPERATOR || kind == TOKEN_LPAREN || kind == TOKEN_LBRACK)) return true;
    if (value && (info->role == ROLE_VALUE || info->role == ROLE_OPEN || kind == TOKEN_MINUS)) return true;
    bool usual = info->role == ROLE_WORD || info->role == ROLE_DECLARATION || info->role == ROLE_ITEM;
    return wanted[TOKEN_NAME] && info->soft && usual;
}

static void expect_group(Expect *expect, const char *text) {
    expect->texts[expect->count++] = text;
}

static void expect_collect(Expect *expect) {
    const bool *wanted = expect->wanted;
    if (wanted[TOKEN_NUMBER]) expect_group(expect, "an expression");
    if (wanted[TOKEN_NAME] && !wanted[TOKEN_NUMBER]) expect_group(expect, "a name");
    if (wanted[TOKEN_PLUS]) expect_group(expect, "an operator");
    for (TokenKind kind = 0; kind < TOKEN_KIND_COUNT; kind++) {
        if (!wanted[kind] || kind == TOKEN_NAME || kind == TOKEN_NUMBER || expect_is_covered(expect, kind)) continue;
        bool spelled = kind != TOKEN_END && kind != TOKEN_STRING;
        const char *text = TOKEN_INFO[kind].text;
        expect_group(expect, spelled ? arena_format(&expect->parser->sink->arena, "'%s'", text) : text);
    }
    if (wanted[TOKEN_MINIMIZE]) expect_group(expect, "an item of the fit");
    if (wanted[TOKEN_CONST]) expect_group(expect, "a declaration");
}

/* "A", "A or B", "A, B or C" */
static const char *expect_join(Expect *expect) {
    Arena *arena = &expect->parser->sink->arena;
    const char *text = expect->count ? expect->texts[0] : "";
    for (size_t i = 1; i < expect->count; i++)
        text = arena_format(arena, "%s%s%s", text, i + 1 < expect->count ? ", " : " or ", expect->texts[i]);
    return text;
}

static const char *expect_quote(Parser *parser, Span span) {
    uint32_t length = span.end - span.begin;
    const char *text = source_file(parser->sources, span.file)->text + span.begin;
    bool cut = length > EXPECT_SHOWN;
    return arena_format(&parser->sink->arena, "'%.*s%s'", (int)(cut ? EXPECT_SHOWN : length), text, cut ? "..." : "");
}

static const char *expect_found(Parser *parser) {
    TokenKind kind = parser->found.kind;
    if (kind == TOKEN_END || kind == TOKEN_STRING) return TOKEN_INFO[kind].text;
    return expect_quote(parser, parser->found.span);
}

/* Whether the construct plainly ended too early: the next line starts something else, or nothing comes any more. The
 * place to look at is then the end of what was there. */
static bool expect_is_cut_short(const Parser *parser) {
    const Token *found = &parser->found;
    TokenRole role = TOKEN_INFO[found->kind].role;
    if (parser->previous.end <= parser->previous.begin) return false;
    if (found->kind == TOKEN_END) return true;
    return found->line_start && (role == ROLE_DECLARATION || role == ROLE_ITEM || role == ROLE_CLOSE);
}

static void expect_report(Expect *expect) {
    Parser *parser = expect->parser;
    Span span = parser->found.span, before = parser->previous;
    if (!expect->count) {
        diag_report(parser->sink, DIAG_E0101, span, "%s cannot stand here", expect_found(parser));
    } else if (expect_is_cut_short(parser)) {
        Span last = {before.file, before.end - 1, before.end};
        diag_report(parser->sink, DIAG_E0101, last, "expected %s after %s", expect_join(expect),
                    expect_quote(parser, before));
    } else {
        diag_report(parser->sink, DIAG_E0101, span, "expected %s, found %s", expect_join(expect), expect_found(parser));
    }
}

/* A name where a word of the language could stand, and nearly is one. */
static bool expect_help_spelling(const Expect *expect) {
    Parser *parser = expect->parser;
    const char *candidates[TOKEN_KIND_COUNT];
    size_t count = 0;
    for (TokenKind kind = TOKEN_USE; kind <= TOKEN_OR; kind++)
        if (expect->wanted[kind]) candidates[count++] = TOKEN_INFO[kind].text;
    const char *nearest = NULL;
    if (parser->found.kind == TOKEN_NAME)
        nearest = diag_nearest(parse_intern(parser, parser->found.span), candidates, count);
    if (nearest) diag_help(parser->sink, "did you mean '%s'?", nearest);
    return nearest != NULL;
}

/* How the declaration or item in which the error lies is written; `fresh`: what was found should have started one. */
static void expect_help_form(const Expect *expect, bool fresh) {
    static const struct {
        TokenKind kind;
        const char *form;
    } forms[] = {
#define FORM(token, text) {TOKEN_##token, text},
#define ITEM FORM
#include "lang/forms.def"
#undef ITEM
#undef FORM
    };
    const Stream *stream = &expect->parser->stream;
    bool next = expect->parser->found.span.begin == stream->declared; /* the error lies before this declaration */
    const char *form = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].kind == stream->declaration[next]) form = forms[i].form;
    if (form && !fresh)
        diag_help(expect->parser->sink, "write for example: %s", form);
    else
        diag_help(expect->parser->sink,
                  "a declaration starts with a word such as use, param, fun, density, event, data or fit");
}

/* `missing` is the bracket that could be closed here, or NULL. */
static void expect_help(const Expect *expect, const Token *missing) {
    Parser *parser = expect->parser;
    DiagSink *sink = parser->sink;
    const Token *found = &parser->found;
    TokenKind kind = found->kind;
    bool operates = expect->wanted[TOKEN_PLUS];
    bool reserved = kind >= TOKEN_USE && kind <= TOKEN_OR && !TOKEN_INFO[kind].soft;
    if (expect_help_spelling(expect)) return;
    if (kind == TOKEN_LINE_LPAREN || kind == TOKEN_LINE_LBRACK || kind == TOKEN_LINE_MINUS) {
        diag_help(sink,
                  "'%c' at the start of a line does not continue the line before; end that line with an operator, or "
                  "put the expression in brackets",
                  TOKEN_INFO[kind].text[0]);
    } else if (missing && TOKEN_INFO[kind].role == ROLE_WORD) {
        const char *close = missing->kind == TOKEN_LBRACE ? "}" : missing->kind == TOKEN_LBRACK ? "]" : ")";
        diag_help(sink, "add the missing '%s' before %s", close, expect_found(parser));
    } else if (missing && missing->kind == TOKEN_LBRACE && kind == TOKEN_ASSIGN) {
        diag_help(sink, "inside of braces a name is given to a value by 'let'");
    } else if (kind == TOKEN_NUMBER && expect->wanted[TOKEN_COMMA]) {
        diag_help(sink, "write ',' between the ends of an interval or the elements of a list, '*' in a product");
    } else if (operates && kind == TOKEN_ASSIGN) {
        diag_help(sink, "two values are compared by '=='");
    } else if (operates && !found->line_start && (kind == TOKEN_NAME || kind == TOKEN_NUMBER || kind == TOKEN_LPAREN)) {
        diag_help(sink, "a product needs '*'");
    } else if (expect->wanted[TOKEN_NAME] && reserved && !expect_is_cut_short(parser)) {
        diag_help(sink, "'%s' is a word of the language; choose another name", TOKEN_INFO[kind].text);
    } else {
        expect_help_form(expect, expect->wanted[TOKEN_PARAM] && found->line_start && !parser->stream.before);
    }
}

/* Whether what stands before the error was reported: the number in 4u(x), the call in 2 (x + 1). */
static bool expect_follows(const Parser *parser) {
    const DiagSink *sink = parser->sink;
    if (parser->refused && parser->refused == parser->previous.end) return true;
    const Diag *last = sink->diags.count ? sink->diags.data[sink->diags.count - 1] : NULL;
    return last && last->code == DIAG_E0104 && last->span.file == parser->previous.file &&
           last->span.end == parser->previous.end;
}

void parse_report(Parser *parser, const TokenKind *kinds, int count) {
    Expect *expect = ARENA_NEW(&parser->sink->arena, Expect);
    Stream *stream = &parser->stream;
    expect->parser = parser;
    for (int i = 0; i < count; i++) expect->wanted[kinds[i]] = true;
    if (!parser->found.inserted && !stream->stopped && !expect_follows(parser)) {
        expect_collect(expect);
        expect_report(expect);
        const Token *open = stream->before ? &stream->open[stream->before - 1] : NULL;
        bool closes = TOKEN_INFO[parser->found.kind].role == ROLE_CLOSE;
        bool missing = open && ((expect->wanted[TOKEN_RPAREN] && open->kind != TOKEN_LBRACE) ||
                                expect->wanted[TOKEN_RBRACK] || expect->wanted[TOKEN_RBRACE]);
        if (missing && !closes)
            diag_note(parser->sink, open->span, "inside the '%c' opened here", TOKEN_INFO[open->kind].text[0]);
        expect_help(expect, missing && !closes ? open : NULL);
    }
    stream_panic(stream, &parser->found);
}

/* Between lexer and parser. It keeps the open brackets, and so
 *  - gives '(', '[' and '-' at the start of a line their LINE_ form unless the innermost bracket is '(' or '[';
 *  - reports a bracket without its partner where that is plain from the text, and inserts or drops it, so that the
 *    parser sees matching pairs only: a word that can only start a declaration, first on its line, closes everything,
 *    one that can only start an item of a fit closes what is open inside the braces around it;
 *  - while the parser drops tokens after an error, drops bracketed groups whole, so that it takes up its work where the
 *    broken construct ends and not inside of it. */
#include "lang/lexer.h"

#include <string.h>

void stream_start(Stream *stream, Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink) {
    *stream = (Stream){0};
    lexer_start(&stream->lexer, arena, sources, file, sink);
    stream->last = (Span){file, 0, 0};
    stream->errors = sink->errors;
}

/* Stops when there were so many errors that the next ones tell nothing new. */
static void stream_errors_check(Stream *stream) {
    DiagSink *sink = stream->lexer.sink;
    if (stream->stopped || sink->errors < stream->errors + STREAM_ERRORS) return;
    diag_help(sink, "there were %d errors in this file; it is not read any further", STREAM_ERRORS);
    stream_stop(stream);
}

static TokenKind bracket_partner(TokenKind open) {
    if (open == TOKEN_LPAREN || open == TOKEN_LINE_LPAREN) return TOKEN_RPAREN;
    return open == TOKEN_LBRACE ? TOKEN_RBRACE : TOKEN_RBRACK;
}

static bool bracket_closes(const Token *open, TokenKind close) {
    return bracket_partner(open->kind) == close || (open->interval && (close == TOKEN_RPAREN || close == TOKEN_RBRACK));
}

static const char *bracket_text(TokenKind open) {
    return open == TOKEN_LPAREN || open == TOKEN_LINE_LPAREN ? "(" : open == TOKEN_LBRACE ? "{" : "[";
}

/* Reports that everything above `depth` is still open, unless an error inside of it was reported already. */
static void stream_close_report(Stream *stream, const Token *token) {
    const Token *open = &stream->open[stream->depth - 1];
    const char *close = TOKEN_INFO[bracket_partner(open->kind)].text, *text = bracket_text(open->kind);
    Span last = stream->last;
    if (last.end > last.begin) last.begin = last.end - 1;
    if (stream->panic) return;
    diag_report(stream->lexer.sink, DIAG_E0107, last, "expected '%s' after this, to close the '%s'", close, text);
    diag_note(stream->lexer.sink, open->span, "the '%s' is opened here", text);
    if (token->kind != TOKEN_END && TOKEN_INFO[token->kind].role != ROLE_CLOSE)
        diag_help(stream->lexer.sink, "'%s' cannot stand inside the brackets; close them before it",
                  TOKEN_INFO[token->kind].text);
    else
        diag_help(stream->lexer.sink, "add the missing '%s'", close);
}

/* Looks past blanks for a name and then one of the characters of `marks`. */
static bool stream_declares(const Stream *stream, const char *marks) {
    const char *at = stream->lexer.cursor;
    while (*at == ' ' || *at == '\t') at++;
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    at += length;
    while (*at == ' ' || *at == '\t') at++;
    return length && *at && strchr(marks, *at);
}

/* Whether the token, first on its line, can be nothing but the start of a declaration. */
static bool stream_is_declaration(const Stream *stream, const Token *token) {
    if (!token->line_start || TOKEN_INFO[token->kind].role != ROLE_DECLARATION) return false;
    switch (token->kind) {
    case TOKEN_DATA: return !(stream->in_fit && stream->depth == 1) && stream_declares(stream, ":[");
    case TOKEN_EVENT: return stream_declares(stream, "{");
    case TOKEN_SIZE:
    case TOKEN_OPTION: return stream_declares(stream, "=");
    case TOKEN_FLAVOUR: return stream_declares(stream, "i");
    case TOKEN_XSEC:
    case TOKEN_DETECTOR: return stream_declares(stream, "([");
    case TOKEN_UNIT:
    case TOKEN_CHECK: return !stream->depth;
    default: return true;
    }
}

/* The depth to which `token` closes brackets that were forgotten, or the present depth. */
static uint32_t stream_depth_wanted(const Stream *stream, const Token *token) {
    uint32_t depth = stream->depth;
    if (token->kind == TOKEN_END || stream_is_declaration(stream, token)) return 0;
    TokenRole role = TOKEN_INFO[token->kind].role;
    bool item = role == ROLE_ITEM && !TOKEN_INFO[token->kind].soft && token->line_start;
    if (!item && role != ROLE_CLOSE) return depth;
    while (depth > 0) {
        if (bracket_closes(&stream->open[depth - 1], item ? TOKEN_RBRACE : token->kind)) return depth;
        depth--;
    }
    return stream->depth;
}

static void stream_depth_report(Stream *stream, Span span) {
    diag_report(stream->lexer.sink, DIAG_E0105, span, "brackets are nested deeper than %d", STREAM_DEPTH);
    diag_help(stream->lexer.sink, "give parts of the expression names with 'let' or 'fun'");
    stream_stop(stream);
}

static Token stream_end(const Stream *stream) {
    return (Token){.kind = TOKEN_END, .span = {stream->last.file, stream->last.end, stream->last.end}};
}

/* Keeps the stack of open brackets; gives `token` as the parser shall see it. */
static Token stream_take(Stream *stream, Token token) {
    const TokenInfo *info = &TOKEN_INFO[token.kind];
    stream->before = stream->depth;
    bool item = info->role == ROLE_ITEM && stream->in_fit && stream->depth == 1 &&
                (token.line_start || stream->last_kind == TOKEN_LBRACE);
    if (!stream->depth && info->role == ROLE_DECLARATION) stream->in_fit = token.kind == TOKEN_FIT;
    if ((!stream->depth && info->role == ROLE_DECLARATION) || item) {
        stream->declaration[1] = stream->declaration[0];
        stream->declaration[0] = token.kind;
        stream->declared = token.span.begin;
    }
    bool fresh = token.line_start && (!stream->depth || stream->open[stream->depth - 1].kind == TOKEN_LBRACE);
    if (fresh && token.kind == TOKEN_LPAREN) token.kind = TOKEN_LINE_LPAREN;
    if (fresh && token.kind == TOKEN_LBRACK) token.kind = TOKEN_LINE_LBRACK;
    if (fresh && token.kind == TOKEN_MINUS) token.kind = TOKEN_LINE_MINUS;
    if (info->role == ROLE_OPEN) {
        if (stream->depth == STREAM_DEPTH) {
            stream_depth_report(stream, token.span);
            return stream_end(stream);
        }
        token.interval = stream->last_kind == TOKEN_IN;
        stream->open[stream->depth++] = token;
    }
    if (info->role == ROLE_CLOSE) stream->depth--;
    stream->last = token.span;
    stream->last_kind = token.kind;
    return token;
}

/* The closing brackets that stream_close promised. */
static Token stream_inserted(Stream *stream) {
    Token token = {.kind = bracket_partner(stream->open[stream->depth - 1].kind), .inserted = true};
    token.span = (Span){stream->last.file, stream->last.end, stream->last.end};
    return stream_take(stream, token);
}

static Token stream_balanced(Stream *stream) {
    for (;;) {
        stream_errors_check(stream);
        if (stream->stopped) return stream_end(stream);
        if (stream->has_held && stream->depth > stream->closing) return stream_inserted(stream);
        Token token = stream->has_held ? stream->held : lexer_next(&stream->lexer);
        stream->has_held = false;
        uint32_t wanted = stream_depth_wanted(stream, &token);
        bool closes = TOKEN_INFO[token.kind].role == ROLE_CLOSE;
        if (wanted < stream->depth) {
            stream_close_report(stream, &token);
            stream->closing = wanted;
            stream->held = token;
            stream->has_held = true;
        } else if (closes && (!stream->depth || !bracket_closes(&stream->open[stream->depth - 1], token.kind))) {
            if (stream->panic) continue; /* it belongs to the construct whose error was reported */
            diag_report(stream->lexer.sink, DIAG_E0107, token.span, "this '%s' closes nothing",
                        TOKEN_INFO[token.kind].text);
            diag_help(stream->lexer.sink, "leave it out, or open it where it belongs");
        } else {
            return stream_take(stream, token);
        }
    }
}

/* Whether the parser can take up its work at `token`, given while it drops tokens. */
static bool stream_resumes(const Stream *stream, const Token *token) {
    const TokenInfo *info = &TOKEN_INFO[token->kind];
    if (stream->depth < stream->panic_depth) return true; /* the bracket around the error is closed */
    if (info->role == ROLE_DECLARATION) return !stream->depth && (!info->soft || token->line_start);
    return info->role == ROLE_ITEM && stream->depth && (!info->soft || token->line_start);
}

Token stream_next(Stream *stream) {
    for (;;) {
        Token token = stream_balanced(stream);
        if (!stream->panic || token.kind == TOKEN_END) return token;
        uint32_t deepest = stream->before > stream->depth ? stream->before : stream->depth;
        if (deepest > stream->panic_depth) continue;
        if (stream_resumes(stream, &token))
            stream->panic = false;
        else if (TOKEN_INFO[token.kind].soft)
            token.kind = TOKEN_NAME; /* in the midst of a line it is more likely a name than the start of something */
        return token;
    }
}

void stream_panic(Stream *stream, const Token *found) {
    stream->panic_depth = stream->before;
    stream->panic = !found->line_start || !stream_resumes(stream, found);
}

void stream_stop(Stream *stream) {
    stream->stopped = true;
}

/* Tokens, in two steps: the lexer (lexer.re) cuts the text, the stream (stream.c) tells where a line starts anew and
 * balances the brackets, so that the parser always sees matching pairs. Internal to lang/. */
#ifndef QTM_LANG_LEXER_H
#define QTM_LANG_LEXER_H

#include "lang/ast.h"

typedef enum TokenKind {
#define TOKEN(kind, text, role, soft) TOKEN_##kind,
#include "lang/tokens.def"
#undef TOKEN
    TOKEN_KIND_COUNT
} TokenKind;

typedef enum TokenRole {
    ROLE_VALUE,
    ROLE_OPERATOR,
    ROLE_OPEN,
    ROLE_CLOSE,
    ROLE_DECLARATION,
    ROLE_ITEM,
    ROLE_WORD,
    ROLE_MARK
} TokenRole;

typedef struct TokenInfo {
    const char *name; /* "LINE_LPAREN", for --emit=tokens */
    const char *text;
    TokenRole role;
    bool soft;
} TokenInfo;
extern const TokenInfo TOKEN_INFO[TOKEN_KIND_COUNT];

typedef struct Token {
    TokenKind kind;
    Span span;
    bool line_start; /* first token on its line */
    bool inserted;   /* a closing bracket that was missing in the text; already reported */
    bool interval;   /* an opening bracket behind `in`: (0, 1] may end in either */
    bool integer;    /* of a NUMBER: written without point or exponent */
    double number;
    const char *text; /* of a STRING, unescaped */
    const char *doc;  /* the "##" lines above, or NULL */
} Token;

enum { LEXER_WORDS = 512 };

typedef struct Lexer {
    uint8_t words[LEXER_WORDS]; /* TokenKind of a keyword by the hash of its text; 0 where none is */
    Arena *arena;
    DiagSink *sink;
    const SourceFile *file;
    uint32_t number; /* of the file */
    const char *cursor, *limit;
    VEC(Span) doc_lines;
    bool line_start;   /* no token yet on this line */
    bool line_empty;   /* neither token nor comment yet on this line */
    bool doc_detached; /* an empty line since the last doc line */
    bool any;          /* a token was given */
    bool after_number; /* it was a number */
    const char *module_doc;
} Lexer;

enum { STREAM_DEPTH = AST_MAX_HEIGHT, STREAM_ERRORS = 100 /* after which reading stops */ };

typedef struct Stream {
    Lexer lexer;
    Token open[STREAM_DEPTH]; /* brackets not closed yet */
    uint32_t depth;
    uint32_t closing; /* depth to come down to by inserted brackets before `held` is given */
    bool in_fit;      /* the last declaration was a fit, which may hold data sets of its own */
    bool has_held;
    Token held;
    TokenKind declaration[2]; /* the word that starts the present declaration or item of a fit, and the one before it */
    uint32_t declared;        /* where the present one starts */
    Span last;                /* of the last token given */
    TokenKind last_kind;
    uint32_t before; /* depth before the last token given */
    bool panic;      /* the parser drops tokens: bracketed groups deeper than panic_depth go at once */
    uint32_t panic_depth;
    size_t errors; /* in the sink at the start */
    bool stopped;  /* only END from here on */
} Stream;

void lexer_start(Lexer *lexer, Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink);
/* Reports what cannot be read; BAD is given for a character that was reported. */
Token lexer_next(Lexer *lexer);
/* Reports bytes that are no text, once; false when reading on makes no sense. */
bool lexer_text_check(SourceSet *sources, uint32_t file, DiagSink *sink);
/* What a string literal means; the span covers both quotes. */
const char *lexer_string(Lexer *lexer, Span span);
/* The keyword that the text is, or TOKEN_NAME. */
TokenKind lexer_word(const Lexer *lexer, const char *text, size_t length);
double lexer_number(Lexer *lexer, Span span);

void stream_start(Stream *stream, Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink);
Token stream_next(Stream *stream);
/* There was an error at the last token given, and the parser is about to drop tokens. */
void stream_panic(Stream *stream, const Token *found);
/* From here on only END. */
void stream_stop(Stream *stream);

#endif

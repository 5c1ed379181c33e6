/* The formatter: a text in its canonical layout, with the same tokens, comments and line breaks. It works on tokens,
 * their roles and brackets; of the tree it uses only where constructs begin and end, so new constructs need nothing
 * here. The parts share the tables below: format.c reads and prints, format_space.c decides about blanks between
 * tokens, format_table.c about columns, format_verify.c compares. Only format_text is for others. */
#ifndef QTM_LANG_FORMAT_H
#define QTM_LANG_FORMAT_H

#include "lang/lexer.h"

typedef enum FormatResult {
    FORMAT_DONE,
    FORMAT_ERRORS,  /* of syntax, reported to the sink */
    FORMAT_CHANGED, /* the result would mean something else: a fault of the formatter */
} FormatResult;

typedef struct FormatText {
    const char *text; /* NULL unless DONE */
    size_t length;
    uint32_t line; /* CHANGED: near which line of the source */
} FormatText;

FormatResult format_text(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink, FormatText *result);

/* ---- internal to lang/format*.c ---- */

enum { FORMAT_INDENT = 4, FORMAT_TAB = 8 /* of a tab in the source */, FORMAT_GAP = 4 /* widest between columns */ };
#define FORMAT_TOP UINT32_MAX /* the frame of what stands in no bracket */

typedef struct FormatToken {
    TokenKind kind;
    Span span;
    const char *doc;
    uint32_t line;    /* in FormatList.lines */
    uint32_t column;  /* in the source, from 0, in characters */
    uint32_t width;   /* in characters */
    uint32_t gap;     /* blanks before it in the source; 0 for the first on a line */
    uint32_t space;   /* blanks before it in the result */
    uint32_t out;     /* column in the result */
    uint32_t partner; /* of a bracket */
    uint32_t frame;   /* innermost bracket around it, or FORMAT_TOP */
    uint32_t reach;   /* last token of the largest construct that begins here */
    bool starts;      /* some construct begins here */
    bool unary;       /* a sign */
    bool first;       /* on its line */
    bool statement;   /* starts a declaration, an item, a field: it continues nothing */
} FormatToken;

typedef struct FormatLine {
    uint32_t first, count; /* tokens */
    bool blank;            /* an empty line before it */
    bool has_comment;
    Span comment;
    uint32_t comment_column; /* in the source */
    uint32_t comment_out;
    uint32_t indent, width; /* in the result, without the comment */
} FormatLine;

typedef struct FormatList {
    Arena *arena;
    const SourceFile *file;
    VEC(FormatToken) tokens;
    VEC(FormatLine) lines;
} FormatList;

/* Cuts the text; no line is without token and comment. Errors go to a sink of their own. */
void format_read(FormatList *list, Arena *arena, SourceSet *sources, uint32_t file);
/* Whether the token is a word: a name or a keyword. */
bool format_is_word(const FormatList *list, const FormatToken *token);
/* Whether the token is a keyword that is never a name. */
bool format_is_keyword(const FormatList *list, const FormatToken *token);
/* Whether the brace holds `name: value` pairs. */
bool format_is_record(const FormatList *list, uint32_t brace);
/* The blanks between tokens on a line: sets `space`. */
void format_space(FormatList *list);
/* Columns within neighbouring lines; changes `space`. */
void format_table(FormatList *list);
/* Columns of comments behind code, once the widths of lines are known. */
void format_comments(FormatList *list);
/* Whether both hold the same tokens on the same lines and the same comments; else *line says where not. */
bool format_same(const FormatList *a, const FormatList *b, uint32_t *line);
bool format_same_tree(const AstNode *a, const AstNode *b);

#endif

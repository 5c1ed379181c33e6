/* Reading, indentation and printing of the formatter; see format.h.
 *
 * A line keeps its place; only the blanks in it change. Inside of a bracket that ends its line, lines are indented by
 * four more than the line of the bracket; behind a bracket with something after it, they stand below that. A line that
 * continues the construct of the line above is indented by four more. */
#include "lang/format.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

typedef struct Reader {
    FormatList *list;
    uint32_t at, column;
    bool open;         /* the newest line is still being filled */
    bool empty, blank; /* no token or comment on the line yet; an empty line was seen */
} Reader;

static FormatLine *reader_line(Reader *reader) {
    FormatList *list = reader->list;
    if (!reader->open) {
        FormatLine line = {.first = (uint32_t)list->tokens.count, .blank = reader->blank && list->lines.count};
        VEC_PUSH(list->arena, &list->lines, line);
        reader->open = true;
        reader->blank = false;
    }
    reader->empty = false;
    return &list->lines.data[list->lines.count - 1];
}

static void reader_character(Reader *reader) {
    unsigned char byte = (unsigned char)reader->list->file->text[reader->at++];
    if (byte == '\t')
        reader->column += FORMAT_TAB - reader->column % FORMAT_TAB;
    else
        reader->column += (byte & 0xC0) != 0x80;
}

static void reader_newline(Reader *reader) {
    if (reader->empty) reader->blank = true;
    reader->open = false;
    reader->empty = true;
    reader->at++;
    reader->column = 0;
}

/* Up to the token at `end`: blanks, line ends, comments. */
static void reader_between(Reader *reader, uint32_t end) {
    const char *text = reader->list->file->text;
    while (reader->at < end) {
        if (text[reader->at] == '\n') {
            reader_newline(reader);
        } else if (text[reader->at] == '#') {
            FormatLine *line = reader_line(reader);
            line->has_comment = true;
            line->comment_column = reader->column;
            line->comment = (Span){0, reader->at, 0};
            while (reader->at < end && text[reader->at] != '\n') reader->at++;
            uint32_t last = reader->at;
            while (strchr(" \t\r\f", text[last - 1])) last--;
            line->comment.end = last;
        } else {
            reader_character(reader);
        }
    }
}

static void reader_token(Reader *reader, const Token *token) {
    FormatList *list = reader->list;
    uint32_t before = reader->column;
    bool first = reader->empty;
    reader_between(reader, token->span.begin);
    first = first || reader->empty;
    if (first) before = reader->column;
    FormatToken made = {.kind = token->kind, .span = token->span, .doc = token->doc, .first = first};
    FormatLine *line = reader_line(reader);
    line->count++;
    made.line = (uint32_t)list->lines.count - 1;
    made.column = reader->column;
    made.gap = reader->column - before;
    while (reader->at < token->span.end) reader_character(reader);
    made.width = reader->column - made.column;
    made.reach = (uint32_t)list->tokens.count;
    VEC_PUSH(list->arena, &list->tokens, made);
}

static void read_brackets(FormatList *list) {
    uint32_t frame = FORMAT_TOP;
    for (uint32_t i = 0; i < list->tokens.count; i++) {
        FormatToken *token = &list->tokens.data[i];
        TokenRole role = TOKEN_INFO[token->kind].role;
        if (role == ROLE_CLOSE && frame != FORMAT_TOP) {
            token->partner = frame;
            list->tokens.data[frame].partner = i;
            frame = list->tokens.data[frame].frame;
        }
        token->frame = frame;
        if (role == ROLE_OPEN) {
            token->partner = (uint32_t)list->tokens.count;
            frame = i;
        }
    }
}

void format_read(FormatList *list, Arena *arena, SourceSet *sources, uint32_t file) {
    *list = (FormatList){.arena = arena, .file = source_file(sources, file)};
    DiagSink sink = {.sources = sources};
    Reader reader = {.list = list, .empty = true};
    Stream *stream = ARENA_NEW(arena, Stream);
    stream_start(stream, arena, sources, file, &sink);
    reader.at = (uint32_t)(stream->lexer.cursor - list->file->text); /* behind a byte order mark */
    for (;;) {
        Token token = stream_next(stream);
        if (token.kind == TOKEN_END) break;
        if (!token.inserted) reader_token(&reader, &token);
    }
    reader_between(&reader, (uint32_t)list->file->length);
    read_brackets(list);
    diag_free(&sink);
}

bool format_is_word(const FormatList *list, const FormatToken *token) {
    char byte = list->file->text[token->span.begin];
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

bool format_is_keyword(const FormatList *list, const FormatToken *token) {
    return token->kind != TOKEN_NAME && token->kind != TOKEN_UNIT_NAME && !TOKEN_INFO[token->kind].soft &&
           format_is_word(list, token);
}

/* ---- what the tree tells ---- */

/* The first token that ends behind `offset`. */
static uint32_t token_at(const FormatList *list, uint32_t offset) {
    uint32_t low = 0, high = (uint32_t)list->tokens.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->tokens.data[middle].span.end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Notes where constructs begin and end. Lists, and blocks without braces of their own, are no constructs: what is in
 * them stands side by side. */
static void tree_note(FormatList *list, const AstNode *node) {
    if (!node) return;
    bool group = node->kind == AST_LIST || node->kind == AST_MODULE || node->kind == AST_BLOCK;
    if (node->span.end > node->span.begin && node->kind != AST_MODULE) {
        uint32_t begin = token_at(list, node->span.begin), end = token_at(list, node->span.end - 1);
        if (begin < list->tokens.count && end < list->tokens.count) {
            FormatToken *token = &list->tokens.data[begin];
            if (!group && end > token->reach) token->reach = end;
            if (node->kind != AST_LIST) token->starts = true;
            if (node->kind == AST_UNARY && node->op == AST_NEG) token->unary = true;
        }
    }
    for (uint32_t i = 0; i < node->count; i++) tree_note(list, node->kids[i]);
}

/* A token begins a statement unless a construct that began earlier inside the same bracket goes on beyond it. */
static void statements_find(FormatList *list) {
    uint32_t count = (uint32_t)list->tokens.count, *reach = ARENA_ARRAY(list->arena, uint32_t, (size_t)count + 1);
    uint32_t *top = reach + count;
    for (uint32_t i = 0; i < count; i++) {
        FormatToken *token = &list->tokens.data[i];
        uint32_t *now = token->frame == FORMAT_TOP ? top : &reach[token->frame];
        TokenKind around = token->frame == FORMAT_TOP ? TOKEN_LBRACE : list->tokens.data[token->frame].kind;
        bool closes = TOKEN_INFO[token->kind].role == ROLE_CLOSE;
        token->statement = !closes && around == TOKEN_LBRACE && *now < (i ? i : 1);
        if (token->reach > *now) *now = token->reach;
    }
}

/* ---- indentation ---- */

static bool is_hanging(const FormatList *list, uint32_t bracket) {
    return bracket + 1 < list->tokens.count && !list->tokens.data[bracket + 1].first;
}

static uint32_t frame_base(const FormatList *list, uint32_t frame) {
    if (frame == FORMAT_TOP) return 0;
    if (is_hanging(list, frame)) return list->tokens.data[frame + 1].out;
    return list->lines.data[list->tokens.data[frame].line].indent + FORMAT_INDENT;
}

static uint32_t line_indent(const FormatList *list, const FormatLine *line) {
    if (line->first >= list->tokens.count) return 0; /* comments at the end */
    const FormatToken *token = &list->tokens.data[line->first];
    if (TOKEN_INFO[token->kind].role == ROLE_CLOSE) {
        if (!line->count) return frame_base(list, token->partner);
        return list->lines.data[list->tokens.data[token->partner].line].indent;
    }
    TokenKind around = token->frame == FORMAT_TOP ? TOKEN_LBRACE : list->tokens.data[token->frame].kind;
    bool continues = around == TOKEN_LBRACE && !token->statement;
    return frame_base(list, token->frame) + (continues ? FORMAT_INDENT : 0);
}

static void layout(FormatList *list) {
    for (size_t i = 0; i < list->lines.count; i++) {
        FormatLine *line = &list->lines.data[i];
        line->indent = line->width = line_indent(list, line);
        for (uint32_t t = line->first; t < line->first + line->count; t++) {
            FormatToken *token = &list->tokens.data[t];
            token->out = line->width + (token->first ? 0 : token->space);
            line->width = token->out + token->width;
        }
    }
}

/* ---- printing ---- */

static void print_blanks(FILE *out, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) fputc(' ', out);
}

static void print_span(FILE *out, const FormatList *list, Span span) {
    fwrite(list->file->text + span.begin, 1, span.end - span.begin, out);
}

static void print_line(FILE *out, const FormatList *list, const FormatLine *line) {
    if (line->blank) fputc('\n', out);
    if (line->count) print_blanks(out, line->indent);
    for (uint32_t t = line->first; t < line->first + line->count; t++) {
        const FormatToken *token = &list->tokens.data[t];
        if (!token->first) print_blanks(out, token->space);
        print_span(out, list, token->span);
    }
    if (line->has_comment) {
        print_blanks(out, line->comment_out - (line->count ? line->width : 0));
        print_span(out, list, line->comment);
    }
    fputc('\n', out);
}

static bool print_text(const FormatList *list, FormatText *result) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) return false;
    for (size_t i = 0; i < list->lines.count; i++) print_line(out, list, &list->lines.data[i]);
    bool good = !ferror(out) && !fclose(out);
    if (good) {
        result->text = arena_string(list->arena, text, length);
        result->length = length;
    }
    free(text);
    return good;
}

/* Reads the result again: it must be the same model with the same comments. */
static bool check_result(const FormatList *list, const AstNode *tree, FormatText *result) {
    SourceSet sources = {0};
    Arena arena = {0};
    DiagSink sink = {.sources = &sources};
    uint32_t file = source_add(&sources, list->file->path, result->text, result->length);
    const AstNode *again = ast_parse(&arena, &sources, file, &sink);
    FormatList after;
    format_read(&after, &arena, &sources, file);
    result->line = 1;
    bool same = format_same(list, &after, &result->line) && !sink.errors && format_same_tree(tree, again);
    if (!same) result->text = NULL;
    arena_free(&arena);
    diag_free(&sink);
    source_free(&sources);
    return same;
}

FormatResult format_text(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink, FormatText *result) {
    *result = (FormatText){0};
    size_t errors = sink->errors;
    const AstNode *tree = ast_parse(arena, sources, file, sink);
    if (sink->errors > errors) return FORMAT_ERRORS;
    FormatList list;
    format_read(&list, arena, sources, file);
    tree_note(&list, tree);
    statements_find(&list);
    format_space(&list);
    format_table(&list);
    layout(&list);
    format_comments(&list);
    return print_text(&list, result) && check_result(&list, tree, result) ? FORMAT_DONE : FORMAT_CHANGED;
}

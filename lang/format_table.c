/* Columns. A row is the first line of a statement; rows on neighbouring lines of the same bracket form a table. Two
 * kinds of columns are kept where somebody set them apart by two blanks or more:
 *  - words and marks (`in`, `truth`, `=`, `over`, ...) of rows that start with the same keyword;
 *  - inside of braces, what follows the first word, in rows of different keywords that had it in one column.
 * The distance of a column is the smallest that was written, so that a table keeps its look and formatting twice
 * changes nothing. Comments behind code are a column of their own kind. */
#include "lang/format.h"

#include <string.h>

enum { TABLE_KEYS = 8, TABLE_TOKENS = 256 /* of a row; what comes later is in no column */ };
#define NOWHERE UINT32_MAX

typedef struct Row {
    uint32_t begin, end; /* tokens */
    uint32_t line, frame;
    bool follows;   /* it stands right below the row before it in `rows` of the same frame... */
    uint32_t above; /* ...which is this one */
    bool ends;      /* its statement ends with the line */
} Row;

typedef struct Key {
    uint32_t token; /* one of its tokens */
    uint32_t gap, rows, column;
} Key;

typedef struct Table {
    FormatList *list;
    VEC(Row) rows;
    uint32_t *last; /* newest row of each frame; that of the top behind the others */
    Key keys[TABLE_KEYS];
    uint32_t key_count;
} Table;

static const FormatToken *token_of(const Table *table, uint32_t i) {
    return &table->list->tokens.data[i];
}

/* ---- rows ---- */

/* Whether a statement of the row's frame cannot go on with token `i`. */
static bool row_ends_before(const Table *table, const Row *row, uint32_t i) {
    if (i == table->list->tokens.count) return true;
    const FormatToken *next = token_of(table, i);
    return next->frame == row->frame ? next->statement
                                     : TOKEN_INFO[next->kind].role == ROLE_CLOSE && next->partner == row->frame;
}

/* Whether the bracket around the row is closed between two tokens. */
static bool row_closed(const Table *table, const Row *row, uint32_t begin, uint32_t end) {
    return row->frame != FORMAT_TOP && token_of(table, row->frame)->partner >= begin &&
           token_of(table, row->frame)->partner < end;
}

/* The row ends before the next statement of its frame, and where the frame does. */
static void row_add(Table *table, uint32_t begin, uint32_t line_number) {
    FormatList *list = table->list;
    const FormatLine *line = &list->lines.data[line_number];
    Row row = {.begin = begin, .end = begin + 1, .line = line_number, .frame = token_of(table, begin)->frame};
    uint32_t behind = line->first + line->count;
    uint32_t most = behind - begin < TABLE_TOKENS ? behind : begin + TABLE_TOKENS;
    while (row.end < most && !row_ends_before(table, &row, row.end)) row.end++;
    row.ends = row_closed(table, &row, row.end, behind) || row_ends_before(table, &row, behind);
    uint32_t slot = row.frame == FORMAT_TOP ? (uint32_t)list->tokens.count : row.frame;
    row.above = table->last[slot];
    row.follows = row.above != NOWHERE && table->rows.data[row.above].ends;
    for (uint32_t i = row.follows ? table->rows.data[row.above].line + 1 : line_number; i <= line_number; i++)
        if (list->lines.data[i].blank) row.follows = false;
    table->last[slot] = (uint32_t)table->rows.count;
    VEC_PUSH(list->arena, &table->rows, row);
}

static void rows_find(Table *table) {
    FormatList *list = table->list;
    table->last = ARENA_ARRAY(list->arena, uint32_t, list->tokens.count + 1);
    for (size_t i = 0; i <= list->tokens.count; i++) table->last[i] = NOWHERE;
    for (uint32_t i = 0; i < list->lines.count; i++) {
        const FormatLine *line = &list->lines.data[i];
        for (uint32_t t = line->first; t < line->first + line->count; t++) {
            const FormatToken *token = token_of(table, t);
            bool opened = !token->first && token->frame == t - 1 && token_of(table, t - 1)->kind == TOKEN_LBRACE &&
                          token_of(table, token_of(table, t - 1)->partner)->line > i;
            if (token->statement && (token->first || opened)) row_add(table, t, i);
        }
    }
}

/* ---- columns of words and marks ---- */

static bool is_plain(const FormatList *list, const FormatToken *token) {
    return token->kind == TOKEN_NUMBER || token->kind == TOKEN_STRING ||
           (format_is_word(list, token) && !format_is_keyword(list, token));
}

static bool can_be_key(const Table *table, const Row *row, uint32_t i) {
    const FormatToken *token = token_of(table, i);
    if (token->frame != row->frame || token->space != 1) return false;
    if (i == row->begin + 1 && is_plain(table->list, token)) return false;
    TokenRole role = TOKEN_INFO[token->kind].role;
    return role != ROLE_OPERATOR && role != ROLE_CLOSE && token->kind != TOKEN_NUMBER && token->kind != TOKEN_COMMA;
}

static bool same_key(const Table *table, uint32_t a, uint32_t b) {
    const FormatToken *left = token_of(table, a), *right = token_of(table, b);
    if (left->kind != right->kind || left->kind == TOKEN_STRING) return left->kind == right->kind;
    uint32_t length = left->span.end - left->span.begin;
    const char *text = table->list->file->text;
    return length == right->span.end - right->span.begin &&
           memcmp(text + left->span.begin, text + right->span.begin, length) == 0;
}

static uint32_t key_of(const Table *table, const Row *row, uint32_t i) {
    if (!can_be_key(table, row, i)) return NOWHERE;
    for (uint32_t k = 0; k < table->key_count; k++)
        if (same_key(table, table->keys[k].token, i)) return k;
    return NOWHERE;
}

/* The key of token `i`, given to the first of several in a row only; `seen` has a bit a key. */
static uint32_t key_take(const Table *table, uint32_t *seen, const Row *row, uint32_t i) {
    uint32_t key = key_of(table, row, i);
    if (key == NOWHERE || *seen & (1u << key)) return NOWHERE;
    *seen |= 1u << key;
    return key;
}

/* A key is set apart by two blanks in some row, where it is the first of its kind. */
static void keys_find(Table *table, const uint32_t *run, uint32_t count) {
    table->key_count = 0;
    for (uint32_t r = 0; r < count; r++) {
        const Row *row = &table->rows.data[run[r]];
        for (uint32_t i = row->begin + 1; i < row->end && table->key_count < TABLE_KEYS; i++) {
            if (token_of(table, i)->gap < 2 || !can_be_key(table, row, i) || key_of(table, row, i) != NOWHERE) continue;
            bool first = true;
            for (uint32_t j = row->begin + 1; j < i && first; j++)
                first = !can_be_key(table, row, j) || !same_key(table, i, j);
            if (first) table->keys[table->key_count++] = (Key){.token = i, .gap = FORMAT_GAP};
        }
    }
    for (uint32_t r = 0; r < count; r++) {
        const Row *row = &table->rows.data[run[r]];
        uint32_t seen = 0;
        for (uint32_t i = row->begin + 1; i < row->end; i++) {
            uint32_t k = key_take(table, &seen, row, i);
            if (k == NOWHERE) continue;
            table->keys[k].rows++;
            if (token_of(table, i)->gap < table->keys[k].gap) table->keys[k].gap = token_of(table, i)->gap;
        }
    }
    for (uint32_t k = 0; k < table->key_count; k++)
        if (!table->keys[k].gap) table->keys[k].gap = 1;
}

/* Lays out one row; pushes columns to the right where they are too near, or with `set` moves the tokens. True when a
 * column moved. */
static bool row_lay(Table *table, const Row *row, bool set) {
    uint32_t at = token_of(table, row->begin)->width;
    bool moved = false;
    uint32_t seen = 0;
    for (uint32_t i = row->begin + 1; i < row->end; i++) {
        FormatToken *token = &table->list->tokens.data[i];
        uint32_t k = key_take(table, &seen, row, i), space = token->space;
        if (k != NOWHERE && table->keys[k].rows > 1) {
            Key *key = &table->keys[k];
            if (at + key->gap > key->column) {
                key->column = at + key->gap;
                moved = true;
            }
            space = key->column - at;
        }
        if (set) token->space = space;
        at += space + token->width;
    }
    return moved;
}

/* Columns in different orders in two rows have no place: after as many rounds as columns nothing may move. */
static void run_lay(Table *table, const uint32_t *run, uint32_t count) {
    keys_find(table, run, count);
    bool moved = table->key_count > 0;
    for (uint32_t round = 0; moved; round++) {
        if (round > table->key_count + 1) return;
        moved = false;
        for (uint32_t r = 0; r < count; r++) moved |= row_lay(table, &table->rows.data[run[r]], false);
    }
    if (!table->key_count) return;
    for (uint32_t r = 0; r < count; r++) row_lay(table, &table->rows.data[run[r]], true);
}

static bool same_keyword(const Table *table, const Row *a, const Row *b) {
    const FormatToken *left = token_of(table, a->begin), *right = token_of(table, b->begin);
    bool fixed =
        a->frame == FORMAT_TOP || format_is_keyword(table->list, left) || format_is_keyword(table->list, right);
    return !fixed || left->kind == right->kind;
}

/* ---- the column behind the first word ---- */

static bool has_second(const Table *table, const Row *row) {
    if (row->begin + 1 >= row->end) return false;
    const FormatToken *token = token_of(table, row->begin + 1);
    return token->frame == row->frame && token->space == 1 && is_plain(table->list, token);
}

static bool same_second(const Table *table, const Row *a, const Row *b) {
    if (a->frame == FORMAT_TOP || !has_second(table, a) || !has_second(table, b)) return false;
    const FormatToken *x = token_of(table, a->begin), *y = token_of(table, b->begin);
    return x[1].column - x->column == y[1].column - y->column;
}

static void second_lay(Table *table, const uint32_t *run, uint32_t count) {
    uint32_t gap = FORMAT_GAP, widest = 0;
    bool apart = false, mixed = false;
    for (uint32_t r = 0; r < count; r++) {
        const Row *row = &table->rows.data[run[r]];
        const FormatToken *token = token_of(table, row->begin);
        if (token[1].gap < gap) gap = token[1].gap;
        if (token->width > widest) widest = token->width;
        apart |= token[1].gap > 1;
        mixed |= !same_key(table, row->begin, table->rows.data[run[0]].begin);
    }
    if (!apart || !mixed) return;
    for (uint32_t r = 0; r < count; r++) {
        FormatToken *token = &table->list->tokens.data[table->rows.data[run[r]].begin];
        token[1].space = widest + gap - token->width;
    }
}

/* ---- runs ---- */

typedef bool JoinFunction(const Table *table, const Row *a, const Row *b);
typedef void LayFunction(Table *table, const uint32_t *run, uint32_t count);

/* Rows of one frame in a chain are joined as long as `join` holds; each run of two or more is laid out. */
static void runs_lay(Table *table, JoinFunction *join, LayFunction *lay) {
    uint32_t count = (uint32_t)table->rows.count, *below = ARENA_ARRAY(table->list->arena, uint32_t, count);
    uint32_t *run = ARENA_ARRAY(table->list->arena, uint32_t, count);
    bool *joined = ARENA_ARRAY(table->list->arena, bool, count);
    for (uint32_t i = 0; i < count; i++) below[i] = NOWHERE;
    for (uint32_t i = 0; i < count; i++) {
        const Row *row = &table->rows.data[i];
        if (!row->follows || !join(table, &table->rows.data[row->above], row)) continue;
        below[row->above] = i;
        joined[i] = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (joined[i] || below[i] == NOWHERE) continue;
        uint32_t length = 0;
        for (uint32_t r = i; r != NOWHERE; r = below[r]) run[length++] = r;
        lay(table, run, length);
    }
}

void format_table(FormatList *list) {
    Table table = {.list = list};
    rows_find(&table);
    runs_lay(&table, same_second, second_lay);
    runs_lay(&table, same_keyword, run_lay);
}

/* ---- comments behind code ---- */

static uint32_t comment_gap(const FormatList *list, const FormatLine *line) {
    const FormatToken *last = &list->tokens.data[line->first + line->count - 1];
    return line->comment_column - (last->column + last->width);
}

/* The lines from `begin` whose comments stand below each other; returns the line behind them. Lines of code without a
 * comment may stand between; a line that is only a comment belongs to it when it is right below. */
static size_t comment_group(const FormatList *list, size_t begin) {
    size_t end = begin + 1;
    for (size_t i = begin + 1; i < list->lines.count && !list->lines.data[i].blank; i++) {
        const FormatLine *line = &list->lines.data[i];
        if (!line->count && i > end) break;
        if (!line->has_comment) continue;
        if (line->comment_column != list->lines.data[begin].comment_column) break;
        end = i + 1;
    }
    return end;
}

void format_comments(FormatList *list) {
    for (size_t i = 0; i < list->lines.count; i++) {
        FormatLine *line = &list->lines.data[i];
        if (!line->count) line->comment_out = line->indent;
        if (!line->count || !line->has_comment) continue;
        uint32_t gap = UINT32_MAX, widest = 0;
        size_t end = comment_group(list, i);
        for (size_t j = i; j < end; j++) {
            const FormatLine *member = &list->lines.data[j];
            if (!member->count || !member->has_comment) continue;
            if (member->width > widest) widest = member->width;
            if (comment_gap(list, member) < gap) gap = comment_gap(list, member);
        }
        for (size_t j = i; j < end; j++) list->lines.data[j].comment_out = widest + (gap < 2 ? 2 : gap);
        i = end - 1;
    }
}

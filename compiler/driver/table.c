/* See table.h. */
#include "driver/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"

static Table *table_add(Table *into, const char *key, TableKind kind) {
    Table *part = ARENA_NEW(into->arena, Table);
    *part = (Table){.arena = into->arena, .kind = kind, .key = key};
    VEC_PUSH(into->arena, &into->parts, part);
    return part;
}

Table *table_new(Arena *arena) {
    Table *table = ARENA_NEW(arena, Table);
    *table = (Table){.arena = arena, .kind = TABLE_ROW};
    return table;
}

void table_text(Table *row, const char *key, const char *text) {
    if (text) table_add(row, key, TABLE_TEXT)->text = text;
}

void table_number(Table *row, const char *key, double number) {
    if (!isnan(number)) table_add(row, key, TABLE_NUMBER)->number = number;
}

void table_whole(Table *row, const char *key, int64_t number) {
    table_add(row, key, TABLE_WHOLE)->whole = number;
}

void table_truth(Table *row, const char *key, bool truth) {
    table_add(row, key, TABLE_TRUTH)->whole = truth;
}

Table *table_row(Table *into, const char *key) {
    return table_add(into, key, TABLE_ROW);
}

Table *table_list(Table *into, const char *key) {
    return table_add(into, key, TABLE_LIST);
}

/* The shortest text that reads back as the same number. */
static void print_number(FILE *out, double number, const char *quote) {
    char text[32];
    if (isinf(number)) {
        fprintf(out, "%s%sinf%s", quote, number < 0 ? "-" : "", quote);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, out);
}

static void json_indent(FILE *out, int depth) {
    fprintf(out, "\n%*s", 2 * depth, "");
}

static bool is_nested(const Table *table) {
    return table->kind == TABLE_LIST || table->kind == TABLE_ROW;
}

/* Lists of plain values stand on one line. */
static void json_print(FILE *out, const Table *table, int depth) {
    bool row = table->kind == TABLE_ROW, lines = row;
    switch (table->kind) {
    case TABLE_TEXT: diag_json_text(out, table->text); return;
    case TABLE_NUMBER: print_number(out, table->number, "\""); return;
    case TABLE_WHOLE: fprintf(out, "%lld", (long long)table->whole); return;
    case TABLE_TRUTH: fputs(table->whole ? "true" : "false", out); return;
    case TABLE_LIST:
    case TABLE_ROW: break;
    }
    for (size_t i = 0; i < table->parts.count; i++) lines |= is_nested(table->parts.data[i]);
    fputc(row ? '{' : '[', out);
    for (size_t i = 0; i < table->parts.count; i++) {
        if (i) fputs(lines ? "," : ", ", out);
        if (lines) json_indent(out, depth + 1);
        if (row) fprintf(out, "\"%s\": ", table->parts.data[i]->key);
        json_print(out, table->parts.data[i], depth + 1);
    }
    if (lines && table->parts.count) json_indent(out, depth);
    fputc(row ? '}' : ']', out);
}

void table_print_json(FILE *out, const Table *table) {
    json_print(out, table, 0);
    fputc('\n', out);
}

static bool is_plain(const Table *table) {
    for (size_t i = 0; table->kind == TABLE_LIST && i < table->parts.count; i++)
        if (is_nested(table->parts.data[i])) return false;
    return table->kind != TABLE_ROW;
}

static void text_value(FILE *out, const Table *table) {
    switch (table->kind) {
    case TABLE_NUMBER: print_number(out, table->number, ""); break;
    case TABLE_WHOLE: fprintf(out, "%lld", (long long)table->whole); break;
    case TABLE_TRUTH: fputs(table->whole ? "yes" : "no", out); break;
    case TABLE_LIST:
        for (size_t i = 0; i < table->parts.count; i++) {
            if (i) fputs(", ", out);
            text_value(out, table->parts.data[i]);
        }
        break;
    default: /* a text; line ends in it become blanks */
        for (const char *c = table->text; *c; c++) fputc(*c == '\n' ? ' ' : *c, out);
    }
}

static void text_rows(FILE *out, const Table *list, int depth);

/* The first plain field without its key, the others behind it, then what is nested. */
static void text_row(FILE *out, const Table *row, int depth) {
    fprintf(out, "%*s", 4 * depth, "");
    for (size_t i = 0; i < row->parts.count; i++) {
        const Table *part = row->parts.data[i];
        if (!is_plain(part) || (part->kind == TABLE_LIST && !part->parts.count)) continue;
        if (part->kind == TABLE_TRUTH) {
            if (part->whole) fprintf(out, "  %s", part->key);
            continue;
        }
        if (i) fprintf(out, "  %s ", part->key);
        text_value(out, part);
    }
    fputc('\n', out);
    for (size_t i = 0; i < row->parts.count; i++)
        if (!is_plain(row->parts.data[i])) text_rows(out, row->parts.data[i], depth + 1);
}

static void text_rows(FILE *out, const Table *list, int depth) {
    if (!list->parts.count) return;
    fprintf(out, "%*s%s:\n", 4 * depth, "", list->key);
    for (size_t i = 0; i < list->parts.count; i++) text_row(out, list->parts.data[i], depth + 1);
}

void table_print_text(FILE *out, const Table *table) {
    for (size_t i = 0; i < table->parts.count; i++) {
        const Table *part = table->parts.data[i];
        if (!is_plain(part)) {
            text_rows(out, part, 0);
        } else if (part->kind != TABLE_LIST || part->parts.count) {
            fprintf(out, "%s ", part->key);
            text_value(out, part);
            fputc('\n', out);
        }
    }
}

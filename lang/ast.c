/* Names of nodes, interning, and the printed form of the tree (--emit=ast): one node a line, children indented below.
 */
#include "lang/ast.h"

#include <stdlib.h>
#include <string.h>

static const char *const KIND_NAMES[AST_KIND_COUNT] = {
#define AST(kind, text, children) [AST_##kind] = (text),
#include "ast.def"
#undef AST
};

static const char *const OP_TEXTS[AST_OP_COUNT] = {
    [AST_ADD] = "+",   [AST_SUB] = "-", [AST_MUL] = "*",   [AST_DIV] = "/", [AST_POW] = "^", [AST_MATMUL] = "@",
    [AST_LT] = "<",    [AST_LE] = "<=", [AST_GT] = ">",    [AST_GE] = ">=", [AST_EQ] = "==", [AST_NE] = "!=",
    [AST_AND] = "and", [AST_OR] = "or", [AST_NOT] = "not", [AST_NEG] = "-",
};

const char *ast_kind_name(AstKind kind) {
    return KIND_NAMES[kind];
}
const char *ast_op_text(AstOp op) {
    return OP_TEXTS[op];
}

/* The names of one arena: open addressing, grown at two thirds. */
typedef struct NameTable {
    const char **slots;
    size_t count, size;
} NameTable;

static size_t name_hash(const char *text, size_t length) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)hash;
}

static size_t name_slot(const NameTable *table, const char *text, size_t length) {
    size_t slot = name_hash(text, length) & (table->size - 1);
    while (table->slots[slot] && (strncmp(table->slots[slot], text, length) != 0 || table->slots[slot][length]))
        slot = (slot + 1) & (table->size - 1);
    return slot;
}

static void name_table_grow(Arena *arena, NameTable *table) {
    NameTable grown = {.size = table->size ? 2 * table->size : 256, .count = table->count};
    grown.slots = ARENA_ARRAY(arena, const char *, grown.size);
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i]) grown.slots[name_slot(&grown, table->slots[i], strlen(table->slots[i]))] = table->slots[i];
    *table = grown;
}

const char *ast_intern(Arena *arena, const char *text, size_t length) {
    if (!arena->names) arena->names = ARENA_NEW(arena, NameTable);
    NameTable *table = arena->names;
    if (3 * table->count >= 2 * table->size) name_table_grow(arena, table);
    size_t slot = name_slot(table, text, length);
    if (!table->slots[slot]) {
        table->slots[slot] = arena_string(arena, text, length);
        table->count++;
    }
    return table->slots[slot];
}

static void print_quoted(FILE *out, const char *label, const char *text) {
    if (!text) return;
    fprintf(out, "%s\"", label);
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\t')
            fputs("\\t", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

/* With as few digits as read back to the same number. */
static void print_number(FILE *out, double number) {
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fprintf(out, " %s", text);
}

/* What the flag of a node means, where it has one. */
static const char *flag_text(const AstNode *node) {
    switch (node->kind) {
    case AST_WEIGHT: return node->flag ? " ~" : " =";
    case AST_PARAM: return node->flag ? " fixed" : "";
    case AST_DENSITY: return node->flag ? " xsec" : "";
    case AST_COLUMN: return node->flag ? " %" : "";
    case AST_VARIABLE:
    case AST_RANGE: return node->flag ? " on log" : "";
    case AST_DOMAIN: return (const char *const[]){"", " [)", " (]", " []"}[(int)node->number];
    default: return "";
    }
}

static void print_node(FILE *out, const AstNode *node, int indent) {
    fprintf(out, "%*s", indent, "");
    if (!node) {
        fputs("-\n", out);
        return;
    }
    fputs(ast_kind_name(node->kind), out);
    if (node->name) fprintf(out, " %s", node->name);
    if (node->kind == AST_NUMBER) print_number(out, node->number);
    if (node->kind == AST_UNARY || node->kind == AST_BINARY) fprintf(out, " %s", ast_op_text(node->op));
    fputs(flag_text(node), out);
    print_quoted(out, " ", node->text);
    print_quoted(out, " doc ", node->doc);
    fputc('\n', out);
    uint32_t count = node->count; /* what is absent at the end is left out */
    while (count && !node->kids[count - 1]) count--;
    for (uint32_t i = 0; i < count; i++) print_node(out, node->kids[i], indent + 2);
}

void ast_print(FILE *out, const AstNode *node) {
    print_node(out, node, 0);
}

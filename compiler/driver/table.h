/* A tree of named values that is printed as JSON or as text for people: what `qtmc info` tells. A field is added by one
 * line where the tree is made; both printed forms follow. */
#ifndef QTMC_DRIVER_TABLE_H
#define QTMC_DRIVER_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "support/arena.h"

typedef enum TableKind { TABLE_TEXT, TABLE_NUMBER, TABLE_WHOLE, TABLE_TRUTH, TABLE_LIST, TABLE_ROW } TableKind;

typedef struct Table Table;
struct Table {
    Arena *arena;
    TableKind kind;
    const char *key; /* in a ROW */
    const char *text;
    double number;
    int64_t whole;
    VEC(Table *) parts; /* of a LIST or ROW */
};

Table *table_new(Arena *arena);
/* Fields of a row; an absent text, and a number that is none, are left out. In a list the key is NULL. */
void table_text(Table *row, const char *key, const char *text);
void table_number(Table *row, const char *key, double number);
void table_whole(Table *row, const char *key, int64_t number);
void table_truth(Table *row, const char *key, bool truth);
Table *table_row(Table *into, const char *key);
Table *table_list(Table *into, const char *key);

/* Infinite numbers are printed as the strings "inf" and "-inf". */
void table_print_json(FILE *out, const Table *table);
/* A line a row; lists of rows are indented below. Empty lists are left out. */
void table_print_text(FILE *out, const Table *table);

#endif

/* What a table of text says of itself before its rows: the names of its columns and how many rows there are. For
 * runtime/io only. **Local** */
#ifndef QTM_IO_TABLE_NAMES_H
#define QTM_IO_TABLE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/status.h"
#include "runtime/io/table_line.h"

struct qtm_names {
    const char *path;
    char **name; /* [count] */
    int64_t count, capacity;
    int64_t rows, columns; /* NData and NColumn of a namelist, else -1 */
    /* The namelist section being read: its name, "" outside of one, its line, and the key before the last =. */
    char section[64], key[64];
    int64_t line;
    char *comment; /* the last comment line, which may turn out to be the header */
};

void qtm_names_start(struct qtm_names *names, const char *path);
void qtm_names_free(struct qtm_names *names);

/* Takes a line that is no row: part of a namelist section (from &NAME to &End or /), a comment, a blank line, or the
 * header. False when the line is the first row, or any line after it that is no comment. */
qtm_status qtm_names_take(struct qtm_names *names, const char *line, int64_t number, bool rows_begun, bool *taken);
/* At the first row, which has `columns` words: a comment with as many words right before it is the header; checks
 * counts. */
qtm_status qtm_names_finish(struct qtm_names *names, int64_t columns);

/* The names for a message, the middle left out where they are many. */
void qtm_names_list(const struct qtm_names *names, char *list, size_t size);
/* Place of a column, or -1. */
int64_t qtm_names_find(const struct qtm_names *names, const char *name);
/* "; did you mean 'x'?" or "". Static, per thread. */
const char *qtm_names_suggest(const struct qtm_names *names, const char *name);

#endif

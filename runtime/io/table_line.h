/* Lines, words and numbers of a text file that is read once from front to back, however long it is. For runtime/io
 * only. **Local** */
#ifndef QTM_IO_TABLE_LINE_H
#define QTM_IO_TABLE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/core/status.h"

struct qtm_lines {
    const char *path;
    FILE *stream;
    char *buffer;
    size_t capacity, begin, end; /* buffer[begin, end) is still to be given out */
    bool over;                   /* nothing left to read from the stream */
    int64_t number;              /* of the line given out last, from 1 */
};

/* Opens the file, or says what it is when its first bytes are those of a compressed or another known binary file. */
qtm_status qtm_lines_open(struct qtm_lines *lines, const char *path);
/* The next line without its end, NUL behind it, valid until the next call; NULL after the last. A NUL in it, or a line
 * of more than 64 MiB, is an error. */
qtm_status qtm_lines_next(struct qtm_lines *lines, char **line);
void qtm_lines_close(struct qtm_lines *lines); /* fine on a zeroed struct */

struct qtm_word {
    const char *text;
    size_t length;
    bool empty; /* nothing between two commas or semicolons, or behind the last */
};
/* The next word of a line: words are parted by blanks, one comma or one semicolon; quotes '..' and ".." are taken off.
 * False at the end, and where # or ! begins a comment. *comma keeps what was in between; start with false. */
bool qtm_word_next(const char **at, bool *comma, struct qtm_word *word);
int64_t qtm_words_count(const char *line);

enum qtm_numeral { QTM_NUMERAL, QTM_NUMERAL_NOT_FINITE, QTM_NUMERAL_NONE };
/* A decimal number as C and Fortran write it, 1.5, .5e-3, 1.5D+03, to the nearest double. NOT_FINITE: nan, inf, or too
 * large. */
enum qtm_numeral qtm_word_number(const struct qtm_word *word, double *value);

#endif

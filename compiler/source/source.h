/* Source files and the spans that point into them. Every node, operation and message carries a Span. */
#ifndef QTMC_SOURCE_SOURCE_H
#define QTMC_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"

/* Half-open byte range [begin, end) in file number `file` of the SourceSet. {0,0,0} means "nowhere": file 0 is no file.
 */
typedef struct Span {
    uint32_t file, begin, end;
} Span;

typedef struct SourceFile {
    const char *path; /* as given by the user or found on the search path */
    const char *text; /* NUL-terminated; may hold further NULs */
    size_t length;
    uint32_t *line_begin; /* offset of each line's first byte */
    size_t line_count;
} SourceFile;

typedef struct SourceSet {
    Arena arena;
    VEC(SourceFile) files;     /* file numbers start at 1: files.data[number - 1] */
    VEC(const char *) folders; /* the search path: where modules are looked for when they are not beside their user */
} SourceSet;

/* Reads a file; returns its number, or 0 with *reason set to a static or arena text (missing, a directory, too large).
 */
uint32_t source_read(SourceSet *set, const char *path, const char **reason);
/* Whether there is anything by that name. */
bool source_exists(const char *path);
/* Adds text as if it were a file. */
uint32_t source_add(SourceSet *set, const char *path, const char *text, size_t length);
const SourceFile *source_file(const SourceSet *set, uint32_t number);
/* Line and column of a byte offset, both from 1; the column counts UTF-8 characters. */
void source_position(const SourceFile *file, uint32_t offset, uint32_t *line, uint32_t *column);
/* Smallest span that covers both; either may be nowhere. */
Span span_join(Span a, Span b);
void source_free(SourceSet *set);

#endif

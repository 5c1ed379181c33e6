/* Reading of source files and the way from byte offsets to lines and columns; see source.h. Files larger than 16 MiB
 * are refused: offsets stay far from the 32-bit limit and no model written by a person comes near it. */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SOURCE_LIMIT = 16 * 1024 * 1024, SOURCE_CHUNK = 64 * 1024 };

static void source_lines_find(SourceSet *set, SourceFile *file) {
    size_t count = 1;
    for (size_t i = 0; i < file->length; i++) count += file->text[i] == '\n';
    file->line_begin = ARENA_ARRAY(&set->arena, uint32_t, count);
    file->line_count = count;
    size_t line = 1;
    for (size_t i = 0; i < file->length; i++)
        if (file->text[i] == '\n') file->line_begin[line++] = (uint32_t)(i + 1);
}

static uint32_t source_append(SourceSet *set, const char *path, char *text, size_t length) {
    SourceFile file = {.path = arena_string(&set->arena, path, strlen(path)), .text = text, .length = length};
    source_lines_find(set, &file);
    VEC_PUSH(&set->arena, &set->files, file);
    return (uint32_t)set->files.count;
}

/* Reads to the end of the stream; NULL with *reason set when that fails or the file is too large. */
static char *source_stream_read(SourceSet *set, FILE *stream, size_t *length, const char **reason) {
    VEC(char) text = {0};
    size_t got;
    do {
        if (text.capacity - text.count < SOURCE_CHUNK + 1)
            text.data =
                arena_grow(&set->arena, text.data, text.count, &text.capacity, text.count + SOURCE_CHUNK + 1, 1);
        got = fread(text.data + text.count, 1, SOURCE_CHUNK, stream);
        text.count += got;
        if (text.count > SOURCE_LIMIT) {
            *reason = "it is larger than 16 MiB, which no model needs to be";
            return NULL;
        }
    } while (got == SOURCE_CHUNK);
    if (ferror(stream)) {
        *reason = arena_format(&set->arena, "%s", strerror(errno));
        return NULL;
    }
    text.data[text.count] = '\0';
    *length = text.count;
    return text.data;
}

uint32_t source_read(SourceSet *set, const char *path, const char **reason) {
    struct stat status;
    FILE *stream = fopen(path, "rb");
    if (!stream || fstat(fileno(stream), &status) != 0) {
        *reason = errno == ENOENT ? "no such file" : arena_format(&set->arena, "%s", strerror(errno));
        if (stream) fclose(stream);
        return 0;
    }
    size_t length = 0;
    char *text = NULL;
    if (S_ISDIR(status.st_mode))
        *reason = "it is a directory";
    else
        text = source_stream_read(set, stream, &length, reason);
    fclose(stream);
    return text ? source_append(set, path, text, length) : 0;
}

bool source_exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0;
}

uint32_t source_add(SourceSet *set, const char *path, const char *text, size_t length) {
    return source_append(set, path, arena_string(&set->arena, text, length), length);
}

const SourceFile *source_file(const SourceSet *set, uint32_t number) {
    return number >= 1 && number <= set->files.count ? &set->files.data[number - 1] : NULL;
}

void source_position(const SourceFile *file, uint32_t offset, uint32_t *line, uint32_t *column) {
    if (offset > file->length) offset = (uint32_t)file->length;
    size_t low = 0, high = file->line_count; /* line_begin[low] <= offset < line_begin[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (file->line_begin[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    uint32_t characters = 0;
    for (uint32_t i = file->line_begin[low]; i < offset; i++)
        characters += ((unsigned char)file->text[i] & 0xC0) != 0x80; /* all but continuation bytes */
    *line = (uint32_t)low + 1;
    *column = characters + 1;
}

Span span_join(Span a, Span b) {
    if (!a.file) return b;
    if (!b.file || a.file != b.file) return a;
    if (b.begin < a.begin) a.begin = b.begin;
    if (b.end > a.end) a.end = b.end;
    return a;
}

void source_free(SourceSet *set) {
    arena_free(&set->arena);
    *set = (SourceSet){0};
}

/* Arena: a list of blocks, each at least 64 KiB; see arena.h. */
#include "support/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 64 * 1024, ARENA_ALIGN = 16 };

struct ArenaBlock {
    ArenaBlock *next;
    size_t used, size;
    _Alignas(ARENA_ALIGN) char data[];
};

void *arena_alloc(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) bytes = SIZE_MAX / 2;
    bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    ArenaBlock *block = arena->block;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        block = calloc(1, sizeof *block + size);
        if (!block) {
            fprintf(stderr, "qtmc: out of memory (%zu bytes wanted)\n", bytes);
            exit(1);
        }
        block->size = size;
        block->next = arena->block;
        arena->block = block;
    }
    void *memory = block->data + block->used;
    block->used += bytes;
    return memory;
}

void *arena_copy(Arena *arena, const void *data, size_t bytes) {
    void *copy = arena_alloc(arena, bytes);
    if (bytes) memcpy(copy, data, bytes);
    return copy;
}

char *arena_string(Arena *arena, const char *text, size_t length) {
    char *copy = arena_alloc(arena, length + 1);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *arena_vformat(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_format(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vformat(arena, format, args);
    va_end(args);
    return text;
}

void *arena_grow(Arena *arena, void *data, size_t count, size_t *capacity, size_t wanted, size_t size) {
    size_t next = *capacity ? *capacity * 2 : 8;
    while (next < wanted) next *= 2;
    void *grown = arena_alloc(arena, next * size);
    if (count) memcpy(grown, data, count * size);
    *capacity = next;
    return grown;
}

void arena_free(Arena *arena) {
    for (ArenaBlock *block = arena->block; block;) {
        ArenaBlock *next = block->next;
        free(block);
        block = next;
    }
    arena->block = NULL;
    arena->names = NULL;
}

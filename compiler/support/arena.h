/* Bump allocation by lifetime: everything in an arena is released at once, nothing one by one.
 * Memory comes back zeroed. Running out of memory ends the process with a message: a compiler has
 * nothing better to do. */
#ifndef QTMC_SUPPORT_ARENA_H
#define QTMC_SUPPORT_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct ArenaBlock ArenaBlock;
typedef struct Arena {
    ArenaBlock *block; /* newest first */
    void *names;       /* table of interned names (lang/ast.c), itself in the arena; NULL until the first */
} Arena;

/* Returns `bytes` of zeroed memory aligned to 16. */
void *arena_alloc(Arena *arena, size_t bytes);
/* Copies `bytes` from `data`. */
void *arena_copy(Arena *arena, const void *data, size_t bytes);
/* Copies `length` characters and adds a NUL. */
char *arena_string(Arena *arena, const char *text, size_t length);
/* sprintf into the arena. */
char *arena_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vformat(Arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0), nonnull(2)));
/* Grows an array of `size`-byte elements in place or by a copy, to hold at least `wanted`; used by VEC_PUSH. */
void *arena_grow(Arena *arena, void *data, size_t count, size_t *capacity, size_t wanted, size_t size);
void arena_free(Arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (size_t)(count)))

/* A growable array of T in an arena: struct { T *data; size_t count, capacity; }. */
#define VEC(T)                                                                                                         \
    struct {                                                                                                           \
        T *data;                                                                                                       \
        size_t count, capacity;                                                                                        \
    }
#define VEC_PUSH(arena, vec, value)                                                                                    \
    do {                                                                                                               \
        if ((vec)->count == (vec)->capacity)                                                                           \
            (vec)->data = arena_grow((arena), (vec)->data, (vec)->count, &(vec)->capacity, (vec)->count + 1,           \
                                     sizeof *(vec)->data);                                                             \
        (vec)->data[(vec)->count++] = (value);                                                                         \
    } while (0)

#endif

/* Runs the system's C compiler. */
#ifndef QTMC_DRIVER_LINK_H
#define QTMC_DRIVER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "support/arena.h"

typedef struct LinkChild {
    pid_t pid; /* 0: could not be started, which was said */
} LinkChild;

/* Starts to compile the descriptor and comes back at once. */
LinkChild link_compile_start(Arena *arena, const char *root, const char *descriptor, const char *object);
/* Waits for it. False after a message. */
bool link_compile_finish(LinkChild child);
/* Links objects with the runtime into an executable. False after a message. */
bool link_executable(Arena *arena, const char *root, const char *const *objects, size_t count, const char *executable);
/* Joins objects into one relocatable object. False after a message. */
bool link_objects(Arena *arena, const char *const *objects, size_t count, const char *object);

#endif

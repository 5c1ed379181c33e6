/* Runs the system's C compiler. */
#ifndef QTMC_DRIVER_LINK_H
#define QTMC_DRIVER_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "support/arena.h"

/* Compiles the descriptor and links it with the objects and the runtime into an executable. False after a message. */
bool link_executable(Arena *arena, const char *root, const char *descriptor, const char *const *objects, size_t count,
                     const char *executable);
/* Joins objects into one relocatable object. False after a message. */
bool link_objects(Arena *arena, const char *const *objects, size_t count, const char *object);

#endif

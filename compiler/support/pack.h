/* Texts made smaller for the executables that carry them: runs of bytes that stood among the last 65535 are written as
 * where and how long. */
#ifndef QTMC_SUPPORT_PACK_H
#define QTMC_SUPPORT_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "support/arena.h"

unsigned char *pack_bytes(Arena *arena, const char *text, size_t length, size_t *packed);
/* Fills `text` with its `length` bytes; false where the packed bytes are not those of such a text. */
bool pack_restore(const unsigned char *packed, size_t bytes, char *text, size_t length);

#endif

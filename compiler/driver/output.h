/* Files that are either whole or not there: written in a private folder beside their destination, then renamed. */
#ifndef QTMC_DRIVER_OUTPUT_H
#define QTMC_DRIVER_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "support/arena.h"

typedef struct OutputFolder {
    Arena *arena;
    char *path; /* a new folder in the destination's folder, or in the system's temporary one */
    VEC(const char *) files;
} OutputFolder;

/* `destination` may be NULL. False after a message. */
bool output_open(OutputFolder *folder, Arena *arena, const char *destination);
/* Path of a file in the folder, which is removed with it. */
const char *output_file(OutputFolder *folder, const char *name);
/* Moves a file to where it belongs. False after a message. */
bool output_move(const char *from, const char *destination);
/* Removes the folder and what is left in it. */
void output_close(OutputFolder *folder);
/* Closes a stream that was written to; false after a message when anything could not be written. */
bool output_finish(FILE *stream, const char *name);

#endif

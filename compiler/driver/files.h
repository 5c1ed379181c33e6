/* The model files that the words of a command line mean: files as they are, folders as the .qtm files in them. */
#ifndef QTMC_DRIVER_FILES_H
#define QTMC_DRIVER_FILES_H

#include <stdbool.h>

#include "driver/messages.h"
#include "support/arena.h"

typedef struct FileList {
    VEC(const char *) paths;
    bool folders; /* one of the words was a folder */
} FileList;

/* Adds `path`, or every .qtm file below it in the order of names when it is a folder. Hidden files and folders and
 * links to folders are passed over, so that no folder is met twice; a link to nothing is kept, for its reader to say
 * so. False after a message. */
bool files_add(FileList *list, Arena *arena, Messages *messages, const char *path);

#endif

/* The model files that the words of a command line mean: files as they are, folders as the .qtm files in them. */
#ifndef QTMC_DRIVER_FILES_H
#define QTMC_DRIVER_FILES_H

#include <stdbool.h>

#include "support/arena.h"

typedef struct FileList {
    VEC(const char *) paths;
} FileList;

/* Adds `path`, or every .qtm file below it in the order of names when it is a folder. Hidden files and folders and
 * links to folders are passed over. False after a message on standard error. */
bool files_add(FileList *list, Arena *arena, const char *path);

#endif

/* Walks folders for model files; see files.h. */
#include "driver/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_DEPTH = 64 };

static bool is_model(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".qtm") == 0;
}

static bool complain(const char *path, const char *reason) {
    fprintf(stderr, "qtmc: cannot read %s: %s\n", path, reason);
    return false;
}

static bool folder_add(FileList *list, Arena *arena, const char *folder, int depth);

static bool entry_add(FileList *list, Arena *arena, const char *folder, const char *name, int depth) {
    if (name[0] == '.') return true;
    bool slash = folder[strlen(folder) - 1] == '/';
    const char *path = arena_format(arena, "%s%s%s", folder, slash ? "" : "/", name);
    struct stat status;
    if (lstat(path, &status)) return complain(path, strerror(errno));
    if (S_ISDIR(status.st_mode)) return folder_add(list, arena, path, depth + 1);
    if (is_model(name) && !stat(path, &status) && S_ISREG(status.st_mode)) VEC_PUSH(arena, &list->paths, path);
    return true;
}

static bool folder_add(FileList *list, Arena *arena, const char *folder, int depth) {
    if (depth > FILES_DEPTH) return complain(folder, "folders are nested too deep");
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) return complain(folder, strerror(errno));
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = entry_add(list, arena, folder, entries[i]->d_name, depth) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}

bool files_add(FileList *list, Arena *arena, const char *path) {
    struct stat status;
    if (!stat(path, &status) && S_ISDIR(status.st_mode)) {
        size_t before = list->paths.count;
        if (!folder_add(list, arena, path, 0)) return false;
        return list->paths.count > before || complain(path, "there is no .qtm file in it");
    }
    VEC_PUSH(arena, &list->paths, path);
    return true;
}

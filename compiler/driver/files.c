/* Walks folders for model files; see files.h. */
#include "driver/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_DEPTH = 64 };

static bool is_model(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".qtm") == 0;
}

typedef struct Walk {
    FileList *list;
    Arena *arena;
    Messages *messages;
} Walk;

static bool complain(const Walk *walk, const char *path, const char *reason, const char *help) {
    DiagSink sink = {0};
    diag_report(&sink, DIAG_E0001, (Span){0}, "cannot read %s: %s", path, reason);
    diag_help(&sink, "%s", help);
    messages_print(walk->messages, &sink);
    diag_free(&sink);
    return false;
}

static bool folder_add(const Walk *walk, const char *folder, int depth);

static bool entry_add(const Walk *walk, const char *folder, const char *name, int depth) {
    if (name[0] == '.') return true;
    bool slash = folder[strlen(folder) - 1] == '/';
    const char *path = arena_format(walk->arena, "%s%s%s", folder, slash ? "" : "/", name);
    struct stat status;
    if (lstat(path, &status)) return complain(walk, path, strerror(errno), "ask for the right to read the folder");
    if (S_ISDIR(status.st_mode)) return folder_add(walk, path, depth + 1);
    if (is_model(name) && (stat(path, &status) || S_ISREG(status.st_mode)))
        VEC_PUSH(walk->arena, &walk->list->paths, path);
    return true;
}

static bool folder_add(const Walk *walk, const char *folder, int depth) {
    if (depth > FILES_DEPTH) return complain(walk, folder, "folders are nested too deep", "name the folder itself");
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) return complain(walk, folder, strerror(errno), "ask for the right to read the folder");
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = entry_add(walk, folder, entries[i]->d_name, depth) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}

bool files_add(FileList *list, Arena *arena, Messages *messages, const char *path) {
    Walk walk = {list, arena, messages};
    struct stat status;
    if (!stat(path, &status) && S_ISDIR(status.st_mode)) {
        size_t before = list->paths.count;
        list->folders = true;
        if (!folder_add(&walk, path, 0)) return false;
        return list->paths.count > before ||
               complain(&walk, path, "no model is in this folder", "a model's file has a name that ends in .qtm");
    }
    VEC_PUSH(arena, &list->paths, path);
    return true;
}

/* qtmc check: everything that can be known about a model before it is compiled. A folder stands for every *.qtm below
 * it, in the order of their names; links to folders are not followed, so that no folder is met twice. */
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/session.h"

typedef struct Found {
    VEC(const char *) paths;
    Arena arena;
    size_t bad; /* files and folders that could not be read, models with errors */
} Found;

static void check_complain(const Options *options, const char *path, const char *reason, const char *help) {
    DiagSink sink = {0};
    diag_report(&sink, DIAG_E0001, (Span){0}, "cannot read %s: %s", path, reason);
    diag_help(&sink, "%s", help);
    messages_print(options->messages, &sink);
    diag_free(&sink);
}

static int check_compare(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Whether the walk met a model; a link counts unless it leads to a folder. */
static bool check_is_model(const FTSENT *entry) {
    struct stat status;
    size_t length = strlen(entry->fts_name);
    if (length < 5 || strcmp(entry->fts_name + length - 4, ".qtm") != 0) return false;
    if (entry->fts_info != FTS_SL && entry->fts_info != FTS_SLNONE) return entry->fts_info == FTS_F;
    return stat(entry->fts_path, &status) || S_ISREG(status.st_mode);
}

static void check_folder(const Options *options, Found *found, const char *folder) {
    char *roots[] = {arena_string(&found->arena, folder, strlen(folder)), NULL};
    size_t before = found->paths.count, bad = found->bad;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, check_compare);
    for (FTSENT *entry; walk && (entry = fts_read(walk));) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR) {
            check_complain(options, entry->fts_path, strerror(entry->fts_errno),
                           "ask for the right to read the folder");
            found->bad++;
        } else if (check_is_model(entry)) {
            VEC_PUSH(&found->arena, &found->paths, arena_string(&found->arena, entry->fts_path, entry->fts_pathlen));
        }
    }
    if (walk) fts_close(walk);
    if (found->paths.count > before || found->bad > bad) return;
    check_complain(options, folder, walk ? "no model is in this folder" : strerror(errno),
                   "a model's file has a name that ends in .qtm");
    found->bad++;
}

static bool check_file(const Options *options, const char *path) {
    Session session;
    bool good = session_open(&session, options, path) && !session_run(&session, PASS_SEMA);
    session_close(&session);
    return good;
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

int command_check(const Options *options) {
    Found found = {0};
    bool folders = false;
    for (size_t i = 0; i < options->files.count; i++) {
        const char *path = options->files.data[i];
        struct stat status;
        bool folder = !stat(path, &status) && S_ISDIR(status.st_mode);
        if (folder)
            check_folder(options, &found, path);
        else
            VEC_PUSH(&found.arena, &found.paths, path);
        folders |= folder;
    }
    for (size_t i = 0; i < found.paths.count; i++) found.bad += !check_file(options, found.paths.data[i]);
    const Messages *said = options->messages;
    if ((folders || found.paths.count > 1) && !said->json)
        fprintf(stderr, "checked %zu model%s: %zu error%s, %zu warning%s\n", found.paths.count,
                plural(found.paths.count), said->errors, plural(said->errors), said->warnings, plural(said->warnings));
    arena_free(&found.arena);
    return found.bad ? 1 : 0;
}

/* qtmc check: everything that can be known about models before they are compiled; folders as driver/files.h says. */
#include "driver/files.h"
#include "driver/session.h"

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
    Arena arena = {0};
    FileList list = {0};
    size_t bad = 0; /* words that could not be read, models with errors */
    for (size_t i = 0; i < options->files.count; i++)
        bad += !files_add(&list, &arena, options->messages, options->files.data[i]);
    for (size_t i = 0; i < list.paths.count; i++) bad += !check_file(options, list.paths.data[i]);
    const Messages *said = options->messages;
    if ((list.folders || list.paths.count > 1) && !said->json)
        fprintf(stderr, "checked %zu model%s: %zu error%s, %zu warning%s\n", list.paths.count, plural(list.paths.count),
                said->errors, plural(said->errors), said->warnings, plural(said->warnings));
    arena_free(&arena);
    return bad ? 1 : 0;
}

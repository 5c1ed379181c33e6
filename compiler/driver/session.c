/* Set-up and tear-down shared by the subcommands; see session.h. */
#include "driver/session.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The compiler's tree, from the place of its own binary: PREFIX/bin/qtmc. */
static const char *find_root(Arena *arena) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) return "/usr/local";
    path[length] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash) *slash = 0;
    }
    return arena_string(arena, path, strlen(path));
}

/* Where modules are looked for behind the folder of the model: -I, then QTM_PATH. */
static void search_path(Session *session, const Options *options) {
    const char *path = getenv("QTM_PATH");
    for (size_t i = 0; i < options->folders.count; i++)
        VEC_PUSH(&session->sources.arena, &session->sources.folders, options->folders.data[i]);
    while (path && *path) {
        size_t length = strcspn(path, ":");
        const char *folder = arena_string(&session->sources.arena, path, length);
        if (length) VEC_PUSH(&session->sources.arena, &session->sources.folders, folder);
        path += length + (path[length] == ':');
    }
}

void session_start(Session *session, const Options *options) {
    memset(session, 0, sizeof *session);
    session->messages = options->messages;
    session->sink.sources = &session->sources;
    session->root = find_root(&session->arena);
    session->pipeline = (Pipeline){
        .arena = &session->arena,
        .sources = &session->sources,
        .sink = &session->sink,
        .control = options->control,
        .stdlib = arena_format(&session->arena, "%s/share/qtmc/stdlib", session->root),
        .sizes = options->sizes.data,
        .size_count = options->sizes.count,
    };
    search_path(session, options);
    for (size_t i = 0; i < options->sizes.count; i++) options->sizes.data[i].used = false;
}

bool session_open(Session *session, const Options *options, const char *file) {
    session_start(session, options);
    const char *reason = NULL;
    session->pipeline.file = source_read(&session->sources, file, &reason);
    if (session->pipeline.file) return true;
    diag_report(&session->sink, DIAG_E0001, (Span){0}, "cannot read %s: %s", file, reason);
    if (options->command == COMMAND_CHECK)
        diag_help(&session->sink, "give the path of a model's file, or of a folder that holds such files");
    else
        diag_help(&session->sink, "give the path of one model's file, such as model.qtm");
    session_render(session);
    return false;
}

void session_render(Session *session) {
    messages_print(session->messages, &session->sink);
    session->sink.diags.count = 0;
}

bool session_targets(Session *session, const Options *options) {
    Pipeline *p = &session->pipeline;
    p->target_count = options->multi_target ? HOST_TARGETS : 1;
    p->targets = ARENA_ARRAY(&session->arena, HostTarget, p->target_count);
    if (options->multi_target) {
        host_targets(&session->arena, p->targets);
        return true;
    }
    const char *error = NULL;
    if (host_target(&session->arena, options->march, p->targets, &error)) return true;
    fprintf(stderr, "qtmc: %s\n", error);
    return false;
}

int session_run(Session *session, PassId last) {
    Pipeline *p = &session->pipeline;
    bool good = pipeline_run(p, last);
    session_render(session);
    if (!good) return 1;
    if (p->control.time_passes) pipeline_print_times(p, stderr);
    return 0;
}

bool session_stopped(const Session *session, PassId last) {
    return session->pipeline.control.stop_after < last;
}

void session_close(Session *session) {
    diag_free(&session->sink);
    source_free(&session->sources);
    arena_free(&session->arena);
}

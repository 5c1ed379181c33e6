/* qtmc fmt: models in their canonical layout (lang/format.h), in place, checked, or printed. A file is replaced by a
 * whole new one in a single step, with its mode, so that nothing is lost whatever happens in between. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/files.h"
#include "driver/output.h"
#include "driver/session.h"
#include "lang/format.h"

enum { INPUT_LIMIT = 16 * 1024 * 1024 }; /* as for files */

static bool fail_write(const char *path) {
    fprintf(stderr, "qtmc: cannot write %s: %s; it is as it was\n", path, strerror(errno));
    return false;
}

static bool write_whole(int file, const FormatText *text) {
    for (size_t at = 0; at < text->length;) {
        ssize_t written = write(file, text->text + at, text->length - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        at += (size_t)written;
    }
    return true;
}

/* The new text beside the file, with the file's mode and owner, whole and on the disk. */
static bool write_beside(int file, const struct stat *status, const FormatText *text) {
    bool same_owner = status->st_uid == geteuid() && status->st_gid == getegid();
    if (!same_owner && fchown(file, status->st_uid, status->st_gid) && geteuid() == 0) return false;
    return write_whole(file, text) && !fchmod(file, status->st_mode & 07777) && !fsync(file);
}

/* Replaces the file that `path` means, behind links. False after a message. */
static bool replace(Arena *arena, const char *path, const FormatText *text) {
    char real[PATH_MAX];
    struct stat status;
    if (!realpath(path, real) || stat(real, &status) || access(real, W_OK)) return fail_write(path);
    char *beside = arena_format(arena, "%.*s/.qtmc-fmt-XXXXXX", (int)(strrchr(real, '/') - real), real);
    int file = mkstemp(beside);
    if (file < 0) return fail_write(path);
    bool good = write_beside(file, &status, text);
    int error = errno;
    if (close(file) && good) {
        good = false;
        error = errno;
    }
    if (good && !rename(beside, real)) return true;
    if (good) error = errno;
    unlink(beside);
    errno = error;
    return fail_write(path);
}

/* Reads standard input as a file of that name. 0 after a message. */
static uint32_t read_input(SourceSet *sources, Arena *arena) {
    VEC(char) text = {0};
    size_t got = 1;
    while (got && text.count <= INPUT_LIMIT) {
        if (text.capacity - text.count < BUFSIZ)
            text.data = arena_grow(arena, text.data, text.count, &text.capacity, text.count + BUFSIZ, 1);
        got = fread(text.data + text.count, 1, BUFSIZ, stdin);
        text.count += got;
    }
    if (!ferror(stdin) && text.count <= INPUT_LIMIT) return source_add(sources, "<stdin>", text.data, text.count);
    fprintf(stderr, "qtmc: cannot read standard input: %s\n",
            ferror(stdin) ? strerror(errno) : "it is larger than 16 MiB, which no model needs to be");
    return 0;
}

static uint32_t read_text(Session *session, const char *path) {
    const char *reason = NULL;
    if (!strcmp(path, "-")) return read_input(&session->sources, &session->arena);
    uint32_t file = source_read(&session->sources, path, &reason);
    if (!file) fprintf(stderr, "qtmc: cannot read %s: %s\n", path, reason);
    return file;
}

/* The formatted text of a file. False after messages. */
static bool format_file(Session *session, uint32_t file, FormatText *text) {
    FormatResult result = format_text(&session->arena, &session->sources, file, &session->sink, text);
    session_render(session);
    if (result == FORMAT_CHANGED) {
        fprintf(stderr,
                "qtmc: internal error: formatting %s near line %u would change what it means; it is left as it is\n",
                source_file(&session->sources, file)->path, text->line);
    }
    return result == FORMAT_DONE;
}

static int format_one(const Options *options, const char *path) {
    Session session = {.messages = options->messages};
    FormatText text;
    session.sink.sources = &session.sources;
    uint32_t file = read_text(&session, path);
    bool good = file && format_file(&session, file, &text);
    if (good) {
        const SourceFile *source = source_file(&session.sources, file);
        bool changed = source->length != text.length || memcmp(source->text, text.text, text.length) != 0;
        if (options->check) {
            if (changed) puts(path);
            good = !changed;
        } else if (options->to_stdout || !strcmp(path, "-")) {
            fwrite(text.text, 1, text.length, stdout);
        } else if (changed) {
            good = replace(&session.arena, path, &text);
            if (good) puts(path);
        }
    }
    session_close(&session);
    return good ? 0 : 1;
}

int command_fmt(const Options *options) {
    Arena arena = {0};
    FileList list = {0};
    int worst = 0;
    for (size_t i = 0; i < options->files.count; i++)
        if (!files_add(&list, &arena, options->messages, options->files.data[i])) worst = 1;
    if (options->to_stdout && list.paths.count > 1) {
        fputs("qtmc: --stdout takes one model at a time\n", stderr);
        list.paths.count = 0;
        worst = 2;
    }
    for (size_t i = 0; i < list.paths.count; i++)
        if (format_one(options, list.paths.data[i])) worst = 1;
    if (!output_finish(stdout, "standard output")) worst = 1;
    arena_free(&arena);
    return worst;
}

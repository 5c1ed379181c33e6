/* Temporary folders and renaming; see output.h. */
#include "driver/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool output_open(OutputFolder *folder, Arena *arena, const char *destination) {
    *folder = (OutputFolder){.arena = arena};
    const char *slash = destination ? strrchr(destination, '/') : NULL;
    const char *temporary = getenv("TMPDIR");
    if (!destination)
        folder->path = arena_format(arena, "%s/qtmc-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    else if (slash)
        folder->path = arena_format(arena, "%.*s/.qtmc-XXXXXX", (int)(slash - destination), destination);
    else
        folder->path = arena_format(arena, ".qtmc-XXXXXX");
    if (mkdtemp(folder->path)) return true;
    fprintf(stderr, "qtmc: cannot write %s: %s\n", destination ? destination : folder->path, strerror(errno));
    return false;
}

const char *output_file(OutputFolder *folder, const char *name) {
    const char *path = arena_format(folder->arena, "%s/%s", folder->path, name);
    VEC_PUSH(folder->arena, &folder->files, path);
    return path;
}

bool output_move(const char *from, const char *destination) {
    struct stat status;
    if (!stat(destination, &status) && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        fprintf(stderr, "qtmc: cannot write %s: it is a device or a pipe; give the name of a file\n", destination);
        return false;
    }
    if (!rename(from, destination)) return true;
    fprintf(stderr, "qtmc: cannot write %s: %s\n", destination, strerror(errno));
    return false;
}

void output_close(OutputFolder *folder) {
    for (size_t i = 0; i < folder->files.count; i++) unlink(folder->files.data[i]);
    rmdir(folder->path);
}

bool output_finish(FILE *stream, const char *name) {
    bool bad = ferror(stream);
    int error = bad ? EIO : 0;
    if (stream == stdout ? fflush(stream) : fclose(stream)) {
        bad = true;
        error = errno;
    }
    if (bad) fprintf(stderr, "qtmc: cannot write %s: %s\n", name, strerror(error));
    return !bad;
}

/* Write to a temporary name, sync, rename; read a whole file; make folders. */
#include "runtime/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/core/memory.h"

char *qtm_file_temporary(const char *path) {
    return qtm_text_format("%s.tmp.%ld", path, (long)getpid());
}

static qtm_status file_error(const char *path, const char *what, int code) {
    const char *advice = "";
    switch (code) {
    case ENOENT: advice = "; is the folder there?"; break;
    case EACCES:
    case EPERM:
    case EROFS: advice = "; check the permissions, or choose another folder"; break;
    case ENOSPC:
    case EDQUOT: advice = "; free some space, or choose another folder"; break;
    case EISDIR: advice = "; give the name of a file"; break;
    default: break;
    }
    return qtm_error("%s: %s: %s%s", path, what, strerror(code), advice);
}

static void file_release(struct qtm_file *file) {
    qtm_free(file->path);
    qtm_free(file->temporary);
    *file = (struct qtm_file){0};
}

qtm_status qtm_file_begin(const char *path, struct qtm_file *file) {
    *file = (struct qtm_file){.path = qtm_text_copy(path), .temporary = qtm_file_temporary(path)};
    if (!file->path || !file->temporary) {
        file_release(file);
        return qtm_error_memory((int64_t)strlen(path));
    }
    struct stat status;
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    file->stream = folder ? NULL : fopen(file->temporary, "we");
    if (!file->stream) {
        int code = folder ? EISDIR : errno;
        file_release(file);
        return file_error(path, "cannot be written", code);
    }
    return QTM_OK;
}

/* The rename itself becomes durable when the folder is synced; a file system that cannot sync folders is not an error.
 */
static void file_sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? qtm_text_format("%.*s", (int)(slash - path + 1), path) : qtm_text_copy(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    qtm_free(folder);
}

static int file_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    /* EINVAL: a pipe or another thing that cannot be synced. */
    int code = fsync(fd) != 0 && errno != EINVAL ? errno : 0;
    close(fd);
    return code;
}

qtm_status qtm_file_replace(const char *temporary, const char *path) {
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        unlink(temporary);
        return qtm_error("%s: cannot be written: is a device or a pipe; give the name of a file", path);
    }
    int code = file_sync(temporary);
    if (code == 0 && rename(temporary, path) != 0) code = errno;
    if (code != 0) {
        unlink(temporary);
        return file_error(path, "could not be written", code);
    }
    file_sync_folder(path);
    return QTM_OK;
}

qtm_status qtm_file_commit(struct qtm_file *file) {
    errno = 0;
    bool bad = ferror(file->stream);
    int code = bad ? EIO : 0;
    if (fflush(file->stream) != 0) code = errno ? errno : EIO;
    if (fclose(file->stream) != 0 && code == 0) code = errno ? errno : EIO;
    file->stream = NULL;
    qtm_status status;
    if (code != 0) {
        unlink(file->temporary);
        status = file_error(file->path, "could not be written", code);
    } else {
        status = qtm_file_replace(file->temporary, file->path);
    }
    file_release(file);
    return status;
}

void qtm_file_abort(struct qtm_file *file) {
    if (file->stream) {
        fclose(file->stream);
        unlink(file->temporary);
    }
    file_release(file);
}

/* The size is not asked for beforehand: pipes and /proc have none. */
static qtm_status file_read_stream(FILE *stream, const char *path, char **text, int64_t *length) {
    int64_t capacity = 1 << 16, used = 0;
    char *data = qtm_alloc(capacity);
    while (data) {
        used += (int64_t)fread(data + used, 1, (size_t)(capacity - 1 - used), stream);
        if (used < capacity - 1) break;
        char *larger = qtm_alloc(2 * capacity);
        if (larger) memcpy(larger, data, (size_t)used);
        qtm_free(data);
        data = larger;
        capacity *= 2;
    }
    if (!data) return qtm_error_memory(capacity);
    if (ferror(stream)) {
        int code = errno;
        qtm_free(data);
        return file_error(path, "cannot be read", code);
    }
    data[used] = '\0';
    *text = data;
    if (length) *length = used;
    return QTM_OK;
}

qtm_status qtm_file_read(const char *path, char **text, int64_t *length) {
    *text = NULL;
    FILE *stream = fopen(path, "re");
    if (!stream) return qtm_error("%s: cannot be read: %s", path, strerror(errno));
    qtm_status status = file_read_stream(stream, path, text, length);
    fclose(stream);
    return status;
}

qtm_status qtm_file_check(const char *path, const char *kind) {
    struct stat status;
    if (stat(path, &status) != 0 || access(path, R_OK) != 0)
        return qtm_error("%s: cannot be read: %s%s", path, strerror(errno),
                         errno == ENOENT ? "; check the name and the folder" : "");
    if (S_ISDIR(status.st_mode)) return qtm_error("%s: is a folder, not %s; give the name of a file in it", path, kind);
    if (!S_ISREG(status.st_mode))
        return qtm_error("%s: is a device or a pipe, not %s; give the name of a file", path, kind);
    if (status.st_size == 0) return qtm_error("%s: the file is empty (0 bytes), not %s", path, kind);
    return QTM_OK;
}

qtm_status qtm_make_folders(const char *path) {
    char *part = qtm_text_copy(path);
    if (!part) return qtm_error_memory((int64_t)strlen(path));
    int code = 0;
    for (char *end = part; code == 0 && *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        struct stat status;
        if (mkdir(part, 0777) != 0) {
            code = errno;
            if (stat(part, &status) == 0) code = S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
        }
        if (code == 0) *end = kept;
    }
    qtm_status status = QTM_OK;
    if (code == ENOTDIR)
        status =
            qtm_error("%s: cannot make this folder: '%s' is a file; choose another name or move it away", path, part);
    else if (code != 0)
        status = file_error(path, "cannot make this folder", code);
    qtm_free(part);
    return status;
}

/* Opening and linking the files of functions in C; see foreign.h. The C compiler is `cc`, started without a shell. What
 * is made on the way lies in a folder of its own below TMPDIR and goes when it was opened. */
#include "support/foreign.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS_MAX = 16, FILES_MAX = 64 };

static bool cc_run(const char *const *words) {
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)words, environ)) return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool ends_in(const char *file, const char *suffix) {
    size_t length = strlen(file), wanted = strlen(suffix);
    return length > wanted && !strcmp(file + length - wanted, suffix);
}

static bool is_library(const char *file) {
    return !strncmp(file, "-l", 2);
}

/* `double f(double, double);` in a file that cc reads before the model's, so that another declaration is an error. */
static bool declaration_write(const char *path, const TirExtern *external, uint32_t count) {
    FILE *out = fopen(path, "w");
    if (!out) return false;
    fprintf(out, "double %s(", external->symbol);
    for (uint32_t i = 0; i < count; i++) fputs(i ? ", double" : "double", out);
    fputs(");\n", out);
    return !fclose(out);
}

/* What cc is told to make a shared object of `file`. */
static void shared_words(const char **words, const char *file, const char *header, const char *object) {
    uint32_t count = 0;
    static const char *const fixed[] = {"cc", "-shared", "-fPIC", "-O2", "-Wl,--no-as-needed"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) words[count++] = fixed[i];
    if (header && ends_in(file, ".c")) words[count++] = "-include", words[count++] = header;
    bool archive = ends_in(file, ".a");
    if (archive) words[count++] = "-Wl,--whole-archive";
    words[count++] = file;
    if (archive) words[count++] = "-Wl,--no-whole-archive";
    words[count++] = "-lm", words[count++] = "-o", words[count++] = object;
}

/* NULL when it cannot be compiled, linked or loaded. `count`: the numbers that a C file must declare it with. */
static void *shared_open(const TirExtern *external, uint32_t count) {
    const char *file = external->file, *top = getenv("TMPDIR");
    if (ends_in(file, ".so")) return dlopen(file, RTLD_NOW | RTLD_LOCAL);
    Arena scratch = {0};
    char *folder = (char *)arena_format(&scratch, "%s/qtmc-c-XXXXXX", top && *top ? top : "/tmp");
    void *handle = NULL;
    if (mkdtemp(folder)) {
        const char *header = arena_format(&scratch, "%s/declared.h", folder);
        const char *object = arena_format(&scratch, "%s/shared.so", folder), *words[WORDS_MAX] = {NULL};
        shared_words(words, file, header, object);
        if (declaration_write(header, external, count) && cc_run(words)) handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
        unlink(header);
        unlink(object);
        rmdir(folder);
    }
    arena_free(&scratch);
    return handle;
}

static bool look(TirExtern *external, void *handle) {
    void *found = dlsym(handle, external->symbol);
    memcpy(&external->function, &found, sizeof found); /* ISO C has no cast from data to function */
    return found != NULL;
}

const char *foreign_check(Arena *arena, TirExtern *external, uint32_t count) {
    static const char *const known[] = {".c", ".o", ".a", ".so"};
    const char *file = external->file;
    bool good = is_library(file);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) good |= ends_in(file, known[i]);
    if (!good) return arena_format(arena, "'%s' is no C source, object, archive, shared object or '-lNAME'", file);
    if (!is_library(file) && access(file, R_OK))
        return arena_format(arena, "the file %s cannot be read: %s", file, strerror(errno));
    void *handle = shared_open(external, count);
    if (!handle) return arena_format(arena, "cc cannot make '%s' of %s", external->symbol, file);
    if (!look(external, handle)) return arena_format(arena, "%s has no function '%s'", file, external->symbol);
    return NULL;
}

double foreign_call(TirExtern *external, const double *a, uint32_t count) {
    if (!external->function && (external->file || !look(external, RTLD_DEFAULT))) return NAN;
    void (*f)(void) = external->function;
#define AS(...) ((double (*)(__VA_ARGS__))f)
    switch (count) {
    case 1: return AS(double)(a[0]);
    case 2: return AS(double, double)(a[0], a[1]);
    case 3: return AS(double, double, double)(a[0], a[1], a[2]);
    case 4: return AS(double, double, double, double)(a[0], a[1], a[2], a[3]);
    case 5: return AS(double, double, double, double, double)(a[0], a[1], a[2], a[3], a[4]);
    default: return AS(double, double, double, double, double, double)(a[0], a[1], a[2], a[3], a[4], a[5]);
    }
#undef AS
}

bool foreign_link(Arena *arena, const TirExtern *external, const char *object, const char **words) {
    const char *file = external->file;
    words[0] = words[1] = NULL;
    if (ends_in(file, ".c")) {
        words[0] = object;
        return cc_run((const char *const[]){"cc", "-O2", "-fPIC", "-c", file, "-o", object, NULL});
    }
    words[0] = file;
    if (!ends_in(file, ".so")) return true;
    char path[PATH_MAX];
    if (!realpath(file, path)) return false;
    words[0] = arena_string(arena, path, strlen(path));
    *strrchr(path, '/') = 0;
    words[1] = arena_format(arena, "-Wl,-rpath,%s", path);
    return true;
}

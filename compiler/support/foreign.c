/* Opening and linking the files of functions in C; see foreign.h. The C compiler is `cc`, started without a shell. What
 * is made on the way lies in a folder of its own below TMPDIR and goes when it was looked at. To load a shared object
 * is to run its constructors, so a file that is not to be called is only given to the linker. */
#include "support/foreign.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* A declaration and a use. cc reads it before a C file, so that another declaration there is an error; and it is linked
 * with any file to see whether that has the function. */
static bool declaration_write(const char *path, const TirExtern *external, uint32_t count) {
    FILE *out = fopen(path, "w");
    if (!out) return false;
    for (int used = 0; used < 2; used++) {
        fprintf(out, used ? "static __attribute__((used)) double (*const qtm_use)(" : "double %s(", external->symbol);
        for (uint32_t i = 0; i < count; i++) fputs(i ? ", double" : "double", out);
        if (used)
            fprintf(out, ") = %s;\n", external->symbol);
        else
            fputs(");\n", out);
    }
    return !fclose(out);
}

/* What cc is told to make a shared object of `file`. */
static void shared_words(const char **words, const char *file, const char *declared, const char *object) {
    uint32_t count = 0;
    static const char *const fixed[] = {"cc", "-shared", "-fPIC", "-O2", "-Wl,--no-as-needed"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) words[count++] = fixed[i];
    if (ends_in(file, ".c")) words[count++] = "-include", words[count++] = declared;
    bool archive = ends_in(file, ".a");
    if (archive) words[count++] = "-Wl,--whole-archive";
    words[count++] = file;
    if (archive) words[count++] = "-Wl,--no-whole-archive";
    words[count++] = "-lm", words[count++] = "-o", words[count++] = object;
}

/* Whether the linker finds the function in a shared object or library; without loading it. */
static bool linker_finds(const char *file, const char *declaration, const char *object) {
    return cc_run(
        (const char *const[]){"cc", "-shared", "-fPIC", "-Wl,-z,defs", declaration, file, "-o", object, NULL});
}

static bool look(TirExtern *external, void *handle) {
    void *found = dlsym(handle, external->symbol);
    memcpy(&external->function, &found, sizeof found); /* ISO C has no cast from data to function */
    return found != NULL;
}

/* NULL, or why the function cannot be called. */
static const char *load(Arena *arena, TirExtern *external, const char *object) {
    char path[PATH_MAX];
    void *handle = realpath(object, path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (handle && look(external, handle)) return NULL;
    return arena_format(arena, "'%s' of %s cannot be loaded: %s", external->symbol, external->file, dlerror());
}

/* cc would take such a name for an option, or for a file of options; the name alone is what it hands on. */
static bool is_option(const char *file) {
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    return *file == '-' || *file == '@' || *name == '-' || *name == '@';
}

static const char *file_check(Arena *arena, const char *file) {
    static const char *const known[] = {".c", ".o", ".a", ".so"};
    struct stat status;
    bool good = is_library(file);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) good |= ends_in(file, known[i]);
    if (!good) return arena_format(arena, "'%s' is no C source, object, archive, shared object or '-lNAME'", file);
    if (is_library(file)) return NULL;
    if (is_option(file))
        return arena_format(arena, "'%s' begins with '-' or '@', and cc takes that for an option", file);
    if (stat(file, &status) || access(file, R_OK))
        return arena_format(arena, "the file %s cannot be read: %s", file, strerror(errno));
    return S_ISREG(status.st_mode) ? NULL : arena_format(arena, "%s is no file", file); /* cc would wait for a pipe */
}

const char *foreign_check(Arena *arena, TirExtern *external, uint32_t count, bool call) {
    const char *file = external->file, *top = getenv("TMPDIR"), *wrong = file_check(arena, file);
    if (wrong) return wrong;
    char *folder = (char *)arena_format(arena, "%s/qtmc-c-XXXXXX", top && *top ? top : "/tmp");
    if (!mkdtemp(folder)) return arena_format(arena, "no folder %s can be made: %s", folder, strerror(errno));
    const char *declared = arena_format(arena, "%s/declared.c", folder),
               *made = arena_format(arena, "%s/made.so", folder);
    const char *linked = arena_format(arena, "%s/linked.so", folder), *words[WORDS_MAX] = {NULL};
    shared_words(words, file, declared, made);
    bool shared = ends_in(file, ".so");
    if (!declaration_write(declared, external, count) || (!shared && !cc_run(words)))
        wrong = arena_format(arena, "cc cannot make '%s' of %s", external->symbol, file);
    else if (!linker_finds(shared || is_library(file) ? file : made, declared, linked))
        wrong = arena_format(arena, "%s has no function '%s'", file, external->symbol);
    else if (call)
        wrong = load(arena, external, shared ? file : made);
    unlink(declared);
    unlink(made);
    unlink(linked);
    rmdir(folder);
    return wrong;
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

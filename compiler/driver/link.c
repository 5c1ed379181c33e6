/* Linking is left to `cc`, which knows the system's start-up files and libraries. It is started without a shell, so
 * paths may hold any character. */
#include "driver/link.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "driver/config.h"

extern char **environ;

typedef struct Words {
    VEC(char *) list;
} Words;

static void word_add(Arena *arena, Words *words, const char *word) {
    VEC_PUSH(arena, &words->list, arena_string(arena, word, strlen(word)));
}

static LinkChild start(Arena *arena, Words *words) {
    VEC_PUSH(arena, &words->list, NULL);
    char **argv = words->list.data;
    LinkChild child = {0};
    int error = posix_spawnp(&child.pid, argv[0], NULL, NULL, argv, environ);
    if (!error) return child;
    fprintf(stderr, "qtmc: cannot run %s: %s; a C compiler is needed to link the executable\n", argv[0],
            strerror(error));
    return (LinkChild){0};
}

static bool finish(LinkChild child) {
    int status;
    if (!child.pid) return false;
    while (waitpid(child.pid, &status, 0) < 0)
        if (errno != EINTR) return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    fputs("qtmc: linking failed; cc says why above\n", stderr);
    return false;
}

static bool run(Arena *arena, Words *words) {
    return finish(start(arena, words));
}

LinkChild link_compile_start(Arena *arena, const char *root, const char *descriptor, const char *object) {
    Words words = {{0}};
    word_add(arena, &words, "cc");
    word_add(arena, &words, arena_format(arena, "-I%s/include", root));
    word_add(arena, &words, "-c");
    word_add(arena, &words, descriptor);
    word_add(arena, &words, "-o");
    word_add(arena, &words, object);
    return start(arena, &words);
}

bool link_compile_finish(LinkChild child) {
    return finish(child);
}

bool link_executable(Arena *arena, const char *root, const char *const *objects, size_t count, const char *executable) {
    static const char *const system_words[] = {QTMC_LINK_WORDS};
    Words words = {{0}};
    word_add(arena, &words, "cc");
    for (size_t i = 0; i < count; i++) word_add(arena, &words, objects[i]);
    word_add(arena, &words, arena_format(arena, "%s/lib/libqtmrt.a", root));
    for (size_t i = 0; i < sizeof system_words / sizeof *system_words; i++) word_add(arena, &words, system_words[i]);
    word_add(arena, &words, "-o");
    word_add(arena, &words, executable);
    return run(arena, &words);
}

bool link_objects(Arena *arena, const char *const *objects, size_t count, const char *object) {
    Words words = {{0}};
    word_add(arena, &words, "cc");
    word_add(arena, &words, "-r");
    word_add(arena, &words, "-nostdlib");
    for (size_t i = 0; i < count; i++) word_add(arena, &words, objects[i]);
    word_add(arena, &words, "-o");
    word_add(arena, &words, object);
    return run(arena, &words);
}

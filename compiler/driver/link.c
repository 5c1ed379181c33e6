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

static bool run(Arena *arena, Words *words) {
    VEC_PUSH(arena, &words->list, NULL);
    char **argv = words->list.data;
    pid_t child;
    int error = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
    if (error) {
        fprintf(stderr, "qtmc: cannot run %s: %s; a C compiler is needed to link the executable\n", argv[0],
                strerror(error));
        return false;
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    fprintf(stderr, "qtmc: linking failed; %s says why above\n", argv[0]);
    return false;
}

bool link_executable(Arena *arena, const char *root, const char *descriptor, const char *const *objects, size_t count,
                     const char *executable) {
    static const char *const system_words[] = {QTMC_LINK_WORDS};
    Words words = {{0}};
    word_add(arena, &words, "cc");
    word_add(arena, &words, arena_format(arena, "-I%s/include", root));
    word_add(arena, &words, descriptor);
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

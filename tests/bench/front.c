/* How fast a model's text is read: bench_front FILE prints "lexer MB/s" and "parser MB/s", the best of several rounds.
 */
#include <stdio.h>
#include <time.h>

#include "lang/ast.h"
#include "lang/lexer.h"

enum { ROUNDS = 5 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void lex(SourceSet *sources, uint32_t file, DiagSink *sink) {
    Arena arena = {0};
    Lexer lexer;
    lexer_start(&lexer, &arena, sources, file, sink);
    while (lexer_next(&lexer).kind != TOKEN_END) continue;
    arena_free(&arena);
}

static void parse(SourceSet *sources, uint32_t file, DiagSink *sink) {
    Arena arena = {0};
    ast_parse(&arena, sources, file, sink);
    arena_free(&arena);
}

int main(int argc, char **argv) {
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    const char *reason = "usage: bench_front FILE";
    uint32_t file = argc == 2 ? source_read(&sources, argv[1], &reason) : 0;
    if (!file) {
        fprintf(stderr, "bench_front: %s\n", reason);
        return 1;
    }
    double megabytes = 1e-6 * (double)source_file(&sources, file)->length, best[2] = {1e9, 1e9};
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        lex(&sources, file, &sink);
        double middle = seconds();
        parse(&sources, file, &sink);
        double end = seconds();
        if (middle - start < best[0]) best[0] = middle - start;
        if (end - middle < best[1]) best[1] = end - middle;
    }
    printf("lexer %.1f\nparser %.1f\n", megabytes / best[0], megabytes / best[1]);
    int status = sink.errors ? 1 : 0;
    diag_free(&sink);
    source_free(&sources);
    return status;
}

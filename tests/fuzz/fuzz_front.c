/* libFuzzer entry: any bytes through lexer, parser, printer and renderer. Nothing but messages may come of them.
 * Build with clang -fsanitize=fuzzer,address,undefined and the sources of lang/, compiler/source, support, and diag but
 * explain.c; the models in tests/front, tests/diagnostics and tests/format are its first inputs. */
#include "lang/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    Arena arena = {0};
    uint32_t file = source_add(&sources, "fuzz.qtm", (const char *)data, size);
    ast_print(nowhere, ast_parse(&arena, &sources, file, &sink));
    ast_print_tokens(nowhere, &sources, file, &sink);
    diag_render(&sink, nowhere, true);
    diag_render_json(&sink, nowhere);
    arena_free(&arena);
    diag_free(&sink);
    source_free(&sources);
    return 0;
}

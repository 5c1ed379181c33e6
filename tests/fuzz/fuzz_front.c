/* libFuzzer entry: any bytes through the whole front end: tokens and tree with their printers, then modules, names and
 * meaning down to tensor functions, and both renderers. Nothing but messages may come of them.
 * Build with clang -fsanitize=fuzzer,address,undefined and the sources of lang/, compiler/source, support, diag, hir,
 * sema, tir and ad, with -DQTM_STDLIB=\"FOLDER\" for the library; the models in examples/, tests/front,
 * tests/diagnostics, tests/models and tests/format are its first inputs. compiler/support/foreign.c is left out: the
 * functions in C that a text names are taken for good, so that no file of its choice is compiled or loaded. */
#include <math.h>

#include "hir/program.h"
#include "lang/ast.h"
#include "support/foreign.h"

const char *foreign_check(Arena *arena, TirExtern *external, uint32_t count, bool call) {
    return NULL;
}

double foreign_call(TirExtern *external, const double *args, uint32_t count) {
    return NAN;
}

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
    sema_program(&arena, &sources, file, QTM_STDLIB, NULL, 0, false, &sink, nowhere);
    diag_render(&sink, nowhere, true);
    diag_render_json(&sink, nowhere);
    arena_free(&arena);
    diag_free(&sink);
    source_free(&sources);
    return 0;
}

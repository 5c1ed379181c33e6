/* libFuzzer entry: any bytes through the whole front end, from the text to tensor functions. Nothing but messages may
 * come of them. Build with clang -fsanitize=fuzzer,address,undefined and the sources of lang/, compiler/source,
 * support, diag, hir, sema, tir and ad; -DQTM_STDLIB names the library's folder; examples/, tests/models and
 * tests/diagnostics are its first inputs. */
#include "hir/program.h"
#include "lang/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    Arena arena = {0};
    uint32_t file = source_add(&sources, "fuzz.qtm", (const char *)data, size);
    sema_program(&arena, &sources, file, QTM_STDLIB, NULL, 0, &sink, nowhere);
    diag_render(&sink, nowhere, true);
    arena_free(&arena);
    diag_free(&sink);
    source_free(&sources);
    return 0;
}

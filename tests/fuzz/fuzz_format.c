/* libFuzzer entry: any bytes through the formatter. A text without errors must come out as the same model, and be left
 * alone when formatted again. Build as fuzz_front.c. */
#include <stdlib.h>
#include <string.h>

#include "lang/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool format(Arena *arena, const char *text, size_t size, FormatText *result) {
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    uint32_t file = source_add(&sources, "fuzz.qtm", text, size);
    FormatResult how = format_text(arena, &sources, file, &sink, result);
    if (how == FORMAT_CHANGED) abort();
    diag_free(&sink);
    source_free(&sources);
    return how == FORMAT_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = {0};
    FormatText once, twice;
    if (format(&arena, (const char *)data, size, &once)) {
        if (!format(&arena, once.text, once.length, &twice)) abort();
        if (once.length != twice.length || memcmp(once.text, twice.text, once.length) != 0) abort();
    }
    arena_free(&arena);
    return 0;
}

/* The tree and the resolved form of a model that holds every construct (tests/front/whole.qtm), compared with
 * whole.ast and whole.hir beside it. After a change that is meant, QTM_UPDATE=1 writes them anew. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hir/hir.h"

#define FOLDER QTM_TEST_DIR "/front/"

static char *file_text(const char *path) {
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (!in) return NULL;
    if (getdelim(&text, &size, '\0', in) < 0) {
        free(text);
        text = NULL;
    }
    fclose(in);
    return text;
}

static void expect_golden(const char *path, const char *text) {
    if (getenv("QTM_UPDATE")) {
        FILE *out = fopen(path, "w");
        cr_assert(out && fputs(text, out) >= 0 && !fclose(out), "cannot write %s", path);
        return;
    }
    char *wanted = file_text(path);
    cr_assert(wanted, "cannot read %s", path);
    int line = 1;
    const char *a = wanted, *b = text;
    for (; *a && *a == *b; a++, b++) line += *a == '\n';
    cr_expect(*a == *b, "%s:%d: expected '%.40s', found '%.40s'", path, line, a, b);
    free(wanted);
}

static char *printed_tree(const Hir *hir) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ast_print(out, hir->main->ast);
    fclose(out);
    return text;
}

/* The modules of the model itself; the library's are tested as they stand. */
static char *printed_hir(const Hir *hir) {
    char *text = NULL;
    size_t size;
    Hir own = *hir;
    HirModule *modules[8];
    own.modules.count = 0;
    own.modules.data = modules;
    for (size_t i = 0; i < hir->modules.count; i++)
        if (!hir->modules.data[i]->library) own.modules.data[own.modules.count++] = hir->modules.data[i];
    FILE *out = open_memstream(&text, &size);
    hir_print(out, &own);
    fclose(out);
    return text;
}

Test(hir, every_construct_is_printed) {
    Arena arena = {0};
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    const char *reason = NULL;
    uint32_t file = source_read(&sources, FOLDER "whole.qtm", &reason);
    cr_assert(file, "%s", reason);
    Hir hir = {.arena = &arena, .sources = &sources, .sink = &sink, .stdlib = QTM_SOURCE_DIR "/stdlib"};
    hir_load(&hir, file);
    if (hir.broken) diag_render(&sink, stderr, false);
    cr_assert(!hir.broken, "the model has syntax errors or lacks a module");
    hir_resolve(&hir);
    char *tree = printed_tree(&hir), *text = printed_hir(&hir);
    cr_expect(!strstr(text, "error"), "something has no printed form");
    expect_golden(FOLDER "whole.ast", tree);
    expect_golden(FOLDER "whole.hir", text);
    free(tree);
    free(text);
    arena_free(&arena);
    diag_free(&sink);
    source_free(&sources);
}

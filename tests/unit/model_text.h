/* A Program from source text, for the tests of sema: a model that has errors shows them and fails the test. */
#ifndef QTM_TEST_MODEL_TEXT_H
#define QTM_TEST_MODEL_TEXT_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hir/program.h"

typedef struct Model {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    Program *program;
} Model;

static inline Model *model_good(const char *text) {
    Model *m = calloc(1, sizeof *m);
    m->sink.sources = &m->sources;
    uint32_t file = source_add(&m->sources, "model.qtm", text, strlen(text));
    m->program = sema_program(&m->arena, &m->sources, file, QTM_SOURCE_DIR "/stdlib", NULL, 0, true, &m->sink, NULL);
    if (!m->program) diag_render(&m->sink, stderr, false);
    cr_assert(m->program);
    return m;
}

static inline void model_free(Model *m) {
    arena_free(&m->arena);
    diag_free(&m->sink);
    source_free(&m->sources);
    free(m);
}

#endif

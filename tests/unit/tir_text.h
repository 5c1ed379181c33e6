/* Tensor IR from a test's text, and all that lives as long as it. */
#ifndef QTM_TESTS_UNIT_TIR_TEXT_H
#define QTM_TESTS_UNIT_TIR_TEXT_H

#include <criterion/criterion.h>
#include <string.h>

#include "tir/tir.h"

typedef struct Fixture {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
} Fixture;

/* NULL where the text is wrong: the sink says why. */
static inline TirModule *fixture_parse(Fixture *x, const char *text) {
    x->sink.sources = &x->sources;
    return tir_parse(&x->arena, &x->sources, source_add(&x->sources, "test.tir", text, strlen(text)), &x->sink);
}

static inline TirFunction *fixture_function(Fixture *x, const char *text) {
    TirModule *m = fixture_parse(x, text);
    cr_assert_not_null(m, "text does not parse: %s\n%s", x->sink.errors ? x->sink.diags.data[0]->text : "", text);
    return m->functions.data[0];
}

static inline void fixture_free(Fixture *x) {
    diag_free(&x->sink);
    source_free(&x->sources);
    arena_free(&x->arena);
}

#endif

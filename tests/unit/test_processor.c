/* Which of the processors that a model was compiled for runs: the last that needs nothing which the machine lacks. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/core/processor.h"
#include "runtime/core/status.h"

enum { SSE42 = 1 << 3, AVX2 = 1 << 6, FMA = 1 << 10, AVX512F = 1 << 13 };
static const struct qtm_processor processors[] = {
    {"small", SSE42},
    {"middle", SSE42 | AVX2 | FMA},
    {"large", SSE42 | AVX2 | FMA | AVX512F},
};

Test(processor, choice) {
    const struct qtm_model model = {.processor_count = 3, .processors = processors};
    const struct {
        uint64_t have;
        int chosen;
    } cases[] = {
        {0, -1},
        {AVX2 | FMA | AVX512F, -1},
        {SSE42, 0},
        {SSE42 | AVX2, 0}, /* half of what it takes */
        {SSE42 | FMA | AVX512F, 0},
        {SSE42 | AVX2 | FMA, 1},
        {SSE42 | AVX2 | FMA | AVX512F, 2},
        {UINT64_MAX, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(qtm_processor_choose(&model, cases[i].have), cases[i].chosen, "case %zu", i);
}

Test(processor, starts_with_the_choice) {
    const struct qtm_model model = {.processor_count = 3, .processors = processors};
    cr_assert_eq(qtm_processor_start(&model, SSE42 | AVX2 | FMA), QTM_OK);
    cr_assert_eq(qtm_processor_used, 1);
    cr_assert_eq(qtm_processor_start(&model, SSE42), QTM_OK);
    cr_assert_eq(qtm_processor_used, 0);
}

Test(processor, says_what_is_missing) {
    const struct qtm_model model = {.processor_count = 1, .processors = processors + 2};
    cr_assert_eq(qtm_processor_start(&model, SSE42 | FMA), QTM_FAILED);
    cr_assert(strstr(qtm_error_text(), "compiled for the processor large, and this one lacks avx2, avx512f;"), "%s",
              qtm_error_text());
}

/* What the machine that compiled this test's program has was found by the same list. */
Test(processor, this_machine) {
#if defined __AVX2__
    cr_assert(qtm_features() & AVX2);
#endif
    const struct qtm_model model = {.processor_count = 1, .processors = (const struct qtm_processor[]){{"any", 0}}};
    cr_assert_eq(qtm_processor_start(&model, qtm_features()), QTM_OK);
}

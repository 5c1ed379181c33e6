/* The driver's parts that the command line cannot reach alone: copies of functions, and the command line's tables. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "driver/options.h"

static char *print(const TirFunction *f) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tir_print(out, f);
    fclose(out);
    return text;
}

static TirFunction *square_sum(Arena *arena) {
    Span nowhere = {0, 0, 0};
    TirFunction *f = tir_function_new(arena, "square_sum");
    TirAxes axes = tir_axes_one(tir_axis_add(f, "i", 3, false));
    TirId x = tir_input(f, TIR_PORT_BLOCK, 0, 0, "x", TIR_REAL, axes, nowhere);
    TirId square = tir_map(f, TIR_MUL, nowhere, x, x, TIR_NONE);
    tir_output(f, TIR_PORT_LOSS, 0, "loss", tir_sum(f, square, axes, nowhere));
    return f;
}

Test(driver, copy_is_equal_and_apart) {
    Arena arena = {0};
    TirFunction *f = square_sum(&arena);
    char *before = print(f);
    TirFunction *copy = tir_function_copy(&arena, f, "square_sum");
    char *copied = print(copy);
    cr_assert_str_eq(copied, before);
    cr_assert_null(tir_verify(copy, &arena));
    ad_gradient(copy, 0, (uint32_t[]){0}, 1);
    copy->ops.data[copy->outputs.data[0].value].args[0] = 0;
    char *after = print(f);
    cr_assert_str_eq(after, before, "work on the copy changed the original");
    cr_assert_eq(copy->outputs.count, 2);
    cr_assert_eq(f->outputs.count, 1);
    free(before);
    free(copied);
    free(after);
    arena_free(&arena);
}

Test(driver, pass_names_are_unique) {
    for (PassId a = 0; a < PASS_COUNT; a++)
        for (PassId b = a + 1; b < PASS_COUNT; b++) cr_assert_str_neq(pass_name(a), pass_name(b));
}

Test(driver, options_in_every_spelling) {
    Arena arena = {0};
    Options options;
    char *words[] = {"qtmc",         "build", "a.qtm", "-oout", "-D", "n=4", "-Dm=-2", "-O1", "-march=x86-64-v3",
                     "--stop-after", "cse"};
    cr_assert(options_parse(&options, &arena, sizeof words / sizeof *words, words));
    cr_assert_eq(options.command, COMMAND_BUILD);
    cr_assert_eq(options.files.count, 1);
    cr_assert_str_eq(options.files.data[0], "a.qtm");
    cr_assert_str_eq(options.output, "out");
    cr_assert_eq(options.sizes.count, 2);
    cr_assert_str_eq(options.sizes.data[0].name, "n");
    cr_assert_eq(options.sizes.data[0].value, 4);
    cr_assert_str_eq(options.sizes.data[1].name, "m");
    cr_assert_eq(options.sizes.data[1].value, -2);
    cr_assert_eq(options.level, 1);
    cr_assert_str_eq(options.march, "x86-64-v3");
    cr_assert_eq(options.control.stop_after, PASS_CSE);
    cr_assert_eq(options.control.print_after, PASS_COUNT);
    arena_free(&arena);
}

Test(driver, emit_needs_no_command_word) {
    Arena arena = {0};
    Options options;
    char *words[] = {"qtmc", "a.qtm", "--emit=tir.grad", "--", "-strange"};
    cr_assert(options_parse(&options, &arena, 3, words));
    cr_assert_eq(options.command, COMMAND_EMIT);
    cr_assert_eq(options.form, EMIT_TIR_GRAD);
    cr_assert_not(options_parse(&options, &arena, 5, words), "two models for --emit");
    arena_free(&arena);
}

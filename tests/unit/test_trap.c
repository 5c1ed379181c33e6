/* Where a number that is none comes from: tir_trap on small functions; spans in the text form; packed texts. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/pack.h"
#include "unit/tir_text.h"

/* Runs with one input of four numbers. */
static bool trap_four(Fixture *x, const char *text, const double *numbers, bool single, TirTrap *trap) {
    double data[4];
    memcpy(data, numbers, sizeof data);
    TirTensor input = {.type = TIR_REAL, .rank = 1, .shape = {4}, .count = 4, .data = data};
    return tir_trap(fixture_function(x, text), &x->arena, &input, NULL, 1, 0, single, trap);
}

#define HEAD "func f {\n  axis n = 4\n  axis m = 3\n  input block 0 0 \"x\" = %0\n  %0 : real{n} = input port 0\n"

Test(trap, finds_the_operation_and_the_element) {
    Fixture x = {0};
    TirTrap trap;
    const char *text = HEAD "  %1 : real{n} = log %0\n  %2 : real{n} = mul %1, %1\n  %3 : real = sum %2 over {n}\n"
                            "  output loss 0 \"loss\" = %3\n}\n";
    cr_assert(trap_four(&x, text, (double[]){1, 2, -0.5, -3}, false, &trap));
    cr_expect_eq(trap.op, 1);
    cr_expect_eq(trap.at[0], 2);
    cr_expect_eq(trap.size[0], 4);
    cr_expect_eq(trap.args[0], -0.5);
    cr_expect(isnan(trap.value) && !trap.backward && trap.round == -1 && trap.turned == TIR_NONE);
    cr_expect_not(trap_four(&x, text, (double[]){1, 2, 0.5, 3}, false, &trap));
    fixture_free(&x);
}

Test(trap, branches_that_are_not_taken_do_not_count) {
    Fixture x = {0};
    TirTrap trap;
    const char *text = HEAD "  %1 : real = const 0\n  %2 : bool{n} = lt %1, %0\n  %3 : real{n} = log %0\n"
                            "  %4 : real{n} = select %2, %3, %1\n  %5 : real{n} = div %1, %4\n"
                            "  %6 : real = sum %5 over {n}\n  output loss 0 \"loss\" = %6\n}\n";
    cr_assert(trap_four(&x, text, (double[]){2, 3, -1, 4}, false, &trap));
    cr_expect_eq(trap.op, 5, "0/0 where the logarithm is not taken, not the logarithm: %u", trap.op);
    cr_expect_eq(trap.at[0], 2);
    fixture_free(&x);
}

Test(trap, single_precision_overflows_earlier) {
    Fixture x = {0};
    TirTrap trap;
    const char *text =
        HEAD "  %1 : real{n} = exp %0\n  %2 : real = sum %1 over {n}\n  output loss 0 \"loss\" = %2\n}\n";
    const double numbers[] = {1, 90, 3, 4}, many[] = {88.5, 88.5, 88.5, 88.5};
    cr_expect_not(trap_four(&x, text, numbers, false, &trap));
    cr_assert(trap_four(&x, text, numbers, true, &trap));
    cr_expect_eq(trap.op, 1);
    cr_expect(trap.value == INFINITY && trap.args[0] == 90);
    cr_assert(trap_four(&x, text, many, true, &trap));
    cr_expect_eq(trap.op, 2, "each is finite, their sum is not");
    cr_expect_eq(trap.points, 4);
    cr_expect(trap.largest > 2.7e38 && trap.largest < 2.8e38);
    fixture_free(&x);
}

Test(trap, infinity_becomes_nan_backward) {
    Fixture x = {0};
    TirTrap trap;
    const char *text = HEAD "  %1 : real{n} = sqrt %0\n  %2 : real = sum %1 over {n}\n  %3 : real = const 0.5\n"
                            "  %4 : real{n} = div %3, %1\n  %5 : real{n} = mul %4, %0\n  output loss 0 \"loss\" = %2\n"
                            "  output gradient 0 \"x\" = %5\n}\n";
    cr_assert(trap_four(&x, text, (double[]){1, 2, 3, 0}, false, &trap));
    cr_expect_eq(trap.op, 4);
    cr_expect_eq(trap.turned, 5);
    cr_expect_eq(trap.output, 1);
    cr_expect_eq(trap.at[0], 3);
    cr_expect(trap.backward && trap.args[0] == 0.5 && trap.args[1] == 0);
    fixture_free(&x);
}

Test(trap, goes_through_lookups) {
    Fixture x = {0};
    TirTrap trap;
    const char *text =
        HEAD "  %1 : real{n} = log %0\n  %2 : int{m} = iota axis m\n  %3 : int = const 1\n  %4 : int{m} = add %2, %3\n"
             "  %5 : real{m} = gather %1, %4 axis n\n  %6 : real{m} = cumsum %5 axis m\n"
             "  %7 : real{n} = scatter %6, %4 axis n\n  %8 : real = slice %7 at 2 axis n\n"
             "  output loss 0 \"loss\" = %8\n}\n";
    cr_expect_not(trap_four(&x, text, (double[]){-1, 2, 3, -1}, false, &trap), "not picked, or not yet summed");
    cr_assert(trap_four(&x, text, (double[]){1, 2, -3, 1}, false, &trap));
    cr_expect_eq(trap.op, 1);
    cr_expect_eq(trap.at[0], 2);
    fixture_free(&x);
}

Test(trap, looks_into_loops) {
    Fixture x = {0};
    TirTrap trap;
    const char *body = "func round {\n  axis n = 4\n  axis m = 3\n  input round 0 0 \"in0\" = %0\n"
                       "  input round 1 0 \"in1\" = %1\n  %0 : real = input port 0\n  %1 : real = input port 1\n"
                       "  %2 : real = sub %0, %1\n  %3 : real = log %2 @1 7 9\n  output value 0 \"s\" = %3\n}\n";
    const char *text =
        arena_format(&x.arena, "%s%s%s%s", HEAD, "  %1 : real = const 5\n  %2 : real = loop %1, %0 states 1 axis n ",
                     body, "  %3 : real = result %2 number 0\n  output loss 0 \"loss\" = %3\n}\n");
    TirFunction *f = fixture_function(&x, text);
    double numbers[] = {1, 0.2, 3, 4}; /* log 4 = 1.39, log 1.19 = 0.17, then log of -2.8 */
    TirTensor input = {.type = TIR_REAL, .rank = 1, .shape = {4}, .count = 4, .data = numbers};
    cr_assert(tir_trap(f, &x.arena, &input, NULL, 1, 0, false, &trap));
    cr_expect_neq(trap.f, f);
    cr_expect_eq(trap.round, 2);
    cr_expect_eq(trap.op, 3);
    cr_expect_float_eq(trap.args[0], log(log(4) - 0.2) - 3, 1e-14);
    cr_expect_eq(trap.f->ops.data[3].span.end, 9);
    cr_expect_not(trap.backward);
    numbers[0] = NAN;
    cr_assert(tir_trap(f, &x.arena, &input, NULL, 1, 0, false, &trap));
    cr_expect_eq(trap.f, f, "what the loop is given is no number");
    cr_expect_eq(f->ops.data[trap.op].op, TIR_INPUT);
    fixture_free(&x);
}

Test(trap, text_keeps_spans) {
    Fixture x = {0};
    TirFunction *f = fixture_function(&x, HEAD "  %1 : real{n} = log %0 @3 17 29\n  output value 0 \"y\" = %1\n}\n");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tir_print_spans(out, f, "another");
    fclose(out);
    TirFunction *again = fixture_function(&x, text);
    cr_expect_str_eq(again->name, "another");
    Span span = again->ops.data[1].span;
    cr_expect(span.file == 3 && span.begin == 17 && span.end == 29, "%u %u %u", span.file, span.begin, span.end);
    free(text);
    fixture_free(&x);
}

static void check_pack(const char *text, size_t length) {
    Arena arena = {0};
    size_t packed;
    const unsigned char *bytes = pack_bytes(&arena, text, length, &packed);
    char *again = arena_alloc(&arena, length + 1);
    cr_expect(pack_restore(bytes, packed, again, length), "%zu bytes", length);
    cr_expect(!memcmp(text, again, length), "%zu bytes", length);
    if (length > 20) cr_expect_not(pack_restore(bytes, packed / 2, again, length), "cut off");
    arena_free(&arena);
}

Test(pack, gives_back_what_it_took) {
    enum { MOST = 300000 };
    char *text = malloc(MOST);
    uint32_t state = 1;
    for (size_t i = 0; i < MOST; i++) { /* runs, repetitions from far and near, and noise */
        state = state * 1664525 + 1013904223;
        text[i] = i % 7000 < 300 ? 'a' : i > 70000 && i % 5000 < 2500 ? text[i - 66000] : (char)('a' + (state >> 28));
    }
    for (size_t length = 0; length < 40; length++) check_pack(text, length);
    check_pack(text, 299);
    check_pack(text, MOST);
    free(text);
}

Test(pack, text_shrinks_and_damage_is_seen) {
    Arena arena = {0};
    char text[4000], again[4000];
    for (size_t i = 0; i < sizeof text; i += 20) memcpy(text + i, "  %12 : real = add  ", 20);
    size_t packed;
    unsigned char *bytes = pack_bytes(&arena, text, sizeof text, &packed);
    cr_expect_lt(packed, 100);
    for (size_t i = 0; i < packed; i++)
        for (int value = 0; value < 256; value += 51) {
            unsigned char before = bytes[i];
            bytes[i] = (unsigned char)value;
            pack_restore(bytes, packed, again, sizeof again); /* must stay inside of its arrays */
            bytes[i] = before;
        }
    arena_free(&arena);
}

/* Tensor IR: text form, verifier, builders and the reference interpreter. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rng/philox.h"
#include "tir/infer.h"
#include "unit/tir_text.h"

#ifndef QTM_TEST_DIR
#define QTM_TEST_DIR "tests"
#endif

static char *print_module(const TirModule *m) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tir_print_module(out, m);
    fclose(out);
    return text;
}

/* --- text --- */

static void check_golden(const char *path) {
    Fixture x = {0};
    const char *reason = NULL;
    uint32_t file = source_read(&x.sources, path, &reason);
    cr_assert_neq(file, 0, "%s: %s", path, reason);
    x.sink.sources = &x.sources;
    TirModule *m = tir_parse(&x.arena, &x.sources, file, &x.sink);
    cr_assert_not_null(m, "%s: %s", path, x.sink.errors ? x.sink.diags.data[0]->text : "");
    char *text = print_module(m);
    cr_expect_str_eq(text, source_file(&x.sources, file)->text);
    TirModule *again = fixture_parse(&x, text);
    cr_assert_not_null(again);
    char *second = print_module(again);
    cr_expect_str_eq(second, text);
    free(text);
    free(second);
    fixture_free(&x);
}

Test(tir_text, every_operation_prints_as_it_was_read) {
    check_golden(QTM_TEST_DIR "/ir/every_op.tir");
}
Test(tir_text, module_of_two_functions) {
    check_golden(QTM_TEST_DIR "/ir/critic.tir");
}

Test(tir_text, golden_file_holds_every_operation) {
    Fixture x = {0};
    const char *reason = NULL;
    uint32_t file = source_read(&x.sources, QTM_TEST_DIR "/ir/every_op.tir", &reason);
    x.sink.sources = &x.sources;
    TirModule *m = tir_parse(&x.arena, &x.sources, file, &x.sink);
    cr_assert_not_null(m);
    bool seen[TIR_OPCODE_COUNT] = {false};
    for (size_t i = 0; i < m->functions.data[0]->ops.count; i++) seen[m->functions.data[0]->ops.data[i].op] = true;
    for (unsigned i = 0; i < TIR_OPCODE_COUNT; i++) cr_expect(seen[i], "%s is missing", tir_op_text((TirOpcode)i));
    fixture_free(&x);
}

static double bits_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

Test(tir_text, reals_survive_exactly) {
    unsigned seed = 4711;
    printf("seed %u\n", seed);
    srandom(seed);
    Fixture x = {0};
    TirFunction *f = tir_function_new(&x.arena, "reals");
    const double fixed[] = {0.0, -0.0, 1.0 / 3, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308, 0x1p-1022};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) tir_real(f, fixed[i], (Span){0});
    for (int i = 0; i < 2000; i++) {
        double value = bits_double((uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random());
        if (value == value) tir_real(f, value, (Span){0});
    }
    TirModule m = {.arena = &x.arena};
    VEC_PUSH(&x.arena, &m.functions, f);
    char *text = print_module(&m);
    TirFunction *g = fixture_function(&x, text);
    cr_assert_eq(g->ops.count, f->ops.count);
    for (size_t i = 0; i < f->ops.count; i++)
        cr_expect_eq(memcmp(&f->ops.data[i].real, &g->ops.data[i].real, sizeof(double)), 0, "%.17g",
                     f->ops.data[i].real);
    free(text);
    fixture_free(&x);
}

static void check_error(const char *text, const char *message, uint32_t begin) {
    Fixture x = {0};
    cr_expect_null(fixture_parse(&x, text), "%s", text);
    cr_assert_eq(x.sink.errors, 1, "%s", text);
    const Diag *diag = x.sink.diags.data[0];
    cr_expect_eq(diag->code, DIAG_E0601);
    cr_expect(strstr(diag->text, message), "\"%s\" instead of \"%s\" for:\n%s", diag->text, message, text);
    cr_expect_eq(diag->span.begin, begin, "%s: at %u instead of %u", message, diag->span.begin, begin);
    fixture_free(&x);
}

Test(tir_text, mistakes_are_reported_where_they_are) {
    check_error("fun f { }", "expected func", 0);
    check_error("func f {", "expected '}'", 8);
    check_error("func \"f { }", "string without an end", 5);
    check_error("func f { axis a = 1 }", "at least two", 18);
    check_error("func f { axis a = 2 axis a = 3 }", "second axis", 25);
    check_error("func f { %1 : real = const 1 }", "in order", 10);
    check_error("func f { %0 : rael = const 1 }", "expected a type", 14);
    check_error("func f { %0 : real = konst 1 }", "expected an operation", 21);
    check_error("func f { %0 : real{b} = const 1 }", "no axis named b", 19);
    check_error("func f { %0 : real = const x }", "expected a number", 27);
    check_error("func f { %0 : real = neg %0 }", "does not come before", 9);
    check_error("func f { %0 : int = const 1 %1 : real = neg %0 }", "another type", 28);
    check_error("func f { axis a = 2 %0 : int = iota axis a }", "other axes", 20);
    check_error("func f { output loss 0 \"l\" = %3 }", "no such value", 0);
    check_error("func f { axis b = 2 axis a = 2 %0 : real{a, b} = uniform stream 0 }", "order of their declaration",
                44);
    check_error("func f { %0 : int = const 99999999999999999999 }", "expected an integer", 26);
}

/* Whatever one byte becomes: either one error is reported, or what was read is a module that verifies. */
Test(tir_text, damaged_text_is_refused_or_verifies) {
    unsigned seed = 20260;
    printf("seed %u\n", seed);
    srandom(seed);
    Fixture golden = {0};
    const char *reason = NULL;
    uint32_t file = source_read(&golden.sources, QTM_TEST_DIR "/ir/every_op.tir", &reason);
    cr_assert_neq(file, 0);
    const SourceFile *source = source_file(&golden.sources, file);
    char *text = arena_string(&golden.arena, source->text, source->length);
    for (int i = 0; i < 3000; i++) {
        size_t at = (size_t)random() % source->length;
        text[at] = i % 2 ? (char)random() : source->text[(size_t)random() % source->length];
        Fixture x = {0};
        x.sink.sources = &x.sources;
        TirModule *m = tir_parse(&x.arena, &x.sources, source_add(&x.sources, "d", text, source->length), &x.sink);
        cr_expect_eq(x.sink.errors, m ? 0 : 1);
        if (m && m->functions.count) cr_expect_null(tir_verify(m->functions.data[0], &x.arena));
        text[at] = source->text[at];
        fixture_free(&x);
    }
    fixture_free(&golden);
}

/* --- verifier --- */

static const char verify_text[] = "func v { axis a = 2 axis b = 3 axis c = 2 input block 0 0 \"x\" = %0\n"
                                  "%0 : real{a, b} = input port 0\n"
                                  "%1 : real{a, b} = neg %0\n"
                                  "%2 : real{b} = sum %1 over {a}\n"
                                  "%3 : real{b} = slice %0 at 1 axis a\n"
                                  "%4 : int{a} = iota axis a\n"
                                  "%5 : real{b} = neg %2\n"
                                  "%6 : real = sum %2 over {b}\n"
                                  "output loss 0 \"l\" = %6 }";

typedef void Corrupt(TirFunction *f);
static void corrupt_type(TirFunction *f) {
    f->ops.data[1].type = TIR_INT;
}
static void corrupt_type_range(TirFunction *f) {
    f->ops.data[1].type = (TirType)9;
}
static void corrupt_opcode(TirFunction *f) {
    f->ops.data[1].op = (TirOpcode)999;
}
static void corrupt_axes(TirFunction *f) {
    f->ops.data[1].axes.count = 1;
}
static void corrupt_axes_order(TirFunction *f) {
    f->ops.data[0].axes.id[0] = 2;
}
static void corrupt_order(TirFunction *f) {
    f->ops.data[1].args[0] = 2;
}
static void corrupt_self(TirFunction *f) {
    f->ops.data[1].args[0] = 1;
}
static void corrupt_arity(TirFunction *f) {
    f->ops.data[1].arg_count = 0;
}
static void corrupt_summed(TirFunction *f) {
    f->ops.data[2].attr_axes.id[0] = 2;
}
static void corrupt_summed_empty(TirFunction *f) {
    f->ops.data[2].attr_axes.count = 0;
}
static void corrupt_slice(TirFunction *f) {
    f->ops.data[3].integer = 2;
}
static void corrupt_slice_axis(TirFunction *f) {
    f->ops.data[3].axis = 7;
}
static void corrupt_port(TirFunction *f) {
    f->ops.data[0].integer = 1;
}
static void corrupt_port_value(TirFunction *f) {
    f->inputs.data[0].value = 1;
}
static void corrupt_port_role(TirFunction *f) {
    f->inputs.data[0].role = TIR_PORT_LOSS;
}
static void corrupt_output(TirFunction *f) {
    f->outputs.data[0].value = 77;
}
static void corrupt_loss(TirFunction *f) {
    f->outputs.data[0].value = 2;
}
static void corrupt_axis_size(TirFunction *f) {
    f->axes.data[2].size = 1;
}
static void corrupt_axis_name(TirFunction *f) {
    f->axes.data[2].name = "a";
}
static void corrupt_mul_types(TirFunction *f) {
    f->ops.data[1].op = TIR_MUL;
    f->ops.data[1].arg_count = 2;
    f->ops.data[1].args = (TirId *)arena_copy(f->arena, (TirId[]){0, 0}, 2 * sizeof(TirId));
    f->ops.data[0].type = TIR_BOOL;
}
static void corrupt_bool(TirFunction *f) {
    f->ops.data[5] = (TirOp){.op = TIR_CONST, .type = TIR_BOOL, .integer = 2};
}

Test(tir_verify, catches_each_corruption) {
    static const struct {
        Corrupt *corrupt;
        const char *message;
    } cases[] = {
        {corrupt_type, "v: %1 = neg: type of the result"},
        {corrupt_type_range, "v: %1 = neg: no such type"},
        {corrupt_opcode, "v: %1 = ?: no such operation"},
        {corrupt_axes, "v: %1 = neg: axes of the result"},
        {corrupt_axes_order, "v: %0 = input: axes are not ascending"},
        {corrupt_order, "v: %1 = neg: an argument does not come before its user"},
        {corrupt_self, "v: %1 = neg: an argument does not come before its user"},
        {corrupt_arity, "v: %1 = neg: wrong number of arguments"},
        {corrupt_summed, "v: %2 = sum: an argument lacks a summed axis"},
        {corrupt_summed_empty, "v: %2 = sum: sums over no axis"},
        {corrupt_slice, "v: %3 = slice: index outside the axis"},
        {corrupt_slice_axis, "v: %3 = slice: no such axis"},
        {corrupt_port, "v: %0 = input: no such input port"},
        {corrupt_port_value, "v: %0 = input: its port belongs to another operation"},
        {corrupt_port_role, "v: input 0: wrong role"},
        {corrupt_output, "v: output 0: no such value"},
        {corrupt_loss, "v: output 0: the loss is not a real scalar"},
        {corrupt_axis_size, "v: axis c has size 1"},
        {corrupt_axis_name, "v: two axes named a"},
        {corrupt_mul_types, "v: %1 = mul: wants reals, or ints"},
        {corrupt_bool, "v: %5 = const: a bool is 0 or 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Fixture x = {0};
        TirFunction *f = fixture_function(&x, verify_text);
        cr_assert_null(tir_verify(f, &x.arena));
        cases[i].corrupt(f);
        const char *wrong = tir_verify(f, &x.arena);
        cr_assert_not_null(wrong, "not caught: %s", cases[i].message);
        cr_expect_str_eq(wrong, cases[i].message);
        fixture_free(&x);
    }
}

/* --- builders --- */

Test(tir_build, axes_follow_from_the_rules) {
    Fixture x = {0};
    TirFunction *f = tir_function_new(&x.arena, "f");
    Span at = {0};
    TirAxisId v = tir_axis_add(f, "v", 4, true), e = tir_axis_add(f, "e", 3, true), n = tir_axis_add(f, "n", 5, false);
    TirAxisId d = tir_axis_add_dynamic(f, "d", 2);
    cr_expect_eq(f->axes.data[d].size, -1);
    TirAxes ve = tir_axes_add(tir_axes_one(e), v), vn = tir_axes_add(tir_axes_one(n), v);
    cr_expect_eq(ve.id[0], v);
    TirId events = tir_uniform(f, 0, ve, at);
    TirId table = tir_input(f, TIR_PORT_BLOCK, 0, 0, "t", TIR_REAL, vn, at);
    TirId k = tir_search(f, table, events, n, at);
    cr_expect(tir_axes_equal(f->ops.data[k].axes, ve));
    cr_expect_eq(f->ops.data[k].type, TIR_INT);
    TirId row = tir_gather(f, table, k, n, at);
    cr_expect(tir_axes_equal(f->ops.data[row].axes, ve));
    TirId back = tir_scatter(f, row, k, n, vn, at);
    cr_expect(tir_axes_equal(f->ops.data[back].axes, vn));
    TirId dot = tir_dot(f, table, table, tir_axes_one(n), at);
    cr_expect(tir_axes_equal(f->ops.data[dot].axes, tir_axes_one(v)));
    TirId all = tir_map(f, TIR_ADD, at, dot, events, TIR_NONE);
    cr_expect(tir_axes_equal(f->ops.data[all].axes, ve));
    cr_expect_eq(tir_sum(f, all, tir_axes_none(), at), all);
    cr_expect_eq(tir_broadcast(f, all, ve, at), all);
    cr_expect_eq(f->ops.data[tir_dot(f, dot, dot, tir_axes_none(), at)].op, TIR_MUL);
    cr_expect(tir_axes_equal(tir_axes_both(ve, vn), tir_axes_one(v)));
    cr_expect(tir_axes_equal(tir_axes_minus(ve, vn), tir_axes_one(e)));
    cr_expect_eq(tir_axes_union(ve, vn).count, 3);
    cr_expect_null(tir_verify(f, &x.arena));
    fixture_free(&x);
}

static TirFunction *misuse_function(void) {
    static Arena arena;
    fclose(stderr);
    TirFunction *f = tir_function_new(&arena, "f");
    tir_axis_add(f, "a", 4, false);
    return f;
}
Test(tir_build, axis_of_one_stops, .signal = SIGABRT) {
    tir_axis_add(misuse_function(), "b", 1, false);
}
Test(tir_build, axis_named_twice_stops, .signal = SIGABRT) {
    tir_axis_add(misuse_function(), "a", 2, false);
}
Test(tir_build, mixed_types_stop, .signal = SIGABRT) {
    TirFunction *f = misuse_function();
    tir_map(f, TIR_ADD, (Span){0}, tir_real(f, 1, (Span){0}), tir_int(f, 1, (Span){0}), TIR_NONE);
}
Test(tir_build, sum_over_missing_axis_stops, .signal = SIGABRT) {
    TirFunction *f = misuse_function();
    tir_sum(f, tir_real(f, 1, (Span){0}), tir_axes_one(0), (Span){0});
}
Test(tir_build, map_of_a_reduction_stops, .signal = SIGABRT) {
    TirFunction *f = misuse_function();
    tir_map(f, TIR_SUM, (Span){0}, tir_real(f, 1, (Span){0}), TIR_NONE, TIR_NONE);
}
Test(tir_build, loss_with_axes_stops, .signal = SIGABRT) {
    TirFunction *f = misuse_function();
    tir_output(f, TIR_PORT_LOSS, 0, "l", tir_uniform(f, 0, tir_axes_one(0), (Span){0}));
}

/* --- interpreter --- */

/* Runs `body` (operations after inputs %0 : real{a, b}, %1 : real{b}, %2 : int{a}; sizes a 2, b 3, c 2, d dynamic of 4)
 * whose last value %LAST is the output, and compares. */
static void check_values(const char *body, unsigned last, const double *want, size_t count) {
    static double m[] = {1, -2, 3, 0.5, 8, -4}, row[] = {10, 20, 30}, index[] = {2, -9};
    const TirTensor inputs[] = {{.count = 6, .data = m}, {.count = 3, .data = row}, {.count = 2, .data = index}};
    Fixture x = {0};
    const char *text = arena_format(
        &x.arena,
        "func f { axis a = 2 axis b = 3 axis c = 2 axis d = dynamic 1 batch axis e = 2 input block 0 0 \"m\" = %%0\n"
        "input block 1 0 \"row\" = %%1 input block 2 0 \"i\" = %%2\n"
        "%%0 : real{a, b} = input port 0 %%1 : real{b} = input port 1 %%2 : int{a} = input port 2\n"
        "%s\noutput value 0 \"o\" = %%%u }",
        body, last);
    TirFunction *f = fixture_function(&x, text);
    TirTensor out;
    tir_interpret(f, &x.arena, inputs, (const int64_t[]){0, 4}, 7, 3, &out);
    cr_assert_eq(out.count, count, "%s: %zu values", body, out.count);
    for (size_t i = 0; i < count; i++)
        cr_expect(out.data[i] == want[i] || (want[i] != want[i] && out.data[i] != out.data[i]) ||
                      fabs(out.data[i] - want[i]) <= 1e-15 * fabs(want[i]),
                  "%s: value %zu is %.17g instead of %.17g", body, i, out.data[i], want[i]);
    fixture_free(&x);
}
#define VALUES(body, last, ...)                                                                                        \
    check_values(body, last, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

Test(tir_interpret, element_wise) {
    VALUES("%3 : real{a, b} = neg %0", 3, -1, 2, -3, -0.5, -8, 4);
    VALUES("%3 : real{a, b} = abs %0", 3, 1, 2, 3, 0.5, 8, 4);
    VALUES("%3 : real{a, b} = sign %0", 3, 1, -1, 1, 1, 1, -1);
    VALUES("%3 : real{a, b} = floor %0", 3, 1, -2, 3, 0, 8, -4);
    VALUES("%3 : real{a, b} = exp %0", 3, exp(1), exp(-2), exp(3), exp(0.5), exp(8), exp(-4));
    VALUES("%3 : real{a, b} = log %0", 3, 0, NAN, log(3), log(0.5), log(8), NAN);
    VALUES("%3 : real{a, b} = expm1 %0", 3, expm1(1), expm1(-2), expm1(3), expm1(0.5), expm1(8), expm1(-4));
    VALUES("%3 : real{a, b} = log1p %0", 3, log1p(1), NAN, log1p(3), log1p(0.5), log1p(8), NAN);
    VALUES("%3 : real{b} = sqrt %1", 3, sqrt(10), sqrt(20), sqrt(30));
    VALUES("%3 : real{b} = tanh %1", 3, tanh(10), tanh(20), tanh(30));
    VALUES("%3 : real{b} = sin %1", 3, sin(10), sin(20), sin(30));
    VALUES("%3 : real{b} = cos %1", 3, cos(10), cos(20), cos(30));
    VALUES("%3 : real{a, b} = add %0, %1", 3, 11, 18, 33, 10.5, 28, 26);
    VALUES("%3 : real{a, b} = sub %1, %0", 3, 9, 22, 27, 9.5, 12, 34);
    VALUES("%3 : real{a, b} = mul %0, %1", 3, 10, -40, 90, 5, 160, -120);
    VALUES("%3 : real{a, b} = div %1, %0", 3, 10, -10, 10, 20, 2.5, -7.5);
    VALUES("%3 : real = const 2 %4 : real{a, b} = pow %0, %3", 4, 1, 4, 9, 0.25, 64, 16);
    VALUES("%3 : real = const 0.75 %4 : real{a, b} = max %0, %3", 4, 1, 0.75, 3, 0.75, 8, 0.75);
    VALUES("%3 : real = const 0.75 %4 : real{a, b} = min %0, %3", 4, 0.75, -2, 0.75, 0.5, 0.75, -4);
    VALUES("%3 : real{a, b} = stop %0", 3, 1, -2, 3, 0.5, 8, -4);
}

Test(tir_interpret, choice_and_conversion) {
    VALUES("%3 : real = const 1 %4 : bool{a, b} = lt %0, %3", 4, 0, 1, 0, 1, 0, 1);
    VALUES("%3 : real = const 1 %4 : bool{a, b} = le %0, %3", 4, 1, 1, 0, 1, 0, 1);
    VALUES("%3 : real = const 1 %4 : bool{a, b} = eq %0, %3", 4, 1, 0, 0, 0, 0, 0);
    VALUES("%3 : bool = const true %4 : bool = const false %5 : bool = and %3, %4", 5, 0);
    VALUES("%3 : bool = const true %4 : bool = const false %5 : bool = or %3, %4", 5, 1);
    VALUES("%3 : bool = const true %4 : bool = not %3", 4, 0);
    VALUES("%3 : real = const 1 %4 : bool{a, b} = lt %0, %3 %5 : real{a, b} = select %4, %1, %0", 5, 1, 20, 3, 10, 8,
           30);
    VALUES("%3 : int{a, b} = to_int %0", 3, 1, -2, 3, 0, 8, -4);
    VALUES("%3 : real = const nan %4 : int = to_int %3", 4, 0);
    VALUES("%3 : real = const 1e10 %4 : int = to_int %3", 4, 2147483647);
    VALUES("%3 : real{a} = to_real %2", 3, 2, -9);
    VALUES("%3 : int = const 2147483647 %4 : int = const 1 %5 : int = add %3, %4", 5, -2147483648.0);
    VALUES("%3 : int = const 65536 %4 : int = mul %3, %3", 4, 0);
}

Test(tir_interpret, not_a_number_and_infinity) {
    VALUES("%3 : real = const nan %4 : real = const 1 %5 : real = max %3, %4", 5, 1);
    VALUES("%3 : real = const nan %4 : real = const 1 %5 : real = max %4, %3", 5, NAN);
    VALUES("%3 : real = const nan %4 : real = const 1 %5 : real = min %3, %4", 5, 1);
    VALUES("%3 : real = const nan %4 : real = sign %3", 4, 0);
    VALUES("%3 : real = const nan %4 : bool = le %3, %3", 4, 0);
    VALUES("%3 : real = const 0 %4 : real = log %3", 4, -INFINITY);
    VALUES("%3 : real = const inf %4 : real = sub %3, %3", 4, NAN);
    VALUES("%3 : real = const -1 %4 : real{b} = pow %3, %1", 4, 1, 1, 1);
}

Test(tir_interpret, structure) {
    VALUES("%3 : int{b} = iota axis b", 3, 0, 1, 2);
    VALUES("%3 : int = extent axis d", 3, 4);
    VALUES("%3 : int = step", 3, 3);
    VALUES("%3 : real{b, c} = broadcast %1", 3, 10, 10, 20, 20, 30, 30);
    VALUES("%3 : real{b, e} = rename %0 axis a to e", 3, 1, 0.5, -2, 8, 3, -4);
    VALUES("%3 : real{a} = slice %0 at 1 axis b", 3, -2, 8);
    VALUES("%3 : real{b} = slice %0 at 1 axis a", 3, 0.5, 8, -4);
    VALUES("%3 : real{b} = slice %0 at 1 axis a %4 : real{b, c} = stack %1, %3 axis c", 4, 10, 0.5, 20, 8, 30, -4);
    VALUES("%3 : real = const 5 %4 : real{b, c} = stack %3, %1 axis c", 4, 5, 10, 5, 20, 5, 30);
    VALUES("%3 : real{a} = gather %1, %2 axis b", 3, 30, 10);
    VALUES("%3 : real{a} = gather %0, %2 axis b", 3, 3, 0.5);
    VALUES("%3 : real{a} = slice %0 at 0 axis b %4 : real{b} = scatter %3, %2 axis b", 4, 0.5, 0, 1);
    VALUES("%3 : int{a} = iota axis a %4 : real{a} = to_real %3 %5 : real{a, b} = scatter %4, %2 axis b", 5, 0, 0, 0, 1,
           0, 0);
    VALUES("%3 : real = const 2 %4 : real{b} = scatter %3, %2 axis b", 4, 2, 0, 2);
}

Test(tir_interpret, search) {
    VALUES("%3 : real = const 9 %4 : int = search %1, %3 axis b", 4, 0);
    VALUES("%3 : real = const 20 %4 : int = search %1, %3 axis b", 4, 1);
    VALUES("%3 : real = const 19.9 %4 : int = search %1, %3 axis b", 4, 0);
    VALUES("%3 : real = const 99 %4 : int = search %1, %3 axis b", 4, 1);
    VALUES("%3 : real = const nan %4 : int = search %1, %3 axis b", 4, 0);
}

Test(tir_interpret, reductions) {
    VALUES("%3 : real{b} = sum %0 over {a}", 3, 1.5, 6, -1);
    VALUES("%3 : real{a} = sum %0 over {b}", 3, 2, 4.5);
    VALUES("%3 : real = sum %0 over {a, b}", 3, 6.5);
    VALUES("%3 : int = sum %2 over {a}", 3, -7);
    VALUES("%3 : real{a} = reduce_max %0 over {b}", 3, 3, 8);
    VALUES("%3 : real{b} = reduce_max %0 over {a}", 3, 1, 8, 3);
    VALUES("%3 : real{a, b} = log %0 %4 : real{a} = reduce_max %3 over {b}", 4, log(3), log(8));
    VALUES("%3 : real{a, b} = cumsum %0 axis b", 3, 1, -1, 2, 0.5, 8.5, 4.5);
    VALUES("%3 : real{a, b} = cumsum %0 axis b reverse", 3, 2, 1, 3, 4.5, 4, -4);
    VALUES("%3 : real{a, b} = cumsum %0 axis a", 3, 1, -2, 3, 1.5, 6, -1);
    VALUES("%3 : real{a} = dot %0, %1 over {b}", 3, 60, 45);
    VALUES("%3 : real{b} = dot %0, %0 over {a}", 3, 1.25, 68, 25);
    VALUES("%3 : real = dot %0, %0 over {a, b}", 3, 94.25);
    VALUES("%3 : real{b, e} = rename %0 axis a to e %4 : real{a, e} = dot %0, %3 over {b}", 4, 14, -27.5, -27.5, 80.25);
    VALUES("%3 : real{a} = dot %0, %0 over {b}", 3, 14, 80.25);
    VALUES("%3 : real{a} = to_real %2 %4 : real{b} = dot %0, %3 over {a}", 4, -2.5, -76, 42);
}

Test(tir_interpret, empty_data_set) {
    Fixture x = {0};
    TirFunction *f =
        fixture_function(&x, "func f { axis d = dynamic 0 batch axis n = 2 %0 : real{d, n} = uniform stream 0\n"
                             "%1 : real = sum %0 over {d, n} %2 : real{n} = reduce_max %0 over {d}\n"
                             "%3 : int = const 5 %4 : real{n} = gather %0, %3 axis d %5 : int = extent axis d\n"
                             "output value 0 \"s\" = %1 output value 1 \"m\" = %2\n"
                             "output value 2 \"g\" = %4 output value 3 \"n\" = %5 }");
    TirTensor out[4];
    tir_interpret(f, &x.arena, NULL, (const int64_t[]){0}, 0, 0, out);
    cr_expect_eq(out[0].data[0], 0);
    cr_expect_eq(out[1].data[1], -INFINITY);
    cr_expect_eq(out[2].data[0], 0);
    cr_expect_eq(out[3].data[0], 0);
    fixture_free(&x);
}

Test(tir_interpret, shape_of_outputs_and_inputs_that_are_returned) {
    Fixture x = {0};
    TirFunction *f = fixture_function(&x, "func f { axis d = dynamic 1 batch axis n = 2 input column 0 0 \"x\" = %0\n"
                                          "%0 : real{d, n} = input port 0 output value 0 \"x\" = %0 }");
    double data[] = {1, 2, 3, 4, 5, 6};
    TirTensor out;
    tir_interpret(f, &x.arena, &(TirTensor){.count = 6, .data = data}, (const int64_t[]){9, 3}, 0, 0, &out);
    cr_expect_eq(out.rank, 2);
    cr_expect_eq(out.shape[0], 3);
    cr_expect_eq(out.shape[1], 2);
    cr_expect_neq(out.data, data);
    cr_expect_eq(out.data[5], 6);
    fixture_free(&x);
}

/* --- random streams --- */

static void check_philox(struct qtm_philox counter, uint32_t key0, uint32_t key1, struct qtm_philox want) {
    struct qtm_philox got = qtm_philox4x32(counter, key0, key1);
    for (int i = 0; i < 4; i++) cr_expect_eq(got.word[i], want.word[i], "word %d: %08x", i, got.word[i]);
}

/* Known answers of the Random123 distribution. */
Test(philox, known_answers) {
    const uint32_t ff = 0xffffffff;
    check_philox((struct qtm_philox){{0, 0, 0, 0}}, 0, 0,
                 (struct qtm_philox){{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    check_philox((struct qtm_philox){{ff, ff, ff, ff}}, ff, ff,
                 (struct qtm_philox){{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    check_philox((struct qtm_philox){{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0,
                 (struct qtm_philox){{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

Test(philox, word_of_stream_step_and_index) {
    const struct qtm_philox counter = {{0x90abcdef, 0x12345678, 0x55667788, 0x0003 | 0x3344u << 16}};
    uint32_t want = qtm_philox4x32(counter, 0xddccbbaa, 0x11223344).word[0];
    cr_expect_eq(qtm_random_word(0x11223344ddccbbaa, 0x0000334455667788, 3, 0x1234567890abcdef), want);
}

static int compare_keys(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Two words in a row never come again, in another stream, step, place or seed: 2^19 pairs of 64 bits would agree by
 * chance with the probability 1e-8. */
Test(philox, streams_do_not_overlap) {
    enum { SEEDS = 4, STREAMS = 32, STEPS = 32, PLACES = 128, PAIRS = SEEDS * STREAMS * STEPS * PLACES };
    uint64_t *keys = malloc(PAIRS * sizeof *keys), *at = keys;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (uint32_t stream = 0; stream < STREAMS; stream++)
            for (uint64_t step = 0; step < STEPS; step++)
                for (uint64_t index = 0; index < PLACES; index++)
                    *at++ = (uint64_t)qtm_random_word(seed, step, stream, index) << 32 |
                            qtm_random_word(seed, step, stream, index + 1);
    qsort(keys, PAIRS, sizeof *keys, compare_keys);
    for (size_t i = 1; i < PAIRS; i++) cr_assert_neq(keys[i - 1], keys[i]);
    free(keys);
}

Test(philox, ends_of_the_ranges) {
    cr_expect_eq(qtm_random_uniform(0), 0x1p-24);
    cr_expect_eq(qtm_random_uniform(0xffffffff), 1 - 0x1p-24);
    cr_expect_eq((double)(float)qtm_random_uniform(0xffffffff), 1 - 0x1p-24);
    cr_expect_eq(qtm_random_below(0xffffffff, 10), 9);
    cr_expect_eq(qtm_random_below(0, 10), 0);
}

Test(tir_interpret, draws_follow_the_counter) {
    Fixture x = {0};
    TirFunction *f = fixture_function(&x, "func f { axis v = 3 batch axis e = 4 batch axis d = dynamic 0 batch\n"
                                          "%0 : real{v, e} = uniform stream 5 %1 : int{v, e} = pick stream 6 rows d\n"
                                          "output value 0 \"u\" = %0 output value 1 \"p\" = %1 }");
    TirTensor out[2];
    tir_interpret(f, &x.arena, NULL, (const int64_t[]){1000}, 42, 17, out);
    for (uint32_t i = 0; i < 12; i++) {
        cr_expect_eq(out[0].data[i], qtm_random_uniform(qtm_random_word(42, 17, 5, i)));
        cr_expect_eq(out[1].data[i], qtm_random_below(qtm_random_word(42, 17, 6, i), 1000));
    }
    fixture_free(&x);
}

/* Moments of 2^18 uniforms: mean 1/2 and variance 1/12 within five standard errors. */
Test(tir_interpret, uniforms_are_uniform) {
    Fixture x = {0};
    TirFunction *f = fixture_function(&x, "func f { axis n = 262144 batch %0 : real{n} = uniform stream 1\n"
                                          "%1 : real = sum %0 over {n} %2 : real = dot %0, %0 over {n}\n"
                                          "output value 0 \"a\" = %1 output value 1 \"b\" = %2 }");
    TirTensor out[2];
    tir_interpret(f, &x.arena, NULL, NULL, 1, 0, out);
    const double n = 262144, mean = out[0].data[0] / n, variance = out[1].data[0] / n - mean * mean;
    cr_expect_float_eq(mean, 0.5, 5 * sqrt(1.0 / 12 / n));
    cr_expect_float_eq(variance, 1.0 / 12, 5 * sqrt(1.0 / 180 / n));
    fixture_free(&x);
}

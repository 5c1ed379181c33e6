/* What check-gradients does with the text of an objective: fewer rows of the same operations, and the products of its
 * derivatives, which show a rule of forward mode that is wrong by 1e-8, or a matrix of second derivatives that is not
 * symmetric. */
#include <criterion/criterion.h>
#include <math.h>

#include "diag/diag.h"
#include "runtime/train/products.h"

static Arena arena;
static SourceSet sources;

static TirFunction *parse(const char *text) {
    DiagSink sink = {.sources = &sources};
    TirModule *module = tir_parse(&arena, &sources, source_add(&sources, "test", text, strlen(text)), &sink);
    cr_assert(module && module->functions.count == 1);
    diag_free(&sink);
    return module->functions.data[0];
}

static int64_t size_of(const TirFunction *f, const char *axis) {
    for (size_t i = 0; i < f->axes.count; i++)
        if (!strcmp(f->axes.data[i].name, axis)) return f->axes.data[i].size;
    return -1;
}

/* Rows by rows become one axis, which is renamed; a stack and an input keep theirs; the body of a loop has the same. */
static const char batches[] = "func rows {\n"
                              "  axis vectors = 16 batch\n"
                              "  axis events = 100 batch\n"
                              "  axis pair = 2 batch\n"
                              "  axis given = 32 batch\n"
                              "  axis all = 1600\n"
                              "  axis other = 1600\n"
                              "  axis rounds = 5\n"
                              "  input block 0 0 \"x\" = %0\n"
                              "  %0 : real{given} = input port 0\n"
                              "  %1 : real = sum %0 over {given}\n"
                              "  %2 : real{vectors, events} = uniform stream 1\n"
                              "  %3 : real{vectors, events} = mul %2, %1\n"
                              "  %4 : real{all} = flatten %3 over {vectors, events} axis all\n"
                              "  %5 : real{other} = rename %4 axis all to other\n"
                              "  %6 : real{vectors, events} = loop %3, %1 states 1 axis rounds func body {\n"
                              "  axis vectors = 16 batch\n"
                              "  axis events = 100 batch\n"
                              "  axis pair = 2 batch\n"
                              "  axis given = 32 batch\n"
                              "  axis all = 1600\n"
                              "  axis other = 1600\n"
                              "  axis rounds = 5\n"
                              "  input round 0 0 \"a\" = %0\n"
                              "  input round 1 0 \"b\" = %1\n"
                              "  %0 : real{vectors, events} = input port 0\n"
                              "  %1 : real = input port 1\n"
                              "  %2 : real{vectors, events} = mul %0, %1\n"
                              "  output value 0 \"out\" = %2\n"
                              "}\n"
                              "  %7 : real{vectors, events} = result %6 number 0\n"
                              "  %8 : real = sum %7 over {vectors, events}\n"
                              "  %9 : real = sum %5 over {other}\n"
                              "  %10 : real{pair} = stack %8, %9 axis pair\n"
                              "  %11 : real = sum %10 over {pair}\n"
                              "  output loss 0 \"loss\" = %11\n"
                              "}\n";

Test(check_products, shrink) {
    TirFunction *f = parse(batches);
    tir_shrink(f, 8);
    cr_expect_eq(size_of(f, "vectors"), 8);
    cr_expect_eq(size_of(f, "events"), 8);
    cr_expect_eq(size_of(f, "pair"), 2);
    cr_expect_eq(size_of(f, "given"), 32);
    cr_expect_eq(size_of(f, "all"), 64);
    cr_expect_eq(size_of(f, "other"), 64);
    cr_expect_eq(size_of(f, "rounds"), 5);
    const char *wrong = tir_verify(f, &arena);
    cr_expect(!wrong, "%s", wrong);
    arena_free(&arena);
}

/* A renamed axis that an input has: neither can be shorter. A part of what is taken apart: all parts stay. */
Test(check_products, shrink_keeps) {
    TirFunction *f = parse("func kept {\n"
                           "  axis rows = 12 batch\n"
                           "  axis given = 12\n"
                           "  axis events = 9 batch\n"
                           "  axis all = 108\n"
                           "  input block 0 0 \"x\" = %0\n"
                           "  %0 : real{given} = input port 0\n"
                           "  %1 : real{rows} = rename %0 axis given to rows\n"
                           "  %2 : real{rows, events} = uniform stream 1\n"
                           "  %3 : real{rows, events} = mul %1, %2\n"
                           "  %4 : real{all} = flatten %3 over {rows, events} axis all\n"
                           "  %5 : real = slice %4 at 107 axis all\n"
                           "  output loss 0 \"loss\" = %5\n"
                           "}\n");
    tir_shrink(f, 8);
    cr_expect_eq(size_of(f, "rows"), 12);
    cr_expect_eq(size_of(f, "given"), 12);
    cr_expect_eq(size_of(f, "events"), 9);
    cr_expect_eq(size_of(f, "all"), 108);
    const char *wrong = tir_verify(f, &arena);
    cr_expect(!wrong, "%s", wrong);
    arena_free(&arena);
}

/* sum over events of tanh(sum_k w_k running_k)^2 exp(scale u): products, sums, running sums. */
static const char loss[] = "func loss {\n"
                           "  axis events = 6 batch\n"
                           "  axis k = 4\n"
                           "  input block 0 0 \"w\" = %0\n"
                           "  input block 1 0 \"scale\" = %1\n"
                           "  %0 : real{k} = input port 0\n"
                           "  %1 : real = input port 1\n"
                           "  %2 : real{events, k} = uniform stream 3\n"
                           "  %3 : real{k} = cumsum %0 axis k\n"
                           "  %4 : real{events} = dot %2, %3 over {k}\n"
                           "  %5 : real{events} = tanh %4\n"
                           "  %6 : real{events} = mul %5, %5\n"
                           "  %7 : real{events} = mul %1, %4\n"
                           "  %8 : real{events} = exp %7\n"
                           "  %9 : real{events} = mul %6, %8\n"
                           "  %10 : real = sum %9 over {events}\n"
                           "  output loss 0 \"loss\" = %10\n"
                           "}\n";

/* The outputs: the loss, two gradients, the derivatives of these three. */
enum { LOSS_SLOPE = 3, FIRST_PRODUCT, SECOND_PRODUCT, NONE };

/* The largest errors with one output off by this part. */
static void products(int off, double part, double *first, double *second) {
    TirFunction *f = parse(loss);
    uint32_t inputs[2] = {0, 1};
    qtm_products_derive(f, inputs, 2);
    cr_assert_eq(f->outputs.count, 6);
    cr_assert_eq(f->inputs.count, 4);
    if (off != NONE) {
        TirPort *port = &f->outputs.data[off];
        TirId factor = tir_real(f, 1 + part, (Span){0, 0, 0});
        port->value = tir_map(f, TIR_MUL, (Span){0, 0, 0}, port->value, factor, TIR_NONE);
    }
    double w[4] = {0.3, -0.2, 0.5, 0.1}, scale = 0.7, along[5];
    TirTensor tensors[4] = {{.count = 4, .rank = 1, .shape = {4}, .data = w},
                            {.count = 1, .data = &scale},
                            {.count = 4, .rank = 1, .shape = {4}, .data = along},
                            {.count = 1, .data = along + 4}};
    static const bool all[4] = {true, true, true, true};
    const bool *moving[2] = {all, all};
    struct qtm_products_run run = {f, 2, moving, tensors, NULL, 5, first, second};
    uint64_t random = 7;
    first[0] = first[1] = second[0] = second[1] = 0;
    cr_expect(qtm_products_compare(&run, &random));
    arena_free(&arena);
}

Test(check_products, agree) {
    double first[2], second[2];
    products(NONE, 0, first, second);
    for (int i = 0; i < 2; i++) {
        cr_expect_leq(first[i], 1e-14);
        cr_expect_leq(second[i], 1e-14);
    }
}

Test(check_products, wrong_tangent) {
    double first[2], second[2];
    products(LOSS_SLOPE, 1e-8, first, second);
    for (int i = 0; i < 2; i++) {
        cr_expect_geq(first[i], 1e-9);
        cr_expect_leq(second[i], 1e-14);
    }
}

Test(check_products, wrong_second) {
    double first[2], second[2];
    products(SECOND_PRODUCT, 1e-7, first, second);
    for (int i = 0; i < 2; i++) {
        cr_expect_leq(first[i], 1e-14);
        cr_expect_geq(second[i], QTM_PRODUCTS_LIMIT);
    }
}

/* What is none is said to be so. */
Test(check_products, infinite) {
    double first[2], second[2];
    TirFunction *f = parse("func bad {\n"
                           "  input block 0 0 \"x\" = %0\n"
                           "  %0 : real = input port 0\n"
                           "  %1 : real = sqrt %0\n"
                           "  output loss 0 \"loss\" = %1\n"
                           "}\n");
    uint32_t input = 0;
    qtm_products_derive(f, &input, 1);
    double x = 0, along;
    TirTensor tensors[2] = {{.count = 1, .data = &x}, {.count = 1, .data = &along}};
    static const bool all[1] = {true};
    const bool *moving[1] = {all};
    struct qtm_products_run run = {f, 1, moving, tensors, NULL, 5, first, second};
    uint64_t random = 7;
    cr_expect(!qtm_products_compare(&run, &random));
    x = 1;
    cr_expect(qtm_products_compare(&run, &random));
    arena_free(&arena);
}

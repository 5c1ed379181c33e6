/* What small kernels cost, counted by hand: operations, elements moved, bytes. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "lir/cost.h"
#include "unit/tir_text.h"

typedef struct Scheduled {
    Fixture x;
    LirFunction *f;
    bool f64;
} Scheduled;

static void schedule(Scheduled *s, const char *text, bool f64) {
    *s = (Scheduled){.f64 = f64};
    s->f = schedule_function(&s->x.arena, fixture_function(&s->x, text), f64);
}

/* The kernel whose name begins like this, at so many rows of its group. */
static LirCost cost_of(Scheduled *s, const char *name, double rows) {
    for (size_t g = 0; g < s->f->groups.count; g++) {
        const LirGroup *group = &s->f->groups.data[g];
        const double *length = lir_lengths(&s->x.arena, s->f, group->row_axis, rows, 1);
        for (size_t k = 0; k < group->kernels.count; k++)
            if (!strncmp(group->kernels.data[k]->name, name, strlen(name)))
                return lir_kernel_cost(&s->x.arena, s->f, group, group->kernels.data[k], s->f64, length);
    }
    lir_print(stderr, s->f);
    cr_assert_fail("no kernel %s", name);
    return (LirCost){0};
}

#define CHECK(value, wanted)                                                                                           \
    cr_expect_eq(value, wanted, #value " is %g and should be %g", (double)(value), (double)(wanted))

static const char *const sums = "func f {\n"
                                "  axis rows = dynamic 0 batch\n  axis node = 8\n"
                                "  input block 0 0 \"w\" = %0\n  input column 0 0 \"x\" = %1\n"
                                "  %0 : real{node} = input port 0\n  %1 : real{rows} = input port 1\n"
                                "  %2 : real{rows, node} = mul %1, %0\n"
                                "  %3 : real{rows, node} = add %2, %0\n"
                                "  %4 : real{rows, node} = div %3, %1\n"
                                "  %5 : real = sum %4 over {rows, node}\n"
                                "  output loss 0 \"loss\" = %5\n}\n";

Test(cost, of_a_nest_that_sums) {
    Scheduled s;
    schedule(&s, sums, false);
    LirCost c = cost_of(&s, "sum_5", 10);
    CHECK(c.flops, 10 * 8 * 4); /* product, sum, quotient, sum over all */
    CHECK(c.steps, 10 * 8 * 3); /* the product is one with the sum that reads it */
    CHECK(c.divides, 10 * 8);
    CHECK(c.loads, 10 * 8); /* w; x is the same in the inner loop */
    CHECK(c.outer, 10 + 2); /* x, a row; and the sum, at the end */
    CHECK(c.reduced, 10 * 8);
    CHECK(c.stores, 0);
    CHECK(c.lookups, 0);
    CHECK(c.read, 10 * 4);
    CHECK(c.kept, 8 * 4);
    CHECK(c.cached, 2 * 4);
    fixture_free(&s.x);
}

Test(cost, bytes_are_of_the_width) {
    Scheduled s;
    schedule(&s, sums, true);
    LirCost c = cost_of(&s, "sum_5", 10);
    CHECK(c.flops, 10 * 8 * 4);
    CHECK(c.read, 10 * 8);
    CHECK(c.kept, 8 * 8);
    fixture_free(&s.x);
}

static const char *const product = "func f {\n"
                                   "  axis rows = 100 batch\n  axis k = 8\n  axis n = 16\n"
                                   "  input block 0 0 \"w\" = %0\n  input column 0 0 \"x\" = %1\n"
                                   "  input block 1 0 \"v\" = %2\n"
                                   "  %0 : real{k, n} = input port 0\n  %1 : real{rows} = input port 1\n"
                                   "  %2 : real{k} = input port 2\n"
                                   "  %3 : real{rows, k} = mul %1, %2\n"
                                   "  %4 : real{rows, n} = dot %3, %0 over {k}\n"
                                   "  %5 : real{rows, n} = max %4, %1\n"
                                   "  %6 : real{k, n} = dot %3, %5 over {rows}\n"
                                   "  output value 0 \"g\" = %6\n}\n";

Test(cost, of_products) {
    Scheduled s;
    schedule(&s, product, false);
    LirCost c = cost_of(&s, "dot_4", 100);
    CHECK(c.products, 100 * 8 * 16);
    CHECK(c.flops, 2 * 100 * 8 * 16 + 100 * 16); /* and the maximum at its end */
    CHECK(c.kept, 8 * 16 * 4);
    CHECK(c.read, 100 * 4);                    /* x, for the maximum */
    CHECK(c.cached, 4 * (100 * 8 + 100 * 16)); /* the block's rows in, the block's results out */
    c = cost_of(&s, "dot_6", 100);
    CHECK(c.products, 100 * 8 * 16);
    CHECK(c.flops, 2 * 100 * 8 * 16 + 8 * 16);
    fixture_free(&s.x);
}

Test(cost, an_array_counts_once_in_a_group) {
    Scheduled s;
    schedule(&s, product, false);
    for (size_t g = 0; g < s.f->groups.count; g++) {
        const LirGroup *group = &s.f->groups.data[g];
        if (group->row_axis == LIR_NO_AXIS) continue;
        LirCost c =
            lir_group_cost(&s.x.arena, s.f, group, false, lir_lengths(&s.x.arena, s.f, group->row_axis, 100, 1));
        CHECK(c.read, 100 * 4); /* x is read by two kernels */
        CHECK(c.written, 0);
        CHECK(c.products, 2 * 100 * 8 * 16);
    }
    fixture_free(&s.x);
}

static const char *const table = "func f {\n"
                                 "  axis rows = dynamic 0 batch\n  axis grid = 33\n"
                                 "  input block 0 0 \"t\" = %0\n  input column 0 0 \"x\" = %1\n"
                                 "  %0 : real{grid} = input port 0\n  %1 : real{rows} = input port 1\n"
                                 "  %2 : int{rows} = search %0, %1 axis grid\n"
                                 "  %3 : real{rows} = gather %0, %2 axis grid\n"
                                 "  %4 : real{rows} = exp %3\n"
                                 "  output value 0 \"y\" = %4\n}\n";

Test(cost, of_lookups) {
    Scheduled s;
    schedule(&s, table, false);
    LirCost c = cost_of(&s, "exp_4", 1000);
    CHECK(c.lookups, 1000 * (5 + 1)); /* 32 candidates are halved five times */
    CHECK(c.loads, 1000);
    CHECK(c.stores, 1000);
    CHECK(c.read, 4000);
    CHECK(c.written, 4000);
    CHECK(c.kept, 33 * 4);
    fixture_free(&s.x);
}

/* An elementary function costs the same before its expansion and after it. */
Test(cost, of_elementary_functions) {
    for (int f64 = 0; f64 < 2; f64++) {
        Scheduled s;
        schedule(&s, table, f64);
        LirCost before = cost_of(&s, "exp_4", 1000);
        math_expand(s.f, s.f64);
        LirCost after = cost_of(&s, "exp_4", 1000);
        CHECK(before.flops, after.flops);
        CHECK(before.steps, after.steps);
        cr_expect(before.flops >= 1000 * 12 && before.flops < 1000 * 80, "an exp of %g flops", before.flops / 1000);
        fixture_free(&s.x);
    }
}

/* Stages: a function cut in two gives what it gave whole, on random programs; what belongs to the start goes there, and
 * only that. tests/ir/stage.tir holds functions, and what is left of them, `name.after`, and made at the start,
 * `name.start`. */
#include "../gradients/random_tir.c"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "stage/stage.h"

#ifndef QTM_SOURCE_DIR
#define QTM_SOURCE_DIR "."
#endif

enum { SEEDS = 600 };

/* Column 0 of data set 0 is in 0.1 .. 1, column 1 in 0 .. 1. */
static const StageColumn columns[] = {{0, 0, 0.1, 1}, {0, 1, 0, 1}};
static const StageColumns known = {columns, 2};

/* --- two functions in place of one --- */

/* Outputs of `late`, whose inputs beyond those of the program are outputs of `early`, which has some of the same. */
static TirTensor *run_both(Program *p, const TirFunction *early, const TirFunction *late) {
    size_t own = p->f->inputs.count;
    TirTensor *in = ARENA_ARRAY(&p->arena, TirTensor, early->inputs.count + late->inputs.count + 1);
    TirTensor *made = ARENA_ARRAY(&p->arena, TirTensor, early->outputs.count + 1);
    TirTensor *out = ARENA_ARRAY(&p->arena, TirTensor, late->outputs.count + 1);
    int64_t extent[1] = {RANDOM_EXTENT};
    for (size_t i = 0; i < early->inputs.count; i++)
        for (size_t k = 0; k < own; k++)
            if (!strcmp(early->inputs.data[i].name, p->f->inputs.data[k].name)) in[i] = p->inputs[k];
    tir_interpret(early, &p->arena, in, extent, RANDOM_SEED, RANDOM_STEP, made);
    for (size_t k = 0; k < own; k++) in[k] = p->inputs[k];
    for (size_t i = own; i < late->inputs.count; i++) {
        cr_assert_eq(late->inputs.data[i].role, TIR_PORT_STAGED);
        in[i] = made[late->inputs.data[i].index];
    }
    tir_interpret(late, &p->arena, in, extent, RANDOM_SEED, RANDOM_STEP, out);
    return out;
}

static void expect_equal(const Program *p, const TirTensor *a, const TirTensor *b, double tolerance, uint64_t seed) {
    for (size_t k = 0; k < p->f->outputs.count; k++) {
        cr_assert_eq(a[k].count, b[k].count);
        for (size_t e = 0; e < a[k].count; e++)
            cr_assert(fabs(a[k].data[e] - b[k].data[e]) <= tolerance * fmax(1, fabs(a[k].data[e])),
                      "seed %lu: output %zu: %.17g became %.17g", (unsigned long)seed, k, a[k].data[e], b[k].data[e]);
    }
}

static void expect_sound(const TirFunction *f, uint64_t seed) {
    Arena arena = {0};
    const char *wrong = tir_verify(f, &arena);
    cr_assert_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
    arena_free(&arena);
}

static size_t count_ops(const TirFunction *f, TirOpcode op) {
    size_t count = 0;
    for (size_t v = 0; v < f->ops.count; v++) count += f->ops.data[v].op == op;
    return count;
}

/* Any values whatever can be handed over, whole numbers and truths too. */
Test(stage, random_cuts_keep_values, .timeout = 120) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Program p;
        Random r = {seed};
        program_random(&p, seed, 20 + (uint32_t)(seed % 50), true);
        program_gradient(&p, 0);
        TirTensor *before = program_run(&p, &p.arena);
        TirFunction *late = tir_function_copy(&p.arena, p.f, "late");
        bool *taken = ARENA_ARRAY(&p.arena, bool, late->ops.count);
        for (size_t v = 0; v < late->ops.count; v++)
            taken[v] = late->ops.data[v].op != TIR_INPUT && late->ops.data[v].op != TIR_LOOP && !random_below(&r, 12);
        TirFunction *early = stage_split(late, taken, 0, "early");
        expect_sound(early, seed);
        expect_sound(late, seed);
        expect_equal(&p, before, run_both(&p, early, late), 0, seed);
        program_free(&p);
    }
}

/* Half of the inputs are columns: what is made of them alone goes to the start, and nothing else. */
Test(stage, random_programs_keep_values, .timeout = 120) {
    int staged = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Program p;
        program_random(&p, seed, 20 + (uint32_t)(seed % 50), true);
        program_gradient(&p, 0);
        for (uint32_t i = 0; i < p.f->inputs.count; i += 2) {
            p.f->inputs.data[i].role = TIR_PORT_COLUMN;
            p.f->inputs.data[i].index = 1;
        }
        TirTensor *before = program_run(&p, &p.arena);
        TirFunction *start, *step = stage_start(&p.arena, p.f, known, true, &start);
        if (step) {
            staged++;
            expect_sound(start, seed);
            expect_sound(step, seed);
            for (size_t i = 0; i < start->inputs.count; i++)
                cr_assert_eq(start->inputs.data[i].role, TIR_PORT_COLUMN, "seed %lu", (unsigned long)seed);
            for (size_t v = 0; v < start->ops.count; v++) {
                TirOpcode op = start->ops.data[v].op;
                cr_assert(op != TIR_UNIFORM && op != TIR_PICK && op != TIR_STEP, "seed %lu", (unsigned long)seed);
            }
            expect_equal(&p, before, run_both(&p, start, step), 1e-11, seed);
        }
        program_free(&p);
    }
    cr_assert_gt(staged, SEEDS / 10, "only %d programs were cut", staged);
}

/* --- what two functions share --- */

static void axes_rename(Arena *arena, TirFunction *g) {
    for (size_t a = 0; a < g->axes.count; a++)
        g->axes.data[a].name = arena_format(arena, "%s%zu", g->axes.data[a].name, a + 7);
    for (size_t v = 0; v < g->ops.count; v++)
        if (g->ops.data[v].body) axes_rename(arena, g->ops.data[v].body);
}

/* The same computation with axes of other numbers behind their names, and fewer outputs. */
static TirFunction *sibling(Program *p) {
    TirFunction *g = tir_function_copy(&p->arena, p->f, "sibling");
    axes_rename(&p->arena, g);
    g->outputs.data[0] = g->outputs.data[g->outputs.count - 1];
    g->outputs.count = 1;
    opt_dce(g);
    return g;
}

/* Depends on a block that the first update moves. */
static bool *find_moved(Program *p, const TirFunction *g, uint32_t block) {
    bool *moved = ARENA_ARRAY(&p->arena, bool, g->ops.count + 1);
    for (size_t v = 0; v < g->ops.count; v++) {
        const TirOp *op = &g->ops.data[v];
        moved[v] = op->op == TIR_INPUT && g->inputs.data[op->integer].index == block;
        for (uint32_t k = 0; k < op->arg_count; k++) moved[v] |= moved[op->args[k]];
    }
    return moved;
}

Test(stage, random_programs_share, .timeout = 120) {
    int shared = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Program p, q;
        program_random(&p, seed, 20 + (uint32_t)(seed % 50), true);
        program_gradient(&p, 0);
        opt_cse(p.f);
        opt_dce(p.f);
        TirFunction *g = sibling(&p);
        uint32_t block = (uint32_t)(seed % 3); /* 2: often none of that number */
        const StageMoves moves = {&block, 1, {1, 1}};
        const TirId *of = stage_match(&p.arena, p.f, g, &moves);
        const bool *moved = find_moved(&p, g, block);
        for (size_t v = 0; v < g->ops.count; v++)
            cr_assert(of[v] == TIR_NONE || (!moved[v] && p.f->ops.data[of[v]].op == g->ops.data[v].op), "seed %lu: %zu",
                      (unsigned long)seed, v);
        StageShared made = stage_share(&p.arena, p.f, g, &moves, "shared");
        if (made.shared) {
            shared++;
            expect_sound(made.shared, seed);
            expect_sound(made.first, seed);
            expect_sound(made.second, seed);
            expect_equal(&p, program_run(&p, &p.arena), run_both(&p, made.shared, made.first), 0, seed);
            q = p;
            q.f = g;
            expect_equal(&q, program_run(&q, &p.arena), run_both(&q, made.shared, made.second), 0, seed);
        }
        program_free(&p);
    }
    cr_assert_gt(shared, SEEDS / 10, "only %d programs share something", shared);
}

/* An update that seldom runs shares little: what is made for both is then mostly made for one. */
Test(stage, seldom_together) {
    Program p;
    Random r = {1};
    program_start(&p);
    TirAxisId rows = tir_axis_add(p.f, "rows2_", 100000, true);
    TirId noise = tir_uniform(p.f, 1, tir_axes_one(rows), nowhere);
    TirId costly = tir_map(p.f, TIR_LGAMMA, nowhere, noise, TIR_NONE, TIR_NONE);
    TirId weight = program_input(&p, &r, tir_axes_none(), 0, 1);
    TirId scaled =
        tir_map(p.f, TIR_SIN, nowhere, tir_map(p.f, TIR_MUL, nowhere, costly, weight, TIR_NONE), TIR_NONE, TIR_NONE);
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", tir_sum(p.f, scaled, tir_axes_one(rows), nowhere));
    const uint32_t block = 0;
    const StageMoves often = {&block, 1, {1, 1}}, seldom = {&block, 1, {1, 20}};
    StageShared made = stage_share(&p.arena, p.f, p.f, &often, "shared");
    cr_assert_not_null(made.shared);
    cr_expect_eq(made.shared->outputs.count, 1);
    cr_expect_eq(count_ops(made.first, TIR_LGAMMA) + count_ops(made.second, TIR_LGAMMA), 0);
    cr_expect_null(stage_share(&p.arena, p.f, p.f, &seldom, "shared").shared);
    program_free(&p);
}

/* --- powers --- */

/* base^exponent with a column for the base, as the start and the step make it, in double precision or not. */
static TirFunction *power_of_column(Program *p, uint32_t field, bool f64, TirFunction **start, TirFunction **whole) {
    Random r = {1};
    program_start(p);
    TirAxes rows = tir_axes_one(p->axis[5]);
    TirId x = program_input(p, &r, rows, 0, 1), e = program_input(p, &r, tir_axes_none(), 0, 1);
    p->f->inputs.data[0].role = TIR_PORT_COLUMN;
    p->f->inputs.data[0].index = 0;
    p->f->inputs.data[0].field = field;
    TirId power = tir_map(p->f, TIR_POW, nowhere, x, e, TIR_NONE);
    tir_output(p->f, TIR_PORT_LOSS, 0, "loss", tir_sum(p->f, power, rows, nowhere));
    tir_output(p->f, TIR_PORT_VALUE, 0, "power", power);
    uint32_t by = 1;
    ad_gradient(p->f, 0, &by, 1);
    opt_fold(p->f);
    opt_cse(p->f);
    opt_dce(p->f);
    *whole = p->f;
    return stage_start(&p->arena, p->f, known, f64, start);
}

Test(stage, powers_take_the_logarithm_of_the_start) {
    static const double exponents[] = {2.5, 0, -1.5, 1, 1e-300, -700};
    for (uint32_t field = 0; field < 2; field++) {
        Program p;
        TirFunction *start, *whole, *step = power_of_column(&p, field, true, &start, &whole);
        cr_assert_not_null(step);
        cr_expect_eq(count_ops(step, TIR_LOG), 0);
        cr_expect_eq(count_ops(step, TIR_POW), 0);
        cr_expect_eq(count_ops(step, TIR_EXP), 1);
        cr_expect_eq(count_ops(start, TIR_LOG), 1);
        /* a base that can be 0 is looked at */
        cr_expect_eq(count_ops(step, TIR_LT) > 0, field == 1);
        double x[RANDOM_EXTENT] = {field ? 0 : 0.1, field ? 1e-300 : 0.2, 0.5, 0.999, 1};
        p.inputs[0].data = x;
        for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
            p.inputs[1].data = (double *)&exponents[k];
            TirTensor *before = program_run(&p, &p.arena), *after = run_both(&p, start, step);
            for (int e = 0; e < RANDOM_EXTENT; e++) {
                double a = before[1].data[e], b = after[1].data[e];
                cr_expect(a == b || fabs(a - b) <= 4e-13 * fabs(a), "%g^%g: %.17g became %.17g", x[e], exponents[k], a,
                          b);
            }
        }
        program_free(&p);
    }
}

/* In single precision the digits would be missed, and of a base that may be negative it would be wrong. */
Test(stage, other_powers_stay) {
    for (uint32_t field = 0; field < 3; field += 2) {
        Program p;
        TirFunction *start, *whole, *step = power_of_column(&p, field, field == 2, &start, &whole);
        cr_expect_eq(count_ops(step ? step : whole, TIR_POW), 1);
        program_free(&p);
    }
}

/* --- what goes where --- */

static char *function_print(const TirFunction *f, const char *name) {
    TirFunction named = *f;
    named.name = name;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tir_print(out, &named);
    fclose(out);
    return text;
}

static void expect_text(const TirFunction *found, const TirFunction *wanted) {
    char *a = function_print(found, wanted->name), *b = function_print(wanted, wanted->name);
    cr_expect_str_eq(a, b, "%s: found\n%s\nwanted\n%s", wanted->name, a, b);
    free(a);
    free(b);
}

Test(stage, golden) {
    Arena arena = {0};
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    const char *reason = NULL;
    uint32_t file = source_read(&sources, QTM_SOURCE_DIR "/tests/ir/stage.tir", &reason);
    cr_assert_neq(file, 0, "%s", reason);
    TirModule *m = tir_parse(&arena, &sources, file, &sink);
    if (!m) diag_render(&sink, stderr, false);
    cr_assert_not_null(m);
    cr_assert_eq(m->functions.count % 3, 0, "functions come in threes");
    for (size_t k = 0; k < m->functions.count; k += 3) {
        TirFunction *start, *step = stage_start(&arena, m->functions.data[k], known, true, &start);
        cr_assert_not_null(step, "%s", m->functions.data[k]->name);
        expect_text(step, m->functions.data[k + 1]);
        expect_text(start, m->functions.data[k + 2]);
    }
    diag_free(&sink);
    source_free(&sources);
    arena_free(&arena);
}

/* A value of many numbers an event would take too much memory, however long it takes to make. */
Test(stage, wide_events_stay) {
    for (int64_t wide = 8; wide <= 9; wide++) {
        Program p;
        Random r = {1};
        program_start(&p);
        TirAxisId along = tir_axis_add(p.f, "along", wide, false);
        TirAxes rows = tir_axes_one(p.axis[5]), both = tir_axes_add(rows, along);
        TirId x = program_input(&p, &r, both, 0, 1), w = program_input(&p, &r, tir_axes_none(), 0, 1);
        p.f->inputs.data[0].role = TIR_PORT_COLUMN;
        TirId costly = tir_map(p.f, TIR_LGAMMA, nowhere, x, TIR_NONE, TIR_NONE);
        TirId bent =
            tir_map(p.f, TIR_SIN, nowhere, tir_map(p.f, TIR_MUL, nowhere, costly, w, TIR_NONE), TIR_NONE, TIR_NONE);
        tir_output(p.f, TIR_PORT_LOSS, 0, "loss", tir_sum(p.f, bent, both, nowhere));
        TirFunction *start, *step = stage_start(&p.arena, p.f, known, true, &start);
        cr_expect_eq(step != NULL, wide == 8, "%ld numbers an event", (long)wide);
        program_free(&p);
    }
}

/* A draw, the step and a parameter change; a scalar product of little work is not worth a function. */
Test(stage, nothing_to_gain) {
    Program p;
    Random r = {1};
    program_start(&p);
    TirAxes rows = tir_axes_one(p.axis[5]);
    TirId x = program_input(&p, &r, rows, 0, 1), w = program_input(&p, &r, tir_axes_none(), 0, 1);
    p.f->inputs.data[0].role = TIR_PORT_COLUMN;
    TirId noise = tir_uniform(p.f, 1, rows, nowhere), log = tir_map(p.f, TIR_LOG, nowhere, noise, TIR_NONE, TIR_NONE);
    TirId sum = tir_map(p.f, TIR_ADD, nowhere, tir_map(p.f, TIR_MUL, nowhere, x, w, TIR_NONE), log, TIR_NONE);
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", tir_sum(p.f, sum, rows, nowhere));
    TirFunction *start;
    cr_expect_null(stage_start(&p.arena, p.f, known, true, &start));
    program_free(&p);
}

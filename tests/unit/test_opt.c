/* The passes over tensor IR: values stay what they were on random programs and their gradients, and each rewrite that a
 * pass promises happens. tests/ir/opt_*.tir hold functions `name` and what they become, `name.after`. */
#include "../gradients/random_tir.c"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#ifndef QTM_SOURCE_DIR
#define QTM_SOURCE_DIR "."
#endif

enum { SEEDS = 600 };

typedef void Pass(TirFunction *f);

static void all_passes(TirFunction *f) {
    opt_unstack(f);
    opt_fold(f);
    opt_cse(f);
    opt_scatter(f);
    opt_dce(f);
    opt_loop(f);
}

static const struct {
    const char *name;
    Pass *run;
} passes[] = {{"fold", opt_fold},       {"cse", opt_cse},     {"dce", opt_dce},
              {"unstack", opt_unstack}, {"order", opt_order}, {"custom", opt_custom},
              {"scatter", opt_scatter}, {"loop", opt_loop},   {"all", all_passes}};
enum { PASSES = sizeof passes / sizeof *passes };

/* --- random programs --- */

/* NULL, or the first element that differs by more than 1e-12 of the largest in its output. */
static const char *outputs_differ(Arena *arena, const TirTensor *a, const TirTensor *b, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (a[k].count != b[k].count) return arena_format(arena, "output %zu: number of elements", k);
        double scale = 1;
        for (size_t e = 0; e < a[k].count; e++) scale = fmax(scale, fabs(a[k].data[e]));
        for (size_t e = 0; e < a[k].count; e++)
            if (!(fabs(a[k].data[e] - b[k].data[e]) <= 1e-12 * scale))
                return arena_format(arena, "output %zu: %.17g became %.17g", k, a[k].data[e], b[k].data[e]);
    }
    return NULL;
}

static void check_pass(Program *p, int pass, uint64_t seed) {
    size_t outputs = p->f->outputs.count, inputs = p->f->inputs.count;
    TirTensor *before = program_run(p, &p->arena);
    passes[pass].run(p->f);
    const char *wrong = tir_verify(p->f, &p->arena);
    cr_assert_null(wrong, "seed %lu, %s: %s", (unsigned long)seed, passes[pass].name, wrong);
    cr_assert_eq(p->f->outputs.count, outputs);
    cr_assert_eq(p->f->inputs.count, inputs);
    wrong = outputs_differ(&p->arena, before, program_run(p, &p->arena), outputs);
    cr_expect_null(wrong, "seed %lu, %s: %s", (unsigned long)seed, passes[pass].name, wrong);
}

Test(opt, random_programs_keep_their_values, .timeout = 120) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (int pass = 0; pass < PASSES; pass++) {
            Program p;
            program_random(&p, seed, 20 + (uint32_t)(seed % 50), true);
            program_gradient(&p, 0);
            check_pass(&p, pass, seed);
            program_free(&p);
        }
}

/* Differentiating optimised code gives the same derivative as optimising differentiated code, also twice. */
Test(opt, passes_commute_with_differentiation, .timeout = 120) {
    for (uint64_t seed = 5001; seed <= 5000 + SEEDS; seed++) {
        Program p, q;
        program_random(&p, seed, 15 + (uint32_t)(seed % 30), true);
        program_random(&q, seed, 15 + (uint32_t)(seed % 30), true);
        program_gradient(&p, 0);
        all_passes(p.f);
        all_passes(q.f);
        program_gradient(&q, 0);
        const char *wrong = tir_verify(q.f, &q.arena);
        cr_assert_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        TirTensor *a = program_run(&p, &p.arena), *b = program_run(&q, &p.arena);
        wrong = outputs_differ(&p.arena, a, b, p.f->outputs.count);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
        program_free(&q);
    }
}

Test(opt, second_derivatives_of_optimised_gradients, .timeout = 120) {
    for (uint64_t seed = 9001; seed <= 9000 + SEEDS / 4; seed++) {
        Program p;
        program_random(&p, seed, 15 + (uint32_t)(seed % 20), false);
        uint32_t gradients = program_gradient(&p, 0);
        all_passes(p.f);
        const char *wrong = program_check_second(&p, gradients, 1e-6);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
    }
}

/* Run again, the passes find nothing more to take away. */
Test(opt, passes_settle) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Program p;
        program_random(&p, seed, 40, true);
        size_t start = p.f->ops.count;
        for (int k = 0; k < 4; k++) all_passes(p.f);
        size_t settled = p.f->ops.count;
        all_passes(p.f);
        cr_expect_eq(p.f->ops.count, settled, "seed %lu: %zu, %zu, %zu operations", (unsigned long)seed, start, settled,
                     p.f->ops.count);
        program_free(&p);
    }
}

/* --- single rewrites --- */

typedef struct Fixture {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
} Fixture;

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

static void golden_check(const char *file, Pass *pass) {
    Fixture x = {0};
    x.sink.sources = &x.sources;
    const char *reason = NULL;
    uint32_t number = source_read(&x.sources, file, &reason);
    cr_assert_neq(number, 0, "%s: %s", file, reason);
    TirModule *m = tir_parse(&x.arena, &x.sources, number, &x.sink);
    if (!m) diag_render(&x.sink, stderr, false);
    cr_assert_not_null(m, "%s does not parse", file);
    cr_assert_eq(m->functions.count % 2, 0, "%s: functions come in pairs", file);
    for (size_t k = 0; k < m->functions.count; k += 2) {
        TirFunction *f = m->functions.data[k];
        pass(f);
        const char *wrong = tir_verify(f, &x.arena);
        cr_expect_null(wrong, "%s", wrong);
        char *found = function_print(f, f->name), *wanted = function_print(m->functions.data[k + 1], f->name);
        cr_expect_str_eq(found, wanted, "%s, %s: found\n%s\nwanted\n%s", file, f->name, found, wanted);
        free(found);
        free(wanted);
    }
    diag_free(&x.sink);
    source_free(&x.sources);
    arena_free(&x.arena);
}

static void fold_and_sweep(TirFunction *f) {
    opt_fold(f);
    opt_cse(f);
    opt_dce(f);
}

static void unstack_and_sweep(TirFunction *f) {
    opt_unstack(f);
    opt_dce(f);
}

static void scatter_and_sweep(TirFunction *f) {
    opt_scatter(f);
    opt_dce(f);
}

/* Gradient of the one output by all inputs, as the driver makes it. */
static void gradient_and_sweep(TirFunction *f) {
    uint32_t inputs[8];
    for (uint32_t k = 0; k < f->inputs.count; k++) inputs[k] = k;
    ad_gradient(f, 0, inputs, (uint32_t)f->inputs.count);
    fold_and_sweep(f);
}

Test(opt, golden_fold) {
    golden_check(QTM_SOURCE_DIR "/tests/ir/opt_fold.tir", fold_and_sweep);
}
Test(opt, golden_unstack) {
    golden_check(QTM_SOURCE_DIR "/tests/ir/opt_unstack.tir", unstack_and_sweep);
}
Test(opt, golden_scatter) {
    golden_check(QTM_SOURCE_DIR "/tests/ir/opt_scatter.tir", scatter_and_sweep);
}
Test(opt, golden_loop) {
    golden_check(QTM_SOURCE_DIR "/tests/ir/opt_loop.tir", opt_loop);
}
Test(opt, golden_gradient) {
    golden_check(QTM_SOURCE_DIR "/tests/ir/ad_gradient.tir", gradient_and_sweep);
}

/* The one operation that output 0 is after the passes, when `op` is applied to input 0 (x) and a constant. */
static const TirOp *folded(Program *p, TirOpcode op, double constant, bool constant_first) {
    Random r = {1};
    program_start(p);
    TirId x = program_input(p, &r, tir_axes_one(p->axis[3]), 0.5, 2), c = real(p, constant);
    TirId v = constant_first ? map2(p, op, c, x) : map2(p, op, x, c);
    tir_output(p->f, TIR_PORT_VALUE, 0, "v", v);
    fold_and_sweep(p->f);
    return &p->f->ops.data[p->f->outputs.data[0].value];
}

Test(opt, algebra_with_constants) {
    static const struct {
        TirOpcode op;
        double constant;
        bool first;
        TirOpcode becomes;
        size_t operations;
    } cases[] = {
        {TIR_MUL, 1, false, TIR_INPUT, 1},    {TIR_MUL, 1, true, TIR_INPUT, 1},      {TIR_MUL, -1, false, TIR_NEG, 2},
        {TIR_MUL, 0, false, TIR_MUL, 3}, /* x may be infinite */
        {TIR_ADD, 0, false, TIR_INPUT, 1},    {TIR_ADD, 0, true, TIR_INPUT, 1},      {TIR_SUB, 0, false, TIR_INPUT, 1},
        {TIR_SUB, 0, true, TIR_NEG, 2},       {TIR_DIV, 1, false, TIR_INPUT, 1},     {TIR_DIV, 4, false, TIR_MUL, 3},
        {TIR_DIV, 3, false, TIR_DIV, 3}, /* 1/3 is not exact */
        {TIR_DIV, 4, true, TIR_DIV, 3},       {TIR_POW, 0, false, TIR_BROADCAST, 3}, {TIR_POW, 1, false, TIR_INPUT, 1},
        {TIR_POW, 2, false, TIR_MUL, 2},      {TIR_POW, 3, false, TIR_MUL, 3},       {TIR_POW, 0.5, false, TIR_SQRT, 2},
        {TIR_POW, -1, false, TIR_DIV, 3},     {TIR_POW, 4, false, TIR_MUL, 3},       {TIR_POW, 7, false, TIR_MUL, 5},
        {TIR_POW, 8, false, TIR_MUL, 4},      {TIR_POW, 9, false, TIR_POW, 3},       {TIR_POW, -2, false, TIR_DIV, 4},
        {TIR_POW, 1.5, false, TIR_MUL, 3},    {TIR_POW, -0.5, false, TIR_DIV, 4},    {TIR_POW, 2.5, false, TIR_POW, 3},
        {TIR_POW, 1, true, TIR_BROADCAST, 3},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        Program p;
        const TirOp *op = folded(&p, cases[k].op, cases[k].constant, cases[k].first);
        cr_expect_eq(op->op, cases[k].becomes, "case %zu: %s", k, tir_op_text(op->op));
        cr_expect_eq(p.f->ops.count, cases[k].operations, "case %zu: %zu operations", k, p.f->ops.count);
        program_free(&p);
    }
}

Test(opt, constants_fold_to_what_the_interpreter_says) {
    Program p;
    program_start(&p);
    TirId v = map1(&p, TIR_TO_REAL, map1(&p, TIR_TO_INT, real(&p, -2.7)));
    v = map2(&p, TIR_ADD, map1(&p, TIR_EXP, v), map2(&p, TIR_POW, real(&p, 1.5), real(&p, 2.5)));
    tir_output(p.f, TIR_PORT_VALUE, 0, "v", v);
    tir_output(p.f, TIR_PORT_VALUE, 1, "w", map1(&p, TIR_LOG, real(&p, 0)));
    fold_and_sweep(p.f);
    const TirOp *op = &p.f->ops.data[p.f->outputs.data[0].value];
    cr_assert_eq(op->op, TIR_CONST);
    cr_expect_eq(op->real, exp(-2) + pow(1.5, 2.5));
    cr_expect_eq(p.f->ops.data[p.f->outputs.data[1].value].op, TIR_LOG); /* infinite: left to run time */
    program_free(&p);
}

Test(opt, draws_of_one_stream_are_one) {
    Program p;
    program_start(&p);
    TirAxes rows = tir_axes_one(p.axis[5]), wide = tir_axes_add(rows, p.axis[0]);
    TirId draw[4] = {tir_uniform(p.f, 1, rows, nowhere), tir_uniform(p.f, 1, rows, (Span){1, 2, 3}),
                     tir_uniform(p.f, 2, rows, nowhere), tir_uniform(p.f, 1, wide, nowhere)};
    for (uint32_t k = 0; k < 4; k++) tir_output(p.f, TIR_PORT_VALUE, k, "u", draw[k]);
    opt_cse(p.f);
    cr_expect_eq(p.f->ops.count, 3);
    cr_expect_eq(p.f->outputs.data[0].value, p.f->outputs.data[1].value);
    cr_expect_neq(p.f->outputs.data[0].value, p.f->outputs.data[2].value);
    cr_expect_neq(p.f->outputs.data[0].value, p.f->outputs.data[3].value);
    program_free(&p);
}

Test(opt, dead_code_goes_and_ports_stay) {
    Program p;
    Random r = {1};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 0.5, 2);
    program_input(&p, &r, tir_axes_one(p.axis[3]), 0.5, 2);
    map1(&p, TIR_EXP, x);
    tir_output(p.f, TIR_PORT_VALUE, 0, "v", map1(&p, TIR_LOG, x));
    opt_dce(p.f);
    cr_expect_eq(p.f->ops.count, 3);
    cr_expect_eq(p.f->inputs.count, 2);
    cr_expect_eq(p.f->ops.data[p.f->inputs.data[1].value].op, TIR_INPUT);
    cr_expect_null(tir_verify(p.f, &p.arena));
    program_free(&p);
}

/* Families, loops over what is counted, default arguments, and the items of fits: from source text to Program, monitors
 * run by the reference interpreter with parameters in the middle of their domains. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "unit/model_text.h"

/* Monitor `index` of the first fit, whose parameters have raw value 0. */
static double monitor(Model *m, const char *name) {
    const ProgramFit *fit = &m->program->fits.data[0];
    TirTensor in[64] = {0}, *out = calloc(fit->monitor->outputs.count, sizeof *out);
    double zeros[64] = {0};
    for (size_t i = 0; i < fit->monitor->inputs.count; i++) {
        const TirAxes *axes = &fit->monitor->ops.data[fit->monitor->inputs.data[i].value].axes;
        in[i] = (TirTensor){.type = TIR_REAL, .rank = axes->count, .data = zeros, .count = 1};
        for (uint32_t d = 0; d < axes->count; d++) {
            in[i].shape[d] = fit->monitor->axes.data[axes->id[d]].size;
            in[i].count *= (size_t)in[i].shape[d];
        }
        cr_assert(in[i].count <= 64);
    }
    tir_interpret(fit->monitor, &m->arena, in, NULL, 1, 0, out);
    double value = NAN;
    for (size_t i = 0; i < fit->monitor->outputs.count; i++)
        if (!strcmp(fit->monitor->outputs.data[i].name, name)) value = out[i].data[0];
    free(out);
    return value;
}

#define HEAD                                                                                                           \
    "use std.nn\nuse std.loss\nuse std.sampler\nflavour q in { u, d, s }\nsize n = 2\n"                                \
    "const m = [[1, 2, 3], [4, 5, 6]]\nparam p in (0, 2) truth 1\nparam r in (0, 4) truth 1\n"

Test(family, members_are_bound_to_their_indices) {
    Model *m = model_good(HEAD "qcf rho[j in n](x) = x + 10 * j\n"
                               "qcf f[q](x) = if q == q.u then p * x else if q == q.d then r * x else 7 * x\n"
                               "fun g(h) = h(1)\n"
                               "qcf both[c in q, j in n](x) = f[c](x) + rho[j](x)\n"
                               "fit t {\n  minimize (p - r)^2 over params using adam\n"
                               "  monitor a = rho[1](0.5)\n  monitor b = f.d(0.5)\n  monitor c = g(rho[1])\n"
                               "  monitor d = sum(f[k](1) for k in q)\n  monitor e = both[q.u, 1](2)\n"
                               "  monitor f = both.s[0](2)\n  monitor g = m[1, 2]\n"
                               "  monitor h = sum(m[i, j] * rho[i](0) for i in n for j in 3)\n}\n");
    cr_assert_float_eq(monitor(m, "a"), 10.5, 1e-12);
    cr_assert_float_eq(monitor(m, "b"), 1, 1e-12); /* r = 2 */
    cr_assert_float_eq(monitor(m, "c"), 11, 1e-12);
    cr_assert_float_eq(monitor(m, "d"), 1 + 2 + 7, 1e-12);
    cr_assert_float_eq(monitor(m, "e"), 2 + 12, 1e-12);
    cr_assert_float_eq(monitor(m, "f"), 14 + 2, 1e-12);
    cr_assert_float_eq(monitor(m, "g"), 6, 1e-12);
    cr_assert_float_eq(monitor(m, "h"), 150, 1e-12);
    cr_assert_eq(m->program->fits.data[0].curves.count, 0); /* no density tells where to draw them */
    model_free(m);
}

Test(family, loops_nest_and_leave_rounds_out) {
    Model *m = model_good(HEAD "fun down(x) = fold(x / k for k in 4 when k > 1)\n"
                               "fit t {\n  minimize (p - r)^2 over params using adam\n"
                               "  monitor a = sum(p * i * j for i in 3 for j in 4 when j > i)\n"
                               "  monitor b = mean(i + 0 * p for i in 3 for j in 4 when j > i)\n"
                               "  monitor c = max(i * j for i in 3 for j in 4 when i + j < 4)\n"
                               "  monitor d = sum(p for i in 3 when i > 5)\n  monitor e = down(p)\n}\n");
    cr_assert_float_eq(monitor(m, "a"), 11, 1e-12);
    cr_assert_float_eq(monitor(m, "b"), (0 * 3 + 1 * 2 + 2 * 1) / 6.0, 1e-12);
    cr_assert_float_eq(monitor(m, "c"), 2, 1e-12);
    cr_assert_float_eq(monitor(m, "d"), 0, 1e-12);
    cr_assert_float_eq(monitor(m, "e"), 1 / 6.0, 1e-12);
    model_free(m);
}

Test(family, defaults_know_the_arguments_before_them) {
    Model *m = model_good(HEAD "fun f(x, lambda = 10, mu = lambda / 2) = lambda * x + mu\n"
                               "fun call(g) = g(3)\n"
                               "fit t {\n  minimize (p - r)^2 over params using adam\n"
                               "  monitor a = f(p)\n  monitor b = f(p, mu = 0)\n  monitor c = f(p, 4)\n"
                               "  monitor d = p |> f(mu = 1)\n  monitor e = call(f)\n}\n");
    cr_assert_float_eq(monitor(m, "a"), 15, 1e-12);
    cr_assert_float_eq(monitor(m, "b"), 10, 1e-12);
    cr_assert_float_eq(monitor(m, "c"), 6, 1e-12);
    cr_assert_float_eq(monitor(m, "d"), 11, 1e-12);
    cr_assert_float_eq(monitor(m, "e"), 35, 1e-12);
    model_free(m);
}

#define HITS                                                                                                           \
    HEAD "event Hit { x in 0.1 .. 0.9 }\ndensity mix[i in n](x in 0.1 .. 0.9) = x^p + i * r\n"                         \
         "data set[i in n] : Hit from \"set{i}.h5\"\n"                                                                 \
         "network critic[i in n](e : Hit, k = 1) -> real = [e.x, k] |> mlp([4], leaky_relu) |> dense(1)\n"

Test(family, data_and_networks) {
    Model *m =
        model_good(HITS "fun score(c, s, d) = mean(c(e) for e in s) - mean(c(e) for e in d)\n"
                        "fit t {\n  events 8\n"
                        "  minimize sum(score(critic[i], set[i], draw Hit { x ~ mix[i] }) for i in n)\n"
                        "    over critic using sgd(0.1, momentum = 0.9) shared by ring(groups of 4, outer every 10)\n"
                        "  minimize mean((e.x - p * r)^2 for e in set[1]) over params using adam\n}\n");
    const Program *p = m->program;
    cr_assert_eq(p->data.count, 2);
    cr_assert_str_eq(p->data.data[1].name, "set.1");
    cr_assert_str_eq(p->data.data[1].path, "set1.h5");
    const ProgramFit *fit = &p->fits.data[0];
    cr_assert_eq(fit->groups.count, 2);
    cr_assert_eq(fit->blocks.count, 9); /* params, and W and c of two layers of two critics */
    cr_assert_str_eq(fit->blocks.data[1].name, "critic[0].0.W");
    cr_assert_str_eq(fit->blocks.data[8].name, "critic[1].1.c");
    cr_assert_eq(fit->updates.data[0].optimiser, PROGRAM_SGD);
    cr_assert_eq(fit->updates.data[0].ring_groups, 4);
    cr_assert_eq(fit->updates.data[0].ring_outer, 10);
    for (int u = 0; u < 2; u++) {
        const TirFunction *f = fit->updates.data[u].objective;
        bool column[2] = {false, false};
        for (size_t i = 0; i < f->inputs.count; i++)
            if (f->inputs.data[i].role == TIR_PORT_COLUMN) column[f->inputs.data[i].index] = true;
        cr_assert(column[1] && column[0] == (u == 0));
    }
    cr_assert_eq(fit->curves.count, 2);
    cr_assert_str_eq(fit->curves.data[1].name, "mix[1]");
    model_free(m);
}

static size_t streams(const TirFunction *f, int64_t *stream) {
    size_t count = 0;
    for (size_t i = 0; i < f->ops.count; i++)
        if (f->ops.data[i].op == TIR_UNIFORM) stream[count++] = f->ops.data[i].integer;
    return count;
}

Test(family, fresh_draws_have_numbers_of_their_own) {
    Model *m = model_good(HITS "fit t {\n  events 8\n  let fake = draw Hit { x ~ mix[0] }\n"
                               "  minimize mean((e.x - p)^2 for e in fake) over params using adam\n"
                               "  minimize mean((e.x - p)^2 for e in fresh(fake)) + mean(e.x * r for e in fake)\n"
                               "    over params using adam\n}\n");
    int64_t first[8], second[8];
    const ProgramFit *fit = &m->program->fits.data[0];
    cr_assert_eq(streams(fit->updates.data[0].objective, first), 1);
    cr_assert_eq(streams(fit->updates.data[1].objective, second), 2);
    cr_assert_neq(second[0], first[0]);
    cr_assert_eq(second[1], first[0]);
    model_free(m);
}

Test(family, items_of_fits) {
    Model *m = model_good(HITS "fit t {\n  freeze critic from \"a.h5\"\n"
                               "  data own : Hit from \"own.h5\" split 3/1\n"
                               "  minimize mean((critic[0](e) - p * r)^2 for e in own) over params using lbfgs\n"
                               "  monitor far = abs(p - 1)\n  monitor every_one = params\n"
                               "  stop when far < 0.5 and max(every_one) < 3\n  select best on far\n}\n"
                               "fit bars = laplace(t, scale = 0.5)\nfit many = ensemble(t, members = 7)\n");
    const ProgramFit *fit = &m->program->fits.data[0];
    cr_assert_eq(m->program->fits.count, 1);
    bool frozen = false;
    for (size_t g = 0; g < fit->groups.count; g++)
        if (fit->groups.data[g].frozen) frozen = !strcmp(fit->groups.data[g].name, "critic");
    cr_assert(frozen);
    cr_assert_eq(m->program->data.data[2].split, 0.75);
    cr_assert_eq(fit->best, 0);
    cr_assert(fit->stops);
    cr_assert_float_eq(monitor(m, "stop"), 1, 0); /* p = 1, r = 2 */
    cr_assert_eq(m->program->wrappers.count, 2);
    cr_assert_eq(m->program->wrappers.data[0].kind, PROGRAM_LAPLACE);
    cr_assert_eq(m->program->wrappers.data[0].settings[0], 0.5);
    cr_assert_eq(m->program->wrappers.data[1].settings[0], 7);
    model_free(m);
}

Test(family, schedules) {
    Model *m = model_good("use std.schedule\nparam p in (0, 2)\nfit t {\n"
                          "  minimize (p - 1)^2 over params using adam(cosine(1e-2, 1e-4, 100))\n"
                          "  monitor a = warmup(1, 10)\n  monitor b = cosine(1, 0.5, 10)\n"
                          "  monitor c = exponential(2, 5)\n  monitor d = piecewise([3, 2, 1], [0, 5])\n}\n");
    cr_assert_float_eq(monitor(m, "a"), 0.1, 1e-12);
    cr_assert_float_eq(monitor(m, "b"), 1, 1e-12);
    cr_assert_float_eq(monitor(m, "c"), 2, 1e-12);
    cr_assert_float_eq(monitor(m, "d"), 2, 1e-12);
    model_free(m);
}

Test(family, results_that_are_records) {
    Model *m =
        model_good(HITS "fun same(e : Hit) -> { x } = e\n"
                        "fit t {\n  minimize mean((same(e).x - p * r)^2 for e in set[0]) over params using adam\n}\n");
    cr_assert_eq(m->program->fits.count, 1);
    model_free(m);
}

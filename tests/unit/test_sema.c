/* Sema from source text to Program: the tables, the tensor functions (run by the reference interpreter and compared
 * with formulas written here), and the reports for what is wrong with a model. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "hir/program.h"

typedef struct Model {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    Program *program;
    char *hir;
} Model;

static Model *model_make(const char *path, const char *text, SizeOverride *sizes, size_t size_count) {
    Model *m = calloc(1, sizeof *m);
    m->sink.sources = &m->sources;
    const char *reason = "";
    uint32_t file = text ? source_add(&m->sources, path, text, strlen(text)) : source_read(&m->sources, path, &reason);
    cr_assert(file, "%s: %s", path, reason);
    size_t length;
    FILE *hir = open_memstream(&m->hir, &length);
    m->program =
        sema_program(&m->arena, &m->sources, file, QTM_SOURCE_DIR "/stdlib", sizes, size_count, true, &m->sink, hir);
    fclose(hir);
    return m;
}

static void model_free(Model *m) {
    arena_free(&m->arena);
    diag_free(&m->sink);
    source_free(&m->sources);
    free(m->hir);
    free(m);
}

static Model *model_good(const char *text) {
    Model *m = model_make("model.qtm", text, NULL, 0);
    if (!m->program) diag_render(&m->sink, stderr, false);
    cr_assert(m->program);
    return m;
}

static Model *proxy1d(SizeOverride *sizes, size_t count) {
    Model *m = model_make(QTM_SOURCE_DIR "/examples/proxy1d/proxy1d.qtm", NULL, sizes, count);
    if (!m->program) diag_render(&m->sink, stderr, false);
    cr_assert(m->program);
    return m;
}

static TirTensor tensor(uint32_t rank, int64_t n0, int64_t n1, double *data) {
    TirTensor t = {.type = TIR_REAL, .rank = rank, .shape = {n0, n1}, .data = data};
    t.count = (size_t)((rank > 0 ? n0 : 1) * (rank > 1 ? n1 : 1));
    return t;
}

/* The one value of monitor `index` of a fit over single parameters with raw value 0 (the middles of their domains). */
static const TirTensor *monitors(Model *m) {
    const ProgramFit *fit = &m->program->fits.data[0];
    TirTensor in[8] = {0}, *out = calloc(fit->monitor->outputs.count, sizeof *out);
    double zeros[64] = {0};
    for (size_t i = 0; i < fit->monitor->inputs.count; i++) {
        TirPortRole role = fit->monitor->inputs.data[i].role;
        cr_assert(role == TIR_PORT_BLOCK || role == TIR_PORT_HELD);
        in[i] = tensor(fit->blocks.data[0].rank, fit->blocks.data[0].shape[0], 1, zeros);
    }
    tir_interpret(fit->monitor, &m->arena, in, NULL, 1, 0, out);
    return out;
}

#define PARAM "use std.nn\nuse std.loss\nuse std.init\nuse std.sampler\nparam p in (0, 2)\n"
#define TAIL "  minimize (p - 1)^2 over params using adam(1e-3)\n}\n"

/* --- proxy1d --- */

Test(sema, proxy1d_tables) {
    Model *m = proxy1d(NULL, 0);
    const Program *p = m->program;
    cr_assert_str_eq(p->name, "proxy1d");
    cr_assert_eq(p->params.count, 6);
    cr_assert_str_eq(p->params.data[3].name, "N_d");
    cr_assert(p->params.data[3].has_truth && !p->params.data[3].has_start);
    cr_assert_eq(p->params.data[3].truth, 1.09375);
    cr_assert_eq(p->events.count, 1);
    cr_assert_eq(p->events.data[0].fields.count, 2);
    cr_assert_eq(p->events.data[0].draw_batch, 16384);
    cr_assert_str_eq(p->data.data[0].path, "proxy1d.h5");
    cr_assert_eq(p->fits.count, 2);
    const ProgramFit *gan = &p->fits.data[0], *likelihood = &p->fits.data[1];
    cr_assert(gan->generated && gan->vectors == 32 && gan->events == 2048 && gan->steps == 2000);
    cr_assert_eq(gan->updates.count, 2);
    cr_assert_eq(gan->updates.data[0].exchange, PROGRAM_LOCAL);
    cr_assert_eq(gan->updates.data[1].exchange, PROGRAM_RING);
    cr_assert_str_eq(gan->updates.data[1].objective_text, "mean(lsgan(critic(e), 1) for e in fake)");
    cr_assert_str_eq(gan->groups.data[gan->updates.data[0].groups.data[0]].name, "critic");
    cr_assert_str_eq(gan->groups.data[gan->updates.data[1].groups.data[0]].name, "generator");
    cr_assert_eq(gan->curves.count, 4);
    cr_assert_eq(gan->curves.data[3].event_field, 1);
    cr_assert_eq(gan->monitors.data[0].count, 6);
    cr_assert_str_eq(gan->monitors.data[0].labels[5], "b_d");
    cr_assert(likelihood->updates.data[0].full_data);
    cr_assert_eq(likelihood->updates.data[0].exchange, PROGRAM_RING);
    cr_assert_eq(likelihood->updates.data[0].optimiser, PROGRAM_LBFGS);
    cr_assert_eq(likelihood->events, 0);
    cr_assert_eq(m->sink.warnings, 0);
    model_free(m);
}

Test(sema, proxy1d_published_sizes) {
    SizeOverride sizes[] = {{"vectors_per_step", 1024, false},
                            {"events_per_vector", 100, false},
                            {"width", 128, false},
                            {"depth", 4, false}};
    Model *m = proxy1d(sizes, 4);
    const ProgramFit *gan = &m->program->fits.data[0];
    cr_assert_eq(gan->events, 102400);
    cr_assert_eq(gan->blocks.count, 20);
    cr_assert_eq(gan->blocks.data[2].shape[0], 128);
    cr_assert(sizes[0].used && sizes[3].used);
    model_free(m);
}

Test(sema, both_updates_see_the_same_draws) {
    Model *m = proxy1d(NULL, 0);
    const ProgramFit *gan = &m->program->fits.data[0];
    int64_t streams[2][64], count[2] = {0};
    for (int u = 0; u < 2; u++) {
        const TirFunction *f = gan->updates.data[u].objective;
        for (size_t i = 0; i < f->ops.count; i++)
            if (f->ops.data[i].op == TIR_UNIFORM) streams[u][count[u]++] = f->ops.data[i].integer;
    }
    cr_assert_eq(count[0], 4); /* two normal numbers for the noise, one uniform a field */
    cr_assert_eq(count[1], 4);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(streams[0][i], streams[1][i]);
        for (int k = 0; k < i; k++) cr_assert_neq(streams[0][i], streams[0][k]);
    }
    model_free(m);
}

static double sigma1_true(double x) {
    return 4 * 2.1875 * pow(x, -0.5) * pow(1 - x, 3) + 1.09375 * pow(x, -0.5) * pow(1 - x, 4);
}

static double sigma2_true(double x) {
    return 4 * 1.09375 * pow(x, -0.5) * pow(1 - x, 4) + 2.1875 * pow(x, -0.5) * pow(1 - x, 3);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { GRID = 9000 };

/* Integral from 0.1 to each of GRID + 1 points, by Simpson's rule on half cells. */
static void cumulative(double (*f)(double), double *c) {
    double h = 0.9 / GRID;
    c[0] = 0;
    for (int i = 0; i < GRID; i++) {
        double x = 0.1 + i * h;
        c[i + 1] = c[i] + h / 6 * (f(x) + 4 * f(x + h / 2) + f(fmin(x + h, 1)));
    }
}

Test(sema, draws_follow_the_density) {
    Model *m = proxy1d(NULL, 0);
    const ProgramEvent *event = &m->program->events.data[0];
    TirTensor *out = calloc(event->draw->outputs.count, sizeof *out);
    double (*truth[2])(double) = {sigma1_true, sigma2_true};
    static double c[GRID + 1];
    tir_interpret(event->draw, &m->arena, NULL, NULL, 20250701, 3, out);
    for (int k = 0; k < 2; k++) {
        cr_assert_eq(out[k].count, 16384);
        qsort(out[k].data, out[k].count, sizeof(double), compare);
        cumulative(truth[k], c);
        double worst = 0;
        for (size_t i = 0; i < out[k].count; i++) {
            double x = out[k].data[i], at = (x - 0.1) / 0.9 * GRID;
            cr_assert(x >= 0.1 && x <= 1);
            int cell = (int)fmin(at, GRID - 1);
            double f = (c[cell] + (at - cell) * (c[cell + 1] - c[cell])) / c[GRID];
            worst = fmax(worst, fabs(f - ((double)i + 0.5) / (double)out[k].count));
        }
        cr_assert_lt(worst, 1.63 / sqrt(16384), "field %d: Kolmogorov-Smirnov distance %g", k, worst);
    }
    free(out);
    model_free(m);
}

Test(sema, likelihood_is_the_formula) {
    Model *m = proxy1d(NULL, 0);
    const ProgramUpdate *u = &m->program->fits.data[1].updates.data[0];
    double raw[6], none[6] = {0}, y[2][3] = {{0.2, 0.5, 0.9}, {0.15, 0.3, 0.71}};
    for (int i = 0; i < 6; i++) {
        const ProgramParam *p = &m->program->params.data[i];
        double t = (p->truth - (p->low + p->high) / 2) / ((p->high - p->low) / 2 * (1 - 2e-6));
        raw[i] = 2 * atanh(t);
    }
    TirTensor in[5], *out = calloc(u->objective->outputs.count, sizeof *out);
    for (size_t i = 0; i < u->objective->inputs.count; i++) {
        const TirPort *port = &u->objective->inputs.data[i];
        in[i] = port->role == TIR_PORT_BLOCK  ? tensor(1, 6, 1, raw)
                : port->role == TIR_PORT_HELD ? tensor(1, 6, 1, none)
                                              : tensor(1, 3, 1, y[port->field]);
    }
    int64_t extent = 3;
    tir_interpret(u->objective, &m->arena, in, &extent, 1, 0, out);
    static double c1[GRID + 1], c2[GRID + 1];
    cumulative(sigma1_true, c1);
    cumulative(sigma2_true, c2);
    double expected = 0;
    for (int i = 0; i < 3; i++)
        expected -= (log(sigma1_true(y[0][i]) / c1[GRID]) + log(sigma2_true(y[1][i]) / c2[GRID])) / 3;
    cr_assert_float_eq(out[0].data[0], expected, 1e-5, "%.9g, expected %.9g", out[0].data[0], expected);
    free(out);
    model_free(m);
}

Test(sema, curves_are_normalised_and_start_at_the_start) {
    Model *m = proxy1d(NULL, 0);
    const ProgramFit *fit = &m->program->fits.data[1];
    double raw[6] = {0};
    TirTensor in[3] = {tensor(1, 6, 1, raw), tensor(1, 6, 1, raw), tensor(1, 6, 1, raw)}, out[8], params[6];
    tir_interpret(fit->curve, &m->arena, in, NULL, 1, 0, out);
    cr_assert_eq(fit->curve->outputs.count, 8);
    for (int k = 4; k < 8; k++) {
        double area = 0;
        cr_assert_eq(out[k].count, 201);
        for (int i = 0; i < 200; i++) area += (out[k].data[i] + out[k].data[i + 1]) / 2 * 0.9 / 200;
        cr_assert_float_eq(area, 1, 1e-12);
    }
    cr_assert_float_eq(out[1].data[0], 2.1875 * pow(0.1, -0.5) * pow(0.9, 3), 1e-12); /* u at 0.1, at the truth */
    tir_interpret(fit->params, &m->arena, in, NULL, 1, 0, params);
    for (int i = 0; i < 6; i++)
        cr_assert_float_eq(params[i].data[0], (m->program->params.data[i].low + m->program->params.data[i].high) / 2,
                           1e-12);
    model_free(m);
}

Test(sema, initial_weights_have_the_declared_variance) {
    SizeOverride sizes[] = {{"width", 64, false}};
    Model *m = proxy1d(sizes, 1);
    const ProgramFit *gan = &m->program->fits.data[0];
    TirTensor *out = calloc(gan->blocks.count, sizeof *out);
    cr_assert_eq(gan->init->outputs.count, gan->blocks.count);
    tir_interpret(gan->init, &m->arena, NULL, NULL, 77, 0, out);
    double square = 0, mean = 0;
    for (size_t i = 0; i < out[2].count; i++)
        mean += out[2].data[i] / 4096, square += out[2].data[i] * out[2].data[i] / 4096;
    cr_assert_eq(out[2].count, 4096);
    cr_assert_lt(fabs(mean), 4 * sqrt(2.0 / 64 / 4096));
    cr_assert_float_eq(square, 2.0 / 64, 4 * 2.0 / 64 * sqrt(2.0 / 4096)); /* kaiming(64) */
    for (size_t i = 0; i < out[1].count; i++) cr_assert_eq(out[1].data[i], 0);
    free(out);
    model_free(m);
}

/* --- expressions, by monitors of a fit with p = 1 --- */

Test(sema, expressions) {
    Model *m = model_good(PARAM "const c = 2^3 - 1\nsize n = 4\n"
                                "fun f(x[k], y) = sum(x) * k + y\n"
                                "fit t {\n"
                                "  monitor constant = c * p\n"                                            /* 7 */
                                "  monitor called = f([p, 2, 3], y = 1)\n"                                /* 19 */
                                "  monitor piped = p |> f(2)\n"                                           /* 3 */
                                "  monitor power = p - 2^2^1 - -p^2\n"                                    /* -2 */
                                "  monitor choice = if p > 3 then 1 else if 1 < 2 then 5 else p\n"        /* 5 */
                                "  monitor indexed = (linspace(0, 1, 5) + p)[whole(p + 2.5)]\n"           /* 1.75 */
                                "  monitor list = sum(k * p for k in [1, 2, 3])\n"                        /* 6 */
                                "  monitor array = mean(k^2 * p for k in index(n))\n"                     /* 3.5 */
                                "  monitor matrix = [[1, 2], [3, 4]] @ [p, 10]\n"                         /* 21, 43 */
                                "  monitor extreme = max(p, 0.5) + min([p, -1, 3]) + max(index(3) * p)\n" /* 2 */
                                "  monitor folded = mlp2(p, [1, 2, 3])\n"                                 /* 7 */
                                "  monitor area = integral(g)\n"                                          /* 2/3 + 1 */
                                "  monitor cumulative = cumsum([p, p, p])[2] + search([0, p, 2], 1.5)\n" /* 4 */ TAIL
                                "fun mlp2(x, list) = fold(x + w for w in list)\n"
                                "density g(x in 0 .. 1) = 2 * x^2 + p\n");
    const double expected[][2] = {{7}, {19}, {3}, {-2}, {5}, {1.75}, {6}, {3.5}, {21, 43}, {2}, {7}, {5.0 / 3}, {4}};
    const TirTensor *out = monitors(m);
    const ProgramFit *fit = &m->program->fits.data[0];
    cr_assert_eq(fit->monitors.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < fit->monitors.count; i++)
        for (int64_t k = 0; k < fit->monitors.data[i].count; k++)
            cr_assert_float_eq(out[i].data[k], expected[i][k], 1e-9, "%s: %g, expected %g", fit->monitors.data[i].name,
                               out[i].data[k], expected[i][k]);
    model_free(m);
}

/* p = 1, e = exp(1), a = [p, 2 p, 3] */
Test(sema, arrays_and_derivatives) {
    Model *m = model_good(
        PARAM "use std.math\n"
              "fun a() = [p, 2 * p, 3]\n"
              "fun m() = [[10 * i + j * p for j in index(4)] for i in index(3)]\n"
              "fit t {\n"
              "  monitor product = [prod(a()), prod(p + k for k in index(5)), prod(index(40) / 40 + p) * 1e-9]\n"
              "  monitor zero = grad(prod([p - 1, 2, p]), p)\n"                        /* 2 p + 2 (p - 1) */
              "  monitor two_zeros = grad(prod((p - 1) * k for k in index(3)), p)\n"   /* 0 */
              "  monitor pairs = sum(i * j * p for i in index(3) for j in index(4))\n" /* 18 */
              "  monitor list = [k * p for k in [1, 2, 3] when k > 1]\n"               /* 2, 3 */
              "  monitor whole = [p * k for k in 3]\n"                                 /* 0, 1, 2 */
              "  monitor row = m()[2]\n"                                               /* 20 .. 23 */
              "  monitor second = m()[1, [3, 0]]\n"                                    /* 13, 10 */
              "  monitor both = m()[[2, 0], [3, 1]][1]\n"                              /* 3, 1 */
              "  monitor diagonal = [m()[i, i + 1] for i in index(3)]\n"               /* 1, 12, 23 */
              "  monitor reversed = [a()[2 - i] for i in index(3)]\n"                  /* 3, 2, 1 */
              "  monitor scattered = grad(sum(a()[[0, 0, 1]]), p)\n"                   /* 4 */
              "  monitor by_array = slopes(a())\n"                                     /* 2 a */
              "  monitor twice = grad(grad(exp(2 * p), p), p) / exp(2 * p)\n"          /* 4 */
              "  monitor mixed = grad(p^2 * grad(p^3, p), p)\n"                        /* 12 p^3 */
              "  monitor many = per_point(p)\n"                                        /* k p^(k-1) */
              "  monitor smooth = [norm(0 * a()), grad(norm(0 * a()), p), grad(hypot(3 * p, 4), p)]\n"
              "  monitor pieces = [ceil(p / 2), round(2.5 * p), atan2(p, -1), erf(0 * p), mod(-p, 3)]\n"
              "  monitor gamma = [lgamma(p + 2), polygamma(1, p), grad(lgamma(p), p), beta(p, 2)]\n" TAIL
              "fun slopes(x[n]) = grad(sum(x * x), x)\n"
              "fun per_point(x) = [grad(x^k, x) for k in index(4)]\n");
    const double e1 = -0.57721566490153286;
    double rising = 1e-9;
    for (int k = 0; k < 40; k++) rising *= k / 40.0 + 1;
    const double expected[][4] = {{6, 120, rising},
                                  {2},
                                  {0},
                                  {18},
                                  {2, 3},
                                  {0, 1, 2},
                                  {20, 21, 22, 23},
                                  {13, 10},
                                  {3, 1},
                                  {1, 12, 23},
                                  {3, 2, 1},
                                  {4},
                                  {2, 4, 6},
                                  {4},
                                  {12},
                                  {0, 1, 2, 3},
                                  {0, 0, 1.8},
                                  {1, 2, 2.3561944901923448, 0},
                                  {0.69314718055994531, 1.6449340668482264, e1, 0.5}};
    const TirTensor *out = monitors(m);
    const ProgramFit *fit = &m->program->fits.data[0];
    cr_assert_eq(fit->monitors.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < fit->monitors.count; i++)
        for (int64_t k = 0; k < fit->monitors.data[i].count && k < 4; k++)
            cr_expect_float_eq(out[i].data[k], expected[i][k], 1e-9, "%s: %g, expected %g", fit->monitors.data[i].name,
                               out[i].data[k], expected[i][k]);
    model_free(m);
}

Test(sema, random_functions_have_their_moments) {
    Model *m = model_good(PARAM "event One { x in -1 .. 1 }\ndensity flat(x in -1 .. 1) = p\n"
                                "fun mine(f) = low(f) + (high(f) - low(f)) * uniform()\n"
                                "fit t {\n  events 20000\n  let s = draw One { x ~ flat by mine }\n"
                                "  monitor mean1 = mean(e.x for e in s)\n"
                                "  monitor square = mean(e.x^2 for e in s)\n"
                                "  monitor normal2 = mean(normal()^2 for e in s)\n"
                                "  monitor count = sum(1 for e in s)\n" TAIL);
    const TirTensor *out = monitors(m);
    cr_assert_float_eq(out[0].data[0], 0, 4 * sqrt(1.0 / 3 / 20000));
    cr_assert_float_eq(out[1].data[0], 1.0 / 3, 4 * sqrt(4.0 / 45 / 20000));
    cr_assert_float_eq(out[2].data[0], 1, 4 * sqrt(2.0 / 20000));
    cr_assert_eq(out[3].data[0], 20000);
    model_free(m);
}

Test(sema, settings_follow_the_step_and_have_defaults) {
    Model *m = model_good(PARAM "option r = 0.5 \"rate\"\nfit t {\n"
                                "  minimize (p - 1)^2 over params using adam(r * 0.5^step, beta2 = 0.99)\n}\n");
    TirTensor in, out[4];
    double half = 0.5;
    const TirFunction *f = m->program->fits.data[0].updates.data[0].settings;
    in = tensor(0, 1, 1, &half);
    in.count = 1;
    tir_interpret(f, &m->arena, &in, NULL, 1, 3, out);
    cr_assert_float_eq(out[0].data[0], 0.0625, 1e-15);
    cr_assert_eq(out[1].data[0], 0.9);
    cr_assert_eq(out[2].data[0], 0.99);
    cr_assert_eq(out[3].data[0], 1e-8);
    model_free(m);
}

Test(sema, weights_are_shared_between_calls_of_a_network) {
    Model *m = model_good(PARAM "event Two { a in 0 .. 1  b in 0 .. 1 }\ndensity f(x in 0 .. 1) = p + x\n"
                                "network net(e : Two) -> real = [e.a, e.b] |> mlp([3, 3], relu) |> dense(1)\n"
                                "data seen : Two from \"seen.h5\"\n"
                                "fit t {\n  events 8\n  let s = draw Two { a ~ f, b ~ f }\n"
                                "  minimize mean(net(e) for e in s) - mean(net(e) for e in batch 5 of seen)\n"
                                "           + mean(net(e)^2 for e in all of seen)\n"
                                "      over net, params using adam every 2\n}\n");
    const ProgramFit *fit = &m->program->fits.data[0];
    cr_assert_eq(fit->blocks.count, 7);
    cr_assert_str_eq(fit->blocks.data[3].name, "net.1.W");
    cr_assert_eq(fit->blocks.data[3].rank, 2);
    cr_assert_eq(fit->updates.data[0].every, 2);
    cr_assert(fit->updates.data[0].full_data);
    TirFunction *f = tir_function_copy(&m->arena, fit->updates.data[0].objective, "objective");
    opt_unstack(f); /* makes lists on the axes that they are moved to */
    size_t blocks = 0, renames = 0;
    for (size_t i = 0; i < f->inputs.count; i++) blocks += f->inputs.data[i].role == TIR_PORT_BLOCK;
    for (size_t i = 0; i < f->ops.count; i++)
        renames += f->ops.data[i].op == TIR_RENAME && f->ops.data[i].axes.count > 1;
    cr_assert_eq(blocks, 7);
    cr_assert_eq(renames, 0);
    model_free(m);
}

Test(sema, hir_names_are_full) {
    Model *m = proxy1d(NULL, 0);
    cr_assert(strstr(m->hir, "module proxy1d\nuse std.nn\nuse std.loss\nuse std.sampler\n"));
    cr_assert(strstr(m->hir, "size proxy1d.width = 32"));
    cr_assert(strstr(m->hir, "std.nn.dense(1)"));
    cr_assert(strstr(m->hir, "layer std.nn.dense(x[n], m) -> [m] {\n    weight W[m, n] ~ std.init.kaiming(n)\n"));
    model_free(m);
}

/* --- reports --- */

static const char *first_report(const char *text, SizeOverride *sizes, size_t count, Model **model) {
    Model *m = *model = model_make("model.qtm", text, sizes, count);
    cr_assert(!m->program);
    cr_assert_gt(m->sink.errors, 0);
    return m->sink.diags.data[0]->text;
}

Test(sema, unknown_size_gets_a_suggestion) {
    SizeOverride size = {"widht", 3, false};
    Model *m;
    cr_assert_str_eq(first_report(PARAM "size width = 2\nfit t {\n  monitor a = width\n" TAIL, &size, 1, &m),
                     "-D widht: the model has no size of that name");
    cr_assert_str_eq(m->sink.diags.data[0]->notes.data[0].text, "did you mean 'width'?");
    model_free(m);
}

Test(sema, sizes_must_be_possible) {
    SizeOverride zero = {"width", 0, false}, huge = {"width", 1 << 30, false};
    Model *m;
    const char *text = PARAM "size width = 2\nfit t {\n  monitor a = sum(index(width) * p)\n" TAIL;
    cr_assert(strstr(first_report(text, &zero, 1, &m), "whole number from 1"));
    model_free(m);
    text = PARAM "size width = 2\nfit t {\n  monitor a = sum(sum(k * index(width) * p for k in index(width)))\n" TAIL;
    cr_assert(strstr(first_report(text, &huge, 1, &m), "bytes of memory"));
    model_free(m);
}

Test(sema, several_mistakes_are_reported_in_one_run) {
    Model *m;
    first_report(PARAM "fun f(x) = x + y\nfun g(x) = f(x, 1)\nfun h(x) = h(x)\n", NULL, 0, &m);
    cr_assert_eq(m->sink.errors, 3);
    model_free(m);
}

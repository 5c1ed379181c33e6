/* Guards of densities: they ride on the kernels that make the tables, they agree with what is interpreted where they do
 * not hold, and the message says the node, or does without where the function is not carried as text. */
#include "runtime/train/guard.h"

#include <criterion/criterion.h>
#include <math.h>

#include "lir/interp.h"
#include "lir/lir.h"
#include "model_text.h"
#include "support/pack.h"

/* The function with outputs up to this level only: 0 none of guards, 1 GUARD, 2 NODE too. */
static TirFunction *with_guards(Arena *arena, const TirFunction *of, int level) {
    TirFunction *f = tir_function_copy(arena, of, of->name);
    size_t count = 0;
    for (size_t i = 0; i < f->outputs.count; i++) {
        TirPortRole role = f->outputs.data[i].role;
        int wants = role == TIR_PORT_GUARD ? 1 : role == TIR_PORT_NODE ? 2 : 0;
        if (wants <= level) f->outputs.data[count++] = f->outputs.data[i];
    }
    f->outputs.count = count;
    opt_fold(f);
    opt_cse(f);
    opt_dce(f);
    return f;
}

typedef struct Passes {
    size_t kernels, loads, stores, largest; /* over grids */
} Passes;

static size_t grid_axes(const LirFunction *f, const TirAxisId *axes, size_t count) {
    size_t grids = 0;
    for (size_t i = 0; i < count; i++) {
        const TirAxis *axis = &f->source->axes.data[axes[i]];
        grids += !axis->batch && !strncmp(axis->name, "grid", 4);
    }
    return grids;
}

/* What is done at all points of a table of a grid of `dims` dimensions. */
static Passes passes_of(Arena *arena, const TirFunction *tir, size_t dims) {
    const LirFunction *f = schedule_function(arena, tir, true);
    Passes p = {0};
    for (size_t b = 0; b < f->buffers.count; b++)
        p.stores += grid_axes(f, f->buffers.data[b].dims, f->buffers.data[b].rank) >= dims;
    for (size_t g = 0; g < f->groups.count; g++)
        for (size_t k = 0; k < f->groups.data[g].kernels.count; k++) {
            const LirKernel *kernel = f->groups.data[g].kernels.data[k];
            if (grid_axes(f, kernel->loops, kernel->loop_count) < dims) continue;
            p.kernels++;
            p.largest = kernel->effects.count > p.largest ? kernel->effects.count : p.largest;
            for (size_t i = 0; i < kernel->body.count; i++) p.loads += kernel->body.data[i].op == LIR_LOAD;
        }
    return p;
}

#define HEAD                                                                                                           \
    "use std.nn\nuse std.loss\nuse std.sampler\nparam a in (-0.5, 1) truth 0.5\nparam b in (2, 4) truth 3\n"           \
    "event E { x in 0.1 .. 1\n y in 0.1 .. 1 }\nnetwork critic(e : E) -> real = [e.x, e.y] |> dense(1)\n"              \
    "data m : E from \"e.h5\"\n"
#define ADVERSARIAL                                                                                                    \
    "minimize mean(lsgan(critic(e), 1) for e in m) + mean(lsgan(critic(e), 0) for e in fake)"                          \
    " over critic using adam(1e-3)\n"                                                                                  \
    "minimize mean(lsgan(critic(e), 1) for e in fake) over generator using adam(1e-3)\n}\n"
#define GENERATED "vectors 16\nevents 32\ngenerate params by mlp([8], leaky_relu) from normal[2]\nlet fake = draw E "

static void check_rides(const char *text, size_t update, size_t dims) {
    Model *m = model_good(text);
    const ProgramFit *fit = &m->program->fits.data[0];
    const TirFunction *f = fit->updates.data[update].objective;
    TirFunction *bare = with_guards(&m->arena, f, 0), *guarded = with_guards(&m->arena, f, 1);
    cr_assert_gt(guarded->outputs.count, bare->outputs.count);
    Passes without = passes_of(&m->arena, bare, dims), with = passes_of(&m->arena, guarded, dims);
    cr_expect_gt(without.kernels, 0);
    cr_expect_eq(with.kernels, without.kernels, "%zu kernels over the grid, not %zu", with.kernels, without.kernels);
    cr_expect_eq(with.loads, without.loads, "%zu loads there, not %zu", with.loads, without.loads);
    cr_expect_eq(with.stores, without.stores, "%zu tables in memory, not %zu", with.stores, without.stores);
    cr_expect_geq(with.largest, without.largest);
    Passes nodes = passes_of(&m->arena, with_guards(&m->arena, f, 2), dims);
    cr_expect_gt(nodes.kernels, without.kernels, "which node it is takes more passes: this test would see them");
    cr_expect_gt(nodes.loads, without.loads);
    cr_expect_gt(nodes.stores, without.stores);
    model_free(m);
}

Test(guard, rides_on_the_kernel_of_the_table) {
    check_rides(HEAD "density plane(x in 0.1 .. 1 on log, y in 0.1 .. 1 on log) = x^a * (2 - y)^b * (1 + a * x * y)\n"
                     "fit gan {\n" GENERATED "~ plane\n" ADVERSARIAL,
                1, 2);
    check_rides(HEAD "density along(x in 0.1 .. 1) = x^a * (2 - x)^b\ndensity up(y in 0.1 .. 1) = y^b\n"
                     "fit gan {\n" GENERATED "{ x ~ along, y ~ up }\n" ADVERSARIAL,
                0, 1);
    check_rides(HEAD "density along(x in 0.1 .. 1) = x^a * (2 - x)^b\n"
                     "fit one { minimize -mean(log(pdf(along, e.x)) for e in all of m) over params using lbfgs }\n",
                0, 1);
}

/* A draw at the truth needs no input, so its guard is a number. */
static void check_verdict(const char *density, int code, int node, double value) {
    Arena arena = {0};
    Model *m = model_good(arena_format(&arena,
                                       "use std.sampler\nparam a in (0, 1) truth 0.8\nevent E { x in 0 .. 1 }\n"
                                       "density f(x in 0 .. 1) = %s\nfit t { events 8\n let fake = draw E { x ~ f }\n"
                                       "minimize mean(e.x for e in fake) + a^2 over params using adam(0.1) }\n",
                                       density));
    TirFunction *f = with_guards(&m->arena, m->program->events.data[0].draw, 2);
    TirTensor out[8];
    LirFunction *lir = schedule_function(&m->arena, f, true);
    cr_assert_leq(f->outputs.count, 8);
    for (int form = 0; form < 2; form++) {
        if (form)
            lir_interpret(lir, &m->arena, NULL, NULL, 1, 0, out);
        else
            tir_interpret(f, &m->arena, NULL, NULL, 1, 0, out);
        int found = -1;
        for (size_t i = 0; i < f->outputs.count; i++)
            if (f->outputs.data[i].role == TIR_PORT_GUARD) found = (int)i;
        cr_assert_geq(found, 0, "%s", density);
        int64_t nodes = m->program->guards.data[0].axes[0].count;
        cr_expect_eq(out[found].data[0], code, "%s: %g", density, out[found].data[0]);
        double rank = out[found + 1].data[0], at = node < 0 ? 0 : (double)(nodes - node);
        cr_expect_eq(rank, at, "%s: %g, not %g", density, rank, at);
        double there = out[found + 2].data[0];
        cr_expect(isnan(value) ? isnan(there) : there == value || fabs(there - value) < 1e-12, "%s: %g", density,
                  there);
    }
    model_free(m);
    arena_free(&arena);
}

Test(guard, agrees_with_the_node) {
    check_verdict("1 - a * x", QTM_GUARD_HOLDS, -1, 0);
    check_verdict("x - 0.5 when x > 0.5", QTM_GUARD_HOLDS, -1, 0);
    check_verdict("max(1 - 2 * x, 0) - 1e-7", QTM_GUARD_HOLDS, -1, 0);
    check_verdict("max(1 - 2 * x, 0) - 1e-5", QTM_GUARD_NEGATIVE, 50, -1e-5);
    check_verdict("1 - 1.5 * a * x", QTM_GUARD_NEGATIVE, 84, 1 - 1.2 * 0.84);
    check_verdict("-a * x - 1", QTM_GUARD_NEGATIVE, 0, -1);
    check_verdict("1 / x", QTM_GUARD_INFINITE, 0, INFINITY);
    check_verdict("-1 / x", QTM_GUARD_INFINITE, 0, -INFINITY);
    check_verdict("log(1 - 2 * x)", QTM_GUARD_INFINITE, 1, log(0.98));
    check_verdict("1 + sqrt(0.605 - x)", QTM_GUARD_INFINITE, 61, NAN);
    check_verdict("max(a - 1, 0) * x", QTM_GUARD_ZERO, -1, 0);
}

/* --- messages --- */

static const int64_t two[] = {2};
static void guard_of_second(const struct qtm_frame *frame) {
    ((double *)frame->out[0])[0] = QTM_GUARD_HOLDS;
    ((double *)frame->out[0])[1] = *(const double *)frame->in[0];
}
static int64_t no_work(const int64_t *extent) {
    return 0;
}

/* Of the second vector, node 3 - x with the value -x / 2. */
static const char *const head = "func t {\n  axis v = 2 batch\n  input option 0 0 \"x\" = %0\n"
                                "  %0 : real = input port 0\n  %1 : int{v} = iota axis v\n"
                                "  %2 : real{v} = to_real %1\n  %3 : real{v} = mul %2, %0\n  %4 : real = const -0.5\n"
                                "  %5 : real{v} = mul %3, %4\n  %6 : real = const 0\n";

/* What the guard with this code says, of a function that is carried as `head` and these outputs, or not at all. */
static void check_message(const char *outputs, double code, const char *wanted) {
    Arena arena = {0};
    struct qtm_model model = {.guard_count = 1};
    model.guards = (const struct qtm_guard[]){
        {"g", 1, (const struct qtm_guard_axis[]){{"q", "GeV", 3, (const double[]){1, 2.5, 4}}}}};
    if (outputs) {
        const char *text = arena_format(&arena, "1\n3 a.qtm\nabc\n%s%s}\n", head, outputs);
        size_t bytes;
        const unsigned char *packed = pack_bytes(&arena, text, strlen(text), &bytes);
        model.trap = (struct qtm_packed){packed, (int64_t)bytes, (int64_t)strlen(text)};
    }
    const struct qtm_port in[] = {{"x", QTM_OPTION, 0, 0, 0, NULL}}, out[] = {{"g", QTM_GUARD, 0, 0, 1, two}};
    const struct qtm_fn fn = {"t_f64", guard_of_second, no_work, 0, true, 1, 1, in, out, .start = NULL};
    struct qtm_workspace space = {0};
    double options[8] = {code};
    float narrow[16] = {0};
    struct qtm_binding binding = {.space = &space, .options_f32 = narrow, .options_f64 = options};
    struct qtm_call call;
    cr_assert_eq(qtm_call_bind(&call, &fn, &binding), QTM_OK, "%s", qtm_error_text());
    qtm_call_run(&call, 1, 0);
    cr_expect_eq(qtm_guard_holds(&call), code == QTM_GUARD_HOLDS);
    qtm_status status = qtm_guard_check(&call, &model, NULL, "here");
    cr_expect_eq(status != QTM_OK, code != QTM_GUARD_HOLDS);
    if (status) cr_expect(strstr(qtm_error_text(), wanted) == qtm_error_text(), "%s", qtm_error_text());
    qtm_call_destroy(&call);
    qtm_workspace_destroy(&space);
    arena_free(&arena);
}

Test(guard, message_says_the_node) {
    const char *found = "  output guard 0 \"g\" = %0\n  output node 0 \"g\" = %3\n  output node 1 \"g\" = %5\n";
    const char *all_good = "  output node 0 \"g\" = %6\n  output node 1 \"g\" = %6\n";
    check_message(found, QTM_GUARD_HOLDS, "");
    check_message(found, QTM_GUARD_NEGATIVE, "here: density 'g' is negative at q = 2.5 GeV: -1. Events can");
    check_message(found, QTM_GUARD_ZERO, "here: density 'g' is zero everywhere on its grid of 3 points. Events can");
    check_message(all_good, QTM_GUARD_NEGATIVE, "here: density 'g' is negative on its grid of 3 points. Events can");
}

Test(guard, message_of_a_function_without_text) {
    const char *of_another = "  output node 2 \"h\" = %3\n  output node 3 \"h\" = %5\n";
    const char *infinite =
        "here: density 'g' is not a number (NaN) or infinite somewhere on its grid of 3 points. Events";
    check_message(NULL, QTM_GUARD_NEGATIVE, "here: density 'g' is negative on its grid of 3 points. Events can");
    check_message(NULL, QTM_GUARD_INFINITE, infinite);
    check_message(NULL, QTM_GUARD_ZERO, "here: density 'g' is zero everywhere on its grid of 3 points. Events can");
    check_message(of_another, QTM_GUARD_INFINITE, infinite);
}

/* The runtime's commands on a model written by hand: optimisers reach known minima, a resumed run equals an unbroken
 * one bit for bit, a NaN leaves the last checkpoint, and what is written has the promised keys. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_model.h"
#include "runtime/core/memory.h"
#include "runtime/core/options.h"
#include "runtime/core/suggest.h"
#include "runtime/io/checkpoint.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/train/adam.h"
#include "runtime/train/lbfgs.h"
#include "runtime/train/session.h"
#include "support/pack.h"

static char folder[] = "/tmp/test_train_XXXXXX";

static void folder_enter(void) {
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}
static void folder_leave(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(system(command), 0);
}
TestSuite(train, .init = folder_enter, .fini = folder_leave);

/* Runs a command line, words separated by blanks. */
static int command(const char *line) {
    char copy[512], *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "fake %s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    return qtm_main(argc, argv, &fake_model);
}

static struct qtm_json *json_load(const char *path) {
    char *text;
    int64_t length;
    struct qtm_json *root;
    cr_assert_eq(qtm_file_read(path, &text, &length), QTM_OK);
    cr_assert_eq(qtm_json_parse(path, text, length, &root), QTM_OK, "%s", qtm_error_text());
    qtm_free(text);
    return root;
}

static double param_read(const struct qtm_json *summary, const char *name, const char *what) {
    return qtm_json_member_number(qtm_json_member(qtm_json_member(summary, "params"), name), what, 1e99);
}

Test(suggest, distance) {
    cr_expect_eq(qtm_suggest_distance("steps", "steps"), 0);
    cr_expect_eq(qtm_suggest_distance("stpes", "steps"), 1);
    cr_expect_eq(qtm_suggest_distance("kitten", "sitting"), 3);
    cr_expect_eq(qtm_suggest_distance("", "abc"), 3);
}

static const char *message_of(const char *line) {
    static char message[512];
    char copy[512], *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "fake %s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    struct qtm_arguments arguments;
    int status = qtm_arguments_parse(&arguments, argc, argv, &fake_model);
    snprintf(message, sizeof message, "%s", status ? arguments.message : "");
    qtm_arguments_destroy(&arguments);
    return message;
}

Test(options, messages) {
    cr_expect_str_eq(message_of("fit bowl --stpes=3"), "'fit' has no flag '--stpes'; did you mean '--steps'?");
    cr_expect_str_eq(message_of("fit bowl --mesured=a"), "'fit' has no flag '--mesured'; did you mean '--measured'?");
    cr_expect_str_eq(message_of("fti bowl"), "unknown command 'fti'; did you mean 'fit'?");
    cr_expect_str_eq(message_of("fit bowls"), "the model has no fit 'bowls'; did you mean 'bowl'?");
    cr_expect_str_eq(message_of("fit bowl --steps=many"), "--steps needs a whole number, not 'many'");
    cr_expect_str_eq(message_of("fit bowl --threads=0"), "--threads must be at least 1, not 0");
    cr_expect_str_eq(message_of("fit bowl --nan_at 2.5"), "--nan_at needs a whole number, not '2.5'");
    cr_expect_str_eq(message_of("fit bowl --steps"), "--steps needs a value");
    cr_expect_str_eq(message_of("fit bowl --quiet=yes"), "--quiet takes no value");
    cr_expect_str_eq(message_of("fit"), "'fit' needs a NAME");
    cr_expect_str_eq(message_of("draw --events=5 --out=a"), "'draw' needs --truth: it draws at the declared truth");
    cr_expect_str_eq(message_of("fit bowl --steps 1_000 --report-every=1e3 --nan-at=7 --measured x --quiet"), "");
}

Test(options, statuses, .init = cr_redirect_stderr) {
    cr_expect_eq(command("fit bowl --nonsense"), 2);
    cr_expect_eq(command("nonsense"), 2);
    cr_expect_eq(command(""), 2);
    cr_expect_eq(command("resume /nowhere/last.h5"), 1);
    cr_expect_eq(command("report /nowhere"), 1);
    cr_expect_eq(command("fit gauss --measured=/nowhere.h5 --quiet --out=/tmp/never"), 1);
}

Test(adam, first_step) {
    /* The first step is rate * sign(g), whatever the size of g. */
    struct qtm_adam_settings settings = {0.1, 0.9, 0.999, 1e-12};
    float w[4] = {1, 1, 1, 1}, g[4] = {3, -0.01f, 0, 100}, m[4] = {0}, v[4] = {0};
    qtm_adam_step(&settings, 1, 4, w, g, m, v);
    static const float expected[4] = {0.9f, 1.1f, 1, 0.9f};
    for (int i = 0; i < 4; i++) cr_expect_float_eq(w[i], expected[i], 1e-6, "w[%d] = %g", i, w[i]);
}

/* The chained Rosenbrock function of n numbers. */
static qtm_status rosenbrock(void *context, const double *x, double *f, double *g) {
    int n = *(int *)context;
    *f = 0;
    for (int i = 0; i < n; i++) g[i] = 0;
    for (int i = 0; i + 1 < n; i++) {
        double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
        *f += a * a + 100 * b * b;
        g[i] += -2 * a - 400 * b * x[i];
        g[i + 1] += 200 * b;
    }
    return QTM_OK;
}

Test(lbfgs, rosenbrock) {
    int n = 20;
    struct qtm_lbfgs lbfgs;
    cr_assert_eq(qtm_lbfgs_create(&lbfgs, n, 10, 1e-10), QTM_OK);
    for (int i = 0; i < n; i++) lbfgs.x[i] = i % 2 ? 1 : -1.2;
    while (!lbfgs.counters[QTM_LBFGS_CONVERGED] && lbfgs.counters[QTM_LBFGS_ITERATIONS] < 500)
        cr_assert_eq(qtm_lbfgs_step(&lbfgs, true, rosenbrock, &n), QTM_OK);
    cr_expect_lt(lbfgs.counters[QTM_LBFGS_ITERATIONS], 200);
    for (int i = 0; i < n; i++) cr_expect_float_eq(lbfgs.x[i], 1, 1e-8, "x[%d] = %.15g", i, lbfgs.x[i]);
    qtm_lbfgs_destroy(&lbfgs);
}

/* log x - x is -infinity beyond its domain: a step that leaves it must be shortened, not believed. */
static qtm_status barrier(void *context, const double *x, double *f, double *g) {
    *f = x[0] > 0 ? 10 * x[0] - log(x[0]) : NAN;
    g[0] = 10 - 1 / x[0];
    return QTM_OK;
}

Test(lbfgs, leaves_domain) {
    struct qtm_lbfgs lbfgs;
    cr_assert_eq(qtm_lbfgs_create(&lbfgs, 1, 5, 1e-10), QTM_OK);
    lbfgs.x[0] = 0.9;
    for (int i = 0; i < 50 && !lbfgs.counters[QTM_LBFGS_CONVERGED]; i++)
        cr_assert_eq(qtm_lbfgs_step(&lbfgs, true, barrier, NULL), QTM_OK);
    cr_expect_float_eq(lbfgs.x[0], 0.1, 1e-9);
    qtm_lbfgs_destroy(&lbfgs);
}

Test(train, adam_finds_bowl) {
    cr_assert_eq(command("fit bowl --steps=400 --quiet --out=run --report-every=50"), 0);
    struct qtm_json *summary = json_load("run/summary.json");
    cr_expect_float_eq(param_read(summary, "p", "value"), 0, 0.01);
    cr_expect_float_eq(param_read(summary, "q", "value"), 1, 0.01);
    static const char *const keys[] = {"params",           "total_variation", "steps", "seconds", "processor_seconds",
                                       "steps_per_second", "events_per_step", "ranks", "threads", "seed",
                                       "model_hash",       "version"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        cr_expect(qtm_json_member(summary, keys[i]) != NULL, "summary.json has no %s", keys[i]);
    /* Half the trapezoid integral of |0.1 (i - 2)| on five points: 0.5 * 0.25 * (0.1 + 0.1 + 0 + 0.1 + 0.1). */
    double variation = qtm_json_member_number(qtm_json_member(summary, "total_variation"), "flat", -1);
    cr_expect_float_eq(variation, 0.05, 1e-12);
    cr_expect_eq(qtm_json_member_number(summary, "steps", 0), 400);
    qtm_json_free(summary);
    cr_expect_eq(access("run/report.html", R_OK), 0);
}

static int64_t lines_count(const char *path) {
    char *text;
    cr_assert_eq(qtm_file_read(path, &text, NULL), QTM_OK);
    int64_t lines = 0;
    for (char *c = text; *c; c++) lines += *c == '\n';
    qtm_free(text);
    return lines;
}

static void weights_expect_equal(const char *a, const char *b, const char *name, enum qtm_type type, int64_t size) {
    struct qtm_checkpoint *file[2];
    char *data[2];
    int64_t count = 0;
    const char *paths[] = {a, b};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(qtm_checkpoint_open(paths[i], &file[i]), QTM_OK, "%s", qtm_error_text());
        cr_assert_eq(qtm_checkpoint_count(file[i], name, &count), QTM_OK, "%s", qtm_error_text());
        data[i] = calloc((size_t)count, (size_t)size);
        cr_assert_eq(qtm_checkpoint_get(file[i], name, type, 1, &count, data[i]), QTM_OK, "%s", qtm_error_text());
        qtm_checkpoint_close(file[i]);
    }
    cr_expect_arr_eq(data[0], data[1], (size_t)(count * size), "%s differs", name);
    free(data[0]);
    free(data[1]);
}

Test(train, resume_is_exact) {
    cr_assert_eq(command("fit bowl --steps=60 --quiet --out=whole --report-every=5"), 0);
    cr_assert_eq(command("fit bowl --steps=30 --quiet --out=half --report-every=5"), 0);
    cr_assert_eq(command("resume half/last.h5 --steps=60 --quiet"), 0);
    weights_expect_equal("whole/last.h5", "half/last.h5", "weights/params", QTM_F32, 4);
    weights_expect_equal("whole/last.h5", "half/last.h5", "rank0/weights/critic", QTM_F32, 4);
    weights_expect_equal("whole/last.h5", "half/last.h5", "update/1/v", QTM_F32, 4);
    cr_expect_eq(lines_count("whole/metrics.jsonl"), 12);
    cr_expect_eq(lines_count("half/metrics.jsonl"), 12);
}

Test(train, resume_is_exact_lbfgs) {
    cr_assert_eq(command("fit valley --steps=16 --quiet --out=whole"), 0);
    cr_assert_eq(command("fit valley --steps=8 --quiet --out=half"), 0);
    cr_assert_eq(command("resume half/last.h5 --steps=16 --quiet"), 0);
    weights_expect_equal("whole/last.h5", "half/last.h5", "weights/params", QTM_F64, 8);
    weights_expect_equal("whole/last.h5", "half/last.h5", "update/0/s", QTM_F64, 8);
}

/* A run is stopped between two reports and the file has a torn last line: resume drops what is after the checkpoint. */
Test(train, metrics_are_cut) {
    cr_assert_eq(command("fit bowl --steps=20 --quiet --out=run --report-every=5"), 0);
    FILE *file = fopen("run/metrics.jsonl", "a");
    fputs("{\"step\":25,\"seconds\":1,\"losses\":{},\"monitors\":{}}\n{\"step\":3", file);
    fclose(file);
    cr_assert_eq(command("resume run/last.h5 --steps=30 --quiet"), 0);
    cr_expect_eq(lines_count("run/metrics.jsonl"), 6);
}

Test(train, nan_keeps_checkpoint) {
    cr_redirect_stderr();
    cr_expect_eq(command("fit bowl --steps=40 --nan_at=25 --quiet --out=run --checkpoint-every=10"), 1);
    cr_expect_neq(access("run/summary.json", R_OK), 0);
    struct qtm_checkpoint *file;
    int64_t step;
    cr_assert_eq(qtm_checkpoint_open("run/last.h5", &file), QTM_OK);
    cr_assert_eq(qtm_checkpoint_get(file, "run/step", QTM_I64, 0, NULL, &step), QTM_OK);
    qtm_checkpoint_close(file);
    cr_expect_eq(step, 20);
    fflush(stderr);
    char text[1024] = "";
    FILE *stream = cr_get_redirected_stderr();
    cr_assert(fgets(text, sizeof text, stream));
    cr_expect(strstr(text, "step 26 of fit bowl: the objective of 'critic' (bowl(x)) is NaN"), "%s", text);
}

Test(train, lbfgs_finds_valley) {
    cr_assert_eq(command("fit valley --quiet --out=run"), 0);
    struct qtm_json *summary = json_load("run/summary.json");
    cr_expect_float_eq(param_read(summary, "p", "value"), 1, 1e-7);
    cr_expect_float_eq(param_read(summary, "q", "value"), 1, 1e-7);
    cr_expect_lt(qtm_json_member_number(summary, "steps", 1e9), 100);
    const struct qtm_json *spread = qtm_json_member(qtm_json_member(qtm_json_member(summary, "params"), "p"), "spread");
    cr_expect_eq(spread->kind, QTM_JSON_NULL); /* no data, no uncertainty */
    qtm_json_free(summary);
}

/* All columns by name, in f32. */
static qtm_status events_read(const char *path, const struct qtm_event *event, int rank, int ranks,
                              struct qtm_events *events) {
    const struct qtm_events_request request = {.path = path, .event = event, .rank = rank, .ranks = ranks};
    return qtm_events_read(&request, events);
}

Test(train, uncertainty_from_information) {
    cr_redirect_stdout();
    cr_assert_eq(command("draw --truth --events=2500 --out=fake.h5"), 0);
    cr_assert_eq(command("fit gauss --quiet --out=run"), 0);
    struct qtm_json *summary = json_load("run/summary.json");
    struct qtm_events events;
    cr_assert_eq(events_read("fake.h5", &fake_events[0], 0, 1, &events), QTM_OK);
    double mean = 0;
    for (int64_t i = 0; i < events.local; i++) mean += events.f32[0][i] / 2500.0;
    qtm_events_free(&events);
    cr_expect_float_eq(param_read(summary, "p", "value"), mean, 1e-6);
    cr_expect_float_eq(param_read(summary, "p", "spread"), 1 / sqrt(2500.0), 1e-9);
    const struct qtm_json *q = qtm_json_member(qtm_json_member(summary, "params"), "q");
    cr_expect_eq(qtm_json_member(q, "spread")->kind, QTM_JSON_NULL); /* the data say nothing of q */
    qtm_json_free(summary);
}

Test(train, check_gradients) {
    cr_redirect_stdout();
    cr_expect_eq(command("check-gradients"), 0);
}

static void valley_wrong(const struct qtm_frame *frame) {
    valley_gradient(frame);
    ((double *)frame->out[1])[1] *= 1 + 1e-5;
}

/* A gradient that is off by 1e-5 is found, and the block named. */
Test(train, check_gradients_finds_wrong) {
    cr_redirect_stdout();
    cr_redirect_stderr();
    struct qtm_update update = valley_updates[0];
    update.check.run = valley_wrong;
    struct qtm_fit fit = fake_fits[1];
    fit.updates = &update;
    struct qtm_model model = fake_model;
    model.fits = &fit;
    model.fit_count = 1;
    char *argv[] = {"fake", "check-gradients", NULL};
    cr_expect_eq(qtm_main(2, argv, &model), 1);
    fflush(stderr);
    char text[1024] = "";
    cr_assert(fgets(text, sizeof text, cr_get_redirected_stderr()));
    cr_expect(strstr(text, "1 block of weights with a gradient that differs"), "%s", text);
}

/* Rosenbrock's function as an executable carries it; `output` is what is minimised. */
#define VALLEY_TEXT(output)                                                                                            \
    "0\nfunc v64.objective {\n  axis k = 3\n  input block 0 0 \"x\" = %0\n  %0 : real{k} = input port 0\n"             \
    "  %1 : real = slice %0 at 0 axis k\n  %2 : real = slice %0 at 1 axis k\n  %3 : real = const 1\n"                  \
    "  %4 : real = sub %3, %1\n  %5 : real = mul %4, %4\n  %6 : real = mul %1, %1\n  %7 : real = sub %2, %6\n"         \
    "  %8 : real = mul %7, %7\n  %9 : real = const 100\n  %10 : real = mul %9, %8\n  %11 : real = add %5, %10\n"       \
    "  %12 : real = custom %11, %1, %2\n  %13 : real = neg %9\n  %14 : real = log %13\n"                               \
    "  output value 0 \"other\" = %3\n  output loss 0 \"loss\" = " output "\n}\n"

static int valley_check(const char *text) {
    Arena arena = {0};
    size_t bytes;
    struct qtm_fit fit = fake_fits[1];
    struct qtm_model model = fake_model;
    model.fits = &fit;
    model.fit_count = 1;
    model.trap.data = pack_bytes(&arena, text, strlen(text), &bytes);
    model.trap.bytes = (int64_t)bytes;
    model.trap.whole = (int64_t)strlen(text);
    char *argv[] = {"fake", "check-gradients", NULL};
    int status = qtm_main(2, argv, &model);
    arena_free(&arena);
    return status;
}

/* Second derivatives that agree; and those of a loss whose given derivative x_1 dx_0 is that of no function; and a loss
 * that is none. */
Test(train, check_gradients_products) {
    cr_redirect_stdout();
    cr_redirect_stderr();
    cr_expect_eq(valley_check(VALLEY_TEXT("%11")), 0);
    cr_expect_eq(valley_check(VALLEY_TEXT("%12")), 1);
    cr_expect_eq(valley_check(VALLEY_TEXT("%14")), 1);
    fflush(stdout);
    char line[256];
    int wrong = 0, columns = 0;
    while (fgets(line, sizeof line, cr_get_redirected_stdout())) {
        wrong += strstr(line, "WRONG") != NULL;
        columns += strstr(line, "forward     second") != NULL;
    }
    cr_expect_eq(wrong, 2);
    cr_expect_eq(columns, 3);
}

Test(train, other_model) {
    cr_redirect_stderr();
    cr_assert_eq(command("fit bowl --steps=5 --quiet --out=run"), 0);
    struct qtm_model other = fake_model;
    other.hash = "beef";
    char *argv[] = {"fake", "resume", "run/last.h5", NULL};
    cr_expect_eq(qtm_main(3, argv, &other), 1);
    fflush(stderr);
    char text[1024] = "";
    cr_assert(fgets(text, sizeof text, cr_get_redirected_stderr()));
    cr_expect(strstr(text, "run/last.h5: made by another model"), "%s", text);
}

/* Every allocation of a command fails once: an error, no crash, nothing left allocated. */
static void allocations_fail(const char *line) {
    int64_t live = qtm_alloc_live();
    int64_t n = 0;
    int status;
    do {
        qtm_alloc_fail_after(n);
        status = command(line);
        qtm_alloc_fail_after(-1);
        cr_expect_eq(qtm_alloc_live(), live, "%s, allocation %lld: %lld blocks left", line, (long long)n,
                     (long long)(qtm_alloc_live() - live));
        cr_assert(status == 0 || status == 1, "%s, allocation %lld: exit status %d", line, (long long)n, status);
    } while (status && ++n < 5000);
    cr_expect_lt(n, 5000);
    cr_expect_gt(n, 5);
}

Test(train, allocation_failures) {
    cr_redirect_stdout();
    cr_redirect_stderr();
    setenv("PATH", "", 1); /* no gnuplot: pictures are tested elsewhere, and they are slow */
    cr_assert_eq(command("draw --truth --events=300 --out=fake.h5"), 0);
    cr_assert_eq(command("fit bowl --steps=4 --quiet --out=kept"), 0);
    allocations_fail("draw --truth --events=300 --out=other.h5");
    allocations_fail("fit bowl --steps=4 --quiet --out=run");
    allocations_fail("fit gauss --steps=4 --quiet --out=run");
    allocations_fail("resume kept/last.h5 --steps=6 --quiet");
    allocations_fail("report kept");
    allocations_fail("check-gradients gauss");
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

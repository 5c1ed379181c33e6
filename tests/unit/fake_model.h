/* A model written by hand, for tests of the runtime without the compiler: its entries are plain C functions.
 *   fit bowl     Adam on a local and an exchanged group; the loss has a small part that changes with seed and step, and
 * is NaN from step `nan_at` on fit valley   L-BFGS on Rosenbrock's function, minimum at (1, 1) fit gauss    L-BFGS on
 * sum (y - m)^2 / 2 over all events: m is their mean, known to 1/sqrt(N); a second parameter of which the data say
 * nothing */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include <math.h>

#include "qtm/model.h"

static const int64_t shape3[] = {3}, shape_events[] = {-1}, shape_batch[] = {100}, shape_points[] = {5};

static double fake_noise(const struct qtm_frame *frame, int i) {
    uint64_t z = (frame->seed + frame->step * 7919 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
    return ((double)(z >> 40) * 0x1p-24 - 0.5) * 1e-3;
}

/* 0.5 sum (x_i - i)^2 + noise . x; the input after x is the option nan_at. */
#define BOWL(NAME, TYPE)                                                                                               \
    static void NAME(const struct qtm_frame *frame) {                                                                  \
        const TYPE *x = frame->in[0], *nan_at = frame->in[1];                                                          \
        TYPE *loss = frame->out[0], *gradient = frame->out[1];                                                         \
        *loss = (double)frame->step >= (double)*nan_at ? (TYPE)NAN : 0;                                                \
        for (int i = 0; i < 3; i++) {                                                                                  \
            TYPE noise = (TYPE)fake_noise(frame, i);                                                                   \
            gradient[i] = x[i] - (TYPE)i + noise;                                                                      \
            *loss += (TYPE)0.5 * (x[i] - (TYPE)i) * (x[i] - (TYPE)i) + noise * x[i];                                   \
        }                                                                                                              \
    }
BOWL(bowl_f32, float)
BOWL(bowl_f64, double)

static void valley_gradient(const struct qtm_frame *frame) {
    const double *x = frame->in[0];
    double *loss = frame->out[0], *g = frame->out[1], a = 1 - x[0], b = x[1] - x[0] * x[0];
    *loss = a * a + 100 * b * b;
    g[0] = -2 * a - 400 * b * x[0];
    g[1] = 200 * b;
    g[2] = 0;
}

static void gauss_gradient(const struct qtm_frame *frame) {
    const double *x = frame->in[0], *y = frame->in[1];
    double *loss = frame->out[0], *g = frame->out[1];
    *loss = g[0] = g[1] = g[2] = 0;
    for (int64_t i = 0; i < frame->extent[0]; i++) {
        *loss += 0.5 * (y[i] - x[0]) * (y[i] - x[0]);
        g[0] += x[0] - y[i];
    }
}

static void adam_settings(const struct qtm_frame *frame) {
    static const double values[4] = {0.05, 0.9, 0.999, 1e-8};
    for (int i = 0; i < 4; i++) *(double *)frame->out[i] = values[i];
}
static void lbfgs_settings(const struct qtm_frame *frame) {
    *(double *)frame->out[0] = 8;
    *(double *)frame->out[1] = 1e-9;
}
static void start_bowl(const struct qtm_frame *frame) {
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < 3; i++) ((float *)frame->out[b])[i] = (float)(5 + fake_noise(frame, i));
}
static void start_one(const struct qtm_frame *frame) {
    static const float start[3] = {-1.2f, 1.0f, 0.0f};
    for (int i = 0; i < 3; i++) ((float *)frame->out[0])[i] = start[i];
}
/* Parameters p = x0, q = x1. */
static void fake_params(const struct qtm_frame *frame) {
    const double *x = frame->in[0];
    for (int i = 0; i < 2; i++) *(double *)frame->out[i] = x[i];
}
static void fake_monitor(const struct qtm_frame *frame) {
    const double *x = frame->in[0];
    for (int i = 0; i < 2; i++) ((double *)frame->out[0])[i] = x[i] - i;
}
/* A flat density that is off by 0.1 x (x - 1/2 ... odd about the middle). */
static void fake_curve(const struct qtm_frame *frame) {
    for (int i = 0; i < 5; i++) {
        ((double *)frame->out[0])[i] = 1 + 0.1 * (i - 2);
        ((double *)frame->out[1])[i] = 1;
    }
}
static void fake_draw(const struct qtm_frame *frame) {
    for (int i = 0; i < 100; i++) ((float *)frame->out[0])[i] = (float)(0.5 + 400 * fake_noise(frame, i));
}
static int64_t no_work(const int64_t *extent) {
    (void)extent;
    return 0;
}

#define PORT(label, kind, number, dims, extents)                                                                       \
    {.name = label, .role = kind, .index = number, .rank = dims, .shape = extents}
static const struct qtm_port x0_nan[] = {PORT("x", QTM_BLOCK, 0, 1, shape3), PORT("nan_at", QTM_OPTION, 0, 0, 0)};
static const struct qtm_port x1_nan[] = {PORT("x", QTM_BLOCK, 1, 1, shape3), PORT("nan_at", QTM_OPTION, 0, 0, 0)};
static const struct qtm_port x0_data[] = {PORT("x", QTM_BLOCK, 0, 1, shape3),
                                          PORT("y", QTM_COLUMN, 0, 1, shape_events)};
static const struct qtm_port loss_g0[] = {PORT("loss", QTM_LOSS, 0, 0, 0), PORT("dx", QTM_GRADIENT, 0, 1, shape3)};
static const struct qtm_port loss_g1[] = {PORT("loss", QTM_LOSS, 0, 0, 0), PORT("dx", QTM_GRADIENT, 1, 1, shape3)};
static const struct qtm_port scalars[] = {PORT("0", QTM_VALUE, 0, 0, 0), PORT("1", QTM_VALUE, 1, 0, 0),
                                          PORT("2", QTM_VALUE, 2, 0, 0), PORT("3", QTM_VALUE, 3, 0, 0)};
static const struct qtm_port starts[] = {PORT("0", QTM_VALUE, 0, 1, shape3), PORT("1", QTM_VALUE, 1, 1, shape3)};
static const int64_t shape2[] = {2};
static const struct qtm_port monitors[] = {PORT("0", QTM_VALUE, 0, 1, shape2)};
static const struct qtm_port curves[] = {PORT("0", QTM_VALUE, 0, 1, shape_points),
                                         PORT("1", QTM_VALUE, 1, 1, shape_points)};
static const struct qtm_port drawn[] = {PORT("y", QTM_VALUE, 0, 1, shape_batch)};

#define FN(label, entry, wide, ins, inputs, outs, outputs)                                                             \
    {label, entry, no_work, 0, wide, ins, outs, inputs, outputs, .start = NULL}

static const int group0[] = {0}, group1[] = {1};
static const struct qtm_weights fake_groups[] = {{"params", QTM_GROUP_PARAMS, NULL},
                                                 {"critic", QTM_GROUP_NETWORK, NULL}};
static const struct qtm_block fake_blocks[] = {{"params.x", 0, 3, 1, shape3}, {"critic.x", 1, 3, 1, shape3}};
static const struct qtm_update bowl_updates[] = {
    {"bowl(x)", 1, group1, QTM_ADAM, QTM_LOCAL, false, 0, 1, FN("c", bowl_f32, false, 2, x1_nan, 2, loss_g1),
     FN("c64", bowl_f64, true, 2, x1_nan, 2, loss_g1), FN("cs", adam_settings, true, 0, 0, 4, scalars), .label = NULL},
    {"bowl(x)", 1, group0, QTM_ADAM, QTM_RING, false, 0, 1, FN("g", bowl_f32, false, 2, x0_nan, 2, loss_g0),
     FN("g64", bowl_f64, true, 2, x0_nan, 2, loss_g0), FN("gs", adam_settings, true, 0, 0, 4, scalars), .label = NULL}};
static const struct qtm_update valley_updates[] = {{"rosenbrock(x)", 1, group0, QTM_LBFGS, QTM_RING, false, 0, 1,
                                                    FN("v", valley_gradient, true, 1, x0_nan, 2, loss_g0),
                                                    FN("v64", valley_gradient, true, 1, x0_nan, 2, loss_g0),
                                                    FN("vs", lbfgs_settings, true, 0, 0, 2, scalars), .label = NULL}};
static const struct qtm_update gauss_updates[] = {
    {"sum((e.y - m)^2 / 2 for e in measured)", 1, group0, QTM_LBFGS, QTM_RING, true, 0, 1,
     FN("n", gauss_gradient, true, 2, x0_data, 2, loss_g0), FN("n64", gauss_gradient, true, 2, x0_data, 2, loss_g0),
     FN("ns", lbfgs_settings, true, 0, 0, 2, scalars), .label = NULL}};
static const char *const fake_labels[] = {"p", "q"};
static const struct qtm_monitor fake_monitors[] = {{"residual", 2, fake_labels}};
static const struct qtm_curve fake_curves[] = {{"flat", true, 0, 1, 0, false}};

#define FIT(label, steps_, groups_, blocks_, updates_, count, start)                                                   \
    {.name = label,                                                                                                    \
     .vectors = 1,                                                                                                     \
     .steps = steps_,                                                                                                  \
     .group_count = groups_,                                                                                           \
     .block_count = blocks_,                                                                                           \
     .update_count = count,                                                                                            \
     .monitor_count = 1,                                                                                               \
     .curve_count = 1,                                                                                                 \
     .groups = fake_groups,                                                                                            \
     .blocks = fake_blocks,                                                                                            \
     .updates = updates_,                                                                                              \
     .monitors = fake_monitors,                                                                                        \
     .curves = fake_curves,                                                                                            \
     .init = FN("start", start, false, 0, 0, blocks_, starts),                                                         \
     .params = FN("params", fake_params, true, 1, x0_nan, 2, scalars),                                                 \
     .monitor = FN("monitor", fake_monitor, true, 1, x0_nan, 1, monitors),                                             \
     .curve = FN("curve", fake_curve, true, 0, 0, 2, curves),                                                          \
     .curve_points = 5,                                                                                                \
     .best = -1}
static const struct qtm_fit fake_fits[] = {FIT("bowl", 400, 2, 2, bowl_updates, 2, start_bowl),
                                           FIT("valley", 200, 1, 1, valley_updates, 1, start_one),
                                           FIT("gauss", 50, 1, 1, gauss_updates, 1, start_one)};

static const struct qtm_field fake_fields[] = {{"y", 0, 1, 1, 1}};
static const struct qtm_event fake_events[] = {
    {"Point", 1, fake_fields, FN("draw", fake_draw, false, 0, 0, 1, drawn), 100}};
static const struct qtm_data fake_data[] = {{.name = "measured", .path = "fake.h5", .event = 0}};
static const struct qtm_option fake_options[] = {{"nan_at", "step from which the loss is NaN", 1e9, true}};
#define FAKE_PARAM(label, true_value, number)                                                                          \
    {.name = label,                                                                                                    \
     .low = -9,                                                                                                        \
     .high = 9,                                                                                                        \
     .has_truth = true,                                                                                                \
     .truth = true_value,                                                                                              \
     .bounded = true,                                                                                                  \
     .output = number,                                                                                                 \
     .place = number,                                                                                                  \
     .line = 1}
static const struct qtm_param fake_parameters[] = {FAKE_PARAM("p", 0, 0), FAKE_PARAM("q", 1, 1)};
static const struct qtm_model fake_model = {.version = QTM_MODEL_VERSION,
                                            .name = "fake",
                                            .hash = "0123abcd",
                                            .source = "# fake\n",
                                            .compiler = "0.0.1",
                                            .has_truth = true,
                                            .param_count = 2,
                                            .option_count = 1,
                                            .event_count = 1,
                                            .data_count = 1,
                                            .fit_count = 3,
                                            .params = fake_parameters,
                                            .options = fake_options,
                                            .events = fake_events,
                                            .data = fake_data,
                                            .fits = fake_fits};

#endif

/* The library of networks, losses and densities: monitors run by the reference interpreter, against direct loops over
 * the same weights, against numbers known in closed form, and against 1 for what must be normalised. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "unit/model_text.h"

enum { WEIGHTS_MAX = 4096, BLOCKS_MAX = 64 };

/* A model whose monitors were run. */
typedef struct Run {
    Model *model;
    TirTensor in[BLOCKS_MAX], out[BLOCKS_MAX];
} Run;

static double weight(uint32_t block, size_t i) {
    return sin(0.7 * (double)i + 1.3 * block) + 0.1;
}

#define HEAD "use std.nn\nuse std.linalg\nuse std.conv\nuse std.loss\nuse std.pdf\nuse std.init\nparam p in (0, 2)\n"
#define FIT "fit f {\n  minimize (p - 1)^2 over params using adam(1e-3)\n"

/* Declarations and the monitors of a fit whose one parameter is 1; weights are what weight() says. */
static Run *run_make(const char *declared, const char *monitors) {
    Run *m = calloc(1, sizeof *m);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    fprintf(stream, HEAD "%s" FIT "%s}\n", declared, monitors);
    fclose(stream);
    m->model = model_good(text);
    free(text);
    const TirFunction *f = m->model->program->fits.data[0].monitor;
    cr_assert(f->inputs.count <= BLOCKS_MAX && f->outputs.count <= BLOCKS_MAX);
    for (uint32_t i = 0; i < f->inputs.count; i++) {
        TirAxes axes = f->ops.data[f->inputs.data[i].value].axes;
        TirTensor *t = &m->in[i];
        *t = (TirTensor){.type = TIR_REAL, .rank = axes.count, .count = 1};
        for (uint32_t d = 0; d < axes.count; d++) t->count *= (size_t)(t->shape[d] = f->axes.data[axes.id[d]].size);
        t->data = calloc(t->count, sizeof *t->data);
        bool layer = strncmp(f->inputs.data[i].name, "params", 6) != 0; /* the parameter: raw value 0 */
        for (size_t k = 0; k < t->count && layer; k++) t->data[k] = weight(i, k);
    }
    tir_interpret(f, &m->model->arena, m->in, NULL, 1, 0, m->out);
    return m;
}

static void run_free(Run *m) {
    for (int i = 0; i < BLOCKS_MAX; i++) free(m->in[i].data);
    model_free(m->model);
    free(m);
}

static const TirTensor *monitor(const Run *m, const char *name) {
    const TirFunction *f = m->model->program->fits.data[0].monitor;
    for (uint32_t i = 0; i < f->outputs.count; i++)
        if (!strcmp(f->outputs.data[i].name, name)) return &m->out[i];
    cr_assert(false, "no monitor %s", name);
    return NULL;
}

static const TirTensor *block(const Run *m, const char *name) {
    const TirFunction *f = m->model->program->fits.data[0].monitor;
    for (uint32_t i = 0; i < f->inputs.count; i++)
        if (!strcmp(f->inputs.data[i].name, name)) return &m->in[i];
    cr_assert(false, "no weights %s", name);
    return NULL;
}

/* Element of a declared matrix [rows, columns], rows != columns, however it is stored. */
static double element(const TirTensor *t, int64_t rows, int64_t columns, int64_t r, int64_t c) {
    cr_assert(t->rank == 2 && rows != columns && t->count == (size_t)(rows * columns));
    return t->shape[0] == rows ? t->data[r * columns + c] : t->data[c * rows + r];
}

static void expect_close(double got, double want, double tolerance, const char *what) {
    cr_expect(fabs(got - want) <= tolerance * fmax(1, fabs(want)), "%s: %.15g instead of %.15g", what, got, want);
}

/* --- convolutions: one reference in three dimensions; those that a layer lacks have size, width and stride 1 --- */

typedef struct Shape {
    int64_t n[3], width[3], stride[3], padding[3], c, filters;
} Shape;

static double input(const Shape *s, const int64_t *at, int64_t i) {
    for (int d = 0; d < 3; d++)
        if (at[d] < 0 || at[d] >= s->n[d]) return 0;
    return sin(0.9 * (double)(((at[0] * s->n[1] + at[1]) * s->n[2] + at[2]) * s->c + i));
}

static int64_t product3(const int64_t *n) {
    return n[0] * n[1] * n[2];
}

static void unpack(int64_t k, const int64_t *n, int64_t *at) {
    at[2] = k % n[2];
    at[1] = k / n[2] % n[1];
    at[0] = k / n[2] / n[1];
}

static void check_conv(const Run *m, const char *name, const Shape *s) {
    const TirTensor *y = monitor(m, name), *w = block(m, arena_format((Arena *)&m->model->arena, "%s.0.W", name)),
                    *b = block(m, arena_format((Arena *)&m->model->arena, "%s.0.c", name));
    int64_t out[3], columns = product3(s->width) * s->c;
    for (int d = 0; d < 3; d++) out[d] = (s->n[d] + 2 * s->padding[d] - s->width[d]) / s->stride[d] + 1;
    cr_assert_eq(y->count, product3(out) * s->filters);
    for (int64_t p = 0; p < product3(out); p++)
        for (int64_t o = 0; o < s->filters; o++) {
            double sum = b->data[o];
            for (int64_t k = 0; k < product3(s->width); k++) {
                int64_t place[3], tap[3];
                unpack(p, out, place);
                unpack(k, s->width, tap);
                for (int d = 0; d < 3; d++) place[d] = place[d] * s->stride[d] - s->padding[d] + tap[d];
                for (int64_t i = 0; i < s->c; i++)
                    sum += element(w, s->filters, columns, o, k * s->c + i) * input(s, place, i);
            }
            expect_close(y->data[p * s->filters + o], sum, 1e-12, name);
        }
}

/* Every input adds its kernel to the output. */
static void check_transposed(const Run *m, const char *name, const Shape *s) {
    const TirTensor *y = monitor(m, name), *w = block(m, arena_format((Arena *)&m->model->arena, "%s.0.W", name)),
                    *b = block(m, arena_format((Arena *)&m->model->arena, "%s.0.b", name));
    int64_t out[3];
    for (int d = 0; d < 3; d++) out[d] = (s->n[d] - 1) * s->stride[d] + s->width[d] - 2 * s->padding[d];
    cr_assert_eq(y->count, product3(out) * s->filters);
    int64_t rows = product3(s->width) * s->filters;
    double *sum = calloc(y->count, sizeof *sum);
    for (size_t k = 0; k < y->count; k++) sum[k] = b->data[k % (size_t)s->filters];
    for (int64_t p = 0; p < product3(s->n); p++)
        for (int64_t k = 0; k < product3(s->width); k++) {
            int64_t from[3], tap[3], to[3];
            unpack(p, s->n, from);
            unpack(k, s->width, tap);
            bool inside = true;
            for (int d = 0; d < 3; d++) {
                to[d] = from[d] * s->stride[d] + tap[d] - s->padding[d];
                inside &= to[d] >= 0 && to[d] < out[d];
            }
            for (int64_t o = 0; inside && o < s->filters; o++)
                for (int64_t i = 0; i < s->c; i++)
                    sum[((to[0] * out[1] + to[1]) * out[2] + to[2]) * s->filters + o] +=
                        element(w, rows, s->c, k * s->filters + o, i) * input(s, from, i);
        }
    for (size_t k = 0; k < y->count; k++) expect_close(y->data[k], sum[k], 1e-12, name);
    free(sum);
}

#define INPUT1 "[[sin(0.9 * (j * 2 + i)) for i in index(2)] for j in index(7)]"
#define INPUT2 "[[[sin(0.9 * ((k * 4 + j) * 2 + i)) for i in index(2)] for j in index(4)] for k in index(5)]"
#define INPUT3                                                                                                         \
    "[[[[sin(0.9 * (((l * 4 + k) * 5 + j) * 2 + i)) for i in index(2)] for j in index(5)] for k in index(4)] for l "   \
    "in "                                                                                                              \
    "index(3)]"

Test(nn, convolutions_are_direct_loops) {
    Run *m = run_make("network a(x[m, n]) = conv1d(x, 5, 3, stride = 2, padding = 1)\n"
                      "network b(x[high, wide, n]) = conv2d(x, 5, 3)\n"
                      "network c(x[high, wide, n]) = conv2d(x, 5, 2, stride = 2, padding = 1)\n"
                      "network d(x[deep, high, wide, n]) = conv3d(x, 5, 2, stride = 1, padding = 1)\n",
                      "  monitor a = flatten(a(" INPUT1 "))\n  monitor b = flatten(b(" INPUT2 "))\n"
                      "  monitor c = flatten(c(" INPUT2 "))\n  monitor d = flatten(d(" INPUT3 "))\n");
    check_conv(m, "a", &(Shape){{1, 1, 7}, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}, 2, 5});
    check_conv(m, "b", &(Shape){{1, 5, 4}, {1, 3, 3}, {1, 1, 1}, {0, 0, 0}, 2, 5});
    check_conv(m, "c", &(Shape){{1, 5, 4}, {1, 2, 2}, {1, 2, 2}, {0, 1, 1}, 2, 5});
    check_conv(m, "d", &(Shape){{3, 4, 5}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}, 2, 5});
    run_free(m);
}

Test(nn, transposed_convolutions_add_the_kernel_of_every_input) {
    Run *m = run_make("network a(x[m, n]) = conv_transpose1d(x, 3, 4, stride = 2, padding = 1)\n"
                      "network b(x[high, wide, n]) = conv_transpose2d(x, 3, 3, stride = 2, padding = 1)\n"
                      "network c(x[high, wide, n]) = conv_transpose2d(x, 3, 2)\n"
                      "network d(x[deep, high, wide, n]) = conv_transpose3d(x, 3, 3, stride = 2)\n",
                      "  monitor a = flatten(a(" INPUT1 "))\n  monitor b = flatten(b(" INPUT2 "))\n"
                      "  monitor c = flatten(c(" INPUT2 "))\n  monitor d = flatten(d(" INPUT3 "))\n");
    check_transposed(m, "a", &(Shape){{1, 1, 7}, {1, 1, 4}, {1, 1, 2}, {0, 0, 1}, 2, 3});
    check_transposed(m, "b", &(Shape){{1, 5, 4}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, 2, 3});
    check_transposed(m, "c", &(Shape){{1, 5, 4}, {1, 2, 2}, {1, 1, 1}, {0, 0, 0}, 2, 3});
    check_transposed(m, "d", &(Shape){{3, 4, 5}, {3, 3, 3}, {2, 2, 2}, {0, 0, 0}, 2, 3});
    run_free(m);
}

static double pooled(const Shape *s, const int64_t *at, int64_t i, bool largest) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < product3(s->width); k++) {
        int64_t tap[3];
        unpack(k, s->width, tap);
        for (int d = 0; d < 3; d++) tap[d] += at[d] * s->stride[d];
        double v = input(s, tap, i);
        most = fmax(most, v);
        sum += v / (double)product3(s->width);
    }
    return largest ? most : sum;
}

static void check_pool(const Run *m, const char *name, const Shape *s, bool largest) {
    int64_t out[3];
    for (int d = 0; d < 3; d++) out[d] = (s->n[d] - s->width[d]) / s->stride[d] + 1;
    const TirTensor *y = monitor(m, name);
    cr_assert_eq(y->count, product3(out) * s->c);
    for (int64_t p = 0; p < product3(out); p++)
        for (int64_t i = 0; i < s->c; i++) {
            int64_t at[3];
            unpack(p, out, at);
            expect_close(y->data[p * s->c + i], pooled(s, at, i, largest), 1e-13, name);
        }
}

Test(nn, pools) {
    Run *m = run_make("", "  monitor a = flatten(max_pool1d(" INPUT1 ", 3, 2))\n"
                          "  monitor b = flatten(max_pool2d(" INPUT2 ", 2))\n"
                          "  monitor c = flatten(avg_pool2d(" INPUT2 ", 3, 1))\n"
                          "  monitor d = flatten(avg_pool3d(" INPUT3 ", 2))\n"
                          "  monitor e = flatten(max_pool3d(" INPUT3 ", 2, 1))\n"
                          "  monitor f = flatten(avg_pool1d(" INPUT1 ", 2))\n");
    check_pool(m, "a", &(Shape){{1, 1, 7}, {1, 1, 3}, {1, 1, 2}, {0}, 2, 0}, true);
    check_pool(m, "b", &(Shape){{1, 5, 4}, {1, 2, 2}, {1, 2, 2}, {0}, 2, 0}, true);
    check_pool(m, "c", &(Shape){{1, 5, 4}, {1, 3, 3}, {1, 1, 1}, {0}, 2, 0}, false);
    check_pool(m, "d", &(Shape){{3, 4, 5}, {2, 2, 2}, {2, 2, 2}, {0}, 2, 0}, false);
    check_pool(m, "e", &(Shape){{3, 4, 5}, {2, 2, 2}, {1, 1, 1}, {0}, 2, 0}, true);
    check_pool(m, "f", &(Shape){{1, 1, 7}, {1, 1, 2}, {1, 1, 2}, {0}, 2, 0}, false);
    run_free(m);
}

/* --- attention, normalisation, spectral norm --- */

static double attended(int i, int e) {
    double score[5], total = 0, sum = 0;
    for (int j = 0; j < 5; j++) {
        score[j] = 0;
        for (int d = 0; d < 3; d++) score[j] += sin(i + 2 * d) * cos(3 * j + d) / sqrt(3);
        total += exp(score[j]);
    }
    for (int j = 0; j < 5; j++) sum += exp(score[j]) / total * sin(j * j + e);
    return sum;
}

Test(nn, attention_weighs_values_by_softmax) {
    Run *m = run_make("", "  monitor a = flatten(attention([[sin(i + 2 * d) for d in index(3)] for i in index(4)],\n"
                          "    [[cos(3 * j + d) for d in index(3)] for j in index(5)],\n"
                          "    [[sin(j * j + e) for e in index(2)] for j in index(5)]))\n");
    const TirTensor *y = monitor(m, "a");
    cr_assert_eq(y->count, 8);
    for (int i = 0; i < 4; i++)
        for (int e = 0; e < 2; e++) expect_close(y->data[2 * i + e], attended(i, e), 1e-14, "attention");
    run_free(m);
}

/* With all rows alike every attention is their mean, so a head is W_v x, and the whole is dense(W_v x). */
Test(nn, heads_are_joined_by_a_dense_layer) {
    Run *m = run_make("network a(x[n, d]) = multi_head(x, 2, 3)\n",
                      "  monitor a = flatten(a([[sin(1 + d) for d in index(4)] for i in index(5)]))\n");
    const TirTensor *y = monitor(m, "a"), *v = block(m, "a.2.W"), *w = block(m, "a.3.W"), *c = block(m, "a.3.c");
    for (int i = 0; i < 5; i++)
        for (int o = 0; o < 4; o++) {
            double sum = c->data[o];
            for (int h = 0; h < 6; h++)
                for (int d = 0; d < 4; d++) sum += element(w, 4, 6, o, h) * element(v, 6, 4, h, d) * sin(1 + d);
            expect_close(y->data[4 * i + o], sum, 1e-12, "multi_head");
        }
    run_free(m);
}

Test(nn, normalisation) {
    Run *m = run_make("network a(x[n]) = layer_norm(x)\nnetwork b(x[n, c]) = group_norm(x, 2)\n",
                      "  monitor a = a([sin(3 * i) for i in index(6)])\n"
                      "  monitor b = flatten(b([[sin(3 * j + 5 * i) for i in index(4)] for j in index(3)]))\n");
    double mean = 0, square = 0;
    for (int i = 0; i < 6; i++) mean += sin(3 * i) / 6;
    for (int i = 0; i < 6; i++) square += (sin(3 * i) - mean) * (sin(3 * i) - mean) / 6;
    for (int i = 0; i < 6; i++)
        expect_close(monitor(m, "a")->data[i],
                     block(m, "a.0.gain")->data[i] * (sin(3 * i) - mean) / sqrt(square + 1e-5) +
                         block(m, "a.0.shift")->data[i],
                     1e-12, "layer_norm");
    for (int g = 0; g < 2; g++) {
        mean = square = 0;
        for (int k = 0; k < 6; k++) mean += sin(3 * (k / 2) + 5 * (2 * g + k % 2)) / 6;
        for (int k = 0; k < 6; k++) square += pow(sin(3 * (k / 2) + 5 * (2 * g + k % 2)) - mean, 2) / 6;
        for (int k = 0; k < 6; k++) {
            int i = 2 * g + k % 2, j = k / 2;
            double want = block(m, "b.0.gain")->data[i] * (sin(3 * j + 5 * i) - mean) / sqrt(square + 1e-5) +
                          block(m, "b.0.shift")->data[i];
            expect_close(monitor(m, "b")->data[4 * j + i], want, 1e-12, "group_norm");
        }
    }
    run_free(m);
}

/* A matrix of rank one has the singular value |a| |b|, which one iteration finds; of diag(3, 1) it is 3. */
Test(nn, spectral_norm_and_orthogonal_matrices) {
    Run *m = run_make("fun sigma(W[m, n], steps) = { let u = power_iteration(cos(1 + 2.4 * index(m)), W, steps)\n"
                      "  u @ (W @ unit(u @ W)) }\n",
                      "  monitor a = sigma([[(i + 1) * (j + 2) for j in index(3)] for i in index(2)], 1)\n"
                      "  monitor b = sigma([[3, 0], [0, 1]], 12)\n"
                      "  monitor c = polar([[1, 2, 2], [0, 3, 1]] / 5) |> flatten\n");
    expect_close(monitor(m, "a")->data[0], sqrt(5 * 29), 1e-14, "rank one");
    expect_close(monitor(m, "b")->data[0], 3, 1e-10, "diag(3, 1)");
    const double *q = monitor(m, "c")->data;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            expect_close(q[3 * i] * q[3 * j] + q[3 * i + 1] * q[3 * j + 1] + q[3 * i + 2] * q[3 * j + 2], i == j, 1e-12,
                         "Q Q^T");
    run_free(m);
}

Test(nn, initial_weights) {
    const char *declared =
        "layer l(x[n], m) {\n weight A[m, n] ~ orthogonal(m, n)\n weight B[m, n] ~ truncated_normal(3)\n"
        " weight C[m] ~ uniform_init(2)\n (A + B) @ x + C\n}\nnetwork a(x[n]) = l(x, 40)\n";
    Run *m = run_make(declared, "  monitor a = a(index(30) * 1.0)\n");
    const ProgramFit *fit = &m->model->program->fits.data[0];
    TirTensor out[8];
    tir_interpret(fit->init, &m->model->arena, NULL, NULL, 3, 0, out);
    const TirTensor *a = NULL, *b = NULL, *c = NULL;
    for (uint32_t i = 0; i < fit->init->outputs.count; i++) {
        const char *name = fit->init->outputs.data[i].name;
        if (!strcmp(name, "a.0.A")) a = &out[i];
        if (!strcmp(name, "a.0.B")) b = &out[i];
        if (!strcmp(name, "a.0.C")) c = &out[i];
    }
    cr_assert(a && b && c);
    for (int i = 0; i < 30; i++)
        for (int j = 0; j < 30; j++) {
            double sum = 0;
            for (int k = 0; k < 40; k++) sum += element(a, 40, 30, k, i) * element(a, 40, 30, k, j);
            expect_close(sum, i == j, 1e-10, "orthogonal");
        }
    double square = 0, most = 0, far = 0;
    for (size_t i = 0; i < b->count; i++) {
        square += b->data[i] * b->data[i] / (double)b->count;
        most = fmax(most, fabs(b->data[i]));
    }
    for (size_t i = 0; i < c->count; i++) far = fmax(far, fabs(c->data[i]));
    expect_close(square / 9, 0.7741, 4 * 0.7741 * sqrt(1.2 / 1200), "variance of the truncated normal, seed 3");
    cr_expect(most < 6 && most > 5 && far < 2 && far > 1.5);
    run_free(m);
}

/* --- numbers --- */

typedef struct Known {
    const char *formula;
    double value, tolerance;
} Known;

static void check_known(const char *declared, const Known *known, size_t count) {
    char text[16384];
    int length = 0;
    for (size_t i = 0; i < count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "  monitor v%zu = %s\n", i, known[i].formula);
    Run *m = run_make(declared, text);
    for (size_t i = 0; i < count; i++)
        expect_close(monitor(m, arena_format(&m->model->arena, "v%zu", i))->data[0], known[i].value, known[i].tolerance,
                     known[i].formula);
    run_free(m);
}

#define CHECK(declared, ...)                                                                                           \
    do {                                                                                                               \
        const Known known[] = {__VA_ARGS__};                                                                           \
        check_known(declared, known, sizeof known / sizeof *known);                                                    \
    } while (0)

Test(nn, activations) {
    CHECK("", {"relu(p - 3)", 0, 0}, {"leaky_relu(p - 3)", -0.4, 1e-15}, {"elu(p - 3)", expm1(-2), 1e-15},
          {"elu(p + 1)", 2, 0}, {"gelu(p + 0.5)", 0.75 * (1 + erf(1.5 / sqrt(2))), 1e-14},
          {"silu(2 * p)", 2 / (1 + exp(-2)), 1e-15}, {"softplus(-p)", log1p(exp(-1)), 1e-15},
          {"sigmoid(p * 800)", 1, 0}, {"softmax([p, 2, 3])[1]", exp(-1) / (1 + exp(-1) + exp(-2)), 1e-15},
          {"softmax([p * 1000, 0])[1]", 0, 0}, {"log_softmax([p * 1000, 0])[1]", -1000, 1e-15},
          {"sum(dropout([p, p, p, p], 0))", 4, 0},
          {"sum(dropout([p * i for i in index(20000)], 0.25)) / 199990000", 1, 0.03});
}

Test(nn, losses) {
    CHECK("fun square(x) = x[0]^2 + 3 * x[1]\n", {"bce(p, 0.25)", log1p(exp(1)) - 0.25, 1e-15},
          {"bce(1000 * p, 1)", 0, 1e-15}, {"cross_entropy([p, 2, 3], [0, 0.5, 0.5])", 0.9076059644443803, 1e-14},
          {"cross_entropy([p, 2, 3], smoothed_classes(one_hot(2, 3), 0.3))", 0.7076059644443803, 1e-14},
          {"smoothed(p, 0.2)", 0.9, 1e-15}, {"focal(p, 1)", pow(1 - 1 / (1 + exp(-1)), 2) * log1p(exp(-1)), 1e-15},
          {"huber(p, 3)", 1.5, 1e-15}, {"huber(p, 1.5)", 0.125, 1e-15}, {"mse([p, 2], [0, 0])", 2.5, 1e-15},
          {"mae(p, 3)", 2, 1e-15}, {"hinge_real(p - 2) + hinge_fake(p)", 4, 1e-15},
          {"gradient_penalty(square, [p, 5])", 10 * pow(sqrt(13) - 1, 2), 1e-14},
          {"zero_penalty(square, [p, 5])", 65, 1e-14},
          {"kl_gauss([p, 0], [0, log(2 * p)])", 0.5 * (1 + 2 - log(2) - 1), 1e-15},
          {"gauss_nll(p, 3, log(4))", 0.5 + 0.5 * log(8 * M_PI), 1e-15},
          {"poisson_nll(3, 2 * p)", 2 - 3 * log(2), 1e-15});
}

/* Midpoints: exact to far below 1e-9 for smooth densities that vanish at both ends. */
Test(nn, densities_are_normalised) {
    CHECK("fun middles(low, high, n) = low + (high - low) / n * (index(n) + 0.5)\n",
          {"20 / 4000 * sum(exp(log_normal_pdf(middles(-9, 11, 4000), p, 0.8)))", 1, 1e-12},
          {"60 / 20000 * sum(exp(log_lognormal_pdf(middles(0, 60, 20000), 0.2 * p, 0.5)))", 1, 1e-9},
          {"1 / 4000 * sum(exp(log_beta_pdf(middles(0, 1, 4000), 3.5 * p, 4.5)))", 1, 1e-9},
          {"60 / 20000 * sum(exp(log_gamma_pdf(middles(0, 60, 20000), 4.5 * p, 1.5)))", 1, 1e-9},
          {"90 / 20000 * sum(exp(log_chi2_pdf(middles(0, 90, 20000), 7 * p)))", 1, 1e-9},
          {"40 / 40000 * sum(exp(log_exponential_pdf(middles(0, 40, 40000), p)))", 1, 1e-6},
          {"400 / 40000 * sum(exp(log_student_pdf(middles(-200, 200, 40000), 5, p, 1)))", 1, 1e-8},
          {"400 / 40000 * sum(exp(log_cauchy_pdf(middles(-199, 201, 40000), p, 0.4)))", 2 / M_PI * atan(1000), 1e-9},
          {"400 / 80000 * sum(exp(log_breit_wigner_pdf(middles(0, 400, 80000), 5 * p, 1)))", 1, 1e-6},
          {"4000 / 400000 * sum(exp(log_crystal_ball_pdf(middles(-3990, 10, 400000), p, 1, 1.2, 4)))", 1, 1e-7},
          {"sum(exp(log_poisson(index(60) * 1.0, 7 * p)))", 1, 1e-12},
          {"sum(exp(log_binomial(index(21) * 1.0, 20, 0.3 * p)))", 1, 1e-12});
}

Test(nn, shapes_of_parton_densities) {
    CHECK("", {"root_shape(0.25, 2 * p, 0.5, 2, 3, -1)", 2 * 0.5 * 0.5625 * (1 + 1.5 - 0.25), 1e-15},
          {"hera_shape(0.5, p, 1, 2, 3, 4)", 0.125 * 3.5, 1e-15},
          {"hera_gluon(0.5, p, 1, 2, 0.5, 1)", 0.125 - 0.25 * pow(0.5, 25), 1e-15},
          {"cteq_shape(0.5, p, 1, 2, 0.4, 0.2, 1.5)", 0.125 * exp(0.2) * pow(1 + exp(0.2) / 2, 1.5), 1e-15},
          {"chebyshev(5, 0.3 * p)", cos(5 * acos(0.3)), 1e-14},
          {"chebyshev_shape(0.25, p, 0.5, 2, [1, 0.5])", 0.5 * 0.5625 * (1 + 0 - 0.5), 1e-15},
          {"bernstein(2, 5, 0.3 * p)", 10 * 0.09 * 0.343, 1e-14},
          {"bernstein_shape(0.25, p, 0.5, 2, [1, 1, 1, 1, 1])", 0.5 * 0.5625, 1e-14},
          {"bernstein_shape(0.25, p, 0.5, 2, [0, 0, 1, 0])", 0.5 * 0.5625 * 0.375, 1e-14});
}

/* Two points and one source, b = -a/(1 + A) by hand; and the solution of a system whose answer is 1, 2, ..., 30. */
Test(nn, correlated_errors) {
    double mu[2] = {1, 1.4}, theory[2] = {1.1, 1.3}, g[2] = {0.05, -0.02}, v[2], A = 1, a = 0, chi2 = 0;
    for (int i = 0; i < 2; i++) {
        v[i] = 0.03 * 0.03 * mu[i] * theory[i] + 0.01 * 0.01 * theory[i] * theory[i];
        A += g[i] * g[i] * theory[i] * theory[i] / v[i];
        a += g[i] * theory[i] * (theory[i] - mu[i]) / v[i];
    }
    for (int i = 0; i < 2; i++) {
        double r = mu[i] - theory[i] * (1 - g[i] * a / A);
        chi2 += r * r / v[i] + log(v[i] / ((0.03 * 0.03 + 0.01 * 0.01) * mu[i] * mu[i]));
    }
    chi2 += a * a / A / A;
    CHECK("fun mu(i) = if i == 0 then 1 else 1.4\nfun th(i) = if i == 0 then 1.1 * p else 1.3 * p\n"
          "fun st(i) = 0.03\nfun un(i) = 0.01\nfun sh(i) = [if i == 0 then 0.05 else -0.02]\n",
          {"chi2_nuisance(index(2), mu, th, st, un, sh)", chi2, 1e-13},
          {"sum((solve_positive([[1 / (i + j + 1) + (if i == j then 0.01 else 0) for j in index(30)] for i in "
           "index(30)],\n"
           "    [sum((1 / (i + j + 1) + (if i == j then 0.01 else 0)) * (j + p) for j in index(30)) for i in "
           "index(30)])\n"
           "    - index(30) - 1)^2)",
           0, 1e-18});
}

/* Errors are relative to the sum of the sizes of the terms of the product, and to a small part of the loss: sums that
 * cancel are as wrong as their terms. A loss over few events can be none where that over all is a number, since the
 * text holds the number of events in its means: it is then run over all. */
#include "runtime/train/products.h"

#include <math.h>
#include <string.h>

#include "opt/rewrite.h"

enum { ROWS = 8, EVENTS = 64 }; /* of a batch axis, of a data set */
static const double SMALLEST = 1e-4;

void qtm_products_derive(TirFunction *f, const uint32_t *inputs, uint32_t count) {
    ad_gradient(f, 0, inputs, count);
    uint32_t outputs = (uint32_t)f->outputs.count;
    TirId *wrt = ARENA_ARRAY(f->arena, TirId, count + 1), *tangent = ARENA_ARRAY(f->arena, TirId, count + 1);
    TirId *of = ARENA_ARRAY(f->arena, TirId, outputs), *out = ARENA_ARRAY(f->arena, TirId, outputs);
    for (uint32_t i = 0; i < count; i++) {
        const TirPort port = f->inputs.data[inputs[i]];
        const TirOp op = f->ops.data[port.value];
        const char *name = arena_format(f->arena, "%s.direction", port.name);
        wrt[i] = port.value;
        tangent[i] = tir_input(f, TIR_PORT_DIRECTION, port.index, 0, name, TIR_REAL, op.axes, op.span);
    }
    for (uint32_t i = 0; i < outputs; i++) of[i] = f->outputs.data[i].value;
    ad_tangent(f, of, outputs, wrt, tangent, count, out);
    for (uint32_t i = 0; i < outputs; i++) {
        const TirOp op = f->ops.data[of[i]];
        TirId slope = out[i] == TIR_NONE ? tir_real(f, 0, op.span) : out[i];
        if (!tir_axes_equal(f->ops.data[slope].axes, op.axes)) slope = tir_broadcast(f, slope, op.axes, op.span);
        tir_output(f, TIR_PORT_VALUE, i, "slope", slope);
    }
    opt_dce(f);
}

static TirTensor *direction(const struct qtm_products_run *run, uint32_t i) {
    return &run->tensors[run->f->inputs.count - run->count + i];
}

/* A number in -1 .. 1 for every weight that moves. */
static void direction_draw(const struct qtm_products_run *run, uint32_t i, uint64_t *random) {
    TirTensor *to = direction(run, i);
    for (size_t k = 0; k < to->count; k++) {
        double number = (double)(qtm_session_seed(++*random, 11) >> 11) * 0x1p-52 - 1;
        to->data[k] = run->moving[i][k] ? number : 0;
    }
}

static TirTensor *products_run(const struct qtm_products_run *run, Arena *arena) {
    TirTensor *outputs = ARENA_ARRAY(arena, TirTensor, run->f->outputs.count);
    tir_interpret(run->f, arena, run->tensors, run->extent, run->seed, 0, outputs);
    return outputs;
}

/* a * b, and the sizes of the terms are added to `size`. */
static double product(const TirTensor *a, const TirTensor *b, double *size) {
    double sum = 0;
    for (size_t k = 0; k < a->count; k++) {
        sum += a->data[k] * b->data[k];
        *size += fabs(a->data[k] * b->data[k]);
    }
    return sum;
}

static void difference_keep(double *worst, double a, double b, double size, double loss) {
    double error = fabs(a - b) / fmax(fmax(size, SMALLEST * fabs(loss)), 1e-300);
    *worst = fmax(*worst, isnan(error) ? INFINITY : error);
}

/* Along a direction of one block, given one of all, `u`, and what the function has there, `along_u`. */
static void block_compare(const struct qtm_products_run *run, uint32_t block, const TirTensor *u,
                          const TirTensor *along_u, uint64_t *random) {
    Arena arena = {0};
    uint32_t n = run->count;
    for (uint32_t i = 0; i < n; i++) memset(direction(run, i)->data, 0, direction(run, i)->count * sizeof(double));
    direction_draw(run, block, random);
    const TirTensor *v = direction(run, block), *out = products_run(run, &arena), *h = out + n + 1;
    double size = 0, sizes = 0, uhv = 0;
    double reverse = product(&out[1 + block], v, &size), vhu = product(v, &along_u[n + 2 + block], &sizes);
    for (uint32_t i = 0; i < n; i++) uhv += product(&u[i], &h[1 + i], &sizes);
    difference_keep(&run->first[block], reverse, h->data[0], size, out->data[0]);
    difference_keep(&run->second[block], uhv, vhu, sizes, out->data[0]);
    arena_free(&arena);
}

bool qtm_products_compare(const struct qtm_products_run *run, uint64_t *random) {
    Arena arena = {0};
    TirTensor *u = ARENA_ARRAY(&arena, TirTensor, run->count + 1);
    for (uint32_t i = 0; i < run->count; i++) {
        direction_draw(run, i, random);
        u[i] = *direction(run, i);
        u[i].data = arena_copy(&arena, u[i].data, u[i].count * sizeof(double));
    }
    const TirTensor *out = products_run(run, &arena);
    bool finite = true;
    for (size_t i = 0; i < run->f->outputs.count; i++)
        for (size_t k = 0; k < out[i].count; k++) finite &= isfinite(out[i].data[k]) != 0;
    for (uint32_t i = 0; finite && i < run->count; i++) block_compare(run, i, u, out, random);
    arena_free(&arena);
    return finite;
}

/* The blocks that the update moves and the objective uses. */
static void blocks_find(struct qtm_products *products) {
    const TirFunction *f = products->objective;
    for (uint32_t i = 0; i < f->inputs.count; i++) {
        const TirPort *port = &f->inputs.data[i];
        if (port->role != TIR_PORT_BLOCK || port->value == TIR_NONE) continue;
        int block = (int)port->index;
        if (qtm_gradient_offset(products->session->state, products->update, block) < 0) continue;
        int64_t count = products->session->fit->blocks[block].count;
        bool *moving = ARENA_ARRAY(&products->arena, bool, count + 1);
        for (int64_t k = 0; k < count; k++)
            moving[k] = qtm_session_moves(products->session, products->update, block, k);
        products->moving[products->count] = moving;
        products->inputs[products->count++] = i;
    }
}

void qtm_products_open(struct qtm_session *session, const struct qtm_update *update, const struct qtm_carried *carried,
                       struct qtm_products *products) {
    *products = (struct qtm_products){.session = session, .update = update, .random = session->config.seed << 24};
    const TirFunction *found = qtm_carried_find(carried, update->check.name, ".objective");
    if (!found) return;
    Arena *arena = &products->arena;
    TirFunction *f = products->objective = tir_function_copy(arena, found, "objective");
    uint32_t loss = 0;
    while (f->outputs.data[loss].role != TIR_PORT_LOSS) loss++;
    f->outputs.data[0] = f->outputs.data[loss];
    f->outputs.count = 1;
    opt_dce(f);
    products->inputs = ARENA_ARRAY(arena, uint32_t, f->inputs.count + 1);
    products->moving = ARENA_ARRAY(arena, const bool *, f->inputs.count + 1);
    products->first = ARENA_ARRAY(arena, double, session->fit->block_count);
    products->second = ARENA_ARRAY(arena, double, session->fit->block_count);
    blocks_find(products);
}

void qtm_products_close(struct qtm_products *products) {
    arena_free(&products->arena);
    *products = (struct qtm_products){0};
}

/* Over few events or over all; false where a number is none. */
static bool point_compare(struct qtm_products *products, const struct qtm_call *call, bool few, double *first,
                          double *second) {
    const struct qtm_model *model = products->session->model;
    Arena arena = {0};
    TirFunction *f = tir_function_copy(&arena, products->objective, "products");
    if (few) tir_shrink(f, ROWS);
    int64_t *extent = ARENA_ARRAY(&arena, int64_t, model->data_count + 1);
    for (int d = 0; d < model->data_count; d++) {
        extent[d] = call->binding.extent ? call->binding.extent[d] : 0;
        if (few && extent[d] > EVENTS) extent[d] = EVENTS;
    }
    size_t given = f->inputs.count;
    qtm_products_derive(f, products->inputs, products->count);
    TirTensor *tensors = qtm_carried_inputs(call, f, given, extent, &arena);
    for (uint32_t i = 0; i < products->count; i++) {
        TirTensor *to = &tensors[given + i];
        *to = tensors[products->inputs[i]];
        to->data = ARENA_ARRAY(&arena, double, to->count + 1);
    }
    struct qtm_products_run run = {
        f, products->count, products->moving, tensors, extent, products->session->draw_seed, first, second};
    bool finite = qtm_products_compare(&run, &products->random);
    arena_free(&arena);
    return finite;
}

void qtm_products_point(struct qtm_products *products, const struct qtm_call *call) {
    if (!products->first) return;
    Arena arena = {0};
    double *first = ARENA_ARRAY(&arena, double, products->count + 1);
    double *second = ARENA_ARRAY(&arena, double, products->count + 1);
    bool finite =
        point_compare(products, call, true, first, second) || point_compare(products, call, false, first, second);
    for (uint32_t i = 0; i < products->count; i++) {
        uint32_t block = products->objective->inputs.data[products->inputs[i]].index;
        products->first[block] = fmax(products->first[block], finite ? first[i] : INFINITY);
        products->second[block] = fmax(products->second[block], finite ? second[i] : INFINITY);
    }
    arena_free(&arena);
}

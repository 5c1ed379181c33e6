/* Errors are relative to the sum of the sizes of the terms of the product, and to a small part of the loss: sums that
 * cancel are as wrong as their terms. */
#include "runtime/train/forward.h"

#include <math.h>
#include <string.h>

#include "runtime/core/memory.h"

static const double SMALLEST = 1e-4;

qtm_status qtm_forward_open(struct qtm_session *session, const struct qtm_update *update, struct qtm_forward *forward) {
    *forward = (struct qtm_forward){.session = session, .update = update, .random = session->config.seed << 24};
    if (!update->along.name) return QTM_OK;
    int blocks = session->fit->block_count;
    forward->directions = qtm_alloc_array(blocks, sizeof *forward->directions);
    forward->first = qtm_alloc_array(blocks, sizeof(double));
    forward->second = qtm_alloc_array(blocks, sizeof(double));
    if (!forward->directions || !forward->first || !forward->second)
        return qtm_error_memory((int64_t)3 * blocks * (int64_t)sizeof(double));
    QTM_TRY(qtm_gradient_create(session->state, update, true, &forward->product));
    int64_t count = forward->product.count;
    forward->u = qtm_alloc_array(count, sizeof(double));
    forward->h = qtm_alloc_array(count, sizeof(double));
    if (!forward->u || !forward->h) return qtm_error_memory(2 * count * (int64_t)sizeof(double));
    for (int b = 0; b < blocks; b++) {
        if (qtm_gradient_offset(session->state, update, b) < 0) continue;
        forward->directions[b] = qtm_alloc_array(session->fit->blocks[b].count, sizeof(double));
        if (!forward->directions[b]) return qtm_error_memory(session->fit->blocks[b].count * (int64_t)sizeof(double));
    }
    struct qtm_binding binding = session->binding;
    binding.gradient = &forward->product;
    binding.directions = (const double *const *)forward->directions;
    return qtm_call_bind(&forward->call, &update->along, &binding);
}

void qtm_forward_close(struct qtm_forward *forward) {
    for (int b = 0; forward->directions && b < forward->session->fit->block_count; b++)
        qtm_free(forward->directions[b]);
    qtm_free(forward->directions);
    qtm_free(forward->first);
    qtm_free(forward->second);
    qtm_free(forward->u);
    qtm_free(forward->h);
    qtm_gradient_destroy(&forward->product);
    if (forward->call.fn) qtm_call_destroy(&forward->call);
    *forward = (struct qtm_forward){0};
}

/* A number in -1 .. 1 for every weight of the block that moves. */
static void direction_draw(struct qtm_forward *forward, int block) {
    for (int64_t i = 0; i < forward->session->fit->blocks[block].count; i++) {
        double number = (double)(qtm_session_seed(++forward->random, 11) >> 11) * 0x1p-52 - 1;
        bool moves = qtm_session_moves(forward->session, forward->update, block, i);
        forward->directions[block][i] = moves ? number : 0;
    }
}

static double difference(double a, double b, double size, double loss) {
    double error = fabs(a - b) / fmax(fmax(size, SMALLEST * fabs(loss)), 1e-300);
    return isnan(error) ? INFINITY : error;
}

static void block_check(struct qtm_forward *forward, int block, const struct qtm_gradient *gradient, double loss) {
    struct qtm_session *session = forward->session;
    int blocks = session->fit->block_count;
    for (int b = 0; b < blocks; b++)
        if (forward->directions[b])
            memset(forward->directions[b], 0, (size_t)session->fit->blocks[b].count * sizeof(double));
    direction_draw(forward, block);
    qtm_call_run(&forward->call, session->draw_seed, 0);
    const double *v = forward->directions[block];
    double reverse = 0, size = 0, uhv = 0, vhu = 0, sizes = 0;
    int64_t at = qtm_gradient_offset(session->state, forward->update, block);
    for (int64_t i = 0; i < session->fit->blocks[block].count; i++) {
        reverse += gradient->f64[at + i] * v[i];
        size += fabs(gradient->f64[at + i] * v[i]);
        vhu += v[i] * forward->h[at + i];
        sizes += fabs(v[i] * forward->h[at + i]);
    }
    for (int64_t i = 0; i < forward->product.count; i++) {
        uhv += forward->u[i] * forward->product.f64[i];
        sizes += fabs(forward->u[i] * forward->product.f64[i]);
    }
    forward->first[block] = fmax(forward->first[block], difference(reverse, qtm_call_loss(&forward->call), size, loss));
    forward->second[block] = fmax(forward->second[block], difference(uhv, vhu, sizes, loss));
}

void qtm_forward_point(struct qtm_forward *forward, const struct qtm_gradient *gradient, double loss) {
    if (!forward->first) return;
    struct qtm_session *session = forward->session;
    int blocks = session->fit->block_count;
    for (int b = 0; b < blocks; b++) {
        if (!forward->directions[b]) continue;
        direction_draw(forward, b);
        int64_t at = qtm_gradient_offset(session->state, forward->update, b);
        memcpy(forward->u + at, forward->directions[b], (size_t)session->fit->blocks[b].count * sizeof(double));
    }
    qtm_call_run(&forward->call, session->draw_seed, 0);
    memcpy(forward->h, forward->product.f64, (size_t)forward->product.count * sizeof(double));
    for (int b = 0; b < blocks; b++)
        if (forward->directions[b]) block_check(forward, b, gradient, loss);
}

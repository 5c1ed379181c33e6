/* The training step. Every rank goes through the same collective calls in the same order even when something is wrong
 * on one of them: trouble is noted, and told to the others once, at the end of the step. */
#include "runtime/train/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/pool.h"
#include "runtime/train/adam.h"
#include "runtime/train/guard.h"
#include "runtime/train/trap.h"

/* Notes the first density, loss or gradient of a step that is none. L-BFGS sees a bad density as an infinite loss, from
 * which its search turns back: only the start of a search cannot be bad. */
static qtm_status gradient_check(struct qtm_session *session, struct qtm_trainer *trainer, double loss) {
    if ((trainer->update->optimiser != QTM_LBFGS || !isfinite(loss)) && !qtm_guard_holds(&trainer->gradient)) {
        char when[256];
        snprintf(when, sizeof when, "step %lld of fit %s", (long long)session->step + 1, session->fit->name);
        QTM_TRY(qtm_guard_check(&trainer->gradient, session->model, session, when));
    }
    int block = qtm_gradient_first_bad(session->state, &trainer->vector);
    if (isfinite(loss) && block < 0) return QTM_OK;
    const char *what = isnan(loss) ? "is NaN" : isinf(loss) ? "is infinite" : "is finite, but not its gradient";
    char place[32] = "", weights[128] = "";
    if (session->ranks > 1) snprintf(place, sizeof place, ", rank %d", session->rank);
    if (block >= 0)
        snprintf(weights, sizeof weights, "; the first weights with a bad gradient are '%s'",
                 session->fit->blocks[block].name);
    const char *advice = session->step > 0
                             ? "the last checkpoint is intact. A smaller learning rate or another seed may help"
                             : "look for a log or a power of a negative number, and for a density that is infinite, "
                               "negative or 0 in its domain";
    qtm_error_record("step %lld of fit %s%s: the objective of '%s' (%s) %s%s; %s%s", (long long)session->step + 1,
                     session->fit->name, place, trainer->label, trainer->update->objective, what, weights, advice,
                     session->config.trap ? "" : ". --trap=nan says where it begins");
    if (!session->config.trap) return QTM_FAILED;
    return qtm_trap_explain(session->model, &trainer->gradient);
}

/* Gradient and loss at the weights as they are, put together over ranks. */
static qtm_status gradient_compute(struct qtm_session *session, struct qtm_trainer *trainer, qtm_status *trouble) {
    struct qtm_gradient *vector = &trainer->vector;
    qtm_call_run(&trainer->gradient, session->draw_seed, (uint64_t)session->step);
    trainer->loss = qtm_call_loss(&trainer->gradient);
    if (trainer->update->optimiser == QTM_LBFGS && !qtm_guard_holds(&trainer->gradient)) trainer->loss = INFINITY;
    if (trouble && !*trouble) *trouble = gradient_check(session, trainer, trainer->loss);
    if (session->ranks == 1 || trainer->update->exchange != QTM_RING) return QTM_OK;
    bool near = trainer->near && (session->step + 1) % trainer->update->ring_outer != 0;
    struct qtm_ring *ring = near ? trainer->near_ring : session->ring;
    struct qtm_comm *comm = near ? trainer->near : session->comm;
    if (vector->f32) {
        QTM_TRY(qtm_ring_average(ring, vector->f32, vector->count, trainer->weight));
        float scale = (float)trainer->scale;
        for (int64_t i = 0; scale != 1 && i < vector->count; i++) vector->f32[i] *= scale;
    } else {
        QTM_TRY(qtm_ring_average_f64(ring, vector->f64, vector->count, trainer->weight));
        for (int64_t i = 0; trainer->scale != 1 && i < vector->count; i++) vector->f64[i] *= trainer->scale;
    }
    double loss[2] = {trainer->loss * trainer->weight, trainer->weight};
    QTM_TRY(qtm_comm_reduce_f64(comm, loss, 2, QTM_SUM));
    trainer->loss = trainer->scale * loss[0] / loss[1];
    return QTM_OK;
}

/* The weights of one group on their way, in chunks that threads take. Every weight goes its own way, so that chunks do
 * not matter to the result. */
enum { CHUNK = 16384 }; /* 10 us of Adam */
struct move {
    struct qtm_frame frame; /* first: what the pool hands on */
    const struct qtm_adam_settings *adam;
    double rate, momentum; /* without Adam */
    int64_t step, count;
    float *w, *m, *v;
    const float *g;
    double *wide; /* or NULL */
};

static void move_chunk(const struct qtm_frame *frame, int64_t slot, int64_t thread) {
    const struct move *move = (const struct move *)frame;
    (void)thread;
    int64_t at = slot * CHUNK, count = move->count - at < CHUNK ? move->count - at : CHUNK;
    if (move->adam)
        qtm_adam_step(move->adam, move->step, count, move->w + at, move->g + at, move->m + at, move->v + at);
    else
        qtm_sgd_step(move->rate, move->momentum, count, move->w + at, move->g + at, move->m + at);
    for (int64_t i = at; move->wide && i < at + count; i++) move->wide[i] = move->w[i];
}

void qtm_step_move(struct qtm_session *session, struct qtm_trainer *trainer, const struct qtm_adam_settings *adam,
                   double rate, double momentum) {
    trainer->applied++;
    int64_t at = 0;
    for (int k = 0; k < trainer->update->group_count; k++) {
        struct qtm_state_group *group = &session->state->groups[trainer->update->groups[k]];
        struct move move = {.adam = adam,
                            .rate = rate,
                            .momentum = momentum,
                            .step = trainer->applied,
                            .count = group->count,
                            .w = group->f32,
                            .m = trainer->m + at,
                            .v = adam ? trainer->v + at : NULL,
                            .g = trainer->vector.f32 + at,
                            .wide = group->wide ? group->f64 : NULL};
        qtm_pool_run(session->pool, move_chunk, &move.frame, (group->count + CHUNK - 1) / CHUNK);
        at += group->count;
    }
}

static qtm_status gradient_update(struct qtm_session *session, struct qtm_trainer *trainer, qtm_status *trouble) {
    QTM_TRY(gradient_compute(session, trainer, trouble));
    if (*trouble) return QTM_OK;
    qtm_call_run(&trainer->settings, session->config.seed, (uint64_t)session->step);
    bool adam = trainer->update->optimiser == QTM_ADAM;
    double value[4];
    for (int i = 0; i < (adam ? 4 : 2); i++)
        value[i] = qtm_call_value(&trainer->settings, qtm_call_find(&trainer->settings, QTM_VALUE, i), 0);
    struct qtm_adam_settings settings = {value[0], adam ? value[1] : 0, adam ? value[2] : 0, adam ? value[3] : 0};
    qtm_step_move(session, trainer, adam ? &settings : NULL, value[0], value[1]);
    return QTM_OK;
}

static void groups_set(struct qtm_session *session, struct qtm_trainer *trainer, const double *x) {
    int64_t at = 0;
    for (int k = 0; k < trainer->update->group_count; k++) {
        struct qtm_state_group *group = &session->state->groups[trainer->update->groups[k]];
        memcpy(group->f64, x + at, (size_t)group->count * sizeof(double));
        qtm_state_narrow(session->state, trainer->update->groups[k]);
        at += group->count;
    }
}

struct lbfgs_context {
    struct qtm_session *session;
    struct qtm_trainer *trainer;
};

static qtm_status lbfgs_function(void *pointer, const double *x, double *f, double *g) {
    struct lbfgs_context *context = pointer;
    groups_set(context->session, context->trainer, x);
    QTM_TRY(gradient_compute(context->session, context->trainer, NULL));
    *f = context->trainer->loss;
    memcpy(g, context->trainer->vector.f64, (size_t)context->trainer->vector.count * sizeof(double));
    return QTM_OK;
}

static qtm_status lbfgs_update(struct qtm_session *session, struct qtm_trainer *trainer, qtm_status *trouble) {
    struct qtm_lbfgs *lbfgs = &trainer->lbfgs;
    struct lbfgs_context context = {session, trainer};
    int64_t at = 0;
    bool same = trainer->update->full_data && session->fit->update_count == 1;
    for (int k = 0; k < trainer->update->group_count; k++) {
        const struct qtm_state_group *group = &session->state->groups[trainer->update->groups[k]];
        memcpy(lbfgs->x + at, group->f64, (size_t)group->count * sizeof(double));
        at += group->count;
    }
    QTM_TRY(qtm_lbfgs_step(lbfgs, same, lbfgs_function, &context));
    groups_set(session, trainer, lbfgs->x);
    trainer->loss = lbfgs->f;
    memcpy(trainer->vector.f64, lbfgs->g, (size_t)trainer->vector.count * sizeof(double));
    if (!*trouble) *trouble = gradient_check(session, trainer, lbfgs->f);
    return QTM_OK;
}

static bool session_converged(const struct qtm_session *session) {
    for (int u = 0; u < session->fit->update_count; u++)
        if (session->fit->updates[u].optimiser != QTM_LBFGS ||
            !session->trainers[u].lbfgs.counters[QTM_LBFGS_CONVERGED])
            return false;
    return session->fit->update_count > 0;
}

/* Copies that are equal inside of groups of ranks: is this rank's equal to its group's? */
static qtm_status clusters_agree(struct qtm_session *session) {
    for (int u = 0; u < session->fit->update_count; u++) {
        struct qtm_trainer *trainer = &session->trainers[u];
        for (int k = 0; trainer->near && k < trainer->update->group_count; k++) {
            uint64_t hash = qtm_state_hash(session->state, trainer->update->groups[k]), words[2] = {hash, ~hash};
            QTM_TRY(qtm_comm_reduce_u64(trainer->near, words, 2, QTM_MAX));
            if (words[0] != ~words[1])
                return qtm_error(
                    "step %lld of fit %s: the copies of '%s' in one group of ranks are not equal any more; "
                    "the last checkpoint is intact. This points to faulty hardware or a defect of the "
                    "exchange",
                    (long long)session->step + 1, session->fit->name,
                    session->fit->groups[trainer->update->groups[k]].name);
        }
    }
    return QTM_OK;
}

/* One reduction for all that must be known everywhere: trouble, signals, convergence and the largest and smallest hash
 * of each shared group, max(h) and max(~h), which are complements exactly if all are equal. */
static qtm_status ranks_agree(struct qtm_session *session, qtm_status trouble, struct qtm_step_end *end) {
    if (session->ranks == 1) return trouble;
    qtm_status apart = clusters_agree(session);
    if (!trouble) trouble = apart;
    enum { TROUBLE, INTERRUPT, UNFINISHED, HASHES };
    int groups = session->fit->group_count;
    uint64_t *words = qtm_alloc_array(HASHES + 2 * groups, sizeof *words);
    if (!words) qtm_comm_abort(session->comm, 1);
    words[TROUBLE] = trouble != QTM_OK;
    words[INTERRUPT] = end->interrupt;
    words[UNFINISHED] = !end->converged;
    for (int g = 0; g < groups; g++) {
        uint64_t hash = session->state->groups[g].shared ? qtm_state_hash(session->state, g) : 0;
        words[HASHES + 2 * g] = hash;
        words[HASHES + 2 * g + 1] = ~hash;
    }
    qtm_status status = qtm_comm_reduce_u64(session->comm, words, HASHES + 2 * groups, QTM_MAX);
    end->interrupt = words[INTERRUPT];
    end->converged = !words[UNFINISHED];
    if (!status && words[TROUBLE]) status = qtm_comm_agree(session->comm, trouble);
    for (int g = 0; !status && g < groups; g++)
        if (words[HASHES + 2 * g] != ~words[HASHES + 2 * g + 1])
            status = qtm_error("step %lld of fit %s: the copies of '%s' on the ranks are not equal any more; the last "
                               "checkpoint is intact. This points to faulty hardware or a defect of the exchange",
                               (long long)session->step + 1, session->fit->name, session->fit->groups[g].name);
    qtm_free(words);
    return status;
}

qtm_status qtm_step_run(struct qtm_session *session, uint64_t interrupt, struct qtm_step_end *end) {
    qtm_status trouble = QTM_OK;
    for (int u = 0; u < session->fit->update_count; u++) {
        struct qtm_trainer *trainer = &session->trainers[u];
        if (session->step % trainer->update->every) continue;
        if (trainer->update->optimiser == QTM_LBFGS)
            QTM_TRY(lbfgs_update(session, trainer, &trouble));
        else
            QTM_TRY(gradient_update(session, trainer, &trouble));
        if (trouble && session->ranks == 1) return trouble;
    }
    *end = (struct qtm_step_end){session_converged(session), interrupt};
    QTM_TRY(ranks_agree(session, trouble, end));
    session->step++;
    return QTM_OK;
}

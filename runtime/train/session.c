/* Building a session. Whatever can fail on one rank alone (files, memory) is done first and agreed on, before the first
 * message is sent. */
#include "runtime/train/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/core/pool.h"
#include "runtime/train/data.h"
#include "runtime/train/freeze.h"
#include "runtime/train/split.h"

enum { SEED_INIT = 1, SEED_DRAWS = 16 };

/* splitmix64 (Steele, Lea, Flood 2014): neighbouring seeds give unrelated keys. */
uint64_t qtm_session_seed(uint64_t seed, uint64_t purpose) {
    uint64_t z = seed + (purpose + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool fn_uses(const struct qtm_fn *fn, int data) {
    for (int i = 0; fn->name && i < fn->in_count; i++)
        if (fn->in[i].role == QTM_COLUMN && fn->in[i].index == data) return true;
    return false;
}

static bool fit_uses(const struct qtm_fit *fit, int data) {
    if (fn_uses(&fit->monitor, data) || fn_uses(&fit->curve, data) || fn_uses(&fit->params, data)) return true;
    for (int u = 0; u < fit->update_count; u++)
        if (fn_uses(&fit->updates[u].gradient, data) || fn_uses(&fit->updates[u].check, data)) return true;
    return false;
}

/* Marks the columns of a data set that a function reads in f64. */
static void wide_mark(const struct qtm_fn *fn, int data, bool *wide) {
    for (int i = 0; fn->name && fn->f64 && i < fn->in_count; i++)
        if (fn->in[i].role == QTM_COLUMN && fn->in[i].index == data) wide[fn->in[i].field] = true;
}

static qtm_status data_read(struct qtm_session *session, int d) {
    const struct qtm_fit *fit = session->fit;
    int fields = session->model->events[session->model->data[d].event].field_count;
    bool *wide = qtm_alloc_array(fields, sizeof *wide);
    if (!wide) return qtm_error_memory(fields);
    wide_mark(&fit->monitor, d, wide);
    wide_mark(&fit->curve, d, wide);
    wide_mark(&fit->params, d, wide);
    for (int u = 0; u < fit->update_count; u++) wide_mark(&fit->updates[u].gradient, d, wide);
    const struct qtm_data_source source = {
        .model = session->model,
        .data = d,
        .path = session->config.data ? session->config.data[d] : NULL,
        .options = session->config.options,
        .rank = session->rank,
        .ranks = session->ranks,
        .wide = wide,
    };
    qtm_status status = qtm_data_load(&source, &session->events[d]);
    qtm_free(wide);
    return status;
}

static qtm_status data_open(struct qtm_session *session) {
    const struct qtm_model *model = session->model;
    session->events = qtm_alloc_array(model->data_count, sizeof *session->events);
    session->extent = qtm_alloc_array(model->data_count, sizeof *session->extent);
    if (!session->events || !session->extent) return qtm_error_memory(model->data_count * (int64_t)sizeof(int64_t));
    session->owns_events = !session->config.events;
    for (int d = 0; d < model->data_count; d++) {
        if (!fit_uses(session->fit, d)) continue;
        if (session->owns_events)
            QTM_TRY(data_read(session, d));
        else
            session->events[d] = session->config.events[d];
        session->extent[d] = session->events[d].local;
    }
    return qtm_split_open(session);
}

static void trainer_label(struct qtm_session *session, int index) {
    struct qtm_trainer *trainer = &session->trainers[index];
    const struct qtm_update *update = &session->fit->updates[index];
    char name[48] = "";
    for (int k = 0; k < update->group_count; k++) {
        size_t used = strlen(name);
        snprintf(name + used, sizeof name - used, "%s%s", k ? "+" : "", session->fit->groups[update->groups[k]].name);
    }
    if (update->label) snprintf(name, sizeof name, "%s", update->label);
    int same = 0;
    for (int u = 0; u < index; u++)
        if (!strncmp(session->trainers[u].label, name, strlen(name))) same++;
    if (same)
        snprintf(trainer->label, sizeof trainer->label, "%s %d", name, same + 1);
    else
        snprintf(trainer->label, sizeof trainer->label, "%s", name);
}

static qtm_status lbfgs_open(struct qtm_session *session, struct qtm_trainer *trainer) {
    qtm_call_run(&trainer->settings, session->config.seed, 0);
    double memory = qtm_call_value(&trainer->settings, qtm_call_find(&trainer->settings, QTM_VALUE, 0), 0);
    double tolerance = qtm_call_value(&trainer->settings, qtm_call_find(&trainer->settings, QTM_VALUE, 1), 0);
    if (!(memory >= 1 && memory <= 1000) || !(tolerance > 0 && tolerance < 1))
        return qtm_error("fit %s: lbfgs needs a memory from 1 to 1000 and a tolerance between 0 and 1, not %g and %g",
                         session->fit->name, memory, tolerance);
    return qtm_lbfgs_create(&trainer->lbfgs, trainer->vector.count, (int)memory, tolerance);
}

static qtm_status trainer_open(struct qtm_session *session, int index) {
    struct qtm_trainer *trainer = &session->trainers[index];
    const struct qtm_update *update = trainer->update = &session->fit->updates[index];
    trainer_label(session, index);
    trainer->weight = trainer->scale = 1;
    trainer->shared = update->exchange == QTM_RING && !update->ring_groups;
    trainer->loss = NAN;
    if (session->config.checking) return QTM_OK;
    if (update->gradient.f64 != (update->optimiser == QTM_LBFGS))
        return qtm_error("fit %s: gradient of '%s' has the wrong precision for its optimiser; build the model again "
                         "with the compiler of this runtime",
                         session->fit->name, trainer->label);
    QTM_TRY(qtm_gradient_create(session->state, update, update->gradient.f64, &trainer->vector));
    struct qtm_binding binding = session->binding;
    binding.gradient = &trainer->vector;
    QTM_TRY(qtm_call_bind(&trainer->gradient, &update->gradient, &binding));
    QTM_TRY(qtm_call_bind(&trainer->settings, &update->settings, &binding));
    if (update->optimiser == QTM_LBFGS) return lbfgs_open(session, trainer);
    bool adam = update->optimiser == QTM_ADAM;
    trainer->m = qtm_alloc_array(trainer->vector.count, sizeof(float));
    if (adam) trainer->v = qtm_alloc_array(trainer->vector.count, sizeof(float));
    if (!trainer->m || (adam && !trainer->v)) return qtm_error_memory(trainer->vector.count * (int64_t)sizeof(float));
    return QTM_OK;
}

int qtm_session_param_block(const struct qtm_session *session, int block) {
    const struct qtm_block *of = &session->fit->blocks[block];
    if (session->fit->groups[of->group].kind != QTM_GROUP_PARAMS) return -1;
    for (int i = 0; i < session->model->param_block_count; i++)
        if (!strcmp(session->model->param_blocks[i].name, of->name)) return i;
    return -1;
}

bool qtm_session_moves(const struct qtm_session *session, const struct qtm_update *update, int block, int64_t i) {
    if (!update->move_count || session->fit->groups[session->fit->blocks[block].group].kind != QTM_GROUP_PARAMS)
        return true;
    for (int k = 0; k < update->move_count; k++) {
        const struct qtm_range *range = &update->moves[k];
        if (range->block == block && i >= range->first && i < range->first + range->count) return true;
    }
    return false;
}

/* Raw parameters start where the choice says. */
static void params_start(struct qtm_session *session) {
    for (int b = 0; b < session->fit->block_count; b++) {
        int of = qtm_session_param_block(session, b);
        for (int64_t i = 0; of >= 0 && i < session->fit->blocks[b].count; i++) {
            qtm_state_block_f32(session->state, b)[i] = session->held.f32[QTM_HELD_FIELDS * of + QTM_HELD_START][i];
            qtm_state_block_f64(session->state, b)[i] = session->held.f64[QTM_HELD_FIELDS * of + QTM_HELD_START][i];
        }
    }
}

/* Copies the output of `init` to the other weights. */
static qtm_status weights_start(struct qtm_session *session) {
    const struct qtm_fit *fit = session->fit;
    struct qtm_call init;
    params_start(session);
    if (!fit->init.name) return QTM_OK;
    QTM_TRY(qtm_call_bind(&init, &fit->init, &session->binding));
    qtm_call_run(&init, qtm_session_seed(session->config.seed, SEED_INIT), 0);
    for (int b = 0; b < fit->block_count; b++) {
        if (qtm_session_param_block(session, b) >= 0) continue;
        int output = qtm_call_find(&init, QTM_VALUE, b);
        if (output < 0 || init.out_count[output] != fit->blocks[b].count) {
            qtm_call_destroy(&init);
            return qtm_error("fit %s: the model gives no start for weights '%s'", fit->name, fit->blocks[b].name);
        }
        for (int64_t i = 0; i < fit->blocks[b].count; i++) {
            qtm_state_block_f32(session->state, b)[i] = (float)qtm_call_value(&init, output, i);
            qtm_state_block_f64(session->state, b)[i] = qtm_call_value(&init, output, i);
        }
    }
    qtm_call_destroy(&init);
    return QTM_OK;
}

/* Copies of rank 0's start on every rank: the same bits even where processors differ. */
static qtm_status weights_broadcast(struct qtm_session *session) {
    for (int g = 0; g < session->fit->group_count; g++) {
        struct qtm_state_group *group = &session->state->groups[g];
        QTM_TRY(qtm_comm_broadcast(session->comm, group->f32, group->count * (int64_t)sizeof(float), 0));
        if (group->wide)
            QTM_TRY(qtm_comm_broadcast(session->comm, group->f64, group->count * (int64_t)sizeof(double), 0));
    }
    return QTM_OK;
}

/* The loss with `times` the same few events of every data set that the objective uses. */
static qtm_status few_loss(struct qtm_session *session, const struct qtm_update *update, int times, double *loss) {
    const int64_t FEW = 64;
    int sets = session->model->data_count;
    struct qtm_events *whole = session->events, *few = qtm_alloc_array(sets, sizeof *few);
    int64_t *extent = qtm_alloc_array(sets, sizeof *extent);
    qtm_status status = few && extent ? QTM_OK : qtm_error_memory(sets * (int64_t)sizeof *few);
    for (int d = 0; !status && d < sets; d++) {
        if (!fn_uses(&update->check, d)) continue;
        status = qtm_events_repeat(&whole[d], whole[d].local < FEW ? whole[d].local : FEW, times, &few[d]);
        extent[d] = few[d].local;
    }
    struct qtm_gradient unused = {0}; /* comes with the loss */
    struct qtm_call call = {0};
    if (!status) status = qtm_gradient_create(session->state, update, true, &unused);
    struct qtm_binding binding = session->binding;
    binding.gradient = &unused;
    binding.events = few;
    binding.extent = extent;
    if (!status) status = qtm_call_bind(&call, &update->check, &binding);
    if (!status) {
        qtm_call_run(&call, session->draw_seed, 0);
        *loss = qtm_call_loss(&call);
        qtm_call_destroy(&call);
    }
    qtm_gradient_destroy(&unused);
    for (int d = 0; few && d < sets; d++) qtm_events_free(&few[d]);
    qtm_free(few);
    qtm_free(extent);
    return status;
}

qtm_status qtm_session_additivity(struct qtm_session *session, const struct qtm_update *update,
                                  enum qtm_additivity *additivity) {
    double loss[2] = {0, 0};
    *additivity = QTM_OF_MEAN;
    if (!update->check.name || !fn_uses(&update->check, update->data)) return QTM_OK;
    for (int k = 0; k < 2; k++) QTM_TRY(few_loss(session, update, k + 1, &loss[k]));
    double size = 1e-9 * (fabs(loss[0]) + fabs(loss[1]));
    if (fabs(loss[1] - 2 * loss[0]) <= size)
        *additivity = QTM_OF_SUM;
    else if (fabs(loss[1] - loss[0]) > size)
        *additivity = QTM_OF_NEITHER;
    return QTM_OK;
}

/* A sum over all events is the sum of the ranks' sums, a mean is their mean weighted by their shares. */
static qtm_status exchange_weigh(struct qtm_session *session, struct qtm_trainer *trainer) {
    if (session->ranks == 1 || trainer->update->exchange != QTM_RING || !trainer->update->full_data) return QTM_OK;
    enum qtm_additivity additivity;
    QTM_TRY(qtm_session_additivity(session, trainer->update, &additivity));
    if (additivity == QTM_OF_NEITHER)
        return qtm_error("fit %s: the objective '%s' is neither a sum nor a mean over the events, so it cannot be put "
                         "together from the ranks' parts of the data; run it on one rank",
                         session->fit->name, trainer->update->objective);
    if (additivity == QTM_OF_SUM)
        trainer->scale = session->ranks;
    else
        trainer->weight = (double)session->extent[trainer->update->data];
    return QTM_OK;
}

/* What updates of one step read from the same function. */
static qtm_status shared_open(struct qtm_session *session) {
    for (int u = 0; u < session->fit->update_count && !session->config.checking; u++) {
        const struct qtm_fn *shared = session->fit->updates[u].gradient.shared;
        if (!shared) continue;
        QTM_TRY(qtm_call_bind(&session->shared, shared, &session->binding));
        session->binding.shared = &session->shared;
        return QTM_OK;
    }
    return QTM_OK;
}

static qtm_status session_build(struct qtm_session *session) {
    const struct qtm_fit *fit = session->fit;
    QTM_TRY(qtm_pool_create(session->config.threads, qtm_comm_local_rank(session->comm),
                            qtm_comm_local_size(session->comm), &session->pool));
    session->threads = qtm_pool_threads(session->pool);
    session->space.pool = session->pool;
    QTM_TRY(qtm_state_create(fit, session->config.checking, &session->state));
    QTM_TRY(qtm_options_align(session->model->option_count, session->config.options, &session->options_f32,
                              &session->options_f64));
    if (session->model->param_block_count)
        QTM_TRY(qtm_held_create(session->model, session->config.choice, &session->held));
    QTM_TRY(data_open(session));
    session->binding = (struct qtm_binding){
        .space = &session->space,
        .state = session->state,
        .events = session->events,
        .extent = session->extent,
        .options_f32 = session->options_f32,
        .options_f64 = session->options_f64,
        .held = &session->held,
    };
    session->trainers = qtm_alloc_array(fit->update_count, sizeof *session->trainers);
    if (!session->trainers) return qtm_error_memory(fit->update_count * (int64_t)sizeof *session->trainers);
    QTM_TRY(weights_start(session));
    if (!session->config.resuming) QTM_TRY(qtm_freeze_load(session));
    QTM_TRY(shared_open(session));
    for (int u = 0; u < fit->update_count; u++) QTM_TRY(trainer_open(session, u));
    for (int u = 0; u < fit->update_count && !session->config.checking; u++)
        QTM_TRY(exchange_weigh(session, &session->trainers[u]));
    struct qtm_binding later = session->binding;
    later.events = session->monitored;
    later.extent = session->monitored_extent;
    if (fit->monitor.name && !session->config.checking)
        QTM_TRY(qtm_call_bind(&session->monitor, &fit->monitor, &later));
    if (session->ranks > 1) QTM_TRY(qtm_ring_create(session->comm, 0, &session->ring));
    return QTM_OK;
}

/* The groups of ranks that exchange on their own: consecutive ranks, the last group perhaps smaller. */
static qtm_status exchange_open(struct qtm_session *session) {
    for (int u = 0; u < session->fit->update_count && session->ranks > 1; u++) {
        struct qtm_trainer *trainer = &session->trainers[u];
        int64_t groups = trainer->update->ring_groups;
        if (!groups || session->config.checking) continue;
        QTM_TRY(qtm_comm_split(session->comm, (int)(session->rank / groups), &trainer->near));
        QTM_TRY(qtm_ring_create(trainer->near, 0, &trainer->near_ring));
    }
    return QTM_OK;
}

qtm_status qtm_session_open(struct qtm_session *session, const struct qtm_config *config) {
    *session = (struct qtm_session){.config = *config, .model = config->model, .fit = config->fit};
    session->comm = config->comm;
    session->rank = qtm_comm_rank(config->comm);
    session->ranks = qtm_comm_size(config->comm);
    session->draw_seed = qtm_session_seed(config->seed, SEED_DRAWS + (uint64_t)session->rank);
    qtm_status status = qtm_comm_agree(session->comm, session_build(session));
    if (!status) status = exchange_open(session);
    if (!status) status = weights_broadcast(session);
    if (status) qtm_session_close(session);
    return status;
}

void qtm_session_close(struct qtm_session *session) {
    for (int u = 0; session->trainers && u < session->fit->update_count; u++) {
        struct qtm_trainer *trainer = &session->trainers[u];
        qtm_call_destroy(&trainer->gradient);
        qtm_call_destroy(&trainer->settings);
        qtm_gradient_destroy(&trainer->vector);
        qtm_free(trainer->m);
        qtm_free(trainer->v);
        qtm_lbfgs_destroy(&trainer->lbfgs);
        qtm_ring_destroy(trainer->near_ring);
        qtm_comm_close(trainer->near);
    }
    qtm_free(session->trainers);
    if (session->shared.fn) qtm_call_destroy(&session->shared);
    qtm_call_destroy(&session->monitor);
    qtm_split_close(session);
    for (int d = 0; session->owns_events && session->events && d < session->model->data_count; d++)
        qtm_events_free(&session->events[d]);
    qtm_free(session->events);
    qtm_free(session->extent);
    qtm_free(session->options_f32);
    qtm_free(session->options_f64);
    qtm_held_destroy(&session->held);
    qtm_state_destroy(session->state);
    qtm_workspace_destroy(&session->space);
    qtm_ring_destroy(session->ring);
    qtm_pool_destroy(session->pool);
    *session = (struct qtm_session){0};
}

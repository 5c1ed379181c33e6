/* Checkpoints, by way of one list of pieces that both the writer and the reader go through. The size of every piece
 * follows from the model and the options alone. */
#include "runtime/train/saved.h"

#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/checkpoint.h"
#include "runtime/train/freeze.h"

enum { NAME_LENGTH = 160, UPDATE_PIECES = 6 };

struct piece {
    char name[NAME_LENGTH];
    enum qtm_type type;
    int64_t count;
    void *data;
    bool local; /* each rank has its own */
};

struct pieces {
    int count;
    struct piece *items;
};

static int64_t piece_bytes(const struct piece *piece) {
    return piece->count * (piece->type == QTM_F32 ? 4 : 8);
}

static void piece_add(struct pieces *pieces, bool local, enum qtm_type type, int64_t count, void *data,
                      const char *area, const char *owner, const char *what) {
    struct piece *piece = &pieces->items[pieces->count++];
    *piece = (struct piece){.type = type, .count = count, .data = data, .local = local};
    snprintf(piece->name, sizeof piece->name, "%s/%s%s%s", area, owner, *what ? "/" : "", what);
}

static qtm_status pieces_list(struct qtm_session *session, struct pieces *pieces) {
    const struct qtm_fit *fit = session->fit;
    *pieces = (struct pieces){0};
    pieces->items = qtm_alloc_array(fit->group_count + UPDATE_PIECES * fit->update_count, sizeof *pieces->items);
    if (!pieces->items) return qtm_error_memory(fit->group_count * (int64_t)sizeof *pieces->items);
    for (int g = 0; g < fit->group_count; g++) {
        struct qtm_state_group *group = &session->state->groups[g];
        piece_add(pieces, !group->shared, group->wide ? QTM_F64 : QTM_F32, group->count,
                  group->wide ? (void *)group->f64 : (void *)group->f32, "weights", fit->groups[g].name, "");
    }
    for (int u = 0; u < fit->update_count; u++) {
        struct qtm_trainer *trainer = &session->trainers[u];
        struct qtm_lbfgs *lbfgs = &trainer->lbfgs;
        bool local = !trainer->shared;
        char owner[32];
        snprintf(owner, sizeof owner, "%d", u);
        if (trainer->update->optimiser != QTM_LBFGS) {
            piece_add(pieces, local, QTM_I64, 1, &trainer->applied, "update", owner, "applied");
            piece_add(pieces, local, QTM_F32, trainer->vector.count, trainer->m, "update", owner, "m");
            if (trainer->v) piece_add(pieces, local, QTM_F32, trainer->vector.count, trainer->v, "update", owner, "v");
            continue;
        }
        piece_add(pieces, local, QTM_I64, QTM_LBFGS_COUNTERS, lbfgs->counters, "update", owner, "counters");
        piece_add(pieces, local, QTM_F64, 1, &lbfgs->f, "update", owner, "f");
        piece_add(pieces, local, QTM_F64, lbfgs->n, lbfgs->g, "update", owner, "g");
        piece_add(pieces, local, QTM_F64, lbfgs->n * lbfgs->memory, lbfgs->s, "update", owner, "s");
        piece_add(pieces, local, QTM_F64, lbfgs->n * lbfgs->memory, lbfgs->y, "update", owner, "y");
        piece_add(pieces, local, QTM_F64, lbfgs->memory, lbfgs->rho, "update", owner, "rho");
    }
    return QTM_OK;
}

/* The local pieces of this rank, one after the other. */
static qtm_status pieces_pack(const struct pieces *pieces, char **bytes, int64_t *length) {
    *length = 0;
    for (int i = 0; i < pieces->count; i++)
        if (pieces->items[i].local) *length += piece_bytes(&pieces->items[i]);
    *bytes = qtm_alloc(*length);
    if (!*bytes) return qtm_error_memory(*length);
    char *at = *bytes;
    for (int i = 0; i < pieces->count; i++) {
        if (!pieces->items[i].local) continue;
        memcpy(at, pieces->items[i].data, (size_t)piece_bytes(&pieces->items[i]));
        at += piece_bytes(&pieces->items[i]);
    }
    return QTM_OK;
}

static qtm_status put_integer(struct qtm_checkpoint *file, const char *name, int64_t value) {
    return qtm_checkpoint_put(file, name, QTM_I64, 0, NULL, &value);
}

/* For those who freeze a network of this run. */
static qtm_status shapes_put(const struct qtm_fit *fit, struct qtm_checkpoint *file) {
    char name[NAME_LENGTH], *text = qtm_alloc(QTM_SHAPES_LENGTH);
    if (!text) return qtm_error_memory(QTM_SHAPES_LENGTH);
    qtm_status status = QTM_OK;
    for (int g = 0; !status && g < fit->group_count; g++) {
        if (fit->groups[g].kind != QTM_GROUP_NETWORK) continue;
        qtm_freeze_shapes(fit, g, text);
        snprintf(name, sizeof name, "shapes/%s", fit->groups[g].name);
        status = qtm_checkpoint_put_text(file, name, text);
    }
    qtm_free(text);
    return status;
}

static qtm_status header_put(struct qtm_session *session, const struct qtm_plan *plan, struct qtm_checkpoint *file) {
    const struct qtm_model *model = session->model;
    char name[NAME_LENGTH];
    QTM_TRY(qtm_checkpoint_put_text(file, "model/name", model->name));
    QTM_TRY(qtm_checkpoint_put_text(file, "model/hash", model->hash));
    QTM_TRY(qtm_checkpoint_put_text(file, "model/compiler", model->compiler));
    QTM_TRY(qtm_checkpoint_put_text(file, "run/fit", session->fit->name));
    QTM_TRY(qtm_checkpoint_put(file, "run/seed", QTM_U64, 0, NULL, &session->config.seed));
    QTM_TRY(put_integer(file, "run/ranks", session->ranks));
    QTM_TRY(put_integer(file, "run/step", session->step));
    QTM_TRY(put_integer(file, "run/steps", plan->steps));
    QTM_TRY(put_integer(file, "run/report_every", plan->report_every));
    QTM_TRY(put_integer(file, "run/checkpoint_every", plan->checkpoint_every));
    QTM_TRY(qtm_checkpoint_put(file, "run/seconds", QTM_F64, 0, NULL, &session->seconds));
    QTM_TRY(qtm_checkpoint_put(file, "run/best", QTM_F64, 0, NULL, &plan->best));
    QTM_TRY(shapes_put(session->fit, file));
    for (int i = 0; i < model->option_count; i++) {
        snprintf(name, sizeof name, "option/%s", model->options[i].name);
        QTM_TRY(qtm_checkpoint_put(file, name, QTM_F64, 0, NULL, &session->config.options[i]));
    }
    int64_t count = model->param_count;
    if (count && session->config.choice) {
        QTM_TRY(qtm_checkpoint_put(file, "params/held", QTM_I64, 1, &count, session->config.choice->held));
        QTM_TRY(qtm_checkpoint_put(file, "params/value", QTM_F64, 1, &count, session->config.choice->value));
        QTM_TRY(qtm_checkpoint_put(file, "params/start", QTM_F64, 1, &count, session->config.choice->start));
    }
    for (int d = 0; d < model->data_count; d++) {
        const char *path =
            session->config.data && session->config.data[d] ? session->config.data[d] : model->data[d].path;
        snprintf(name, sizeof name, "data/%s", model->data[d].name);
        QTM_TRY(qtm_checkpoint_put_text(file, name, path));
    }
    return QTM_OK;
}

static qtm_status file_fill(struct qtm_session *session, const struct qtm_plan *plan, const struct pieces *pieces,
                            const struct qtm_gathered *locals, struct qtm_checkpoint *file) {
    QTM_TRY(header_put(session, plan, file));
    for (int i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (!piece->local) QTM_TRY(qtm_checkpoint_put(file, piece->name, piece->type, 1, &piece->count, piece->data));
    }
    for (int r = 0; r < locals->count; r++) {
        const char *at = locals->data + locals->offset[r];
        for (int i = 0; i < pieces->count; i++) {
            const struct piece *piece = &pieces->items[i];
            if (!piece->local) continue;
            char name[NAME_LENGTH + 16];
            snprintf(name, sizeof name, "rank%d/%s", r, piece->name);
            QTM_TRY(qtm_checkpoint_put(file, name, piece->type, 1, &piece->count, at));
            at += piece_bytes(piece);
        }
    }
    return QTM_OK;
}

static qtm_status file_write(struct qtm_session *session, const struct qtm_plan *plan, const struct pieces *pieces,
                             const struct qtm_gathered *locals, const char *path) {
    struct qtm_checkpoint *file;
    QTM_TRY(qtm_checkpoint_create(path, &file));
    qtm_status status = file_fill(session, plan, pieces, locals, file);
    if (!status) return qtm_checkpoint_commit(file);
    qtm_checkpoint_close(file);
    return status;
}

qtm_status qtm_saved_write(struct qtm_session *session, const struct qtm_plan *plan, const char *path) {
    struct pieces pieces;
    struct qtm_gathered locals = {0};
    char *bytes = NULL;
    int64_t length = 0;
    qtm_status status = pieces_list(session, &pieces);
    if (!status) status = pieces_pack(&pieces, &bytes, &length);
    status = qtm_comm_agree(session->comm, status);
    if (!status) status = qtm_comm_gather(session->comm, bytes, length, &locals);
    if (!status) {
        if (session->rank == 0) status = file_write(session, plan, &pieces, &locals, path);
        status = qtm_comm_agree(session->comm, status);
    }
    qtm_gathered_free(&locals);
    qtm_free(bytes);
    qtm_free(pieces.items);
    return status;
}

static qtm_status header_get(struct qtm_saved *saved, const struct qtm_model *model, struct qtm_checkpoint *file) {
    char name[NAME_LENGTH], *text;
    QTM_TRY(qtm_checkpoint_get_text(file, "model/hash", &text));
    bool same = !strcmp(text, model->hash);
    qtm_free(text);
    if (!same)
        return qtm_error("%s: made by another model (or another version or other sizes of '%s'); resume it with the "
                         "executable that wrote it",
                         saved->path, model->name);
    QTM_TRY(qtm_checkpoint_get_text(file, "run/fit", &text));
    for (int i = 0; i < model->fit_count; i++)
        if (!strcmp(text, model->fits[i].name)) saved->fit = &model->fits[i];
    qtm_free(text);
    if (!saved->fit) return qtm_error("%s: names a fit that the model does not have", saved->path);
    int64_t ranks;
    QTM_TRY(qtm_checkpoint_get(file, "run/seed", QTM_U64, 0, NULL, &saved->seed));
    QTM_TRY(qtm_checkpoint_get(file, "run/ranks", QTM_I64, 0, NULL, &ranks));
    QTM_TRY(qtm_checkpoint_get(file, "run/step", QTM_I64, 0, NULL, &saved->step));
    QTM_TRY(qtm_checkpoint_get(file, "run/steps", QTM_I64, 0, NULL, &saved->plan.steps));
    QTM_TRY(qtm_checkpoint_get(file, "run/report_every", QTM_I64, 0, NULL, &saved->plan.report_every));
    QTM_TRY(qtm_checkpoint_get(file, "run/checkpoint_every", QTM_I64, 0, NULL, &saved->plan.checkpoint_every));
    QTM_TRY(qtm_checkpoint_get(file, "run/seconds", QTM_F64, 0, NULL, &saved->seconds));
    QTM_TRY(qtm_checkpoint_get(file, "run/best", QTM_F64, 0, NULL, &saved->plan.best));
    if (ranks < 1 || ranks > 1 << 24 || saved->step < 0 || saved->plan.report_every < 1 ||
        saved->plan.checkpoint_every < 1)
        return qtm_error("%s: its counters make no sense; the file is damaged", saved->path);
    saved->ranks = (int)ranks;
    for (int i = 0; i < model->option_count; i++) {
        snprintf(name, sizeof name, "option/%s", model->options[i].name);
        QTM_TRY(qtm_checkpoint_get(file, name, QTM_F64, 0, NULL, &saved->options[i]));
    }
    int64_t count = model->param_count;
    if (count && qtm_checkpoint_has(file, "params/held")) {
        QTM_TRY(qtm_checkpoint_get(file, "params/held", QTM_I64, 1, &count, saved->choice.held));
        QTM_TRY(qtm_checkpoint_get(file, "params/value", QTM_F64, 1, &count, saved->choice.value));
        QTM_TRY(qtm_checkpoint_get(file, "params/start", QTM_F64, 1, &count, saved->choice.start));
    }
    for (int d = 0; d < model->data_count; d++) {
        snprintf(name, sizeof name, "data/%s", model->data[d].name);
        QTM_TRY(qtm_checkpoint_get_text(file, name, &saved->data[d]));
    }
    return QTM_OK;
}

qtm_status qtm_saved_open(const char *path, const struct qtm_model *model, struct qtm_saved *saved) {
    *saved = (struct qtm_saved){.path = qtm_text_copy(path)};
    saved->options = qtm_alloc_array(model->option_count, sizeof(double));
    saved->data = qtm_alloc_array(model->data_count, sizeof(char *));
    struct qtm_checkpoint *file = NULL;
    qtm_status status = QTM_OK;
    if (!saved->path || !saved->options || !saved->data) status = qtm_error_memory((int64_t)strlen(path));
    if (!status) status = qtm_choice_make(model, NULL, NULL, NULL, &saved->choice);
    if (!status) status = qtm_checkpoint_open(path, &file);
    if (!status) status = header_get(saved, model, file);
    qtm_checkpoint_close(file);
    if (status) qtm_saved_close(saved, model);
    return status;
}

void qtm_saved_close(struct qtm_saved *saved, const struct qtm_model *model) {
    for (int d = 0; saved->data && d < model->data_count; d++) qtm_free(saved->data[d]);
    qtm_free(saved->data);
    qtm_free(saved->options);
    qtm_choice_destroy(&saved->choice);
    qtm_free(saved->path);
    *saved = (struct qtm_saved){0};
}

static qtm_status pieces_get(const struct qtm_saved *saved, struct qtm_session *session, struct qtm_checkpoint *file) {
    struct pieces pieces;
    QTM_TRY(pieces_list(session, &pieces));
    qtm_status status = QTM_OK;
    for (int i = 0; !status && i < pieces.count; i++) {
        const struct piece *piece = &pieces.items[i];
        char name[NAME_LENGTH + 16];
        if (piece->local)
            snprintf(name, sizeof name, "rank%d/%s", session->rank % saved->ranks, piece->name);
        else
            snprintf(name, sizeof name, "%s", piece->name);
        status = qtm_checkpoint_get(file, name, piece->type, 1, &piece->count, piece->data);
    }
    qtm_free(pieces.items);
    if (status) return status;
    for (int g = 0; g < session->fit->group_count; g++) qtm_state_narrow(session->state, g);
    for (int u = 0; u < session->fit->update_count; u++) {
        struct qtm_lbfgs *lbfgs = &session->trainers[u].lbfgs;
        if (lbfgs->memory &&
            (lbfgs->counters[QTM_LBFGS_STORED] < 0 || lbfgs->counters[QTM_LBFGS_NEXT] < 0 ||
             lbfgs->counters[QTM_LBFGS_STORED] > lbfgs->memory || lbfgs->counters[QTM_LBFGS_NEXT] >= lbfgs->memory))
            return qtm_error("%s: its counters make no sense; the file is damaged", saved->path);
        /* Another number of ranks adds up in another order: the stored value is not this job's value any more. */
        if (saved->ranks != session->ranks) lbfgs->counters[QTM_LBFGS_KNOWN] = 0;
    }
    session->step = saved->step;
    session->seconds = saved->seconds;
    return QTM_OK;
}

qtm_status qtm_saved_load(const struct qtm_saved *saved, struct qtm_session *session) {
    struct qtm_checkpoint *file = NULL;
    qtm_status status = qtm_checkpoint_open(saved->path, &file);
    if (!status) status = pieces_get(saved, session, file);
    qtm_checkpoint_close(file);
    return qtm_comm_agree(session->comm, status);
}

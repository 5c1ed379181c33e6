/* Frozen weights are found by the name of their network; the file may be of any model. */
#include "runtime/train/freeze.h"

#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/checkpoint.h"

enum { NAME_LENGTH = 160 };

void qtm_freeze_shapes(const struct qtm_fit *fit, int group, char text[QTM_SHAPES_LENGTH]) {
    size_t used = 0;
    text[0] = 0;
    for (int b = 0; b < fit->block_count; b++) {
        const struct qtm_block *block = &fit->blocks[b];
        if (block->group != group || used >= QTM_SHAPES_LENGTH) continue;
        used += (size_t)snprintf(text + used, QTM_SHAPES_LENGTH - used, "%s%s[", used ? " " : "", block->name);
        for (int d = 0; d < block->rank && used < QTM_SHAPES_LENGTH; d++)
            used += (size_t)snprintf(text + used, QTM_SHAPES_LENGTH - used, "%s%lld", d ? "," : "",
                                     (long long)block->shape[d]);
        if (used < QTM_SHAPES_LENGTH) used += (size_t)snprintf(text + used, QTM_SHAPES_LENGTH - used, "]");
    }
}

/* The first weight in which two shape texts differ, as this model has it. */
static void shapes_differ(const char *have, const char *want, char *first, size_t length) {
    size_t i = 0;
    while (have[i] && have[i] == want[i]) i++;
    while (i > 0 && want[i - 1] != ' ') i--;
    snprintf(first, length, "%.*s, the file has %.*s", (int)strcspn(want + i, " "), want + i,
             (int)strcspn(have + i, " "), have[i] ? have + i : "nothing");
}

static qtm_status shapes_check(const struct qtm_fit *fit, int group, const struct qtm_checkpoint *file) {
    const struct qtm_weights *weights = &fit->groups[group];
    char name[NAME_LENGTH], *have = NULL, first[256];
    snprintf(name, sizeof name, "shapes/%s", weights->name);
    if (!qtm_checkpoint_has(file, name))
        return qtm_error("%s: the run that wrote it has no network '%s' to freeze", weights->frozen, weights->name);
    char *want = qtm_alloc(QTM_SHAPES_LENGTH);
    if (!want) return qtm_error_memory(QTM_SHAPES_LENGTH);
    qtm_freeze_shapes(fit, group, want);
    qtm_status status = qtm_checkpoint_get_text(file, name, &have);
    if (!status && strcmp(have, want)) {
        shapes_differ(have, want, first, sizeof first);
        status = qtm_error("%s: network '%s' has other weights there: this model has %s; declare it as in the model "
                           "that was trained",
                           weights->frozen, weights->name, first);
    }
    qtm_free(have);
    qtm_free(want);
    return status;
}

static qtm_status group_read(struct qtm_session *session, int index, const struct qtm_checkpoint *file) {
    struct qtm_state_group *group = &session->state->groups[index];
    char name[NAME_LENGTH];
    QTM_TRY(shapes_check(session->fit, index, file));
    snprintf(name, sizeof name, "weights/%s", session->fit->groups[index].name);
    if (!qtm_checkpoint_has(file, name)) /* one copy a rank: that of rank 0 */
        snprintf(name, sizeof name, "rank0/weights/%s", session->fit->groups[index].name);
    if (!qtm_checkpoint_get(file, name, QTM_F32, 1, &group->count, group->f32)) {
        for (int64_t i = 0; i < group->count; i++) group->f64[i] = group->f32[i];
        return QTM_OK;
    }
    QTM_TRY(qtm_checkpoint_get(file, name, QTM_F64, 1, &group->count, group->f64));
    for (int64_t i = 0; i < group->count; i++) group->f32[i] = (float)group->f64[i];
    return QTM_OK;
}

qtm_status qtm_freeze_load(struct qtm_session *session) {
    const struct qtm_fit *fit = session->fit;
    for (int g = 0; g < fit->group_count; g++) {
        if (!fit->groups[g].frozen) continue;
        struct qtm_checkpoint *file = NULL;
        qtm_status status = qtm_checkpoint_open(fit->groups[g].frozen, &file);
        if (!status) status = group_read(session, g, file);
        qtm_checkpoint_close(file);
        QTM_TRY(status);
    }
    return QTM_OK;
}

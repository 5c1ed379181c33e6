/* Weight and gradient vectors. Blocks are laid out in the order of the fit's table. */
#include "runtime/core/state.h"

#include <string.h>

#include "runtime/core/clones.h"
#include "runtime/core/memory.h"

enum { BLOCK_ALIGN = 16 }; /* numbers: 64 bytes of f32, 128 of f64 */

static int64_t round_up(int64_t count) {
    return (count + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
}

static qtm_status groups_classify(struct qtm_state *state, bool all_wide) {
    const struct qtm_fit *fit = state->fit;
    for (int g = 0; g < fit->group_count; g++) {
        bool ring = false, local = false, mixed = false;
        int64_t cluster = -1;
        for (int u = 0; u < fit->update_count; u++)
            for (int k = 0; k < fit->updates[u].group_count; k++) {
                if (fit->updates[u].groups[k] != g) continue;
                if (fit->updates[u].exchange == QTM_RING) ring = true;
                if (cluster >= 0 && cluster != fit->updates[u].ring_groups) mixed = true;
                cluster = fit->updates[u].ring_groups;
                if (fit->updates[u].exchange == QTM_LOCAL) local = true;
                if (fit->updates[u].optimiser == QTM_LBFGS) state->groups[g].wide = true;
            }
        if (ring && local)
            return qtm_error("fit %s: '%s' is moved by an exchanged and by a local objective, so its copies on several "
                             "ranks would drift apart; share both or none",
                             fit->name, fit->groups[g].name);
        if (ring && mixed)
            return qtm_error("fit %s: '%s' is moved by objectives that are exchanged in groups of different size; give "
                             "all of them the same exchange",
                             fit->name, fit->groups[g].name);
        state->groups[g].shared = ring && cluster == 0;
        state->groups[g].cluster = ring ? cluster : 0;
        if (all_wide) state->groups[g].wide = true;
    }
    return QTM_OK;
}

qtm_status qtm_state_create(const struct qtm_fit *fit, bool all_wide, struct qtm_state **out) {
    *out = NULL;
    struct qtm_state *state = qtm_alloc(sizeof *state);
    if (!state) return qtm_error_memory(sizeof *state);
    state->fit = fit;
    state->groups = qtm_alloc_array(fit->group_count, sizeof *state->groups);
    state->offset = qtm_alloc_array(fit->block_count, sizeof *state->offset);
    qtm_status status = QTM_OK;
    if (!state->groups || !state->offset) status = qtm_error_memory(fit->block_count * (int64_t)sizeof(int64_t));
    for (int b = 0; !status && b < fit->block_count; b++) {
        struct qtm_state_group *group = &state->groups[fit->blocks[b].group];
        state->offset[b] = group->count;
        group->count += round_up(fit->blocks[b].count);
    }
    for (int g = 0; !status && g < fit->group_count; g++) {
        struct qtm_state_group *group = &state->groups[g];
        group->f32 = qtm_alloc_array(group->count, sizeof(float));
        group->f64 = qtm_alloc_array(group->count, sizeof(double));
        if (!group->f32 || !group->f64) status = qtm_error_memory(group->count * (int64_t)sizeof(double));
    }
    if (!status) status = groups_classify(state, all_wide);
    if (status) {
        qtm_state_destroy(state);
        return status;
    }
    *out = state;
    return QTM_OK;
}

void qtm_state_destroy(struct qtm_state *state) {
    if (!state) return;
    for (int g = 0; state->groups && g < state->fit->group_count; g++) {
        qtm_free(state->groups[g].f32);
        qtm_free(state->groups[g].f64);
    }
    qtm_free(state->groups);
    qtm_free(state->offset);
    qtm_free(state);
}

float *qtm_state_block_f32(const struct qtm_state *state, int block) {
    return state->groups[state->fit->blocks[block].group].f32 + state->offset[block];
}

double *qtm_state_block_f64(const struct qtm_state *state, int block) {
    return state->groups[state->fit->blocks[block].group].f64 + state->offset[block];
}

void qtm_state_widen(struct qtm_state *state, int index) {
    struct qtm_state_group *group = &state->groups[index];
    if (group->wide) return;
    for (int64_t i = 0; i < group->count; i++) group->f64[i] = group->f32[i];
}

void qtm_state_narrow(struct qtm_state *state, int index) {
    struct qtm_state_group *group = &state->groups[index];
    if (!group->wide) return;
    for (int64_t i = 0; i < group->count; i++) group->f32[i] = (float)group->f64[i];
}

/* Four lanes of h <- (h xor word) * odd, each a bijection of h for every word, so a single changed word always changes
 * the result; four lanes hide the multiplier's latency. Vectors are multiples of 64 bytes. */
uint64_t qtm_state_hash(const struct qtm_state *state, int index) {
    const struct qtm_state_group *group = &state->groups[index];
    const char *bytes = group->wide ? (const char *)group->f64 : (const char *)group->f32;
    int64_t length = group->count * (int64_t)(group->wide ? sizeof(double) : sizeof(float));
    uint64_t lane[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, 0x2545f4914f6cdd1du};
    for (int64_t i = 0; i < length; i += 32) {
        uint64_t word[4];
        memcpy(word, bytes + i, sizeof word);
        for (int k = 0; k < 4; k++) {
            lane[k] = (lane[k] ^ word[k]) * 0xff51afd7ed558ccdu;
            lane[k] ^= lane[k] >> 29;
        }
    }
    uint64_t hash = 0;
    for (int k = 0; k < 4; k++) hash = ((hash ^ lane[k]) * 0xc4ceb9fe1a85ec53u) ^ (hash >> 33);
    return hash;
}

qtm_status qtm_gradient_create(const struct qtm_state *state, const struct qtm_update *update, bool f64,
                               struct qtm_gradient *gradient) {
    *gradient = (struct qtm_gradient){.update = update};
    for (int k = 0; k < update->group_count; k++) gradient->count += state->groups[update->groups[k]].count;
    if (f64)
        gradient->f64 = qtm_alloc_array(gradient->count, sizeof(double));
    else
        gradient->f32 = qtm_alloc_array(gradient->count, sizeof(float));
    if (!gradient->f32 && !gradient->f64) return qtm_error_memory(gradient->count * (int64_t)sizeof(double));
    return QTM_OK;
}

void qtm_gradient_destroy(struct qtm_gradient *gradient) {
    qtm_free(gradient->f32);
    qtm_free(gradient->f64);
    *gradient = (struct qtm_gradient){0};
}

int64_t qtm_gradient_offset(const struct qtm_state *state, const struct qtm_update *update, int block) {
    int64_t start = 0;
    for (int k = 0; k < update->group_count; k++) {
        if (update->groups[k] == state->fit->blocks[block].group) return start + state->offset[block];
        start += state->groups[update->groups[k]].count;
    }
    return -1;
}

/* Exponent bits all set mean NaN or infinity; a loop without a branch, which vectorises. */
QTM_CLONES static bool f32_finite(const float *x, int64_t count) {
    uint32_t bad = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}

QTM_CLONES static bool f64_finite(const double *x, int64_t count) {
    uint64_t bad = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & 0x7ff0000000000000u) == 0x7ff0000000000000u;
    }
    return !bad;
}

int qtm_gradient_first_bad(const struct qtm_state *state, const struct qtm_gradient *gradient) {
    bool f32 = gradient->f32 != NULL;
    if (f32 ? f32_finite(gradient->f32, gradient->count) : f64_finite(gradient->f64, gradient->count)) return -1;
    for (int b = 0; b < state->fit->block_count; b++) {
        int64_t at = qtm_gradient_offset(state, gradient->update, b), count = state->fit->blocks[b].count;
        if (at >= 0 && !(f32 ? f32_finite(gradient->f32 + at, count) : f64_finite(gradient->f64 + at, count))) return b;
    }
    return -1;
}

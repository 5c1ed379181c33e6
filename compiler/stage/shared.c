/* What two updates of a step both compute: draws of the same streams, what the same weights make of the same noise. A
 * value of the one matches a value of the other where operation, arguments and axes match, down to ports of the same
 * number; blocks that the first update moves match nothing. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "stage/stage.h"

typedef struct Match {
    const TirFunction *f, *g;
    const StageMoves *moves;
    TirId *of;      /* [ops of g] the operation of f, or TIR_NONE */
    TirAxisId *ax;  /* [axes of g] the axis of f, or TIR_NONE; ... */
    TirAxisId *rev; /* ... and back */
    uint32_t *head; /* buckets of operations of f: 1 + the first, and the next of each */
    uint32_t *next;
    size_t buckets;
} Match;

/* Names of axes differ between functions by the number behind them. */
static bool names_alike(const char *a, const char *b) {
    size_t m = strlen(a), n = strlen(b);
    while (m && isdigit((unsigned char)a[m - 1])) m--;
    while (n && isdigit((unsigned char)b[n - 1])) n--;
    return m == n && !memcmp(a, b, n);
}

static bool axis_can(const Match *m, TirAxisId f, TirAxisId g) {
    const TirAxis *a = &m->f->axes.data[f], *b = &m->g->axes.data[g];
    if (m->ax[g] != TIR_NONE || m->rev[f] != TIR_NONE) return m->ax[g] == f;
    return a->size == b->size && a->batch == b->batch && (a->size >= 0 || a->data == b->data) &&
           names_alike(a->name, b->name);
}

static bool axes_can(const Match *m, const TirAxes *f, const TirAxes *g) {
    if (f->count != g->count) return false;
    for (uint32_t k = 0; k < f->count; k++)
        if (!axis_can(m, f->id[k], g->id[k])) return false;
    return true;
}

static void axis_bind(Match *m, TirAxisId f, TirAxisId g) {
    m->ax[g] = f;
    m->rev[f] = g;
}

static void axes_bind(Match *m, const TirAxes *f, const TirAxes *g) {
    for (uint32_t k = 0; k < f->count; k++) axis_bind(m, f->id[k], g->id[k]);
}

static bool uses_axis(TirOpcode op) {
    return op == TIR_IOTA || op == TIR_EXTENT || op == TIR_RENAME || op == TIR_SLICE || op == TIR_STACK ||
           op == TIR_GATHER || op == TIR_SCATTER || op == TIR_SEARCH || op == TIR_FLATTEN || op == TIR_CUMSUM ||
           op == TIR_ARGSORT;
}
static bool uses_axis2(TirOpcode op) {
    return op == TIR_RENAME || op == TIR_PICK;
}

static bool ports_match(const Match *m, const TirOp *f, const TirOp *g) {
    const TirPort *a = &m->f->inputs.data[f->integer], *b = &m->g->inputs.data[g->integer];
    if (a->role != b->role || a->index != b->index || a->field != b->field) return false;
    for (size_t i = 0; a->role == TIR_PORT_BLOCK && i < m->moves->count; i++)
        if (m->moves->blocks[i] == a->index) return false;
    return true;
}

static bool op_matches(const Match *m, const TirOp *f, const TirOp *g) {
    if (f->op != g->op || f->type != g->type || f->flag != g->flag || f->arg_count != g->arg_count ||
        memcmp(&f->real, &g->real, sizeof f->real) || f->external != g->external || f->body || g->body)
        return false;
    if (f->op == TIR_INPUT ? !ports_match(m, f, g) : f->integer != g->integer) return false;
    for (uint32_t k = 0; k < f->arg_count; k++)
        if (m->of[g->args[k]] != f->args[k]) return false;
    if (uses_axis(f->op) && !axis_can(m, f->axis, g->axis)) return false;
    if (uses_axis2(f->op) && !axis_can(m, f->axis2, g->axis2)) return false;
    return axes_can(m, &f->axes, &g->axes) && axes_can(m, &f->attr_axes, &g->attr_axes);
}

static size_t bucket_of(const Match *m, const TirOp *op, const TirId *of) {
    uint64_t hash = op->op, bits;
    memcpy(&bits, &op->real, sizeof bits);
    if (op->op != TIR_INPUT) hash ^= bits ^ (uint64_t)op->integer;
    for (uint32_t k = 0; k < op->arg_count; k++)
        hash = (hash ^ (of ? of[op->args[k]] : op->args[k])) * UINT64_C(0x9e3779b97f4a7c15);
    return (hash ^ hash >> 32) & (m->buckets - 1);
}

static void fill_buckets(Match *m, Arena *scratch) {
    for (m->buckets = 16; m->buckets < 2 * m->f->ops.count;) m->buckets *= 2;
    m->head = ARENA_ARRAY(scratch, uint32_t, m->buckets);
    m->next = ARENA_ARRAY(scratch, uint32_t, m->f->ops.count + 1);
    for (TirId u = (TirId)m->f->ops.count; u-- > 0;) {
        size_t bucket = bucket_of(m, &m->f->ops.data[u], NULL);
        m->next[u] = m->head[bucket];
        m->head[bucket] = u + 1;
    }
}

static void match_op(Match *m, TirId v) {
    const TirOp *g = &m->g->ops.data[v];
    for (uint32_t k = 0; k < g->arg_count; k++)
        if (m->of[g->args[k]] == TIR_NONE) return;
    for (uint32_t at = m->head[bucket_of(m, g, m->of)]; at; at = m->next[at - 1]) {
        const TirOp *f = &m->f->ops.data[at - 1];
        if (!op_matches(m, f, g)) continue;
        axes_bind(m, &f->axes, &g->axes);
        axes_bind(m, &f->attr_axes, &g->attr_axes);
        if (uses_axis(f->op)) axis_bind(m, f->axis, g->axis);
        if (uses_axis2(f->op)) axis_bind(m, f->axis2, g->axis2);
        m->of[v] = at - 1;
        return;
    }
}

TirId *stage_match(Arena *arena, const TirFunction *f, const TirFunction *g, const StageMoves *moves) {
    Arena scratch = {0};
    Match m = {.f = f, .g = g, .moves = moves};
    m.of = ARENA_ARRAY(arena, TirId, g->ops.count + 1);
    m.ax = ARENA_ARRAY(&scratch, TirAxisId, g->axes.count + 1);
    m.rev = ARENA_ARRAY(&scratch, TirAxisId, f->axes.count + 1);
    for (size_t v = 0; v < g->ops.count; v++) m.of[v] = TIR_NONE;
    for (size_t a = 0; a < g->axes.count; a++) m.ax[a] = TIR_NONE;
    for (size_t a = 0; a < f->axes.count; a++) m.rev[a] = TIR_NONE;
    fill_buckets(&m, &scratch);
    for (TirId v = 0; v < g->ops.count; v++) match_op(&m, v);
    arena_free(&scratch);
    return m.of;
}

/* Values of `f` that it, or `g` by its matches, takes from the shared function; they are its outputs in this order. */
static uint32_t *number_values(Arena *arena, const TirFunction *f, bool *taken) {
    uint32_t *number = ARENA_ARRAY(arena, uint32_t, f->ops.count + 1), count = 0;
    for (TirId v = 0; v < f->ops.count; v++) number[v] = taken[v] ? count++ : TIR_NONE;
    return number;
}

StageShared stage_share(Arena *arena, const TirFunction *f, const TirFunction *g, const StageMoves *moves,
                        const char *name) {
    const double WORTH = 0.02; /* of the work of both */
    StageShared made = {NULL, NULL, NULL};
    const TirId *of = stage_match(arena, f, g, moves);
    bool *early_f = ARENA_ARRAY(arena, bool, f->ops.count + 1), *early_g = ARENA_ARRAY(arena, bool, g->ops.count + 1);
    for (TirId v = 0; v < g->ops.count; v++)
        if ((early_g[v] = of[v] != TIR_NONE)) early_f[of[v]] = true;
    double saved_f, saved_g;
    const bool *taken_f = stage_choose(arena, f, early_f, true, &saved_f),
               *taken_g = stage_choose(arena, g, early_g, true, &saved_g);
    bool *taken = ARENA_ARRAY(arena, bool, f->ops.count + 1), any = false;
    for (TirId u = 0; u < f->ops.count; u++) any |= taken[u] = taken_f[u];
    for (TirId v = 0; v < g->ops.count; v++)
        if (taken_g[v]) any = taken[of[v]] = true;
    if (!any) return made;
    TirFunction *early = stage_early(arena, f, taken, name);
    const double *every = moves->every; /* it runs where one of the two does */
    double before = stage_work(f) / every[0] + stage_work(g) / every[1];
    double saved = saved_f / every[0] + saved_g / every[1] - stage_work(early) / fmin(every[0], every[1]);
    if (saved < WORTH * before) return made;
    uint32_t *all = number_values(arena, f, taken);
    uint32_t *number_f = ARENA_ARRAY(arena, uint32_t, f->ops.count + 1);
    uint32_t *number_g = ARENA_ARRAY(arena, uint32_t, g->ops.count + 1);
    for (TirId u = 0; u < f->ops.count; u++) number_f[u] = taken_f[u] ? all[u] : TIR_NONE;
    for (TirId v = 0; v < g->ops.count; v++) number_g[v] = taken_g[v] ? all[of[v]] : TIR_NONE;
    made = (StageShared){early, tir_function_copy(arena, f, f->name), tir_function_copy(arena, g, g->name)};
    stage_late(made.first, number_f, 1, early);
    stage_late(made.second, number_g, 1, early);
    return made;
}

/* Which values have a derivative, and which of those need care. Only operations between a wanted value and one that is
 * derived are visited; the time is linear in their number. */
#include "ad/ad.h"

#include <string.h>

#include "tir/special.h"

/* The table of rules: ad.h tells a shape's kind of rule. */
#undef AD_PAIR
#undef AD_RULE_MAP
#define AD_PAIR(rule) {NULL, ad_vjp_##rule, ad_jvp_##rule},
#define AD_RULE_MAP(rule) {ad_slope_##rule, NULL, NULL},
const AdRule ad_rules[] = {
#define TIR_OP(NAME, text, arity, shape, type, flags, rule, cost) AD_RULE_##shape(rule)
#include "tir/tir_ops.def"
#undef TIR_OP
};

static bool no_rule(TirOpcode op) {
    const AdRule *rule = &ad_rules[op];
    return rule->slope == ad_slope_none || rule->slope == ad_slope_zero || rule->vjp == ad_vjp_none;
}

bool ad_differentiable(const TirOp *op) {
    return (op->type == TIR_REAL || op->op == TIR_LOOP) && !no_rule(op->op);
}

_Noreturn static void fail_no_rule(Ad *ad, TirId id) {
    tir_fail(ad->f, id, "an operation without a derivative has one");
}
TirId ad_slope_none(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    fail_no_rule(ad, id);
}
TirId ad_slope_zero(Ad *ad, TirId id, const TirOp *op, uint32_t k, TirId t) {
    fail_no_rule(ad, id);
}
void ad_vjp_none(Ad *ad, TirId id, const TirOp *op, TirId g) {
    fail_no_rule(ad, id);
}
TirId ad_jvp_none(Ad *ad, TirId id, const TirOp *op) {
    fail_no_rule(ad, id);
}

/* Whether a derivative goes through `op`: of a custom operation, only through what its slopes belong to. */
static bool depends_on_active(const Ad *ad, const TirOp *op) {
    bool custom = op->op == TIR_CUSTOM;
    for (uint32_t k = custom ? 1 : 0; k < op->arg_count; k += custom ? 2 : 1)
        if (ad->active[op->args[k]]) return true;
    return false;
}

/* `wrt` and what depends on them. */
static void activity_find(Ad *ad, const TirId *of, uint32_t of_count, const TirId *wrt, uint32_t count) {
    const TirFunction *f = ad->f;
    size_t last = 0;
    for (uint32_t i = 0; i < of_count; i++)
        if (of[i] >= last) last = (size_t)of[i] + 1;
    ad->first = ad->primal_count;
    for (uint32_t i = 0; i < count; i++) {
        ad->leaf[wrt[i]] = ad->active[wrt[i]] = true;
        if (wrt[i] < ad->first) ad->first = wrt[i];
    }
    for (size_t v = ad->first; v < last; v++) {
        const TirOp *op = &f->ops.data[v];
        if (ad_differentiable(op) && depends_on_active(ad, op)) ad->active[v] = true;
    }
    for (uint32_t i = 0; i < of_count; i++)
        if (ad->active[of[i]] && of[i] >= ad->end) ad->end = (size_t)of[i] + 1;
}

/* --- what may sit in a branch that is not taken --- */

/* Values that show in both branches of a choice, the latest of them. */
enum { COMMON_MAX = 8, SEARCH_MAX = 48 };
typedef struct Common {
    uint32_t count;
    TirId id[COMMON_MAX];
} Common;

static bool is_choice(const TirOp *op) {
    return op->op == TIR_SELECT || op->op == TIR_MAX || op->op == TIR_MIN;
}

/* "u is not finite" is not seen in these when some other element is read. */
static bool is_reading(const TirOp *op) {
    return op->op == TIR_GATHER || op->op == TIR_SLICE || op->op == TIR_REDUCE_MAX;
}

typedef void Visit(void *context, TirId v);

/* The values that show in operation `v` because its result is computed from them, one step back. */
static void step_back(const Ad *ad, const Common *common, TirId v, Visit *visit, void *context) {
    const TirOp *op = &ad->f->ops.data[v];
    if (ad->leaf[v] || is_reading(op) || (op->op == TIR_LOOP && ad_chooses(op->body))) return;
    if (is_choice(op)) {
        for (uint32_t k = 0; k < common[v].count; k++) visit(context, common[v].id[k]);
        return;
    }
    uint32_t count = op->op == TIR_CUSTOM ? 1 : op->arg_count;
    for (uint32_t k = 0; k < count; k++)
        if (ad->active[op->args[k]]) visit(context, op->args[k]);
}

/* The latest values that show in `v`, descending. */
typedef struct Shown {
    uint32_t count;
    TirId id[SEARCH_MAX];
} Shown;

static void shown_insert(void *context, TirId v) {
    Shown *s = context;
    uint32_t at = s->count;
    while (at > 0 && s->id[at - 1] < v) at--;
    if (at > 0 && s->id[at - 1] == v) return;
    if (s->count == SEARCH_MAX && at == SEARCH_MAX) return;
    if (s->count < SEARCH_MAX) s->count++;
    memmove(s->id + at + 1, s->id + at, (s->count - 1 - at) * sizeof *s->id);
    s->id[at] = v;
}

static void shown_find(const Ad *ad, const Common *common, TirId v, Shown *s) {
    s->count = 0;
    if (ad->active[v]) shown_insert(s, v);
    for (uint32_t k = 0; k < s->count; k++) step_back(ad, common, s->id[k], shown_insert, s);
}

static void common_find(const Ad *ad, Common *common, TirId v) {
    const TirOp *op = &ad->f->ops.data[v];
    const TirId *args = op->op == TIR_SELECT ? op->args + 1 : op->args;
    Shown a, b;
    shown_find(ad, common, args[0], &a);
    shown_find(ad, common, args[1], &b);
    for (uint32_t i = 0, j = 0; i < a.count && j < b.count && common[v].count < COMMON_MAX;) {
        if (a.id[i] == b.id[j]) common[v].id[common[v].count++] = a.id[i];
        if (a.id[i] > b.id[j])
            i++;
        else if (a.id[i] < b.id[j])
            j++;
        else
            i++, j++;
    }
}

static void show(void *context, TirId v) {
    ((bool *)context)[v] = true;
}

/* A value shows in another if the other is not finite wherever it is not. What shows in nothing that is derived is
 * masked: of a choice between two, only what shows in both shows in it. (A leaky rectifier max(z, z/10) thus masks
 * nothing that leads to z.) The search for what shows in both branches is bounded; what it misses counts as masked,
 * which is always right. Roots, powers and angles are infinitely steep where they are finite: they count as masked. */
static void masked_find(Ad *ad, const TirId *of, uint32_t of_count) {
    Common *common = ARENA_ARRAY(&ad->scratch, Common, ad->end);
    bool *shown = ARENA_ARRAY(&ad->scratch, bool, ad->end);
    for (size_t v = ad->first; v < ad->end; v++)
        if (ad->active[v] && !ad->leaf[v] && is_choice(&ad->f->ops.data[v])) common_find(ad, common, (TirId)v);
    for (uint32_t i = 0; i < of_count; i++)
        if (ad->active[of[i]]) shown[of[i]] = true;
    for (size_t v = ad->end; v-- > ad->first;) {
        if (!ad->active[v]) continue;
        if (shown[v]) step_back(ad, common, (TirId)v, show, shown);
        TirOpcode op = ad->f->ops.data[v].op;
        bool steep = op == TIR_SQRT || op == TIR_POW || op == TIR_ATAN2 || op == TIR_CUSTOM;
        ad->masked[v] = steep || !shown[v];
    }
}

bool ad_op_singular(const TirFunction *f, const TirOp *op) {
    if (special_has(op->op)) return true;
    switch (op->op) {
    case TIR_EXP:
    case TIR_EXPM1:
    case TIR_LOG:
    case TIR_LOG1P:
    case TIR_SQRT:
    case TIR_LOOP: return true;
    case TIR_INPUT: return f->inputs.data[op->integer].role == TIR_PORT_ROUND;
    case TIR_POW: {
        const TirOp *exponent = &f->ops.data[op->args[1]];
        return exponent->op != TIR_CONST || exponent->real < 0 || exponent->real != (double)(int)exponent->real;
    }
    case TIR_DIV: {
        const TirOp *divisor = &f->ops.data[op->args[1]];
        return divisor->op != TIR_CONST || divisor->real == 0;
    }
    default: return false;
    }
}

static void tame_find(Ad *ad) {
    for (size_t v = 0; v < ad->primal_count; v++) {
        const TirOp *op = &ad->f->ops.data[v];
        ad->tame[v] = op->type != TIR_REAL || !ad_op_singular(ad->f, op);
        for (uint32_t k = 0; k < op->arg_count && op->type == TIR_REAL; k++) ad->tame[v] &= ad->tame[op->args[k]];
    }
}

bool ad_tame(const Ad *ad, TirId v) {
    if (v < ad->primal_count) return ad->tame[v];
    const TirOp *op = &ad->f->ops.data[v];
    if (op->type != TIR_REAL) return true;
    bool tame = !ad_op_singular(ad->f, op);
    for (uint32_t k = 0; k < op->arg_count && tame; k++) tame = ad_tame(ad, op->args[k]);
    return tame;
}

/* Infinitely steep at some argument where its value is finite. */
static bool is_steep(const Ad *ad, const TirOp *op) {
    if (op->op == TIR_SQRT || op->op == TIR_ATAN2) return true;
    if (op->op == TIR_CUSTOM) {
        for (uint32_t k = 2; k < op->arg_count; k += 2)
            if (!ad_tame(ad, op->args[k])) return true;
        return false;
    }
    double exponent;
    return op->op == TIR_POW && !(ad_is_const(ad, op->args[1], &exponent) && (exponent <= 0 || exponent >= 1));
}

void ad_steep_find(Ad *ad) {
    ad->steep = ARENA_ARRAY(&ad->scratch, bool, ad->end);
    for (size_t v = ad->first; v < ad->end; v++) {
        const TirOp *op = &ad->f->ops.data[v];
        if (!ad->active[v] || ad->leaf[v]) continue;
        ad->steep[v] = is_steep(ad, op);
        for (uint32_t k = 0; k < op->arg_count; k++) ad->steep[v] |= ad->steep[op->args[k]];
    }
}

/* --- begin and end --- */

void ad_begin(Ad *ad, TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, uint32_t wrt_count,
              bool masked) {
    *ad = (Ad){.f = f, .primal_count = f->ops.count};
    const size_t count = ad->primal_count;
    ad->active = ARENA_ARRAY(&ad->scratch, bool, count);
    ad->leaf = ARENA_ARRAY(&ad->scratch, bool, count);
    ad->masked = ARENA_ARRAY(&ad->scratch, bool, count);
    ad->tame = ARENA_ARRAY(&ad->scratch, bool, count);
    ad->results = ARENA_ARRAY(&ad->scratch, TirId *, count);
    ad->derivative = ARENA_ARRAY(&ad->scratch, TirId, count);
    for (size_t v = 0; v < count; v++) ad->derivative[v] = TIR_NONE;
    activity_find(ad, of, of_count, wrt, wrt_count);
    if (!ad->end) return;
    if (masked)
        memcpy(ad->masked, ad->active, ad->end * sizeof *ad->masked);
    else
        masked_find(ad, of, of_count);
    tame_find(ad);
}

void ad_directions(Ad *ad, TirId carrier, TirId value) {
    TirAxes more = tir_axes_minus(tir_axes_minus(ad_axes(ad, carrier), ad_axes(ad, value)), ad->extra);
    if (!more.count) return;
    ad->extra = tir_axes_union(ad->extra, more);
    for (size_t v = ad->first; v < ad->end; v++)
        if (ad->active[v] && tir_axes_both(ad_axes(ad, (TirId)v), more).count)
            tir_fail(ad->f, (TirId)v, "a value has an axis that tells directions of a derivative apart");
}

void ad_end(Ad *ad) {
    arena_free(&ad->scratch);
}

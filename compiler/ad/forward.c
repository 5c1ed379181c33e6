/* Forward-mode differentiation, tensor IR to tensor IR: walks the operations from the wanted values on, and lets the
 * rule of each make its tangent from those of its arguments. Only what leads to a value that is derived is visited.
 * Like reverse mode it appends ordinary operations, so either mode can differentiate what the other made. */
#include "ad/ad.h"

/* An active value may have no tangent all the same: that of a state of a loop whose rounds do not use it, say. A loop
 * itself has none, its results have. */
static bool has_tangent(const Ad *ad, const TirOp *op) {
    if (op->op == TIR_RESULT) return ad->results[op->args[0]] != NULL;
    for (uint32_t k = 0; k < op->arg_count; k++)
        if (ad->derivative[op->args[k]] != TIR_NONE) return true;
    return false;
}

static TirId op_forward(Ad *ad, TirId id) {
    TirOp op = ad->f->ops.data[id]; /* a copy: rules append operations */
    const AdRule *rule = &ad_rules[op.op];
    if (!has_tangent(ad, &op)) return TIR_NONE;
    if (!rule->slope) return rule->jvp(ad, id, &op);
    TirId sum = TIR_NONE;
    ad->kept = TIR_NONE;
    for (uint32_t k = 0; k < op.arg_count; k++) {
        TirId t = ad->derivative[op.args[k]];
        if (t == TIR_NONE) continue;
        ad->damp = ad->steep[op.args[k]];
        t = rule->slope(ad, id, &op, k, t);
        sum = sum == TIR_NONE ? t : ad_map2(ad, TIR_ADD, op.span, sum, t);
    }
    return sum;
}

static bool *needed_find(Ad *ad, const TirId *of, uint32_t of_count) {
    bool *needed = ARENA_ARRAY(&ad->scratch, bool, ad->end);
    for (uint32_t i = 0; i < of_count; i++)
        if (ad->active[of[i]]) needed[of[i]] = true;
    for (size_t v = ad->end; v-- > ad->first;) {
        const TirOp *op = &ad->f->ops.data[v];
        if (!needed[v] || !ad->active[v] || ad->leaf[v]) continue;
        for (uint32_t k = 0; k < op->arg_count; k++) needed[op->args[k]] = true;
    }
    return needed;
}

void ad_tangent(TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, const TirId *tangent,
                uint32_t wrt_count, TirId *out) {
    ad_tangent_masked(f, of, of_count, wrt, tangent, wrt_count, out, false);
}

void ad_tangent_masked(TirFunction *f, const TirId *of, uint32_t of_count, const TirId *wrt, const TirId *tangent,
                       uint32_t wrt_count, TirId *out, bool masked) {
    Ad ad;
    ad_begin(&ad, f, of, of_count, wrt, wrt_count, masked);
    for (uint32_t j = 0; ad.end && j < wrt_count; j++) {
        ad_directions(&ad, tangent[j], wrt[j]);
        ad.derivative[wrt[j]] = tangent[j];
    }
    ad_steep_find(&ad);
    bool *needed = needed_find(&ad, of, of_count);
    for (size_t v = ad.first; v < ad.end; v++)
        if (needed[v] && ad.active[v] && !ad.leaf[v]) ad.derivative[v] = op_forward(&ad, (TirId)v);
    for (uint32_t i = 0; i < of_count; i++) {
        TirOp value = f->ops.data[of[i]];
        out[i] = ad.derivative[of[i]];
        if (out[i] != TIR_NONE) out[i] = tir_broadcast(f, out[i], tir_axes_union(value.axes, ad.extra), value.span);
    }
    ad_end(&ad);
}

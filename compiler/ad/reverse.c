/* Reverse-mode differentiation, tensor IR to tensor IR. Walks the operations backwards and lets the rule of each pass
 * its cotangent on to its arguments. The derivative is made of ordinary operations, appended to the function, so it can
 * be differentiated again. Leaves the value of every existing output as it was. */
#include "ad/ad.h"

void ad_add(Ad *ad, TirId arg, TirId c, Span span) {
    if (!ad->active[arg]) return;
    TirId *sum = &ad->derivative[arg];
    *sum = *sum == TIR_NONE ? c : ad_map2(ad, TIR_ADD, span, *sum, c);
}

void ad_add_summed(Ad *ad, TirId arg, TirId c, TirAxes axes, Span span) {
    if (!ad->active[arg]) return;
    TirAxes all = tir_axes_minus(tir_axes_union(axes, ad_axes(ad, c)), ad->extra);
    ad_add(ad, arg, ad_sum(ad, c, tir_axes_minus(all, ad_axes(ad, arg)), span), span);
}

static void op_reverse(Ad *ad, TirId id, TirId g) {
    TirOp op = ad->f->ops.data[id]; /* a copy: rules append operations */
    const AdRule *rule = &ad_rules[op.op];
    if (!rule->slope) {
        rule->vjp(ad, id, &op, g);
        return;
    }
    ad->kept = TIR_NONE;
    for (uint32_t k = 0; k < op.arg_count; k++)
        if (ad->active[op.args[k]]) ad_add_summed(ad, op.args[k], rule->slope(ad, id, &op, k, g), op.axes, op.span);
}

void ad_adjoint(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt, uint32_t count,
                TirId *out) {
    ad_adjoint_masked(f, of, seed, of_count, wrt, count, out, false);
}

void ad_adjoint_masked(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt,
                       uint32_t count, TirId *out, bool masked) {
    Ad ad;
    ad_begin(&ad, f, of, of_count, wrt, count, masked);
    for (uint32_t i = 0; ad.end && i < of_count; i++) {
        if (!ad.active[of[i]]) continue;
        ad_directions(&ad, seed[i], of[i]);
        ad_add(&ad, of[i], seed[i], f->ops.data[of[i]].span);
    }
    for (size_t v = ad.end; v-- > ad.first;)
        if (ad.active[v] && !ad.leaf[v] && ad.derivative[v] != TIR_NONE) op_reverse(&ad, (TirId)v, ad.derivative[v]);
    for (uint32_t i = 0; i < count; i++) {
        TirOp leaf = f->ops.data[wrt[i]];
        out[i] = ad.derivative[wrt[i]];
        if (out[i] != TIR_NONE) out[i] = tir_broadcast(f, out[i], tir_axes_union(leaf.axes, ad.extra), leaf.span);
    }
    ad_end(&ad);
}

void ad_gradient(TirFunction *f, uint32_t loss_output, const uint32_t *inputs, uint32_t count) {
    TirPort loss = f->outputs.data[loss_output];
    Span span = f->ops.data[loss.value].span;
    if (f->ops.data[loss.value].type != TIR_REAL || f->ops.data[loss.value].axes.count != 0)
        tir_fail(f, loss.value, "the derivative of something that is not a real scalar");
    Arena scratch = {0};
    TirId *wrt = ARENA_ARRAY(&scratch, TirId, count + 1), *out = ARENA_ARRAY(&scratch, TirId, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        TirPort port = f->inputs.data[inputs[i]];
        if (port.value == TIR_NONE) tir_fail(f, TIR_NONE, "the derivative by input %s, which has no value", port.name);
        wrt[i] = port.value;
    }
    TirId seed = tir_real(f, 1, span);
    ad_adjoint(f, &loss.value, &seed, 1, wrt, count, out);
    for (uint32_t i = 0; i < count; i++) {
        TirPort port = f->inputs.data[inputs[i]];
        TirOp input = f->ops.data[port.value];
        TirId g = out[i] == TIR_NONE ? tir_real(f, 0, input.span) : out[i];
        if (out[i] == TIR_NONE && input.axes.count) g = tir_broadcast(f, g, input.axes, input.span);
        tir_output(f, TIR_PORT_GRADIENT, port.index, arena_format(f->arena, "d%s_d%s", loss.name, port.name), g);
    }
    arena_free(&scratch);
}

/* Reverse mode through operations that are not element-wise: given the cotangent of the result, add to the cotangents
 * of the arguments. */
#include "ad/ad.h"

/* --- structure --- */

void ad_vjp_broadcast(Ad *ad, TirId id, const TirOp *op, TirId g) {
    ad_add_summed(ad, op->args[0], g, op->axes, op->span);
}
void ad_vjp_rename(Ad *ad, TirId id, const TirOp *op, TirId g) {
    if (tir_axes_has(ad_axes(ad, g), op->axis2)) g = tir_rename(ad->f, g, op->axis2, op->axis, op->span);
    ad_add(ad, op->args[0], g, op->span);
}
/* The cotangent at the index of the slice, zero at the others. */
void ad_vjp_slice(Ad *ad, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    TirId here = ad_map2(ad, TIR_EQ, s, tir_iota(ad->f, op->axis, s), tir_int(ad->f, op->integer, s));
    ad_add(ad, op->args[0], ad_choose(ad, s, here, g, ad_real(ad, s, 0)), s);
}
void ad_vjp_stack(Ad *ad, TirId id, const TirOp *op, TirId g) {
    bool along = tir_axes_has(ad_axes(ad, g), op->axis);
    TirAxes rest = tir_axes_minus(op->axes, tir_axes_one(op->axis));
    for (uint32_t k = 0; k < op->arg_count; k++) {
        if (!ad->active[op->args[k]]) continue;
        TirId part = along ? tir_slice(ad->f, g, op->axis, k, op->span) : g;
        ad_add_summed(ad, op->args[k], part, rest, op->span);
    }
}
/* Every point of the result adds to the row it was read from. */
void ad_vjp_gather(Ad *ad, TirId id, const TirOp *op, TirId g) {
    g = ad_with_axes(ad, g, op->axes, op->span);
    TirAxes table = tir_axes_union(ad_axes(ad, op->args[0]), tir_axes_both(ad_axes(ad, g), ad->extra));
    ad_add(ad, op->args[0], tir_scatter(ad->f, g, op->args[1], op->axis, table, op->span), op->span);
}
/* Every point reads the row that it was added to. */
void ad_vjp_scatter(Ad *ad, TirId id, const TirOp *op, TirId g) {
    g = ad_with_axes(ad, g, op->axes, op->span);
    for (uint32_t k = 0; k < op->arg_count; k += 2) {
        TirId read = tir_gather(ad->f, g, op->args[k + 1], op->axis, op->span);
        ad_add_summed(ad, op->args[k], read, ad_axes(ad, read), op->span);
    }
}
/* Every point of the argument reads the place that it went to: ((i n_1 + j) n_2 + k) ... */
void ad_vjp_flatten(Ad *ad, TirId id, const TirOp *op, TirId g) {
    Span s = op->span;
    g = ad_with_axes(ad, g, tir_axes_one(op->axis), s);
    TirId place = tir_iota(ad->f, op->attr_axes.id[0], s);
    for (uint32_t i = 1; i < op->attr_axes.count; i++) {
        TirId size = tir_int(ad->f, ad->f->axes.data[op->attr_axes.id[i]].size, s);
        place = ad_map2(ad, TIR_MUL, s, place, size);
        place = ad_map2(ad, TIR_ADD, s, place, tir_iota(ad->f, op->attr_axes.id[i], s));
    }
    ad_add(ad, op->args[0], tir_gather(ad->f, g, place, op->axis, s), s);
}

/* --- reductions --- */

void ad_vjp_sum(Ad *ad, TirId id, const TirOp *op, TirId g) {
    ad_add(ad, op->args[0], g, op->span);
}
/* Points that reach the maximum share the cotangent equally. */
void ad_vjp_reduce_max(Ad *ad, TirId id, const TirOp *op, TirId g) {
    TirId count, top = ad_at_maximum(ad, id, op, &count);
    TirId share = ad_map2(ad, TIR_DIV, op->span, g, count);
    ad_add(ad, op->args[0], ad_choose(ad, op->span, top, share, ad_real(ad, op->span, 0)), op->span);
}
void ad_vjp_cumsum(Ad *ad, TirId id, const TirOp *op, TirId g) {
    g = ad_with_axes(ad, g, tir_axes_one(op->axis), op->span);
    ad_add(ad, op->args[0], tir_cumsum(ad->f, g, op->axis, !op->flag, op->span), op->span);
}
/* y = sum_S a b: da = sum of g b over the axes of b that a lacks. */
void ad_vjp_dot(Ad *ad, TirId id, const TirOp *op, TirId g) {
    for (int k = 0; k < 2; k++) {
        TirId arg = op->args[k], other = op->args[1 - k];
        if (!ad->active[arg]) continue;
        TirAxes lacking = tir_axes_minus(ad_axes(ad, other), ad_axes(ad, arg));
        ad_add(ad, arg, ad_contract(ad, g, other, lacking, op->span), op->span);
    }
}

/* --- derivatives given by hand --- */

/* x_k gets slope_k g, summed over the axes that x_k lacks. */
void ad_vjp_custom(Ad *ad, TirId id, const TirOp *op, TirId g) {
    for (uint32_t k = 1; k < op->arg_count; k += 2) {
        TirId x = op->args[k], slope = op->args[k + 1];
        if (!ad->active[x]) continue;
        TirAxes axes = tir_axes_union(op->axes, ad_axes(ad, slope));
        if (ad_tame(ad, slope))
            ad_add(ad, x, ad_contract(ad, g, slope, tir_axes_minus(axes, ad_axes(ad, x)), op->span), op->span);
        else
            ad_add_summed(ad, x, ad_scale(ad, id, op->span, g, slope), axes, op->span);
    }
}

/* Forward mode through operations that are not element-wise: the tangent of the result from those of the arguments. All
 * but reduce_max, dot and custom are linear: they do to the tangent what they do to the value. */
#include "ad/ad.h"

static TirId tangent_of(const Ad *ad, TirId v) {
    return ad->derivative[v];
}

/* --- structure --- */

TirId ad_jvp_broadcast(Ad *ad, TirId id, const TirOp *op) {
    return tangent_of(ad, op->args[0]);
}
TirId ad_jvp_rename(Ad *ad, TirId id, const TirOp *op) {
    TirId t = tangent_of(ad, op->args[0]);
    return tir_axes_has(ad_axes(ad, t), op->axis) ? tir_rename(ad->f, t, op->axis, op->axis2, op->span) : t;
}
TirId ad_jvp_slice(Ad *ad, TirId id, const TirOp *op) {
    TirId t = tangent_of(ad, op->args[0]);
    return tir_axes_has(ad_axes(ad, t), op->axis) ? tir_slice(ad->f, t, op->axis, op->integer, op->span) : t;
}
TirId ad_jvp_stack(Ad *ad, TirId id, const TirOp *op) {
    TirId *parts = ARENA_ARRAY(&ad->scratch, TirId, op->arg_count), zero = ad_real(ad, op->span, 0);
    for (uint32_t k = 0; k < op->arg_count; k++) {
        parts[k] = tangent_of(ad, op->args[k]);
        if (parts[k] == TIR_NONE) parts[k] = zero;
    }
    return tir_stack(ad->f, parts, op->arg_count, op->axis, op->span);
}
TirId ad_jvp_gather(Ad *ad, TirId id, const TirOp *op) {
    TirId t = ad_with_axes(ad, tangent_of(ad, op->args[0]), tir_axes_one(op->axis), op->span);
    return tir_gather(ad->f, t, op->args[1], op->axis, op->span);
}
/* Pair by pair: the tangents of different values may have different directions. */
TirId ad_jvp_scatter(Ad *ad, TirId id, const TirOp *op) {
    TirId sum = TIR_NONE;
    for (uint32_t k = 0; k < op->arg_count; k += 2) {
        TirId t = tangent_of(ad, op->args[k]);
        if (t == TIR_NONE) continue;
        t = ad_with_axes(ad, t, ad_axes(ad, op->args[k]), op->span);
        TirAxes result = tir_axes_union(op->axes, tir_axes_both(ad_axes(ad, t), ad->extra));
        TirId part = tir_scatter(ad->f, t, op->args[k + 1], op->axis, result, op->span);
        sum = sum == TIR_NONE ? part : ad_map2(ad, TIR_ADD, op->span, sum, part);
    }
    return sum;
}
TirId ad_jvp_flatten(Ad *ad, TirId id, const TirOp *op) {
    TirId t = ad_with_axes(ad, tangent_of(ad, op->args[0]), op->attr_axes, op->span);
    return tir_flatten(ad->f, t, op->attr_axes, op->axis, op->span);
}

/* --- reductions --- */

TirId ad_jvp_sum(Ad *ad, TirId id, const TirOp *op) {
    return ad_sum(ad, tangent_of(ad, op->args[0]), op->attr_axes, op->span);
}
/* The mean over the points that reach the maximum. */
TirId ad_jvp_reduce_max(Ad *ad, TirId id, const TirOp *op) {
    Span s = op->span;
    TirId count, top = ad_at_maximum(ad, id, op, &count);
    TirId t = ad_choose(ad, s, top, tangent_of(ad, op->args[0]), ad_real(ad, s, 0));
    return ad_map2(ad, TIR_DIV, s, tir_sum(ad->f, t, op->attr_axes, s), count);
}
TirId ad_jvp_cumsum(Ad *ad, TirId id, const TirOp *op) {
    TirId t = ad_with_axes(ad, tangent_of(ad, op->args[0]), tir_axes_one(op->axis), op->span);
    return tir_cumsum(ad->f, t, op->axis, op->flag, op->span);
}
TirId ad_jvp_dot(Ad *ad, TirId id, const TirOp *op) {
    TirId sum = TIR_NONE;
    for (int k = 0; k < 2; k++) {
        TirId t = tangent_of(ad, op->args[k]);
        if (t == TIR_NONE) continue;
        t = ad_contract(ad, t, op->args[1 - k], op->attr_axes, op->span);
        sum = sum == TIR_NONE ? t : ad_map2(ad, TIR_ADD, op->span, sum, t);
    }
    return sum;
}

/* --- derivatives given by hand --- */

/* dy = sum over k of slope_k dx_k, summed over the axes that y lacks. */
TirId ad_jvp_custom(Ad *ad, TirId id, const TirOp *op) {
    TirId sum = TIR_NONE;
    for (uint32_t k = 1; k < op->arg_count; k += 2) {
        TirId x = op->args[k], slope = op->args[k + 1], t = tangent_of(ad, x);
        if (t == TIR_NONE) continue;
        TirAxes over = tir_axes_minus(tir_axes_union(ad_axes(ad, slope), ad_axes(ad, x)), op->axes);
        t = ad_tame(ad, slope) ? ad_contract(ad, t, slope, over, op->span)
                               : ad_sum(ad, ad_scale(ad, id, op->span, t, slope), over, op->span);
        sum = sum == TIR_NONE ? t : ad_map2(ad, TIR_ADD, op->span, sum, t);
    }
    return sum;
}

/* Products, quotients and sums as the rules need them.
 *
 * Branches not taken. Where a select, gather, max ... drops a value, its cotangent is zero there, and a tangent is zero
 * where a constant was chosen; the value itself may be infinite or NaN (log 0 in the branch that is not taken), and
 * 0 * inf must not become NaN. Rules that multiply by or divide by something that can be singular therefore go through
 * ad_scale and ad_quotient, which replace the singular factor where the derivative is exactly zero, and change nothing
 * elsewhere (so second derivatives stay exact). In forward mode the tangent can be the infinite factor, that of x in
 * sqrt(x) * 0. */
#include "ad/ad.h"

#include <float.h>

TirId ad_real(Ad *ad, Span s, double value) {
    for (uint32_t k = 0; k < ad->constant_count; k++)
        if (ad->f->ops.data[ad->constant[k]].real == value) return ad->constant[k];
    TirId id = tir_real(ad->f, value, s);
    if (ad->constant_count < AD_CONSTANTS) ad->constant[ad->constant_count++] = id;
    return id;
}

bool ad_is_const(const Ad *ad, TirId v, double *value) {
    const TirOp *op = &ad->f->ops.data[v];
    if (op->op == TIR_BROADCAST) return ad_is_const(ad, op->args[0], value);
    *value = op->real;
    return op->op == TIR_CONST && op->type == TIR_REAL;
}

TirId ad_product(Ad *ad, Span s, TirId a, TirId b) {
    const TirOp *x = &ad->f->ops.data[a], *y = &ad->f->ops.data[b];
    if (x->op == TIR_CONST && x->real == 1) return b;
    if (y->op == TIR_CONST && y->real == 1) return a;
    return ad_map2(ad, TIR_MUL, s, a, b);
}

static TirId is_zero(Ad *ad, Span s, TirId t) {
    return ad_map2(ad, TIR_EQ, s, t, ad_real(ad, s, 0));
}

/* v, or 0 where `other` is zero and v is not finite. Values beyond the range of f32 count as infinite. */
static TirId damped(Ad *ad, Span s, TirId v, TirId other) {
    TirId finite = ad_map2(ad, TIR_LT, s, ad_map1(ad, TIR_ABS, s, v), ad_real(ad, s, FLT_MAX));
    TirId drop = ad_map2(ad, TIR_AND, s, is_zero(ad, s, other), ad_map1(ad, TIR_NOT, s, finite));
    return ad_choose(ad, s, drop, ad_real(ad, s, 0), v);
}

static bool is_sound(const Ad *ad, TirId v) {
    double c;
    return ad_is_const(ad, v, &c) && c != 0;
}

TirId ad_scale(Ad *ad, TirId id, Span s, TirId t, TirId factor) {
    TirId given = t;
    if (ad->damp && !is_sound(ad, factor)) t = damped(ad, s, t, factor);
    if (ad->masked[id] && !ad_tame(ad, factor) && !is_sound(ad, given)) factor = damped(ad, s, factor, given);
    return ad_product(ad, s, t, factor);
}

TirId ad_quotient(Ad *ad, TirId id, Span s, TirId t, TirId divisor) {
    if (ad->masked[id] && !is_sound(ad, divisor) && !is_sound(ad, t)) {
        TirId sound = ad_map2(ad, TIR_LT, s, ad_real(ad, s, 0), ad_map1(ad, TIR_ABS, s, divisor));
        TirId drop = ad_map2(ad, TIR_AND, s, is_zero(ad, s, t), ad_map1(ad, TIR_NOT, s, sound));
        divisor = ad_choose(ad, s, drop, ad_real(ad, s, 1), divisor);
    }
    return ad_map2(ad, TIR_DIV, s, t, divisor);
}

TirId ad_with_axes(Ad *ad, TirId v, TirAxes axes, Span s) {
    return tir_broadcast(ad->f, v, tir_axes_union(ad_axes(ad, v), axes), s);
}

static TirId times_length(Ad *ad, TirId v, TirAxes axes, Span s) {
    double size = 1;
    for (uint32_t k = 0; k < axes.count; k++) {
        const TirAxis *axis = &ad->f->axes.data[axes.id[k]];
        if (axis->size >= 0) {
            size *= (double)axis->size;
            continue;
        }
        TirId extent = ad_map1(ad, TIR_TO_REAL, s, tir_extent(ad->f, axes.id[k], s));
        v = ad_map2(ad, TIR_MUL, s, v, extent);
    }
    return size == 1 ? v : ad_map2(ad, TIR_MUL, s, v, ad_real(ad, s, size));
}

TirId ad_sum(Ad *ad, TirId v, TirAxes over, Span s) {
    TirAxes own = tir_axes_both(over, ad_axes(ad, v));
    return times_length(ad, tir_sum(ad->f, v, own, s), tir_axes_minus(over, own), s);
}

TirId ad_contract(Ad *ad, TirId a, TirId b, TirAxes over, Span s) {
    TirAxes in_a = tir_axes_both(over, ad_axes(ad, a)), in_b = tir_axes_both(over, ad_axes(ad, b));
    TirAxes both = tir_axes_both(in_a, in_b), none = tir_axes_minus(over, tir_axes_union(in_a, in_b));
    a = tir_sum(ad->f, a, tir_axes_minus(in_a, both), s);
    b = tir_sum(ad->f, b, tir_axes_minus(in_b, both), s);
    TirId c = both.count ? tir_dot(ad->f, a, b, both, s) : ad_product(ad, s, a, b);
    return times_length(ad, c, none, s);
}

TirId ad_at_maximum(Ad *ad, TirId id, const TirOp *op, TirId *count) {
    Span s = op->span;
    TirId top = ad_map2(ad, TIR_EQ, s, op->args[0], id);
    *count = tir_sum(ad->f, ad_choose(ad, s, top, ad_real(ad, s, 1), ad_real(ad, s, 0)), op->attr_axes, s);
    return top;
}

/* What the bounds of settled values make simpler.
 *
 * x^p, of a settled x >= 0 and a p that changes, in double precision:
 *     x > 0: exp(p log x), the logarithm made at the start;   x = 0: 1 at p = 0, else 0 or infinite
 * The exponential costs a third of a power. Its relative error is |p log x| times the rounding, which no fit in double
 * precision can tell; in single precision it would. The same logarithm serves the derivative by p. */
#include <math.h>

#include "opt/rewrite.h"
#include "stage/stage.h"

static bool is_decided(const TirOp *op, StageRange range) {
    return (op->op == TIR_LT || op->op == TIR_LE) && range.known && range.low == range.high;
}

static TirId map2(TirFunction *f, TirOpcode op, Span span, TirId a, TirId b) {
    return tir_map(f, op, span, a, b, TIR_NONE);
}

/* Written as the derivative of a power writes its logarithm (ad/), so that the two are one. */
static TirId build_power(TirFunction *f, TirId base, TirId exponent, bool positive, Span span) {
    TirId zero = tir_real(f, 0, span), one = tir_real(f, 1, span);
    TirId above = map2(f, TIR_LT, span, zero, base);
    TirId safe = positive ? base : tir_map(f, TIR_SELECT, span, above, base, one);
    TirId log = tir_map(f, TIR_LOG, span, safe, TIR_NONE, TIR_NONE);
    TirId power = tir_map(f, TIR_EXP, span, map2(f, TIR_MUL, span, exponent, log), TIR_NONE, TIR_NONE);
    if (positive) return power;
    TirId sign = map2(f, TIR_EQ, span, exponent, zero), infinite = tir_real(f, INFINITY, span);
    TirId other = tir_map(f, TIR_SELECT, span, sign, one, infinite);
    TirId at_zero = tir_map(f, TIR_SELECT, span, map2(f, TIR_LT, span, zero, exponent), zero, other);
    return tir_map(f, TIR_SELECT, span, above, power, at_zero);
}

void stage_simplify(TirFunction *f, const bool *settled, const StageRange *ranges, bool powers) {
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) {
        TirOp op = rewrite_operation(&w, v);
        if (settled[v] && is_decided(&op, ranges[v])) {
            w.map[v] = rewrite_widen(f, tir_bool(f, ranges[v].low == 1, op.span), op.axes, op.span);
            continue;
        }
        StageRange base = op.op == TIR_POW ? ranges[w.old[v].args[0]] : (StageRange){0, 0, false};
        if (powers && base.known && base.low >= 0 && settled[w.old[v].args[0]] && !settled[w.old[v].args[1]])
            w.map[v] =
                rewrite_widen(f, build_power(f, op.args[0], op.args[1], base.low > 0, op.span), op.axes, op.span);
        else
            w.map[v] = rewrite_append(f, op);
    }
    rewrite_end(&w);
}

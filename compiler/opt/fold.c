/* Constant folding and algebra, as operations are put back one by one. Assumes nothing; leaves dead operations.
 *
 * Element-wise algebra is exact in IEEE arithmetic but for the sign of a zero (x + 0 -> x), with two exceptions, the
 * powers: whole ones up to 8 are products, x^0.5 is sqrt(x). In particular x*0 stays, since x may be infinite.
 * Constants are computed by the reference interpreter, so folding cannot disagree with it. Results that are not finite
 * are not folded.
 * Broadcasts move towards the outputs: f(broadcast(a), b) -> broadcast(f(a, b)), so that what does not depend on an
 * axis is not computed along it. Sums and shapes: fold_shape.c. */
#include <math.h>
#include <stdlib.h>

#include "opt/fold.h"

static TirOp op_at(const TirFunction *f, TirId v) {
    return f->ops.data[v];
}
static bool op_is(const TirFunction *f, TirId v, TirOpcode op) {
    return f->ops.data[v].op == op;
}

static bool const_is(const TirFunction *f, TirId v, double value) {
    const TirOp *op = &f->ops.data[v];
    if (op->op != TIR_CONST) return false;
    return op->type == TIR_REAL ? op->real == value : (double)op->integer == value;
}

static bool const_real(const TirFunction *f, TirId v, double *value) {
    const TirOp *op = &f->ops.data[v];
    *value = op->real;
    return op->op == TIR_CONST && op->type == TIR_REAL;
}

/* A product with such a number is exact in both widths. */
static bool is_power_of_two(double value) {
    int exponent;
    return fabs(frexp(value, &exponent)) == 0.5 && abs(exponent) < 100;
}

TirId fold_narrow(const TirFunction *f, TirId v) {
    return op_is(f, v, TIR_BROADCAST) ? f->ops.data[v].args[0] : v;
}

TirId fold_widen(TirFunction *f, TirId v, TirAxes axes, Span span) {
    if (tir_axes_equal(f->ops.data[v].axes, axes)) return v;
    return rewrite_widen(f, fold_narrow(f, v), axes, span);
}

TirId fold_last(TirFunction *f, TirId built) {
    if (built + 1 != f->ops.count) return built; /* the builder returned its argument */
    f->ops.count--;
    return fold_emit(f, f->ops.data[built]);
}

TirId fold_map(TirFunction *f, TirOpcode op, Span span, TirId a, TirId b, TirId c) {
    return fold_last(f, tir_map(f, op, span, a, b, c));
}

static TirId map1(TirFunction *f, TirOpcode op, Span s, TirId a) {
    return fold_map(f, op, s, a, TIR_NONE, TIR_NONE);
}
static TirId map2(TirFunction *f, TirOpcode op, Span s, TirId a, TirId b) {
    return fold_map(f, op, s, a, b, TIR_NONE);
}

/* `op` with other arguments. */
static TirId map_again(TirFunction *f, const TirOp *op, const TirId *args) {
    return tir_map_order(f, op->op, op->integer, op->span, args[0], args[1], args[2]);
}

/* --- constants --- */

static TirId fold_constant(TirFunction *f, const TirOp *op) {
    enum { EXACT_BITS = 53 };
    if (!(tir_op_flags(op->op) & TIR_CONSTFOLD)) return TIR_NONE;
    for (uint32_t k = 0; k < op->arg_count; k++) {
        const TirOp *arg = &f->ops.data[op->args[k]];
        if (arg->op != TIR_CONST || llabs(arg->integer) > INT64_C(1) << EXACT_BITS) return TIR_NONE;
    }
    Arena scratch = {0};
    TirFunction *alone = tir_function_new(&scratch, "constant");
    TirId args[3] = {TIR_NONE, TIR_NONE, TIR_NONE};
    for (uint32_t k = 0; k < op->arg_count; k++) args[k] = rewrite_append(alone, op_at(f, op->args[k]));
    tir_output(alone, TIR_PORT_VALUE, 0, "value", map_again(alone, op, args));
    TirTensor result;
    tir_interpret(alone, &scratch, NULL, NULL, 0, 0, &result);
    double value = result.data[0];
    arena_free(&scratch);
    if (op->type == TIR_REAL) return isfinite(value) ? tir_real(f, value, op->span) : TIR_NONE;
    if (fabs(value) > (double)(INT64_C(1) << EXACT_BITS)) return TIR_NONE;
    return op->type == TIR_INT ? tir_int(f, (int64_t)value, op->span) : tir_bool(f, value != 0, op->span);
}

/* --- algebra: each takes the arguments, and returns TIR_NONE where nothing is to be gained --- */

/* What a select gives where its condition is `side`, if it gives 0 elsewhere; else TIR_NONE. */
static TirId half_select(const TirFunction *f, TirId v, bool side) {
    const TirOp *op = &f->ops.data[v];
    return op->op == TIR_SELECT && const_is(f, op->args[side ? 2 : 1], 0) ? op->args[side ? 1 : 2] : TIR_NONE;
}

/* select(c, a, 0) + select(c, 0, b): what the two branches of a select send back to what they have in common. */
static TirId join_halves(TirFunction *f, Span s, TirId a, TirId b) {
    if (!op_is(f, a, TIR_SELECT) || !op_is(f, b, TIR_SELECT) || op_at(f, a).args[0] != op_at(f, b).args[0])
        return TIR_NONE;
    TirId then = half_select(f, a, true), other = half_select(f, b, false);
    if (then == TIR_NONE || other == TIR_NONE) return TIR_NONE;
    return fold_map(f, TIR_SELECT, s, op_at(f, a).args[0], then, other);
}

static TirId fold_add(TirFunction *f, Span s, TirId a, TirId b) {
    TirId joined = join_halves(f, s, a, b);
    if (joined == TIR_NONE) joined = join_halves(f, s, b, a);
    if (joined != TIR_NONE) return joined;
    if (const_is(f, a, 0)) return b;
    if (const_is(f, b, 0)) return a;
    if (op_is(f, b, TIR_NEG)) return map2(f, TIR_SUB, s, a, op_at(f, b).args[0]);
    if (op_is(f, a, TIR_NEG)) return map2(f, TIR_SUB, s, b, op_at(f, a).args[0]);
    return TIR_NONE;
}

static TirId fold_sub(TirFunction *f, Span s, TirId a, TirId b) {
    if (const_is(f, b, 0)) return a;
    if (const_is(f, a, 0)) return map1(f, TIR_NEG, s, b);
    if (op_is(f, b, TIR_NEG)) return map2(f, TIR_ADD, s, a, op_at(f, b).args[0]);
    return TIR_NONE;
}

/* c * x with a constant c */
static TirId fold_mul_const(TirFunction *f, Span s, TirId constant, double c, TirId x) {
    if (c == 1) return x;
    if (c == -1) return map1(f, TIR_NEG, s, x);
    TirOp op = op_at(f, x);
    if (op.op == TIR_NEG) return map2(f, TIR_MUL, s, tir_real(f, -c, s), op.args[0]);
    for (int side = 0; side < 2; side++) {
        TirId half = half_select(f, x, side);
        if (half == TIR_NONE || !isfinite(c)) continue;
        TirId scaled = map2(f, TIR_MUL, s, constant, half), zero = op.args[side ? 2 : 1];
        return fold_map(f, TIR_SELECT, s, op.args[0], side ? scaled : zero, side ? zero : scaled);
    }
    if (op.op != TIR_MUL) return TIR_NONE;
    for (int k = 0; k < 2; k++) {
        double d;
        if (!const_real(f, op.args[k], &d) || !(is_power_of_two(c) || is_power_of_two(d))) continue;
        if (fabs(c * d) > 1e30 || fabs(c * d) < 1e-30) continue;
        return map2(f, TIR_MUL, s, tir_real(f, c * d, s), op.args[1 - k]);
    }
    return TIR_NONE;
}

static TirId fold_mul(TirFunction *f, Span s, TirId a, TirId b) {
    if (f->ops.data[a].type == TIR_INT) {
        if (const_is(f, a, 0) || const_is(f, b, 1)) return a;
        return const_is(f, b, 0) || const_is(f, a, 1) ? b : TIR_NONE;
    }
    double c;
    if (const_real(f, a, &c)) return fold_mul_const(f, s, a, c, b);
    if (const_real(f, b, &c)) return fold_mul_const(f, s, b, c, a);
    bool negative = op_is(f, a, TIR_NEG) != op_is(f, b, TIR_NEG);
    if (!negative && !op_is(f, a, TIR_NEG)) return TIR_NONE;
    if (op_is(f, a, TIR_NEG)) a = op_at(f, a).args[0];
    if (op_is(f, b, TIR_NEG)) b = op_at(f, b).args[0];
    TirId product = map2(f, TIR_MUL, s, a, b);
    return negative ? map1(f, TIR_NEG, s, product) : product;
}

static TirId fold_div(TirFunction *f, Span s, TirId a, TirId b) {
    double c;
    if (const_real(f, b, &c) && is_power_of_two(c)) return map2(f, TIR_MUL, s, tir_real(f, 1 / c, s), a);
    if (op_is(f, a, TIR_NEG)) return map1(f, TIR_NEG, s, map2(f, TIR_DIV, s, op_at(f, a).args[0], b));
    return TIR_NONE;
}

static TirId fold_neg(TirFunction *f, Span s, TirId a) {
    TirOp op = op_at(f, a);
    double c;
    if (op.op == TIR_NEG) return op.args[0];
    if (op.op == TIR_SUB) return map2(f, TIR_SUB, s, op.args[1], op.args[0]);
    if (op.op == TIR_MUL && op.type == TIR_REAL)
        for (int k = 0; k < 2; k++)
            if (const_real(f, op.args[k], &c)) return map2(f, TIR_MUL, s, tir_real(f, -c, s), op.args[1 - k]);
    return TIR_NONE;
}

enum { FOLD_POWER = 8 }; /* largest whole power that is a product */

/* a^n by squaring, n >= 1 */
static TirId whole_power(TirFunction *f, Span s, TirId a, int n) {
    if (n == 1) return a;
    TirId half = whole_power(f, s, a, n / 2), square = map2(f, TIR_MUL, s, half, half);
    return n % 2 ? map2(f, TIR_MUL, s, square, a) : square;
}

static TirId fold_pow(TirFunction *f, Span s, TirId a, TirId b) {
    double n;
    if (const_is(f, a, 1) || const_is(f, b, 0)) return tir_real(f, 1, s);
    if (!const_real(f, b, &n)) return TIR_NONE;
    if (fabs(n) == 0.5 || n == 1.5) {
        TirId root = map1(f, TIR_SQRT, s, a);
        return n == 0.5 ? root : n < 0 ? map2(f, TIR_DIV, s, tir_real(f, 1, s), root) : map2(f, TIR_MUL, s, a, root);
    }
    if (n != floor(n) || fabs(n) > FOLD_POWER) return TIR_NONE;
    TirId power = whole_power(f, s, a, (int)fabs(n));
    return n > 0 ? power : map2(f, TIR_DIV, s, tir_real(f, 1, s), power);
}

static TirId fold_logic(TirFunction *f, TirOpcode op, TirId a, TirId b) {
    double neutral = op == TIR_AND;
    if (a == b || const_is(f, b, neutral) || const_is(f, a, !neutral)) return a;
    return const_is(f, a, neutral) || const_is(f, b, !neutral) ? b : TIR_NONE;
}

static TirId fold_select(TirFunction *f, Span s, TirId c, TirId a, TirId b) {
    if (a == b || const_is(f, c, 1)) return a;
    if (const_is(f, c, 0)) return b;
    if (op_is(f, c, TIR_NOT)) return fold_map(f, TIR_SELECT, s, op_at(f, c).args[0], b, a);
    return TIR_NONE;
}

static TirId fold_algebra(TirFunction *f, const TirOp *op) {
    TirId a = op->args[0], b = op->arg_count > 1 ? op->args[1] : TIR_NONE;
    switch (op->op) {
    case TIR_ADD: return fold_add(f, op->span, a, b);
    case TIR_SUB: return fold_sub(f, op->span, a, b);
    case TIR_MUL: return fold_mul(f, op->span, a, b);
    case TIR_DIV: return fold_div(f, op->span, a, b);
    case TIR_NEG: return fold_neg(f, op->span, a);
    case TIR_POW: return fold_pow(f, op->span, a, b);
    case TIR_AND:
    case TIR_OR: return fold_logic(f, op->op, a, b);
    case TIR_SELECT: return fold_select(f, op->span, a, b, op->args[2]);
    case TIR_MAX:
    case TIR_MIN: return a == b ? a : TIR_NONE;
    case TIR_NOT: return op_is(f, a, TIR_NOT) ? op_at(f, a).args[0] : TIR_NONE;
    case TIR_ABS: return op_is(f, a, TIR_NEG) ? map1(f, TIR_ABS, op->span, op_at(f, a).args[0]) : TIR_NONE;
    case TIR_STOP: return op_is(f, a, TIR_STOP) || op_is(f, a, TIR_CONST) ? a : TIR_NONE;
    default: return TIR_NONE;
    }
}

static TirId fold_elementwise(TirFunction *f, const TirOp *op) {
    TirId args[3] = {TIR_NONE, TIR_NONE, TIR_NONE};
    bool narrower = false;
    for (uint32_t k = 0; k < op->arg_count; k++) {
        args[k] = fold_narrow(f, op->args[k]);
        narrower |= args[k] != op->args[k];
    }
    if (narrower) return fold_last(f, map_again(f, op, args));
    TirId made = fold_constant(f, op);
    return made == TIR_NONE ? fold_algebra(f, op) : made;
}

static bool is_elementwise(TirOpcode op) {
    return op >= TIR_NEG && op <= TIR_TO_REAL;
}
_Static_assert(TIR_NEG == TIR_PICK + 1 && TIR_TO_REAL + 1 == TIR_BROADCAST, "element-wise operations are together");

TirId fold_emit(TirFunction *f, TirOp op) {
    TirId made = is_elementwise(op.op) ? fold_elementwise(f, &op) : fold_shape(f, &op);
    return made == TIR_NONE ? rewrite_append(f, op) : fold_widen(f, made, op.axes, op.span);
}

void opt_fold(TirFunction *f) {
    opt_bodies(f, opt_fold);
    Rewrite w;
    rewrite_begin(&w, f);
    for (TirId v = 0; v < w.old_count; v++) w.map[v] = fold_emit(f, rewrite_operation(&w, v));
    rewrite_end(&w);
}

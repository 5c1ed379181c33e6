/* Element-wise operations of the reference interpreter. Ints and bools are doubles that hold whole numbers; int
 * arithmetic wraps at 32 bits, as the emitted code's does.
 *
 * Not-a-numbers: max is `a > b ? a : b`, min is `a < b ? a : b`, so both give b when either is NaN; comparisons with
 * NaN are false; sign(NaN) is 0 and sign(-0) is 0; to_int(NaN) is 0. Everything else is IEEE 754 and the C library. */
#include <math.h>

#include "support/foreign.h"
#include "tir/nest.h"
#include "tir/special.h"

static double wrap32(int64_t value) {
    return (int32_t)(uint32_t)(uint64_t)value;
}

static double to_int(double x) {
    if (x != x) return 0;
    return x >= 2147483647.0 ? 2147483647.0 : x <= -2147483648.0 ? -2147483648.0 : trunc(x);
}

#define ROW(value)                                                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        const double a = p[1][i * step[1]], b = p[2] ? p[2][i * step[2]] : 0;                                          \
        (void)a, (void)b;                                                                                              \
        p[0][i * step[0]] = (value);                                                                                   \
    }                                                                                                                  \
    return

static void int_row(TirOpcode op, int64_t n, double *const *p, const int64_t *step) {
    switch (op) {
    case TIR_NEG: ROW(wrap32(-(int64_t)a));
    case TIR_ABS: ROW(wrap32((int64_t)fabs(a)));
    case TIR_ADD: ROW(wrap32((int64_t)a + (int64_t)b));
    case TIR_SUB: ROW(wrap32((int64_t)a - (int64_t)b));
    default: ROW(wrap32((int64_t)a * (int64_t)b));
    }
}

static bool op_is_int_arithmetic(const TirOp *op) {
    if (op->type != TIR_INT) return false;
    return op->op == TIR_NEG || op->op == TIR_ABS || op->op == TIR_ADD || op->op == TIR_SUB || op->op == TIR_MUL;
}

static void real_row(TirOpcode op, int64_t n, double *const *p, const int64_t *step) {
    switch (op) {
    case TIR_NEG: ROW(-a);
    case TIR_ABS: ROW(fabs(a));
    case TIR_SIGN: ROW((double)((a > 0) - (a < 0)));
    case TIR_FLOOR: ROW(floor(a));
    case TIR_EXP: ROW(exp(a));
    case TIR_LOG: ROW(log(a));
    case TIR_EXPM1: ROW(expm1(a));
    case TIR_LOG1P: ROW(log1p(a));
    case TIR_SQRT: ROW(sqrt(a));
    case TIR_TANH: ROW(tanh(a));
    case TIR_SIN: ROW(sin(a));
    case TIR_COS: ROW(cos(a));
    case TIR_ROUND: ROW(rint(a));
    case TIR_ATAN: ROW(atan(a));
    case TIR_ATAN2: ROW(atan2(a, b));
    case TIR_ERF: ROW(erf(a));
    case TIR_ERFC: ROW(erfc(a));
    case TIR_ADD: ROW(a + b);
    case TIR_SUB: ROW(a - b);
    case TIR_MUL: ROW(a * b);
    case TIR_DIV: ROW(a / b);
    case TIR_POW: ROW(pow(a, b));
    case TIR_MAX: ROW(a > b ? a : b);
    case TIR_MIN: ROW(a < b ? a : b);
    case TIR_LT: ROW(a < b);
    case TIR_LE: ROW(a <= b);
    case TIR_EQ: ROW(a == b);
    case TIR_AND: ROW(a != 0 && b != 0);
    case TIR_OR: ROW(a != 0 || b != 0);
    case TIR_NOT: ROW(a == 0);
    case TIR_SELECT: ROW(a != 0 ? b : p[3][i * step[3]]);
    case TIR_TO_INT: ROW(to_int(a));
    default: ROW(a); /* TO_REAL, STOP, and copies: BROADCAST, RENAME, SLICE, STACK */
    }
}

static void special_row(const TirOp *op, int64_t n, double *const *p, const int64_t *step) {
    double args[3] = {0};
    for (int64_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < op->arg_count; k++) args[k] = p[1 + k][i * step[1 + k]];
        p[0][i * step[0]] = special_map(op->op, op->integer, args);
    }
}

static void extern_row(const TirOp *op, int64_t n, double *const *p, const int64_t *step) {
    for (int64_t i = 0; i < n; i++) {
        double args[TIR_EXTERN_ARGS];
        for (uint32_t k = 0; k < op->arg_count; k++) args[k] = p[k + 1][i * step[k + 1]];
        p[0][i * step[0]] = foreign_call(op->external, args, op->arg_count);
    }
}

void interp_map_row(const void *context, int64_t n, double *const *p, const int64_t *step) {
    const TirOp *op = context;
    if (op_is_int_arithmetic(op))
        int_row(op->op, n, p, step);
    else if (special_has(op->op))
        special_row(op, n, p, step);
    else if (op->op == TIR_EXTERN)
        extern_row(op, n, p, step);
    else
        real_row(op->op, n, p, step);
}

/* Builders of elementary functions out of plain machine operations. All are branch-free, so that the emitter can make
 * vectors of them, and none calls a library: results are the same on every machine that has a fused multiply-add.
 *
 * Rules the bodies keep to: an integer as wide as the real meets BIT_ operations, shifts, LT and SELECT only; NaN
 * reaches no conversion (reals become integers by adding 3 * 2^(mantissa bits - 1), which leaves the integer in the low
 * bits); where the rounding of a product matters it is an FMA, since the emitter may contract mul and add.
 *
 * What costs: on present x86 cores two of the four vector pipes do products, FMA, max, min, selects and comparisons of
 * reals; sums, bit operations and comparisons of integers have the other two as well. So arguments are cut by max and
 * min, classes of arguments are told apart by their bits, and factors of two are bits that are added. */
#ifndef QTMC_MATH_MATH_H
#define QTMC_MATH_MATH_H

#include "lir/lir.h"

typedef struct MathBuilder {
    Arena *arena;
    bool f64;
    Span span; /* for the instructions to come */
    VEC(LirInstr) body;
} MathBuilder;

typedef uint32_t MathId; /* an instruction of the body */

/* one a family: exp.c, log.c, pow.c, trig.c, erf.c, atan.c, gamma.c, bessel.c, dilog.c */
MathId math_exp(MathBuilder *b, MathId x);
MathId math_expm1(MathBuilder *b, MathId x);
MathId math_tanh(MathBuilder *b, MathId x);
MathId math_log(MathBuilder *b, MathId x);
MathId math_log1p(MathBuilder *b, MathId x);
MathId math_sin(MathBuilder *b, MathId x);
MathId math_cos(MathBuilder *b, MathId x);
MathId math_pow(MathBuilder *b, MathId x, MathId y);
MathId math_erf(MathBuilder *b, MathId x);
MathId math_erfc(MathBuilder *b, MathId x);
MathId math_atan(MathBuilder *b, MathId x);
MathId math_atan2(MathBuilder *b, MathId y, MathId x);
MathId math_lgamma(MathBuilder *b, MathId x);
MathId math_dilog(MathBuilder *b, MathId x);
MathId math_bessel_j(MathBuilder *b, int64_t n, MathId x);
MathId math_polygamma(MathBuilder *b, int64_t n, MathId x);

/* exp(x + small), where |small| is far below |x| or both are below 1 */
MathId math_exp_sum(MathBuilder *b, MathId x, MathId small);

/* x = m * 2^e with m in [low, 2 low), for positive finite x, subnormal too if asked for */
typedef struct MathParts {
    MathId m;
    MathId e;        /* e / math_unit() */
    MathId exponent; /* bits: e shifted to the place of an exponent (of a normal x) */
} MathParts;
MathParts math_split(MathBuilder *b, MathId x, double low, bool subnormal);
/* What the exponent of math_split counts: it becomes a real in one step where it stands, if the machine converts
 * integers of that width. */
static inline double math_unit(const MathBuilder *b) {
    return b->f64 ? 1 : 0x1p-23;
}

/* --- single instructions: builder.c --- */
MathId math_op(MathBuilder *b, LirOpcode op, LirType type, MathId x, MathId y, MathId z);
MathId math_real(MathBuilder *b, double value);
MathId math_bit_const(MathBuilder *b, int64_t value);
/* the constant whose bits are those of a real */
MathId math_real_bits(MathBuilder *b, double value);
MathId math_shl(MathBuilder *b, MathId x, int count);
MathId math_shr(MathBuilder *b, MathId x, int count);
/* c[0] + c[1] x + ..., by pairs; and by Horner's rule, which waits longer but rounds less where terms are large */
MathId math_poly(MathBuilder *b, MathId x, const double *c, size_t count);
MathId math_horner(MathBuilder *b, MathId x, const double *c, size_t count);
/* the polynomial of coefficients.h that fits the width of reals */
#define MATH_TABLE(b, f, x, name)                                                                                      \
    ((b)->f64 ? f((b), (x), name##_f64, sizeof name##_f64 / sizeof(double))                                            \
              : f((b), (x), name##_f32, sizeof name##_f32 / sizeof(double)))
#define MATH_POLY(b, x, name) MATH_TABLE(b, math_poly, x, name)
#define MATH_HORNER(b, x, name) MATH_TABLE(b, math_horner, x, name)
#define MATH_PART(b, name, i) ((b)->f64 ? name##_f64[i] : name##_f32[i])

static inline int math_mantissa(const MathBuilder *b) {
    return b->f64 ? 52 : 23;
}
/* adding it puts an integer into the low bits */
static inline double math_magic(const MathBuilder *b) {
    return b->f64 ? 0x1.8p52 : 0x1.8p23;
}

static inline MathId math_add(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_ADD, LIR_T_REAL, x, y, 0);
}
static inline MathId math_sub(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_SUB, LIR_T_REAL, x, y, 0);
}
static inline MathId math_mul(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_MUL, LIR_T_REAL, x, y, 0);
}
static inline MathId math_div(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_DIV, LIR_T_REAL, x, y, 0);
}
static inline MathId math_neg(MathBuilder *b, MathId x) {
    return math_op(b, LIR_NEG, LIR_T_REAL, x, 0, 0);
}
static inline MathId math_abs(MathBuilder *b, MathId x) {
    return math_op(b, LIR_ABS, LIR_T_REAL, x, 0, 0);
}
static inline MathId math_floor(MathBuilder *b, MathId x) {
    return math_op(b, LIR_FLOOR, LIR_T_REAL, x, 0, 0);
}
static inline MathId math_lt(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_LT, LIR_T_BOOL, x, y, 0);
}
static inline MathId math_le(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_LE, LIR_T_BOOL, x, y, 0);
}
static inline MathId math_eq(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_EQ, LIR_T_BOOL, x, y, 0);
}
/* x > y ? x : y and x < y ? x : y: y where one of them is NaN */
static inline MathId math_max(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_MAX, LIR_T_REAL, x, y, 0);
}
static inline MathId math_min(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_MIN, LIR_T_REAL, x, y, 0);
}
static inline MathId math_and(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_AND, LIR_T_BOOL, x, y, 0);
}
static inline MathId math_not(MathBuilder *b, MathId x) {
    return math_op(b, LIR_NOT, LIR_T_BOOL, x, 0, 0);
}
static inline MathId math_select(MathBuilder *b, MathId condition, MathId x, MathId y) {
    return math_op(b, LIR_SELECT, LIR_T_REAL, condition, x, y);
}
static inline MathId math_fma(MathBuilder *b, MathId x, MathId y, MathId z) {
    return math_op(b, LIR_FMA, LIR_T_REAL, x, y, z);
}
static inline MathId math_bits(MathBuilder *b, MathId x) {
    return math_op(b, LIR_BITS, LIR_T_INT, x, 0, 0);
}
static inline MathId math_from_bits(MathBuilder *b, MathId x) {
    return math_op(b, LIR_FROM_BITS, LIR_T_REAL, x, 0, 0);
}
static inline MathId math_bit_and(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_BIT_AND, LIR_T_INT, x, y, 0);
}
static inline MathId math_bit_or(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_BIT_OR, LIR_T_INT, x, y, 0);
}
static inline MathId math_bit_add(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_BIT_ADD, LIR_T_INT, x, y, 0);
}
static inline MathId math_bit_sub(MathBuilder *b, MathId x, MathId y) {
    return math_op(b, LIR_BIT_SUB, LIR_T_INT, x, y, 0);
}

#endif

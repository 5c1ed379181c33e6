/* Single instructions and the pieces that every family uses; see math.h. */
#include <string.h>

#include "math/math.h"

static MathId push(MathBuilder *b, LirInstr instr) {
    instr.span = b->span;
    VEC_PUSH(b->arena, &b->body, instr);
    return (MathId)(b->body.count - 1);
}

MathId math_op(MathBuilder *b, LirOpcode op, LirType type, MathId x, MathId y, MathId z) {
    return push(b, (LirInstr){.op = op, .type = type, .args = {x, y, z}});
}

MathId math_real(MathBuilder *b, double value) {
    return push(b, (LirInstr){.op = LIR_REAL, .type = LIR_T_REAL, .real = value});
}

MathId math_bit_const(MathBuilder *b, int64_t value) {
    return push(b, (LirInstr){.op = LIR_BIT_CONST, .type = LIR_T_INT, .integer = value});
}

static int64_t real_bits(const MathBuilder *b, double value) {
    if (b->f64) {
        int64_t bits;
        memcpy(&bits, &value, sizeof bits);
        return bits;
    }
    float single = (float)value;
    int32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return bits;
}

MathId math_real_bits(MathBuilder *b, double value) {
    return math_bit_const(b, real_bits(b, value));
}

MathId math_shl(MathBuilder *b, MathId x, int count) {
    MathId by = push(b, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = count});
    return math_op(b, LIR_SHL, LIR_T_INT, x, by, 0);
}

MathId math_shr(MathBuilder *b, MathId x, int count) {
    MathId by = push(b, (LirInstr){.op = LIR_INT, .type = LIR_T_INT, .integer = count});
    return math_op(b, LIR_SHR, LIR_T_INT, x, by, 0);
}

MathId math_horner(MathBuilder *b, MathId x, const double *c, size_t count) {
    MathId sum = math_real(b, c[count - 1]);
    for (size_t i = count - 1; i-- > 0;) sum = math_fma(b, sum, x, math_real(b, c[i]));
    return sum;
}

/* c[0] + x (c[1] + c[2] x + ...), the bracket by pairs (Estrin 1960): c + d x, then pairs of these with x^2, and so on.
 * Few of these steps wait for one another, and the last one rounds as in Horner's rule. */
MathId math_poly(MathBuilder *b, MathId x, const double *c, size_t count) {
    MathId *term = ARENA_ARRAY(b->arena, MathId, count), power = x;
    for (size_t i = 0; i < count; i++) term[i] = math_real(b, c[i]);
    if (count == 1) return term[0];
    MathId *rest = term + 1;
    for (size_t n = count - 1; n > 1; n = (n + 1) / 2) {
        if (n < count - 1) power = math_mul(b, power, power);
        if (n == 3) { /* by Horner's rule: saves a power */
            rest[0] = math_fma(b, math_fma(b, rest[2], power, rest[1]), power, rest[0]);
            break;
        }
        for (size_t i = 0; i < n / 2; i++) rest[i] = math_fma(b, rest[2 * i + 1], power, rest[2 * i]);
        if (n % 2) rest[n / 2] = rest[n - 1];
    }
    return math_fma(b, rest[0], x, term[0]);
}

/* The exponent as a real; f64 has no instruction for it everywhere. */
static MathId exponent_real(MathBuilder *b, MathId exponent) {
    if (!b->f64) return math_op(b, LIR_BITS_INT_TO_REAL, LIR_T_REAL, exponent, 0, 0);
    MathId integer = math_bit_add(b, math_shr(b, exponent, 52), math_real_bits(b, math_magic(b)));
    return math_sub(b, math_from_bits(b, integer), math_real(b, math_magic(b)));
}

/* Subnormal numbers are made normal by a factor, which is taken back where bits are integers: the sum of exponent and
 * mantissa that they are may well be negative. In f32 the bits of such a number, as an integer, are 2^149 times it.
 * (Negative numbers come here too.) */
static MathId normal_bits(MathBuilder *b, MathId x) {
    MathId bits = math_bits(b, x), up;
    if (b->f64)
        up = math_mul(b, x, math_real(b, 0x1p54));
    else
        up = math_op(b, LIR_BITS_INT_TO_REAL, LIR_T_REAL, bits, 0, 0);
    MathId small = math_lt(b, bits, math_real_bits(b, b->f64 ? 0x1p-1022 : 0x1p-126));
    MathId factor = math_bit_const(b, b->f64 ? INT64_C(54) << 52 : INT64_C(149) << 23);
    return math_op(b, LIR_SELECT, LIR_T_INT, small, math_bit_sub(b, math_bits(b, up), factor), bits);
}

MathParts math_split(MathBuilder *b, MathId x, double low, bool subnormal) {
    MathId bits = subnormal ? normal_bits(b, x) : math_bits(b, x);
    MathId exponents = math_bit_const(b, -(INT64_C(1) << math_mantissa(b)));
    MathId exponent = math_bit_and(b, math_bit_sub(b, bits, math_real_bits(b, low)), exponents);
    return (MathParts){math_from_bits(b, math_bit_sub(b, bits, exponent)), exponent_real(b, exponent), exponent};
}

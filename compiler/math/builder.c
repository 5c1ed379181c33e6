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

MathId math_poly(MathBuilder *b, MathId x, const double *c, size_t count) {
    MathId sum = math_real(b, c[count - 1]);
    for (size_t i = count - 1; i-- > 0;) sum = math_fma(b, sum, x, math_real(b, c[i]));
    return sum;
}

MathParts math_split(MathBuilder *b, MathId x, double low, bool subnormal) {
    const int mantissa = math_mantissa(b), up = mantissa + 2;
    MathId bias = 0;
    if (subnormal) {
        MathId small = math_lt(b, x, math_real(b, b->f64 ? 0x1p-1022 : 0x1p-126));
        x = math_select(b, small, math_mul(b, x, math_real(b, b->f64 ? 0x1p54 : 0x1p25)), x);
        bias = math_select(b, small, math_real(b, -up), math_real(b, 0));
    }
    MathId offset = math_real_bits(b, low);
    MathId i = math_bit_sub(b, math_bits(b, x), offset);
    MathId fraction = math_bit_and(b, i, math_bit_const(b, (INT64_C(1) << mantissa) - 1));
    MathParts parts = {.m = math_from_bits(b, math_bit_add(b, fraction, offset))};
    MathId integer = math_bit_add(b, math_shr(b, i, mantissa), math_real_bits(b, math_magic(b)));
    parts.e = math_sub(b, math_from_bits(b, integer), math_real(b, math_magic(b)));
    if (subnormal) parts.e = math_add(b, parts.e, bias);
    parts.exponent = math_bit_sub(b, i, fraction);
    return parts;
}

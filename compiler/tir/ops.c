/* Facts about single operations, read out of tir_ops.def. */
#include <assert.h>

#include "tir/infer.h"

/* the flag words of the table */
enum { FUSE = TIR_FUSE, CONST = TIR_CONSTFOLD, LINEAR = TIR_LINEAR, STREAM = TIR_STREAM };

typedef struct OpFact {
    const char *text;
    int arity;
    unsigned flags;
    double cost;
} OpFact;

static const OpFact op_fact[] = {
#define TIR_OP(name, text, arity, shape, type, flags, rule, cost) {text, arity, flags, cost},
#include "tir/tir_ops.def"
#undef TIR_OP
};
static_assert(sizeof op_fact / sizeof *op_fact == TIR_OPCODE_COUNT, "one row an operation");

const char *tir_op_text(TirOpcode op) {
    return (unsigned)op < TIR_OPCODE_COUNT ? op_fact[op].text : "?";
}
unsigned tir_op_flags(TirOpcode op) {
    return (unsigned)op < TIR_OPCODE_COUNT ? op_fact[op].flags : 0;
}
int tir_op_arity(TirOpcode op) {
    return (unsigned)op < TIR_OPCODE_COUNT ? op_fact[op].arity : 0;
}

double tir_op_cost(TirOpcode op) {
    return (unsigned)op < TIR_OPCODE_COUNT ? op_fact[op].cost : 0;
}

unsigned tir_op_attrs(TirOpcode op) {
    switch (op) {
    case TIR_CONST: return TIR_ATTR_VALUE;
    case TIR_INPUT:
    case TIR_UNIFORM: return TIR_ATTR_INTEGER | TIR_ATTR_LEAF;
    case TIR_PICK: return TIR_ATTR_INTEGER | TIR_ATTR_AXIS2 | TIR_ATTR_LEAF;
    case TIR_IOTA:
    case TIR_EXTENT:
    case TIR_STACK:
    case TIR_GATHER:
    case TIR_ARGSORT:
    case TIR_SEARCH: return TIR_ATTR_AXIS;
    case TIR_EXTERN: return TIR_ATTR_EXTERN;
    case TIR_SCATTER: return TIR_ATTR_AXIS | TIR_ATTR_RESULT;
    case TIR_BROADCAST: return TIR_ATTR_RESULT;
    case TIR_RENAME: return TIR_ATTR_AXIS | TIR_ATTR_AXIS2;
    case TIR_POLYGAMMA:
    case TIR_BESSEL_J:
    case TIR_INC_GAMMA:
    case TIR_INC_BETA: return TIR_ATTR_INTEGER;
    case TIR_SLICE: return TIR_ATTR_INTEGER | TIR_ATTR_AXIS;
    case TIR_SUM:
    case TIR_REDUCE_MAX:
    case TIR_DOT: return TIR_ATTR_OVER;
    case TIR_FLATTEN: return TIR_ATTR_AXIS | TIR_ATTR_OVER;
    case TIR_CUMSUM: return TIR_ATTR_AXIS | TIR_ATTR_FLAG;
    case TIR_LOOP: return TIR_ATTR_INTEGER | TIR_ATTR_AXIS | TIR_ATTR_FLAG | TIR_ATTR_BODY;
    case TIR_RESULT: return TIR_ATTR_INTEGER;
    default: return 0;
    }
}

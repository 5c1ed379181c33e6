/* Replaces the elementary functions in every kernel body by plain instructions (math.h). Everything that names an
 * instruction by its number is renumbered: arguments, indices by value, effects. */
#include "math/math.h"

static MathId expand_one(MathBuilder *b, const LirInstr *instr, MathId x, MathId y) {
    switch (instr->op) {
    case LIR_EXP: return math_exp(b, x);
    case LIR_LOG: return math_log(b, x);
    case LIR_EXPM1: return math_expm1(b, x);
    case LIR_LOG1P: return math_log1p(b, x);
    case LIR_TANH: return math_tanh(b, x);
    case LIR_SIN: return math_sin(b, x);
    case LIR_COS: return math_cos(b, x);
    case LIR_ERF: return math_erf(b, x);
    case LIR_ERFC: return math_erfc(b, x);
    case LIR_ATAN: return math_atan(b, x);
    case LIR_ATAN2: return math_atan2(b, x, y);
    case LIR_LGAMMA: return math_lgamma(b, x);
    case LIR_DILOG: return math_dilog(b, x);
    case LIR_BESSEL_J: return math_bessel_j(b, instr->integer, x);
    case LIR_POLYGAMMA: return math_polygamma(b, instr->integer, x);
    default: return math_pow(b, x, y);
    }
}

static bool is_function(LirOpcode op) {
    return op >= LIR_EXP && op <= LIR_POLYGAMMA;
}

_Static_assert(LIR_POLYGAMMA - LIR_EXP == 15, "elementary functions are together");

static void renumber_access(const LirFunction *f, LirAccess *access, const uint32_t *number) {
    uint32_t rank = f->buffers.data[access->buffer].rank;
    for (uint32_t d = 0; d < rank; d++)
        if (access->index[d].kind == LIR_INDEX_VALUE) access->index[d].value = number[access->index[d].value];
}

static void expand_kernel(const LirFunction *f, LirKernel *kernel, bool f64) {
    MathBuilder b = {.arena = f->arena, .f64 = f64};
    uint32_t *number = ARENA_ARRAY(f->arena, uint32_t, kernel->body.count); /* new number of each instruction */
    for (size_t i = 0; i < kernel->body.count; i++) {
        LirInstr instr = kernel->body.data[i];
        for (int a = 0; a < lir_op_arity(instr.op); a++) instr.args[a] = number[instr.args[a]];
        b.span = instr.span;
        if (is_function(instr.op)) {
            number[i] = expand_one(&b, &instr, instr.args[0], instr.args[1]);
            continue;
        }
        if (instr.op == LIR_LOAD || instr.op == LIR_SEARCH) renumber_access(f, &instr.access, number);
        number[i] = (uint32_t)b.body.count;
        VEC_PUSH(b.arena, &b.body, instr);
    }
    kernel->body.data = b.body.data;
    kernel->body.count = b.body.count;
    kernel->body.capacity = b.body.capacity;
    for (size_t i = 0; i < kernel->effects.count; i++) {
        LirEffect *effect = &kernel->effects.data[i];
        renumber_access(f, &effect->access, number);
        if (kernel->kind == LIR_NEST || kernel->kind == LIR_DOT) effect->value = number[effect->value];
    }
}

static bool has_function(const LirKernel *kernel) {
    for (size_t i = 0; i < kernel->body.count; i++)
        if (is_function(kernel->body.data[i].op)) return true;
    return false;
}

void math_expand(LirFunction *f, bool f64) {
    for (size_t g = 0; g < f->groups.count; g++) {
        if (f->groups.data[g].loop) math_expand(f->groups.data[g].loop->body, f64);
        for (size_t k = 0; k < f->groups.data[g].kernels.count; k++) {
            LirKernel *kernel = f->groups.data[g].kernels.data[k];
            if (has_function(kernel)) expand_kernel(f, kernel, f64);
        }
    }
}

/* The instructions of kernel bodies. One function a family; an instruction is a vector when it differs between lanes of
 * the vector axis, and a scalar otherwise. In a nest each one is emitted in the outermost loop where its arguments are
 * known, because a pass that moves code would not move loads past stores. */
#include "llvm/build.h"

#include <math.h>

#include "lir/cost.h"
#include "llvm/frame.h"

/* --- which loops and lanes an instruction depends on --- */

static bool vector_access(const Body *b, const LirAccess *access) {
    for (unsigned d = 0; d < b->f->buffers.data[access->buffer].rank; d++) {
        const LirIndex *index = &access->index[d];
        if (index->kind == LIR_INDEX_LOOP && index->axis == b->vector_axis) return true;
        if (index->kind == LIR_INDEX_VALUE && b->vector[index->value]) return true;
    }
    return false;
}

static bool vector_instr(const Body *b, const LirInstr *in) {
    for (int a = 0; a < lir_op_arity(in->op); a++)
        if (b->vector[in->args[a]]) return true;
    if (in->op == LIR_LOOP) return in->axis == b->vector_axis;
    if (in->op == LIR_LOAD || in->op == LIR_SEARCH) return vector_access(b, &in->access);
    return in->op == LIR_ACC && b->vector_axis != LIR_NO_AXIS;
}

static void want_splats(Body *b, uint32_t instr) {
    const LirInstr *in = &b->kernel->body.data[instr];
    if (!b->vector[instr]) return;
    for (int a = 0; a < lir_op_arity(in->op); a++)
        if (!b->vector[in->args[a]]) b->wants_splat[in->args[a]] = true;
}

void body_analyse(Body *b) {
    Arena *arena = b->emit->arena;
    const LirKernel *k = b->kernel;
    size_t n = k->body.count;
    b->value = ARENA_ARRAY(arena, LLVMValueRef, n);
    b->splat = ARENA_ARRAY(arena, LLVMValueRef, n);
    b->vector = ARENA_ARRAY(arena, bool, n);
    b->wants_splat = ARENA_ARRAY(arena, bool, n);
    b->level = lir_levels(arena, b->f, k);
    for (uint32_t i = 0; i < n; i++) {
        b->vector[i] = vector_instr(b, &k->body.data[i]);
        want_splats(b, i);
    }
    pair_find(b);
}

LLVMValueRef body_value(Body *b, uint32_t instr, bool vector) {
    if (!vector || b->vector[instr] || b->lanes == 1) return b->value[instr];
    if (b->splat[instr]) return b->splat[instr];
    return build_splat(b, b->value[instr], b->lanes);
}

/* --- one instruction; `n` is its number of lanes --- */

static LLVMValueRef call_real(Body *b, const char *name, LLVMValueRef *args, unsigned count) {
    return build_intrinsic(b, name, LLVMTypeOf(args[0]), args, count);
}

static LLVMValueRef real_like(Body *b, double value, unsigned n) {
    return build_splat(b, const_real(b->emit, value), n);
}

static bool is_real(LLVMValueRef v) {
    LLVMTypeRef type = LLVMTypeOf(v);
    if (LLVMGetTypeKind(type) == LLVMVectorTypeKind) type = LLVMGetElementType(type);
    return LLVMGetTypeKind(type) != LLVMIntegerTypeKind;
}

/* Without rounding instructions. Nearest even: below 2^p (p: mantissa bits), adding 2^p and taking it away again
 * rounds. The sign is put back for -0. No flag here: the two sums must stay. */
static LLVMValueRef round_plain(Body *b, LLVMValueRef x, unsigned n) {
    LLVMValueRef large = real_like(b, b->emit->f64 ? 0x1p52 : 0x1p23, n), size = call_real(b, "llvm.fabs", &x, 1);
    LLVMValueRef r = LLVMBuildFSub(b->at, LLVMBuildFAdd(b->at, size, large, ""), large, "");
    LLVMValueRef args[2] = {r, x};
    r = call_real(b, "llvm.copysign", args, 2);
    return LLVMBuildSelect(b->at, LLVMBuildFCmp(b->at, LLVMRealOLT, size, large, ""), r, x, "");
}

static LLVMValueRef op_round(Body *b, LirOpcode op, LLVMValueRef x, unsigned n) {
    if (b->emit->target->rounding) return call_real(b, op == LIR_ROUND ? "llvm.rint" : "llvm.floor", &x, 1);
    LLVMValueRef r = round_plain(b, x, n);
    if (op == LIR_ROUND) return r;
    LLVMValueRef lower = LLVMBuildFSub(b->at, r, real_like(b, 1, n), "");
    return LLVMBuildSelect(b->at, LLVMBuildFCmp(b->at, LLVMRealOGT, r, x, ""), lower, r, "");
}

/* x = high + low exactly, each of at most 26 bits (Veltkamp 1968). */
static LLVMValueRef split_high(Body *b, LLVMValueRef x, unsigned n) {
    LLVMValueRef scaled = LLVMBuildFMul(b->at, x, real_like(b, 0x1p27 + 1, n), "");
    return LLVMBuildFSub(b->at, scaled, LLVMBuildFSub(b->at, scaled, x, ""), "");
}

/* p + error = x*y (Dekker 1971), s + rest = p + z (Knuth), result s + (rest + error). */
static LLVMValueRef fma_dekker(Body *b, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z, unsigned n) {
    LLVMBuilderRef at = b->at;
    LLVMValueRef p = LLVMBuildFMul(at, x, y, "");
    LLVMValueRef xh = split_high(b, x, n), yh = split_high(b, y, n);
    LLVMValueRef xl = LLVMBuildFSub(at, x, xh, ""), yl = LLVMBuildFSub(at, y, yh, "");
    LLVMValueRef error = LLVMBuildFSub(at, LLVMBuildFMul(at, xh, yh, ""), p, "");
    error = LLVMBuildFAdd(at, error, LLVMBuildFMul(at, xh, yl, ""), "");
    error = LLVMBuildFAdd(at, error, LLVMBuildFMul(at, xl, yh, ""), "");
    error = LLVMBuildFAdd(at, error, LLVMBuildFMul(at, xl, yl, ""), "");
    LLVMValueRef s = LLVMBuildFAdd(at, p, z, ""), v = LLVMBuildFSub(at, s, p, "");
    LLVMValueRef rest =
        LLVMBuildFAdd(at, LLVMBuildFSub(at, p, LLVMBuildFSub(at, s, v, ""), ""), LLVMBuildFSub(at, z, v, ""), "");
    LLVMValueRef sum = LLVMBuildFAdd(at, s, LLVMBuildFAdd(at, rest, error, ""), "");
    /* infinities and NaN: the parts are NaN where the plain sum is right */
    return LLVMBuildSelect(at, LLVMBuildFCmp(at, LLVMRealORD, sum, sum, ""), sum, s, "");
}

static LLVMValueRef op_fma(Body *b, LLVMValueRef *a, unsigned n) {
    if (b->emit->target->fma) return call_real(b, "llvm.fma", a, 3);
    if (b->emit->f64) return fma_dekker(b, a[0], a[1], a[2], n);
    LLVMTypeRef wide = type_lanes(LLVMDoubleTypeInContext(b->emit->context), n);
    LLVMValueRef w[3];
    for (int i = 0; i < 3; i++) w[i] = LLVMBuildFPExt(b->at, a[i], wide, "");
    LLVMValueRef sum = LLVMBuildFAdd(b->at, LLVMBuildFMul(b->at, w[0], w[1], ""), w[2], "");
    return LLVMBuildFPTrunc(b->at, sum, LLVMTypeOf(a[0]), "");
}

static LLVMValueRef op_arithmetic(Body *b, LirOpcode op, LLVMValueRef x, LLVMValueRef y) {
    LLVMBuilderRef at = b->at;
    if (is_real(x)) switch (op) {
        case LIR_ADD: return build_contract(LLVMBuildFAdd(at, x, y, ""));
        case LIR_SUB: return build_contract(LLVMBuildFSub(at, x, y, ""));
        case LIR_MUL: return build_contract(LLVMBuildFMul(at, x, y, ""));
        case LIR_DIV: return LLVMBuildFDiv(at, x, y, "");
        case LIR_MAX: return LLVMBuildSelect(at, LLVMBuildFCmp(at, LLVMRealOGT, x, y, ""), x, y, "");
        default: return LLVMBuildSelect(at, LLVMBuildFCmp(at, LLVMRealOLT, x, y, ""), x, y, "");
        }
    switch (op) {
    case LIR_ADD: return LLVMBuildAdd(at, x, y, "");
    case LIR_SUB: return LLVMBuildSub(at, x, y, "");
    case LIR_MUL: return LLVMBuildMul(at, x, y, "");
    case LIR_MAX: return LLVMBuildSelect(at, LLVMBuildICmp(at, LLVMIntSGT, x, y, ""), x, y, "");
    case LIR_MIN: return LLVMBuildSelect(at, LLVMBuildICmp(at, LLVMIntSLT, x, y, ""), x, y, "");
    default: emit_fail(b, "%s of integers", lir_op_text(op));
    }
}

static LLVMValueRef op_compare(Body *b, LirOpcode op, LLVMValueRef x, LLVMValueRef y) {
    LLVMRealPredicate real = op == LIR_LT ? LLVMRealOLT : op == LIR_LE ? LLVMRealOLE : LLVMRealOEQ;
    LLVMIntPredicate integer = op == LIR_LT ? LLVMIntSLT : op == LIR_LE ? LLVMIntSLE : LLVMIntEQ;
    return is_real(x) ? LLVMBuildFCmp(b->at, real, x, y, "") : LLVMBuildICmp(b->at, integer, x, y, "");
}

static LLVMValueRef op_unary(Body *b, LirOpcode op, LLVMValueRef x, unsigned n) {
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
    switch (op) {
    case LIR_NEG: return is_real(x) ? LLVMBuildFNeg(b->at, x, "") : LLVMBuildNeg(b->at, x, "");
    case LIR_ABS:
        if (is_real(x)) return call_real(b, "llvm.fabs", &x, 1);
        return LLVMBuildSelect(b->at, LLVMBuildICmp(b->at, LLVMIntSLT, x, zero, ""), LLVMBuildNeg(b->at, x, ""), x, "");
    case LIR_SIGN: {
        LLVMValueRef negative = LLVMBuildFCmp(b->at, LLVMRealOLT, x, zero, "");
        LLVMValueRef minus = LLVMBuildSelect(b->at, negative, real_like(b, -1, n), zero, "");
        LLVMValueRef positive = LLVMBuildFCmp(b->at, LLVMRealOGT, x, zero, "");
        return LLVMBuildSelect(b->at, positive, real_like(b, 1, n), minus, "");
    }
    case LIR_SQRT: return call_real(b, "llvm.sqrt", &x, 1);
    case LIR_NOT: return LLVMBuildNot(b->at, x, "");
    default: return op_round(b, op, x, n);
    }
}

/* A small whole f64 as i64: its bits, once 3*2^51 is added, are those of 3*2^51 plus it. (Vector units before AVX-512
 * do not convert between the two.) The sum must not be contracted: no flag. */
static LLVMValueRef convert_wide(Body *b, LirOpcode op, LLVMValueRef x, unsigned n) {
    Emit *e = b->emit;
    LLVMTypeRef real = type_lanes(e->real, n), wide = type_lanes(e->wide, n);
    if (!e->f64)
        return op == LIR_REAL_TO_BITS_INT ? LLVMBuildFPToSI(b->at, x, wide, "") : LLVMBuildSIToFP(b->at, x, real, "");
    LLVMValueRef magic = real_like(b, 0x1.8p52, n), bits = LLVMBuildBitCast(b->at, magic, wide, "");
    if (op == LIR_REAL_TO_BITS_INT) {
        LLVMValueRef sum = LLVMBuildFAdd(b->at, x, magic, "");
        return LLVMBuildSub(b->at, LLVMBuildBitCast(b->at, sum, wide, ""), bits, "");
    }
    LLVMValueRef sum = LLVMBuildBitCast(b->at, LLVMBuildAdd(b->at, x, bits, ""), real, "");
    return LLVMBuildFSub(b->at, sum, magic, "");
}

static LLVMValueRef op_convert(Body *b, LirOpcode op, LLVMValueRef x, unsigned n) {
    Emit *e = b->emit;
    LLVMTypeRef real = type_lanes(e->real, n);
    switch (op) {
    case LIR_TO_INT: {
        const char *name = "llvm.fptosi.sat";
        LLVMTypeRef types[2] = {type_lanes(e->i32, n), LLVMTypeOf(x)};
        unsigned id = LLVMLookupIntrinsicID(name, 15);
        LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
        return LLVMBuildCall2(b->at, LLVMIntrinsicGetType(e->context, id, types, 2), fn, &x, 1, "");
    }
    case LIR_TO_REAL: {
        LLVMTypeRef from = LLVMTypeOf(x);
        if (LLVMGetTypeKind(from) == LLVMVectorTypeKind) from = LLVMGetElementType(from);
        if (is_real(x)) return x;
        return from == e->i1 ? LLVMBuildUIToFP(b->at, x, real, "") : LLVMBuildSIToFP(b->at, x, real, "");
    }
    case LIR_BITS: return LLVMBuildBitCast(b->at, x, type_lanes(e->wide, n), "");
    case LIR_FROM_BITS: return LLVMBuildBitCast(b->at, x, real, "");
    default: return convert_wide(b, op, x, n);
    }
}

static LLVMValueRef op_bits(Body *b, LirOpcode op, LLVMValueRef x, LLVMValueRef y, unsigned n) {
    LLVMTypeRef wide = type_lanes(b->emit->wide, n);
    x = LLVMBuildIntCast2(b->at, x, wide, true, "");
    y = LLVMBuildIntCast2(b->at, y, wide, true, "");
    switch (op) {
    case LIR_SHL: return LLVMBuildShl(b->at, x, y, "");
    case LIR_SHR: return LLVMBuildAShr(b->at, x, y, "");
    case LIR_BIT_AND: return LLVMBuildAnd(b->at, x, y, "");
    case LIR_BIT_OR: return LLVMBuildOr(b->at, x, y, "");
    case LIR_BIT_ADD: return LLVMBuildAdd(b->at, x, y, "");
    default: return LLVMBuildSub(b->at, x, y, "");
    }
}

static LLVMValueRef op_draw(Body *b, const LirInstr *in, LLVMValueRef index, unsigned n) {
    Emit *e = b->emit;
    LLVMValueRef word = philox_word(b, index, in->integer);
    if (in->op == LIR_PICK) {
        LLVMValueRef length = LLVMBuildTrunc(b->at, axis_size(b, in->axis), e->i32, "");
        return philox_multiply_high(b, word, build_splat(b, length, n), NULL);
    }
    word = LLVMBuildLShr(b->at, word, build_splat(b, const_i32(e, 9), n), "");
    LLVMValueRef real = LLVMBuildSIToFP(b->at, word, type_lanes(e->real, n), "");
    return LLVMBuildFMul(b->at, LLVMBuildFAdd(b->at, real, real_like(b, 0.5, n), ""), real_like(b, 0x1p-23, n), "");
}

/* One halving of a search: `low` is the answer if the `left` candidates from it on hold no later one. */
static void search_step(Body *b, const Address *table, LLVMValueRef x, LLVMValueRef stride, LLVMValueRef *low,
                        LLVMValueRef *left, unsigned n) {
    Emit *e = b->emit;
    LLVMValueRef half = LLVMBuildLShr(b->at, *left, const_i64(e, 1), "");
    LLVMValueRef middle = LLVMBuildAdd(b->at, *low, build_splat(b, LLVMBuildTrunc(b->at, half, e->i32, ""), n), "");
    LLVMValueRef entry;
    if (n > 1) {
        Address at = *table;
        LLVMTypeRef type = at.offsets ? LLVMTypeOf(at.offsets) : LLVMTypeOf(middle);
        LLVMTypeRef integer = LLVMGetElementType(type);
        LLVMValueRef step = build_splat(b, LLVMBuildIntCast2(b->at, stride, integer, true, ""), n);
        LLVMValueRef skip = LLVMBuildMul(b->at, LLVMBuildIntCast2(b->at, middle, type, true, ""), step, "");
        at.offsets = at.offsets ? LLVMBuildAdd(b->at, at.offsets, skip, "") : skip;
        entry = access_gather(b, &at);
    } else {
        LLVMValueRef skip = LLVMBuildMul(b->at, LLVMBuildSExt(b->at, middle, e->i64, ""), stride, "");
        entry = build_load(b, table->element, build_offset(b, table->element, table->pointer, skip), e->real_bytes);
    }
    LLVMValueRef below = LLVMBuildFCmp(b->at, LLVMRealOLE, entry, x, "");
    *low = LLVMBuildSelect(b->at, below, middle, *low, "");
    *left = LLVMBuildSub(b->at, *left, half, "");
}

/* Largest k in [0, n-2] with table[k] <= x, else 0: n-1 candidates are halved until one is left; the first is never
 * looked at. All lanes take the same number of steps. They are one behind the other in the code where the table is
 * static and a step is short; where it looks lane by lane, a loop around it costs nothing beside. */
static LLVMValueRef op_search(Body *b, const LirInstr *in, LLVMValueRef x, unsigned n) {
    Emit *e = b->emit;
    const LirBuffer *table = &b->f->buffers.data[in->access.buffer];
    unsigned dim = 0;
    while (dim < table->rank &&
           !(in->access.index[dim].kind == LIR_INDEX_CONST && in->access.index[dim].axis == in->axis))
        dim++;
    if (dim == table->rank) emit_fail(b, "a search of %s along an axis that it lacks", table->name);
    Address address = access_address(b, &in->access);
    if (address.contiguous) { /* a lane's table starts one element after the last lane's */
        address.offsets = build_iota(b, e->i64, n);
        address.contiguous = false;
    }
    LLVMValueRef stride = dim_stride(b, table, dim), low = LLVMConstNull(type_lanes(e->i32, n));
    LLVMValueRef left = LLVMBuildSub(b->at, dim_size(b, table, dim), const_i64(e, 1), "");
    int64_t candidates;
    if (constant_of(left, &candidates) && (n == 1 || target_gathers(e->target))) {
        for (; candidates > 1; candidates -= candidates / 2) search_step(b, &address, x, stride, &low, &left, n);
        return low;
    }
    LLVMValueRef low_slot = build_alloca(b, LLVMTypeOf(low), "low"), left_slot = build_alloca(b, e->i64, "left");
    LLVMBuildStore(b->at, low, low_slot);
    LLVMBuildStore(b->at, left, left_slot);
    Loop loop = loop_begin(b, const_i64(e, 1), left, 1, "search");
    low = LLVMBuildLoad2(b->at, LLVMTypeOf(low), low_slot, "");
    left = LLVMBuildLoad2(b->at, e->i64, left_slot, "");
    search_step(b, &address, x, stride, &low, &left, n);
    LLVMBuildStore(b->at, low, low_slot);
    LLVMBuildStore(b->at, left, left_slot);
    loop.end = left; /* goes on while more than one is left: the counter stays 1 */
    loop.step = 0;
    loop_end(b, &loop);
    return LLVMBuildLoad2(b->at, LLVMTypeOf(low), low_slot, "");
}

/* A function in C is called for every lane, in double; `order`, if any, is its last argument. */
static LLVMValueRef call_lanes(Body *b, const char *name, const LLVMValueRef *a, unsigned count, LLVMValueRef order,
                               unsigned n) {
    Emit *e = b->emit;
    LLVMTypeRef wide = LLVMDoubleTypeInContext(e->context), types[TIR_EXTERN_ARGS + 1];
    for (unsigned k = 0; k < count; k++) types[k] = wide;
    types[count] = e->i32;
    unsigned all = count + (order ? 1 : 0);
    LLVMTypeRef type = LLVMFunctionType(wide, types, all, false);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
    if (!function) function = LLVMAddFunction(e->module, name, type);
    LLVMValueRef result = n > 1 ? LLVMGetPoison(type_lanes(e->real, n)) : NULL;
    for (unsigned lane = 0; lane < n; lane++) {
        LLVMValueRef args[TIR_EXTERN_ARGS + 1], at = const_i32(e, lane);
        for (unsigned k = 0; k < count; k++) {
            args[k] = n > 1 ? LLVMBuildExtractElement(b->at, a[k], at, "") : a[k];
            if (!e->f64) args[k] = LLVMBuildFPExt(b->at, args[k], wide, "");
        }
        args[count] = order;
        LLVMValueRef value = LLVMBuildCall2(b->at, type, function, args, all, "");
        unsigned own = LLVMGetEnumAttributeKindForName("nobuiltin", 9); /* the model's, whatever its name */
        LLVMAddCallSiteAttribute(value, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                 LLVMCreateEnumAttribute(e->context, own, 0));
        if (!e->f64) value = LLVMBuildFPTrunc(b->at, value, e->real, "");
        result = n > 1 ? LLVMBuildInsertElement(b->at, result, value, at, "") : value;
    }
    return result;
}

static LLVMValueRef op_extern(Body *b, const LirInstr *in, const LLVMValueRef *a, unsigned n) {
    return call_lanes(b, in->external->symbol, a, (unsigned)in->integer, NULL, n);
}

/* Of the runtime, which says in qtm/numeric.h what the orders are. */
static LLVMValueRef op_numeric(Body *b, const LirInstr *in, const LLVMValueRef *a, unsigned n) {
    bool ordered = in->op == LIR_INC_GAMMA || in->op == LIR_INC_BETA;
    const char *name = arena_format(b->emit->arena, "qtm_%s", lir_op_text(in->op));
    LLVMValueRef order = ordered ? const_i32(b->emit, in->integer) : NULL;
    return call_lanes(b, name, a, (unsigned)lir_op_arity(in->op), order, n);
}

static LLVMValueRef op_leaf(Body *b, const LirInstr *in, unsigned n) {
    Emit *e = b->emit;
    switch (in->op) {
    case LIR_REAL: return const_real(e, in->real);
    case LIR_INT: return const_i32(e, in->integer);
    case LIR_BOOL: return LLVMConstInt(e->i1, in->integer != 0, false);
    case LIR_BIT_CONST: return LLVMConstInt(e->wide, (uint64_t)in->integer, true);
    case LIR_EXTENT: return LLVMBuildTrunc(b->at, axis_size(b, in->axis), e->i32, "");
    case LIR_STEP: return LLVMBuildTrunc(b->at, build_field(b, e->i64, FRAME_STEP), e->i32, "");
    case LIR_ACC: return b->acc;
    default: break;
    }
    LLVMValueRef index = b->index[in->axis];
    if (!index) emit_fail(b, "the index of axis %s, which has no loop", b->f->source->axes.data[in->axis].name);
    if (axis_is_row(b, in->axis)) index = LLVMBuildNSWAdd(b->at, index, b->row0, "");
    index = build_splat(b, LLVMBuildTrunc(b->at, index, e->i32, ""), n);
    return n > 1 ? LLVMBuildAdd(b->at, index, build_iota(b, e->i32, n), "") : index;
}

/* Integers of different widths meet where an INT constant is used with "as wide as the real". */
static void match_widths(Body *b, LLVMValueRef *x, LLVMValueRef *y) {
    LLVMTypeRef tx = LLVMTypeOf(*x), ty = LLVMTypeOf(*y);
    if (tx == ty || is_real(*x) || is_real(*y)) return;
    bool x_wider = b->emit->wide == (LLVMGetTypeKind(tx) == LLVMVectorTypeKind ? LLVMGetElementType(tx) : tx);
    if (x_wider)
        *y = LLVMBuildIntCast2(b->at, *y, tx, true, "");
    else
        *x = LLVMBuildIntCast2(b->at, *x, ty, true, "");
}

static LLVMValueRef op_emit(Body *b, uint32_t number) {
    const LirInstr *in = &b->kernel->body.data[number];
    bool vector = b->vector[number] && b->lanes > 1;
    unsigned n = vector ? b->lanes : 1;
    LLVMValueRef a[TIR_EXTERN_ARGS] = {NULL};
    for (int i = 0; i < lir_op_arity(in->op); i++) a[i] = body_value(b, in->args[i], vector);
    switch (in->op) {
    case LIR_LOAD: return b->pair[number].with ? pair_load(b, number) : access_load(b, &in->access);
    case LIR_UNIFORM:
    case LIR_PICK: return op_draw(b, in, a[0], n);
    case LIR_SEARCH: return op_search(b, in, a[0], n);
    case LIR_ADD:
    case LIR_SUB:
    case LIR_MUL:
    case LIR_DIV:
    case LIR_MAX:
    case LIR_MIN: match_widths(b, &a[0], &a[1]); return op_arithmetic(b, in->op, a[0], a[1]);
    case LIR_LT:
    case LIR_LE:
    case LIR_EQ: match_widths(b, &a[0], &a[1]); return op_compare(b, in->op, a[0], a[1]);
    case LIR_AND: return LLVMBuildAnd(b->at, a[0], a[1], "");
    case LIR_OR: return LLVMBuildOr(b->at, a[0], a[1], "");
    case LIR_SELECT: match_widths(b, &a[1], &a[2]); return LLVMBuildSelect(b->at, a[0], a[1], a[2], "");
    case LIR_NEG:
    case LIR_ABS:
    case LIR_SIGN:
    case LIR_FLOOR:
    case LIR_SQRT:
    case LIR_NOT:
    case LIR_ROUND: return op_unary(b, in->op, a[0], n);
    case LIR_TO_INT:
    case LIR_TO_REAL:
    case LIR_BITS:
    case LIR_FROM_BITS:
    case LIR_REAL_TO_BITS_INT:
    case LIR_BITS_INT_TO_REAL: return op_convert(b, in->op, a[0], n);
    case LIR_INC_GAMMA:
    case LIR_INC_GAMMA_UPPER:
    case LIR_INC_GAMMA_INVERSE:
    case LIR_INC_BETA:
    case LIR_INC_BETA_INVERSE: return op_numeric(b, in, a, n);
    case LIR_EXTERN: return op_extern(b, in, a, n);
    case LIR_FMA: return op_fma(b, a, n);
    case LIR_SHL:
    case LIR_SHR:
    case LIR_BIT_AND:
    case LIR_BIT_OR:
    case LIR_BIT_ADD:
    case LIR_BIT_SUB: return op_bits(b, in->op, a[0], a[1], n);
    default:
        if (!lir_op_arity(in->op)) return op_leaf(b, in, n);
        emit_fail(b, "instruction %u (%s) should have been expanded before", number, lir_op_text(in->op));
    }
}

void body_level(Body *b, uint32_t level) {
    for (uint32_t i = 0; i < b->kernel->body.count; i++) {
        if (b->level[i] != level) continue;
        b->value[i] = op_emit(b, i);
        if (b->wants_splat[i] && b->lanes > 1) b->splat[i] = build_splat(b, b->value[i], b->lanes);
    }
}

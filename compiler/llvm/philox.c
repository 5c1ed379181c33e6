/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011), word 0.
 * One internal function a lane count, called where a draw is made: ten rounds are too long to be repeated at every use.
 *   counter = { index, 0, step low, (stream & 0xffff) | (step >> 32) << 16 },  key = { seed low, seed high }
 *   a round: (hi0, lo0) = 0xD2511F53 * c0, (hi1, lo1) = 0xCD9E8D57 * c2
 *            c = { hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0 },  k += { 0x9E3779B9, 0xBB67AE85 }  */
#include "llvm/build.h"
#include "llvm/frame.h"

enum { PHILOX_ROUNDS = 10 };

/* High and low halves of the 64-bit products of unsigned 32-bit lanes. Even and odd lanes are multiplied apart, as
 * 64-bit lanes whose upper halves are clear: that is one machine instruction each, and no lane changes its place. */
LLVMValueRef philox_multiply_high(Body *b, LLVMValueRef x, LLVMValueRef y, LLVMValueRef *low) {
    Emit *e = b->emit;
    LLVMTypeRef narrow = LLVMTypeOf(x);
    bool scalar = LLVMGetTypeKind(narrow) != LLVMVectorTypeKind;
    unsigned lanes = scalar ? 1 : LLVMGetVectorSize(narrow);
    LLVMBuilderRef at = b->at;
    if (scalar) {
        LLVMValueRef p = LLVMBuildMul(at, LLVMBuildZExt(at, x, e->i64, ""), LLVMBuildZExt(at, y, e->i64, ""), "");
        if (low) *low = LLVMBuildTrunc(at, p, e->i32, "");
        return LLVMBuildTrunc(at, LLVMBuildLShr(at, p, const_i64(e, 32), ""), e->i32, "");
    }
    LLVMTypeRef pairs = type_lanes(e->i64, lanes / 2);
    if (lanes == 2) pairs = LLVMVectorType(e->i64, 1);
    LLVMValueRef part[4], unit[32];
    for (unsigned i = 0; i < lanes / 2; i++) unit[i] = const_i64(e, 0xffffffff);
    LLVMValueRef below = LLVMConstVector(unit, lanes / 2);
    for (unsigned i = 0; i < lanes / 2; i++) unit[i] = const_i64(e, 32);
    LLVMValueRef half = LLVMConstVector(unit, lanes / 2);
    LLVMValueRef source[2] = {LLVMBuildBitCast(at, x, pairs, ""), LLVMBuildBitCast(at, y, pairs, "")};
    for (int i = 0; i < 2; i++) {
        part[i] = LLVMBuildAnd(at, source[i], below, "");
        part[2 + i] = LLVMBuildLShr(at, source[i], half, "");
    }
    LLVMValueRef even = LLVMBuildMul(at, part[0], part[1], ""), odd = LLVMBuildMul(at, part[2], part[3], "");
    LLVMValueRef above = LLVMBuildShl(at, below, half, "");
    if (low) {
        LLVMValueRef both = LLVMBuildOr(at, LLVMBuildAnd(at, even, below, ""), LLVMBuildShl(at, odd, half, ""), "");
        *low = LLVMBuildBitCast(at, both, narrow, "");
    }
    LLVMValueRef both = LLVMBuildOr(at, LLVMBuildLShr(at, even, half, ""), LLVMBuildAnd(at, odd, above, ""), "");
    return LLVMBuildBitCast(at, both, narrow, "");
}

static LLVMValueRef low_half(Body *b, LLVMValueRef v) {
    return LLVMBuildTrunc(b->at, v, b->emit->i32, "");
}

static LLVMValueRef high_half(Body *b, LLVMValueRef v) {
    return low_half(b, LLVMBuildLShr(b->at, v, const_i64(b->emit, 32), ""));
}

static void philox_rounds(Body *b, LLVMValueRef c[4], LLVMValueRef key[2], unsigned lanes) {
    Emit *e = b->emit;
    LLVMValueRef m0 = build_splat(b, const_i32(e, 0xD2511F53), lanes);
    LLVMValueRef m1 = build_splat(b, const_i32(e, 0xCD9E8D57), lanes);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        LLVMValueRef low0, low1;
        LLVMValueRef high0 = philox_multiply_high(b, c[0], m0, &low0);
        LLVMValueRef high1 = philox_multiply_high(b, c[2], m1, &low1);
        LLVMValueRef k0 = build_splat(b, key[0], lanes), k1 = build_splat(b, key[1], lanes);
        c[0] = LLVMBuildXor(b->at, LLVMBuildXor(b->at, high1, c[1], ""), k0, "");
        c[2] = LLVMBuildXor(b->at, LLVMBuildXor(b->at, high0, c[3], ""), k1, "");
        c[1] = low1;
        c[3] = low0;
        key[0] = LLVMBuildAdd(b->at, key[0], const_i32(e, 0x9E3779B9), "");
        key[1] = LLVMBuildAdd(b->at, key[1], const_i32(e, 0xBB67AE85), "");
    }
}

static LLVMValueRef philox_function(Body *user, unsigned lanes, LLVMTypeRef *type) {
    Emit *e = user->emit;
    LLVMTypeRef word = type_lanes(e->i32, lanes), parameters[4] = {word, e->i64, e->i64, e->i32};
    *type = LLVMFunctionType(word, parameters, 4, false);
    const char *name = arena_format(e->arena, "philox.%u", lanes);
    LLVMValueRef fn = LLVMGetNamedFunction(e->module, emit_symbol(e, name));
    if (fn) return fn;
    Body b = body_begin(e, user->f, fn = function_add(e, name, *type, false));
    function_attribute(e, fn, "noinline");
    function_attribute(e, fn, "willreturn");
    function_attribute(e, fn, "memory");
    LLVMSetFunctionCallConv(fn, LLVMFastCallConv);
    LLVMValueRef seed = LLVMGetParam(fn, 1), step = LLVMGetParam(fn, 2), stream = LLVMGetParam(fn, 3);
    LLVMValueRef top = LLVMBuildOr(b.at, stream, LLVMBuildShl(b.at, high_half(&b, step), const_i32(e, 16), ""), "");
    LLVMValueRef c[4] = {LLVMGetParam(fn, 0), LLVMConstNull(word), build_splat(&b, low_half(&b, step), lanes),
                         build_splat(&b, top, lanes)};
    LLVMValueRef key[2] = {low_half(&b, seed), high_half(&b, seed)};
    philox_rounds(&b, c, key, lanes);
    LLVMBuildRet(b.at, c[0]);
    body_end(&b);
    return fn;
}

LLVMValueRef philox_word(Body *b, LLVMValueRef index, int64_t stream) {
    Emit *e = b->emit;
    bool vector = LLVMGetTypeKind(LLVMTypeOf(index)) == LLVMVectorTypeKind;
    LLVMTypeRef type;
    LLVMValueRef fn = philox_function(b, vector ? LLVMGetVectorSize(LLVMTypeOf(index)) : 1, &type);
    LLVMValueRef args[4] = {index, build_field(b, e->i64, FRAME_SEED), build_field(b, e->i64, FRAME_STEP),
                            const_i32(e, stream & 0xffff)};
    LLVMValueRef call = LLVMBuildCall2(b->at, type, fn, args, 4, "");
    LLVMSetInstructionCallConv(call, LLVMFastCallConv);
    return call;
}

/* Small builders: constants, vectors, loops, attributes; see build.h. */
#include "llvm/build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llvm/frame.h"

void emit_fail(const Body *b, const char *format, ...) {
    fprintf(stderr, "internal error: emission: ");
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  in function %s", b->f->name);
    if (b->kernel)
        fprintf(stderr, ", kernel %s, from file %u, bytes %u to %u", b->kernel->name, b->kernel->span.file,
                b->kernel->span.begin, b->kernel->span.end);
    fprintf(stderr, "\n");
    abort();
}

const char *emit_symbol(Emit *e, const char *name) {
    return e->target->suffix ? arena_format(e->arena, "%s%s", name, e->target->suffix) : name;
}

LLVMValueRef function_add(Emit *e, const char *name, LLVMTypeRef type, bool exported) {
    LLVMValueRef fn = LLVMAddFunction(e->module, emit_symbol(e, name), type);
    if (!exported) LLVMSetLinkage(fn, LLVMInternalLinkage);
    return fn;
}

Body body_begin(Emit *e, const LirFunction *f, LLVMValueRef fn) {
    Body b = {.emit = e, .f = f, .fn = fn, .vector_axis = LIR_NO_AXIS, .lanes = 1};
    function_target(e, b.fn);
    b.first = LLVMAppendBasicBlockInContext(e->context, b.fn, "entry");
    b.entry = LLVMCreateBuilderInContext(e->context);
    LLVMPositionBuilderAtEnd(b.entry, b.first);
    b.at = LLVMCreateBuilderInContext(e->context);
    LLVMPositionBuilderAtEnd(b.at, LLVMAppendBasicBlockInContext(e->context, b.fn, "start"));
    b.size = ARENA_ARRAY(e->arena, LLVMValueRef, f->source->axes.count);
    b.index = ARENA_ARRAY(e->arena, LLVMValueRef, f->source->axes.count);
    return b;
}

void body_end(Body *b) {
    LLVMBuildBr(b->entry, LLVMGetNextBasicBlock(b->first));
    LLVMDisposeBuilder(b->entry);
    LLVMDisposeBuilder(b->at);
}

LLVMValueRef const_i64(const Emit *e, int64_t value) {
    return LLVMConstInt(e->i64, (uint64_t)value, true);
}

LLVMValueRef const_i32(const Emit *e, int64_t value) {
    return LLVMConstInt(e->i32, (uint64_t)(uint32_t)value, false);
}

LLVMValueRef const_real(const Emit *e, double value) {
    return LLVMConstReal(e->real, value);
}

LLVMTypeRef type_lanes(LLVMTypeRef type, unsigned lanes) {
    return lanes > 1 ? LLVMVectorType(type, lanes) : type;
}

LLVMTypeRef type_memory(const Emit *e, LirType type) {
    return type == LIR_T_REAL ? e->real : e->i32;
}

unsigned type_bytes(const Emit *e, LirType type) {
    return type == LIR_T_REAL ? e->real_bytes : 4;
}

LLVMValueRef build_splat(Body *b, LLVMValueRef scalar, unsigned lanes) {
    if (lanes == 1) return scalar;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), lanes);
    LLVMValueRef one = LLVMBuildInsertElement(b->at, LLVMGetPoison(type), scalar, LLVMConstNull(b->emit->i32), "");
    return LLVMBuildShuffleVector(b->at, one, LLVMGetPoison(type), LLVMConstNull(LLVMVectorType(b->emit->i32, lanes)),
                                  "");
}

LLVMValueRef build_iota(Body *b, LLVMTypeRef integer, unsigned lanes) {
    LLVMValueRef lane[64] = {LLVMConstInt(integer, 0, false)};
    for (unsigned i = 1; i < lanes; i++) lane[i] = LLVMConstInt(integer, i, false);
    return lanes > 1 ? LLVMConstVector(lane, lanes) : lane[0];
}

LLVMValueRef build_intrinsic(Body *b, const char *name, LLVMTypeRef overload, LLVMValueRef *args, unsigned count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(b->emit->module, id, &overload, 1);
    LLVMTypeRef type = LLVMIntrinsicGetType(b->emit->context, id, &overload, 1);
    return LLVMBuildCall2(b->at, type, fn, args, count, "");
}

LLVMValueRef build_contract(LLVMValueRef v) {
    if (LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v)) LLVMSetFastMathFlags(v, LLVMFastMathAllowContract);
    return v;
}

LLVMValueRef build_min_i64(Body *b, LLVMValueRef x, LLVMValueRef y) {
    return LLVMBuildSelect(b->at, LLVMBuildICmp(b->at, LLVMIntSLT, x, y, ""), x, y, "");
}

LLVMValueRef build_alloca(Body *b, LLVMTypeRef type, const char *name) {
    return LLVMBuildAlloca(b->entry, type, name);
}

LLVMValueRef build_load(Body *b, LLVMTypeRef type, LLVMValueRef pointer, unsigned align) {
    LLVMValueRef v = LLVMBuildLoad2(b->at, type, pointer, "");
    LLVMSetAlignment(v, align);
    return v;
}

void build_store(Body *b, LLVMValueRef value, LLVMValueRef pointer, unsigned align) {
    LLVMSetAlignment(LLVMBuildStore(b->at, value, pointer), align);
}

LLVMValueRef build_offset(Body *b, LLVMTypeRef element, LLVMValueRef pointer, LLVMValueRef index) {
    int64_t constant;
    if (constant_of(index, &constant) && !constant) return pointer;
    return LLVMBuildInBoundsGEP2(b->at, element, pointer, &index, 1, "");
}

LLVMValueRef build_field(Body *b, LLVMTypeRef type, int64_t frame_offset) {
    LLVMValueRef at = const_i64(b->emit, frame_offset);
    return LLVMBuildLoad2(b->entry, type, LLVMBuildInBoundsGEP2(b->entry, b->emit->i8, b->frame, &at, 1, ""), "");
}

/* x + y, or x > y ? x : y. */
LLVMValueRef build_combine(Body *b, LirEffectKind kind, LLVMValueRef x, LLVMValueRef y) {
    LLVMTypeRef type = LLVMTypeOf(x);
    if (LLVMGetTypeKind(type) == LLVMVectorTypeKind) type = LLVMGetElementType(type);
    bool real = LLVMGetTypeKind(type) != LLVMIntegerTypeKind;
    if (kind == LIR_ADD_TO)
        return real ? build_contract(LLVMBuildFAdd(b->at, x, y, "")) : LLVMBuildAdd(b->at, x, y, "");
    LLVMValueRef more = real ? LLVMBuildFCmp(b->at, LLVMRealOGT, y, x, "") : LLVMBuildICmp(b->at, LLVMIntSGT, y, x, "");
    return LLVMBuildSelect(b->at, more, y, x, ""); /* y if it is more: a NaN is skipped, and x, so far, is none */
}

LLVMValueRef build_neutral(const Emit *e, LirEffectKind kind, LirType type) {
    if (kind == LIR_ADD_TO) return LLVMConstNull(type_memory(e, type));
    return type == LIR_T_REAL ? const_real(e, -INFINITY) : const_i32(e, INT32_MIN);
}

/* Upper half with lower half, until one lane is left. */
LLVMValueRef build_horizontal(Body *b, LirEffectKind kind, LLVMValueRef v, unsigned lanes) {
    for (; lanes > 1; lanes /= 2) {
        LLVMValueRef low[32], high[32];
        for (unsigned i = 0; i < lanes / 2; i++) {
            low[i] = const_i32(b->emit, i);
            high[i] = const_i32(b->emit, i + lanes / 2);
        }
        LLVMValueRef none = LLVMGetPoison(LLVMTypeOf(v));
        LLVMValueRef x = LLVMBuildShuffleVector(b->at, v, none, LLVMConstVector(low, lanes / 2), "");
        LLVMValueRef y = LLVMBuildShuffleVector(b->at, v, none, LLVMConstVector(high, lanes / 2), "");
        v = build_combine(b, kind, x, y);
    }
    if (LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind)
        v = LLVMBuildExtractElement(b->at, v, const_i32(b->emit, 0), "");
    return v;
}

/* for (counter = begin; counter < end; counter += step), tested at the bottom behind a guard, which constant bounds
 * fold away: what does not change in the loop can be moved in front of it without another pass turning the loop round.
 */
Loop loop_begin(Body *b, LLVMValueRef begin, LLVMValueRef end, int64_t step, const char *name) {
    Emit *e = b->emit;
    Loop loop = {.end = end, .step = step};
    LLVMBasicBlockRef before = LLVMGetInsertBlock(b->at);
    loop.block = LLVMAppendBasicBlockInContext(e->context, b->fn, name);
    loop.exit = LLVMAppendBasicBlockInContext(e->context, b->fn, arena_format(e->arena, "%s.end", name));
    LLVMValueRef guard = LLVMBuildICmp(b->at, LLVMIntSLT, begin, end, "");
    LLVMBuildCondBr(b->at, guard, loop.block, loop.exit);
    LLVMPositionBuilderAtEnd(b->at, loop.block);
    loop.counter = LLVMBuildPhi(b->at, e->i64, name);
    LLVMAddIncoming(loop.counter, &begin, &before, 1);
    return loop;
}

void loop_end(Body *b, const Loop *loop) {
    LLVMValueRef next = LLVMBuildNSWAdd(b->at, loop->counter, const_i64(b->emit, loop->step), "");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(b->at);
    LLVMBuildCondBr(b->at, LLVMBuildICmp(b->at, LLVMIntSLT, next, loop->end, ""), loop->block, loop->exit);
    LLVMAddIncoming(loop->counter, &next, &latch, 1);
    LLVMMoveBasicBlockAfter(loop->exit, latch);
    LLVMPositionBuilderAtEnd(b->at, loop->exit);
}

static LLVMAttributeRef attribute_of(const Emit *e, const char *name, uint64_t value) {
    return LLVMCreateEnumAttribute(e->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), value);
}

void function_attribute(const Emit *e, LLVMValueRef fn, const char *name) {
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute_of(e, name, 0));
}

void parameter_attribute(const Emit *e, LLVMValueRef fn, unsigned parameter, const char *name, uint64_t value) {
    LLVMAddAttributeAtIndex(fn, parameter + 1, attribute_of(e, name, value));
}

static void function_text(const Emit *e, LLVMValueRef fn, const char *name, const char *value) {
    LLVMAddAttributeAtIndex(
        fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(e->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value)));
}

void function_target(const Emit *e, LLVMValueRef fn) {
    function_attribute(e, fn, "nounwind");
    function_text(e, fn, "target-cpu", e->target->cpu);
    if (e->target->features[0]) function_text(e, fn, "target-features", e->target->features);
    function_text(e, fn, "prefer-vector-width", arena_format(e->arena, "%u", e->target->vector_bits));
}

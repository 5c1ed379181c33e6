/* COMBINE kernels: the sum of the copies that slots have made, element by element. The vectors of one step meet the
 * copies in order, so an element's sum does not depend on how elements are dealt out. */
#include "llvm/build.h"

enum { COMBINE_VECTORS = 4 };

/* `vectors` vectors of `lanes` elements from `index` on. */
static void combine_step(Body *b, LLVMValueRef index, LLVMValueRef count, LLVMValueRef slots, unsigned vectors) {
    Emit *e = b->emit;
    LLVMTypeRef type = type_lanes(e->real, b->lanes);
    LLVMValueRef from = build_offset(b, e->real, b->base[b->kernel->a.buffer], index);
    LLVMValueRef to = build_offset(b, e->real, b->base[b->kernel->zero], index), sum[COMBINE_VECTORS];
    for (unsigned v = 0; v < vectors; v++) {
        LLVMValueRef at = build_offset(b, e->real, from, const_i64(e, (int64_t)v * b->lanes));
        sum[v] = build_alloca(b, type, "sum");
        LLVMBuildStore(b->at, build_load(b, type, at, e->real_bytes), sum[v]);
    }
    Loop loop = loop_begin(b, const_i64(e, 1), slots, 1, "copy");
    LLVMValueRef copy = build_offset(b, e->real, from, LLVMBuildNSWMul(b->at, loop.counter, count, ""));
    for (unsigned v = 0; v < vectors; v++) {
        LLVMValueRef at = build_offset(b, e->real, copy, const_i64(e, (int64_t)v * b->lanes));
        LLVMValueRef more = build_load(b, type, at, e->real_bytes);
        LLVMBuildStore(b->at, LLVMBuildFAdd(b->at, LLVMBuildLoad2(b->at, type, sum[v], ""), more, ""), sum[v]);
    }
    loop_end(b, &loop);
    for (unsigned v = 0; v < vectors; v++) {
        LLVMValueRef at = build_offset(b, e->real, to, const_i64(e, (int64_t)v * b->lanes));
        build_store(b, LLVMBuildLoad2(b->at, type, sum[v], ""), at, e->real_bytes);
    }
}

static LLVMValueRef combine_loop(Body *b, LLVMValueRef begin, LLVMValueRef end, LLVMValueRef count, LLVMValueRef slots,
                                 unsigned vectors) {
    Emit *e = b->emit;
    int64_t step = (int64_t)vectors * b->lanes;
    LLVMValueRef whole = LLVMBuildSub(b->at, end, begin, "");
    whole = LLVMBuildNSWAdd(b->at, begin, LLVMBuildAnd(b->at, whole, const_i64(e, -step), ""), "");
    Loop loop = loop_begin(b, begin, whole, step, "combine");
    combine_step(b, loop.counter, count, slots, vectors);
    loop_end(b, &loop);
    return whole;
}

/* Elements row0 .. row0 + rows - 1. */
void combine_emit(Body *b) {
    const LirBuffer *copies = &b->f->buffers.data[b->kernel->a.buffer];
    LLVMValueRef count = buffer_count(b, copies), slots = group_slots(b, &b->f->groups.data[copies->group]);
    LLVMValueRef at = b->row0, end = LLVMBuildNSWAdd(b->at, b->row0, b->rows, "");
    b->lanes = b->emit->lanes;
    at = combine_loop(b, at, end, count, slots, COMBINE_VECTORS);
    b->lanes = 1;
    combine_loop(b, at, end, count, slots, 1);
}

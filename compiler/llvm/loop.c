/* The group of a loop: a C loop around calls of the body with a frame of its own, whose tables of pointers are set in
 * every round:
 *   in[k], k < states   the initial state in the first round, else what the round before wrote
 *   out[k], k < states  the result when an even number of rounds is left, else the other buffer
 *   slices              first element + round * elements of a round
 * All else in the frame is the caller's; the body works behind the caller's buffers. */
#include "llvm/build.h"
#include "llvm/frame.h"

static LLVMValueRef table_alloca(Body *b, uint32_t count, const char *name) {
    return build_alloca(b, LLVMArrayType2(b->emit->ptr, count ? count : 1), name);
}

static void table_set(Body *b, LLVMValueRef table, uint32_t k, LLVMValueRef pointer) {
    build_store(b, pointer, build_offset(b, b->emit->ptr, table, const_i64(b->emit, k)), 8);
}

static void frame_set(Body *b, LLVMValueRef frame, int64_t offset, LLVMValueRef pointer) {
    build_store(b, pointer, build_offset(b, b->emit->i8, frame, const_i64(b->emit, offset)), 8);
}

static LLVMValueRef base_of(Body *b, uint32_t number) {
    if (!b->base[number]) b->base[number] = buffer_base(b, number, const_i64(b->emit, 0), NULL);
    return b->base[number];
}

static LLVMValueRef slice_of(Body *b, uint32_t number, LLVMValueRef round) {
    const LirBuffer *buffer = &b->f->buffers.data[number];
    LLVMValueRef skip = LLVMBuildNSWMul(b->at, round, dim_stride(b, buffer, 0), "");
    return build_offset(b, type_memory(b->emit, buffer->type), base_of(b, number), skip);
}

/* Pointers that are the same in all rounds; all buffers are found here, in front of the loop. */
static void constants_set(Body *b, const LirLoop *loop, LLVMValueRef in) {
    for (uint32_t k = 0; k < loop->in_count; k++) {
        LLVMValueRef base = base_of(b, loop->in[k]);
        if (k >= loop->states && !loop->slice[k]) table_set(b, in, k, base);
    }
    for (uint32_t k = 0; k < loop->out_count; k++) base_of(b, loop->out[k]);
    for (uint32_t k = 0; k < loop->states; k++) base_of(b, loop->other[k]);
}

static void round_set(Body *b, const LirLoop *loop, LLVMValueRef counter, LLVMValueRef in, LLVMValueRef out) {
    Emit *e = b->emit;
    LLVMValueRef left = LLVMBuildNSWSub(b->at, const_i64(e, loop->rounds - 1), counter, "");
    LLVMValueRef round = loop->from_end ? left : counter;
    LLVMValueRef odd = LLVMBuildTrunc(b->at, left, e->i1, "");
    LLVMValueRef first = LLVMBuildICmp(b->at, LLVMIntEQ, counter, const_i64(e, 0), "");
    for (uint32_t k = 0; k < loop->states; k++) {
        LLVMValueRef result = base_of(b, loop->out[k]), other = base_of(b, loop->other[k]);
        LLVMValueRef before = LLVMBuildSelect(b->at, odd, result, other, "");
        table_set(b, in, k, LLVMBuildSelect(b->at, first, base_of(b, loop->in[k]), before, ""));
        table_set(b, out, k, LLVMBuildSelect(b->at, odd, other, result, ""));
    }
    for (uint32_t k = loop->states; k < loop->in_count; k++)
        if (loop->slice[k]) table_set(b, in, k, slice_of(b, loop->in[k], round));
    for (uint32_t k = loop->states; k < loop->out_count; k++) table_set(b, out, k, slice_of(b, loop->out[k], round));
}

LLVMValueRef loop_emit(Emit *e, const LirFunction *f, const LirGroup *g, Emitted body) {
    const LirLoop *loop = g->loop;
    Body b = group_begin(e, f, g);
    LLVMValueRef frame = build_alloca(&b, LLVMArrayType2(e->i64, FRAME_BYTES / 8), "frame");
    LLVMValueRef in = table_alloca(&b, loop->in_count, "in"), out = table_alloca(&b, loop->out_count, "out");
    LLVMBuildMemCpy(b.at, frame, 8, b.frame, 8, const_i64(e, FRAME_BYTES));
    frame_set(&b, frame, FRAME_IN, in);
    frame_set(&b, frame, FRAME_OUT, out);
    frame_set(&b, frame, FRAME_WORK, build_offset(&b, e->i8, build_field(&b, e->ptr, FRAME_WORK), work_end(&b)));
    constants_set(&b, loop, in);
    Loop rounds = loop_begin(&b, const_i64(e, 0), const_i64(e, loop->rounds), 1, "round");
    round_set(&b, loop, rounds.counter, in, out);
    LLVMBuildCall2(b.at, LLVMGlobalGetValueType(body.run), body.run, &frame, 1, "");
    loop_end(&b, &rounds);
    LLVMBuildRetVoid(b.at);
    body_end(&b);
    return b.fn;
}

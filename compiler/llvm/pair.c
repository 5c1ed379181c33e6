/* Two loads of neighbours, t[k] and t[k + 1] with a k that differs between lanes, as one load of twice the width: a
 * gather costs by lanes, not by bytes. Interpolation and cells of a grid are full of such pairs. Only reals of 32 bits
 * in a table of known length that the kernel does not write. */
#include "llvm/build.h"

/* The instruction that computes the index of a load's last dimension, or LIR_NO_AXIS. */
static uint32_t last_index(const Body *b, const LirInstr *in) {
    if (in->op != LIR_LOAD || in->type != LIR_T_REAL || b->written[in->access.buffer]) return LIR_NO_AXIS;
    if (!access_is_looked_up(b, &in->access)) return LIR_NO_AXIS;
    const LirBuffer *buffer = &b->f->buffers.data[in->access.buffer];
    const LirIndex *index = buffer->rank ? &in->access.index[buffer->rank - 1] : NULL;
    return index && index->kind == LIR_INDEX_VALUE ? index->value : LIR_NO_AXIS;
}

static bool same_rows(const Body *b, const LirAccess *x, const LirAccess *y) {
    if (x->buffer != y->buffer) return false;
    for (unsigned d = 0; d + 1 < b->f->buffers.data[x->buffer].rank; d++) {
        const LirIndex *p = &x->index[d], *q = &y->index[d];
        if (p->kind != q->kind) return false;
        if (p->kind == LIR_INDEX_LOOP    ? p->axis != q->axis
            : p->kind == LIR_INDEX_VALUE ? p->value != q->value
                                         : p->constant != q->constant)
            return false;
    }
    return true;
}

static bool is_one(const LirKernel *k, uint32_t instr) {
    return k->body.data[instr].op == LIR_INT && k->body.data[instr].integer == 1;
}

/* v where instruction `number` is v + 1, else LIR_NO_AXIS. */
static uint32_t one_less(const LirKernel *k, uint32_t number) {
    const LirInstr *in = &k->body.data[number];
    if (in->op != LIR_ADD || in->type != LIR_T_INT) return LIR_NO_AXIS;
    return is_one(k, in->args[1]) ? in->args[0] : is_one(k, in->args[0]) ? in->args[1] : LIR_NO_AXIS;
}

void pair_find(Body *b) {
    Arena *arena = b->emit->arena;
    const LirKernel *k = b->kernel;
    size_t n = k->body.count;
    b->pair = ARENA_ARRAY(arena, Pair, n);
    if (b->lanes == 1 || b->emit->real_bytes != 4) return;
    uint32_t *first = ARENA_ARRAY(arena, uint32_t, n), *next = ARENA_ARRAY(arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) first[i] = LIR_NO_AXIS;
    for (uint32_t i = (uint32_t)n; i-- > 0;) { /* the loads at every index, in order */
        uint32_t at = last_index(b, &k->body.data[i]);
        if (at == LIR_NO_AXIS || !b->vector[at]) continue;
        next[i] = first[at];
        first[at] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        const LirInstr *upper = &k->body.data[i];
        uint32_t at = last_index(b, upper), below = at == LIR_NO_AXIS ? LIR_NO_AXIS : one_less(k, at);
        if (below == LIR_NO_AXIS || !b->vector[at] || b->pair[i].with) continue;
        const LirBuffer *buffer = &b->f->buffers.data[upper->access.buffer];
        int64_t size;
        if (!constant_of(dim_size(b, buffer, buffer->rank - 1), &size) || size < 2) continue;
        for (uint32_t j = first[below]; j != LIR_NO_AXIS; j = next[j]) {
            if (b->pair[j].with || b->level[j] != b->level[i] || !same_rows(b, &k->body.data[j].access, &upper->access))
                continue;
            b->pair[j] = (Pair){.with = i + 1};
            b->pair[i] = (Pair){.with = j + 1, .upper = true};
            break;
        }
    }
}

/* Elements 2i + `odd` of 2 * lanes. */
static LLVMValueRef every_other(Body *b, LLVMValueRef both, unsigned odd) {
    LLVMValueRef place[64];
    for (unsigned i = 0; i < b->lanes; i++) place[i] = const_i32(b->emit, 2 * i + odd);
    return LLVMBuildShuffleVector(b->at, both, LLVMGetPoison(LLVMTypeOf(both)), LLVMConstVector(place, b->lanes), "");
}

/* The wide load starts at k brought into [0, n - 2]; beyond the ends both indices mean one and the same element. */
LLVMValueRef pair_load(Body *b, uint32_t number) {
    Pair *mine = &b->pair[number], *other = &b->pair[mine->with - 1];
    LLVMValueRef value = mine->ready;
    mine->ready = NULL;
    if (value) return value;
    const LirAccess *access = &b->kernel->body.data[mine->upper ? mine->with - 1 : number].access;
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    LLVMTypeRef wide = LLVMDoubleTypeInContext(b->emit->context);
    Address address = access_address_pair(b, access);
    LLVMValueRef both = access_gather_wide(b, &address, wide);
    both = LLVMBuildBitCast(b->at, both, LLVMVectorType(b->emit->real, 2 * b->lanes), "");
    LLVMValueRef low = every_other(b, both, 0), high = every_other(b, both, 1);
    LLVMValueRef k = body_value(b, access->index[buffer->rank - 1].value, true), zero = LLVMConstNull(LLVMTypeOf(k));
    int64_t size = 0;
    constant_of(dim_size(b, buffer, buffer->rank - 1), &size);
    LLVMValueRef most = build_splat(b, const_i32(b->emit, size - 2), b->lanes);
    LLVMValueRef lower = LLVMBuildSelect(b->at, LLVMBuildICmp(b->at, LLVMIntSGT, k, most, ""), high, low, "");
    LLVMValueRef upper = LLVMBuildSelect(b->at, LLVMBuildICmp(b->at, LLVMIntSLT, k, zero, ""), low, high, "");
    other->ready = mine->upper ? lower : upper;
    return mine->upper ? upper : lower;
}

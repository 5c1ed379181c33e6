/* PACK kernels: weights [k, n] or [n, k] into strips [n / e][k][n % e] for matrix products. Weights with neighbours
 * along n are copied line by line; with neighbours along k, squares of 16 bytes are turned in registers. */
#include "llvm/build.h"

typedef struct Packing {
    Body *b;
    LLVMValueRef from, to;    /* element (0, 0) of the weights; the strip */
    LLVMValueRef n0, columns; /* of the strip: first column, number of columns that exist */
    LLVMValueRef a_n, a_k;    /* strides in elements */
    int64_t strip, n, k;
} Packing;

static LLVMValueRef times(Body *b, LLVMValueRef x, LLVMValueRef y) {
    return LLVMBuildNSWMul(b->at, x, y, "");
}

static LLVMValueRef weight_at(Packing *p, LLVMValueRef n, LLVMValueRef k) {
    Body *b = p->b;
    LLVMValueRef column = build_offset(b, b->emit->real, p->from, times(b, n, p->a_n));
    return build_offset(b, b->emit->real, column, times(b, k, p->a_k));
}

static LLVMValueRef packed_at(Packing *p, LLVMValueRef k, int64_t element) {
    Body *b = p->b;
    LLVMValueRef line = build_offset(b, b->emit->real, p->to, times(b, k, const_i64(b->emit, p->strip)));
    return build_offset(b, b->emit->real, line, const_i64(b->emit, element));
}

/* Column `element` of the strip, or the last one that exists. */
static LLVMValueRef column_at(Packing *p, int64_t element) {
    Body *b = p->b;
    LLVMValueRef in = const_i64(b->emit, element);
    if (p->n % p->strip) in = build_min_i64(b, in, LLVMBuildNSWSub(b->at, p->columns, const_i64(b->emit, 1), ""));
    return LLVMBuildNSWAdd(b->at, p->n0, in, "");
}

/* Neighbours along n. */
static void lines_copy(Packing *p) {
    Body *b = p->b;
    Emit *e = b->emit;
    unsigned lanes = e->lanes < p->strip ? e->lanes : (unsigned)p->strip;
    b->lanes = lanes;
    LLVMTypeRef type = type_lanes(e->real, lanes), types[2] = {type, e->ptr};
    Loop loop = loop_begin(b, const_i64(e, 0), const_i64(e, p->k), 1, "k");
    for (int64_t c = 0; c < p->strip; c += lanes) {
        LLVMValueRef at = weight_at(p, LLVMBuildNSWAdd(b->at, p->n0, const_i64(e, c), ""), loop.counter), v;
        if (p->n % p->strip) {
            LLVMValueRef mask = mask_first(b, LLVMBuildNSWSub(b->at, p->columns, const_i64(e, c), ""));
            LLVMValueRef args[4] = {at, const_i32(e, e->real_bytes), mask, LLVMConstNull(type)};
            unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
            v = LLVMBuildCall2(b->at, LLVMIntrinsicGetType(e->context, id, types, 2),
                               LLVMGetIntrinsicDeclaration(e->module, id, types, 2), args, 4, "");
        } else {
            v = build_load(b, type, at, e->real_bytes);
        }
        build_store(b, v, packed_at(p, loop.counter, c), e->real_bytes * lanes);
    }
    loop_end(b, &loop);
}

/* Elements first, first + half .. of x and y in turn. */
static LLVMValueRef interleave(Body *b, LLVMValueRef x, LLVMValueRef y, unsigned first, unsigned side) {
    LLVMValueRef place[4];
    for (unsigned i = 0; i < side; i++) place[i] = const_i32(b->emit, first + i / 2 + (i % 2) * side);
    return LLVMBuildShuffleVector(b->at, x, y, LLVMConstVector(place, side), "");
}

/* A square of side 4 or 2: lines of four become columns of four in two rounds. */
static void square_turn(Body *b, LLVMValueRef *line, unsigned side) {
    for (unsigned round = side; round > 1; round /= 2) {
        LLVMValueRef next[4];
        for (unsigned i = 0; i < side / 2; i++)
            for (unsigned half = 0; half < 2; half++)
                next[2 * i + half] = interleave(b, line[i], line[i + side / 2], half * side / 2, side);
        for (unsigned i = 0; i < side; i++) line[i] = next[i];
    }
}

/* Neighbours along k. */
static void squares_turn(Packing *p) {
    Body *b = p->b;
    Emit *e = b->emit;
    unsigned side = 16 / e->real_bytes;
    int64_t whole = p->k / side * side;
    LLVMTypeRef type = LLVMVectorType(e->real, side);
    for (int64_t c = 0; c < p->strip; c += side) {
        Loop loop = loop_begin(b, const_i64(e, 0), const_i64(e, whole), side, "k");
        LLVMValueRef line[4];
        for (unsigned i = 0; i < side; i++)
            line[i] = build_load(b, type, weight_at(p, column_at(p, c + i), loop.counter), e->real_bytes);
        square_turn(b, line, side);
        for (unsigned i = 0; i < side; i++) {
            LLVMValueRef k = LLVMBuildNSWAdd(b->at, loop.counter, const_i64(e, i), "");
            build_store(b, line[i], packed_at(p, k, c), 16);
        }
        loop_end(b, &loop);
    }
    if (whole == p->k) return;
    Loop loop = loop_begin(b, const_i64(e, whole), const_i64(e, p->k), 1, "k.rest");
    for (int64_t c = 0; c < p->strip; c++) {
        LLVMValueRef v = build_load(b, e->real, weight_at(p, column_at(p, c), loop.counter), e->real_bytes);
        build_store(b, v, packed_at(p, loop.counter, c), e->real_bytes);
    }
    loop_end(b, &loop);
}

void pack_emit(Body *b) {
    Emit *e = b->emit;
    const LirKernel *k = b->kernel;
    const LirBuffer *buffer = &b->f->buffers.data[k->effects.data[0].access.buffer];
    const TirAxis *axes = b->f->source->axes.data;
    Packing p = {.b = b, .strip = axes[buffer->dims[2]].size, .n = axes[k->n_axis].size, .k = axes[k->k_axis].size};
    p.a_n = access_stride(b, &k->a, k->n_axis);
    p.a_k = access_stride(b, &k->a, k->k_axis);
    b->index[k->n_axis] = b->index[k->k_axis] = const_i64(e, 0);
    p.from = access_address(b, &k->a).pointer;
    Loop loop = loop_begin(b, const_i64(e, 0), axis_trip(b, k->loops[0]), 1, "strip");
    p.n0 = times(b, LLVMBuildNSWAdd(b->at, b->row0, loop.counter, ""), const_i64(e, p.strip));
    p.columns = build_min_i64(b, LLVMBuildNSWSub(b->at, const_i64(e, p.n), p.n0, ""), const_i64(e, p.strip));
    p.to = build_offset(b, e->real, b->base[k->effects.data[0].access.buffer], times(b, p.n0, const_i64(e, p.k)));
    int64_t step;
    if (constant_of(p.a_n, &step) && step == 1)
        lines_copy(&p);
    else
        squares_turn(&p);
    loop_end(b, &loop);
}

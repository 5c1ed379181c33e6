/* DOT kernels: C[m, n] = sum over k of A[m, k] B[k, n], with the body and effects at every (m, n).
 * A tile of `rows` x `columns` vectors of sums stays in registers; for every k it takes `columns` loads of B and `rows`
 * broadcasts of A. The order is: columns of tiles, rows of tiles, k. So one strip of B (all k, a tile's columns) serves
 * all rows out of the first-level cache: as it was packed once a call, or where it is, or, where its lines would crowd
 * the same few places of that cache, from a copy made first. Rows are shared out to tiles of two heights, the second
 * one less, so that no tile is partly empty; but for a few rows known at run time only, see rows_emit. */
#include "llvm/build.h"

#include <string.h>

#include "llvm/tile.h"

enum {
    DOT_MAX_TILE = 64,    /* vectors in a tile */
    DOT_INLINE_BODY = 12, /* instructions up to which the body is repeated for every vector of the tile */
    DOT_UNROLL = 2
};

typedef struct Dot {
    Body *b;
    DotTile tile;
    LLVMValueRef m, k;          /* run-time counts */
    int64_t rows;               /* bound of m */
    unsigned unroll;            /* of k */
    LLVMValueRef a_m, a_k, b_k; /* strides in elements */
    LLVMValueRef panel;         /* copied columns of B, or NULL */
    LLVMValueRef from, to;      /* the k in hand */
    LLVMValueRef sums;          /* all tiles of a strip between two parts of k, or NULL */
    LLVMValueRef first, final;  /* i1: the part of k in hand is the first, the last */
} Dot;

/* One column of tiles. */
typedef struct Strip {
    LLVMValueRef n0;
    unsigned columns;
    LLVMValueRef last;                 /* lanes in use of the last vector, or NULL for all */
    LLVMValueRef source[TILE_VECTORS]; /* of every vector of B at k = 0 */
    LLVMValueRef stride;               /* elements a step of k */
    bool padded;                       /* B has whole vectors */
    unsigned align;                    /* of B, in bytes */
} Strip;

/* Tiles of one height. */
typedef struct Rows {
    unsigned height;
    bool exact; /* no tile is partly empty */
} Rows;

static void set_index(Body *b, TirAxisId axis, LLVMValueRef value) {
    if (axis != LIR_NO_AXIS) b->index[axis] = value;
}

static LLVMValueRef column_mask(Body *b, const Strip *s, unsigned column) {
    return s->last && column + 1 == s->columns ? mask_first(b, s->last) : NULL;
}

static LLVMValueRef times(Body *b, LLVMValueRef x, LLVMValueRef y) {
    return LLVMBuildNSWMul(b->at, x, y, "");
}
static LLVMValueRef plus(Body *b, LLVMValueRef x, LLVMValueRef y) {
    return LLVMBuildNSWAdd(b->at, x, y, "");
}

/* --- B --- */

static LLVMValueRef load_masked(Body *b, LLVMValueRef pointer, unsigned align, LLVMValueRef mask) {
    LLVMTypeRef type = type_lanes(b->emit->real, b->lanes), types[2] = {type, b->emit->ptr};
    if (!mask) return build_load(b, type, pointer, align);
    unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
    LLVMValueRef args[4] = {pointer, const_i32(b->emit, align), mask, LLVMConstNull(type)};
    return LLVMBuildCall2(b->at, LLVMIntrinsicGetType(b->emit->context, id, types, 2),
                          LLVMGetIntrinsicDeclaration(b->emit->module, id, types, 2), args, 4, "");
}

static void strip_columns(Dot *d, Strip *s, LLVMValueRef first) {
    Body *b = d->b;
    for (unsigned c = 0; c < s->columns; c++)
        s->source[c] = build_offset(b, b->emit->real, first, const_i64(b->emit, (int64_t)c * b->lanes));
}

/* Where B lies in its buffer. */
static void strip_in_place(Dot *d, Strip *s) {
    Body *b = d->b;
    const LirKernel *k = b->kernel;
    set_index(b, k->n_axis, s->n0);
    set_index(b, k->k_axis, const_i64(b->emit, 0));
    unsigned lanes = b->lanes;
    b->lanes = 1; /* the address of the first lane */
    LLVMValueRef first = access_address(b, &k->b).pointer;
    b->lanes = lanes;
    s->stride = d->b_k;
    s->align = b->emit->real_bytes;
    strip_columns(d, s, first);
}

/* [n / e][k][n % e]: n0 is a multiple of e, or the tile does not cross a line. */
static void strip_packed(Dot *d, Strip *s) {
    Body *b = d->b;
    Emit *e = b->emit;
    const LirBuffer *buffer = &b->f->buffers.data[b->kernel->b.buffer];
    int64_t strip = b->f->source->axes.data[buffer->dims[2]].size,
            lines = b->f->source->axes.data[buffer->dims[1]].size;
    LLVMValueRef inside = LLVMBuildAnd(b->at, s->n0, const_i64(e, strip - 1), "");
    LLVMValueRef at = plus(b, times(b, LLVMBuildSub(b->at, s->n0, inside, ""), const_i64(e, lines)), inside);
    LLVMValueRef first = build_offset(b, e->real, b->base[b->kernel->b.buffer], at);
    for (unsigned c = 0; c < s->columns; c++) {
        int64_t column = (int64_t)c * b->lanes;
        column = column / strip * strip * lines + column % strip;
        s->source[c] = build_offset(b, e->real, first, const_i64(e, column));
    }
    s->stride = const_i64(e, strip);
    s->padded = true;
    s->align = e->real_bytes * b->lanes;
}

/* Copies B[0..k, n0 .. n0 + columns*lanes) into the panel, with zeros where B ends. */
static void strip_copy(Dot *d, Strip *s) {
    Body *b = d->b;
    LLVMValueRef width = const_i64(b->emit, (int64_t)s->columns * b->lanes);
    Loop loop = loop_begin(b, const_i64(b->emit, 0), d->k, 1, "copy");
    LLVMValueRef from = times(b, loop.counter, s->stride);
    LLVMValueRef to = build_offset(b, b->emit->real, d->panel, times(b, loop.counter, width));
    for (unsigned c = 0; c < s->columns; c++) {
        LLVMValueRef at = const_i64(b->emit, (int64_t)c * b->lanes);
        LLVMValueRef v =
            load_masked(b, build_offset(b, b->emit->real, s->source[c], from), s->align, column_mask(b, s, c));
        build_store(b, v, build_offset(b, b->emit->real, to, at), b->emit->real_bytes);
    }
    loop_end(b, &loop);
    strip_columns(d, s, d->panel);
    s->stride = width;
    s->padded = true;
}

/* --- a tile --- */

static void multiply_add(Body *b, LLVMValueRef slot, LLVMValueRef x, LLVMValueRef y) {
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef sum = LLVMBuildLoad2(b->at, type, slot, "");
    if (b->emit->target->fma) {
        LLVMValueRef args[3] = {x, y, sum};
        sum = build_intrinsic(b, "llvm.fma", type, args, 3);
    } else {
        sum = LLVMBuildFAdd(b->at, LLVMBuildFMul(b->at, x, y, ""), sum, "");
    }
    LLVMBuildStore(b->at, sum, slot);
}

static void tile_products(Dot *d, const Strip *s, unsigned height, LLVMValueRef *a, LLVMValueRef *slot) {
    Body *b = d->b;
    Loop loop = loop_begin(b, d->from, d->to, d->unroll, "k");
    for (unsigned u = 0; u < d->unroll; u++) {
        LLVMValueRef k = u ? plus(b, loop.counter, const_i64(b->emit, u)) : loop.counter, column[TILE_VECTORS];
        LLVMValueRef line = times(b, k, s->stride);
        for (unsigned c = 0; c < s->columns; c++)
            column[c] = load_masked(b, build_offset(b, b->emit->real, s->source[c], line), s->align,
                                    s->padded ? NULL : column_mask(b, s, c));
        for (unsigned r = 0; r < height; r++) {
            LLVMValueRef at = build_offset(b, b->emit->real, a[r], times(b, k, d->a_k));
            LLVMValueRef x = build_splat(b, build_load(b, b->emit->real, at, b->emit->real_bytes), b->lanes);
            for (unsigned c = 0; c < s->columns; c++) multiply_add(b, slot[r * s->columns + c], x, column[c]);
        }
    }
    loop_end(b, &loop);
}

/* Body and effects for one vector of finished sums. */
static void tile_point(Dot *d, LLVMValueRef m, LLVMValueRef n, LLVMValueRef mask, LLVMValueRef acc) {
    Body *b = d->b;
    const LirKernel *k = b->kernel;
    set_index(b, k->m_axis, m);
    set_index(b, k->n_axis, n);
    b->mask = mask;
    b->acc = acc;
    body_level(b, 0);
    for (size_t i = 0; i < k->effects.count; i++) {
        const LirEffect *effect = &k->effects.data[i];
        LLVMValueRef value = k->body.count ? body_value(b, effect->value, true) : acc;
        if (effect->kind == LIR_STORE)
            access_store(b, &effect->access, value);
        else
            access_combine(b, &effect->access, effect->kind, value);
    }
    b->mask = NULL;
}

static LLVMValueRef column_index(Body *b, const Strip *s, unsigned c) {
    return c ? plus(b, s->n0, const_i64(b->emit, (int64_t)c * b->lanes)) : s->n0;
}

/* Every vector with its own copy of the body, straight from registers. */
static void tile_finish_inline(Dot *d, const Strip *s, Rows rows, LLVMValueRef m0, LLVMValueRef count,
                               LLVMValueRef *slot) {
    Body *b = d->b;
    Emit *e = b->emit;
    LLVMBasicBlockRef end = LLVMAppendBasicBlockInContext(e->context, b->fn, "tile.end");
    for (unsigned r = 0; r < rows.height; r++) {
        if (!rows.exact && r) {
            LLVMBasicBlockRef row = LLVMAppendBasicBlockInContext(e->context, b->fn, "tile.row");
            LLVMValueRef more = LLVMBuildICmp(b->at, LLVMIntSGT, count, const_i64(e, r), "");
            LLVMBuildCondBr(b->at, more, row, end);
            LLVMPositionBuilderAtEnd(b->at, row);
        }
        LLVMValueRef m = r ? plus(b, m0, const_i64(e, r)) : m0;
        for (unsigned c = 0; c < s->columns; c++) {
            LLVMValueRef acc = LLVMBuildLoad2(b->at, type_lanes(e->real, b->lanes), slot[r * s->columns + c], "");
            tile_point(d, m, column_index(b, s, c), column_mask(b, s, c), acc);
        }
    }
    LLVMBuildBr(b->at, end);
    LLVMMoveBasicBlockAfter(end, LLVMGetInsertBlock(b->at));
    LLVMPositionBuilderAtEnd(b->at, end);
}

/* The tile goes to the stack and a loop over it holds one copy of the body, two if the last column is masked. */
static void tile_finish_loop(Dot *d, const Strip *s, Rows rows, LLVMValueRef m0, LLVMValueRef count,
                             LLVMValueRef *slot) {
    Body *b = d->b;
    Emit *e = b->emit;
    LLVMTypeRef type = type_lanes(e->real, b->lanes);
    unsigned align = e->real_bytes * b->lanes, whole = s->columns - (s->last ? 1 : 0);
    LLVMValueRef tile = build_alloca(b, LLVMArrayType2(type, (uint64_t)rows.height * s->columns), "tile");
    for (unsigned i = 0; i < rows.height * s->columns; i++)
        build_store(b, LLVMBuildLoad2(b->at, type, slot[i], ""), build_offset(b, type, tile, const_i64(e, i)), align);
    Loop row = loop_begin(b, const_i64(e, 0), count, 1, "row");
    LLVMValueRef line = times(b, row.counter, const_i64(e, s->columns)), m = plus(b, m0, row.counter);
    if (whole) {
        Loop column = loop_begin(b, const_i64(e, 0), const_i64(e, whole), 1, "column");
        LLVMValueRef n = plus(b, s->n0, times(b, column.counter, const_i64(e, b->lanes)));
        LLVMValueRef at = build_offset(b, type, tile, plus(b, line, column.counter));
        tile_point(d, m, n, NULL, build_load(b, type, at, align));
        loop_end(b, &column);
    }
    if (s->last) {
        LLVMValueRef at = build_offset(b, type, tile, plus(b, line, const_i64(e, whole)));
        LLVMValueRef acc = build_load(b, type, at, align);
        tile_point(d, m, column_index(b, s, whole), column_mask(b, s, whole), acc);
    }
    loop_end(b, &row);
}

/* Where vector i of a tile waits for the next part of k. */
static LLVMValueRef sums_at(Dot *d, const Strip *s, LLVMValueRef m0, unsigned i) {
    Body *b = d->b;
    LLVMTypeRef type = type_lanes(b->emit->real, b->lanes);
    LLVMValueRef line = times(b, m0, const_i64(b->emit, d->tile.vectors));
    LLVMValueRef at = plus(b, line, const_i64(b->emit, i / s->columns * d->tile.vectors + i % s->columns));
    return build_offset(b, type, d->sums, at);
}

static void sums_start(Dot *d, const Strip *s, Rows rows, LLVMValueRef m0, LLVMValueRef *slot) {
    Body *b = d->b;
    LLVMTypeRef type = type_lanes(b->emit->real, b->lanes);
    for (unsigned i = 0; i < rows.height * s->columns; i++) {
        LLVMValueRef start = LLVMConstNull(type);
        if (d->sums) {
            LLVMValueRef so_far = build_load(b, type, sums_at(d, s, m0, i), b->emit->real_bytes * b->lanes);
            start = LLVMBuildSelect(b->at, d->first, start, so_far, "");
        }
        LLVMBuildStore(b->at, start, slot[i]);
    }
}

/* Unless this part of k is the last one, keeps the sums and goes to the block that is returned. */
static LLVMBasicBlockRef sums_keep(Dot *d, const Strip *s, Rows rows, LLVMValueRef m0, LLVMValueRef *slot) {
    Body *b = d->b;
    Emit *e = b->emit;
    LLVMTypeRef type = type_lanes(e->real, b->lanes);
    LLVMBasicBlockRef keep = LLVMAppendBasicBlockInContext(e->context, b->fn, "tile.keep");
    LLVMBasicBlockRef finish = LLVMAppendBasicBlockInContext(e->context, b->fn, "tile.finish");
    LLVMBasicBlockRef rest = LLVMAppendBasicBlockInContext(e->context, b->fn, "tile.rest");
    LLVMBuildCondBr(b->at, d->final, finish, keep);
    LLVMPositionBuilderAtEnd(b->at, keep);
    for (unsigned i = 0; i < rows.height * s->columns; i++)
        build_store(b, LLVMBuildLoad2(b->at, type, slot[i], ""), sums_at(d, s, m0, i), e->real_bytes * b->lanes);
    LLVMBuildBr(b->at, rest);
    LLVMPositionBuilderAtEnd(b->at, finish);
    return rest;
}

static void tile_emit(Dot *d, const Strip *s, Rows rows, LLVMValueRef m0) {
    Body *b = d->b;
    Emit *e = b->emit;
    const LirKernel *k = b->kernel;
    LLVMTypeRef type = type_lanes(e->real, b->lanes);
    LLVMValueRef a[TILE_ROWS], slot[DOT_MAX_TILE], count = const_i64(e, rows.height);
    if (!rows.exact) count = build_min_i64(b, LLVMBuildSub(b->at, d->m, m0, ""), count);
    set_index(b, k->m_axis, m0);
    set_index(b, k->k_axis, const_i64(e, 0));
    a[0] = access_address(b, &k->a).pointer;
    for (unsigned r = 1; r < rows.height; r++) {
        LLVMValueRef row = const_i64(e, r);
        if (!rows.exact) row = build_min_i64(b, row, LLVMBuildSub(b->at, count, const_i64(e, 1), ""));
        a[r] = build_offset(b, e->real, a[0], times(b, row, d->a_m));
    }
    for (unsigned i = 0; i < rows.height * s->columns; i++) slot[i] = build_alloca(b, type, "acc");
    sums_start(d, s, rows, m0, slot);
    tile_products(d, s, rows.height, a, slot);
    b->index[k->k_axis] = NULL;
    LLVMBasicBlockRef rest = d->sums ? sums_keep(d, s, rows, m0, slot) : NULL;
    if (k->body.count <= DOT_INLINE_BODY || rows.height * s->columns <= 2)
        tile_finish_inline(d, s, rows, m0, count, slot);
    else
        tile_finish_loop(d, s, rows, m0, count, slot);
    if (!rest) return;
    LLVMBuildBr(b->at, rest);
    LLVMMoveBasicBlockAfter(rest, LLVMGetInsertBlock(b->at));
    LLVMPositionBuilderAtEnd(b->at, rest);
}

/* --- tiles --- */

static void tiles_emit(Dot *d, const Strip *s, Rows rows, LLVMValueRef begin, LLVMValueRef end) {
    Loop loop = loop_begin(d->b, begin, end, rows.height, "m");
    tile_emit(d, s, rows, loop.counter);
    loop_end(d->b, &loop);
}

/* t = ceil(m / h) tiles have t h - m rows too many: so many tiles get a row less. Where that is more than there are
 * tiles, which takes less than h^2 rows, all are of the second kind and the last is partly empty: it reads its last row
 * again for rows that do not exist, and does not store them. */
static void rows_emit(Dot *d, const Strip *s) {
    Body *b = d->b;
    Emit *e = b->emit;
    int64_t height = dot_tile_rows(b->emit->target, s->columns, d->rows), m;
    LLVMValueRef zero = const_i64(e, 0);
    if (constant_of(d->m, &m)) {
        int64_t tiles = (m + height - 1) / height, split = (tiles - (tiles * height - m)) * height;
        if (split) tiles_emit(d, s, (Rows){(unsigned)height, true}, zero, const_i64(e, split));
        if (split < m) tiles_emit(d, s, (Rows){(unsigned)height - 1, true}, const_i64(e, split), d->m);
        return;
    }
    if (height == 1) {
        tiles_emit(d, s, (Rows){1, true}, zero, d->m);
        return;
    }
    LLVMValueRef h = const_i64(e, height), tiles = LLVMBuildNSWAdd(b->at, d->m, const_i64(e, height - 1), "");
    tiles = LLVMBuildUDiv(b->at, tiles, h, "");
    LLVMValueRef shorter = LLVMBuildNSWSub(b->at, times(b, tiles, h), d->m, "");
    LLVMValueRef whole = LLVMBuildNSWSub(b->at, tiles, build_min_i64(b, shorter, tiles), "");
    LLVMValueRef split = times(b, whole, h);
    tiles_emit(d, s, (Rows){(unsigned)height, true}, zero, split);
    tiles_emit(d, s, (Rows){(unsigned)height - 1, height == 2}, split, d->m);
}

/* k in parts, so that those of a strip stay in the first-level cache while all rows pass by. */
static void parts_emit(Dot *d, const Strip *s) {
    Body *b = d->b;
    Emit *e = b->emit;
    Loop loop = loop_begin(b, d->from, d->k, d->tile.part, "part");
    d->from = loop.counter;
    d->to = build_min_i64(b, plus(b, loop.counter, const_i64(e, d->tile.part)), d->k);
    d->first = LLVMBuildICmp(b->at, LLVMIntEQ, loop.counter, const_i64(e, 0), "");
    d->final = LLVMBuildICmp(b->at, LLVMIntEQ, d->to, d->k, "");
    rows_emit(d, s);
    loop_end(b, &loop);
}

static void strip_emit(Dot *d, Strip s) {
    if (d->b->kernel->packed)
        strip_packed(d, &s);
    else
        strip_in_place(d, &s);
    if (d->panel) strip_copy(d, &s);
    d->from = const_i64(d->b->emit, 0);
    d->to = d->k;
    if (d->sums)
        parts_emit(d, &s);
    else
        rows_emit(d, &s);
}

static void strips_emit(Dot *d) {
    Body *b = d->b;
    Emit *e = b->emit;
    LLVMValueRef n = axis_trip(b, b->kernel->n_axis);
    int64_t known, tile = (int64_t)d->tile.vectors * b->lanes;
    bool fixed = constant_of(n, &known);
    LLVMValueRef whole = LLVMBuildSub(b->at, n, LLVMBuildURem(b->at, n, const_i64(e, tile), ""), "");
    if (!fixed || known >= tile) {
        Loop loop = loop_begin(b, const_i64(e, 0), whole, tile, "n");
        strip_emit(d, (Strip){.n0 = loop.counter, .columns = d->tile.vectors});
        loop_end(b, &loop);
    }
    if (fixed && known % tile) {
        unsigned rest = (unsigned)(known % tile), columns = (rest + b->lanes - 1) / b->lanes;
        LLVMValueRef last = rest % b->lanes ? const_i64(e, rest % b->lanes) : NULL;
        strip_emit(d, (Strip){.n0 = whole, .columns = columns, .last = last});
    }
    if (!fixed) {
        Loop loop = loop_begin(b, whole, n, b->lanes, "n.rest");
        LLVMValueRef left = build_min_i64(b, LLVMBuildSub(b->at, n, loop.counter, ""), const_i64(e, b->lanes));
        strip_emit(d, (Strip){.n0 = loop.counter, .columns = 1, .last = left});
        loop_end(b, &loop);
    }
}

static void sums_make(Dot *d) {
    Body *b = d->b;
    LLVMTypeRef type = type_lanes(b->emit->real, b->lanes);
    d->sums = build_alloca(b, LLVMArrayType2(type, (uint64_t)(d->rows + TILE_ROWS) * d->tile.vectors), "sums");
    LLVMSetAlignment(d->sums, 64);
}

static void panel_make(Dot *d) {
    Body *b = d->b;
    int64_t tile = (int64_t)d->tile.vectors * b->lanes, k = axis_bound(b, b->kernel->k_axis);
    d->panel = build_alloca(b, LLVMArrayType2(b->emit->real, (uint64_t)(k * tile)), "panel");
    LLVMSetAlignment(d->panel, 64);
}

void dot_emit(Body *b) {
    Emit *e = b->emit;
    const LirKernel *k = b->kernel;
    Dot d = {.b = b, .m = const_i64(e, 1), .rows = 1, .unroll = 1};
    d.tile = dot_tile(e->arena, e->target, b->f, b->group, k, e->f64);
    b->vector_axis = k->n_axis;
    b->lanes = d.tile.lanes;
    body_analyse(b);
    memset(b->level, 0, k->body.count * sizeof *b->level); /* the body runs at every (m, n) */
    if (k->m_axis != LIR_NO_AXIS) {
        d.m = axis_trip(b, k->m_axis);
        d.rows = axis_bound(b, k->m_axis);
    }
    d.k = axis_trip(b, k->k_axis);
    int64_t count;
    while (constant_of(d.k, &count) && d.unroll < DOT_UNROLL && count % (2 * d.unroll) == 0) d.unroll *= 2;
    d.a_m = k->m_axis != LIR_NO_AXIS ? access_stride(b, &k->a, k->m_axis) : const_i64(e, 0);
    d.a_k = access_stride(b, &k->a, k->k_axis);
    d.b_k = k->packed ? NULL : access_stride(b, &k->b, k->k_axis);
    if (d.tile.panel) panel_make(&d);
    if (d.tile.part) sums_make(&d);
    Loop loops[LIR_MAX_DIMS];
    for (uint32_t i = 0; i < k->loop_count; i++) {
        if (loop_is_joined(b, i)) continue;
        const char *name = b->f->source->axes.data[k->loops[i]].name;
        loops[i] = loop_begin(b, const_i64(e, 0), axis_trip(b, k->loops[i]), 1, name);
        b->index[k->loops[i]] = loops[i].counter;
    }
    strips_emit(&d);
    for (uint32_t i = k->loop_count; i-- > 0;)
        if (!(k->joined >> i & 1)) loop_end(b, &loops[i]);
}

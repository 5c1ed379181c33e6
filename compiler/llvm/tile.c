/* The shape of a matrix product in registers; see tile.h. A tile of r x v vectors does r v multiply-adds for v loads of
 * B and r broadcasts of A; what limits it is the number of registers (r v sums, v of B, one of A) and, for small tiles,
 * the time of one multiply-add, of which two start in every cycle: fewer than about ten sums wait for each other. */
#include "llvm/tile.h"

#include "llvm/shape.h"

enum {
    PART_BYTES = 16 * 1024,  /* of B under a tile that all rows meet before k goes on */
    SUMS_ROWS = 1024,        /* most rows whose sums wait meanwhile */
    PANEL_BYTES = 32 * 1024, /* largest copied panel */
    CACHE_LINE = 64,
    CACHE_SETS = 64, /* of a first-level cache of 32 KiB that holds eight lines in a set */
    CACHE_WAYS = 8,
};

unsigned dot_tile_rows(const HostTarget *target, unsigned vectors, int64_t rows) {
    unsigned most = target->registers > vectors + 1 ? (target->registers - 1 - vectors) / vectors : 1;
    /* each sum has a broadcast of its own, and the code generator loads them ahead of their use */
    if (vectors == 1 && most > target->registers / 2) most = target->registers / 2;
    if (most > TILE_ROWS) most = TILE_ROWS;
    if (!most) most = 1; /* fewer registers than the tile is wide */
    if (rows < 1) rows = 1;
    if (rows <= most) return (unsigned)rows;
    int64_t tiles = (rows + most - 1) / most;
    return (unsigned)((rows + tiles - 1) / tiles);
}

static int64_t axis_length(const LirFunction *f, const LirGroup *group, const LirKernel *kernel, TirAxisId axis) {
    return axis == LIR_NO_AXIS ? 1 : shape_bound(f, group, kernel, axis);
}

/* Elements from one k to the next of B, or 0 where that is known at run time only. */
static int64_t right_stride(const LirFunction *f, const LirGroup *group, const LirKernel *kernel) {
    const LirBuffer *b = &f->buffers.data[kernel->b.buffer];
    int64_t stride = 1, found = 0;
    for (uint32_t d = b->rank; d-- > 0;) {
        bool block = b->space == LIR_SCRATCH && b->dims[d] == group->row_axis;
        int64_t size = block ? group->block : f->source->axes.data[b->dims[d]].size;
        if (kernel->b.index[d].kind == LIR_INDEX_LOOP && kernel->b.index[d].axis == kernel->k_axis) found = stride;
        if (size < 0) return found;
        stride *= b->pitch && d + 1 == b->rank ? b->pitch : size;
    }
    return found;
}

static int64_t greatest_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Whether all k of a tile's columns fit half of the first-level cache, where lines some power of two apart share few
 * places of it. */
static bool column_fits(int64_t stride, int64_t k, int64_t width) {
    int64_t lines = stride % CACHE_LINE ? 1 : greatest_divisor(stride / CACHE_LINE, CACHE_SETS);
    int64_t wide = (width + CACHE_LINE - 1) / CACHE_LINE, sets = CACHE_SETS / lines * (wide < lines ? wide : lines);
    return k <= sets * CACHE_WAYS / 2 / wide;
}

static bool panel_wanted(const LirFunction *f, const LirGroup *group, const LirKernel *kernel, const DotTile *tile,
                         int64_t rows, int64_t real_bytes) {
    int64_t width = (int64_t)tile->vectors * tile->lanes, k = axis_length(f, group, kernel, kernel->k_axis);
    int64_t stride = right_stride(f, group, kernel);
    if (kernel->packed || (stride && stride <= width)) return false;
    if (k > PANEL_BYTES / (width * real_bytes) || rows < 4 * (int64_t)tile->rows) return false;
    return !stride || !column_fits(stride * real_bytes, k, width * real_bytes);
}

/* A strip of B that does not fit half of the first-level cache comes out of the next one for every tile, unless k is
 * taken in parts of about one size. */
static int64_t part_of_k(const LirFunction *f, const LirGroup *group, const LirKernel *kernel, const DotTile *tile,
                         int64_t rows, int64_t real_bytes) {
    int64_t k = axis_length(f, group, kernel, kernel->k_axis),
            width = (int64_t)tile->vectors * tile->lanes * real_bytes;
    int64_t most = PART_BYTES / (width > CACHE_LINE ? width : CACHE_LINE);
    if (k <= most * 3 / 2 || k == INT64_MAX || rows <= 2 * (int64_t)tile->rows || rows > SUMS_ROWS) return 0;
    int64_t parts = (k + most - 1) / most, part = (k + parts - 1) / parts;
    return (part + 1) / 2 * 2;
}

DotTile dot_tile(Arena *arena, const HostTarget *target, const LirFunction *f, const LirGroup *group,
                 const LirKernel *kernel, bool f64) {
    int64_t n = axis_length(f, group, kernel, kernel->n_axis), rows = axis_length(f, group, kernel, kernel->m_axis);
    int64_t real_bytes = f64 ? 8 : 4;
    DotTile tile = {.lanes = target->vector_bits / 8 / (unsigned)real_bytes};
    while (tile.lanes > 2 && tile.lanes / 2 >= n) tile.lanes /= 2;
    int64_t vectors = n < INT64_MAX ? (n + tile.lanes - 1) / tile.lanes : TILE_VECTORS;
    if (vectors < 1) vectors = 1;
    tile.vectors = rows <= 3 ? TILE_VECTORS : target->registers > 8 ? 2 : 1;
    if (vectors == 3 && target->registers > 8) tile.vectors = 3;
    if (tile.vectors > vectors) tile.vectors = (unsigned)vectors;
    tile.rows = dot_tile_rows(target, tile.vectors, rows);
    tile.panel = panel_wanted(f, group, kernel, &tile, rows, real_bytes);
    tile.part = part_of_k(f, group, kernel, &tile, rows, real_bytes);
    const char *source = kernel->packed ? "packed once a call" : tile.panel ? "copied in every block" : "where it is";
    const char *parts = tile.part ? arena_format(arena, ", k in parts of %lld", (long long)tile.part) : "";
    tile.why = arena_format(arena, "%u x %u vectors of %u: %u sums, %u of B and one of A in %u registers; B %s%s",
                            tile.rows, tile.vectors, tile.lanes, tile.rows * tile.vectors, tile.vectors,
                            target->registers, source, parts);
    return tile;
}

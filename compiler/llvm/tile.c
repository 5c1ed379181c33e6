/* The shape of a matrix product in registers; see tile.h. A tile of r x v vectors does r v multiply-adds for v loads of
 * B and r broadcasts of A; what limits it is the number of registers (r v sums, v of B, one of A) and, for small tiles,
 * the time of one multiply-add, of which two start in every cycle: fewer than about ten sums wait for each other. */
#include "llvm/tile.h"

enum {
    PART_BYTES = 16 * 1024, /* of B under a tile that all rows meet before k goes on */
    SUMS_ROWS = 1024,       /* most rows whose sums wait meanwhile */
    ROWS_ENOUGH = 48,       /* not made more by loops around them: the rows of one stay in the cache for all columns */
    K_ENOUGH = 256,
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

static int64_t axis_length(const LirFunction *f, const LirGroup *group, TirAxisId axis) {
    if (axis == LIR_NO_AXIS) return 1;
    int64_t size = f->source->axes.data[axis].size;
    if (size < 0) size = INT64_MAX;
    return axis == group->row_axis && group->block < size ? group->block : size;
}

/* Elements from one point of a loop to the next, or -1 where that is known at run time only. */
static int64_t access_step(const LirFunction *f, const LirGroup *group, const LirAccess *access, TirAxisId axis) {
    const LirBuffer *b = &f->buffers.data[access->buffer];
    int64_t stride = 1, step = 0;
    for (uint32_t d = b->rank; d-- > 0;) {
        bool block = b->space == LIR_SCRATCH && b->dims[d] == group->row_axis;
        int64_t size = block ? group->block : f->source->axes.data[b->dims[d]].size;
        if (access->index[d].kind == LIR_INDEX_LOOP && access->index[d].axis == axis) {
            if (stride < 0) return -1;
            step += stride;
        }
        stride = size < 0 ? -1 : stride * (b->pitch && d + 1 == b->rank ? b->pitch : size);
    }
    return step;
}

/* Whether the access goes on along `outer` where `trip` points of `inner` end, or stays where it is along both. */
static bool access_goes_on(const LirFunction *f, const LirGroup *group, const LirAccess *access, TirAxisId outer,
                           TirAxisId inner, int64_t trip) {
    for (uint32_t d = 0; d < f->buffers.data[access->buffer].rank; d++)
        if (access->index[d].kind == LIR_INDEX_VALUE) return false;
    int64_t step = access_step(f, group, access, inner), far = access_step(f, group, access, outer);
    return step >= 0 && far == trip * step;
}

static bool access_stays(const LirFunction *f, const LirGroup *group, const LirAccess *access, TirAxisId axis) {
    return access_step(f, group, access, axis) == 0;
}

/* Whether `outer`, the loop around `inner`, makes it longer and nothing else. */
static bool loop_merges(const LirFunction *f, const LirGroup *group, const LirKernel *k, TirAxisId outer,
                        TirAxisId inner, int64_t trip) {
    if (!access_goes_on(f, group, &k->a, outer, inner, trip)) return false;
    if (k->accumulate)
        return access_goes_on(f, group, &k->b, outer, inner, trip) &&
               access_stays(f, group, &k->effects.data[0].access, outer);
    if (!k->packed && !access_stays(f, group, &k->b, outer)) return false;
    for (size_t i = 0; i < k->effects.count; i++)
        if (!access_goes_on(f, group, &k->effects.data[i].access, outer, inner, trip)) return false;
    for (size_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        if (in->op == LIR_LOOP && (in->axis == outer || in->axis == inner)) return false;
        if ((in->op == LIR_LOAD || in->op == LIR_SEARCH) && !access_goes_on(f, group, &in->access, outer, inner, trip))
            return false;
    }
    return true;
}

/* Innermost loops that are one with the rows of a product, or with k of one that adds to sums over rows, as far as
 * those are few. */
static uint32_t merged_loops(const LirFunction *f, const LirGroup *group, const LirKernel *kernel) {
    TirAxisId inner = kernel->accumulate ? kernel->k_axis : kernel->m_axis;
    if (inner == LIR_NO_AXIS || inner == group->row_axis) return 0;
    int64_t trip = f->source->axes.data[inner].size, enough = kernel->accumulate ? K_ENOUGH : ROWS_ENOUGH;
    uint32_t merged = 0;
    while (trip >= 0 && trip < enough && merged < kernel->loop_count) {
        TirAxisId outer = kernel->loops[kernel->loop_count - 1 - merged];
        if (!loop_merges(f, group, kernel, outer, inner, trip)) break;
        int64_t size = f->source->axes.data[outer].size;
        trip = size < 0 || outer == group->row_axis ? -1 : trip * size;
        merged++;
    }
    return merged;
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
    int64_t width = (int64_t)tile->vectors * tile->lanes, k = tile->most_k;
    int64_t stride = kernel->packed ? 0 : access_step(f, group, &kernel->b, kernel->k_axis);
    if (kernel->packed || (stride > 0 && stride <= width)) return false;
    if (k > PANEL_BYTES / (width * real_bytes) || rows < 4 * (int64_t)tile->rows) return false;
    return stride <= 0 || !column_fits(stride * real_bytes, k, width * real_bytes);
}

/* A strip of B that does not fit half of the first-level cache comes out of the next one for every tile, unless k is
 * taken in parts of about one size. */
static int64_t part_of_k(const DotTile *tile, int64_t rows, int64_t real_bytes) {
    int64_t k = tile->most_k, width = (int64_t)tile->vectors * tile->lanes * real_bytes;
    int64_t most = PART_BYTES / (width > CACHE_LINE ? width : CACHE_LINE);
    if (k <= most * 3 / 2 || k == INT64_MAX || rows <= 2 * (int64_t)tile->rows || rows > SUMS_ROWS) return 0;
    int64_t parts = (k + most - 1) / most, part = (k + parts - 1) / parts;
    return (part + 1) / 2 * 2;
}

DotTile dot_tile(Arena *arena, const HostTarget *target, const LirFunction *f, const LirGroup *group,
                 const LirKernel *kernel, bool f64) {
    int64_t n = axis_length(f, group, kernel->n_axis);
    int64_t real_bytes = f64 ? 8 : 4;
    DotTile tile = {.lanes = target->vector_bits / 8 / (unsigned)real_bytes};
    tile.merged = merged_loops(f, group, kernel);
    tile.most_m = axis_length(f, group, kernel->m_axis);
    tile.most_k = axis_length(f, group, kernel->k_axis);
    for (uint32_t i = 0; i < tile.merged; i++) {
        int64_t *most = kernel->accumulate ? &tile.most_k : &tile.most_m;
        int64_t size = axis_length(f, group, kernel->loops[kernel->loop_count - 1 - i]);
        *most = size > INT64_MAX / *most ? INT64_MAX : *most * size;
    }
    int64_t rows = tile.most_m;
    while (tile.lanes > 2 && tile.lanes / 2 >= n) tile.lanes /= 2;
    int64_t vectors = n < INT64_MAX ? (n + tile.lanes - 1) / tile.lanes : TILE_VECTORS;
    if (vectors < 1) vectors = 1;
    tile.vectors = rows <= 3 ? TILE_VECTORS : target->registers > 8 ? 2 : 1;
    if (vectors == 3 && target->registers > 8) tile.vectors = 3;
    if (tile.vectors > vectors) tile.vectors = (unsigned)vectors;
    tile.rows = dot_tile_rows(target, tile.vectors, rows);
    tile.panel = panel_wanted(f, group, kernel, &tile, rows, real_bytes);
    tile.part = part_of_k(&tile, rows, real_bytes);
    tile.why =
        arena_format(arena, "%u x %u vectors of %u: %u sums, %u of B and one of A in %u registers; B %s", tile.rows,
                     tile.vectors, tile.lanes, tile.rows * tile.vectors, tile.vectors, target->registers,
                     kernel->packed ? "packed once a call"
                     : tile.panel   ? "copied in every block"
                                    : "where it is");
    return tile;
}

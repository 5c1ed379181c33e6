/* The shape of a matrix product in registers: a tile of `rows` x `vectors` sums. One pure function decides it, for the
 * code and for --report=schedule. */
#ifndef QTMC_LLVM_TILE_H
#define QTMC_LLVM_TILE_H

#include "lir/lir.h"
#include "llvm/emit.h"

enum { TILE_VECTORS = 4, TILE_ROWS = 32 }; /* most of a tile */

typedef struct DotTile {
    unsigned rows, vectors; /* of a full tile */
    unsigned lanes;         /* of a vector */
    int64_t part;           /* k are taken in parts of so many; 0: all at once */
    bool panel;             /* the columns of B under a tile are copied first, in every block */
    const char *why;        /* in words with numbers */
} DotTile;

DotTile dot_tile(Arena *arena, const HostTarget *target, const LirFunction *f, const LirGroup *group,
                 const LirKernel *kernel, bool f64);

/* Height of a tile of so many vectors for so many rows at most, of which every tile but the last few, one row shorter,
 * has all. */
unsigned dot_tile_rows(const HostTarget *target, unsigned vectors, int64_t rows);

#endif

/* Everything in memory that a kernel touches. */
#ifndef QTMC_LIR_VISIT_H
#define QTMC_LIR_VISIT_H

#include "lir/lir.h"

typedef enum LirTouch { LIR_READS = 1, LIR_WRITES = 2, LIR_COMBINES = 3 } LirTouch;
/* `indices` is NULL where the kernel walks along the array in its own way: clearing it, packing, sorting, the table of
 * a search. */
typedef void (*LirVisitor)(const LirKernel *kernel, uint32_t buffer, const LirIndex *indices, LirTouch how,
                           void *context);
void lir_visit(const LirKernel *kernel, LirVisitor visit, void *context);

#endif

/* What `--trap=nan` and `check-gradients` of an executable, and the messages of guards, need: the tensor form of its
 * functions and the sources of the model, packed (support/pack.h). The text is
 *   COUNT                      number of files
 *   LENGTH PATH                of each file, a line, and then its bytes and a newline
 *   func ...                   tensor IR with spans (tir/text.c); functions under the names of their symbols, without
 *                              _f32 and _f64
 *   func ...                   without spans, NAME.objective: what gradient NAME is the derivative of, with the
 *                              derivatives that are given */
#ifndef QTMC_DRIVER_TRAP_H
#define QTMC_DRIVER_TRAP_H

#include "driver/pipeline.h"

typedef struct TrapPack {
    const char *path; /* where the packed bytes were written */
    size_t bytes, whole;
} TrapPack;

/* False after a message. */
bool trap_write(const Pipeline *pipeline, const char *path, TrapPack *pack);

#endif

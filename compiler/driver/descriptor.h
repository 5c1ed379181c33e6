/* The C text that describes a compiled model to the runtime: a qtm_model (runtime/include/qtm/model.h) and main. */
#ifndef QTMC_DRIVER_DESCRIPTOR_H
#define QTMC_DRIVER_DESCRIPTOR_H

#include "driver/trap.h"

/* With `pack`, the description has those bytes too. */
void descriptor_print(FILE *out, const Pipeline *pipeline, const TrapPack *pack);
/* FNV-1a, 64 bits, of the text of every module read and of the sizes given by -D; 16 hexadecimal digits. */
const char *descriptor_hash(const Pipeline *pipeline);

#endif

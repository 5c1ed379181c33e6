/* Machine code of a model's functions: the last pass. */
#ifndef QTMC_DRIVER_CODE_H
#define QTMC_DRIVER_CODE_H

#include "driver/pipeline.h"

/* Writes the files that pipeline->code asks for. False when one could not be made; standard error says why. */
bool code_run(Pipeline *pipeline);

#endif

/* Which functions of a model are compiled, in which width, and under which symbol. */
#ifndef QTMC_DRIVER_UNITS_H
#define QTMC_DRIVER_UNITS_H

#include "driver/pipeline.h"

/* Makes a unit of every tensor function of the program (pipeline->units, draws, fits). */
void units_collect(Pipeline *pipeline);
/* Adds the gradient of every objective by the blocks of its groups. */
void units_derive(Pipeline *pipeline);
/* Sets the whole of every function aside, and gives gradients functions that run before them, at the start or once a
 * step, where that pays. */
void units_stage(Pipeline *pipeline);

#endif

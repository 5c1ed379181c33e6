/* The command check-gradients: the compiled f64 gradient of every objective against four-point finite differences of
 * the compiled f64 objective, f'(0) ~ [8 (f(h) - f(-h)) - (f(2h) - f(-2h))] / 12 h, along random directions of every
 * block of weights and along its coordinate of largest gradient. */
#ifndef QTM_GRADCHECK_H
#define QTM_GRADCHECK_H

#include "qtm/model.h"
#include "runtime/comm/comm.h"
#include "runtime/core/options.h"

/* Fails if any relative difference is above 1e-6. Data: the files given or declared where they exist, else 4096 events
 * drawn at the truth. Runs on one rank. */
qtm_status qtm_gradcheck_command(const struct qtm_model *model, const struct qtm_arguments *arguments,
                                 struct qtm_comm *comm);

#endif

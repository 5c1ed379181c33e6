/* Which of the processors that a model was compiled for this machine can stand in for. */
#ifndef QTM_CORE_PROCESSOR_H
#define QTM_CORE_PROCESSOR_H

#include "qtm/model.h"
#include "runtime/core/status.h"

/* What this machine has: a bit a feature of qtm/features.def. All bits where that cannot be asked. */
uint64_t qtm_features(void);
/* The last target that needs nothing else than `have`, or -1. Without targets: 0. */
int qtm_processor_choose(const struct qtm_model *model, uint64_t have);
/* Sets qtm_processor_used, or says what the machine lacks. */
qtm_status qtm_processor_start(const struct qtm_model *model, uint64_t have);

#endif

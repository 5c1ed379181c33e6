/* The primitives pairs(a, b) and between(a, b, t). */
#ifndef QTMC_SEMA_PAIRS_H
#define QTMC_SEMA_PAIRS_H

#include "sema/sema.h"

Value apply_pairs(Elab *e, const Primitive *self, const AstNode *node, const Value *args, uint32_t count);
Value apply_between(Elab *e, const Primitive *self, const AstNode *node, const Value *args, uint32_t count);

#endif

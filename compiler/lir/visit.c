#include "lir/visit.h"

void lir_visit(const LirKernel *k, LirVisitor visit, void *context) {
    bool own = lir_is_line(k) || k->kind == LIR_PACK || k->kind == LIR_COMBINE;
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL || k->kind == LIR_COMBINE)
        visit(k, k->zero, NULL, LIR_WRITES, context);
    if (k->kind == LIR_DOT || own) visit(k, k->a.buffer, own ? NULL : k->a.index, LIR_READS, context);
    if (k->kind == LIR_DOT) visit(k, k->b.buffer, k->packed ? NULL : k->b.index, LIR_READS, context);
    for (size_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        if (in->op == LIR_LOAD) visit(k, in->access.buffer, in->access.index, LIR_READS, context);
        if (in->op == LIR_SEARCH) visit(k, in->access.buffer, NULL, LIR_READS, context);
    }
    for (size_t i = 0; i < k->effects.count; i++) {
        const LirEffect *e = &k->effects.data[i];
        LirTouch how = e->kind == LIR_STORE || own ? LIR_WRITES : LIR_COMBINES;
        visit(k, e->access.buffer, own ? NULL : e->access.index, how, context);
    }
}

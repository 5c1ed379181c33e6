/* Parameters that no data can see: every objective over the parameters is followed back along its derivatives, and a
 * free parameter that none of them reaches cannot be determined by any fit. What is reached and yet drops out, such as
 * a common factor of a density that is normalised, is not found here: that is a matter of values. */
#include "sema/sema.h"

bool *param_reached(Elab *e, const Context *c, TirId loss) {
    bool *seen = ARENA_ARRAY(e->arena, bool, e->slots.count + 1);
    if (!c->param_raw) return seen;
    const bool *reached = derivative_reach(c->f, e->arena, loss);
    for (size_t s = 0; s < e->slots.count; s++) seen[s] = c->param_raw[s] != TIR_NONE && reached[c->param_raw[s]];
    return seen;
}

/* Where the way from a parameter to the loss ends: at an operation through which no derivative goes. */
static Span find_end(const TirFunction *f, TirId from, TirId loss) {
    Arena scratch = {0};
    bool *leads = ARENA_ARRAY(&scratch, bool, f->ops.count), *moves = ARENA_ARRAY(&scratch, bool, f->ops.count);
    Span end = {0};
    leads[loss] = moves[from] = true;
    for (TirId i = loss + 1; i-- > 0;)
        for (uint32_t k = 0; leads[i] && k < f->ops.data[i].arg_count; k++) leads[f->ops.data[i].args[k]] = true;
    for (TirId i = from + 1; i <= loss; i++) {
        const TirOp *op = &f->ops.data[i];
        for (uint32_t k = 0; k < op->arg_count; k++) {
            if (!moves[op->args[k]]) continue;
            if (derivative_passes(f, op, k))
                moves[i] = true;
            else if (leads[i] && op->op != TIR_CUSTOM)
                end = op->span;
        }
    }
    arena_free(&scratch);
    return end;
}

void param_note_seen(Elab *e, const Context *c, TirId loss) {
    e->fitted = true;
    const bool *reached = param_reached(e, c, loss);
    for (size_t s = 0; s < e->slots.count; s++) {
        e->seen[s] |= reached[s] && (!e->moving || e->moving[s]);
        bool moves = !e->moving || e->moving[s];
        if (moves && !reached[s] && c->param_raw && c->param_raw[s] != TIR_NONE && !e->ends[s].file)
            e->ends[s] = find_end(c->f, c->param_raw[s], loss);
    }
}

/* Nobody fits them, or they are fixed. A link that nothing uses is still a result. */
static void warn_unused(Elab *e) {
    for (size_t i = 0; i < e->slots.count; i++) {
        const ParamSlot *slot = e->slots.data[i];
        bool free = !slot->link && !slot->fixed, first = slot->number == slot->decl->index;
        if (slot->decl->used || !first || slot->link || (free && e->fitted) || slot->decl->module != e->hir->main)
            continue;
        diag_report(e->sink, DIAG_W0501, slot->decl->node->name_span, "'%s' is declared and never used",
                    slot->decl->name);
        diag_help(e->sink, "remove it, or use it");
    }
}

void param_report_unseen(Elab *e) {
    if (e->sink->errors || !e->fits.count) return;
    warn_unused(e);
    if (!e->fitted) return;
    size_t at = 0;
    for (const ParamSlot *slot; (slot = param_free(e, &at));) {
        if (e->seen[slot->number]) continue;
        if (!slot->decl->used && slot->number != slot->decl->index) continue; /* one word for the family */
        elab_error(e, DIAG_E0431, slot->span, "no data can see parameter '%s': no objective over the parameters %s",
                   slot->name, slot->decl->used ? "changes with it" : "uses it");
        if (e->ends[slot->number].file)
            diag_note(e->sink, e->ends[slot->number],
                      "an objective depends on it only through this, which has no "
                      "derivative");
        diag_help(e->sink, "%s",
                  slot->decl->used ? "use it where an objective depends on it smoothly, or hold it: = VALUE fixed"
                                   : "use it, remove it, or hold it: = VALUE fixed");
    }
}

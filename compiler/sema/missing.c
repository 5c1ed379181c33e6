/* Derivatives that do not exist. Elaboration marks what has none by an `opaque` operation and keeps here how it came to
 * it. Where a derivative is taken (an objective over a group, grad), the way back from the value to what it is derived
 * by is followed: an opaque operation on it is an error. Steps (floor, comparisons) and stop, whose derivative is zero,
 * end the way silently. */
#include <string.h>

#include "sema/sema.h"

typedef struct CallSite {
    const struct CallSite *caller;
    const HirDecl *decl; /* that is called; NULL in a fit */
    Span site;
} CallSite;

struct Missing {
    const Missing *next;
    int64_t number;       /* in the opaque operation, which may since have become a part of a loop */
    const HirDecl *decl;  /* the function */
    const AstNode *entry; /* of its clause: `x: none`; NULL: it has none, or it is differentiated too often */
    const CallSite *call;
};

bool derivative_passes(const TirFunction *f, const TirOp *op, uint32_t at) {
    switch (op->op) {
    case TIR_STOP:
    case TIR_SIGN:
    case TIR_FLOOR:
    case TIR_ROUND:
    case TIR_TO_INT:
    case TIR_ARGSORT:
    case TIR_SEARCH: return false;
    case TIR_SELECT: return at > 0;
    case TIR_GATHER:
    case TIR_SCATTER: return at % 2 == 0;
    case TIR_RESULT: return true;
    case TIR_CUSTOM: return at % 2 == 1; /* what it is derived by, neither the value nor the slopes */
    default: return f->ops.data[op->args[at]].type == TIR_REAL;
    }
}

static void reach_back(const TirFunction *f, bool *reached) {
    for (size_t i = f->ops.count; i-- > 0;) { /* arguments stand before what uses them */
        const TirOp *op = &f->ops.data[i];
        for (uint32_t k = 0; reached[i] && k < op->arg_count; k++)
            if (derivative_passes(f, op, k)) reached[op->args[k]] = true;
    }
}

bool *derivative_reach(const TirFunction *f, Arena *arena, TirId of) {
    bool *reached = ARENA_ARRAY(arena, bool, f->ops.count);
    reached[of] = true;
    reach_back(f, reached);
    return reached;
}

Value value_opaque(Elab *e, Value v, const HirDecl *decl, const AstNode *entry) {
    Missing *missing = ARENA_NEW(e->arena, Missing);
    v.id = tir_map(e->context->f, TIR_OPAQUE, v.span, value_real_id(e, &v), TIR_NONE, TIR_NONE);
    *missing =
        (Missing){e->context->missing, e->context->missing ? e->context->missing->number + 1 : 1, decl, entry, NULL};
    e->context->f->ops.data[v.id].integer = missing->number;
    CallSite **to = (CallSite **)&missing->call;
    for (const Frame *frame = e->frame; frame; frame = frame->caller) {
        CallSite *site = *to = ARENA_NEW(e->arena, CallSite);
        *site = (CallSite){NULL, frame->decl, frame->site};
        to = (CallSite **)&site->caller;
    }
    e->context->missing = missing;
    return v;
}

static void report(Elab *e, const Missing *m, Span wanted, const char *why) {
    const CallSite *call = m->call;
    const AstNode *node = m->decl->node;
    while (!m->entry && node->kids[4] && call && call->caller && call->caller->decl == m->decl)
        call = call->caller; /* out of its own clauses */
    Span place = call && call->site.file ? call->site : node->name_span;
    if (m->entry)
        elab_error(e, DIAG_E0341, place, "a derivative of '%s' by '%s' is needed, and none exists", m->decl->name,
                   m->entry->name);
    else if (node->kids[4])
        elab_error(e, DIAG_E0341, place, "'%s' is differentiated more than %d times here", m->decl->name, CLAUSE_ORDER);
    else
        elab_error(e, DIAG_E0341, place, "a derivative of '%s' is needed, and it has none: it is a function in C",
                   m->decl->name);
    diag_note(e->sink, m->entry ? m->entry->span : node->name_span, m->entry ? "which says so" : "declared here%s",
              node->kids[4] ? "" : ", without a derivative clause");
    for (int shown = 0; call && call->caller && call->caller->site.file && shown < 4; shown++) {
        call = call->caller;
        if (call->decl) diag_note(e->sink, call->site, "through '%s', called here", call->decl->name);
    }
    diag_note(e->sink, wanted, "%s", why);
    if (!m->entry && node->kids[4])
        diag_help(e->sink, "a derivative clause can be differentiated %d times: take fewer derivatives", CLAUSE_ORDER);
    else if (m->entry)
        diag_help(e->sink, "give the derivative in place of 'none', or hold the argument constant: %s(stop(...))",
                  m->decl->name);
    else
        diag_help(e->sink, "add a clause: derivative { %s: EXPR }, or hold it constant: stop(%s(...))",
                  node->kids[0]->count ? node->kids[0]->kids[0]->name : "x", m->decl->name);
}

/* An operation whose derivative is missing, given which of its arguments depend on a leaf. */
typedef bool Lacks(const TirOp *op, const bool *depends);

static bool lacks_any(const TirOp *op, const bool *depends) {
    return op->op == TIR_OPAQUE;
}

/* Incomplete functions that have been derived as often as there are derivatives: see qtm/numeric.h. */
static bool lacks_further(const TirOp *op, const bool *depends) {
    if (op->op != TIR_INC_GAMMA && op->op != TIR_INC_BETA) return false;
    int64_t all = 0, parameters = 0;
    for (int64_t order = op->integer; order; order /= 10) all += order % 10;
    parameters = all - op->integer % 10;
    bool by_parameter = false;
    for (uint32_t k = 0; k + 1 < op->arg_count; k++) by_parameter |= depends[op->args[k]];
    return all >= 3 || (parameters >= 2 && by_parameter);
}

/* The one of the least number that is reached and depends on a leaf, or NULL. In a loop every state and every output
 * counts. */
static const TirOp *find_lacking(Arena *arena, const TirFunction *f, const bool *reached, const bool *leaf, TirId last,
                                 Lacks *lacks) {
    bool *depends = ARENA_ARRAY(arena, bool, (size_t)last + 1);
    const TirOp *found = NULL;
    for (TirId i = 0; i <= last; i++) {
        const TirOp *op = &f->ops.data[i], *here = NULL;
        depends[i] = leaf[i];
        for (uint32_t k = 0; k < op->arg_count; k++) depends[i] |= depends[op->args[k]] && derivative_passes(f, op, k);
        if (!reached[i] || !depends[i]) continue;
        if (lacks(op, depends)) here = op;
        if (op->body) {
            const TirFunction *body = op->body;
            bool *all = ARENA_ARRAY(arena, bool, body->ops.count), *inputs = ARENA_ARRAY(arena, bool, body->ops.count);
            for (size_t k = 0; k < body->outputs.count; k++) all[body->outputs.data[k].value] = true;
            reach_back(body, all);
            for (size_t k = 0; k < body->inputs.count; k++)
                if (body->inputs.data[k].value != TIR_NONE) inputs[body->inputs.data[k].value] = true;
            if (body->ops.count) here = find_lacking(arena, body, all, inputs, (TirId)body->ops.count - 1, lacks);
        }
        if (here && (!found || here->integer < found->integer)) found = here;
    }
    return found;
}

bool derivative_exists(Elab *e, TirId of, const bool *leaf, Span wanted, const char *why) {
    const TirFunction *f = e->context->f;
    const bool *reached = derivative_reach(f, e->arena, of);
    const TirOp *found = find_lacking(e->arena, f, reached, leaf, of, lacks_further);
    if (found) {
        elab_error(e, DIAG_E0341, found->span,
                   "'%s' has first and second derivatives by its parameters, and here another is needed",
                   tir_op_text(found->op));
        diag_note(e->sink, wanted, "%s", why);
        diag_help(e->sink, "take fewer derivatives, or hold the parameters constant: stop(...)");
        return false;
    }
    if (e->context->missing) found = find_lacking(e->arena, f, reached, leaf, of, lacks_any);
    for (const Missing *m = e->context->missing; m && found; m = m->next)
        if (m->number == found->integer) report(e, m, wanted, why);
    return !found;
}

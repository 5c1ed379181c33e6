/* Parameters that a qcf solves: `normalized so LEFT = RIGHT solving A`. LEFT must be linear in A, as sum rules are:
 *   A = (RIGHT - LEFT(0)) / (LEFT(1) - LEFT(0)),
 * with LEFT elaborated for A = 0 and A = 1. Whether it is linear is seen where the condition is checked (check.c): at
 * the solved value it must hold. */
#include "sema/sema.h"

static Solved *solved_find(Context *c, const HirDecl *decl) {
    for (size_t i = 0; i < c->solved.count; i++)
        if (c->solved.data[i]->decl == decl && c->solved.data[i]->mode == c->mode) return c->solved.data[i];
    return NULL;
}

static Value side(Elab *e, const AstNode *node) {
    Value v = value_scalar(elab_expr(e, node));
    if (value_is_poison(&v)) return v;
    if ((v.kind == VALUE_NUMBER || v.kind == VALUE_TENSOR) && !v.rank && v.type != TIR_BOOL) return v;
    Value poison = elab_error(e, DIAG_E0408, node->span, "both sides of a condition are numbers, and this is %s",
                              value_kind_text(&v));
    diag_help(e->sink, "write for example: normalized so integral(u(x) for x in 0 .. 1) = 2 solving N_u");
    return poison;
}

static Value side_for(Elab *e, Solved *unknown, double trial, const AstNode *node) {
    unknown->value = value_number(trial, node->span);
    return side(e, node);
}

/* Once for all the conditions that need each other. */
static Value report_cycle(Elab *e, HirDecl *decl, Span span) {
    bool known = decl->value != NULL;
    for (Solved *s = e->context->solving; s; s = s->outer) s->decl->value = decl;
    if (known) return value_poison();
    Value poison =
        elab_error(e, DIAG_E0417, span, "the condition that gives '%s' needs '%s' itself", decl->name, decl->name);
    diag_note(e->sink, decl->node->name_span, "solved here");
    diag_help(e->sink, "let one of the conditions be free of the other's unknown");
    return poison;
}

static Value report_independent(Elab *e, const HirDecl *decl) {
    const AstNode *node = decl->node;
    Value poison = elab_error(e, DIAG_E0417, node->kids[0]->span,
                              "this does not depend on '%s', which shall be solved for", decl->name);
    diag_note(e->sink, node->name_span, "solved here");
    diag_help(e->sink, "solve for a factor of what stands on the left");
    return poison;
}

static Value solve(Elab *e, Solved *unknown) {
    const AstNode *node = unknown->decl->node;
    Value none = value_poison();
    Value at_zero = side_for(e, unknown, 0, node->kids[0]), at_one = side_for(e, unknown, 1, node->kids[0]);
    if (value_is_poison(&at_zero) || value_is_poison(&at_one)) return none;
    unknown->trial = false; /* the right side must not name it */
    Value right = side(e, node->kids[1]);
    if (value_is_poison(&right)) return none;
    Value slope = elab_map(e, TIR_SUB, node->span, at_one, at_zero, none);
    if (slope.kind == VALUE_NUMBER && slope.number == 0) return report_independent(e, unknown->decl);
    return elab_map(e, TIR_DIV, node->span, elab_map(e, TIR_SUB, node->span, right, at_zero, none), slope, none);
}

Value context_solved(Elab *e, HirDecl *decl, Span span) {
    Context *c = e->context;
    Solved *unknown = solved_find(c, decl);
    if (!unknown) {
        unknown = ARENA_NEW(e->arena, Solved);
        *unknown = (Solved){.decl = decl, .mode = c->mode, .busy = true, .trial = true, .outer = c->solving};
        VEC_PUSH(e->arena, &c->solved, unknown);
        Frame frame = {.caller = e->frame, .decl = decl, .site = span}, *before = e->frame;
        c->solving = unknown;
        e->frame = &frame;
        unknown->value = solve(e, unknown);
        e->frame = before;
        c->solving = unknown->outer;
        unknown->busy = false;
    } else if (unknown->busy && (c->solving != unknown || !unknown->trial)) {
        return report_cycle(e, decl, span);
    }
    Value v = unknown->value;
    v.span = span;
    return v;
}

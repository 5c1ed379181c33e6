/* `minimize L over a, theta`: a parameter, an array or a family of parameters as a group of its own. The update has the
 * gradient by whole blocks of raw values, as every update of parameters; what is not named is a constant in its
 * objective, so that its derivatives are zero and no optimiser moves it. */
#include <string.h>

#include "sema/sema.h"

static HirDecl *find_param(const Elab *e, const AstNode *name) {
    HirDecl *decl = name->kind == AST_NAME ? hir_find(e->hir->main, name->name, NULL) : NULL;
    return decl && (decl->node->kind == AST_PARAM || decl->node->kind == AST_NORMALIZED) ? decl : NULL;
}

bool over_is_param(const Elab *e, const AstNode *name) {
    return find_param(e, name) != NULL;
}

/* Why a parameter is moved by nobody. */
static void report_held(Elab *e, const AstNode *name, const HirDecl *decl, const ParamSlot *slot) {
    if (decl->node->kind == AST_NORMALIZED) {
        elab_error(e, DIAG_E0451, name->span, "'%s' is solved from a condition of a qcf: no update can move it",
                   decl->name);
        diag_help(e->sink, "name parameters that are free");
    } else if (slot->link) {
        elab_error(e, DIAG_E0451, name->span, "'%s' is a link, which follows other parameters: no update can move it",
                   decl->name);
        diag_help(e->sink, "name the parameters that it follows: %s", elab_source_text(e, slot->value->span));
    } else {
        elab_error(e, DIAG_E0451, name->span, "'%s' is fixed: no update can move it", decl->name);
        diag_help(e->sink, "remove 'fixed' from its declaration%s", slot->bounded ? "" : ", and give it a domain");
    }
    diag_note(e->sink, decl->node->name_span, "declared here");
}

static void move_slot(Elab *e, const ParamSlot *slot, ProgramUpdate *update) {
    ProgramRange range = {slot->block, slot->rank ? 0 : slot->place, slot->rank ? slot->count : 1};
    e->moving[slot->number] = true;
    ProgramRange *last = update->moves.count ? &update->moves.data[update->moves.count - 1] : NULL;
    if (last && last->block == range.block && last->first + last->count == range.first)
        last->count += range.count;
    else
        VEC_PUSH(e->arena, &update->moves, range);
}

/* Members that are links or fixed stay what they are, as long as there are others. */
static bool take_param(Elab *e, const AstNode *name, HirDecl *decl, ProgramUpdate *update) {
    bool any = false, twice = false;
    const ParamSlot *held = NULL;
    for (size_t i = 0; i < e->slots.count; i++) {
        const ParamSlot *slot = e->slots.data[i];
        if (slot->decl != decl) continue;
        if (slot->link || slot->fixed) {
            held = held ? held : slot;
            continue;
        }
        twice |= e->moving[slot->number];
        any = true;
        if (!twice) move_slot(e, slot, update);
    }
    if (twice) {
        elab_error(e, DIAG_E0202, name->span, "parameter '%s' is named twice", name->name);
        diag_help(e->sink, "remove one of the two");
    } else if (!any && (held || decl->node->kind == AST_NORMALIZED)) {
        report_held(e, name, decl, held);
    }
    return any && !twice;
}

static bool report_generated(Elab *e, const FitState *fit, const AstNode *name) {
    elab_error(e, DIAG_E0451, name->span,
               "'%s' is not moved on its own here: one network, the generator, gives all parameters", name->name);
    diag_note(e->sink, fit->generate->span, "generated here");
    diag_help(e->sink, "write 'over generator', or remove 'generate params'");
    return false;
}

bool over_begin(Elab *e, FitState *fit, const AstNode *names, ProgramUpdate *update) {
    const AstNode *whole = NULL, *part = NULL;
    bool good = true;
    for (uint32_t i = 0; i < names->count; i++) {
        if (over_is_param(e, names->kids[i])) part = part ? part : names->kids[i];
        if (names->kids[i]->kind == AST_NAME && !strcmp(names->kids[i]->name, "params")) whole = names->kids[i];
    }
    if (!part) return true;
    if (fit->generate) return report_generated(e, fit, part);
    if (whole) {
        elab_error(e, DIAG_E0202, part->span, "parameter '%s' is named twice: 'params' are all of them", part->name);
        diag_help(e->sink, "remove 'params' or '%s'", part->name);
        return false;
    }
    e->moving = ARENA_ARRAY(e->arena, bool, e->slots.count + 1);
    const char *label = "";
    for (uint32_t i = 0; i < names->count; i++) {
        HirDecl *decl = find_param(e, names->kids[i]);
        if (names->kids[i]->kind == AST_NAME)
            label = arena_format(e->arena, "%s%s%s", label, *label ? "+" : "", names->kids[i]->name);
        if (decl) good &= take_param(e, names->kids[i], decl, update);
    }
    update->label = label;
    return good;
}

bool over_end(Elab *e, const AstNode *names, const ProgramUpdate *update) {
    if (!update->objective || !e->moving) return true;
    const bool *reached = param_reached(e, e->context, update->objective->outputs.data[0].value);
    for (uint32_t i = 0; i < names->count; i++) {
        const HirDecl *decl = find_param(e, names->kids[i]);
        bool any = !decl;
        for (size_t s = 0; s < e->slots.count; s++) any |= e->slots.data[s]->decl == decl && e->moving[s] && reached[s];
        if (any) continue;
        elab_error(e, DIAG_E0413, names->kids[i]->span, "the objective does not depend on '%s'", names->kids[i]->name);
        diag_help(e->sink, "name the parameters that it depends on, or use '%s' in the objective",
                  names->kids[i]->name);
        return false;
    }
    return true;
}

/* minimize L over GROUPS using OPTIMISER [every k] [shared by EXCHANGE]: one update, which is the objective as a tensor
 * function, the groups of weights it moves, and the optimiser's settings as another function. */
#include <math.h>
#include <string.h>

#include "sema/probe.h"
#include "sema/unit.h"

typedef struct Setting {
    const char *name;
    double value;
} Setting;
static const Setting adam_settings[] = {{"rate", 1e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}};
static const Setting sgd_settings[] = {{"rate", 1e-3}, {"momentum", 0}};
static const Setting lbfgs_settings[] = {{"memory", 10}, {"tolerance", 1e-9}};

typedef struct Optimiser {
    const char *name;
    ProgramOptimiser kind;
    const Setting *settings;
    uint32_t count;
} Optimiser;
static const Optimiser optimisers[] = {{"adam", PROGRAM_ADAM, adam_settings, 4},
                                       {"sgd", PROGRAM_SGD, sgd_settings, 2},
                                       {"lbfgs", PROGRAM_LBFGS, lbfgs_settings, 2}};
enum { OPTIMISERS = sizeof optimisers / sizeof *optimisers };

/* --- settings --- */

static bool setting_valid(const char *name, double value) {
    if (name[0] == 'b' || !strcmp(name, "momentum")) return value >= 0 && value < 1;
    if (!strcmp(name, "memory")) return value >= 1 && value == floor(value) && value <= 1000;
    if (!strcmp(name, "tolerance")) return value >= 0;
    return value > 0 && isfinite(value);
}

static void put_setting(Elab *e, uint32_t index, const char *name, const AstNode *node, Span span, double otherwise) {
    TirFunction *f = e->context->f;
    Value v = node ? value_scalar(elab_expr(e, node)) : value_number(otherwise, span);
    if (value_is_poison(&v)) return;
    if ((v.kind != VALUE_NUMBER && v.kind != VALUE_TENSOR) || v.type == TIR_BOOL || value_axes(e, &v).count) {
        elab_error(e, DIAG_E0408, node ? node->span : span, "'%s' of the optimiser is one number", name);
        diag_help(e->sink, "write for example %s = %.10g", name, otherwise);
        return;
    }
    if (!unit_pure(e, &v, node ? node->span : span, "a setting of an optimiser")) return;
    if (v.kind == VALUE_NUMBER && !setting_valid(name, v.number)) {
        elab_error(e, DIAG_E0403, node ? node->span : span, "'%s' of the optimiser cannot be %.10g", name, v.number);
        diag_help(e->sink, "%s",
                  name[0] == 'b' || !strcmp(name, "momentum") ? "it lies from 0 to below 1"
                  : !strcmp(name, "memory")                   ? "it is a whole number from 1 to 1000"
                  : !strcmp(name, "tolerance")                ? "it is 0 or more"
                                                              : "it is a positive number");
    }
    tir_output(f, TIR_PORT_VALUE, index, name, value_real_id(e, &v));
}

static bool match_settings(Elab *e, const AstNode *call, const Setting *known, uint32_t count, const AstNode **given) {
    const char *names[4];
    for (uint32_t i = 0; i < count; i++) names[i] = known[i].name;
    uint32_t place = 0;
    for (uint32_t i = 1; call->kind == AST_CALL && i < call->count; i++) {
        const AstNode *arg = call->kids[i];
        uint32_t at = place;
        if (arg->kind == AST_NAMED) {
            for (at = 0; at < count && strcmp(names[at], arg->name); at++) {
            }
        } else {
            place++;
        }
        if (at < count && !given[at]) {
            given[at] = arg->kind == AST_NAMED ? arg->kids[0] : arg;
            continue;
        }
        if (arg->kind == AST_NAMED) {
            elab_error(e, at < count ? DIAG_E0202 : DIAG_E0208, arg->name_span,
                       at < count ? "'%s' is given twice" : "this optimiser has no setting '%s'", arg->name);
            const char *near = diag_nearest(arg->name, names, count);
            const char *all = names[0];
            for (uint32_t k = 1; k < count; k++) all = arena_format(e->arena, "%s, %s", all, names[k]);
            if (at < count)
                diag_help(e->sink, "remove one of the two");
            else if (near)
                diag_help(e->sink, "did you mean '%s'?", near);
            else
                diag_help(e->sink, "its settings are %s", all);
        } else {
            elab_error(e, DIAG_E0301, arg->span, "this optimiser takes at most %u arguments", count);
            diag_help(e->sink, "remove what is too much");
        }
        return false;
    }
    return true;
}

static const Optimiser *optimiser_find(Elab *e, const AstNode *name) {
    const char *known[OPTIMISERS];
    for (uint32_t i = 0; i < OPTIMISERS; i++) {
        known[i] = optimisers[i].name;
        if (name->kind == AST_NAME && !strcmp(name->name, known[i])) return &optimisers[i];
    }
    elab_error(e, DIAG_E0403, name->span, "unknown optimiser%s%s%s", name->name ? " '" : "",
               name->name ? name->name : "", name->name ? "'" : "");
    const char *near = name->name ? diag_nearest(name->name, known, OPTIMISERS) : NULL;
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "known: adam(rate, beta1, beta2, epsilon), sgd(rate, momentum) and "
                           "lbfgs(memory, tolerance)");
    return NULL;
}

static bool settings_function(Elab *e, FitState *fit, const AstNode *call, ProgramUpdate *update, size_t number) {
    const Optimiser *optimiser = optimiser_find(e, call->kind == AST_CALL ? call->kids[0] : call);
    if (!optimiser) return false;
    const Setting *settings = optimiser->settings;
    uint32_t count = optimiser->count;
    const AstNode *given[4] = {0};
    if (!match_settings(e, call, settings, count, given)) return false;
    update->optimiser = optimiser->kind;
    Context *c =
        context_new(e, arena_format(e->arena, "%s.settings%zu", fit->out->name, number), fit, PARAMS_NONE, false, NULL);
    Path path = {NULL, call, 0};
    Frame frame = {.path = &path};
    e->frame = &frame;
    for (uint32_t i = 0; i < count; i++) put_setting(e, i, settings[i].name, given[i], call->span, settings[i].value);
    e->frame = NULL;
    update->settings = c->f;
    return true;
}

/* --- objective --- */

static TirFunction *objective_function(Elab *e, FitState *fit, const AstNode *node, ProgramUpdate *update,
                                       size_t number) {
    Context *c =
        context_new(e, arena_format(e->arena, "%s.update%zu", fit->out->name, number), fit, PARAMS_FITTED, true, node);
    c->guarded = true;
    Path path = {NULL, node, 0};
    Frame frame = {.path = &path};
    e->frame = &frame;
    e->noting = fit;
    Value v = value_scalar(elab_expr(e, node));
    e->noting = NULL;
    e->frame = NULL;
    if (value_is_poison(&v)) return NULL;
    if (v.kind == VALUE_NUMBER) {
        elab_error(e, DIAG_E0413, node->span, "this objective is the number %.10g: there is nothing to minimize",
                   v.number);
        diag_help(e->sink, "it must depend on parameters or on a network");
        return NULL;
    }
    if (v.kind != VALUE_TENSOR || v.rank || v.type == TIR_BOOL) {
        elab_error(e, DIAG_E0408, node->span, "an objective is one number, and this is %s",
                   v.rank || v.kind == VALUE_LIST ? value_shape_text(e, &v) : value_kind_text(&v));
        diag_help(e->sink, "take a sum or a mean: mean(... for e in ...)");
        return NULL;
    }
    if (!unit_pure(e, &v, node->span, "an objective")) return NULL;
    TirId id = value_real_id(e, &v);
    TirAxes rows = tir_axes_both(c->f->ops.data[id].axes, context_rows(c, false));
    if (rows.count) { /* one value a parameter vector: their mean */
        id = tir_sum(c->f, id, rows, node->span);
        id = tir_map(c->f, TIR_DIV, node->span, id, tir_real(c->f, (double)c->vector_count, node->span), TIR_NONE);
    }
    tir_output(c->f, TIR_PORT_LOSS, 0, "loss", id);
    guard_outputs(e);
    update->full_data = c->full_data;
    update->data = c->data;
    return c->f;
}

/* The objective once more, for what it says of the derivative clauses that it uses. */
static void clause_function(Elab *e, FitState *fit, const AstNode *node, ProgramUpdate *update, size_t number) {
    Context *before = e->context;
    Probes probes = {0};
    const char *name = arena_format(e->arena, "%s.clauses%zu", fit->out->name, number);
    context_new(e, name, fit, PARAMS_FITTED, true, node);
    Path path = {NULL, node, 0};
    Frame frame = {.path = &path};
    e->frame = &frame;
    e->probes = &probes;
    elab_expr(e, node);
    e->probes = NULL;
    e->frame = NULL;
    probe_output(e, &probes, update);
    e->context = before;
}

static bool uses_group(const FitState *fit, const TirFunction *f, uint32_t group) {
    for (size_t i = 0; i < f->inputs.count; i++)
        if (f->inputs.data[i].role == TIR_PORT_BLOCK && fit->out->blocks.data[f->inputs.data[i].index].group == group)
            return true;
    return false;
}

static void report_group(Elab *e, FitState *fit, const AstNode *name) {
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    if (e->program->param_blocks.count) VEC_PUSH(e->arena, &known, fit->generate ? "generator" : "params");
    for (size_t i = 0; i < e->hir->main->decls.count; i++) {
        const HirDecl *decl = e->hir->main->decls.data[i];
        if (decl->node->kind == AST_NETWORK || (decl->node->kind == AST_PARAM && !fit->generate))
            VEC_PUSH(e->arena, &known, decl->name);
    }
    elab_error(e, DIAG_E0402, name->span, "there is no group '%s' to minimize over", name->name);
    const char *near = diag_nearest(name->name, known.data, known.count);
    const char *all = "";
    for (size_t i = 0; i < known.count; i++) all = arena_format(e->arena, "%s%s%s", all, i ? ", " : "", known.data[i]);
    if (!strcmp(name->name, "params") && fit->generate)
        diag_help(e->sink, "the parameters are generated: write 'over generator'");
    else if (!strcmp(name->name, "generator") && !fit->generate)
        diag_help(e->sink, "this fit has no 'generate params by ...': write 'over params'");
    else if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "known: %s", all);
}

/* Single parameters are of the group of all of them: over.c says which of it move. */
static bool take_group(Elab *e, FitState *fit, const AstNode *name, ProgramUpdate *update) {
    HirDecl *network = hir_find(e->hir->main, name->name, NULL);
    const char *own = fit->generate ? "generator" : "params";
    uint32_t group;
    if (over_is_param(e, name)) {
        group = fit_group(e, fit, own, PROGRAM_PARAMS);
        for (size_t i = 0; i < update->groups.count; i++)
            if (update->groups.data[i] == group) return true;
        VEC_PUSH(e->arena, &update->groups, group);
        return true;
    }
    if (network && network->node->kind == AST_NETWORK)
        group = fit_group(e, fit, network->name, PROGRAM_NETWORK);
    else if (e->program->param_blocks.count && !strcmp(name->name, own))
        group = fit_group(e, fit, own, fit->generate ? PROGRAM_GENERATOR : PROGRAM_PARAMS);
    else {
        report_group(e, fit, name);
        return false;
    }
    const char *frozen = fit->out->groups.data[group].frozen;
    if (frozen) {
        elab_error(e, DIAG_E0441, name->span, "network '%s' is frozen, and this objective would train it", name->name);
        for (size_t i = 0; i < fit->freezes.count; i++)
            if (!strcmp(fit->freezes.data[i]->name, name->name))
                diag_note(e->sink, fit->freezes.data[i]->span, "frozen here");
        diag_help(e->sink, "remove '%s' here, or its 'freeze'", name->name);
        return false;
    }
    for (size_t i = 0; i < update->groups.count; i++) {
        if (update->groups.data[i] != group) continue;
        elab_error(e, DIAG_E0202, name->span, "group '%s' is named twice", name->name);
        diag_help(e->sink, "remove one of the two");
        return false;
    }
    VEC_PUSH(e->arena, &update->groups, group);
    if (!update->objective || uses_group(fit, update->objective, group)) return true;
    elab_error(e, DIAG_E0413, name->span, "the objective does not depend on '%s'", name->name);
    diag_help(e->sink, "name the group that it depends on, or use '%s' in the objective", name->name);
    return false;
}

/* ring, or ring(groups of G, outer every K): gradients are averaged inside of groups of G ranks in every step, and over
 * all ranks in every K-th. */
static bool take_exchange(Elab *e, const AstNode *node, ProgramUpdate *update) {
    if (!node) return true;
    bool good = node->kind == AST_EXCHANGE && !strcmp(node->name, "ring");
    for (uint32_t i = 0; good && i < node->count; i++) {
        const AstNode *arg = node->kids[i];
        bool groups = arg->kind == AST_NAMED && !strcmp(arg->name, "groups");
        int64_t *to = groups ? &update->ring_groups : &update->ring_outer;
        good = (groups || (arg->kind == AST_NAMED && !strcmp(arg->name, "outer"))) && !*to;
        if (!good) break;
        Frame frame = {0};
        e->frame = &frame;
        Value v = value_scalar(elab_expr(e, arg->kids[0]));
        bool known = value_size(e, &v, groups ? "the number of ranks in a group" : "the number after 'every'", to);
        e->frame = NULL;
        if (!known) return false;
    }
    good = good && (!update->ring_groups == !update->ring_outer);
    update->exchange = PROGRAM_RING;
    if (good) return true;
    elab_error(e, DIAG_E0404, node->span, "this exchange is not known");
    diag_help(e->sink, "write 'shared by ring' (gradients are averaged over all ranks in every step) or 'shared by "
                       "ring(groups of 4, outer every 1000)'");
    return false;
}

static bool check_lbfgs(Elab *e, const AstNode *item, const ProgramUpdate *update) {
    if (update->optimiser != PROGRAM_LBFGS || !update->objective) return true;
    for (size_t i = 0; i < update->objective->ops.count; i++) {
        const TirOp *op = &update->objective->ops.data[i];
        if (!(tir_op_flags(op->op) & TIR_STREAM)) continue;
        elab_error(e, DIAG_E0409, item->kids[2]->span,
                   "lbfgs needs an objective that is the same at every call, and this one draws random numbers");
        diag_note(e->sink, op->span, "drawn here");
        diag_help(e->sink, "use adam, or go over 'all of' the data and draw nothing");
        return false;
    }
    return true;
}

/* Where the objective needs a derivative by what the update moves, it must exist. */
static bool check_derivatives(Elab *e, const FitState *fit, const AstNode *item, const ProgramUpdate *update) {
    const TirFunction *f = e->context->f;
    bool *leaf = ARENA_ARRAY(e->arena, bool, f->ops.count);
    const char *groups = "";
    for (size_t g = 0; g < update->groups.count; g++) {
        for (size_t i = 0; i < f->inputs.count; i++) {
            const TirPort *port = &f->inputs.data[i];
            if (port->role == TIR_PORT_BLOCK && fit->out->blocks.data[port->index].group == update->groups.data[g])
                leaf[port->value] = true;
        }
        groups =
            arena_format(e->arena, "%s%s%s", groups, g ? ", " : "", fit->out->groups.data[update->groups.data[g]].name);
    }
    const char *why = arena_format(e->arena, "needed because this is minimized over %s", groups);
    return derivative_exists(e, f->outputs.data[0].value, leaf, item->kids[0]->span, why);
}

/* Which parameters this update can move. */
static void note_seen(Elab *e, const FitState *fit, const ProgramUpdate *update, const Context *c) {
    for (size_t i = 0; i < update->groups.count; i++)
        if (fit->out->groups.data[update->groups.data[i]].kind != PROGRAM_NETWORK)
            param_note_seen(e, c, c->f->outputs.data[0].value);
}

bool fit_minimize(Elab *e, FitState *fit, const AstNode *item) {
    size_t errors = e->sink->errors, number = fit->out->updates.count;
    ProgramUpdate update = {.objective_text = elab_source_text(e, item->kids[0]->span), .every = 1};
    bool whole = over_begin(e, fit, item->kids[1], &update);
    update.objective = whole ? objective_function(e, fit, item->kids[0], &update, number) : NULL;
    const Context *objective_context = e->context;
    if (whole) over_end(e, item->kids[1], &update);
    for (uint32_t i = 0; i < item->kids[1]->count && whole; i++)
        if (item->kids[1]->kids[i]->kind == AST_NAME) take_group(e, fit, item->kids[1]->kids[i], &update);
    if (update.objective) check_derivatives(e, fit, item, &update);
    if (update.objective && objective_context->clauses) clause_function(e, fit, item->kids[0], &update, number);
    settings_function(e, fit, item->kids[2], &update, number);
    if (item->count > 3 && item->kids[3]) {
        Frame frame = {0};
        e->frame = &frame;
        Value every = value_scalar(elab_expr(e, item->kids[3]));
        value_size(e, &every, "the number after 'every'", &update.every);
        e->frame = NULL;
    }
    if (update.objective) note_seen(e, fit, &update, objective_context);
    e->moving = NULL;
    take_exchange(e, item->count > 4 ? item->kids[4] : NULL, &update);
    if (update.full_data && update.ring_groups) {
        elab_error(e, DIAG_E0404, item->kids[4]->span,
                   "this objective goes over all of the data, of which every rank has a part: no group has it all");
        diag_help(e->sink, "write 'shared by ring', or take a random share of the data");
    }
    if (update.full_data) update.exchange = PROGRAM_RING; /* every rank has a part of the events: the sum needs all */
    check_lbfgs(e, item, &update);
    VEC_PUSH(e->arena, &fit->out->updates, update);
    return e->sink->errors == errors;
}

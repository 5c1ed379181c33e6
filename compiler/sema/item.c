/* The smaller items of a fit: weights read from another run, stopping and choosing, how data are split; and fits made
 * from other fits (ensemble, bootstrap, laplace). */
#include "sema/sema.h"

#include <math.h>
#include <string.h>

/* --- freeze --- */

/* freeze NETWORK from "path" */
void fit_freeze(Elab *e, FitState *fit, const AstNode *item) {
    HirDecl *network = hir_decl(e->hir, item);
    if (!network) return;
    ProgramWeights *group = &fit->out->groups.data[fit_group(e, fit, network->name, PROGRAM_NETWORK)];
    if (group->frozen && strcmp(group->frozen, item->text)) {
        elab_error(e, DIAG_E0441, item->span, "network '%s' is frozen with the weights of two files", network->name);
        diag_help(e->sink, "remove one of them, or declare a second network");
        return;
    }
    group->frozen = item->text;
}

/* A detector that only a later item uses can freeze what an update names. */
static void check_trained(Elab *e, FitState *fit) {
    for (size_t u = 0; u < fit->out->updates.count; u++)
        for (size_t k = 0; k < fit->out->updates.data[u].groups.count; k++) {
            const ProgramWeights *group = &fit->out->groups.data[fit->out->updates.data[u].groups.data[k]];
            if (!group->frozen) continue;
            elab_error(e, DIAG_E0441, fit->updates.data[u]->kids[1]->span,
                       "network '%s' is frozen by a detector, and this objective would train it", group->name);
            diag_help(e->sink, "remove '%s' here, or the 'freeze' of the detector", group->name);
        }
}

void fit_check_frozen(Elab *e, FitState *fit) {
    size_t errors = e->sink->errors;
    for (size_t i = 0; i < fit->freezes.count; i++) {
        const AstNode *item = fit->freezes.data[i];
        bool used = false;
        for (size_t b = 0; b < fit->out->blocks.count; b++)
            used |= !strcmp(fit->out->groups.data[fit->out->blocks.data[b].group].name, item->name);
        if (used) continue;
        elab_error(e, DIAG_E0441, item->span, "network '%s' is frozen, and nothing in this fit uses it", item->name);
        diag_help(e->sink, "remove this item, or use '%s' in an objective or a monitor", item->name);
    }
    if (e->sink->errors == errors) check_trained(e, fit);
}

/* --- stop when, select best on --- */

/* One more output of the monitor function: 1 where the condition holds. Monitors are known by their names and have the
 * values that are reported, before these are averaged over ranks. */
void fit_stop_when(Elab *e, FitState *fit) {
    const AstNode *item = fit->stop_when;
    Path path = {NULL, item, 0};
    Frame frame = {.path = &path};
    e->frame = &frame;
    for (size_t i = 0; i < fit->monitor_values.count; i++)
        local_push(e, fit->monitors.data[i]->name, fit->monitor_values.data[i]);
    Value v = value_scalar(elab_expr(e, item->kids[0]));
    if (value_is_poison(&v)) {
        e->frame = NULL;
        return;
    }
    if (v.kind != VALUE_TENSOR || v.type != TIR_BOOL || v.rank || value_axes(e, &v).count) {
        bool fixed = v.kind == VALUE_NUMBER && v.type == TIR_BOOL;
        elab_error(e, DIAG_E0442, item->kids[0]->span,
                   fixed ? "this condition %s" : "'stop when' needs one condition, and this is %s",
                   fixed ? (v.number != 0 ? "always holds" : "never holds") : value_kind_text(&v));
        diag_help(e->sink, "compare a monitor with a number: monitor loss = ...  stop when loss < 1e-3");
    } else {
        TirFunction *f = e->context->f;
        TirId id = tir_map(f, TIR_SELECT, item->span, v.id, tir_real(f, 1, item->span), tir_real(f, 0, item->span));
        tir_output(f, TIR_PORT_VALUE, (uint32_t)fit->monitors.count, "stop", id);
        fit->out->stops = true;
    }
    e->frame = NULL;
}

void fit_select(Elab *e, FitState *fit) {
    const AstNode *item = fit->select;
    const char **known = ARENA_ARRAY(e->arena, const char *, fit->monitors.count + 1);
    for (size_t i = 0; item && i < fit->monitors.count; i++) {
        known[i] = fit->monitors.data[i]->name;
        if (!strcmp(known[i], item->name)) fit->out->best = (int32_t)i;
    }
    if (!item) return;
    if (fit->out->best >= 0) {
        const ProgramFit *out = fit->out;
        if ((size_t)out->best >= out->monitors.count || out->monitors.data[out->best].count == 1) return;
        elab_error(e, DIAG_E0443, item->name_span, "monitor '%s' is a list of %lld numbers: which is to be least?",
                   item->name, (long long)out->monitors.data[out->best].count);
        diag_help(e->sink, "add a monitor that is one number, such as max(abs(...))");
        return;
    }
    elab_error(e, DIAG_E0443, item->name_span, "this fit has no monitor '%s'", item->name);
    const char *near = diag_nearest(item->name, known, fit->monitors.count);
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "add 'monitor %s = ...': its least value chooses the checkpoint best.h5", item->name);
}

/* --- split --- */

/* split 80/20: the share of the first part. */
double data_split(Elab *e, const AstNode *node) {
    if (!node) return 0;
    bool pair = node->kind == AST_BINARY && node->op == AST_DIV;
    Value first = pair ? elab_const_number(e, node->kids[0], "a share") : value_poison();
    Value second = pair ? elab_const_number(e, node->kids[1], "a share") : value_poison();
    if (pair && (value_is_poison(&first) || value_is_poison(&second))) return 0;
    if (pair && first.number > 0 && second.number > 0 && isfinite(first.number + second.number))
        return first.number / (first.number + second.number);
    elab_error(e, DIAG_E0444, node->span, "a split is two positive shares");
    diag_help(e->sink, "write for example: split 80/20 (objectives see the first 80 %%, monitors the rest)");
    return 0;
}

/* --- wrappers --- */

typedef struct WrapSetting {
    const char *name;
    double otherwise, least, most;
    bool whole;
} WrapSetting;
typedef struct Wrap {
    const char *name;
    ProgramWrap kind;
    const char *example;
    WrapSetting settings[PROGRAM_WRAP_SETTINGS];
} Wrap;
static const Wrap wraps[] = {
    {"ensemble", PROGRAM_ENSEMBLE, "ensemble(NAME, members = 20)", {{"members", 10, 2, 1e6, true}}},
    {"bootstrap", PROGRAM_BOOTSTRAP, "bootstrap(NAME, replicas = 200)", {{"replicas", 100, 2, 1e6, true}}},
    {"laplace", PROGRAM_LAPLACE, "laplace(NAME)", {{"scale", 0, 1e-300, 1e300, false}}},
};
enum { WRAPS = sizeof wraps / sizeof *wraps };

static const Wrap *wrap_find(Elab *e, const AstNode *call) {
    const AstNode *name = call->kind == AST_CALL ? call->kids[0] : call;
    const char *known[WRAPS];
    for (uint32_t i = 0; i < WRAPS; i++) {
        known[i] = wraps[i].name;
        if (name->kind == AST_NAME && call->kind == AST_CALL && !strcmp(name->name, known[i])) return &wraps[i];
    }
    elab_error(e, DIAG_E0445, call->span, "a fit is made from another by ensemble, bootstrap or laplace");
    const char *near = name->kind == AST_NAME ? diag_nearest(name->name, known, WRAPS) : NULL;
    diag_help(e->sink, "write for example: %s", near && call->kind == AST_CALL ? near : "ensemble(gan, members = 20)");
    return NULL;
}

static bool wrap_setting(Elab *e, const Wrap *wrap, const AstNode *arg, uint32_t at, double *value) {
    const WrapSetting *setting = at < PROGRAM_WRAP_SETTINGS ? &wrap->settings[at] : NULL;
    if (!setting || !setting->name) {
        elab_error(e, DIAG_E0445, arg->span, "%s has no setting '%s'", wrap->name, arg->name ? arg->name : "");
        diag_help(e->sink, "write for example: %s", wrap->example);
        return false;
    }
    Value v = elab_const_number(e, arg->kind == AST_NAMED ? arg->kids[0] : arg, setting->name);
    if (value_is_poison(&v)) return false;
    *value = v.number;
    if (v.number >= setting->least && v.number <= setting->most && (!setting->whole || v.number == floor(v.number)))
        return true;
    elab_error(e, DIAG_E0445, arg->span, "'%s' of %s cannot be %.10g", setting->name, wrap->name, v.number);
    diag_help(e->sink, "it is a %s from %.10g", setting->whole ? "whole number" : "number", setting->least);
    return false;
}

static bool wrap_fit(Elab *e, const Wrap *wrap, const AstNode *call, uint32_t *row) {
    const AstNode *name = call->count > 1 ? call->kids[1] : NULL;
    const HirDecl *fit = name && name->kind == AST_NAME ? hir_decl(e->hir, name) : NULL;
    for (uint32_t i = 0; fit && i < e->program->fits.count; i++)
        if (!strcmp(e->program->fits.data[i].name, fit->name)) {
            *row = i;
            return true;
        }
    elab_error(e, DIAG_E0445, name ? name->span : call->span,
               "the first argument of %s is the name of a fit with items", wrap->name);
    diag_help(e->sink, "write for example: %s", wrap->example);
    return false;
}

/* The curvature of an objective is information when it is a sum or a mean over all events. */
static bool wrap_suits(Elab *e, const Wrap *wrap, const AstNode *call, const ProgramFit *fit) {
    bool whole = false;
    for (size_t i = 0; i < fit->updates.count; i++) whole |= fit->updates.data[i].full_data;
    if (wrap->kind != PROGRAM_LAPLACE || (whole && !fit->generated)) return true;
    elab_error(e, DIAG_E0445, call->kids[1]->span, "%s needs an objective over all of the data and fitted parameters",
               wrap->name);
    diag_help(e->sink, "minimize -sum(log(pdf(DENSITY, e.x)) for e in DATA) over params, without drawing");
    return false;
}

void wrapper_add(Elab *e, HirDecl *decl) {
    const AstNode *call = decl->node->kids[1];
    const Wrap *wrap = wrap_find(e, call);
    ProgramWrapper wrapper = {.name = decl->name};
    if (!wrap || !wrap_fit(e, wrap, call, &wrapper.fit)) return;
    if (!wrap_suits(e, wrap, call, &e->program->fits.data[wrapper.fit])) return;
    wrapper.kind = wrap->kind;
    Frame frame = {.decl = decl}, *before = e->frame;
    e->frame = &frame;
    for (uint32_t i = 0; i < PROGRAM_WRAP_SETTINGS; i++) wrapper.settings[i] = wrap->settings[i].otherwise;
    bool good = true;
    for (uint32_t i = 2; i < call->count && good; i++) {
        const AstNode *arg = call->kids[i];
        uint32_t at = i - 2;
        if (arg->kind == AST_NAMED)
            for (at = 0; at < PROGRAM_WRAP_SETTINGS; at++)
                if (wrap->settings[at].name && !strcmp(wrap->settings[at].name, arg->name)) break;
        good = wrap_setting(e, wrap, arg, at, at < PROGRAM_WRAP_SETTINGS ? &wrapper.settings[at] : NULL);
    }
    e->frame = before;
    if (good) VEC_PUSH(e->arena, &e->program->wrappers, wrapper);
}

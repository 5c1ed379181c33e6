/* The items of a fit: counts, lets, updates and monitors. */
#include <string.h>

#include "sema/unit.h"

static const AstNode *find_draw(const AstNode *node) {
    if (!node || node->kind == AST_DRAW) return node;
    for (uint32_t i = 0; i < node->count; i++) {
        const AstNode *found = find_draw(node->kids[i]);
        if (found) return found;
    }
    return NULL;
}

static void take_once(Elab *e, const AstNode **slot, const AstNode *item, const char *what) {
    if (*slot) {
        elab_error(e, DIAG_E0407, item->span, "a fit has one '%s'", what);
        diag_note(e->sink, (*slot)->span, "already said here");
        diag_help(e->sink, "remove one of them");
        return;
    }
    *slot = item;
}

static void take_item(Elab *e, FitState *fit, const AstNode *item) {
    switch (item->kind) {
    case AST_VECTORS: take_once(e, &fit->vectors, item, "vectors"); break;
    case AST_EVENTS: take_once(e, &fit->events, item, "events"); break;
    case AST_GENERATE: take_once(e, &fit->generate, item, "generate params"); break;
    case AST_STOP: take_once(e, &fit->stop, item, "stop after"); break;
    case AST_STOP_WHEN: take_once(e, &fit->stop_when, item, "stop when"); break;
    case AST_SELECT: take_once(e, &fit->select, item, "select best on"); break;
    case AST_FREEZE: VEC_PUSH(e->arena, &fit->freezes, item); break;
    case AST_LET: VEC_PUSH(e->arena, &fit->lets, item); break;
    case AST_MINIMIZE: VEC_PUSH(e->arena, &fit->updates, item); break;
    case AST_MONITOR: VEC_PUSH(e->arena, &fit->monitors, item); break;
    default: break;
    }
    if (!fit->draw) fit->draw = find_draw(item);
}

static int64_t item_count(Elab *e, const AstNode *item, const char *what, int64_t otherwise) {
    if (!item) return otherwise;
    int64_t size;
    Value v = value_scalar(elab_expr(e, item->kids[0]));
    return value_size(e, &v, what, &size) ? size : otherwise;
}

static void check_generate(Elab *e, FitState *fit) {
    Span span = fit->decl->node->name_span;
    if (fit->generate && !e->program->param_blocks.count) {
        elab_error(e, DIAG_E0406, fit->generate->span, "there are no parameters to generate");
        diag_help(e->sink, "declare them: param NAME in (LOW, HIGH)");
    }
    if (fit->vectors && !fit->generate) {
        elab_error(e, DIAG_E0407, fit->vectors->span,
                   "'vectors' is the number of generated parameter vectors, and this fit generates none");
        diag_help(e->sink, "remove it, or add 'generate params by NETWORK from normal[k]'");
    }
    if (fit->draw && !fit->events) {
        elab_error(e, DIAG_E0406, fit->draw->span, "how many events are drawn?");
        diag_help(e->sink, "add 'events N' to the fit");
    }
    if (!fit->updates.count) {
        elab_error(e, DIAG_E0406, span, "fit '%s' minimizes nothing", fit->decl->name);
        diag_help(e->sink, "add 'minimize OBJECTIVE over GROUP using adam(1e-3)'");
    }
}

bool fit_collect(Elab *e, FitState *fit) {
    size_t errors = e->sink->errors;
    const AstNode *items = fit->decl->node->kids[0];
    Frame frame = {0};
    e->frame = &frame;
    for (uint32_t i = 0; i < items->count; i++) take_item(e, fit, items->kids[i]);
    ProgramFit *out = fit->out;
    out->name = fit->decl->name;
    out->generated = fit->generate != NULL;
    out->vectors = item_count(e, fit->vectors, "the number of vectors", 1);
    out->events = item_count(e, fit->events, "the number of events", 1);
    out->steps = item_count(e, fit->stop, "the number of steps", 1000);
    out->curve_points = 201;
    out->best = -1;
    check_generate(e, fit);
    if ((double)out->vectors * (double)out->events > 0x1p31) {
        elab_error(e, DIAG_E0306, fit->events ? fit->events->span : fit->vectors->span,
                   "%lld vectors of %lld events are %.3g events a step", (long long)out->vectors,
                   (long long)out->events, (double)out->vectors * (double)out->events);
        diag_help(e->sink, "lower 'events' or 'vectors': a step can hold %.3g events", 0x1p31);
    }
    e->frame = NULL;
    return e->sink->errors == errors;
}

/* The raw parameters are the first blocks of a fit that fits them directly. */
static void add_param_blocks(Elab *e, FitState *fit) {
    size_t count = e->program->param_blocks.count;
    if (fit->generate && count) fit_group(e, fit, "generator", PROGRAM_GENERATOR);
    for (size_t i = 0; i < count && !fit->generate; i++) {
        const ProgramParamBlock *of = &e->program->param_blocks.data[i];
        ProgramBlock block = {.name = of->name, .rank = of->rank};
        BlockState state = {.name = of->name, .rank = of->rank, .stored = of->rank, .scale = 1};
        block.group = fit_group(e, fit, "params", PROGRAM_PARAMS);
        for (uint32_t d = 0; d < of->rank; d++) block.shape[d] = state.size[d] = of->shape[d];
        VEC_PUSH(e->arena, &fit->out->blocks, block);
        VEC_PUSH(e->arena, &fit->blocks, state);
    }
}

static bool names_params(const AstNode *node) {
    if (!node) return false;
    if (node->kind == AST_NAME && !strcmp(node->name, "params")) return true;
    for (uint32_t i = 0; i < node->count; i++)
        if (names_params(node->kids[i])) return true;
    return false;
}

/* One value a parameter carries the parameters' names. */
static void add_monitor(Elab *e, FitState *fit, const AstNode *item, const Value *v) {
    ProgramMonitor monitor = {.name = item->name, .count = v->rank ? v->dim[0].size : 1};
    const char **labels = ARENA_ARRAY(e->arena, const char *, monitor.count);
    int64_t count = 0;
    for (size_t i = 0; i < e->program->params.count; i++) {
        if (e->program->params.data[i].kind != PROGRAM_FREE) continue;
        if (count < monitor.count) labels[count] = e->program->params.data[i].name;
        count++;
    }
    if (names_params(item->kids[0]) && v->rank && monitor.count == count) monitor.labels = labels;
    VEC_PUSH(e->arena, &fit->out->monitors, monitor);
}

static void elab_monitor(Elab *e, FitState *fit, const AstNode *item) {
    Context *c = e->context;
    Path path = {NULL, item, 0};
    Frame frame = {.path = &path};
    e->frame = &frame;
    Value v = elab_expr(e, item->kids[0]);
    if (!value_is_poison(&v) && value_to_array(e, &v, TIR_NONE) && unit_pure(e, &v, item->kids[0]->span, "a monitor")) {
        TirId id = value_real_id(e, &v);
        TirAxes rows = tir_axes_both(c->f->ops.data[id].axes, context_rows(c, false));
        if (rows.count) {
            id = tir_sum(c->f, id, rows, item->span);
            id = tir_map(c->f, TIR_DIV, item->span, id, tir_real(c->f, (double)c->vector_count, item->span), TIR_NONE);
        }
        uint32_t axes = c->f->ops.data[id].axes.count;
        if (v.type == TIR_BOOL || v.rank > 1 || axes > v.rank) {
            elab_error(e, DIAG_E0408, item->kids[0]->span, "a monitor is one number or a list of numbers");
            diag_help(e->sink, "take a mean over events: mean(... for e in ...)");
        } else {
            tir_output(c->f, TIR_PORT_VALUE, (uint32_t)fit->out->monitors.count, item->name, id);
            add_monitor(e, fit, item, &v);
            v = value_tensor(e, id, v.dim, v.rank, item->span);
            VEC_PUSH(e->arena, &fit->monitor_values, v);
        }
    }
    e->frame = NULL;
}

static void fit_monitor_function(Elab *e, FitState *fit) {
    size_t errors = e->sink->errors;
    if (!fit->monitors.count) fit_select(e, fit);
    if (!fit->monitors.count && !fit->stop_when) return;
    const char *name = arena_format(e->arena, "%s.monitor", fit->out->name);
    Context *c = context_new(e, name, fit, PARAMS_FITTED, true, fit->decl->node);
    c->guarded = true;
    for (size_t i = 0; i < fit->monitors.count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(fit->monitors.data[k]->name, fit->monitors.data[i]->name)) continue;
            elab_error(e, DIAG_E0202, fit->monitors.data[i]->name_span, "monitor '%s' is defined twice",
                       fit->monitors.data[i]->name);
            diag_note(e->sink, fit->monitors.data[k]->name_span, "first defined here");
            diag_help(e->sink, "give one of them another name");
        }
        elab_monitor(e, fit, fit->monitors.data[i]);
    }
    if (fit->monitors.count) fit_select(e, fit);
    if (fit->stop_when && e->sink->errors == errors) fit_stop_when(e, fit);
    guard_outputs(e);
    fit->out->monitor = c->f;
}

void fit_elaborate(Elab *e, FitState *fit) {
    size_t errors = e->sink->errors;
    add_param_blocks(e, fit);
    for (size_t i = 0; i < fit->freezes.count; i++) fit_freeze(e, fit, fit->freezes.data[i]);
    for (size_t i = 0; i < fit->updates.count; i++) fit_minimize(e, fit, fit->updates.data[i]);
    fit_monitor_function(e, fit);
    fit_check_frozen(e, fit);
    if (e->sink->errors != errors) return;
    fit_params_function(e, fit);
    fit_curve_function(e, fit);
    fit_check_function(e, fit);
    fit_init_function(e, fit);
    if (!fit->draw)
        fit->out->events = 0;
    else
        fit->out->events *= fit->out->vectors;
}

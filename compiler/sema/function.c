/* The functions that every fit has whatever its objective: initial weights, parameters, curves; and the events of the
 * declared truth. */
#include <string.h>

#include "sema/measure.h"

enum { DRAW_BATCH = 16384, DRAW_STREAMS = 32768 };

/* --- initial weights --- */

static TirId initial_params(Elab *e) {
    const Program *p = e->program;
    Value *raw = ARENA_ARRAY(e->arena, Value, p->params.count);
    Span span = e->params.data[0]->node->name_span;
    for (size_t i = 0; i < p->params.count; i++) {
        const ProgramParam *param = &p->params.data[i];
        raw[i] = value_number(param->has_start ? param_raw(param, param->start) : 0, span);
    }
    Value v = value_list(e, raw, (uint32_t)p->params.count, span);
    value_to_array(e, &v, TIR_NONE);
    return v.id;
}

/* The initial value is a formula for one element, and a draw in it is drawn for each; or it is a whole array, whose
 * draws are its own. */
static Value initial_value(Elab *e, const BlockState *state, const AstNode *node) {
    TirAxes force = e->frame->force;
    e->frame->force = tir_axes_none();
    Value whole = elab_expr(e, node);
    e->frame->force = force;
    bool array = whole.kind == VALUE_LIST || (whole.kind == VALUE_TENSOR && value_scalar(whole).rank);
    return array || value_is_poison(&whole) || !state->stored ? whole : elab_expr(e, node);
}

static TirId initial_weight(Elab *e, const BlockState *state, size_t number) {
    Path path = {NULL, state->weight, (uint32_t)number};
    Frame frame = {.decl = state->layer, .locals = state->locals, .path = arena_copy(e->arena, &path, sizeof path)};
    Value shape = {.kind = VALUE_TENSOR, .rank = state->rank};
    for (uint32_t i = 0; i < state->rank; i++) shape.dim[i] = (Dim){state->size[i], TIR_NONE};
    for (uint32_t i = 0; i < state->stored; i++) {
        shape.dim[state->order[i]] = dim_new(e, "w", state->size[state->order[i]]);
        frame.force = tir_axes_add(frame.force, shape.dim[state->order[i]].axis);
    }
    e->frame = &frame;
    const AstNode *node = state->weight->kids[1];
    Value v = initial_value(e, state, node);
    TirId id = TIR_NONE;
    if (!value_is_poison(&v) && value_to_array(e, &v, TIR_NONE) && unit_pure(e, &v, node->span, "the initial value")) {
        bool same = !value_scalar(v).rank || v.rank == state->rank;
        for (uint32_t i = 0; same && value_scalar(v).rank && i < v.rank; i++) same = v.dim[i].size == state->size[i];
        if (!same) {
            elab_error(e, DIAG_E0302, node->span, "the initial value has shape %s, and the weight %s",
                       value_shape_text(e, &v), value_shape_text(e, &shape));
            diag_help(e->sink, "write it as a formula for one element, or with the shape of the weight");
        } else {
            if (value_scalar(v).rank) v = value_align(e, v, &shape, node->span);
            if (state->scale != 1)
                v = elab_map(e, TIR_MUL, node->span, v, value_number(state->scale, node->span), value_poison());
            id = id_broadcast(e, value_real_id(e, &v), frame.force, node->span);
        }
    }
    e->frame = NULL;
    return id;
}

void fit_init_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.init", fit->out->name), fit, PARAMS_NONE, false, NULL);
    for (size_t i = 0; i < fit->blocks.count; i++) {
        const BlockState *state = &fit->blocks.data[i];
        TirId id = state->weight ? initial_weight(e, state, i) : initial_params(e);
        if (id != TIR_NONE) tir_output(c->f, TIR_PORT_VALUE, (uint32_t)i, state->name, id);
    }
    fit->out->init = c->f;
}

/* --- parameters --- */

void fit_params_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.params", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    Frame frame = {0};
    e->frame = &frame;
    for (size_t i = 0; i < e->program->params.count; i++) {
        Span span = e->params.data[i]->node->name_span;
        Value v = context_param(e, e->params.data[i], span);
        if (value_is_poison(&v)) continue;
        TirId id = id_broadcast(e, value_real_id(e, &v), context_rows(c, false), span);
        tir_output(c->f, TIR_PORT_VALUE, (uint32_t)i, e->program->params.data[i].name, id);
    }
    e->frame = NULL;
    fit->out->params = c->f;
}

/* --- curves --- */

static bool one_variable(const Hir *hir, const HirDecl *decl, AstKind kind) {
    if (decl->node->kind != kind || hir_arguments(decl)->count != 1) return false;
    const AstNode *arg = hir_arguments(decl)->kids[0];
    return !hir_argument_dims(arg) && !hir_argument_event(hir, arg);
}

static const HirDecl *next_decl(const Hir *hir, AstKind kind, size_t *at) {
    size_t seen = 0;
    for (size_t m = 0; m < hir->modules.count; m++)
        for (size_t i = 0; i < hir->modules.data[m]->decls.count; i++, seen++)
            if (seen >= *at && one_variable(hir, hir->modules.data[m]->decls.data[i], kind)) {
                *at = seen + 1;
                return hir->modules.data[m]->decls.data[i];
            }
    return NULL;
}

/* The field that some draw of the model takes from this density, and the scale of its unit, or -1. */
static int32_t drawn_field(Elab *e, const AstNode *node, const HirDecl *density, double *scale) {
    if (!node) return -1;
    for (uint32_t i = 0; node->kind == AST_DRAW && node->kids[1] && i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD || hir_decl(e->hir, field->kids[0]) != density) continue;
        const ProgramEvent *event = &e->program->events.data[hir_decl(e->hir, node->kids[0])->index];
        for (size_t k = 0; k < event->fields.count; k++) {
            if (strcmp(event->fields.data[k].name, field->name)) continue;
            *scale = event->fields.data[k].scale;
            return (int32_t)k;
        }
    }
    for (uint32_t i = 0; i < node->count; i++) {
        int32_t found = drawn_field(e, node->kids[i], density, scale);
        if (found >= 0) return found;
    }
    return -1;
}

/* Divided by its integral over the grid by the trapezoidal rule, the rule that compares curves afterwards. */
static Value normalised(Elab *e, Value v, Dim grid, double width, Span span) {
    TirFunction *f = e->context->f;
    Value none = value_poison();
    Value sum = value_tensor(e, tir_sum(f, v.id, tir_axes_one(grid.axis), span), NULL, 0, span);
    Value first = elab_index(e, span, v, value_int(0, span));
    Value last = elab_index(e, span, v, value_int((double)grid.size - 1, span));
    Value ends =
        elab_map(e, TIR_MUL, span, elab_map(e, TIR_ADD, span, first, last, none), value_number(0.5, span), none);
    Value area =
        elab_map(e, TIR_MUL, span, elab_map(e, TIR_SUB, span, sum, ends, none), value_number(width, span), none);
    return elab_map(e, TIR_DIV, span, v, area, none);
}

/* The declaration with the formula of its `truth` in place of its own; NULL when it has none. */
static HirDecl *declared_truth(Elab *e, const HirDecl *decl) {
    const AstNode *conditions = decl->node->kind == AST_QCF ? decl->node->kids[5] : NULL;
    for (uint32_t i = 0; conditions && i < conditions->count; i++) {
        if (conditions->kids[i]->kind != AST_TRUTH) continue;
        AstNode *node = arena_copy(e->arena, decl->node, sizeof *node);
        node->kids = arena_copy(e->arena, node->kids, node->count * sizeof *node->kids);
        node->kids[1] = conditions->kids[i]->kids[0];
        HirDecl *truth = arena_copy(e->arena, decl, sizeof *truth);
        truth->node = node;
        return truth;
    }
    return NULL;
}

/* What a curve is drawn over, in base units; the values of a qcf are shown in its declared unit. */
typedef struct CurveRange {
    Value low, high;
} CurveRange;

static Value curve_values(Elab *e, const Value *of, const CurveRange *range, Dim grid, Span span) {
    HirDecl *decl = of->decl;
    const Unit *unit;
    double scale;
    Value x = elab_linspace(e, range->low, range->high, grid.size, grid, span);
    Value v = measure_to_linear(e, elab_function_call(e, of, decl->node, &x, 1, span), span);
    if (decl->node->kind != AST_QCF || !unit_of_type(e, decl->node->kids[3], &unit, &scale) || scale == 1) return v;
    return elab_map(e, TIR_DIV, span, v, value_number(scale, span), value_poison());
}

static void put_curve(Elab *e, FitState *fit, const Value *of, const CurveRange *range, const ProgramCurve *curve,
                      Dim grid, bool truth) {
    Context *c = e->context;
    HirDecl *decl = of->decl;
    Span span = decl->node->name_span;
    Frame frame = {0};
    e->frame = &frame;
    c->mode = truth ? PARAMS_TRUTH : PARAMS_FITTED;
    Value v = curve_values(e, of, range, grid, span);
    TirAxes axes = tir_axes_union(truth ? tir_axes_none() : context_rows(c, false), tir_axes_one(grid.axis));
    if (!value_is_poison(&v) && value_to_array(e, &v, TIR_NONE)) {
        if (v.rank > 1 || v.type == TIR_BOOL || tir_axes_minus(value_axes(e, &v), axes).count) {
            elab_error(e, DIAG_E0308, span, "'%s' must give one number for one value of its argument", decl->name);
            diag_help(e->sink, "write a function for each of the numbers");
        } else {
            v = value_tensor(e, id_broadcast(e, value_real_id(e, &v), axes, span), &grid, 1, span);
            if (curve->density) v = normalised(e, v, grid, (curve->high - curve->low) / (double)(grid.size - 1), span);
            const char *name = truth ? arena_format(e->arena, "%s.truth", curve->name) : curve->name;
            tir_output(c->f, TIR_PORT_VALUE, 2 * (uint32_t)(fit->out->curves.count - 1) + truth, name, v.id);
        }
    }
    c->mode = PARAMS_FITTED;
    e->frame = NULL;
}

static bool has_truth(const Program *p) {
    for (size_t i = 0; i < p->params.count; i++)
        if (!p->params.data[i].has_truth) return false;
    return p->params.count > 0;
}

/* Over the domain of the density `domain`, if what the curve is of takes values of that unit: one curve for the
 * declaration, or one for every member of a family. */
static void add_curve(Elab *e, FitState *fit, HirDecl *decl, HirDecl *domain, Dim grid) {
    bool density = decl->node->kind == AST_DENSITY;
    ProgramCurve curve = {.density = density, .event_field = -1};
    CurveRange range;
    const Unit *unit, *own;
    double scale, own_scale;
    if (!density_domain(e, domain, &curve.low, &curve.high) ||
        !unit_of_type(e, hir_argument_unit(e->hir, hir_arguments(domain)->kids[0]), &unit, &scale) ||
        !unit_of_type(e, hir_argument_unit(e->hir, hir_arguments(decl)->kids[0]), &own, &own_scale) || unit != own)
        return;
    for (size_t i = 0; density && curve.event_field < 0 && i < e->fits.count; i++)
        curve.event_field = drawn_field(e, e->fits.data[i]->decl->node, decl, &scale);
    range.low = value_number(curve.low, decl->node->name_span);
    range.high = value_number(curve.high, decl->node->name_span);
    range.low.unit = range.high.unit = unit;
    curve.low /= scale;
    curve.high /= scale;
    HirDecl *truth = declared_truth(e, decl);
    uint32_t members = family_size(e, decl);
    for (uint32_t k = 0; k < members; k++) {
        Value of = family_member(e, decl, k, decl->node->name_span), true_one = of;
        if (truth) true_one.decl = truth;
        curve.name = family_name(e, &of);
        VEC_PUSH(e->arena, &fit->out->curves, curve);
        put_curve(e, fit, &of, &range, &curve, grid, false);
        if (truth || has_truth(e->program)) put_curve(e, fit, &true_one, &range, &curve, grid, true);
    }
}

void fit_curve_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.curve", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    Dim grid = {fit->out->curve_points, tir_axis_add(c->f, "points", fit->out->curve_points, false)};
    const HirDecl *decl, *first;
    size_t at = 0;
    fit->out->curve = c->f;
    if (!(first = next_decl(e->hir, AST_DENSITY, &at))) return;
    at = 0;
    while ((decl = next_decl(e->hir, AST_QCF, &at))) add_curve(e, fit, (HirDecl *)decl, (HirDecl *)first, grid);
    at = 0;
    while ((decl = next_decl(e->hir, AST_DENSITY, &at))) add_curve(e, fit, (HirDecl *)decl, (HirDecl *)decl, grid);
}

/* --- events of the truth --- */

/* Streams of their own: a fit must not see the numbers that made its data. */
void event_draw_function(Elab *e, FitState *fit, const AstNode *draw) {
    const HirDecl *event = hir_decl(e->hir, draw->kids[0]);
    if (!event || !has_truth(e->program) || e->program->events.data[event->index].draw) return;
    FitState own = *fit;
    ProgramFit counts = *fit->out;
    counts.events = DRAW_BATCH;
    own.out = &counts;
    own.streams.count = own.streams.capacity = 0;
    own.streams.data = NULL;
    own.stream_base = DRAW_STREAMS;
    Context *c = context_new(e, arena_format(e->arena, "%s.draw", event->name), &own, PARAMS_TRUTH, true, NULL);
    Frame frame = {0};
    e->frame = &frame;
    Value sample = elab_draw(e, draw);
    e->frame = NULL;
    if (value_is_poison(&sample)) return;
    ProgramEvent *out = &e->program->events.data[event->index];
    for (uint32_t i = 0; i < sample.count; i++)
        tir_output(c->f, TIR_PORT_VALUE, i, out->fields.data[i].name, sample.items[i].id);
    out->draw = c->f;
    out->draw_batch = DRAW_BATCH;
}

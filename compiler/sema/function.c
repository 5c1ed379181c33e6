/* The functions that every fit has whatever its objective: initial weights, parameters, curves; and the events of the
 * declared truth. */
#include <math.h>
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

/* The initial value is a formula for one element; a draw in it is drawn for each. */
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
    Value v = elab_expr(e, node);
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

static bool one_number(const Hir *hir, const HirDecl *decl) {
    if (hir_arguments(decl)->count != 1) return false;
    const AstNode *arg = hir_arguments(decl)->kids[0];
    return !hir_argument_dims(arg) && !hir_argument_event(hir, arg);
}

static int32_t field_found(Elab *e, const AstNode *draw, uint32_t field, double *scale) {
    *scale = e->program->events.data[hir_decl(e->hir, draw->kids[0])->index].fields.data[field].scale;
    return (int32_t)field;
}

/* The field of some event of the model that is drawn from variable `name` of this density, and the scale of its unit;
 * or -1. */
static int32_t drawn_field(Elab *e, const AstNode *node, const HirDecl *density, const char *name, double *scale) {
    if (!node) return -1;
    const AstNode *event = node->kind == AST_DRAW ? hir_decl(e->hir, node->kids[0])->node->kids[0] : NULL;
    if (event && node->kids[2] && hir_decl(e->hir, node->kids[2]) == density)
        for (uint32_t k = 0; k < event->count; k++)
            if (!strcmp(event->kids[k]->name, name)) return field_found(e, node, k, scale);
    for (uint32_t i = 0; event && node->kids[1] && i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        if (field->kind != AST_DRAW_FIELD || hir_decl(e->hir, field->kids[0]) != density) continue;
        for (uint32_t k = 0; k < event->count; k++)
            if (!strcmp(event->kids[k]->name, field->name)) return field_found(e, node, k, scale);
    }
    for (uint32_t i = 0; i < node->count; i++) {
        int32_t found = drawn_field(e, node->kids[i], density, name, scale);
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

/* Values of a qcf, or of a density of one variable, at the points. */
static Value curve_values(Elab *e, HirDecl *decl, Value x, TirAxes axes, Dim grid) {
    const Unit *unit;
    double scale;
    Span span = decl->node->name_span;
    Value v = measure_to_linear(e, elab_decl_call(e, decl, decl->node, &x, 1, span), span);
    if (value_is_poison(&v) || !value_to_array(e, &v, TIR_NONE)) return value_poison();
    if (decl->node->kind == AST_QCF && unit_of_type(e, decl->node->kids[3], &unit, &scale) && scale != 1)
        v = elab_map(e, TIR_DIV, span, v, value_number(scale, span), value_poison());
    if (v.rank > 1 || v.type == TIR_BOOL || tir_axes_minus(value_axes(e, &v), axes).count)
        return elab_help(
            e, elab_error(e, DIAG_E0308, span, "'%s' must give one number for one value of its argument", decl->name),
            "write a function for each of the numbers");
    return value_tensor(e, id_broadcast(e, value_real_id(e, &v), axes, span), &grid, 1, span);
}

/* A density of several variables shows as the marginal of each: integrated over the others, by the trapezoidal rule on
 * a coarser grid. */
static Value marginal_values(Elab *e, HirDecl *decl, const DensityAxis *axes, uint32_t count, uint32_t at, Value x,
                             TirAxes all, Dim grid) {
    enum { OTHERS_PLANE = 101, OTHERS_SPACE = 21 };
    Span span = decl->node->name_span;
    Value lines[DENSITY_AXES_MAX], none = value_poison();
    DensityAxis own[DENSITY_AXES_MAX];
    int64_t nodes = count > 2 ? OTHERS_SPACE : OTHERS_PLANE;
    for (uint32_t i = 0; i < count; i++) {
        own[i] = axes[i];
        double low = axes[i].log ? log(axes[i].low) : axes[i].low,
               high = axes[i].log ? log(axes[i].high) : axes[i].high;
        lines[i] =
            elab_linspace(e, value_number(low, span), value_number(high, span), nodes, dim_of_size(e, nodes), span);
    }
    lines[at] = x;
    own[at].log = false;
    Value f = {.kind = VALUE_FUNCTION, .decl = decl, .numbers = true, .span = span};
    Value v = density_table(e, &f, decl->node, own, lines, count, span);
    if (value_is_poison(&v)) return none;
    TirAxes over = tir_axes_none();
    for (uint32_t i = 0; i < count; i++) { /* half of what lies on the two edges of each variable */
        if (i == at) continue;
        over = tir_axes_add(over, v.dim[i].axis);
        TirId k = tir_iota(e->context->f, v.dim[i].axis, span);
        TirId first = tir_map(e->context->f, TIR_EQ, span, k, tir_int(e->context->f, 0, span), TIR_NONE);
        TirId last = tir_map(e->context->f, TIR_EQ, span, k, tir_int(e->context->f, nodes - 1, span), TIR_NONE);
        TirId edge = tir_map(e->context->f, TIR_OR, span, first, last, TIR_NONE);
        TirId half = tir_map(e->context->f, TIR_SELECT, span, edge, tir_real(e->context->f, 0.5, span),
                             tir_real(e->context->f, 1, span));
        v.id = tir_map(e->context->f, TIR_MUL, span, v.id, half, TIR_NONE);
    }
    Value sum = value_tensor(e, tir_sum(e->context->f, v.id, over, span), &v.dim[at], 1, span);
    sum = value_move(e, &sum, 0, grid.axis, span);
    return value_tensor(e, id_broadcast(e, sum.id, all, span), &grid, 1, span);
}

typedef struct Curve {
    HirDecl *decl;
    const DensityAxis *axes; /* of a density */
    uint32_t count, at;      /* variables; which of them is drawn */
    const Unit *unit;        /* of what the curve is over, and how much one of it is in base units */
    double scale, low, high; /* low .. high in that unit */
} Curve;

static void put_curve(Elab *e, FitState *fit, const Curve *of, const ProgramCurve *curve, Dim grid, bool truth) {
    Context *c = e->context;
    Span span = of->decl->node->name_span;
    Frame frame = {0};
    e->frame = &frame;
    c->mode = truth ? PARAMS_TRUTH : PARAMS_FITTED;
    Value x = elab_linspace(e, value_number(of->low, span), value_number(of->high, span), grid.size, grid, span);
    TirAxes axes = tir_axes_union(truth ? tir_axes_none() : context_rows(c, false), tir_axes_one(grid.axis));
    if (of->count == 1) {
        if (of->scale != 1) x = elab_map(e, TIR_MUL, span, x, value_number(of->scale, span), value_poison());
        x.unit = of->unit;
    }
    Value v = of->count > 1 ? marginal_values(e, of->decl, of->axes, of->count, of->at, x, axes, grid)
                            : curve_values(e, of->decl, x, axes, grid);
    if (!value_is_poison(&v)) {
        if (curve->density) v = normalised(e, v, grid, (curve->high - curve->low) / (double)(grid.size - 1), span);
        const char *name = truth ? arena_format(e->arena, "%s.truth", curve->name) : curve->name;
        tir_output(c->f, TIR_PORT_VALUE, 2 * (uint32_t)(fit->out->curves.count - 1) + truth, name, v.id);
    }
    c->mode = PARAMS_FITTED;
    e->frame = NULL;
}

static bool has_truth(const Program *p) {
    for (size_t i = 0; i < p->params.count; i++)
        if (!p->params.data[i].has_truth) return false;
    return p->params.count > 0;
}

static void add_curve(Elab *e, FitState *fit, const Curve *of, ProgramCurve curve, Dim grid) {
    curve.event_field = -1;
    curve.density = of->decl->node->kind == AST_DENSITY;
    double scale = of->scale;
    for (size_t i = 0; curve.density && curve.event_field < 0 && i < e->fits.count; i++)
        curve.event_field = drawn_field(e, e->fits.data[i]->decl->node, of->decl, of->axes[of->at].name, &scale);
    curve.low *= of->scale / scale;
    curve.high *= of->scale / scale;
    VEC_PUSH(e->arena, &fit->out->curves, curve);
    put_curve(e, fit, of, &curve, grid, false);
    if (has_truth(e->program)) put_curve(e, fit, of, &curve, grid, true);
}

/* The declarations of that kind in all modules, one after another. */
static HirDecl *next_decl(const Hir *hir, AstKind kind, size_t *at) {
    size_t seen = 0;
    for (size_t m = 0; m < hir->modules.count; m++)
        for (size_t i = 0; i < hir->modules.data[m]->decls.count; i++, seen++)
            if (seen >= *at && hir->modules.data[m]->decls.data[i]->node->kind == kind) {
                *at = seen + 1;
                return hir->modules.data[m]->decls.data[i];
            }
    return NULL;
}

/* The qcfs of one variable over the domain of the first density's first variable, and every variable of the densities.
 */
void fit_curve_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.curve", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    Dim grid = {fit->out->curve_points, tir_axis_add(c->f, "points", fit->out->curve_points, false)};
    DensityAxis axes[DENSITY_AXES_MAX];
    HirDecl *decl;
    size_t at = 0;
    fit->out->curve = c->f;
    if (!(decl = next_decl(e->hir, AST_DENSITY, &at)) || !density_axes(e, decl, axes)) return;
    at = 0;
    DensityAxis first = axes[0];
    while ((decl = next_decl(e->hir, AST_QCF, &at))) {
        ProgramCurve curve = {.name = decl->name, .low = first.low, .high = first.high};
        const Unit *unit;
        double scale;
        if (one_number(e->hir, decl) &&
            unit_of_type(e, hir_argument_unit(e->hir, hir_arguments(decl)->kids[0]), &unit, &scale) &&
            unit == first.unit)
            add_curve(
                e, fit,
                &(Curve){
                    .decl = decl, .count = 1, .unit = unit, .scale = first.scale, .low = first.low, .high = first.high},
                curve, grid);
    }
    at = 0;
    while ((decl = next_decl(e->hir, AST_DENSITY, &at))) {
        uint32_t count = density_axes(e, decl, axes);
        for (uint32_t i = 0; i < count; i++) {
            ProgramCurve curve = {.name = decl->name, .low = axes[i].low, .high = axes[i].high};
            if (count > 1) curve.name = arena_format(e->arena, "%s.%s", decl->name, axes[i].name);
            add_curve(e, fit, &(Curve){decl, axes, count, i, axes[i].unit, axes[i].scale, axes[i].low, axes[i].high},
                      curve, grid);
        }
    }
}

/* --- events of the truth --- */

/* Files hold events without weights: one of weight w is written with probability w. 1: written, 0: not, 2: the weight
 * is above 1 or no number, and no probability. */
static void put_accepted(Elab *e, const AstNode *draw, const Value *sample, uint32_t port) {
    Value none = value_poison(), w = *sample->weight, u;
    Span span = draw->span;
    TirFunction *f = e->context->f;
    u = value_tensor(e, tir_uniform(f, elab_stream(e, draw), sample->sample, span), NULL, 0, span);
    Value valid = elab_map(e, TIR_LE, span, w, value_number(1 + 1e-5, span), none);
    Value written = elab_map(e, TIR_LT, span, u, w, none);
    Value accepted = elab_map(e, TIR_SELECT, span, written, value_number(1, span), value_number(0, span));
    accepted = elab_map(e, TIR_SELECT, span, valid, accepted, value_number(2, span));
    TirId id = id_broadcast(e, value_real_id(e, &accepted), sample->sample, span);
    tir_output(f, TIR_PORT_VALUE, port, "accepted", id);
}

/* In the declared unit of the field. */
static Value in_file_unit(Elab *e, Value v, const ProgramField *field) {
    if (field->scale != 1) v = elab_map(e, TIR_DIV, v.span, v, value_number(field->scale, v.span), value_poison());
    return v;
}

/* Streams of their own: a fit must not see the numbers that made its data. */
void event_draw_function(Elab *e, FitState *fit, const AstNode *draw, const HirDecl *event) {
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
    Value sample = elab_expr(e, draw);
    ProgramEvent *out = &e->program->events.data[event->index];
    if (sample.kind == VALUE_SAMPLE) {
        for (uint32_t i = 0; i < sample.count; i++) {
            Value v = in_file_unit(e, sample.items[i], &out->fields.data[i]);
            TirId id = id_broadcast(e, value_real_id(e, &v), sample.sample, draw->span);
            tir_output(c->f, TIR_PORT_VALUE, i, out->fields.data[i].name, id);
        }
        if (sample.weight) put_accepted(e, draw, &sample, sample.count);
        out->draw = c->f;
        out->draw_batch = DRAW_BATCH;
    }
    e->frame = NULL;
}

/* The curves of a fit's report: qcfs of one variable, and the variables of every density, on a grid. */
#include <math.h>
#include <string.h>

#include "sema/measure.h"
#include "sema/unit.h"

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

/* low .. high, evenly or evenly in the logarithm. */
static Value grid_points(Elab *e, double low, double high, bool on_log, Dim grid, Span span) {
    if (!on_log) return elab_linspace(e, value_number(low, span), value_number(high, span), grid.size, grid, span);
    Value t = elab_linspace(e, value_number(log(low), span), value_number(log(high), span), grid.size, grid, span);
    Value none = value_poison(), x = elab_map(e, TIR_EXP, span, t, none, none);
    x = elab_map(e, TIR_MAX, span, x, value_number(low, span), none); /* not beyond the ends for rounding */
    return elab_map(e, TIR_MIN, span, x, value_number(high, span), none);
}

/* Divided by its integral over the grid by the trapezoidal rule, the rule that compares curves afterwards; on log, of
 * v x over d(log x). */
static Value normalised(Elab *e, Value v, const ProgramCurve *curve, Dim grid, Span span) {
    TirFunction *f = e->context->f;
    Value none = value_poison(), density = v;
    double low = curve->on_log ? log(curve->low) : curve->low, high = curve->on_log ? log(curve->high) : curve->high;
    if (curve->on_log)
        density = elab_map(e, TIR_MUL, span, v, grid_points(e, curve->low, curve->high, true, grid, span), none);
    Value sum = value_tensor(e, tir_sum(f, density.id, tir_axes_one(grid.axis), span), NULL, 0, span);
    Value first = elab_index(e, span, density, value_int(0, span));
    Value last = elab_index(e, span, density, value_int((double)grid.size - 1, span));
    Value ends =
        elab_map(e, TIR_MUL, span, elab_map(e, TIR_ADD, span, first, last, none), value_number(0.5, span), none);
    Value width = value_number((high - low) / (double)(grid.size - 1), span);
    Value area = elab_map(e, TIR_MUL, span, elab_map(e, TIR_SUB, span, sum, ends, none), width, none);
    return elab_map(e, TIR_DIV, span, v, area, none);
}

/* Values of a qcf, or of a density of one variable, at the points. */
static Value curve_values(Elab *e, const Value *of, Value x, TirAxes axes, Dim grid) {
    HirDecl *decl = of->decl;
    const Unit *unit;
    double scale;
    Span span = decl->node->name_span;
    Value v = measure_to_linear(e, elab_function_call(e, of, decl->node, &x, 1, span), span);
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
static Value marginal_values(Elab *e, const Value *of, const DensityAxis *axes, uint32_t count, uint32_t at, Value x,
                             TirAxes all, Dim grid) {
    enum { OTHERS_PLANE = 101, OTHERS_SPACE = 21 };
    Span span = of->decl->node->name_span;
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
    Value f = *of;
    f.numbers = true;
    Value v = density_table(e, &f, of->decl->node, own, lines, count, span);
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

typedef struct Curve {
    HirDecl *decl;
    const DensityAxis *axes; /* of a density */
    uint32_t count, at;      /* variables; which of them is drawn */
    const Unit *unit;        /* of what the curve is over, and how much one of it is in base units */
    double scale, low, high; /* low .. high in that unit */
    bool on_log;             /* points evenly in the logarithm */
} Curve;

/* The curve at its points, with parameters as the function has them. `what`: the declaration or one member of the
 * family. */
static Value curve_at(Elab *e, const Curve *of, const Value *what, const ProgramCurve *curve, Dim grid, TirAxes rows) {
    Span span = of->decl->node->name_span;
    Value x = grid_points(e, of->low, of->high, curve->on_log, grid, span);
    TirAxes axes = tir_axes_union(rows, tir_axes_one(grid.axis));
    if (of->count == 1) {
        if (of->scale != 1) x = elab_map(e, TIR_MUL, span, x, value_number(of->scale, span), value_poison());
        x.unit = of->unit;
    }
    return of->count > 1 ? marginal_values(e, what, of->axes, of->count, of->at, x, axes, grid)
                         : curve_values(e, what, x, axes, grid);
}

static void put_curve(Elab *e, FitState *fit, const Curve *of, const Value *what, const ProgramCurve *curve, Dim grid,
                      bool truth) {
    Context *c = e->context;
    Span span = of->decl->node->name_span;
    Frame frame = {0};
    e->frame = &frame;
    c->mode = truth ? PARAMS_TRUTH : PARAMS_FITTED;
    Value v = curve_at(e, of, what, curve, grid, truth ? tir_axes_none() : context_rows(c, false));
    if (!value_is_poison(&v)) {
        if (curve->density) v = normalised(e, v, curve, grid, span);
        const char *name = truth ? arena_format(e->arena, "%s.truth", curve->name) : curve->name;
        tir_output(c->f, TIR_PORT_VALUE, 2 * (uint32_t)(fit->out->curves.count - 1) + truth, name, v.id);
    }
    c->mode = PARAMS_FITTED;
    e->frame = NULL;
}

static void add_curve(Elab *e, FitState *fit, const Curve *of, const Value *what, ProgramCurve curve, Dim grid) {
    curve.event_field = -1;
    curve.density = of->decl->node->kind == AST_DENSITY;
    curve.on_log = of->on_log;
    double scale = of->scale;
    for (size_t i = 0; curve.density && curve.event_field < 0 && i < e->fits.count; i++)
        curve.event_field = drawn_field(e, e->fits.data[i]->decl->node, of->decl, of->axes[of->at].name, &scale);
    curve.low *= of->scale / scale;
    curve.high *= of->scale / scale;
    HirDecl *truth = declared_truth(e, of->decl);
    Value true_one = *what;
    if (truth) true_one.decl = truth;
    curve.name = family_name(e, what);
    if (of->count > 1) curve.name = arena_format(e->arena, "%s.%s", curve.name, of->axes[of->at].name);
    VEC_PUSH(e->arena, &fit->out->curves, curve);
    put_curve(e, fit, of, what, &curve, grid, false);
    if (truth || (e->slots.count && param_all_truth(e))) put_curve(e, fit, of, &true_one, &curve, grid, true);
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

/* A qcf of one variable over the domain of `first`; false where it is none. */
static bool qcf_curve(Elab *e, HirDecl *decl, const DensityAxis *first, Curve *of) {
    const Unit *unit;
    double scale;
    if (!one_number(e->hir, decl) ||
        !unit_of_type(e, hir_argument_unit(e->hir, hir_arguments(decl)->kids[0]), &unit, &scale) || unit != first->unit)
        return false;
    *of = (Curve){.decl = decl,
                  .count = 1,
                  .unit = unit,
                  .scale = first->scale,
                  .low = first->low,
                  .high = first->high,
                  .on_log = first->log};
    return true;
}

/* Every member of a family. */
static void qcf_curves(Elab *e, FitState *fit, HirDecl *decl, const DensityAxis *first, Dim grid) {
    Curve of;
    if (!qcf_curve(e, decl, first, &of)) return;
    uint32_t members = family_size(e, decl);
    for (uint32_t k = 0; k < members; k++) {
        Value what = family_member(e, decl, k, decl->node->name_span);
        add_curve(e, fit, &of, &what, (ProgramCurve){.low = first->low, .high = first->high}, grid);
    }
}

/* Every variable of a density, of every member of a family. */
static void density_curves(Elab *e, FitState *fit, HirDecl *decl, Dim grid) {
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t members = family_size(e, decl);
    for (uint32_t k = 0; k < members; k++) {
        Value what = family_member(e, decl, k, decl->node->name_span);
        uint32_t count = density_axes(e, &what, axes);
        for (uint32_t i = 0; i < count; i++) {
            Curve of = {decl, axes, count, i, axes[i].unit, axes[i].scale, axes[i].low, axes[i].high, axes[i].log};
            add_curve(e, fit, &of, &what, (ProgramCurve){.low = axes[i].low, .high = axes[i].high}, grid);
        }
    }
}

/* The qcfs of one variable over the domain of the first density's first variable, and every variable of the densities.
 */
void fit_curve_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.curve", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    Dim grid = {fit->out->curve_points, tir_axis_add(c->f, "points", fit->out->curve_points, false)};
    DensityAxis axes[DENSITY_AXES_MAX];
    size_t at = 0;
    fit->out->curve = c->f;
    HirDecl *decl = next_decl(e->hir, AST_DENSITY, &at);
    if (!decl) return;
    Value first = family_member(e, decl, 0, decl->node->name_span);
    if (!density_axes(e, &first, axes)) return;
    for (at = 0; (decl = next_decl(e->hir, AST_QCF, &at));) qcf_curves(e, fit, decl, &axes[0], grid);
    for (at = 0; (decl = next_decl(e->hir, AST_DENSITY, &at));) density_curves(e, fit, decl, grid);
}

/* The qcfs alone, at given values of the parameters. */
void identify_curve_function(Elab *e, FitState *fit) {
    Program *program = e->program;
    program->band_points = fit->out->curve_points;
    Context *c = context_new(e, "identify.curves", fit, PARAMS_GIVEN, false, NULL);
    Dim grid = {program->band_points, tir_axis_add(c->f, "points", program->band_points, false)};
    DensityAxis axes[DENSITY_AXES_MAX];
    size_t at = 0;
    HirDecl *decl = next_decl(e->hir, AST_DENSITY, &at);
    if (!decl) return;
    Value first = family_member(e, decl, 0, decl->node->name_span);
    if (!density_axes(e, &first, axes)) return;
    Frame frame = {0};
    e->frame = &frame;
    for (at = 0; (decl = next_decl(e->hir, AST_QCF, &at));) {
        Curve of;
        uint32_t members = qcf_curve(e, decl, &axes[0], &of) ? family_size(e, decl) : 0;
        for (uint32_t k = 0; k < members; k++) {
            Value what = family_member(e, decl, k, decl->node->name_span);
            ProgramCurve curve = {.name = family_name(e, &what), .low = of.low, .high = of.high, .on_log = of.on_log};
            curve.event_field = -1;
            Value v = curve_at(e, &of, &what, &curve, grid, tir_axes_none());
            if (value_is_poison(&v)) continue;
            tir_output(c->f, TIR_PORT_VALUE, (uint32_t)program->bands.count, curve.name, v.id);
            VEC_PUSH(e->arena, &program->bands, curve);
        }
    }
    e->frame = NULL;
    if (program->bands.count) program->band = c->f;
}

/* Which densities the events of a fit are of, for `identify`: those that its objectives draw from, and those that they
 * take pdf() of. A density inside of a density (a mixture of pdfs) is part of it and counts with it. Places are told
 * apart by the data set or the field: the same density of two data sets is two. */
#include <string.h>

#include "sema/measure.h"

/* Points of one call: the runtime goes over its nodes in such portions. What is not per point, such as the integral of
 * a density inside of this one, is made again for each, so several variables have larger ones. */
enum { POINTS_LINE = 256, POINTS = 4096 };

/* Is the item of the fit being evaluated itself, and not the body of a density or a network that it calls? */
static bool at_objective(const Elab *e) {
    for (const Frame *frame = e->frame; frame; frame = frame->caller) {
        AstKind kind = frame->decl ? frame->decl->node->kind : AST_FIT;
        if (kind == AST_DENSITY || kind == AST_QCF || kind == AST_NETWORK || kind == AST_DETECTOR) return false;
    }
    return e->noting && e->context->mode == PARAMS_FITTED;
}

/* Its row in the table, made when it is met for the first time. */
static uint32_t density_row(Elab *e, const Value *density) {
    for (uint32_t i = 0; i < e->densities.count; i++) {
        const Value *known = &e->densities.data[i];
        if (known->decl == density->decl && family_number(e, known) == family_number(e, density)) return i;
    }
    VEC_PUSH(e->arena, &e->densities, *density);
    VEC_PUSH(e->arena, &e->users, e->noting);
    VEC_PUSH(e->arena, &e->program->densities, (ProgramDensity){.name = family_name(e, density)});
    return (uint32_t)e->densities.count - 1;
}

static void use_add(Elab *e, ProgramUse use) {
    ProgramFit *fit = e->noting->out;
    for (size_t i = 0; i < fit->uses.count; i++) {
        const ProgramUse *known = &fit->uses.data[i];
        if (known->density == use.density && known->data == use.data && known->event == use.event &&
            known->field == use.field)
            return;
    }
    VEC_PUSH(e->arena, &fit->uses, use);
}

void identify_note_draw(Elab *e, const Value *density, const HirDecl *event, int32_t field) {
    if (!at_objective(e)) return;
    use_add(e, (ProgramUse){density_row(e, density), -1, (int32_t)event->index, field, NULL});
}

/* The column of a data set that a number was taken from, as it is or for a random share of the events. */
static void find_column(const Elab *e, const Value *v, ProgramUse *use) {
    const TirFunction *f = e->context->f;
    if (v->kind != VALUE_TENSOR) return;
    const TirOp *op = &f->ops.data[v->id];
    if (op->op == TIR_GATHER) op = &f->ops.data[op->args[0]];
    if (op->op != TIR_INPUT || f->inputs.data[op->integer].role != TIR_PORT_COLUMN) return;
    use->data = (int32_t)f->inputs.data[op->integer].index;
    use->field = (int32_t)f->inputs.data[op->integer].field;
    use->event = (int32_t)e->program->data.data[use->data].event;
}

void identify_note_pdf(Elab *e, const HirDecl *callee, const Value *args, uint32_t count) {
    if (!e->noting || count != 2 || strcmp(callee->name, "pdf") != 0 || args[0].kind != VALUE_FUNCTION) return;
    const HirModule *module = hir_module(e->hir, "std.sampler");
    if (!module || hir_find(module, "pdf", NULL) != callee || args[0].decl->node->kind != AST_DENSITY) return;
    if (!at_objective(e)) return;
    ProgramUse use = {.density = 0, .data = -1, .event = -1, .field = -1};
    if (args[1].kind == VALUE_RECORD) {
        for (uint32_t i = 0; i < args[1].count && use.data < 0; i++) find_column(e, &args[1].items[i], &use);
        if (args[1].decl) use.event = (int32_t)args[1].decl->index;
        use.field = -1;
    } else {
        find_column(e, &args[1], &use);
    }
    use.density = density_row(e, &args[0]);
    use_add(e, use);
}

void identify_note_detector(Elab *e, const HirDecl *detector, const HirDecl *event) {
    if (!e->noting) return;
    ProgramFit *fit = e->noting->out;
    for (size_t i = 0; i < fit->uses.count; i++)
        if (fit->uses.data[i].event == (int32_t)event->index && fit->uses.data[i].data < 0)
            fit->uses.data[i].detector = detector->name;
}

/* The density at points that are inputs. */
static void density_function(Elab *e, uint32_t row) {
    ProgramDensity *out = &e->program->densities.data[row];
    Value density = e->densities.data[row], args[DENSITY_AXES_MAX];
    Span span = density.decl->node->name_span;
    Context *c =
        context_new(e, arena_format(e->arena, "identify.%s", out->name), e->users.data[row], PARAMS_GIVEN, false, NULL);
    DensityAxis axes[DENSITY_AXES_MAX];
    uint32_t count = density_axes(e, &density, axes);
    TirAxes points = tir_axes_one(tir_axis_add(c->f, "points", count > 1 ? POINTS : POINTS_LINE, true));
    Frame frame = {.force = points};
    e->frame = &frame;
    for (uint32_t i = 0; i < count; i++) {
        const char *unit = axes[i].type ? unit_type_text(e, axes[i].type) : NULL;
        ProgramVariable variable = {axes[i].name, unit, axes[i].low, axes[i].high, axes[i].log};
        VEC_PUSH(e->arena, &out->variables, variable);
        TirId id = tir_input(c->f, TIR_PORT_POINT, i, 0, axes[i].name, TIR_REAL, points, span);
        args[i] = value_tensor(e, id, NULL, 0, span);
    }
    density.numbers = true;
    Value v = value_scalar(elab_apply(e, density, density.decl->node, args, count, span));
    e->frame = NULL;
    if (value_is_poison(&v) || (v.kind != VALUE_NUMBER && v.kind != VALUE_TENSOR) || v.rank) return;
    tir_output(c->f, TIR_PORT_VALUE, 0, out->name, id_broadcast(e, value_real_id(e, &v), points, span));
    out->value = c->f;
    for (size_t i = 0; i < c->f->inputs.count; i++)
        out->depends |= c->f->inputs.data[i].role == TIR_PORT_BLOCK || c->f->inputs.data[i].role == TIR_PORT_COLUMN;
}

/* Drawn events stand for data: they count no second time beside a pdf of data of the same density, and a pdf of drawn
 * events none beside the draw. */
static void uses_settle(ProgramFit *fit) {
    size_t count = 0;
    for (size_t i = 0; i < fit->uses.count; i++) {
        const ProgramUse use = fit->uses.data[i];
        bool again = false;
        for (size_t k = 0; k < fit->uses.count && use.data < 0; k++) {
            const ProgramUse *other = &fit->uses.data[k];
            bool same = other->density == use.density && (other->event == use.event || use.event < 0);
            again |= same && k != i && (other->data >= 0 || (use.event < 0 && other->event >= 0));
        }
        if (!again) fit->uses.data[count++] = use;
    }
    fit->uses.count = count;
}

void identify_functions(Elab *e) {
    if (e->sink->errors) return;
    for (size_t i = 0; i < e->program->fits.count; i++) uses_settle(&e->program->fits.data[i]);
    for (uint32_t i = 0; i < e->densities.count; i++) density_function(e, i);
    if (e->densities.count) identify_curve_function(e, e->users.data[0]);
}

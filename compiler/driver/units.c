/* The functions that the runtime wants (runtime/include/qtm/model.h) and their widths: what runs at every step is f32,
 * but for L-BFGS; what checks, measures or sets is f64. The code generator does its best for what is run over and over:
 * gradients, and draws of events, which may be of millions. */
#include "driver/units.h"

#include "stage/stage.h"

static Unit *unit_add(Pipeline *p, const char *symbol, TirFunction *f, bool f32, bool f64) {
    if (!f) return NULL;
    Unit *unit = ARENA_NEW(p->arena, Unit);
    *unit = (Unit){.symbol = symbol, .tir = f, .wanted = {f32, f64}};
    VEC_PUSH(p->arena, &p->units, unit);
    return unit;
}

static Unit *unit_add_draw(Pipeline *p, const char *symbol, TirFunction *f) {
    Unit *unit = unit_add(p, symbol, f, true, false);
    if (unit) unit->hot[WIDTH_F32] = true;
    return unit;
}

static void collect_fit(Pipeline *p, const ProgramFit *fit, FitUnits *units) {
    Arena *arena = p->arena;
    units->init = unit_add(p, arena_format(arena, "%s_init", fit->name), fit->init, true, false);
    units->params = unit_add(p, arena_format(arena, "%s_params", fit->name), fit->params, false, true);
    units->monitor = unit_add(p, arena_format(arena, "%s_monitor", fit->name), fit->monitor, false, true);
    units->curve = unit_add(p, arena_format(arena, "%s_curve", fit->name), fit->curve, false, true);
    units->check = unit_add(p, arena_format(arena, "%s_check", fit->name), fit->check, false, true);
    units->updates = ARENA_ARRAY(arena, UpdateUnits, fit->updates.count);
    for (size_t i = 0; i < fit->updates.count; i++) {
        const ProgramUpdate *update = &fit->updates.data[i];
        units->updates[i].objective =
            unit_add(p, arena_format(arena, "%s_update%zu_loss", fit->name, i), update->objective, false, false);
        units->updates[i].settings =
            unit_add(p, arena_format(arena, "%s_update%zu_settings", fit->name, i), update->settings, false, true);
        units->updates[i].clauses =
            unit_add(p, arena_format(arena, "%s_update%zu_clauses", fit->name, i), update->clause_check, false, true);
    }
}

void units_collect(Pipeline *p) {
    const Program *program = p->program;
    p->draws = ARENA_ARRAY(p->arena, Unit *, program->events.count);
    for (size_t i = 0; i < program->events.count; i++)
        p->draws[i] = unit_add_draw(p, arena_format(p->arena, "draw_%s", program->events.data[i].name),
                                    program->events.data[i].draw);
    p->wheres = ARENA_ARRAY(p->arena, Unit *, program->data.count);
    for (size_t i = 0; i < program->data.count; i++)
        p->wheres[i] = unit_add(p, arena_format(p->arena, "where_%zu", i), program->data.data[i].where, false, true);
    p->data_draws = ARENA_ARRAY(p->arena, Unit *, program->data.count);
    for (size_t i = 0; i < program->data.count; i++) /* a name of its own: "set.0" and a set "set_0" are two */
        p->data_draws[i] = unit_add_draw(p, arena_format(p->arena, "draw_data%zu", i), program->data.data[i].draw);
    p->densities = ARENA_ARRAY(p->arena, IdentifyUnits, program->densities.count);
    for (size_t i = 0; i < program->densities.count; i++)
        if (!program->densities.data[i].depends)
            p->densities[i].value = unit_add(p, arena_format(p->arena, "identify%zu_value", i),
                                             program->densities.data[i].value, false, false);
    p->bands.value = unit_add(p, "identify_bands_value", program->band, false, false);
    p->fits = ARENA_ARRAY(p->arena, FitUnits, program->fits.count);
    for (size_t i = 0; i < program->fits.count; i++) collect_fit(p, &program->fits.data[i], &p->fits[i]);
}

static bool in_groups(const ProgramUpdate *update, uint32_t group) {
    for (size_t i = 0; i < update->groups.count; i++)
        if (update->groups.data[i] == group) return true;
    return false;
}

/* The input port of a block; made where the objective does not use the block, whose gradient is then zero. */
static uint32_t block_input(TirFunction *f, const ProgramBlock *block, uint32_t number) {
    for (uint32_t i = 0; i < f->inputs.count; i++)
        if (f->inputs.data[i].role == TIR_PORT_BLOCK && f->inputs.data[i].index == number) return i;
    TirAxes axes = tir_axes_none();
    for (uint32_t d = 0; d < block->rank; d++) {
        const char *name = arena_format(f->arena, "unused%u_%u", number, d);
        axes = tir_axes_add(axes, tir_axis_add(f, name, block->shape[d], false));
    }
    tir_input(f, TIR_PORT_BLOCK, number, 0, block->name, TIR_REAL, axes, (Span){0, 0, 0});
    return (uint32_t)f->inputs.count - 1;
}

static TirFunction *derive(Pipeline *p, const ProgramFit *fit, const ProgramUpdate *update,
                           const TirFunction *objective) {
    TirFunction *f = tir_function_copy(p->arena, objective, arena_format(p->arena, "%s.gradient", objective->name));
    uint32_t *inputs = ARENA_ARRAY(p->arena, uint32_t, fit->blocks.count), count = 0;
    for (uint32_t b = 0; b < fit->blocks.count; b++)
        if (in_groups(update, fit->blocks.data[b].group)) inputs[count++] = block_input(f, &fit->blocks.data[b], b);
    ad_gradient(f, 0, inputs, count);
    return f;
}

/* Every output followed by its derivative along the directions that are new inputs, in the place of the values of all
 * parameters; at most DIRECTIONS of them at a time. */
static TirFunction *derive_along(Pipeline *p, const TirFunction *value) {
    enum { DIRECTIONS = 16 };
    TirFunction *f = tir_function_copy(p->arena, value, arena_format(p->arena, "%s.slope", value->name));
    uint32_t count = 0, outputs = (uint32_t)f->outputs.count, inputs = (uint32_t)f->inputs.count;
    int64_t params = 0;
    for (size_t b = 0; b < p->program->param_blocks.count; b++) params += p->program->param_blocks.data[b].count;
    int64_t size = params < 2 ? 2 : params > DIRECTIONS ? DIRECTIONS : params;
    TirAxisId along = tir_axis_add(f, "directions", size, false);
    TirId *wrt = ARENA_ARRAY(p->arena, TirId, inputs), *tangent = ARENA_ARRAY(p->arena, TirId, inputs);
    TirId *of = ARENA_ARRAY(p->arena, TirId, outputs), *out = ARENA_ARRAY(p->arena, TirId, outputs);
    for (uint32_t i = 0; i < inputs; i++) {
        const TirPort port = f->inputs.data[i];
        if (port.role != TIR_PORT_HELD || port.value == TIR_NONE) continue;
        const TirOp op = f->ops.data[port.value];
        const char *name = arena_format(p->arena, "%s.direction", port.name);
        wrt[count] = port.value;
        tangent[count++] = tir_input(f, TIR_PORT_DIRECTION, port.index, port.field, name, TIR_REAL,
                                     tir_axes_add(op.axes, along), op.span);
    }
    for (uint32_t i = 0; i < outputs; i++) of[i] = f->outputs.data[i].value;
    ad_tangent(f, of, outputs, wrt, tangent, count, out);
    f->outputs.count = 0;
    for (uint32_t i = 0; i < outputs; i++) {
        const TirPort port = value->outputs.data[i];
        const TirOp op = f->ops.data[of[i]];
        TirId slope = out[i] == TIR_NONE ? tir_real(f, 0, op.span) : out[i];
        TirAxes axes = tir_axes_add(op.axes, along);
        if (!tir_axes_equal(f->ops.data[slope].axes, axes)) slope = tir_broadcast(f, slope, axes, op.span);
        tir_output(f, TIR_PORT_VALUE, 2 * port.index, port.name, of[i]);
        tir_output(f, TIR_PORT_VALUE, 2 * port.index + 1, arena_format(p->arena, "%s.slope", port.name), slope);
    }
    return f;
}

static void derive_values(Pipeline *p, IdentifyUnits *units, const char *symbol) {
    if (!units->value) return;
    units->slope = unit_add(p, symbol, derive_along(p, units->value->tir), false, true);
    units->slope->gradient = true;
}

void units_derive(Pipeline *p) {
    for (size_t i = 0; i < p->program->densities.count; i++)
        derive_values(p, &p->densities[i], arena_format(p->arena, "identify%zu", i));
    derive_values(p, &p->bands, "identify_bands");
    for (size_t i = 0; i < p->program->fits.count; i++) {
        const ProgramFit *fit = &p->program->fits.data[i];
        for (size_t u = 0; u < fit->updates.count; u++) {
            const ProgramUpdate *update = &fit->updates.data[u];
            UpdateUnits *units = &p->fits[i].updates[u];
            TirFunction *f = derive(p, fit, update, units->objective->tir);
            const char *symbol = arena_format(p->arena, "%s_update%zu_gradient", fit->name, u);
            units->given = tir_function_copy(p->arena, units->objective->tir, symbol);
            units->gradient = unit_add(p, symbol, f, update->optimiser != PROGRAM_LBFGS, true);
            units->gradient->gradient = true;
            units->gradient->hot[update->optimiser != PROGRAM_LBFGS ? WIDTH_F32 : WIDTH_F64] = true;
        }
    }
}

/* What is interpreted only, where a guard does not hold, is not compiled. */
static void leave_nodes(Pipeline *p, Unit *unit) {
    TirFunction *whole = unit->whole = unit->tir, *f = tir_function_copy(p->arena, whole, whole->name);
    size_t count = 0;
    for (size_t i = 0; i < f->outputs.count; i++)
        if (f->outputs.data[i].role != TIR_PORT_NODE) f->outputs.data[count++] = f->outputs.data[i];
    if (count == f->outputs.count) return;
    f->outputs.count = count;
    opt_dce(f);
    unit->tir = f;
}

static StageColumns columns_of(Pipeline *p) {
    VEC(StageColumn) columns = {0};
    for (uint32_t d = 0; d < p->program->data.count; d++) {
        const ProgramEvent *event = &p->program->events.data[p->program->data.data[d].event];
        for (uint32_t k = 0; k < event->fields.count; k++) {
            StageColumn column = {d, k, event->fields.data[k].low, event->fields.data[k].high};
            VEC_PUSH(p->arena, &columns, column);
        }
    }
    return (StageColumns){columns.data, columns.count};
}

/* A unit for what runs before `unit`, in the same widths. */
static Unit *early_unit(Pipeline *p, const Unit *unit, const char *symbol, TirFunction *f) {
    Unit *early = unit_add(p, symbol, f, unit->wanted[WIDTH_F32], unit->wanted[WIDTH_F64]);
    early->whole = f;
    early->gradient = early->staged = true;
    return early;
}

static void stage_unit(Pipeline *p, Unit *unit, StageColumns columns) {
    TirFunction *start, *step = stage_start(p->arena, unit->tir, columns, !unit->wanted[WIDTH_F32], &start);
    if (!step) return;
    unit->tir = step;
    unit->start = early_unit(p, unit, arena_format(p->arena, "%s_start", unit->symbol), start);
}

/* Of updates `first` and `last`, with the blocks that first .. last - 1 move. */
static StageMoves moves_of(Pipeline *p, const ProgramFit *fit, size_t first, size_t last) {
    VEC(uint32_t) blocks = {0};
    for (size_t u = first; u < last; u++)
        for (uint32_t b = 0; b < fit->blocks.count; b++)
            if (in_groups(&fit->updates.data[u], fit->blocks.data[b].group)) VEC_PUSH(p->arena, &blocks, b);
    double every[2] = {(double)fit->updates.data[first].every, (double)fit->updates.data[last].every};
    return (StageMoves){blocks.data, blocks.count, {every[0], every[1]}};
}

/* The first two updates that have something in common: of a step, so no search within one may move what they read. */
static Unit *share_updates(Pipeline *p, const ProgramFit *fit, FitUnits *units) {
    for (size_t a = 0; a < fit->updates.count; a++) {
        for (size_t b = a + 1; b < fit->updates.count; b++) {
            if (fit->updates.data[a].optimiser == PROGRAM_LBFGS || fit->updates.data[b].optimiser == PROGRAM_LBFGS)
                continue;
            Unit *first = units->updates[a].gradient, *second = units->updates[b].gradient;
            StageMoves moves = moves_of(p, fit, a, b);
            const char *name = arena_format(p->arena, "%s.shared", fit->name);
            StageShared made = stage_share(p->arena, first->tir, second->tir, &moves, name);
            if (!made.shared) continue;
            first->tir = made.first;
            second->tir = made.second;
            first->shared = early_unit(p, first, arena_format(p->arena, "%s_shared", fit->name), made.shared);
            first->shared->hot[WIDTH_F32] = true;
            return second->shared = first->shared;
        }
    }
    return NULL;
}

void units_stage(Pipeline *p) {
    StageColumns columns = columns_of(p);
    for (size_t i = 0; i < p->units.count; i++) leave_nodes(p, p->units.data[i]);
    for (size_t i = 0; i < p->program->fits.count; i++) {
        const ProgramFit *fit = &p->program->fits.data[i];
        Unit *shared = share_updates(p, fit, &p->fits[i]);
        if (shared) stage_unit(p, shared, columns);
        for (size_t u = 0; u < fit->updates.count; u++) stage_unit(p, p->fits[i].updates[u].gradient, columns);
    }
}

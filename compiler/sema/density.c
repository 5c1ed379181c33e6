/* Densities over several variables or over one event: their domains, how they are called, and their tables on grids.
 * A density is per d(variable), whatever the grid; on a grid laid `on log` the coordinate is the logarithm of the
 * variable, and a table holds f times the variable: the density per d(coordinate). */

#include <math.h>
#include <string.h>

#include "sema/measure.h"

enum { FLATTEN_MAX = 1 << 23 }; /* see load_flattened in schedule/kernels.c */

HirDecl *density_event(const Elab *e, const HirDecl *density) {
    const AstNode *arguments = hir_arguments(density);
    return arguments->count == 1 ? hir_argument_event(e->hir, arguments->kids[0]) : NULL;
}

static bool read_variable(Elab *e, const AstNode *variable, DensityAxis *axis) {
    *axis = (DensityAxis){.name = variable->name, .log = variable->flag};
    if (variable->kind == AST_VARIABLE) {
        axis->type = variable->kids[2];
        if (!table_domain(e, variable, &axis->low, &axis->high)) return false;
        if (!unit_of_type(e, axis->type, &axis->unit, &axis->scale)) return false;
        axis->low /= axis->scale;
        axis->high /= axis->scale;
        return true;
    }
    if (variable->kind == AST_POISON) return false;
    elab_error(e, DIAG_E0217, variable->span,
               "a density is over variables with domains, or over one event: '%s' is neither", variable->name);
    diag_help(e->sink, "give its domain: %s in LOW .. HIGH", variable->name);
    return false;
}

/* A field that a density of the event can be of: one number, between two ends. */
static bool field_bounded(Elab *e, const HirDecl *density, const AstNode *node, const ProgramField *field) {
    if (field->length == 1 && isfinite(field->low) && isfinite(field->high)) return true;
    elab_error(e, DIAG_E0401, density->node->name_span, "'%s' is a density of events with the field '%s', which %s",
               density->name, field->name, field->length > 1 ? "is an array" : "has no domain");
    diag_note(e->sink, node->name_span, "declared here");
    diag_help(e->sink,
              field->length > 1 ? "make it a density of another event type, without '%s'" : "give it one: %s in 0 .. 1",
              field->name);
    return false;
}

uint32_t density_axes(Elab *e, const Value *member, DensityAxis *axes) {
    const HirDecl *density = member->decl, *event = density_event(e, density);
    const AstNode *variables = event ? event->node->kids[0] : hir_arguments(density);
    if (!family_complete(e, member, member->span)) return 0;
    if (variables->count > DENSITY_AXES_MAX) {
        elab_error(e, DIAG_E0306, density->node->name_span, "'%s' has %u variables; at most %d can be laid on a grid",
                   density->name, variables->count, DENSITY_AXES_MAX);
        diag_help(e->sink, "write it as a product of densities of fewer variables, where it is one");
        return 0;
    }
    Frame frame = {.caller = e->frame, .decl = density}, *before = e->frame;
    e->frame = &frame;
    family_enter(e, member);
    bool good = true;
    for (uint32_t i = 0; i < variables->count && good; i++) {
        if (!event) {
            good = read_variable(e, variables->kids[i], &axes[i]);
        } else {
            const ProgramField *field = &e->program->events.data[event->index].fields.data[i];
            const AstNode *type = variables->kids[i]->kids[2];
            axes[i] = (DensityAxis){.name = field->name, .log = variables->kids[i]->flag, .type = type};
            good = unit_of_type(e, type, &axes[i].unit, &axes[i].scale) &&
                   field_bounded(e, density, variables->kids[i], field);
            axes[i].low = field->low / axes[i].scale;
            axes[i].high = field->high / axes[i].scale;
        }
    }
    e->frame = before;
    return good ? variables->count : 0;
}

static Value report_count(Elab *e, const HirDecl *density, uint32_t wanted, uint32_t count, Span span) {
    const HirDecl *event = density_event(e, density);
    Value poison = elab_error(e, DIAG_E0301, span, "'%s' takes %u number%s or one event%s%s, and %u argument%s given",
                              density->name, wanted, wanted == 1 ? "" : "s", event ? " " : "", event ? event->name : "",
                              count, count == 1 ? " is" : "s are");
    diag_note(e->sink, density->node->name_span, "declared here");
    diag_help(e->sink, "give a number for every variable, in their order, or one event");
    return poison;
}

bool density_attach(Elab *e, const HirDecl *density, Value *args, uint32_t count, Span span) {
    const HirDecl *event = density_event(e, density);
    const AstNode *variables = event ? event->node->kids[0] : hir_arguments(density);
    if (count == 1 && args[0].kind == VALUE_RECORD) {
        if (args[0].decl) return true;
        Value *items = arena_copy(e->arena, args[0].items, args[0].count * sizeof *items);
        args[0].items = items;
        for (uint32_t i = 0; i < args[0].count; i++)
            for (uint32_t k = 0; k < variables->count; k++)
                if (!strcmp(args[0].names[i], variables->kids[k]->name) &&
                    !unit_attach(e, variables->kids[k]->kids[2], &items[i], span))
                    return false;
        return true;
    }
    for (uint32_t i = 0; i < count && i < variables->count; i++)
        if (variables->kids[i]->kind == AST_VARIABLE && !unit_attach(e, variables->kids[i]->kids[2], &args[i], span))
            return false;
    return true;
}

const Value *density_numbers(Elab *e, const HirDecl *density, const Value *args, uint32_t *count) {
    const HirDecl *event = density_event(e, density);
    const AstNode *variables = event ? event->node->kids[0] : hir_arguments(density);
    if (*count != 1 || args[0].kind != VALUE_LIST || args[0].count != variables->count) return args;
    *count = args[0].count;
    return args[0].items;
}

/* f(x, y), f([x, y]), f(e) and f({x: .., y: ..}) are the same. */
const Value *density_arguments(Elab *e, HirDecl *density, const Value *args, uint32_t *count, Span span) {
    HirDecl *event = density_event(e, density);
    const AstNode *variables = event ? event->node->kids[0] : hir_arguments(density);
    args = density_numbers(e, density, args, count);
    uint32_t given = *count, wanted = variables->count;
    bool record = given == 1 && args[0].kind == VALUE_RECORD;
    if (!record && given != wanted) {
        report_count(e, density, wanted, given, span);
        return NULL;
    }
    Value *own = ARENA_ARRAY(e->arena, Value, wanted + 1);
    *count = event ? 1 : wanted;
    if (event) {
        own[0] = args[0];
        Value made = {.kind = VALUE_RECORD, .decl = event, .items = args, .count = given, .span = span};
        if (!record) own[0] = made;
        return record_to_event(e, &own[0], event, span) ? own : NULL;
    }
    for (uint32_t i = 0; i < wanted; i++) {
        own[i] = record ? record_field(e, &args[0], variables->kids[i]->name, args[0].span, args[0].span) : args[i];
        if (value_is_poison(&own[i])) return NULL;
    }
    return own;
}

/* `when`: 0 outside. */
Value density_cut(Elab *e, const HirDecl *density, Value v) {
    const AstNode *when = density->node->kids[5];
    if (!when || value_is_poison(&v)) return v;
    Value inside = elab_expr(e, when);
    return elab_choose(e, when->span, inside, v, value_number(0, when->span));
}

bool density_value(Elab *e, const char *what, const Value *v, DensityAxis *axes, uint32_t *count) {
    if (v->kind == VALUE_POISON) return false;
    if (v->kind != VALUE_FUNCTION || v->decl->node->kind != AST_DENSITY) {
        elab_error(e, DIAG_E0303, v->span, "'%s' takes a density, and this is %s", what, value_kind_text(v));
        diag_help(e->sink, "give the name of a density, without arguments");
        return false;
    }
    *count = density_axes(e, v, axes);
    return *count > 0;
}

/* The variable at a coordinate, never beyond the ends of its domain for rounding. */
static Value variable_at(Elab *e, const DensityAxis *axis, Value t, Span span) {
    Value none = value_poison();
    if (!axis->log) return t;
    Value x = elab_map(e, TIR_EXP, span, t, none, none);
    x = elab_map(e, TIR_MAX, span, x, value_number(axis->low, span), none);
    return elab_map(e, TIR_MIN, span, x, value_number(axis->high, span), none);
}

/* Tables on grids of one length share their axes: what is computed of the nodes is computed once, and kernels over
 * several tables are one. A density that needs a table inside, such as an integral, has its own axes for that. */
static Dim grid_dim(Elab *e, uint32_t place, int64_t size) {
    Context *c = e->context;
    for (size_t i = 0; i < c->grids.count && !c->tabulating; i++)
        if (c->grids.data[i].place == place && c->grids.data[i].dim.size == size) return c->grids.data[i].dim;
    GridAxis grid = {place, dim_new(e, "grid", size)};
    if (!c->tabulating) VEC_PUSH(e->arena, &c->grids, grid);
    return grid.dim;
}

/* The density per d(coordinate) at all points of a grid; one dimension a variable, in their order. */
Value density_table(Elab *e, const Value *density, const AstNode *node, const DensityAxis *axes, const Value *lines,
                    uint32_t count, Span span) {
    Value args[DENSITY_AXES_MAX], none = value_poison(), jacobian = value_number(1, span);
    Dim dim[DENSITY_AXES_MAX];
    TirAxes all = tir_axes_none();
    for (uint32_t i = 0; i < count; i++) {
        Value t = lines[i];
        if (!value_to_array(e, &t, TIR_NONE)) return none;
        if (t.kind != VALUE_TENSOR || t.rank != 1)
            return elab_help(e, elab_error(e, DIAG_E0302, span, "the nodes of a grid are an array for every variable"),
                             "make them with linspace(LOW, HIGH, N)");
        dim[i] = grid_dim(e, i, t.dim[0].size);
        if (dim[i].axis != TIR_NONE) {
            t = value_move(e, &t, 0, dim[i].axis, span);
            all = tir_axes_add(all, dim[i].axis);
        }
        args[i] = variable_at(e, &axes[i], value_tensor(e, t.id, NULL, 0, span), span);
        if (axes[i].log) jacobian = elab_map(e, TIR_MUL, span, jacobian, args[i], none);
    }
    Value f = *density;
    f.numbers = true;
    e->context->tabulating++;
    Value v = elab_apply(e, f, node, args, count, span);
    e->context->tabulating--;
    if (value_is_poison(&v) || !value_to_array(e, &v, TIR_NONE)) return none;
    if (v.rank || v.type == TIR_BOOL)
        return elab_help(e,
                         elab_error(e, DIAG_E0308, density->decl->node->name_span,
                                    "'%s' must give one number for one value of its argument, and its body gives %s",
                                    density->decl->name,
                                    v.type == TIR_BOOL ? value_kind_text(&v) : value_shape_text(e, &v)),
                         "write a density for each of the numbers");
    Value guarded = value_tensor(e, id_broadcast(e, value_real_id(e, &v), all, span), dim, count, span);
    guard_table(e, density, axes, args, dim, count, &guarded, span);
    if (jacobian.kind != VALUE_NUMBER) v = elab_map(e, TIR_MUL, span, v, jacobian, none);
    Value table = value_tensor(e, id_broadcast(e, value_real_id(e, &v), all, span), dim, count, span);
    table.unit = v.unit;
    return table;
}

/* a[i, j, ...] as one dimension, the last index fastest. */
Value value_flatten(Elab *e, Value v, uint32_t count, Span span) {
    TirAxes axes = tir_axes_none();
    int64_t size = 1;
    for (uint32_t i = 0; i < count; i++) size *= v.dim[i].size;
    if (size > FLATTEN_MAX)
        return elab_help(e,
                         elab_error(e, DIAG_E0306, span, "a table of %lld numbers: at most %d can be looked up",
                                    (long long)size, FLATTEN_MAX),
                         "use fewer nodes: -D sampler_nodes=N");
    Dim flat_dim = count < v.rank ? dim_new(e, "flat", size) : (Dim){size, TIR_NONE};
    for (uint32_t i = count; i < v.rank; i++) /* behind it in memory */
        if (v.dim[i].axis != TIR_NONE) v = value_move(e, &v, i, dim_new(e, "a", v.dim[i].size).axis, span);
    for (uint32_t i = 0; i < count; i++) {
        TirAxisId axis = v.dim[i].axis;
        if (axis == TIR_NONE) continue;
        if (axes.count && axis < axes.id[axes.count - 1]) {
            axis = dim_new(e, "a", v.dim[i].size).axis;
            v = value_move(e, &v, i, axis, span);
        }
        axes = tir_axes_add(axes, axis);
    }
    Dim dim[TIR_MAX_AXES] = {{size, axes.count == 1 ? axes.id[0] : TIR_NONE}};
    TirId id = v.id;
    if (axes.count > 1) {
        dim[0] = flat_dim.axis == TIR_NONE ? dim_new(e, "flat", size) : flat_dim;
        id = tir_flatten(e->context->f, v.id, axes, dim[0].axis, span);
    }
    for (uint32_t i = count; i < v.rank; i++) dim[1 + i - count] = v.dim[i];
    Value flat = value_tensor(e, id, dim, 1 + v.rank - count, span);
    flat.unit = v.unit;
    return flat;
}

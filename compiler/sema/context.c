/* The function under construction: its batch axes, its inputs, and what formulas in a fit may name besides parameters:
 * lets, data. */
#include <math.h>
#include <string.h>

#include "sema/unit.h"

static void batch_add(Elab *e, Context *c, uint32_t row, int64_t count) {
    for (size_t i = 0; i < c->batches.count; i++)
        if (c->batches.data[i].row == row && c->batches.data[i].count == count) return;
    const char *name = e->program->data.data[row].name;
    BatchAxis batch = {row, count, TIR_NONE};
    if (count == -1)
        batch.axis = tir_axis_add_dynamic(c->f, name, row);
    else if (count > 1)
        batch.axis = tir_axis_add(c->f, arena_format(e->arena, "%s_%lld", name, (long long)count), count, true);
    VEC_PUSH(e->arena, &c->batches, batch);
}

/* Events in a random share of the data when no number is written; -1 where the fit draws nothing. */
static int64_t default_share(const FitState *fit) {
    return fit->draw ? fit->out->vectors * fit->out->events : -1;
}

/* The axes of every member of a family: which of them are used is known only when the loops are run through. */
static void batches_add(Elab *e, Context *c, HirDecl *decl, int64_t count) {
    uint32_t members = family_size(e, decl);
    for (uint32_t i = 0; i < members; i++) {
        if (count > 0) batch_add(e, c, decl->index + i, count);
        batch_add(e, c, decl->index + i, -1);
    }
}

/* The data set that `for e in` goes over, if it is named there: set, set[i], set.u. */
static HirDecl *source_data(Elab *e, const AstNode *source) {
    while (source->kind == AST_INDEX || source->kind == AST_FIELD) source = source->kids[0];
    HirDecl *decl = source->kind == AST_NAME ? hir_decl(e->hir, source) : NULL;
    return decl && decl->node->kind == AST_DATA ? decl : NULL;
}

/* Batch axes of the data sets that `node` goes over. Mistakes are left to the elaboration proper. A data set that is
 * named elsewhere is handed to a function, which goes over a share of the usual size, or over all of it. */
static void find_batches(Elab *e, Context *c, const AstNode *node) {
    if (!node) return;
    const AstNode *source = node->kind == AST_COMPREHEND || node->kind == AST_BUILD ? node->kids[1] : NULL;
    int64_t count = source && source->kind == AST_ALL_OF ? -1 : default_share(c->fit);
    if (source && source->kind == AST_BATCH_OF) {
        Value n = elab_expr(e, source->kids[0]);
        if (!value_size(e, &n, "the size of a batch", &count)) return;
    }
    if (source && (source->kind == AST_ALL_OF || source->kind == AST_BATCH_OF))
        source = source->kids[source->count - 1];
    HirDecl *decl = source_data(e, source ? source : node);
    if (decl) batches_add(e, c, decl, count);
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kids[i] && !(source && i == 1 && decl)) find_batches(e, c, node->kids[i]);
}

Context *context_new(Elab *e, const char *name, FitState *fit, ParamMode mode, bool events, const AstNode *root) {
    Context *c = ARENA_NEW(e->arena, Context);
    c->f = tir_function_new(e->arena, name);
    c->fit = fit;
    c->mode = mode;
    c->vectors = c->events = TIR_NONE;
    c->vector_count = fit && mode == PARAMS_FITTED ? fit->out->vectors : 1;
    c->event_count = fit && events ? fit->out->events : 0;
    e->context = c;
    if (c->vector_count > 1) c->vectors = tir_axis_add(c->f, "vectors", c->vector_count, true);
    if (c->event_count > 1) c->events = tir_axis_add(c->f, "events", c->event_count, true);
    if (!root || !fit) return c;
    Frame frame = {0}, *before = e->frame;
    e->frame = &frame;
    find_batches(e, c, root);
    for (size_t i = 0; i < fit->lets.count; i++) find_batches(e, c, fit->lets.data[i]->kids[0]);
    e->frame = before;
    return c;
}

Context *context_rows_of(Elab *e, const char *name, uint32_t row) {
    Context *c = context_new(e, name, NULL, PARAMS_NONE, false, NULL);
    batch_add(e, c, row, -1);
    return c;
}

TirAxes context_rows(const Context *c, bool events) {
    TirAxes axes = tir_axes_none();
    if (c->vectors != TIR_NONE) axes = tir_axes_add(axes, c->vectors);
    if (events && c->events != TIR_NONE) axes = tir_axes_add(axes, c->events);
    return axes;
}

TirId context_input(Elab *e, TirPortRole role, uint32_t index, uint32_t field, const char *name, TirAxes axes,
                    Span span) {
    Context *c = e->context;
    for (size_t i = 0; i < c->inputs.count; i++) {
        const Input *in = &c->inputs.data[i];
        if (in->role == role && in->index == index && in->field == field) return in->value;
    }
    Input in = {role, index, field, tir_input(c->f, role, index, field, name, TIR_REAL, axes, span)};
    VEC_PUSH(e->arena, &c->inputs, in);
    return in.value;
}

/* Lets of a fit are evaluated once a function, and stand for themselves in the paths of draws: every update that names
 * one sees the same events. Inside fresh(), the call stands behind them. */
Value context_let(Elab *e, const AstNode *let) {
    Context *c = e->context;
    for (size_t i = 0; i < c->lets.count; i++)
        if (c->lets.data[i].let == let && c->lets.data[i].fresh == c->fresh) return c->lets.data[i].value;
    Path path = {c->fresh, let, 0};
    Frame frame = {.caller = NULL, .path = arena_copy(e->arena, &path, sizeof path)}, *before = e->frame;
    const Path *fresh = c->fresh;
    e->frame = &frame;
    LetValue value = {let, fresh, elab_expr(e, let->kids[0])};
    e->frame = before;
    c->fresh = fresh;
    VEC_PUSH(e->arena, &c->lets, value);
    return value.value;
}

Value elab_fresh(Elab *e, const AstNode *call) {
    Context *c = e->context;
    if (call->kind != AST_CALL || call->count != 2 || e->frame->decl || !c->fit) {
        Value poison = elab_error(e, DIAG_E0407, call->span,
                                  "'fresh' draws the lets of a fit again, and stands in the items of a fit");
        diag_help(e->sink, "write for example: mean(... for e in fresh(fake))");
        return poison;
    }
    Path path = {e->frame->path, call, 0};
    const Path *before = c->fresh;
    c->fresh = arena_copy(e->arena, &path, sizeof path);
    Value v = elab_expr(e, call->kids[1]);
    c->fresh = before;
    return v;
}

static const BatchAxis *batch_find(const Context *c, uint32_t row, int64_t count) {
    for (size_t i = 0; i < c->batches.count; i++)
        if (c->batches.data[i].row == row && c->batches.data[i].count == count) return &c->batches.data[i];
    return NULL;
}

/* Which events of a random share: the same wherever the same number of them is asked for. */
static TirId share_rows(Elab *e, const Value *data, int64_t count, TirAxes axes, TirAxisId all, Span span) {
    Path member = {NULL, data->decl, family_number(e, data)};
    Path path = {arena_copy(e->arena, &member, sizeof member), data->decl, (uint32_t)count};
    Frame frame = {.path = arena_copy(e->arena, &path, sizeof path)}, *before = e->frame;
    e->frame = &frame;
    TirId rows = tir_pick(e->context->f, elab_stream(e, data->decl->node), axes, all, span);
    e->frame = before;
    return rows;
}

/* The dimension of an array field: that of the input which this function has already, or a new one. */
static Dim column_dim(Elab *e, uint32_t row, uint32_t field, int64_t length) {
    const Context *c = e->context;
    for (size_t i = 0; i < c->inputs.count; i++) {
        const Input *in = &c->inputs.data[i];
        if (in->role == TIR_PORT_COLUMN && in->index == row && in->field == field)
            return (Dim){length, c->f->ops.data[in->value].axes.id[1]};
    }
    return dim_new(e, "f", length);
}

/* The events at `rows` of the data set, or all of its local ones. */
static Value data_events(Elab *e, uint32_t row, TirAxisId all, TirId rows, TirAxes sample_axes, Span span) {
    Context *c = e->context;
    const ProgramData *table = &e->program->data.data[row];
    const ProgramEvent *event = &e->program->events.data[table->event];
    Value sample = {.kind = VALUE_SAMPLE, .decl = e->events.data[table->event], .sample = sample_axes, .span = span};
    Value *items = ARENA_ARRAY(e->arena, Value, event->fields.count);
    for (size_t i = 0; i < event->fields.count; i++) {
        const char *name = arena_format(e->arena, "%s.%s", table->name, event->fields.data[i].name);
        Dim dim = {1, TIR_NONE};
        TirAxes axes = tir_axes_one(all);
        if (event->fields.data[i].length > 1) {
            dim = column_dim(e, row, (uint32_t)i, event->fields.data[i].length);
            axes = tir_axes_add(axes, dim.axis);
        }
        TirId id = context_input(e, TIR_PORT_COLUMN, row, (uint32_t)i, name, axes, span);
        if (rows != TIR_NONE) id = tir_gather(c->f, id, rows, all, span);
        items[i] = value_tensor(e, id, &dim, dim.axis != TIR_NONE, span);
        const AstNode *field = sample.decl->node->kids[0]->kids[i];
        double scale; /* columns are brought to base units as they are read */
        if (!unit_of_type(e, field->kids[2], &items[i].unit, &scale)) return value_poison();
    }
    sample.items = items;
    sample.count = (uint32_t)event->fields.count;
    return sample;
}

static Value report_no_events(Elab *e, const Value *data, Span span) {
    Value poison = elab_error(e, DIAG_E0211, span, "the events of '%s' are not at hand here", family_name(e, data));
    diag_help(e->sink, "go over them in an objective or a monitor of a fit");
    return poison;
}

Value context_data(Elab *e, const Value *data, int64_t count, Span span) {
    Context *c = e->context;
    if (!family_complete(e, data, span)) return value_poison();
    uint32_t row = data_row(e, data);
    if (c->fit && count == 0) count = default_share(c->fit);
    const BatchAxis *all = batch_find(c, row, -1), *batch = batch_find(c, row, count);
    if (!all || !batch) return report_no_events(e, data, span);
    TirAxes axes = batch->axis != TIR_NONE ? tir_axes_one(batch->axis) : tir_axes_none();
    if (count > 0) return data_events(e, row, all->axis, share_rows(e, data, count, axes, all->axis, span), axes, span);
    c->full_data = true;
    c->data = row;
    return data_events(e, row, all->axis, TIR_NONE, axes, span);
}

Value context_data_picked(Elab *e, const Value *data, TirAxes axes, const AstNode *node, Span span) {
    Context *c = e->context;
    if (!family_complete(e, data, span)) return value_poison();
    uint32_t row = data_row(e, data);
    const BatchAxis *all = batch_find(c, row, -1);
    if (!all) return report_no_events(e, data, span);
    TirId rows = tir_pick(c->f, elab_stream(e, node), axes, all->axis, span);
    return data_events(e, row, all->axis, rows, axes, span);
}

/* The functions that every fit has whatever its objective: initial weights, parameters, curves; and the events of the
 * declared truth. */
#include <string.h>

#include "sema/measure.h"

enum { DRAW_BATCH = 16384, DRAW_BATCH_MAX = 262144, DRAW_STREAMS = 32768 };

/* --- initial weights --- */

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
        if (!state->weight) continue; /* raw parameters: the runtime takes them back from their starts */
        TirId id = initial_weight(e, state, i);
        if (id != TIR_NONE) tir_output(c->f, TIR_PORT_VALUE, (uint32_t)i, state->name, id);
    }
    if (c->f->outputs.count) fit->out->init = c->f;
}

/* --- parameters --- */

void fit_params_function(Elab *e, FitState *fit) {
    Context *c = context_new(e, arena_format(e->arena, "%s.params", fit->out->name), fit, PARAMS_FITTED, false, NULL);
    Frame frame = {0};
    e->frame = &frame;
    for (size_t i = 0; i < e->slots.count; i++) {
        const ParamSlot *slot = e->slots.data[i];
        Value v = param_slot_number(e, slot, slot->span);
        if (value_is_poison(&v)) continue;
        TirAxes axes = context_rows(c, false);
        TirId id = slot->rank ? param_stored(e, slot, v) : value_real_id(e, &v);
        tir_output(c->f, TIR_PORT_VALUE, (uint32_t)i, slot->name, id_broadcast(e, id, axes, slot->span));
    }
    e->frame = NULL;
    fit->out->params = c->f;
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

/* Streams of their own: a fit must not see the numbers that made its data. */
static FitState draw_state(const FitState *fit, ProgramFit *counts) {
    FitState own = *fit;
    counts->events = DRAW_BATCH;
    own.out = counts;
    own.streams.count = own.streams.capacity = 0;
    own.streams.data = NULL;
    own.stream_base = DRAW_STREAMS;
    return own;
}

/* The fields of a sample as outputs; NULL when it is none, or not of the event type. */
static TirFunction *put_sample(Elab *e, const AstNode *draw, const Value *sample, const HirDecl *event) {
    const ProgramEvent *type = &e->program->events.data[event->index];
    Context *c = e->context;
    if (sample->kind != VALUE_SAMPLE || sample->decl != event) return NULL;
    for (uint32_t i = 0; i < sample->count; i++) {
        TirId id = id_broadcast(e, value_real_id(e, &sample->items[i]), sample->sample, draw->span);
        tir_output(c->f, TIR_PORT_VALUE, i, type->fields.data[i].name, id);
    }
    if (sample->weight) put_accepted(e, draw, sample, sample->count);
    guard_outputs(e);
    return c->f;
}

static bool is_batch(const TirFunction *f, TirAxisId axis) {
    return f->axes.data[axis].batch && f->axes.data[axis].size == DRAW_BATCH;
}

/* Tables of the densities are made once a batch: it has as many events as the largest table has elements, within
 * limits. Sets the length of its axis. */
static int64_t draw_batch(TirFunction *f) {
    int64_t largest = 0, batch = DRAW_BATCH;
    for (size_t i = 0; i < f->ops.count; i++) {
        TirAxes axes = f->ops.data[i].axes;
        int64_t count = 1;
        for (uint32_t k = 0; k < axes.count; k++) count *= is_batch(f, axes.id[k]) ? 0 : f->axes.data[axes.id[k]].size;
        if (count > largest) largest = count;
    }
    while (batch < largest && batch < DRAW_BATCH_MAX) batch *= 2;
    for (TirAxisId a = 0; a < f->axes.count; a++)
        if (is_batch(f, a)) f->axes.data[a].size = batch;
    return batch;
}

static bool reads_weights(const TirFunction *f) {
    for (size_t i = 0; i < f->inputs.count; i++)
        if (f->inputs.data[i].role == TIR_PORT_BLOCK) return true;
    return false;
}

void event_draw_function(Elab *e, FitState *fit, const AstNode *draw, const HirDecl *event) {
    if (!event || !param_all_truth(e) || e->program->events.data[event->index].draw) return;
    ProgramFit counts = *fit->out;
    FitState own = draw_state(fit, &counts);
    context_new(e, arena_format(e->arena, "%s.draw", event->name), &own, PARAMS_TRUTH, true, NULL)->guarded = true;
    Frame frame = {0};
    e->frame = &frame;
    Value sample = elab_expr(e, draw);
    ProgramEvent *out = &e->program->events.data[event->index];
    TirFunction *f = put_sample(e, draw, &sample, event);
    if (f && !reads_weights(f)) { /* a network in a detector has its weights in the fit alone */
        out->draw = f;
        out->draw_batch = draw_batch(f);
    }
    e->frame = NULL;
}

/* `data set[i in n] : XY from "set{i}.h5" truth draw XY ~ mix[i]` */
void data_draw_function(Elab *e, uint32_t row) {
    HirDecl *decl = e->data.data[row];
    const AstNode *truth = decl->node->kids[5];
    ProgramData *data = &e->program->data.data[row];
    if (!truth || (row > decl->index && !e->program->data.data[decl->index].draw)) return; /* told once */
    if (!param_all_truth(e)) {
        elab_error(e, DIAG_E0410, truth->span, "data cannot be drawn: not every parameter has a truth");
        diag_help(e->sink, "add 'truth VALUE' to the declarations of parameters, or remove 'truth' here");
        return;
    }
    ProgramFit counts = {.name = data->name, .vectors = 1};
    FitState none = {.decl = decl, .out = &counts}, own = draw_state(&none, &counts);
    context_new(e, arena_format(e->arena, "%s.draw", data->name), &own, PARAMS_TRUTH, true, NULL)->guarded = true;
    Frame frame = {.decl = decl};
    e->frame = &frame;
    Value member = family_member(e, decl, row - decl->index, decl->node->name_span);
    family_enter(e, &member);
    Value sample = elab_expr(e, truth);
    TirFunction *f = put_sample(e, truth, &sample, e->events.data[data->event]);
    e->frame = NULL;
    if (f && !reads_weights(f)) {
        data->draw = f;
        data->draw_batch = draw_batch(f);
    } else if (f) {
        elab_error(e, DIAG_E0452, truth->span, "these events come from a network, which has weights only in a fit");
        diag_help(e->sink, "draw from densities that the parameters give");
    } else if (!value_is_poison(&sample)) {
        const char *event = e->program->events.data[data->event].name;
        elab_error(e, DIAG_E0452, truth->span, "the truth of a data set is a sample of its events, %s, and this is %s",
                   event, sample.decl && sample.kind == VALUE_SAMPLE ? sample.decl->name : value_kind_text(&sample));
        diag_help(e->sink, "write for example: truth draw %s ~ DENSITY", event);
    }
}

/* Weights of layers: parameter blocks of a fit. A block is known by its network, the number of the layer in it, and the
 * weight's name; every use of the network, in whatever function, reads the same block. */
#include "sema/sema.h"

#include <string.h>

uint32_t fit_group(Elab *e, FitState *fit, const char *name, ProgramGroupKind kind) {
    for (size_t i = 0; i < fit->out->groups.count; i++)
        if (!strcmp(fit->out->groups.data[i].name, name)) return (uint32_t)i;
    ProgramWeights group = {.name = name, .kind = kind};
    VEC_PUSH(e->arena, &fit->out->groups, group);
    return (uint32_t)fit->out->groups.count - 1;
}

/* Initial values are made in another function: only what is known now may go there. */
static Local *keep_known(Elab *e, const Local *locals) {
    if (!locals) return NULL;
    Local *rest = keep_known(e, locals->next);
    ValueKind kind = locals->value.kind;
    if (kind != VALUE_NUMBER && kind != VALUE_FUNCTION && kind != VALUE_PRIMITIVE && kind != VALUE_SET &&
        kind != VALUE_LABEL)
        return rest;
    Local *kept = ARENA_NEW(e->arena, Local);
    *kept = (Local){rest, locals->name, locals->value};
    return kept;
}

static TirId *block_input(Context *c, uint32_t block) {
    for (size_t i = 0; i < c->inputs.count; i++)
        if (c->inputs.data[i].role == TIR_PORT_BLOCK && c->inputs.data[i].index == block)
            return &c->inputs.data[i].value;
    return NULL;
}

/* Axis of declared dimension `at` in the input that this function already has for the block. */
static TirAxisId stored_axis(const Elab *e, const BlockState *state, TirId input, uint32_t at) {
    for (uint32_t i = 0; i < state->stored; i++)
        if (state->order[i] == at) return e->context->f->ops.data[input].axes.id[i];
    return TIR_NONE;
}

static DimName *dim_named(const Frame *frame, const AstNode *dim) {
    for (DimName *d = frame->dims; d && dim->kind == AST_NAME; d = d->next)
        if (!strcmp(d->name, dim->name)) return d;
    return NULL;
}

/* The axes the weight shall have here: those of the arguments where its dimensions are named after theirs; otherwise
 * those it already has in this function, or new ones. */
static bool weight_dims(Elab *e, const AstNode *weight, const BlockState *state, Dim *dim) {
    const AstNode *dims = weight->kids[0];
    TirId *input = NULL;
    if (state) input = block_input(e->context, (uint32_t)(state - e->context->fit->blocks.data));
    if (dims->count > TIR_MAX_AXES) {
        elab_error(e, DIAG_E0306, weight->span, "an array has at most %d dimensions", TIR_MAX_AXES);
        diag_help(e->sink, "declare the weight with fewer dimensions");
        return false;
    }
    for (uint32_t i = 0; i < dims->count; i++) {
        Value v = elab_expr(e, dims->kids[i]);
        if (!value_size(e, &v, "a size of a weight", &dim[i].size)) return false;
    }
    for (uint32_t i = dims->count; i-- > 0;) {
        DimName *named = dim_named(e->frame, dims->kids[i]);
        TirAxisId axis = named ? named->dim.axis : TIR_NONE;
        if (!named && input && i < state->rank && state->size[i] == dim[i].size)
            axis = stored_axis(e, state, *input, i);
        bool taken = false;
        for (uint32_t j = i + 1; j < dims->count; j++) taken |= axis != TIR_NONE && dim[j].axis == axis;
        dim[i].axis = axis;
        if (dim[i].size > 1 && (axis == TIR_NONE || taken)) dim[i] = dim_new(e, "w", dim[i].size);
        if (named || dims->kids[i]->kind != AST_NAME) continue;
        DimName *name = ARENA_NEW(e->arena, DimName);
        *name = (DimName){e->frame->dims, dims->kids[i]->name, dim[i]};
        e->frame->dims = name;
    }
    return true;
}

/* Declared dimensions in the order of their axes, those of size 1 left out. */
static uint32_t storage_order(const Dim *dim, uint32_t rank, uint32_t *order) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rank; i++) {
        if (dim[i].axis == TIR_NONE) continue;
        uint32_t at = count++;
        for (; at > 0 && dim[order[at - 1]].axis > dim[i].axis; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}

static BlockState *block_find(FitState *fit, uint32_t group, const char *name) {
    for (size_t i = 0; i < fit->blocks.count; i++)
        if (fit->out->blocks.data[i].group == group && !strcmp(fit->blocks.data[i].name, name))
            return &fit->blocks.data[i];
    return NULL;
}

static void block_add(Elab *e, FitState *fit, const AstNode *weight, HirDecl *layer, const char *name, const Dim *dim) {
    const Net *net = e->frame->net;
    BlockState state = {
        .weight = weight, .layer = layer, .name = name, .rank = weight->kids[0]->count, .scale = net->scale};
    state.locals = keep_known(e, e->frame->locals);
    ProgramBlock block = {.name = name, .group = net->group};
    for (uint32_t i = 0; i < state.rank; i++) state.size[i] = dim[i].size;
    state.stored = block.rank = storage_order(dim, state.rank, state.order);
    for (uint32_t i = 0; i < block.rank; i++) block.shape[i] = dim[state.order[i]].size;
    VEC_PUSH(e->arena, &fit->blocks, state);
    VEC_PUSH(e->arena, &fit->out->blocks, block);
}

/* The block as an input of this function, on axes in the order of storage. */
static TirId block_read(Elab *e, uint32_t block, const BlockState *state, const Dim *dim, Span span) {
    TirId *known = block_input(e->context, block);
    if (known) return *known;
    uint32_t order[TIR_MAX_AXES];
    storage_order(dim, state->rank, order);
    TirAxes axes = tir_axes_none();
    bool same = !memcmp(order, state->order, state->stored * sizeof *order);
    for (uint32_t i = 0; i < state->stored; i++) {
        const Dim *d = &dim[state->order[i]];
        axes = tir_axes_add(axes, same ? d->axis : dim_new(e, "w", d->size).axis);
    }
    return context_input(e, TIR_PORT_BLOCK, block, 0, state->name, axes, span);
}

Value elab_layer_weight(Elab *e, const AstNode *weight, HirDecl *layer, uint32_t number) {
    FitState *fit = e->context->fit;
    const Net *net = e->frame->net;
    const char *name = arena_format(e->arena, "%s.%u.%s", net->name, number, weight->name);
    BlockState *state = block_find(fit, net->group, name);
    Dim dim[TIR_MAX_AXES] = {0};
    if (!weight_dims(e, weight, state, dim)) return value_poison();
    if (!state) {
        block_add(e, fit, weight, layer, name, dim);
        state = block_find(fit, net->group, name);
    }
    bool same = state->rank == weight->kids[0]->count && state->weight == weight;
    for (uint32_t i = 0; same && i < state->rank; i++) same = state->size[i] == dim[i].size;
    if (!same) {
        Value poison = elab_error(e, DIAG_E0412, e->frame->site,
                                  "the weights of network '%s' are used with another shape than before", net->name);
        diag_note(e->sink, weight->span, "this weight");
        diag_help(e->sink, "call the network with arguments of one shape, or declare a second network");
        return poison;
    }
    TirId id = block_read(e, (uint32_t)(state - fit->blocks.data), state, dim, weight->span);
    Value have = {.kind = VALUE_TENSOR, .type = TIR_REAL, .id = id, .rank = state->rank, .span = weight->span};
    Value want = have;
    for (uint32_t i = 0; i < state->rank; i++) {
        have.dim[i] = (Dim){dim[i].size, stored_axis(e, state, id, i)};
        want.dim[i] = dim[i];
    }
    have = value_align(e, have, &want, weight->span);
    return value_tensor(e, have.id, dim, state->rank, weight->span);
}

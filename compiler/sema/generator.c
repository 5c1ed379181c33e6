/* `generate params by NETWORK from NOISE[k]`: the network, given k random numbers a parameter vector, and a last dense
 * layer with one output a parameter. Its output is mapped into the domains by param_value.c. */
#include <string.h>

#include "sema/unit.h"

/* The last layer starts with small weights: the first vectors lie near the middle of the domains and spread from there.
 */
static const double OUTPUT_SCALE = 0.1;

/* A function without arguments that draws one number: from what the model uses, or from std.init. */
static Value noise_source(Elab *e, const AstNode *name) {
    HirDecl *decl = hir_find(e->hir->main, name->name, NULL);
    HirModule *init = hir_module(e->hir, "std.init");
    if (!decl && init) decl = hir_find(init, name->name, NULL);
    if (decl && hir_callable(decl) && hir_arguments(decl)->count == 0)
        return (Value){.kind = VALUE_FUNCTION, .decl = decl, .span = name->span};
    const Primitive *primitive = primitive_find(name->name);
    if (!decl && primitive && primitive->op == TIR_UNIFORM)
        return (Value){.kind = VALUE_PRIMITIVE, .primitive = primitive, .span = name->span};
    Value poison = elab_error(e, DIAG_E0201, name->span, "'%s' is no distribution to draw noise from", name->name);
    diag_help(e->sink, "write normal[6] (with 'use std.init') or uniform[6]");
    return poison;
}

static Value noise_array(Elab *e, const AstNode *noise) {
    if (noise->kind != AST_INDEX || noise->count != 2 || noise->kids[0]->kind != AST_NAME) {
        Value poison =
            elab_error(e, DIAG_E0407, noise->span, "the noise of a generator is a distribution with a length");
        diag_help(e->sink, "write for example: from normal[6]");
        return poison;
    }
    int64_t size;
    Value count = elab_expr(e, noise->kids[1]);
    if (!value_size(e, &count, "the length of the noise", &size)) return value_poison();
    Dim dim = dim_new(e, "noise", size);
    TirAxes force = e->frame->force;
    if (size > 1) e->frame->force = tir_axes_add(force, dim.axis);
    Value v = elab_apply(e, noise_source(e, noise->kids[0]), noise, NULL, 0, noise->span);
    TirAxes all = e->frame->force;
    e->frame->force = force;
    if (value_is_poison(&v) || !unit_pure(e, &v, noise->span, "noise")) return value_poison();
    return value_tensor(e, id_broadcast(e, value_real_id(e, &v), all, noise->span), &dim, 1, noise->span);
}

static HirDecl *dense_layer(Elab *e, Span span) {
    HirModule *module = hir_module(e->hir, "std.nn");
    HirDecl *decl = module ? hir_find(module, "dense", NULL) : NULL;
    if (!decl) {
        elab_error(e, DIAG_E0414, span, "a generator ends in a dense layer, and the library's layers are not in use");
        diag_help(e->sink, "add 'use std.nn' at the top");
    }
    return decl;
}

Value generator_output(Elab *e, FitState *fit) {
    const AstNode *node = fit->generate;
    Net net = {fit_group(e, fit, "generator", PROGRAM_GENERATOR), 0, "generator", 1, true};
    Path path = {NULL, node, 0};
    Frame frame = {.path = arena_copy(e->arena, &path, sizeof path), .net = &net}, *before = e->frame;
    frame.force = context_rows(e->context, false);
    e->frame = &frame;
    Value v = noise_array(e, node->kids[1]);
    const AstNode *network = node->kids[0];
    if (network->kind != AST_CALL && network->kind != AST_NAME) {
        v = elab_error(e, DIAG_E0407, network->span,
                       "the network of a generator is a layer or a network, with its other arguments");
        diag_help(e->sink, "write for example: generate params by mlp([64, 64], relu) from normal[6]");
    }
    if (!value_is_poison(&v)) v = elab_call(e, network, &v);
    HirDecl *dense = value_is_poison(&v) ? NULL : dense_layer(e, node->span);
    if (dense && (!value_to_array(e, &v, TIR_NONE) || v.rank > 1)) {
        if (v.rank > 1)
            elab_error(e, DIAG_E0302, node->kids[0]->span,
                       "the generator's network gives shape %s, and an array of one dimension is wanted",
                       value_shape_text(e, &v));
        if (v.rank > 1) diag_help(e->sink, "end it in a layer that gives a list of numbers, such as dense(64)");
        dense = NULL;
    }
    if (dense) {
        int64_t count = 0;
        for (size_t i = 0; i < e->program->param_blocks.count; i++) count += e->program->param_blocks.data[i].count;
        Value args[2] = {v, value_int((double)count, node->span)};
        net.scale = OUTPUT_SCALE;
        v = elab_decl_call(e, dense, node, args, 2, node->span);
    } else {
        v = value_poison();
    }
    e->frame = before;
    return v;
}

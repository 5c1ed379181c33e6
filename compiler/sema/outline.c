/* The body of a loop, cut out of the function in which it was elaborated. Operations that depend on placeholders (the
 * states, the slice of the round, its draws) become a function of their own; what they need besides is passed in as a
 * constant, and stays outside. The operations that were copied are left behind without a user. */
#include "sema/rounds.h"

typedef struct Outline {
    Elab *e;
    const Rolled *r;
    TirFunction *f, *body;
    size_t first, end;
    bool *depends, *needed;
    TirId *map; /* values of f in the body */
    VEC(TirId) args;
} Outline;

static void bind(Outline *o, TirId value, TirId arg) {
    const TirOp *op = &o->f->ops.data[value];
    TirType type = op->type;
    TirAxes axes = op->axes;
    VEC_PUSH(o->e->arena, &o->args, arg);
    o->map[value] = tir_body_input(o->body, type, axes, o->r->span);
}

static void states_bind(Outline *o) {
    for (size_t i = 0; i < o->r->leaves.count; i++) {
        const Leaf *leaf = &o->r->leaves.data[i];
        TirId init = id_broadcast(o->e, value_id(o->e, &leaf->init, leaf->type), leaf->axes, o->r->span);
        bind(o, leaf->placeholder, init);
    }
}

/* Each round has its own numbers: draws are made outside, along the rounds too. */
static void draws_bind(Outline *o) {
    for (size_t i = 0; i < o->r->draws.count; i++) {
        TirOp op = o->f->ops.data[o->r->draws.data[i]];
        TirAxes axes = tir_axes_add(op.axes, o->r->axis);
        TirId all = op.op == TIR_UNIFORM ? tir_uniform(o->f, op.integer, axes, op.span)
                                         : tir_pick(o->f, op.integer, axes, op.axis2, op.span);
        rounds_note_draw(o->e, all);
        bind(o, o->r->draws.data[i], all);
    }
}

static void depends_find(Outline *o) {
    for (size_t i = 0; i < o->r->leaves.count; i++) o->depends[o->r->leaves.data[i].placeholder] = true;
    for (size_t i = 0; i < o->r->draws.count; i++) o->depends[o->r->draws.data[i]] = true;
    if (o->r->item != TIR_NONE) o->depends[o->r->item] = true;
    for (size_t v = o->first; v < o->end; v++)
        for (uint32_t k = 0; k < o->f->ops.data[v].arg_count; k++)
            o->depends[v] |= o->depends[o->f->ops.data[v].args[k]];
    for (size_t i = 0; i < o->r->leaves.count; i++) o->needed[o->r->leaves.data[i].out] = true;
    for (size_t v = o->end; v-- > o->first;)
        for (uint32_t k = 0; o->needed[v] && o->depends[v] && k < o->f->ops.data[v].arg_count; k++)
            o->needed[o->f->ops.data[v].args[k]] = true;
}

static TirId op_append(Outline *o, TirId value) {
    TirOp op = o->f->ops.data[value];
    TirId *args = ARENA_ARRAY(o->e->arena, TirId, op.arg_count);
    for (uint32_t k = 0; k < op.arg_count; k++) args[k] = o->map[op.args[k]];
    op.args = args;
    if (op.body) op.body = tir_function_copy(o->body->arena, op.body, op.body->name);
    VEC_PUSH(o->body->arena, &o->body->ops, op);
    return (TirId)(o->body->ops.count - 1);
}

/* What is made again in the body rather than passed in. */
static bool is_cheap(const TirFunction *f, TirId v) {
    const TirOp *op = &f->ops.data[v];
    if (op->op == TIR_BROADCAST) return is_cheap(f, op->args[0]);
    return op->op == TIR_CONST || op->op == TIR_IOTA || op->op == TIR_EXTENT || op->op == TIR_STEP;
}

static void outside(Outline *o, TirId v) {
    if (o->map[v] != TIR_NONE) return;
    if (!is_cheap(o->f, v)) {
        bind(o, v, v);
        return;
    }
    if (o->f->ops.data[v].arg_count) outside(o, o->f->ops.data[v].args[0]);
    o->map[v] = op_append(o, v);
}

/* A result of a loop is read off that loop, which is in the body then. */
static void body_fill(Outline *o) {
    for (size_t v = o->first; v < o->end; v++) {
        if (!o->needed[v] || !o->depends[v] || o->map[v] != TIR_NONE) continue;
        const TirOp *op = &o->f->ops.data[v];
        for (uint32_t k = 0; k < op->arg_count; k++) outside(o, op->args[k]);
        o->map[v] = op_append(o, (TirId)v);
    }
    for (size_t i = 0; i < o->r->leaves.count; i++) outside(o, o->r->leaves.data[i].out);
}

TirId rounds_outline(Elab *e, const Rolled *r, bool all) {
    Outline o = {.e = e, .r = r, .f = e->context->f, .first = r->first, .end = e->context->f->ops.count};
    Arena scratch = {0};
    o.body = tir_body_new(o.f, "round");
    o.depends = ARENA_ARRAY(&scratch, bool, o.end);
    o.needed = ARENA_ARRAY(&scratch, bool, o.end);
    o.map = ARENA_ARRAY(&scratch, TirId, o.end);
    for (size_t v = 0; v < o.end; v++) o.map[v] = TIR_NONE;
    depends_find(&o);
    states_bind(&o);
    if (r->item != TIR_NONE) bind(&o, r->item, r->items);
    draws_bind(&o);
    body_fill(&o);
    const uint32_t states = (uint32_t)r->leaves.count;
    for (uint32_t k = 0; k < (all ? 2 : 1) * states; k++)
        tir_output(o.body, TIR_PORT_VALUE, k, arena_format(e->arena, "state%u", k % states),
                   o.map[r->leaves.data[k % states].out]);
    TirId loop = tir_loop(o.f, o.body, o.args.data, (uint32_t)o.args.count, states, r->axis, false, r->span);
    arena_free(&scratch);
    return loop;
}

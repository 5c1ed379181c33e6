/* The derivative of a loop. With states s, slices x, constants c and outputs y, round t computes
 *   s(t+1), y(t) = F(s(t), x(t), c).
 * Its reverse is a loop from the other end, whose states are the cotangents l of the states and the sums m of the
 * cotangents of the constants:
 *   l(t) = l(t+1) dF/ds + y'(t) dF/ds,   m += l(t+1) dF/dc + y'(t) dF/dc,   x'(t) = l(t+1) dF/dx + y'(t) dF/dx,
 * F and its derivatives being taken at s(t), which the loop is made to give as outputs. What F computes on the way is
 * computed again. The reverse is a loop like any other, so it can be differentiated again. */
#include "ad/reverse.h"

typedef struct LoopReverse {
    Reverse *r;
    TirId id;
    const TirOp *op;
    const TirId *given; /* cotangents of the results; TIR_NONE: zero */
    uint32_t states, inputs, outputs;
    bool *moving;      /* by input: depends on what is wanted, in some round */
    bool *depends;     /* by operation of the body: likewise */
    bool *useful;      /* by output: a result with a cotangent depends on it, in this or a later round */
    TirFunction *body; /* of the reverse */
    VEC(TirId) args;   /* of the reverse */
    VEC(TirId) of, seed;
} LoopReverse;

static TirId input_of(const LoopReverse *l, uint32_t k) {
    return l->op->body->inputs.data[k].value;
}
static TirId output_of(const LoopReverse *l, uint32_t k) {
    return l->op->body->outputs.data[k].value;
}
static bool is_real(const LoopReverse *l, TirId v) {
    return l->op->body->ops.data[v].type == TIR_REAL;
}

static void moving_find(LoopReverse *l) {
    const TirFunction *body = l->op->body;
    for (uint32_t k = 0; k < l->inputs; k++) l->moving[k] = l->r->active[l->op->args[k]] && is_real(l, input_of(l, k));
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t v = 0; v < body->ops.count; v++) {
            const TirOp *op = &body->ops.data[v];
            if (op->op == TIR_INPUT) l->depends[v] = l->moving[op->integer];
            for (uint32_t a = 0; ad_differentiable(op) && a < op->arg_count; a++)
                l->depends[v] |= l->depends[op->args[a]];
        }
        for (uint32_t k = 0; k < l->states; k++)
            if (!l->moving[k] && l->depends[output_of(l, k)]) l->moving[k] = grown = true;
    }
}

static void useful_find(LoopReverse *l) {
    const TirFunction *body = l->op->body;
    bool *live = ARENA_ARRAY(l->r->f->arena, bool, body->ops.count + 1);
    for (uint32_t k = 0; k < l->outputs; k++) l->useful[k] = l->given[k] != TIR_NONE && l->depends[output_of(l, k)];
    for (bool grown = true; grown;) {
        grown = false;
        for (uint32_t k = 0; k < l->outputs; k++)
            if (l->useful[k]) live[output_of(l, k)] = true;
        for (size_t v = body->ops.count; v-- > 0;)
            for (uint32_t a = 0; live[v] && l->depends[v] && a < body->ops.data[v].arg_count; a++)
                live[body->ops.data[v].args[a]] = true;
        for (uint32_t k = 0; k < l->states; k++)
            if (!l->useful[k] && l->moving[k] && live[input_of(l, k)]) l->useful[k] = grown = true;
    }
}

bool ad_chooses(const TirFunction *body) {
    for (size_t v = 0; v < body->ops.count; v++) {
        const TirOp *op = &body->ops.data[v];
        switch (op->op) {
        case TIR_SELECT:
        case TIR_MAX:
        case TIR_MIN:
        case TIR_GATHER:
        case TIR_SLICE:
        case TIR_REDUCE_MAX: return true;
        case TIR_LOOP:
            if (ad_chooses(op->body)) return true;
            break;
        default: break;
        }
    }
    return false;
}

/* Whether a cotangent inside can be a zero that has to stay zero: where the body chooses, and where a state is not read
 * after some round. */
static bool may_mask(const LoopReverse *l) {
    if (l->r->masked[l->id] || ad_chooses(l->op->body)) return true;
    for (uint32_t k = 0; k < l->states; k++) {
        bool seen = !l->useful[k] || l->given[k] != TIR_NONE;
        for (uint32_t o = l->states; o < l->outputs && !seen; o++)
            seen = l->useful[o] && output_of(l, o) == output_of(l, k);
        if (!seen) return true;
    }
    return false;
}

static TirId zero_over(TirFunction *f, TirAxes axes, Span span) {
    return tir_broadcast(f, tir_real(f, 0, span), axes, span);
}

/* The states at the start of each round, as a sequence. */
static TirId tape_of(LoopReverse *l, uint32_t k) {
    TirFunction *body = l->op->body;
    uint32_t result = l->states;
    while (result < body->outputs.count && output_of(l, result) != input_of(l, k)) result++;
    if (result == body->outputs.count)
        tir_output(body, TIR_PORT_VALUE, result, arena_format(body->arena, "start%u", k), input_of(l, k));
    return tir_result(l->r->f, l->id, result, l->op->span);
}

/* A new input of the reverse's body; gives its value there. */
static TirId reverse_input(LoopReverse *l, TirId arg, TirAxes axes) {
    VEC_PUSH(l->r->f->arena, &l->args, arg);
    return tir_body_input(l->body, l->r->f->ops.data[arg].type, axes, l->op->span);
}

static void add_seed(LoopReverse *l, TirId of, TirId seed) {
    VEC_PUSH(l->r->f->arena, &l->of, of);
    VEC_PUSH(l->r->f->arena, &l->seed, seed);
}

/* Inputs: cotangents of states, sums for constants, then what the body had, then the cotangents of its outputs. */
static void reverse_inputs(LoopReverse *l, TirId *sum) {
    TirFunction *f = l->r->f, *b = l->body;
    const Span span = l->op->span;
    uint32_t old_count = (uint32_t)b->inputs.count;
    TirPort *old = arena_copy(b->arena, b->inputs.data, old_count * sizeof *old);
    b->inputs.data = NULL;
    b->inputs.count = b->inputs.capacity = 0;
    for (uint32_t k = 0; k < l->states; k++) {
        if (!l->useful[k]) continue;
        TirAxes axes = f->ops.data[l->op->args[k]].axes;
        TirId init = l->given[k] == TIR_NONE ? zero_over(f, axes, span) : tir_broadcast(f, l->given[k], axes, span);
        add_seed(l, output_of(l, k), reverse_input(l, init, axes));
    }
    for (uint32_t k = l->states; k < l->inputs; k++) {
        sum[k] = TIR_NONE;
        if (!l->moving[k] || tir_loop_slices(f, l->op, k)) continue;
        TirAxes axes = f->ops.data[l->op->args[k]].axes;
        sum[k] = reverse_input(l, zero_over(f, axes, span), axes);
    }
    for (uint32_t k = 0; k < old_count; k++) {
        b->ops.data[old[k].value].integer = (int64_t)b->inputs.count;
        old[k].index = (uint32_t)b->inputs.count;
        VEC_PUSH(b->arena, &b->inputs, old[k]);
        VEC_PUSH(f->arena, &l->args, k < l->states ? tape_of(l, k) : l->op->args[k]);
    }
    for (uint32_t k = l->states; k < l->outputs; k++) {
        if (!l->useful[k]) continue;
        TirAxes axes = b->ops.data[output_of(l, k)].axes;
        TirId g = tir_broadcast(f, l->given[k], tir_axes_add(axes, l->op->axis), span);
        add_seed(l, output_of(l, k), reverse_input(l, g, axes));
    }
}

/* Outputs in the order of the inputs: states first. Slices without a cotangent have no output. */
static void reverse_outputs(LoopReverse *l, const TirId *sum, TirId *made, uint32_t *result) {
    TirFunction *b = l->body;
    const Span span = l->op->span;
    uint32_t count = 0;
    for (uint32_t k = 0; k < l->states; k++) {
        if (!l->useful[k]) continue;
        if (made[k] == TIR_NONE) made[k] = zero_over(b, b->ops.data[input_of(l, k)].axes, span);
        result[k] = count;
        tir_output(b, TIR_PORT_VALUE, count++, arena_format(b->arena, "state%u", k), made[k]);
    }
    for (int slices = 0; slices < 2; slices++)
        for (uint32_t k = l->states; k < l->inputs; k++) {
            if (!l->moving[k] || (sum[k] == TIR_NONE) != (slices == 1)) continue;
            if (slices && made[k] == TIR_NONE) continue;
            TirId value = made[k];
            if (!slices) value = made[k] == TIR_NONE ? sum[k] : tir_map(b, TIR_ADD, span, sum[k], made[k], TIR_NONE);
            result[k] = count;
            tir_output(b, TIR_PORT_VALUE, count++, arena_format(b->arena, "input%u", k), value);
        }
}

static void reverse_build(LoopReverse *l) {
    Reverse *r = l->r;
    TirFunction *f = r->f;
    l->body = tir_function_copy(f->arena, l->op->body, arena_format(f->arena, "%s'", l->op->body->name));
    l->body->outputs.count = 0;
    tir_body_axes(f, l->body);
    TirId *sum = ARENA_ARRAY(f->arena, TirId, l->inputs + 1), *made = ARENA_ARRAY(f->arena, TirId, l->inputs + 1);
    TirId *wrt = ARENA_ARRAY(f->arena, TirId, l->inputs + 1), *out = ARENA_ARRAY(f->arena, TirId, l->inputs + 1);
    uint32_t *result = ARENA_ARRAY(f->arena, uint32_t, l->inputs + 1), count = 0, states = 0;
    reverse_inputs(l, sum);
    for (uint32_t k = 0; k < l->inputs; k++)
        if (k < l->states ? l->useful[k] : l->moving[k]) wrt[count++] = input_of(l, k);
    ad_adjoint_masked(l->body, l->of.data, l->seed.data, (uint32_t)l->of.count, wrt, count, out, may_mask(l));
    count = 0;
    for (uint32_t k = 0; k < l->inputs; k++) {
        made[k] = result[k] = TIR_NONE;
        if (k < l->states ? l->useful[k] : l->moving[k]) made[k] = out[count++];
        states += k < l->states ? l->useful[k] : sum[k] != TIR_NONE;
    }
    reverse_outputs(l, sum, made, result);
    if (!l->body->outputs.count) return;
    TirId loop =
        tir_loop(f, l->body, l->args.data, (uint32_t)l->args.count, states, l->op->axis, !l->op->flag, l->op->span);
    for (uint32_t k = 0; k < l->inputs; k++)
        if (result[k] != TIR_NONE && r->active[l->op->args[k]])
            ad_add(r, l->op->args[k], tir_result(f, loop, result[k], l->op->span), l->op->span);
}

void ad_vjp_result(Reverse *r, TirId id, const TirOp *op, TirId g) {
    TirId loop = op->args[0];
    size_t count = r->f->ops.data[loop].body->outputs.count;
    if (!r->results[loop]) {
        r->results[loop] = ARENA_ARRAY(r->f->arena, TirId, count);
        for (size_t k = 0; k < count; k++) r->results[loop][k] = TIR_NONE;
    }
    TirId *sum = &r->results[loop][op->integer];
    *sum = *sum == TIR_NONE ? g : tir_map(r->f, TIR_ADD, op->span, *sum, g, TIR_NONE);
    r->cotangent[loop] = g; /* any: the loop is visited */
}

void ad_vjp_loop(Reverse *r, TirId id, const TirOp *op, TirId g) {
    Arena *arena = r->f->arena;
    LoopReverse l = {.r = r, .id = id, .op = op, .given = r->results[id]};
    l.states = (uint32_t)op->integer;
    l.inputs = op->arg_count;
    l.outputs = (uint32_t)op->body->outputs.count;
    l.moving = ARENA_ARRAY(arena, bool, l.inputs + 1);
    l.depends = ARENA_ARRAY(arena, bool, op->body->ops.count + 1);
    l.useful = ARENA_ARRAY(arena, bool, l.outputs + 1);
    moving_find(&l);
    useful_find(&l);
    for (uint32_t k = 0; k < l.outputs; k++)
        if (l.useful[k]) {
            reverse_build(&l);
            return;
        }
}

/* The derivatives of a loop. With states s, slices x, constants c and outputs y, round t computes
 *   s(t+1), y(t) = F(s(t), x(t), c).
 * Its reverse is a loop from the other end, whose states are the cotangents l of the states and the sums m of the
 * cotangents of the constants:
 *   l(t) = l(t+1) dF/ds + y'(t) dF/ds,   m += l(t+1) dF/dc + y'(t) dF/dc,   x'(t) = l(t+1) dF/dx + y'(t) dF/dx.
 * Its tangent is a loop from the same end, whose states are the tangents of the states. In both, F and its derivatives
 * are taken at s(t), which the loop is made to give as outputs; what F computes on the way is computed again. Either is
 * a loop like any other, so it can be differentiated again. */
#include "ad/ad.h"

typedef struct Rounds {
    Ad *ad;
    TirId id;
    const TirOp *op;
    uint32_t states, inputs, outputs;
    bool *moving;        /* by input: depends on what is wanted, in some round */
    bool *depends;       /* by operation of the body: likewise */
    bool *useful;        /* reverse, by output: a result with a cotangent depends on it, in this or a later round */
    const TirId *given;  /* reverse: cotangents of the results; TIR_NONE: zero */
    TirFunction *body;   /* of the derivative */
    VEC(TirId) args;     /* of the derivative */
    VEC(TirId) from, by; /* values of the body and their cotangents, or tangents */
} Rounds;
static TirId input_of(const Rounds *l, uint32_t k) {
    return l->op->body->inputs.data[k].value;
}
static TirId output_of(const Rounds *l, uint32_t k) {
    return l->op->body->outputs.data[k].value;
}
static bool is_real(const Rounds *l, TirId v) {
    return l->op->body->ops.data[v].type == TIR_REAL;
}

/* From what moves at the start on. */
static void moving_find(Rounds *l) {
    const TirFunction *body = l->op->body;
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

static void useful_find(Rounds *l) {
    const TirFunction *body = l->op->body;
    bool *live = ARENA_ARRAY(l->ad->f->arena, bool, body->ops.count + 1);
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
static bool may_mask(const Rounds *l) {
    if (l->ad->masked[l->id] || ad_chooses(l->op->body)) return true;
    for (uint32_t k = 0; k < l->states; k++) {
        bool seen = !l->useful[k] || l->given[k] != TIR_NONE;
        for (uint32_t o = l->states; o < l->outputs && !seen; o++)
            seen = l->useful[o] && output_of(l, o) == output_of(l, k);
        if (!seen) return true;
    }
    return false;
}

/* The states at the start of each round, as a sequence. */
static TirId tape_of(Rounds *l, uint32_t k) {
    TirFunction *body = l->op->body;
    uint32_t result = l->states;
    while (result < body->outputs.count && output_of(l, result) != input_of(l, k)) result++;
    if (result == body->outputs.count)
        tir_output(body, TIR_PORT_VALUE, result, arena_format(body->arena, "start%u", k), input_of(l, k));
    return tir_result(l->ad->f, l->id, result, l->op->span);
}

/* A new input of the derivative's body; gives its value there. */
static TirId body_input(Rounds *l, TirId arg, TirAxes axes) {
    VEC_PUSH(l->ad->f->arena, &l->args, arg);
    return tir_body_input(l->body, l->ad->f->ops.data[arg].type, axes, l->op->span);
}

static void add_pair(Rounds *l, TirId value, TirId derivative) {
    VEC_PUSH(l->ad->f->arena, &l->from, value);
    VEC_PUSH(l->ad->f->arena, &l->by, derivative);
}

/* A derivative, or zero, over these axes and those of the directions. */
static TirId spread(const Rounds *l, TirFunction *f, TirId derivative, TirAxes axes) {
    if (derivative == TIR_NONE) derivative = tir_real(f, 0, l->op->span);
    return tir_broadcast(f, derivative, tir_axes_union(axes, l->ad->extra), l->op->span);
}

static TirAxes arg_axes(const Rounds *l, uint32_t k) {
    return ad_axes(l->ad, l->op->args[k]);
}
static TirAxes output_axes(const Rounds *l, uint32_t k) {
    return l->op->body->ops.data[output_of(l, k)].axes;
}

static void body_start(Rounds *l) {
    TirFunction *f = l->ad->f;
    l->body = tir_function_copy(f->arena, l->op->body, arena_format(f->arena, "%s'", l->op->body->name));
    l->body->outputs.count = 0;
    l->body->inputs.count = 0;
    tir_body_axes(f, l->body);
}

/* What the body had, behind the states of the derivative: the states of each round as sequences. */
static void old_inputs(Rounds *l) {
    TirFunction *f = l->ad->f, *b = l->body;
    for (uint32_t k = 0; k < l->inputs; k++) {
        TirPort port = l->op->body->inputs.data[k];
        port.index = (uint32_t)b->inputs.count;
        b->ops.data[port.value].integer = port.index;
        VEC_PUSH(b->arena, &b->inputs, port);
        VEC_PUSH(f->arena, &l->args, k < l->states ? tape_of(l, k) : l->op->args[k]);
    }
}

static TirId derivative_loop(Rounds *l, uint32_t states, bool from_end) {
    return tir_loop(l->ad->f, l->body, l->args.data, (uint32_t)l->args.count, states, l->op->axis, from_end,
                    l->op->span);
}

static void body_output(Rounds *l, TirId value) {
    uint32_t number = (uint32_t)l->body->outputs.count;
    tir_output(l->body, TIR_PORT_VALUE, number, arena_format(l->body->arena, "out%u", number), value);
}

static TirId **results_of(Ad *ad, TirId loop) {
    size_t count = ad->f->ops.data[loop].body->outputs.count;
    if (!ad->results[loop]) {
        ad->results[loop] = ARENA_ARRAY(&ad->scratch, TirId, count);
        for (size_t k = 0; k < count; k++) ad->results[loop][k] = TIR_NONE;
    }
    return &ad->results[loop];
}

static Rounds rounds_begin(Ad *ad, TirId id, const TirOp *op) {
    Rounds l = {.ad = ad, .id = id, .op = op, .given = *results_of(ad, id)};
    l.states = (uint32_t)op->integer;
    l.inputs = op->arg_count;
    l.outputs = (uint32_t)op->body->outputs.count;
    l.moving = ARENA_ARRAY(&ad->scratch, bool, l.inputs);
    l.depends = ARENA_ARRAY(&ad->scratch, bool, op->body->ops.count);
    l.useful = ARENA_ARRAY(&ad->scratch, bool, l.outputs);
    return l;
}

/* --- reverse mode --- */

static bool is_sum(const Rounds *l, uint32_t k) {
    return k >= l->states && l->moving[k] && !tir_loop_slices(l->ad->f, l->op, k);
}

/* Inputs: cotangents of states, sums for constants, then what the body had, then the cotangents of its outputs. */
static void reverse_inputs(Rounds *l, TirId *sum) {
    TirFunction *f = l->ad->f;
    for (uint32_t k = 0; k < l->states; k++) {
        if (!l->useful[k]) continue;
        TirId init = spread(l, f, l->given[k], arg_axes(l, k));
        add_pair(l, output_of(l, k), body_input(l, init, ad_axes(l->ad, init)));
    }
    for (uint32_t k = l->states; k < l->inputs; k++) {
        if (!is_sum(l, k)) continue;
        TirId init = spread(l, f, TIR_NONE, arg_axes(l, k));
        sum[k] = body_input(l, init, ad_axes(l->ad, init));
    }
    old_inputs(l);
    for (uint32_t k = l->states; k < l->outputs; k++) {
        if (!l->useful[k]) continue;
        TirId g = spread(l, f, l->given[k], tir_axes_add(output_axes(l, k), l->op->axis));
        TirAxes slice = tir_axes_minus(ad_axes(l->ad, g), tir_axes_one(l->op->axis));
        add_pair(l, output_of(l, k), body_input(l, g, slice));
    }
}

/* The cotangent of input `k` is wanted. */
static bool is_wanted(const Rounds *l, uint32_t k) {
    return l->moving[k] && (k >= l->states || l->useful[k]);
}

/* Outputs in the order of the inputs, states and sums first. Slices without a cotangent have no output. Gives the
 * number of states. */
static uint32_t reverse_outputs(Rounds *l, const TirId *sum, const TirId *made, uint32_t *result) {
    TirFunction *b = l->body;
    uint32_t states = 0;
    for (int slices = 0; slices < 2; slices++) {
        for (uint32_t k = 0; k < l->inputs; k++) {
            bool slice = k >= l->states && !is_sum(l, k);
            if (!is_wanted(l, k) || slice != (slices == 1) || (slice && made[k] == TIR_NONE)) continue;
            TirId value = k < l->states ? spread(l, b, made[k], arg_axes(l, k)) : made[k];
            if (is_sum(l, k))
                value = made[k] == TIR_NONE ? sum[k] : tir_map(b, TIR_ADD, l->op->span, sum[k], made[k], TIR_NONE);
            result[k] = (uint32_t)b->outputs.count;
            body_output(l, value);
        }
        if (!slices) states = (uint32_t)b->outputs.count;
    }
    return states;
}

static void reverse_build(Rounds *l) {
    Ad *ad = l->ad;
    TirId *sum = ARENA_ARRAY(&ad->scratch, TirId, l->inputs), *made = ARENA_ARRAY(&ad->scratch, TirId, l->inputs);
    TirId *wrt = ARENA_ARRAY(&ad->scratch, TirId, l->inputs), *out = ARENA_ARRAY(&ad->scratch, TirId, l->inputs);
    uint32_t *result = ARENA_ARRAY(&ad->scratch, uint32_t, l->inputs), count = 0;
    body_start(l);
    reverse_inputs(l, sum);
    for (uint32_t k = 0; k < l->inputs; k++)
        if (is_wanted(l, k)) wrt[count++] = input_of(l, k);
    ad_adjoint_masked(l->body, l->from.data, l->by.data, (uint32_t)l->from.count, wrt, count, out, may_mask(l));
    count = 0;
    for (uint32_t k = 0; k < l->inputs; k++) {
        result[k] = TIR_NONE;
        made[k] = is_wanted(l, k) ? out[count++] : TIR_NONE;
    }
    uint32_t states = reverse_outputs(l, sum, made, result);
    if (!l->body->outputs.count) return;
    TirId loop = derivative_loop(l, states, !l->op->flag);
    for (uint32_t k = 0; k < l->inputs; k++)
        if (result[k] != TIR_NONE && ad->active[l->op->args[k]])
            ad_add(ad, l->op->args[k], tir_result(ad->f, loop, result[k], l->op->span), l->op->span);
}

void ad_vjp_result(Ad *ad, TirId id, const TirOp *op, TirId g) {
    TirId *sum = &(*results_of(ad, op->args[0]))[op->integer];
    *sum = *sum == TIR_NONE ? g : ad_map2(ad, TIR_ADD, op->span, *sum, g);
    ad->derivative[op->args[0]] = g; /* any: the loop is visited */
}

void ad_vjp_loop(Ad *ad, TirId id, const TirOp *op, TirId g) {
    Rounds l = rounds_begin(ad, id, op);
    for (uint32_t k = 0; k < l.inputs; k++) l.moving[k] = ad->active[op->args[k]] && is_real(&l, input_of(&l, k));
    moving_find(&l);
    useful_find(&l);
    bool any = false;
    for (uint32_t k = 0; k < l.outputs; k++) any |= l.useful[k];
    if (any) reverse_build(&l);
}

/* --- forward mode --- */

static TirId tangent_of(const Rounds *l, uint32_t k) {
    return l->ad->derivative[l->op->args[k]];
}

static void forward_inputs(Rounds *l) {
    TirFunction *f = l->ad->f;
    for (uint32_t k = 0; k < l->states; k++) {
        if (!l->moving[k]) continue;
        TirId init = spread(l, f, tangent_of(l, k), arg_axes(l, k));
        add_pair(l, input_of(l, k), body_input(l, init, ad_axes(l->ad, init)));
    }
    old_inputs(l);
    for (uint32_t k = l->states; k < l->inputs; k++) {
        if (!l->moving[k]) continue;
        TirId t = spread(l, f, tangent_of(l, k), arg_axes(l, k));
        TirAxes slice = tir_axes_minus(ad_axes(l->ad, t), tir_axes_one(l->op->axis));
        add_pair(l, input_of(l, k), body_input(l, t, slice));
    }
}

TirId ad_jvp_loop(Ad *ad, TirId id, const TirOp *op) {
    Rounds l = rounds_begin(ad, id, op);
    for (uint32_t k = 0; k < l.inputs; k++) l.moving[k] = tangent_of(&l, k) != TIR_NONE && is_real(&l, input_of(&l, k));
    moving_find(&l);
    TirId *of = ARENA_ARRAY(&ad->scratch, TirId, l.outputs), *out = ARENA_ARRAY(&ad->scratch, TirId, l.outputs);
    uint32_t *result = ARENA_ARRAY(&ad->scratch, uint32_t, l.outputs), states = 0;
    body_start(&l);
    forward_inputs(&l);
    for (uint32_t k = 0; k < l.outputs; k++) of[k] = output_of(&l, k);
    ad_tangent_masked(l.body, of, l.outputs, l.from.data, l.by.data, (uint32_t)l.from.count, out,
                      ad->masked[id] || ad_chooses(op->body));
    for (uint32_t k = 0; k < l.outputs; k++) {
        result[k] = TIR_NONE;
        bool state = k < l.states;
        if (state ? !l.moving[k] : out[k] == TIR_NONE) continue;
        result[k] = (uint32_t)l.body->outputs.count;
        body_output(&l, state ? spread(&l, l.body, out[k], arg_axes(&l, k)) : out[k]);
        states += state;
    }
    if (!l.body->outputs.count) return TIR_NONE;
    TirId loop = derivative_loop(&l, states, op->flag);
    for (uint32_t k = 0; k < l.outputs; k++)
        if (result[k] != TIR_NONE) ad->results[id][k] = tir_result(ad->f, loop, result[k], op->span);
    return TIR_NONE;
}

TirId ad_jvp_result(Ad *ad, TirId id, const TirOp *op) {
    return ad->results[op->args[0]] ? ad->results[op->args[0]][op->integer] : TIR_NONE;
}

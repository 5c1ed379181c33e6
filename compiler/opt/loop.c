/* Loops take and give only what somebody reads: results that nobody reads go, with the states and arguments that only
 * they need (the reverse of a loop asks for every state of every round, and most are not read); an argument that is
 * passed twice is passed once. Dead code goes too. */
#include "opt/rewrite.h"

typedef struct Trim {
    TirFunction *body;
    uint32_t states, inputs, outputs;
    bool *keep_output;
    uint32_t *input, *output; /* new numbers; TIR_NONE: gone */
} Trim;

/* What the kept outputs need; a state that is read needs its own new value. */
static void trim_mark(Trim *t, bool *live) {
    const TirFunction *body = t->body;
    for (bool grown = true; grown;) {
        grown = false;
        for (uint32_t k = 0; k < t->outputs; k++)
            if (t->keep_output[k]) live[body->outputs.data[k].value] = true;
        for (size_t v = body->ops.count; v-- > 0;)
            for (uint32_t a = 0; live[v] && a < body->ops.data[v].arg_count; a++)
                live[body->ops.data[v].args[a]] = true;
        for (uint32_t k = 0; k < t->states; k++) {
            if (t->keep_output[k] || !live[body->inputs.data[k].value]) continue;
            t->keep_output[k] = grown = true;
        }
    }
}

/* Input `k` and an earlier one always have the same value. */
static uint32_t trim_same(const Trim *t, const TirOp *loop, uint32_t k) {
    const TirPort *port = t->body->inputs.data;
    for (uint32_t i = t->states; i < k && k >= t->states; i++)
        if (loop->args[i] == loop->args[k] && port[i].value < port[k].value) return i;
    return TIR_NONE;
}

static void trim_ports(Trim *t, TirOp *loop, const bool *live, TirId *map) {
    TirFunction *body = t->body;
    uint32_t inputs = 0, outputs = 0, states = 0;
    TirId *args = ARENA_ARRAY(body->arena, TirId, loop->arg_count);
    for (uint32_t k = 0; k < t->inputs; k++) {
        TirPort port = body->inputs.data[k];
        t->input[k] = TIR_NONE;
        uint32_t same = trim_same(t, loop, k);
        if (same != TIR_NONE) {
            map[port.value] = body->inputs.data[same].value;
            continue;
        }
        if (k < t->states ? !t->keep_output[k] : !live[port.value]) continue;
        t->input[k] = inputs++;
        args[t->input[k]] = loop->args[k];
    }
    for (uint32_t k = 0; k < t->outputs; k++) {
        t->output[k] = t->keep_output[k] ? outputs++ : TIR_NONE;
        if (k < t->states && t->keep_output[k]) states++;
    }
    loop->args = args;
    loop->arg_count = inputs;
    loop->integer = states;
}

/* Puts back what is live, with the arguments that became one. */
static void trim_body(Trim *t, const bool *live, const TirId *merged) {
    TirFunction *body = t->body;
    Rewrite w;
    rewrite_begin(&w, body);
    for (TirId v = 0; v < w.old_count; v++) {
        if (merged[v] != v) {
            w.map[v] = w.map[merged[v]];
            continue;
        }
        if (w.old[v].op == TIR_INPUT ? t->input[w.old[v].integer] == TIR_NONE : !live[v]) continue;
        TirOp op = rewrite_operation(&w, v);
        if (op.op == TIR_INPUT) op.integer = t->input[op.integer];
        w.map[v] = rewrite_append(body, op);
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < t->inputs; k++)
        if (t->input[k] != TIR_NONE) {
            body->inputs.data[count] = body->inputs.data[k];
            body->inputs.data[count].index = count;
            count++;
        }
    body->inputs.count = count;
    count = 0;
    for (uint32_t k = 0; k < t->outputs; k++)
        if (t->output[k] != TIR_NONE) {
            body->outputs.data[count] = body->outputs.data[k];
            body->outputs.data[count].index = count;
            count++;
        }
    body->outputs.count = count;
    rewrite_end(&w);
}

/* The loop `id`; `read` tells which of its results are read. Gives the new numbers of the results. */
static uint32_t *loop_trim(Arena *scratch, TirFunction *f, TirId id, bool *read) {
    TirOp *loop = &f->ops.data[id];
    TirFunction *body = loop->body;
    Trim t = {.body = body,
              .states = (uint32_t)loop->integer,
              .inputs = loop->arg_count,
              .outputs = (uint32_t)body->outputs.count,
              .keep_output = read};
    t.input = ARENA_ARRAY(scratch, uint32_t, t.inputs + 1);
    t.output = ARENA_ARRAY(scratch, uint32_t, t.outputs + 1);
    bool *live = ARENA_ARRAY(scratch, bool, body->ops.count + 1);
    TirId *merged = ARENA_ARRAY(scratch, TirId, body->ops.count + 1);
    for (TirId v = 0; v < body->ops.count; v++) merged[v] = v;
    /* a merged argument is live where any of its copies is */
    trim_mark(&t, live);
    for (uint32_t k = t.states; k < t.inputs; k++) {
        uint32_t same = trim_same(&t, loop, k);
        if (same != TIR_NONE && live[body->inputs.data[k].value]) live[body->inputs.data[same].value] = true;
    }
    trim_ports(&t, loop, live, merged);
    trim_body(&t, live, merged);
    return t.output;
}

/* From the last operation on, so that a loop that gets smaller reads less of the loops before it. */
void opt_loop(TirFunction *f) {
    Arena scratch = {0};
    bool *live = ARENA_ARRAY(&scratch, bool, f->ops.count + 1);
    bool **read = ARENA_ARRAY(&scratch, bool *, f->ops.count + 1);
    uint32_t **number = ARENA_ARRAY(&scratch, uint32_t *, f->ops.count + 1);
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].body) read[v] = ARENA_ARRAY(&scratch, bool, f->ops.data[v].body->outputs.count + 1);
    for (size_t i = 0; i < f->outputs.count; i++) live[f->outputs.data[i].value] = true;
    for (size_t v = f->ops.count; v-- > 0;) {
        TirOp *op = &f->ops.data[v];
        if (!live[v]) continue;
        if (op->op == TIR_RESULT) read[op->args[0]][op->integer] = true;
        if (op->op == TIR_LOOP) {
            number[v] = loop_trim(&scratch, f, (TirId)v, read[v]);
            op->type = op->body->ops.data[op->body->outputs.data[0].value].type;
            op->axes = tir_result_axes(op, 0);
        }
        for (uint32_t k = 0; k < op->arg_count; k++) live[op->args[k]] = true;
    }
    for (size_t v = 0; v < f->ops.count; v++) {
        TirOp *op = &f->ops.data[v];
        if (live[v] && op->op == TIR_RESULT) op->integer = number[op->args[0]][op->integer];
    }
    opt_bodies(f, opt_loop);
    opt_dce(f);
    arena_free(&scratch);
}

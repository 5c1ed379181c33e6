/* Reverse-mode differentiation, tensor IR to tensor IR. Walks the operations backwards from a value and lets the rule
 * of each (vjp.c) pass its cotangent on to its arguments. Only operations between a wanted value and that one are
 * visited. The derivative is made of ordinary operations, appended to the function, so it can be differentiated again.
 * Leaves the value of every existing output as it was. */
#include "ad/reverse.h"

static AdRule *const rules[] = {
#define TIR_OP(NAME, text, arity, shape, type, flags, vjp, cost) [TIR_##NAME] = ad_vjp_##vjp,
#include "tir/tir_ops.def"
#undef TIR_OP
};
_Static_assert(sizeof rules / sizeof *rules == TIR_OPCODE_COUNT, "every operation has a rule");

bool ad_differentiable(const TirOp *op) {
    return (op->type == TIR_REAL || op->op == TIR_LOOP) && rules[op->op] != ad_vjp_none && rules[op->op] != ad_vjp_zero;
}

/* Whether a derivative goes through `op`: of a custom operation, only through what its slopes belong to. */
static bool depends_on_active(const Reverse *r, const TirOp *op) {
    bool custom = op->op == TIR_CUSTOM;
    for (uint32_t k = custom ? 1 : 0; k < op->arg_count; k += custom ? 2 : 1)
        if (r->active[op->args[k]]) return true;
    return false;
}

/* `wrt` and what depends on them. */
static void activity_find(Reverse *r, const TirId *wrt, uint32_t count) {
    const TirFunction *f = r->f;
    r->first = r->primal_count;
    for (uint32_t i = 0; i < count; i++) {
        r->leaf[wrt[i]] = r->active[wrt[i]] = true;
        if (wrt[i] < r->first) r->first = wrt[i];
    }
    for (size_t v = r->first; v < r->primal_count; v++) {
        const TirOp *op = &f->ops.data[v];
        if (ad_differentiable(op) && depends_on_active(r, op)) r->active[v] = true;
    }
}

/* Finds what may sit in a branch that is not taken. shows(v) is the set of values u for which "u is not finite" shows
 * in v: v itself, what its arguments show, but of a choice between two only what both show. What `of` does not show
 * is masked. (A leaky rectifier max(z, z/10) thus masks nothing that leads to z.) Bit sets of active values, which
 * start at the first one. */
static void masked_find(Reverse *r, Arena *scratch, const TirId *of, uint32_t of_count, size_t end) {
    const size_t first = r->first;
    size_t words = (r->primal_count + 63) / 64;
    uint64_t **shows = ARENA_ARRAY(scratch, uint64_t *, r->primal_count), *none = ARENA_ARRAY(scratch, uint64_t, words);
    for (size_t v = 0; v < end; v++) {
        const TirOp *op = &r->f->ops.data[v];
        shows[v] = none;
        if (!r->active[v]) continue;
        size_t bit = v - first;
        uint64_t *set = shows[v] = ARENA_ARRAY(scratch, uint64_t, bit / 64 + 1);
        set[bit / 64] |= UINT64_C(1) << bit % 64;
        bool choice = op->op == TIR_SELECT || op->op == TIR_MAX || op->op == TIR_MIN;
        if (r->leaf[v] || op->op == TIR_GATHER || op->op == TIR_SLICE || op->op == TIR_REDUCE_MAX) continue;
        if (op->op == TIR_LOOP && ad_chooses(op->body)) continue;
        const TirId *args = op->op == TIR_SELECT ? op->args + 1 : op->args;
        if (choice) {
            TirId low = args[0] < args[1] ? args[0] : args[1];
            for (size_t k = 0; low >= first && k <= (low - first) / 64; k++)
                set[k] |= shows[args[0]][k] & shows[args[1]][k];
            continue;
        }
        uint32_t count = op->op == TIR_CUSTOM ? 1 : op->arg_count;
        for (uint32_t a = 0; a < count; a++)
            for (size_t k = 0; args[a] >= first && k <= (args[a] - first) / 64; k++) set[k] |= shows[args[a]][k];
    }
    for (size_t v = first; v < end; v++) {
        size_t bit = v - first;
        bool seen = false;
        for (uint32_t i = 0; i < of_count && !seen; i++)
            seen = v <= of[i] && r->active[of[i]] && shows[of[i]][bit / 64] >> bit % 64 & 1;
        r->masked[v] = r->active[v] && !seen;
    }
}

bool ad_op_singular(const TirFunction *f, const TirOp *op) {
    switch (op->op) {
    case TIR_EXP:
    case TIR_EXPM1:
    case TIR_LOG:
    case TIR_LOG1P:
    case TIR_SQRT:
    case TIR_POW:
    case TIR_LGAMMA:
    case TIR_POLYGAMMA:
    case TIR_LOOP: return true;
    case TIR_INPUT: return f->inputs.data[op->integer].role == TIR_PORT_ROUND;
    case TIR_DIV: {
        const TirOp *divisor = &f->ops.data[op->args[1]];
        return divisor->op != TIR_CONST || divisor->real == 0;
    }
    default: return false;
    }
}

static void tame_find(Reverse *r) {
    for (size_t v = 0; v < r->primal_count; v++) {
        const TirOp *op = &r->f->ops.data[v];
        r->tame[v] = op->type != TIR_REAL || !ad_op_singular(r->f, op);
        for (uint32_t k = 0; k < op->arg_count && op->type == TIR_REAL; k++) r->tame[v] &= r->tame[op->args[k]];
    }
}

void ad_add(Reverse *r, TirId arg, TirId c, Span span) {
    if (!r->active[arg]) return;
    TirId *sum = &r->cotangent[arg];
    *sum = *sum == TIR_NONE ? c : tir_map(r->f, TIR_ADD, span, *sum, c, TIR_NONE);
}

void ad_add_summed(Reverse *r, TirId arg, TirId c, TirAxes axes, Span span) {
    if (!r->active[arg]) return;
    TirFunction *f = r->f;
    TirAxes lacking = tir_axes_minus(tir_axes_union(axes, f->ops.data[c].axes), f->ops.data[arg].axes);
    TirAxes summed = tir_axes_both(lacking, f->ops.data[c].axes);
    TirAxes constant = tir_axes_minus(lacking, f->ops.data[c].axes);
    if (summed.count > 0) c = tir_sum(f, c, summed, span);
    /* along an axis that the cotangent lacks, too, the sum is a product with the axis' length */
    double size = 1;
    for (uint32_t k = 0; k < constant.count; k++) {
        const TirAxis *axis = &f->axes.data[constant.id[k]];
        if (axis->size >= 0) {
            size *= (double)axis->size;
        } else {
            TirId extent = tir_map(f, TIR_TO_REAL, span, tir_extent(f, constant.id[k], span), TIR_NONE, TIR_NONE);
            c = tir_map(f, TIR_MUL, span, c, extent, TIR_NONE);
        }
    }
    if (size != 1) c = tir_map(f, TIR_MUL, span, c, tir_real(f, size, span), TIR_NONE);
    ad_add(r, arg, c, span);
}

static void cotangents_propagate(Reverse *r, size_t end) {
    for (size_t v = end; v-- > r->first;) {
        if (!r->active[v] || r->leaf[v] || r->cotangent[v] == TIR_NONE) continue;
        TirOp op = r->f->ops.data[v]; /* a copy: rules append operations */
        rules[op.op](r, (TirId)v, &op, r->cotangent[v]);
    }
}

void ad_adjoint(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt, uint32_t count,
                TirId *out) {
    ad_adjoint_masked(f, of, seed, of_count, wrt, count, out, false);
}

void ad_adjoint_masked(TirFunction *f, const TirId *of, const TirId *seed, uint32_t of_count, const TirId *wrt,
                       uint32_t count, TirId *out, bool masked) {
    Arena scratch = {0};
    Reverse r = {.f = f, .primal_count = f->ops.count};
    r.active = ARENA_ARRAY(&scratch, bool, r.primal_count);
    r.leaf = ARENA_ARRAY(&scratch, bool, r.primal_count);
    r.masked = ARENA_ARRAY(&scratch, bool, r.primal_count);
    r.tame = ARENA_ARRAY(&scratch, bool, r.primal_count);
    r.results = ARENA_ARRAY(&scratch, TirId *, r.primal_count);
    r.cotangent = ARENA_ARRAY(&scratch, TirId, r.primal_count);
    for (size_t v = 0; v < r.primal_count; v++) r.cotangent[v] = TIR_NONE;
    activity_find(&r, wrt, count);
    size_t end = 0;
    for (uint32_t i = 0; i < of_count; i++) {
        ad_add(&r, of[i], seed[i], f->ops.data[of[i]].span);
        if (r.active[of[i]] && of[i] >= end) end = (size_t)of[i] + 1;
    }
    if (end > 0) {
        if (masked)
            for (size_t v = 0; v < end; v++) r.masked[v] = r.active[v];
        else
            masked_find(&r, &scratch, of, of_count, end);
        tame_find(&r);
        cotangents_propagate(&r, end);
    }
    for (uint32_t i = 0; i < count; i++) {
        TirOp leaf = f->ops.data[wrt[i]];
        out[i] = r.cotangent[wrt[i]];
        if (out[i] != TIR_NONE && !tir_axes_equal(f->ops.data[out[i]].axes, leaf.axes))
            out[i] = tir_broadcast(f, out[i], leaf.axes, leaf.span);
    }
    arena_free(&scratch);
}

void ad_gradient(TirFunction *f, uint32_t loss_output, const uint32_t *inputs, uint32_t count) {
    TirPort loss = f->outputs.data[loss_output];
    Span span = f->ops.data[loss.value].span;
    if (f->ops.data[loss.value].type != TIR_REAL || f->ops.data[loss.value].axes.count != 0)
        tir_fail(f, loss.value, "the derivative of something that is not a real scalar");
    Arena scratch = {0};
    TirId *wrt = ARENA_ARRAY(&scratch, TirId, count + 1), *out = ARENA_ARRAY(&scratch, TirId, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        TirPort port = f->inputs.data[inputs[i]];
        if (port.value == TIR_NONE) tir_fail(f, TIR_NONE, "the derivative by input %s, which has no value", port.name);
        wrt[i] = port.value;
    }
    TirId seed = tir_real(f, 1, span);
    ad_adjoint(f, &loss.value, &seed, 1, wrt, count, out);
    for (uint32_t i = 0; i < count; i++) {
        TirPort port = f->inputs.data[inputs[i]];
        TirOp input = f->ops.data[port.value];
        TirId g = out[i] == TIR_NONE ? tir_real(f, 0, input.span) : out[i];
        if (out[i] == TIR_NONE && input.axes.count) g = tir_broadcast(f, g, input.axes, input.span);
        tir_output(f, TIR_PORT_GRADIENT, port.index, arena_format(f->arena, "d%s_d%s", loss.name, port.name), g);
    }
    arena_free(&scratch);
}

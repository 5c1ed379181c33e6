/* Puts axes that nobody outside sees into an order that suits sums of products. An axis' number is its place in memory
 * (the highest is contiguous), and numbers follow the order in which a model happens to name things: in
 *   [[sum(w[o, c, k] * x[c, i + k] for c ... for k ...) for i ...] for o ...]
 * the summed axes c and k would be innermost, and with few values each they make short loops. Here the axes that the
 * row-wise factor keeps (i) come last and the summed ones before them, so that the innermost loop runs along rows of
 * the result. Axes of inputs, outputs, draws, flattened arrays and bodies of loops, whose order has a meaning, and
 * batch axes stay. Products of rows by a matrix are left alone: the scheduler has a kernel for those. Run before
 * differentiation, which keeps the order. */
#include "opt/rewrite.h"
#include "tir/infer.h"

typedef enum Place { PLACE_ANY, PLACE_EARLY, PLACE_LATE, PLACE_FIXED } Place;

static void place_axes(Place *place, TirAxes axes, Place wanted) {
    for (uint32_t k = 0; k < axes.count; k++) {
        Place *p = &place[axes.id[k]];
        if (*p == PLACE_FIXED || *p == wanted) continue;
        *p = *p == PLACE_ANY || wanted == PLACE_FIXED ? wanted : PLACE_FIXED; /* wanted at both ends: stays */
    }
}

static TirAxes batch_of(const TirFunction *f, TirAxes axes) {
    TirAxes batch = tir_axes_none();
    for (uint32_t k = 0; k < axes.count; k++)
        if (f->axes.data[axes.id[k]].batch) batch = tir_axes_add(batch, axes.id[k]);
    return batch;
}

static void place_dot(const TirFunction *f, const TirOp *op, Place *place) {
    for (int k = 0; k < 2; k++) {
        TirAxes rows = f->ops.data[op->args[k]].axes, other = f->ops.data[op->args[1 - k]].axes;
        TirAxes batch = batch_of(f, rows), kept = tir_axes_minus(tir_axes_minus(rows, batch), op->attr_axes);
        TirAxes summed = tir_axes_minus(op->attr_axes, batch);
        kept = tir_axes_minus(kept, other);
        if (batch.count == 0 || kept.count == 0 || batch_of(f, other).count > 0) continue;
        place_axes(place, summed, PLACE_EARLY);
        place_axes(place, kept, PLACE_LATE);
    }
}

/* The axes of a loop's body have the same numbers as outside. */
static void place_body(const TirFunction *body, Place *place) {
    for (size_t v = 0; v < body->ops.count; v++) {
        const TirOp *op = &body->ops.data[v];
        unsigned attrs = tir_op_attrs(op->op);
        place_axes(place, op->axes, PLACE_FIXED);
        place_axes(place, op->attr_axes, PLACE_FIXED);
        if (attrs & TIR_ATTR_AXIS) place_axes(place, tir_axes_one(op->axis), PLACE_FIXED);
        if (attrs & TIR_ATTR_AXIS2) place_axes(place, tir_axes_one(op->axis2), PLACE_FIXED);
        if (op->body) place_body(op->body, place);
    }
}

/* to[a]: the new number of axis a. The slots of all axes that move are filled with the early, then the late ones. */
static void number_axes(const TirFunction *f, const Place *place, TirAxisId *to) {
    TirAxisId slot = 0;
    for (TirAxisId a = 0; a < f->axes.count; a++) to[a] = a;
    for (Place part = PLACE_EARLY; part <= PLACE_LATE; part++)
        for (TirAxisId a = 0; a < f->axes.count; a++) {
            if (place[a] != part) continue;
            while (place[slot] != PLACE_EARLY && place[slot] != PLACE_LATE) slot++;
            to[a] = slot++;
        }
}

static TirAxes axes_renumber(TirAxes axes, const TirAxisId *to) {
    TirAxes renumbered = tir_axes_none();
    for (uint32_t k = 0; k < axes.count; k++) renumbered = tir_axes_add(renumbered, to[axes.id[k]]);
    return renumbered;
}

void opt_order(TirFunction *f) {
    Arena scratch = {0};
    Place *place = ARENA_ARRAY(&scratch, Place, f->axes.count + 1);
    TirAxisId *to = ARENA_ARRAY(&scratch, TirAxisId, f->axes.count + 1);
    for (TirAxisId a = 0; a < f->axes.count; a++)
        if (f->axes.data[a].batch) place[a] = PLACE_FIXED;
    for (size_t i = 0; i < f->outputs.count; i++)
        place_axes(place, f->ops.data[f->outputs.data[i].value].axes, PLACE_FIXED);
    for (size_t v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        if (op->op == TIR_INPUT || op->op == TIR_UNIFORM || op->op == TIR_PICK)
            place_axes(place, op->axes, PLACE_FIXED);
        if (op->op == TIR_FLATTEN) place_axes(place, op->attr_axes, PLACE_FIXED);
        if (!op->body) continue;
        place_axes(place, tir_axes_one(op->axis), PLACE_FIXED);
        place_body(op->body, place);
    }
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].op == TIR_DOT) place_dot(f, &f->ops.data[v], place);
    number_axes(f, place, to);
    TirAxis *before = arena_copy(&scratch, f->axes.data, f->axes.count * sizeof *before);
    for (TirAxisId a = 0; a < f->axes.count; a++) f->axes.data[to[a]] = before[a];
    for (size_t v = 0; v < f->ops.count; v++) {
        TirOp *op = &f->ops.data[v];
        unsigned attrs = tir_op_attrs(op->op);
        op->axes = axes_renumber(op->axes, to);
        op->attr_axes = axes_renumber(op->attr_axes, to);
        if (attrs & TIR_ATTR_AXIS) op->axis = to[op->axis];
        if (attrs & TIR_ATTR_AXIS2) op->axis2 = to[op->axis2];
        if (op->body) tir_body_axes(f, op->body);
    }
    arena_free(&scratch);
}

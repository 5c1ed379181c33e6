/* Puts axes that nobody outside sees into an order that suits products. An axis' number is its place in memory (the
 * highest is contiguous), and numbers follow the order in which a model happens to name things. Two wishes:
 *   rows times a matrix, [events, places, k] x [k, n]: n behind the places, so that the product is one of the kernels
 *     that the scheduler has for those; a convolution used twice has the places of the second use behind n otherwise
 *   any other sum of products of rows and something without rows, as in
 *       [[sum(w[o, c, k] * x[c, i + k] for c ... for k ...) for i ...] for o ...]
 *     what only the rows have (i) behind the rest, so that the innermost loop runs along rows of the result and not
 *     along the few values of c or k
 * and a renamed matrix keeps its layout. What must stay: the order among the axes of each input, output, draw and
 * flattened array, and of bodies of loops; batch axes stay before or behind all others as they are. A wish that
 * contradicts this, or an earlier wish, is dropped. Run before differentiation, which keeps the order. */
#include "opt/rewrite.h"
#include "tir/infer.h"

enum { MATRIX_LEAST = 4 }; /* below this a product by a matrix is no kernel of its own: schedule/classify.c */

/* before[a * count + b]: axis a comes before axis b. Transitive. */
typedef struct Order {
    const TirFunction *f;
    size_t count;
    bool *before;
} Order;

static void order_want(Order *o, TirAxisId a, TirAxisId b) {
    size_t n = o->count;
    if (a == b || o->before[b * n + a] || o->before[a * n + b]) return;
    for (size_t i = 0; i < n; i++) {
        if (i != a && !o->before[i * n + a]) continue;
        for (size_t j = 0; j < n; j++) o->before[i * n + j] |= j == b || o->before[b * n + j];
    }
}

static void order_keep(Order *o, TirAxes axes) {
    for (uint32_t k = 1; k < axes.count; k++) order_want(o, axes.id[k - 1], axes.id[k]);
}

static void order_want_all(Order *o, TirAxes first, TirAxes then) {
    for (uint32_t i = 0; i < first.count; i++)
        for (uint32_t k = 0; k < then.count; k++) order_want(o, first.id[i], then.id[k]);
}

static TirAxes batch_of(const TirFunction *f, TirAxes axes) {
    TirAxes batch = tir_axes_none();
    for (uint32_t k = 0; k < axes.count; k++)
        if (f->axes.data[axes.id[k]].batch) batch = tir_axes_add(batch, axes.id[k]);
    return batch;
}

static bool is_matrix(const TirFunction *f, TirAxes axes) {
    return axes.count == 2 && f->axes.data[axes.id[0]].size >= MATRIX_LEAST &&
           f->axes.data[axes.id[1]].size >= MATRIX_LEAST;
}

static void want_dot(Order *o, const TirOp *op) {
    const TirFunction *f = o->f;
    for (int k = 0; k < 2; k++) {
        TirAxes rows = f->ops.data[op->args[k]].axes, other = f->ops.data[op->args[1 - k]].axes;
        TirAxes kept = tir_axes_minus(tir_axes_minus(rows, batch_of(f, rows)), op->attr_axes);
        kept = tir_axes_minus(kept, other);
        if (batch_of(f, rows).count == 0 || kept.count == 0 || batch_of(f, other).count > 0) continue;
        bool matrix = op->attr_axes.count == 1 && is_matrix(f, other);
        if (matrix) { /* before k too: in the derivative by the rows it is what n is here */
            order_want_all(o, kept, tir_axes_minus(other, op->attr_axes));
            order_want_all(o, kept, op->attr_axes);
        } else
            order_want_all(o, tir_axes_union(other, tir_axes_minus(op->attr_axes, batch_of(f, rows))), kept);
    }
}

/* The new axis of a renamed matrix stands to the other one as the old one did. */
static void want_rename(Order *o, const TirOp *op) {
    TirAxes axes = o->f->ops.data[op->args[0]].axes;
    if (!is_matrix(o->f, axes)) return;
    if (axes.id[0] == op->axis)
        order_want(o, op->axis2, axes.id[1]);
    else
        order_want(o, axes.id[0], op->axis2);
}

/* The axes of a loop's body have the same numbers as outside. */
static void body_axes(const TirFunction *body, bool *used) {
    for (size_t v = 0; v < body->ops.count; v++) {
        const TirOp *op = &body->ops.data[v];
        unsigned attrs = tir_op_attrs(op->op);
        for (uint32_t k = 0; k < op->axes.count; k++) used[op->axes.id[k]] = true;
        for (uint32_t k = 0; k < op->attr_axes.count; k++) used[op->attr_axes.id[k]] = true;
        if (attrs & TIR_ATTR_AXIS) used[op->axis] = true;
        if (attrs & TIR_ATTR_AXIS2) used[op->axis2] = true;
        if (op->body) body_axes(op->body, used);
    }
}

static void keep_body(Order *o, const TirOp *loop, Arena *scratch) {
    bool *used = ARENA_ARRAY(scratch, bool, o->count + 1);
    used[loop->axis] = true;
    body_axes(loop->body, used);
    for (TirAxisId a = 0, last = TIR_NONE; a < o->count; a++) {
        if (!used[a]) continue;
        if (last != TIR_NONE) order_want(o, last, a);
        last = a;
    }
}

static void keep_all(Order *o, Arena *scratch) {
    const TirFunction *f = o->f;
    for (TirAxisId a = 0; a < o->count; a++)
        for (TirAxisId b = a + 1; b < o->count; b++)
            if (f->axes.data[a].batch || f->axes.data[b].batch) order_want(o, a, b);
    for (size_t i = 0; i < f->outputs.count; i++) order_keep(o, f->ops.data[f->outputs.data[i].value].axes);
    for (size_t v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        if (op->op == TIR_INPUT || op->op == TIR_UNIFORM || op->op == TIR_PICK) order_keep(o, op->axes);
        if (op->op == TIR_FLATTEN) order_keep(o, op->attr_axes);
        if (op->body) keep_body(o, op, scratch);
    }
}

/* to[a]: the new number of axis a. Axes that nothing moves keep their order. */
static void number_axes(const Order *o, bool *placed, TirAxisId *to) {
    for (TirAxisId next = 0; next < o->count; next++)
        for (TirAxisId a = 0; a < o->count; a++) {
            bool ready = !placed[a];
            for (TirAxisId b = 0; ready && b < o->count; b++) ready = placed[b] || !o->before[b * o->count + a];
            if (!ready) continue;
            placed[a] = true;
            to[a] = next;
            break;
        }
}

static TirAxes axes_renumber(TirAxes axes, const TirAxisId *to) {
    TirAxes renumbered = tir_axes_none();
    for (uint32_t k = 0; k < axes.count; k++) renumbered = tir_axes_add(renumbered, to[axes.id[k]]);
    return renumbered;
}

static void renumber(TirFunction *f, const TirAxisId *to) {
    for (size_t v = 0; v < f->ops.count; v++) {
        TirOp *op = &f->ops.data[v];
        unsigned attrs = tir_op_attrs(op->op);
        op->axes = axes_renumber(op->axes, to);
        op->attr_axes = axes_renumber(op->attr_axes, to);
        if (attrs & TIR_ATTR_AXIS) op->axis = to[op->axis];
        if (attrs & TIR_ATTR_AXIS2) op->axis2 = to[op->axis2];
        bool shared = false;
        for (size_t w = 0; w < v; w++) shared |= op->body && f->ops.data[w].body == op->body;
        if (op->body && !shared) renumber(op->body, to);
    }
}

void opt_order(TirFunction *f) {
    Arena scratch = {0};
    Order o = {.f = f, .count = f->axes.count};
    o.before = ARENA_ARRAY(&scratch, bool, o.count *o.count + 1);
    keep_all(&o, &scratch);
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].op == TIR_DOT) want_dot(&o, &f->ops.data[v]);
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].op == TIR_RENAME) want_rename(&o, &f->ops.data[v]);
    TirAxisId *to = ARENA_ARRAY(&scratch, TirAxisId, o.count + 1);
    number_axes(&o, ARENA_ARRAY(&scratch, bool, o.count + 1), to);
    TirAxis *before = arena_copy(&scratch, f->axes.data, f->axes.count * sizeof *before);
    for (TirAxisId a = 0; a < f->axes.count; a++) f->axes.data[to[a]] = before[a];
    renumber(f, to);
    for (size_t v = 0; v < f->ops.count; v++)
        if (f->ops.data[v].body) tir_body_axes(f, f->ops.data[v].body);
    arena_free(&scratch);
}

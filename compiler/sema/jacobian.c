/* The derivative of a number or an array by numbers and arrays, in whichever mode takes fewer directions.
 *
 * Values carry hidden axes (events, vectors, points) besides their dimensions, and every event is derived by itself:
 *   reverse  one adjoint for every element of the value, told apart along a new axis. Its sum over points is right only
 *            where the leaf has all hidden axes of the value, since each event's number depends on that event's leaf.
 *   forward  one tangent for every element of the leaves, told apart along a new axis; along hidden axes of a leaf it
 * is 1, so the value must have those. This is what derives a number of every event by a parameter. */
#include "sema/grad.h"

static TirAxes visible_axes(const Value *v) {
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < v->rank; i++)
        if (v->dim[i].axis != TIR_NONE) axes = tir_axes_add(axes, v->dim[i].axis);
    return axes;
}
static TirAxes hidden_axes(Elab *e, const Value *v) {
    return tir_axes_minus(value_axes(e, v), visible_axes(v));
}
static bool within(TirAxes inner, TirAxes outer) {
    return tir_axes_minus(inner, outer).count == 0;
}

static int64_t element_count(const Value *v) {
    int64_t count = 1;
    for (uint32_t i = 0; i < v->rank; i++) count *= v->dim[i].size;
    return count;
}

/* Where an element of `v` stands among all of them, the last dimension fastest, `first` for the first one. */
static TirId element_place(Elab *e, const Value *v, int64_t first, Span span) {
    TirFunction *f = e->context->f;
    TirId place = TIR_NONE;
    for (uint32_t i = 0; i < v->rank; i++) {
        if (v->dim[i].axis == TIR_NONE) continue;
        TirId next = tir_iota(f, v->dim[i].axis, span);
        if (place != TIR_NONE) {
            place = tir_map(f, TIR_MUL, span, place, tir_int(f, v->dim[i].size, span), TIR_NONE);
            next = tir_map(f, TIR_ADD, span, place, next, TIR_NONE);
        }
        place = next;
    }
    TirId start = tir_int(f, first, span);
    if (place == TIR_NONE) return start;
    return first ? tir_map(f, TIR_ADD, span, place, start, TIR_NONE) : place;
}

/* 1 for element `first`, `first` + 1 ... of `v` at that place along `axis`, else 0. */
static TirId unit_vectors(Elab *e, const Value *v, int64_t first, TirAxisId axis, Span span) {
    TirFunction *f = e->context->f;
    TirId one = tir_real(f, 1, span);
    if (axis == TIR_NONE) return one;
    TirId place = element_place(e, v, first, span);
    TirId here = tir_map(f, TIR_EQ, span, place, tir_iota(f, axis, span), TIR_NONE);
    return tir_map(f, TIR_SELECT, span, here, one, tir_real(f, 0, span));
}

/* The dimensions of `v` in place of the part of `axis` that starts at `first`: its own axes where `id` does not have
 * them, else new ones. They are appended to `dim`. */
static TirId take_dimensions(Elab *e, TirId id, TirAxisId axis, int64_t first, const Value *v, Dim *dim, uint32_t *rank,
                             Span span) {
    TirFunction *f = e->context->f;
    uint32_t long_ones = 0;
    for (uint32_t i = 0; i < v->rank; i++) long_ones += v->dim[i].size > 1;
    bool all = axis == TIR_NONE || f->axes.data[axis].size == element_count(v);
    Value there = *v;
    for (uint32_t i = 0; i < v->rank; i++) {
        if (v->dim[i].size == 1) continue;
        if (all && long_ones == 1)
            there.dim[i].axis = axis;
        else if (tir_axes_has(f->ops.data[id].axes, v->dim[i].axis))
            there.dim[i] = dim_new(e, "by", v->dim[i].size);
    }
    for (uint32_t i = 0; i < v->rank; i++) dim[(*rank)++] = there.dim[i];
    if (axis == TIR_NONE || (all && long_ones == 1)) return id;
    if (!long_ones) return tir_slice(f, id, axis, first, span);
    return tir_gather(f, id, element_place(e, &there, first, span), axis, span);
}

static TirId zeros(Elab *e, TirAxes axes, Span span) {
    return id_broadcast(e, tir_real(e->context->f, 0, span), axes, span);
}

static Value part_value(Elab *e, TirId id, const Dim *dim, uint32_t rank, const Value *of, const Value *leaf,
                        Span span) {
    Value v = value_tensor(e, id, dim, rank, span);
    unit_product(e, of->unit, leaf->unit, -1, &v.unit);
    return v;
}

static bool derive_reverse(Elab *e, const Value *of, const Leaves *leaves, Value *parts, Span span) {
    TirFunction *f = e->context->f;
    const uint32_t count = (uint32_t)leaves->values.count;
    TirId *wrt = ARENA_ARRAY(e->arena, TirId, count), *out = ARENA_ARRAY(e->arena, TirId, count);
    for (uint32_t j = 0; j < count; j++) wrt[j] = leaves->values.data[j].id;
    TirAxisId axis = dim_new(e, "row", element_count(of)).axis;
    TirId seed = unit_vectors(e, of, 0, axis, span);
    ad_adjoint(f, &of->id, &seed, 1, wrt, count, out);
    bool found = false;
    for (uint32_t j = 0; j < count; j++) {
        const Value *leaf = &leaves->values.data[j];
        Dim dim[2 * TIR_MAX_AXES];
        uint32_t rank = 0;
        found |= out[j] != TIR_NONE;
        TirAxes axes = value_axes(e, leaf);
        if (out[j] == TIR_NONE) out[j] = zeros(e, axis == TIR_NONE ? axes : tir_axes_add(axes, axis), span);
        TirId id = take_dimensions(e, out[j], axis, 0, of, dim, &rank, span);
        for (uint32_t i = 0; i < leaf->rank; i++) dim[rank++] = leaf->dim[i];
        parts[j] = part_value(e, id, dim, rank, of, leaf, span);
    }
    return found;
}

static bool derive_forward(Elab *e, const Value *of, const Leaves *leaves, Value *parts, Value *whole, Span span) {
    TirFunction *f = e->context->f;
    const uint32_t count = (uint32_t)leaves->values.count;
    TirId *wrt = ARENA_ARRAY(e->arena, TirId, count), *along = ARENA_ARRAY(e->arena, TirId, count), out;
    int64_t *first = ARENA_ARRAY(e->arena, int64_t, (size_t)count + 1);
    for (uint32_t j = 0; j < count; j++) first[j + 1] = first[j] + element_count(&leaves->values.data[j]);
    TirAxisId axis = dim_new(e, "column", first[count]).axis;
    bool alike = count > 1;
    for (uint32_t j = 0; j < count; j++) {
        const Value *leaf = &leaves->values.data[j];
        wrt[j] = leaf->id;
        along[j] = unit_vectors(e, leaf, first[j], axis, span);
        alike &= leaf->rank == 0 && leaf->unit == leaves->values.data[0].unit;
    }
    ad_tangent(f, &of->id, 1, wrt, along, count, &out);
    bool found = out != TIR_NONE;
    TirAxes axes = value_axes(e, of);
    if (!found) out = zeros(e, axis == TIR_NONE ? axes : tir_axes_add(axes, axis), span);
    Dim dim[2 * TIR_MAX_AXES + 1];
    for (uint32_t i = 0; i < of->rank; i++) dim[i] = of->dim[i];
    if (alike) {
        dim[of->rank] = (Dim){count, axis};
        *whole = part_value(e, out, dim, of->rank + 1, of, &leaves->values.data[0], span);
    }
    for (uint32_t j = 0; j < count && !alike; j++) {
        const Value *leaf = &leaves->values.data[j];
        uint32_t rank = of->rank;
        TirId id = take_dimensions(e, out, axis, first[j], leaf, dim, &rank, span);
        parts[j] = part_value(e, id, dim, rank, of, leaf, span);
    }
    return found;
}

/* The most axes of a value from the first leaf to `of`. */
static uint32_t most_axes(Elab *e, const Value *of, const Leaves *leaves) {
    TirId first = of->id;
    uint32_t most = 0;
    for (size_t j = 0; j < leaves->values.count; j++)
        if (leaves->values.data[j].id < first) first = leaves->values.data[j].id;
    for (TirId v = first; v <= of->id; v++) {
        uint32_t count = e->context->f->ops.data[v].axes.count;
        if (count > most) most = count;
    }
    return most;
}

static bool too_many_axes(Elab *e, const Value *of, const Leaves *leaves, bool directions) {
    uint32_t hidden = hidden_axes(e, of).count;
    for (size_t j = 0; j < leaves->values.count; j++) {
        const Value *leaf = &leaves->values.data[j];
        uint32_t more = tir_axes_minus(hidden_axes(e, leaf), hidden_axes(e, of)).count;
        if (hidden + more + of->rank + leaf->rank > TIR_MAX_AXES) return true;
    }
    return directions && most_axes(e, of, leaves) == TIR_MAX_AXES;
}

Derivability value_derive(Elab *e, const Value *of, const Leaves *leaves, Value *parts, Value *whole, Span span) {
    bool reverse = true, forward = true;
    int64_t by = 0;
    for (size_t j = 0; j < leaves->values.count; j++) {
        const Value *leaf = &leaves->values.data[j];
        reverse &= within(hidden_axes(e, of), hidden_axes(e, leaf));
        forward &= within(hidden_axes(e, leaf), hidden_axes(e, of));
        by += element_count(leaf);
    }
    if (!reverse && !forward) return DERIVED_MIXED;
    reverse &= !forward || element_count(of) <= by;
    if (too_many_axes(e, of, leaves, (reverse ? element_count(of) : by) > 1)) return DERIVED_LARGE;
    if (reverse) return derive_reverse(e, of, leaves, parts, span) ? DERIVED : DERIVED_NOT;
    return derive_forward(e, of, leaves, parts, whole, span) ? DERIVED : DERIVED_NOT;
}

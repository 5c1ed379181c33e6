/* Axis sets: small ascending arrays of axis ids, passed by value. */
#include <stdio.h>
#include <stdlib.h>

#include "tir/infer.h"

TirAxes tir_axes_none(void) {
    return (TirAxes){0};
}

TirAxes tir_axes_one(TirAxisId axis) {
    return (TirAxes){.count = 1, .id = {axis}};
}

bool tir_axes_has(TirAxes axes, TirAxisId axis) {
    for (uint32_t i = 0; i < axes.count; i++)
        if (axes.id[i] == axis) return true;
    return false;
}

TirAxes tir_axes_add(TirAxes axes, TirAxisId axis) {
    if (tir_axes_has(axes, axis)) return axes;
    if (axes.count == TIR_MAX_AXES) {
        fprintf(stderr, "internal error: a value with more than %d axes\n", TIR_MAX_AXES);
        abort();
    }
    uint32_t at = axes.count++;
    for (; at > 0 && axes.id[at - 1] > axis; at--) axes.id[at] = axes.id[at - 1];
    axes.id[at] = axis;
    return axes;
}

TirAxes tir_axes_union(TirAxes a, TirAxes b) {
    for (uint32_t i = 0; i < b.count; i++) a = tir_axes_add(a, b.id[i]);
    return a;
}

TirAxes tir_axes_minus(TirAxes a, TirAxes b) {
    TirAxes left = {0};
    for (uint32_t i = 0; i < a.count; i++)
        if (!tir_axes_has(b, a.id[i])) left.id[left.count++] = a.id[i];
    return left;
}

TirAxes tir_axes_both(TirAxes a, TirAxes b) {
    TirAxes both = {0};
    for (uint32_t i = 0; i < a.count; i++)
        if (tir_axes_has(b, a.id[i])) both.id[both.count++] = a.id[i];
    return both;
}

bool tir_axes_equal(TirAxes a, TirAxes b) {
    if (a.count != b.count) return false;
    for (uint32_t i = 0; i < a.count; i++)
        if (a.id[i] != b.id[i]) return false;
    return true;
}

const char *tir_axes_check(const TirFunction *f, TirAxes axes) {
    if (axes.count > TIR_MAX_AXES) return "too many axes";
    for (uint32_t i = 0; i < axes.count; i++) {
        if (axes.id[i] >= f->axes.count) return "no such axis";
        if (i && axes.id[i] <= axes.id[i - 1]) return "axes are not ascending";
    }
    return NULL;
}

bool tir_axis_same_size(const TirFunction *f, TirAxisId a, TirAxisId b) {
    const TirAxis *x = &f->axes.data[a], *y = &f->axes.data[b];
    return x->size == y->size && (x->size >= 0 || x->data == y->data);
}

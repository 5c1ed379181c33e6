/* A function of fewer rows. Batch axes become short, and with them what is renamed from them or made of them; axes that
 * inputs other than columns have, and those that are taken apart or put together one by one, stay as they are. Indices
 * into a shorter axis are clamped, as ever. Constants stay: a mean over rows that was folded to a division by a number
 * is then a sum over another number, so the function is another one, of the same operations. */
#include <string.h>

#include "tir/tir.h"

typedef struct Shrink {
    const TirFunction *f;
    int64_t *size; /* [axes] to be */
    bool *kept;    /* [axes] as it is */
    bool changed;
    bool strict; /* what disagrees is kept, so that this comes to an end */
} Shrink;

static void axis_keep(Shrink *s, TirAxisId axis) {
    if (s->kept[axis]) return;
    s->kept[axis] = s->changed = true;
    s->size[axis] = s->f->axes.data[axis].size;
}

static void axis_set(Shrink *s, TirAxisId axis, int64_t size) {
    if (s->size[axis] == size) return;
    s->size[axis] = size;
    s->changed = true;
}

static void axes_keep(Shrink *s, TirAxes axes) {
    for (uint32_t i = 0; i < axes.count; i++) axis_keep(s, axes.id[i]);
}

/* Both are equally long. */
static void rename_agree(Shrink *s, TirAxisId a, TirAxisId b) {
    if (s->size[a] == s->size[b]) return;
    if (s->strict || s->kept[a] || s->kept[b]) {
        axis_keep(s, a);
        axis_keep(s, b);
        return;
    }
    int64_t size = s->size[a] < s->size[b] ? s->size[a] : s->size[b];
    axis_set(s, a, size);
    axis_set(s, b, size);
}

/* The axis is as long as its parts together. */
static void flatten_agree(Shrink *s, const TirOp *op) {
    int64_t size = 1;
    bool known = s->size[op->axis] >= 0;
    for (uint32_t i = 0; i < op->attr_axes.count; i++) {
        known &= s->size[op->attr_axes.id[i]] >= 0;
        size *= s->size[op->attr_axes.id[i]];
    }
    if (known && size == s->size[op->axis]) return;
    if (known && !s->strict && !s->kept[op->axis]) {
        axis_set(s, op->axis, size);
        return;
    }
    axis_keep(s, op->axis);
    axes_keep(s, op->attr_axes);
}

static void ops_agree(Shrink *s, const TirFunction *f) {
    for (size_t i = 0; i < f->ops.count; i++) {
        const TirOp *op = &f->ops.data[i];
        if (op->body) ops_agree(s, op->body);
        if (op->op == TIR_STACK || op->op == TIR_SLICE) axis_keep(s, op->axis);
        if (op->op == TIR_RENAME) rename_agree(s, op->axis, op->axis2);
        if (op->op == TIR_FLATTEN) flatten_agree(s, op);
        if (op->op != TIR_INPUT) continue;
        TirPortRole role = f->inputs.data[op->integer].role;
        if (role != TIR_PORT_COLUMN && role != TIR_PORT_ROUND) axes_keep(s, op->axes);
    }
}

/* Whether bodies know the axes under the same numbers, and no others. */
static bool axes_shared(const TirFunction *f, const TirFunction *body) {
    if (body->axes.count > f->axes.count) return false;
    for (size_t i = 0; i < body->axes.count; i++)
        if (strcmp(body->axes.data[i].name, f->axes.data[i].name) != 0) return false;
    for (size_t i = 0; i < body->ops.count; i++)
        if (body->ops.data[i].body && !axes_shared(f, body->ops.data[i].body)) return false;
    return true;
}

static void sizes_write(TirFunction *f, const int64_t *size) {
    for (size_t i = 0; i < f->axes.count; i++) f->axes.data[i].size = size[i];
    for (size_t i = 0; i < f->ops.count; i++)
        if (f->ops.data[i].body) sizes_write(f->ops.data[i].body, size);
}

void tir_shrink(TirFunction *f, int64_t rows) {
    enum { ROUNDS = 16 };
    if (!axes_shared(f, f)) return;
    Arena scratch = {0};
    Shrink s = {.f = f, .changed = true};
    s.size = ARENA_ARRAY(&scratch, int64_t, f->axes.count + 1);
    s.kept = ARENA_ARRAY(&scratch, bool, f->axes.count + 1);
    for (size_t i = 0; i < f->axes.count; i++) {
        const TirAxis *axis = &f->axes.data[i];
        s.size[i] = axis->batch && axis->size > rows ? rows : axis->size;
    }
    for (int round = 0; s.changed; round++) {
        s.changed = false;
        s.strict = round >= ROUNDS;
        ops_agree(&s, f);
    }
    sizes_write(f, s.size);
    arena_free(&scratch);
}

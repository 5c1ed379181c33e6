/* Values of elaboration: making them, showing them, and turning numbers and lists into tensors when an operation needs
 * them as such. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sema/measure.h"

Value value_poison(void) {
    return (Value){.kind = VALUE_POISON};
}

Value value_number(double number, Span span) {
    return (Value){.kind = VALUE_NUMBER, .type = TIR_REAL, .number = number, .span = span};
}

Value value_int(double number, Span span) {
    return (Value){.kind = VALUE_NUMBER, .type = TIR_INT, .number = number, .span = span};
}

Value value_bool(bool truth, Span span) {
    return (Value){.kind = VALUE_NUMBER, .type = TIR_BOOL, .number = truth, .span = span};
}

/* Bytes of memory of this machine; where that is not known, more than any has. */
static double machine_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (double)pages * (double)size : 0x1p50;
}

/* No value may be larger, in f64, than the machine's memory. */
static void check_volume(Elab *e, TirId id, Span span) {
    const TirFunction *f = e->context->f;
    double volume = 8, memory = machine_memory();
    const char *sizes = "";
    for (uint32_t i = 0; i < f->ops.data[id].axes.count; i++) {
        int64_t size = f->axes.data[f->ops.data[id].axes.id[i]].size;
        volume *= size > 0 ? (double)size : 1;
    }
    if (volume <= memory || e->context->too_large) return;
    for (uint32_t i = 0; i < f->ops.data[id].axes.count; i++) {
        int64_t size = f->axes.data[f->ops.data[id].axes.id[i]].size;
        if (size > 0) sizes = arena_format(e->arena, "%s%s%lld", sizes, *sizes ? " x " : "", (long long)size);
    }
    e->context->too_large = true;
    elab_error(e, DIAG_E0306, span, "this value of %s numbers needs %.3g bytes of memory, and this machine has %.3g",
               sizes, volume, memory);
    diag_help(e->sink, "make the sizes that it is built from smaller");
}

Value value_tensor(Elab *e, TirId id, const Dim *dim, uint32_t rank, Span span) {
    Value v = {.kind = VALUE_TENSOR, .type = e->context->f->ops.data[id].type, .id = id, .rank = rank, .span = span};
    for (uint32_t i = 0; i < rank; i++) v.dim[i] = dim[i];
    check_volume(e, id, span);
    return v;
}

Value value_like(Elab *e, const Value *from, TirId id, const Dim *dim, uint32_t rank, Span span) {
    Value v = value_tensor(e, id, dim, rank, span);
    v.unit = from->unit;
    v.measure = measure_elsewhere(e, from->measure);
    return v;
}

Value value_list(Elab *e, const Value *items, uint32_t count, Span span) {
    return (Value){
        .kind = VALUE_LIST, .items = arena_copy(e->arena, items, count * sizeof *items), .count = count, .span = span};
}

bool value_is_poison(const Value *v) {
    return v->kind == VALUE_POISON;
}

static uint32_t shape_of(const Value *v, int64_t *size) {
    if (v->kind == VALUE_LIST) {
        size[0] = v->count;
        return 1 + (v->count ? shape_of(&v->items[0], size + 1) : 0);
    }
    for (uint32_t i = 0; i < v->rank; i++) size[i] = v->dim[i].size;
    return v->kind == VALUE_TENSOR ? v->rank : 0;
}

const char *value_shape_text(Elab *e, const Value *v) {
    int64_t size[2 * TIR_MAX_AXES + 258];
    uint32_t rank = shape_of(v, size);
    if (!rank) return v->kind == VALUE_TENSOR || v->kind == VALUE_NUMBER ? "one number" : value_kind_text(v);
    const char *text = "[";
    for (uint32_t i = 0; i < rank; i++)
        text = arena_format(e->arena, "%s%s%lld", text, i ? ", " : "", (long long)size[i]);
    return arena_format(e->arena, "%s]", text);
}

const char *value_kind_text(const Value *v) {
    switch (v->kind) {
    case VALUE_NUMBER:
    case VALUE_TENSOR:
        return v->type == TIR_BOOL ? "a condition" : v->kind == VALUE_TENSOR && v->rank ? "an array" : "a number";
    case VALUE_LIST: return "a list";
    case VALUE_FUNCTION: return hir_kind_text(v->decl->node->kind);
    case VALUE_PRIMITIVE: return "a function";
    case VALUE_RECORD: return v->decl ? "an event" : "a record";
    case VALUE_SAMPLE: return "a sample of events";
    case VALUE_PAIRS: return "pairs of events";
    case VALUE_DATA: return "a data set";
    case VALUE_SET: return "a set of flavours";
    case VALUE_LABEL: return "a flavour";
    default: return "nothing";
    }
}

Dim dim_new(Elab *e, const char *name, int64_t size) {
    if (size == 1) return (Dim){1, TIR_NONE};
    const char *unique = arena_format(e->arena, "%s%u", name, ++e->context->axis_names);
    return (Dim){size, tir_axis_add(e->context->f, unique, size, false)};
}

Dim dim_of_size(Elab *e, int64_t size) {
    Context *c = e->context;
    if (size == 1) return (Dim){1, TIR_NONE};
    for (size_t i = 0; i < c->by_size.count; i++)
        if (c->by_size.data[i].size == size) return c->by_size.data[i];
    Dim dim = dim_new(e, "n", size);
    VEC_PUSH(e->arena, &c->by_size, dim);
    return dim;
}

TirId id_broadcast(Elab *e, TirId id, TirAxes axes, Span span) {
    TirFunction *f = e->context->f;
    TirAxes all = tir_axes_union(f->ops.data[id].axes, axes);
    return tir_axes_equal(all, f->ops.data[id].axes) ? id : tir_broadcast(f, id, all, span);
}

TirId value_id(Elab *e, const Value *v, TirType type) {
    TirFunction *f = e->context->f;
    if (v->kind == VALUE_NUMBER) {
        if (type == TIR_BOOL) return tir_bool(f, v->number != 0, v->span);
        return type == TIR_INT ? tir_int(f, (int64_t)v->number, v->span) : tir_real(f, v->number, v->span);
    }
    if (v->type == TIR_INT && type == TIR_REAL) return tir_map(f, TIR_TO_REAL, v->span, v->id, TIR_NONE, TIR_NONE);
    return v->id;
}

TirId value_real_id(Elab *e, const Value *v) {
    return value_id(e, v, TIR_REAL);
}

TirAxes value_axes(Elab *e, const Value *v) {
    return v->kind == VALUE_TENSOR ? e->context->f->ops.data[v->id].axes : tir_axes_none();
}

/* Lists are moved as they are, not made again on the other axis: a derivative by one follows it here. */
TirId id_move(Elab *e, TirId id, TirAxisId from, TirAxisId to, Span span) {
    TirFunction *f = e->context->f;
    const TirOp *op = &f->ops.data[id];
    if (op->op == TIR_IOTA) return tir_iota(f, to, span);
    return tir_rename(f, id, from, to, span);
}

Value value_move(Elab *e, const Value *v, uint32_t at, TirAxisId to, Span span) {
    Value moved = *v;
    if (v->dim[at].axis == to) return moved;
    moved.id = id_move(e, v->id, v->dim[at].axis, to, span);
    moved.dim[at].axis = to;
    return moved;
}

Value value_scalar(Value v) {
    if (v.kind == VALUE_LIST && v.count == 1) return value_scalar(v.items[0]);
    uint32_t rank = 0;
    for (uint32_t i = 0; v.kind == VALUE_TENSOR && i < v.rank; i++)
        if (v.dim[i].size != 1) rank = v.rank;
    if (v.kind == VALUE_TENSOR) v.rank = rank;
    return v;
}

/* Items of equal shape, on the axes of the first: the list's own axis comes before theirs. */
static bool list_to_array(Elab *e, Value *v, TirAxisId hint) {
    TirFunction *f = e->context->f;
    uint32_t count = v->count;
    if (!count) {
        elab_error(e, DIAG_E0302, v->span, "an empty list has no value here");
        diag_help(e->sink, "give it at least one element");
        return false;
    }
    Value *items = arena_copy(e->arena, v->items, count * sizeof *items), common;
    TirType type = TIR_BOOL;
    for (uint32_t i = 0; i < count; i++) {
        if (!value_to_array(e, &items[i], TIR_NONE)) return false;
        if (i == 0) common = items[0];
        if (!unit_same(e, v->span, &common, &items[i], "elements of one list", &common.unit)) return false;
        common.measure = NULL;                       /* a list of densities is none */
        if (common.unit) common.kind = VALUE_TENSOR; /* a unit once found is asked of the rest */
        if (items[i].type == TIR_REAL || (items[i].type == TIR_INT && type == TIR_BOOL)) type = items[i].type;
        if ((items[i].type == TIR_BOOL) != (items[0].type == TIR_BOOL)) {
            elab_error(e, DIAG_E0303, items[i].span, "a list cannot hold both numbers and conditions");
            diag_help(e->sink, "write 'if condition then 1 else 0' to get a number");
            return false;
        }
        bool same = items[i].rank == items[0].rank;
        for (uint32_t d = 0; same && d < items[0].rank; d++) same = items[i].dim[d].size == items[0].dim[d].size;
        if (!same) {
            elab_error(e, DIAG_E0302, items[i].span, "the elements of a list must have one shape: %s and %s",
                       value_shape_text(e, &items[0]), value_shape_text(e, &items[i]));
            diag_note(e->sink, items[0].span, "the first element");
            diag_help(e->sink, "give every element as many numbers; what differs in shape stands in lists of its own");
            return false;
        }
        for (uint32_t d = 0; d < items[0].rank; d++)
            if (items[0].dim[d].axis != TIR_NONE) items[i] = value_move(e, &items[i], d, items[0].dim[d].axis, v->span);
    }
    if (items[0].rank + 1 > TIR_MAX_AXES) {
        elab_error(e, DIAG_E0306, v->span, "an array has at most %d dimensions", TIR_MAX_AXES);
        diag_help(e->sink, "nest fewer lists");
        return false;
    }
    Dim dim[TIR_MAX_AXES] = {{count, hint}};
    if (count == 1 || hint == TIR_NONE || f->axes.data[hint].size != count) dim[0] = dim_of_size(e, count);
    TirId *ids = ARENA_ARRAY(e->arena, TirId, count);
    TirAxes axes = tir_axes_none();
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = value_id(e, &items[i], type);
        axes = tir_axes_union(axes, f->ops.data[ids[i]].axes);
    }
    if (dim[0].axis != TIR_NONE && tir_axes_has(axes, dim[0].axis)) dim[0] = dim_new(e, "a", count);
    for (uint32_t i = 0; i < count; i++) ids[i] = id_broadcast(e, ids[i], axes, v->span);
    for (uint32_t d = 0; d < items[0].rank; d++) dim[d + 1] = items[0].dim[d];
    TirId id = count == 1 ? ids[0] : tir_stack(f, ids, count, dim[0].axis, v->span);
    *v = value_like(e, &common, id, dim, items[0].rank + 1, v->span);
    return true;
}

bool value_to_array(Elab *e, Value *v, TirAxisId hint) {
    switch (v->kind) {
    case VALUE_NUMBER:
    case VALUE_TENSOR: return true;
    case VALUE_LIST: return list_to_array(e, v, hint);
    case VALUE_POISON: return false;
    default:
        elab_error(e, DIAG_E0303, v->span, "a number or an array is wanted here, and this is %s", value_kind_text(v));
        if (v->kind == VALUE_FUNCTION)
            diag_help(e->sink, "call it: %s(...)", v->decl->name);
        else if (v->kind == VALUE_PRIMITIVE)
            diag_help(e->sink, "call it: %s(...)", v->primitive->name);
        else if (v->kind == VALUE_RECORD && v->count)
            diag_help(e->sink, "take one of its fields, such as .%s", record_field_name(v, 0));
        else
            diag_help(e->sink, "take a mean or a sum over its events: mean(... for e in ...)");
        return false;
    }
}

bool value_size(Elab *e, const Value *v, const char *what, int64_t *size) {
    *size = 1;
    if (v->kind == VALUE_POISON) return false;
    if (v->kind != VALUE_NUMBER) {
        elab_error(e, DIAG_E0304, v->span, "%s must be known when the model is compiled, and this is %s", what,
                   v->kind == VALUE_TENSOR ? "computed when it runs" : value_kind_text(v));
        diag_help(e->sink, "use numbers, `size` and `const` declarations");
        return false;
    }
    if (!unit_pure(e, v, v->span, what)) return false;
    if (v->number != floor(v->number) || v->number < 1 || v->number > 0x1p31) {
        elab_error(e, DIAG_E0305, v->span, "%s must be a whole number from 1 to 2147483648, and this is %.10g", what,
                   v->number);
        if (v->number >= 1 && v->number < 0x1p31)
            diag_help(e->sink, "write %.10g or %.10g", floor(v->number), ceil(v->number));
        else
            diag_help(e->sink, v->number < 1 ? "write 1 or more" : "write a smaller number");
        return false;
    }
    *size = (int64_t)v->number;
    return true;
}

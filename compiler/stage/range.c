/* Bounds of values, from those of their arguments. Every bound is moved outwards by more than the rounding of single
 * precision, in relative size, so that it holds in both widths; a bound of 0 stays, as rounding keeps signs. A value
 * whose bounds are not finite counts as unknown. Columns are clamped into their declared range when they are read. What depends on constants alone is evaluated by the interpreter, where
 * it is small, as bounds of a grid made of sums say too little: of 1 - x, x = 0.1 (1 - t) + t, t in 0 .. 1. */
#include <math.h>

#include "stage/stage.h"

static const StageRange unknown = {0, 0, false};

static StageRange range_of(double low, double high) {
    if (!isfinite(low) || !isfinite(high)) return unknown;
    return (StageRange){low, high, true};
}

static StageRange rounded(double low, double high) {
    const double MORE = 1e-6;
    return range_of(low - MORE * fabs(low), high + MORE * fabs(high));
}

static StageRange range_union(StageRange a, StageRange b) {
    return a.known && b.known ? range_of(fmin(a.low, b.low), fmax(a.high, b.high)) : unknown;
}

static StageRange range_multiply(StageRange a, StageRange b) {
    double p[4] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
    return rounded(fmin(fmin(p[0], p[1]), fmin(p[2], p[3])), fmax(fmax(p[0], p[1]), fmax(p[2], p[3])));
}

static StageRange range_divide(StageRange a, StageRange b) {
    if (b.low <= 0 && b.high >= 0) return unknown;
    return range_multiply(a, rounded(1 / b.high, 1 / b.low));
}

/* 1: certainly, 0: certainly not */
static StageRange range_truth(bool yes, bool no) {
    return yes ? range_of(1, 1) : no ? range_of(0, 0) : range_of(0, 1);
}

static StageRange range_one(TirOpcode op, StageRange a) {
    switch (op) {
    case TIR_NEG: return range_of(-a.high, -a.low);
    case TIR_ABS: return range_of(a.low > 0 ? a.low : a.high < 0 ? -a.high : 0, fmax(fabs(a.low), fabs(a.high)));
    case TIR_EXP: return rounded(exp(a.low), exp(a.high));
    case TIR_LOG: return a.low > 0 ? rounded(log(a.low), log(a.high)) : unknown;
    case TIR_SQRT: return a.low >= 0 ? rounded(sqrt(a.low), sqrt(a.high)) : unknown;
    case TIR_TO_REAL:
    case TIR_STOP:
    case TIR_BROADCAST:
    case TIR_RENAME:
    case TIR_FLATTEN:
    case TIR_SLICE: return a;
    default: return unknown;
    }
}

static StageRange range_two(TirOpcode op, StageRange a, StageRange b) {
    switch (op) {
    case TIR_ADD: return rounded(a.low + b.low, a.high + b.high);
    case TIR_SUB: return rounded(a.low - b.high, a.high - b.low);
    case TIR_MUL: return range_multiply(a, b);
    case TIR_DIV: return range_divide(a, b);
    case TIR_MAX: return range_of(fmax(a.low, b.low), fmax(a.high, b.high));
    case TIR_MIN: return range_of(fmin(a.low, b.low), fmin(a.high, b.high));
    case TIR_LT: return range_truth(a.high < b.low, a.low >= b.high);
    case TIR_LE: return range_truth(a.high <= b.low, a.low > b.high);
    case TIR_GATHER: return a;
    default: return unknown;
    }
}

static StageRange range_column(const TirPort *port, StageColumns columns) {
    for (size_t i = 0; port->role == TIR_PORT_COLUMN && i < columns.count; i++) {
        const StageColumn *column = &columns.data[i];
        if (column->data == port->index && column->field == port->field) return range_of(column->low, column->high);
    }
    return unknown;
}

static StageRange range_op(const TirFunction *f, const TirOp *op, StageColumns columns, const StageRange *ranges) {
    StageRange a[3] = {unknown, unknown, unknown}, all;
    for (uint32_t k = 0; k < op->arg_count && k < 3; k++) a[k] = ranges[op->args[k]];
    switch (op->op) {
    case TIR_CONST:
        return op->type == TIR_REAL ? range_of(op->real, op->real) : range_of((double)op->integer, (double)op->integer);
    case TIR_INPUT: return range_column(&f->inputs.data[op->integer], columns);
    case TIR_IOTA: {
        int64_t size = f->axes.data[op->axis].size;
        return size < 1 ? unknown : range_of(0, (double)(size - 1));
    }
    case TIR_SELECT:
        return a[0].known && a[0].low == 1 ? a[1] : a[0].known && a[0].high == 0 ? a[2] : range_union(a[1], a[2]);
    case TIR_STACK:
        all = ranges[op->args[0]];
        for (uint32_t k = 1; k < op->arg_count; k++) all = range_union(all, ranges[op->args[k]]);
        return all;
    default: break;
    }
    if (op->arg_count == 1 && a[0].known) return range_one(op->op, a[0]);
    if (op->arg_count == 2 && a[0].known && (a[1].known || op->op == TIR_GATHER)) return range_two(op->op, a[0], a[1]);
    return unknown;
}

/* Reals that depend on constants alone and are the bases of powers or compared. */
static bool *find_tables(Arena *arena, const TirFunction *f) {
    enum { NUMBERS = 1 << 16 };
    bool *fixed = ARENA_ARRAY(arena, bool, f->ops.count + 1), *wanted = ARENA_ARRAY(arena, bool, f->ops.count + 1);
    for (TirId v = 0; v < f->ops.count; v++) {
        const TirOp *op = &f->ops.data[v];
        double size = 1;
        bool draws = op->op == TIR_UNIFORM || op->op == TIR_PICK || op->op == TIR_STEP || op->op == TIR_EXTENT;
        for (uint32_t k = 0; k < op->axes.count; k++) size *= (double)f->axes.data[op->axes.id[k]].size;
        fixed[v] =
            op->op != TIR_INPUT && op->op != TIR_EXTERN && op->op != TIR_LOOP && !draws && size >= 0 && size <= NUMBERS;
        for (uint32_t k = 0; k < op->arg_count; k++) fixed[v] &= fixed[op->args[k]];
        if (op->op != TIR_POW && op->op != TIR_LT && op->op != TIR_LE) continue;
        for (uint32_t k = 0; k < 2; k++) {
            TirId arg = op->args[k];
            wanted[arg] |= fixed[arg] && f->ops.data[arg].type == TIR_REAL && f->ops.data[arg].axes.count > 0;
        }
    }
    return wanted;
}

static void evaluate_tables(Arena *arena, const TirFunction *f, StageRange *ranges) {
    const bool *wanted = find_tables(arena, f);
    VEC(TirPort) ports = {0};
    for (TirId v = 0; v < f->ops.count; v++)
        if (wanted[v]) VEC_PUSH(arena, &ports, ((TirPort){.role = TIR_PORT_VALUE, .name = "table", .value = v}));
    if (!ports.count) return;
    const TirFunction *part = tir_part(arena, f, ports.data, ports.count);
    TirTensor *out = ARENA_ARRAY(arena, TirTensor, ports.count);
    TirTensor *in = ARENA_ARRAY(arena, TirTensor, f->inputs.count + 1);
    tir_interpret(part, arena, in, NULL, 0, 0, out);
    for (size_t i = 0; i < ports.count; i++) {
        StageRange *range = &ranges[ports.data[i].value];
        *range = range_of(out[i].data[0], out[i].data[0]);
        for (size_t e = 1; e < out[i].count; e++)
            *range = range_union(*range, range_of(out[i].data[e], out[i].data[e]));
        if (range->known) *range = rounded(range->low, range->high);
    }
}

StageRange *stage_ranges(Arena *arena, const TirFunction *f, StageColumns columns) {
    StageRange *ranges = ARENA_ARRAY(arena, StageRange, f->ops.count + 1),
               *tables = ARENA_ARRAY(arena, StageRange, f->ops.count + 1);
    evaluate_tables(arena, f, tables);
    for (TirId v = 0; v < f->ops.count; v++)
        ranges[v] = tables[v].known ? tables[v] : range_op(f, &f->ops.data[v], columns, ranges);
    return ranges;
}

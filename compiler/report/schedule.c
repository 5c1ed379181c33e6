/* --report=schedule, read out of the scheduled functions. Reasons are those that the makers of decisions left; numbers
 * are counted from loop IR (lir/cost.h); what bounds a kernel is found by a static model (bound.h). */
#include "report/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "lang/excerpt.h"
#include "report/bound.h"
#include "report/text.h"

enum { ROWS_ASSUMED = 100000, FAR_BYTES = 512 * 1024, PLACES = 3, LINES_MAX = 64 };

typedef struct Report {
    FILE *out;
    const Pipeline *pipeline;
    const HostTarget *target;
    const LirFunction *f;
    bool f64;
} Report;

/* One kernel, over all rows of its group. */
typedef struct Entry {
    const LirGroup *group;
    const LirFunction *f; /* the function itself, or the body of one of its loops */
    const LirKernel *kernel;
    uint32_t place; /* in its group */
    double times;   /* rounds of the loops around it */
    double rows;
    Shape shape;
    LirCost cost;
    Bound bound;
} Entry;
typedef VEC(Entry) Entries;

static bool is_clear(const LirKernel *k) {
    return k->kind == LIR_ZERO || k->kind == LIR_FILL;
}

static double group_rows(const LirFunction *f, const LirGroup *group) {
    if (group->row_axis == LIR_NO_AXIS) return 1;
    int64_t size = f->source->axes.data[group->row_axis].size;
    return size < 0 ? ROWS_ASSUMED : (double)size;
}

/* Of what a kernel reads and writes, the bytes that come from memory: of arrays that no second-level cache holds. */
static double far_bytes(const LirCost *cost) {
    double bytes = cost->read + cost->written;
    return bytes > FAR_BYTES ? bytes : 0;
}

static void entries_add(const Report *r, Entries *entries, const LirFunction *f, double times) {
    Arena *arena = r->pipeline->arena;
    for (size_t g = 0; g < f->groups.count; g++) {
        const LirGroup *group = &f->groups.data[g];
        Entry e = {.group = group, .f = f, .times = times, .rows = group_rows(f, group)};
        const double *length = lir_lengths(arena, f, group->row_axis, e.rows, ROWS_ASSUMED);
        for (size_t k = 0; k < group->kernels.count; k++) {
            e.kernel = group->kernels.data[k];
            e.place = (uint32_t)k;
            if (e.kernel->kind == LIR_NEST) e.shape.nest = nest_shape(arena, r->target, r->f64, f, group, e.kernel);
            if (e.kernel->kind == LIR_DOT) e.shape.tile = dot_tile(arena, r->target, f, group, e.kernel, r->f64);
            e.cost = lir_kernel_cost(arena, f, group, e.kernel, r->f64, length);
            e.bound = bound_of(e.kernel, &e.cost, &e.shape, r->target, r->f64, far_bytes(&e.cost));
            VEC_PUSH(arena, entries, e);
        }
        if (group->loop) entries_add(r, entries, group->loop->body, times * (double)group->loop->rounds);
    }
}

static int compare_entries(const void *left, const void *right) {
    const Entry *a = left, *b = right;
    double x = a->times * a->bound.cycles, y = b->times * b->bound.cycles;
    if (x != y) return x > y ? -1 : 1;
    return a->kernel < b->kernel ? -1 : a->kernel > b->kernel; /* some order, always the same within a run */
}

/* --- one kernel --- */

static const char *axis_name(const LirFunction *f, TirAxisId axis) {
    return f->source->axes.data[axis].name;
}

static void print_length(const Report *r, const Entry *e, TirAxisId axis) {
    int64_t bound = shape_bound(e->f, e->group, e->kernel, axis);
    if (bound == INT64_MAX)
        fprintf(r->out, "%s", axis_name(e->f, axis));
    else
        fprintf(r->out, "%lld", (long long)bound);
}

/* The points at which it computes, a block of them; of a product m x n x k. */
static void print_points(const Report *r, const Entry *e) {
    const LirKernel *k = e->kernel;
    for (uint32_t i = 0; i < k->loop_count; i++) {
        if (i) fputs(" x ", r->out);
        print_length(r, e, k->loops[i]);
    }
    if (k->kind != LIR_DOT) {
        if (k->kind == LIR_COMBINE)
            fprintf(r->out, "%.6g numbers", e->cost.stores);
        else if (!k->loop_count)
            fputs("one point", r->out);
        if (lir_is_line(k)) fprintf(r->out, ", each a line along %s", axis_name(e->f, k->k_axis));
        return;
    }
    if (k->loop_count) fputs(" times ", r->out);
    if (k->m_axis != LIR_NO_AXIS) print_length(r, e, k->m_axis);
    fputs(k->m_axis != LIR_NO_AXIS ? " x " : "1 x ", r->out);
    print_length(r, e, k->n_axis);
    fputs(", sums of ", r->out);
    print_length(r, e, k->k_axis);
}

typedef struct Line {
    Span span;
    uint32_t line, count;
} Line;

static void lines_add(const Report *r, Line *lines, uint32_t *count, Span span) {
    uint32_t line, column, at = 0;
    if (!span.file) return;
    source_position(source_file(r->pipeline->sources, span.file), span.begin, &line, &column);
    while (at < *count && (lines[at].span.file != span.file || lines[at].line != line)) at++;
    if (at == LINES_MAX) return;
    if (at == *count) lines[(*count)++] = (Line){span, line, 0};
    lines[at].count++;
}

/* Lines of the model that its instructions come from, those of the most instructions first. */
static void print_lines(const Report *r, const Entry *e) {
    const LirKernel *k = e->kernel;
    Line lines[LINES_MAX];
    uint32_t count = 0;
    lines_add(r, lines, &count, k->span);
    for (size_t i = 0; i < k->body.count; i++) {
        LirOpcode op = k->body.data[i].op;
        bool constant = op == LIR_REAL || op == LIR_INT || op == LIR_BOOL || op == LIR_BIT_CONST;
        if (!constant && op != LIR_LOOP && op != LIR_EXTENT) lines_add(r, lines, &count, k->body.data[i].span);
    }
    for (uint32_t shown = 0; shown < PLACES && shown < count; shown++) {
        uint32_t most = shown;
        for (uint32_t i = shown; i < count; i++)
            if (lines[i].count > lines[most].count) most = i;
        Line line = lines[most];
        lines[most] = lines[shown];
        lines[shown] = line;
        fputs("      from ", r->out);
        print_place(r->out, r->pipeline, line.span);
    }
    if (count > PLACES) fprintf(r->out, "      and %u more line%s\n", count - PLACES, count > PLACES + 1 ? "s" : "");
}

/* Why it begins where it does, and what the kernel behind it waits for. */
static void print_fusion(const Report *r, const Entry *e) {
    if (e->kernel->reason) fprintf(r->out, "      begins here: %s\n", e->kernel->reason);
    for (size_t k = e->place + 1; k < e->group->kernels.count; k++) {
        const LirKernel *next = e->group->kernels.data[k];
        if (is_clear(next)) continue;
        if (next->reason) fprintf(r->out, "      ends before %s: %s\n", next->name, next->reason);
        return;
    }
}

static void print_remainder(const Report *r, const Entry *e, unsigned lanes) {
    const LirKernel *k = e->kernel;
    TirAxisId last = k->loops[k->loop_count - 1];
    int64_t size = e->f->source->axes.data[last].size;
    bool fixed = size >= 0 && last != e->group->row_axis;
    if (fixed && size % lanes == 0)
        fputs(", and none is left over", r->out);
    else if (e->shape.nest.one_copy)
        fprintf(r->out, "; the body is long, so one copy of it does full vectors and the rest, under a mask");
    else if (fixed)
        fprintf(r->out, "; the last %lld under a mask", (long long)(size % lanes));
    else
        fputs("; what is left over under a mask", r->out);
}

static void print_nest(const Report *r, const Entry *e) {
    const LirKernel *k = e->kernel;
    const NestShape *s = &e->shape.nest;
    unsigned width = r->target->vector_bits / (r->f64 ? 64 : 32);
    if (!k->loop_count || s->lanes == 1) {
        fprintf(r->out, "      scalars: %s\n",
                !k->loop_count ? "no loop to take lanes from"
                : !k->vector   ? "lanes could add to one place at once"
                               : "the last loop has one point");
        return;
    }
    fprintf(r->out, "      %u lanes along %s", s->lanes, axis_name(e->f, k->loops[k->loop_count - 1]));
    if (s->together > 1)
        fprintf(r->out, ": %u vectors together, as lookups or operations that wait for one another leave time",
                s->together);
    if (s->lanes < width) fputs(": no more points than that", r->out);
    print_remainder(r, e, s->lanes);
    if (s->reduces && s->sums > 1) fprintf(r->out, "; %u partial sums, so that none waits for the last", s->sums);
    if (s->reduces && s->sums == 1) fputs("; one sum in a register: the body is long enough to wait in", r->out);
    fputc('\n', r->out);
}

/* Flops and bytes, of a row or of a call. */
static void print_cost(const Report *r, const Entry *e) {
    const LirCost *c = &e->cost;
    bool rows = e->group->row_axis != LIR_NO_AXIS;
    double bytes = c->read + c->written;
    fputs("      ", r->out);
    print_count(r->out, c->flops / e->rows, "flop");
    fprintf(r->out, " %s", rows ? "a row" : e->times > 1 ? "a round" : "a call");
    if (rows && e->group->block > 1) {
        fputs(", ", r->out);
        print_count(r->out, c->flops / e->rows * (double)e->group->block, "flop");
        fputs(" a block", r->out);
    }
    if (bytes > 0) {
        fputs("; ", r->out);
        print_bytes(r->out, bytes / e->rows);
        fprintf(r->out, " read and written%s, %.3g flop a byte", rows ? " a row" : "", c->flops / bytes);
    }
    if (c->cached > 0) {
        fputs("; ", r->out);
        print_bytes(r->out, c->cached / e->rows);
        fputs(rows ? " a row stay in the cache" : " stay in the cache", r->out);
    }
    if (c->kept > 0) {
        fputs("; ", r->out);
        print_bytes(r->out, c->kept);
        fputs(" of weights, tables and sums", r->out);
    }
    fputc('\n', r->out);
}

static void print_bound(const Report *r, const Entry *e) {
    const Bound *b = &e->bound;
    fprintf(r->out, "      bound by %s: %.3g cycles %s", bound_text(b->kind), b->cycles / e->rows,
            e->group->row_axis != LIR_NO_AXIS ? "a row" : "in all");
    BoundKind second = BOUND_COUNT;
    for (BoundKind i = 0; i < BOUND_COUNT; i++)
        if (i != b->kind && b->part[i] > 0 && (second == BOUND_COUNT || b->part[i] > b->part[second])) second = i;
    if (second < BOUND_COUNT) fprintf(r->out, "; next %s: %.3g", bound_text(second), b->part[second] / e->rows);
    fputc('\n', r->out);
}

static void print_entry(const Report *r, const Entry *e, double cycles, double flops) {
    const LirKernel *k = e->kernel;
    fprintf(r->out, "  %5.1f %%  %s in %s: ", 100 * e->times * e->bound.cycles / cycles, k->name, e->group->name);
    print_points(r, e);
    fprintf(r->out, "  (%.1f %% of the flops)\n", flops > 0 ? 100 * e->times * e->cost.flops / flops : 0);
    if (k->computes) fprintf(r->out, "      computes %s\n", k->computes);
    print_lines(r, e);
    print_fusion(r, e);
    if (k->kind == LIR_NEST) print_nest(r, e);
    if (k->kind == LIR_DOT) fprintf(r->out, "      tile %s\n", e->shape.tile.why);
    print_cost(r, e);
    print_bound(r, e);
}

/* --- one function --- */

static void print_groups(const Report *r, const LirFunction *f, const Entries *entries, double cycles, int depth) {
    for (size_t g = 0; g < f->groups.count; g++) {
        const LirGroup *group = &f->groups.data[g];
        double own = 0;
        for (size_t i = 0; i < entries->count; i++)
            if (entries->data[i].group == group) own += entries->data[i].times * entries->data[i].bound.cycles;
        fprintf(r->out, "  %*s%s: ", 2 * depth, "", group->name);
        if (!group->loop)
            fprintf(r->out, "%zu kernel%s, %.1f %%, ", group->kernels.count, group->kernels.count == 1 ? "" : "s",
                    100 * own / cycles);
        fprintf(r->out, "%s\n", group->reason ? group->reason : "");
        if (group->loop) {
            fprintf(r->out, "  %*s%lld rounds of\n", 2 * depth, "", (long long)group->loop->rounds);
            print_groups(r, group->loop->body, entries, cycles, depth + 1);
        }
    }
}

/* Whether a kernel runs over the rows of a data set. */
static bool rows_assumed(const LirFunction *f) {
    for (size_t g = 0; g < f->groups.count; g++) {
        const LirGroup *group = &f->groups.data[g];
        if (group->row_axis != LIR_NO_AXIS && f->source->axes.data[group->row_axis].size < 0) return true;
        if (group->loop && rows_assumed(group->loop->body)) return true;
    }
    return false;
}

static void print_function(const Report *r) {
    Entries entries = {0};
    double cycles = 0, flops = 0, shown = 0;
    size_t left = 0;
    entries_add(r, &entries, r->f, 1);
    for (size_t i = 0; i < entries.count; i++) {
        cycles += entries.data[i].times * entries.data[i].bound.cycles;
        flops += entries.data[i].times * entries.data[i].cost.flops;
    }
    if (cycles <= 0) cycles = 1;
    fprintf(r->out, "%s: ", r->f->name);
    print_count(r->out, flops, "flop");
    fputs(" a call", r->out);
    if (rows_assumed(r->f)) fprintf(r->out, " if a data set has %d rows", ROWS_ASSUMED);
    fprintf(r->out, ", at least %.3g ms of a core at 3 GHz\n", cycles / 3e6);
    print_groups(r, r->f, &entries, cycles, 0);
    qsort(entries.data, entries.count, sizeof *entries.data, compare_entries);
    for (size_t i = 0; i < entries.count; i++) {
        const Entry *e = &entries.data[i];
        double share = e->times * e->bound.cycles / cycles;
        if (is_clear(e->kernel) || share < 0.002) {
            left++;
            continue;
        }
        shown += share;
        print_entry(r, e, cycles, flops);
    }
    if (left) fprintf(r->out, "  %5.1f %%  in %zu more kernels\n", 100 * (1 - shown), left);
}

/* What is not run at every step. */
static void print_brief(const Report *r) {
    Entries entries = {0};
    double flops = 0;
    entries_add(r, &entries, r->f, 1);
    for (size_t i = 0; i < entries.count; i++) flops += entries.data[i].times * entries.data[i].cost.flops;
    fprintf(r->out, "%s: not in a step; %zu kernel%s in %zu group%s, ", r->f->name, entries.count,
            entries.count == 1 ? "" : "s", r->f->groups.count, r->f->groups.count == 1 ? "" : "s");
    print_count(r->out, flops, "flop");
    fputs(" a call\n", r->out);
}

static void print_units(Report *r, bool hot) {
    const Pipeline *p = r->pipeline;
    for (size_t u = 0; u < p->units.count; u++) {
        const Unit *unit = p->units.data[u];
        for (int width = 0; width < WIDTH_COUNT; width++) {
            if (!unit->lir[width] || unit->same || unit->hot[width] != hot) continue;
            r->f = unit->lir[width];
            r->f64 = width == WIDTH_F64;
            if (hot)
                print_function(r);
            else
                print_brief(r);
        }
    }
}

void report_schedule(FILE *out, const Pipeline *pipeline, const HostTarget *target) {
    Report r = {.out = out, .pipeline = pipeline, .target = target};
    fprintf(out,
            "schedule for %s: vectors of %u bits, %u registers%s\n"
            "shares are of the cycles that a core takes at least: two multiply-adds or sums, two loads and a store a "
            "cycle,\na sum ready after four; of the arrays that fill more than %d KiB, 8 bytes a cycle\n",
            target->march, target->vector_bits, target->registers, target->fma ? ", fused multiply-add" : "",
            FAR_BYTES / 1024);
    print_units(&r, true);
    print_units(&r, false);
}

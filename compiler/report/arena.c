#include "report/arena.h"

#include <string.h>

enum { SMALL = 1024 };

int64_t arena_bytes(const LirFunction *f, const char *name) {
    int64_t bytes = name ? 0 : f->work_bytes, most = 0;
    for (size_t i = 0; name && i < f->places.count; i++)
        if (!strcmp(f->source->axes.data[f->places.data[i].axis].name, name)) bytes += f->places.data[i].bytes_per_row;
    for (size_t g = 0; g < f->groups.count; g++) {
        int64_t body = f->groups.data[g].loop ? arena_bytes(f->groups.data[g].loop->body, name) : 0;
        if (body > most) most = body;
    }
    return bytes + most;
}

double staged_bytes(const LirFunction *f, bool f64, TirAxisId row) {
    const TirFunction *tir = f->source;
    double bytes = 0;
    for (size_t i = 0; i < tir->outputs.count; i++) {
        if (tir->outputs.data[i].role != TIR_PORT_STAGED) continue;
        TirAxes axes = tir->ops.data[tir->outputs.data[i].value].axes;
        TirAxisId rows = (TirAxisId)TIR_NONE;
        double size = f64 ? sizeof(double) : sizeof(float);
        for (uint32_t k = 0; k < axes.count; k++) {
            int64_t count = tir->axes.data[axes.id[k]].size;
            if (count < 0)
                rows = axes.id[k];
            else
                size *= (double)count;
        }
        if (rows == row) bytes += size;
    }
    return bytes;
}

static bool is_arena(const LirBuffer *b) {
    return (b->space == LIR_WORK || b->space == LIR_PARTIAL) && !b->alias_of && b->from <= b->to;
}

static bool is_dynamic(const LirBuffer *b) {
    return b->dynamic_axis != LIR_NO_AXIS;
}

/* The buffer whose memory it takes over in the group that touches both; NULL: none. */
static const LirBuffer *in_place_of(const LirFunction *f, const LirBuffer *b) {
    for (size_t i = 0; i < f->buffers.count; i++) {
        const LirBuffer *other = &f->buffers.data[i];
        if (other == b || !is_arena(other) || other->to != b->from || is_dynamic(other) != is_dynamic(b)) continue;
        if (is_dynamic(b) ? other->place == b->place : other->offset == b->offset) return other;
    }
    return NULL;
}

static void print_buffer(FILE *out, const Pipeline *p, const LirFunction *f, const LirBuffer *b) {
    const LirBuffer *before = in_place_of(f, b);
    fputs("    ", out);
    if (is_dynamic(b))
        fprintf(out, "place %u", b->place);
    else
        fprintf(out, "at %lld", (long long)b->offset);
    fprintf(out, ", groups %u to %u: %s, ", b->from, b->to, b->name);
    print_bytes(out, (double)(is_dynamic(b) ? b->bytes_per_row : b->bytes));
    if (is_dynamic(b)) fprintf(out, " for each of %s", f->source->axes.data[b->dynamic_axis].name);
    if (b->space == LIR_PARTIAL) fprintf(out, ", %u copies of a sum", f->groups.data[b->group].slots);
    if (before) fprintf(out, ", in place of %s", before->name);
    fputs("  ", out);
    print_place(out, p, b->span);
}

/* By place, then by life; the next one behind `last`, or NULL. */
static const LirBuffer *buffer_next(const LirFunction *f, const LirBuffer *last, bool dynamic) {
    const LirBuffer *best = NULL;
    for (size_t i = 0; i < f->buffers.count; i++) {
        const LirBuffer *b = &f->buffers.data[i];
        if (!is_arena(b) || is_dynamic(b) != dynamic) continue;
        int64_t at = dynamic ? b->place : b->offset, from = b->from;
        const LirBuffer *against[2] = {last, best};
        bool good = true;
        for (int k = 0; k < 2 && good; k++) {
            const LirBuffer *o = against[k];
            if (!o) continue;
            int64_t there = dynamic ? o->place : o->offset;
            bool later = at != there ? at > there : from != o->from ? from > o->from : b > o;
            good = o != b && later == (k == 0);
        }
        if (good) best = b;
    }
    return best;
}

/* The group whose buffers are the most together: what is over it is what the plan could not fit together. */
static void print_peak(FILE *out, const LirFunction *f) {
    int64_t most = 0;
    size_t peak = 0;
    for (size_t g = 0; g < f->groups.count; g++) {
        int64_t bytes = 0;
        for (size_t i = 0; i < f->buffers.count; i++) {
            const LirBuffer *b = &f->buffers.data[i];
            if (is_arena(b) && !is_dynamic(b) && b->from <= g && g <= b->to) bytes += b->bytes;
        }
        if (bytes > most) peak = g;
        if (bytes > most) most = bytes;
    }
    if (!most) return;
    fputs("    most at once: ", out);
    print_bytes(out, (double)most);
    fprintf(out, " in group %zu, %s\n", peak, f->groups.data[peak].name);
}

void arena_print(FILE *out, const Pipeline *p, const LirFunction *f) {
    int64_t small = 0, bytes = 0;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        for (const LirBuffer *b = NULL; (b = buffer_next(f, b, dynamic));) {
            bool large = dynamic || b->bytes >= SMALL;
            if (large) print_buffer(out, p, f, b);
            small += !large;
            bytes += large ? 0 : b->bytes;
        }
    }
    if (small) fprintf(out, "    and %lld of less than 1 KiB, ", (long long)small);
    if (small) print_bytes(out, (double)bytes);
    if (small) fputs(" together\n", out);
    print_peak(out, f);
    for (size_t g = 0; g < f->groups.count; g++) {
        if (!f->groups.data[g].loop) continue;
        fprintf(out, "    behind them, for the rounds of group %zu:\n", g);
        arena_print(out, p, f->groups.data[g].loop->body);
    }
}

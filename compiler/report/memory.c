/* --report=memory, read out of the scheduled functions. */
#include "report/memory.h"

#include <string.h>

#include "report/text.h"

/* Of the static part of the arena, or of what a row of the axis `name` adds; with the bodies of loops, which use one
 * place behind it one after another. */
static int64_t arena_bytes(const LirFunction *f, const char *name) {
    int64_t bytes = name ? 0 : f->work_bytes, most = 0;
    for (size_t i = 0; name && i < f->buffers.count; i++) {
        const LirBuffer *b = &f->buffers.data[i];
        if (b->space == LIR_WORK && b->dynamic_axis != LIR_NO_AXIS &&
            !strcmp(f->source->axes.data[b->dynamic_axis].name, name))
            bytes += b->bytes_per_row;
    }
    for (size_t g = 0; g < f->groups.count; g++) {
        int64_t body = f->groups.data[g].loop ? arena_bytes(f->groups.data[g].loop->body, name) : 0;
        if (body > most) most = body;
    }
    return bytes + most;
}

/* The arena: its static part, then what every row of a data set adds. */
static void print_arena(FILE *out, const LirFunction *f) {
    fprintf(out, "  arena    ");
    print_bytes(out, (double)arena_bytes(f, NULL));
    for (size_t a = 0; a < f->source->axes.count; a++) {
        int64_t bytes = arena_bytes(f, f->source->axes.data[a].name);
        if (!bytes) continue;
        fprintf(out, " + ");
        print_bytes(out, (double)bytes);
        fprintf(out, " for each of %s", f->source->axes.data[a].name);
    }
    fprintf(out, "\n  scratch  ");
    print_bytes(out, (double)f->scratch_bytes);
    fprintf(out, " for each thread\n");
}

/* What passes over the rows of one axis hand on to later ones: a sum, then value by value. */
static void print_tape(FILE *out, const Pipeline *p, const LirFunction *f, TirAxisId row) {
    double kept = 0, saved = 0, cost = 0;
    uint32_t count = 0;
    for (size_t i = 0; i < f->kept.count; i++) {
        const LirKept *k = &f->kept.data[i];
        if (k->row != row) continue;
        count++;
        *(k->again ? &saved : &kept) += k->bytes;
        cost += k->cost;
    }
    if (!count) return;
    fprintf(out, "  from one pass over %s to a later one, for each: ", f->source->axes.data[row].name);
    print_bytes(out, kept);
    fprintf(out, " kept");
    if (cost > 0 || saved > 0) {
        fprintf(out, ", %.4g flop instead of ", cost);
        print_bytes(out, saved);
    }
    fputc('\n', out);
    for (size_t i = 0; i < f->kept.count; i++) {
        const LirKept *k = &f->kept.data[i];
        if (k->row != row || k->bytes == 0) continue;
        fprintf(out, "    %s%s  ", k->again ? "made again " : "kept       ", k->asked ? "as asked" : "        ");
        print_bytes(out, k->bytes);
        fprintf(out, "  ");
        print_place(out, p, k->span);
    }
}

void report_memory(FILE *out, const Pipeline *p) {
    for (size_t u = 0; u < p->units.count; u++) {
        for (int width = 0; width < WIDTH_COUNT; width++) {
            const LirFunction *f = p->units.data[u]->lir[width];
            if (!f) continue;
            fprintf(out, "%s\n", f->name);
            print_arena(out, f);
            for (TirAxisId row = 0; row < f->source->axes.count; row++) print_tape(out, p, f, row);
        }
    }
}

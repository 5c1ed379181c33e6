/* --report=memory, read out of the scheduled functions. */
#include "report/memory.h"

#include <string.h>

#include "report/arena.h"
#include "report/fits.h"

/* The arena: its static part, then what every row of a data set adds; and how it is used. */
static void print_arena(FILE *out, const Pipeline *p, const LirFunction *f) {
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
    arena_print(out, p, f);
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

static bool has_staged(const TirFunction *f) {
    for (size_t i = 0; i < f->outputs.count; i++)
        if (f->outputs.data[i].role == TIR_PORT_STAGED) return true;
    return false;
}

/* What a function that runs before another makes for it. */
static void print_staged(FILE *out, const LirFunction *f, bool f64) {
    if (!has_staged(f->source)) return;
    fprintf(out, "  hands on ");
    print_bytes(out, staged_bytes(f, f64, (TirAxisId)TIR_NONE));
    for (TirAxisId a = 0; a < f->source->axes.count; a++) {
        double bytes = staged_bytes(f, f64, a);
        if (bytes == 0) continue;
        fprintf(out, " + ");
        print_bytes(out, bytes);
        fprintf(out, " for each of %s", f->source->axes.data[a].name);
    }
    fputc('\n', out);
}

void report_memory(FILE *out, const Pipeline *p) {
    for (size_t u = 0; u < p->units.count; u++) {
        for (int width = 0; width < WIDTH_COUNT; width++) {
            const LirFunction *f = p->units.data[u]->lir[width];
            if (!f || p->units.data[u]->same) continue;
            fprintf(out, "%s\n", f->name);
            print_arena(out, p, f);
            print_staged(out, f, width == WIDTH_F64);
            for (TirAxisId row = 0; row < f->source->axes.count; row++) print_tape(out, p, f, row);
        }
    }
    report_fits(out, p);
}

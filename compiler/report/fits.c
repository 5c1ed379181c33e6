/* Follows runtime/train/session.c, which loads a column in f64 where a function in f64 reads it and makes it in f32
 * where one in f32 does, and runtime/core/state.c. */
#include "report/fits.h"

#include <string.h>

#include "report/arena.h"

enum { FUNCTIONS_MAX = 256 };

typedef struct Fit {
    const Pipeline *p;
    const ProgramFit *fit;
    const LirFunction *functions[FUNCTIONS_MAX];
    bool f64[FUNCTIONS_MAX];
    uint32_t count;
} Fit;

static void fit_add(Fit *f, const Unit *unit, int width) {
    if (!unit || !unit->lir[width] || f->count == FUNCTIONS_MAX) return;
    f->f64[f->count] = width == WIDTH_F64;
    f->functions[f->count++] = unit->lir[width];
}

/* What `fit` calls: the gradient in the width of its optimiser. */
static Fit fit_functions(const Pipeline *p, size_t number) {
    const FitUnits *units = &p->fits[number];
    Fit f = {.p = p, .fit = &p->program->fits.data[number]};
    fit_add(&f, units->init, WIDTH_F32);
    fit_add(&f, units->params, WIDTH_F64);
    fit_add(&f, units->monitor, WIDTH_F64);
    fit_add(&f, units->curve, WIDTH_F64);
    fit_add(&f, units->check, WIDTH_F64);
    for (size_t u = 0; u < f.fit->updates.count; u++) {
        bool f64 = f.fit->updates.data[u].optimiser == PROGRAM_LBFGS;
        fit_add(&f, units->updates[u].gradient, f64 ? WIDTH_F64 : WIDTH_F32);
        if (units->updates[u].gradient) fit_add(&f, units->updates[u].gradient->start, f64 ? WIDTH_F64 : WIDTH_F32);
        fit_add(&f, units->updates[u].settings, WIDTH_F64);
        fit_add(&f, units->updates[u].clauses, WIDTH_F64);
    }
    return f;
}

/* Whether a function of this width reads the column. */
static bool column_read(const Fit *f, uint32_t data, uint32_t field, bool f64) {
    for (uint32_t i = 0; i < f->count; i++) {
        const TirFunction *source = f->functions[i]->source;
        for (size_t k = 0; f->f64[i] == f64 && k < source->inputs.count; k++) {
            const TirPort *port = &source->inputs.data[k];
            if (port->role == TIR_PORT_COLUMN && port->index == data && port->field == field) return true;
        }
    }
    return false;
}

static bool data_used(const Fit *f, uint32_t data) {
    const ProgramEvent *event = &f->p->program->events.data[f->p->program->data.data[data].event];
    for (uint32_t k = 0; k < event->fields.count; k++)
        if (column_read(f, data, k, false) || column_read(f, data, k, true)) return true;
    return false;
}

static void print_data(FILE *out, const Fit *f) {
    const Program *program = f->p->program;
    for (uint32_t d = 0; d < program->data.count; d++) {
        const ProgramEvent *event = &program->events.data[program->data.data[d].event];
        int64_t narrow = 0, wide = 0;
        if (!data_used(f, d)) continue;
        for (uint32_t k = 0; k < event->fields.count; k++) {
            bool f64 = column_read(f, d, k, true);
            if (f64) wide += 8 * event->fields.data[k].length;
            if (!f64 || column_read(f, d, k, false)) narrow += 4 * event->fields.data[k].length;
        }
        fprintf(out, "  data     %lld B for each of %s", (long long)(narrow + wide), program->data.data[d].name);
        if (wide) fprintf(out, ": %lld in f32, %lld in f64", (long long)narrow, (long long)wide);
        fputc('\n', out);
    }
}

static void print_arenas(FILE *out, const Fit *f) {
    const Program *program = f->p->program;
    int64_t most = 0, scratch = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        int64_t bytes = arena_bytes(f->functions[i], NULL);
        if (bytes > most) most = bytes;
        if (f->functions[i]->scratch_bytes > scratch) scratch = f->functions[i]->scratch_bytes;
    }
    fputs("  arena    ", out);
    print_bytes(out, (double)most);
    for (uint32_t d = 0; d < program->data.count; d++) {
        int64_t row = 0;
        for (uint32_t i = 0; i < f->count; i++) {
            int64_t bytes = arena_bytes(f->functions[i], program->data.data[d].name);
            if (bytes > row) row = bytes;
        }
        if (!row) continue;
        fputs(" + ", out);
        print_bytes(out, (double)row);
        fprintf(out, " for each of %s", program->data.data[d].name);
    }
    fputs(", for all functions one after another\n  scratch  ", out);
    print_bytes(out, (double)scratch);
    fputs(" for each thread\n", out);
}

/* Staged values: what functions that run once hand on to later ones. */
static double fit_staged(const Fit *f, const char *axis) {
    double bytes = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const TirFunction *source = f->functions[i]->source;
        if (!axis) bytes += staged_bytes(f->functions[i], f->f64[i], (TirAxisId)TIR_NONE);
        for (TirAxisId a = 0; axis && a < source->axes.count; a++)
            if (!strcmp(source->axes.data[a].name, axis)) bytes += staged_bytes(f->functions[i], f->f64[i], a);
    }
    return bytes;
}

static void print_staged(FILE *out, const Fit *f) {
    const Program *program = f->p->program;
    double fixed = fit_staged(f, NULL), all = fixed;
    for (uint32_t d = 0; d < program->data.count; d++) all += fit_staged(f, program->data.data[d].name);
    if (all == 0) return;
    fputs("  made once ", out);
    print_bytes(out, fixed);
    for (uint32_t d = 0; d < program->data.count; d++) {
        double row = fit_staged(f, program->data.data[d].name);
        if (row == 0) continue;
        fputs(" + ", out);
        print_bytes(out, row);
        fprintf(out, " for each of %s", program->data.data[d].name);
    }
    fputc('\n', out);
}

static int64_t group_weights(const ProgramFit *fit, uint32_t group) {
    int64_t count = 0;
    for (size_t b = 0; b < fit->blocks.count; b++) {
        int64_t block = 1;
        if (fit->blocks.data[b].group != group) continue;
        for (uint32_t d = 0; d < fit->blocks.data[b].rank; d++) block *= fit->blocks.data[b].shape[d];
        count += (block + 15) / 16 * 16; /* blocks begin at multiples of 64 bytes */
    }
    return count;
}

/* In f32 and f64 both; then a gradient for each update, and what its optimiser remembers. */
static void print_weights(FILE *out, const Fit *f) {
    int64_t bytes = 0, remembered = 0, weights = 0;
    for (uint32_t g = 0; g < f->fit->groups.count; g++) weights += group_weights(f->fit, g);
    bytes = 12 * weights;
    for (size_t u = 0; u < f->fit->updates.count; u++) {
        const ProgramUpdate *update = &f->fit->updates.data[u];
        int64_t moved = 0;
        for (size_t g = 0; g < update->groups.count; g++) moved += group_weights(f->fit, update->groups.data[g]);
        bytes += moved * (update->optimiser == PROGRAM_ADAM ? 12 : update->optimiser == PROGRAM_SGD ? 8 : 48);
        if (update->optimiser == PROGRAM_LBFGS) remembered += 16 * moved;
    }
    fputs("  weights  ", out);
    print_bytes(out, (double)bytes);
    fprintf(out, " for %lld numbers with their gradients and what optimisers keep", (long long)weights);
    if (remembered) fputs(", and ", out);
    if (remembered) print_bytes(out, (double)remembered);
    fputs(remembered ? " for each step that lbfgs remembers\n" : "\n", out);
}

void report_fits(FILE *out, const Pipeline *p) {
    for (size_t i = 0; i < p->program->fits.count; i++) {
        Fit f = fit_functions(p, i);
        fprintf(out, "fit %s\n", f.fit->name);
        print_data(out, &f);
        print_arenas(out, &f);
        print_staged(out, &f);
        print_weights(out, &f);
    }
}

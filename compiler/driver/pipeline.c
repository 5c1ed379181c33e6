/* Runs the passes of passes.def in order, each over every function, and verifies what they leave behind: always where
 * the form changes, after every pass with --verify-each. An invariant that does not hold is a fault of the compiler:
 * the function is printed, so that it can be read back and the fault reproduced, and the process ends with status 3. */
#include "driver/pipeline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver/code.h"
#include "driver/units.h"

typedef enum PassLevel { FRONT, TIR, DERIVE, GRAD, STAGE, LOWER, LIR, CODE } PassLevel;

typedef struct Pass {
    const char *name, *help;
    PassLevel level;
    void (*tir)(TirFunction *f);
    void (*lir)(LirFunction *f, bool f64);
} Pass;

/* Sorts the functions of passes.def, which have two types, into the right member; NULL goes into both. */
#define PASS_TIR(function) _Generic((function), void (*)(TirFunction *): (function), default: NULL)
#define PASS_LIR(function) _Generic((function), void (*)(LirFunction *, bool): (function), default: NULL)
static const Pass passes[] = {
#define PASS(id, name, level, function, help) {name, help, level, PASS_TIR(function), PASS_LIR(function)},
#include "driver/passes.def"
#undef PASS
};
_Static_assert(sizeof passes / sizeof *passes == PASS_COUNT, "one row a pass");

const char *pass_name(PassId id) {
    return passes[id].name;
}
const char *pass_help(PassId id) {
    return passes[id].help;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

_Noreturn static void internal_error(PassId id, const char *function, const char *what) {
    fflush(stdout);
    fprintf(stderr,
            "\nqtmc: internal error: function %s breaks a rule after pass '%s': %s\n"
            "The text above is the function. This is a fault of qtmc and not of the model: please report it with the "
            "text.\n",
            function, pass_name(id), what);
    exit(3);
}

static void check_tir(const Pipeline *p, PassId id, const TirFunction *f) {
    const char *wrong = tir_verify(f, p->arena);
    if (!wrong) return;
    tir_print(stderr, f);
    internal_error(id, f->name, wrong);
}

static void check_lir(const Pipeline *p, PassId id, const LirFunction *f) {
    const char *wrong = lir_verify(f, p->arena);
    if (!wrong) return;
    lir_print(stderr, f);
    internal_error(id, f->name, wrong);
}

/* Prints and verifies what a pass over tensor functions left. */
static void after_tir(const Pipeline *p, PassId id, bool gradient, bool form_changed) {
    for (size_t i = 0; i < p->units.count; i++) {
        const Unit *unit = p->units.data[i];
        if (unit->gradient != gradient) continue;
        if (p->control.print_after == id) tir_print(stderr, unit->tir);
        if (form_changed || p->control.verify_each) check_tir(p, id, unit->tir);
    }
}

static void after_lir(const Pipeline *p, PassId id, bool form_changed) {
    for (size_t i = 0; i < p->units.count; i++) {
        for (int width = 0; width < WIDTH_COUNT; width++) {
            const LirFunction *f = p->units.data[i]->lir[width];
            if (!f) continue;
            if (p->control.print_after == id) lir_print(stderr, f);
            if (form_changed || p->control.verify_each) check_lir(p, id, f);
        }
    }
}

static bool run_front(Pipeline *p) {
    p->program =
        sema_program(p->arena, p->sources, p->file, p->stdlib, p->sizes, p->size_count, p->calls, p->sink, p->hir_out);
    if (!p->program || p->sink->errors) return false;
    units_collect(p);
    return true;
}

static void run_tir(Pipeline *p, const Pass *pass, bool gradient) {
    for (size_t i = 0; i < p->units.count; i++)
        if (p->units.data[i]->gradient == gradient) pass->tir(p->units.data[i]->tir);
}

/* Everything but the names: what the unit computes at all, and what is left of it to compute. */
static const char *unit_text(Pipeline *p, const Unit *unit) {
    const TirFunction *const forms[] = {unit->whole, unit->tir};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return unit->symbol; /* no memory: like no other */
    for (int i = 0; i < (unit->tir == unit->whole ? 1 : 2); i++) {
        TirFunction f = *forms[i];
        f.name = "";
        tir_print(out, &f);
    }
    fclose(out);
    const char *kept = arena_string(p->arena, text, size);
    free(text);
    return kept;
}

/* Fits of one model have much in common, above all their curves: what is the same is compiled once. */
static Unit *unit_twin(Pipeline *p, const char **texts, size_t number) {
    const Unit *unit = p->units.data[number];
    for (size_t i = 0; i < number; i++) {
        Unit *other = p->units.data[i];
        bool as_wide = unit->wanted[0] == other->wanted[0] && unit->wanted[1] == other->wanted[1];
        if (!other->same && as_wide && !strcmp(texts[i], texts[number])) return other;
    }
    return NULL;
}

static void unit_share(Unit *unit, Unit *same) {
    unit->same = same;
    for (int width = 0; width < WIDTH_COUNT; width++) {
        same->hot[width] |= unit->hot[width];
        unit->lir[width] = same->lir[width];
    }
}

static void run_lower(Pipeline *p) {
    const char **texts = ARENA_ARRAY(p->arena, const char *, p->units.count + 1);
    for (int width = 0; width < WIDTH_COUNT; width++)
        p->modules[width] = (LirModule){.arena = p->arena, .f64 = width == WIDTH_F64};
    for (size_t i = 0; i < p->units.count; i++) {
        Unit *unit = p->units.data[i], *same;
        texts[i] = unit_text(p, unit);
        if ((same = unit_twin(p, texts, i))) {
            unit_share(unit, same);
            continue;
        }
        for (int width = 0; width < WIDTH_COUNT; width++) {
            if (!unit->wanted[width]) continue;
            LirFunction *f = schedule_function(p->arena, unit->tir, width == WIDTH_F64);
            f->name = arena_format(p->arena, "%s_%s", unit->symbol, width == WIDTH_F64 ? "f64" : "f32");
            unit->lir[width] = f;
            VEC_PUSH(p->arena, &p->modules[width].functions, f);
        }
    }
}

static void run_lir(Pipeline *p, const Pass *pass) {
    for (int width = 0; width < WIDTH_COUNT; width++)
        for (size_t i = 0; i < p->modules[width].functions.count; i++)
            pass->lir(p->modules[width].functions.data[i], width == WIDTH_F64);
}

static bool run_pass(Pipeline *p, PassId id) {
    const Pass *pass = &passes[id];
    switch (pass->level) {
    case FRONT:
        if (!run_front(p)) return false;
        after_tir(p, id, false, true);
        return true;
    case TIR:
    case GRAD:
        run_tir(p, pass, pass->level == GRAD);
        after_tir(p, id, pass->level == GRAD, false);
        return true;
    case DERIVE:
        units_derive(p);
        after_tir(p, id, true, true);
        return true;
    case STAGE:
        units_stage(p);
        after_tir(p, id, true, true);
        return true;
    case LOWER:
        run_lower(p);
        after_lir(p, id, true);
        return true;
    case LIR:
        run_lir(p, pass);
        after_lir(p, id, false);
        return true;
    case CODE: return code_run(p);
    }
    return false;
}

bool pipeline_run(Pipeline *p, PassId last) {
    for (PassId id = 0; id <= last; id++) {
        double start = now();
        bool good = run_pass(p, id);
        p->seconds[id] = now() - start;
        if (!good) return false;
        if (id == p->control.stop_after) break;
    }
    return true;
}

void pipeline_print_times(const Pipeline *p, FILE *out) {
    double total = 0;
    for (PassId id = 0; id < PASS_COUNT; id++) total += p->seconds[id];
    fprintf(out, "  %-18s %9s %6s\n", "pass", "ms", "share");
    for (PassId id = 0; id < PASS_COUNT; id++)
        fprintf(out, "  %-18s %9.2f %5.1f%%\n", pass_name(id), 1e3 * p->seconds[id],
                total > 0 ? 100 * p->seconds[id] / total : 0.0);
    fprintf(out, "  %-18s %9.2f\n", "total", 1e3 * total);
}

/* Runs the passes of passes.def in order, each over every function, and verifies what they leave behind: always where
 * the form changes, after every pass with --verify-each. An invariant that does not hold is a fault of the compiler:
 * the function is printed, so that it can be read back and the fault reproduced, and the process ends with status 3. */
#include "driver/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver/units.h"

typedef enum PassLevel { FRONT, TIR, DERIVE, GRAD, LOWER, LIR, CODE } PassLevel;

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
    p->program = sema_program(p->arena, p->sources, p->file, p->stdlib, p->sizes, p->size_count, p->sink, p->hir_out);
    if (!p->program || p->sink->errors) return false;
    units_collect(p);
    return true;
}

static void run_tir(Pipeline *p, const Pass *pass, bool gradient) {
    for (size_t i = 0; i < p->units.count; i++)
        if (p->units.data[i]->gradient == gradient) pass->tir(p->units.data[i]->tir);
}

static void run_lower(Pipeline *p) {
    for (int width = 0; width < WIDTH_COUNT; width++)
        p->modules[width] = (LirModule){.arena = p->arena, .f64 = width == WIDTH_F64};
    for (size_t i = 0; i < p->units.count; i++) {
        Unit *unit = p->units.data[i];
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

typedef struct CodeTask {
    const LirModule *module;
    const CodeRequest *request;
    const char *path;
    const char *error; /* from malloc; NULL when all went well */
} CodeTask;

static void *run_code_task(void *argument) {
    CodeTask *task = argument;
    /* f64 kernels check and differentiate numerically: they run seldom, so they get a cheaper code generator. */
    int level = task->module->f64 && task->request->level > 1 ? 1 : task->request->level;
    llvm_emit(task->module, &task->request->target, task->request->what, level, task->path, &task->error);
    return NULL;
}

/* The two widths are independent modules: each is compiled in a thread of its own. */
static bool run_code(Pipeline *p) {
    CodeTask tasks[WIDTH_COUNT];
    for (int width = 0; width < WIDTH_COUNT; width++)
        tasks[width] = (CodeTask){&p->modules[width], p->code, p->code->path[width], NULL};
    pthread_t thread;
    bool threaded = !pthread_create(&thread, NULL, run_code_task, &tasks[WIDTH_F64]);
    run_code_task(&tasks[WIDTH_F32]);
    if (threaded)
        pthread_join(thread, NULL);
    else
        run_code_task(&tasks[WIDTH_F64]);
    bool good = true;
    for (int width = 0; width < WIDTH_COUNT; width++) {
        if (!tasks[width].error) continue;
        fprintf(stderr, "qtmc: %s\n", tasks[width].error);
        free((char *)tasks[width].error);
        good = false;
    }
    return good;
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
    case LOWER:
        run_lower(p);
        after_lir(p, id, true);
        return true;
    case LIR:
        run_lir(p, pass);
        after_lir(p, id, false);
        return true;
    case CODE: return run_code(p);
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

/* From files to a Program: modules, names, sizes, tables, then every fit. */
#include "sema/sema.h"

/* The detector at the right of a pipe whose left end is a draw, or a let of the fit that may be one; NULL otherwise. */
static const HirDecl *piped_detector(Elab *e, const FitState *fit, const AstNode *node) {
    const AstNode *call = node->kids[1], *from = node;
    const HirDecl *decl = hir_decl(e->hir, call->kind == AST_CALL ? call->kids[0] : call);
    if (!decl || decl->node->kind != AST_DETECTOR) return NULL;
    while (from->kind == AST_PIPE) from = from->kids[0];
    bool good = from->kind == AST_DRAW;
    for (size_t i = 0; i < fit->lets.count; i++)
        good |= from->kind == AST_NAME && let_names(fit->lets.data[i], from->name);
    return good ? decl : NULL;
}

/* Every draw of the model, in every fit: an event type is drawn as it first is, and as a detector sees it where one
 * gives events of that type. */
static void event_draws(Elab *e, FitState *fit, const AstNode *node, bool folded) {
    if (!node) return;
    const HirDecl *detector = folded && node->kind == AST_PIPE ? piped_detector(e, fit, node) : NULL;
    if (detector) event_draw_function(e, fit, node, hir_decl(e->hir, detector->node->kids[1]));
    if (!folded && node->kind == AST_DRAW) event_draw_function(e, fit, node, hir_decl(e->hir, node->kids[0]));
    for (uint32_t i = 0; i < node->count; i++) event_draws(e, fit, node->kids[i], folded);
}

static void verify(Elab *e, const TirFunction *f) {
    const char *wrong = f ? tir_verify(f, e->arena) : NULL;
    if (wrong) tir_fail(f, TIR_NONE, "elaboration made a malformed function: %s", wrong);
}

static void verify_all(Elab *e) {
    for (size_t i = 0; i < e->program->fits.count; i++) {
        const ProgramFit *fit = &e->program->fits.data[i];
        verify(e, fit->init);
        verify(e, fit->params);
        verify(e, fit->monitor);
        verify(e, fit->curve);
        verify(e, fit->check);
        for (size_t k = 0; k < fit->updates.count; k++) {
            verify(e, fit->updates.data[k].objective);
            verify(e, fit->updates.data[k].settings);
        }
    }
    for (size_t i = 0; i < e->program->densities.count; i++) verify(e, e->program->densities.data[i].value);
    verify(e, e->program->band);
    for (size_t i = 0; i < e->program->data.count; i++) verify(e, e->program->data.data[i].where);
    for (size_t i = 0; i < e->program->events.count; i++) verify(e, e->program->events.data[i].draw);
    for (size_t i = 0; i < e->program->data.count; i++) verify(e, e->program->data.data[i].draw);
}

static void elaborate_fits(Elab *e) {
    HirModule *main = e->hir->main;
    for (size_t i = 0; i < main->decls.count; i++) {
        if (main->decls.data[i]->node->kind != AST_FIT || main->decls.data[i]->node->kids[1]) continue;
        FitState *fit = ARENA_NEW(e->arena, FitState);
        fit->decl = main->decls.data[i];
        fit->out = ARENA_NEW(e->arena, ProgramFit);
        VEC_PUSH(e->arena, &e->fits, fit);
    }
    Context *scratch = e->context;
    for (size_t i = 0; i < e->fits.count; i++) {
        FitState *fit = e->fits.data[i];
        e->context = scratch;
        if (!fit_collect(e, fit)) continue;
        size_t errors = e->sink->errors;
        fit_elaborate(e, fit);
        for (int folded = 1; folded >= 0; folded--)
            if (e->sink->errors == errors) event_draws(e, fit, fit->decl->node, folded);
        VEC_PUSH(e->arena, &e->program->fits, *fit->out);
    }
    if (e->program->fits.count == e->fits.count) identify_functions(e);
    for (size_t i = 0; i < e->data.count; i++) data_draw_function(e, (uint32_t)i);
    param_report_unseen(e);
    e->context = scratch;
    for (size_t i = 0; i < main->decls.count; i++)
        if (main->decls.data[i]->node->kind == AST_FIT && main->decls.data[i]->node->kids[1])
            wrapper_add(e, main->decls.data[i]);
}

/* Modules, names, sizes and tables: what there is before any fit. False after errors. */
static bool model_open(Elab *e, SourceSet *sources, uint32_t file, const char *stdlib_dir) {
    size_t errors = e->sink->errors;
    Hir *hir = e->hir = ARENA_NEW(e->arena, Hir);
    *hir = (Hir){.arena = e->arena, .sources = sources, .sink = e->sink, .stdlib = stdlib_dir};
    hir_load(hir, file);
    if (hir->broken) return false;
    hir_resolve(hir);
    if (e->sink->errors != errors) return false;
    e->program = ARENA_NEW(e->arena, Program);
    e->program->arena = e->arena;
    e->program->name = hir->main->name;
    e->program->hir = hir;
    context_new(e, "constants", NULL, PARAMS_NONE, false, NULL);
    return true;
}

bool sema_eval(Arena *arena, SourceSet *sources, uint32_t file, const char *stdlib_dir, SizeOverride *overrides,
               size_t override_count, DiagSink *sink, const EvalRequest *request) {
    size_t errors = sink->errors;
    Elab e = {.arena = arena, .sink = sink, .stack = __builtin_frame_address(0), .calls = true};
    if (!model_open(&e, sources, file, stdlib_dir) || !table_sizes(&e, overrides, override_count)) return false;
    table_build(&e);
    if (sink->errors != errors) return false;
    eval_all(&e, request);
    return sink->errors == errors;
}

Program *sema_program(Arena *arena, SourceSet *sources, uint32_t file, const char *stdlib_dir, SizeOverride *overrides,
                      size_t override_count, bool calls, DiagSink *sink, FILE *hir_out) {
    size_t errors = sink->errors;
    Elab e = {.arena = arena, .sink = sink, .stack = __builtin_frame_address(0), .calls = calls};
    if (!model_open(&e, sources, file, stdlib_dir)) return NULL;
    Program *program = e.program;
    bool sized = table_sizes(&e, overrides, override_count);
    if (hir_out) hir_print(hir_out, e.hir);
    if (!sized) return NULL;
    table_build(&e); /* a domain that cannot be read is (0, 1) from here on: the fits are looked through all the same */
    Context *scratch = e.context;
    bool readable = sink->errors == errors;
    for (uint32_t i = 0; readable && i < program->data.count; i++) data_where(&e, i);
    if (readable) check_now(&e);
    elaborate_fits(&e);
    e.context = scratch;
    table_check_constants(&e);
    body_check_all(&e);
    if (sink->errors != errors) return NULL;
    verify_all(&e);
    return program;
}

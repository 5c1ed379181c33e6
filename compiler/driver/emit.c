/* qtmc --emit=FORM: prints the model in one of the forms it goes through. */
#include <errno.h>
#include <string.h>

#include "driver/descriptor.h"
#include "driver/link.h"
#include "driver/output.h"
#include "driver/session.h"
#include "lang/ast.h"

static PassId last_pass(EmitForm form) {
    switch (form) {
    case EMIT_TIR: return PASS_DCE;
    case EMIT_TIR_GRAD: return PASS_GRAD_DCE;
    case EMIT_LIR: return PASS_SCHEDULE;
    case EMIT_DESCRIPTOR: return PASS_MATH;
    case EMIT_LLVM:
    case EMIT_ASM:
    case EMIT_OBJ: return PASS_LLVM;
    default: return PASS_SEMA;
    }
}

static void print_tir(FILE *out, const Pipeline *p, bool gradient) {
    TirModule module = {.arena = p->arena};
    for (size_t i = 0; i < p->units.count; i++)
        if (p->units.data[i]->gradient == gradient) VEC_PUSH(p->arena, &module.functions, p->units.data[i]->tir);
    tir_print_module(out, &module);
}

static bool copy_file(FILE *out, const char *path) {
    FILE *in = fopen(path, "r");
    if (!in) {
        fprintf(stderr, "qtmc: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    char buffer[1 << 14];
    for (size_t count = sizeof buffer; count == sizeof buffer;) {
        count = fread(buffer, 1, sizeof buffer, in);
        fwrite(buffer, 1, count, out);
    }
    bool good = !ferror(in);
    if (!good) fprintf(stderr, "qtmc: cannot read %s\n", path);
    fclose(in);
    return good;
}

/* Machine code comes as a file a function. */
static int emit_code(Session *session, const Options *options, OutputFolder *folder, FILE *out, const char *object) {
    LlvmOutput what = options->form == EMIT_LLVM  ? LLVM_OUTPUT_IR_OPTIMISED
                      : options->form == EMIT_ASM ? LLVM_OUTPUT_ASM
                                                  : LLVM_OUTPUT_OBJ;
    CodeRequest request = {.folder = folder, .what = what, .level = options->level};
    if (!session_targets(session, options)) return 2;
    session->pipeline.code = &request;
    int status = session_run(session, PASS_LLVM);
    if (status || session_stopped(session, PASS_LLVM)) return status;
    if (!out) return link_objects(&session->arena, request.paths.data, request.paths.count, object) ? 0 : 1;
    for (size_t i = 0; i < request.paths.count; i++)
        if (!copy_file(out, request.paths.data[i])) return 1;
    return 0;
}

static int emit_text(Session *session, const Options *options, FILE *out) {
    Pipeline *p = &session->pipeline;
    if (options->form == EMIT_TOKENS || options->form == EMIT_AST) {
        if (options->form == EMIT_TOKENS)
            ast_print_tokens(out, &session->sources, p->file, &session->sink);
        else
            ast_print(out, ast_parse(&session->arena, &session->sources, p->file, &session->sink));
        bool bad = session->sink.errors > 0;
        session_render(session);
        return bad;
    }
    if (options->form == EMIT_DESCRIPTOR && !session_targets(session, options)) return 2;
    if (options->form == EMIT_HIR) p->hir_out = out;
    PassId last = last_pass(options->form);
    int status = session_run(session, last);
    if (status || session_stopped(session, last)) return status;
    switch (options->form) {
    case EMIT_TIR: print_tir(out, p, false); break;
    case EMIT_TIR_GRAD: print_tir(out, p, true); break;
    case EMIT_LIR:
        for (int width = 0; width < WIDTH_COUNT; width++) lir_print_module(out, &p->modules[width]);
        break;
    case EMIT_DESCRIPTOR: descriptor_print(out, p, NULL); break;
    default: break;
    }
    return 0;
}

static int emit_in(Session *session, const Options *options, OutputFolder *folder) {
    const char *path = options->output ? output_file(folder, "output") : NULL;
    bool object = options->form == EMIT_OBJ;
    FILE *out = object ? NULL : path ? fopen(path, "w") : stdout;
    if (!object && !out) {
        fprintf(stderr, "qtmc: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    int status = last_pass(options->form) == PASS_LLVM ? emit_code(session, options, folder, out, object ? path : NULL)
                                                       : emit_text(session, options, out);
    const char *name = options->output ? options->output : "standard output";
    if (out && !output_finish(out, name)) return 1;
    if (status || !path || session_stopped(session, last_pass(options->form))) return status;
    return output_move(path, options->output) ? 0 : 1;
}

int command_emit(const Options *options) {
    Session session;
    OutputFolder folder;
    int status = 1;
    if (session_open(&session, options, options->files.data[0]) &&
        output_open(&folder, &session.arena, options->output)) {
        status = emit_in(&session, options, &folder);
        output_close(&folder);
    }
    session_close(&session);
    return status;
}

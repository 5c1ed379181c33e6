/* qtmc build: the whole way from a model's file to an executable. The executable appears under its name when it is
 * complete, or not at all. */
#include "driver/descriptor.h"
#include "driver/link.h"
#include "driver/output.h"
#include "driver/session.h"
#include "report/memory.h"
#include "report/schedule.h"
#include "support/foreign.h"

#include <string.h>

static bool write_descriptor(const Pipeline *pipeline, const TrapPack *pack, const char *path) {
    FILE *out = fopen(path, "w");
    if (!out) {
        perror("qtmc: cannot write the model's description");
        return false;
    }
    descriptor_print(out, pipeline, pack);
    return output_finish(out, path);
}

/* The descriptor is compiled by `cc` while the kernels are compiled here. */
typedef struct Descriptor {
    Session *session;
    const char *source, *object, *packed;
    LinkChild child;
} Descriptor;

static void descriptor_start(void *argument) {
    Descriptor *descriptor = argument;
    Session *session = descriptor->session;
    TrapPack pack;
    if (trap_write(&session->pipeline, descriptor->packed, &pack) &&
        write_descriptor(&session->pipeline, &pack, descriptor->source))
        descriptor->child = link_compile_start(&session->arena, session->root, descriptor->source, descriptor->object);
}

/* What the model's functions in C are linked from. */
static bool externs_add(Session *session, OutputFolder *folder, CodeRequest *request) {
    const Program *program = session->pipeline.program;
    for (size_t i = 0; i < program->externs.count; i++) {
        const TirExtern *external = program->externs.data[i];
        const char *object = output_file(folder, arena_format(&session->arena, "extern%zu.o", i)), *words[2];
        bool again = false;
        const char *seen = arena_format(&session->arena, "-Wl,--export-dynamic-symbol=%s", external->symbol);
        VEC_PUSH(&session->arena, &request->paths, seen); /* for --trap=nan, which calls it by its name */
        for (size_t k = 0; k < i; k++) again |= !strcmp(program->externs.data[k]->file, external->file);
        if (again) continue;
        if (!foreign_link(&session->arena, external, object, words)) {
            fprintf(stderr, "qtmc: cc cannot compile %s; it says why above\n", external->file);
            return false;
        }
        for (int k = 0; k < 2 && words[k]; k++) VEC_PUSH(&session->arena, &request->paths, words[k]);
    }
    return true;
}

static int build_in(Session *session, const Options *options, OutputFolder *folder) {
    Descriptor descriptor = {
        session, output_file(folder, "model.c"), output_file(folder, "model.o"), output_file(folder, "functions"), {0}};
    CodeRequest request = {.folder = folder,
                           .what = LLVM_OUTPUT_OBJ,
                           .level = options->level,
                           .beside = descriptor_start,
                           .beside_argument = &descriptor};
    if (!session_targets(session, options)) return 2;
    session->pipeline.code = &request;
    session->pipeline.calls = true;
    int status = session_run(session, PASS_LLVM);
    bool stopped = session_stopped(session, PASS_LLVM);
    if (descriptor.child.pid && !link_compile_finish(descriptor.child)) return 1;
    if (status || stopped) return status;
    if (!descriptor.child.pid) return 1;
    VEC_PUSH(&session->arena, &request.paths, descriptor.object);
    if (!externs_add(session, folder, &request)) return 1;
    const char *executable = output_file(folder, "model");
    if (!link_executable(&session->arena, session->root, request.paths.data, request.paths.count, executable)) return 1;
    if (!output_move(executable, options->output)) return 1;
    if (options->report_schedule)
        report_schedule(stdout, &session->pipeline, &session->pipeline.targets[session->pipeline.target_count - 1]);
    if (options->report_memory) report_memory(stdout, &session->pipeline);
    return 0;
}

int command_build(const Options *options) {
    Session session;
    OutputFolder folder;
    int status = 1;
    if (session_open(&session, options, options->files.data[0]) &&
        output_open(&folder, &session.arena, options->output)) {
        status = build_in(&session, options, &folder);
        output_close(&folder);
    }
    session_close(&session);
    return status;
}

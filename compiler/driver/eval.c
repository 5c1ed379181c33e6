/* qtmc eval: what expressions in terms of a model come to, without compiling anything. */
#include "driver/output.h"
#include "driver/session.h"

int command_eval(const Options *options) {
    Session session;
    bool good = session_open(&session, options, options->files.data[0]);
    Pipeline *p = &session.pipeline;
    EvalRequest request = {
        .expressions = options->files.data + 1,
        .count = options->files.count - 1,
        .settings = options->settings.data,
        .setting_count = options->settings.count,
        .truth = options->truth,
        .seeded = options->seed >= 0,
        .seed = options->seed >= 0 ? (uint64_t)options->seed : 0,
        .out = stdout,
    };
    if (good) good = sema_eval(p->arena, p->sources, p->file, p->stdlib, p->sizes, p->size_count, p->sink, &request);
    if (session.sink.errors) session_render(&session); /* warnings about the model belong to qtmc check */
    session_close(&session);
    return output_finish(stdout, "standard output") && good ? 0 : 1;
}

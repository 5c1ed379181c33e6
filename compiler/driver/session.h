/* One run of a subcommand over one model: memory, sources, messages, and where the compiler's own files are. */
#ifndef QTMC_DRIVER_SESSION_H
#define QTMC_DRIVER_SESSION_H

#include "driver/options.h"

typedef struct Session {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    Messages *messages;
    const char *root; /* the tree that holds bin/qtmc, lib, include and share/qtmc */
    Pipeline pipeline;
} Session;

/* Everything but the model itself. */
void session_start(Session *session, const Options *options);
/* Reads the model's file. False after a message: the exit status is then 1. */
bool session_open(Session *session, const Options *options, const char *file);
/* The processor to compile for. False after a message. */
bool session_targets(Session *session, const Options *options);
/* Runs the pipeline up to `last` and says on standard error what there is to say. Returns the exit status. */
int session_run(Session *session, PassId last);
/* Whether --stop-after ended the pipeline before `last`. */
bool session_stopped(const Session *session, PassId last);
/* Prints the messages so far; they are not printed again. */
void session_render(Session *session);
void session_close(Session *session);

/* The subcommands; each returns the exit status. */
int command_build(const Options *options);
int command_check(const Options *options);
int command_fmt(const Options *options);
int command_doc(const Options *options);
int command_eval(const Options *options);
int command_info(const Options *options);
int command_emit(const Options *options);
int command_explain(const Options *options);

#endif

/* The command line of qtmc, parsed. */
#ifndef QTMC_DRIVER_OPTIONS_H
#define QTMC_DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "driver/messages.h"
#include "driver/pipeline.h"
#include "hir/program.h"

typedef enum Command {
#define COMMAND(id, name, arguments, help) COMMAND_##id,
#include "driver/commands.def"
#undef COMMAND
    COMMAND_EMIT, /* --emit=FORM FILE */
    COMMAND_HELP,
    COMMAND_VERSION,
} Command;

typedef enum EmitForm {
#define FORM(id, name, help) EMIT_##id,
#include "driver/emit.def"
#undef FORM
    EMIT_FORM_COUNT
} EmitForm;

typedef struct Options {
    Command command;
    EmitForm form;
    VEC(const char *) files;
    VEC(SizeOverride) sizes;
    VEC(const char *) folders; /* -I */
    const char *output;        /* NULL when not given */
    const char *march;         /* NULL: this machine's */
    bool multi_target;
    int level;
    bool report_memory, report_schedule; /* of build */
    bool check;                          /* --check of fmt */
    bool to_stdout;                      /* --stdout of fmt */
    bool as_json;                        /* --json of info */
    bool truth;                          /* of eval, as the next two */
    int64_t seed;                        /* -1: none */
    VEC(EvalSetting) settings;
    PipelineControl control;
    Messages *messages; /* where everything that is said about models goes */
} Options;

/* Returns false after saying on standard error what is wrong with the usage: the exit status is then 2. */
bool options_parse(Options *options, Arena *arena, int argc, char **argv);
void options_help(FILE *out);

#endif

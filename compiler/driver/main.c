/* qtmc: the command line. */
#include <signal.h>
#include <stdio.h>

#include "driver/config.h"
#include "driver/output.h"
#include "driver/session.h"

int main(int argc, char **argv) {
    Arena arena = {0};
    Options options;
    int status = 2;
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of the write */
    if (options_parse(&options, &arena, argc, argv)) {
        switch (options.command) {
        case COMMAND_BUILD: status = command_build(&options); break;
        case COMMAND_CHECK: status = command_check(&options); break;
        case COMMAND_EVAL: status = command_eval(&options); break;
        case COMMAND_FMT: status = command_fmt(&options); break;
        case COMMAND_DOC: status = command_doc(&options); break;
        case COMMAND_INFO: status = command_info(&options); break;
        case COMMAND_EMIT: status = command_emit(&options); break;
        case COMMAND_EXPLAIN: status = command_explain(&options); break;
        case COMMAND_HELP:
            options_help(stdout);
            status = output_finish(stdout, "standard output") ? 0 : 1;
            break;
        case COMMAND_VERSION:
            printf("qtmc %s\n", QTMC_VERSION);
            status = output_finish(stdout, "standard output") ? 0 : 1;
            break;
        }
        messages_finish(options.messages);
    }
    arena_free(&arena);
    return status;
}

/* The main of every model's executable: reads the command line, opens the job, runs one command, prints what went
 * wrong. Only rank 0 prints. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/comm/comm.h"
#include "runtime/core/options.h"
#include "runtime/core/processor.h"
#include "runtime/core/status.h"
#include "runtime/train/draw.h"
#include "runtime/train/gradcheck.h"
#include "runtime/train/identify.h"
#include "runtime/train/loop.h"
#include "runtime/train/report.h"

static const char *program_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static qtm_status command_run(const struct qtm_model *model, const struct qtm_arguments *arguments,
                              struct qtm_comm *comm, int *exit_status) {
    bool root = qtm_comm_rank(comm) == 0;
    switch (arguments->command) {
    case QTM_COMMAND_FIT: return qtm_fit_command(model, arguments, comm, exit_status);
    case QTM_COMMAND_RESUME: return qtm_resume_command(model, arguments, comm, exit_status);
    case QTM_COMMAND_CHECK_GRADIENTS: return qtm_gradcheck_command(model, arguments, comm);
    case QTM_COMMAND_DRAW: return qtm_comm_agree(comm, root ? qtm_draw_command(model, arguments) : QTM_OK);
    case QTM_COMMAND_REPORT:
        return qtm_comm_agree(comm, root ? qtm_report_write(arguments->operand, model, false) : QTM_OK);
    case QTM_COMMAND_IDENTIFY: return qtm_comm_agree(comm, root ? qtm_identify_command(model, arguments) : QTM_OK);
    case QTM_COMMAND_COUNT: break;
    }
    return qtm_misuse("a command is needed");
}

/* The exit status for a failure, after its message. */
static int failure_print(const char *program, qtm_status status, bool root) {
    if (root) {
        fprintf(stderr, "%s: error: %s\n", program, qtm_error_text());
        if (getenv("QTM_TRACE")) fprintf(stderr, "at %s\n", qtm_error_trail());
    }
    return status == QTM_MISUSE ? 2 : 1;
}

static void version_print(const struct qtm_model *model) {
    printf("%s, model %s, compiled by qtmc %s for", model->name, model->hash, model->compiler);
    for (int i = 0; i < model->processor_count; i++) printf("%s %s", i ? "," : "", model->processors[i].name);
    if (model->processor_count > 1) printf("; runs the code for %s", model->processors[qtm_processor_used].name);
    printf("\n");
}

static int misuse_print(const char *program, const struct qtm_arguments *arguments, bool root) {
    if (!root) return 2;
    fprintf(stderr, "%s: error: %s\n", program, arguments->message);
    bool known = arguments->command != QTM_COMMAND_COUNT;
    fprintf(stderr, "%s %s%s--help shows what there is\n", program, known ? qtm_command_name(arguments->command) : "",
            known ? " " : "");
    return 2;
}

int qtm_main(int argc, char **argv, const struct qtm_model *model) {
    const char *program = program_name(argc > 0 ? argv[0] : model->name);
    if (model->version != QTM_MODEL_VERSION) {
        fprintf(stderr, "%s: error: built for version %d of the runtime, linked with version %d; build it again\n",
                program, model->version, QTM_MODEL_VERSION);
        return 1;
    }
    qtm_status status = qtm_processor_start(model, qtm_features());
    if (status) return failure_print(program, status, true);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of the write */
    struct qtm_comm *comm = NULL;
    status = qtm_comm_open(&argc, &argv, &comm);
    if (status) return failure_print(program, status, true);
    bool root = qtm_comm_rank(comm) == 0;
    struct qtm_arguments arguments;
    int exit_status = qtm_arguments_parse(&arguments, argc, argv, model);
    if (exit_status) {
        misuse_print(program, &arguments, root);
    } else if (arguments.version) {
        if (root) version_print(model);
    } else if (arguments.help) {
        if (root) qtm_arguments_help(program, arguments.command, model);
    } else {
        status = command_run(model, &arguments, comm, &exit_status);
        if (status) exit_status = failure_print(program, status, root);
    }
    qtm_arguments_destroy(&arguments);
    qtm_comm_close(comm);
    return exit_status;
}

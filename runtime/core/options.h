/* The command line of a model's executable: the fixed flags of options.def, a flag for every `option` of the model and
 * one for every `data` declaration. Flags are written --name=value or --name value; in a name, - and _ are the same. */
#ifndef QTM_OPTIONS_H
#define QTM_OPTIONS_H

#include "qtm/model.h"

enum qtm_command {
#define QTM_COMMAND(id, name, operand, need, help) QTM_COMMAND_##id,
#include "runtime/core/options.def"
    QTM_COMMAND_COUNT
};

/* Numbers not given are -1, texts not given NULL. */
struct qtm_arguments {
    enum qtm_command command;
    const char *operand; /* name of a fit, checkpoint or run folder */
    bool help, version;  /* help without a command: command is QTM_COMMAND_COUNT */
    bool truth, quiet, json;
    int64_t events, steps, seed, threads, report_every, checkpoint_every;
    const char *event, *sets, *out, *free, *fix, *start, *at, *trap;
    double *options;   /* [option_count] the value given or the declared one */
    const char **data; /* [data_count] path given or NULL */
    char message[512]; /* what is wrong with the command line */
};

/* Reads a command line. Returns 0, or 2 with `message` filled. The result points into argv; qtm_arguments_destroy frees
 * what was allocated, after an error too. */
int qtm_arguments_parse(struct qtm_arguments *arguments, int argc, char **argv, const struct qtm_model *model);
void qtm_arguments_destroy(struct qtm_arguments *arguments);

/* The name of a command as it is written. */
const char *qtm_command_name(enum qtm_command command);

/* Prints the help of one command, or of all with QTM_COMMAND_COUNT. */
void qtm_arguments_help(const char *program, enum qtm_command command, const struct qtm_model *model);

#endif

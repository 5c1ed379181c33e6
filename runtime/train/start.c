/* The command line as the settings of a run. */
#include "runtime/train/start.h"

#include <stdio.h>

struct qtm_config qtm_start_config(const struct qtm_model *model, const struct qtm_fit *fit, struct qtm_comm *comm,
                                   const struct qtm_choice *choice, const struct qtm_arguments *arguments) {
    return (struct qtm_config){
        .model = model,
        .fit = fit,
        .comm = comm,
        .options = arguments->options,
        .data = arguments->data,
        .choice = choice,
        .trap = arguments->trap != NULL,
        .seed = arguments->seed >= 0 ? (uint64_t)arguments->seed : 1,
        .threads = arguments->threads > 0 ? (int)arguments->threads : 0,
    };
}

qtm_status qtm_start_folder(const struct qtm_arguments *arguments, char folder[QTM_RUN_FOLDER]) {
    const char *name = arguments->out ? arguments->out : arguments->operand;
    if (snprintf(folder, QTM_RUN_FOLDER, "%s%s", arguments->out ? "" : "run/", name) < QTM_RUN_FOLDER) return QTM_OK;
    return qtm_error("%s: the name of the folder is too long", name);
}

int64_t qtm_start_interval(int64_t given, int64_t steps, int64_t parts) {
    int64_t part = given > 0 ? given : steps / parts;
    return part < 1 ? 1 : part;
}

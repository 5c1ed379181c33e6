/* qtmc explain: the page of a code, or the list of all codes. */
#include "diag/explain.h"
#include "driver/output.h"
#include "driver/session.h"

static bool explain_one(const Options *options, const char *name) {
    DiagCode code = explain_find(name);
    if (code < DIAG_CODE_COUNT) {
        explain_print(stdout, code, messages_colour(options->messages, stdout));
        return true;
    }
    const char *nearest = explain_nearest(name);
    fprintf(stderr, "qtmc: there is no code '%s'; ", name);
    if (nearest)
        fprintf(stderr, "did you mean '%s'?\n", nearest);
    else
        fputs("qtmc explain lists all of them\n", stderr);
    return false;
}

int command_explain(const Options *options) {
    bool good = true;
    if (!options->files.count) explain_print_codes(stdout);
    for (size_t i = 0; i < options->files.count; i++) {
        if (i && good) fputc('\n', stdout);
        good = explain_one(options, options->files.data[i]) && good;
    }
    if (!output_finish(stdout, "standard output")) return 1;
    return good ? 0 : 2;
}

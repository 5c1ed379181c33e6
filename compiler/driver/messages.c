/* Messages of a run; see messages.h. */
#include "driver/messages.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES_CODES = 6 }; /* named at the end of a run, at most */

bool messages_colour(const Messages *messages, FILE *out) {
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (messages->colour != COLOUR_AUTO) return messages->colour == COLOUR_ALWAYS;
    return isatty(fileno(out)) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

void messages_print(Messages *messages, const DiagSink *sink) {
    Arena arena = {0};
    size_t count;
    const Diag **diags = diag_shown(sink, &arena, &count);
    for (size_t i = 0; i < count; i++) {
        bool error = diag_code_is_error(diags[i]->code);
        messages->errors += error;
        messages->warnings += !error;
        messages->said[diags[i]->code] |= error;
    }
    if (messages->json) {
        diag_render_json(sink, stdout);
        fflush(stdout);
    } else {
        diag_render(sink, stderr, messages_colour(messages, stderr));
    }
    arena_free(&arena);
}

void messages_finish(const Messages *messages) {
    size_t count = 0;
    if (!messages->errors || messages->json) return;
    fputs("more about it: qtmc explain", stderr);
    for (DiagCode code = 0; code < DIAG_CODE_COUNT; code++)
        if (messages->said[code] && count++ < MESSAGES_CODES) fprintf(stderr, " %s", diag_code_name(code));
    fputs(count > MESSAGES_CODES ? " ...\n" : "\n", stderr);
}

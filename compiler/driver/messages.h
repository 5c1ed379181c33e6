/* How messages about models leave qtmc: as text or as JSON, in colour or not; and what was said in the whole run. */
#ifndef QTMC_DRIVER_MESSAGES_H
#define QTMC_DRIVER_MESSAGES_H

#include "diag/diag.h"

typedef enum ColourWhen { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } ColourWhen;

typedef struct Messages {
    bool json;
    ColourWhen colour;
    size_t errors, warnings;
    bool said[DIAG_CODE_COUNT]; /* codes of errors */
} Messages;

/* Whether text to this stream is coloured: by --color; else on a terminal that shows colours, unless NO_COLOR is set.
 */
bool messages_colour(const Messages *messages, FILE *out);
/* Text goes to standard error, JSON to standard output. */
void messages_print(Messages *messages, const DiagSink *sink);
/* The last line of a run with errors: where to read more about them. */
void messages_finish(const Messages *messages);

#endif

/* The message and the trail of the last failure of each thread. Fixed buffers: reporting "out of memory" must not
 * allocate. */
#include "runtime/core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 4096, TRAIL_BYTES = 512 };

static _Thread_local char error_text[TEXT_BYTES];
static _Thread_local char error_trail[TRAIL_BYTES];

void qtm_error_record(const char *format, ...) {
    char text[TEXT_BYTES]; /* the arguments may point into error_text */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(error_text, text, sizeof text);
    error_trail[0] = '\0';
}

const char *qtm_error_text(void) {
    return error_text;
}

const char *qtm_error_trail(void) {
    return error_trail;
}

void qtm_error_pass(const char *file, int line) {
    const char *slash = strrchr(file, '/');
    size_t used = strlen(error_trail);
    snprintf(error_trail + used, sizeof error_trail - used, "%s%s:%d", used ? " < " : "", slash ? slash + 1 : file,
             line);
}

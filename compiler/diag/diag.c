/* The sink: reports are kept in the order they came; render.c sorts them. See diag.h. */
#include "diag/diag.h"

#include <string.h>

static const bool DIAG_IS_ERROR[] = {
#define ERROR true
#define WARNING false
#define DIAG(code, severity, title) severity,
#include "diag/codes.def"
#undef DIAG
#undef ERROR
#undef WARNING
};
_Static_assert(sizeof DIAG_IS_ERROR == DIAG_CODE_COUNT, "one severity for each code");

void diag_report(DiagSink *sink, DiagCode code, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    Diag *diag = ARENA_NEW(&sink->arena, Diag);
    diag->code = code;
    diag->span = span;
    diag->text = arena_vformat(&sink->arena, format, args);
    va_end(args);
    VEC_PUSH(&sink->arena, &sink->diags, diag);
    if (DIAG_IS_ERROR[code])
        sink->errors++;
    else
        sink->warnings++;
}

static void diag_note_append(DiagSink *sink, Span span, bool help, const char *text) {
    if (!sink->diags.count) return;
    Diag *diag = sink->diags.data[sink->diags.count - 1];
    VEC_PUSH(&sink->arena, &diag->notes, ((DiagNote){.span = span, .help = help, .text = text}));
}

void diag_note(DiagSink *sink, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    diag_note_append(sink, span, false, arena_vformat(&sink->arena, format, args));
    va_end(args);
}

void diag_help(DiagSink *sink, const char *format, ...) {
    va_list args;
    va_start(args, format);
    diag_note_append(sink, (Span){0}, true, arena_vformat(&sink->arena, format, args));
    va_end(args);
}

void diag_free(DiagSink *sink) {
    arena_free(&sink->arena);
    *sink = (DiagSink){.sources = sink->sources};
}

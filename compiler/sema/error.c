/* Reports of elaboration. Where the place is inside library code, the message points at the user's call and a note at
 * the place: a user can change only the former. */
#include "sema/sema.h"

#include <ctype.h>

static bool in_library(const Elab *e, Span span) {
    for (size_t i = 0; i < e->hir->modules.count; i++)
        if (e->hir->modules.data[i]->file == span.file) return e->hir->modules.data[i]->library;
    return false;
}

Value elab_error(Elab *e, DiagCode code, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = arena_vformat(e->arena, format, args);
    va_end(args);
    Span primary = span;
    const Frame *frame = e->frame;
    while (in_library(e, primary) && frame && frame->site.file) {
        primary = frame->site;
        frame = frame->caller;
    }
    diag_report(e->sink, code, primary, "%s", text);
    if (primary.file != span.file || primary.begin != span.begin) {
        e->sink->diags.data[e->sink->diags.count - 1]->inside = true;
        diag_note(e->sink, span, "which leads here");
    }
    for (int shown = 0; frame && frame->site.file && shown < 3; frame = frame->caller, shown++)
        diag_note(e->sink, frame->site, "called from here");
    return value_poison();
}

const char *elab_source_text(Elab *e, Span span) {
    const SourceFile *file = source_file(e->hir->sources, span.file);
    char *text = arena_alloc(e->arena, span.end - span.begin + 1), *to = text;
    for (uint32_t i = span.begin; i < span.end; i++) {
        char c = file->text[i];
        if (c == '#')
            while (i < span.end && file->text[i] != '\n') i++;
        if (!isspace((unsigned char)c) && c != '#')
            *to++ = c;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > text && to[-1] == ' ') to[-1] = 0;
    return text;
}

Value elab_help(Elab *e, Value poison, const char *format, ...) {
    va_list args;
    va_start(args, format);
    diag_help(e->sink, "%s", arena_vformat(e->arena, format, args));
    va_end(args);
    return poison;
}

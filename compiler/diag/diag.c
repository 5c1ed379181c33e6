/* The sink: reports are kept in the order they came; diag_shown sorts them and leaves out what need not be said. See
 * diag.h. */
#include "diag/diag.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *title;
    bool error;
} CODES[] = {
#define ERROR true
#define WARNING false
#define DIAG(code, severity, title) {#code, title, severity},
#include "diag/codes.def"
#undef DIAG
#undef ERROR
#undef WARNING
};
_Static_assert(sizeof CODES / sizeof *CODES == DIAG_CODE_COUNT, "one row for each code");

const char *diag_code_name(DiagCode code) {
    return CODES[code].name;
}

const char *diag_code_title(DiagCode code) {
    return CODES[code].title;
}

bool diag_code_is_error(DiagCode code) {
    return CODES[code].error;
}

void diag_report(DiagSink *sink, DiagCode code, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    Diag *diag = ARENA_NEW(&sink->arena, Diag);
    diag->code = code;
    diag->span = span;
    diag->text = arena_vformat(&sink->arena, format, args);
    va_end(args);
    VEC_PUSH(&sink->arena, &sink->diags, diag);
    if (diag_code_is_error(code))
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

typedef struct Ranked {
    const Diag *diag;
    size_t order;
} Ranked;

/* By file, place, and the order of reporting. */
static int ranked_compare(const void *left, const void *right) {
    const Ranked *a = left, *b = right;
    if (a->diag->span.file != b->diag->span.file) return a->diag->span.file < b->diag->span.file ? -1 : 1;
    if (a->diag->span.begin != b->diag->span.begin) return a->diag->span.begin < b->diag->span.begin ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool diag_equal(const Diag *a, const Diag *b) {
    return a->code == b->code && a->span.file == b->span.file && a->span.begin == b->span.begin &&
           a->span.end == b->span.end && strcmp(a->text, b->text) == 0;
}

/* A second error inside of one call nearly always follows from the first. */
static bool diag_follows(const Diag *first, const Diag *next) {
    return next->inside && diag_code_is_error(first->code) && first->span.file == next->span.file &&
           first->span.begin == next->span.begin && first->span.end == next->span.end;
}

const Diag **diag_shown(const DiagSink *sink, Arena *arena, size_t *shown) {
    size_t count = sink->diags.count;
    Ranked *ranked = ARENA_ARRAY(arena, Ranked, count);
    const Diag **diags = ARENA_ARRAY(arena, const Diag *, count);
    for (size_t i = 0; i < count; i++) ranked[i] = (Ranked){.diag = sink->diags.data[i], .order = i};
    if (count) qsort(ranked, count, sizeof *ranked, ranked_compare);
    *shown = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = i; j > 0 && !seen && ranked[j - 1].diag->span.begin == ranked[i].diag->span.begin; j--)
            seen = diag_equal(ranked[j - 1].diag, ranked[i].diag) || diag_follows(ranked[j - 1].diag, ranked[i].diag);
        if (!seen) diags[(*shown)++] = ranked[i].diag;
    }
    return diags;
}

void diag_free(DiagSink *sink) {
    arena_free(&sink->arena);
    *sink = (DiagSink){.sources = sink->sources};
}

/* The one sink for everything that is said about a user's model. A message has a stable code (codes.def), a primary
 * span, and any number of notes (secondary spans) and remedies. Compilation goes on after an error; whoever reported
 * it poisons what it was building so that no second message follows from the first. */
#ifndef QTMC_DIAG_DIAG_H
#define QTMC_DIAG_DIAG_H

#include <stdarg.h>
#include <stdio.h>

#include "source/source.h"

typedef enum DiagCode {
#define DIAG(code, severity, title) DIAG_##code,
#include "diag/codes.def"
#undef DIAG
    DIAG_CODE_COUNT
} DiagCode;

typedef struct DiagNote {
    Span span; /* nowhere for a plain remedy */
    bool help; /* a remedy ("help:") rather than a note */
    const char *text;
} DiagNote;

typedef struct Diag {
    DiagCode code;
    Span span;
    const char *text;
    VEC(DiagNote) notes;
    bool inside; /* found inside of what the span calls: shown only when nothing else is said of that span */
} Diag;

typedef struct DiagSink {
    Arena arena;
    SourceSet *sources;
    VEC(Diag *) diags;
    size_t errors, warnings;
} DiagSink;

enum { DIAG_LIMIT = 100 };

const char *diag_code_name(DiagCode code);
const char *diag_code_title(DiagCode code);
bool diag_code_is_error(DiagCode code);

/* Reports; the severity comes from codes.def. The text says what is wrong, in the user's words, without a full stop. */
void diag_report(DiagSink *sink, DiagCode code, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds to the newest report: a secondary place, or a concrete remedy. */
void diag_note(DiagSink *sink, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_help(DiagSink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is to be said: sorted by file and place, without repetitions and what only follows from another. */
const Diag **diag_shown(const DiagSink *sink, Arena *arena, size_t *count);
/* Human form: file:line:col, reason, source line with caret, notes, remedy; at most DIAG_LIMIT errors and as many
 * warnings, and a line about the rest. */
void diag_render(const DiagSink *sink, FILE *out, bool colour);
/* The source line of a span with a caret under it; nothing where the span is nowhere. */
void diag_excerpt(const SourceSet *sources, Span span, FILE *out);
/* For tools: a JSON object a line; see json.c for the keys. */
void diag_render_json(const DiagSink *sink, FILE *out);
/* A text as a JSON string, in quotes. */
void diag_json_text(FILE *out, const char *text);
void diag_free(DiagSink *sink);

/* The candidate that differs from `name` in upper and lower case only; else the nearest by Damerau-Levenshtein
 * distance, at most a third of its length; NULL when none is near. */
const char *diag_nearest(const char *name, const char *const *candidates, size_t count);

#endif

/* Messages for a person:
 *
 *   model.qtm:3:12: error[E0201]: unknown name 'N_v'
 *       3 | qcf u(x) = N_v * x^a_u
 *         |            ^^^
 *   help: did you mean 'N_u'?
 *
 * Widths are counted in characters, a tab counts up to the next multiple of 4, what cannot be shown becomes '?'. Only
 * the part of a long line around the caret is shown; the cost does not depend on the length of the line. */
#include "diag/diag.h"

enum { RENDER_WIDTH = 100, RENDER_LEAD = 60, RENDER_TAB = 4, RENDER_CELLS = 512 };

typedef struct Painter {
    FILE *out;
    bool colour;
    const SourceSet *sources;
} Painter;

static const char *paint(const Painter *painter, const char *escape) {
    return painter->colour ? escape : "";
}
#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define MAGENTA "\033[1;35m"
#define BLUE "\033[1;34m"
#define PLAIN "\033[0m"

/* One column of the terminal: where its character starts in the file, and how many bytes it has (0 for a blank). */
typedef struct Cell {
    uint32_t offset;
    uint8_t bytes;
    bool unknown;
} Cell;

static size_t character_length(const SourceFile *file, uint32_t at, uint32_t end) {
    unsigned char lead = (unsigned char)file->text[at];
    size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (!length || length > end - at) return 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)file->text[at + i] & 0xC0) != 0x80) return 0;
    return length;
}

/* Cuts bytes [*from, end) into cells; *from becomes where it had to stop. */
static size_t render_cells(const SourceFile *file, uint32_t *from, uint32_t end, Cell *cells) {
    size_t count = 0;
    uint32_t at = *from;
    while (at < end && count + RENDER_TAB < RENDER_CELLS) {
        unsigned char byte = (unsigned char)file->text[at];
        size_t length = character_length(file, at, end);
        if (byte == '\t') {
            do cells[count++] = (Cell){.offset = at};
            while (count % RENDER_TAB);
        } else {
            cells[count++] =
                (Cell){.offset = at, .bytes = (uint8_t)length, .unknown = !length || byte < 0x20 || byte == 0x7F};
        }
        at += length ? (uint32_t)length : 1;
    }
    *from = at;
    return count;
}

static void render_cell(const Painter *painter, const SourceFile *file, const Cell *cell) {
    if (cell->unknown)
        fputc('?', painter->out);
    else if (!cell->bytes)
        fputc(' ', painter->out);
    else
        fwrite(file->text + cell->offset, 1, cell->bytes, painter->out);
}

/* The source line of the span's begin with the span underlined, as far as it lies on that line. */
static void render_line(const Painter *painter, Span span, const char *escape) {
    const SourceFile *file = source_file(painter->sources, span.file);
    uint32_t line, column;
    source_position(file, span.begin, &line, &column);
    uint32_t begin = file->line_begin[line - 1];
    uint32_t end = line < file->line_count ? file->line_begin[line] - 1 : (uint32_t)file->length;
    if (end > begin && file->text[end - 1] == '\r') end--;
    uint32_t from = begin;
    if (span.begin > begin + 2 * RENDER_WIDTH) from = span.begin - 2 * RENDER_WIDTH;
    while (from > begin && ((unsigned char)file->text[from] & 0xC0) == 0x80) from--;

    Cell cells[RENDER_CELLS];
    uint32_t until = from;
    size_t count = render_cells(file, &until, end, cells), first = 0;
    while (first < count && cells[first].offset < span.begin) first++;
    size_t last = first + 1; /* the caret is at least one column wide */
    while (last < count && cells[last].offset < span.end) last++;
    size_t left = first + 20 > RENDER_WIDTH ? first - RENDER_LEAD : 0;
    size_t right = count - left > RENDER_WIDTH ? left + RENDER_WIDTH : count;
    if (last > left + RENDER_WIDTH) last = left + RENDER_WIDTH;
    bool cut_left = left > 0 || from > begin;
    bool cut_right = right < count || until < end;

    fprintf(painter->out, "%s%5u |%s %s", paint(painter, BLUE), line, paint(painter, PLAIN), cut_left ? "..." : "");
    for (size_t i = left; i < right; i++) render_cell(painter, file, &cells[i]);
    fprintf(painter->out, "%s\n%s      |%s %s%*s%s", cut_right ? "..." : "", paint(painter, BLUE),
            paint(painter, PLAIN), cut_left ? "   " : "", (int)(first - left), "", paint(painter, escape));
    for (size_t i = first; i < last; i++) fputc('^', painter->out);
    fprintf(painter->out, "%s\n", paint(painter, PLAIN));
}

void diag_excerpt(const SourceSet *sources, Span span, FILE *out) {
    Painter painter = {.out = out, .sources = sources};
    if (source_file(sources, span.file)) render_line(&painter, span, "");
}

static void render_place(const Painter *painter, Span span) {
    const SourceFile *file = source_file(painter->sources, span.file);
    uint32_t line, column;
    if (!file) {
        fprintf(painter->out, "%sqtmc:%s ", paint(painter, BOLD), paint(painter, PLAIN));
        return;
    }
    source_position(file, span.begin, &line, &column);
    fprintf(painter->out, "%s%s:%u:%u:%s ", paint(painter, BOLD), file->path, line, column, paint(painter, PLAIN));
}

static void render_diag(const Painter *painter, const Diag *diag) {
    bool error = diag_code_is_error(diag->code);
    const char *escape = error ? RED : MAGENTA;
    render_place(painter, diag->span);
    fprintf(painter->out, "%s%s[%s]:%s %s%s%s\n", paint(painter, escape), error ? "error" : "warning",
            diag_code_name(diag->code), paint(painter, PLAIN), paint(painter, BOLD), diag->text, paint(painter, PLAIN));
    if (diag->span.file) render_line(painter, diag->span, escape);
    for (size_t i = 0; i < diag->notes.count; i++) {
        const DiagNote *note = &diag->notes.data[i];
        if (note->span.file) render_place(painter, note->span);
        fprintf(painter->out, "%s%s:%s %s\n", paint(painter, BLUE), note->help ? "help" : "note", paint(painter, PLAIN),
                note->text);
        if (note->span.file) render_line(painter, note->span, BLUE);
    }
}

void diag_render(const DiagSink *sink, FILE *out, bool colour) {
    Arena arena = {0};
    size_t count, said[2] = {0};
    const Diag **diags = diag_shown(sink, &arena, &count);
    Painter painter = {.out = out, .colour = colour, .sources = sink->sources};
    for (size_t i = 0; i < count; i++)
        if (said[diag_code_is_error(diags[i]->code)]++ < DIAG_LIMIT) render_diag(&painter, diags[i]);
    for (int error = 1; error >= 0; error--)
        if (said[error] > DIAG_LIMIT)
            fprintf(out, "qtmc: %zu more %s are not shown\n", said[error] - DIAG_LIMIT, error ? "errors" : "warnings");
    arena_free(&arena);
}

/* Messages for tools: a JSON object a line,
 *
 *   {"code": "E0201", "severity": "error", "title": "unknown name", "message": "...", "span": SPAN,
 *    "notes": [{"text": "...", "span": SPAN}], "help": ["..."]}
 *
 * SPAN is null, or {"file", "line", "column", "end_line", "end_column", "begin", "end"}: lines and columns count from
 * 1, columns in characters; begin and end are byte offsets from 0; the end is behind the last character. Bytes that are
 * not UTF-8 become U+FFFD, so that every line is a text that a JSON reader takes. */
#include "diag/diag.h"

/* Bytes of the UTF-8 character at `at`, 0 where there is none. The first two bytes tell an overlong form, a surrogate
 * and what lies above U+10FFFF. */
static size_t json_character(const unsigned char *at) {
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : at[0] >= 0xC2 ? 2 : 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    unsigned lead = length > 2 ? (unsigned)at[0] << 8 | at[1] : 0;
    bool overlong = (lead >= 0xE000 && lead < 0xE0A0) || (lead >= 0xF000 && lead < 0xF090);
    bool surrogate = lead >= 0xEDA0 && lead < 0xEE00;
    return overlong || surrogate || lead >= 0xF490 ? 0 : length;
}

void diag_json_text(FILE *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', out);
    while (*at) {
        size_t length = json_character(at);
        if (!length)
            fputs("\\ufffd", out);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at == '\n')
            fputs("\\n", out);
        else if (*at < 0x20 || *at == 0x7F)
            fprintf(out, "\\u%04x", *at);
        else
            fwrite(at, 1, length, out);
        at += length ? length : 1;
    }
    fputc('"', out);
}

static void json_span(FILE *out, const SourceSet *sources, Span span) {
    const SourceFile *file = source_file(sources, span.file);
    uint32_t line, column;
    fputs(", \"span\": ", out);
    if (!file) {
        fputs("null", out);
        return;
    }
    fputs("{\"file\": ", out);
    diag_json_text(out, file->path);
    source_position(file, span.begin, &line, &column);
    fprintf(out, ", \"line\": %u, \"column\": %u", line, column);
    source_position(file, span.end, &line, &column);
    fprintf(out, ", \"end_line\": %u, \"end_column\": %u, \"begin\": %u, \"end\": %u}", line, column, span.begin,
            span.end);
}

static void json_notes(FILE *out, const SourceSet *sources, const Diag *diag) {
    const char *join = "";
    fputs(", \"notes\": [", out);
    for (size_t i = 0; i < diag->notes.count; i++) {
        const DiagNote *note = &diag->notes.data[i];
        if (note->help) continue;
        fprintf(out, "%s{\"text\": ", join);
        diag_json_text(out, note->text);
        json_span(out, sources, note->span);
        fputc('}', out);
        join = ", ";
    }
    join = "";
    fputs("], \"help\": [", out);
    for (size_t i = 0; i < diag->notes.count; i++) {
        if (!diag->notes.data[i].help) continue;
        fputs(join, out);
        diag_json_text(out, diag->notes.data[i].text);
        join = ", ";
    }
    fputs("]", out);
}

void diag_render_json(const DiagSink *sink, FILE *out) {
    Arena arena = {0};
    size_t count;
    const Diag **diags = diag_shown(sink, &arena, &count);
    for (size_t i = 0; i < count; i++) {
        const Diag *diag = diags[i];
        fprintf(out, "{\"code\": \"%s\", \"severity\": \"%s\", \"title\": ", diag_code_name(diag->code),
                diag_code_is_error(diag->code) ? "error" : "warning");
        diag_json_text(out, diag_code_title(diag->code));
        fputs(", \"message\": ", out);
        diag_json_text(out, diag->text);
        json_span(out, sink->sources, diag->span);
        json_notes(out, sink->sources, diag);
        fputs("}\n", out);
    }
    arena_free(&arena);
}

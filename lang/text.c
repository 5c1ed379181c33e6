/* What lies below the tokens: whether the bytes of a file are text at all, and what the literals mean. */
#include "lang/lexer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const TokenInfo TOKEN_INFO[TOKEN_KIND_COUNT] = {
#define TOKEN(kind, text, role, soft) {#kind, text, ROLE_##role, soft},
#include "lang/tokens.def"
#undef TOKEN
};

/* The table of keywords: open addressing, at most a fifth full, so that most names end at their first look. */
static size_t lexer_word_slot(const Lexer *lexer, const char *text, size_t length) {
    size_t hash = length * 31 + (unsigned char)text[0] * 7 + (unsigned char)text[length / 2] * 57 +
                  (unsigned char)text[length - 1] * 131;
    size_t slot = hash & (LEXER_WORDS - 1);
    for (; lexer->words[slot]; slot = (slot + 1) & (LEXER_WORDS - 1)) {
        const char *word = TOKEN_INFO[lexer->words[slot]].text;
        if (!strncmp(word, text, length) && !word[length]) break;
    }
    return slot;
}

static void lexer_words_fill(Lexer *lexer) {
    _Static_assert(TOKEN_KIND_COUNT <= UINT8_MAX && 5 * (TOKEN_OR - TOKEN_USE) < LEXER_WORDS,
                   "a byte a word, and room");
    for (TokenKind kind = TOKEN_USE; kind <= TOKEN_OR; kind++)
        lexer->words[lexer_word_slot(lexer, TOKEN_INFO[kind].text, strlen(TOKEN_INFO[kind].text))] = (uint8_t)kind;
}

TokenKind lexer_word(const Lexer *lexer, const char *text, size_t length) {
    TokenKind kind = lexer->words[lexer_word_slot(lexer, text, length)];
    return kind ? kind : TOKEN_NAME;
}

void lexer_start(Lexer *lexer, Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink) {
    const SourceFile *source = source_file(sources, file);
    *lexer =
        (Lexer){.arena = arena, .sink = sink, .file = source, .number = file, .line_start = true, .line_empty = true};
    lexer_words_fill(lexer);
    lexer->cursor = source->text;
    lexer->limit = source->text + source->length;
    if (source->length >= 3 && memcmp(source->text, "\xEF\xBB\xBF", 3) == 0) lexer->cursor += 3; /* byte order mark */
}

/* Length of the UTF-8 character at `at`, 0 when it is none (overlong forms, surrogates and values beyond U+10FFFF too).
 */
static size_t text_character(const unsigned char *at, size_t left) {
    unsigned lead = at[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) return 0;
    if ((lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) return 0;
    return length;
}

static bool text_is_control(unsigned char byte) {
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f') || byte == 0x7F;
}

bool lexer_text_check(SourceSet *sources, uint32_t file, DiagSink *sink) {
    const SourceFile *source = source_file(sources, file);
    const unsigned char *text = (const unsigned char *)source->text;
    bool reported = false;
    const char *nul = memchr(source->text, '\0', source->length);
    if (nul) {
        uint32_t at = (uint32_t)(nul - source->text);
        diag_report(sink, DIAG_E0002, (Span){file, at, at + 1}, "this file holds a zero byte, so it is not a text");
        diag_help(sink, "a model is a UTF-8 text; check that the right file was given");
        return false;
    }
    for (size_t i = 0; i < source->length && !reported;) {
        size_t length = text_character(text + i, source->length - i);
        reported = !length || text_is_control(text[i]);
        if (reported) {
            const char *what = length ? "is a control character" : "is not UTF-8";
            diag_report(sink, DIAG_E0102, (Span){file, (uint32_t)i, (uint32_t)i + 1}, "the byte 0x%02X %s", text[i],
                        what);
            diag_help(sink,
                      length ? "delete it; only blanks, tabs and line ends can stand between the characters of a model"
                             : "save the file as UTF-8; further bytes of this kind are not reported");
        }
        i += length;
    }
    return true;
}

const char *lexer_string(Lexer *lexer, Span span) {
    const char *base = lexer->file->text, *end = base + span.end;
    const char *at = base + span.begin + 1;
    char *text = arena_alloc(lexer->arena, span.end - span.begin + 1), *out = text;
    while (at < end && *at != '"') {
        if (*at != '\\' || at + 1 >= end) {
            *out++ = *at++;
            continue;
        }
        char escaped = at[1];
        if (escaped != '"' && escaped != '\\' && escaped != 'n' && escaped != 't') {
            uint32_t begin = (uint32_t)(at - base);
            diag_report(lexer->sink, DIAG_E0108, (Span){lexer->number, begin, begin + 2},
                        "'\\' must be followed by '\"', '\\', 'n' or 't'");
            diag_help(lexer->sink, "a '\\' itself is written '\\\\'");
        }
        *out++ = escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
        at += 2;
    }
    return text;
}

double lexer_number(Lexer *lexer, Span span) {
    size_t length = span.end - span.begin, used = 0;
    char shorts[64], *digits = length < sizeof shorts ? shorts : arena_alloc(lexer->arena, length + 1);
    for (size_t i = 0; i < length; i++)
        if (lexer->file->text[span.begin + i] != '_') digits[used++] = lexer->file->text[span.begin + i];
    digits[used] = '\0';
    errno = 0;
    double value = strtod(digits, NULL);
    if (errno != ERANGE) return value;
    bool large = isinf(value);
    diag_report(lexer->sink, DIAG_E0104, span, "this number is too %s for the machine", large ? "large" : "small");
    diag_help(lexer->sink, "numbers lie between about 1e-307 and 1e308; change the unit%s",
              large ? "" : ", or write 0");
    return 1;
}

/* A buffer from which lines are cut; it grows only for a line longer than itself. */
#include "runtime/io/table_line.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/core/memory.h"

enum { LINES_BUFFER = 1 << 18, LINES_LONGEST = 1 << 26 };

/* ---- lines ---- */

/* First bytes of files that are no text, and what to do with them. */
static const struct {
    const char *bytes;
    size_t length;
    const char *what;
} known_kinds[] = {
    {"\x1f\x8b", 2, "is compressed by gzip; unpack it first: gunzip -k FILE"},
    {"BZh", 3, "is compressed by bzip2; unpack it first: bunzip2 -k FILE"},
    {"\xfd"
     "7zXZ",
     5, "is compressed by xz; unpack it first: unxz -k FILE"},
    {"\x28\xb5\x2f\xfd", 4, "is compressed by zstd; unpack it first: unzstd FILE"},
    {"PK\x03\x04", 4, "is a zip archive; unpack it first: unzip FILE"},
    {"root", 4, "is a ROOT file; write its tree as HDF5 or as a table of text first"},
    {"\x93NUMPY", 6, "is a NumPy file; write it as HDF5 or as a table of text first"},
};

static qtm_status lines_fill(struct qtm_lines *lines) {
    memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    if (lines->end + 1 == lines->capacity) { /* a byte is kept for the NUL behind the last line */
        if (lines->capacity >= LINES_LONGEST)
            return qtm_error("%s: line %lld has more than %d bytes, so this is no table of text", lines->path,
                             (long long)lines->number + 1, LINES_LONGEST);
        char *larger = qtm_alloc(2 * (int64_t)lines->capacity);
        if (!larger) return qtm_error_memory(2 * (int64_t)lines->capacity);
        memcpy(larger, lines->buffer, lines->end);
        qtm_free(lines->buffer);
        lines->buffer = larger;
        lines->capacity *= 2;
    }
    size_t room = lines->capacity - 1 - lines->end, got = fread(lines->buffer + lines->end, 1, room, lines->stream);
    if (got < room && ferror(lines->stream)) return qtm_error("%s: cannot be read: %s", lines->path, strerror(errno));
    lines->over = got < room;
    lines->end += got;
    return QTM_OK;
}

static qtm_status lines_start(struct qtm_lines *lines) {
    lines->stream = fopen(lines->path, "re");
    if (!lines->stream) return qtm_error("%s: cannot be read: %s", lines->path, strerror(errno));
    lines->buffer = qtm_alloc(LINES_BUFFER);
    lines->capacity = LINES_BUFFER;
    if (!lines->buffer) return qtm_error_memory(LINES_BUFFER);
    QTM_TRY(lines_fill(lines));
    for (size_t i = 0; i < sizeof known_kinds / sizeof *known_kinds; i++)
        if (lines->end >= known_kinds[i].length && !memcmp(lines->buffer, known_kinds[i].bytes, known_kinds[i].length))
            return qtm_error("%s: %s", lines->path, known_kinds[i].what);
    if (lines->end >= 3 && !memcmp(lines->buffer, "\xef\xbb\xbf", 3)) lines->begin = 3; /* UTF-8 says so at times */
    return QTM_OK;
}

qtm_status qtm_lines_open(struct qtm_lines *lines, const char *path) {
    *lines = (struct qtm_lines){.path = path};
    qtm_status status = lines_start(lines);
    if (status) qtm_lines_close(lines);
    return status;
}

qtm_status qtm_lines_next(struct qtm_lines *lines, char **line) {
    *line = NULL;
    char *newline = memchr(lines->buffer + lines->begin, '\n', lines->end - lines->begin);
    while (!newline && !lines->over) {
        size_t searched = lines->end - lines->begin;
        QTM_TRY(lines_fill(lines));
        newline = memchr(lines->buffer + searched, '\n', lines->end - searched);
    }
    if (!newline && lines->begin == lines->end) return QTM_OK;
    char *start = lines->buffer + lines->begin, *stop = newline ? newline : lines->buffer + lines->end;
    lines->begin = (size_t)(stop - lines->buffer) + (newline != NULL);
    lines->number++;
    if (memchr(start, '\0', (size_t)(stop - start)))
        return qtm_error("%s: line %lld holds a zero byte, so this is neither HDF5 nor a table of text", lines->path,
                         (long long)lines->number);
    if (stop > start && stop[-1] == '\r') stop--;
    *stop = '\0';
    *line = start;
    return QTM_OK;
}

void qtm_lines_close(struct qtm_lines *lines) {
    if (lines->stream) fclose(lines->stream);
    qtm_free(lines->buffer);
    *lines = (struct qtm_lines){0};
}

/* ---- words ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_comma(char c) {
    return c == ',' || c == ';';
}

bool qtm_word_next(const char **at, bool *comma, struct qtm_word *word) {
    const char *c = *at;
    while (is_blank(*c)) c++;
    *word = (struct qtm_word){.text = c};
    bool end = !*c || *c == '#' || *c == '!';
    if (end || is_comma(*c)) {
        /* Nothing here: a hole if a comma is before or behind. */
        word->empty = *comma || !end;
        *comma = !end;
        *at = end ? c : c + 1;
        return word->empty;
    }
    char quote = *c == '"' || *c == '\'' ? *c : 0;
    const char *close = quote ? strchr(c + 1, quote) : NULL;
    if (close) {
        word->text = c + 1;
        word->length = (size_t)(close - c - 1);
        c = close + 1;
    } else {
        while (*c && !is_blank(*c) && !is_comma(*c)) c++;
        word->length = (size_t)(c - word->text);
    }
    while (is_blank(*c)) c++;
    *comma = is_comma(*c);
    *at = *comma ? c + 1 : c;
    return true;
}

/* ---- numbers ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool word_is_not_finite(const char *text, size_t length) {
    static const char *const names[] = {"nan", "inf", "infinity"};
    size_t sign = length > 0 && (*text == '+' || *text == '-');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (length - sign == strlen(names[i]) && !strncasecmp(text + sign, names[i], length - sign)) return true;
    return false;
}

/* Digits and exponent of a numeral: value = digits * 10^power. */
struct numeral {
    bool negative;
    uint64_t digits;
    int count; /* significant digits seen; digits is whole up to 19 */
    int64_t power;
    size_t mark; /* place of the exponent's letter, or 0 */
};

static bool numeral_read(const char *text, size_t length, struct numeral *numeral) {
    size_t i = 0;
    bool any = false, point = false;
    *numeral = (struct numeral){0};
    if (i < length && (text[i] == '+' || text[i] == '-')) numeral->negative = text[i++] == '-';
    for (; i < length && (is_digit(text[i]) || (text[i] == '.' && !point)); i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        numeral->power -= point;
        if (numeral->count == 0 && text[i] == '0') continue;
        numeral->digits = numeral->digits * 10 + (uint64_t)(text[i] - '0');
        numeral->count++;
    }
    if (!any || i == length) return any;
    if (!strchr("eEdD", text[i])) return false;
    numeral->mark = i++;
    bool negative = i < length && text[i] == '-';
    if (i < length && (text[i] == '+' || text[i] == '-')) i++;
    if (i == length) return false;
    int64_t exponent = 0;
    for (; i < length && is_digit(text[i]); i++)
        if (exponent < 100000) exponent = exponent * 10 + (text[i] - '0');
    numeral->power += negative ? -exponent : exponent;
    return i == length;
}

enum qtm_numeral qtm_word_number(const struct qtm_word *word, double *value) {
    /* 10^22 is the last power of ten that a double holds exactly: one rounding is left (Clinger 1990). */
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char copy[512];
    struct numeral numeral;
    if (!numeral_read(word->text, word->length, &numeral))
        return word_is_not_finite(word->text, word->length) ? QTM_NUMERAL_NOT_FINITE : QTM_NUMERAL_NONE;
    if (numeral.count <= 15 && numeral.power >= -22 && numeral.power <= 22) {
        double whole = (double)numeral.digits;
        whole = numeral.power < 0 ? whole / tens[-numeral.power] : whole * tens[numeral.power];
        *value = numeral.negative ? -whole : whole;
        return QTM_NUMERAL;
    }
    if (word->length >= sizeof copy) return QTM_NUMERAL_NONE;
    memcpy(copy, word->text, word->length);
    copy[word->length] = '\0';
    if (numeral.mark) copy[numeral.mark] = 'e';
    *value = strtod(copy, NULL);
    return isfinite(*value) ? QTM_NUMERAL : QTM_NUMERAL_NOT_FINITE;
}

int64_t qtm_words_count(const char *line) {
    struct qtm_word word;
    bool comma = false;
    int64_t count = 0;
    while (qtm_word_next(&line, &comma, &word)) count++;
    return count;
}

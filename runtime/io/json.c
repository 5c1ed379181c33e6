/* The JSON writer and reader. The reader accepts RFC 8259 and nothing more: no comments, no trailing commas, no NaN. */
#include "runtime/io/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/memory.h"

/* ---- writer ---- */

static void json_quote(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        switch (*at) {
        case '"': fputs("\\\"", out); break;
        case '\\': fputs("\\\\", out); break;
        case '\n': fputs("\\n", out); break;
        case '\t': fputs("\\t", out); break;
        case '\r': fputs("\\r", out); break;
        default:
            if (*at < 0x20 || *at == 0x7f)
                fprintf(out, "\\u%04x", (unsigned)*at);
            else
                fputc(*at, out);
        }
    }
    fputc('"', out);
}

static void json_new_line(struct qtm_json_writer *json) {
    if (!json->indent) return;
    fputc('\n', json->out);
    for (int i = 0; i < json->depth; i++) fputs("  ", json->out);
}

/* What stands in front of a value: comma, line break, name. */
static void json_begin(struct qtm_json_writer *json, const char *name) {
    if (json->depth > 0) {
        if (json->has_items[json->depth - 1]) fputs(json->indent ? "," : ", ", json->out);
        json->has_items[json->depth - 1] = true;
        json_new_line(json);
    }
    if (name) {
        json_quote(json->out, name);
        fputs(": ", json->out);
    }
}

static void json_open(struct qtm_json_writer *json, const char *name, bool is_array) {
    json_begin(json, name);
    fputc(is_array ? '[' : '{', json->out);
    if (json->depth >= QTM_JSON_DEPTH) abort(); /* the caller's nesting is fixed in its code */
    json->is_array[json->depth] = is_array;
    json->has_items[json->depth] = false;
    json->depth++;
}

void qtm_json_object(struct qtm_json_writer *json, const char *name) {
    json_open(json, name, false);
}

void qtm_json_array(struct qtm_json_writer *json, const char *name) {
    json_open(json, name, true);
}

void qtm_json_end(struct qtm_json_writer *json) {
    json->depth--;
    if (json->has_items[json->depth]) json_new_line(json);
    fputc(json->is_array[json->depth] ? ']' : '}', json->out);
}

char *qtm_json_decimal(double value, char *text) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

void qtm_json_number(struct qtm_json_writer *json, const char *name, double value) {
    char text[32];
    json_begin(json, name);
    fputs(isfinite(value) ? qtm_json_decimal(value, text) : "null", json->out);
}

void qtm_json_integer(struct qtm_json_writer *json, const char *name, int64_t value) {
    json_begin(json, name);
    fprintf(json->out, "%" PRId64, value);
}

void qtm_json_unsigned(struct qtm_json_writer *json, const char *name, uint64_t value) {
    json_begin(json, name);
    fprintf(json->out, "%" PRIu64, value);
}

void qtm_json_text(struct qtm_json_writer *json, const char *name, const char *value) {
    json_begin(json, name);
    if (value)
        json_quote(json->out, value);
    else
        fputs("null", json->out);
}

void qtm_json_bool(struct qtm_json_writer *json, const char *name, bool value) {
    json_begin(json, name);
    fputs(value ? "true" : "false", json->out);
}

void qtm_json_null(struct qtm_json_writer *json, const char *name) {
    json_begin(json, name);
    fputs("null", json->out);
}

/* ---- reader ---- */

struct json_reader {
    const char *source, *text, *at, *end;
    int depth;
};

static qtm_status json_error(const struct json_reader *reader, const char *what) {
    int64_t line = 1, column = 1;
    for (const char *at = reader->text; at < reader->at; at++) {
        column++;
        if (*at == '\n') line++, column = 1;
    }
    return qtm_error("%s:%lld:%lld: not JSON: %s", reader->source, (long long)line, (long long)column, what);
}

static int json_peek(struct json_reader *reader) {
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at) reader->at++;
    return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static bool json_hex(struct json_reader *reader, uint32_t *code) {
    *code = 0;
    if (reader->end - reader->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *reader->at++;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return false;
        *code = *code << 4 | digit;
    }
    return true;
}

static char *json_utf8(char *to, uint32_t code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* After a backslash: one escape, appended at *to. An escape is never shorter than what it stands for. */
static qtm_status json_read_escape(struct json_reader *reader, char **to) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = reader->at < reader->end ? *reader->at++ : '\0';
    const char *known = c ? strchr(names, c) : NULL;
    if (known) {
        *(*to)++ = values[known - names];
        return QTM_OK;
    }
    uint32_t code, low;
    if (c != 'u' || !json_hex(reader, &code)) return json_error(reader, "bad escape in a text");
    if (code >= 0xd800 && code < 0xdc00) { /* half of a character beyond 16 bits */
        bool pair = reader->end - reader->at >= 2 && reader->at[0] == '\\' && reader->at[1] == 'u';
        if (pair) reader->at += 2;
        if (!pair || !json_hex(reader, &low) || low < 0xdc00 || low > 0xdfff)
            return json_error(reader, "half a surrogate pair in a text");
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    } else if ((code >= 0xdc00 && code <= 0xdfff) || code == 0) {
        return json_error(reader, "a code in a text that is no character");
    }
    *to = json_utf8(*to, code);
    return QTM_OK;
}

static qtm_status json_read_text(struct json_reader *reader, char **text) {
    const char *start = ++reader->at, *close = start;
    while (close < reader->end && *close != '"') close += *close == '\\' && close + 1 < reader->end ? 2 : 1;
    if (close >= reader->end) return json_error(reader, "a text without its closing quote");
    char *to = *text = qtm_alloc(close - start + 1);
    if (!to) return qtm_error_memory(close - start + 1);
    while (reader->at < close) {
        unsigned char c = (unsigned char)*reader->at++;
        if (c < 0x20) return json_error(reader, "a control character in a text");
        if (c == '\\')
            QTM_TRY(json_read_escape(reader, &to));
        else
            *to++ = (char)c;
    }
    reader->at = close + 1;
    return QTM_OK;
}

static const char *json_digits(const char *at) {
    while (*at >= '0' && *at <= '9') at++;
    return at;
}

/* number = [-] (0 | 1-9 digits) [. digits] [e [+-] digits]; the text ends with a NUL, so looking ahead is safe. */
static qtm_status json_read_number(struct json_reader *reader, double *value) {
    const char *at = reader->at, *mark;
    if (*at == '-') at++;
    mark = at;
    at = *at == '0' ? at + 1 : json_digits(at);
    bool good = at > mark;
    if (good && *at == '.') {
        mark = ++at;
        at = json_digits(at);
        good = at > mark;
    }
    if (good && (*at == 'e' || *at == 'E')) {
        at++;
        if (*at == '+' || *at == '-') at++;
        mark = at;
        at = json_digits(at);
        good = at > mark;
    }
    if (!good) return json_error(reader, "a value was expected");
    *value = strtod(reader->at, NULL);
    reader->at = at;
    return QTM_OK;
}

static qtm_status json_read_value(struct json_reader *reader, struct qtm_json *value);

static qtm_status json_read_children(struct json_reader *reader, struct qtm_json *parent) {
    bool object = parent->kind == QTM_JSON_OBJECT;
    int closing = object ? '}' : ']';
    struct qtm_json **link = &parent->first;
    if (++reader->depth > QTM_JSON_DEPTH) return json_error(reader, "nested too deeply");
    reader->at++;
    if (json_peek(reader) == closing) {
        reader->at++, reader->depth--;
        return QTM_OK;
    }
    for (;;) {
        struct qtm_json *child = *link = qtm_alloc(sizeof *child);
        if (!child) return qtm_error_memory(sizeof *child);
        link = &child->next;
        parent->count++;
        if (object) {
            if (json_peek(reader) != '"') return json_error(reader, "a member's name in quotes was expected");
            QTM_TRY(json_read_text(reader, &child->name));
            if (json_peek(reader) != ':') return json_error(reader, "':' was expected");
            reader->at++;
        }
        QTM_TRY(json_read_value(reader, child));
        int next = json_peek(reader);
        if (next != ',' && next != closing)
            return json_error(reader, object ? "',' or '}' was expected" : "',' or ']' was expected");
        reader->at++;
        if (next == closing) break;
    }
    reader->depth--;
    return QTM_OK;
}

static bool json_word(struct json_reader *reader, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) return false;
    reader->at += length;
    return true;
}

static qtm_status json_read_value(struct json_reader *reader, struct qtm_json *value) {
    switch (json_peek(reader)) {
    case '{': value->kind = QTM_JSON_OBJECT; return json_read_children(reader, value);
    case '[': value->kind = QTM_JSON_ARRAY; return json_read_children(reader, value);
    case '"': value->kind = QTM_JSON_TEXT; return json_read_text(reader, &value->text);
    case -1: return json_error(reader, "it ends where a value was expected");
    default: break;
    }
    value->kind = QTM_JSON_BOOL;
    if (json_word(reader, "true")) {
        value->number = 1;
        return QTM_OK;
    }
    if (json_word(reader, "false")) return QTM_OK;
    value->kind = QTM_JSON_NULL;
    if (json_word(reader, "null")) return QTM_OK;
    value->kind = QTM_JSON_NUMBER;
    return json_read_number(reader, &value->number);
}

qtm_status qtm_json_parse(const char *source, const char *text, int64_t length, struct qtm_json **root) {
    *root = NULL;
    char *copy = qtm_alloc(length + 1); /* for the NUL */
    struct qtm_json *tree = qtm_alloc(sizeof *tree);
    if (!copy || !tree) {
        qtm_free(copy);
        qtm_free(tree);
        return qtm_error_memory(length);
    }
    memcpy(copy, text, (size_t)length);
    struct json_reader reader = {.source = source, .text = copy, .at = copy, .end = copy + length};
    qtm_status status = json_read_value(&reader, tree);
    if (status == QTM_OK && json_peek(&reader) != -1) status = json_error(&reader, "something follows the value");
    qtm_free(copy);
    if (status != QTM_OK)
        qtm_json_free(tree);
    else
        *root = tree;
    return status;
}

void qtm_json_free(struct qtm_json *root) {
    while (root) {
        struct qtm_json *next = root->next;
        qtm_json_free(root->first);
        qtm_free(root->name);
        qtm_free(root->text);
        qtm_free(root);
        root = next;
    }
}

const struct qtm_json *qtm_json_member(const struct qtm_json *object, const char *name) {
    if (!object || object->kind != QTM_JSON_OBJECT) return NULL;
    for (const struct qtm_json *child = object->first; child; child = child->next)
        if (strcmp(child->name, name) == 0) return child;
    return NULL;
}

double qtm_json_member_number(const struct qtm_json *object, const char *name, double missing) {
    const struct qtm_json *member = qtm_json_member(object, name);
    if (member && member->kind == QTM_JSON_NUMBER) return member->number;
    return member && member->kind == QTM_JSON_NULL ? NAN : missing;
}

const char *qtm_json_member_text(const struct qtm_json *object, const char *name) {
    const struct qtm_json *member = qtm_json_member(object, name);
    return member && member->kind == QTM_JSON_TEXT ? member->text : NULL;
}

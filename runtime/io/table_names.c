/* Headers of tables: Fortran namelist sections as the data files of xFitter have them, a line of names, or names in a
 * comment. Of a namelist only ColumnName, NColumn and NData are used; all else is read over. */
#include "runtime/io/table_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/core/memory.h"
#include "runtime/core/suggest.h"

void qtm_names_start(struct qtm_names *names, const char *path) {
    *names = (struct qtm_names){.path = path, .rows = -1, .columns = -1};
}

static void names_clear(struct qtm_names *names) {
    for (int64_t i = 0; i < names->count; i++) qtm_free(names->name[i]);
    names->count = 0;
}

void qtm_names_free(struct qtm_names *names) {
    names_clear(names);
    qtm_free(names->name);
    qtm_free(names->comment);
    *names = (struct qtm_names){0};
}

static qtm_status names_add(struct qtm_names *names, const char *text, size_t length) {
    if (names->count == names->capacity) {
        int64_t capacity = names->capacity ? 2 * names->capacity : 64;
        char **larger = qtm_alloc_array(capacity, sizeof *larger);
        if (!larger) return qtm_error_memory(capacity * (int64_t)sizeof *larger);
        if (names->count) memcpy(larger, names->name, (size_t)names->count * sizeof *larger);
        qtm_free(names->name);
        names->name = larger;
        names->capacity = capacity;
    }
    char *copy = names->name[names->count] = qtm_text_format("%.*s", (int)length, text);
    if (!copy) return qtm_error_memory((int64_t)length);
    names->count++;
    return QTM_OK;
}

/* ---- namelists ---- */

static void text_store(char *to, size_t size, const char *text, size_t length) {
    if (length >= size) length = size - 1;
    memcpy(to, text, length);
    to[length] = '\0';
}

static qtm_status count_read(const struct qtm_names *names, const char *text, size_t length, int64_t *count) {
    char *end, copy[32];
    text_store(copy, sizeof copy, text, length);
    long long value = strtoll(copy, &end, 10);
    if (*end || end == copy || value < 0)
        return qtm_error("%s: line %lld: %s needs a whole number, not '%s'", names->path, (long long)names->line,
                         names->key, copy);
    *count = value;
    return QTM_OK;
}

/* A value of the present key, `repeat` times over. */
static qtm_status value_take(struct qtm_names *names, int64_t repeat, const char *text, size_t length) {
    if (!strcasecmp(names->key, "NData")) return count_read(names, text, length, &names->rows);
    if (!strcasecmp(names->key, "NColumn")) return count_read(names, text, length, &names->columns);
    if (strcasecmp(names->key, "ColumnName")) return QTM_OK;
    if (repeat > 1000000)
        return qtm_error("%s: line %lld: %lld columns of one name", names->path, (long long)names->line,
                         (long long)repeat);
    for (int64_t i = 0; i < repeat; i++) QTM_TRY(names_add(names, text, length));
    return QTM_OK;
}

/* One word of a section from *at on: KEY =, a value, REPEAT*value, or the section's end. */
static qtm_status section_word(struct qtm_names *names, const char **at) {
    const char *c = *at, *start = c;
    int64_t repeat = 1;
    size_t digits = strspn(c, "0123456789");
    if (digits && c[digits] == '*') {
        repeat = strtoll(c, NULL, 10);
        c = start = c + digits + 1;
    }
    if (*c == '"' || *c == '\'') {
        const char *close = strchr(c + 1, *c);
        if (!close)
            return qtm_error("%s: line %lld: a text of section &%s has no closing %c", names->path,
                             (long long)names->line, names->section, *c);
        *at = close + 1;
        return value_take(names, repeat, c + 1, (size_t)(close - c - 1));
    }
    c += strcspn(c, " \t\r,=!\"'");
    size_t length = (size_t)(c - start);
    const char *behind = c + strspn(c, " \t");
    *at = c;
    if (*behind == '=') {
        text_store(names->key, sizeof names->key, start, length);
        /* The last section that names columns is the one that counts. */
        if (!strcasecmp(names->key, "ColumnName")) names_clear(names);
        *at = behind + 1;
        return QTM_OK;
    }
    bool end = (length == 4 && !strncasecmp(start, "&end", 4)) || (length == 1 && *start == '/');
    if (end) names->section[0] = '\0';
    return end || !length ? QTM_OK : value_take(names, repeat, start, length);
}

static qtm_status section_line(struct qtm_names *names, const char *line) {
    const char *at = line;
    while (names->section[0]) {
        at += strspn(at, " \t\r,");
        if (!*at || *at == '!') return QTM_OK;
        if (*at == '=')
            return qtm_error("%s: line %lld: no name before = in section &%s", names->path, (long long)names->line,
                             names->section);
        QTM_TRY(section_word(names, &at));
    }
    return QTM_OK;
}

/* ---- headers ---- */

static bool is_header(const char *line) {
    struct qtm_word word;
    bool comma = false;
    double value;
    while (qtm_word_next(&line, &comma, &word))
        if (word.empty || qtm_word_number(&word, &value) != QTM_NUMERAL_NONE) return false;
    return true;
}

static qtm_status header_read(struct qtm_names *names, const char *line) {
    struct qtm_word word;
    bool comma = false;
    while (qtm_word_next(&line, &comma, &word)) QTM_TRY(names_add(names, word.text, word.length));
    return QTM_OK;
}

qtm_status qtm_names_take(struct qtm_names *names, const char *line, int64_t number, bool rows_begun, bool *taken) {
    const char *c = line + strspn(line, " \t\r");
    *taken = true;
    if (names->section[0]) {
        names->line = number;
        return *c == '*' ? QTM_OK : section_line(names, c);
    }
    if (!*c) return QTM_OK;
    if (*c == '#' || *c == '!' || *c == '*') {
        if (rows_begun || names->count) return QTM_OK;
        qtm_free(names->comment);
        names->comment = qtm_text_copy(c + strspn(c, "#!*"));
        return names->comment ? QTM_OK : qtm_error_memory((int64_t)strlen(c));
    }
    if (*c == '&' && !rows_begun) {
        size_t length = strcspn(++c, " \t\r,!");
        text_store(names->section, sizeof names->section, length ? c : "?", length ? length : 1);
        names->line = number;
        names->key[0] = '\0';
        return section_line(names, c + length);
    }
    if (!rows_begun && !names->count && is_header(c)) return header_read(names, c);
    *taken = false;
    return QTM_OK;
}

qtm_status qtm_names_finish(struct qtm_names *names, int64_t columns) {
    if (!names->count && names->comment && qtm_words_count(names->comment) == columns && is_header(names->comment))
        QTM_TRY(header_read(names, names->comment));
    char list[512];
    qtm_names_list(names, list, sizeof list);
    if (names->columns >= 0 && names->count && names->columns != names->count)
        return qtm_error("%s: NColumn is %lld, but ColumnName lists %lld: %s; correct the file", names->path,
                         (long long)names->columns, (long long)names->count, list);
    return QTM_OK;
}

/* ---- looking names up ---- */

void qtm_names_list(const struct qtm_names *names, char *list, size_t size) {
    size_t used = 0;
    list[0] = '\0';
    for (int64_t i = 0; i < names->count; i++) {
        bool many = names->count > 14;
        if (many && i == 10) i = names->count - 2;
        int length = snprintf(list + used, size - used, "%s%s%s", i ? ", " : "",
                              many && i == names->count - 2 ? "..., " : "", names->name[i]);
        used = used + (size_t)length < size ? used + (size_t)length : size - 1;
    }
}

int64_t qtm_names_find(const struct qtm_names *names, const char *name) {
    for (int64_t i = 0; i < names->count; i++)
        if (!strcmp(names->name[i], name)) return i;
    return -1;
}

const char *qtm_names_suggest(const struct qtm_names *names, const char *name) {
    static _Thread_local char text[160];
    const char *nearest = qtm_suggest_nearest(name, (const char *const *)names->name, (size_t)names->count);
    snprintf(text, sizeof text, "%s%.100s%s", nearest ? "; did you mean '" : "", nearest ? nearest : "",
             nearest ? "'?" : "");
    return text;
}

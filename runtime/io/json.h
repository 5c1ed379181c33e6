/* JSON (RFC 8259): a writer on a stream and a small strict reader. **Local** */
#ifndef QTM_IO_JSON_H
#define QTM_IO_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/core/status.h"

enum { QTM_JSON_DEPTH = 64 };

/* Writer. Commas, colons, escapes and indentation are its business; errors of the stream are found by the stream's
 * owner (qtm_file_commit). `name` is the member's name inside an object and NULL elsewhere. struct qtm_json_writer json
 * = { .out = stream }; qtm_json_object(&json, NULL); qtm_json_number(&json, "step", 1); qtm_json_end(&json);
 * fputc('\n', stream);   */
struct qtm_json_writer {
    FILE *out;
    bool indent; /* one member a line; else all on one line */
    int depth;
    bool is_array[QTM_JSON_DEPTH], has_items[QTM_JSON_DEPTH];
};
void qtm_json_object(struct qtm_json_writer *json, const char *name);
void qtm_json_array(struct qtm_json_writer *json, const char *name);
void qtm_json_end(struct qtm_json_writer *json); /* closes the innermost object or array */
void qtm_json_number(struct qtm_json_writer *json, const char *name, double value); /* shortest that reads back; NaN and
                                                                                       infinities become null */
void qtm_json_integer(struct qtm_json_writer *json, const char *name, int64_t value);
void qtm_json_unsigned(struct qtm_json_writer *json, const char *name, uint64_t value);
void qtm_json_text(struct qtm_json_writer *json, const char *name, const char *value); /* NULL becomes null */
void qtm_json_bool(struct qtm_json_writer *json, const char *name, bool value);
void qtm_json_null(struct qtm_json_writer *json, const char *name);

/* The shortest decimal form that reads back as `value`; `text` holds at least 32 characters. Returns text. */
char *qtm_json_decimal(double value, char *text);

/* Reader. */
enum qtm_json_kind { QTM_JSON_NULL, QTM_JSON_BOOL, QTM_JSON_NUMBER, QTM_JSON_TEXT, QTM_JSON_ARRAY, QTM_JSON_OBJECT };
struct qtm_json {
    enum qtm_json_kind kind;
    char *name;             /* in an object; else NULL */
    double number;          /* NUMBER; BOOL: 0 or 1 */
    char *text;             /* TEXT, UTF-8 */
    struct qtm_json *first; /* children in order, linked by next */
    struct qtm_json *next;
    int64_t count; /* children */
};

/* Parses `length` bytes of `text`, all of them; `source` names them in messages ("FILE:LINE:COLUMN: ..."). The tree is
 * to be given to qtm_json_free. */
qtm_status qtm_json_parse(const char *source, const char *text, int64_t length, struct qtm_json **root);
void qtm_json_free(struct qtm_json *root); /* NULL is fine */
/* The member `name` of an object, NULL if it has none (or is no object, or is NULL). */
const struct qtm_json *qtm_json_member(const struct qtm_json *object, const char *name);
/* A member as a number; `missing` if absent or not a number (null reads as NaN). */
double qtm_json_member_number(const struct qtm_json *object, const char *name, double missing);
/* A member as text; NULL if absent or not text. Owned by the tree. */
const char *qtm_json_member_text(const struct qtm_json *object, const char *name);

#endif

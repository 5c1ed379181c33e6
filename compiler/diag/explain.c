/* Prints the pages of explain/ to a terminal; see explain.h. Of Markdown a page has paragraphs, words in backticks and
 * blocks of code, and nothing else:
 *
 *   ```qtm wrong [FLAGS]      a model that gets this code, and no other, from `qtmc check FLAGS`
 *   ```qtm [FLAGS]            the same model, corrected: nothing is said of it
 *   ```qtm file=NAME.qtm      a module that the two use
 *   ```text                   anything else                                                                       */
#include "diag/explain.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

DiagCode explain_find(const char *name) {
    DiagCode code = 0;
    while (code < DIAG_CODE_COUNT && strcasecmp(name, diag_code_name(code)) != 0) code++;
    return code;
}

const char *explain_nearest(const char *name) {
    const char *names[DIAG_CODE_COUNT];
    char upper[8] = "";
    for (size_t i = 0; name[i] && i + 1 < sizeof upper; i++) upper[i] = (char)toupper((unsigned char)name[i]);
    for (DiagCode code = 0; code < DIAG_CODE_COUNT; code++) names[code] = diag_code_name(code);
    return diag_nearest(upper, names, DIAG_CODE_COUNT);
}

/* What stands above a block, from the words after its backticks. */
static void explain_label(FILE *out, const char *info, size_t length) {
    const char *word = length > 4 ? info + 4 : info + length; /* behind "qtm " */
    bool wrong = !strncmp(word, "wrong", 5);
    if (strncmp(info, "qtm", 3) != 0) return;
    if (!strncmp(word, "file=", 5)) {
        fprintf(out, "  %.*s:\n\n", (int)(info + length - word - 5), word + 5);
        return;
    }
    if (wrong) word += word[5] == ' ' ? 6 : 5;
    int flags = (int)(info + length - word);
    fprintf(out, "  %s%s%.*s:\n\n", wrong ? "wrong" : "right", flags ? ", with " : "", flags, word);
}

static void explain_line(FILE *out, const char *line, size_t length, bool code) {
    if (code && length) fputs("      ", out);
    for (size_t i = 0; i < length; i++) fputc(!code && line[i] == '`' ? '\'' : line[i], out);
    fputc('\n', out);
}

void explain_print(FILE *out, DiagCode code, bool colour) {
    fprintf(out, "%s%s %s: %s%s\n\n", colour ? "\033[1m" : "", diag_code_is_error(code) ? "error" : "warning",
            diag_code_name(code), diag_code_title(code), colour ? "\033[0m" : "");
    bool block = false;
    for (const char *line = EXPLAIN_PAGES[code], *next; line && *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        if (strncmp(line, "```", 3) != 0) {
            explain_line(out, line, length, block);
            continue;
        }
        block = !block;
        if (block) explain_label(out, line + 3, length - 3);
    }
}

void explain_print_codes(FILE *out) {
    for (DiagCode code = 0; code < DIAG_CODE_COUNT; code++)
        fprintf(out, "  %s  %s\n", diag_code_name(code), diag_code_title(code));
    fputs("\nqtmc explain CODE says what a code means, with a model that is wrong and the same model corrected.\n",
          out);
}

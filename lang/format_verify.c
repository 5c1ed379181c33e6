/* Whether two texts are the same model: the same tokens on corresponding lines, the same documentation and comments,
 * the same tree. */
#include "lang/format.h"

#include <string.h>

static bool same_span(const FormatList *a, Span left, const FormatList *b, Span right) {
    return left.end - left.begin == right.end - right.begin &&
           memcmp(a->file->text + left.begin, b->file->text + right.begin, left.end - left.begin) == 0;
}

static bool same_string(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_line(const FormatList *a, const FormatLine *left, const FormatList *b, const FormatLine *right) {
    if (left->count != right->count || left->blank != right->blank || left->has_comment != right->has_comment)
        return false;
    if (left->has_comment && !same_span(a, left->comment, b, right->comment)) return false;
    for (uint32_t i = 0; i < left->count; i++) {
        const FormatToken *x = &a->tokens.data[left->first + i], *y = &b->tokens.data[right->first + i];
        if (x->kind != y->kind || x->first != y->first) return false;
        if (!same_span(a, x->span, b, y->span) || !same_string(x->doc, y->doc)) return false;
    }
    return true;
}

bool format_same(const FormatList *a, const FormatList *b, uint32_t *line) {
    size_t count = a->lines.count < b->lines.count ? a->lines.count : b->lines.count;
    for (size_t i = 0; i < count; i++) {
        const FormatLine *left = &a->lines.data[i];
        if (same_line(a, left, b, &b->lines.data[i])) continue;
        uint32_t column;
        uint32_t offset = left->count ? a->tokens.data[left->first].span.begin : left->comment.begin;
        source_position(a->file, offset, line, &column);
        return false;
    }
    return a->lines.count == b->lines.count && a->tokens.count == b->tokens.count;
}

bool format_same_tree(const AstNode *a, const AstNode *b) {
    if (!a || !b) return a == b;
    if (a->kind != b->kind || a->op != b->op || a->flag != b->flag || a->count != b->count) return false;
    if (memcmp(&a->number, &b->number, sizeof a->number) != 0) return false;
    if (!same_string(a->name, b->name) || !same_string(a->text, b->text) || !same_string(a->doc, b->doc)) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!format_same_tree(a->kids[i], b->kids[i])) return false;
    return true;
}

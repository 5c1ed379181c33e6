/* Which name was meant: Damerau-Levenshtein distance in its restricted form (no substring is edited twice). */
#include "diag/diag.h"

#include <string.h>
#include <strings.h>

enum { NEAREST_LENGTH = 64 }; /* longer names get no suggestion */

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i != b_j], d(i-2, j-2) + 1 if the last two are swapped)
 */
static size_t nearest_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][NEAREST_LENGTH + 1];
    for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *diag_nearest(const char *name, const char *const *candidates, size_t count) {
    size_t length = strlen(name), best = length / 3;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++)
        if (candidates[i] && strcasecmp(name, candidates[i]) == 0) return candidates[i];
    if (length > NEAREST_LENGTH) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = candidates[i] ? strlen(candidates[i]) : 0;
        if (!other || other > NEAREST_LENGTH || other > length + best || length > other + best) continue;
        size_t distance = nearest_distance(name, length, candidates[i], other);
        if (distance > best || (nearest && distance == best)) continue;
        best = distance;
        nearest = candidates[i];
    }
    return nearest;
}

/* Nearest-name search. Assumes short names: the table of the dynamic programme is on the stack. */
#include "runtime/core/suggest.h"

#include <string.h>

#define NAME_MAX_LENGTH 63

static size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t qtm_suggest_distance(const char *a, const char *b) {
    size_t d[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    size_t n = size_min(strlen(a), NAME_MAX_LENGTH), m = size_min(strlen(b), NAME_MAX_LENGTH);
    for (size_t i = 0; i <= n; i++) d[i][0] = i;
    for (size_t j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = size_min(change, size_min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = size_min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

const char *qtm_suggest_nearest(const char *word, const char *const *names, size_t count) {
    size_t limit = strlen(word) / 3, best = 0;
    if (limit < 1) limit = 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = qtm_suggest_distance(word, names[i]);
        if (distance <= limit && (!found || distance < best)) {
            found = names[i];
            best = distance;
        }
    }
    return found;
}

/* The nearest of several names to a misspelt one, for messages that end in "did you mean ...?". */
#ifndef QTM_SUGGEST_H
#define QTM_SUGGEST_H

#include <stddef.h>

/* Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of
 * neighbours. Only the first 63 characters count. */
size_t qtm_suggest_distance(const char *a, const char *b);

/* The nearest of `count` names, or NULL when none is near enough to be meant (a third of the length, at least 1). */
const char *qtm_suggest_nearest(const char *word, const char *const *names, size_t count);

#endif

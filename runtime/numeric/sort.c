/* Positions of the elements of a row in ascending order. Pairs (value, position) are all different, so any sort of them
 * is stable; this one is quicksort with the median of three, which hands parts that it splits badly to heapsort and
 * short parts to insertion sort: n log n steps whatever the data, in place. NaN are put behind everything first. */
#include <stdbool.h>

#include "qtm/numeric.h"

enum { INSERTION_MAX = 16 };

#define DEFINE_SORT(REAL, SUFFIX)                                                                                      \
    typedef struct Row_##SUFFIX {                                                                                      \
        const REAL *x;                                                                                                 \
        int64_t stride, step;                                                                                          \
        int32_t *index;                                                                                                \
    } Row_##SUFFIX;                                                                                                    \
                                                                                                                       \
    static inline bool before_##SUFFIX(const Row_##SUFFIX *r, int32_t i, int32_t j) {                                  \
        REAL a = r->x[i * r->stride], b = r->x[j * r->stride];                                                         \
        return a < b || (a == b && i < j);                                                                             \
    }                                                                                                                  \
    static inline int32_t *at_##SUFFIX(const Row_##SUFFIX *r, int64_t k) {                                             \
        return r->index + k * r->step;                                                                                 \
    }                                                                                                                  \
    static inline void swap_##SUFFIX(const Row_##SUFFIX *r, int64_t i, int64_t j) {                                    \
        int32_t keep = *at_##SUFFIX(r, i);                                                                             \
        *at_##SUFFIX(r, i) = *at_##SUFFIX(r, j);                                                                       \
        *at_##SUFFIX(r, j) = keep;                                                                                     \
    }                                                                                                                  \
                                                                                                                       \
    static void insertion_##SUFFIX(const Row_##SUFFIX *r, int64_t low, int64_t high) {                                 \
        for (int64_t k = low + 1; k < high; k++) {                                                                     \
            int32_t moving = *at_##SUFFIX(r, k);                                                                       \
            int64_t to = k;                                                                                            \
            for (; to > low && before_##SUFFIX(r, moving, *at_##SUFFIX(r, to - 1)); to--)                              \
                *at_##SUFFIX(r, to) = *at_##SUFFIX(r, to - 1);                                                         \
            *at_##SUFFIX(r, to) = moving;                                                                              \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void sift_##SUFFIX(const Row_##SUFFIX *r, int64_t low, int64_t root, int64_t count) {                       \
        for (int64_t child; (child = 2 * root + 1) < count; root = child) {                                            \
            if (child + 1 < count &&                                                                                   \
                before_##SUFFIX(r, *at_##SUFFIX(r, low + child), *at_##SUFFIX(r, low + child + 1)))                    \
                child++;                                                                                               \
            if (!before_##SUFFIX(r, *at_##SUFFIX(r, low + root), *at_##SUFFIX(r, low + child))) return;                \
            swap_##SUFFIX(r, low + root, low + child);                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
    static void heap_##SUFFIX(const Row_##SUFFIX *r, int64_t low, int64_t high) {                                      \
        int64_t count = high - low;                                                                                    \
        for (int64_t root = count / 2; root-- > 0;) sift_##SUFFIX(r, low, root, count);                                \
        for (int64_t end = count - 1; end > 0; end--) {                                                                \
            swap_##SUFFIX(r, low, low + end);                                                                          \
            sift_##SUFFIX(r, low, 0, end);                                                                             \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* Splits low .. high - 1 around the median of three; returns where the right part starts. */                      \
    static int64_t split_##SUFFIX(const Row_##SUFFIX *r, int64_t low, int64_t high) {                                  \
        int64_t middle = low + (high - low) / 2, last = high - 1;                                                      \
        if (before_##SUFFIX(r, *at_##SUFFIX(r, middle), *at_##SUFFIX(r, low))) swap_##SUFFIX(r, middle, low);          \
        if (before_##SUFFIX(r, *at_##SUFFIX(r, last), *at_##SUFFIX(r, low))) swap_##SUFFIX(r, last, low);              \
        if (before_##SUFFIX(r, *at_##SUFFIX(r, last), *at_##SUFFIX(r, middle))) swap_##SUFFIX(r, last, middle);        \
        int32_t pivot = *at_##SUFFIX(r, middle);                                                                       \
        int64_t i = low, j = last;                                                                                     \
        for (;;) {                                                                                                     \
            while (before_##SUFFIX(r, *at_##SUFFIX(r, i), pivot)) i++;                                                 \
            while (before_##SUFFIX(r, pivot, *at_##SUFFIX(r, j))) j--;                                                 \
            if (i >= j) return j + 1;                                                                                  \
            swap_##SUFFIX(r, i++, j--);                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void sort_##SUFFIX(const Row_##SUFFIX *r, int64_t low, int64_t high, int depth) {                           \
        while (high - low > INSERTION_MAX) {                                                                           \
            if (depth-- == 0) {                                                                                        \
                heap_##SUFFIX(r, low, high);                                                                           \
                return;                                                                                                \
            }                                                                                                          \
            int64_t middle = split_##SUFFIX(r, low, high);                                                             \
            sort_##SUFFIX(r, low, middle, depth);                                                                      \
            low = middle;                                                                                              \
        }                                                                                                              \
        insertion_##SUFFIX(r, low, high);                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    void qtm_argsort_##SUFFIX(int64_t n, const REAL *x, int64_t stride, int32_t *index, int64_t index_stride) {        \
        Row_##SUFFIX row = {x, stride, index_stride, index};                                                           \
        int64_t numbers = 0, behind = n;                                                                               \
        int depth = 4;                                                                                                 \
        for (int64_t k = 0; k < n; k++)                                                                                \
            if (x[k * stride] == x[k * stride]) *at_##SUFFIX(&row, numbers++) = (int32_t)k;                            \
        for (int64_t k = n; k-- > 0 && behind > numbers;)                                                              \
            if (x[k * stride] != x[k * stride]) *at_##SUFFIX(&row, --behind) = (int32_t)k;                             \
        for (int64_t k = n; k > 1; k /= 2) depth += 2;                                                                 \
        sort_##SUFFIX(&row, 0, numbers, depth);                                                                        \
    }

DEFINE_SORT(float, f32)
DEFINE_SORT(double, f64)

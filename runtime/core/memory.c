/* Aligned blocks from the C library, counted, with a way to make one fail. */
#include "runtime/core/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks from which on large pages are asked for: tables that are looked up at random would miss the processor's table
 * of small pages at every access. */
static const size_t page_large = (size_t)2 << 20;

static _Atomic int64_t alloc_allowed = -1; /* before the one that fails; negative: none fails */
static _Atomic int64_t alloc_live;

static bool alloc_may_go_on(void) {
    int64_t allowed = atomic_load_explicit(&alloc_allowed, memory_order_relaxed);
    if (allowed < 0) return true;
    return atomic_fetch_sub(&alloc_allowed, 1) != 0;
}

void *qtm_alloc(int64_t bytes) {
    if (bytes < 0) bytes = 0;
    if (bytes > INT64_MAX / 2 || !alloc_may_go_on()) return NULL;
    size_t size = ((size_t)bytes + 63) / 64 * 64;
    if (size == 0) size = 64;
    bool large = size >= 2 * page_large;
    if (large) size = (size + page_large - 1) / page_large * page_large;
    void *block = aligned_alloc(large ? page_large : 64, size);
    if (!block) return NULL;
    if (large) (void)madvise(block, size, MADV_HUGEPAGE); /* advice: memory without it is as good, only slower */
    memset(block, 0, size);
    atomic_fetch_add_explicit(&alloc_live, 1, memory_order_relaxed);
    return block;
}

void *qtm_alloc_array(int64_t count, int64_t size) {
    int64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return qtm_alloc(bytes);
}

void qtm_free(void *block) {
    if (!block) return;
    atomic_fetch_sub_explicit(&alloc_live, 1, memory_order_relaxed);
    free(block);
}

char *qtm_text_copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = qtm_alloc((int64_t)size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

char *qtm_text_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : qtm_alloc((int64_t)length + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void qtm_error_memory_record(int64_t bytes) {
    qtm_error_record("out of memory: could not get %lld bytes; use fewer events, vectors or threads, or a machine with "
                     "more memory",
                     (long long)bytes);
}

void qtm_alloc_fail_after(int64_t allowed) {
    atomic_store(&alloc_allowed, allowed);
}

int64_t qtm_alloc_live(void) {
    return atomic_load(&alloc_live);
}

/* The runtime's allocator: zeroed, 64-byte aligned blocks (a cache line, the widest vector), owned by whoever asked,
 * one qtm_free each. Tests can make the n-th allocation fail. All functions are **Local** and may be called on any
 * thread. */
#ifndef QTM_CORE_MEMORY_H
#define QTM_CORE_MEMORY_H

#include <stdarg.h>
#include <stdint.h>

#include "runtime/core/status.h"

/* `bytes` of zeroed memory aligned to 64; bytes <= 0 gives a valid block of no size. NULL when there is none left: the
 * caller returns qtm_error_memory(bytes). */
void *qtm_alloc(int64_t bytes);
/* count * size bytes with a check for overflow. */
void *qtm_alloc_array(int64_t count, int64_t size);
/* NULL is fine. */
void qtm_free(void *block);

/* Copies of text in blocks to qtm_free; NULL when out of memory. */
char *qtm_text_copy(const char *text);
char *qtm_text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Records "out of memory (... bytes)" and returns QTM_FAILED. */
#define qtm_error_memory(bytes) (qtm_error_memory_record(bytes), QTM_FAILED)
void qtm_error_memory_record(int64_t bytes) __attribute__((cold));

/* For tests: `allowed` more allocations succeed, then one fails, then all succeed again. Negative: none fails. */
void qtm_alloc_fail_after(int64_t allowed);
/* For tests: blocks handed out and not yet given back. */
int64_t qtm_alloc_live(void);

#endif

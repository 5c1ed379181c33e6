/* Loops over memory, compiled for each vector width and chosen when the program starts. Functions marked QTM_CLONES
 * give the same bits whatever the width: no contraction to fused multiply-add, which only some of the clones could do.
 */
#ifndef QTM_CORE_CLONES_H
#define QTM_CORE_CLONES_H

/* AddressSanitizer and valgrind builds cannot resolve clones before the sanitizer is up. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define QTM_CLONED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define QTM_CLONED
#endif

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#define QTM_CLONES QTM_CLONED
#else
#define QTM_CLONES QTM_CLONED __attribute__((optimize("O3,fp-contract=off,no-math-errno,no-trapping-math")))
#endif

#endif

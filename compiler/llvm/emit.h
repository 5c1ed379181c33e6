/* Loop IR to host code by LLVM 19's C API. This folder is the only one that includes llvm-c.
 *
 * What is emitted for a LIR function F, with F' = llvm_symbol(F):
 *   void    qtm_fn_F'(const struct qtm_frame *)   runs the groups one after another through qtm_pool_run
 *   int64_t qtm_work_F'(const int64_t *extent)    bytes of frame->work: static part and dynamic buffers
 * and inside: a function a group, (frame, slot, thread). Every kernel is a function, too, kept apart so that listings
 * and profiles read well; kernels whose code is the same are one, which bears the name of the first. Vectors are
 * explicit; nothing is left to a vectoriser.
 *
 * Arithmetic: products and sums carry the `contract` flag, so a*b + c may be one fused operation where the machine has
 * one; no other fast-math flag is set. Sums over the vector axis use a fixed number of partial sums and a fixed tree: a
 * result depends on the target's vector width, never on threads. On a target without fused multiply-add, LIR_FMA is
 * computed in f64 (f32) or by error-free transformations (f64): correct but for rare double roundings.
 *
 * Everything is re-entrant: two modules may be emitted in two threads at once. */
#ifndef QTMC_LLVM_EMIT_H
#define QTMC_LLVM_EMIT_H

#include <stdbool.h>

#include "lir/lir.h"
#include "support/arena.h"

typedef struct HostTarget {
    const char *march;    /* as asked for: "native", "x86-64-v3", ... */
    const char *cpu;      /* LLVM's name of the processor */
    const char *features; /* "+avx2,-avx512f,..."; empty where the name says all */
    unsigned vector_bits; /* 128, 256 or 512 */
    unsigned registers;   /* vector registers */
    bool fma;             /* fused multiply-add */
    bool rounding;        /* vector rounding instructions */
    uint64_t needs;       /* bit f: the code may use feature f of qtm/features.def */
    const char *suffix;   /* of every symbol, where code for several targets goes into one executable; or NULL */
} HostTarget;

typedef enum LlvmOutput {
    LLVM_OUTPUT_IR,           /* text, as emitted */
    LLVM_OUTPUT_IR_OPTIMISED, /* text, after the passes */
    LLVM_OUTPUT_ASM,
    LLVM_OUTPUT_OBJ,
} LlvmOutput;

/* A kernel where it occurs first. */
typedef struct LlvmKernel {
    const LirFunction *function;
    const LirGroup *group;
    const LirKernel *kernel;
    VEC(const char *) others; /* kernels that it computes as well, as function.kernel */
    bool hot;                 /* one of them is of a hot function */
} LlvmKernel;

/* What one file holds: kernels, and functions but for their kernels. */
typedef struct LlvmPart {
    bool f64;
    VEC(LirFunction *) functions;
    VEC(LlvmKernel) kernels;
} LlvmPart;

/* All of a module, equal kernels once. Sets LirKernel.symbol. */
LlvmPart llvm_whole(Arena *arena, const LirModule *module);

/* `march`: NULL or "native" (this machine's feature bits), "baseline" (= "x86-64"), "x86-64-v2", "x86-64-v3",
 * "x86-64-v4". False with *error (in `arena`) for another name. */
bool host_target(Arena *arena, const char *march, HostTarget *out, const char **error);

/* The targets of --multi-target, from the one that needs least on. */
enum { HOST_TARGETS = 3 };
void host_targets(Arena *arena, HostTarget out[HOST_TARGETS]);

/* Emits `part` into the file `path`. opt_level 0..3 (2 is the normal one; 0 skips the passes). False with *error (a
 * text from malloc, for the caller to keep or free) if the file cannot be written or LLVM reports an error; the file
 * may then be incomplete. LIR that breaks its own rules is an internal error and stops the compiler. */
bool llvm_emit(const LlvmPart *part, const HostTarget *target, LlvmOutput what, int opt_level, const char *path,
               const char **error);

/* A C identifier for a name of the language: letters, digits and _ stay, '.' becomes "__", anything else "_x" and two
 * hexadecimal digits. */
char *llvm_symbol(Arena *arena, const char *name);

#endif

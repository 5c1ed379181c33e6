/* What the files of this folder share: the module being emitted, the function being emitted, and small builders.
 * Inside a function, `at` is where code goes; `entry` adds to the function's first block, which dominates everything:
 * stack slots, lengths of axes and strides are made there. Accumulators are stack slots that the passes turn into
 * registers, so no code here has to build PHIs but those of loop counters. */
#ifndef QTMC_LLVM_BUILD_H
#define QTMC_LLVM_BUILD_H

#include <llvm-c/Core.h>

#include "lir/lir.h"
#include "llvm/emit.h"

typedef struct Emit {
    Arena *arena;
    bool f64;
    const HostTarget *target;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMTypeRef real, i1, i8, i32, i64, wide, ptr, nothing; /* wide: integer as wide as real */
    unsigned real_bytes, lanes;                             /* lanes: reals in a vector register */
} Emit;

/* A load whose neighbour is loaded with it (pair.c). */
typedef struct Pair {
    uint32_t with;      /* 1 + the other load; 0: none */
    bool upper;         /* the one behind */
    LLVMValueRef ready; /* its value, once the other has been made */
} Pair;

/* A function under construction. The fields from `group` on are set in group and kernel functions only. */
typedef struct Body {
    Emit *emit;
    const LirFunction *f;
    LLVMValueRef fn, frame, extents;
    LLVMBuilderRef at, entry;
    LLVMBasicBlockRef first;
    LLVMValueRef *size; /* by axis: its length as i64, made on first use */
    const LirGroup *group;
    const LirKernel *kernel;
    LLVMValueRef row0, rows;     /* the block: its first row, its number of rows */
    LLVMValueRef *base;          /* by buffer: first element */
    bool *written;               /* by buffer: the kernel has an effect on it */
    LLVMValueRef *index;         /* by axis: i64 loop counter; the row axis counts from the block's first row */
    TirAxisId vector_axis;       /* LIR_NO_AXIS where the kernel has scalars only */
    unsigned lanes;              /* 1 or the number of lanes along vector_axis */
    LLVMValueRef mask;           /* <lanes x i1> of the lanes in use, or NULL for all */
    LLVMValueRef *value, *splat; /* by instruction: its value; a scalar's copy in all lanes */
    bool *vector, *wants_splat;  /* by instruction: differs between lanes; has a vector user */
    uint32_t *level;             /* by instruction: number of loops it must be inside */
    Pair *pair;                  /* by instruction */
    LLVMValueRef acc;            /* DOT: the finished sums of the current vector */
    LLVMValueRef nowhere;        /* 64 bytes of stack, for accesses into dimensions of length 0 */
} Body;

typedef struct Loop {
    LLVMBasicBlockRef block, exit;
    LLVMValueRef counter, end;
    int64_t step;
} Loop;

typedef struct Address {
    LLVMValueRef pointer; /* the scalar part */
    LLVMValueRef offsets; /* lanes that are not neighbours: element offset of each lane */
    bool contiguous;      /* lanes are neighbours */
    LLVMTypeRef element;  /* in memory */
} Address;

/* --- build.c --- */
_Noreturn void emit_fail(const Body *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *emit_symbol(Emit *e, const char *name); /* with the target's suffix */
LLVMValueRef function_add(Emit *e, const char *name, LLVMTypeRef type, bool exported);
Body body_begin(Emit *e, const LirFunction *f, LLVMValueRef fn);
/* The function of a group: (frame, slot, thread). Its buffers have no addresses yet. */
Body group_begin(Emit *e, const LirFunction *f, const LirGroup *g);
void body_end(Body *b); /* adds the missing branch of the entry block; the return is the caller's */
LLVMValueRef const_i64(const Emit *e, int64_t value);
LLVMValueRef const_i32(const Emit *e, int64_t value);
LLVMValueRef const_real(const Emit *e, double value);
LLVMTypeRef type_lanes(LLVMTypeRef type, unsigned lanes);
LLVMTypeRef type_memory(const Emit *e, LirType type);
unsigned type_bytes(const Emit *e, LirType type);
LLVMValueRef build_splat(Body *b, LLVMValueRef scalar, unsigned lanes);
LLVMValueRef build_iota(Body *b, LLVMTypeRef integer, unsigned lanes);
LLVMValueRef build_intrinsic(Body *b, const char *name, LLVMTypeRef overload, LLVMValueRef *args, unsigned count);
LLVMValueRef build_contract(LLVMValueRef v); /* sets the flag where there is an instruction to carry it */
LLVMValueRef build_min_i64(Body *b, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef build_alloca(Body *b, LLVMTypeRef type, const char *name);
LLVMValueRef build_load(Body *b, LLVMTypeRef type, LLVMValueRef pointer, unsigned align);
void build_store(Body *b, LLVMValueRef value, LLVMValueRef pointer, unsigned align);
LLVMValueRef build_offset(Body *b, LLVMTypeRef element, LLVMValueRef pointer, LLVMValueRef index);
LLVMValueRef build_field(Body *b, LLVMTypeRef type, int64_t frame_offset); /* of the frame, in the entry block */
LLVMValueRef build_horizontal(Body *b, LirEffectKind kind, LLVMValueRef v, unsigned lanes);
LLVMValueRef build_combine(Body *b, LirEffectKind kind, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef build_neutral(const Emit *e, LirEffectKind kind, LirType type);
Loop loop_begin(Body *b, LLVMValueRef begin, LLVMValueRef end, int64_t step, const char *name);
void loop_end(Body *b, const Loop *loop);
void function_attribute(const Emit *e, LLVMValueRef fn, const char *name);
void parameter_attribute(const Emit *e, LLVMValueRef fn, unsigned parameter, const char *name, uint64_t value);
void function_target(const Emit *e, LLVMValueRef fn);

/* --- memory.c --- */
bool constant_of(LLVMValueRef v, int64_t *value);
bool buffer_is_dynamic(const LirBuffer *buffer);
LLVMValueRef axis_size(Body *b, TirAxisId axis);   /* full length, i64 */
bool axis_is_row(const Body *b, TirAxisId axis);   /* the kernel runs over a piece of it: of the rows */
LLVMValueRef axis_trip(Body *b, TirAxisId axis);   /* as a loop of the kernel: rows for the row axis */
bool loop_is_joined(Body *b, uint32_t number);     /* then its index is 0, and the next one goes on for it */
int64_t axis_bound(const Body *b, TirAxisId axis); /* static bound of axis_trip, or INT64_MAX */
LLVMValueRef dim_size(Body *b, const LirBuffer *buffer, unsigned dim);
LLVMValueRef dim_stride(Body *b, const LirBuffer *buffer, unsigned dim);      /* in elements */
LLVMValueRef buffer_count(Body *b, const LirBuffer *buffer);                  /* elements, of one copy */
LLVMValueRef access_stride(Body *b, const LirAccess *access, TirAxisId axis); /* elements a step along a loop axis */
Address access_address(Body *b, const LirAccess *access);
Address access_address_pair(Body *b, const LirAccess *access); /* of an element and the next one */
LLVMValueRef access_load(Body *b, const LirAccess *access);    /* in register form: bools are i1 */
bool target_gathers(const HostTarget *target);                 /* by an instruction that is faster than its parts */
LLVMValueRef access_gather(Body *b, const Address *address);
LLVMValueRef access_gather_wide(Body *b, const Address *address, LLVMTypeRef wide); /* `wide` at every element */
void access_store(Body *b, const LirAccess *access, LLVMValueRef value);
void access_combine(Body *b, const LirAccess *access, LirEffectKind kind, LLVMValueRef value);
bool access_is_vector(const Body *b, const LirAccess *access);
/* Has a computed index that is more than a sum of loop indices: lanes and loads that follow no pattern. */
bool access_is_looked_up(const Body *b, const LirAccess *access);
void memory_fill(Body *b, LLVMValueRef pointer, LLVMTypeRef element, LLVMValueRef count, LLVMValueRef value);
LLVMValueRef mask_first(Body *b, LLVMValueRef count); /* lanes 0 .. count-1 */

/* --- ops.c --- */
void body_analyse(Body *b);               /* fills vector, level, wants_splat; makes value and splat */
void body_level(Body *b, uint32_t level); /* emits the instructions of one level */
LLVMValueRef body_value(Body *b, uint32_t instr, bool vector); /* a value made before, in the shape wanted */

/* --- pair.c --- */
void pair_find(Body *b); /* fills pair */
LLVMValueRef pair_load(Body *b, uint32_t number);

/* --- philox.c --- */
LLVMValueRef philox_word(Body *b, LLVMValueRef index, int64_t stream);
LLVMValueRef philox_multiply_high(Body *b, LLVMValueRef x, LLVMValueRef y, LLVMValueRef *low);

/* --- kernel.c --- */
typedef struct KernelPromise {
    bool apart;   /* from the kernel's other buffers */
    bool aligned; /* to FRAME_ALIGN */
} KernelPromise;
/* What a kernel is given besides the frame and its rows, in the order in which it mentions them, and words that are
 * equal where the code of two kernels is. */
typedef struct KernelPorts {
    VEC(TirAxisId) axes; /* whose length is not static */
    VEC(uint32_t) buffers;
    VEC(KernelPromise) promises; /* one a buffer */
    VEC(uint64_t) key;
} KernelPorts;
enum { KERNEL_FIXED_PARAMETERS = 3 }; /* frame, first row, rows */
KernelPorts kernel_ports(Arena *arena, const LirFunction *f, const LirGroup *group, const LirKernel *k);
LLVMValueRef kernel_declare(Emit *e, const LirKernel *k, const KernelPorts *ports);
void kernel_emit(Emit *e, const LlvmKernel *kernel);

/* --- nest.c, dot.c, pack.c, combine.c, loop.c, function.c --- */
typedef struct Emitted {
    LLVMValueRef run, work; /* the entry and the size function */
} Emitted;
void nest_emit(Body *b);
void dot_emit(Body *b);
void combine_emit(Body *b);
LLVMValueRef group_slots(Body *b, const LirGroup *group); /* that have work */
void pack_emit(Body *b);
LLVMValueRef loop_emit(Emit *e, const LirFunction *f, const LirGroup *g, Emitted body);
Emitted function_emit(Emit *e, const LirFunction *f);
LLVMValueRef work_end(Body *b); /* bytes of the arena that all buffers take */
/* First element of a buffer as the group's slot and thread see it. */
LLVMValueRef buffer_base(Body *b, uint32_t number, LLVMValueRef slot, LLVMValueRef scratch);

/* --- target.c --- */
void llvm_start(void); /* registers targets and the handler of fatal errors, once */

#endif

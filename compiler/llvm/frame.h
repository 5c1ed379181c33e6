/* Byte offsets of struct qtm_frame (runtime/include/qtm/kernel.h) as emitted code uses them. The compiler does not
 * include the runtime's headers, so that it can emit for another machine; a test compares the two. Pointers are 8
 * bytes. */
#ifndef QTMC_LLVM_FRAME_H
#define QTMC_LLVM_FRAME_H

enum {
    FRAME_IN = 0,
    FRAME_OUT = 8,
    FRAME_WORK = 16,
    FRAME_SCRATCH = 24,
    FRAME_SCRATCH_STRIDE = 32,
    FRAME_EXTENT = 40,
    FRAME_SEED = 48,
    FRAME_STEP = 56,
    FRAME_POOL = 64,
    FRAME_BYTES = 72,
    FRAME_ALIGN = 64 /* of every buffer, in bytes */
};

#endif

/* A LIR function: its entry, its size function, a function a group. Its kernels are functions of their own (kernel.c).
 */
#include "llvm/build.h"

#include <string.h>

#include "llvm/frame.h"

static int64_t round_up(int64_t n) {
    return (n + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

/* Bytes of the arena in front of place number `number`: the static part, then the places in order. */
static LLVMValueRef place_offset(Body *b, size_t number) {
    LLVMValueRef at = const_i64(b->emit, round_up(b->f->work_bytes));
    for (size_t i = 0; i < number; i++) {
        const LirPlace *place = &b->f->places.data[i];
        LLVMValueRef bytes = axis_size(b, place->axis);
        bytes = LLVMBuildNSWMul(b->entry, bytes, const_i64(b->emit, place->bytes_per_row), "");
        bytes = LLVMBuildNSWAdd(b->entry, bytes, const_i64(b->emit, FRAME_ALIGN - 1), "");
        bytes = LLVMBuildAnd(b->entry, bytes, const_i64(b->emit, -FRAME_ALIGN), "");
        at = LLVMBuildNSWAdd(b->entry, at, bytes, "");
    }
    return at;
}

LLVMValueRef work_end(Body *b) {
    return place_offset(b, b->f->places.count);
}

/* Bodies of loops work behind all buffers, one after another in the same place. */
static LLVMValueRef work_emit(Emit *e, const LirFunction *f, const Emitted *bodies) {
    LLVMTypeRef type = LLVMFunctionType(e->i64, &e->ptr, 1, false);
    const char *name = arena_format(e->arena, "qtm_work_%s", llvm_symbol(e->arena, f->name));
    Body b = body_begin(e, f, function_add(e, name, type, !f->is_body));
    b.extents = LLVMGetParam(b.fn, 0);
    LLVMValueRef most = const_i64(e, 0);
    for (size_t g = 0; g < f->groups.count; g++) {
        if (!f->groups.data[g].loop) continue;
        LLVMValueRef bytes = LLVMBuildCall2(b.at, type, bodies[g].work, &b.extents, 1, "");
        most = LLVMBuildSelect(b.at, LLVMBuildICmp(b.at, LLVMIntSLT, most, bytes, ""), bytes, most, "");
    }
    LLVMBuildRet(b.at, LLVMBuildNSWAdd(b.at, work_end(&b), most, ""));
    body_end(&b);
    return b.fn;
}

/* --- groups --- */

LLVMValueRef buffer_base(Body *b, uint32_t number, LLVMValueRef slot, LLVMValueRef scratch) {
    Emit *e = b->emit;
    const LirBuffer *buffer = &b->f->buffers.data[number];
    if (buffer->space == LIR_IN || buffer->space == LIR_OUT) {
        LLVMValueRef table = build_field(b, e->ptr, buffer->space == LIR_IN ? FRAME_IN : FRAME_OUT);
        return build_load(b, e->ptr, build_offset(b, e->ptr, table, const_i64(e, buffer->port)), 8);
    }
    if (buffer->space == LIR_SCRATCH) return build_offset(b, e->i8, scratch, const_i64(e, buffer->offset));
    LLVMValueRef work = build_field(b, e->ptr, FRAME_WORK);
    if (buffer_is_dynamic(buffer)) return build_offset(b, e->i8, work, place_offset(b, buffer->place));
    LLVMValueRef base = build_offset(b, e->i8, work, const_i64(e, buffer->offset));
    if (buffer->space == LIR_PARTIAL && &b->f->groups.data[buffer->group] == b->group) {
        LLVMValueRef skip = LLVMBuildNSWMul(b->at, slot, buffer_count(b, buffer), "");
        base = build_offset(b, type_memory(e, buffer->type), base, skip);
    }
    return base;
}

static bool clears(const Body *b, const LirBuffer *buffer) {
    return buffer->clear && &b->f->groups.data[buffer->group] == b->group;
}

static void slot_clear(Body *b) {
    for (uint32_t i = 0; i < b->f->buffers.count; i++) {
        const LirBuffer *buffer = &b->f->buffers.data[i];
        if (!clears(b, buffer)) continue;
        LLVMTypeRef element = type_memory(b->emit, buffer->type);
        memory_fill(b, b->base[i], element, buffer_count(b, buffer), LLVMConstNull(element));
    }
}

static void kernel_call(Body *b, size_t k, LLVMValueRef row0, LLVMValueRef rows, const KernelPorts *ports) {
    const KernelPorts *p = &ports[k];
    size_t most = KERNEL_FIXED_PARAMETERS + p->axes.count + p->buffers.count;
    LLVMValueRef *args = ARENA_ARRAY(b->emit->arena, LLVMValueRef, most);
    unsigned count = 0;
    args[count++] = b->frame;
    args[count++] = row0;
    args[count++] = rows;
    for (size_t i = 0; i < p->axes.count; i++) args[count++] = axis_size(b, p->axes.data[i]);
    for (size_t i = 0; i < p->buffers.count; i++) args[count++] = b->base[p->buffers.data[i]];
    LLVMValueRef kernel = kernel_declare(b->emit, b->group->kernels.data[k], p);
    LLVMBuildCall2(b->at, LLVMGlobalGetValueType(kernel), kernel, args, count, "");
}

LLVMValueRef group_slots(Body *b, const LirGroup *g) {
    Emit *e = b->emit;
    LLVMValueRef most = const_i64(e, g->slots), one = const_i64(e, 1);
    if (g->row_axis == LIR_NO_AXIS || !g->slot_rows || g->slots == 1) return most;
    LLVMValueRef n = LLVMBuildUDiv(b->at, axis_size(b, g->row_axis), const_i64(e, g->slot_rows), "");
    n = build_min_i64(b, n, most);
    return LLVMBuildSelect(b->at, LLVMBuildICmp(b->at, LLVMIntSLT, n, one, ""), one, n, "");
}

/* Where slot s of S begins in so many: s*n/S. */
static LLVMValueRef slot_begin(Body *b, LLVMValueRef slot, LLVMValueRef n, LLVMValueRef slots) {
    return LLVMBuildUDiv(b->at, LLVMBuildNSWMul(b->at, slot, n, ""), slots, "");
}

/* Each kernel for the slot's piece of its first loop; of the elements of a COMBINE, whole lines of cache. */
static void group_pieces(Body *b, LLVMValueRef slot, const KernelPorts *ports) {
    Emit *e = b->emit;
    LLVMValueRef slots = const_i64(e, b->group->slots), next = LLVMBuildNSWAdd(b->at, slot, const_i64(e, 1), "");
    for (size_t k = 0; k < b->group->kernels.count; k++) {
        const LirKernel *kernel = b->group->kernels.data[k];
        bool combine = kernel->kind == LIR_COMBINE;
        int64_t line = combine ? FRAME_ALIGN / e->real_bytes : 1;
        LLVMValueRef n = combine ? buffer_count(b, &b->f->buffers.data[kernel->zero]) : axis_size(b, kernel->loops[0]);
        LLVMValueRef lines = LLVMBuildNSWAdd(b->at, n, const_i64(e, line - 1), "");
        lines = LLVMBuildUDiv(b->at, lines, const_i64(e, line), "");
        LLVMValueRef begin = LLVMBuildNSWMul(b->at, slot_begin(b, slot, lines, slots), const_i64(e, line), "");
        LLVMValueRef end = LLVMBuildNSWMul(b->at, slot_begin(b, next, lines, slots), const_i64(e, line), "");
        end = build_min_i64(b, end, n);
        kernel_call(b, k, begin, LLVMBuildSub(b->at, end, begin, ""), ports);
    }
}

/* All of a group without rows; COMBINE takes its elements for rows. */
static void group_once(Body *b, const KernelPorts *ports) {
    LLVMValueRef zero = const_i64(b->emit, 0);
    for (size_t k = 0; k < b->group->kernels.count; k++) {
        const LirKernel *kernel = b->group->kernels.data[k];
        bool combine = kernel->kind == LIR_COMBINE;
        kernel_call(b, k, zero, combine ? buffer_count(b, &b->f->buffers.data[kernel->zero]) : zero, ports);
    }
}

/* Rows [s*R/S, (s+1)*R/S) of slot s, in blocks. */
static void group_blocks(Body *b, LLVMValueRef slot, const KernelPorts *ports) {
    Emit *e = b->emit;
    const LirGroup *g = b->group;
    LLVMValueRef total = axis_size(b, g->row_axis), slots = group_slots(b, g);
    LLVMValueRef begin = slot_begin(b, slot, total, slots);
    LLVMValueRef end = slot_begin(b, LLVMBuildNSWAdd(b->at, slot, const_i64(e, 1), ""), total, slots);
    Loop loop = loop_begin(b, begin, end, g->block, "block");
    LLVMValueRef rows = build_min_i64(b, LLVMBuildSub(b->at, end, loop.counter, ""), const_i64(e, g->block));
    for (size_t k = 0; k < g->kernels.count; k++) kernel_call(b, k, loop.counter, rows, ports);
    loop_end(b, &loop);
}

Body group_begin(Emit *e, const LirFunction *f, const LirGroup *g) {
    LLVMTypeRef parameters[3] = {e->ptr, e->i64, e->i64};
    const char *name =
        arena_format(e->arena, "%s.group.%s", llvm_symbol(e->arena, f->name), llvm_symbol(e->arena, g->name));
    LLVMTypeRef type = LLVMFunctionType(e->nothing, parameters, 3, false);
    Body b = body_begin(e, f, function_add(e, name, type, false));
    b.frame = LLVMGetParam(b.fn, 0);
    b.group = g;
    b.base = ARENA_ARRAY(e->arena, LLVMValueRef, f->buffers.count);
    return b;
}

static LLVMValueRef group_emit(Emit *e, const LirFunction *f, const LirGroup *g) {
    size_t n = g->kernels.count, buffers = f->buffers.count;
    KernelPorts *ports = ARENA_ARRAY(e->arena, KernelPorts, n);
    bool *any = ARENA_ARRAY(e->arena, bool, buffers);
    for (size_t k = 0; k < n; k++) {
        ports[k] = kernel_ports(e->arena, f, g, g->kernels.data[k]);
        for (size_t i = 0; i < ports[k].buffers.count; i++) any[ports[k].buffers.data[i]] = true;
    }
    Body b = group_begin(e, f, g);
    LLVMValueRef slot = LLVMGetParam(b.fn, 1), stride = build_field(&b, e->i64, FRAME_SCRATCH_STRIDE);
    LLVMValueRef scratch = build_offset(&b, e->i8, build_field(&b, e->ptr, FRAME_SCRATCH),
                                        LLVMBuildNSWMul(b.at, LLVMGetParam(b.fn, 2), stride, ""));
    for (uint32_t i = 0; i < buffers; i++) {
        const LirBuffer *buffer = &f->buffers.data[i];
        if (any[i] || clears(&b, buffer)) b.base[i] = buffer_base(&b, i, slot, scratch);
    }
    slot_clear(&b);
    if (g->row_axis != LIR_NO_AXIS)
        group_blocks(&b, slot, ports);
    else if (g->slots > 1)
        group_pieces(&b, slot, ports);
    else
        group_once(&b, ports);
    LLVMBuildRetVoid(b.at);
    body_end(&b);
    return b.fn;
}

static void pool_call(Body *b, LLVMValueRef group, LLVMValueRef slots) {
    Emit *e = b->emit;
    LLVMTypeRef parameters[4] = {e->ptr, e->ptr, e->ptr, e->i64};
    LLVMTypeRef type = LLVMFunctionType(e->nothing, parameters, 4, false);
    LLVMValueRef fn = LLVMGetNamedFunction(e->module, "qtm_pool_run");
    if (!fn) fn = LLVMAddFunction(e->module, "qtm_pool_run", type);
    LLVMValueRef args[4] = {build_field(b, e->ptr, FRAME_POOL), group, b->frame, slots};
    LLVMBuildCall2(b->at, type, fn, args, 4, "");
}

Emitted function_emit(Emit *e, const LirFunction *f) {
    Emitted *bodies = ARENA_ARRAY(e->arena, Emitted, f->groups.count + 1);
    for (size_t i = 0; i < f->groups.count; i++)
        if (f->groups.data[i].loop) bodies[i] = function_emit(e, f->groups.data[i].loop->body);
    Emitted emitted = {.work = work_emit(e, f, bodies)};
    LLVMTypeRef type = LLVMFunctionType(e->nothing, &e->ptr, 1, false);
    const char *name = arena_format(e->arena, "qtm_fn_%s", llvm_symbol(e->arena, f->name));
    Body b = body_begin(e, f, function_add(e, name, type, !f->is_body));
    b.frame = LLVMGetParam(b.fn, 0);
    emitted.run = b.fn;
    for (size_t i = 0; i < f->groups.count; i++) {
        const LirGroup *g = &f->groups.data[i];
        LLVMValueRef group = g->loop ? loop_emit(e, f, g, bodies[i]) : group_emit(e, f, g);
        if (g->slots > 1) {
            pool_call(&b, group, group_slots(&b, g));
        } else {
            LLVMValueRef args[3] = {b.frame, const_i64(e, 0), const_i64(e, 0)};
            LLVMBuildCall2(b.at, LLVMGlobalGetValueType(group), group, args, 3, "");
        }
    }
    LLVMBuildRetVoid(b.at);
    body_end(&b);
    return emitted;
}

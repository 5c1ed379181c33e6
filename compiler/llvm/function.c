/* A LIR function: its entry, its size function, a function a group. Its kernels are functions of their own (kernel.c).
 */
#include "llvm/build.h"

#include <string.h>

#include "llvm/frame.h"

static int64_t round_up(int64_t n) {
    return (n + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

/* Bytes of the arena in front of buffer number `number`: the static part, then the dynamic buffers in order. */
static LLVMValueRef dynamic_offset(Body *b, size_t number) {
    LLVMValueRef at = const_i64(b->emit, round_up(b->f->work_bytes));
    for (size_t i = 0; i < number; i++) {
        const LirBuffer *buffer = &b->f->buffers.data[i];
        if (!buffer_is_dynamic(buffer)) continue;
        LLVMValueRef bytes = axis_size(b, buffer->dynamic_axis);
        bytes = LLVMBuildNSWMul(b->entry, bytes, const_i64(b->emit, buffer->bytes_per_row), "");
        bytes = LLVMBuildNSWAdd(b->entry, bytes, const_i64(b->emit, FRAME_ALIGN - 1), "");
        bytes = LLVMBuildAnd(b->entry, bytes, const_i64(b->emit, -FRAME_ALIGN), "");
        at = LLVMBuildNSWAdd(b->entry, at, bytes, "");
    }
    return at;
}

LLVMValueRef work_end(Body *b) {
    return dynamic_offset(b, b->f->buffers.count);
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
    if (buffer_is_dynamic(buffer)) return build_offset(b, e->i8, work, dynamic_offset(b, number));
    LLVMValueRef base = build_offset(b, e->i8, work, const_i64(e, buffer->offset));
    if (buffer->space == LIR_PARTIAL && &b->f->groups.data[buffer->group] == b->group) {
        LLVMValueRef skip = LLVMBuildNSWMul(b->at, slot, buffer_count(b, buffer), "");
        base = build_offset(b, type_memory(e, buffer->type), base, skip);
    }
    return base;
}

static void partials_start(Body *b) {
    for (uint32_t i = 0; i < b->f->buffers.count; i++) {
        const LirBuffer *buffer = &b->f->buffers.data[i];
        if (buffer->space != LIR_PARTIAL || &b->f->groups.data[buffer->group] != b->group) continue;
        LLVMTypeRef element = type_memory(b->emit, buffer->type);
        memory_fill(b, b->base[i], element, buffer_count(b, buffer), LLVMConstNull(element));
    }
}

static void group_calls(Body *b, LLVMValueRef row0, LLVMValueRef rows, const KernelPorts *ports) {
    for (size_t k = 0; k < b->group->kernels.count; k++) {
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
}

/* Rows [s*R/S, (s+1)*R/S) of slot s, in blocks. */
static void group_blocks(Body *b, LLVMValueRef slot, const KernelPorts *ports) {
    Emit *e = b->emit;
    const LirGroup *g = b->group;
    LLVMValueRef zero = const_i64(e, 0);
    if (g->row_axis == LIR_NO_AXIS) {
        group_calls(b, zero, zero, ports);
        return;
    }
    LLVMValueRef total = axis_size(b, g->row_axis), slots = const_i64(e, g->slots);
    LLVMValueRef next = LLVMBuildNSWAdd(b->at, slot, const_i64(e, 1), "");
    LLVMValueRef begin = LLVMBuildUDiv(b->at, LLVMBuildNSWMul(b->at, slot, total, ""), slots, "");
    LLVMValueRef end = LLVMBuildUDiv(b->at, LLVMBuildNSWMul(b->at, next, total, ""), slots, "");
    Loop loop = loop_begin(b, begin, end, g->block, "block");
    LLVMValueRef rows = build_min_i64(b, LLVMBuildSub(b->at, end, loop.counter, ""), const_i64(e, g->block));
    group_calls(b, loop.counter, rows, ports);
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
        bool own = buffer->space == LIR_PARTIAL && &f->groups.data[buffer->group] == g;
        if (any[i] || own) b.base[i] = buffer_base(&b, i, slot, scratch);
    }
    partials_start(&b);
    group_blocks(&b, slot, ports);
    LLVMBuildRetVoid(b.at);
    body_end(&b);
    return b.fn;
}

static void pool_call(Body *b, LLVMValueRef group, int64_t slots) {
    Emit *e = b->emit;
    LLVMTypeRef parameters[4] = {e->ptr, e->ptr, e->ptr, e->i64};
    LLVMTypeRef type = LLVMFunctionType(e->nothing, parameters, 4, false);
    LLVMValueRef fn = LLVMGetNamedFunction(e->module, "qtm_pool_run");
    if (!fn) fn = LLVMAddFunction(e->module, "qtm_pool_run", type);
    LLVMValueRef args[4] = {build_field(b, e->ptr, FRAME_POOL), group, b->frame, const_i64(e, slots)};
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
        if (g->slots > 1 || g->row_axis != LIR_NO_AXIS) {
            pool_call(&b, group, g->slots);
        } else {
            LLVMValueRef args[3] = {b.frame, const_i64(e, 0), const_i64(e, 0)};
            LLVMBuildCall2(b.at, LLVMGlobalGetValueType(group), group, args, 3, "");
        }
    }
    LLVMBuildRetVoid(b.at);
    body_end(&b);
    return emitted;
}

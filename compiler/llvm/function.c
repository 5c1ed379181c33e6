/* A LIR function: its entry, its size function, a function a group, a function a kernel. */
#include "llvm/build.h"

#include <string.h>

#include "llvm/frame.h"

static int64_t round_up(int64_t n) {
    return (n + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

static bool is_dynamic(const LirBuffer *buffer) {
    return buffer->space == LIR_WORK && buffer->dynamic_axis != LIR_NO_AXIS;
}

/* Bytes of the arena in front of buffer number `number`: the static part, then the dynamic buffers in order. */
static LLVMValueRef dynamic_offset(Body *b, size_t number) {
    LLVMValueRef at = const_i64(b->emit, round_up(b->f->work_bytes));
    for (size_t i = 0; i < number; i++) {
        const LirBuffer *buffer = &b->f->buffers.data[i];
        if (!is_dynamic(buffer)) continue;
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
    Body b = body_begin(e, f, name, type, !f->is_body);
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

/* --- kernels --- */

static void kernel_buffers(const LirKernel *k, bool *used, bool *written) {
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL) {
        used[k->zero] = written[k->zero] = true;
        return;
    }
    if (k->kind == LIR_COMBINE) used[k->zero] = written[k->zero] = true;
    if (k->kind == LIR_DOT || k->kind == LIR_PACK || k->kind == LIR_COMBINE || lir_is_line(k)) used[k->a.buffer] = true;
    if (k->kind == LIR_DOT) used[k->b.buffer] = true;
    for (size_t i = 0; i < k->body.count; i++)
        if (k->body.data[i].op == LIR_LOAD || k->body.data[i].op == LIR_SEARCH)
            used[k->body.data[i].access.buffer] = true;
    for (size_t i = 0; i < k->effects.count; i++) {
        used[k->effects.data[i].access.buffer] = true;
        written[k->effects.data[i].access.buffer] = true;
    }
}

/* May two buffers of one kernel share memory? Inputs may be one array given twice; an arena may be used again. */
static bool buffers_meet(const LirBuffer *x, const LirBuffer *y) {
    bool arena_x = x->space == LIR_WORK || x->space == LIR_PARTIAL;
    bool arena_y = y->space == LIR_WORK || y->space == LIR_PARTIAL;
    if (x->space != y->space && !(arena_x && arena_y)) return false;
    if (x->space == LIR_IN) return false;
    if (x->space == LIR_OUT) return x->port == y->port;
    if (is_dynamic(x) || is_dynamic(y)) return false;
    return x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes;
}

/* Copies of a PARTIAL lie one behind the other without padding, and so do slices of a sequence. */
static bool is_aligned(const LirFunction *f, const LirBuffer *buffer) {
    if (f->is_body && (buffer->space == LIR_IN || buffer->space == LIR_OUT)) return false;
    return buffer->space != LIR_PARTIAL;
}

static void kernel_parameters(Body *b, const bool *used) {
    Emit *e = b->emit;
    unsigned parameter = 3;
    for (size_t i = 0; i < b->f->buffers.count; i++) {
        if (!used[i]) continue;
        const LirBuffer *buffer = &b->f->buffers.data[i];
        bool apart = true;
        for (size_t j = 0; j < b->f->buffers.count; j++)
            if (j != i && used[j] && buffers_meet(buffer, &b->f->buffers.data[j])) apart = false;
        b->base[i] = LLVMGetParam(b->fn, parameter);
        LLVMSetValueName2(b->base[i], buffer->name, strlen(buffer->name));
        if (apart) parameter_attribute(e, b->fn, parameter, "noalias", 0);
        if (!b->written[i]) parameter_attribute(e, b->fn, parameter, "readonly", 0);
        if (is_aligned(b->f, buffer)) parameter_attribute(e, b->fn, parameter, "align", FRAME_ALIGN);
        parameter_attribute(e, b->fn, parameter, "nocapture", 0);
        parameter++;
    }
}

/* ZERO, FILL: the block's rows of a buffer that starts with the row axis, else all of it. */
static void fill_emit(Body *b) {
    Emit *e = b->emit;
    const LirBuffer *buffer = &b->f->buffers.data[b->kernel->zero];
    LLVMTypeRef element = type_memory(e, buffer->type);
    LLVMValueRef pointer = b->base[b->kernel->zero], count = buffer_count(b, buffer);
    if (buffer->rank && b->group->row_axis != LIR_NO_AXIS && buffer->dims[0] == b->group->row_axis) {
        LLVMValueRef stride = dim_stride(b, buffer, 0);
        if (buffer->space != LIR_SCRATCH)
            pointer = build_offset(b, element, pointer, LLVMBuildNSWMul(b->at, b->row0, stride, ""));
        count = LLVMBuildNSWMul(b->at, b->rows, stride, "");
    }
    LLVMValueRef value = LLVMConstNull(element);
    if (b->kernel->kind == LIR_FILL) value = const_real(e, b->kernel->fill);
    memory_fill(b, pointer, element, count, value);
}

static LLVMValueRef kernel_emit(Emit *e, const LirFunction *f, const LirGroup *group, const LirKernel *k,
                                const bool *used, bool *written) {
    LLVMTypeRef *parameters = ARENA_ARRAY(e->arena, LLVMTypeRef, f->buffers.count + 3);
    unsigned count = 3;
    parameters[0] = e->ptr;
    parameters[1] = parameters[2] = e->i64;
    for (size_t i = 0; i < f->buffers.count; i++)
        if (used[i]) parameters[count++] = e->ptr;
    LLVMTypeRef type = LLVMFunctionType(e->nothing, parameters, count, false);
    const char *name = arena_format(e->arena, "%s.%s", llvm_symbol(e->arena, f->name), llvm_symbol(e->arena, k->name));
    Body b = body_begin(e, f, name, type, false);
    function_attribute(e, b.fn, "noinline");
    b.group = group;
    b.kernel = k;
    b.frame = LLVMGetParam(b.fn, 0);
    b.row0 = LLVMGetParam(b.fn, 1);
    b.rows = LLVMGetParam(b.fn, 2);
    b.written = written;
    b.base = ARENA_ARRAY(e->arena, LLVMValueRef, f->buffers.count);
    LLVMSetValueName2(b.frame, "frame", 5);
    LLVMSetValueName2(b.row0, "row0", 4);
    LLVMSetValueName2(b.rows, "rows", 4);
    kernel_parameters(&b, used);
    switch (k->kind) {
    case LIR_ZERO:
    case LIR_FILL: fill_emit(&b); break;
    case LIR_DOT: dot_emit(&b); break;
    case LIR_PACK: pack_emit(&b); break;
    case LIR_COMBINE: combine_emit(&b); break;
    case LIR_NEST:
    case LIR_CUMSUM:
    case LIR_ARGSORT: nest_emit(&b); break;
    }
    LLVMBuildRetVoid(b.at);
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
    if (is_dynamic(buffer)) return build_offset(b, e->i8, work, dynamic_offset(b, number));
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

static void kernel_call(Body *b, size_t k, LLVMValueRef row0, LLVMValueRef rows, LLVMValueRef *kernels, bool **used) {
    LLVMValueRef *args = ARENA_ARRAY(b->emit->arena, LLVMValueRef, b->f->buffers.count + 3);
    unsigned count = 3;
    args[0] = b->frame;
    args[1] = row0;
    args[2] = rows;
    for (size_t i = 0; i < b->f->buffers.count; i++)
        if (used[k][i]) args[count++] = b->base[i];
    LLVMBuildCall2(b->at, LLVMGlobalGetValueType(kernels[k]), kernels[k], args, count, "");
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
static void group_pieces(Body *b, LLVMValueRef slot, LLVMValueRef *kernels, bool **used) {
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
        kernel_call(b, k, begin, LLVMBuildSub(b->at, end, begin, ""), kernels, used);
    }
}

/* All of a group without rows; COMBINE takes its elements for rows. */
static void group_once(Body *b, LLVMValueRef *kernels, bool **used) {
    LLVMValueRef zero = const_i64(b->emit, 0);
    for (size_t k = 0; k < b->group->kernels.count; k++) {
        const LirKernel *kernel = b->group->kernels.data[k];
        bool combine = kernel->kind == LIR_COMBINE;
        kernel_call(b, k, zero, combine ? buffer_count(b, &b->f->buffers.data[kernel->zero]) : zero, kernels, used);
    }
}

/* Rows [s*R/S, (s+1)*R/S) of slot s, in blocks. */
static void group_blocks(Body *b, LLVMValueRef slot, LLVMValueRef *kernels, bool **used) {
    Emit *e = b->emit;
    const LirGroup *g = b->group;
    LLVMValueRef total = axis_size(b, g->row_axis), slots = group_slots(b, g);
    LLVMValueRef begin = slot_begin(b, slot, total, slots);
    LLVMValueRef end = slot_begin(b, LLVMBuildNSWAdd(b->at, slot, const_i64(e, 1), ""), total, slots);
    Loop loop = loop_begin(b, begin, end, g->block, "block");
    LLVMValueRef rows = build_min_i64(b, LLVMBuildSub(b->at, end, loop.counter, ""), const_i64(e, g->block));
    for (size_t k = 0; k < g->kernels.count; k++) kernel_call(b, k, loop.counter, rows, kernels, used);
    loop_end(b, &loop);
}

Body group_begin(Emit *e, const LirFunction *f, const LirGroup *g) {
    LLVMTypeRef parameters[3] = {e->ptr, e->i64, e->i64};
    const char *name =
        arena_format(e->arena, "%s.group.%s", llvm_symbol(e->arena, f->name), llvm_symbol(e->arena, g->name));
    Body b = body_begin(e, f, name, LLVMFunctionType(e->nothing, parameters, 3, false), false);
    b.frame = LLVMGetParam(b.fn, 0);
    b.group = g;
    b.base = ARENA_ARRAY(e->arena, LLVMValueRef, f->buffers.count);
    return b;
}

static LLVMValueRef group_emit(Emit *e, const LirFunction *f, const LirGroup *g) {
    size_t n = g->kernels.count, buffers = f->buffers.count;
    LLVMValueRef *kernels = ARENA_ARRAY(e->arena, LLVMValueRef, n);
    bool **used = ARENA_ARRAY(e->arena, bool *, n), *any = ARENA_ARRAY(e->arena, bool, buffers);
    for (size_t k = 0; k < n; k++) {
        bool *written = ARENA_ARRAY(e->arena, bool, buffers);
        used[k] = ARENA_ARRAY(e->arena, bool, buffers);
        kernel_buffers(g->kernels.data[k], used[k], written);
        for (size_t i = 0; i < buffers; i++) any[i] |= used[k][i];
        kernels[k] = kernel_emit(e, f, g, g->kernels.data[k], used[k], written);
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
        group_blocks(&b, slot, kernels, used);
    else if (g->slots > 1)
        group_pieces(&b, slot, kernels, used);
    else
        group_once(&b, kernels, used);
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
    Body b = body_begin(e, f, name, type, !f->is_body);
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

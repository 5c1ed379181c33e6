/* One kernel as a function of its own:
 *   kernel(frame, first row, rows, length of every axis that is not static, first element of every buffer)
 * It reads the frame for the seed and the step alone, so that its code depends on nothing but what kernel_ports writes
 * down: kernels of which that is equal are one function, whichever LIR functions they belong to. */
#include "llvm/build.h"

#include <string.h>

#include "llvm/frame.h"

/* --- what the code of a kernel depends on --- */

typedef struct Key {
    Arena *arena;
    const LirFunction *f;
    const LirGroup *group;
    const LirKernel *k;
    KernelPorts *ports;
    uint32_t *axis, *buffer; /* 1 + the position in the order in which the kernel mentions them */
    uint32_t axes;
} Key;

static void key_add(Key *key, uint64_t word) {
    VEC_PUSH(key->arena, &key->ports->key, word);
}

static void key_real(Key *key, double value) {
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    key_add(key, word);
}

static void key_axis(Key *key, TirAxisId axis) {
    if (axis == LIR_NO_AXIS) {
        key_add(key, 0);
        return;
    }
    bool known = key->axis[axis];
    if (!known) key->axis[axis] = ++key->axes;
    key_add(key, key->axis[axis]);
    if (known) return;
    int64_t size = key->f->source->axes.data[axis].size;
    key_add(key, (uint64_t)size);
    key_add(key, lir_row_axis(key->group, key->k) == axis);
    key_add(key, key->group->row_axis == axis ? (uint64_t)key->group->block : 0);
    if (size < 0) VEC_PUSH(key->arena, &key->ports->axes, axis);
}

static void key_buffer(Key *key, uint32_t number) {
    bool known = key->buffer[number];
    const LirBuffer *buffer = &key->f->buffers.data[number];
    if (!known) {
        VEC_PUSH(key->arena, &key->ports->buffers, number);
        key->buffer[number] = (uint32_t)key->ports->buffers.count;
    }
    key_add(key, key->buffer[number]);
    if (known) return;
    key_add(key, buffer->type);
    key_add(key, buffer->space == LIR_SCRATCH);
    key_add(key, (uint64_t)buffer->pitch);
    key_add(key, buffer->rank);
    for (uint32_t d = 0; d < buffer->rank; d++) key_axis(key, buffer->dims[d]);
}

static void key_access(Key *key, const LirAccess *access) {
    key_buffer(key, access->buffer);
    for (uint32_t d = 0; d < key->f->buffers.data[access->buffer].rank; d++) {
        const LirIndex *index = &access->index[d];
        key_add(key, index->kind);
        if (index->kind == LIR_INDEX_LOOP) key_axis(key, index->axis);
        if (index->kind == LIR_INDEX_CONST) key_add(key, (uint64_t)index->constant);
        if (index->kind == LIR_INDEX_VALUE) key_add(key, index->value);
    }
}

static void key_instr(Key *key, const LirInstr *in) {
    key_add(key, in->op);
    key_add(key, in->type);
    for (int a = 0; a < lir_op_arity(in->op); a++) key_add(key, in->args[a]);
    if (in->op == LIR_LOOP || in->op == LIR_EXTENT || in->op == LIR_PICK || in->op == LIR_SEARCH)
        key_axis(key, in->axis);
    if (in->op == LIR_LOAD || in->op == LIR_SEARCH) key_access(key, &in->access);
    if (in->op == LIR_EXTERN) key_add(key, (uintptr_t)in->external);
    key_real(key, in->real);
    key_add(key, (uint64_t)in->integer);
}

/* May two buffers of one kernel share memory? Inputs may be one array given twice; an arena may be used again. */
static bool buffers_meet(const LirBuffer *x, const LirBuffer *y) {
    bool arena_x = x->space == LIR_WORK || x->space == LIR_PARTIAL;
    bool arena_y = y->space == LIR_WORK || y->space == LIR_PARTIAL;
    if (x->space != y->space && !(arena_x && arena_y)) return false;
    if (x->space == LIR_IN) return false;
    if (x->space == LIR_OUT) return x->port == y->port;
    bool dynamic = buffer_is_dynamic(x);
    if (dynamic != buffer_is_dynamic(y)) return false;
    if (dynamic) return x->place == y->place;
    return x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes;
}

/* Copies of a PARTIAL lie one behind the other without padding, and so do slices of a sequence. */
static bool is_aligned(const LirFunction *f, const LirBuffer *buffer) {
    if (f->is_body && (buffer->space == LIR_IN || buffer->space == LIR_OUT)) return false;
    return buffer->space != LIR_PARTIAL;
}

/* What may be said about the pointers, once all are known. */
static void key_promises(Key *key) {
    KernelPorts *ports = key->ports;
    for (size_t i = 0; i < ports->buffers.count; i++) {
        const LirBuffer *buffer = &key->f->buffers.data[ports->buffers.data[i]];
        KernelPromise promise = {.apart = true, .aligned = is_aligned(key->f, buffer)};
        for (size_t j = 0; j < ports->buffers.count; j++)
            if (j != i && buffers_meet(buffer, &key->f->buffers.data[ports->buffers.data[j]])) promise.apart = false;
        VEC_PUSH(key->arena, &ports->promises, promise);
        key_add(key, promise.apart);
        key_add(key, promise.aligned);
    }
}

/* How many copies there are depends on the rows of the group that made them. */
static void key_combine(Key *key) {
    const LirGroup *group = &key->f->groups.data[key->f->buffers.data[key->k->a.buffer].group];
    key_buffer(key, key->k->zero);
    key_buffer(key, key->k->a.buffer);
    key_add(key, group->slots);
    key_add(key, (uint64_t)group->slot_rows);
    key_axis(key, group->row_axis);
}

static void kernel_key(Key *key) {
    const LirKernel *k = key->k;
    key_add(key, k->kind);
    key_add(key, k->vector);
    key_add(key, k->accumulate);
    key_add(key, k->packed);
    key_add(key, k->reverse);
    key_add(key, k->joined);
    key_real(key, k->fill);
    key_add(key, k->loop_count);
    for (uint32_t i = 0; i < k->loop_count; i++) key_axis(key, k->loops[i]);
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL) key_buffer(key, k->zero);
    if (k->kind == LIR_COMBINE) key_combine(key);
    if (k->kind == LIR_DOT) key_axis(key, k->m_axis);
    if (k->kind == LIR_DOT || k->kind == LIR_PACK) key_axis(key, k->n_axis);
    if (k->kind == LIR_DOT || k->kind == LIR_PACK || lir_is_line(k)) {
        key_axis(key, k->k_axis);
        key_access(key, &k->a);
    }
    if (k->kind == LIR_DOT) key_access(key, &k->b);
    key_add(key, k->body.count);
    for (size_t i = 0; i < k->body.count; i++) key_instr(key, &k->body.data[i]);
    for (size_t i = 0; i < k->effects.count; i++) {
        key_add(key, k->effects.data[i].kind);
        key_add(key, k->effects.data[i].value);
        key_access(key, &k->effects.data[i].access);
    }
    key_promises(key);
}

KernelPorts kernel_ports(Arena *arena, const LirFunction *f, const LirGroup *group, const LirKernel *k) {
    KernelPorts ports = {0};
    Key key = {.arena = arena, .f = f, .group = group, .k = k, .ports = &ports};
    key.axis = ARENA_ARRAY(arena, uint32_t, f->source->axes.count);
    key.buffer = ARENA_ARRAY(arena, uint32_t, f->buffers.count);
    kernel_key(&key);
    return ports;
}

/* --- code --- */

static void written_find(Body *b) {
    const LirKernel *k = b->kernel;
    b->written = ARENA_ARRAY(b->emit->arena, bool, b->f->buffers.count);
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL || k->kind == LIR_COMBINE) b->written[k->zero] = true;
    for (size_t i = 0; i < k->effects.count; i++) b->written[k->effects.data[i].access.buffer] = true;
}

static void kernel_parameters(Body *b, const KernelPorts *ports) {
    Emit *e = b->emit;
    unsigned at = KERNEL_FIXED_PARAMETERS;
    for (size_t i = 0; i < ports->axes.count; i++, at++) {
        const char *name = b->f->source->axes.data[ports->axes.data[i]].name;
        LLVMValueRef size = LLVMGetParam(b->fn, at);
        b->size[ports->axes.data[i]] = size;
        LLVMSetValueName2(size, name, strlen(name));
    }
    for (size_t i = 0; i < ports->buffers.count; i++, at++) {
        uint32_t number = ports->buffers.data[i];
        const char *name = b->f->buffers.data[number].name;
        b->base[number] = LLVMGetParam(b->fn, at);
        LLVMSetValueName2(b->base[number], name, strlen(name));
        if (ports->promises.data[i].apart) parameter_attribute(e, b->fn, at, "noalias", 0);
        if (!b->written[number]) parameter_attribute(e, b->fn, at, "readonly", 0);
        if (ports->promises.data[i].aligned) parameter_attribute(e, b->fn, at, "align", FRAME_ALIGN);
        parameter_attribute(e, b->fn, at, "nocapture", 0);
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

LLVMValueRef kernel_declare(Emit *e, const LirKernel *k, const KernelPorts *ports) {
    const char *symbol = emit_symbol(e, k->symbol);
    LLVMValueRef fn = LLVMGetNamedFunction(e->module, symbol);
    if (fn) return fn;
    unsigned axes = (unsigned)ports->axes.count, buffers = (unsigned)ports->buffers.count;
    LLVMTypeRef *parameters = ARENA_ARRAY(e->arena, LLVMTypeRef, axes + buffers + KERNEL_FIXED_PARAMETERS);
    unsigned count = 0;
    parameters[count++] = e->ptr;
    while (count < KERNEL_FIXED_PARAMETERS + axes) parameters[count++] = e->i64;
    while (count < KERNEL_FIXED_PARAMETERS + axes + buffers) parameters[count++] = e->ptr;
    fn = LLVMAddFunction(e->module, symbol, LLVMFunctionType(e->nothing, parameters, count, false));
    LLVMSetVisibility(fn, LLVMHiddenVisibility);
    return fn;
}

void kernel_emit(Emit *e, const LlvmKernel *kernel) {
    const LirKernel *k = kernel->kernel;
    KernelPorts ports = kernel_ports(e->arena, kernel->function, kernel->group, k);
    Body b = body_begin(e, kernel->function, kernel_declare(e, k, &ports));
    function_attribute(e, b.fn, "noinline");
    b.group = kernel->group;
    b.kernel = k;
    b.frame = LLVMGetParam(b.fn, 0);
    b.row0 = LLVMGetParam(b.fn, 1);
    b.rows = LLVMGetParam(b.fn, 2);
    b.base = ARENA_ARRAY(e->arena, LLVMValueRef, kernel->function->buffers.count);
    LLVMSetValueName2(b.frame, "frame", 5);
    LLVMSetValueName2(b.row0, "row0", 4);
    LLVMSetValueName2(b.rows, "rows", 4);
    written_find(&b);
    kernel_parameters(&b, &ports);
    switch (k->kind) {
    case LIR_ZERO:
    case LIR_FILL: fill_emit(&b); break;
    case LIR_DOT: dot_emit(&b); break;
    case LIR_COMBINE: combine_emit(&b); break;
    case LIR_PACK: pack_emit(&b); break;
    case LIR_NEST:
    case LIR_CUMSUM:
    case LIR_ARGSORT: nest_emit(&b); break;
    }
    LLVMBuildRetVoid(b.at);
    body_end(&b);
}

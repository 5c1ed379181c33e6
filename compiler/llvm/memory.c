/* Lengths, strides and addresses; loads and stores of lanes.
 * An access is a sum over its dimensions of index times stride. What is the same in all lanes goes into a scalar
 * pointer; the rest is either "the next lane is the next element" or one element offset a lane. */
#include "llvm/build.h"
#include "llvm/shape.h"

#include <string.h>

#include "lir/affine.h"

#include "llvm/frame.h"

bool constant_of(LLVMValueRef v, int64_t *value) {
    if (!LLVMIsAConstantInt(v)) return false;
    *value = LLVMConstIntGetSExtValue(v);
    return true;
}

bool buffer_is_dynamic(const LirBuffer *buffer) {
    return buffer->space == LIR_WORK && buffer->dynamic_axis != LIR_NO_AXIS;
}

LLVMValueRef axis_size(Body *b, TirAxisId axis) {
    const TirAxis *a = &b->f->source->axes.data[axis];
    if (a->size >= 0) return const_i64(b->emit, a->size);
    if (b->size[axis]) return b->size[axis];
    if (!b->extents) b->extents = build_field(b, b->emit->ptr, FRAME_EXTENT);
    LLVMValueRef at = const_i64(b->emit, a->data);
    LLVMValueRef pointer = LLVMBuildInBoundsGEP2(b->entry, b->emit->i64, b->extents, &at, 1, "");
    return b->size[axis] = LLVMBuildLoad2(b->entry, b->emit->i64, pointer, a->name);
}

bool axis_is_row(const Body *b, TirAxisId axis) {
    if (!b->group) return false;
    uint32_t row = b->kernel ? lir_row_axis(b->group, b->kernel) : b->group->row_axis;
    return row != LIR_NO_AXIS && axis == row;
}

static LLVMValueRef axis_steps(Body *b, TirAxisId axis) {
    return axis_is_row(b, axis) ? b->rows : axis_size(b, axis);
}

LLVMValueRef axis_trip(Body *b, TirAxisId axis) {
    LLVMValueRef trip = axis_steps(b, axis);
    uint32_t place, count = lir_joined(b->kernel, axis, &place);
    for (uint32_t i = 1; i <= count; i++)
        trip = LLVMBuildNSWMul(b->entry, trip, axis_steps(b, b->kernel->loops[place - i]), "");
    return trip;
}

bool loop_is_joined(Body *b, uint32_t number) {
    if (!(b->kernel->joined >> number & 1)) return false;
    b->index[b->kernel->loops[number]] = const_i64(b->emit, 0);
    return true;
}

int64_t axis_bound(const Body *b, TirAxisId axis) {
    return shape_bound(b->f, b->group, b->kernel, axis);
}

/* A dimension of a SCRATCH buffer that holds one block, whose index 0 is the block's first row. */
static bool dim_is_block(const Body *b, const LirBuffer *buffer, unsigned dim) {
    return buffer->space == LIR_SCRATCH && axis_is_row(b, buffer->dims[dim]);
}

LLVMValueRef dim_size(Body *b, const LirBuffer *buffer, unsigned dim) {
    if (dim_is_block(b, buffer, dim)) return const_i64(b->emit, b->group->block);
    return axis_size(b, buffer->dims[dim]);
}

LLVMValueRef dim_stride(Body *b, const LirBuffer *buffer, unsigned dim) {
    LLVMValueRef stride = const_i64(b->emit, 1);
    for (unsigned d = dim + 1; d < buffer->rank; d++) {
        LLVMValueRef length =
            buffer->pitch && d + 1 == buffer->rank ? const_i64(b->emit, buffer->pitch) : dim_size(b, buffer, d);
        stride = LLVMBuildNSWMul(b->entry, stride, length, "");
    }
    return stride;
}

LLVMValueRef buffer_count(Body *b, const LirBuffer *buffer) {
    if (!buffer->rank) return const_i64(b->emit, 1);
    return LLVMBuildNSWMul(b->entry, dim_size(b, buffer, 0), dim_stride(b, buffer, 0), "");
}

LLVMValueRef access_stride(Body *b, const LirAccess *access, TirAxisId axis) {
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    LLVMValueRef sum = const_i64(b->emit, 0);
    for (unsigned d = 0; d < buffer->rank; d++) {
        if (access->index[d].kind == LIR_INDEX_VALUE)
            emit_fail(b, "a computed index into %s, an operand of a product", buffer->name);
        if (access->index[d].kind == LIR_INDEX_LOOP && access->index[d].axis == axis)
            sum = LLVMBuildNSWAdd(b->entry, sum, dim_stride(b, buffer, d), "");
    }
    return sum;
}

static bool index_is_vector(const Body *b, const LirIndex *index) {
    if (b->lanes == 1) return false;
    if (index->kind == LIR_INDEX_LOOP) return index->axis == b->vector_axis;
    return index->kind == LIR_INDEX_VALUE && b->vector[index->value];
}

/* A computed index that is a sum of loop indices within the dimension, and runs upwards from lane to lane. */
static bool index_is_affine(const Body *b, const LirAccess *access, unsigned d, LirAffine *a) {
    if (!lir_affine_index(b->f, b->kernel, access, d, a)) return false;
    int64_t factor = b->lanes > 1 ? lir_affine_factor(a, b->vector_axis) : 0;
    return factor > 0 || (!factor && !index_is_vector(b, &access->index[d]));
}

bool access_is_looked_up(const Body *b, const LirAccess *access) {
    LirAffine a;
    for (unsigned d = 0; d < b->f->buffers.data[access->buffer].rank; d++)
        if (access->index[d].kind == LIR_INDEX_VALUE && !index_is_affine(b, access, d, &a)) return true;
    return false;
}

bool access_is_vector(const Body *b, const LirAccess *access) {
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    for (unsigned d = 0; d < buffer->rank; d++)
        if (index_is_vector(b, &access->index[d])) return true;
    return false;
}

/* A computed index, brought into [0, n-1], or [0, n-2] where the next element is wanted too; 0 if n is 0. */
static LLVMValueRef index_clamped(Body *b, const LirBuffer *buffer, unsigned dim, uint32_t instr, bool pair) {
    Emit *e = b->emit;
    bool vector = b->lanes > 1 && b->vector[instr];
    LLVMValueRef last = LLVMBuildTrunc(b->at, dim_size(b, buffer, dim), e->i32, "");
    last = LLVMBuildSub(b->at, last, const_i32(e, pair && dim + 1 == buffer->rank ? 2 : 1), "");
    LLVMValueRef v = body_value(b, instr, vector);
    LLVMTypeRef type = LLVMTypeOf(v);
    LLVMValueRef high[2] = {v, vector ? build_splat(b, last, b->lanes) : last};
    LLVMValueRef low[2] = {build_intrinsic(b, "llvm.smin", type, high, 2), LLVMConstNull(type)};
    return build_intrinsic(b, "llvm.smax", type, low, 2);
}

/* The loop counter of an index in elements of its dimension: from the first row of all, but in a block. */
static LLVMValueRef index_loop(Body *b, const LirBuffer *buffer, unsigned dim, TirAxisId axis) {
    if (!b->index[axis])
        emit_fail(b, "%s is indexed by axis %s, which has no loop", buffer->name, b->f->source->axes.data[axis].name);
    if (!axis_is_row(b, axis) || dim_is_block(b, buffer, dim)) return b->index[axis];
    return LLVMBuildNSWAdd(b->at, b->index[axis], b->row0, "");
}

/* Are all element numbers of the buffer known to fit 31 bits? Then lane offsets are i32, which gathers like better. */
static bool buffer_is_small(Body *b, const LirBuffer *buffer) {
    int64_t count;
    return constant_of(buffer_count(b, buffer), &count) && count < INT32_MAX;
}

static LLVMValueRef offset_widen(Body *b, LLVMValueRef v, LLVMTypeRef integer) {
    return LLVMBuildIntCast2(b->at, v, type_lanes(integer, b->lanes), true, "");
}

/* Adds dimension `d`, whose index differs between lanes, to the lane offsets: a loop's from the first lane on, which
 * has its place in the pointer. `step`: elements of the dimension from lane to lane, 0 for a computed index. */
static void offsets_add(Body *b, Address *address, const LirBuffer *buffer, unsigned d, const LirIndex *index,
                        LLVMTypeRef integer, int64_t step, bool pair) {
    LLVMValueRef stride = LLVMBuildIntCast2(b->at, dim_stride(b, buffer, d), integer, true, "");
    if (step) stride = LLVMBuildMul(b->at, stride, LLVMConstInt(integer, (uint64_t)step, true), "");
    LLVMValueRef term = step ? build_iota(b, integer, b->lanes)
                             : offset_widen(b, index_clamped(b, buffer, d, index->value, pair), integer);
    term = LLVMBuildMul(b->at, term, build_splat(b, stride, b->lanes), "");
    if (step && b->mask) term = LLVMBuildSelect(b->at, b->mask, term, LLVMConstNull(LLVMTypeOf(term)), "");
    address->offsets = address->offsets ? LLVMBuildAdd(b->at, address->offsets, term, "") : term;
}

/* A sum of loop indices, as the first lane has it. */
static LLVMValueRef index_affine(Body *b, const LirAffine *a) {
    LLVMValueRef sum = const_i64(b->emit, a->constant);
    for (uint32_t k = 0; k < a->count; k++) {
        TirAxisId axis = a->term[k].axis;
        LLVMValueRef i = b->index[axis];
        if (!i) emit_fail(b, "an index of axis %s, which has no loop", b->f->source->axes.data[axis].name);
        if (axis_is_row(b, axis)) i = LLVMBuildNSWAdd(b->at, i, b->row0, "");
        i = LLVMBuildNSWMul(b->at, i, const_i64(b->emit, a->term[k].factor), "");
        sum = LLVMBuildNSWAdd(b->at, sum, i, "");
    }
    return sum;
}

/* A dimension of length 0 has no element for a computed index to be clamped to: the access goes to `nowhere`. */
static void address_guard(Body *b, Address *address, LLVMValueRef nonempty) {
    Emit *e = b->emit;
    if (!b->nowhere) {
        LLVMTypeRef room = LLVMArrayType2(e->i64, FRAME_ALIGN / 8);
        b->nowhere = build_alloca(b, room, "nowhere");
        LLVMBuildStore(b->entry, LLVMConstNull(room), b->nowhere);
    }
    address->pointer = LLVMBuildSelect(b->at, nonempty, address->pointer, b->nowhere, "");
    if (address->offsets)
        address->offsets = LLVMBuildSelect(b->at, build_splat(b, nonempty, b->lanes), address->offsets,
                                           LLVMConstNull(LLVMTypeOf(address->offsets)), "");
}

static Address address_make(Body *b, const LirAccess *access, bool pair) {
    Emit *e = b->emit;
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    Address address = {.pointer = b->base[access->buffer], .element = type_memory(e, buffer->type)};
    LLVMTypeRef integer = buffer_is_small(b, buffer) ? e->i32 : e->i64;
    LLVMValueRef nonempty = NULL;
    int64_t step[LIR_MAX_DIMS] = {0}; /* along each dimension, from lane to lane, where that is one number */
    unsigned moving = 0;              /* dimensions that differ between lanes */
    bool neighbours = false;
    for (unsigned d = 0; d < buffer->rank; d++) {
        const LirIndex *index = &access->index[d];
        LLVMValueRef i = NULL;
        LirAffine affine;
        bool vector = index_is_vector(b, index);
        moving += vector;
        if (index->kind == LIR_INDEX_CONST) i = const_i64(e, index->constant);
        if (index->kind == LIR_INDEX_LOOP) {
            i = index_loop(b, buffer, d, index->axis);
            step[d] = vector;
        }
        if (index->kind == LIR_INDEX_VALUE && index_is_affine(b, access, d, &affine)) {
            i = index_affine(b, &affine);
            step[d] = vector ? lir_affine_factor(&affine, b->vector_axis) : 0;
        } else if (index->kind == LIR_INDEX_VALUE) {
            int64_t size;
            if (!constant_of(dim_size(b, buffer, d), &size)) {
                LLVMValueRef some = LLVMBuildICmp(b->at, LLVMIntSGT, dim_size(b, buffer, d), const_i64(e, 0), "");
                nonempty = nonempty ? LLVMBuildAnd(b->at, nonempty, some, "") : some;
            }
            if (!vector) i = LLVMBuildSExt(b->at, index_clamped(b, buffer, d, index->value, pair), e->i64, "");
        }
        if (i) {
            i = LLVMBuildNSWMul(b->at, i, dim_stride(b, buffer, d), "");
            address.pointer = build_offset(b, address.element, address.pointer, i);
        }
        neighbours = step[d] == 1 && d + 1 == buffer->rank;
    }
    address.contiguous = neighbours && moving == 1;
    for (unsigned d = 0; !address.contiguous && d < buffer->rank; d++)
        if (index_is_vector(b, &access->index[d]))
            offsets_add(b, &address, buffer, d, &access->index[d], integer, step[d], pair);
    if (nonempty) address_guard(b, &address, nonempty);
    return address;
}

Address access_address(Body *b, const LirAccess *access) {
    return address_make(b, access, false);
}

Address access_address_pair(Body *b, const LirAccess *access) {
    return address_make(b, access, true);
}

static LLVMValueRef call_masked(Body *b, const char *name, LLVMTypeRef *types, LLVMValueRef *args, unsigned count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(b->emit->module, id, types, 2);
    return LLVMBuildCall2(b->at, LLVMIntrinsicGetType(b->emit->context, id, types, 2), fn, args, count, "");
}

static LLVMValueRef lane_pointers(Body *b, const Address *address) {
    LLVMValueRef offsets = address->offsets;
    return LLVMBuildInBoundsGEP2(b->at, address->element, address->pointer, &offsets, 1, "");
}

static LLVMValueRef mask_or_all(Body *b) {
    return b->mask ? b->mask : LLVMConstAllOnes(LLVMVectorType(b->emit->i1, b->lanes));
}

static unsigned element_bytes(const Emit *e, LLVMTypeRef element) {
    return element == e->real ? e->real_bytes : LLVMGetIntTypeWidth(element) / 8;
}

bool target_gathers(const HostTarget *target) {
    return target->vector_bits >= 512;
}

/* `count` lanes of `v` from lane `first` on. */
static LLVMValueRef lanes_of(Body *b, LLVMValueRef v, unsigned first, unsigned count) {
    if (count == b->lanes) return v;
    LLVMValueRef place[64];
    for (unsigned i = 0; i < count; i++) place[i] = const_i32(b->emit, first + i);
    return LLVMBuildShuffleVector(b->at, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(place, count), "");
}

/* Two vectors of equal length, one behind the other. */
static LLVMValueRef lanes_join(Body *b, LLVMValueRef low, LLVMValueRef high, unsigned count) {
    LLVMValueRef place[64];
    for (unsigned i = 0; i < 2 * count; i++) place[i] = const_i32(b->emit, i);
    return LLVMBuildShuffleVector(b->at, low, high, LLVMConstVector(place, 2 * count), "");
}

/* Lane by lane: without a gather that is faster than its parts, the passes would take a vector of pointers apart, which
 * takes twice as long as to take the offsets. One register is filled after another, so that the code generator need not
 * take a longer vector apart at every lane. */
static LLVMValueRef gather_lanes(Body *b, const Address *address, LLVMTypeRef wide, unsigned align) {
    Emit *e = b->emit;
    unsigned bits = wide == e->real  ? 8 * e->real_bytes
                    : wide == e->i32 ? 32
                                     : 64,
             step = e->target->vector_bits / bits;
    if (step > b->lanes) step = b->lanes;
    LLVMValueRef part[64];
    for (unsigned first = 0; first < b->lanes; first += step) {
        LLVMValueRef offsets = lanes_of(b, address->offsets, first, step), all = NULL;
        all = LLVMGetPoison(LLVMVectorType(wide, step));
        for (unsigned i = 0; i < step; i++) {
            LLVMValueRef offset = LLVMBuildExtractElement(b->at, offsets, const_i32(e, i), "");
            offset = LLVMBuildZExt(b->at, offset, e->i64, ""); /* never negative */
            LLVMValueRef pointer = LLVMBuildInBoundsGEP2(b->at, address->element, address->pointer, &offset, 1, "");
            all = LLVMBuildInsertElement(b->at, all, build_load(b, wide, pointer, align), const_i32(e, i), "");
        }
        part[first / step] = all;
    }
    for (unsigned count = b->lanes / step; count > 1; count /= 2, step *= 2)
        for (unsigned i = 0; i < count / 2; i++) part[i] = lanes_join(b, part[2 * i], part[2 * i + 1], step);
    return part[0];
}

/* Lanes out of use have offset 0 or a clamped index: every lane may be read, which spares a branch a lane where the
 * machine has no gather. */
LLVMValueRef access_gather_wide(Body *b, const Address *address, LLVMTypeRef wide) {
    Emit *e = b->emit;
    unsigned align = element_bytes(e, address->element);
    if (!target_gathers(e->target)) return gather_lanes(b, address, wide, align);
    LLVMValueRef pointers = lane_pointers(b, address);
    LLVMTypeRef type = LLVMVectorType(wide, b->lanes), types[2] = {type, LLVMTypeOf(pointers)};
    LLVMValueRef args[4] = {pointers, const_i32(e, align), LLVMConstAllOnes(LLVMVectorType(e->i1, b->lanes)),
                            LLVMGetPoison(type)};
    return call_masked(b, "llvm.masked.gather", types, args, 4);
}

LLVMValueRef access_gather(Body *b, const Address *address) {
    return access_gather_wide(b, address, address->element);
}

/* Whether lanes past the end of a line lie in its padding: a vector begins at a multiple of its lanes. */
static bool line_is_padded(const Body *b, const LirAccess *access) {
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    if (!buffer->pitch || access->index[buffer->rank - 1].kind != LIR_INDEX_LOOP) return false; /* begins anywhere */
    return buffer->pitch % b->lanes == 0 &&
           buffer->pitch >= b->f->source->axes.data[buffer->dims[buffer->rank - 1]].size;
}

/* As it is in memory. */
static LLVMValueRef load_memory(Body *b, const LirAccess *access, const Address *address) {
    Emit *e = b->emit;
    unsigned align = element_bytes(e, address->element);
    if (address->offsets) return access_gather(b, address);
    if (!address->contiguous) return build_load(b, address->element, address->pointer, align);
    LLVMTypeRef type = LLVMVectorType(address->element, b->lanes), types[2] = {type, e->ptr};
    if (!b->mask || line_is_padded(b, access)) return build_load(b, type, address->pointer, align);
    LLVMValueRef args[4] = {address->pointer, const_i32(e, align), b->mask, LLVMConstNull(type)};
    return call_masked(b, "llvm.masked.load", types, args, 4);
}

LLVMValueRef access_load(Body *b, const LirAccess *access) {
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    Address address = access_address(b, access);
    LLVMValueRef v = load_memory(b, access, &address);
    if (buffer->type == LIR_T_BOOL) v = LLVMBuildICmp(b->at, LLVMIntSLT, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return v;
}

void access_store(Body *b, const LirAccess *access, LLVMValueRef value) {
    Emit *e = b->emit;
    const LirBuffer *buffer = &b->f->buffers.data[access->buffer];
    Address address = access_address(b, access);
    bool lanes = address.offsets || address.contiguous;
    unsigned align = type_bytes(e, buffer->type);
    if (!lanes && LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind)
        emit_fail(b, "%s gets a different value in every lane at one place", buffer->name);
    if (buffer->type == LIR_T_BOOL) value = LLVMBuildSExt(b->at, value, type_lanes(e->i32, lanes ? b->lanes : 1), "");
    if (address.offsets) {
        LLVMValueRef pointers = lane_pointers(b, &address);
        LLVMTypeRef types[2] = {LLVMTypeOf(value), LLVMTypeOf(pointers)};
        LLVMValueRef args[4] = {value, pointers, const_i32(e, align), mask_or_all(b)};
        call_masked(b, "llvm.masked.scatter", types, args, 4);
    } else if (address.contiguous && b->mask && !line_is_padded(b, access)) {
        LLVMTypeRef types[2] = {LLVMTypeOf(value), e->ptr};
        LLVMValueRef args[4] = {value, address.pointer, const_i32(e, align), b->mask};
        call_masked(b, "llvm.masked.store", types, args, 4);
    } else {
        build_store(b, value, address.pointer, align);
    }
}

/* buffer[access] = buffer[access] + value, or the larger. Lanes that all meet one place are combined first. */
void access_combine(Body *b, const LirAccess *access, LirEffectKind kind, LLVMValueRef value) {
    if (b->lanes > 1 && !access_is_vector(b, access) && LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind) {
        LLVMValueRef neutral = build_neutral(b->emit, kind, b->f->buffers.data[access->buffer].type);
        if (b->mask) value = LLVMBuildSelect(b->at, b->mask, value, build_splat(b, neutral, b->lanes), "");
        value = build_horizontal(b, kind, value, b->lanes);
    }
    access_store(b, access, build_combine(b, kind, access_load(b, access), value));
}

void memory_fill(Body *b, LLVMValueRef pointer, LLVMTypeRef element, LLVMValueRef count, LLVMValueRef value) {
    Emit *e = b->emit;
    unsigned bytes = element_bytes(e, element);
    if (LLVMIsNull(value)) {
        LLVMValueRef length = LLVMBuildNSWMul(b->at, count, const_i64(e, bytes), "");
        LLVMBuildMemSet(b->at, pointer, LLVMConstNull(e->i8), length, bytes);
        return;
    }
    LLVMValueRef whole = LLVMBuildAnd(b->at, count, const_i64(e, -(int64_t)e->lanes), "");
    Loop loop = loop_begin(b, const_i64(e, 0), whole, e->lanes, "fill");
    build_store(b, build_splat(b, value, e->lanes), build_offset(b, element, pointer, loop.counter), bytes);
    loop_end(b, &loop);
    loop = loop_begin(b, whole, count, 1, "fill.rest");
    build_store(b, value, build_offset(b, element, pointer, loop.counter), bytes);
    loop_end(b, &loop);
}

LLVMValueRef mask_first(Body *b, LLVMValueRef count) {
    Emit *e = b->emit;
    LLVMValueRef most = build_splat(b, LLVMBuildTrunc(b->at, count, e->i32, ""), b->lanes);
    return LLVMBuildICmp(b->at, LLVMIntSLT, build_iota(b, e->i32, b->lanes), most, "");
}

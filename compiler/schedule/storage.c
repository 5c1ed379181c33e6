/* Buffers: what each stored value is kept in, and of which size. */
#include "schedule/plan.h"

enum {
    ALIGN = 64,
    /* Blocks of a power of two would put the same row of all of them into one set of the first-level cache, which holds
     * eight lines: a kernel that walks along more arrays would find none of them there. */
    WAY = 1024,
    LINES_APART = 256,
};

static LirType memory_type(TirType type) {
    return type == TIR_REAL ? LIR_T_REAL : type == TIR_INT ? LIR_T_INT : LIR_T_BOOL;
}

uint32_t plan_buffer_add(Plan *plan, const char *name, LirSpace space, TirType type, TirAxes axes) {
    LirBuffer buffer = {
        .name = name, .space = space, .type = memory_type(type), .rank = axes.count, .dynamic_axis = LIR_NO_AXIS};
    for (uint32_t i = 0; i < axes.count; i++) buffer.dims[i] = axes.id[i];
    VEC_PUSH(plan->arena, &plan->lir->buffers, buffer);
    return (uint32_t)plan->lir->buffers.count - 1;
}

static uint32_t buffer_for(Plan *plan, TirId at, LirSpace space, const char *suffix) {
    const TirOp *op = &plan->f->ops.data[at];
    const char *name = arena_format(plan->arena, "b%s%s", plan_label(plan, at), suffix);
    uint32_t number = plan_buffer_add(plan, name, space, op->type, op->axes);
    plan->lir->buffers.data[number].span = op->span;
    if (plan->op[at].kind != OP_INPUT)
        plan->lir->buffers.data[number].group = plan->groups.data[plan->op[at].group].number;
    return number;
}

static uint32_t output_port(const Plan *plan, TirId at) {
    for (uint32_t o = 0; o < plan->f->outputs.count; o++)
        if (plan->f->outputs.data[o].value == at) return o;
    return TIR_NONE;
}

static bool accumulates(OpKind kind) {
    return kind == OP_SUM || kind == OP_MAX || kind == OP_SCATTER || kind == OP_CONTRACT;
}

/* Whether a value has a dynamic axis that is not split into blocks: it cannot live in scratch. */
static bool spans_data(const Plan *plan, TirId at) {
    TirAxes axes = plan->f->ops.data[at].axes;
    for (uint32_t d = 0; d < axes.count; d++)
        if (plan_axis_size(plan, axes.id[d]) < 0 && axes.id[d] != plan->op[at].row) return true;
    return false;
}

/* The same memory with the flattened axes in place of the flat one. */
static uint32_t buffer_unfolded(Plan *plan, TirId at) {
    const TirOp *op = &plan->f->ops.data[at];
    uint32_t number = buffer_for(plan, at, LIR_WORK, "_unfolded"), base = plan->op[at].buffer;
    LirBuffer *buffer = &plan->lir->buffers.data[number];
    buffer->space = plan->lir->buffers.data[base].space;
    buffer->port = plan->lir->buffers.data[base].port;
    buffer->alias_of = base + 1;
    buffer->rank = 0;
    for (uint32_t d = 0; d < op->axes.count; d++) {
        if (op->axes.id[d] != op->axis) buffer->dims[buffer->rank++] = op->axes.id[d];
        for (uint32_t k = 0; op->axes.id[d] == op->axis && k < op->attr_axes.count; k++)
            buffer->dims[buffer->rank++] = op->attr_axes.id[k];
    }
    return number;
}

/* What a partial is summed in: a copy a slot, or where there is one slot, the value itself. A product that one block
 * finishes needs no zeros to start from. */
static void slot_buffer(Plan *plan, TirId at) {
    OpPlan *p = &plan->op[at];
    const GroupPlan *group = &plan->groups.data[p->group];
    p->slot_buffer = group->slots == 1 ? p->buffer : buffer_for(plan, at, LIR_PARTIAL, "_slots");
    plan->lir->buffers.data[p->slot_buffer].clear = !plan_stores(plan, at);
}

static void store_value(Plan *plan, TirId at) {
    OpPlan *p = &plan->op[at];
    uint32_t port = output_port(plan, at);
    bool whole = p->exported || spans_data(plan, at);
    LirSpace space = port != TIR_NONE ? LIR_OUT : whole ? LIR_WORK : LIR_SCRATCH;
    p->buffer = buffer_for(plan, at, space, "");
    if (port != TIR_NONE) plan->lir->buffers.data[p->buffer].port = port;
    if (p->kind == OP_FLATTEN) p->unfolded = buffer_unfolded(plan, at);
    bool sums_in_rows = p->row != LIR_NO_AXIS && (p->partial || accumulates(p->kind));
    if (sums_in_rows && spans_data(plan, at))
        tir_fail(plan->f, at, "a sum over one data set for every event of another");
    if (p->partial)
        slot_buffer(plan, at);
    else if (sums_in_rows && space != LIR_SCRATCH)
        p->local_buffer = buffer_for(plan, at, LIR_SCRATCH, "_block");
}

void plan_storage(Plan *plan) {
    for (TirId i = 0; i < plan->f->ops.count; i++) {
        OpPlan *p = &plan->op[i];
        if (p->kind == OP_INPUT) {
            p->buffer = buffer_for(plan, i, LIR_IN, "_in");
            plan->lir->buffers.data[p->buffer].port = (uint32_t)plan->f->ops.data[i].integer;
        } else if (p->buffered && p->kind != OP_DEAD && p->kind != OP_INLINE && p->kind != OP_LOOP) {
            store_value(plan, i);
        }
    }
    plan_pack_storage(plan);
}

static int64_t type_bytes(const Plan *plan, LirType type) {
    return type == LIR_T_REAL && plan->f64 ? 8 : 4;
}

static int64_t align(int64_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Lines of a block are padded to whole lines of the cache, or to half of one, where that does not take much: vectors
 * then need no mask at their ends and do not cross lines of the cache. Lines that are an even number of those apart
 * share few places of a cache: one more, and a column of the block finds room. */
static int64_t line_pitch(const Plan *plan, const LirBuffer *buffer, const LirGroup *group) {
    if (buffer->space != LIR_SCRATCH || buffer->rank < 2 || buffer->alias_of) return 0;
    TirAxisId last = buffer->dims[buffer->rank - 1];
    int64_t size = plan_axis_size(plan, last), element = type_bytes(plan, buffer->type);
    if (last == group->row_axis || size <= 0) return 0;
    int64_t bytes = size * element, whole = align(bytes), half = (bytes + ALIGN / 2 - 1) / (ALIGN / 2) * (ALIGN / 2);
    if (4 * whole <= 5 * bytes)
        bytes = whole % LINES_APART ? whole : whole + ALIGN;
    else if (2 * half <= 3 * bytes)
        bytes = half;
    return bytes > size * element ? bytes / element : 0;
}

static void size_buffer(Plan *plan, LirBuffer *buffer) {
    int64_t bytes = type_bytes(plan, buffer->type);
    const LirGroup *group = &plan->lir->groups.data[buffer->group];
    for (uint32_t d = 0; d < buffer->rank; d++) {
        TirAxisId axis = buffer->dims[d];
        if (buffer->space == LIR_SCRATCH && axis == group->row_axis)
            bytes *= group->block;
        else if (plan_axis_size(plan, axis) >= 0)
            bytes *= buffer->pitch && d + 1 == buffer->rank ? buffer->pitch : plan_axis_size(plan, axis);
        else
            buffer->dynamic_axis = axis;
    }
    buffer->bytes = buffer->space == LIR_PARTIAL ? align(bytes * group->slots) : align(bytes);
    if (buffer->space == LIR_SCRATCH && buffer->bytes % WAY == 0) buffer->bytes += ALIGN;
    if (buffer->dynamic_axis == LIR_NO_AXIS) return;
    buffer->bytes_per_row = bytes;
    buffer->bytes = 0;
}

/* Not where one piece of memory is read by two sets of axes. */
static void set_pitches(const Plan *plan) {
    LirFunction *lir = plan->lir;
    for (size_t i = 0; i < lir->buffers.count; i++) {
        LirBuffer *buffer = &lir->buffers.data[i];
        buffer->pitch = line_pitch(plan, buffer, &lir->groups.data[buffer->group]);
    }
    for (size_t i = 0; i < lir->buffers.count; i++)
        if (lir->buffers.data[i].alias_of) lir->buffers.data[lir->buffers.data[i].alias_of - 1].pitch = 0;
}

void plan_buffer_sizes(Plan *plan) {
    set_pitches(plan);
    for (size_t i = 0; i < plan->lir->buffers.count; i++) size_buffer(plan, &plan->lir->buffers.data[i]);
}

/* Buffers: what each stored value is kept in, and where everything lies. */
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

/* Lines of a block that are many lines of the cache apart, an even number, share few places of it: one more line of the
 * cache each, and a column of the block finds room. */
static int64_t line_pitch(const Plan *plan, const LirBuffer *buffer, const LirGroup *group) {
    if (buffer->space != LIR_SCRATCH || buffer->rank < 2 || buffer->alias_of) return 0;
    TirAxisId last = buffer->dims[buffer->rank - 1];
    int64_t size = plan_axis_size(plan, last), bytes = type_bytes(plan, buffer->type);
    if (last == group->row_axis || size <= 0 || size * bytes % LINES_APART) return 0;
    return size + ALIGN / bytes;
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

typedef struct Life {
    int64_t first, last; /* kernel numbers, counted through the whole function */
} Life;

static void life_touch(const LirFunction *lir, Life *life, uint32_t buffer, int64_t when) {
    if (lir->buffers.data[buffer].alias_of) buffer = lir->buffers.data[buffer].alias_of - 1;
    if (life[buffer].first < 0) life[buffer].first = when;
    life[buffer].last = when;
}

static void life_of_kernel(const LirFunction *lir, const LirKernel *kernel, Life *life, int64_t when) {
    if (kernel->kind == LIR_ZERO || kernel->kind == LIR_FILL || kernel->kind == LIR_COMBINE)
        life_touch(lir, life, kernel->zero, when);
    if (kernel->kind == LIR_DOT || kernel->kind == LIR_PACK || kernel->kind == LIR_COMBINE || lir_is_line(kernel))
        life_touch(lir, life, kernel->a.buffer, when);
    if (kernel->kind == LIR_DOT) life_touch(lir, life, kernel->b.buffer, when);
    for (size_t i = 0; i < kernel->body.count; i++) {
        LirOpcode op = kernel->body.data[i].op;
        if (op == LIR_LOAD || op == LIR_SEARCH) life_touch(lir, life, kernel->body.data[i].access.buffer, when);
    }
    for (size_t i = 0; i < kernel->effects.count; i++)
        life_touch(lir, life, kernel->effects.data[i].access.buffer, when);
}

static void life_of_loop(const LirFunction *lir, const LirLoop *loop, Life *life, int64_t when) {
    for (uint32_t k = 0; k < loop->in_count; k++) life_touch(lir, life, loop->in[k], when);
    for (uint32_t k = 0; k < loop->out_count; k++) life_touch(lir, life, loop->out[k], when);
    for (uint32_t k = 0; k < loop->states; k++) life_touch(lir, life, loop->other[k], when);
}

/* Lowest place where the buffer overlaps none that lives at the same time. */
static int64_t place_buffer(const Plan *plan, const Life *life, const uint32_t *placed, size_t count, uint32_t number) {
    const LirBuffer *buffers = plan->lir->buffers.data;
    int64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const LirBuffer *other = &buffers[placed[i]];
            if (life[placed[i]].last < life[number].first || life[number].last < life[placed[i]].first) continue;
            if (offset >= other->offset + other->bytes || other->offset >= offset + buffers[number].bytes) continue;
            offset = other->offset + other->bytes;
            moved = true;
        }
    }
    return offset;
}

static int64_t place_all(Plan *plan, const Life *life, bool scratch) {
    LirFunction *lir = plan->lir;
    uint32_t *placed = ARENA_ARRAY(plan->arena, uint32_t, lir->buffers.count + 1);
    size_t count = 0;
    int64_t end = 0;
    for (uint32_t i = 0; i < lir->buffers.count; i++) {
        LirBuffer *buffer = &lir->buffers.data[i];
        bool mine = scratch ? buffer->space == LIR_SCRATCH : buffer->space == LIR_WORK || buffer->space == LIR_PARTIAL;
        if (!mine || buffer->dynamic_axis != LIR_NO_AXIS || buffer->alias_of || life[i].first < 0) continue;
        buffer->offset = place_buffer(plan, life, placed, count, i);
        placed[count++] = i;
        if (buffer->offset + buffer->bytes > end) end = buffer->offset + buffer->bytes;
    }
    return end;
}

void plan_offsets(Plan *plan) {
    LirFunction *lir = plan->lir;
    Life *life = ARENA_ARRAY(plan->arena, Life, lir->buffers.count + 1);
    set_pitches(plan);
    for (size_t i = 0; i < lir->buffers.count; i++) {
        life[i] = (Life){-1, -1};
        size_buffer(plan, &lir->buffers.data[i]);
    }
    int64_t when = 0;
    for (size_t g = 0; g < lir->groups.count; g++) {
        const LirGroup *group = &lir->groups.data[g];
        int64_t begin = when;
        for (size_t k = 0; k < group->kernels.count; k++) life_of_kernel(lir, group->kernels.data[k], life, when++);
        if (group->loop) life_of_loop(lir, group->loop, life, when++);
        /* What leaves or enters a group lives through all of it: blocks and slots run its kernels again and again. */
        for (size_t i = 0; i < lir->buffers.count; i++) {
            if (lir->buffers.data[i].space == LIR_SCRATCH || life[i].last < begin) continue;
            if (life[i].first >= begin) life[i].first = begin;
            life[i].last = when - 1;
        }
    }
    lir->work_bytes = place_all(plan, life, false);
    lir->scratch_bytes = place_all(plan, life, true);
    for (size_t g = 0; g < lir->groups.count; g++) { /* no group of this function runs beside a body */
        const LirLoop *loop = lir->groups.data[g].loop;
        if (loop && loop->body->scratch_bytes > lir->scratch_bytes) lir->scratch_bytes = loop->body->scratch_bytes;
    }
    for (size_t i = 0; i < lir->buffers.count; i++) {
        uint32_t base = lir->buffers.data[i].alias_of;
        if (base) lir->buffers.data[i].offset = lir->buffers.data[base - 1].offset;
    }
}

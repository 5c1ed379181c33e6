/* The rules that loop IR must keep: instructions use earlier ones of the right type, accesses name loops that exist,
 * effects go to writable buffers, matrix products have their vector axis last. Returns the first breach as text. */
#include "lir/lir.h"

#include <string.h>

typedef struct Check {
    const LirFunction *f;
    const LirGroup *group;
    const LirKernel *kernel;
    Arena *arena;
    const char *error;
} Check;

static void breach(Check *c, const char *what) {
    if (c->error) return;
    c->error = arena_format(c->arena, "%s, group %s, kernel %s: %s", c->f->name, c->group->name, c->kernel->name, what);
}

static bool has_loop(const LirKernel *kernel, uint32_t axis) {
    for (uint32_t i = 0; i < kernel->loop_count; i++)
        if (kernel->loops[i] == axis) return true;
    return (kernel->kind == LIR_DOT || kernel->kind == LIR_PACK) &&
           (axis == kernel->m_axis || axis == kernel->n_axis || axis == kernel->k_axis);
}

static void check_index(Check *c, const LirBuffer *buffer, uint32_t d, const LirIndex *index, size_t before) {
    const TirAxis *axes = c->f->source->axes.data;
    int64_t size = axes[buffer->dims[d]].size;
    switch (index->kind) {
    case LIR_INDEX_LOOP:
        if (lir_is_line(c->kernel) && index->axis == c->kernel->k_axis) break;
        if (!has_loop(c->kernel, index->axis))
            breach(c, "an access uses a loop that the kernel does not have");
        else if (axes[index->axis].size != size)
            breach(c, "a loop indexes a dimension of another size");
        break;
    case LIR_INDEX_CONST:
        if (index->constant < 0 || (size >= 0 && index->constant >= size))
            breach(c, "a constant index is out of range");
        break;
    case LIR_INDEX_VALUE:
        if (index->value >= before)
            breach(c, "an index uses a later instruction");
        else if (c->kernel->body.data[index->value].type != LIR_T_INT)
            breach(c, "an index is not an integer");
        break;
    }
}

/* [strips of n][k][elements of a strip] */
static void check_packed(Check *c, const LirAccess *access) {
    const TirAxis *axes = c->f->source->axes.data;
    if (access->buffer >= c->f->buffers.count) {
        breach(c, "an access names no buffer");
        return;
    }
    const LirBuffer *buffer = &c->f->buffers.data[access->buffer];
    if (buffer->rank != 3) {
        breach(c, "packed weights do not have three dimensions");
        return;
    }
    int64_t strip = axes[buffer->dims[2]].size, n = axes[c->kernel->n_axis].size;
    if ((strip != lir_strip(false) && strip != lir_strip(true)) || n < 0 ||
        axes[buffer->dims[0]].size != (n + strip - 1) / strip)
        breach(c, "strips of packed weights do not fit their columns");
    if (axes[buffer->dims[1]].size != axes[c->kernel->k_axis].size) breach(c, "packed weights of another length");
}

static void check_access(Check *c, const LirAccess *access, size_t before) {
    if (access->buffer >= c->f->buffers.count) {
        breach(c, "an access names no buffer");
        return;
    }
    const LirBuffer *buffer = &c->f->buffers.data[access->buffer];
    if (buffer->space == LIR_SCRATCH && &c->f->groups.data[buffer->group] != c->group)
        breach(c, arena_format(c->arena, "scratch %s belongs to another group", buffer->name));
    for (uint32_t d = 0; d < buffer->rank; d++) check_index(c, buffer, d, &access->index[d], before);
}

static void check_body(Check *c) {
    const LirKernel *kernel = c->kernel;
    for (size_t i = 0; i < kernel->body.count; i++) {
        const LirInstr *instr = &kernel->body.data[i];
        for (int a = 0; a < lir_op_arity(instr->op); a++)
            if (instr->args[a] >= i) breach(c, arena_format(c->arena, "%%%zu uses a later instruction", i));
        if (instr->op == LIR_LOAD || instr->op == LIR_SEARCH) {
            check_access(c, &instr->access, i);
            if (!c->error && instr->op == LIR_LOAD && c->f->buffers.data[instr->access.buffer].type != instr->type)
                breach(c, arena_format(c->arena, "%%%zu loads another type than its buffer's", i));
        }
        if (instr->op == LIR_LOOP && !has_loop(kernel, instr->axis)) breach(c, "index of a loop that is not there");
        if (instr->op == LIR_ACC && kernel->kind != LIR_DOT) breach(c, "acc outside a matrix product");
    }
}

static void check_effects(Check *c) {
    const LirKernel *kernel = c->kernel;
    for (size_t i = 0; i < kernel->effects.count; i++) {
        const LirEffect *e = &kernel->effects.data[i];
        if (kernel->kind == LIR_PACK)
            check_packed(c, &e->access);
        else
            check_access(c, &e->access, kernel->body.count);
        if (c->error) return;
        const LirBuffer *buffer = &c->f->buffers.data[e->access.buffer];
        if (buffer->space == LIR_IN) breach(c, "an input is written");
        if (buffer->clear && e->kind != LIR_ADD_TO) breach(c, "what starts at zero takes sums only");
        if (lir_is_line(kernel) || kernel->kind == LIR_PACK) continue;
        if (e->value >= kernel->body.count)
            breach(c, "an effect uses no instruction");
        else if (kernel->body.data[e->value].type != buffer->type)
            breach(c, "an effect stores another type");
    }
}

static bool last_index_is(const Check *c, const LirAccess *access, uint32_t axis) {
    const LirBuffer *buffer = &c->f->buffers.data[access->buffer];
    const LirIndex *last = &access->index[buffer->rank - 1];
    return buffer->rank && last->kind == LIR_INDEX_LOOP && last->axis == axis;
}

static void check_dot(Check *c) {
    const LirKernel *kernel = c->kernel;
    check_access(c, &kernel->a, 0);
    if (kernel->packed)
        check_packed(c, &kernel->b);
    else
        check_access(c, &kernel->b, 0);
    if (c->error) return;
    if (!kernel->packed && !last_index_is(c, &kernel->b, kernel->n_axis))
        breach(c, "the right factor is not contiguous along n");
    for (size_t i = 0; i < kernel->effects.count; i++)
        if (!last_index_is(c, &kernel->effects.data[i].access, kernel->n_axis))
            breach(c, "the product is not contiguous along n");
    if (kernel->accumulate && (kernel->effects.count != 1 || kernel->effects.data[0].kind == LIR_MAX_TO))
        breach(c, "an accumulating product has one sum to add to");
}

static void check_combine(Check *c) {
    const LirBuffer *b = c->f->buffers.data;
    uint32_t from = c->kernel->a.buffer, to = c->kernel->zero;
    if (from >= c->f->buffers.count || to >= c->f->buffers.count)
        breach(c, "combines no buffer");
    else if (b[from].space != LIR_PARTIAL || &c->f->groups.data[b[from].group] == c->group)
        breach(c, "combines what are no finished copies");
    else if (b[from].type != LIR_T_REAL || b[to].type != LIR_T_REAL || b[from].rank != b[to].rank)
        breach(c, "combines into a buffer of another form");
}

/* Slots without rows share out the first loop of every kernel. */
static void check_pieces(Check *c) {
    const LirKernel *kernel = c->kernel;
    if (kernel->kind == LIR_COMBINE || kernel->kind == LIR_PACK) return;
    if (!kernel->loop_count) {
        breach(c, "no loop to share out among slots");
        return;
    }
    for (size_t i = 0; i < kernel->effects.count; i++) {
        bool found = false;
        const LirAccess *access = &kernel->effects.data[i].access;
        for (uint32_t d = 0; d < c->f->buffers.data[access->buffer].rank; d++)
            found |= access->index[d].kind == LIR_INDEX_LOOP && access->index[d].axis == kernel->loops[0];
        if (!found) breach(c, "slots write to one place");
    }
}

static void check_kernel(Check *c) {
    if (c->kernel->kind == LIR_ZERO || c->kernel->kind == LIR_FILL) {
        if (c->kernel->zero >= c->f->buffers.count) breach(c, "clears no buffer");
        return;
    }
    if (c->kernel->kind == LIR_COMBINE)
        check_combine(c);
    else
        check_body(c);
    if (!c->error) check_effects(c);
    if (!c->error && c->group->row_axis == LIR_NO_AXIS && c->group->slots > 1) check_pieces(c);
    if (c->error) return;
    if (c->kernel->kind == LIR_DOT) check_dot(c);
    if (lir_is_line(c->kernel) || c->kernel->kind == LIR_PACK) check_access(c, &c->kernel->a, 0);
}

static LirType body_type(const LirFunction *body, TirId value) {
    TirType type = body->source->ops.data[value].type;
    return type == TIR_REAL ? LIR_T_REAL : type == TIR_INT ? LIR_T_INT : LIR_T_BOOL;
}

/* A buffer that the body sees as the port whose value is `value`; `slice`: one of its rounds. */
static void check_loop_buffer(Check *c, const LirLoop *loop, uint32_t number, TirId value, bool slice) {
    if (number >= c->f->buffers.count) {
        c->error = arena_format(c->arena, "%s, group %s: a loop names no buffer", c->f->name, c->group->name);
        return;
    }
    const LirBuffer *buffer = &c->f->buffers.data[number];
    const TirOp *op = &loop->body->source->ops.data[value];
    bool good = buffer->space != LIR_SCRATCH && buffer->space != LIR_PARTIAL && !buffer->alias_of;
    good = good && buffer->type == body_type(loop->body, value) && buffer->rank == op->axes.count + slice;
    good = good && !(slice && buffer->dims[0] != loop->axis);
    for (uint32_t d = 0; good && d < op->axes.count; d++)
        good =
            c->f->source->axes.data[buffer->dims[d + slice]].size == loop->body->source->axes.data[op->axes.id[d]].size;
    if (!good)
        c->error = arena_format(c->arena, "%s, group %s: buffer %s does not fit the loop's body", c->f->name,
                                c->group->name, buffer->name);
}

static void check_loop(Check *c, const LirLoop *loop) {
    const TirFunction *body = loop->body->source;
    if (body->inputs.count != loop->in_count || body->outputs.count != loop->out_count)
        c->error = arena_format(c->arena, "%s, group %s: ports of the body", c->f->name, c->group->name);
    for (uint32_t k = 0; !c->error && k < loop->in_count; k++)
        check_loop_buffer(c, loop, loop->in[k], body->inputs.data[k].value, loop->slice[k]);
    for (uint32_t k = 0; !c->error && k < loop->out_count; k++)
        check_loop_buffer(c, loop, loop->out[k], body->outputs.data[k].value, k >= loop->states);
    for (uint32_t k = 0; !c->error && k < loop->states; k++)
        check_loop_buffer(c, loop, loop->other[k], body->outputs.data[k].value, false);
    if (!c->error) c->error = lir_verify(loop->body, c->arena);
}

const char *lir_verify(const LirFunction *f, Arena *arena) {
    Check c = {.f = f, .arena = arena};
    for (size_t g = 0; g < f->groups.count && !c.error; g++) {
        c.group = &f->groups.data[g];
        if (c.group->loop) check_loop(&c, c.group->loop);
        for (size_t k = 0; k < c.group->kernels.count && !c.error; k++) {
            c.kernel = c.group->kernels.data[k];
            check_kernel(&c);
        }
    }
    return c.error;
}

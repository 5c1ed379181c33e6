#include "lir/cost.h"

#include <math.h>

/* Flops and steps of an operation. Those that call the runtime have none that is known. */
typedef struct OpCost {
    float flops, steps;
} OpCost;

static const OpCost plain[LIR_OPCODE_COUNT] = {
    [LIR_ADD] = {1, 1},
    [LIR_SUB] = {1, 1},
    [LIR_MUL] = {1, 1},
    [LIR_DIV] = {1, 1},
    [LIR_NEG] = {0, 1},
    [LIR_ABS] = {0, 1},
    [LIR_SIGN] = {0, 4},
    [LIR_FLOOR] = {1, 1},
    [LIR_ROUND] = {1, 1},
    [LIR_SQRT] = {1, 1},
    [LIR_MAX] = {1, 1},
    [LIR_MIN] = {1, 1},
    [LIR_LT] = {0, 1},
    [LIR_LE] = {0, 1},
    [LIR_EQ] = {0, 1},
    [LIR_AND] = {0, 1},
    [LIR_OR] = {0, 1},
    [LIR_NOT] = {0, 1},
    [LIR_SELECT] = {0, 1},
    [LIR_TO_INT] = {0, 6},
    [LIR_TO_REAL] = {0, 1},
    [LIR_UNIFORM] = {2, 110},
    [LIR_PICK] = {0, 115}, /* ten rounds of Philox */
    [LIR_FMA] = {2, 1},
    [LIR_BITS] = {0, 0},
    [LIR_FROM_BITS] = {0, 0},
    [LIR_REAL_TO_BITS_INT] = {0, 1},
    [LIR_BITS_INT_TO_REAL] = {0, 1},
    [LIR_SHL] = {0, 1},
    [LIR_SHR] = {0, 1},
    [LIR_BIT_AND] = {0, 1},
    [LIR_BIT_OR] = {0, 1},
    [LIR_BIT_ADD] = {0, 1},
    [LIR_BIT_SUB] = {0, 1},
};

static bool is_function(LirOpcode op) {
    return op >= LIR_EXP && op <= LIR_POLYGAMMA;
}

static OpCost plain_cost(const LirInstr *in) {
    OpCost cost = plain[in->op];
    if (in->type != LIR_T_REAL) cost.flops = 0;
    return cost;
}

/* Whether this sum takes in a product that nothing else reads: one instruction does both. */
static bool takes_product(const LirKernel *k, const LirInstr *in, const uint32_t *uses) {
    if ((in->op != LIR_ADD && in->op != LIR_SUB) || in->type != LIR_T_REAL) return false;
    for (int a = 0; a < 2; a++)
        if (k->body.data[in->args[a]].op == LIR_MUL && uses[in->args[a]] == 1) return true;
    return false;
}

static uint32_t *count_uses(Arena *arena, const LirKernel *k) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, k->body.count + 1);
    for (size_t i = 0; i < k->body.count; i++)
        for (int a = 0; a < lir_op_arity(k->body.data[i].op); a++) uses[k->body.data[i].args[a]]++;
    for (size_t i = 0; i < k->effects.count; i++) uses[k->effects.data[i].value]++;
    return uses;
}

/* Of an elementary function: its expansion, counted. */
static OpCost function_cost(const LirInstr *in, bool f64) {
    Arena arena = {0};
    LirFunction f = {.arena = &arena};
    LirKernel kernel = {.kind = LIR_NEST}, *one = &kernel;
    LirGroup group = {.row_axis = LIR_NO_AXIS};
    LirBuffer scalar = {.dynamic_axis = LIR_NO_AXIS};
    LirInstr call = {.op = in->op, .type = LIR_T_REAL, .integer = in->integer, .args = {0, 1}};
    LirInstr load = {.op = LIR_LOAD, .type = LIR_T_REAL};
    VEC_PUSH(&arena, &f.buffers, scalar);
    for (int i = 0; i < 2; i++) VEC_PUSH(&arena, &kernel.body, load);
    VEC_PUSH(&arena, &kernel.body, call);
    VEC_PUSH(&arena, &kernel.effects, ((LirEffect){.kind = LIR_STORE, .value = 2}));
    VEC_PUSH(&arena, &group.kernels, one);
    VEC_PUSH(&arena, &f.groups, group);
    math_expand(&f, f64);
    uint32_t *uses = count_uses(&arena, &kernel);
    OpCost sum = {0, 0};
    for (size_t i = 0; i < kernel.body.count; i++) {
        OpCost step = plain_cost(&kernel.body.data[i]);
        sum.flops += step.flops;
        sum.steps += step.steps - takes_product(&kernel, &kernel.body.data[i], uses);
    }
    arena_free(&arena);
    return sum;
}

static OpCost op_cost(const LirInstr *in, bool f64) {
    return is_function(in->op) ? function_cost(in, f64) : plain_cost(in);
}

static bool is_call(LirOpcode op) {
    return op == LIR_EXTERN || (op >= LIR_INC_GAMMA && op <= LIR_INC_BETA_INVERSE);
}

double lir_instr_flops(const LirInstr *in, bool f64) {
    return op_cost(in, f64).flops;
}

double *lir_lengths(Arena *arena, const LirFunction *f, TirAxisId row, double rows, double other) {
    size_t count = f->source->axes.count;
    double *length = ARENA_ARRAY(arena, double, count + 1);
    for (TirAxisId a = 0; a < count; a++) {
        int64_t size = f->source->axes.data[a].size;
        length[a] = a == row ? rows : size < 0 ? other : (double)size;
    }
    return length;
}

void lir_cost_add(LirCost *to, LirCost more) {
    double *sum = (double *)to, *add = (double *)&more;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++) sum[i] += add[i];
}

/* --- levels --- */

static uint32_t axis_level(const LirKernel *k, uint32_t axis) {
    for (uint32_t i = 0; i < k->loop_count; i++)
        if (k->loops[i] == axis) return i + 1;
    return 0;
}

uint32_t lir_access_level(const LirFunction *f, const LirKernel *k, const LirAccess *access, const uint32_t *level) {
    uint32_t most = 0;
    for (uint32_t d = 0; d < f->buffers.data[access->buffer].rank; d++) {
        const LirIndex *index = &access->index[d];
        uint32_t at = index->kind == LIR_INDEX_LOOP    ? axis_level(k, index->axis)
                      : index->kind == LIR_INDEX_VALUE ? level[index->value]
                                                       : 0;
        if (at > most) most = at;
    }
    return most;
}

uint32_t *lir_levels(Arena *arena, const LirFunction *f, const LirKernel *k) {
    uint32_t *level = ARENA_ARRAY(arena, uint32_t, k->body.count + 1);
    for (size_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        for (int a = 0; a < lir_op_arity(in->op); a++)
            if (level[in->args[a]] > level[i]) level[i] = level[in->args[a]];
        uint32_t own = in->op == LIR_LOOP                           ? axis_level(k, in->axis)
                       : in->op == LIR_LOAD || in->op == LIR_SEARCH ? lir_access_level(f, k, &in->access, level)
                                                                    : 0;
        if (own > level[i]) level[i] = own;
        if (in->op != LIR_LOAD && in->op != LIR_SEARCH) continue;
        for (size_t e = 0; e < k->effects.count; e++) /* what the kernel itself changes is read again at every point */
            if (k->effects.data[e].access.buffer == in->access.buffer) level[i] = k->loop_count;
    }
    return level;
}

/* --- bodies --- */

typedef struct Count {
    const LirFunction *f;
    const LirGroup *group;
    const LirKernel *kernel;
    bool f64;
    const double *length;
    const uint32_t *level; /* NULL in a DOT: every instruction is at every point */
    uint32_t *uses;        /* by instruction */
    LirCost cost;
} Count;

/* Points of the outermost `level` loops. */
static double points(const Count *c, uint32_t level) {
    double n = 1;
    for (uint32_t i = 0; i < level; i++) n *= c->length[c->kernel->loops[i]];
    if (c->kernel->kind != LIR_DOT) return n;
    if (c->kernel->m_axis != LIR_NO_AXIS) n *= c->length[c->kernel->m_axis];
    return n * c->length[c->kernel->n_axis];
}

static TirAxisId inner_axis(const LirKernel *k) {
    if (k->kind == LIR_DOT) return k->n_axis;
    return k->loop_count ? k->loops[k->loop_count - 1] : LIR_NO_AXIS;
}

/* Whether the elements of consecutive points of the innermost loop are neighbours, or one and the same. */
static bool neighbours(const Count *c, const LirAccess *access) {
    uint32_t rank = c->f->buffers.data[access->buffer].rank;
    for (uint32_t d = 0; d < rank; d++) {
        if (access->index[d].kind == LIR_INDEX_VALUE) return false;
        if (access->index[d].kind == LIR_INDEX_LOOP && access->index[d].axis == inner_axis(c->kernel) && d + 1 < rank)
            return false;
    }
    return true;
}

static double search_steps(const Count *c, const LirInstr *in) {
    double candidates = c->length[in->axis] - 1;
    return candidates > 1 ? ceil(log2(candidates)) : 0;
}

static void count_instr(Count *c, uint32_t number) {
    const LirKernel *k = c->kernel;
    const LirInstr *in = &k->body.data[number];
    uint32_t level = c->level ? c->level[number] : k->loop_count;
    bool inner = level == k->loop_count;
    double n = points(c, level);
    OpCost cost = op_cost(in, c->f64);
    c->cost.flops += n * cost.flops;
    /* a product that only this sum reads is fused with it */
    *(inner ? &c->cost.steps : &c->cost.outer) += n * (cost.steps - takes_product(k, in, c->uses));
    if (in->op == LIR_DIV || in->op == LIR_SQRT) c->cost.divides += inner ? n : 0;
    if (is_call(in->op)) c->cost.calls += n;
    if (in->op == LIR_LOAD && inner) *(neighbours(c, &in->access) ? &c->cost.loads : &c->cost.lookups) += n;
    if (in->op == LIR_LOAD && !inner) c->cost.outer += n;
    if (in->op == LIR_SEARCH) c->cost.lookups += n * search_steps(c, in);
    if (in->op == LIR_SEARCH) c->cost.steps += n * 3 * search_steps(c, in);
}

static void count_effect(Count *c, const LirEffect *e) {
    const LirKernel *k = c->kernel;
    uint32_t level = c->level ? lir_access_level(c->f, k, &e->access, c->level) : k->loop_count;
    bool inner = level == k->loop_count || k->kind == LIR_DOT;
    bool combines = e->kind != LIR_STORE;
    bool fused = combines && e->kind == LIR_ADD_TO && k->body.data[e->value].op == LIR_MUL && c->uses[e->value] == 1;
    double n = points(c, k->loop_count);
    if (combines && c->f->buffers.data[e->access.buffer].type == LIR_T_REAL) c->cost.flops += n;
    if (combines && !fused) c->cost.steps += n;
    if (!inner) {
        if (combines) c->cost.reduced = n;
        c->cost.outer += 2 * points(c, level); /* the sum so far, and back */
        return;
    }
    bool close = neighbours(c, &e->access);
    *(close ? &c->cost.stores : &c->cost.lookups) += n;
    if (combines) *(close ? &c->cost.loads : &c->cost.lookups) += n;
}

static void count_body(Arena *arena, Count *c) {
    const LirKernel *k = c->kernel;
    c->uses = count_uses(arena, k);
    for (uint32_t i = 0; i < k->body.count; i++) count_instr(c, i);
    for (size_t i = 0; i < k->effects.count; i++) count_effect(c, &k->effects.data[i]);
}

/* --- kernels --- */

static double buffer_points(const Count *c, uint32_t number) {
    const LirBuffer *b = &c->f->buffers.data[number];
    double n = 1;
    for (uint32_t d = 0; d < b->rank; d++) n *= c->length[b->dims[d]];
    return n;
}

static void count_product(Count *c) {
    const LirKernel *k = c->kernel;
    c->cost.products = points(c, k->loop_count) * c->length[k->k_axis];
    c->cost.flops += 2 * c->cost.products;
    if (!k->accumulate) return;
    c->cost.flops += points(c, k->loop_count); /* added to the sums of the blocks before */
    c->cost.loads += points(c, k->loop_count);
    c->cost.stores += points(c, k->loop_count);
}

static void count_line(Count *c) {
    double lines = points(c, c->kernel->loop_count), n = c->length[c->kernel->k_axis];
    c->cost.loads = c->cost.stores = lines * n;
    if (c->kernel->kind == LIR_CUMSUM) c->cost.flops = c->cost.steps = lines * n;
    if (c->kernel->kind == LIR_ARGSORT) c->cost.calls = lines;
    if (c->kernel->kind == LIR_ARGSORT) c->cost.steps = lines * n * (n > 1 ? log2(n) : 0);
}

static uint32_t copies(const Count *c) {
    return c->f->groups.data[c->f->buffers.data[c->kernel->a.buffer].group].slots;
}

static void count_combine(Count *c) {
    c->cost.stores = buffer_points(c, c->kernel->zero);
    c->cost.loads = copies(c) * c->cost.stores;
    c->cost.flops = c->cost.steps = c->cost.loads - c->cost.stores;
}

/* --- bytes --- */

enum { READ = 1, WRITTEN = 2 };

/* Elements that an access reaches: along a loop, each; where a value chooses, as many as there are or as are wanted. */
static double reached(const Count *c, const LirAccess *access) {
    const LirBuffer *b = &c->f->buffers.data[access->buffer];
    const LirKernel *k = c->kernel;
    double n = 1, wanted = points(c, k->loop_count) * (k->k_axis == LIR_NO_AXIS ? 1 : c->length[k->k_axis]);
    for (uint32_t d = 0; d < b->rank; d++)
        if (access->index[d].kind != LIR_INDEX_CONST || access->index[d].axis != LIR_NO_AXIS)
            n *= c->length[b->dims[d]];
    if (k->kind == LIR_PACK) return n;
    return n < wanted ? n : wanted;
}

static void touch(const Count *c, uint8_t *seen, const LirAccess *access, double count, uint8_t how, LirCost *cost) {
    uint32_t number = access->buffer;
    const LirBuffer *b = &c->f->buffers.data[number];
    if (b->alias_of && b->space != LIR_PARTIAL) number = b->alias_of - 1;
    double bytes = count * (b->type == LIR_T_REAL && c->f64 ? 8 : 4);
    bool rows = c->group->row_axis == LIR_NO_AXIS;
    for (uint32_t d = 0; d < b->rank; d++) rows |= b->dims[d] == c->group->row_axis;
    if ((seen[number] & how) || (how == READ && (seen[number] & WRITTEN) && b->space != LIR_SCRATCH)) return;
    seen[number] |= how;
    if (b->space == LIR_SCRATCH || b->space == LIR_PARTIAL)
        cost->cached += bytes;
    else if (!rows)
        cost->kept += bytes;
    else
        *(how == READ ? &cost->read : &cost->written) += bytes;
}

static void count_bytes(const Count *c, uint8_t *seen, LirCost *cost) {
    const LirKernel *k = c->kernel;
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL) {
        touch(c, seen, &(LirAccess){.buffer = k->zero}, buffer_points(c, k->zero), WRITTEN, cost);
        return;
    }
    if (k->kind == LIR_COMBINE) {
        touch(c, seen, &k->a, copies(c) * buffer_points(c, k->zero), READ, cost);
        touch(c, seen, &(LirAccess){.buffer = k->zero}, buffer_points(c, k->zero), WRITTEN, cost);
        return;
    }
    if (k->kind == LIR_DOT || k->kind == LIR_PACK || lir_is_line(k))
        touch(c, seen, &k->a, reached(c, &k->a), READ, cost);
    if (k->kind == LIR_DOT) touch(c, seen, &k->b, reached(c, &k->b), READ, cost);
    for (size_t i = 0; i < k->body.count; i++) {
        const LirInstr *in = &k->body.data[i];
        if (in->op == LIR_LOAD) touch(c, seen, &in->access, reached(c, &in->access), READ, cost);
        if (in->op == LIR_SEARCH) touch(c, seen, &in->access, buffer_points(c, in->access.buffer), READ, cost);
    }
    for (size_t i = 0; i < k->effects.count; i++) {
        const LirEffect *e = &k->effects.data[i];
        if (e->kind != LIR_STORE) touch(c, seen, &e->access, reached(c, &e->access), READ, cost);
        touch(c, seen, &e->access, reached(c, &e->access), WRITTEN, cost);
    }
}

static LirCost kernel_cost(Arena *arena, Count *c, uint8_t *seen) {
    const LirKernel *k = c->kernel;
    c->cost = (LirCost){0};
    c->level = k->kind == LIR_NEST ? lir_levels(arena, c->f, k) : NULL;
    if (k->kind == LIR_ZERO || k->kind == LIR_FILL)
        c->cost.stores = buffer_points(c, k->zero);
    else if (k->kind == LIR_COMBINE)
        count_combine(c);
    else if (lir_is_line(k))
        count_line(c);
    else if (k->kind == LIR_PACK)
        c->cost.loads = c->cost.stores = buffer_points(c, k->effects.data[0].access.buffer);
    else if (k->kind == LIR_DOT)
        count_product(c);
    if (k->kind == LIR_NEST || (k->kind == LIR_DOT && !k->accumulate)) count_body(arena, c);
    count_bytes(c, seen, &c->cost);
    return c->cost;
}

LirCost lir_kernel_cost(Arena *arena, const LirFunction *f, const LirGroup *group, const LirKernel *kernel, bool f64,
                        const double *length) {
    Count c = {.f = f, .group = group, .kernel = kernel, .f64 = f64, .length = length};
    return kernel_cost(arena, &c, ARENA_ARRAY(arena, uint8_t, f->buffers.count + 1));
}

/* Of a body, whose axes are those of the function around it and some of its own. */
static double *body_lengths(Arena *arena, const LirFunction *f, const LirFunction *body, const double *length) {
    double *inner = lir_lengths(arena, body, LIR_NO_AXIS, 0, 1);
    for (size_t a = 0; a < f->source->axes.count && a < body->source->axes.count; a++)
        if (body->source->axes.data[a].size < 0) inner[a] = length[a];
    return inner;
}

LirCost lir_group_cost(Arena *arena, const LirFunction *f, const LirGroup *group, bool f64, const double *length) {
    LirCost sum = {0};
    uint8_t *seen = ARENA_ARRAY(arena, uint8_t, f->buffers.count + 1);
    for (size_t k = 0; k < group->kernels.count; k++) {
        Count c = {.f = f, .group = group, .kernel = group->kernels.data[k], .f64 = f64, .length = length};
        lir_cost_add(&sum, kernel_cost(arena, &c, seen));
    }
    const LirFunction *body = group->loop ? group->loop->body : NULL;
    const double *inner = body ? body_lengths(arena, f, body, length) : NULL;
    for (size_t g = 0; body && g < body->groups.count; g++) {
        LirCost one = lir_group_cost(arena, body, &body->groups.data[g], f64, inner);
        double *value = (double *)&one;
        for (size_t i = 0; i < sizeof one / sizeof *value; i++) value[i] *= (double)group->loop->rounds;
        lir_cost_add(&sum, one);
    }
    return sum;
}

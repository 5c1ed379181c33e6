/* Reference interpreter of loop IR: one scalar at a time, in f64, in the memory that storage was planned in, so that a
 * wrong schedule, a wrong index or two buffers that overlap give a wrong number. Functions scheduled with f64 only. */
#include "lir/interp.h"

#include <math.h>
#include <string.h>

#include "qtm/numeric.h"
#include "runtime/rng/philox.h"
#include "support/foreign.h"
#include "tir/special.h"

typedef struct Machine {
    const LirFunction *f;
    Arena *arena;
    const TirTensor *inputs;
    TirTensor *outputs;
    const int64_t *extent;
    uint64_t seed, step;
    char *work, *scratch;
    int64_t *place_offset; /* by place */
    const LirGroup *group;
    const LirKernel *kernel;
    int64_t row0, rows, slot, slots; /* the block in hand */
    int64_t *worked;                 /* slots of every group that had work */
    int64_t *loop;                   /* current index of every axis */
    double *value;                   /* of every instruction in the body */
    double acc;
} Machine;

static int64_t axis_size(const Machine *m, uint32_t axis) {
    const TirAxis *a = &m->f->source->axes.data[axis];
    return a->size >= 0 ? a->size : m->extent[a->data];
}

static int64_t index_value(const Machine *m, const LirIndex *index, int64_t size) {
    if (index->kind == LIR_INDEX_CONST) return index->constant;
    if (index->kind == LIR_INDEX_LOOP) return m->loop[index->axis];
    int64_t i = (int64_t)m->value[index->value];
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static int64_t element(const Machine *m, const LirAccess *access) {
    const LirBuffer *b = &m->f->buffers.data[access->buffer];
    int64_t at = 0;
    for (uint32_t d = 0; d < b->rank; d++) {
        int64_t size = axis_size(m, b->dims[d]);
        bool block = b->space == LIR_SCRATCH && b->dims[d] == m->group->row_axis;
        int64_t i = index_value(m, &access->index[d], size);
        if (block) size = m->group->block;
        at = at * (b->pitch && d + 1 == b->rank ? b->pitch : size) + (block ? i - m->row0 : i);
    }
    if (b->space == LIR_PARTIAL) {
        int64_t count = 1;
        for (uint32_t d = 0; d < b->rank; d++) count *= axis_size(m, b->dims[d]);
        at += m->slot * count;
    }
    return at;
}

static char *base_of(const Machine *m, uint32_t buffer) {
    const LirBuffer *b = &m->f->buffers.data[buffer];
    if (b->space == LIR_SCRATCH) return m->scratch + b->offset;
    return m->work + (b->dynamic_axis == LIR_NO_AXIS ? b->offset : m->place_offset[b->place]);
}

static double memory_load(const Machine *m, const LirAccess *access) {
    const LirBuffer *b = &m->f->buffers.data[access->buffer];
    int64_t at = element(m, access);
    if (b->space == LIR_IN) return m->inputs[b->port].data[at];
    if (b->space == LIR_OUT) return m->outputs[b->port].data[at];
    const char *base = base_of(m, access->buffer);
    if (b->type == LIR_T_REAL) return ((const double *)base)[at];
    int32_t word = ((const int32_t *)base)[at];
    return b->type == LIR_T_INT ? word : word != 0;
}

static void memory_store(Machine *m, const LirAccess *access, double value) {
    const LirBuffer *b = &m->f->buffers.data[access->buffer];
    int64_t at = element(m, access);
    if (b->space == LIR_OUT) {
        m->outputs[b->port].data[at] = value;
        return;
    }
    char *base = base_of(m, access->buffer);
    if (b->type == LIR_T_REAL)
        ((double *)base)[at] = value;
    else
        ((int32_t *)base)[at] = b->type == LIR_T_INT ? (int32_t)value : -(value != 0);
}

static double search(Machine *m, const LirInstr *i, double x) {
    LirAccess access = i->access;
    const LirBuffer *b = &m->f->buffers.data[access.buffer];
    uint32_t dim = 0;
    while (access.index[dim].kind != LIR_INDEX_CONST || access.index[dim].axis != i->axis) dim++;
    int64_t n = axis_size(m, b->dims[dim]), found = 0;
    for (int64_t k = 0; k + 1 < n; k++) {
        access.index[dim].constant = k;
        if (memory_load(m, &access) <= x) found = k;
    }
    return (double)found;
}

static uint32_t random_word(const Machine *m, const LirInstr *i, double index) {
    return qtm_random_word(m->seed, m->step, (uint32_t)i->integer, (uint64_t)index);
}

static double to_int(double x) {
    if (isnan(x)) return 0;
    return x >= 2147483647.0 ? 2147483647.0 : x <= -2147483648.0 ? -2147483648.0 : trunc(x);
}

static double evaluate(Machine *m, const LirInstr *i) {
    double a = m->value[i->args[0]], b = m->value[i->args[1]], c = m->value[i->args[2]];
    switch (i->op) {
    case LIR_REAL: return i->real;
    case LIR_INT:
    case LIR_BOOL: return (double)i->integer;
    case LIR_LOAD: return memory_load(m, &i->access);
    case LIR_LOOP: return (double)m->loop[i->axis];
    case LIR_EXTENT: return (double)axis_size(m, i->axis);
    case LIR_STEP: return (double)m->step;
    case LIR_UNIFORM: return qtm_random_uniform(random_word(m, i, a));
    case LIR_PICK: return qtm_random_below(random_word(m, i, a), (uint32_t)axis_size(m, i->axis));
    case LIR_ACC: return m->acc;
    case LIR_SEARCH: return search(m, i, a);
    case LIR_ADD: return a + b;
    case LIR_SUB: return a - b;
    case LIR_MUL: return a * b;
    case LIR_DIV: return a / b;
    case LIR_NEG: return -a;
    case LIR_ABS: return fabs(a);
    case LIR_SIGN: return (a > 0) - (a < 0);
    case LIR_FLOOR: return floor(a);
    case LIR_SQRT: return sqrt(a);
    case LIR_MAX: return a > b ? a : b;
    case LIR_MIN: return a < b ? a : b;
    case LIR_LT: return a < b;
    case LIR_LE: return a <= b;
    case LIR_EQ: return a == b;
    case LIR_AND: return a != 0 && b != 0;
    case LIR_OR: return a != 0 || b != 0;
    case LIR_NOT: return a == 0;
    case LIR_SELECT: return a != 0 ? b : c;
    case LIR_TO_INT: return to_int(a);
    case LIR_TO_REAL: return a;
    case LIR_EXP: return exp(a);
    case LIR_LOG: return log(a);
    case LIR_EXPM1: return expm1(a);
    case LIR_LOG1P: return log1p(a);
    case LIR_TANH: return tanh(a);
    case LIR_SIN: return sin(a);
    case LIR_COS: return cos(a);
    case LIR_POW: return pow(a, b);
    case LIR_ROUND: return rint(a);
    case LIR_ERF: return erf(a);
    case LIR_ERFC: return erfc(a);
    case LIR_ATAN: return atan(a);
    case LIR_ATAN2: return atan2(a, b);
    case LIR_LGAMMA: return special_lgamma(a);
    case LIR_POLYGAMMA: return (double)special_polygamma(i->integer, a);
    case LIR_DILOG: return (double)special_dilog(a);
    case LIR_BESSEL_J: return jn((int)i->integer, a);
    case LIR_INC_GAMMA: return qtm_inc_gamma(a, b, (int32_t)i->integer);
    case LIR_INC_GAMMA_UPPER: return qtm_inc_gamma_upper(a, b);
    case LIR_INC_GAMMA_INVERSE: return qtm_inc_gamma_inverse(a, b);
    case LIR_INC_BETA: return qtm_inc_beta(a, b, c, (int32_t)i->integer);
    case LIR_INC_BETA_INVERSE: return qtm_inc_beta_inverse(a, b, c);
    case LIR_EXTERN: {
        double args[TIR_EXTERN_ARGS];
        for (int64_t k = 0; k < i->integer; k++) args[k] = m->value[i->args[k]];
        return foreign_call(i->external, args, (uint32_t)i->integer);
    }
    default: return NAN; /* math expansion comes after this form */
    }
}

static void run_point(Machine *m) {
    const LirKernel *kernel = m->kernel;
    for (size_t i = 0; i < kernel->body.count; i++) m->value[i] = evaluate(m, &kernel->body.data[i]);
    for (size_t i = 0; i < kernel->effects.count; i++) {
        const LirEffect *e = &kernel->effects.data[i];
        double value = m->value[e->value];
        if (e->kind == LIR_ADD_TO)
            value += memory_load(m, &e->access);
        else if (e->kind == LIR_MAX_TO)
            value = fmax(value, memory_load(m, &e->access));
        memory_store(m, &e->access, value);
    }
}

static void bounds(const Machine *m, uint32_t axis, int64_t *begin, int64_t *end) {
    bool piece = axis != LIR_NO_AXIS && axis == lir_row_axis(m->group, m->kernel);
    *begin = piece ? m->row0 : 0;
    *end = piece ? m->row0 + m->rows : axis_size(m, axis);
}

static int64_t packed_element(const Machine *m, const LirKernel *kernel, const LirAccess *access, int64_t n) {
    const LirBuffer *b = &m->f->buffers.data[access->buffer];
    int64_t strip = axis_size(m, b->dims[2]), count = axis_size(m, b->dims[1]);
    return ((n / strip) * count + m->loop[kernel->k_axis]) * strip + n % strip;
}

/* One strip. */
static void run_pack(Machine *m) {
    const LirKernel *kernel = m->kernel;
    const LirAccess *to = &kernel->effects.data[0].access;
    const LirBuffer *b = &m->f->buffers.data[to->buffer];
    int64_t strip = axis_size(m, b->dims[2]), first = m->loop[kernel->loops[0]] * strip;
    int64_t end = axis_size(m, kernel->n_axis) < first + strip ? axis_size(m, kernel->n_axis) : first + strip;
    for (int64_t n = first; n < end; n++)
        for (int64_t k = 0; k < axis_size(m, kernel->k_axis); k++) {
            m->loop[kernel->n_axis] = n;
            m->loop[kernel->k_axis] = k;
            ((double *)base_of(m, to->buffer))[packed_element(m, kernel, to, n)] = memory_load(m, &kernel->a);
        }
}

static double right_factor(const Machine *m, const LirKernel *kernel, int64_t n) {
    if (!kernel->packed) return memory_load(m, &kernel->b);
    return ((const double *)base_of(m, kernel->b.buffer))[packed_element(m, kernel, &kernel->b, n)];
}

static void run_dot_tile(Machine *m) {
    const LirKernel *kernel = m->kernel;
    int64_t m0 = 0, m1 = 1, k0, k1;
    if (kernel->m_axis != LIR_NO_AXIS) bounds(m, kernel->m_axis, &m0, &m1);
    bounds(m, kernel->k_axis, &k0, &k1);
    for (int64_t i = m0; i < m1; i++) {
        if (kernel->m_axis != LIR_NO_AXIS) m->loop[kernel->m_axis] = i;
        for (int64_t n = 0; n < axis_size(m, kernel->n_axis); n++) {
            m->loop[kernel->n_axis] = n;
            m->acc = 0;
            for (int64_t k = k0; k < k1; k++) {
                m->loop[kernel->k_axis] = k;
                m->acc += memory_load(m, &kernel->a) * right_factor(m, kernel, n);
            }
            run_point(m);
        }
    }
}

static void run_cumsum_line(Machine *m) {
    const LirKernel *kernel = m->kernel;
    int64_t n = axis_size(m, kernel->k_axis);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        m->loop[kernel->k_axis] = kernel->reverse ? n - 1 - i : i;
        sum += memory_load(m, &kernel->a);
        memory_store(m, &kernel->effects.data[0].access, sum);
    }
}

static void run_argsort_line(Machine *m) {
    const LirKernel *kernel = m->kernel;
    int64_t n = axis_size(m, kernel->k_axis);
    double *x = ARENA_ARRAY(m->arena, double, n + 1);
    int32_t *index = ARENA_ARRAY(m->arena, int32_t, n + 1);
    for (m->loop[kernel->k_axis] = 0; m->loop[kernel->k_axis] < n; m->loop[kernel->k_axis]++)
        x[m->loop[kernel->k_axis]] = memory_load(m, &kernel->a);
    qtm_argsort_f64(n, x, 1, index, 1);
    for (int64_t i = 0; i < n; i++) {
        m->loop[kernel->k_axis] = i;
        memory_store(m, &kernel->effects.data[0].access, index[i]);
    }
}

static void run_loops(Machine *m, uint32_t depth) {
    const LirKernel *kernel = m->kernel;
    if (depth < kernel->loop_count) {
        int64_t begin, end;
        bounds(m, kernel->loops[depth], &begin, &end);
        for (int64_t i = begin; i < end; i++) {
            m->loop[kernel->loops[depth]] = i;
            run_loops(m, depth + 1);
        }
        return;
    }
    if (kernel->kind == LIR_DOT)
        run_dot_tile(m);
    else if (kernel->kind == LIR_CUMSUM)
        run_cumsum_line(m);
    else if (kernel->kind == LIR_ARGSORT)
        run_argsort_line(m);
    else if (kernel->kind == LIR_PACK)
        run_pack(m);
    else
        run_point(m);
}

static void fill_buffer(Machine *m, uint32_t number, double value) {
    const LirBuffer *b = &m->f->buffers.data[number];
    int64_t count = 1;
    for (uint32_t d = 0; d < b->rank; d++) {
        bool block = b->space == LIR_SCRATCH && b->dims[d] == m->group->row_axis;
        count *= block ? m->group->block : b->pitch && d + 1 == b->rank ? b->pitch : axis_size(m, b->dims[d]);
    }
    double *data = b->space == LIR_OUT ? m->outputs[b->port].data : (double *)base_of(m, number);
    if (b->space == LIR_PARTIAL) data += m->slot * count;
    for (int64_t i = 0; i < count; i++) data[i] = value;
}

static int64_t buffer_count(const Machine *m, const LirBuffer *b) {
    int64_t count = 1;
    for (uint32_t d = 0; d < b->rank; d++) count *= axis_size(m, b->dims[d]);
    return count;
}

static void run_combine(Machine *m) {
    const LirBuffer *to = &m->f->buffers.data[m->kernel->zero];
    const double *copies = (const double *)base_of(m, m->kernel->a.buffer);
    double *sum = to->space == LIR_OUT ? m->outputs[to->port].data : (double *)base_of(m, m->kernel->zero);
    int64_t count = buffer_count(m, to), slots = m->worked[m->f->buffers.data[m->kernel->a.buffer].group];
    for (int64_t i = m->slot * count / m->slots; i < (m->slot + 1) * count / m->slots; i++) {
        sum[i] = copies[i];
        for (int64_t s = 1; s < slots; s++) sum[i] += copies[s * count + i];
    }
}

static void run_block(Machine *m) {
    const LirGroup *group = m->group;
    for (size_t k = 0; k < group->kernels.count; k++) {
        m->kernel = group->kernels.data[k];
        if (m->kernel->kind == LIR_ZERO || m->kernel->kind == LIR_FILL) {
            fill_buffer(m, m->kernel->zero, m->kernel->kind == LIR_ZERO ? 0 : m->kernel->fill);
            continue;
        }
        if (m->kernel->kind == LIR_COMBINE) {
            run_combine(m);
            continue;
        }
        if (group->row_axis == LIR_NO_AXIS && group->slots > 1) {
            int64_t rows = axis_size(m, m->kernel->loops[0]);
            m->row0 = m->slot * rows / group->slots;
            m->rows = (m->slot + 1) * rows / group->slots - m->row0;
        }
        m->value = arena_alloc(m->arena, (m->kernel->body.count + 1) * sizeof(double));
        run_loops(m, 0);
    }
}

static void run_group(Machine *m) {
    const LirGroup *group = m->group;
    int64_t rows = group->row_axis == LIR_NO_AXIS ? 0 : axis_size(m, group->row_axis);
    m->slots = m->worked[group - m->f->groups.data] = lir_slots(group, rows);
    for (m->slot = 0; m->slot < m->slots; m->slot++) {
        for (uint32_t b = 0; b < m->f->buffers.count; b++)
            if (m->f->buffers.data[b].clear && &m->f->groups.data[m->f->buffers.data[b].group] == group)
                fill_buffer(m, b, 0);
        if (group->row_axis == LIR_NO_AXIS) {
            run_block(m);
            continue;
        }
        int64_t end = (m->slot + 1) * rows / m->slots;
        for (m->row0 = m->slot * rows / m->slots; m->row0 < end; m->row0 += group->block) {
            m->rows = end - m->row0 < group->block ? end - m->row0 : group->block;
            run_block(m);
        }
    }
}

/* `count` elements of a buffer from `first` on, out of it or into it. */
static void copy_elements(Machine *m, uint32_t number, int64_t first, int64_t count, double *data, bool into) {
    const LirBuffer *b = &m->f->buffers.data[number];
    double *reals = NULL;
    if (b->space == LIR_IN)
        reals = m->inputs[b->port].data;
    else if (b->space == LIR_OUT)
        reals = m->outputs[b->port].data;
    else if (b->type == LIR_T_REAL)
        reals = (double *)base_of(m, number);
    int32_t *words = reals ? NULL : (int32_t *)base_of(m, number);
    for (int64_t i = first; i < first + count; i++, data++) {
        if (reals)
            *(into ? &reals[i] : data) = into ? *data : reals[i];
        else if (into)
            words[i] = b->type == LIR_T_INT ? (int32_t)*data : -(*data != 0);
        else
            *data = b->type == LIR_T_INT ? words[i] : words[i] != 0;
    }
}

static int64_t port_count(const Machine *m, const TirFunction *body, TirId value) {
    int64_t count = 1;
    for (uint32_t d = 0; d < body->ops.data[value].axes.count; d++) {
        const TirAxis *axis = &body->axes.data[body->ops.data[value].axes.id[d]];
        count *= axis->size >= 0 ? axis->size : m->extent[axis->data];
    }
    return count;
}

static void run_rounds(Machine *m, const LirLoop *loop) {
    const TirFunction *body = loop->body->source;
    TirTensor *inputs = ARENA_ARRAY(m->arena, TirTensor, loop->in_count + 1);
    TirTensor *outputs = ARENA_ARRAY(m->arena, TirTensor, loop->out_count + 1);
    for (int64_t i = 0; i < loop->rounds; i++) {
        int64_t at = loop->from_end ? loop->rounds - 1 - i : i;
        bool last = (loop->rounds - 1 - i) % 2 == 0; /* this round, as the last one, writes `out` */
        for (uint32_t k = 0; k < loop->in_count; k++) {
            int64_t count = port_count(m, body, body->inputs.data[k].value);
            bool carried = k < loop->states && i > 0;
            uint32_t from = !carried ? loop->in[k] : last ? loop->other[k] : loop->out[k];
            inputs[k] = (TirTensor){.count = (size_t)count, .data = ARENA_ARRAY(m->arena, double, count + 1)};
            copy_elements(m, from, loop->slice[k] ? at * count : 0, count, inputs[k].data, false);
        }
        lir_interpret(loop->body, m->arena, inputs, m->extent, m->seed, m->step, outputs);
        for (uint32_t k = 0; k < loop->out_count; k++) {
            int64_t count = (int64_t)outputs[k].count;
            bool state = k < loop->states;
            uint32_t to = state && !last ? loop->other[k] : loop->out[k];
            copy_elements(m, to, state ? 0 : at * count, count, outputs[k].data, true);
        }
    }
}

/* Places lie behind all static buffers, in order. */
static int64_t places_find(Machine *m) {
    int64_t end = m->f->work_bytes;
    for (size_t i = 0; i < m->f->places.count; i++) {
        const LirPlace *place = &m->f->places.data[i];
        m->place_offset[i] = end;
        end += (place->bytes_per_row * axis_size(m, place->axis) + 63) / 64 * 64;
    }
    return end;
}

static void make_outputs(Machine *m) {
    const TirFunction *f = m->f->source;
    for (size_t o = 0; o < f->outputs.count; o++) {
        const TirOp *op = &f->ops.data[f->outputs.data[o].value];
        TirTensor *t = &m->outputs[o];
        *t = (TirTensor){.type = op->type, .rank = op->axes.count, .count = 1};
        for (uint32_t d = 0; d < t->rank; d++) {
            t->shape[d] = axis_size(m, op->axes.id[d]);
            t->count *= (size_t)t->shape[d];
        }
        t->data = ARENA_ARRAY(m->arena, double, t->count + 1);
    }
}

void lir_interpret(const LirFunction *f, Arena *arena, const TirTensor *inputs, const int64_t *extent, uint64_t seed,
                   uint64_t step, TirTensor *outputs) {
    Machine m = {
        .f = f, .arena = arena, .inputs = inputs, .outputs = outputs, .extent = extent, .seed = seed, .step = step};
    m.place_offset = ARENA_ARRAY(arena, int64_t, f->places.count + 1);
    m.loop = ARENA_ARRAY(arena, int64_t, f->source->axes.count + 1);
    m.worked = ARENA_ARRAY(arena, int64_t, f->groups.count + 1);
    int64_t work = places_find(&m);
    m.work = arena_alloc(arena, (size_t)work + 64);
    m.scratch = arena_alloc(arena, (size_t)f->scratch_bytes + 64);
    memset(m.work, 0xff, (size_t)work); /* NaN: reading what nobody wrote shows */
    memset(m.scratch, 0xff, (size_t)f->scratch_bytes);
    make_outputs(&m);
    for (size_t g = 0; g < f->groups.count; g++) {
        m.group = &f->groups.data[g];
        if (m.group->loop)
            run_rounds(&m, m.group->loop);
        else
            run_group(&m);
    }
}

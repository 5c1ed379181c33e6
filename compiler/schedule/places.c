/* Where buffers lie. A buffer lives from the first kernel that touches it to the last; in the arena, what leaves or
 * enters a group lives through all of it, since blocks and slots run its kernels again and again. Two buffers may share
 * memory when their lives do not meet, or in place: where a group of rows touches the one for the last time and the
 * other for the first, both at the rows of the block only, of equally many bytes each, and
 *   - the last kernel that touches the one comes before the first that touches the other, or
 *   - it is one nest, which at every point reads the one there, and then writes the other there.
 * Buffers of static size get offsets, those of dynamic size get places, see LirPlace. */
#include "schedule/plan.h"

#include "lir/visit.h"

typedef struct Life {
    int64_t first, last; /* kernels, counted through the whole function */
    int64_t from, to;    /* the same, out to the ends of the groups */
    bool by_rows;        /* only ever touched at rows of the block, its first dimension */
} Life;

typedef struct Layout {
    Plan *plan;
    LirFunction *lir;
    Life *life;                     /* by buffer */
    VEC(const LirKernel *) kernels; /* by number; NULL: a loop */
    VEC(const LirGroup *) groups;   /* by number of the kernel */
    int64_t now;
} Layout;

static uint32_t layout_base(const Layout *l, uint32_t buffer) {
    uint32_t alias = l->lir->buffers.data[buffer].alias_of;
    return alias ? alias - 1 : buffer;
}

static void touch(Layout *l, uint32_t buffer) {
    Life *life = &l->life[layout_base(l, buffer)];
    if (life->first < 0) life->first = l->now;
    life->last = l->now;
}

static void touch_kernel(const LirKernel *kernel, uint32_t buffer, const LirIndex *indices, LirTouch how,
                         void *context) {
    Layout *l = context;
    TirAxisId row = l->groups.data[l->now]->row_axis;
    const LirBuffer *b = &l->lir->buffers.data[buffer];
    bool clears = kernel->kind == LIR_ZERO || kernel->kind == LIR_FILL;
    bool own = b->rank && b->dims[0] == row && row != LIR_NO_AXIS && !b->alias_of && b->space == LIR_WORK;
    own &= clears || (indices && indices[0].kind == LIR_INDEX_LOOP && indices[0].axis == row);
    touch(l, buffer);
    if (!own) l->life[layout_base(l, buffer)].by_rows = false;
}

static void touch_loop(Layout *l, const LirLoop *loop) {
    for (uint32_t k = 0; k < loop->in_count; k++) touch(l, loop->in[k]);
    for (uint32_t k = 0; k < loop->out_count; k++) touch(l, loop->out[k]);
    for (uint32_t k = 0; k < loop->states; k++) touch(l, loop->other[k]);
    for (size_t i = 0; i < l->lir->buffers.count; i++)
        if (l->life[i].last == l->now) l->life[i].by_rows = false;
}

static void lives_find(Layout *l) {
    LirFunction *lir = l->lir;
    for (size_t i = 0; i < lir->buffers.count; i++) {
        l->life[i] = (Life){-1, -1, -1, -1, true};
        lir->buffers.data[i].from = 1;
    }
    for (size_t g = 0; g < lir->groups.count; g++) {
        const LirGroup *group = &lir->groups.data[g];
        size_t count = group->loop ? 1 : group->kernels.count;
        int64_t begin = l->now;
        for (size_t k = 0; k < count; k++) {
            const LirKernel *kernel = group->loop ? NULL : group->kernels.data[k];
            VEC_PUSH(l->plan->arena, &l->kernels, kernel);
            VEC_PUSH(l->plan->arena, &l->groups, group);
            if (kernel)
                lir_visit(kernel, touch_kernel, l);
            else
                touch_loop(l, group->loop);
            l->now++;
        }
        for (size_t i = 0; i < lir->buffers.count; i++) {
            Life *life = &l->life[i];
            if (life->last < begin) continue;
            if (life->from < 0) lir->buffers.data[i].from = (uint32_t)g;
            if (life->from < 0) life->from = begin;
            lir->buffers.data[i].to = (uint32_t)g;
            life->to = l->now - 1;
        }
    }
}

/* --- in place --- */

typedef struct Meeting {
    const LirBuffer *buffers;
    uint32_t left, right; /* the one read for the last time, the one written for the first */
    const LirIndex *at;   /* where the one is read */
    bool good;
} Meeting;

/* At every point of the loops another element. */
static bool each_point(const LirKernel *k, const LirBuffer *b, const LirIndex *at) {
    for (uint32_t i = 0; i < k->loop_count; i++) {
        bool used = false;
        for (uint32_t d = 0; d < b->rank; d++) used |= at[d].kind == LIR_INDEX_LOOP && at[d].axis == k->loops[i];
        if (!used) return false;
    }
    return true;
}

static void meet(const LirKernel *kernel, uint32_t buffer, const LirIndex *indices, LirTouch how, void *context) {
    Meeting *m = context;
    if (buffer != m->left && buffer != m->right) return;
    const LirBuffer *b = &m->buffers[buffer];
    if (how != (buffer == m->left ? LIR_READS : LIR_WRITES) || !indices || !each_point(kernel, b, indices)) {
        m->good = false;
        return;
    }
    for (uint32_t d = 0; d < b->rank; d++) {
        m->good &= indices[d].kind == LIR_INDEX_LOOP;
        if (m->at) m->good &= m->at[d].axis == indices[d].axis;
    }
    m->at = indices;
}

/* Whether `right` may begin where `left` ends, in the group that touches both. */
static bool may_follow(const Layout *l, uint32_t left, uint32_t right) {
    const Life *a = &l->life[left], *b = &l->life[right];
    const LirBuffer *x = &l->lir->buffers.data[left], *y = &l->lir->buffers.data[right];
    if (!a->by_rows || !b->by_rows || l->groups.data[a->last] != l->groups.data[b->first]) return false;
    if (x->bytes != y->bytes || x->bytes_per_row != y->bytes_per_row) return false;
    if (x->dynamic_axis != y->dynamic_axis || x->dims[0] != y->dims[0]) return false;
    if (a->last != b->first) return a->last < b->first;
    const LirKernel *kernel = l->kernels.data[a->last];
    if (kernel->kind != LIR_NEST || x->rank != y->rank) return false;
    Meeting m = {.buffers = l->lir->buffers.data, .left = left, .right = right, .good = true};
    lir_visit(kernel, meet, &m);
    for (uint32_t d = 0; d < x->rank; d++) m.good &= x->dims[d] == y->dims[d];
    return m.good;
}

/* --- places --- */

static bool lives_apart(const Layout *l, uint32_t x, uint32_t y, bool scratch) {
    const Life *a = &l->life[x], *b = &l->life[y];
    if (scratch) return a->last < b->first || b->last < a->first;
    return a->to < b->from || b->to < a->from;
}

static bool in_place(const Layout *l, uint32_t x, uint32_t y) {
    return may_follow(l, x, y) || may_follow(l, y, x);
}

static bool fits(const Layout *l, const uint32_t *placed, size_t count, uint32_t number, int64_t offset, bool scratch) {
    const LirBuffer *buffers = l->lir->buffers.data, *own = &buffers[number];
    for (size_t i = 0; i < count; i++) {
        const LirBuffer *other = &buffers[placed[i]];
        if (offset >= other->offset + other->bytes || other->offset >= offset + own->bytes) continue;
        if (lives_apart(l, placed[i], number, scratch)) continue;
        if (scratch || offset != other->offset || !in_place(l, placed[i], number)) return false;
    }
    return true;
}

/* The lowest offset that fits: 0, or where another one begins or ends. */
static int64_t offset_find(const Layout *l, const uint32_t *placed, size_t count, uint32_t number, bool scratch) {
    const LirBuffer *buffers = l->lir->buffers.data;
    if (fits(l, placed, count, number, 0, scratch)) return 0;
    int64_t lowest = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const LirBuffer *other = &buffers[placed[i]];
        if (lives_apart(l, placed[i], number, scratch)) continue;
        int64_t end = other->offset + other->bytes;
        if (other->offset < lowest && !scratch && fits(l, placed, count, number, other->offset, scratch))
            lowest = other->offset;
        if (end < lowest && fits(l, placed, count, number, end, scratch)) lowest = end;
    }
    return lowest;
}

static int64_t size_of(const LirBuffer *b) {
    return b->dynamic_axis == LIR_NO_AXIS ? b->bytes : b->bytes_per_row;
}

typedef VEC(uint32_t) Numbers;

/* Those of a kind that anything touches: as they were made, or the largest first. */
static Numbers buffers_of(const Layout *l, bool scratch, bool dynamic, bool by_size) {
    Numbers list = {0};
    for (uint32_t i = 0; i < l->lir->buffers.count; i++) {
        const LirBuffer *b = &l->lir->buffers.data[i];
        bool mine = scratch ? b->space == LIR_SCRATCH : b->space == LIR_WORK || b->space == LIR_PARTIAL;
        if (!mine || b->alias_of || l->life[i].first < 0 || (b->dynamic_axis != LIR_NO_AXIS) != dynamic) continue;
        VEC_PUSH(l->plan->arena, &list, i);
        for (size_t k = list.count - 1;
             by_size && k > 0 && size_of(&l->lir->buffers.data[list.data[k - 1]]) < size_of(b); k--) {
            list.data[k] = list.data[k - 1];
            list.data[k - 1] = i;
        }
    }
    return list;
}

static int64_t place_static(const Layout *l, bool scratch, bool by_size) {
    Numbers list = buffers_of(l, scratch, false, by_size);
    int64_t end = 0;
    for (size_t i = 0; i < list.count; i++) {
        LirBuffer *b = &l->lir->buffers.data[list.data[i]];
        b->offset = offset_find(l, list.data, i, list.data[i], scratch);
        if (b->offset + b->bytes > end) end = b->offset + b->bytes;
    }
    return end;
}

/* Neither order is always the better one. */
static int64_t place_best(const Layout *l, bool scratch) {
    int64_t made = place_static(l, scratch, false), sized = place_static(l, scratch, true);
    return made < sized ? place_static(l, scratch, false) : sized;
}

/* Whether the buffer meets none of a place; one that has been sized before is as large or larger. */
static bool place_takes(const Layout *l, const Numbers *list, size_t count, uint32_t place, uint32_t number) {
    const LirBuffer *buffers = l->lir->buffers.data;
    for (size_t i = 0; i < count; i++) {
        uint32_t other = list->data[i];
        if (buffers[other].place != place || lives_apart(l, other, number, false)) continue;
        if (!in_place(l, other, number)) return false;
    }
    return true;
}

static void place_dynamic(const Layout *l) {
    Numbers list = buffers_of(l, false, true, true);
    for (size_t i = 0; i < list.count; i++) {
        LirBuffer *b = &l->lir->buffers.data[list.data[i]];
        uint32_t data = l->plan->f->axes.data[b->dynamic_axis].data, place = 0;
        for (; place < l->lir->places.count; place++) {
            const LirPlace *p = &l->lir->places.data[place];
            if (l->plan->f->axes.data[p->axis].data == data && place_takes(l, &list, i, place, list.data[i])) break;
        }
        b->place = place;
        if (place < l->lir->places.count) continue;
        VEC_PUSH(l->plan->arena, &l->lir->places, ((LirPlace){b->dynamic_axis, b->bytes_per_row}));
    }
}

void plan_offsets(Plan *plan) {
    LirFunction *lir = plan->lir;
    plan_buffer_sizes(plan);
    Layout l = {.plan = plan, .lir = lir, .life = ARENA_ARRAY(plan->arena, Life, lir->buffers.count + 1)};
    lives_find(&l);
    lir->work_bytes = place_best(&l, false);
    lir->scratch_bytes = place_best(&l, true);
    place_dynamic(&l);
    for (size_t g = 0; g < lir->groups.count; g++) { /* no group of this function runs beside a body */
        const LirLoop *loop = lir->groups.data[g].loop;
        if (loop && loop->body->scratch_bytes > lir->scratch_bytes) lir->scratch_bytes = loop->body->scratch_bytes;
    }
    for (size_t i = 0; i < lir->buffers.count; i++) {
        LirBuffer *b = &lir->buffers.data[i];
        if (!b->alias_of) continue;
        b->offset = lir->buffers.data[b->alias_of - 1].offset;
        b->place = lir->buffers.data[b->alias_of - 1].place;
    }
}

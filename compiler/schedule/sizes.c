/* Slots and blocks. How many slots share the rows of a group is a matter of its work alone, never of the threads that
 * will run it, so that results do not depend on them:
 *
 *   work of R rows      W = R * (operations of a row / rate)
 *   a slot              wants work that is worth handing to another thread
 *   copies of S slots   cost S * B bytes cleared and added: a small part of W at most
 *
 * Where R is known the choice is made here; else the fewest rows of a slot are, and the code divides. A block has as
 * many rows as keep what lives inside of it in the second-level cache. Assumes clusters; leaves the groups' numbers. */
#include "schedule/plan.h"

enum {
    SLOTS = 16,
    PRODUCTS_SHARE = 12, /* products of a smaller part of the work may be slow: of few rows they are, by a few times */
    TILE_ROWS = 12       /* blocks of products are multiples: tiles of 4 and of 6 rows fit */
};

/* A slot of 8 us is worth ten times what it takes to hand over. Copies that are in cache move at 32 bytes/ns. */
const ScheduleSizes schedule_sizes = {.slot_ns = 8000,
                                      .copies_ns = 1.0 / 32,
                                      .copies = 1.0 / 16,
                                      .scratch = 256 * 1024,
                                      .rows_most = 1024,
                                      .products = 32};

/* Operations a nanosecond of one core, in f32: products, and all else with its loads and stores. */
static const double rate_products = 40, rate_points = 4;

static double row_points(const Plan *plan, TirAxes axes, TirAxisId row) {
    double points = 1;
    for (uint32_t d = 0; d < axes.count; d++) {
        int64_t size = plan_axis_size(plan, axes.id[d]);
        if (axes.id[d] != row && size > 0) points *= (double)size;
    }
    return points;
}

static double value_bytes(const Plan *plan, TirId at, TirAxisId row) {
    const TirOp *op = &plan->f->ops.data[at];
    return row_points(plan, op->axes, row) * (op->type == TIR_REAL && plan->f64 ? 8 : 4);
}

static bool is_product(OpKind kind) {
    return kind == OP_DOT || kind == OP_DOT_ROWS;
}

static double op_ns(const Plan *plan, TirId at, TirAxisId row) {
    const OpPlan *p = &plan->op[at];
    const TirOp *op = &plan->f->ops.data[at];
    TirAxes points = p->space;
    for (uint32_t k = 0; k < op->arg_count && op->op == TIR_DOT; k++)
        points = tir_axes_union(points, plan->f->ops.data[op->args[k]].axes);
    double rate = (is_product(p->kind) ? rate_products : rate_points) / (plan->f64 ? 2 : 1);
    return row_points(plan, points, row) * (is_product(p->kind) ? 2 : 1 + tir_op_cost(op->op)) / rate;
}

/* --- what lives in a block --- */

typedef struct Lives {
    uint32_t group;
    uint32_t *last; /* by operation: the last cluster of the group that reads it */
} Lives;

static void note_last(Plan *plan, TirId reader, Use use, void *context) {
    Lives *lives = context;
    const OpPlan *r = &plan->op[reader], *v = &plan->op[use.base];
    if (v->kind == OP_INPUT || v->kind == OP_INLINE || v->group != lives->group || r->group != lives->group) return;
    if (r->cluster > lives->last[use.base]) lives->last[use.base] = r->cluster;
}

/* Most bytes of a row of all values of the group that wait for a reader at the same time. */
static double live_bytes(Plan *plan, uint32_t g) {
    GroupPlan *group = &plan->groups.data[g];
    Lives lives = {g, ARENA_ARRAY(plan->arena, uint32_t, plan->f->ops.count + 1)};
    double *ends = ARENA_ARRAY(plan->arena, double, group->clusters.count + 1), now = 0, most = 0;
    for (size_t c = 0; c < group->clusters.count; c++)
        for (size_t i = 0; i < group->clusters.data[c].ops.count; i++)
            plan_visit_uses(plan, group->clusters.data[c].ops.data[i], note_last, &lives);
    for (size_t c = 0; c < group->clusters.count; c++) {
        const Cluster *cluster = &group->clusters.data[c];
        for (size_t i = 0; i < cluster->ops.count; i++) {
            TirId at = cluster->ops.data[i];
            if (!plan->op[at].buffered || plan->op[at].partial) continue;
            double bytes = value_bytes(plan, at, group->row);
            now += bytes;
            ends[lives.last[at] > c ? lives.last[at] : c] += bytes;
        }
        if (now > most) most = now;
        now -= ends[c];
    }
    return most;
}

/* --- slots --- */

typedef struct Row {
    double ns, partial; /* work of a row; bytes of one copy of all sums over rows */
    bool products;      /* make up so much of it that they set the rows of a block */
    double places;      /* rows of a product that one row gives: 1, or the places of a convolution */
} Row;

/* What a product has for each row of the group in place of one: the points around its n and k. */
static double product_places(const Plan *plan, TirId at, TirAxisId row) {
    const OpPlan *p = &plan->op[at];
    const TirOp *op = &plan->f->ops.data[at];
    TirAxes around = p->kind == OP_DOT ? tir_axes_minus(op->axes, tir_axes_one(p->dot_n)) : op->attr_axes;
    return row_points(plan, around, row);
}

static Row row_of(const Plan *plan, const GroupPlan *group) {
    Row row = {.places = 1};
    double products = 0, each = 0;
    for (size_t c = 0; c < group->clusters.count; c++)
        for (size_t i = 0; i < group->clusters.data[c].ops.count; i++) {
            TirId at = group->clusters.data[c].ops.data[i];
            row.ns += op_ns(plan, at, group->row);
            if (is_product(plan->op[at].kind)) {
                products += op_ns(plan, at, group->row);
                each += op_ns(plan, at, group->row) / product_places(plan, at, group->row);
            }
            if (plan->op[at].partial) row.partial += value_bytes(plan, at, group->row);
        }
    if (each > 0) row.places = products / each;
    row.products = each > 0 && products * PRODUCTS_SHARE >= row.ns;
    return row;
}

/* Both are linear in the rows: R / S rows are work enough, and S copies are cheap beside R rows. */
static void choose_slots(Plan *plan, GroupPlan *group, Row row, int64_t rows) {
    double least = plan->sizes->slot_ns / row.ns;
    double cheap = row.partial * plan->sizes->copies_ns / (plan->sizes->copies * row.ns);
    double most = (double)(INT64_MAX / (2 * SLOTS));
    if (cheap > least) least = cheap;
    double fewest = row.products ? (double)plan->sizes->products / row.places : 1;
    if (least < fewest) least = fewest;
    group->slot_rows = !(least < most) ? INT64_MAX / (2 * SLOTS) : least > 1 ? (int64_t)least : 1;
    group->slots = SLOTS;
    if (rows < 0) return;
    while (group->slots > 1 && group->slots * group->slot_rows > rows) group->slots /= 2;
    group->slot_rows = 0;
}

static int64_t round_to(int64_t n, int64_t multiple) {
    return n / multiple * multiple;
}

/* Blocks of one slot are of about one size. A product takes an operand into registers once for many operations, so its
 * block may fill the cache. */
static void choose_block(Plan *plan, GroupPlan *group, Row row, double live, int64_t rows) {
    double fit = (row.products ? 2 : 1) * plan->sizes->scratch / (live > 1 ? live : 1);
    int64_t block = fit < (double)plan->sizes->rows_most ? (int64_t)fit : plan->sizes->rows_most;
    int64_t tile = row.products && row.places < TILE_ROWS ? TILE_ROWS : 1;
    int64_t fewest = row.products ? (int64_t)((double)plan->sizes->products / row.places) : 1;
    if (block < fewest) block = fewest;
    if (block > plan->sizes->rows_most) block = plan->sizes->rows_most;
    if (block > tile) block = round_to(block, tile);
    if (block < 1) block = 1;
    if (rows > 0) {
        int64_t slot = (rows + group->slots - 1) / group->slots, blocks = (slot + block - 1) / block;
        int64_t even = (slot + blocks - 1) / blocks;
        if (blocks > 1) even = round_to(even + tile - 1, tile);
        if (even < block) block = even;
        group->one_block = block >= slot;
    }
    group->block = block;
}

static const char *sizes_reason(Plan *plan, const GroupPlan *group, Row row, double live, int64_t rows) {
    const char *name = plan->f->axes.data[group->row].name;
    const char *work = rows < 0 ? arena_format(plan->arena, "%.3g ns a row", row.ns)
                                : arena_format(plan->arena, "%lld rows of %.3g ns", (long long)rows, row.ns);
    const char *slots = group->slot_rows ? arena_format(plan->arena, "a slot for every %lld rows, %u at most",
                                                        (long long)group->slot_rows, group->slots)
                        : group->slots == 1 && rows >= 0
                            ? row.partial > 0 ? "one slot, which sums in place" : "one slot, for one thread"
                            : arena_format(plan->arena, "%u slots", group->slots);
    const char *copies = row.partial > 0 && group->slots > 1
                             ? arena_format(plan->arena, ", each with %.4g KiB of sums", row.partial / 1024)
                             : "";
    return arena_format(plan->arena, "rows of '%s': %s in %s%s; blocks of %lld rows, %.4g KiB live at once", name, work,
                        slots, copies, (long long)group->block, live * (double)group->block / 1024);
}

/* --- what has no rows --- */

/* Threads that share `bytes` of moving. */
static uint32_t moving_slots(const Plan *plan, double bytes) {
    double slots = bytes * plan->sizes->copies_ns / plan->sizes->slot_ns;
    return slots >= SLOTS ? SLOTS : slots >= 2 ? (uint32_t)slots : 0;
}

static void choose_moving(Plan *plan, GroupPlan *group, uint32_t g) {
    double combined = 0, packed = 0;
    bool main = group->clusters.count || group->copies.count || group->loop != TIR_NONE || group->row != LIR_NO_AXIS;
    bool combines = false, packs = false;
    for (size_t i = 0; i < group->combines.count; i++) {
        const OpPlan *p = &plan->op[group->combines.data[i]];
        uint32_t slots = plan->groups.data[p->group].slots;
        if (slots == 1) continue;
        combines = true;
        combined += (slots + 1) * value_bytes(plan, group->combines.data[i], LIR_NO_AXIS);
    }
    for (size_t i = 0; i < plan->packs.count; i++) {
        if (plan->packs.data[i].group != g) continue;
        packs = true;
        packed += 2 * value_bytes(plan, plan->packs.data[i].value, LIR_NO_AXIS);
    }
    group->combine_slots = moving_slots(plan, combined);
    group->pack_slots = moving_slots(plan, packed);
    group->main = main || (combines && !group->combine_slots) || (packs && !group->pack_slots);
}

void plan_sizes(Plan *plan) {
    uint32_t number = 0;
    for (uint32_t g = 0; g < plan->groups.count; g++) {
        GroupPlan *group = &plan->groups.data[g];
        group->slots = group->block = 1;
        if (group->row != LIR_NO_AXIS) {
            int64_t rows = plan_axis_size(plan, group->row);
            double live = live_bytes(plan, g);
            Row row = row_of(plan, group);
            choose_slots(plan, group, row, rows);
            choose_block(plan, group, row, live, rows);
            group->reason = sizes_reason(plan, group, row, live, rows);
        } else {
            group->reason = "no rows: runs once, on the caller";
        }
        choose_moving(plan, group, g);
        number += group->combine_slots > 0;
        group->number = number;
        number += group->main;
        number += group->pack_slots > 0;
    }
}

bool plan_stores(const Plan *plan, TirId at) {
    const OpPlan *p = &plan->op[at];
    return p->kind == OP_DOT_ROWS && plan->groups.data[p->group].one_block &&
           plan->f->ops.data[at].attr_axes.count == 1;
}

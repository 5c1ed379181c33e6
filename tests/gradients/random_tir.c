/* Random tensor programs; see random_tir.h. Values are kept of order one by squashing after every operation that could
 * make them grow, and arguments are brought into the domain of what is applied to them. */
#include "gradients/random_tir.h"

#include <math.h>

static const Span nowhere = {0, 0, 0};

static uint64_t random_word(Random *r) { /* splitmix64 */
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
double random_real(Random *r, double low, double high) {
    return low + (high - low) * (double)(random_word(r) >> 11) * 0x1p-53;
}
uint32_t random_below(Random *r, uint32_t n) {
    return (uint32_t)(random_word(r) % n);
}

/* --- functions with inputs --- */

void program_start(Program *p) {
    *p = (Program){0};
    p->f = tir_function_new(&p->arena, "random");
    static const int64_t size[RANDOM_AXES] = {3, 2, 3, 4, 3, -1};
    static const char *const name[RANDOM_AXES] = {"b", "i", "j", "k", "m", "rows"};
    for (int a = 0; a < RANDOM_AXES; a++)
        p->axis[a] =
            size[a] < 0 ? tir_axis_add_dynamic(p->f, name[a], 0) : tir_axis_add(p->f, name[a], size[a], a == 0);
    p->flat = tir_axis_add(p->f, "flat", size[1] * size[2], false);
}

static int64_t axis_size(const Program *p, TirAxisId axis) {
    int64_t size = p->f->axes.data[axis].size;
    return size < 0 ? RANDOM_EXTENT : size;
}

static TirTensor tensor_random(Program *p, Random *r, TirAxes axes, double low, double high) {
    TirTensor t = {.type = TIR_REAL, .rank = axes.count, .count = 1};
    for (uint32_t k = 0; k < axes.count; k++) t.count *= (size_t)(t.shape[k] = axis_size(p, axes.id[k]));
    t.data = ARENA_ARRAY(&p->arena, double, t.count);
    for (size_t e = 0; e < t.count; e++) t.data[e] = random_real(r, low, high);
    return t;
}

TirId program_input(Program *p, Random *r, TirAxes axes, double low, double high) {
    uint32_t n = p->input_count++;
    p->inputs[n] = tensor_random(p, r, axes, low, high);
    p->direction[n] = tensor_random(p, r, axes, -1, 1).data;
    return tir_input(p->f, TIR_PORT_BLOCK, n, 0, arena_format(&p->arena, "x%u", n), TIR_REAL, axes, nowhere);
}

void program_free(Program *p) {
    arena_free(&p->arena);
}

/* --- generation --- */

typedef struct Maker {
    Program *p;
    Random *r;
    TirId pool[256];
    uint32_t count, depth; /* depth: of bodies of loops */
} Maker;

static TirId map1(Program *p, TirOpcode op, TirId a) {
    return tir_map(p->f, op, nowhere, a, TIR_NONE, TIR_NONE);
}
static TirId map2(Program *p, TirOpcode op, TirId a, TirId b) {
    return tir_map(p->f, op, nowhere, a, b, TIR_NONE);
}
static TirId real(Program *p, double value) {
    return tir_real(p->f, value, nowhere);
}
static TirAxes axes_of(const Program *p, TirId v) {
    return p->f->ops.data[v].axes;
}

void program_loss(Program *p, Random *r, TirId v) {
    /* weights that differ from point to point, so that permuted gradients do not pass */
    TirAxes axes = axes_of(p, v);
    TirId weight = real(p, random_real(r, 0.5, 1.5));
    for (uint32_t k = 0; k < axes.count; k++) {
        TirId place = map1(p, TIR_TO_REAL, tir_iota(p->f, axes.id[k], nowhere));
        weight = map1(p, TIR_COS, map2(p, TIR_ADD, weight, map2(p, TIR_MUL, place, real(p, random_real(r, 0.3, 2)))));
    }
    TirId loss = tir_sum(p->f, map2(p, TIR_MUL, map1(p, TIR_SIN, v), weight), axes, nowhere);
    tir_output(p->f, TIR_PORT_LOSS, 0, "loss", loss);
}

static TirAxes random_axes(Maker *m, uint32_t most) {
    TirAxes axes = tir_axes_none();
    for (uint32_t k = random_below(m->r, most + 1); k > 0; k--)
        axes = tir_axes_add(axes, m->p->axis[random_below(m->r, RANDOM_AXES)]);
    return axes;
}

static TirId pick(Maker *m) { /* newer values more often */
    uint32_t a = random_below(m->r, m->count), b = random_below(m->r, m->count);
    return m->pool[a > b ? a : b];
}

/* A value that is positive, in about [0.5, 2.5]. */
static TirId positive(Maker *m, TirId v) {
    return map2(m->p, TIR_ADD, real(m->p, 1.5), map1(m->p, TIR_SIN, v));
}
static TirId squashed(Maker *m, TirId v) {
    return map1(m->p, TIR_TANH, map2(m->p, TIR_MUL, real(m->p, 0.5), v));
}

static TirId make_unary(Maker *m, TirId a, bool stop) {
    static const TirOpcode ops[] = {TIR_NEG,  TIR_ABS, TIR_EXP,  TIR_LOG,    TIR_EXPM1, TIR_LOG1P, TIR_SQRT,
                                    TIR_TANH, TIR_SIN, TIR_COS,  TIR_NEG,    TIR_SIGN,  TIR_FLOOR, TIR_ROUND,
                                    TIR_ATAN, TIR_ERF, TIR_ERFC, TIR_LGAMMA, TIR_STOP};
    enum { COUNT = sizeof ops / sizeof *ops };
    if (random_below(m->r, 8) == 0)
        return squashed(m, tir_polygamma(m->p->f, random_below(m->r, 3), positive(m, a), nowhere));
    static TirExtern hypotenuse = {.symbol = "hypot"}; /* without a derivative, too */
    TirOpcode op = ops[random_below(m->r, COUNT - !stop)];
    if (op == TIR_STOP && m->count % 3 == 0) op = TIR_OPAQUE;
    if (op == TIR_STOP && m->count % 3 == 1)
        return tir_extern(m->p->f, &hypotenuse, (TirId[]){a, m->pool[0]}, 2, nowhere);
    bool needs_positive = op == TIR_LOG || op == TIR_LOG1P || op == TIR_SQRT || op == TIR_LGAMMA;
    TirId v = map1(m->p, op, needs_positive ? positive(m, a) : a);
    return op == TIR_EXP || op == TIR_EXPM1 ? squashed(m, v) : v;
}

/* A value in about [0.2, 0.8]. */
static TirId fraction(Maker *m, TirId v) {
    return map2(m->p, TIR_ADD, real(m->p, 0.5), map2(m->p, TIR_MUL, real(m->p, 0.3), map1(m->p, TIR_SIN, v)));
}

/* Functions that have an order or more than two arguments, and what they share a domain with. */
static TirId make_special(Maker *m, TirId a, TirId b) {
    TirFunction *f = m->p->f;
    TirId p = positive(m, a);
    switch (random_below(m->r, 7)) {
    case 0: return map1(m->p, TIR_DILOG, squashed(m, a));
    case 1: return tir_map_order(f, TIR_BESSEL_J, random_below(m->r, 4), nowhere, a, TIR_NONE, TIR_NONE);
    case 2: return map2(m->p, TIR_INC_GAMMA, p, positive(m, b));
    case 3: return map2(m->p, TIR_INC_GAMMA_UPPER, p, positive(m, b));
    case 4: return squashed(m, map2(m->p, TIR_INC_GAMMA_INVERSE, p, fraction(m, b)));
    case 5: return tir_map(f, TIR_INC_BETA, nowhere, p, positive(m, b), fraction(m, pick(m)));
    default: return tir_map(f, TIR_INC_BETA_INVERSE, nowhere, p, positive(m, b), fraction(m, pick(m)));
    }
}

static TirId make_condition(Maker *m, TirId a, int depth) {
    Program *p = m->p;
    TirAxisId axis = p->axis[random_below(m->r, RANDOM_AXES)];
    switch (random_below(m->r, depth > 0 ? 6 : 3)) {
    case 0: return map2(p, TIR_LT, pick(m), a);
    case 1: return map2(p, TIR_LE, a, pick(m));
    case 2: {
        TirId last = map2(p, TIR_SUB, tir_extent(p->f, axis, nowhere), tir_int(p->f, 1, nowhere));
        TirId one = tir_pick(p->f, 7, random_axes(m, 1), axis, nowhere);
        return map2(p, TIR_EQ, random_below(m->r, 2) ? tir_iota(p->f, axis, nowhere) : one, last);
    }
    case 3: return map1(p, TIR_NOT, make_condition(m, a, depth - 1));
    case 4: return map2(p, TIR_AND, make_condition(m, a, depth - 1), make_condition(m, a, depth - 1));
    default: return map2(p, TIR_OR, make_condition(m, a, depth - 1), make_condition(m, a, depth - 1));
    }
}

static TirId make_binary(Maker *m, TirId a, TirId b) {
    Program *p = m->p;
    static const double exponents[] = {0, 1, 2, 3, 0.5, -1, 1.7};
    if (random_below(m->r, 5) == 0) return make_special(m, a, b);
    switch (random_below(m->r, 11)) {
    case 0: return map2(p, TIR_ADD, a, b);
    case 1: return map2(p, TIR_SUB, a, b);
    case 2: return map2(p, TIR_MUL, a, b);
    case 3: return map2(p, TIR_DIV, a, positive(m, b));
    case 4: return map2(p, TIR_POW, positive(m, a), squashed(m, b));
    case 5: return map2(p, TIR_MAX, a, b);
    case 6: return map2(p, TIR_MIN, a, b);
    case 7: return map2(p, TIR_POW, positive(m, a), real(p, exponents[random_below(m->r, 7)]));
    case 8: return map2(p, TIR_MUL, real(p, random_below(m->r, 5) - 2.0), a);
    case 9: return map2(p, TIR_ATAN2, a, positive(m, b));
    default: return tir_map(p->f, TIR_SELECT, nowhere, make_condition(m, b, 2), a, b);
    }
}

/* An index into `axis` that varies over what `v` varies over. */
static TirId make_index(Maker *m, TirId v, TirAxisId axis) {
    if (tir_axes_has(axes_of(m->p, v), axis)) v = real(m->p, random_real(m->r, -1, 1));
    TirId unit = map2(m->p, TIR_ADD, map1(m->p, TIR_SIN, map2(m->p, TIR_MUL, real(m->p, 3), v)), real(m->p, 1.05));
    double size = (double)axis_size(m->p, axis);
    return map1(m->p, TIR_TO_INT, map2(m->p, TIR_MUL, unit, real(m->p, size / 2)));
}

/* `v` with `axis` among its axes. */
static TirId with_axis(Maker *m, TirId v, TirAxisId axis) {
    if (tir_axes_has(axes_of(m->p, v), axis)) return v;
    return map2(m->p, TIR_MUL, v, map1(m->p, TIR_COS, map1(m->p, TIR_TO_REAL, tir_iota(m->p->f, axis, nowhere))));
}

static TirId make_scatter(Maker *m, TirId a, TirAxisId axis) {
    Program *p = m->p;
    TirId index = make_index(m, pick(m), axis);
    if (tir_axes_has(axes_of(p, a), axis)) a = tir_sum(p->f, a, tir_axes_one(axis), nowhere);
    TirAxes result = tir_axes_one(axis), points = tir_axes_union(axes_of(p, a), axes_of(p, index));
    for (uint32_t k = 0; k < points.count; k++)
        if (random_below(m->r, 2)) result = tir_axes_add(result, points.id[k]);
    return squashed(m, tir_scatter(p->f, a, index, axis, result, nowhere));
}

static TirId make_lookup(Maker *m, TirId a, TirAxisId axis) {
    Program *p = m->p;
    TirId table = with_axis(m, a, axis), x = pick(m);
    if (axis == p->axis[2] && random_below(m->r, 3) == 0 &&
        !tir_axes_has(axes_of(p, table), p->axis[4])) { /* sorted; j and m are of one size */
        TirId place = tir_argsort(p->f, table, axis, nowhere);
        return tir_gather(p->f, table, tir_rename(p->f, place, axis, p->axis[4], nowhere), axis, nowhere);
    }
    switch (random_below(m->r, 4)) {
    case 0:
    case 1: return tir_gather(p->f, table, make_index(m, x, axis), axis, nowhere);
    case 2: { /* by positions along another axis of the function, shifted or not */
        TirAxisId along = p->axis[random_below(m->r, RANDOM_AXES)];
        if (along == axis) break;
        TirId place = tir_iota(p->f, along, nowhere), shift = tir_int(p->f, random_below(m->r, 2), nowhere);
        return tir_gather(p->f, table, map2(p, TIR_ADD, place, shift), axis, nowhere);
    }
    default: break;
    }
    TirId sorted = tir_cumsum(p->f, positive(m, table), axis, false, nowhere);
    if (tir_axes_has(axes_of(p, x), axis)) x = real(p, 1.7);
    TirId at = tir_search(p->f, sorted, map2(p, TIR_MUL, positive(m, x), real(p, 3)), axis, nowhere);
    return tir_gather(p->f, table, at, axis, nowhere);
}

static TirId make_stack(Maker *m, TirAxisId axis) {
    TirId args[RANDOM_AXES];
    uint32_t count = (uint32_t)m->p->f->axes.data[axis].size;
    for (uint32_t k = 0; k < count; k++) {
        args[k] = pick(m);
        if (tir_axes_has(axes_of(m->p, args[k]), axis))
            args[k] = tir_slice(m->p->f, args[k], axis, random_below(m->r, count), nowhere);
    }
    return tir_stack(m->p->f, args, count, axis, nowhere);
}

/* A value along two axes at once, of which one element is read or all are summed. */
static TirId make_flat(Maker *m, TirId a) {
    TirFunction *f = m->p->f;
    TirAxes axes = tir_axes_add(tir_axes_one(m->p->axis[1]), m->p->axis[2]);
    TirId v = tir_flatten(f, with_axis(m, with_axis(m, a, axes.id[0]), axes.id[1]), axes, m->p->flat, nowhere);
    if (random_below(m->r, 2)) return tir_gather(f, v, make_index(m, pick(m), m->p->flat), m->p->flat, nowhere);
    v = tir_cumsum(f, v, m->p->flat, false, nowhere);
    return squashed(m, tir_sum(f, map1(m->p, TIR_SIN, v), tir_axes_one(m->p->flat), nowhere));
}

static TirAxes some_of(Maker *m, TirAxes axes) {
    TirAxes some = tir_axes_none();
    for (uint32_t k = 0; k < axes.count; k++)
        if (random_below(m->r, 3)) some = tir_axes_add(some, axes.id[k]);
    return some.count > 0 ? some : axes;
}

/* sum of sin(a) b, whose derivative is given. The value itself has none. */
static TirId make_custom(Maker *m, TirId a, TirId b) {
    Program *p = m->p;
    TirId sine = map1(p, TIR_SIN, a), value = map2(p, TIR_MUL, sine, b);
    TirId pairs[] = {a, map2(p, TIR_MUL, map1(p, TIR_COS, a), b), b, sine};
    if (axes_of(p, value).count > 0) value = tir_sum(p->f, value, some_of(m, axes_of(p, value)), nowhere);
    return squashed(m, tir_custom(p->f, map1(p, TIR_STOP, value), pairs, 2, nowhere));
}

static TirId make_loop(Maker *m, TirId a, TirId b, TirAxisId axis);

static TirId make_structure(Maker *m, TirId a, TirId b) {
    Program *p = m->p;
    TirFunction *f = p->f;
    TirAxisId any = p->axis[random_below(m->r, RANDOM_AXES)], fixed = p->axis[random_below(m->r, RANDOM_AXES - 1)];
    TirAxes all = axes_of(p, a), shared = tir_axes_both(all, axes_of(p, b));
    switch (random_below(m->r, 17)) {
    case 0: return tir_broadcast(f, a, tir_axes_add(all, any), nowhere);
    case 1: /* the axes j and m are of one size */
        a = with_axis(m, a, p->axis[2]);
        return tir_axes_has(all, p->axis[4]) ? a : tir_rename(f, a, p->axis[2], p->axis[4], nowhere);
    case 2: {
        TirId v = with_axis(m, a, fixed);
        return tir_slice(f, v, fixed, random_below(m->r, (uint32_t)axis_size(p, fixed)), nowhere);
    }
    case 3: return make_stack(m, fixed);
    case 4:
    case 5: return make_lookup(m, a, any);
    case 6: return make_scatter(m, a, fixed);
    case 7: return all.count > 0 ? squashed(m, tir_sum(f, a, some_of(m, all), nowhere)) : a;
    case 8: return all.count > 0 ? tir_reduce_max(f, a, some_of(m, all), nowhere) : a;
    case 9: return squashed(m, tir_cumsum(f, with_axis(m, a, any), any, random_below(m->r, 2), nowhere));
    case 10: return make_custom(m, a, b);
    case 11: return make_flat(m, a);
    case 12:
    case 13:
        if (m->depth < 2) return make_loop(m, a, b, fixed);
        break;
    default: break;
    }
    if (shared.count > 0 && random_below(m->r, 2)) {
        TirId product = map2(p, TIR_MUL, a, b);
        return squashed(m, tir_sum(f, product, some_of(m, shared), nowhere));
    }
    a = with_axis(m, a, any);
    b = with_axis(m, b, any);
    shared = tir_axes_both(axes_of(p, a), axes_of(p, b));
    return squashed(m, tir_dot(f, a, b, some_of(m, shared), nowhere));
}

/* Sums over axes until at most `most` are left. */
static TirId narrowed(Maker *m, TirId v, uint32_t most) {
    TirAxes axes = axes_of(m->p, v), summed = tir_axes_none();
    while (axes.count - summed.count > most) summed = tir_axes_add(summed, axes.id[random_below(m->r, axes.count)]);
    return summed.count > 0 ? squashed(m, tir_sum(m->p->f, v, summed, nowhere)) : v;
}

static TirId make_any(Maker *m, bool stop) {
    uint32_t kind = random_below(m->r, 10);
    TirId a = pick(m), v = kind < 3   ? make_unary(m, a, stop)
                           : kind < 6 ? make_binary(m, a, pick(m))
                                      : make_structure(m, a, pick(m));
    return m->pool[m->count++] = narrowed(m, v, 3);
}

/* `v` over exactly these axes. */
static TirId shaped(Maker *m, TirId v, TirAxes axes) {
    TirAxes lacking = tir_axes_minus(axes_of(m->p, v), axes);
    if (lacking.count > 0) v = squashed(m, tir_sum(m->p->f, v, lacking, nowhere));
    return tir_broadcast(m->p->f, v, axes, nowhere);
}

/* Two states, sequences and constants through a random body, which may have a loop itself; a final state or what it
 * gives in each round. */
static TirId make_loop(Maker *m, TirId a, TirId b, TirAxisId axis) {
    Program *p = m->p, inner = *p;
    TirAxes rounds = tir_axes_one(axis), axes[2];
    TirId args[5] = {a, b, with_axis(m, pick(m), axis), pick(m), tir_iota(p->f, axis, nowhere)};
    for (int k = 0; k < 2; k++) {
        args[k] = shaped(m, args[k], tir_axes_minus(axes_of(p, args[k]), rounds));
        axes[k] = axes_of(p, args[k]);
    }
    inner.f = tir_body_new(p->f, "body");
    Maker body = {.p = &inner, .r = m->r, .depth = m->depth + 1};
    for (int k = 0; k < 5; k++) {
        const TirOp *arg = &p->f->ops.data[args[k]];
        TirId v = tir_body_input(inner.f, arg->type, tir_axes_minus(arg->axes, rounds), nowhere);
        body.pool[body.count++] = k < 4 ? v : map1(&inner, TIR_TO_REAL, v);
    }
    for (uint32_t k = 2 + random_below(m->r, 3); k > 0; k--) make_any(&body, false);
    TirId last = body.pool[body.count - 1], other = pick(&body), given = pick(&body);
    other = map2(&inner, TIR_ADD, map2(&inner, TIR_MUL, real(&inner, 0.5), body.pool[1]), other);
    tir_output(inner.f, TIR_PORT_VALUE, 0, "s", shaped(&body, last, axes[0]));
    tir_output(inner.f, TIR_PORT_VALUE, 1, "t", shaped(&body, squashed(&body, other), axes[1]));
    tir_output(inner.f, TIR_PORT_VALUE, 2, "y", shaped(&body, given, tir_axes_minus(axes_of(&inner, given), rounds)));
    TirId loop = tir_loop(p->f, inner.f, args, 5, 2, axis, random_below(m->r, 2), nowhere);
    TirId result = tir_result(p->f, loop, random_below(m->r, 3), nowhere);
    if (random_below(m->r, 2)) return result;
    return map2(p, TIR_ADD, result, tir_result(p->f, loop, random_below(m->r, 3), nowhere));
}

void program_random(Program *p, uint64_t seed, uint32_t length, bool stop) {
    Random r = {seed};
    program_start(p);
    Maker m = {.p = p, .r = &r};
    for (uint32_t k = 2 + random_below(&r, 3); k > 0; k--)
        m.pool[m.count++] = program_input(p, &r, random_axes(&m, 2), -1.5, 1.5);
    m.pool[m.count++] = tir_uniform(p->f, 5, random_axes(&m, 2), nowhere);
    m.pool[m.count++] = real(p, random_real(&r, -1, 1));
    while (p->f->ops.count < length && m.count < 250) make_any(&m, stop);
    TirId last = m.pool[m.count - 1];
    for (uint32_t k = 2; k <= 12 && k <= m.count; k++) {
        TirId v = m.pool[m.count - k];
        v = tir_sum(p->f, v, tir_axes_minus(axes_of(p, v), axes_of(p, last)), nowhere);
        last = map2(p, TIR_ADD, last, map2(p, TIR_MUL, squashed(&m, v), real(p, random_real(&r, -1, 1))));
    }
    program_loss(p, &r, last);
}

/* --- evaluation and differences --- */

TirTensor *program_run(const Program *p, Arena *arena) {
    static const int64_t extent[] = {RANDOM_EXTENT};
    TirTensor *outputs = ARENA_ARRAY(arena, TirTensor, p->f->outputs.count);
    tir_interpret(p->f, arena, p->inputs, extent, RANDOM_SEED, RANDOM_STEP, outputs);
    return outputs;
}

void program_move(Program *p, double t) {
    for (uint32_t k = 0; k < p->input_count; k++)
        for (size_t e = 0; e < p->inputs[k].count; e++) p->inputs[k].data[e] += t * p->direction[k][e];
}

uint32_t program_gradient(Program *p, uint32_t loss) {
    uint32_t inputs[RANDOM_INPUTS], first = (uint32_t)p->f->outputs.count;
    for (uint32_t k = 0; k < p->input_count; k++) inputs[k] = k;
    ad_gradient(p->f, loss, inputs, p->input_count);
    return first;
}

/* Outputs first .. first + count - 1 at x + t * direction, one after another. */
static double *run_at(Program *p, Arena *arena, double t, uint32_t first, uint32_t count, size_t *length) {
    double *saved[RANDOM_INPUTS];
    for (uint32_t k = 0; k < p->input_count; k++)
        saved[k] = arena_copy(arena, p->inputs[k].data, sizeof(double) * p->inputs[k].count);
    program_move(p, t);
    TirTensor *out = program_run(p, arena);
    for (uint32_t k = 0; k < p->input_count; k++)
        for (size_t e = 0; e < p->inputs[k].count; e++) p->inputs[k].data[e] = saved[k][e];
    *length = 0;
    for (uint32_t k = 0; k < count; k++) *length += out[first + k].count;
    double *all = ARENA_ARRAY(arena, double, *length), *at = all;
    for (uint32_t k = 0; k < count; k++)
        for (size_t e = 0; e < out[first + k].count; e++) *at++ = out[first + k].data[e];
    return all;
}

/* Compares `wanted` with the derivative of the outputs along the direction, by the four-point stencil
 * (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h. A step may straddle a kink, so any of several steps may pass. */
static const char *differences_check(Program *p, uint32_t first, uint32_t count, const double *wanted,
                                     double tolerance) {
    static const double steps[] = {1e-3, 1e-4, 1e-5, 3e-6};
    const char *wrong = NULL;
    Arena scratch = {0};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        double h = steps[s], worst = 0, scale = 1, at_wanted = 0, at_found = 0;
        size_t n;
        double *value[4];
        for (int k = 0; k < 4; k++)
            value[k] = run_at(p, &scratch, h * (const double[]){-2, -1, 1, 2}[k], first, count, &n);
        for (size_t e = 0; e < n; e++) {
            double found = (8 * (value[2][e] - value[1][e]) - (value[3][e] - value[0][e])) / (12 * h);
            scale = fmax(scale, fabs(wanted[e]));
            double difference = fabs(found - wanted[e]);
            if (difference <= worst) continue;
            worst = isfinite(difference) ? difference : INFINITY;
            at_wanted = wanted[e];
            at_found = found;
        }
        if (worst <= tolerance * scale) {
            wrong = NULL;
            break;
        }
        if (!wrong) wrong = arena_format(&p->arena, "derivative %.12g, differences %.12g", at_wanted, at_found);
    }
    arena_free(&scratch);
    return wrong;
}

const char *program_check_first(Program *p, uint32_t loss, uint32_t gradients, double tolerance) {
    Arena scratch = {0};
    TirTensor *out = program_run(p, &scratch);
    double slope = 0;
    for (uint32_t k = 0; k < p->input_count; k++)
        for (size_t e = 0; e < p->inputs[k].count; e++) slope += out[gradients + k].data[e] * p->direction[k][e];
    arena_free(&scratch);
    return differences_check(p, loss, 1, &slope, tolerance);
}

const char *program_check_second(Program *p, uint32_t gradients, double tolerance) {
    TirId slope = real(p, 0);
    uint32_t n = p->input_count;
    for (uint32_t k = 0; k < n; k++) {
        TirAxes axes = axes_of(p, p->f->inputs.data[k].value);
        TirTensor tensor = p->inputs[k];
        tensor.data = p->direction[k];
        p->inputs[n + k] = tensor;
        const char *name = arena_format(&p->arena, "v%u", k);
        TirId v = tir_input(p->f, TIR_PORT_BLOCK, n + k, 0, name, TIR_REAL, axes, nowhere);
        TirId product = map2(p, TIR_MUL, p->f->outputs.data[gradients + k].value, v);
        slope = map2(p, TIR_ADD, slope, tir_sum(p->f, product, axes, nowhere));
    }
    uint32_t port = (uint32_t)p->f->outputs.count;
    tir_output(p->f, TIR_PORT_VALUE, 0, "slope", slope);
    uint32_t second = program_gradient(p, port);
    Arena scratch = {0};
    size_t length;
    double *wanted = run_at(p, &scratch, 0, second, n, &length);
    const char *wrong = differences_check(p, gradients, n, wanted, tolerance);
    arena_free(&scratch);
    return wrong;
}

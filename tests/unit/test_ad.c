/* Reverse mode: every operation against finite differences, random programs to second order, and the places where a
 * derivative could be a NaN that the loss does not have. */
#include "../gradients/random_tir.c"

#include <criterion/criterion.h>
#include <string.h>

enum { SEEDS = 600, SECOND_SEEDS = 400 };

/* --- every operation --- */

/* Applies `op` to inputs made for it, in variant 0, 1, ... of their axes; TIR_NONE when there is no such variant. */
static TirId apply_structure(Program *p, Random *r, TirOpcode op, int variant) {
    TirFunction *f = p->f;
    TirAxisId b = p->axis[0], i = p->axis[1], j = p->axis[2], k = p->axis[3], m = p->axis[4], rows = p->axis[5];
    TirAxes bj = tir_axes_add(tir_axes_one(b), j), bjk = tir_axes_add(bj, k);
    TirId x = program_input(p, r, bjk, -1, 1);
    switch (op) {
    case TIR_BROADCAST: return tir_broadcast(f, x, tir_axes_add(tir_axes_add(bjk, i), rows), nowhere);
    case TIR_RENAME: return tir_rename(f, x, variant ? b : j, m, nowhere);
    case TIR_SLICE: return tir_slice(f, x, variant ? j : k, variant, nowhere);
    case TIR_SUM: return tir_sum(f, x, variant ? bj : tir_axes_one(k), nowhere);
    case TIR_REDUCE_MAX: return tir_reduce_max(f, x, variant ? bj : tir_axes_one(k), nowhere);
    case TIR_CUMSUM: return tir_cumsum(f, x, variant ? k : j, variant, nowhere);
    case TIR_STACK: {
        TirId other = program_input(p, r, variant ? tir_axes_one(rows) : bj, -1, 1);
        return tir_stack(f, (TirId[]){x, other}, 2, i, nowhere);
    }
    case TIR_DOT: {
        TirAxes other = variant ? bj : tir_axes_add(tir_axes_add(tir_axes_one(i), j), k);
        return tir_dot(f, x, program_input(p, r, other, -1, 1), variant ? tir_axes_one(b) : tir_axes_one(k), nowhere);
    }
    case TIR_GATHER: {
        TirAxes points = tir_axes_add(variant ? tir_axes_one(b) : tir_axes_none(), rows);
        TirId place = map2(p, TIR_MUL, tir_uniform(f, 1, points, nowhere), real(p, 4.5));
        return tir_gather(f, x, map1(p, TIR_TO_INT, place), k, nowhere);
    }
    case TIR_SCATTER: {
        TirAxes points = variant ? bj : tir_axes_add(tir_axes_one(j), rows), result = tir_axes_add(bj, i);
        TirId place = map2(p, TIR_MUL, tir_uniform(f, 1, points, nowhere), real(p, 2.5));
        return tir_scatter(f, x, map1(p, TIR_TO_INT, place), i, result, nowhere);
    }
    case TIR_FLATTEN: {
        TirAxes axes = tir_axes_add(tir_axes_one(variant ? b : j), k);
        const char *name = "flattened";
        int64_t size = f->axes.data[variant ? b : j].size * f->axes.data[k].size;
        return tir_flatten(f, x, axes, tir_axis_add(f, name, size, false), nowhere);
    }
    case TIR_CUSTOM: { /* sum over k of x sin(y), as a value without a derivative */
        TirId y = program_input(p, r, variant ? tir_axes_add(tir_axes_one(k), rows) : bj, -1, 1);
        TirId sine = map1(p, TIR_SIN, y), value = tir_sum(f, map2(p, TIR_MUL, x, sine), tir_axes_one(k), nowhere);
        TirId pairs[] = {x, sine, y, map2(p, TIR_MUL, x, map1(p, TIR_COS, y))};
        return tir_custom(f, map1(p, TIR_STOP, value), pairs, 2, nowhere);
    }
    case TIR_LOOP:
    case TIR_RESULT: { /* s = sin(s) x + c s over rounds, from either end; the last s, or all of sin(s) */
        TirId c = program_input(p, r, variant ? tir_axes_one(rows) : tir_axes_one(b), -1, 1);
        TirAxes state = tir_axes_add(bj, rows);
        TirId args[] = {program_input(p, r, state, -1, 1), x, c};
        TirFunction *body = tir_body_new(f, "body");
        TirId s = tir_body_input(body, TIR_REAL, state, nowhere), xk = tir_body_input(body, TIR_REAL, bj, nowhere);
        TirId ck = tir_body_input(body, TIR_REAL, axes_of(p, c), nowhere);
        TirId sine = tir_map(body, TIR_SIN, nowhere, s, TIR_NONE, TIR_NONE);
        TirId next = tir_map(body, TIR_MUL, nowhere, sine, xk, TIR_NONE);
        next = tir_map(body, TIR_ADD, nowhere, next, tir_map(body, TIR_MUL, nowhere, ck, s, TIR_NONE), TIR_NONE);
        tir_output(body, TIR_PORT_VALUE, 0, "s", next);
        tir_output(body, TIR_PORT_VALUE, 1, "sine", sine);
        return tir_result(f, tir_loop(f, body, args, 3, 1, k, variant, nowhere), op == TIR_RESULT, nowhere);
    }
    default: return TIR_NONE;
    }
}

/* Special functions, in their domains. */
static TirId apply_special(Program *p, Random *r, TirOpcode op, int variant) {
    TirAxes b = tir_axes_one(p->axis[0]), bj = tir_axes_add(b, p->axis[2]);
    TirId any = program_input(p, r, b, -3, 0.9), x = program_input(p, r, variant ? bj : b, 0.5, 3);
    TirId y = program_input(p, r, variant ? b : bj, 0.5, 3), u = program_input(p, r, b, 0.1, 0.9);
    switch (op) {
    case TIR_POLYGAMMA: return tir_polygamma(p->f, variant, x, nowhere);
    case TIR_DILOG: return map1(p, op, any);
    case TIR_BESSEL_J: return tir_map_order(p->f, op, 2 * variant, nowhere, any, TIR_NONE, TIR_NONE);
    case TIR_INC_GAMMA:
    case TIR_INC_GAMMA_UPPER: return map2(p, op, x, y);
    case TIR_INC_GAMMA_INVERSE: return map2(p, op, x, u);
    default: return tir_map(p->f, op, nowhere, x, y, u);
    }
}

static TirId apply(Program *p, Random *r, TirOpcode op, int variant) {
    if (op >= TIR_POLYGAMMA && op <= TIR_INC_BETA_INVERSE) return apply_special(p, r, op, variant);
    if (!(tir_op_flags(op) & TIR_FUSE) || op == TIR_BROADCAST || op == TIR_SLICE)
        return apply_structure(p, r, op, variant);
    TirAxisId b = p->axis[0], j = p->axis[2], rows = p->axis[5];
    bool positive_base = op == TIR_LOG || op == TIR_LOG1P || op == TIR_SQRT || op == TIR_POW || op == TIR_DIV ||
                         op == TIR_LGAMMA || op == TIR_ATAN2;
    double low = positive_base ? 0.5 : -2;
    TirId x = program_input(p, r, variant ? tir_axes_one(b) : tir_axes_add(tir_axes_one(b), j), low, 2);
    if (tir_op_arity(op) == 1) return map1(p, op, x);
    TirId y = program_input(p, r, variant ? tir_axes_add(tir_axes_one(j), rows) : tir_axes_one(j), low, 2);
    if (tir_op_arity(op) == 2) return map2(p, op, x, y);
    return tir_map(p->f, op, nowhere, map2(p, TIR_LT, x, real(p, 0.3)), x, y);
}

/* The gradient of the loss to 1e-8, and the gradient of that to `second`. */
static void expect_both_orders(Program *p, uint32_t gradients, double second) {
    const char *wrong = program_check_first(p, 0, gradients, 1e-8);
    cr_expect_null(wrong, "%s", wrong);
    wrong = program_check_second(p, gradients, second);
    cr_expect_null(wrong, "%s", wrong);
}

Test(ad, every_operation_agrees_with_differences) {
    static const char *const rule[] = {
#define TIR_OP(NAME, text, arity, shape, type, flags, vjp, cost) #vjp,
#include "tir/tir_ops.def"
#undef TIR_OP
    };
    int tested = 0;
    for (int op = 0; op < TIR_OPCODE_COUNT; op++) {
        if (!strcmp(rule[op], "none") || !strcmp(rule[op], "zero")) continue;
        for (int variant = 0; variant < 2; variant++) {
            Random r = {(uint64_t)(100 * op + variant)};
            Program p;
            program_start(&p);
            TirId v = apply(&p, &r, (TirOpcode)op, variant);
            cr_assert_neq(v, TIR_NONE, "no test for %s", tir_op_text((TirOpcode)op));
            program_loss(&p, &r, v);
            uint32_t gradients = program_gradient(&p, 0);
            cr_assert_null(tir_verify(p.f, &p.arena));
            const char *wrong = program_check_first(&p, 0, gradients, 1e-7);
            cr_expect_null(wrong, "%s, variant %d: %s", tir_op_text((TirOpcode)op), variant, wrong);
            wrong = program_check_second(&p, gradients, 1e-7);
            cr_expect_null(wrong, "second order of %s, variant %d: %s", tir_op_text((TirOpcode)op), variant, wrong);
            program_free(&p);
        }
        tested++;
    }
    cr_expect_eq(tested, 45);
}

Test(ad, operations_of_derivative_zero) {
    static const TirOpcode ops[] = {TIR_SIGN, TIR_FLOOR, TIR_ROUND, TIR_STOP, TIR_OPAQUE};
    for (int k = 0; k < 5; k++) {
        Random r = {(uint64_t)k};
        Program p;
        program_start(&p);
        program_loss(&p, &r, map1(&p, ops[k], program_input(&p, &r, tir_axes_one(p.axis[2]), -2, 2)));
        uint32_t g = program_gradient(&p, 0);
        TirTensor *out = program_run(&p, &p.arena);
        cr_assert_eq(out[g].count, 3);
        for (int e = 0; e < 3; e++) cr_expect_eq(out[g].data[e], 0);
        program_free(&p);
    }
}

/* --- random programs --- */

Test(ad, random_programs_first_order, .timeout = 120) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Program p;
        program_random(&p, seed, 20 + (uint32_t)(seed % 60), false);
        uint32_t gradients = program_gradient(&p, 0);
        const char *wrong = tir_verify(p.f, &p.arena);
        cr_assert_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        wrong = program_check_first(&p, 0, gradients, 1e-7);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
    }
}

Test(ad, random_programs_second_order, .timeout = 120) {
    for (uint64_t seed = 1001; seed <= 1000 + SECOND_SEEDS; seed++) {
        Program p;
        program_random(&p, seed, 15 + (uint32_t)(seed % 25), false);
        const char *wrong = program_check_second(&p, program_gradient(&p, 0), 1e-6);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        wrong = tir_verify(p.f, &p.arena);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
    }
}

/* --- no NaN that the loss does not have --- */

/* A scalar program with inputs of the given values, to be completed by the test. */
static void scalars_start(Program *p, TirId *x, const double *values, int count) {
    Random r = {1};
    program_start(p);
    for (int k = 0; k < count; k++) {
        x[k] = program_input(p, &r, tir_axes_none(), 0, 1);
        p->inputs[k].data[0] = values[k];
    }
}

/* In both modes; forwards by all inputs at once, and along one direction more, which is zero. */
static void scalars_expect(Program *p, TirId loss, const double *wanted) {
    TirId x[RANDOM_INPUTS], along[RANDOM_INPUTS], slopes;
    const uint32_t n = p->input_count;
    TirAxisId axis = tir_axis_add(p->f, "direction", n + 1, false);
    for (uint32_t k = 0; k < n; k++) {
        TirId here = map2(p, TIR_EQ, tir_iota(p->f, axis, nowhere), tir_int(p->f, k, nowhere));
        along[k] = tir_map(p->f, TIR_SELECT, nowhere, here, real(p, 1), real(p, 0));
        x[k] = p->f->inputs.data[k].value;
    }
    tir_output(p->f, TIR_PORT_LOSS, 0, "loss", loss);
    ad_tangent(p->f, &loss, 1, x, along, n, &slopes);
    tir_output(p->f, TIR_PORT_VALUE, 0, "slopes", slopes);
    uint32_t g = program_gradient(p, 0);
    TirTensor *out = program_run(p, &p->arena);
    for (uint32_t k = 0; k < n; k++) {
        double found[] = {out[g + k].data[0], out[1].data[k]};
        for (int mode = 0; mode < 2; mode++)
            cr_expect(found[mode] == wanted[k] || fabs(found[mode] - wanted[k]) <= 1e-14 * fabs(wanted[k]),
                      "%s, input %u: %.17g, wanted %.17g", mode ? "forwards" : "backwards", k, found[mode], wanted[k]);
    }
    cr_expect_eq(out[1].data[n], 0, "along nothing: %g", out[1].data[n]);
    program_free(p);
}

Test(ad, pow_of_zero) {
    Program p;
    TirId x[2];
    static const double exponents[] = {2.5, 1, 0, 3};
    static const double slopes[] = {0, 1, 0, 0};
    for (int k = 0; k < 4; k++) {
        scalars_start(&p, x, (double[]){0, exponents[k]}, 2);
        scalars_expect(&p, map2(&p, TIR_POW, x[0], x[1]), (double[]){slopes[k], 0});
    }
    scalars_start(&p, x, (double[]){2, 3}, 2);
    scalars_expect(&p, map2(&p, TIR_POW, x[0], x[1]), (double[]){12, 8 * 0.69314718055994530942});
}

/* A root where it is infinitely steep, times something that is zero there. */
Test(ad, root_of_zero) {
    Program p;
    TirId x[2];
    scalars_start(&p, x, (double[]){0}, 1);
    scalars_expect(&p, map2(&p, TIR_MUL, map1(&p, TIR_SQRT, x[0]), x[0]), (double[]){0});
    scalars_start(&p, x, (double[]){0}, 1);
    scalars_expect(&p, map2(&p, TIR_MUL, map1(&p, TIR_SQRT, x[0]), real(&p, 0)), (double[]){0});
    scalars_start(&p, x, (double[]){0, 2}, 2);
    TirId root = map1(&p, TIR_SQRT, x[0]), far = map2(&p, TIR_ADD, x[1], root);
    scalars_expect(&p, map2(&p, TIR_DIV, map2(&p, TIR_MUL, x[0], x[1]), far), (double[]){1, 0});
    scalars_start(&p, x, (double[]){0, 0.25}, 2);
    scalars_expect(&p, map2(&p, TIR_POW, x[0], x[1]), (double[]){INFINITY, 0});
    scalars_start(&p, x, (double[]){0, 3}, 2);
    scalars_expect(&p, map2(&p, TIR_ADD, map1(&p, TIR_SQRT, x[0]), map2(&p, TIR_MUL, x[1], x[1])),
                   (double[]){INFINITY, 6});
}

/* The table of a multiplication by halves, with none, one and two factors that are zero. */
Test(ad, products_with_zero_factors) {
    static const double factors[][4] = {{2, 3, 0.5, 4}, {2, 0, 0.5, 4}, {0, 3, 0, 4}};
    static const double slopes[][4] = {{6, 4, 24, 3}, {0, 4, 0, 0}, {0, 0, 0, 0}};
    for (int k = 0; k < 3; k++) {
        Program p;
        TirId x[4];
        scalars_start(&p, x, factors[k], 4);
        TirId left = map2(&p, TIR_MUL, x[0], x[1]), right = map2(&p, TIR_MUL, x[2], x[3]);
        scalars_expect(&p, map2(&p, TIR_MUL, left, right), slopes[k]);
    }
}

/* Inside out: the branch that is not taken is made safe before, and its constant has no slope. */
Test(ad, safe_arguments) {
    static const TirOpcode ops[] = {TIR_LOG, TIR_SQRT};
    for (int k = 0; k < 2; k++)
        for (int at = 0; at < 2; at++) {
            Program p;
            TirId x[1];
            scalars_start(&p, x, (double[]){at - 0.5}, 1);
            TirId positive = map2(&p, TIR_LT, real(&p, 0), x[0]);
            TirId safe = tir_map(p.f, TIR_SELECT, nowhere, positive, x[0], real(&p, 0));
            TirId v = tir_map(p.f, TIR_SELECT, nowhere, positive, map1(&p, ops[k], safe), real(&p, 1));
            scalars_expect(&p, v, (double[]){!at ? 0 : k ? 0.5 / sqrt(0.5) : 2});
        }
}

Test(ad, ties_of_max_and_min_go_to_the_first) {
    Program p;
    TirId x[2];
    scalars_start(&p, x, (double[]){1.5, 1.5}, 2);
    scalars_expect(&p, map2(&p, TIR_MAX, x[0], x[1]), (double[]){1, 0});
    scalars_start(&p, x, (double[]){1.5, 1.5}, 2);
    scalars_expect(&p, map2(&p, TIR_MIN, x[0], x[1]), (double[]){1, 0});
}

Test(ad, branches_not_taken_stay_out) {
    static const TirOpcode ops[] = {TIR_LOG, TIR_SQRT, TIR_LOG1P, TIR_EXP, TIR_POW, TIR_DIV};
    static const double at[] = {0, 0, -1, 1000, 0, 0};
    for (int k = 0; k < 6; k++)
        for (int deep = 0; deep < 2; deep++) {
            Program p;
            TirId x[1];
            scalars_start(&p, x, &at[k], 1);
            TirId v = ops[k] == TIR_POW   ? map2(&p, TIR_POW, x[0], real(&p, -0.5))
                      : ops[k] == TIR_DIV ? map2(&p, TIR_DIV, real(&p, 1), x[0])
                                          : map1(&p, ops[k], x[0]);
            if (deep) v = map2(&p, TIR_MUL, x[0], v);
            TirId safe = map2(&p, TIR_MUL, x[0], real(&p, 3));
            v = tir_map(p.f, TIR_SELECT, nowhere, map2(&p, TIR_EQ, x[0], real(&p, at[k])), safe, v);
            scalars_expect(&p, v, (double[]){3});
        }
}

/* The loss along every element of input 0, a vector of 4, is what its gradient, output `g`, says. */
static void expect_forwards(Program *p, TirId loss, uint32_t g) {
    TirId x = p->f->inputs.data[0].value, slopes;
    TirAxisId axis = tir_axis_add(p->f, "direction", 4, false);
    TirId here = map2(p, TIR_EQ, tir_iota(p->f, axis, nowhere), tir_iota(p->f, p->axis[3], nowhere));
    TirId along = tir_map(p->f, TIR_SELECT, nowhere, here, real(p, 1), real(p, 0));
    ad_tangent(p->f, &loss, 1, &x, &along, 1, &slopes);
    uint32_t port = (uint32_t)p->f->outputs.count;
    tir_output(p->f, TIR_PORT_VALUE, 0, "slopes", slopes);
    TirTensor *out = program_run(p, &p->arena);
    for (int e = 0; e < 4; e++) cr_expect_float_eq(out[port].data[e], out[g].data[e], 1e-15, "element %d", e);
}

/* A table with log 0 in a row that nobody reads. */
Test(ad, rows_not_read_stay_out) {
    Program p;
    Random r = {3};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 1, 2);
    p.inputs[0].data[2] = 0;
    TirId v = tir_gather(p.f, map1(&p, TIR_LOG, x), tir_int(p.f, 1, nowhere), p.axis[3], nowhere);
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", v);
    uint32_t g = program_gradient(&p, 0);
    TirTensor *out = program_run(&p, &p.arena);
    for (int e = 0; e < 4; e++) cr_expect_float_eq(out[g].data[e], e == 1 ? 1 / p.inputs[0].data[1] : 0, 1e-15);
    expect_forwards(&p, v, g);
    program_free(&p);
}

Test(ad, maximum_shares_among_ties) {
    Program p;
    Random r = {3};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 1, 2);
    for (int e = 0; e < 4; e++) p.inputs[0].data[e] = e == 1 ? 0 : 5;
    TirId most = tir_reduce_max(p.f, x, tir_axes_one(p.axis[3]), nowhere);
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", most);
    uint32_t g = program_gradient(&p, 0);
    TirTensor *out = program_run(&p, &p.arena);
    for (int e = 0; e < 4; e++) cr_expect_float_eq(out[g].data[e], e == 1 ? 0 : 1.0 / 3, 1e-15);
    expect_forwards(&p, most, g);
    program_free(&p);
}

/* --- what the gradient looks like --- */

Test(ad, unused_inputs_have_zero_gradients_of_their_shape) {
    Program p;
    Random r = {3};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 1, 2);
    program_input(&p, &r, tir_axes_add(tir_axes_one(p.axis[0]), p.axis[5]), 1, 2);
    program_loss(&p, &r, x);
    uint32_t g = program_gradient(&p, 0);
    TirPort port = p.f->outputs.data[g + 1];
    cr_expect_eq(port.role, TIR_PORT_GRADIENT);
    cr_expect_eq(port.index, 1);
    cr_expect_str_eq(port.name, "dloss_dx1");
    TirTensor *out = program_run(&p, &p.arena);
    cr_assert_eq(out[g + 1].count, 15);
    for (int e = 0; e < 15; e++) cr_expect_eq(out[g + 1].data[e], 0);
    program_free(&p);
}

Test(ad, adjoint_operations_carry_the_primal_span) {
    Program p;
    Random r = {3};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 1, 2);
    Span here = {1, 10, 14};
    TirId v = tir_map(p.f, TIR_TANH, here, x, TIR_NONE, TIR_NONE);
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", tir_sum(p.f, v, tir_axes_one(p.axis[3]), here));
    size_t before = p.f->ops.count;
    program_gradient(&p, 0);
    cr_assert_gt(p.f->ops.count, before);
    for (size_t k = before; k < p.f->ops.count; k++)
        if (p.f->ops.data[k].op != TIR_BROADCAST) cr_expect_eq(p.f->ops.data[k].span.begin, 10);
    program_free(&p);
}

/* Nothing is computed for what does not lead from a wanted input to the loss. */
Test(ad, constants_get_no_cotangents) {
    Program p;
    Random r = {3};
    program_start(&p);
    TirAxes axes = tir_axes_one(p.axis[3]);
    TirId x = program_input(&p, &r, axes, 1, 2), y = program_input(&p, &r, axes, 1, 2);
    TirId v = map2(&p, TIR_MUL, x, map1(&p, TIR_EXP, map1(&p, TIR_SIN, y)));
    tir_output(p.f, TIR_PORT_LOSS, 0, "loss", tir_sum(p.f, v, axes, nowhere));
    size_t before = p.f->ops.count;
    ad_gradient(p.f, 0, (uint32_t[]){0}, 1); /* seed 1, and exp(sin(y)) itself is the gradient */
    cr_expect_eq(p.f->ops.count, before + 1);
    program_free(&p);
}

/* --- models in small --- */

/* A network 3 - 4 - 2 with tanh and leaky rectifier, squared error over 5 events. */
Test(ad, network) {
    Program p;
    Random r = {17};
    program_start(&p);
    TirFunction *f = p.f;
    TirAxisId i = p.axis[1], j = p.axis[2], k = p.axis[3], rows = p.axis[5];
    TirId w1 = program_input(&p, &r, tir_axes_add(tir_axes_one(j), k), -1, 1);
    TirId b1 = program_input(&p, &r, tir_axes_one(k), -1, 1);
    TirId w2 = program_input(&p, &r, tir_axes_add(tir_axes_one(i), k), -1, 1);
    TirId b2 = program_input(&p, &r, tir_axes_one(i), -1, 1);
    TirId x = tir_uniform(f, 1, tir_axes_add(tir_axes_one(rows), j), nowhere);
    TirId h = map1(&p, TIR_TANH, map2(&p, TIR_ADD, tir_dot(f, x, w1, tir_axes_one(j), nowhere), b1));
    TirId z = map2(&p, TIR_ADD, tir_dot(f, h, w2, tir_axes_one(k), nowhere), b2);
    z = map2(&p, TIR_MAX, z, map2(&p, TIR_MUL, real(&p, 0.1), z));
    TirId e = map2(&p, TIR_POW, map2(&p, TIR_SUB, z, real(&p, 0.4)), real(&p, 2));
    TirId n = map1(&p, TIR_TO_REAL, tir_extent(f, rows, nowhere));
    TirId loss = map2(&p, TIR_DIV, tir_sum(f, e, tir_axes_add(tir_axes_one(i), rows), nowhere), n);
    tir_output(f, TIR_PORT_LOSS, 0, "loss", loss);
    uint32_t gradients = program_gradient(&p, 0);
    const char *wrong = program_check_first(&p, 0, gradients, 1e-9);
    cr_expect_null(wrong, "%s", wrong);
    wrong = program_check_second(&p, gradients, 1e-8);
    cr_expect_null(wrong, "%s", wrong);
    program_free(&p);
}

/* Events drawn by inverse transform from a density that is linear between its nodes, values A_0 .. A_3 in every batch
 * row: cumulative c, s = u c_last, cell k, x = lo + h (k + 2r / (a_k + sqrt(a_k^2 + 2 (a_{k+1} - a_k) r))). */
static TirId sampler(Program *p, TirId a) {
    TirFunction *f = p->f;
    TirAxisId b = p->axis[0], node = p->axis[3], rows = p->axis[5];
    double h = 0.25, lo = 0.1;
    TirId ends = map2(p, TIR_ADD, a, tir_slice(f, a, node, 0, nowhere));
    TirId c = map2(p, TIR_SUB, tir_cumsum(f, a, node, false, nowhere), map2(p, TIR_MUL, real(p, 0.5), ends));
    c = map2(p, TIR_MUL, real(p, h), c);
    TirId u = tir_uniform(f, 3, tir_axes_add(tir_axes_one(b), rows), nowhere);
    TirId s = map2(p, TIR_MUL, u, tir_slice(f, c, node, 3, nowhere));
    TirId k = tir_search(f, c, s, node, nowhere);
    TirId next = map2(p, TIR_ADD, k, tir_int(f, 1, nowhere));
    TirId left = tir_gather(f, a, k, node, nowhere), right = tir_gather(f, a, next, node, nowhere);
    TirId rest = map2(p, TIR_DIV, map2(p, TIR_SUB, s, tir_gather(f, c, k, node, nowhere)), real(p, h));
    TirId twice = map2(p, TIR_MUL, real(p, 2), rest);
    TirId root = map2(p, TIR_ADD, map2(p, TIR_MUL, left, left), map2(p, TIR_MUL, map2(p, TIR_SUB, right, left), twice));
    TirId t = map2(p, TIR_DIV, twice, map2(p, TIR_ADD, left, map1(p, TIR_SQRT, root)));
    TirId place = map2(p, TIR_ADD, map1(p, TIR_TO_REAL, k), t);
    return map2(p, TIR_ADD, real(p, lo), map2(p, TIR_MUL, real(p, h), place));
}

Test(ad, sampler_chain) {
    for (int raw = 0; raw < 2; raw++) {
        Program p;
        Random r = {29};
        program_start(&p);
        TirAxes nodes = tir_axes_add(tir_axes_one(p.axis[0]), p.axis[3]);
        TirId a = program_input(&p, &r, nodes, 0.2, 2);
        if (!raw) a = map1(&p, TIR_EXP, map2(&p, TIR_MUL, a, a));
        program_loss(&p, &r, sampler(&p, a));
        uint32_t gradients = program_gradient(&p, 0);
        expect_both_orders(&p, gradients, 1e-7);
        program_free(&p);
    }
}

/* x(u; A) does not change with the scale of the density, so sum_j A_j dx/dA_j = 0 in every batch row. */
Test(ad, sampler_has_no_scale) {
    Program p;
    Random r = {31};
    program_start(&p);
    TirAxes nodes = tir_axes_add(tir_axes_one(p.axis[0]), p.axis[3]);
    program_loss(&p, &r, sampler(&p, program_input(&p, &r, nodes, 0.2, 2)));
    uint32_t gradients = program_gradient(&p, 0);
    TirTensor *out = program_run(&p, &p.arena);
    for (int b = 0; b < 3; b++) {
        double sum = 0, size = 0;
        for (int j = 0; j < 4; j++) {
            double part = p.inputs[0].data[4 * b + j] * out[gradients].data[4 * b + j];
            sum += part;
            size += fabs(part);
        }
        cr_expect_gt(size, 1e-3);
        cr_expect_lt(fabs(sum), 1e-14 * size);
    }
    program_free(&p);
}

/* --- adjoints of any value by any other --- */

/* A network x{rows, j} -> leaky rectifier of 4 -> tanh of 2 -> one number a row. */
static TirId small_critic(Program *p, TirId x, const TirId *w) {
    TirFunction *f = p->f;
    TirId h = map2(p, TIR_ADD, tir_dot(f, x, w[0], tir_axes_one(p->axis[2]), nowhere), w[1]);
    h = map2(p, TIR_MAX, h, map2(p, TIR_MUL, real(p, 0.2), h));
    h = map1(p, TIR_TANH, tir_dot(f, h, w[2], tir_axes_one(p->axis[3]), nowhere));
    return tir_dot(f, h, w[3], tir_axes_one(p->axis[1]), nowhere);
}

/* The mean over rows of (|d critic/d x| - 1)^2: gradients of it by all weights, and their gradients. */
Test(ad, gradient_penalty) {
    Program p;
    Random r = {41};
    program_start(&p);
    TirFunction *f = p.f;
    TirAxisId i = p.axis[1], j = p.axis[2], k = p.axis[3], rows = p.axis[5];
    TirId x = program_input(&p, &r, tir_axes_add(tir_axes_one(rows), j), -1, 1), w[4];
    w[0] = program_input(&p, &r, tir_axes_add(tir_axes_one(j), k), -1, 1);
    w[1] = program_input(&p, &r, tir_axes_one(k), -1, 1);
    w[2] = program_input(&p, &r, tir_axes_add(tir_axes_one(i), k), -1, 1);
    w[3] = program_input(&p, &r, tir_axes_one(i), -1, 1);
    TirId inner = map1(&p, TIR_SIN, x), slope, score = small_critic(&p, inner, w);
    ad_adjoint(f, &score, (TirId[]){real(&p, 1)}, 1, &inner, 1, &slope);
    cr_assert(tir_axes_equal(axes_of(&p, slope), axes_of(&p, inner)), "of the shape of what it is derived by");
    TirId square = tir_sum(f, map2(&p, TIR_MUL, slope, slope), tir_axes_one(j), nowhere);
    TirId miss = map2(&p, TIR_SUB, map1(&p, TIR_SQRT, square), real(&p, 1));
    TirId n = map1(&p, TIR_TO_REAL, tir_extent(f, rows, nowhere));
    TirId loss = map2(&p, TIR_DIV, tir_sum(f, map2(&p, TIR_MUL, miss, miss), tir_axes_one(rows), nowhere), n);
    tir_output(f, TIR_PORT_LOSS, 0, "loss", loss);
    uint32_t gradients = program_gradient(&p, 0);
    cr_assert_null(tir_verify(f, &p.arena));
    expect_both_orders(&p, gradients, 1e-7);
    program_free(&p);
}

Test(ad, leaves_stop_the_way_back) {
    Program p;
    Random r = {43};
    program_start(&p);
    TirId x = program_input(&p, &r, tir_axes_one(p.axis[3]), 1, 2), other = real(&p, 2);
    TirId y = map1(&p, TIR_EXP, x), z = map2(&p, TIR_MUL, y, map2(&p, TIR_MUL, x, y));
    TirId wrt[3] = {x, y, other}, out[3];
    ad_adjoint(p.f, &z, (TirId[]){real(&p, 1)}, 1, wrt, 3, out);
    cr_expect_eq(out[2], TIR_NONE, "nothing depends on it");
    tir_output(p.f, TIR_PORT_VALUE, 0, "dx", out[0]);
    tir_output(p.f, TIR_PORT_VALUE, 1, "dy", out[1]);
    TirTensor *got = program_run(&p, &p.arena);
    for (int e = 0; e < 4; e++) {
        double at = p.inputs[0].data[e];
        cr_expect_float_eq(got[0].data[e], exp(2 * at), 1e-13 * exp(2 * at), "y^2, y held fixed");
        cr_expect_float_eq(got[1].data[e], 2 * at * exp(at), 1e-13 * exp(2 * at));
    }
    program_free(&p);
}

/* Both modes of differentiation against each other, on thousands of random programs: <J v, w> = <v, J' w> for random
 * outputs, tangents and seeds, with and without axes of directions; and the second derivative made in three ways,
 * forward over reverse, reverse over reverse and reverse over forward, which must agree and be symmetric. All in f64 on
 * the interpreter, to 1e-10 of the sum of the absolute values that are summed. Prints its seeds. */
#include "random_tir.c"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { FIRST = 20000, FIRST_ORDER = 4000, SECOND_ORDER = 1500, OUTPUTS = 3 };

/* cos(a + b i + c j ...) over random axes among `axes`, sometimes all and sometimes none. */
static TirId some_tensor(Program *p, Random *r, TirAxes axes) {
    TirId v = real(p, random_real(r, 0.5, 1.5));
    uint32_t keep = 1 + random_below(r, 4);
    for (uint32_t k = 0; k < axes.count; k++) {
        if (random_below(r, keep) == 1) continue;
        TirId place = map1(p, TIR_TO_REAL, tir_iota(p->f, axes.id[k], nowhere));
        v = map2(p, TIR_ADD, v, map2(p, TIR_MUL, place, real(p, random_real(r, 0.3, 2))));
    }
    return map1(p, TIR_COS, v);
}

/* sum + <a, b> over all axes but `kept`; both stand for values over `axes`. */
static TirId inner_product(Program *p, TirId sum, TirId a, TirId b, TirAxes axes, TirAxes kept) {
    axes = tir_axes_minus(axes, kept);
    TirId product = map2(p, TIR_MUL, a, b);
    product = tir_broadcast(p->f, product, tir_axes_union(axes_of(p, product), axes), nowhere);
    return map2(p, TIR_ADD, sum, tir_sum(p->f, product, axes, nowhere));
}

/* The inputs as values. */
static void inputs_of(const Program *p, TirId *x) {
    for (uint32_t k = 0; k < p->input_count; k++) x[k] = p->f->inputs.data[k].value;
}

/* |a - b| <= 1e-10 * size for every element of three outputs; a size of at least 1e-12 allows for zeros. */
static const char *outputs_agree(Program *p, const TirTensor *out, uint32_t first, const char *what) {
    const TirTensor *a = &out[first], *b = &out[first + 1], *size = &out[first + 2];
    for (size_t e = 0; e < a->count; e++)
        if (!(fabs(a->data[e] - b->data[e]) <= 1e-10 * fmax(size->data[size->count > 1 ? e : 0], 1e-12)))
            return arena_format(&p->arena, "%s: %.17g and %.17g, of %.3g", what, a->data[e], b->data[e],
                                size->data[size->count > 1 ? e : 0]);
    return NULL;
}

static void output_three(Program *p, TirId a, TirId b, TirId size) {
    TirAxes axes = tir_axes_union(axes_of(p, a), axes_of(p, b));
    tir_output(p->f, TIR_PORT_VALUE, 0, "a", tir_broadcast(p->f, a, axes, nowhere));
    tir_output(p->f, TIR_PORT_VALUE, 0, "b", tir_broadcast(p->f, b, axes, nowhere));
    tir_output(p->f, TIR_PORT_VALUE, 0, "size", size);
}

/* --- first order --- */

/* Real values of the program, the loss among them. */
static void some_outputs(Program *p, Random *r, TirId *of) {
    of[0] = p->f->outputs.data[0].value;
    for (int k = 1; k < OUTPUTS;) {
        of[k] = random_below(r, (uint32_t)p->f->ops.count);
        const TirOp *op = &p->f->ops.data[of[k]];
        k += op->type == TIR_REAL && op->op != TIR_LOOP && !tir_axes_has(op->axes, p->flat) && op->axes.count < 4;
    }
}

static const char *check_first_order(Program *p, Random *r) {
    TirId of[OUTPUTS], seed[OUTPUTS], along[OUTPUTS], x[RANDOM_INPUTS], v[RANDOM_INPUTS], back[RANDOM_INPUTS];
    some_outputs(p, r, of);
    inputs_of(p, x);
    TirAxes kept = tir_axes_none(), none = kept;
    TirAxes in_v = random_below(r, 3) ? none : tir_axes_one(tir_axis_add(p->f, "v", 2, false));
    TirAxes in_w = random_below(r, 3) ? none : tir_axes_one(tir_axis_add(p->f, "w", 3, false));
    kept = tir_axes_union(in_v, in_w);
    for (int i = 0; i < OUTPUTS; i++) seed[i] = some_tensor(p, r, tir_axes_union(axes_of(p, of[i]), in_w));
    for (uint32_t k = 0; k < p->input_count; k++) v[k] = some_tensor(p, r, tir_axes_union(axes_of(p, x[k]), in_v));
    ad_tangent(p->f, of, OUTPUTS, x, v, p->input_count, along);
    ad_adjoint(p->f, of, seed, OUTPUTS, x, p->input_count, back);
    TirId left = real(p, 0), right = real(p, 0), size = real(p, 0);
    for (int i = 0; i < OUTPUTS; i++) {
        if (along[i] == TIR_NONE) continue;
        left = inner_product(p, left, along[i], seed[i], axes_of(p, of[i]), kept);
        TirId a = map1(p, TIR_ABS, along[i]), b = map1(p, TIR_ABS, seed[i]);
        TirAxes all = tir_axes_union(axes_of(p, a), axes_of(p, b));
        size = inner_product(p, size, a, b, tir_axes_union(all, axes_of(p, of[i])), none);
    }
    for (uint32_t k = 0; k < p->input_count; k++)
        if (back[k] != TIR_NONE) right = inner_product(p, right, back[k], v[k], axes_of(p, x[k]), kept);
    uint32_t first = (uint32_t)p->f->outputs.count;
    output_three(p, left, right, size);
    const char *wrong = tir_verify(p->f, &p->arena);
    return wrong ? wrong : outputs_agree(p, program_run(p, &p->arena), first, "<J v, w> and <v, J' w>");
}

Test(products, first_order, .timeout = 120) {
    size_t used[TIR_OPCODE_COUNT] = {0};
    printf("seeds %d to %d\n", FIRST, FIRST + FIRST_ORDER - 1);
    for (uint64_t seed = FIRST; seed < FIRST + FIRST_ORDER; seed++) {
        Program p;
        Random r = {seed ^ 0x5eed};
        program_random(&p, seed, 12 + (uint32_t)(seed % 50), true);
        for (size_t v = 0; v < p.f->ops.count; v++) used[p.f->ops.data[v].op]++;
        const char *wrong = check_first_order(&p, &r);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
    }
    for (int op = 0; op < TIR_OPCODE_COUNT; op++)
        if (ad_differentiable(&(TirOp){.op = (TirOpcode)op}))
            cr_expect_geq(used[op], 50, "%s is in hardly any program", tir_op_text((TirOpcode)op));
}

/* --- second order --- */

typedef TirId Vectors[RANDOM_INPUTS];

/* Zeros in place of what is missing. */
static void fill(Program *p, TirId *v, const TirId *like) {
    for (uint32_t k = 0; k < p->input_count; k++)
        if (v[k] == TIR_NONE) v[k] = tir_broadcast(p->f, real(p, 0), axes_of(p, like[k]), nowhere);
}

static TirId sum_of_products(Program *p, const TirId *a, const TirId *b, const TirId *x) {
    TirId sum = real(p, 0);
    for (uint32_t k = 0; k < p->input_count; k++)
        sum = inner_product(p, sum, a[k], b[k], axes_of(p, x[k]), tir_axes_none());
    return sum;
}

/* The sum of |a| |b|. */
static TirId size_of_products(Program *p, const TirId *a, const TirId *b, const TirId *x) {
    Vectors c, d;
    for (uint32_t k = 0; k < p->input_count; k++) {
        c[k] = map1(p, TIR_ABS, a[k]);
        d[k] = map1(p, TIR_ABS, b[k]);
    }
    return sum_of_products(p, c, d, x);
}

static const char *check_second_order(Program *p, Random *r) {
    TirFunction *f = p->f;
    uint32_t n = p->input_count;
    TirId loss = f->outputs.data[0].value, one = real(p, 1), slope;
    Vectors x, g, u, v, hu, hv, again, mixed;
    inputs_of(p, x);
    for (uint32_t k = 0; k < n; k++) u[k] = some_tensor(p, r, axes_of(p, x[k]));
    for (uint32_t k = 0; k < n; k++) v[k] = some_tensor(p, r, axes_of(p, x[k]));
    ad_adjoint(f, &loss, &one, 1, x, n, g);
    fill(p, g, x);
    ad_tangent(f, g, n, x, v, n, hv); /* forward over reverse */
    ad_tangent(f, g, n, x, u, n, hu);
    slope = sum_of_products(p, g, v, x); /* reverse over reverse */
    ad_adjoint(f, &slope, &one, 1, x, n, again);
    ad_tangent(f, &loss, 1, x, v, n, &slope); /* reverse over forward */
    if (slope == TIR_NONE) slope = real(p, 0);
    ad_adjoint(f, &slope, &one, 1, x, n, mixed);
    for (int k = 0; k < 4; k++) fill(p, (TirId *[]){hu, hv, again, mixed}[k], x);
    uint32_t first = (uint32_t)f->outputs.count;
    TirId size = map2(p, TIR_ADD, size_of_products(p, u, hv, x), size_of_products(p, v, hu, x));
    output_three(p, sum_of_products(p, u, hv, x), sum_of_products(p, v, hu, x), size);
    for (uint32_t k = 0; k < n; k++) {
        output_three(p, hv[k], again[k], size);
        output_three(p, hv[k], mixed[k], size);
    }
    const char *wrong = tir_verify(f, &p->arena);
    if (wrong) return wrong;
    TirTensor *out = program_run(p, &p->arena);
    wrong = outputs_agree(p, out, first, "<u, H v> and <v, H u>");
    for (uint32_t k = 0; k < 2 * n && !wrong; k++)
        wrong =
            outputs_agree(p, out, first + 3 + 3 * k, k % 2 ? "H v, reverse over forward" : "H v, reverse over reverse");
    return wrong;
}

Test(products, second_order, .timeout = 120) {
    printf("seeds %d to %d\n", FIRST, FIRST + SECOND_ORDER - 1);
    for (uint64_t seed = FIRST; seed < FIRST + SECOND_ORDER; seed++) {
        Program p;
        Random r = {seed ^ 0x2eed};
        program_random(&p, seed, 10 + (uint32_t)(seed % 30), true);
        const char *wrong = check_second_order(&p, &r);
        cr_expect_null(wrong, "seed %lu: %s", (unsigned long)seed, wrong);
        program_free(&p);
    }
}

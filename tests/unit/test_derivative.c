/* grad, jacobian and hessian in the language: shapes, both modes, events, units, derivatives of derivatives, against
 * formulas written here. Monitors of a fit over p = 1 are evaluated by the reference interpreter. */
#include <criterion/criterion.h>
#include <math.h>

#include "unit/model_text.h"

enum { EVENTS = 5 };

typedef struct Expected {
    uint32_t count;
    double value[24];
} Expected;

/* Elements of monitor k against expected[k], relative to them where they are above 1. */
static void expect(const char *text, const Expected *expected, size_t count, double tolerance) {
    Model *m = model_good(text);
    const ProgramFit *fit = &m->program->fits.data[0];
    const TirFunction *f = fit->monitor;
    cr_assert_eq(fit->monitors.count, count);
    TirTensor in[8] = {0}, *out = calloc(f->outputs.count, sizeof *out);
    double zeros[64] = {0}, column[EVENTS] = {0.1, 0.3, 0.5, 0.7, 0.9};
    for (size_t i = 0; i < f->inputs.count; i++) {
        bool event = f->inputs.data[i].role == TIR_PORT_COLUMN;
        in[i] = (TirTensor){.type = TIR_REAL, .rank = 1, .shape = {event ? EVENTS : 1}, .data = event ? column : zeros};
        in[i].count = (size_t)in[i].shape[0];
    }
    tir_interpret(f, &m->arena, in, (int64_t[]){EVENTS}, 1, 0, out);
    for (size_t k = 0; k < count; k++) {
        cr_expect_eq(fit->monitors.data[k].count, expected[k].count, "%s has %lld elements", fit->monitors.data[k].name,
                     (long long)fit->monitors.data[k].count);
        for (uint32_t i = 0; i < expected[k].count; i++)
            cr_expect(fabs(out[k].data[i] - expected[k].value[i]) <= tolerance * fmax(1, fabs(expected[k].value[i])),
                      "%s, element %u: %.15g, wanted %.15g", fit->monitors.data[k].name, i, out[k].data[i],
                      expected[k].value[i]);
    }
    free(out);
    model_free(m);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define HEAD "use std.math\nparam p in (0, 2)\n"
#define TAIL "  minimize (p - 1)^2 over params using lbfgs\n}\n"

Test(derivative, shapes) {
    static const Expected expected[] = {{3, {1, 2, 3}},     {6, {3, 2, 1.0 / 3, -2.0 / 9, 4, 0}},
                                        {2, {5, 7}},        {4, {6, 0, 0, 18}},
                                        {4, {0, 1, 1, 0}},  {8, {1, 3, 0, 0, 0, 0, 1, 3}},
                                        {3, {2, 4, 6}},     {1, {20}},
                                        {4, {4, 0, 0, 12}}, {2, {12, 36}},
                                        {4, {0, 0, 0, 0}}};
    expect(HEAD "fun a() = [2 * p, 3 * p]\n"
                "fun tevery(x[n]) = jacobian([x[0] * x[1], x[0] / x[1], x[0]^2], x)\n"
                "fun wide(x[n]) = jacobian([x[0] + sum(x)], x)\n"
                "fun cubes(x[n]) = hessian(sum(k * x[k]^3 for k in index(n)) + x[0]^3 / 2, x)\n"
                "fun pair(x, y) = flatten(jacobian([y, x], [x, y]))\n"
                "fun rows(m[n, k], w[k]) = jacobian(m @ w, m)\n"
                "fun bend(x[n]) = hessian(sum(x^3) / 3, x)\n"
                "fun flat(x[n]) = hessian(sum(x * [1, 3]), x)\n"
                "fit t {\n"
                "  monitor by_number = jacobian([p, p^2, p^3], p)\n"
                "  monitor by_array = flatten(tevery(a()))\n"
                "  monitor of_one = wide([p, p])[0] + [3, 6]\n"
                "  monitor second = flatten(cubes(2 * a() / 2) - 0 * p)\n"
                "  monitor swap = pair(p, 2 * p)\n"
                "  monitor product = flatten(rows([[p, 2], [3, 4]], [p, 3]))\n"
                "  monitor line = jacobian([p^2, 2 * p^2, 3 * p^2], p)\n"
                "  monitor twice = hessian(p^5, p)\n"
                "  monitor again = flatten(bend(a()) * [[1, 5], [5, 2]])\n"
                "  monitor third = [grad(hessian(p^4 / 2, p), p), grad(sum(jacobian([p^3, p^4], p) * [2, 2]), p)]\n"
                "  monitor linear = flatten(flat(a()))\n" TAIL,
           expected, COUNT(expected), 1e-12);
}

/* Beyond the events of a sample: numbers of many points by parameters and arrays, in one go. */
Test(derivative, points) {
    static const Expected expected[] = {{4, {0, 1, 2, 3}},       {8, {0, 0, 1, 0, 2, 2, 3, 6}}, {2, {2 * 99, 4 * 98}},
                                        {3, {0.2, 0.36, 0.328}}, {4, {1, 0.5, 0.5, 0.33}},      {2, {1, 0.66}}};
    expect(
        HEAD
        "event Hit { x in 0 .. 1 }\n"
        "data hits : Hit from \"hits.h5\"\n"
        "fun scaled(x[n]) = [grad(k * sum(x^2), x)[n - k] for k in [1, 2]]\n"
        "fun model(x, c[n]) = sum(c[k] * x^k for k in index(n))\n"
        "fun score(x, c[n]) = grad(model(x, c), c)\n"
        "fun moments(x, c[n]) = jacobian([model(x, c), x * model(x, c)], c)\n"
        "fit t {\n"
        "  monitor powers = [grad(p^k, p) for k in index(4)]\n"
        "  monitor lists = flatten([jacobian([p^k, k * p^(k - 1)], p) for k in index(4)])\n"
        "  monitor long = scaled(index(100) * p)\n"
        "  monitor fisher = [mean(score(e.x, [p, p, p])[1]^2 for e in hits) * 0.2 / 0.33,\n"
        "    mean(grad(p * e.x^2, p) for e in hits) * 0.36 / 0.33, mean(grad(e.x^2 * p, e)[0] for e in hits) * 0.328]\n"
        "  monitor means = flatten(mean(moments(e.x, [p, p]) for e in hits))\n"
        "  monitor slopes = [mean(hessian(e.x^2 * p / 2, e)[0][0] for e in hits),\n"
        "    mean(hessian(e.x^2 * p^2, p) for e in hits)]\n" TAIL,
        expected, COUNT(expected), 1e-12);
}

/* The modes agree: an array by a longer one and by a shorter one, and a derivative taken through both. */
Test(derivative, modes_agree) {
    static const Expected expected[] = {{1, {0}}, {1, {0}}, {1, {0}}, {1, {0}}};
    expect(HEAD
           "fun f(x[n], m) = [sum(sin(x[i] * k) * p for i in index(n)) for k in index(m)]\n"
           "fun a(n) = [p + k / 3 for k in index(n)]\n"
           "fun slow(x[n], m) = [grad(f(x, m)[k], x) for k in [0, 1, 2, 3]]\n"
           "fun every(x[n], m) = jacobian(f(x, m), x)\n"
           "fun energy(x[n]) = sum(exp(x) * x) * sum(x^2)\n"
           "fun direct(x[n]) = jacobian(grad(energy(x), x), x) - hessian(energy(x), x)\n"
           "fit t {\n"
           "  monitor tall = norm(flatten(every(a(3), 4) - slow(a(3), 4)))\n"
           "  monitor wide = norm(flatten(every(a(7), 4) - slow(a(7), 4)))\n"
           "  monitor second = norm(flatten(direct(a(4))))\n"
           "  monitor through = grad(norm(flatten(every(a(3), 4))), p) - grad(norm(flatten(slow(a(3), 4))), p)\n" TAIL,
           expected, COUNT(expected), 1e-12);
}

/* Leibniz: the ends of an integral count, and so does what is in it, to second order too. */
Test(derivative, integrals) {
    const double bell = exp(-1.0);
    const double power = pow(2, 1.5) / 1.5, slope = log(2) + 1.5 - 1 / 1.5; /* (2 p)^(p + 1/2) / (p + 1/2), its log' */
    const Expected expected[] = {{1, {3 * bell - 1}},
                                 {1, {exp(2.0) + 2 * bell}},
                                 {1, {1}},
                                 {2, {-2, 3}},
                                 {1, {power * (1 - 0.5 + 1 / 2.25 + slope * slope)}},
                                 {2, {-sin(1.0), sin(2.0)}}};
    expect(HEAD "fun area(a, b) = integral(x for x in a .. b)\n"
                "fun turn(v[n]) = grad(integral(sin(x) for x in v[0] .. v[1]), v)\n"
                "fit t {\n"
                "  monitor end = grad(integral(exp(-p * x) for x in 0 .. p), p)\n"
                "  monitor body = grad(integral(exp(x * p) for x in -1 .. 2), p)\n"
                "  monitor log_end = grad(integral(1 / x for x in 1e-3 .. p on log), p)\n"
                "  monitor ends = jacobian([area(2 * p, 3), area(0, 3 * p)], p) * [0.5, 1 / 3]\n"
                "  monitor second = grad(grad(integral(x^(p - 0.5) for x in 0 .. 2 * p), p), p)\n"
                "  monitor both = turn([p, 2 * p])\n" TAIL,
           expected, COUNT(expected), 1e-8);
}

/* Where a product has zeros, a maximum ties, and a branch that is not taken has no value. */
Test(derivative, no_stray_nans) {
    static const Expected expected[] = {
        {9, {0, 0, 2, 0, 0, 0, 2, 0, 0}}, {3, {0, 0, 0}}, {2, {1, 1}}, {2, {2, 2}}, {3, {0, 1.5, 1}}};
    expect(HEAD "fun zeros() = [p - 1, 2 * p, 0 * p]\n"
                "fun bend(x[n]) = hessian(prod(x), x)\n"
                "fun slopes(x[n]) = jacobian([prod(x), 0], x)[0]\n"
                "fun branch(x) = if x > 2 then sqrt(x - 2) + log(x - 2) else x^2\n"
                "fit t {\n"
                "  monitor second = flatten(bend(zeros()))\n"
                "  monitor first = slopes(zeros())\n"
                "  monitor ties = jacobian([max(p, 1), min(p, 1)], p)\n"
                "  monitor branches = [jacobian([branch(p), p], p)[0], hessian(branch(p), p)]\n"
                "  monitor roots = jacobian([(p - 1) * sqrt(p - 1), p * sqrt(p), p], p)\n" TAIL,
           expected, COUNT(expected), 1e-12);
}

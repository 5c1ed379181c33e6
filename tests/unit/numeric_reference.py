#!/usr/bin/env python3
"""Makes numeric_reference.h: values and derivatives of the incomplete gamma and beta functions (needs mpmath).

Sums of positive terms in 60 digits, derivatives by the parameters by five-point differences of those with a step of 1e-10
of the parameter, which leaves 30 digits or more.   python3 numeric_reference.py > numeric_reference.h
"""
from mpmath import mp, mpf, exp, log, loggamma, sqrt

mp.dps = 60


def positive_sum(ratio):
    total, term, n = mpf(1), mpf(1), 0
    while term > mpf(10) ** -65 * total:
        term *= ratio(n)
        total += term
        n += 1
    return total


def gamma_p(a, x):
    """DLMF 8.11.4"""
    return exp(a * log(x) - x - loggamma(a + 1)) * positive_sum(lambda n: x / (a + n + 1))


def beta_i(a, b, x):
    """DLMF 8.17.8"""
    scale = exp(a * log(x) + b * log(1 - x) + loggamma(a + b) - loggamma(a) - loggamma(b)) / a
    return scale * positive_sum(lambda n: (a + b + n) / (a + 1 + n) * x)


def derivative(f, at, order):
    h = at * mpf(10) ** -10
    if order == 0:
        return f(at)
    v = [f(at + k * h) for k in (-2, -1, 0, 1, 2)]
    if order == 1:
        return (v[0] - 8 * v[1] + 8 * v[3] - v[4]) / (12 * h)
    return (-v[0] + 16 * v[1] - 30 * v[2] + 16 * v[3] - v[4]) / (12 * h * h)


def literal(x):
    return "%.17e" % float(x)


def points_gamma():
    for a in (0.01, 0.1, 0.5, 0.9):
        for x in (1e-9, 1e-3, 0.125, 0.75, 2.0, 7.5):
            yield a, x
    for a in (1.0, 2.5, 9.0, 19.5, 20.5, 120.0, 1000.0, 10000.0):
        for t in (-3.5, -2, -0.5, 0, 0.5, 2, 4):
            x = float(a + t * sqrt(mpf(a)))
            yield a, x if x > 0 else a / 16


def points_beta():
    pairs = ((0.01, 0.01), (0.01, 25.0), (0.3, 2.5), (1.0, 1.0), (1.0, 400.0), (2.5, 0.3), (12.0, 12.0), (25.0, 400.0),
             (400.0, 0.3), (400.0, 400.0))
    for a, b in pairs:
        width = sqrt(1 / mpf(a) + 1 / mpf(b))
        for t in (-2, 0.25, 1.5):
            s = log(mpf(a) / b) + t * min(width, mpf(6))
            yield a, b, float(1 / (1 + exp(-s)))


print("/* Incomplete gamma and beta functions, exact to the last digit; made by numeric_reference.py, do not edit. */")
print("/* a, x, P, Q, p (density), dP/da, d2P/da2, dp/da, dp/dx */")
print("static const double reference_gamma[][9] = {")
for a, x in points_gamma():
    A, X = mpf(a), mpf(x)
    p = gamma_p(A, X)
    density = lambda c: exp((c - 1) * log(X) - X - loggamma(c))
    row = [p, 1 - p, density(A), derivative(lambda c: gamma_p(c, X), A, 1), derivative(lambda c: gamma_p(c, X), A, 2),
           derivative(density, A, 1), density(A) * ((A - 1) / X - 1)]
    print("    {%s, %s, %s}," % (float(a).hex(), float(x).hex(), ", ".join(literal(v) for v in row)))
print("};")
print("/* a, b, x, I, f (density), dI/da, dI/db, d2I/da2, d2I/dadb, d2I/db2 */")
print("static const double reference_beta[][10] = {")
for a, b, x in points_beta():
    A, B, X = mpf(a), mpf(b), mpf(x)
    if x == 1:
        continue
    density = exp((A - 1) * log(X) + (B - 1) * log(1 - X) + loggamma(A + B) - loggamma(A) - loggamma(B))
    low = X < (A + 1) / (A + B + 2)

    def value(c, d):
        return beta_i(c, d, X) if low else 1 - beta_i(d, c, 1 - X)

    def part(i, j):
        return derivative(lambda c: derivative(lambda d: value(c, d), B, j), A, i)

    row = [value(A, B), density, part(1, 0), part(0, 1), part(2, 0), part(1, 1), part(0, 2)]
    print("    {%s, %s, %s, %s}," % (float(a).hex(), float(b).hex(), float(x).hex(), ", ".join(literal(v) for v in row)))
print("};")

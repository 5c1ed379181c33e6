#!/usr/bin/env python3
"""Makes coefficients.h: polynomials of the elementary functions, in 60 digits (needs mpmath).

Each polynomial is the least-squares fit at 200 Chebyshev nodes of the relative error that it causes in the function; at
these degrees that is within a factor of two of the minimax error, and far below one rounding. Coefficients are rounded to
the working precision one after another, lowest order first, and the rest is fitted again after each: so the rounding of
the large ones is made up for by the small ones.   python3 coefficients.py > coefficients.h
"""
from mpmath import mp, mpf, cos, sin, exp, log, log1p, expm1, pi, matrix, lu_solve, sqrt, floor, frexp, ldexp, atanh, nint, taylor, erf, erfc, atan, loggamma, psi, findroot, besselj, bessely, besseljzero, polylog

mp.dps = 60


def rounded(x, bits):
    m, e = frexp(x)
    return ldexp(nint(ldexp(m, bits)), e - bits)


def literal(x):
    return float(x).hex().replace("0000000p", "p") if x else "0.0"


def fit(target, weight, low, high, count, bits):
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / 400) for i in range(200)]
    value = [target(x) for x in nodes]
    w = [weight(x) for x in nodes]
    fixed = []
    while len(fixed) < count:
        k, n = len(fixed), count - len(fixed)
        rest = [v - sum(c * x**i for i, c in enumerate(fixed)) for x, v in zip(nodes, value)]
        a, b = matrix(n, n), matrix(n, 1)
        for x, y, u in zip(nodes, rest, w):
            p = [u * x ** (k + i) for i in range(n)]
            for i in range(n):
                b[i] += p[i] * u * y
                for j in range(n):
                    a[i, j] += p[i] * p[j]
        fixed.append(rounded(lu_solve(a, b)[0], bits))
    worst = max(abs(u * (v - sum(c * x**i for i, c in enumerate(fixed)))) for x, v, u in zip(nodes, value, w))
    return fixed, worst


def table(name, comment, target, weight, low, high, count32, count64):
    print(f"/* {comment} */")
    for suffix, bits, count in (("f32", 24, count32), ("f64", 53, count64)):
        if not count:
            continue
        c, worst = fit(target, weight, mpf(low), mpf(high), count, bits)
        text = ", ".join(literal(x) for x in c)
        print(f"/* relative error 2^{float(log(worst, 2)):.1f} */")
        print(f"static const double {name}_{suffix}[] = {{{text}}};")
    print()


def split(name, x, parts, bits, first=None):
    out = []
    for i in range(parts):
        part = rounded(x, first if first and i == 0 else bits)
        out.append(part)
        x -= part
    print(f"static const double {name}[] = {{{', '.join(literal(p) for p in out)}}};")


def near(f, x0):
    """f without the cancellation at 0"""
    def g(x):
        with mp.workdps(150):
            return +f(x) if abs(x) > mpf(10) ** -25 else x0
    return g


print("/* Polynomials and constants of the elementary functions. Made by coefficients.py, which says how; do not edit. */")
print("#ifndef QTMC_MATH_COEFFICIENTS_H\n#define QTMC_MATH_COEFFICIENTS_H\n")
half = log(mpf(2)) / 2 * mpf("1.001")
table("exp_q", "exp(r) = 1 + r + r^2 q(r), |r| <= ln2 / 2", near(lambda r: (expm1(r) - r) / r**2, mpf(1) / 2),
      lambda r: abs(r), -half, half, 6, 11)
table("log_r", "log((1 + s) / (1 - s)) = 2 s + s z r(z), z = s^2, |s| <= (sqrt2 - 1) / (sqrt2 + 1)",
      near(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, mpf(2) / 3), lambda z: z / 2, 0, (sqrt(2) - 1) ** 4 * mpf("1.001"),
      3, 7)
table("pow_q", "2 atanh(q / 2) = q + q^3 / 12 + q^5 p(q^2), |q| <= 2 (sqrt2 - 1) / (sqrt2 + 1)",
      near(lambda y: (2 * atanh(sqrt(y) / 2) - sqrt(y) - sqrt(y) ** 3 / 12) / sqrt(y) ** 5, mpf(1) / 80), lambda y: y**2,
      0, 4 * (sqrt(2) - 1) ** 4 * mpf("1.001"), 3, 8)
quarter = (pi / 4 * mpf("1.001")) ** 2
table("sin_s", "sin(r) = r + r z s(z), z = r^2, |r| <= pi/4",
      near(lambda z: (sin(sqrt(z)) - sqrt(z)) / sqrt(z) ** 3, mpf(-1) / 6), lambda z: z, 0, quarter, 3, 6)
table("cos_c", "cos(r) = 1 - z/2 + z^2 c(z)",
      near(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24), lambda z: z**2, 0, quarter, 3, 6)
table("erf_p", "erf(x) = x + x p(z), z = x^2, |x| <= 7/8", near(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1),
      lambda z: 1, 0, (mpf(7) / 8) ** 2 * mpf("1.001"), 7, 14)
K = mpf("3.75")
table("erfc_g", "erfc(x) = exp(-x^2) g(t) / (1 + 2 x), t = (x - 3.75) / (x + 3.75), 0 <= x <= 28",
      lambda t: (1 + 2 * K * (1 + t) / (1 - t)) * exp((K * (1 + t) / (1 - t)) ** 2) * erfc(K * (1 + t) / (1 - t)), lambda t: 1,
      -1, (28 - K) / (28 + K), 13, 26)
table("atan_p", "atan(x) = x + x z p(z), z = x^2, |x| <= 1", near(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, mpf(-1) / 3),
      lambda z: z, 0, 1, 10, 20)
table("lgamma_p", "log gamma(2 + d) = d p(d), |d| <= 1/2", near(lambda d: loggamma(2 + d) / d, psi(0, mpf(2))), lambda d: 1 / psi(0, mpf(2)),
      -mpf(1) / 2, mpf(1) / 2, 11, 21)
eighth = mpf(1) / 64
table("stirling_w", "log gamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + w(z)/x, z = 1/x^2, x >= 8",
      near(lambda z: (loggamma(1 / sqrt(z)) - (1 / sqrt(z) - mpf(1) / 2) * log(1 / sqrt(z)) + 1 / sqrt(z) - log(2 * pi) / 2)
           / sqrt(z), mpf(1) / 12), lambda z: z / 10, 0, eighth, 3, 7)
root = findroot(lambda x: psi(0, x), mpf("1.4616"))
table("digamma_p", "psi(1.5 + u) = (1.5 + u - root) p(u), |u| <= 1/2", lambda u: psi(0, u + mpf("1.5")) / (u + mpf("1.5") - root),
      lambda u: 1, -mpf(1) / 2, mpf(1) / 2, 12, 24)
table("digamma_q", "psi(x) = log x - 1/(2 x) - z q(z), z = 1/x^2, x >= 8",
      near(lambda z: (-log(z) / 2 - sqrt(z) / 2 - psi(0, 1 / sqrt(z))) / z, mpf(1) / 12), lambda z: z / 2, 0, eighth, 3, 8)
table("dilog_p", "Li2(1 - exp(-u)) = u - u^2/4 + u^3 p(u^2), |u| <= log 2",
      near(lambda z: (polylog(2, -expm1(-sqrt(z))).real - sqrt(z) + z / 4) / sqrt(z) ** 3, mpf(1) / 36), lambda z: z, 0, log(mpf(2)) ** 2 * mpf("1.001"),
      3, 8)
zeros = [[besseljzero(n, k) for k in (1, 2)] for n in (0, 1)]
for n in (0, 1):
    squares = [zero**2 for zero in zeros[n]]

    def factor(s):
        z = 64 - s
        return besselj(n, sqrt(z)) / sqrt(z) ** n / (z - squares[0]) / (z - squares[1])

    table(f"bessel{n}_p", f"J{n}(x) = {'x ' if n else ''}(x^2 - a^2) (x^2 - b^2) p(64 - x^2), a and b its first zeros, |x| <= 8",
          factor, lambda s: 1 / factor(s), -mpf("0.01"), 64 - mpf(10) ** -30, 10, 15)

    def modulus(z, part):
        """P or Q x of J = sqrt(2 / (pi x)) (P cos w - Q sin w), Y = sqrt(2 / (pi x)) (P sin w + Q cos w), x = 1 / sqrt(z)"""
        x = 1 / sqrt(z)
        w, s = x - (mpf(n) / 2 + mpf(1) / 4) * pi, sqrt(pi * x / 2)
        j, y = s * besselj(n, x), s * bessely(n, x)
        return (y * cos(w) - j * sin(w)) * x if part else j * cos(w) + y * sin(w)

    print(f"/* J{n}(x) = sqrt(2 / (pi x)) (c(z) cos w - s(z) sin(w) / x), w = x - {'3 ' if n else ''}pi/4, z = 1/x^2, x >= 8 */\n")
    table(f"bessel{n}_c", "c", lambda z: modulus(z, 0), lambda z: 1, 0, eighth * mpf("1.001"), 5, 13)
    table(f"bessel{n}_s", "s", lambda z: modulus(z, 1), lambda z: 1, 0, eighth * mpf("1.001"), 4, 11)
print("/* unevaluated sums; the first part of ln2 is short, so that its product with an exponent is exact */")
split("ln2_f32", log(mpf(2)), 2, 24, 14)
split("ln2_f64", log(mpf(2)), 2, 53, 41)
split("half_pi_f32", pi / 2, 3, 24)
split("half_pi_f64", pi / 2, 3, 53)
split("twelfth_f64", mpf(1) / 12, 2, 53)
split("digamma_root_f32", root, 2, 24)
split("digamma_root_f64", root, 2, 53)
split("pi_f32", pi, 2, 24)
split("pi_f64", pi, 2, 53)
for n in (0, 1):
    for k, zero in zip("ab", zeros[n]):
        split(f"bessel{n}_{k}_f32", zero, 2, 24)
        split(f"bessel{n}_{k}_f64", zero, 2, 53)
print("\n#endif")

"""Samplers: derivatives of means over drawn events against exact derivatives of the same means, by built models in f64.

The reference is the gridded density: f at the nodes of the sampler's grid, multilinear between them, whose means are sums
of products of one-dimensional integrals. A tolerance is three standard errors, taken from the events themselves.
"""
import itertools
import json
import math

from check import TOP, expect, expect_in

SEED = 20
EVENTS = 1000000


def monitors(work, name, text, *flags):
    """The monitors of fit f at the declared truth, and what the fit printed."""
    (work.folder / f"{name}.qtm").write_text(text)
    work.run(work.qtmc, "build", f"{name}.qtm", "-o", name, *flags)
    said, _ = work.run(f"./{name}", "fit", "f", f"--seed={SEED}", "--out=run")
    last = (work.folder / "run" / "metrics.jsonl").read_text().strip().splitlines()[-1]
    return json.loads(last)["monitors"], said


def near(what, got, wanted, error, least=0.0):
    print(f"{what}: {got:.6g}, exact {wanted:.6g}, standard error {error:.2g} (seed {SEED})")
    expect(abs(got - wanted) < 3 * error + least, f"{what} is {got}, and {wanted} within 3 x {error}")


def spread(mean, square, events=EVENTS):
    return math.sqrt(max(square - mean * mean, 0) / events)


def hat_moments(low, high, n, g):
    """Integrals of g times the hat function of each of n nodes: 16-point Gauss rule a cell."""
    import numpy

    point, weight = numpy.polynomial.legendre.leggauss(16)
    h = (high - low) / (n - 1)
    t = 0.5 * (point + 1)
    out = numpy.zeros(n, dtype=complex)
    for k in range(n - 1):
        value = 0.5 * h * weight * g(low + h * (k + t))
        out[k] += (value * (1 - t)).sum()
        out[k + 1] += (value * t).sum()
    return out


def gridded_mean(table, moments, ones):
    """Mean of a product of functions of one variable each, over the multilinear density with these node values."""
    top, bottom = table.astype(complex), table.astype(complex)
    for m, one in zip(reversed(moments), reversed(ones)):
        top, bottom = top @ m, bottom @ one
    return top / bottom


def slope(f, x, h=1e-4):
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


NORMAL = """use std.sampler
param rho in (-0.9, 0.9) start 0.6 truth 0.6
event XY { x in -6 .. 6
           y in -6 .. 6 }
density g(x in -6 .. 6, y in -6 .. 6) = exp(-(x^2 - 2*rho*x*y + y^2) / (2*(1 - rho^2)))
fit f {
    events %d
    let s = draw XY ~ g
    monitor xy = [mean(grad(e.x * e.y, rho) for e in s), mean(grad(e.x * e.y, rho)^2 for e in s)]
    monitor xx = [mean(grad(e.x^2, rho) for e in s), mean(grad(e.x^2, rho)^2 for e in s)]
    monitor yy = [mean(grad(e.y^2, rho) for e in s), mean(grad(e.y^2, rho)^2 for e in s)]
    minimize (rho - 0.6)^2 over params using adam(1e-12)
    stop after 1 steps
}
""" % EVENTS


def check_sampler_bivariate_normal(work):
    """dE[xy]/drho = 1, dE[x^2]/drho = dE[y^2]/drho = 0, but for 1e-7 that the cut at 6 makes: the exact values are those of
    the gridded density. Beside the standard error, one rounding of a number near 1 is allowed."""
    import numpy

    nodes = numpy.linspace(-6, 6, 101)
    x, y = nodes[:, None], nodes[None, :]
    one, first, second = (hat_moments(-6, 6, 101, lambda t, k=k: t**k) for k in range(3))
    got, said = monitors(work, "normal", NORMAL)
    for name, moments in {"xy": (first, first), "xx": (second, one), "yy": (one, second)}.items():
        def mean(rho, moments=moments):
            table = numpy.exp(-(x**2 - 2 * rho * x * y + y**2) / (2 * (1 - rho**2)))
            return gridded_mean(table, moments, [one, one]).real

        near(f"dE[{name}]/drho", got[name][0], slope(mean, 0.6), spread(*got[name]), 2.0**-24)
    expect_in("draws: XY x, y ~ g by multilinear (gradient exact, on its grid)", said)


POWER = """use std.sampler
param a in (-0.5, 2) start 0.5 truth 0.5
event E { x in 0.02 .. 1 }
density f1(x in 0.02 .. 1) = x^a * (1 - x)^3
fit f {
    events %d
    %s
    minimize (a - 0.5)^2 over params using adam(1e-12)
    stop after 1 steps
}
"""


def check_sampler_power_on_any_grid(work):
    """dE[x]/da of x^a (1-x)^3 equals the difference of the exact mean of the gridded density, from 2 nodes on."""
    import numpy

    lines = ""
    grids = (2, 3, 5, 20, 101)
    for n in grids:
        lines += (f"    let s{n} = draw E {{ x ~ f1 by inverse_transform(n = {n}) }}\n"
                  f"    monitor m{n} = [mean(grad(e.x, a) for e in s{n}), mean(grad(e.x, a)^2 for e in s{n})]\n"
                  f"    monitor v{n} = [mean(e.x for e in s{n}), mean(e.x^2 for e in s{n})]\n")
    got, _ = monitors(work, "power", POWER % (EVENTS, lines))
    for n in grids:
        x = numpy.linspace(0.02, 1, n)
        one, first = hat_moments(0.02, 1, n, lambda t: 1 + 0 * t), hat_moments(0.02, 1, n, lambda t: t)

        def mean(a, x=x, one=one, first=first):
            return gridded_mean(x**a * (1 - x)**3, [first], [one]).real

        near(f"E[x] on {n} nodes", got[f"v{n}"][0], mean(0.5), spread(*got[f"v{n}"]))
        near(f"dE[x]/da on {n} nodes", got[f"m{n}"][0], slope(mean, 0.5), spread(*got[f"m{n}"]), 1e-9)


def smooth_model(d, n):
    names = [f"x{i}" for i in range(d)]
    domain = ", ".join(f"{x} in 0 .. 1" for x in names)
    fields = " ".join(f"{x} in 0 .. 1," for x in names)
    chain = " + ".join(f"{names[i]} * {names[i + 1]}" for i in range(d - 1))
    dp = "grad(mean(D(e) for e in s1), p)"
    ds = "grad(mean(D(e) for e in s1), s)"
    if d < 4:  # of every event; with more variables that is a minute's work
        dp = "[mean(grad(D(e), p) for e in s1), mean(grad(D(e), p)^2 for e in s1)]"
        ds = "max(abs(grad(D(e), s)) for e in s1)"
    critic = " + ".join(f"{0.7 + 0.2 * i:.1f} * e.{x}" for i, x in enumerate(names))
    return f"""use std.sampler
param p in (0, 4) start 2 truth 2
param s in (0, 2) start 1 truth 1
event E {{ {fields} }}
density g({domain}) = s * exp(p * ({chain}) - {" - ".join(names)})
fun D(e : E) = sin({critic})
fit f {{
    events {EVENTS}
    let s1 = draw E ~ g by multilinear(n = {n})
    monitor dp = {dp}
    monitor ds = {ds}
    monitor value = mean(D(e) for e in s1)
    minimize (p - 2)^2 + (s - 1)^2 over params using adam(1e-12)
    stop after 1 steps
}}
"""


def gradient_is_unbiased(work, d, n):
    """A critic sin(sum c_i x_i) of d variables that hang together in a chain: the derivative of its mean by quadrature of
    the gridded density, to 1 percent; and an overall factor moves no event: sum_j A_j dx/dA_j = 0."""
    import numpy

    got, _ = monitors(work, f"smooth{d}", smooth_model(d, n))
    x = numpy.linspace(0, 1, n)
    axes = numpy.meshgrid(*[x] * d, indexing="ij")
    chain = sum(axes[i] * axes[i + 1] for i in range(d - 1))
    one = hat_moments(0, 1, n, lambda t: 1 + 0 * t)
    waves = [hat_moments(0, 1, n, lambda t, c=0.7 + 0.2 * i: numpy.exp(1j * c * t)) for i in range(d)]

    def mean(p):
        return gridded_mean(numpy.exp(p * chain - sum(axes)), waves, [one] * d).imag

    exact = slope(mean, 2)
    error = spread(*got["dp"]) if d < 4 else 0.002 * abs(exact)
    near(f"{d} variables", got["dp"][0], exact, error)
    expect(abs(got["dp"][0] / exact - 1) < 0.01, f"{d} variables: {got['dp'][0]} instead of {exact}")
    expect(abs(got["ds"][0]) < 1e-10, f"a factor of the density moves events by {got['ds']}")
    expect(abs(got["value"][0] - mean(2)) < 3 / math.sqrt(EVENTS), f"{d} variables: mean {got['value']}, exact {mean(2)}")


def check_sampler_two_variables(work):
    gradient_is_unbiased(work, 2, 41)


def check_sampler_three_variables(work):
    gradient_is_unbiased(work, 3, 15)


def check_sampler_four_variables(work):
    gradient_is_unbiased(work, 4, 9)


def check_sampler_five_variables(work):
    gradient_is_unbiased(work, 5, 6)


# --- published samplers, whose biases are part of what is expected of them ---

BIASED = """use std.sampler
use std.published
param rho in (-0.9, 0.9) start 0.6 truth 0.6
param a in (0, 2) start 0.5 truth 0.5
event XY { x in -6 .. 6
           y in -6 .. 6 }
event E { x in 0 .. 1 }
density g(x in -6 .. 6, y in -6 .. 6) = exp(-(x^2 - 2*rho*x*y + y^2) / (2*(1 - rho^2)))
density h(x in 0 .. 1) = x^a * (1 - x)^3
fit f {
    events 100000
LINES
    minimize (rho - 0.6)^2 + (a - 0.5)^2 over params using adam(1e-12)
    stop after 1 steps
}
"""


def check_sampler_distrosa(work):
    """At rho = 0.6 the full form gives 2/(1 - rho^2) = 3.125 for d<xy>/drho, whose truth is 1, and 2 rho/(1 - rho^2) = 1.875 for
    d<x^2>/drho, whose truth is 0; the diagonal form 2 and 0. In one variable both are exact."""
    lines = """    let full = draw XY ~ g by distrosa_full
    let diagonal = draw XY ~ g by distrosa_diagonal
    let one = draw E ~ h by distrosa_full(n = 401)
    let other = draw E ~ h by distrosa_diagonal(inverse_transform, n = 401)
    monitor fxy = [mean(grad(e.x * e.y, rho) for e in full), mean(grad(e.x * e.y, rho)^2 for e in full)]
    monitor fxx = [mean(grad(e.x^2, rho) for e in full), mean(grad(e.x^2, rho)^2 for e in full)]
    monitor dxy = [mean(grad(e.x * e.y, rho) for e in diagonal), mean(grad(e.x * e.y, rho)^2 for e in diagonal)]
    monitor dxx = [mean(grad(e.x^2, rho) for e in diagonal), mean(grad(e.x^2, rho)^2 for e in diagonal)]
    monitor line = [grad(mean(e.x for e in one), a), grad(mean(e.x for e in other), a)]
"""
    got, said = monitors(work, "distrosa", BIASED.replace("LINES", lines))
    for key, wanted in (("fxy", 3.125), ("fxx", 1.875), ("dxy", 2), ("dxx", 0)):
        near(key, got[key][0], wanted, spread(*got[key], events=100000), 0.01)
    for value in got["line"]:
        near("d<x>/da in one variable", value, 4 / 5.5**2, 0.0002, 0.0005)
    expect_in("draws: XY x, y ~ g by distrosa_full (gradient biased: the maps of all conditionals", said)


def check_sampler_loits(work):
    """What is left of d<x>/da by cells, and of a correlation: next to nothing, while means are those of the density."""
    cells = (2, 5, 9, 20)
    lines = ("    let plane = draw XY ~ g by loits\n    monitor plane_mean = mean(e.x * e.y for e in plane)\n"
             "    monitor plane_slope = grad(mean(e.x * e.y for e in plane), rho)\n")
    for n in cells:
        lines += (f"    let s{n} = draw E ~ h by loits_sliced(n = {n + 1}, points = 201)\n"
                  f"    monitor d{n} = grad(mean(e.x for e in s{n}), a)\n")
    lines += "    let linear = draw E ~ h by loits(n = 101)\n    monitor linear_mean = mean(e.x for e in linear)\n"
    got, _ = monitors(work, "loits", BIASED.replace("LINES", lines))
    for n, wanted in zip(cells, (0.639, 0.149, 0.0519, 0.01167)):
        near(f"share left on {n} cells", got[f"d{n}"][0] / (4 / 5.5**2), wanted, 0.007 * wanted)
    near("<xy>", got["plane_mean"][0], 0.6, 1.2 / math.sqrt(1e5), 0.01)
    expect(abs(got["plane_slope"][0]) < 0.02, f"two-dimensional LOITS has the slope {got['plane_slope']}")
    near("<x>", got["linear_mean"][0], 1.5 / 5.5, 0.17 / math.sqrt(1e5), 0.0005)


NODES = """use std.sampler
use std.published
param A[11, 11] in (0, 3) start 1 truth 1
param rho in (-0.9, 0.9) = RHO fixed
event XY { x in -3 .. 3
           y in -3 .. 3 }
fun node(t) = whole((t + 3) / 0.6 + 0.5)
density g(x in -3 .. 3, y in -3 .. 3) = A[node(x), node(y)] * exp(-(x^2 - 2*rho*x*y + y^2) / (2*(1 - rho^2)))
fun D(e : XY) = tanh(e.y)
fit f {
    events 200000
    let right = draw XY ~ g by multilinear(n = 11)
    let its_ = draw XY ~ g by its(n = 11)
    monitor slope = flatten(grad(mean(D(e) for e in right), A))
    monitor slope_its = flatten(grad(mean(D(e) for e in its_), A))
    minimize sum((A - 1)^2) over params using adam(1e-12)
    stop after 1 steps
}
"""


def node_slopes(rho):
    """d<D>/dA of every node by quadrature of the gridded density."""
    import numpy

    point, weight = numpy.polynomial.legendre.leggauss(8)
    t, w = 0.5 * (point + 1), 0.5 * weight
    x = numpy.linspace(-3, 3, 11)
    f = numpy.exp(-(x[:, None]**2 - 2 * rho * x[:, None] * x + x**2) / (2 * (1 - rho**2)))
    hats = [(1 - t, 0), (t, 1)]
    one, critic = numpy.zeros((11, 11)), numpy.zeros((11, 11))
    for i, j in itertools.product(range(10), repeat=2):
        a, b = numpy.meshgrid(x[i] + 0.6 * t, x[j] + 0.6 * t, indexing="ij")
        value = numpy.tanh(b) + 0 * a
        for (ha, di), (hb, dj) in itertools.product(hats, repeat=2):
            part = numpy.outer(w * ha, w * hb)
            one[i + di, j + dj] += part.sum()
            critic[i + di, j + dj] += (part * value).sum()
    Z = (f * one).sum()
    return (f * (critic - one * (f * critic).sum() / Z) / Z).ravel()


def check_sampler_its(work):
    """Gradients by all node values of a correlated normal density: the default sampler has that of the quadrature; the
    cell sampler, whose second variable does not follow the first within cells, one that is wrong by a third of its size
    and more where variables are correlated, and little where they are not."""
    import numpy

    wrong = {}
    for rho in (0, 0.5):
        got, _ = monitors(work, f"nodes{int(10 * rho)}", NODES.replace("RHO", str(rho)))
        exact = node_slopes(rho)
        size = numpy.linalg.norm(exact)
        right = numpy.linalg.norm(numpy.array(got["slope"]) - exact) / size
        wrong[rho] = numpy.linalg.norm(numpy.array(got["slope_its"]) - exact) / size
        print(f"correlation {rho}: default sampler off by {right:.4f}, ITS by {wrong[rho]:.3f} (seed {SEED})")
        expect(right < 0.03, f"correlation {rho}: the default sampler's gradient is off by {right}")
    expect(wrong[0] < 0.1, f"ITS is off by {wrong[0]} without a correlation")
    expect(wrong[0.5] > 0.3, f"ITS is off by {wrong[0.5]} at correlation 0.5")


# --- weights, chains, flows, closed forms ---

WEIGHTED = """use std.sampler
use std.weighted
param r in (-0.9, 0.9) start 0.5 truth 0.5
param l in (0.5, 3) start 1.5 truth 1.5
event XY { x in -4 .. 4
           y in -4 .. 4 }
event E { x in 0 .. 2 }
event P { x in 0.01 .. 1 on log }
density g(x in -4 .. 4, y in -4 .. 4) = exp(-(x^2 - 2*r*x*y + y^2) / (2 * (1 - r^2)))
density h(x in 0 .. 2) = exp(-l * x)
density power(x in 0.01 .. 1 on log) = x^(l - 2)
fun F(x) = -exp(-l * x)
fun Q(s) = -log(-s) / l
fit f {
    events 200000
LINES
    minimize (r - 0.5)^2 + (l - 1.5)^2 over params using adam(1e-12)
    stop after 1 steps
}
"""


def normal_moments(r, side=4.0, n=401):
    """<xy> and <x^2> of the correlated normal cut to a square."""
    import numpy

    x = numpy.linspace(-side, side, n)
    w = numpy.ones(n)
    w[0] = w[-1] = 0.5
    f = w[:, None] * w * numpy.exp(-(x[:, None]**2 - 2 * r * x[:, None] * x + x**2) / (2 * (1 - r**2)))
    return numpy.array([(f * x[:, None] * x).sum(), (f * x[:, None]**2).sum()]) / f.sum()


def two_moments(name, method):
    return (f"    let s_{name} = draw XY ~ g by {method}\n"
            f"    monitor {name} = [mean(e.x * e.y for e in s_{name}), mean(e.x^2 for e in s_{name}),\n"
            f"                 grad(mean(e.x * e.y for e in s_{name}), r), grad(mean(e.x^2 for e in s_{name}), r)]\n")


def check_sampler_weights(work):
    """Accept-reject, a black box with score weights and chains: the density itself, and unbiased derivatives of its means.
    The tolerance of derivatives is that of the score, whose variance is about 2 here, times moments."""
    methods = {"reject": ("accept_reject(rounds = 60)", 1), "box": ("score(multilinear)", 1),
               "chain": ("metropolis(rounds = 40)", 3)}
    lines = "".join(two_moments(name, method) for name, (method, _) in methods.items())
    lines += ("    let t = draw P ~ power by accept_reject(rounds = 60)\n"
              "    monitor t_ = [mean(e.x for e in t), grad(mean(e.x for e in t), l)]\n")
    got, said = monitors(work, "weights", WEIGHTED.replace("LINES", lines))
    means, slopes = normal_moments(0.5), slope(normal_moments, 0.5)
    unit = 1 / math.sqrt(200000)
    for name, (_, factor) in methods.items():
        near(f"{name} <xy>", got[name][0], means[0], 1.5 * unit * factor)
        near(f"{name} <x^2>", got[name][1], means[1], 1.5 * unit * factor)
        near(f"{name} d<xy>/dr", got[name][2], slopes[0], 5 * unit * factor)
        near(f"{name} d<x^2>/dr", got[name][3], slopes[1], 5 * unit * factor)

    def power_mean(p):
        return (1 - 0.01**p) / p * (p - 1) / (1 - 0.01**(p - 1))

    near("power <x>", got["t_"][0], power_mean(1.5), 0.3 * unit)
    near("power d<x>/dl", got["t_"][1], slope(power_mean, 1.5), 0.6 * unit)
    expect_in("draws: XY x, y ~ g by score (gradient unbiased, by weights)", said)


def check_sampler_closed_forms(work):
    """exp(-l x) on 0 .. 2 by the inverse of its cumulative distribution, and by solving for it: values, first and second
    derivatives of the mean."""
    lines = """    let a = draw E { x ~ h by closed_form(F, Q) }
    let b = draw E { x ~ h by closed_cdf(F) }
    monitor a_ = [mean(e.x for e in a), grad(mean(e.x for e in a), l), grad(grad(mean(e.x for e in a), l), l)]
    monitor b_ = [mean(e.x for e in b), grad(mean(e.x for e in b), l), grad(grad(mean(e.x for e in b), l), l)]
"""
    got, said = monitors(work, "closed", WEIGHTED.replace("LINES", lines))

    def mean(l):
        return 1 / l - 2 / math.expm1(2 * l)

    for name in ("a_", "b_"):
        near(f"{name} <x>", got[name][0], mean(1.5), 0.5 / math.sqrt(200000))
        near(f"{name} d<x>/dl", got[name][1], slope(mean, 1.5), 0.2 / math.sqrt(200000))
        near(f"{name} d2<x>/dl2", got[name][2], slope(lambda l: slope(mean, l), 1.5), 0.3 / math.sqrt(200000))
    expect_in("draws: E x ~ h by closed_form (gradient exact)", said)


FLOW = """use std.nn
use std.sampler
use std.weighted
use std.flow
param k in (-1, 1) start 0.5 truth 0.5
event XY { x in 0 .. 1
           y in 0 .. 1 }
density g(x in 0 .. 1, y in 0 .. 1) = exp(-60 * ((x - 0.5)^2 + (y - 0.3 - k * (x - 0.5)^2)^2))
network couple[k in 4](x[n]) -> [2 * n] = x |> mlp([16], tanh) |> dense(2 * n)
fun one_flow(u, v) = exp(flow_log_density(couple, [u, v], 4))
fit train {
    events 2000
    let s = draw XY ~ g
    let w = draw XY ~ g by flow(couple, 4)
    minimize -mean(flow_log_density(couple, domain_share(g, [e.x, e.y]), 4) for e in s) over couple using adam(1e-2)
    minimize (k - 0.5)^2 over params using adam(1e-12)
    monitor gap = mean(flow_log_density(couple, domain_share(g, [e.x, e.y]), 4) for e in s) - mean(log(pdf(g, e)) for e in s)
    monitor total = integral(one_flow(u, v) for u in 1e-4 .. 0.9999 for v in 1e-4 .. 0.9999)
    monitor xy = [mean(e.x * e.y for e in w), mean(e.x * e.y for e in s)]
    monitor slopes = [grad(mean(e.y for e in w), k), grad(mean(e.y for e in s), k)]
    stop after 400 steps
}
"""


def check_sampler_flow_trains(work):
    """A flow trained by maximum likelihood comes near to its density, its density integrates to 1, and events drawn from it
    have the means of the density and, by weights, their derivatives."""
    (work.folder / "flow.qtm").write_text(FLOW)
    work.run(work.qtmc, "build", "flow.qtm", "-o", "flow")
    work.run("./flow", "fit", "train", f"--seed={SEED}", "--out=run")
    steps = [json.loads(line) for line in (work.folder / "run" / "metrics.jsonl").read_text().strip().splitlines()]
    first, last = steps[0]["monitors"], steps[-1]["monitors"]
    print(f"log density of the flow less that of the truth: {first['gap']} at first, {last['gap']} in the end")
    expect(last["gap"][0] > -0.1 > first["gap"][0], f"the flow is {last['gap']} below its density")
    near("integral of the flow's density", last["total"][0], 1, 0.01)
    near("<xy> of the flow", last["xy"][0], last["xy"][1], 0.003)
    near("d<y>/dk by the flow's weights", last["slopes"][0], last["slopes"][1], 0.001)


# --- the estimator in use, pairs, WGAN-GP ---

OWN = """use std.sampler
use std.published
param a in (0, 2) start 0.5 truth 0.5
event E { x in 0 .. 1
          y in 0 .. 1 }
density h(x in 0 .. 1) = x^a * (1 - x)^3
density flat(x in 0 .. 1) = 1
fun half(f) = 0.5
fun middle(f, at) gradient exact "of nothing" = at
fit f {
    events 100
    let s = draw E { x ~ h by loits, y ~ flat by half }
    let t = draw E { x ~ h by middle(0.25), y ~ h }
    minimize mean(a * e.x + e.y for e in s) + mean(a * e.x + e.y for e in t) over params using adam(1e-3)
    stop after 1 steps
}
"""


def check_sampler_is_told(work):
    """What draws, and what it declares of its gradient, in the first lines of a fit and in qtmc info; the default where nothing
    is said, and nothing declared where a function declares nothing."""
    (work.folder / "own.qtm").write_text(OWN)
    work.run(work.qtmc, "build", "own.qtm", "-o", "own")
    said, _ = work.run("./own", "fit", "f", "--out=run")
    told, _ = work.run(work.qtmc, "info", "own.qtm")
    for line in ("E x ~ h by loits (gradient biased: the numbers of events in cells carry none; see std.published)",
                 "E y ~ flat by half (gradient of unknown quality)",
                 "E x ~ h by middle (gradient exact, of nothing)",
                 "E y ~ h by inverse_transform (gradient exact, on its grid)"):
        expect_in("draws: " + line + "\n", said)
        expect_in(line, told)


def check_wgan_gp_gradients(work):
    """check-gradients of a Wasserstein critic with the penalty between data and drawn events: the critic's weights and the
    generator's, in the example of the two-dimensional proxy with small networks."""
    source = (TOP / "examples" / "proxy2d" / "proxy2d.qtm").read_text()
    for before, after in (("vectors_per_step  = 16", "vectors_per_step  = 2"), ("events_per_vector = 256", "events_per_vector = 16"),
                          ("size width             = 32", "size width             = 6")):
        expect(before in source, f"the example has no '{before}'")
        source = source.replace(before, after)
    (work.folder / "small2d.qtm").write_text(source)
    work.run(work.qtmc, "build", "small2d.qtm", "-o", "small2d")
    work.run("./small2d", "draw", "--truth", "--events=2000", "--out=proxy2d.h5")
    said, _ = work.run("./small2d", "check-gradients", "wgan")
    print(said)
    expect_in("wgan_gp(distance, measured, fake, view = logs)", said)
    expect_in("second derivatives are symmetric", said)


def check_wgan_gp_trains(work):
    """A thousand steps of WGAN-GP on the two-dimensional proxy, with small samples, bring the drawn events to the data."""
    work.run(work.qtmc, "build", TOP / "examples" / "proxy2d" / "proxy2d.qtm", "-o", "proxy2d", "-D", "width=16", "-D",
             "events_per_vector=128", "-D", "vectors_per_step=8")
    work.run("./proxy2d", "draw", "--truth", "--events=40000", "--out=proxy2d.h5")
    distances = []
    for steps in (1, 1000):
        work.run("./proxy2d", "fit", "wgan", f"--seed={SEED}", f"--steps={steps}", f"--out=run{steps}")
        distances.append(sum(work.summary(f"run{steps}")["total_variation"].values()))
    print(f"total variation of both marginals: {distances[0]:.3f} after a step, {distances[1]:.3f} after 1000 (seed {SEED})")
    expect(distances[1] < 0.4 * distances[0], f"total variations {distances}")


PAIRS = """use std.sampler
param p in (0, 2) start 1 truth 1
event E { x in 0 .. 1 }
density h(x in 0 .. 1) = 1 + p * x
density w(x in 0 .. 1) = 2 * x
detector seen(e : E) -> E {
    weight e.x
}
data measured : E from "pairs.h5"
fit f {
    events 100000
    let s = draw E { x ~ h }
    let t = draw E { x ~ w } |> seen
    monitor both = [mean(a.x * b.x for a, b in pairs(s, t)), mean(a.x for a, b in pairs(s, t)), mean(b.x for a, b in pairs(s, t))]
    monitor same = mean((a.x - b.x)^2 for a, b in pairs(s, s))
    monitor data = [mean(a.x * b.x for a, b in pairs(measured, s)), mean(a.x for a, b in pairs(s, measured) when b.x > 0.5),
                    mean(a.x * b.x for a, b in pairs(measured, measured))]
    monitor middle = [mean(between(a, b, 0).x - a.x for a, b in pairs(s, t)), mean(abs(between(a, b, 1).x - b.x) for a, b in pairs(measured, s)),
                      mean(between(a, b, uniform()).x for a, b in pairs(s, measured))]
    minimize (p - 1)^2 over params using adam(1e-12)
    stop after 1 steps
}
"""


def check_sampler_pairs(work):
    """Pairs are event by event, independent where their samples are, and carry the product of the weights. The data are
    drawn as the detector sees them."""
    (work.folder / "pairs.qtm").write_text(PAIRS)
    work.run(work.qtmc, "build", "pairs.qtm", "-o", "pairs")
    work.run("./pairs", "draw", "--truth", "--events=50000", "--out=pairs.h5")
    got, _ = monitors(work, "pairs", PAIRS)
    h, t, error = 5 / 9, 3 / 4, 0.3 / math.sqrt(5e4)
    near("<a b>", got["both"][0], h * t, error)
    near("<a>", got["both"][1], h, error)
    near("<b>", got["both"][2], t, error)
    expect(got["same"][0] == 0, "a sample is not paired with itself event by event")
    near("<data sample>", got["data"][0], t * h, error)
    near("<sample> where the datum is large", got["data"][1], h, error)
    near("<data data>", got["data"][2], t * t, 2 * error)
    expect(abs(got["middle"][0]) < 1e-15 and got["middle"][1] < 1e-7, f"the ends of `between`: {got['middle']}")
    near("<between>", got["middle"][2], (h + t) / 2, error)


def check_sampler_same_on_any_threads_and_ranks(work):
    """Draws are addressed by seed, step, stream and event: bit for bit the same events whatever takes them."""
    work.run(work.qtmc, "build", TOP / "tests" / "models" / "small.qtm", "-o", "small")
    import h5py

    drawn = []
    for ranks, threads, seed in ((1, 1, 7), (1, 2, 7), (1, 3, 7), (2, 1, 7), (1, 1, 8)):
        out = f"events{len(drawn)}.h5"
        work.ranks(ranks, "./small", "draw", "--truth", "--events=5000", f"--seed={seed}", f"--threads={threads}", f"--out={out}")

        with h5py.File(work.folder / out) as file:
            drawn.append(b"".join(file["events"][name][()].tobytes() for name in sorted(file["events"])))
    expect(drawn[0] == drawn[1] == drawn[2], "events depend on the number of threads")
    expect(drawn[0] == drawn[3], "events depend on the number of ranks")
    expect(drawn[0] != drawn[4], "events do not depend on the seed")

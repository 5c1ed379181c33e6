"""What the events can tell of the parameters, before any fit: identify. And the second half of check-gradients, and
parameters at the end of their domain."""
import json
import math

from check import TOP, expect, expect_in, expect_products

PENALTY = TOP / "tests" / "models" / "penalty.qtm"
HEAD = "use std.sampler\n"
PLANE = HEAD + """
param a in (-0.5, 1)   truth 0.5
param b in (2.75, 4)   truth 3
param c in (0, 1.3)    truth 0.3
param d in (3, 4.5)    truth 4
param k in (0, 1.5)    truth 0.75
event XY { x in LOW .. HIGH
           y in LOW .. HIGH }
density rho(x in LOW .. HIGH, y in LOW .. HIGH) = x^a * (1 - x)^b * y^c * (1 - y)^d * (1 + k * x * y)
data measured : XY from "xy.h5" truth draw XY ~ rho
fit likelihood {
    minimize -mean(log(pdf(rho, e)) for e in measured) over params using lbfgs
    stop after 50 steps
}
"""


def build(work, text, *flags):
    (work.folder / "model.qtm").write_text(text)
    work.run(work.qtmc, "build", *flags, "-O0", "model.qtm", "-o", "model")
    return "./model"


def identified(work, model, *flags):
    out, _ = work.run(model, "identify", "--json", *flags)
    document = json.loads(out)
    return document["identified"]


def near(found, wanted, part, what):
    for name, value in wanted.items():
        expect(abs(found[name] - value) <= part * abs(value), what, name, found[name], "is not", value)


def bounds(one):
    return {name: item["bound"] for name, item in one["params"].items()}


def check_identify_plane(work):
    """The bounds of the two-dimensional proxy at 10,000 events to 3 digits, and those on its cut domain, which another
    program found."""
    model = build(work, PLANE.replace("LOW", "0").replace("HIGH", "1"))
    one = identified(work, model)[0]
    rounded = {name: float(f"{value:.3g}") for name, value in bounds(one).items()}
    wanted = {"a": 0.0203, "b": 0.0666, "c": 0.0173, "d": 0.0915, "k": 0.457}
    near(rounded, wanted, 3e-3, "bound")
    near(bounds(one), {"a": 0.02035, "b": 0.06656, "c": 0.0173, "d": 0.09151, "k": 0.45657}, 3e-4, "bound")
    expect(one["change"] < 1e-4 and not one["null_directions"], one["change"])
    expect(one["densities"] == [{"density": "rho", "events": 10000, "data": "measured", "event": "XY"}],
           one["densities"])
    half = identified(work, model, "--events=2500")[0]
    near(bounds(half), {name: 2 * value for name, value in bounds(one).items()}, 1e-9, "a fourth of the events")
    model = build(work, PLANE.replace("LOW", "0.001").replace("HIGH", "0.999 on log"))
    cut = {"a": 0.02057, "b": 0.06678, "c": 0.01786, "d": 0.09206, "k": 0.45773}
    near(bounds(identified(work, model)[0]), cut, 3e-4, "bound on the cut domain")


def check_identify_line(work):
    """The one-dimensional proxy: eigenvalues for one event of each channel, and the common factor that normalised
    densities do not see."""
    model, _ = work.small
    out, _ = work.run(model, "identify", "gan", "--events=1")
    expect_in("N_u and N_d up and down together: 0.894 N_u + 0.447 N_d is not determined", out)
    one, = identified(work, model, "--events=1")
    expect("gan" in one["fits"] and "likelihood" in one["fits"], "two fits use one pair of densities", one["fits"])
    expect(one["spectrum"][0] == 0 and len(one["null_directions"]) == 1, one["spectrum"])
    for found, wanted in zip(one["spectrum"][1:], (2.56e-5, 4.50e-4, 9.83e-3, 0.0804, 0.293)):
        expect(abs(found - wanted) < 2e-3 * wanted, "eigenvalue", found, wanted)
    parts = one["null_directions"][0]["parts"]
    near(parts, {"N_u": 2 / math.sqrt(5), "N_d": 1 / math.sqrt(5)}, 1e-9, "direction")
    found = {name: item["determined"] for name, item in one["params"].items()}
    expect(found == {"N_u": False, "a_u": True, "b_u": True, "N_d": False, "a_d": True, "b_d": True}, found)
    expect(one["params"]["N_u"]["bound"] is None, "a bound on what is not determined")
    expect(all(not band["determined"] for band in one["bands"]) and len(one["bands"]) == 2, "bands")
    held, = identified(work, model, "--events=1", "--fix=N_d")
    expect(not held["null_directions"] and "N_d" not in held["params"], held["null_directions"])
    expect(all(band["determined"] for band in held["bands"]), "bands with a factor held")
    for name in ("a_u", "b_u", "a_d", "b_d"):
        near(bounds(held), {name: one["params"][name]["bound"]}, 1e-6, "what is determined does not depend on the held")


def check_identify_bands(work):
    """p = x^a (1 + a) on 0 .. 1: F = 1/(1 + a)^2, and the band of q(x) = x^a is x^a |log x| times the bound."""
    model = build(work, HEAD + """
param a in (-0.9, 2) truth -0.4
qcf q(x) = x^a
density f(x in 0 .. 1) = q(x)
event E { x in 0 .. 1 }
fit gan {
    events 10
    minimize mean(e.x for e in draw E { x ~ f }) over params using adam(1e-3)
}
""")
    one, = identified(work, model, "--events=100")
    near(bounds(one), {"a": 0.06}, 1e-6, "bound")
    band, = one["bands"]
    for x, value, width in list(zip(band["x"], band["value"], band["band"]))[1:-1]:
        expect(abs(value - x ** -0.4) < 1e-9 * value, "curve", x, value)
        expect(abs(width - 0.06 * x ** -0.4 * -math.log(x)) < 1e-6 * value, "band", x, width)
    expect((work.folder / "run/identify/identify.json").exists(), "no file")
    near(bounds(identified(work, model, "--events=100", "--start=a=0.5")[0]), {"a": 0.15}, 1e-6, "elsewhere")
    near(bounds(identified(work, model, "--events=100", "--at=start")[0]), {"a": 0.155}, 1e-6, "at the start")


def trigamma(x):
    """By recurrence and the asymptotic series, DLMF 5.15.8."""
    total = 0
    while x < 20:
        total += 1 / x ** 2
        x += 1
    return total + 1 / x + 1 / (2 * x ** 2) + 1 / (6 * x ** 3) - 1 / (30 * x ** 5) + 1 / (42 * x ** 7)


def check_identify_poles(work):
    """Beta distributions with poles at both ends: F is made of trigamma functions. Two data sets of one family, an array
    of parameters, a link, and a parameter that no density knows."""
    model = build(work, HEAD + """
size n = 2
param a[n] in (0.05, 5) truth [0.55, 0.7]
param b in (0.05, 5) truth 0.6
param c = 2 * b
param idle in (0, 1) truth 0.5
event E { x in 0 .. 1 }
density f[i in n](x in 0 .. 1) = x^(a[i] - 1) * (1 - x)^(c / 2 - 1)
data set[i in n] : E from "set{i}.h5"
fit likelihood {
    minimize -sum(mean(log(pdf(f[i], e.x)) for e in set[i]) for i in n) + 0 * idle over params using lbfgs
}
""")
    one, = identified(work, model, "--events=1")
    expect([use["data"] for use in one["densities"]] == ["set.0", "set.1"], one["densities"])
    expect([direction["text"] for direction in one["null_directions"]] == ["idle"], one["null_directions"])
    names = list(one["params"])
    expect(names == ["a[0]", "a[1]", "b", "idle"], names)
    a, b = (0.55, 0.7), 0.6
    wanted = [[0] * 4 for _ in range(4)]
    for i in range(2):
        both = trigamma(a[i] + b)
        wanted[i][i] += trigamma(a[i]) - both
        wanted[2][2] += trigamma(b) - both
        wanted[i][2] = wanted[2][i] = -both
    for i in range(4):
        for k in range(4):
            expect(abs(one["fisher"][i][k] - wanted[i][k]) < 1e-4, i, k, one["fisher"][i][k], wanted[i][k])


def check_identify_units_and_shares(work):
    """Numbers are in declared units; shares add up to 1, so that one of them follows."""
    model = build(work, """use std.sampler
use std.units
param tau : GeV in (1, 20) truth 5
param share[3] in simplex truth [0.2, 0.3, 0.5]
event E { E : GeV in 0 .. 1000
          z in 0 .. 3 }
density falling(E : GeV in 0 .. 1000) = exp(-E / tau)
fun box(z, low) = if z < low or z > low + 1 then 0 else 1
density steps(z in 0 .. 3) = share[0] * box(z, 0) + share[1] * box(z, 1) + share[2] * box(z, 2)
data measured : E from "e.h5"
fit likelihood {
    minimize -mean(log(pdf(falling, e.E)) + log(pdf(steps, e.z)) for e in measured) over params using lbfgs
}
""")
    one, = identified(work, model, "--events=100")
    expect(one["params"]["tau"]["unit"] == "GeV" and len(one["spectrum"]) == 3, one["params"], one["spectrum"])
    wanted = {f"share[{i}]": math.sqrt(p * (1 - p) / 100) for i, p in enumerate((0.2, 0.3, 0.5))}
    near(bounds(one), {"tau": 0.5}, 1e-4, "bound")
    near(bounds(one), wanted, 0.02, "bound of a share (the density has steps)")


def check_identify_detector_and_run(work):
    """Behind a detector the bound is that of the events before it. A finished run can say where."""
    model = build(work, HEAD + """use std.detector
param a in (-0.9, 2) start 0.5
event E { x in 0 .. 1 }
event Seen { x in -1 .. 2 }
density f(x in 0 .. 1) = x^a
detector blurred(e : E) -> Seen {
    smear x by gaussian(0, 0.1)
    rebuild e = {x: x}
}
data measured : Seen from "seen.h5"
fit gan {
    events 64
    let seen = draw E ~ f |> blurred
    minimize (mean(e.x for e in seen) - mean(e.x for e in measured))^2 over params using adam(1e-2)
    stop after 3 steps
}
fit toy {
    minimize (a - 0.25)^2 over params using lbfgs
    stop after 20 steps
}
""")
    out, _ = work.run(model, "identify", "gan")
    expect_in("before detector blurred: a bound on what it leaves", out)
    expect_in("at the start", out)
    _, err = work.run(model, "identify", "toy", status=1)
    expect_in("fit toy: its objectives neither draw events from a density nor take pdf() of one", err)
    _, err = work.run(model, "identify", "--at=truth", status=1)
    expect_in("parameter 'a' has no truth; use --at=start", err)
    _, err = work.run(model, "identify", "--at=nowhere", status=2)
    expect_in("--at=nowhere is neither truth nor start nor the folder of a finished run", err)
    _, err = work.run(model, "identify", "--fix=a", status=1)
    expect_in("no fit of events with free parameters", err)
    work.run(model, "fit", "toy", "--quiet", "--out=toy")
    found = work.summary("toy")["params"]["a"]["value"]
    one, = identified(work, model, "gan", "--at=toy")
    near(bounds(one), {"a": (1 + found) / 100}, 1e-5, "bound")


def check_identify_refuses(work):
    """A density with a network in it, and one that is negative where it is asked."""
    model = build(work, """use std.sampler
use std.nn
param a in (-2, 2) truth 0.5
event E { x in 0 .. 1 }
network bump(x) -> real = [x] |> dense(1)
density g(x in 0 .. 1) = exp(a * x + bump(x))
density f(x in 0 .. 1) = 1 + a * x
data measured : E from "e.h5"
fit one { minimize -mean(log(pdf(g, e.x)) for e in measured) over params using lbfgs }
fit two { minimize -mean(log(pdf(f, e.x)) for e in measured) over params using lbfgs }
""")
    _, err = work.run(model, "identify", "one", status=1)
    expect_in("fit one: its density depends on the weights of a network", err)
    _, err = work.run(model, "identify", "two", "--start=a=-1.5", status=1)
    expect_in("density 'f' is -", err)
    out, _ = work.run(model, "identify")
    expect_in("fit one is left out: its density", out)
    out, _ = work.run(model, "identify", "--help")
    for word in ("--events", "--at", "--json", "--free", "--fix", "--start", "--out"):
        expect_in(word, out)


def check_second_order(work):
    """Forward mode and the symmetry of second derivatives, in every executable: for a penalty on the slope of a critic and
    for draws. A derivative that is given and is that of no function is found by its second derivatives."""
    work.run(work.qtmc, "build", "-O0", PENALTY, "-o", "model")
    work.run("./model", "draw", "--truth", "--events=64", "--out=penalty.h5")
    out, _ = work.run("./model", "check-gradients", "wasserstein")
    expect_in("and with forward mode to 1e-10, and second derivatives are symmetric", out)
    expect_in("relative    forward     second", out)
    expect_products(out, 14)
    model = build(work, """
param a in (0.5, 2) start 1.2
param b in (0.5, 2) start 0.7
fun twist(x, y) = 0 * x derivative { x: y, y: 0 }
fit tilted { minimize a^2 + b^2 + twist(a, b) over params using lbfgs }
""")
    out, _ = work.run(model, "check-gradients", status=1)
    errors = expect_products(out, 1)
    expect(errors[0][0] < 1e-10 < 1e-2 < errors[0][1], "the asymmetry is not seen", errors)


def check_end_of_domain(work):
    """Three events drive parameters of the plane to the ends of their domains: no spread is given there."""
    model = build(work, PLANE.replace("LOW", "0.001").replace("HIGH", "0.999 on log"))
    work.run(model, "draw", "--truth", "--data=measured", "--events=3", "--seed=3")
    out, _ = work.run(model, "fit", "likelihood", "--out=run")
    params = work.summary("run")["params"]
    ends = {"a": (-0.5, 1), "b": (2.75, 4), "c": (0, 1.3), "d": (3, 4.5), "k": (0, 1.5)}
    found = 0
    for name, (low, high) in ends.items():
        value = params[name]["value"]
        at_end = min(value - low, high - value) < 2e-6 * (high - low)
        found += at_end
        expect((params[name]["state"] == "end") == at_end, name, params[name])
        expect(params[name]["spread"] is None if at_end else params[name]["spread"] > 0, name, params[name])
    expect(found >= 2 and out.count("at the end of its domain") == found, found, out)
    expect((work.folder / "run/report.html").read_text().count("at the end of its domain") == found, "report")

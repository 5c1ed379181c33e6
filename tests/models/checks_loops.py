"""Loops of the language as loops of the code: matrices, differential equations, folds rolled and written out."""
import json
import math

from check import TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "loops.qtm"

# 10,000 parameters in one array, each seen by data of its own, and smoothed by its neighbours.
WIDE = """param a[i in 100, j in 100] in (-4, 4) start 0.5
fun wave(i, j) = sin(i / 10.0) * cos(j / 7.0)
fit t {
    minimize sum((a[i, j] - wave(i, j))^2 for i in index(100) for j in index(100)) + 0.001 * sum((a[i + 1, j] - a[i, j])^2 for i in index(99) for j in index(100)) over params using lbfgs
    stop after 60 steps
    monitor worst = max(max(abs(a[i, j] - wave(i, j)) for i in index(100)) for j in index(100))
}
"""


def build(work):
    import h5py
    import numpy

    random = numpy.random.default_rng(1)
    x, y = random.uniform(0, 1, 40), random.uniform(0, 1, 40)
    with h5py.File(work.folder / "hits.h5", "w") as file:
        file["events/x"] = x
        file["events/y"] = y
    work.run(work.qtmc, "build", MODEL, "-o", "model")
    return x, y


def monitors(work, fit):
    work.run("./model", "fit", fit, "--quiet", f"--out=run_{fit}")
    last = (work.folder / f"run_{fit}" / "metrics.jsonl").read_text().splitlines()[-1]
    values = json.loads(last)["monitors"]
    params = work.summary(f"run_{fit}")["params"]
    return values, {name: params[name]["value"] for name in ("width", "height", "rate")}


def check_loops_gradients(work):
    """Through factors, triangular systems, steps in time, the gradient of a factor, of each event: backwards, forwards,
    and derived twice."""
    build(work)
    out, _ = work.run("./model", "check-gradients")
    expect_in("and with forward mode to 1e-10, and second derivatives are symmetric", out)


def matrices(work, x, y):
    """log det, inverse and normal density of a factor that is a loop, and of one an event, are those of numpy."""
    import numpy

    got, p = monitors(work, "matrices")
    i = numpy.arange(40.0)
    kernel = p["height"] * numpy.exp(-((i[:, None] - i) / (8 * p["width"])) ** 2) + 0.3 * numpy.eye(40)
    curve = numpy.sin(i / 5)
    want = -(curve @ numpy.linalg.solve(kernel, curve) + numpy.linalg.slogdet(2 * math.pi * kernel)[1]) / 2
    expect(abs(got["likelihood"][0] - want) < 1e-10 * abs(want), "log density", got["likelihood"], want)
    want = numpy.trace(numpy.linalg.inv(kernel))
    expect(abs(got["trace"][0] - want) < 1e-10 * want, "trace of the inverse", got["trace"], want)
    expect(got["product"][0] < 1e-12, "L L^T - A", got["product"])
    want = 0
    for u, v in zip(x, y):
        a = numpy.array([[1 + u, p["width"] * u, 0.2], [p["width"] * u, 2 + p["height"], 0.1 * u], [0.2, 0.1 * u, 1.5]])
        d = numpy.array([u - 0.1, v - 0.2, 0.3])
        want -= (d @ numpy.linalg.solve(a, d) + numpy.linalg.slogdet(2 * math.pi * a)[1]) / 2 / len(x)
    expect(abs(got["events"][0] - want) < 1e-10, "of every event", got["events"], want)


def equations(work):
    """A rate is found through the equation that it stands in; its first and second derivatives are those of exp."""
    got, p = monitors(work, "rates")
    expect(abs(p["rate"] - 0.7) < 1e-6, "the rate", p)
    want = math.exp(-1.4)
    for name, factor in (("value", 1), ("slope", -2), ("curvature", 4)):
        expect(abs(got[name][0] - factor * want) < 1e-6, name, got[name], factor * want)
    got, _ = monitors(work, "path")
    expect(got["last"] == got["also"], "the last state of a path is the last state", got)


def rolled(work):
    """A fold of many rounds gives what it gives written out; draws differ from round to round."""
    got, p = monitors(work, "same")
    for loop, written in (("rolled", "unrolled"), ("record", "written")):
        for a, b in zip(got[loop], got[written]):
            expect(abs(a - b) <= 1e-13 * abs(b), loop, got)
    expect(got["record"][1] == 50, "rounds counted", got)
    want = sum(k / 59 * math.sin(p["rate"] * k / 59) for k in range(60))
    expect(abs(got["total"][0] - want) < 1e-10, "over an array", got["total"], want)
    expect(4 < got["spread"][0] < 14, "100 steps of variance 1/12, of 40 events", got["spread"])


def check_loops_values(work):
    """Numbers of loops as they are known from elsewhere."""
    x, y = build(work)
    matrices(work, x, y)
    equations(work)
    rolled(work)


def check_loops_wide(work):
    """A model with 10,000 parameters is built, and its least squares found."""
    (work.folder / "wide.qtm").write_text(WIDE)
    work.run(work.qtmc, "build", "wide.qtm", "-o", "wide")
    work.run("./wide", "fit", "t", "--quiet", "--out=run")
    last = json.loads((work.folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    expect(0 < last["monitors"]["worst"][0] < 2e-3, "pulled towards neighbours by a thousandth", last)

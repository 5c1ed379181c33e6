"""Parts of the language together, on a built model: units, families, links, sum rules, detectors, weights, networks."""
import json

from check import TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "cross.qtm"


def build(work, events):
    work.run(work.qtmc, "build", MODEL, "-o", "model")
    work.run("./model", "draw", "--truth", f"--events={events}", "--out=seen.h5")


def check_cross_gradients(work):
    """Through cross sections with units, detectors, weights and networks over records; the sum rule holds on the way."""
    build(work, 200)
    out, _ = work.run("./model", "check-gradients")
    expect_in("all gradients agree with finite differences", out)
    work.run("./model", "fit", "weights", "--quiet", "--out=run")
    for line in (work.folder / "run" / "metrics.jsonl").read_text().splitlines():
        (rule,), (inside,) = (json.loads(line)["monitors"][name] for name in ("rule", "inside"))
        expect(0.2 < inside < 0.5, "the least x behind the cuts", inside)
        expect(abs(rule - 6) < 1e-5, "A (a.u + a.d + a.s) is 6 at every step", rule)


def check_cross_laplace(work):
    """The likelihood of a cross section in two variables finds its truth, within what its curvature says."""
    build(work, 20000)
    work.run("./model", "fit", "bars", "--quiet", "--out=run")
    params = work.summary("run")["params"]
    for name, truth in (("a.u", 1), ("b", 2)):
        value, spread = params[name]["value"], params[name]["spread"]
        expect(0 < spread < 0.5 and abs(value - truth) < 4 * spread, name, params[name])
    expect(abs(params["a.d"]["value"] - 2 * params["a.u"]["value"]) < 1e-6, "the link", params)
    expect(params["a.s"]["value"] == 1.5, "what is fixed", params)

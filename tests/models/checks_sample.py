"""Drawing from densities of several variables and through detectors, by built models."""
import math

from check import TOP, expect, expect_in

FOLDED = """use std.sampler
use std.detector
param m in (0, 10) truth 5
param s in (0.5, 3) truth 1
event True { z in 0 .. 10 }
event Seen { x in -5 .. 15 }
density spectrum(z in 0 .. 10) = exp(-(z - m)^2 / (2 * s^2))
detector counter(e : True) -> Seen {
    SCALE
    smear z by gaussian(0, 0.5)
    rebuild e = {x: z}
}
data measured : Seen from "seen.h5"
fit f {
    events 5000
    let events = draw True ~ spectrum
    let seen = events |> counter
    minimize (mean(e.x for e in seen) - mean(e.x for e in measured))^2
        + (mean((e.x - 5)^2 for e in seen) - mean((e.x - 5)^2 for e in measured))^2 over params using adam(2e-2 * 0.995^step)
    stop after 400 steps
}
"""


def read(path, *names):
    import h5py

    with h5py.File(path) as file:
        return [file["events"][name][()].astype(float) for name in names]


def check_draw_through_detector(work):
    """Events in a file are what the detector sees: N(5, 1 + 0.25), of which those with weight z/10 stay: density
    z N(z) / 5 has the mean 5 + 1/5 before smearing. A fit through the same detector gives the truth back."""
    (work.folder / "folded.qtm").write_text(FOLDED.replace("SCALE", "weight e.z / 10"))
    work.run(work.qtmc, "build", "folded.qtm", "-o", "folded")
    work.run("./folded", "draw", "--truth", "--event=Seen", "--events=100000", "--out=seen.h5")
    work.run("./folded", "draw", "--truth", "--event=True", "--events=100000", "--out=true.h5")
    (seen,), (true,) = read(work.folder / "seen.h5", "x"), read(work.folder / "true.h5", "z")
    expect(len(seen) == 100000, f"{len(seen)} events were written")
    expect(abs(true.mean() - 5) < 4 / math.sqrt(1e5), f"mean of the truth {true.mean()}")
    expect(abs(seen.mean() - 5.2) < 4 * 1.1 / math.sqrt(1e5), f"mean behind the detector {seen.mean()}")
    expect(abs(seen.var() - (1 - 0.04 + 0.25)) < 4 * 1.7 / math.sqrt(1e5), f"variance behind the detector {seen.var()}")
    work.run("./folded", "fit", "f", "--measured=seen.h5", "--out=run")
    values = {name: p["value"] for name, p in work.summary("run")["params"].items()}
    expect(abs(values["m"] - 5) < 0.06 and abs(values["s"] - 1) < 0.06, f"the fit gives {values}")


def check_draw_refuses_large_weights(work):
    (work.folder / "heavy.qtm").write_text(FOLDED.replace("SCALE", "weight e.z"))
    work.run(work.qtmc, "build", "heavy.qtm", "-o", "heavy")
    _, said = work.run("./heavy", "draw", "--truth", "--event=Seen", "--events=1000", "--out=seen.h5", status=1)
    expect_in("a weight above 1", said)
    (work.folder / "none.qtm").write_text(FOLDED.replace("SCALE", "require e.z > 20"))
    work.run(work.qtmc, "build", "none.qtm", "-o", "none")
    _, said = work.run("./none", "draw", "--truth", "--event=Seen", "--events=1000", "--out=seen.h5", status=1)
    expect_in("events of Seen passes the detector", said)


def check_proxy2d_likelihood(work):
    """Closure of the two-dimensional proxy: within the Cramer-Rao bounds, which the spreads are."""
    work.run(work.qtmc, "build", TOP / "examples" / "proxy2d" / "proxy2d.qtm", "-o", "proxy2d")
    work.run("./proxy2d", "draw", "--truth", "--events=40000", "--seed=5", "--out=proxy2d.h5")
    work.run("./proxy2d", "fit", "likelihood", "--measured=proxy2d.h5", "--out=run")
    bounds = {"a": 0.0203, "b": 0.0666, "c": 0.0173, "d": 0.0915, "k": 0.457}
    truth = {"a": 0.5, "b": 3, "c": 0.3, "d": 4, "k": 0.75}
    for name, p in work.summary("run")["params"].items():
        bound = bounds[name] / 2
        expect(abs(p["value"] - truth[name]) < 4 * bound, f"{name} = {p['value']}, truth {truth[name]}")
        expect(0.8 * bound < p["spread"] < 1.25 * bound, f"spread of {name} {p['spread']}, bound {bound}")

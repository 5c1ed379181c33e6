"""The examples of deep inelastic scattering, of families and of a learned detector give their known answers."""
from check import TOP, expect

EXAMPLES = TOP / "examples"


def answers(work, run):
    return {name: entry for name, entry in work.summary(run)["params"].items() if entry["state"] == "free"}


def pulls(work, run, truth, largest=4):
    for name, value in truth.items():
        entry = answers(work, run)[name]
        expect(entry["spread"] > 0 and abs(entry["value"] - value) < largest * entry["spread"], name, entry)


def check_example_dis(work):
    """The likelihood finds the truth within its errors; behind the detector the fit that knows it is right, and the one
    that does not is off by many times as much."""
    work.run(work.qtmc, "build", EXAMPLES / "dis" / "dis.qtm", "-o", "dis")
    work.run("./dis", "draw", "--truth", "--event=Dis", "--events=100000", "--seed=7", "--out=dis_true.h5")
    work.run("./dis", "draw", "--truth", "--event=Seen", "--events=100000", "--seed=8", "--out=dis_seen.h5")
    work.run("./dis", "fit", "bars", "--quiet")
    pulls(work, "run/bars", {"a_v": 0.7, "b_u": 3.2, "d_s": 0.2})
    for name in ("folded", "unfolded"):
        work.run("./dis", "fit", name, "--quiet", "--steps=400", "--fix=a_v=0.7,b_u=3.2")
    folded, unfolded = (answers(work, f"run/{name}")["d_s"]["value"] for name in ("folded", "unfolded"))
    expect(abs(folded - 0.2) < 0.02, f"d_s through the detector: {folded}")
    expect(0.27 < unfolded < 0.33, f"d_s without the detector: {unfolded}")


def check_example_families(work):
    """Links, held parameters and sum rules of a family; the likelihood finds the truth."""
    work.run(work.qtmc, "build", EXAMPLES / "families" / "families.qtm", "-o", "families")
    work.run("./families", "draw", "--truth", "--events=100000", "--out=families.h5")
    work.run("./families", "fit", "bars", "--quiet")
    pulls(work, "run/bars", {"a.u": 0.7, "b.u": 3.2, "a.ub": -0.2, "sea": 0.16})
    values = {name: entry["value"] for name, entry in work.summary("run/bars")["params"].items()}
    expect(values["a.d"] == values["a.u"] and values["a.sb"] == values["a.ub"], "links", values)
    expect(abs(values["b.d"] - values["b.u"] - 1) < 1e-12, "b.d = b.u + 1", values)


def check_example_surrogate(work):
    """A detector learned from pairs stands in for the one that made them; without any the slope is wrong."""
    for name in ("surrogate", "folded"):
        work.run(work.qtmc, "build", EXAMPLES / "surrogate" / f"{name}.qtm", "-o", name)
    work.run("./surrogate", "draw", "--truth", "--event=SimPair", "--events=20000", "--out=zeus_sim.h5")
    work.run("./surrogate", "fit", "surrogate", "--quiet")
    work.run("./folded", "draw", "--truth", "--events=100000", "--event=Seen", "--seed=5", "--out=folded.h5")
    for name in ("exact", "folded", "unfolded"):
        work.run("./folded", "fit", name, "--quiet")
    slope = {name: answers(work, f"run/{name}")["slope"]["value"] for name in ("exact", "folded", "unfolded")}
    expect(abs(slope["exact"] - 14) < 0.25, "slope through the simulation", slope)
    expect(abs(slope["folded"] - 14) < 0.45, "slope through the learned detector", slope)
    expect(slope["unfolded"] < 13.2, "slope without a detector", slope)


CUT = """use std.sampler
use std.detector
param m in (1, 9) start 5 truth 6
event Hit { x in 0 .. 10 }
density spectrum(e : Hit) = exp(-(e.x - m)^2 / 2)
detector edge(e : Hit) -> Hit {
    require e.x > 4
    rebuild e = {x: 4 + (e.x - 4)^0.5}
}
data measured : Hit from "cut.h5"
fit f {
    events 5000
    minimize (mean(sqrt(e.x - 4) for e in draw Hit ~ spectrum |> edge) - mean(sqrt(e.x - 4) for e in all of measured))^2
        over params using adam(3e-2 * 0.99^step)
    stop after 400 steps
}
"""


def check_detector_require_protects(work):
    """What `require` leaves out can be no number in the stages and objectives behind it, and does not harm them."""
    (work.folder / "cut.qtm").write_text(CUT)
    work.run(work.qtmc, "build", "cut.qtm", "-o", "cut")
    work.run("./cut", "draw", "--truth", "--events=50000", "--out=cut.h5")
    work.run("./cut", "fit", "f", "--quiet")
    m = answers(work, "run/f")["m"]["value"]
    expect(abs(m - 6) < 0.1, f"m = {m}, truth 6")

"""Single parameters as groups, closure data of all data sets, a learned stage of a detector, and the mixture example."""
from check import TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "over.qtm"
MIXTURE = TOP / "examples" / "mixture" / "mixture.qtm"
START = {"a": 1.5, "b": 1.2, "held": 0.5, "w.u": 1.1, "w.s": 0.7, "t[0]": 0.4, "t[1]": 0.4, "t[2]": 0.4}


def build(work):
    work.run(work.qtmc, "build", MODEL, "-o", "model")
    return "./model"


def column(work, path):
    import h5py

    with h5py.File(work.folder / path) as file:
        return file["events/x"][()]


def moved(work, run):
    """The parameters that are not where they started."""
    params = work.summary(run)["params"]
    return {name for name, start in START.items() if abs(params[name]["value"] - start) > 1e-6}


def check_over_moves_what_is_named(work):
    """An update over some parameters leaves all others where they start, whatever the optimiser."""
    model = build(work)
    work.run(model, "draw", "--truth", "--events=4000", "--data=set")
    for fit, due in (("number", {"a"}), ("family", {"w.u"}), ("turns", {"a", "b", "t[0]", "t[1]", "t[2]"})):
        work.run(model, "fit", fit, "--quiet", f"--out={fit}")
        expect(moved(work, fit) == due, fit, moved(work, fit), due)
    params = work.summary("number")["params"]
    expect(params["a"]["spread"] > 0 and params["b"]["spread"] is None, "b is not known exactly", params)
    expect(abs(params["link"]["value"] - params["a"]["value"] - 1) < 1e-9, "the link follows", params)
    work.run(model, "fit", "turns", "--quiet", "--out=half", "--steps=5")
    work.run(model, "resume", "half/last.h5", "--quiet", "--steps=10")
    expect(work.weights("half") == work.weights("turns"), "5 and 5 steps are not 10")
    work.ranks(2, model, "fit", "turns", "--quiet", "--out=ranks", "--threads=1")
    for name in START:
        one, two = (work.summary(run)["params"][name]["value"] for run in ("turns", "ranks"))
        expect(abs(one - two) < 1e-3, "ranks change the answer", name, one, two)
    work.run(model, "fit", "turns", "--quiet", "--out=fixed", "--fix=t[1]")
    expect(moved(work, "fixed") == {"a", "b", "t[0]", "t[2]"}, moved(work, "fixed"))
    out, _ = work.run(model, "fit", "turns", "--out=told", "--steps=2")
    expect_in("a+t ", out)


def check_over_gradients(work):
    """The gradient by what an update does not move is 0, and the rest is right."""
    model = build(work)
    for fit in ("number", "family", "turns"):
        out, _ = work.run(model, "check-gradients", fit)
        expect_in("all gradients agree", out)
    out, _ = work.run(model, "check-gradients", "family")
    expect("params.t" not in out, "arrays that no update moves are not checked", out)


def check_over_closure_data(work):
    """One command makes the files of all data sets, each at its own truth."""
    model = build(work)
    out, _ = work.run(model, "draw", "--truth", "--events=20000", "--data=all")
    expect(out.count("drawn at the declared truth") == 3, out)
    a, b, low = (column(work, path) for path in ("hits0.h5", "hits1.h5", "low/low.h5"))
    expect(0.1 <= a.min() < 0.13 and 0.98 < a.max() <= 1, "domain of member 0", a.min(), a.max())
    expect(0.2 <= b.min() < 0.5 and 1.98 < b.max() <= 2, "domain of member 1", b.min(), b.max())
    expect(low.max() < 0.5 and len(low) == 20000, "through the detector", low.max(), len(low))
    import numpy

    x = numpy.linspace(0.1, 1, 100001)
    shape = x * (2 + 0.5 * x + x**2 + 1 + 0.7 + 0.5 + x + 0.5 * x**2)
    due = (shape * x).sum() / shape.sum()
    expect(abs(a.mean() - due) < 4 * a.std() / 20000**0.5, a.mean(), due)
    shared = abs(numpy.corrcoef(a, b)[0, 1])
    expect(shared < 4 / 20000**0.5, "data sets share their random numbers", shared)
    work.run(model, "draw", "--truth", "--events=100", "--data=set.1,near", "--out=there")
    made = sorted(str(path.relative_to(work.folder / "there")) for path in (work.folder / "there").rglob("*.h5"))
    expect(made == ["hits1.h5", "low/low.h5"], made)
    again = column(work, "there/hits1.h5")
    expect((again == b[:100]).all(), "events depend on the seed and the set alone")
    _, err = work.run(model, "draw", "--truth", "--events=100", "--data=sett", status=2)
    expect_in("did you mean 'set", err)
    _, err = work.run(model, "draw", "--truth", "--events=100", "--data=set", "--event=Hit", status=2)
    expect_in("--event does not go with it", err)
    _, err = work.run(model, "draw", "--truth", "--events=100", status=2)
    expect_in("--data=NAMES", err)
    out, _ = work.run(model, "draw", "--help")
    expect_in("--data=NAMES", out)


def check_over_family_without_truth(work):
    """Members of a family are not all drawn from one density unless that is said."""
    text = MODEL.read_text().replace(' truth draw Hit ~ one[i]', "")
    (work.folder / "none.qtm").write_text(text)
    work.run(work.qtmc, "build", "none.qtm", "-o", "none")
    _, err = work.run("./none", "draw", "--truth", "--events=10", "--data=set", status=1)
    expect_in("what is data set set.0 drawn from?", err)


def check_over_learned_stage(work):
    """A network that a detector freezes has the weights of the other run."""
    model = build(work)
    work.run(model, "draw", "--truth", "--events=2000", "--data=near")
    work.run(model, "fit", "surrogate", "--quiet")
    work.run(model, "fit", "seen", "--quiet", "--out=seen")
    import h5py

    with h5py.File(work.folder / "run/surrogate/last.h5") as one, h5py.File(work.folder / "seen/last.h5") as two:
        kept = [file[next(path for path in ("weights/shift", "rank0/weights/shift") if path in file)][()] for file in (one, two)]
    expect((kept[0] == kept[1]).all(), "the weights are those of the file", kept)
    import json

    lines = [json.loads(line) for line in (work.folder / "seen" / "metrics.jsonl").read_text().splitlines()]
    by = lines[-1]["monitors"]["by"][0]
    expect(abs(by - 0.25) < 0.05, "the stage moves events as it was trained to", by)


def check_over_mixture(work):
    """The mixture example at small sizes: likelihood, critics and images of one model, and fits of fits."""
    sizes = {"n_sets": 2, "pixels": 5, "events_per_set": 64, "width": 8, "depth": 1, "sampler_nodes": 41, "integral_nodes": 41}
    words = [word for name, value in sizes.items() for word in ("-D", f"{name}={value}")]
    work.run(work.qtmc, "build", MIXTURE, "-o", "mixture", *words)
    work.run("./mixture", "draw", "--truth", "--events=20000", "--data=all")
    work.run("./mixture", "fit", "bars", "--quiet", "--out=bars")
    truth = {"a": (0.5, 2, 0.8), "b": (3, 1.5, 2), "c": (0.3, 1, 2.2), "d": (4, 2, 1)}
    params = work.summary("bars")["params"]
    for name, values in truth.items():
        for j, value in enumerate(values[:2]):
            entry = params[f"{name}[{j}]"]
            expect(abs(entry["value"] - value) < 4 * entry["spread"] < 3, name, j, entry)
    start = params["theta[0,0,0]"]["value"]
    expect(abs(start - 0.5) < 1e-6, "pixels stay where they start", start)
    for fit in ("gan", "images"):
        work.ranks(2, "./mixture", "fit", fit, "--quiet", f"--out={fit}", "--steps=6", "--threads=1")
        params = work.summary(fit)["params"]
        still = {name[0] for name, entry in params.items() if entry["value"] in (0.5, start)}
        expect(("t" in still) == (fit == "gan"), fit, still)
    work.run("./mixture", "fit", "final", "--quiet", "--out=final", "--steps=1")
    work.run("./mixture", "fit", "boot", "--quiet", "--out=boot", "--steps=2")
    expect(work.summary("boot")["params"]["a[0]"]["spread"] > 0, "a bootstrap has a spread")

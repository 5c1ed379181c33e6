"""Families, items of fits and fits of fits, on built models."""
import math

from check import TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "family.qtm"


def build(work):
    """The model, and 2,000 events of each of its two mixtures."""
    for which in (1, 0):
        work.run(work.qtmc, "build", MODEL, "-o", "model", "-D", f"which={which + 1}")
        work.run("./model", "draw", "--truth", "--events=2000", f"--out=set{which}.h5", f"--seed={which + 7}")
    return "./model"


def values(work, run):
    return {name: entry["value"] for name, entry in work.summary(run)["params"].items()}


def groups(work, run, ranks):
    """The weights of every rank: {group: [bytes of rank 0, ...]}."""
    import h5py

    with h5py.File(work.folder / run / "last.h5") as file:
        return {name: [file[f"rank{rank}/weights/{name}"][()].tobytes() for rank in range(ranks)]
                for name in file["rank0/weights"]}


def check_family_likelihood(work):
    """A joint likelihood of two data sets finds the truth, on any number of ranks."""
    model = build(work)
    answers = []
    for ranks in (1, 3):
        words = [model, "fit", "likelihood", "--quiet", f"--out=run{ranks}"]
        work.run(*words) if ranks == 1 else work.ranks(ranks, *words)
        answers.append(values(work, f"run{ranks}"))
        for name, entry in work.summary(f"run{ranks}")["params"].items():
            truth = {"a": 2, "b": 1}[name]
            expect(abs(entry["value"] - truth) < 4 * entry["spread"] < 1, name, entry)
    for name, one in answers[0].items():
        expect(abs(one - answers[1][name]) <= 1e-4, "ranks change the answer", answers)


def check_family_ring_of_groups(work):
    """Weights are equal bit for bit inside of groups of ranks and differ between groups; a restart is exact."""
    model = build(work)
    work.ranks(4, model, "fit", "gan", "--quiet", "--out=run", "--threads=1")
    weights = groups(work, "run", 4)["params"]
    expect(weights[0] == weights[1] and weights[2] == weights[3], "ranks of one group differ")
    expect(weights[0] != weights[2], "groups do not drift apart")
    work.ranks(4, model, "fit", "gan", "--quiet", "--out=half", "--steps=9", "--threads=1")
    work.ranks(4, model, "resume", "half/last.h5", "--quiet", "--steps=20", "--threads=1")
    expect(work.weights("half") == work.weights("run"), "9 and 11 steps are not 20")
    work.ranks(2, model, "fit", "gan", "--quiet", "--out=two", "--threads=1")
    weights = groups(work, "two", 2)["params"]
    expect(weights[0] == weights[1], "two ranks are one group")


def check_family_split_and_stop(work):
    model = build(work)
    out, _ = work.run(model, "fit", "split", "--out=run", "--report-every=10")
    expect_in("the condition of 'stop when' holds", out)
    summary = work.summary("run")
    expect(summary["steps"] < 400 and summary["steps"] % 10 == 0, summary["steps"])
    import json

    lines = [json.loads(line) for line in (work.folder / "run" / "metrics.jsonl").read_text().splitlines()]
    expect(all(line["monitors"]["count"] == [500] for line in lines), "monitors see a quarter of 2000", lines[0])
    expect(lines[-1]["monitors"]["seen"][0] < 0.5 <= lines[-2]["monitors"]["seen"][0], "stopped elsewhere", lines[-2:])
    _, err = work.run(model, "fit", "split", "--own=none.h5", status=1)
    expect_in("none.h5", err)


def check_family_freeze(work):
    """Weights come from the file and stay; what is missing or of another shape is told."""
    import h5py

    model = build(work)
    _, err = work.run(model, "fit", "frozen", "--quiet", status=1)
    expect_in("run/gan/best.h5", err)
    work.run(model, "fit", "gan", "--quiet")
    work.run(model, "fit", "frozen", "--quiet", "--out=run/frozen")
    with h5py.File(work.folder / "run/gan/best.h5") as file, h5py.File(work.folder / "run/frozen/last.h5") as after:
        expect((file["rank0/weights/critic"][()] if "rank0" in file else file["weights/critic"][()]).tobytes() ==
               (after["rank0/weights/critic"][()] if "weights/critic" not in after else
                after["weights/critic"][()]).tobytes(), "frozen weights moved")
    text = MODEL.read_text().replace("mlp([8], leaky_relu)", "mlp([9], leaky_relu)")
    (work.folder / "other.qtm").write_text(text)
    work.run(work.qtmc, "build", "other.qtm", "-o", "other")
    _, err = work.run("./other", "fit", "frozen", "--quiet", status=1)
    expect_in("this model has critic[0].0.W[9], the file has critic[0].0.W[8]", err)


def check_family_wrappers(work):
    """The runs of a bootstrap spread as the curvature says; ranks do not matter; an ensemble's runs differ."""
    model = build(work)
    out, _ = work.run(model, "fit", "bars")
    expect_in("correlations:", out)
    bars = work.summary("run/bars")
    expect(bars["correlation"][0][0] == 1 and abs(bars["correlation"][0][1]) < 1, bars["correlation"])
    work.run(model, "fit", "half", "--quiet")
    for name, entry in work.summary("run/half")["params"].items():
        ratio = entry["spread"] / bars["params"][name]["spread"]
        expect(abs(ratio - 2) < 1e-3, "a quarter of the objective has twice the spread", ratio)
    work.run(model, "fit", "boot", "--quiet")
    work.ranks(2, model, "fit", "boot", "--quiet", "--out=run/two")
    one, two = work.summary("run/boot")["params"], work.summary("run/two")["params"]
    expect(one == two, "two ranks give other replicas", one, two)
    for name, entry in one.items():
        # the spread of 12 runs is known to 1/sqrt(22), 21 %; the seed is fixed
        ratio = entry["spread"] / bars["params"][name]["spread"]
        expect(0.4 < ratio < 2, name, ratio)
    out, _ = work.run(model, "fit", "many")
    expect_in("ensemble: mean and standard deviation of 3 runs of gan", out)
    expect(all(0 < entry["spread"] and math.isfinite(entry["spread"]) for entry in
               work.summary("run/many")["params"].values()), work.summary("run/many"))

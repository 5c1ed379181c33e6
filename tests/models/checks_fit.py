"""Built models: draws, fits, ranks, threads, restarts, gradients."""
import json
import math
import re

from check import EXAMPLE, TOP, expect, expect_in, expect_products


def metrics(work, run):
    return [json.loads(line) for line in (work.folder / run / "metrics.jsonl").read_text().splitlines()]


def check_draw_repeats(work):
    model, _ = work.small
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        work.run(model, "draw", "--truth", "--events=3000", f"--seed={seed}", f"--out={name}.h5")
    import h5py

    def field(name):
        with h5py.File(work.folder / f"{name}.h5") as file:
            return file["events/y1"][()]

    expect(len(field("a")) == 3000, "number of events")
    expect((field("a") == field("b")).all(), "one seed, two samples")
    expect((field("a") != field("c")).mean() > 0.99, "two seeds, one sample")


def check_draw_distribution(work):
    """Kolmogorov-Smirnov distance of both spectra from the declared truth, by an integral of the formula."""
    import h5py
    import numpy

    x = numpy.linspace(0.1, 1, 20001)
    u = 2.1875 * x**-0.5 * (1 - x) ** 3
    d = 1.09375 * x**-0.5 * (1 - x) ** 4
    with h5py.File(work.example[1]) as file:
        for field, density in (("y1", 4 * u + d), ("y2", 4 * d + u)):
            events = numpy.sort(file["events"][field][()].astype(float))
            expect(len(events) == 100000 and events[0] >= 0.1 and events[-1] <= 1, "events out of range")
            cdf = numpy.concatenate([[0], numpy.cumsum((density[1:] + density[:-1]) / 2)])
            expected = numpy.interp(events, x, cdf / cdf[-1])
            rank = numpy.arange(len(events)) / len(events)
            distance = max(abs(rank - expected).max(), abs(rank + 1 / len(events) - expected).max())
            limit = 1.95 / math.sqrt(len(events))  # probability 0.001 to exceed by chance; the seed is fixed
            expect(distance < limit, f"{field}: KS distance {distance} above {limit}")


def check_gradients(work):
    """The example with a small batch: the more events, the more of them cross a kink within the step of the differences."""
    work.run(work.qtmc, "build", EXAMPLE, "-o", "few", "-D", "vectors_per_step=8", "-D", "events_per_vector=16")
    for model, data in (work.small, ("./few", work.example[1])):
        out, _ = work.run(model, "check-gradients", f"--measured={data}")
        print(out)
        expect_products(out, 17 if model == "./few" else 13)
        expect_in("gan", out)
        expect_in("likelihood", out)


def check_fit_files(work):
    work.fit_small("run", "--steps=40", "--report-every=10", "--seed=3", "--threads=2")
    lines = metrics(work, "run")
    expect([line["step"] for line in lines][-1] == 40, "last line of the metrics", lines[-1])
    for line in lines:
        expect({"step", "seconds"} <= set(line), "keys of a line", line)
    summary = work.summary("run")
    wanted = {"params", "total_variation", "steps", "seconds", "steps_per_second", "events_per_step", "ranks", "threads",
              "seed", "model_hash", "version"}
    expect(wanted <= set(summary), "keys of the summary", wanted - set(summary))
    expect(set(summary["params"]) == {"N_u", "a_u", "b_u", "N_d", "a_d", "b_d"}, summary["params"])
    expect(all({"value", "spread"} <= set(entry) for entry in summary["params"].values()), summary["params"])
    expect(set(summary["total_variation"]) == {"sigma1", "sigma2"}, summary["total_variation"])
    expect(0 < summary["processor_seconds"] < 60 * 2, summary["processor_seconds"])
    expect((summary["steps"], summary["ranks"], summary["threads"], summary["seed"]) == (40, 1, 2, 3), summary)
    pictures = [path for path in (work.folder / "run").rglob("*") if path.suffix in (".png", ".svg")]
    expect(pictures and all(path.stat().st_size > 500 for path in pictures), "no pictures")
    leftover = [path for path in (work.folder / "run").rglob("*") if "tmp" in path.name or path.name.startswith(".")]
    expect(not leftover, "temporary files left", leftover)


def check_fit_plain_progress(work):
    out, err = work.fit_small("run", "--steps=30", "--report-every=10")
    expect("\r" not in out + err and "\033" not in out + err, "terminal codes in a file", out, err)
    expect_in("30", out + err)


def check_fit_threads_bitwise(work):
    for name in ("gan", "likelihood"):
        for threads in (1, 2, 3):
            work.fit_small(f"{name}{threads}", "--steps=25", f"--threads={threads}", name=name)
        one = work.weights(f"{name}1")
        for threads in (2, 3):
            expect(work.weights(f"{name}{threads}") == one, f"{name}: {threads} threads differ from one")


def check_fit_seed_matters(work):
    for seed in (1, 2):
        work.fit_small(f"run{seed}", "--steps=5", f"--seed={seed}")
    expect(work.weights("run1") != work.weights("run2"), "two seeds give one result")


def check_fit_ranks_repeat(work):
    """Two runs on two ranks agree bit for bit; the run itself checks that its ranks' generators are equal."""
    for name in ("a", "b"):
        work.fit_small(name, "--steps=25", "--threads=1", ranks=2)
    expect(work.weights("a") == work.weights("b"), "two runs on two ranks differ")
    expect(work.summary("a")["ranks"] == 2, "ranks in the summary")


def check_likelihood_ranks_agree(work):
    """The likelihood uses all events, so its answer does not depend on how they are shared out. Both spectra are
    normalised, so of N_u and N_d only the ratio has one."""
    answers = {}
    for ranks in (1, 2, 3):
        work.fit_small(f"run{ranks}", name="likelihood", ranks=ranks)
        value = {name: entry["value"] for name, entry in work.summary(f"run{ranks}")["params"].items()}
        answers[ranks] = [value["N_u"] / value["N_d"], value["a_u"], value["b_u"], value["a_d"], value["b_d"]]
    for ranks in (2, 3):
        for one, other in zip(answers[1], answers[ranks]):
            expect(abs(one - other) <= 1e-4, f"{ranks} ranks: {answers[ranks]}", f"1 rank: {answers[1]}")


def resume_equals(work, name, steps, ranks):
    model, _ = work.small
    work.fit_small("whole", f"--steps={2 * steps}", "--threads=1", name=name, ranks=ranks)
    work.fit_small("parts", f"--steps={steps}", "--threads=1", name=name, ranks=ranks)
    words = [model, "resume", "parts/last.h5", f"--steps={2 * steps}", "--threads=2"]
    if ranks == 1:
        work.run(*words)
    else:
        work.ranks(ranks, *words)
    expect(work.summary("parts")["steps"] == 2 * steps, "steps after resume", work.summary("parts"))
    expect(work.weights("parts") == work.weights("whole"), "n steps and n more differ from 2 n")


def check_resume_gan(work):
    resume_equals(work, "gan", 12, 1)


def check_resume_gan_two_ranks(work):
    resume_equals(work, "gan", 12, 2)


def check_resume_likelihood(work):
    resume_equals(work, "likelihood", 4, 1)


def check_report_again(work):
    work.fit_small("run", "--steps=10")
    before = {path.name for path in (work.folder / "run").iterdir()}
    work.run(work.small[0], "report", "run")
    expect({path.name for path in (work.folder / "run").iterdir()} == before, "report leaves other files")


def closure(work, name, limit, ranks, seed):
    model, data = work.example
    words = [model, "fit", name, f"--measured={data}", f"--out={name}", f"--seed={seed}"]
    if name == "gan":
        words.append("--steps=2000")
    if ranks == 1:
        work.run(*words)
    else:
        work.ranks(ranks, *words)
    variation = work.summary(name)["total_variation"]
    print(name, ranks, seed, variation)
    for density, value in variation.items():
        expect(value <= limit, f"total variation of {density}: {value} above {limit}")


def check_closure_likelihood(work):
    closure(work, "likelihood", 0.004, 1, 1)


def check_closure_gan(work):
    closure(work, "gan", 0.01, 1, 1)


def check_closure_gan_two_ranks(work):
    closure(work, "gan", 0.01, 2, 2)


def check_derivatives_in_objectives(work):
    """Penalties on the slope of a critic, against differences; and the score of every event, against its formula."""
    model, data = work.folder / "penalty", work.folder / "penalty.h5"
    work.run(work.qtmc, "build", TOP / "tests" / "models" / "penalty.qtm", "-o", model)
    work.run(model, "draw", "--truth", "--events=2000", f"--out={data}")
    out, _ = work.run(model, "check-gradients")
    expect_in("all gradients agree with finite differences", out)
    expect_products(out, 25)
    work.run(model, "fit", "wasserstein", "--steps=20")
    work.run(model, "fit", "information", "--out=information")
    import h5py

    with h5py.File(data) as file:
        x, y = (file[f"events/{name}"][()].astype(float) for name in "xy")
    p, q = (work.summary("information")["params"][name]["value"] for name in "pq")
    wanted = ((x / (1 + p * x) - 0.5 / (1 + p / 2)) ** 2).mean()
    monitors = metrics(work, "information")[-1]["monitors"]
    found = monitors["fisher"][0]
    expect(abs(found - wanted) < 1e-6, f"information by grad {found}, by its formula {wanted}")
    in_p = (x**2 / (1 + p * x) ** 2).mean() - (0.5 / (1 + p / 2)) ** 2
    in_q = (y**4 / (1 + q * y**2) ** 2).mean() - (1 / (3 + q)) ** 2
    for found, wanted in zip(monitors["curvature"], [in_p, 0, 0, in_q]):
        expect(abs(found - wanted) < 1e-6, "second derivatives by hessian", monitors["curvature"], in_p, in_q)
    work.run(model, "fit", "flat", "--quiet")


def check_model_help(work):
    model, _ = work.small
    out, _ = work.run(model, "--help")
    for word in ("draw", "fit", "resume", "report", "identify", "check-gradients"):
        expect_in(word, out)
    for command in ("draw", "fit", "resume", "report", "identify", "check-gradients"):
        out, _ = work.run(model, command, "--help")
        expect(re.search(r"--\w", out) or command == "report", command, out)
    out, _ = work.run(model, "fit", "--help")
    for word in ("--measured", "--rate", "--steps", "--seed", "--out", "--threads"):
        expect_in(word, out)

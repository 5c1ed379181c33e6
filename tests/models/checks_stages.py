"""Stages: what is the same at every step is computed at the start, what two updates share once a step."""
import json
import re

from check import SMALL, expect

# Every power has a base that depends on a parameter, if only by adding 0: nothing but the grid itself is settled.
UNSETTLED = [("qcf u(x) = N_u * x^a_u * (1 - x)^b_u", "qcf u(x) = N_u * (x + none)^a_u * (1 - x + none)^b_u"),
             ("qcf d(x) = N_d * x^a_d * (1 - x)^b_d", "qcf d(x) = N_d * (x + none)^a_d * (1 - x + none)^b_d"),
             ("param N_u", "param none in (-1, 1) = 0 fixed\nparam N_u")]


def functions(lir):
    """Text of every function of a print of loop IR."""
    return {part.split(" ", 1)[0]: part for part in re.split(r"^func ", lir, flags=re.M)[1:]}


def count(text, operation):
    return len(re.findall(rf" = {operation} ", text))


def check_stages_of_a_likelihood(work):
    """At every step the logarithms of the two densities are left, and no power; at the start those of x and 1 - x of both
    columns and of the grid. What that takes is in the report."""
    lir, _ = work.run(work.qtmc, "--emit=lir", SMALL)
    parts = functions(lir)
    step, start = parts["likelihood_update0_gradient_f64"], parts["likelihood_update0_gradient_start_f64"]
    for text, operation, wanted in (step, "log", 2), (step, "pow", 0), (start, "log", 6), (start, "pow", 0):
        expect(count(text, operation) == wanted, f"{count(text, operation)} {operation} instead of {wanted}", text)
    said, _ = work.run(work.qtmc, "build", SMALL, "-o", "small", "--report=memory")
    report = said.split("likelihood_update0_gradient_start_f64\n")[1]
    expect(re.search(r"^  hands on [\d.]+ KiB \+ 32 B for each of measured$", report, re.M), "four logarithms an event", report)


def check_stages_of_two_updates(work):
    """Noise is drawn once a step, in the function that both updates read from, and in no other."""
    lir, _ = work.run(work.qtmc, "--emit=lir", SMALL)
    parts = functions(lir)
    draws = {name: count(parts[name], "uniform") for name in parts if name.startswith("gan_") and name.endswith("_f32")}
    expect(draws["gan_shared_f32"] == 4, f"two for the noise, two for the events: {draws}")
    expect(draws["gan_update0_gradient_f32"] == draws["gan_update1_gradient_f32"] == 0, f"none elsewhere: {draws}")


def check_stages_change_no_result(work):
    """A fit that can settle nothing goes the same way."""
    source = SMALL.read_text()
    for old, new in UNSETTLED:
        expect(source.count(old) == 1, f"the model has changed: {old}")
        source = source.replace(old, new)
    (work.folder / "unsettled.qtm").write_text(source)
    work.run(work.qtmc, "build", "unsettled.qtm", "-o", "unsettled")
    lir, _ = work.run(work.qtmc, "--emit=lir", "unsettled.qtm")
    expect(count(functions(lir)["likelihood_update0_gradient_f64"], "pow") > 0, "something was settled")
    model, data = work.small
    fits = []
    for name, program in ("settled", model), ("moving", "./unsettled"):
        words = ["fit", "likelihood", f"--measured={data}", f"--out={name}", "--steps=10", "--report-every=1", "--quiet"]
        work.run(program, *words)
        lines = (work.folder / name / "metrics.jsonl").read_text().splitlines()
        fits.append([json.loads(line)["losses"]["params"] for line in lines])
    expect(len(fits[0]) == len(fits[1]) == 10, f"{len(fits[0])} and {len(fits[1])} steps")
    for step, (loss, other) in enumerate(zip(*fits)):
        expect(abs(loss - other) <= 1e-9 * abs(loss), f"step {step}: {loss!r} became {other!r}")
    expect(fits[0][0] - fits[0][-1] > 0.01, f"the fit goes nowhere: {fits[0]}")

"""Store or recompute: what `qtmc build --report=memory` says is what a fit takes."""
import json
import re
import sys

from check import expect, expect_in

# log mean exp needs every event's value again on the way back, behind a sum over all events.
MODEL = """use std.nn
use std.sampler
event E { x in 0 .. 1
          y in 0 .. 1 }
param a in (0, 3) truth 1
density f(x in 0 .. 1, y in 0 .. 1) = exp(-a * x * y)
data measured : E from "measured.h5"
network critic(e : E) -> real = [e.x, e.y] |> mlp([32, 32], tanh) |> dense(1)
fit g {
    minimize log(mean(VALUE for e in all of measured)) - mean(critic(e) for e in all of measured)
        over critic using adam(1e-3)
    stop after 2 steps
}
fit draws {
    events 100
    let s = draw E ~ f
    minimize mean(e.x for e in s) over params using adam
    stop after 1 steps }
"""


def build(work, name, value):
    (work.folder / f"{name}.qtm").write_text(MODEL.replace("VALUE", value))
    said, _ = work.run(work.qtmc, "build", f"{name}.qtm", "-o", name, "--report=memory")
    return said


def tape(said):
    """Bytes of the arena for each event, and the two totals of the first pass, of the gradient in f32."""
    part = said.split("g_update0_gradient_f32\n")[1]
    arena = re.search(r"arena .* \+ ([\d.]+) (B|KiB) for each of measured", part)
    sums = re.search(r"for each: ([\d.]+) (B|KiB) kept(?:, ([\d.]+) flop instead of ([\d.]+) (B|KiB))?", part)
    scale = {"B": 1, "KiB": 1024}
    per_row = float(arena.group(1)) * scale[arena.group(2)] if arena else 0
    return per_row, float(sums.group(1)) * scale[sums.group(2)], sums


def peak(work, name, events, fit="g"):
    """The largest memory of a fit in KiB, by the kernel's count for a child of its own."""
    code = ("import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    command = [f"./{name}", "fit", fit, f"--measured=m{events}.h5", "--threads=1", "--quiet",
               f"--out=run_{name}_{fit}_{events}"]
    done, _ = work.run(sys.executable, "-c", code, *command)
    return int(done)


def check_tape_is_what_the_report_says(work):
    said = build(work, "auto", "exp(critic(e))")
    per_row, kept, _ = tape(said)
    expect(kept == 32 * 4 + 4, f"the second layer and exp are kept, the first, of two inputs, is made again: {kept} bytes")
    sizes = 100_000, 400_000
    for events in sizes:
        work.run("./auto", "draw", "--truth", f"--events={events}", f"--out=m{events}.h5")
    columns = 2 * 4  # x and y of an event, in single precision
    grown = (peak(work, "auto", sizes[1]) - peak(work, "auto", sizes[0])) * 1024 / (sizes[1] - sizes[0])
    expect(abs(grown / (per_row + columns) - 1) < 0.1,
           f"memory grows by {grown:.1f} bytes an event, and the report says {per_row} + {columns}")
    # asked for: the same answer with another tape
    other = build(work, "asked", "store(exp(critic(e)))")
    expect_in("kept       as asked  4 B", other)
    again = build(work, "again", "recompute(exp(critic(e)))")
    expect_in("made again as asked  4 B", again)
    results = []
    for name in "auto", "asked", "again":
        if name != "auto":
            peak(work, name, sizes[0])
        lines = (work.folder / f"run_{name}_g_{sizes[0]}" / "metrics.jsonl").read_text().splitlines()
        results.append([json.loads(line)["losses"]["critic"] for line in lines])
    for loss in results:
        expect(all(abs(a - b) < 1e-5 for a, b in zip(loss, results[0])), f"the tape changes the answer: {results}")


LIKELIHOOD = """use std.sampler
event E { x in 0 .. 10 }
param tau in (0.1, 10) start 1 truth 2
param f in (0.01, 0.99) start 0.5 truth 0.3
density p(x in 0 .. 10) = f * exp(-x / tau) + (1 - f) * exp(-(x - 5)^2 / 2)
data measured : E from "measured.h5"
fit narrow { minimize -mean(log(pdf(p, e.x)) for e in all of measured) over params using adam(0.05) stop after 200 steps }
fit wide { minimize -mean(log(pdf(p, e.x)) for e in all of measured) over params using lbfgs stop after 40 steps }
fit short { minimize -mean(log(pdf(p, e.x)) for e in all of measured) over params using adam(0.05) stop after 2 steps }
"""


def planned(said, fit):
    """Bytes that a fit takes for each event: of data, and with what is made of them."""
    part = said.split(f"\nfit {fit}\n")[1].split("\nfit ")[0]
    scale = {"B": 1, "KiB": 1024, "MiB": 1 << 20}
    sizes = {name: re.search(rf"^  {name} +([\d.]+) (\w+)(?:.* \+ ([\d.]+) (\w+) for each of measured)?", part, re.M)
             for name in ("data", "arena", "made once")}
    data = float(sizes["data"].group(1))
    rows = [sizes[name] for name in ("arena", "made once") if sizes[name] and sizes[name].group(3)]
    return data, data + sum(float(row.group(3)) * scale[row.group(4)] for row in rows)


def events_write(folder, sizes):
    import h5py
    import numpy

    draw = numpy.random.default_rng(20240301)
    for events in sizes:
        falls = draw.random(events) < 0.3
        x = numpy.where(falls, draw.exponential(2, events) % 10, numpy.clip(draw.normal(5, 1, events), 0, 10))
        with h5py.File(folder / f"m{events}.h5", "w") as file:
            file["events/x"] = x.astype("f4")


def check_fit_takes_its_data_and_its_arena(work):
    """The whole process: libraries and file buffers are the same for few events and for many."""
    (work.folder / "like.qtm").write_text(LIKELIHOOD)
    said, _ = work.run(work.qtmc, "build", "like.qtm", "-o", "like", "--report=memory")
    expect(planned(said, "narrow")[0] == 4 and planned(said, "wide")[0] == 8, f"4 and 8 bytes an event: {said}")
    sizes = 10_000, 1_000_000
    events_write(work.folder, sizes)
    page = 4 << 20  # large blocks are rounded up to pages of 2 MiB, and the uncertainties take pieces of 2 MiB
    for fit in "short", "wide":
        base, full = (1024 * peak(work, "like", events, fit) for events in sizes)
        row = planned(said, fit)[1]
        most = base + row * (sizes[1] - sizes[0]) + page
        expect(full <= most, f"fit {fit}: {full} bytes with {sizes[1]} events, {base} with {sizes[0]}: at most {most}")
    # uncertainties from pieces of the data are those of all data at once
    for fit in "narrow", "wide":
        peak(work, "like", sizes[1], fit)
    runs = [work.summary(f"run_like_{fit}_{sizes[1]}")["params"] for fit in ("narrow", "wide")]
    for name in "tau", "f":
        a, b = (run[name]["spread"] for run in runs)
        expect(a and b and abs(a / b - 1) < 0.02, f"the uncertainty of {name}: {a} and {b}")

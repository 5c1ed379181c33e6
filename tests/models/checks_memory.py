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


def peak(work, name, events):
    """The largest memory of a fit in KiB, by the kernel's count for a child of its own."""
    code = ("import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    command = [f"./{name}", "fit", "g", f"--measured=m{events}.h5", "--threads=1", "--quiet", f"--out=run_{name}_{events}"]
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
        lines = (work.folder / f"run_{name}_{sizes[0]}" / "metrics.jsonl").read_text().splitlines()
        results.append([json.loads(line)["losses"]["critic"] for line in lines])
    for loss in results:
        expect(all(abs(a - b) < 1e-5 for a, b in zip(loss, results[0])), f"the tape changes the answer: {results}")

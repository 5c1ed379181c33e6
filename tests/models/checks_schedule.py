"""`qtmc build --report=schedule`: its numbers are those of the model, counted by hand."""
import re

from check import expect, expect_in

# 64 rows through 2 -> 16 -> 8 -> 1, and a curve that is tabulated and looked up.
MODEL = """use std.nn
event E { x in 0 .. 1
          y in 0 .. 1 }
data measured : E from "measured.h5"
network f(x[2]) = x |> mlp([16, 8], relu) |> dense(1)
fit g {
    minimize mean((f([e.x, e.y])[0] - e.x * e.y)^2 for e in batch 64 of measured) over f using adam
    stop after 1 steps
}
"""


def check_schedule_report(work):
    (work.folder / "m.qtm").write_text(MODEL)
    said, _ = work.run(work.qtmc, "build", "m.qtm", "-o", "m", "--report=schedule", "-march=x86-64-v3")
    expect_in("vectors of 256 bits, 16 registers, fused multiply-add", said)
    part = said.split("g_update0_gradient_f32: ")[1].split("\ng_")[0]
    # the product 16 -> 8: 2 x 16 x 8 flops a row, and what follows it at each of 8 points: bias, max, comparison
    kernels = re.findall(r"^ +([\d.]+) %  (\S+) in (\S+?): (.*?)(?:  \(([\d.]+) % of the flops\))?$", part, re.M)
    products = [k for k in kernels if "x 8, sums of 16" in k[3]]
    expect(len(products) == 1, f"one product of 16 by 8: {kernels}")
    text = part[part.index(f"  {products[0][1]} in"):].split(" %  ")[0]
    expect_in("computes dot, add, max, le\n", text)
    expect_in(f"{2 * 16 * 8 + 2 * 8} flop a row", text)
    expect_in("from std/nn.qtm:", text)
    expect_in("begins here: waits for max_", text)
    expect_in("bound by ", text)
    # shares: hot first, and nothing is lost
    named = re.findall(r"^ +([\d.]+) %  (\S+) in", part, re.M)
    shares = [float(k[0]) for k in named]
    expect(shares == sorted(shares, reverse=True), f"hot first: {shares}")
    left = float(re.search(r"([\d.]+) %  in \d+ more kernels", part).group(1))
    expect(abs(sum(shares) + left - 100) < 0.1 * len(shares), f"shares add up to 100 %: {sum(shares)} + {left}")
    # as many flops a row as three layers take, there and back: at least two products each of the later ones
    total = float(re.match(r"([\d.]+) kflop", part).group(1)) * 1000
    least = 64 * 2 * (2 * 2 * 16 + 3 * 16 * 8 + 3 * 8)
    expect(least < total < 1.6 * least, f"{total} flops a call, the products alone take {least}")
    baseline, _ = work.run(work.qtmc, "build", "m.qtm", "-o", "m", "--report=schedule", "-march=baseline")
    expect_in("vectors of 128 bits, 16 registers\n", baseline)
    lanes = re.findall(r" (\d+) lanes along \w+(?:: (\d+) vectors together)?", baseline)
    expect(lanes and all(int(n) <= 4 * int(vectors or 1) for n, vectors in lanes), f"four lanes of 128 bits: {lanes}")
    expect_in("not in a step", said)

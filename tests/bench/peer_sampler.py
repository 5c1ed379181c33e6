"""The default sampler of std.sampler in PyTorch, for two variables and for five: the same tables, the same maths,
vectors of events, one thread. Many events are drawn in pieces of at most CHUNK, so that the tape fits memory.

    peer_sampler.py CONFIG.json     prints JSON lines: what, events, nanoseconds an event (least and median)
"""
import json
import os
import statistics
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import torch

torch.set_num_threads(1)
CHUNK = 500_000


def cumulative(a):
    half = torch.ones(a.shape[-1])
    half[0] = 0.5
    return torch.cumsum(a * half, -1) - 0.5 * a


def within(left, right, rest, total, n):
    least = 1e-6 * total / (n - 1)
    height = torch.sqrt(torch.maximum(left * left + 2 * (right - left) * rest, least * least))
    return (2 * rest / (left + height)).clamp(0, 1), height


def draw(table, events):
    """Positions of `events` events, in units of the spacing; `table` has one dimension a variable."""
    n, d = table.shape[0], table.dim()
    trapezoid = torch.ones(n)
    trapezoid[0] = trapezoid[-1] = 0.5
    tables = [table]
    while tables[0].dim() > 1:
        tables.insert(0, tables[0] @ trapezoid)
    points, corners, height = [], [(torch.zeros((), dtype=torch.long), 1.0)], None
    for a in tables:
        c, node = cumulative(a).reshape(-1), a.reshape(-1)

        def blend(values, k):
            return sum(part * values[row + k] for row, part in corners)

        if height is None:
            height = c[-1]
        s = torch.rand(events).clamp_max(1 - 3e-7) * height
        with torch.no_grad():
            if len(corners) == 1:
                k = torch.searchsorted(c, s, right=True) - 1
                k.clamp_(0, n - 2)
            else:
                k, jump = torch.zeros(events, dtype=torch.long), 1 << (n - 2).bit_length() - 1
                while jump:
                    m = (k + jump).clamp_max(n - 2)
                    k = torch.where(blend(c, m) <= s, m, k)
                    jump //= 2
        t, height = within(blend(node, k), blend(node, k + 1), s - blend(c, k), height, n)
        points.append(k + t)
        corners = [((row + k + end) * n, part * (t if end else 1 - t)) for row, part in corners for end in (0, 1)]
    return points


def grid(nodes, d):
    return torch.meshgrid(*[torch.linspace(0, 1, nodes)] * d, indexing="ij")


def density2(p):
    x, y = grid(CONFIG["nodes"], 2)
    return 1 + p[0] * x * y + p[1] * (x - y) ** 2


def density5(p):
    a, b, c, d, e = grid(CONFIG["nodes5"], 5)
    return 1 + p[0] * a * b + c * d * e


def forward(density, p, events):
    with torch.no_grad():
        table = density(p)
        for start in range(0, events, CHUNK):
            draw(table, min(CHUNK, events - start))


def gradient(density, p, events):
    for start in range(0, events, CHUNK):
        points = draw(density(p), min(CHUNK, events - start))
        loss = sum((i + 1) * x.sum() for i, x in enumerate(points)) / events
        loss.backward()


def timed(name, run, density, count, events, calls):
    p = torch.tensor([1.0, 0.5][:count], requires_grad=True)
    run(density, p, min(events, 10_000))
    seconds = []
    for _ in range(calls):
        start = time.process_time()
        run(density, p, events)
        seconds.append(time.process_time() - start)
    print(json.dumps({"what": name, "events": events, "least": min(seconds) / events * 1e9,
                      "median": statistics.median(seconds) / events * 1e9, "version": torch.__version__}), flush=True)


torch.manual_seed(1)
for events in CONFIG["events"]:
    calls = max(1, min(5, 1_000_000 // events))
    timed("forward", forward, density2, 2, events, calls)
    timed("gradient", gradient, density2, 2, events, calls)
timed("forward5", forward, density5, 1, CONFIG["events5"], 3)

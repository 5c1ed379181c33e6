"""The list of workloads, all or quick."""
from workloads import (Builds, Conv, Dis, Forward, Front, Mlp, Program, Proxy1d, Proxy2d, Sampler, Solution,
                       Tiny)


def workloads(quick):
    small = Proxy1d("proxy1d.8k", 128, 64, 32, 3)
    chosen = [small]
    if not quick:
        chosen.append(Proxy1d("proxy1d.100k", 1024, 100, 128, 4))
    chosen += [Proxy2d("proxy2d.4k", 16, 256, 32, 3), Dis()]
    chosen += [Mlp(rows) for rows in ((64, 8192) if quick else (64, 1024, 8192, 65536))]
    chosen.append(Tiny())
    chosen += [Forward(rows) for rows in ((64,) if quick else (64, 1024, 8192))]
    chosen += [Conv(64)]
    for events in (10_000,) if quick else (10_000, 100_000, 1_000_000, 10_000_000):
        chosen += [Sampler(2, events, False), Sampler(2, events, True)]
    if not quick:
        chosen += [Sampler(5, 262_144, False), Solution(Proxy1d("proxy1d.2k", 32, 64, 32, 3), 2000),
                   Solution(Proxy2d("proxy2d.4k", 16, 256, 32, 3), 2000)]
    chosen += [Program("products", "bench_products", "matrix products of many shapes, beside the peak", "--json",
                       *(["--quick"] if quick else [])),
               Program("math", "bench_math", "elementary functions: elements a second on one core, errors",
                       *(["--sweep=1009"] if quick else []), script="functions.py"), Builds(), Front()]
    for threads in (1, 2):
        chosen.append(Program(f"overhead.{threads}", "bench_overhead", "a step of 64 rows: microseconds beside its kernels",
                              "fit", "regression", "--steps=2000", f"--threads={threads}"))
    return chosen

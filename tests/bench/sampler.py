"""The default sampler: nanoseconds an event on one core, beside the same algorithm in PyTorch; see `run --sampler`."""
import json
import statistics
import subprocess
from pathlib import Path

BENCH = Path(__file__).resolve().parent
EVENTS = [10_000, 100_000, 1_000_000, 10_000_000]
NODES, NODES5, EVENTS5 = 100, 20, 100_000

# Medians of LOITS, forward, in seconds, from the artifact of its study of 2026, on other machines: a scale, no
# comparison.
ARCHIVED = {
    "LOITS, PyTorch CPU": [0.045, 0.088, 0.576, 3.12],
    "LOITS, C++ serial": [0.0136, 0.0453, 0.284, 2.90],
    "LOITS, OpenMP": [0.0141, 0.0299, 0.265, 1.88],
    "LOITS, PyTorch CUDA": [0.0241, 0.0279, 0.030, 0.0908],
}


def build(top, work, quietly, model, *sizes):
    """The model's emitted code with sampler.c for its runtime."""
    name = "-".join([model, *sizes]).replace("=", "")
    defines = [word for size in sizes for word in ("-D", size)]
    qtmc, source = top / "build" / "bin" / "qtmc", BENCH / f"{model}.qtm"
    quietly(qtmc, "--emit=obj", source, "-o", work / f"{name}.o", *defines)
    quietly(qtmc, "--emit=descriptor", source, "-o", work / f"{name}.c", *defines)
    quietly("cc", "-O2", "-D_GNU_SOURCE", "-I", top / "runtime" / "include", BENCH / "sampler.c", work / f"{name}.c",
            work / f"{name}.o", "-lm", "-o", work / name)
    return work / name


def ask(program, *words):
    text = subprocess.run([str(word) for word in (program, *words)], check=True, capture_output=True, text=True).stdout
    return json.loads(text)


def per_event(answer):
    return {key: answer[key] / answer["events"] * 1e9 for key in ("least", "median", "tables")} | {
        "events": answer["events"]}


def measure(programs, events, five, torch):
    """One round: every number of ours, then PyTorch's."""
    result = {}
    for count in events:
        calls = max(3, 20_000_000 // max(count, 16384))
        if count == events[0]:
            result["forward", "batch"] = per_event(ask(programs[count], "forward", calls))
        result["gradient", count] = per_event(ask(programs[count], "gradient", max(3, calls // 2)))
    result["forward5", "batch"] = per_event(ask(five, "forward", 5))
    for line in subprocess.run(torch, check=True, capture_output=True, text=True).stdout.splitlines() if torch else []:
        answer = json.loads(line)
        result["torch " + answer["what"], answer["events"]] = answer
    return result


def smallest(rounds, key, field="least"):
    return min(r[key][field] for r in rounds)


def show(rounds, events, speed):
    get = lambda key, field="least": f"{smallest(rounds, key, field):10.1f}" if key in rounds[0] else f"{'':10}"
    row = lambda what, field="least": "".join(get((what, count), field) for count in events)
    batch = rounds[0]["forward", "batch"]["events"]
    print(f"\n2 variables, {NODES} x {NODES} nodes, f32, one core; nanoseconds an event, least of {len(rounds)} rounds")
    print(f"{'events':>34}" + "".join(f"{count:10.0e}" for count in events))
    print(f"{f'forward, batches of {batch}':34}" + get(("forward", "batch")) * len(events))
    print(f"{'forward + derivative':34}" + row("gradient"))
    print(f"{'  of it tables':34}" + row("gradient", "tables"))
    print(f"{'PyTorch, forward':34}" + row("torch forward"))
    print(f"{'PyTorch, forward + derivative':34}" + row("torch gradient"))
    for name, seconds in ARCHIVED.items():
        per = [time / count * 1e9 for time, count in zip(seconds, EVENTS)]
        print(f"{name:34}" + "".join(f"{time:10.1f}" for time in per[: len(events)]))
    print("(of a batch forward, tables are "
          f"{smallest(rounds, ('forward', 'batch'), 'tables'):.1f}; LOITS: archived, forward, other machines)")
    batch = rounds[0]["forward5", "batch"]["events"]
    forward, tables = (smallest(rounds, ("forward5", "batch"), field) for field in ("least", "tables"))
    print(f"\n5 variables, {NODES5} nodes each, batches of {batch}: {forward:.0f} forward, "
          f"of it tables {tables:.0f}; PyTorch{get(('torch forward5', EVENTS5))}")
    # a bisection's rounds and the place found: its integral and the two heights, for 2^(i-1) rows, two of them at once
    rounds2, rounds5 = (NODES - 1).bit_length(), (NODES5 - 1).bit_length()
    need2 = rounds2 + 2 + rounds2 + 3
    need5 = rounds5 + 2 + (rounds5 + 3) * (1 + 2 + 4 + 8)
    for what, need, table, nanoseconds in (
            ("2 variables", need2, f"{8 * NODES**2 // 1024} KB", speed["small"]),
            ("5 variables", need5, f"{8 * NODES5**5 >> 20} MB", speed["large"])):
        print(f"what the machine allows, {what}: {need} lookups in {table} of tables at {nanoseconds:.2f} ns, one by "
              f"one and none waiting for another: {need * nanoseconds:.0f} ns")


def sampler(top, work, quietly, python, arguments, processor):
    events = EVENTS[: 2 if arguments.quick else 4]
    nodes = f"sampler_nodes={NODES}"
    programs = {count: build(top, work, quietly, "sampler2", f"n={count}", nodes) for count in events}
    five = build(top, work, quietly, "sampler5", f"cube_nodes={NODES5}")
    config = {"nodes": NODES, "nodes5": NODES5, "events": events, "events5": EVENTS5}
    (work / "sampler.json").write_text(json.dumps(config))
    torch = [str(word) for word in (python, BENCH / "peer_sampler.py", work / "sampler.json")] if python else None
    rounds, speeds = [], []
    for number in range(arguments.rounds):
        rounds.append(measure(programs, events, five, torch))
        speeds.append({"small": ask(five, "lookups", 8 * NODES**2)["nanoseconds"],
                       "large": ask(five, "lookups", 8 * NODES5**5)["nanoseconds"]})
        print(f"round {number + 1}: forward {rounds[-1]['forward', 'batch']['least']:.1f} ns, with derivative "
              + ", ".join(f"{rounds[-1]['gradient', count]['least']:.1f}" for count in events), flush=True)
    speed = {key: min(s[key] for s in speeds) for key in speeds[0]}
    show(rounds, events, speed)
    table = [{"what": what, "of": of, "least": smallest(rounds, (what, of)),
              "median": statistics.median(r[what, of]["median"] for r in rounds)} for what, of in rounds[0]]
    return {"config": config, "processor": processor, "nanoseconds": table, "lookup_nanoseconds": speed,
            "archived_seconds": ARCHIVED}

#!/usr/bin/env python3
"""Speed and accuracy of the elementary functions beside what the processor's instruction ports allow.

    tests/bench/math.py BUILD [--sweep=N] [FUNCTION ...]      BUILD: build tree with the target bench_math

prints a line of JSON a function and width: that of bench_math (tests/bench/math.c says what is in it) and, where llvm-mca is
installed,
  instructions        in the loop, a vector of results
  roof_cycles         cycles a vector that the busiest port or the dispatch of instructions takes, if nothing ever waited
  simulated_cycles    cycles a vector with waiting, but on a core and with caches of its own
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPEAT = 300


def loop_of(text):
    """The instructions of the longest loop without jumps inside, and elements that it advances by."""
    lines, labels, best = text.split("\n"), {}, []
    for at, line in enumerate(lines):
        if label := re.match(r"(\.L\w+):", line):
            labels[label[1]] = at
        if (jump := re.match(r"\s+j\w+\s+(\.L\w+)", line)) and jump[1] in labels:
            body = [other for other in lines[labels[jump[1]] + 1 : at + 1] if re.match(r"\s+[a-z]", other)]
            best = max(best, body, key=len)
    step = [int(found[1]) for line in best if (found := re.match(r"\s+addq\s+\$(-?\d+), %r", line))]
    return best, abs(step[-1]) if step else 1


def roof(path, lanes):
    tool = shutil.which("llvm-mca-19") or shutil.which("llvm-mca")
    body, step = loop_of(path.read_text())
    if not tool or not body:
        return {}
    said = subprocess.run([tool, f"--iterations={REPEAT}", "-instruction-info=0", "-resource-pressure=0"],
                          input="\n".join(body), capture_output=True, text=True, check=False).stdout
    found = {name: re.search(rf"{name}:\s+([\d.]+)", said) for name in ("Total Cycles", "Block RThroughput")}
    if not all(found.values()):
        return {}
    vectors = step / lanes
    return {"instructions": round(len(body) / vectors, 1),
            "roof_cycles": round(float(found["Block RThroughput"][1]) / vectors, 2),
            "simulated_cycles": round(float(found["Total Cycles"][1]) / REPEAT / vectors, 2)}


def main():
    build, words = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([build / "bin" / "bench_math", f"--asm={folder}", *words], stdout=subprocess.PIPE, text=True) as run:
            for line in run.stdout:
                entry = json.loads(line)
                entry |= roof(Path(folder) / f"{entry['function']}_{entry['width']}.s", entry["lanes"])
                print(json.dumps(entry), flush=True)
    return run.returncode


sys.exit(main())

#!/usr/bin/env python3
"""Runs what a page of documentation shows on a terminal, and compares.

    console.py QTMC PAGE.md            every ```console block must print what the page says
    console.py QTMC PAGE.md --update   writes what is printed into the page

A block holds lines `$ COMMAND`, each followed by what it prints (standard output and errors together). Commands run
below each other in one folder, in the order of the page; `qtmc` is QTMC. A block ```qtm file=NAME is written to NAME
before. Numbers agree to 1 % or to 1e-12 (another processor rounds otherwise); lines that tell the speed, seconds and
numbers of threads are passed over. Of a block ```console any only the exit status counts: trained networks differ between
processors.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
TOLERANCE, ROUND_OFF = 1e-2, 1e-12


def comparable(text):
    """Lines as (text with numbers blanked, numbers), without what differs between machines."""
    rows = []
    for line in text.strip().splitlines():
        if "steps/s" in line:
            continue
        line = re.sub(r"\d+ threads?", "N threads", re.sub(r"[\d.]+ s$", "T s", line))
        rows.append((" ".join(NUMBER.sub("#", line).split()), [float(n) for n in NUMBER.findall(line)]))
    return rows


def agree(one, other):
    one, other = comparable(one), comparable(other)
    if [row[0] for row in one] != [row[0] for row in other]:
        return False
    pairs = [pair for a, b in zip(one, other) for pair in zip(a[1], b[1])]
    return all(abs(a - b) <= max(TOLERANCE * max(abs(a), abs(b)), ROUND_OFF) for a, b in pairs)


def run(command, folder, qtmc):
    path = f"{Path(qtmc).resolve().parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout, done.returncode


def play(body, folder, qtmc, compare):
    """What the block prints, and what is wrong with the page."""
    printed, wrong = "", []
    for part in re.split(r"^(?=\$ )", body, flags=re.M):
        if not part.strip():
            continue
        command, _, expected = part.partition("\n")
        output, status = run(command[2:], folder, qtmc)
        printed += command + "\n" + output.strip("\n") + ("\n" if output.strip() else "")
        if status:
            wrong.append(f"{command}\nends with status {status}:\n{output}")
        elif compare and not agree(expected, output):
            wrong.append(f"{command}\nprints\n{output}\nand not\n{expected}")
    return printed, wrong


def main(qtmc, page, update):
    text = Path(page).read_text(encoding="utf-8")
    made, at, wrong, played = "", 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        for block in re.finditer(r"^```(.*)\n((?s:.*?))^```$", text, re.M):
            words = block[1].split()
            for word in words[1:]:
                if word.startswith("file="):
                    (Path(folder) / word[len("file="):]).write_text(block[2], encoding="utf-8")
            if words[:1] != ["console"]:
                continue
            printed, bad = play(block[2], folder, qtmc, not update and "any" not in words)
            made += text[at:block.start(2)] + printed
            at, played = block.end(2), played + 1
            wrong += bad
    if update:
        Path(page).write_text(made + text[at:], encoding="utf-8")
    print("\n".join(wrong))
    print(f"{played} blocks, {len(wrong)} commands go wrong")
    return 1 if wrong or not played else 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["--update"]))

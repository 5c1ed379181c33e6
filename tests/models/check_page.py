#!/usr/bin/env python3
"""Checks the snippets of a page of documentation: every ```qtm block must pass `qtmc check` without an error.

    check_page.py QTMC PAGE.md [--update]

A block is a whole model, or whole declarations. One that opens with ```qtm fails=CODE must be refused with that code; a
block ```text right behind it must be the message, word for word (--update writes it there). Other words behind qtm are
for console.py.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```qtm *(.*)\n((?s:.*?))^```$(?:\n+```text\n((?s:.*?))^```$)?", re.M)


def check(qtmc, folder, block):
    """The message for the block, and what is wrong with the page."""
    (folder / "model.qtm").write_text(block[2], encoding="utf-8")
    done = subprocess.run([Path(qtmc).resolve(), "check", "model.qtm"], cwd=folder, capture_output=True, text=True,
                          check=False)
    code = re.search(r"fails=(\w+)", block[1])
    if not code:
        return done.stderr, "does not pass" if done.returncode else None
    if done.returncode != 1 or code[1] not in done.stderr:
        return done.stderr, f"is not refused with {code[1]}"
    if block[3] is not None and block[3].strip() != done.stderr.strip():
        return done.stderr, "gets another message than the page shows"
    return done.stderr, None


def main(qtmc, page, update):
    text, made, at, bad = Path(page).read_text(encoding="utf-8"), "", 0, 0
    blocks = list(BLOCK.finditer(text))
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks:
            message, wrong = check(qtmc, Path(folder), block)
            if wrong:
                bad += 1
                print(f"{page}:{text.count(chr(10), 0, block.start()) + 1}: the block {wrong}\n{message}")
            if block[3] is not None:
                made, at = made + text[at:block.start(3)] + message.strip() + "\n", block.end(3)
    if update:
        Path(page).write_text(made + text[at:], encoding="utf-8")
    print(f"{len(blocks)} blocks, {bad} bad")
    return 1 if bad else 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["--update"]))

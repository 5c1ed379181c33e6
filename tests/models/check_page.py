#!/usr/bin/env python3
"""Checks the snippets of a page of documentation: every ```qtm block must pass `qtmc check` without an error.

    check_page.py QTMC PAGE.md

A block is a whole model, or whole declarations. One that opens with ```qtm fails=CODE must be refused with that code.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

qtmc, page = sys.argv[1:]
text = Path(page).read_text(encoding="utf-8")
bad = 0
blocks = list(re.finditer(r"^```qtm *(fails=(\w+))?\n(.*?)^```", text, re.M | re.S))
with tempfile.TemporaryDirectory() as folder:
    for block in blocks:
        line = text.count("\n", 0, block.start()) + 1
        model = Path(folder) / "snippet.qtm"
        model.write_text(block[3], encoding="utf-8")
        done = subprocess.run([qtmc, "check", model], capture_output=True, text=True, check=False)
        good = done.returncode == 1 and block[2] in done.stderr if block[2] else done.returncode == 0
        if not good:
            bad += 1
            print(f"{page}:{line}: the block {'is not refused with ' + block[2] if block[2] else 'does not pass'}")
            print(done.stderr)
print(f"{len(blocks)} blocks, {bad} bad")
sys.exit(1 if bad else 0)

#!/usr/bin/env python3
"""Checks the pages of `qtmc explain`: what they call wrong must get their code and no other, what they call right nothing.

    explain.py QTMC CODE.md        one page
    explain.py QTMC --all FOLDER   every code has a page, every page a code; how pages are printed and found

compiler/diag/explain.c says which blocks a page may have.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# What no file that stands on a page can show: unreadable files, zero bytes, depth, the compiler's own forms.
WITHOUT_MODEL = {"E0001", "E0002", "E0105", "E0601"}
WIDTH = 100


def qtmc(*words, status=0, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)
    if done.returncode != status:
        sys.exit(f"exit status {done.returncode} instead of {status}: {words}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def check_page(program, page):
    code, text = page.stem, page.read_text(encoding="utf-8")
    wide = [line for line in text.splitlines() if len(line) > WIDTH]
    if wide:
        sys.exit(f"{page}: lines longer than {WIDTH} characters:\n" + "\n".join(wide))
    blocks = [(match[1].split(), match[2]) for match in re.finditer(r"^```(.*)\n((?s:.*?))^```$", text, re.M)]
    kinds = {"wrong": 0, "right": 0}
    with tempfile.TemporaryDirectory() as folder:
        for words, body in blocks:
            for word in words:
                if word.startswith("file="):
                    (Path(folder) / word[len("file="):]).write_text(body, encoding="utf-8")
        for words, body in blocks:
            if words[0] != "qtm" or any(word.startswith("file=") for word in words):
                continue
            wrong = words[1:2] == ["wrong"]
            kinds["wrong" if wrong else "right"] += 1
            (Path(folder) / "model.qtm").write_text(body, encoding="utf-8")
            done = subprocess.run([program, "check", "model.qtm", *words[2 if wrong else 1:]], cwd=folder,
                                  capture_output=True, text=True, check=False)
            codes = set(re.findall(r"(?:error|warning)\[(\w+)\]", done.stderr))
            if codes != ({code} if wrong else set()) or done.returncode != int(wrong and code[0] == "E"):
                sys.exit(f"{page}: the {'wrong' if wrong else 'right'} model gets {codes or 'nothing'}:\n{body}\n{done.stderr}")
            if wrong and "help: " not in done.stderr:
                sys.exit(f"{page}: the message proposes no remedy:\n{done.stderr}")
    if code not in WITHOUT_MODEL and 0 in kinds.values():
        sys.exit(f"{page}: it needs a block ```qtm wrong and a block ```qtm; it has {kinds}")


def check_all(program, folder):
    listed = re.findall(r"^  ([EW]\d{4})  ", qtmc(program, "explain")[0], re.M)
    pages = sorted(page.stem for page in folder.glob("*.md"))
    if sorted(listed) != pages:
        sys.exit(f"codes without a page {folder}/CODE.md: {sorted(set(listed) - set(pages))}; "
                 f"pages without a code in codes.def: {sorted(set(pages) - set(listed))}")
    for code in listed:
        out, _ = qtmc(program, "explain", code)
        first = (folder / f"{code}.md").read_text(encoding="utf-8").splitlines()[0].replace("`", "'")
        if code not in out.splitlines()[0] or first not in out or "```" in out or "\033" in out:
            sys.exit(f"qtmc explain {code} prints:\n{out}")
        if qtmc(program, "explain", code.lower())[0] != out:
            sys.exit(f"qtmc explain {code.lower()} prints something else than {code}")
    if "did you mean 'E0201'?" not in qtmc(program, "explain", "E02O1", status=2)[1]:
        sys.exit("qtmc explain E02O1 does not propose E0201")
    if "lists all" not in qtmc(program, "explain", "nonsense", status=2)[1]:
        sys.exit("qtmc explain nonsense does not say what to do")


if sys.argv[2] == "--all":
    check_all(sys.argv[1], Path(sys.argv[3]))
else:
    check_page(sys.argv[1], Path(sys.argv[2]))

#!/usr/bin/env python3
"""Checks that the language reference leaves nothing out.

    check_words.py SOURCE_FOLDER

Every word of lang/tokens.def stands in some ```qtm block or form of lang/reference (a table of words would not do), every
function of primitive.def has a row in builtins.md, every module of the library one in library.md, every flag of the compiler
and of a model's executable one in flags.md, and index.md names every page.
"""
import re
import sys
from pathlib import Path

top = Path(sys.argv[1])
pages = {page.name: page.read_text(encoding="utf-8") for page in sorted((top / "lang/reference").glob("*.md"))}
missing = []

code = []
for text in pages.values():
    code += re.findall(r"^```qtm.*\n((?s:.*?))^```$", text, re.M) + re.findall(r"^(?: {4}|\t)(\S.*)$", text, re.M)
    code += re.findall(r"`([^`\n]+)`", text)
used = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"#.*", "", "\n".join(code))))
tokens = re.findall(r'^TOKEN\(\w+, "([a-z]+)"', (top / "lang/tokens.def").read_text(encoding="utf-8"), re.M)
missing += [f"no page shows the word '{word}'" for word in tokens if word not in used]

rows = set()
for line in pages["builtins.md"].splitlines():
    if line.startswith("| `"):
        rows |= set(re.findall(r"`(\w+)", line.split(" | ")[0]))
primitives = re.findall(r"^PRIMITIVE\((\w+)", (top / "compiler/sema/primitive.def").read_text(encoding="utf-8"), re.M)
missing += [f"builtins.md has no row for '{name}'" for name in primitives if name not in rows]
missing += [f"builtins.md has a row for '{name}', which the compiler does not know" for name in rows - set(primitives)]

modules = sorted(path.stem for path in (top / "stdlib/std").glob("*.qtm"))
missing += [f"library.md has no row for 'std.{name}'" for name in modules if f"| `std.{name}` |" not in pages["library.md"]]
flags = set(re.findall(r'^OPTION\(\w+, "([-a-z]+)"', (top / "compiler/driver/options.def").read_text(), re.M))
flags |= {"--" + name for name in re.findall(r'^QTM_FLAG\("([-a-z]+)"', (top / "runtime/core/options.def").read_text(), re.M)}
told = "".join(line.rsplit(" | ", 2)[0] for line in pages["flags.md"].splitlines() if line.startswith("| `-"))
missing += [f"flags.md has no row for {flag}" for flag in sorted(flags) if not re.search(rf"`{flag}(?![-a-z])|`{flag}\d", told)]
missing += [f"index.md does not name {page}" for page in pages if page != "index.md" and f"({page})" not in pages["index.md"]]
examples = (top / "examples/README.md").read_text(encoding="utf-8")
missing += [f"examples/README.md does not name {path.name}" for path in sorted((top / "examples").iterdir())
            if path.is_dir() and f"({path.name}/" not in examples]

print("\n".join(missing))
print(f"{len(tokens)} words, {len(primitives)} functions, {len(modules)} modules, {len(flags)} flags, {len(pages)} pages, {len(missing)} missing")
sys.exit(1 if missing or len(tokens) < 60 or len(primitives) < 40 or len(flags) < 30 else 0)

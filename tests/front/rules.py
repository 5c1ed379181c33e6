#!/usr/bin/env python3
"""Every rule of the grammar is reduced, and every token read, somewhere in the models of the repository.

    front/rules.py TRACE GRAMMAR.output MODEL ...

TRACE prints what the parser does (trace.c), GRAMMAR.output is Bison's report: it lists the rules and the tokens.
"""
import re
import subprocess
import sys

trace, report, *models = sys.argv[1:]
text = open(report, encoding="utf-8").read()
section = re.search(r"^Grammar\n(.*?)^Terminals", text, re.M | re.S)[1]
rules, left = {}, ""
for line in section.splitlines():
    match = re.match(r" *(\d+) +(?:(\S+):|\|) ?(.*)", line)
    if match:
        left = match[2] or left
        rules[int(match[1])] = f"{left}: {match[3]}"
terminals = re.search(r"^Terminals, with rules where they appear\n(.*?)^Nonterminals", text, re.M | re.S)[1]
tokens = set(re.findall(r"^    ([A-Z_]+)\b", terminals, re.M)) - {"END", "END_OF_EXPR", "IF_ELSE", "UNARY_MINUS"}  # the last three only order operators
reduced, read = {0}, set()
done = subprocess.run([trace, *models], capture_output=True, text=True, errors="replace", check=False)
for line in done.stderr.splitlines():
    match = re.match(r"Reducing stack by rule (\d+)|Shifting token ([A-Z_]+)", line)
    if match and match[1]:
        reduced.add(int(match[1]))
    elif match:
        read.add(match[2])
wrong = [f"no model reduces rule {number}, {rules[number]}" for number in sorted(set(rules) - reduced)]
wrong += [f"no model has the token {token}" for token in sorted(tokens - read)]
if done.returncode or len(rules) < 200 or len(tokens) < 100:
    wrong.append(f"exit status {done.returncode}, {len(rules)} rules, {len(tokens)} tokens")
print("\n".join(wrong) or f"{len(rules)} rules and {len(tokens)} tokens are covered")
sys.exit(bool(wrong))

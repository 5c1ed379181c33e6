#!/usr/bin/env python3
"""Checks of the compiler and of built models from outside, as a user meets them.

    check.py --list                    names of all checks, a line each
    check.py --setup BUILD FOLDER      builds the models that the checks share
    check.py NAME BUILD FOLDER         runs one check

BUILD is the build tree, FOLDER is scratch space. A check is a function check_NAME(work) in one of the checks_*.py files.
"""
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("checks_*.py"))
TOP = Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "examples" / "proxy1d" / "proxy1d.qtm"
SMALL = TOP / "tests" / "models" / "small.qtm"
TIMEOUT = 280


class Work:
    """Where a check runs, and how it runs things."""

    def __init__(self, build, folder, name):
        self.build = Path(build).resolve()
        self.models = Path(folder).resolve()
        self.qtmc = self.build / "bin" / "qtmc"
        self.folder = self.models / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def run(self, *words, status=0, env=None, cwd=None):
        """Runs a command; its exit status must be `status`. Returns (stdout, stderr)."""
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", **(env or {}))
        words = [str(word) for word in words]
        done = subprocess.run(words, cwd=cwd or self.folder, capture_output=True, text=True, errors="replace",
                              timeout=TIMEOUT, env=environment, check=False)
        if done.returncode != status:
            fail(f"exit status {done.returncode} instead of {status}: {' '.join(words)}", done.stdout, done.stderr)
        return done.stdout, done.stderr

    def ranks(self, count, *words, **more):
        return self.run("mpirun", "--oversubscribe", "--bind-to", "none", "-n", count, *words, **more)

    @property
    def example(self):
        """The proxy1d example at its own sizes, and 100,000 events drawn at its truth."""
        return self.models / "proxy1d", self.models / "proxy1d.h5"

    @property
    def small(self):
        """The same physics with small networks and batches, and 5,000 events."""
        return self.models / "small", self.models / "small.h5"

    def fit_small(self, out, *flags, name="gan", ranks=1):
        model, data = self.small
        words = [model, "fit", name, f"--measured={data}", f"--out={out}", *flags]
        return self.run(*words) if ranks == 1 else self.ranks(ranks, *words)

    def weights(self, run):
        """Every array of a checkpoint but the record of how it came about, as bytes."""
        import h5py

        arrays = {}
        with h5py.File(self.folder / run / "last.h5") as file:
            file.visititems(lambda path, item: arrays.update({path: item[()].tobytes()})
                            if isinstance(item, h5py.Dataset) and path.startswith(("weights", "update", "rank")) else None)
        expect(arrays, f"{run}/last.h5 holds no arrays")
        return arrays

    def summary(self, run):
        return json.loads((self.folder / run / "summary.json").read_text())


def fail(*what):
    print(*what, sep="\n")
    sys.exit(1)


def expect(condition, *what):
    if not condition:
        fail(*what)


def expect_in(part, text):
    expect(part in text, f"expected to read: {part}", f"read: {text}")


def expect_products(said, rows):
    """The last two columns of check-gradients: at most 1e-10 but where a row is WRONG, and not all of them zero."""
    lines = [line.replace("WRONG", "").split() for line in said.splitlines() if re.search(r"( +-?[0-9.]+e[+-][0-9]+){3}", line)]
    found = [tuple(float(number) for number in line[-2:]) for line in lines]
    expect(len(found) == rows, f"{len(found)} rows of weights, not {rows}", said)
    if "WRONG" not in said:
        expect(0 < max(max(errors) for errors in found) <= 1e-10, "the products disagree, or were not made", found)
    return found


def checks():
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found.update({key[len("check_"):]: value for key, value in vars(module).items() if key.startswith("check_")})
    return found


def setup(build, folder):
    work = Work(build, folder, "setup")
    for name, source, events in (("proxy1d", EXAMPLE, 100000), ("small", SMALL, 5000)):
        work.run(work.qtmc, "build", source, "-o", work.models / name)
        work.run(work.models / name, "draw", "--truth", f"--events={events}", f"--out={work.models / (name + '.h5')}")


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    sys.modules["check"] = sys.modules["__main__"]
    if sys.argv[1:] == ["--list"]:
        print("\n".join(checks()))
    elif len(sys.argv) == 4 and sys.argv[1] == "--setup":
        setup(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 4 and sys.argv[1] in checks():
        checks()[sys.argv[1]](Work(sys.argv[2], sys.argv[3], sys.argv[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

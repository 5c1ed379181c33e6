"""What every workload of the benchmark is run with: builds, the peers' processes, timing, the machine's roofs.

On one core a time is one of the processor, so that what else runs on the machine is not counted; on two it is the wall's.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
TOP = BENCH.parents[1]
PEERS = ("torch", "compiled", "jax")


class Place:
    """A build tree of the project, and a folder in it for what is made here. `own`: it is the benchmark's to build; else it
    is taken as it stands."""

    def __init__(self, build, own):
        self.build, self.own = Path(build).resolve(), own
        self.work, self.qtmc = self.build / "bench", self.build / "bin" / "qtmc"
        self.work.mkdir(parents=True, exist_ok=True)

    def prepare(self):
        if self.own:
            quietly(TOP / "bootstrap", "--tests")
            if not (self.build / "build.ninja").exists():
                quietly("cmake", "-S", TOP, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                        "-DQTM_TESTS=ON")
        self.target("qtmc", "qtmrt")
        for name in ("usage", "roof"):
            self.compiled([BENCH / f"{name}.c"], name)

    def target(self, *names):
        if self.own:
            quietly("cmake", "--build", self.build, "--target", *names)

    def model(self, source, name, **sizes):
        """Builds a model with sizes; returns its executable."""
        program = self.work / name
        quietly(self.qtmc, "build", source, "-o", program, *defines(sizes))
        return program

    def compiled(self, sources, name, *words):
        program = self.work / name
        quietly("cc", "-O3", "-march=native", "-D_GNU_SOURCE", "-I", TOP / "runtime" / "include", *sources, *words,
                "-lm", "-lpthread", "-o", program)
        return program

    def peers_python(self):
        """The interpreter of a virtual environment with the peers, which are installed where they are missing."""
        folder = self.build / "bench-venv"
        python = folder / "bin" / "python"
        if not python.exists():
            quietly(sys.executable, "-m", "venv", folder)
        for package in ("jax", "h5py", "torch"):
            if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode:
                print(f"installing {package} into {folder}", flush=True)
                quietly(python, "-m", "pip", "install", "-q", package)
        return python


def defines(sizes):
    return [word for name, value in sizes.items() for word in ("-D", f"{name}={value}")]


def quietly(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\ntests/bench/run: failed: {' '.join(map(str, words))}")
    return done.stdout


def measured(place, words):
    """Runs a program; returns what it printed, its seconds of processor, the most memory that it held, in MB, and its
    seconds of the wall."""
    used = place.work / "usage.json"
    start = time.perf_counter()
    text = quietly(place.work / "usage", used, *words, cwd=place.work)
    wall = time.perf_counter() - start
    usage = json.loads(used.read_text())
    return text, usage["cpu"], usage["megabytes"], wall


class Fit:
    """Steps of a fit, in the seconds that the fit tells of its steps: the difference of a long run and a short one, so that
    the first steps, which meet memory for the first time, and the report at the end are not in."""

    SHORT = 3

    def __init__(self, place, program, fit, threads, *words):
        self.place, self.program, self.fit, self.threads, self.words = place, program, fit, threads, words

    def run(self, steps, *words):
        """A whole run; its summary, with the processor's seconds and the memory."""
        out = f"run-{self.program.name}-{self.threads}"
        _, _, memory, _ = measured(self.place, [self.program, "fit", self.fit, f"--steps={steps}", "--quiet",
                                               f"--threads={self.threads}", f"--checkpoint-every={steps}",
                                               f"--out={out}", *self.words, *words])
        summary = json.loads((self.place.work / out / "summary.json").read_text())
        lines = (self.place.work / out / "metrics.jsonl").read_text().splitlines()
        return {**summary, "cpu": summary["processor_seconds"], "megabytes": memory,
                "metrics": [json.loads(line) for line in lines]}

    def measure(self, steps):
        short, long = (self.run(n, f"--report-every={n}") for n in (self.SHORT, self.SHORT + steps))
        return {"wall": (long["seconds"] - short["seconds"]) / steps, "cpu": (long["cpu"] - short["cpu"]) / steps,
                "megabytes": long["megabytes"]}


class Timed:
    """A program that prints a line of JSON with the processor's seconds of a call: least and median."""

    def __init__(self, place, program, *words):
        self.place, self.words = place, [program, *words]

    def measure(self, calls):
        text, _, memory, _ = measured(self.place, [*self.words, max(3, calls)])
        answer = json.loads(text)
        return {"wall": answer["median"], "cpu": answer["least"], "megabytes": memory}


class Peer:
    """A process with one workload in one library, which stays and waits for its turn."""

    def __init__(self, place, python, kind, module, config):
        path = place.work / f"{module}-{kind}-{config['threads']}.json"
        path.write_text(json.dumps(config))
        self.kind = kind
        self.errors = open(path.with_suffix(".log"), "w", encoding="utf-8")
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive",
                       "TORCHINDUCTOR_CACHE_DIR": str(place.work / "inductor")}
        self.process = subprocess.Popen([str(python), str(BENCH / "peer.py"), kind, module, str(path)], text=True,
                                        cwd=place.work, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors)
        self.version = None

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"tests/bench/run: the peer {self.kind} ended:\n{Path(self.errors.name).read_text()[-3000:]}")
        return json.loads(line)

    def ready(self):
        self.version = self.answer()["version"]

    def ask(self, **words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self, steps):
        answer = self.ask(steps=steps)
        return {"wall": answer["wall"] / steps, "cpu": answer["cpu"] / steps, "megabytes": answer["megabytes"]}

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def seconds(result, threads):
    return result["cpu" if threads == 1 else "wall"]


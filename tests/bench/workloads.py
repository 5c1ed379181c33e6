"""The workloads. Each says how ours is built, which peer's module does the same with which sizes, how much there is to
compute, and what is asked of it.

flops and bytes are those of one step, counted by hand from the formulas beside them: of matrix products every
multiplication and addition, of elementary functions what a good vector code takes (FUNCTION operations each). Bytes are
those that have to come from memory at least. The roof is what the machine needs for the larger of the two.
"""
import json
import math
import random
import sys

from harness import BENCH, TOP, Fit, Timed, defines, measured, quietly

FUNCTION = 20  # operations of an exp, a log, a power is two of them
EXAMPLES = TOP / "examples"


class Workload:
    """threads: with how many it is run; bar: how many times faster than the fastest peer it shall be; least_fraction: of
    the roof, least_gain: how many times one core two shall be, most: seconds of a step, where these are asked."""

    threads, bar, unit, least_fraction, least_gain, most, bytes = (1, 2), 3.0, "step", 0, 0, None, 0

    def prepare(self, place):
        raise NotImplementedError

    def ours(self, place, threads):
        return Fit(place, self.program, self.fit, threads)

    def config(self):
        """What the peers are told."""
        raise NotImplementedError

    def roofs(self, place):
        """The machine's rates at this moment: lists of one core and two, in 1e9 a second."""
        text, *_ = measured(place, [place.work / "roof"])
        return json.loads(text)

    def bound(self, roof, threads):
        """Seconds of a step that the machine needs at least."""
        return max(self.flops / roof["f32"][threads - 1], self.bytes / roof["far"][threads - 1]) / 1e9


def mlp_flops(inputs, width, depth, outputs=1):
    """Of one row forward: two for every weight."""
    return 2 * (inputs * width + (depth - 1) * width * width + width * outputs)


def mlp_step_flops(inputs, width, depth, outputs=1, by_inputs=False):
    """Of one row forward and backward: weights' gradients cost as much as forward, and so do those by the activations,
    except that the first layer's is needed only where there is something before it."""
    forward = mlp_flops(inputs, width, depth, outputs)
    return 3 * forward - (0 if by_inputs else 2 * inputs * width)


class Mlp(Workload):
    """Training step of a perceptron 2-128x4-1: relu, mean squares, Adam; rows picked at random out of 100,000."""

    fit, width, depth = "regression", 128, 4

    def __init__(self, rows):
        self.name, self.rows = f"mlp.{short(rows)}", rows
        self.note = f"training step of a perceptron 2-{self.width}x{self.depth}-1, {rows} rows"
        self.bar = 10 if rows <= 1024 else 1.3
        self.flops = rows * mlp_step_flops(2, self.width, self.depth)
        self.bytes = rows * 3 * 4
        self.least_fraction = {1024: 0.6, 8192: 0.6, 65536: 0.5}.get(rows, 0)
        self.least_gain = 1.8 if rows >= 8192 else 1
        self.peers = "mlp"

    def prepare(self, place):
        points(place)
        self.program = place.model(BENCH / "mlp.qtm", self.name, rows=self.rows, width=self.width, depth=self.depth)

    def config(self):
        return {"data": "points.txt", "fields": ["x", "y", "z"], "rows": self.rows, "width": self.width,
                "depth": self.depth, "forward": False}


class Tiny(Mlp):
    """The same with next to nothing to compute: what a step costs whatever it does."""

    width, depth = 4, 1

    def __init__(self):
        super().__init__(64)
        self.name, self.most = "mlp.tiny", 20e-6
        self.note = "training step of a perceptron 2-4-1, 64 rows, which is all overhead"


class Forward(Mlp):
    """Values of the same perceptron, of rows picked at random, and their mean."""

    fit = "values"

    def __init__(self, rows):
        super().__init__(rows)
        self.name = f"forward.{short(rows)}"
        self.note = f"perceptron 2-128x4-1 forward, {rows} rows"
        self.least_fraction = 0.85
        self.flops = rows * mlp_flops(2, 128, 4)

    def config(self):
        return {**super().config(), "forward": True}


def short(number):
    return f"{number // 1024}k" if number >= 1024 and number % 1024 == 0 else str(number)


def points(place):
    """100,000 points of z = sin(3 x) y, as a text table."""
    path = place.work / "points.txt"
    if path.exists():
        return
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        file.write("x y z\n")
        for _ in range(100_000):
            x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
            file.write(f"{x:.6f} {y:.6f} {math.sin(3 * x) * y:.6f}\n")


def pictures(place):
    """2,048 pictures of 16 x 16 pixels: bells of several widths at several places."""
    path = place.work / "pictures.txt"
    if path.exists():
        return
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        file.write(" ".join(f"pixel{i}" for i in range(256)) + "\n")
        for _ in range(2048):
            place_x, place_y, width = rng.uniform(3, 12), rng.uniform(3, 12), rng.uniform(1, 3)
            line = [[math.exp(-((i - c) ** 2) / (2 * width**2)) for i in range(16)] for c in (place_x, place_y)]
            file.write(" ".join(f"{2 * a * b - 1:.4f}" for a in line[0] for b in line[1]) + "\n")


class Conv(Workload):
    """Generator and critic of images by convolutions: conv.qtm."""

    peers, fit, bar = "conv", "gan", 10

    def __init__(self, images):
        self.name, self.images = f"conv.{images}", images
        self.note = f"step of a convolutional generator and critic, {images} images of 16 x 16"
        # weights times places: paint 32 x 512, 16 x 32 x 16 at 8 x 8 / 4 places of 4 x 4 taps, 16 x 16 / 4 places
        paint = 2 * (32 * 512 + 64 * 32 * 16 * 4 + 256 * 16 * 4)
        look = 2 * (64 * 16 * 16 + 16 * 32 * 16 * 16 + 512)
        first = 2 * 64 * 16 * 16  # the gradient by the pixels, which only the generator needs
        self.flops = images * (paint + 2 * (3 * look - first) + (3 * paint - 2 * 32 * 512) + 2 * look)
        self.bytes = images * 256 * 4

    def prepare(self, place):
        pictures(place)
        self.program = place.model(BENCH / "conv.qtm", self.name, images=self.images)

    def ours(self, place, threads):
        return Fit(place, self.program, "gan", threads, "--pictures=pictures.txt")

    def config(self):
        return {"data": "pictures.txt", "fields": [f"pixel{i}" for i in range(256)], "images": self.images, "noise": 32,
                "channels": 32}


class Proxy1d(Workload):
    """`fit gan` of examples/proxy1d."""

    peers, fit, dimension, nodes = "proxy", "gan", 1, 101

    def __init__(self, name, vectors, events, width, depth):
        self.name, self.vectors, self.events, self.width, self.depth = name, vectors, events, width, depth
        self.note = f"step of proxy1d, {vectors} x {events} events, critic and generator {width} x {depth}"
        rows = vectors * events
        critic = mlp_step_flops(2, width, depth)
        by_events = 2 * mlp_flops(2, width, depth)  # forward and back to the events
        theory = vectors * self.nodes * (2 * 4 * FUNCTION + 2 * 8) * 2
        # an event: a bisection of seven halvings and the quadratic in its cell, and their derivative, two variables
        draws = rows * 2 * (14 + 25 + 30)
        self.flops = rows * (2 * critic + by_events) + vectors * mlp_step_flops(6, width, depth, 6) + theory + draws
        self.bytes = rows * 2 * 4

    def prepare(self, place):
        self.program = place.model(EXAMPLES / "proxy1d" / "proxy1d.qtm", self.name, vectors_per_step=self.vectors,
                                   events_per_vector=self.events, width=self.width, depth=self.depth)
        if not (place.work / "proxy1d.h5").exists():
            quietly(self.program, "draw", "--truth", "--events=100000", "--out=proxy1d.h5", cwd=place.work)

    def config(self):
        return {"data": "proxy1d.h5", "fields": ["y1", "y2"], "dimension": self.dimension, "vectors": self.vectors,
                "events": self.events, "nodes": self.nodes, "width": self.width, "depth": self.depth, "decay": 0.998,
                "critic_rate": 6e-3, "generator_rate": 1e-3}


class Proxy2d(Proxy1d):
    """`fit gan` of examples/proxy2d."""

    dimension = 2

    def __init__(self, name, vectors, events, width, depth):
        super().__init__(name, vectors, events, width, depth)
        self.note = f"step of proxy2d, {vectors} x {events} events, critic and generator {width} x {depth}"
        rows = vectors * events
        tables = vectors * (4 * self.nodes * FUNCTION + self.nodes**2 * 8) * 2
        draws = rows * (14 + 7 * 5 + 2 * 30 + FUNCTION * 2) * 2
        self.flops = (rows * (2 * mlp_step_flops(2, width, depth) + 2 * mlp_flops(2, width, depth))
                      + vectors * mlp_step_flops(5, width, depth, 5) + tables + draws)

    def prepare(self, place):
        self.program = place.model(EXAMPLES / "proxy2d" / "proxy2d.qtm", self.name, vectors_per_step=self.vectors,
                                   events_per_vector=self.events, width=self.width, depth=self.depth)
        if not (place.work / "proxy2d.h5").exists():
            quietly(self.program, "draw", "--truth", "--events=100000", "--out=proxy2d.h5", cwd=place.work)

    def config(self):
        return {**super().config(), "data": "proxy2d.h5", "fields": ["x", "y"]}


class Dis(Workload):
    """`fit folded` of examples/dis: a cross section drawn from twice, a detector, three means."""

    peers, fit = "dis", "folded"

    def __init__(self, events=10_000):
        self.name, self.events = "dis", events
        self.note = f"step of dis (folded), 2 x {events} events through the detector"
        # a node: the three shapes, the rest of the cross section; an event: draws in two variables, two exponentials,
        # a normal number twice (log, sqrt, cos), acos, cos, two tanh, a log; the derivative costs as much again
        node = 101**2 * 30 + 101 * 5 * FUNCTION
        event = 14 + 7 * 5 + 60 + 2 * FUNCTION + 3 * FUNCTION + 5 * FUNCTION + 60
        self.flops = 2 * node + 2 * 2 * events * event

    def prepare(self, place):
        self.program = place.model(EXAMPLES / "dis" / "dis.qtm", self.name)
        for name, kind in (("dis_true.h5", "Dis"), ("dis_seen.h5", "Seen")):
            if not (place.work / name).exists():
                quietly(self.program, "draw", "--truth", f"--event={kind}", "--events=100000", f"--out={name}",
                        cwd=place.work)

    def config(self):
        return {"data": "dis_seen.h5", "fields": ["x"], "events": self.events, "nodes": 101}


class Sampler(Workload):
    """The default sampler: events in two variables or five, with the derivative of a mean by the parameters or without.
    Without, whole batches are drawn, of 16,384 events in two variables and 262,144 in five, and counted as time."""

    peers, threads = "sampler", (1,)
    NODES = {2: 100, 5: 20}

    def __init__(self, dimension, events, gradient):
        self.dimension, self.events, self.gradient = dimension, events, gradient
        exponent = f"1e{round(math.log10(events))}"
        self.name = f"sampler{dimension}.{exponent}" + (".vjp" if gradient else "")
        self.note = f"{events} events of {dimension} variables" + (" with the derivative" if gradient else "")
        n = self.NODES[dimension]
        # of a bisection each halving reads two neighbours in every row that is blended, and the place found three values
        self.lookups = sum(2 ** max(0, i - 1) * ((n - 1).bit_length() + 3) for i in range(dimension))
        self.table = 8 * n**dimension
        self.flops = events * (4 * self.lookups + 40 * dimension) * (2 if gradient else 1)
        self.bytes = 0 if gradient else events * 4 * dimension

    def prepare(self, place):
        n = self.NODES[self.dimension]
        sizes = {"n": self.events, "sampler_nodes": n} if self.dimension == 2 else {"cube_nodes": n}
        self.program = harnessed(place, f"sampler{self.dimension}", self.name, **sizes)

    def ours(self, place, threads):
        return Timed(place, self.program, "gradient" if self.gradient else "draw", self.events)

    def roofs(self, place):
        """Lookups are of two neighbours in a table of this size, none waiting for another."""
        text, *_ = measured(place, [self.program, "lookups", self.table, 5])
        rate = 1e-9 / json.loads(text)["least"]
        return {**super().roofs(place), "lookups": [rate, 2 * rate]}

    def bound(self, roof, threads):
        return max(super().bound(roof, threads), self.events * self.lookups / roof["lookups"][threads - 1] / 1e9)

    def config(self):
        return {"dimension": self.dimension, "nodes": self.NODES[self.dimension], "events": self.events,
                "gradient": self.gradient}


def harnessed(place, model, name, **sizes):
    """The emitted code of a model with sampler.c for its runtime."""
    source = BENCH / f"{model}.qtm"
    quietly(place.qtmc, "--emit=obj", source, "-o", place.work / f"{name}.o", *defines(sizes))
    quietly(place.qtmc, "--emit=descriptor", source, "-o", place.work / f"{name}.c", *defines(sizes))
    return place.compiled([BENCH / "sampler.c", place.work / f"{name}.c", place.work / f"{name}.o"], name)


class Solution(Workload):
    """Seconds until the total variation of both spectra to the truth is at most LIMIT: the parameters are the mean of a
    step's vectors, looked at every so many steps, outside of what is timed. A round is a seed."""

    unit, LIMIT, every = "solution", 0.005, 10

    def __init__(self, step, steps):
        self.step, self.steps = step, steps
        self.name = step.name.partition(".")[0] + ".solution"
        self.note = f"until both spectra are within {self.LIMIT} of the truth in total variation; a round is a seed"
        self.peers, self.bar, self.flops = step.peers, 10 if step.dimension == 1 else 3, 0

    def prepare(self, place):
        self.step.prepare(place)
        self.program, self.fit = self.step.program, self.step.fit

    def config(self):
        return self.step.config()

    def distance(self, parameters):
        """The larger total variation of two spectra, half the integral of |p - q|."""
        from peers import proxy
        spectra = lambda p: proxy.marginals(self.step.dimension, p)
        pairs = zip(spectra(parameters), spectra(proxy.TRUTH[self.step.dimension]))
        return max(0.5 * sum(abs(a - b) for a, b in zip(left, right)) for left, right in pairs)

    def own(self, ours, seed):
        """The fit writes what its monitor says of the parameters, and the seconds of the wall. What does not get there
        counts as twice its steps."""
        from peers import proxy
        run = ours.run(self.steps, f"--report-every={self.every}", f"--seed={seed}")
        truth = proxy.TRUTH[self.step.dimension]
        steps, wall = 2 * self.steps, 2 * run["seconds"]
        for line in run["metrics"]:
            if self.distance([t * (1 + r) for t, r in zip(truth, line["monitors"]["residual"])]) <= self.LIMIT:
                steps, wall = line["step"], line["seconds"]
                break
        return {"cpu": run["cpu"] / self.steps * steps, "wall": wall, "steps": steps, "megabytes": run["megabytes"]}

    def peer(self, peer, seed):
        steps = cpu = wall = 0
        answer = peer.ask(start=seed)
        while steps < self.steps:
            answer = peer.ask(steps=self.every)
            steps, cpu, wall = steps + self.every, cpu + answer["cpu"], wall + answer["wall"]
            if self.distance(peer.ask(parameters=True)["parameters"]) <= self.LIMIT:
                return {"cpu": cpu, "wall": wall, "steps": steps, "megabytes": answer["megabytes"]}
        return {"cpu": 2 * cpu, "wall": 2 * wall, "steps": 2 * steps, "megabytes": answer["megabytes"]}


FRONT_BLOCK = """## Parameter number {k}.
param a{k} in (0, 1) truth 0.5
param b{k} in (0, 5) truth 3   # counting rules
qcf u{k}(x) = a{k} * x^a{k} * (1 - x)^b{k}
fun g{k}(x) = if x < 0.5 then u{k}(x) + 2 * x else exp(-x^2) / sqrt(x)

"""
FRONT_HEAD = 'use std.sampler\nevent Hit { x in 0.1 .. 1 }\ndata hits : Hit from "hits.h5"\n'
FRONT_FIT = """fit f {{
    minimize -mean(log(pdf(s, e.x)) for e in hits) over params using lbfgs
    stop after 10 steps
}}
density s(x in 0.1 .. 1) = {sum}
"""


class Front:
    """How fast models are read and checked: megabytes of text a second, and seconds for a model of 1,000 lines."""

    name, unit, note = "front", "own", "megabytes a second of lexer, parser and qtmc check; a model of 1,000 lines"

    def prepare(self, place):
        place.target("bench_front")
        self.long, self.usual = place.work / "long.qtm", place.work / "usual.qtm"
        blocks = 165
        self.long.write_text("".join(FRONT_BLOCK.format(k=k) for k in range(40000)))
        self.usual.write_text(FRONT_HEAD + "".join(FRONT_BLOCK.format(k=k) for k in range(blocks))
                              + FRONT_FIT.format(sum=" + ".join(f"g{k}(x)" for k in range(blocks))))

    def run(self, place, rounds):
        words = quietly(place.build / "bin" / "bench_front", self.long).split()
        result = {name: float(rate) for name, rate in zip(words[::2], words[1::2])}
        times = {path: min(measured(place, [place.qtmc, "check", path])[1] for _ in range(rounds))
                 for path in (self.long, self.usual)}
        result["check"] = self.long.stat().st_size / 1e6 / times[self.long]
        result["check_1000_lines_seconds"] = times[self.usual]
        return [result]


class Builds:
    """Seconds of processor and of the wall that `qtmc build` takes."""

    name, unit, note = "build", "own", "seconds of qtmc build for every example"

    def prepare(self, place):
        self.models = sorted(EXAMPLES.glob("*/*.qtm"))

    def run(self, place, rounds):
        lines = []
        for model in self.models:
            times = [measured(place, [place.qtmc, "build", model, "-o", place.work / "built"])
                     for _ in range(rounds)]
            lines.append({"model": model.stem, "wall": min(wall for _, _, _, wall in times),
                          "cpu": min(cpu for _, cpu, _, _ in times), "megabytes": max(mb for _, _, mb, _ in times)})
        return lines


class Program:
    """A program of the build tree, or a script of this folder that runs it: prints its measurements as lines of JSON."""

    unit = "own"

    def __init__(self, name, target, note, *words, script=None):
        self.name, self.target, self.note, self.words, self.script = name, target, note, words, script

    def prepare(self, place):
        points(place)
        place.target(self.target)

    def run(self, place, rounds):
        program = [place.build / "bin" / self.target]
        if self.script:
            program = [sys.executable, "-B", BENCH / self.script, place.build]
        text = quietly(*program, *self.words, cwd=place.work)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

"""Networks and objectives of the library, on built models."""
import re

from check import TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "nets.qtm"


def build(work, events=2000):
    work.run(work.qtmc, "build", MODEL, "-o", "model")
    work.run("./model", "draw", "--truth", f"--events={events}", "--out=hits.h5")


def check_nn_gradients(work):
    """Every layer and objective against finite differences, second derivatives of penalties included."""
    build(work, 200)
    out, _ = work.run("./model", "check-gradients")
    expect_in("all gradients agree with finite differences", out)
    expect(len(re.findall(r"^fit \w+: minimize", out, re.M)) == 7, out)
    work.run("./model", "fit", "layers", "--quiet", "--out=run")


def check_nn_convolutions_are_products(work):
    """Each convolution is one matrix product whose rows are events and places, in the f32 gradient."""
    out, _ = work.run(work.qtmc, "--emit=lir", MODEL)
    body = re.search(r"func layers_update1_gradient_f32 .*?(?=^func )", out, re.M | re.S)[0]
    products = re.findall(r"^ *dot dot_\d+ for \w+ for each\d+ m (\w+) n (\w+) \(vector\) k (\w+):", body, re.M)
    expect(len(products) == 9, "forward, by the weights and by the input, of three convolutions:", *products, body)
    scatters = re.findall(r"^ *nest scatter_\d+ .*", body, re.M)
    alone = [line for line in scatters if "(vector)" not in line]
    expect(len(scatters) - len(alone) == 8, "windows overlap by whole rows:", *scatters)
    expect(len(alone) == 2, "only groups of channels, in group_norm, meet number by number:", *alone)


def check_nn_wasserstein(work):
    """A critic with gradient penalty keeps slopes near 1 and leads the generator to the truth."""
    import json

    build(work, 20000)
    work.run("./model", "fit", "wgan", "--quiet", "--out=run")
    a = work.summary("run")["params"]["a"]["value"]
    expect(abs(a + 0.5) < 0.2, "a", a)
    last = json.loads((work.folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    expect(0.02 < last["monitors"]["steepness"][0] < 1.3, "slope of the critic", last)


def check_nn_correlated_chi2(work):
    """The fit with 40 sources ends at the minimum of the formula, whose shifts numpy solves for."""
    import h5py
    import numpy

    build(work, 500)
    work.run("./model", "fit", "chi", "--quiet", "--out=run")
    with h5py.File(work.folder / "hits.h5") as file:
        mu = file["events/x"][()].astype(float)
    g = 0.1 * numpy.sin(mu[:, None] * (numpy.arange(40) + 1))
    stat, uncor = 0.1 + 0.2 * mu, 0.05

    def chi2(a):
        m = 0.3 + 0.2 * a + 0 * mu
        v = stat**2 * mu * m + uncor**2 * m**2
        b = numpy.linalg.solve(numpy.eye(40) + (g * (m**2 / v)[:, None]).T @ g, g.T @ (m * (m - mu) / v))
        terms = (mu - m * (1 - g @ b)) ** 2 / v + numpy.log(v / ((stat**2 + uncor**2) * mu**2))
        return terms.sum() + b @ b

    grid = numpy.linspace(-0.999, 0.999, 20001)
    best = grid[numpy.argmin([chi2(a) for a in grid[::20]]) * 20]
    fine = numpy.linspace(max(best - 0.002, -1), min(best + 0.002, 1), 401)
    best = fine[numpy.argmin([chi2(a) for a in fine])]
    expect(abs(best) < 0.9, "the minimum lies inside of the domain", best)
    a = work.summary("run")["params"]["a"]["value"]
    expect(abs(a - best) < 2e-5, "fitted and scanned", a, best)

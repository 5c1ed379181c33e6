"""What goes wrong is said where it went wrong: densities that are none, --trap=nan, qtmc eval."""
import re

from check import EXAMPLE, SMALL, TOP, expect, expect_in

MODEL = TOP / "tests" / "models" / "trap.qtm"


def build(work):
    """The model, and data drawn at its truth, where its densities are good."""
    work.run(work.qtmc, "build", MODEL, "-o", "model")
    for name in "EF":
        work.run("./model", "draw", "--truth", f"--event={name}", "--events=500", f"--out={name.lower()}.h5")
    return "./model"


def number(pattern, text):
    found = re.search(pattern, text)
    expect(found, f"no match of {pattern}", text)
    return float(found.group(1))


def check_trap_density_negative(work):
    """The node, the value there and the parameters fit together; the checkpoint is that of an earlier step."""
    model = build(work)
    words = [model, "fit", "rises", "--quiet", "--threads=1", "--checkpoint-every=3", "--report-every=1"]
    _, err = work.run(*words, "--start=a=0.7", status=1)
    expect_in("of fit rises: density 'steep' is negative at x = ", err)
    expect_in("The last checkpoint is intact", err)
    step = int(number(r"step (\d+) of", err))
    a, x, q = number(r"a = ([\d.]+)", err), number(r"x = ([\d.]+),", err), number(r"q = ([\d.]+) GeV\^2", err)
    value = number(r"GeV\^2: (-[\d.e-]+);", err)
    number(r"b = ([\d.]+) GeV", err)
    expect(abs(value - (1 - 1.25 * a * x) / q) < 1e-5 and value < 0, value, a, x, q)
    expect(1 - 1.25 * a * (x - 0.9 / 100) > -1e-6, "an earlier node is bad too", a, x)
    import h5py

    with h5py.File(work.folder / "run/rises/last.h5") as file:
        saved = file["run/step"][()]
    expect(saved == (step - 1) // 3 * 3, "the last checkpoint", saved, step)
    expect(not (work.folder / "run/rises/summary.json").exists(), "a run that stopped has no result")
    lines = (work.folder / "run/rises/metrics.jsonl").read_text().splitlines()
    expect(len(lines) == step - 1, "the step that failed is no line of the metrics", len(lines), step)
    _, err = work.run(model, "resume", "run/rises/last.h5", "--quiet", "--threads=1", status=1)
    expect_in(f"step {step} of fit rises: density 'steep' is negative", err)


def check_trap_density_generated(work):
    """With a generator, which of the vectors; on several ranks one message, and all of them stop."""
    model = build(work)
    _, err = work.run(model, "fit", "generated", "--quiet", status=1)
    a = number(r"parameters: a = ([\d.]+)", err)
    name, x = re.search(r"density '(\w+)' is negative at x = ([\d.]+)", err).groups()
    value = number(r": (-[\d.e-]+), for parameter vector \d+ of 16", err)
    q = number(r"q = ([\d.]+)", err) if name == "steep" else 1
    expect(abs(value - (1 - (1.5 if name == "falls" else 1.25) * a * float(x)) / q) < 1e-4, err)
    _, err = work.ranks(3, model, "fit", "generated", "--quiet", "--threads=1", "--out=three", status=1)
    expect(err.count("is negative at") == 1, "the message comes once", err)
    expect(re.search(r"step \d+ of fit generated, rank \d:", err), err)


def check_trap_density_other(work):
    """Zeros behind a cut are fine; zero everywhere and poles are not, nor are truths that give no density."""
    model = build(work)
    work.run(model, "fit", "cut", "--quiet", "--start=a=0.2", "--fix=a")
    _, err = work.run(model, "fit", "empty", "--quiet", "--start=a=0.75", status=1)
    expect_in("step 1 of fit empty: density 'gone' is zero everywhere on its grid of 101 points; parameters: a = 0.75", err)
    _, err = work.run(model, "fit", "singular", "--quiet", "--start=a=0.5", status=1)
    expect_in("density 'pole' is infinite at x = 0; parameters: a = 0.5", err)
    _, err = work.run(model, "fit", "branched", "--quiet", "--start=a=0.5", status=1)
    expect_in("density 'pole' is infinite at x = 0; parameters: a = 0.5", err)
    _, err = work.run(model, "fit", "rooted", "--quiet", "--start=a=0.5", status=1)
    expect_in("density 'rooted_at' is not a number (NaN) at x = 0.61; parameters: a = 0.5", err)
    _, err = work.run(model, "fit", "watched", "--quiet", "--report-every=1", status=1)
    expect(re.search(r"a monitor after step \d+ of fit watched: density 'falls' is negative at x = ", err), err)
    a, x = number(r"parameters: a = ([\d.]+)", err), number(r"x = ([\d.]+)", err)
    value = number(r": (-[\d.e-]+); parameters", err)
    expect(abs(value - (1 - 1.5 * a * x)) < 1e-5 and 1 - 1.5 * a * (x - 0.01) > -1e-6, "the node", value, a, x)
    _, err = work.run(model, "check-gradients", "singular", "--start=a=0.5", status=1)
    expect_in("checking gradients: density 'pole' is infinite at x = 0", err)
    _, err = work.run(model, "fit", "members", "--quiet", status=1)
    expect(err.count("failed and is left out") == 3 and "density 'steep' is negative" in err, err)
    text = MODEL.read_text().replace("truth 0.3", "truth 0.8")
    (work.folder / "bad.qtm").write_text(text)
    work.run(work.qtmc, "build", "bad.qtm", "-o", "bad")
    _, err = work.run("./bad", "draw", "--truth", "--event=E", "--events=10", "--out=none.h5", status=1)
    expect_in("drawing E at the truth: density 'falls' is negative at x = 0.84: -0.008", err)
    expect_in("parameters (the declared truth): a = 0.8, b = 3 GeV", err)
    expect(not (work.folder / "none.h5").exists(), "no file is left")


def check_trap_search_turns_back(work):
    """A search of L-BFGS that comes to where there is no density goes on from a shorter step."""
    model = build(work)
    work.run(model, "fit", "likelihood", "--quiet", "--start=a=0.6")
    fitted = work.summary("run/likelihood")["params"]["a"]["value"]
    expect(abs(fitted - 0.3) < 0.25, "the fit comes to the truth", fitted)


def check_trap_nan(work):
    model = build(work)
    source = MODEL.read_text().splitlines()

    def place(text):
        (line,) = [i for i, row in enumerate(source) if text in row]
        return f"{MODEL}:{line + 1}:{source[line].index(text) + 1}: "

    _, err = work.run(model, "fit", "forward", "--quiet", status=1)
    expect_in("is NaN", err)
    expect_in("--trap=nan says where it begins", err)
    _, err = work.run(model, "fit", "forward", "--quiet", "--trap=nan", status=1)
    expect_in(place("log(e.x - a)^2") + "log of -", err)
    expect(re.search(r"log of -0\.\d+ is NaN, at m \d+ of 500 \(forward", err), err)
    expect_in("|     minimize mean(log(e.x - a)^2 for", err)
    expect_in("      |                   ^^^^^^^^^^^^\n", err)
    _, err = work.run(model, "fit", "backward", "--quiet", "--trap=nan", status=1)
    expect_in("is finite, but not its gradient", err)
    expect_in(place("sqrt(x^2 + y^2)") + "div of 0.5 and 0 is infinity (backward", err)
    expect_in("from there, infinity becomes NaN by mul", err)
    _, err = work.run(model, "fit", "overflow", "--quiet", "--trap=nan", status=1)
    expect_in(place("exp(30 * b") + "exp of 90.", err)
    expect(re.search(r"exp of 90\.\d+ is infinity, at m 1 of 500 \(forward", err), err)
    _, err = work.run(model, "check-gradients", "backward", "--trap=nan", status=1)
    expect_in("div of 0.5 and 0 is infinity", err)
    _, err = work.run(model, "fit", "overflow", "--trap=inf", status=2)
    expect_in("--trap=nan, not 'inf'", err)
    out, _ = work.run(model, "fit", "--help")
    expect_in("--trap=nan", out)


def check_trap_eval(work):
    def values(*words, model=EXAMPLE, status=0):
        return work.run(work.qtmc, "eval", model, *words, status=status)

    out, _ = values("u(0.3)", "grad(u(x), x)", "integral(sigma1)", "critic_rate * 2", "--truth", "--set", "N_u=2", "--set=x=0.3")
    rows = dict(line.split(" = ") for line in out.splitlines())
    u = 2 * 0.3**-0.5 * 0.7**3
    expect(abs(float(rows["u(0.3)"]) - u) < 1e-9, rows)
    expect(abs(float(rows["grad(u(x), x)"]) - u * (-0.5 / 0.3 - 3 / 0.7)) < 1e-8, rows)
    expect(3.0 < float(rows["integral(sigma1)"]) < 3.02 and rows["critic_rate * 2"] == "0.012", rows)
    out, _ = values("N_u", "[a_u, b_u]", "{x: 1, y: 2 < 1}", "index(5) * 0.5", "[[i + 10 * j for i in 2] for j in index(3)]")
    expect(out == "N_u = 1.5\n[a_u, b_u] = [0, 2.5]\n{x: 1, y: 2 < 1} = {x: 1, y: false}\n"
           "index(5) * 0.5 = [0, 0.5, 1, 1.5, 2]\n"
           "[[i + 10 * j for i in 2] for j in index(3)] = [[0, 1],\n [10, 11],\n [20, 21]]\n", out)
    out, _ = values("b", "b^2", "falls(0.5)", "--truth", "--set=b=2.5", model=MODEL)
    expect(out == "b = 2.5 GeV\nb^2 = 6.25 GeV^2\nfalls(0.5) = 0.775\n", out)
    out, _ = values("flatten([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], 2)")
    expect(out.endswith(" = [[1, 2],\n [3, 4],\n [5, 6],\n [7, 8]]\n"), out)
    out, _ = values("index(1000)")
    expect_in("... 977 more ...", out)
    out, _ = values("--", "-N_u")
    expect(out == "-N_u = -1.5\n", out)
    out, _ = values("mean([uniform() for i in index(10000)])", "--seed=2")
    expect(abs(float(out.split(" = ")[1]) - 0.5) < 0.01, out)


def check_trap_eval_mistakes(work):
    def message(*words, status=1):
        out, err = work.run(work.qtmc, "eval", EXAMPLE, *words, status=status)
        expect(out == "", out)
        return err

    expect_in("expression:1:5: error[E0201]: unknown name 'v'\n    1 | 2 + v(0.3)\n      |     ^\n", message("2 + v(0.3)"))
    expect_in("error[E0107]: expected ')' after this", message("u(0.3"))
    expect_in("expression:1:1: error[E0303]: this is a density, and a value is wanted", message("sigma1"))
    expect_in("add --seed=1", message("1 + uniform()"))
    expect_in("has a value only in a fit", message("critic({y1: 0.2, y2: 0.3})"))
    expect_in("did you mean 'N_u'?", message("u(0.3)", "--set=N_uu=2"))
    expect_in("the expression ends before this", message("1 const b = 2"))
    expect_in("eval wants an expression", message(status=2))
    expect_in("--set wants NAME=NUMBER", message("1", "--set=a", status=2))
    _, err = work.run(work.qtmc, "check", "--truth", SMALL, status=2)
    expect_in("--truth belongs to qtmc eval", err)

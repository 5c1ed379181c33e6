"""Derivatives that a model gives: clauses, functions in C, roots and fixed points."""
import json
import math
import shutil

from check import TOP, expect, expect_in

FOLDER = TOP / "tests" / "models"


def build(work):
    for name in ("rules.qtm", "rules.c"):
        shutil.copy(FOLDER / name, work.folder / name)
    work.run(work.qtmc, "build", "rules.qtm", "-o", "rules")
    return "./rules"


def monitors(work, run):
    last = (work.folder / run / "metrics.jsonl").read_text().splitlines()[-1]
    return json.loads(last)["monitors"]


def orbits(work, count):
    """Orbits of eccentricity 0.3, at their exact anomalies."""
    import h5py
    import numpy

    u = numpy.linspace(0.1, 5.8, count)
    t = u - 0.3 * numpy.sin(u)
    with h5py.File(work.folder / "orbits.h5", "w") as file:
        file["events/t"], file["events/u"] = t, u


def check_rules_clauses(work):
    """Every clause and every gradient through clauses, functions in C and roots agrees with differences."""
    model = build(work)
    work.run(model, "draw", "--truth", "--events=2000", "--data=hits")
    orbits(work, 500)
    for fit in ("clauses", "spectrum_of_c", "orbit", "roots"):
        out, _ = work.run(model, "check-gradients", fit)
        expect_in("all gradients agree", out)
        if fit == "clauses":
            names = {line.rsplit(None, 3)[0].strip() for line in out.splitlines() if " by " in line}
            wanted = {"rate by x", "rate by y", "grow by x", "turned by x", "wave by x", "wave by s", "total by x",
                      "area by x", "squared by x", "damped by x", "damped by s"}
            expect(names == wanted, names, wanted)


def check_rules_wrong_clause(work):
    """A wrong clause is named with its place and its numbers, and an array's too."""
    (work.folder / "wrong.qtm").write_text(
        "param a in (0, 2) start 1\nparam w[3] in (0, 2) start 1\n"
        "fun cube(x) = x^3 derivative { x: 2 * x^2 }\n"
        "fun pair(x[n]) = [x[0], x[1] * x[2]] derivative { x: [[1, 0, 0], [0, x[1], x[2]]] }\n"
        "fun right(x) = x^3 derivative { x: 3 * x^2 }\n"
        "fit f { minimize cube(a) + right(a) + sum(pair(w)) over params using lbfgs }\n")
    work.run(work.qtmc, "build", "wrong.qtm", "-o", "wrong")
    out, err = work.run("./wrong", "check-gradients", status=1)
    lines = out.splitlines()
    place = next(line for line in lines if "wrong.qtm:3:32: where the argument is" in line)
    slope, difference = (float(word) for word in lines[lines.index(place) - 1].split()[3:5])
    at = float(place.split()[-1])
    expect(math.isclose(slope, 2 * at**2, rel_tol=1e-6), slope, at)
    expect(math.isclose(difference, 3 * at**2, rel_tol=1e-6), difference, at)
    expect_in("wrong.qtm:4:51", out)
    expect("wrong.qtm:5" not in out, "a right clause is called wrong", out)
    expect_in("2 derivative clauses that differ", err)


def check_rules_extern_fit(work):
    """A likelihood whose density is in C gives its parameter back."""
    model = build(work)
    work.run(model, "draw", "--truth", "--events=40000", "--data=hits")
    work.run(model, "fit", "spectrum_of_c", "--quiet", "--out=run")
    found = work.summary("run")["params"]["a"]
    expect(0 < found["spread"] < 0.05, found)
    expect(abs(found["value"] - 2) < 4 * found["spread"], found)


def check_rules_extern_files(work):
    """An object, an archive and a shared object are linked as a C file is."""
    shutil.copy(FOLDER / "rules.c", work.folder / "rules.c")
    work.run("cc", "-O2", "-fPIC", "-c", "rules.c", "-o", "rules.o")
    work.run("ar", "rcs", "librules.a", "rules.o")
    work.run("cc", "-shared", "rules.o", "-o", "rules.so", "-lm")
    for file in ("rules.o", "librules.a", "rules.so"):
        (work.folder / "one.qtm").write_text(
            f'param a in (0, 2) start 1\nextern fun falling(x, r) from "{file}"'
            " derivative { x: (2 * x / (1 + x^2) - r) * falling(x, r), r: -x * falling(x, r) }\n"
            "fit f { minimize (falling(a, 2) - 0.3)^2 over params using lbfgs }\n")
        work.run(work.qtmc, "build", "one.qtm", "-o", "one")
        out, _ = work.run("./one", "check-gradients")
        expect_in("all gradients agree", out)


def check_rules_extern_unrun(work):
    """To check a model runs nothing of its files; to build it calls what declared values need."""
    trace = work.folder / "ran"
    (work.folder / "marks.c").write_text(
        "#include <stdio.h>\n"
        f'__attribute__((constructor)) static void mark(void) {{ FILE *f = fopen("{trace}", "w"); if (f) fclose(f); }}\n'
        "double twice(double x) { return 2 * x; }\n")
    work.run("cc", "-shared", "-fPIC", "marks.c", "-o", "marks.so")
    work.run("cc", "-c", "-fPIC", "marks.c", "-o", "marks.o")
    for file in ("marks.c", "marks.so", "marks.o"):
        text = (f'extern fun twice(x) from "{file}" derivative {{ x: 2 }}\n'
                "param a in (0, 2) start twice(0.4)\nparam b = twice(a)\ncheck twice(1) == 2\n"
                "fit f { monitor m = b\n minimize (twice(a) - 1)^2 over params using lbfgs }\n")
        (work.folder / "marks.qtm").write_text(text)
        work.run(work.qtmc, "check", "marks.qtm")
        work.run(work.qtmc, "info", "marks.qtm")
        work.run(work.qtmc, "--emit=tir", "marks.qtm")
        expect(not trace.exists(), file, "was run")
    work.run(work.qtmc, "build", "marks.qtm", "-o", "marks")
    expect(trace.exists(), "the declared values were not computed")
    out, _ = work.run(work.qtmc, "eval", "marks.qtm", "b")
    expect(out == "b = 1.6\n", out)


def check_rules_roots(work):
    """Values and derivatives of roots and fixed points against closed forms, in f64."""
    model = build(work)
    work.run(model, "fit", "roots", "--quiet", "--out=run")
    for name, value in monitors(work, "run").items():
        expect(abs(value[0]) < 4e-14, name, value)
    work.run(model, "fit", "outside", "--quiet", "--out=outside")
    nothing = monitors(work, "outside")["nothing"][0]
    expect(nothing is None or math.isnan(nothing), "a root without a change of sign", nothing)


def check_rules_orbits(work):
    """Kepler's equation for every event in a fit, in f64 and in f32."""
    model = build(work)
    orbits(work, 2000)
    for fit, tolerance in (("orbit", 1e-7), ("orbit_single", 1e-4)):
        work.run(model, "fit", fit, "--quiet", f"--out={fit}")
        found = work.summary(fit)["params"]["ecc"]["value"]
        expect(abs(found - 0.3) < tolerance, fit, found)


def check_rules_missing(work):
    """The message leads from what has no derivative, through the calls, to the objective that needs it."""
    (work.folder / "chain.qtm").write_text(
        'param a in (0, 2)\nextern fun tgamma(x) from "-lm"\nfun inner(x) = tgamma(x) + 1\n'
        "fun outer(x) = inner(2 * x)\nfit f { minimize outer(a)^2 over params using adam }\n")
    _, err = work.run(work.qtmc, "check", "chain.qtm", status=1)
    places = [line.split()[0] + line.split(":", 3)[3] for line in err.splitlines() if line.startswith("chain.qtm")]
    expect(places == [
        "chain.qtm:3:16: error[E0341]: a derivative of 'tgamma' is needed, and it has none: it is a function in C",
        "chain.qtm:2:12: note: declared here, without a derivative clause",
        "chain.qtm:4:16: note: through 'inner', called here",
        "chain.qtm:5:18: note: through 'outer', called here",
        "chain.qtm:5:18: note: needed because this is minimized over params"], places)
    (work.folder / "step.qtm").write_text(
        "param a in (0, 2)\nparam b in (0, 2)\nfun bin(x) = floor(4 * x)\n"
        "fit f { minimize (a - 1)^2 + bin(b)^2 over params using adam }\n")
    _, err = work.run(work.qtmc, "check", "step.qtm", status=1)
    expect_in("step.qtm:2:7: error[E0431]: no data can see parameter 'b'", err)
    expect_in("step.qtm:3:14: note: an objective depends on it only through this, which has no derivative", err)

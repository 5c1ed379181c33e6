"""Parameters of built models: what is held, freed and started from the command line, in every kind of fit."""
import math

from check import TOP, expect, expect_in

PARAMS = TOP / "tests" / "models" / "params.qtm"


def build(work):
    work.run(work.qtmc, "build", PARAMS, "-o", "params")


def values(work, run):
    return work.summary(run)["params"]


def check_params_start(work):
    """No step: every parameter is where it starts, in its unit."""
    build(work)
    for fit in ("direct", "newton"):
        work.run("./params", "fit", fit, "--steps=0", "--out=run", "--quiet",
                 "--start=a.u=0.7,e=1500,t[0,1]=0.5,t[1]=0.125,w[0]=0.5,w[1]=0.25,w[2]=0.25")
        found = values(work, "run")
        expected = {"a.u": 0.7, "a.d": 1, "a.s": -0.25, "a.ub": 1.4, "e": 1500, "w[0]": 0.5, "w[2]": 0.25, "t[0,0]": 0.25,
                    "t[0,1]": 0.5, "t[1,2]": 0.125, "pull": 0}
        for name, value in expected.items():
            expect(abs(found[name]["value"] - value) < 2e-6 * max(1, abs(value)), name, found[name], value)
        states = {name: item["state"] for name, item in found.items()}
        expect(states["a.s"] == "fixed" and states["a.ub"] == "link" and states["a.u"] == "free", states)
        expect(found["e"]["unit"] == "MeV" and "unit" not in found["a.u"], found["e"])
        expect(found["a.ub"]["link"] == "2 * a.u", found["a.ub"])


def check_params_held(work):
    """Held parameters keep their exact value in every kind of fit, and the others go their way."""
    build(work)
    for fit in ("direct", "newton", "generated"):
        for ranks in (1, 2):
            words = ["./params", "fit", fit, f"--out={fit}{ranks}", "--quiet", "--free=a.s", "--steps=60",
                     "--fix=a.u=0.3333333333333333,t[0],w,e"]
            work.run(*words) if ranks == 1 else work.ranks(ranks, *words)
            found = values(work, f"{fit}{ranks}")
            expected = {"a.u": 0.3333333333333333, "t[0,2]": 0.25, "w[1]": 1 / 3, "e": 900}
            for name, value in expected.items():
                expect(found[name]["value"] == value and found[name]["state"] == "fixed", fit, name, found[name])
                expect(found[name]["spread"] == 0, fit, name, found[name])
            expect(found["a.s"]["state"] == "free" and found["a.s"]["value"] != -0.25, fit, found["a.s"])
            expect(abs(found["a.ub"]["value"] - 2 / 3) < 1e-12, fit, found["a.ub"])
            expect(found["t[1,0]"]["value"] > 0.26, fit, found["t[1,0]"])
    found = values(work, "newton1")
    for name, value in (("a.d", 0.5), ("a.s", 0.5), ("t[1,1]", 0.75), ("pull", 1)):
        expect(abs(found[name]["value"] - value) < 1e-5, name, found[name])


def check_params_of_a_generator_start(work):
    """The vectors of a generator spread about the start."""
    build(work)
    work.run("./params", "fit", "generated", "--steps=0", "--out=run", "--quiet", "--start=a.u=2.5,t=0.9,e=100")
    found = values(work, "run")
    for name, value in (("a.u", 2.5), ("t[1,1]", 0.9), ("e", 100)):
        item = found[name]
        expect(0 < item["spread"] < 0.2 * value, name, item)
        expect(abs(item["value"] - value) < 3 * item["spread"], name, item)


def check_params_resume(work):
    """Half a run and the rest of it are the whole run, bit for bit, with the same parameters held."""
    build(work)
    flags = ["--quiet", "--fix=a.d=0.1,t[1,1]", "--free=a.s", "--start=a.u=0.9"]
    for fit in ("direct", "newton", "generated"):
        for ranks in (1, 2):
            run = work.run if ranks == 1 else lambda *words: work.ranks(2, *words)
            run("./params", "fit", fit, "--steps=12", "--out=whole", *flags)
            run("./params", "fit", fit, "--steps=6", "--out=half", *flags)
            run("./params", "resume", "half/last.h5", "--steps=12", "--quiet")
            expect(work.weights("whole") == work.weights("half"), fit, f"{ranks} ranks: other weights after a restart")
            expect(values(work, "whole") == values(work, "half"), fit, values(work, "whole"), values(work, "half"))
            expect(values(work, "half")["a.d"]["value"] == 0.1, fit)


def check_params_gradients(work):
    build(work)
    for flags in ([], ["--fix=a.u=0.1,w,t[0,1]"], ["--free=a.s", "--start=pull=3"]):
        out, _ = work.run("./params", "check-gradients", *flags)
        expect_in("all gradients agree", out)


def check_params_report(work):
    build(work)
    out, _ = work.run("./params", "fit", "newton", "--out=run", "--fix=e=938")
    line = next(line for line in out.splitlines() if line.startswith("e "))
    expect(line.split() == ["e", "938", "fixed", "938", "MeV"], line)
    expect_in("= 2 * a.u", out)
    page = (work.folder / "run" / "report.html").read_text()
    expect_in("<td>fixed</td>", page)
    expect_in("MeV", page)
    expect_in("2 * a.u", page)


def check_params_wrong(work):
    build(work)
    for flag, text in (
        ("--fix=a.x", "no parameter 'a.x'; did you mean 'a."),
        ("--free=a.ub", "'a.ub' is a link, 2 * a.u"),
        ("--start=e=-3", "the domain of 'e' is (0, inf) MeV"),
        ("--fix=t=2", "the domain of 't[0,0]' is [0, 1)"),
        ("--fix=w[0]", "only together"),
        ("--start=w[0]=0.9", "do not add up to 1"),
    ):
        _, err = work.run("./params", "fit", "direct", flag, status=2)
        expect_in(text, err)
        _, err = work.run("./params", "check-gradients", flag, status=2)
        expect_in(text, err)


def check_params_many(work):
    """10,000 parameters are one array: the model is checked and built in seconds."""
    (work.folder / "many.qtm").write_text(
        "param theta[i in 100, j in 100] in (0, 1) truth 0.25 + 0.002 * i + 0.002 * j\n"
        "fit f {\n  minimize sum((theta - 0.25)^2) over params using adam(3e-2)\n"
        "  monitor rms = mean((params - truth)^2)\n  stop after 300 steps\n}\n")
    work.run(work.qtmc, "build", "many.qtm", "-o", "many")
    work.run("./many", "fit", "f", "--quiet", "--out=run", "--fix=theta[0,3]=0.75")
    found = values(work, "run")
    expect(len(found) == 10000 and found["theta[0,3]"]["value"] == 0.75, found["theta[0,3]"])
    expect(math.isclose(found["theta[99,99]"]["value"], 0.25, abs_tol=1e-3), found["theta[99,99]"])

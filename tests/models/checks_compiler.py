"""The compiler's command line."""
import os
import re
import shutil
import time

from check import EXAMPLE, SMALL, expect, expect_in

FORMS = ["tokens", "ast", "hir", "tir", "tir.grad", "lir", "llvm", "asm", "descriptor"]
PASSES = ["sema", "unstack", "fold", "cse", "dce", "gradient", "gradient.dce", "schedule", "math", "llvm"]


def check_compiler_help(work):
    out, _ = work.run(work.qtmc, "--help")
    for word in ["build", "check", "fmt", "--emit", "--print-after", "--verify-each", "--time-passes", "-D", *FORMS, *PASSES]:
        expect_in(word, out)
    expect(max(map(len, out.splitlines())) <= 120, "help lines are too long")
    out, _ = work.run(work.qtmc, "--version")
    expect(re.fullmatch(r"qtmc \d+\.\d+\.\d+\n", out), out)


def check_compiler_usage(work):
    cases = {
        ("--verify-eech", "x.qtm"): "'--verify-each'",
        ("biuld", "x.qtm"): "'build'",
        ("--emit=llwm", "x.qtm"): "'llvm'",
        ("build", "--stop-after=shedule", "x.qtm"): "'schedule'",
        ("build", "x.qtm"): "-o",
        ("build", "-o", "x"): "no model",
        ("build", "a.qtm", "b.qtm", "-o", "x"): "one model at a time",
        ("build", SMALL, "-o", "x", "-D", "width"): "NAME=INTEGER",
        ("build", SMALL, "-o", "x", "-D", "width=1.5"): "NAME=INTEGER",
        ("build", SMALL, "-o", "x", "-march=z80"): "z80",
        ("build", SMALL, "-o", "x", "-march=x86-64", "--multi-target"): "give one of them",
        ("check", SMALL, "--multi-target"): "belongs to qtmc build",
        ("build", SMALL, "-o", "x", "-O7"): "0, 1, 2 or 3",
        ("check", SMALL, "--message-format=xml"): "human or json",
        ("--emit=tir", SMALL, "--message-format=json"): "for build and check",
        ("check", SMALL, "--color=red"): "auto, always or never",
        ("explain", "E9"): "no code 'E9'",
        (): "Commands:",
    }
    for words, text in cases.items():
        out, err = work.run(work.qtmc, *words, status=2)
        expect_in(text, err)
        expect(out == "", "usage errors belong on standard error", out)
    expect(os.listdir(work.folder) == [], "files left behind", os.listdir(work.folder))


def check_compiler_unreadable(work):
    for words in (("check", "no.qtm"), ("build", "no.qtm", "-o", "x"), ("--emit=tir", "no.qtm"), ("build", ".", "-o", "x")):
        _, err = work.run(work.qtmc, *words, status=1)
        expect_in("cannot read", err)
        expect_in("error[E0001]", err)
    _, err = work.run(work.qtmc, "build", SMALL, "-o", "no/such/folder/x", status=1)
    expect_in("no/such/folder/x", err)
    (work.folder / "taken").mkdir()
    _, err = work.run(work.qtmc, "build", SMALL, "-o", "taken", status=1)
    expect_in("taken", err)
    expect(os.listdir(work.folder) == ["taken"], "files left behind", os.listdir(work.folder))


def check_compiler_unknown_size(work):
    _, err = work.run(work.qtmc, "build", SMALL, "-o", "x", "-D", "widht=8", status=1)
    expect_in("widht", err)
    expect(os.listdir(work.folder) == [], "files left behind")


def check_compiler_error_leaves_old_output(work):
    (work.folder / "bad.qtm").write_text("param a in (0, 1)\nfun f(x) = x + unknown_name\n")
    (work.folder / "model").write_text("old")
    _, err = work.run(work.qtmc, "build", "bad.qtm", "-o", "model", status=1)
    expect_in("bad.qtm:2:16", err)
    expect_in("unknown_name", err)
    expect((work.folder / "model").read_text() == "old", "the old file was touched")
    expect(sorted(os.listdir(work.folder)) == ["bad.qtm", "model"], "files left behind")


def check_compiler_every_form(work):
    for form in FORMS:
        out, _ = work.run(work.qtmc, f"--emit={form}", SMALL)
        expect(len(out) > 200, f"--emit={form} prints next to nothing", out)
        work.run(work.qtmc, f"--emit={form}", SMALL, "-o", form)
        expect((work.folder / form).read_text() == out, f"--emit={form} -o FILE differs from standard output")
    work.run(work.qtmc, "--emit=obj", SMALL, "-o", "small.o")
    out, _ = work.run("nm", "small.o")
    for name in ("qtm_fn_gan_init_f32", "qtm_work_gan_update0_gradient_f64"):
        expect_in(name, out)
    expect(sorted(os.listdir(work.folder)) == sorted(FORMS + ["small.o"]), "files left behind")


def check_compiler_verify_each(work):
    for model in (SMALL, EXAMPLE):
        work.run(work.qtmc, "build", model, "-o", "model", "--verify-each")


def check_compiler_passes(work):
    for name in PASSES:
        work.run(work.qtmc, "build", SMALL, "-o", "model", f"--stop-after={name}")
        expect((work.folder / "model").exists() == (name == "llvm"), f"--stop-after={name}")
        _, err = work.run(work.qtmc, "build", SMALL, "-o", "other", f"--print-after={name}")
        expect((len(err) > 200) == (name != "llvm"), f"--print-after={name} prints", err[:200])
    _, err = work.run(work.qtmc, "build", SMALL, "-o", "model", "--time-passes")
    for name in PASSES + ["total"]:
        expect(re.search(rf"^ *{re.escape(name)} +\d+\.\d\d", err, re.M), f"no time for {name}", err)


def check_compiler_repeatable(work):
    for name in ("a", "b"):
        work.run(work.qtmc, "--emit=obj", EXAMPLE, "-o", name)
        work.run(work.qtmc, "--emit=descriptor", EXAMPLE, "-o", name + ".c")
    expect((work.folder / "a").read_bytes() == (work.folder / "b").read_bytes(), "two objects of one model differ")
    expect((work.folder / "a.c").read_bytes() == (work.folder / "b.c").read_bytes(), "two descriptors differ")


def check_compiler_sizes_change_hash(work):
    def model_hash(*flags):
        out, _ = work.run(work.qtmc, "--emit=descriptor", SMALL, *flags)
        return re.search(r'\.hash = "([0-9a-f]{16})"', out)[1]

    expect(model_hash() == model_hash(), "the hash is not a function of the model")
    expect(model_hash() != model_hash("-D", "width=12"), "-D does not change the hash")


def check_compiler_levels(work):
    """Every level and an older processor give an executable whose gradients are right."""
    for flags in (["-O0"], ["-O1"], ["-O2"], ["-march=x86-64-v3"], ["-march=x86-64"]):
        work.run(work.qtmc, "build", SMALL, "-o", "model", *flags)
        work.run("./model", "check-gradients", f"--measured={work.small[1]}")


def check_compiler_multi_target(work):
    """One executable for several processors gives the numbers of the build for the one that it runs as, bit for bit; another
    processor's differ by rounding. A processor that lacks something is told what."""
    work.run(work.qtmc, "build", SMALL, "-o", "several", "--multi-target")
    out, _ = work.run("./several", "--version")
    runs = re.search(r" for x86-64-v2, x86-64-v3, x86-64-v4; runs the code for (x86-64-v\d)\n$", out)
    expect(runs, "the processors of a build", out)
    work.run(work.qtmc, "build", SMALL, "-o", "one", f"-march={runs[1]}")
    work.run(work.qtmc, "build", SMALL, "-o", "least", "-march=x86-64-v2")
    said = {}
    for name in ("several", "one", "least"):
        work.run(f"./{name}", "fit", "likelihood", "--steps=25", "--threads=2", f"--out={name}.run", f"--measured={work.small[1]}")
        work.run(f"./{name}", "check-gradients", f"--measured={work.small[1]}")
        said[name] = work.summary(f"{name}.run")["params"]
    expect(work.weights("several.run") == work.weights("one.run"), f"not the code of {runs[1]}", said)
    for name, one in said["least"].items():
        expect(abs(one["value"] - said["one"][name]["value"]) < 1e-3, "processors disagree", said)
    best = int(runs[1][-1])
    if best < 4:
        work.run(work.qtmc, "build", SMALL, "-o", "large", f"-march=x86-64-v{best + 1}")
        _, err = work.run("./large", "--version", status=1)
        expect_in(f"compiled for the processor x86-64-v{best + 1}, and this one lacks ", err)


def check_compiler_installed_tree_moves(work):
    work.run("cmake", "--install", work.build, "--prefix", work.folder / "first")
    (work.folder / "first").rename(work.folder / "some where")
    shutil.copy(SMALL, work.folder / "copy.qtm")
    qtmc = work.folder / "some where" / "bin" / "qtmc"
    work.run(qtmc, "check", "copy.qtm")
    work.run(qtmc, "build", "copy.qtm", "-o", "model")
    work.run("./model", "draw", "--truth", "--events=1000", "--out=copy.h5")
    out, _ = work.run("grep", "-rl", str(TOP_TEXT), work.folder / "some where", status=1)
    expect(out == "", "the installed tree knows where it was built", out)


TOP_TEXT = EXAMPLE.parents[2] / "stdlib"


def check_compiler_descriptor_is_strict_c(work):
    work.run(work.qtmc, "--emit=descriptor", EXAMPLE, "-o", "model.c")
    work.run("cc", "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{work.build}/include", "-c", "model.c")


def check_compiler_is_quick(work):
    """Far above the time it takes, so that a busy machine does not fail it: it finds a pass gone quadratic."""
    start = time.monotonic()
    work.run(work.qtmc, "build", EXAMPLE, "-o", "model")
    expect(time.monotonic() - start < 20, "qtmc build takes more than 20 s")

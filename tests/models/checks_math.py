"""Emitted code computes its elementary functions itself: no call of a mathematical library, in whatever loop."""
import re

from check import TOP, expect

# What an element may become besides arithmetic: instructions of the machine, and moves of memory.
INSTRUCTIONS = {"fabs", "floor", "rint", "fma", "sqrt", "copysign", "masked", "memset", "memcpy", "memmove", "smax", "smin",
                "vector", "fptosi", "maxnum", "minnum", "umul", "prefetch", "assume", "lifetime"}
RUNTIME = {"qtm_pool_run", "qtm_argsort_f32", "qtm_argsort_f64"}
# One number at a time, as the reference says.
INCOMPLETE = {"qtm_inc_gamma", "qtm_inc_gamma_upper", "qtm_inc_gamma_inverse", "qtm_inc_beta", "qtm_inc_beta_inverse"}

MODEL = """use std.math
use std.nn
event E { x in 0.1 .. 0.9
          y in 0.1 .. 2 }
data measured : E from "measured.h5"
param a in (0.1, 3)
fun every(x, y) = exp(x) + log(x) + expm1(x) + log1p(x) + sqrt(x) + tanh(x) + sin(x) + cos(x) + atan(x) + atan2(x, y)
    + erf(x) + erfc(x) + lgamma(x) + polygamma(1, x) + dilog(x) + bessel_j(2, x) + x^y + sigmoid(x) + softplus(x)
    + floor(x) + round(y) + abs(x) + x^3 + x^0.5 + SPECIAL
fit g {
    minimize mean((every(a * e.x, e.y))^2 for e in batch 64 of measured) over params using adam
    stop after 1 steps
}
"""


def calls(work, model):
    """Instructions and functions that the code of a model calls and does not hold."""
    text, _ = work.run(work.qtmc, "--emit=llvm", model)
    names = set(re.findall(r"\bcall [^@\n]*@\"?([\w.$]+)\"?\(", text))
    defined = set(re.findall(r"^define [^@\n]*@\"?([\w.$]+)\"?\(", text, re.M))
    expect(len(defined) > 3 and "fmul" in text, f"{model}: no code to look at")
    intrinsics = {name.split(".")[1] for name in names if name.startswith("llvm.")}
    return intrinsics, {name for name in names if not name.startswith("llvm.")} - defined


def check_math_calls_of_examples(work):
    models = sorted((TOP / "examples").glob("*/*.qtm"))
    expect(len(models) >= 7, "the examples", models)
    for model in models:
        intrinsics, functions = calls(work, model)
        expect(intrinsics <= INSTRUCTIONS, f"{model.name}: {intrinsics - INSTRUCTIONS}")
        expect(functions <= RUNTIME, f"{model.name}: calls {functions - RUNTIME}")


def check_math_calls_of_builtins(work):
    for special, wanted in (("0", set()), ("inc_gamma(y, x)", INCOMPLETE)):
        (work.folder / "m.qtm").write_text(MODEL.replace("SPECIAL", special))
        intrinsics, functions = calls(work, "m.qtm")
        expect(intrinsics <= INSTRUCTIONS, f"{intrinsics - INSTRUCTIONS}")
        expect(functions <= RUNTIME | wanted, f"calls {functions - RUNTIME}")
        expect(not wanted or functions & wanted, f"the incomplete function is called: {functions}")
        # what instructions of one machine become on another
        for march in ("native", "baseline"):
            work.run(work.qtmc, "--emit=obj", f"-march={march}", "m.qtm", "-o", "m.o")
            text, _ = work.run("nm", "-u", "m.o")
            open_names = set(re.findall(r"U (\S+)", text))
            expect(open_names <= RUNTIME | wanted | {"memset", "memcpy", "memmove"}, f"{march}: {open_names}")

"""Bad input for a built model: a message with file and dataset, exit status 1 (2 for usage), nothing half written."""
import json
import os

from check import SMALL, expect, expect_in

DENSITY = """use std.sampler
param a in (0, 1) truth 0.5
density f(x in 0 .. 1) = FORMULA
event Hit { x in 0 .. 1 }
fit any {
    events 8
    let drawn = draw Hit { x ~ f }
    minimize mean(e.x * a for e in drawn) over params using adam
}
"""


def refuse(work, words, status, *parts):
    """The model refuses, says all of `parts`, and leaves no file that was not there."""
    before = sorted(os.listdir(work.folder))
    _, err = work.run(work.small[0], *words, status=status)
    for part in parts:
        expect_in(part, err)
    expect(sorted(os.listdir(work.folder)) == before, "files left behind", before, sorted(os.listdir(work.folder)))


def write(work, name, fields):
    import h5py
    import numpy

    with h5py.File(work.folder / name, "w") as file:
        for field, values in fields.items():
            file.create_dataset(f"events/{field}", data=numpy.asarray(values, dtype="f4"))


def read(work, name, field):
    import h5py

    with h5py.File(work.folder / name) as file:
        return file[f"events/{field}"][:]


def spectrum(count=2000):
    import numpy

    return numpy.random.default_rng(11).uniform(0.1, 1, count)


def check_input_usage(work):
    refuse(work, ["fit", "gan", "--stpes=4"], 2, "--stpes", "--steps")
    refuse(work, ["fti", "gan"], 2, "fti", "fit")
    refuse(work, ["fit", "gna"], 2, "gna", "gan")
    refuse(work, ["fit"], 2)
    refuse(work, ["fit", "gan", "--steps=many"], 2, "many")
    refuse(work, ["fit", "gan", "--threads=0"], 2, "threads")
    refuse(work, ["draw", "--truth", "--events=-5", "--out=x.h5"], 2, "events")
    refuse(work, ["resume"], 2)


def check_input_missing_file(work):
    refuse(work, ["fit", "gan", "--measured=nowhere.h5", "--out=run"], 1, "nowhere.h5")
    refuse(work, ["resume", "nowhere.h5"], 1, "nowhere.h5")
    refuse(work, ["report", "nowhere"], 1, "nowhere")


def check_input_truncated(work):
    whole = work.small[1].read_bytes()
    for name, part in (("short.h5", whole[: len(whole) // 2]), ("head.h5", whole[:100]), ("text.h5", b"no HDF5 at all\n"),
                       ("nothing.h5", b"")):
        (work.folder / name).write_bytes(part)
        refuse(work, ["fit", "gan", f"--measured={name}", "--out=run"], 1, name)


def check_input_missing_field(work):
    write(work, "one.h5", {"y1": spectrum()})
    refuse(work, ["fit", "gan", "--measured=one.h5", "--out=run"], 1, "one.h5", "y2")
    write(work, "uneven.h5", {"y1": spectrum(), "y2": spectrum(1999)})
    refuse(work, ["fit", "gan", "--measured=uneven.h5", "--out=run"], 1, "uneven.h5", "1999")


def check_input_not_finite(work):
    for bad in ("nan", "inf"):
        values = spectrum()
        values[1234] = float(bad)
        write(work, "bad.h5", {"y1": spectrum(), "y2": values})
        refuse(work, ["fit", "gan", "--measured=bad.h5", "--out=run"], 1, "bad.h5", "y2")


def check_input_outside_domain(work):
    values = spectrum()
    values[77] = 1.5
    write(work, "bad.h5", {"y1": values, "y2": spectrum()})
    refuse(work, ["fit", "gan", "--measured=bad.h5", "--out=run"], 1, "bad.h5", "y1")


def check_input_empty(work):
    write(work, "empty.h5", {"y1": [], "y2": []})
    refuse(work, ["fit", "gan", "--measured=empty.h5", "--out=run"], 1, "empty.h5")
    import h5py

    with h5py.File(work.folder / "hollow.h5", "w"):
        pass
    refuse(work, ["fit", "gan", "--measured=hollow.h5", "--out=run"], 1, "hollow.h5", "events")


def check_input_wrong_type(work):
    import h5py

    with h5py.File(work.folder / "words.h5", "w") as file:
        file["events/y1"] = [b"a", b"b", b"c"]
        file["events/y2"] = [0.5, 0.5, 0.5]
    refuse(work, ["fit", "gan", "--measured=words.h5", "--out=run"], 1, "words.h5", "y1")
    with h5py.File(work.folder / "square.h5", "w") as file:
        file["events/y1"] = [[0.5, 0.6], [0.5, 0.6]]
        file["events/y2"] = [0.5, 0.5]
    refuse(work, ["fit", "gan", "--measured=square.h5", "--out=run"], 1, "square.h5", "y1")


def check_input_two_ranks_stop_together(work):
    """An error that one rank meets ends all of them, quickly and with one message."""
    values = spectrum()
    values[-1] = float("nan")
    write(work, "bad.h5", {"y1": spectrum(), "y2": values})
    _, err = work.ranks(2, work.small[0], "fit", "gan", "--measured=bad.h5", "--out=run", status=1)
    expect_in("bad.h5", err)
    expect(not (work.folder / "run").exists(), "a run folder was made")


def check_input_foreign_checkpoint(work):
    refuse(work, ["resume", work.small[1]], 1, "small.h5")
    work.fit_small("run", "--steps=4")
    whole = (work.folder / "run" / "last.h5").read_bytes()
    (work.folder / "half.h5").write_bytes(whole[: len(whole) // 2])
    refuse(work, ["resume", "half.h5"], 1, "half.h5")
    before = sorted(os.listdir(work.folder))
    work.run(work.example[0], "resume", "run/last.h5", status=1)
    expect(sorted(os.listdir(work.folder)) == before, "files left behind")


def check_input_formats(work):
    """Every layout that h5py writes gives the same fit."""
    import h5py
    import numpy

    y1, y2 = spectrum().astype("f4"), spectrum()[::-1].astype("f4")
    write(work, "plain.h5", {"y1": y1, "y2": y2})
    layouts = {
        "double": {"dtype": "f8"},
        "big": {"dtype": ">f4"},
        "packed": {"chunks": (333,), "compression": "gzip", "shuffle": True, "fletcher32": True},
    }
    for name, options in layouts.items():
        with h5py.File(work.folder / f"{name}.h5", "w") as file:
            for field, values in (("y1", y1), ("y2", y2)):
                file.create_dataset(f"events/{field}", data=values, **options)
    with h5py.File(work.folder / "compound.h5", "w") as file:
        table = numpy.zeros(len(y1), dtype=[("weight", "f8"), ("y2", "f4"), ("y1", "f8")])
        table["y1"], table["y2"] = y1, y2
        file.create_dataset("events", data=table, chunks=(500,), compression="gzip")
    with h5py.File(work.folder / "latest.h5", "w", libver="latest") as file:
        file["events/y1"], file["events/y2"], file["events/extra"] = y1, y2, y1
    results = {}
    for name in ("plain", *layouts, "compound", "latest"):
        work.run(work.small[0], "fit", "gan", f"--measured={name}.h5", f"--out={name}", "--steps=5")
        results[name] = work.weights(name)
    for name, weights in results.items():
        expect(weights == results["plain"], f"{name} differs from plain")


def check_input_tables(work):
    """A table of text gives the fit that the same numbers in HDF5 give, on one rank and on two, and f64 objectives see
    its numbers as they are written."""
    import h5py

    y1, y2 = spectrum(), spectrum()[::-1]
    with h5py.File(work.folder / "double.h5", "w") as file:
        file["events/y1"], file["events/y2"] = y1, y2
    rows = "".join(f"{b:.17g},{a:.17g}\n" for a, b in zip(y1, y2))
    (work.folder / "table.csv").write_text("# simulated\ny2,y1\n" + rows)
    weights = {}
    for fit, steps in (("gan", 5), ("likelihood", 3)):
        for name in ("double.h5", "table.csv"):
            out, _ = work.run(work.small[0], "fit", fit, f"--data=measured={name}", f"--out={fit}-{name}",
                              f"--steps={steps}")
            expect_in(f"data measured: 2000 events read from {name}", out)
            weights[name] = work.weights(f"{fit}-{name}")
        expect(weights["double.h5"] == weights["table.csv"], f"{fit} differs between HDF5 and text")
    for name in ("double.h5", "table.csv"):
        work.ranks(2, work.small[0], "fit", "gan", f"--data=measured={name}", f"--out=two-{name}", "--steps=5")
    expect(work.weights("two-double.h5") == work.weights("two-table.csv"), "two ranks differ between HDF5 and text")


def check_input_bad_tables(work):
    table = work.folder / "bad.csv"
    for text, part in (("y1,y2\n0.5,0.5\n0.5,abc\n", "line 3, column 2 (y2): 'abc'"),
                       ("y1,y2\n0.5,0.5\n0.5\n", "line 3 has 1 column"),
                       ("y1,y3\n0.5,0.5\n", "no column 'y2'"),
                       ("y1,y2\n0.5,1.5\n", "1 value outside y2's domain 0.1 .. 1, the first is 1.5 at line 2")):
        table.write_text(text)
        refuse(work, ["fit", "gan", "--data=measured=bad.csv", "--out=run"], 1, "bad.csv", part)
    refuse(work, ["fit", "gan", "--data=mesured=bad.csv"], 2, "no data 'mesured'", "did you mean 'measured'")
    refuse(work, ["fit", "gan", "--data=bad.csv"], 2, "--data=NAME=FILE")


def check_input_unwritable(work):
    (work.folder / "file").write_text("in the way")
    refuse(work, ["draw", "--truth", "--events=10", "--out=file/x.h5"], 1, "file/x.h5")
    refuse(work, ["fit", "gan", f"--measured={work.small[1]}", "--steps=2", "--out=file"], 1, "file")


def check_input_not_a_file(work):
    """A device or a pipe is not replaced by a file, and a model not by its executable."""
    os.mkfifo(work.folder / "pipe")
    refuse(work, ["draw", "--truth", "--events=10", "--out=pipe"], 1, "pipe")
    model = work.folder / "own.qtm"
    model.write_text(SMALL.read_text())
    _, err = work.run(work.qtmc, "build", model, "-o", model, status=2)
    expect_in("own.qtm", err)
    _, err = work.run(work.qtmc, "build", model, "-o", "pipe", status=1)
    expect_in("pipe", err)
    expect(model.read_text() == SMALL.read_text(), "the model was overwritten")


def check_input_density_not_finite(work):
    """A density without a value is found by whoever draws from it, not smoothed over."""
    for name, formula in (("nothing", "0 * a"), ("no_number", "log(x - 1)"), ("infinite", "x^(a - 1)")):
        model = work.folder / f"{name}.qtm"
        model.write_text(DENSITY.replace("FORMULA", formula))
        work.run(work.qtmc, "build", model, "-o", name)
        _, err = work.run(work.folder / name, "draw", "--truth", "--events=10", "--out=x.h5", status=1)
        expect_in("density", err)
        expect(not (work.folder / "x.h5").exists(), "a file was written")


def check_input_density_pointwise(work):
    """A density is a formula for one number: a constant is one, and a sum in it is not over the sampler's nodes."""
    formulas = {"plain": "1 + x^2 + 0 * a", "array": "sum([1, x^2]) + 0 * a",
                "grid": "1 + x^2 * mean(linspace(1, 1, 101))"}
    events = {}
    for name, formula in formulas.items():
        model = work.folder / f"{name}.qtm"
        model.write_text(DENSITY.replace("FORMULA", formula))
        work.run(work.qtmc, "build", model, "-o", name)
        work.run(work.folder / name, "draw", "--truth", "--events=1000", "--out=x.h5")
        events[name] = read(work, "x.h5", "x")
    for name, values in events.items():
        expect(abs(values - events["plain"]).max() < 1e-5, f"{name} differs from plain")


UNITS = """use std.units
use std.sampler
param p in (0, 2) truth 1
event Jet { E : MeV in 100 .. 3000 }
data measured : Jet from "jet.h5"
density f(E : MeV in 100 .. 3000) per dlnE = (E / GeV)^p
fit likelihood {
    minimize -mean(log(pdf(f, e.E)) for e in all of measured) over params using lbfgs()
    monitor energy = mean(e.E / GeV for e in all of measured)
    stop after 30 steps
}
fit draws {
    events 10
    let s = draw Jet { E ~ f }
    minimize mean(e.E / GeV for e in s) over params using adam
}
"""


def check_input_units(work):
    """Files hold declared units (MeV), formulas base units (GeV), and what is drawn is per dE, not per dlnE."""
    (work.folder / "jet.qtm").write_text(UNITS)
    work.run(work.qtmc, "build", "jet.qtm", "-o", "jet")
    work.run("./jet", "draw", "--truth", "--events=20000", "--out=jet.h5")
    energies = read(work, "jet.h5", "E")
    expect(100 <= energies.min() < 102 and 2990 < energies.max() <= 3000, "not in MeV", energies.min(), energies.max())
    expect(abs(energies.mean() - 1550) < 30, "mean energy in MeV", energies.mean())  # 5 sigma of a flat spectrum
    work.run("./jet", "fit", "likelihood", "--out=run")
    summary = json.loads((work.folder / "run" / "summary.json").read_text())
    fitted = summary["params"]["p"]
    expect(abs(fitted["value"] - 1) < 5 * fitted["spread"], "p", fitted)
    last = json.loads((work.folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    expect(abs(last["monitors"]["energy"] - energies.mean() / 1000) < 1e-4, "mean energy in GeV", last)
    write(work, "jet.h5", {"E": [50.0, 200.0]})
    _, err = work.run("./jet", "fit", "likelihood", "--out=run2", status=1)
    expect_in("100", err)

"""The fit to published data with correlated errors: examples/fractal."""
import json
import os
from pathlib import Path

from check import TOP, expect, expect_in

TABLE = "HERA1+2_NCep_920-thexp.dat"
# chi2 and parameters of an independent minimisation of the same chi2; errors from its second derivatives
ANSWER = {
    "D0": (1.69131, 0.3687),
    "D1": (0.0798383, 0.001894),
    "D2": (0.990560, 0.01506),
    "D3": (-1.330063, 0.01602),
    "Q02": (0.0619200, 0.01401),
    "R": (0.393005, 0.02762),
}


def check_fractal_fit(work):
    """Where the shared data lie (../shared/data, or QTM_DATA), the published answer; they are no part of the project."""
    folder = Path(os.environ.get("QTM_DATA", TOP.parent / "shared" / "data"))
    work.run(work.qtmc, "build", TOP / "examples" / "fractal" / "fractal.qtm", "-o", "fractal")
    if not (folder / TABLE).exists():
        print(f"skipped: no {TABLE} in {folder}")
        return
    said, _ = work.run("./fractal", "fit", "errors", "--out=run", env={"QTM_DATA": str(folder)})
    expect_in("485 events read", said)
    expect_in("211 kept by where", said)
    found = work.summary("run")
    last = json.loads((work.folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    chi2 = last["monitors"]["chi2"][0]
    expect(abs(chi2 - 276.317) < 0.005, f"chi2 is {chi2}")
    for name, (value, error) in ANSWER.items():
        param = found["params"][name]
        expect(abs(param["value"] / value - 1) < 1e-4, f"{name} is {param['value']}, not {value}")
        expect(abs(param["spread"] / error - 1) < 0.03, f"the error of {name} is {param['spread']}, not {error}")

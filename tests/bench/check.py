"""Checks of the benchmark itself, without peers, in seconds: `check.py list` and `check.py run BUILD`."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

RUN = Path(__file__).resolve().parent / "run"


def ran(*words):
    return subprocess.run([sys.executable, "-B", RUN, *words], check=True, capture_output=True, text=True).stdout


def check_list():
    names = [line.split()[0] for line in ran("--list").splitlines()]
    assert len(set(names)) == len(names), names
    for wanted in ("proxy1d.8k", "proxy1d.100k", "proxy1d.solution", "dis", "mlp.64", "mlp.64k", "conv.64",
                   "sampler2.1e7.vjp"):
        assert wanted in names, f"{wanted} is not in {names}"
    quick = [line.split()[0] for line in ran("--list", "--quick").splitlines()]
    assert len(quick) < len(names) and set(quick) <= set(names), quick
    assert [line.split()[0] for line in ran("--list", "mlp.64").splitlines()] == ["mlp.64"]
    refused = subprocess.run([sys.executable, "-B", RUN, "nonsense"], capture_output=True, text=True, check=False)
    assert refused.returncode and "no workload begins with 'nonsense'" in refused.stderr, refused.stderr


def check_run(build):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bench.json"
        printed = ran("mlp.64", "--no-peers", "--rounds=2", "--seconds=0.05", "--threads=1", f"--build={build}",
                      f"--out={out}")
        answer = json.loads(out.read_text())
    (row,) = answer["rows"]
    assert row["workload"] == "mlp.64" and row["threads"] == 1 and len(row["rounds"]) == 2, row
    # 2 x 128, three times 128 x 128 and 128 weights, forward and twice back, but for the first layer's inputs
    weights = 2 * 128 + 3 * 128 * 128 + 128
    assert row["flops"] == 64 * (6 * weights - 2 * 2 * 128), row["flops"]
    roof = answer["machine"]["roofs"]
    assert 1 < roof["f64"][0] < roof["f32"][0], roof
    share = row["flops"] / row["seconds"]["qtmc"] / 1e9 / roof["f32"][0]
    assert 0.001 < share < 1.5, (share, row)
    assert 0.3 < share / row["fraction"]["qtmc"] < 3, (share, row["fraction"])
    assert 1 < row["megabytes"]["qtmc"] < 1000, row["megabytes"]
    assert "mlp.64" in printed, printed


if sys.argv[1] == "list":
    check_list()
else:
    check_run(sys.argv[2])

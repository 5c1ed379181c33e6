"""A peer: one workload in PyTorch (eager or compiled) or JAX, kept ready, so that rounds can take turns without paying
for imports and compilation again.

    peer.py KIND WORKLOAD CONFIG.json     KIND: torch, compiled, jax

Prints a line of JSON when ready (version), then one for every line of JSON that it reads: {"steps": n} runs n steps and
answers with their seconds of wall and of processor, and the most memory held so far; other words go to the workload.
"""
import importlib
import json
import os
import resource
import sys
import time

KIND, WORKLOAD = sys.argv[1], sys.argv[2]
with open(sys.argv[3], encoding="utf-8") as file:
    CONFIG = json.load(file)
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer


def answer(words):
    ANSWERS.write(json.dumps(words) + "\n")
    ANSWERS.flush()


def prepare():
    """The library with as many threads as asked for; its version."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-CONFIG["threads"] :])  # XLA makes a thread a processor
    if KIND == "jax":
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax
        jax.config.update("jax_default_prng_impl", "unsafe_rbg")  # threefry costs several times as much on a processor
        return jax.__version__
    import torch
    torch.set_num_threads(CONFIG["threads"])
    torch.manual_seed(1)
    return torch.__version__


def main():
    version = prepare()
    workload = importlib.import_module("peers." + WORKLOAD)
    program = workload.jax_program(CONFIG) if KIND == "jax" else workload.torch_program(KIND, CONFIG)
    program.run(CONFIG["warmup"])
    answer({"version": version})
    for line in sys.stdin:
        words = json.loads(line)
        if "steps" in words:
            wall, cpu = time.perf_counter(), time.process_time()
            loss = program.run(words["steps"])
            result = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "loss": loss}
        else:
            result = program.ask(words)
        answer({**result, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


main()

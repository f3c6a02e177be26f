"""What a run costs the script that logs it: start and end, a hundred thousand steps, and a real loop of numpy.

python benchmarks/training.py

Every part runs in processes of its own, ours and the plain ones in turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_METRICS = """
def metrics_at(i):
    return {"loss": 4.0 / (1 + i * 1e-3) + (i * 7919 % 1000) * 1e-5, "acc": 1 - 1 / (1 + i * 1e-3),
            "lr": 3e-4 * (1 - (i % 1000) * 1e-3), "gnorm": 0.5 + (i * 104729 % 997) * 1e-3}
"""

_START = """
import json, time
begun = time.perf_counter(); import autoresearch as ar; imported = time.perf_counter()
run = ar.init(project="b", **OPTIONS); started = time.perf_counter()
run.log({"a": 1.0}); ar.finish(); ended = time.perf_counter()
print(json.dumps([imported - begun, started - imported, ended - started]))
"""

_STEPS = (
    """
import json, resource, time
"""
    + _METRICS
    + """
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
if OURS:
    import autoresearch as ar
    run = ar.init(project="b", **OPTIONS)
    log, end = run.log, run.finish
else:
    file = open(HOME + ".jsonl", "w")
    def log(values, step):
        file.write(json.dumps({"step": step, "time": time.time(), **values}) + "\\n"); file.flush()
    end = file.close
begun, before = time.perf_counter(), cpu()
for step in range(100_000):
    log(metrics_at(step), step)
logged = time.perf_counter()
end()
ended = time.perf_counter()
print(json.dumps([(ended - begun) / 0.1, (cpu() - before) / 0.1, (logged - begun) / 0.1]))
"""
)

# A perceptron for images of 28 x 28; a step of one to three milliseconds, which is as short as they come.
_LOOP = """
import json, os, statistics, time
import numpy as np
import autoresearch as ar
rng = np.random.default_rng(0)
x, y = rng.normal(size=(256, 784)).astype("f4"), rng.normal(size=(256, 10)).astype("f4")
w = {"a": rng.normal(size=(784, 512)).astype("f4") * 0.03, "b": rng.normal(size=(512, 10)).astype("f4") * 0.05}
def step():
    h = np.tanh(x @ w["a"])
    e = h @ w["b"] - y
    b = h.T @ e / 256
    a = x.T @ ((e @ w["b"].T) * (1 - h * h)) / 256
    w["a"] -= 0.01 * a
    w["b"] -= 0.01 * b
    return float((e * e).mean()), float(np.abs(b).max())
for _ in range(50): step()
run = ar.init(project="b")
file = open(HOME + ".jsonl", "w")
def write(values):
    file.write(json.dumps({"time": time.time(), **values}) + "\\n"); file.flush()
logs = {"plain": lambda values: None, "ours": run.log, "lines": write}
took = {name: [] for name in logs}
for block in range(BLOCKS):
    for name in sorted(logs, key=lambda name: hash((name, block))):
        log = logs[name]
        begun = time.perf_counter()
        for _ in range(20):
            loss, gradient = step()
            log({"loss": loss, "gradient": gradient})
        took[name].append((time.perf_counter() - begun) / 20)
ar.finish()
def beyond(name):
    return statistics.median(b / a for a, b in zip(took["plain"], took[name])) - 1
print(json.dumps([statistics.median(took["plain"]) * 1e6, beyond("ours") * 100, beyond("lines") * 100]))
"""

QUIET = {"system_metrics": False, "capture_console": False, "capture_code": False}


def measured(code: str, home: Path, **names: object) -> list[float]:
    given = "".join(
        f"{name} = {value!r}\n" for name, value in {"OPTIONS": QUIET, "HOME": str(home), **names}.items()
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", given + code],
        env={**env, "AUTORESEARCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


def medians(rows: Sequence[Sequence[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def starting(folder: Path) -> None:
    print("starting, milliseconds          import    init  finish")
    for label, fresh in (("in a new store", True), ("in a store that is there", False)):
        rows = [measured(_START, folder / (f"start-{number}" if fresh else "start")) for number in range(9)]
        taken = [1000 * value for value in medians(rows)]
        print(f"  {label:<28}{taken[0]:>8.1f}{taken[1]:>8.1f}{taken[2]:>8.1f}")


def steps(folder: Path) -> None:
    print("100,000 steps of 4 numbers, microseconds a step    wall     CPU   until finish")
    for number in range(5):
        ours = measured(_STEPS, folder / f"steps-{number}", OURS=True)
        plain = measured(_STEPS, folder / f"plain-{number}", OURS=False)
        print(f"  this library {ours[0]:>40.2f}{ours[1]:>8.2f}{ours[2]:>15.2f}")
        print(f"  JSON lines   {plain[0]:>40.2f}{plain[1]:>8.2f}{plain[2]:>15.2f}")
    stored = sum(file.stat().st_size for file in (folder / "steps-0").rglob("*") if file.is_file())
    print(f"  on disk: {stored / 400_000:.2f} bytes a point")


def loop(folder: Path) -> None:
    print(
        "training a perceptron with numpy, everything on: a step, and how much longer it takes with log(); JSON lines"
    )
    for number in range(3):
        step, ours, lines = measured(_LOOP, folder / f"loop-{number}", BLOCKS=120)
        print(f"  {step:,.0f} us a step: {ours:+.2f} %; {lines:+.2f} %")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for part in (starting, steps, loop):
            part(Path(folder))


if __name__ == "__main__":
    main()

"""What a server at the other end costs the script that logs: each step, a hundred thousand of them, and a server that is away.

python benchmarks/online.py

The server is a process of its own on this machine; the same script logs in mode local, online, and online with nobody there,
in turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_SERVER = """
import sys
from pathlib import Path
sys.path.insert(0, ROOT)
from tests.serving import listening
with listening(Path(HOME)) as served:
    print(served.url, served.key, flush=True)
    sys.stdin.read()
"""

_STEPS = """
import json, resource, statistics, time
import autoresearch as ar
def metrics_at(i):
    return {"loss": 4.0 / (1 + i * 1e-3) + (i * 7919 % 1000) * 1e-5, "acc": 1 - 1 / (1 + i * 1e-3),
            "lr": 3e-4 * (1 - (i % 1000) * 1e-3), "gnorm": 0.5 + (i * 104729 % 997) * 1e-3}
run = ar.init(project="b", system_metrics=False, capture_console=False, capture_code=False)
log, clock = run.log, time.perf_counter
rows = [metrics_at(step) for step in range(1000)]
took = []
begun = clock()
for step in range(100_000):
    before = clock()
    log(rows[step % 1000], step)
    took.append(clock() - before)
logged = clock()
# A training that thinks between its steps, long enough for several uploads.
until, slow = clock() + 5, []
while clock() < until:
    before = clock()
    log(rows[0])
    slow.append(clock() - before)
    sum(range(20_000))
rest = clock()
run.finish()
took.sort(); slow.sort()
print(json.dumps([took[50_000] * 1e6, took[99_000] * 1e6, (logged - begun) / 0.1, slow[len(slow) // 2] * 1e6, clock() - rest]))
"""


def measured(home: Path, **environment: str) -> list[float]:
    env = {**os.environ, "AUTORESEARCH_HOME": str(home), "AUTORESEARCH_FINISH_TIMEOUT": "5", **environment}
    done = subprocess.run([sys.executable, "-c", _STEPS], env=env, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def main() -> None:
    root = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        code = f"ROOT = {root!r}\nHOME = {str(place / 'server')!r}\n{_SERVER}"
        server = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            url, key = server.stdout.readline().split()
            ways = {
                "local": {},
                "online": {"AUTORESEARCH_BASE_URL": url, "AUTORESEARCH_API_KEY": key},
                "nobody there": {"AUTORESEARCH_BASE_URL": "http://127.0.0.1:9", "AUTORESEARCH_API_KEY": key},
            }
            rows: dict[str, list[list[float]]] = {way: [] for way in ways}
            for turn in range(3):
                for way, environment in ways.items():
                    rows[way].append(measured(place / f"{way}-{turn}", **environment))
        finally:
            server.communicate("")
    print("log() of 4 numbers, us       p50     p99  wall a step   p50 between work   finish, s")
    for way, found in rows.items():
        p50, p99, wall, slow, end = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {way:<20}{p50:>12.2f}{p99:>8.2f}{wall:>13.2f}{slow:>19.2f}{end:>12.2f}")


if __name__ == "__main__":
    main()

"""What a dashboard asks for at once: the charts of a project of long runs, and everything it shows first.

    python benchmarks/dashboard.py [--home FOLDER]

``--home`` keeps the store there, and uses it again when it is there already; ``dashboard_browser.py`` has the same project.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autoresearch.ledger.local.ledger import LocalLedger
from tests.web.heavy import FULL, METRICS, PROJECT, heavy


def milliseconds(work: Callable[[], object], times: int = 21) -> str:
    """Medians of warm calls, by the clock and of processor time."""
    work()
    wall, busy = [], []
    for _ in range(times):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - start) * 1000)
        busy.append((time.process_time() - cpu) * 1000)
    return f"{statistics.median(wall):.1f} ms, {statistics.median(busy):.1f} ms of processor time"


def measure(home: Path) -> None:
    with LocalLedger.open(home) as ledger:
        total = FULL.long * len(METRICS) * FULL.points
        ids = [run.id for run in ledger.runs.charts(PROJECT, limit=FULL.long).runs]
        show = milliseconds(lambda: ledger.runs.sampled(ids))
        print(f"the curves of these charts, none drawn before: {show}")
        show = milliseconds(lambda: ledger.runs.charts(PROJECT, limit=FULL.long))
        print(
            f"charts of {FULL.long} runs with {len(METRICS)} metrics, {total:,} points, 500 samples: {show}"
        )
        some = milliseconds(
            lambda: ledger.runs.charts(PROJECT, ["val/loss"], first_step=FULL.points // 2, limit=FULL.long)
        )
        print(f"charts of one metric, the last half: {some}")
        show = milliseconds(lambda: ledger.research.progress(PROJECT))
        print(f"the progress of {FULL.experiments:,} experiments: {show}")
        show = milliseconds(lambda: ledger.memory.bootstrap(PROJECT))
        print(
            f"bootstrap with {FULL.runs:,} runs and {FULL.experiments:,} experiments, the newest 50 of each: {show}"
        )
        show = milliseconds(lambda: ledger.memory.bootstrap(PROJECT, limit=1000))
        print(f"the newest 1,000 of each: {show}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if not (home / "ledger.sqlite").exists():
            start = time.perf_counter()
            heavy(home)
            print(f"the store was made in {time.perf_counter() - start:.0f} s")
        measure(home)


if __name__ == "__main__":
    main()

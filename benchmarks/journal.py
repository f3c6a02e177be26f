"""What one call of log() costs, beside an append to a JSONL file and to a list, and how fast a journal is read back.

python benchmarks/journal.py
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer

Figures = tuple[float, float, float]

ROUNDS = 5
CALLS = 60_000
VALUES = {"loss": 1.5, "accuracy": 0.25, "lr": 3e-4, "grad_norm": 2.125}
SINGLES = {name: np.float32(value) for name, value in VALUES.items()}
WIDE = {f"layer {index}/norm": index / 7 for index in range(1000)}


def percentiles(call: Callable[[], object], calls: int = CALLS) -> Figures:
    """p50, p99 and p99.9 of one call, in µs; the clock's own share, about 0.08 µs, is in it."""
    taken = array("q", bytes(8 * calls))
    clock = time.perf_counter_ns
    for index in range(calls):
        begun = clock()
        call()
        taken[index] = clock() - begun
    ranked = sorted(taken)
    p50, p99, p999 = (ranked[int(calls * share)] / 1000 for share in (0.5, 0.99, 0.999))
    return p50, p99, p999


@contextmanager
def attended(writer: Writer, *, drained: bool) -> Iterator[None]:
    """With the background thread of a run: pages and segments ahead, and the journal read as it grows."""
    done = threading.Event()
    reader = Reader(writer.folder, writer.id)

    def attend() -> None:
        last = 0
        while not done.is_set():
            writer.wanted.wait(0.1)
            writer.prepare()
            if drained:
                for batch in reader.batches(last, final=False):
                    last = batch.last
                reader.release(last)

    thread = threading.Thread(target=attend)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def appended(plain: list[object]) -> None:
    plain.append((time.time(), dict(VALUES)))


def written(file: TextIO) -> None:
    file.write(json.dumps({**VALUES, "time": time.time()}) + "\n")


def logged(folder: Path, values: Mapping[str, Any], *, drained: bool = False, calls: int = CALLS) -> Figures:
    writer = Writer(str(folder), "bench")
    with attended(writer, drained=drained):
        figures = percentiles(partial(writer.log, values), calls)
    writer.close()
    return figures


def rounds(folder: Path) -> dict[str, list[Figures]]:
    """Every variant in turns, so that a machine that slows down slows all of them."""
    found: dict[str, list[Figures]] = defaultdict(list)
    for turn in range(ROUNDS):
        found["list.append"].append(percentiles(partial(appended, [])))
        with (folder / "log.jsonl").open("w", buffering=1) as file:
            found["JSONL append"].append(percentiles(partial(written, file)))
        home = folder / str(turn)
        found["log(), 4 floats"].append(logged(home, VALUES))
        found["log(), 4 floats, drained"].append(logged(home, VALUES, drained=True))
        found["log(), 4 numpy float32"].append(logged(home, SINGLES))
        found["log(), 1,000 keys"].append(logged(home, WIDE, calls=2000))
    return found


def through(folder: Path) -> tuple[float, float]:
    """Wall and CPU µs a step, 100,000 steps of 4 numbers to the end of close()."""
    writer = Writer(str(folder / "through"), "bench")
    wall, cpu = time.perf_counter(), time.process_time()
    with attended(writer, drained=True):
        for _ in range(100_000):
            writer.log(VALUES)
        writer.close()
    return (time.perf_counter() - wall) * 10, (time.process_time() - cpu) * 10


def read_speed(folder: Path, *, final: bool) -> float:
    """Million points a second, of 2 million in rows of 4."""
    home = str(folder / f"read {final}")
    writer = Writer(home, "bench")
    for _ in range(500_000):
        writer.log(VALUES)
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        points = sum(batch.points for batch in Reader(home, writer.id).batches(0, final=final))
        taken.append(points / (time.perf_counter() - begun) / 1e6)
    writer.close()
    return statistics.median(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = rounds(folder)
        jsonl = statistics.median(each[0] for each in found["JSONL append"])
        print(f"{'µs, median of rounds':<28}{'p50':>8}{'p99':>8}{'p99.9':>8}{'p50 : JSONL':>13}")
        for what, all_rounds in found.items():
            p50, p99, p999 = (statistics.median(column) for column in zip(*all_rounds, strict=True))
            print(f"{what:<28}{p50:>8.2f}{p99:>8.2f}{p999:>8.2f}{p50 / jsonl:>13.2f}")
        wall, cpu = through(folder)
        print(f"\n100,000 steps of 4, logged and read while they are: {wall:.2f} µs a step, {cpu:.2f} of CPU")
        live, verified = read_speed(folder, final=False), read_speed(folder, final=True)
        print(f"read back: {live:.0f} million points a second of a living writer, {verified:.0f} verified")


if __name__ == "__main__":
    main()

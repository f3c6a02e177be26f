"""Snapshots of a tree of 10,000 files, against git on the same tree.

    python benchmarks/snapshot.py [--files 10000] [--rounds 15]

Rounds are interleaved, so that other work on the machine weighs on both alike; medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.capture.snapshot import take_snapshot
from autoresearch.store.objects import Objects

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True)


def tree(folder: Path, files: int) -> None:
    folder.mkdir()
    for number in range(files):
        path = folder / f"package{number % 20}" / f"part{number % 200}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number}\n" * 50)
    git(folder, "init", "-q")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, objects, cache = Path(name, "tree"), Objects(Path(name, "objects")), Path(name, "cache")
        tree(folder, options.files)
        durable = ("-c", "core.fsync=loose-object", "-c", "core.fsyncMethod=fsync")
        added = seconds(lambda: git(folder, *durable, "add", "-A"))
        first = seconds(lambda: take_snapshot(folder, objects, cache=cache))
        git(folder, "commit", "-q", "-m", "base")
        os.sync()
        # By now the files are old enough for both to trust what they remember.
        git(folder, "status")
        take_snapshot(folder, objects, cache=cache, clock=lambda: time.time_ns() + 10**10)
        ours, status, edited = [], [], []
        for number in range(options.rounds):
            ours.append(seconds(lambda: take_snapshot(folder, objects, cache=cache)))
            status.append(seconds(lambda: git(folder, "status")))
            (folder / "package0" / "part0" / "module0.py").write_text(f"edited = {number}\n")
            edited.append(seconds(lambda: take_snapshot(folder, objects, cache=cache)))
            take_snapshot(folder, objects, cache=cache, clock=lambda: time.time_ns() + 10**10)
    theirs = statistics.median(status) * 1000
    print(f"{'work':<44} {'ms':>8} {'ratio':>7} {'bound':>6}")
    print(f"{f'git status of {options.files} unchanged files':<44} {theirs:8.1f} {1:7.2f}")
    for label, times, bound in (
        ("snapshot, nothing changed", ours, "3.0"),
        ("snapshot, one file changed", edited, ""),
    ):
        mine = statistics.median(times) * 1000
        print(f"{label:<44} {mine:8.1f} {mine / theirs:7.2f} {bound:>6}")
    print(f"{'git add of all files, synced':<44} {added * 1000:8.1f} {1:7.2f}")
    print(f"{'first snapshot of all files':<44} {first * 1000:8.1f} {first / added:7.2f}")


if __name__ == "__main__":
    main()

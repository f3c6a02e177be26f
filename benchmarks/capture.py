"""Capture of a dirty repository of 2,000 files, against the raw git commands that the same work needs.

    python benchmarks/capture.py [--files 2000] [--rounds 15]

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

from autoresearch.capture.change import capture_change

RAW = (
    ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"),
    ("log", "-1", "--format=%H %P"),
    ("diff", "--binary", "--full-index", "HEAD"),
)
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )


def dirty_repository(folder: Path, files: int) -> None:
    """About one file in forty edited, some binary, staged, deleted, renamed and untracked."""
    git(folder, "init", "-q")
    for number in range(files):
        path = folder / f"package{number % 20}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"value = {number}\n" * 40)
    for number in range(5):
        (folder / f"data{number}.bin").write_bytes(os.urandom(20_000))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    # Old enough for git to trust its index, as after a coffee.
    for path in folder.rglob("*.*"):
        if ".git" not in path.parts:
            os.utime(path, (1_600_000_000, 1_600_000_000))
    subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=folder, check=False)
    for number in range(0, files, max(1, files // 30)):
        path = folder / f"package{number % 20}" / f"module{number}.py"
        path.write_text(path.read_text() + "edited = True\n")
    for number in range(5):
        (folder / f"data{number}.bin").write_bytes(os.urandom(20_000))
    for number in range(13):
        (folder / f"new{number}.py").write_text("new = True\n" * 20)
    (folder / "package1" / "module1.py").unlink()
    git(folder, "mv", "package2/module2.py", "package2/moved.py")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def raw_commands(folder: Path) -> None:
    for command in RAW:
        git(folder, *command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dirty_repository(folder, options.files)
        change = capture_change(folder)
        ours, raw = [], []
        for _ in range(options.rounds):
            ours.append(seconds(lambda: capture_change(folder)))
            raw.append(seconds(lambda: raw_commands(folder)))
    mine, theirs = statistics.median(ours) * 1000, statistics.median(raw) * 1000
    print(f"{'work':<44} {'ms':>8} {'ratio':>7} {'bound':>6}")
    print(f"{f'git status, log, diff of {options.files} files':<44} {theirs:8.1f} {1:7.2f}")
    print(
        f"{f'capture_change, {len(change.files)} paths, {change.size} bytes':<44} {mine:8.1f} {mine / theirs:7.2f} {1.5:6.1f}"
    )


if __name__ == "__main__":
    main()

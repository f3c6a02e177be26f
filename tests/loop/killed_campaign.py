"""A campaign in a process of its own, which kills itself after so many steps: before or after a transaction, a git call, a run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.loop import repository
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.executors.base import Job
from autoresearch.loop.executors.local import LocalExecutor
from autoresearch.loop.plan import Plan
from autoresearch.track.workspace import Workspace
from tests.loop.landscapes import COMMAND, Independent


class Fuse:
    """Burns down by one at each step, and kills the process at its end; 0 never does."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Burning(LocalExecutor):
    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse

    def run(self, job: Job, watch: Any = None) -> Any:
        self._fuse.step()
        done = super().run(job, watch)
        self._fuse.step()
        return done


def lay(fuse: Fuse) -> None:
    """Put the fuse around every transaction and every call of git."""
    write, git = LocalLedger.write, repository._git

    @contextlib.contextmanager
    def writing(self: LocalLedger, *arguments: Any, **options: Any) -> Iterator[Any]:
        fuse.step()
        with write(self, *arguments, **options) as unit:
            yield unit
        fuse.step()

    def calling(*arguments: Any) -> str:
        fuse.step()
        return git(*arguments)

    LocalLedger.write = writing  # type: ignore[method-assign]
    repository._git = calling  # type: ignore[assignment]


def main() -> None:
    folder, home, trials, workers, steps = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6])
    with Workspace.open(folder, project="p", home=home) as workspace:
        workspace.goal("loss", protected=["score.sh"])
        fuse = Fuse(steps)
        lay(fuse)
        plan = Plan(
            command=COMMAND,
            tag="t",
            limits=Limits(experiments=trials),
            workers=workers,
            prompt_tokens=0,
            baseline_runs=2,
        )
        result = run_campaign(workspace, Independent(), plan, executor=Burning(fuse))
    sys.stdout.write(f"{result.stop}\n")


if __name__ == "__main__":
    main()

"""Commands on this machine, each as a process group of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from autoresearch.execution.runner import Run, Watch, run_command
from autoresearch.loop.executors.base import Job

__all__ = ["LocalExecutor"]


class LocalExecutor:
    """Runs each command as a process of this machine, at once."""

    name = "local"

    def run(self, job: Job, watch: Watch | None = None) -> Run:
        """Run a command and wait until it, and all it started, is gone.

        Raises:
            TrialError: The command could not be started.
        """
        return run_command(
            job.command,
            job.folder,
            output=job.output,
            seconds=job.seconds,
            memory=job.resources.memory,
            processes=job.resources.processes,
            environment=job.environment,
            watch=watch,
        )

    def close(self) -> None:
        """It holds nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

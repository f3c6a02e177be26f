"""What the loop asks of a place where commands run, and what it is told: the same wherever that is.

The loop measures; an executor only runs. It starts one command in one folder, keeps its output in a bounded file on this
machine, ends it when its budget is over or the watch says so, and proves that nothing of it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from autoresearch.errors import Invalid
from autoresearch.execution.runner import PROCESSES, Run, Watch

__all__ = ["Executor", "Job", "Resources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a command needs, for executors that share out machines; the local one runs whatever comes.

    Attributes:
        cpus: Processors; None for what the executor gives by itself.
        gpus: Accelerators, also parts of one such as 0.5.
        memory: Bytes that all processes of the command may hold together; None for no limit. Every executor holds it to this.
        processes: How many processes it may have at once. Every executor holds it to this.
    """

    cpus: float | None = None
    gpus: float = 0.0
    memory: int | None = None
    processes: int = PROCESSES

    def __post_init__(self) -> None:
        positive = [self.processes, *(value for value in (self.cpus, self.memory) if value is not None)]
        if self.gpus < 0 or min(positive) <= 0:
            raise Invalid(
                f"A command with {self.cpus} cpus, {self.gpus:g} gpus, {self.memory} bytes and {self.processes} "
                "processes cannot be run.",
                hint="Give positive numbers; gpus may be 0.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a command.

    Attributes:
        command: Program and arguments, without a shell.
        folder: The folder it runs in, on this machine.
        output: File for stdout and stderr together, on this machine and outside of the folder; replaced when it exists.
        seconds: Wall-clock budget from the moment it starts to run, not from the moment it waits; None for no limit.
        environment: All of its environment.
        resources: What it needs, and its limits but for time.
        name: What it is, in a few words, for lists of other programs: ``charlm-7 trial 12``.
    """

    command: tuple[str, ...]
    folder: Path
    output: Path
    seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    name: str = ""


class Executor(Protocol):
    """A place where commands run. Several threads call ``run`` at once."""

    @property
    def name(self) -> str:
        """Its name, for the record."""
        ...

    def run(self, job: Job, watch: Watch | None = None) -> Run:
        """Run a command and wait until it, and all it started, is gone.

        The folder is as it was left by the command when this returns. ``watch.heard`` gets the output as it comes;
        ``watch.over`` is asked at least every second, also while the command waits for a place.

        Raises:
            TrialError: The command could not be started, or the place does not answer; the details carry ``lost`` where
                its machine was lost, so that it may be run again on another.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; nothing that it started goes on."""
        ...

    def __enter__(self) -> Self:
        """Use it in a ``with`` block, which closes it."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

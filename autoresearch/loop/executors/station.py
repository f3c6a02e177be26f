"""The far end of an executor: it runs one command where it is, under the same limits, and tells of it when it is asked.

It is made on the machine that runs the command. Where that machine sees the trial's folder the command runs in it; elsewhere
it runs in a copy, which is sent back with what the command changed and with the journals of what it logged.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoresearch.errors import TrialError
from autoresearch.execution.runner import ALLOWED, PREFIXES, Ending, Run, clean_environment, run_command
from autoresearch.loop.executors.base import Job
from autoresearch.loop.executors.guard import guarded
from autoresearch.loop.executors.shipping import Changes, applied, archived, changes_since, states, unpacked

__all__ = ["LOST_AFTER", "Done", "Order", "Station", "finished", "mark_beside"]

LOST_AFTER = 60.0
"""Seconds without a question after which whoever asked is taken to be gone, and the command is ended."""

_PENDING = 8 * 1024 * 1024
_DEVICES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_JOURNALS = "offline"
_MARK = "AR_STATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run.

    Attributes:
        command: Program and arguments.
        folder: The folder as the one who orders sees it; it is used where ``mark`` is found beside it.
        mark: A file that only those see who share the file system; "" shares none.
        archive: The files of the folder, for a machine that does not see it; None when all of them do.
        seconds: Wall-clock budget.
        memory: Bytes of all processes together.
        processes: How many there may be at once.
        environment: All of the environment.
        devices: Whether accelerators were given out, so that those of this place are the command's.
    """

    command: tuple[str, ...]
    folder: str
    mark: str
    archive: bytes | None
    seconds: float | None
    memory: int | None
    processes: int
    environment: Mapping[str, str] = field(repr=False)
    devices: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of it.

    Attributes:
        exit_code: As the shell gives it, with ``ending`` and ``reason`` as ``Run`` has them.
        seconds: Wall-clock seconds that the command ran.
        log_tail: The last lines of its output.
        output: Its output, head and tail when it was too long; ``output_bytes`` is how long it was.
        changes: What it changed in its copy of the folder; None where it ran in the folder itself.
        journals: What its runs logged, as a gzipped tar file; None as above.
        error: Why it could not be run, and ``hint`` what to do; empty when it could.
    """

    exit_code: int = 0
    ending: Ending = "exited"
    seconds: float = 0.0
    log_tail: str = ""
    output: bytes = b""
    output_bytes: int = 0
    reason: str = ""
    changes: Changes | None = None
    journals: bytes | None = None
    error: str = ""
    hint: str = ""


class Station:
    """Runs one order in a thread of its own."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._pending = bytearray()
        self._done: Done | None = None
        self._reason = ""
        self._asked = time.monotonic()

    def start(self, order: Order) -> bool:
        """Begin to run it."""
        self._asked = time.monotonic()
        threading.Thread(target=self._run, args=(order,), name="autoresearch command", daemon=True).start()
        return True

    def poll(self, seconds: float) -> tuple[bytes, Done | None]:
        """Output that came since the last call, and how it ended once it has; waits up to some seconds for either."""
        with self._news:
            self._asked = time.monotonic()
            self._news.wait_for(lambda: self._pending or self._done is not None, seconds)
            data, done = bytes(self._pending), self._done
            self._pending.clear()
            return data, done

    def stop(self, reason: str) -> None:
        """End the command; ``poll`` tells when it is gone."""
        self._reason = reason

    # The watch of the runner

    def heard(self, data: bytes) -> None:
        """Keep some output until it is asked for; the oldest gives way when nobody asks."""
        with self._news:
            self._pending += data
            del self._pending[:-_PENDING]
            self._news.notify_all()

    def over(self) -> str:
        """Why the command is to be ended."""
        if not self._reason and time.monotonic() - self._asked > LOST_AFTER:
            return "nobody asks for it any more"
        return self._reason

    def _run(self, order: Order) -> None:
        try:
            done = self._ran(order)
        except TrialError as error:
            done = Done(error=error.message, hint=error.hint)
        except OSError as error:
            done = Done(error=f"The command could not be run: {error}.", hint="Check the machine's disk.")
        with self._news:
            self._done = done
            self._news.notify_all()

    def _ran(self, order: Order) -> Done:
        with tempfile.TemporaryDirectory(prefix="autoresearch-") as scratch:
            here, mark = bool(order.mark) and Path(order.mark).is_file(), secrets.token_hex(16)
            with _place(order, Path(scratch), here=here) as (folder, environment, home), guarded(mark):
                before = {} if here else states(folder)
                output = Path(scratch) / "output.log"
                run = run_command(
                    order.command,
                    folder,
                    output=output,
                    seconds=order.seconds,
                    memory=order.memory,
                    processes=order.processes,
                    environment={**environment, _MARK: mark},
                    watch=self,
                )
                return Done(
                    exit_code=run.exit_code,
                    ending=run.ending,
                    seconds=run.seconds,
                    log_tail=run.log_tail,
                    output=output.read_bytes(),
                    output_bytes=run.output_bytes,
                    reason=run.reason,
                    changes=None if here else changes_since(folder, before),
                    journals=None if here or not (home / _JOURNALS).is_dir() else archived(home / _JOURNALS),
                )


@contextlib.contextmanager
def _place(order: Order, scratch: Path, *, here: bool) -> Iterator[tuple[Path, dict[str, str], Path]]:
    """The folder to run in, the environment, and the home in which the command's runs leave their journals."""
    devices = {name: os.environ[name] for name in _DEVICES if order.devices and name in os.environ}
    if here:
        yield Path(order.folder), {**order.environment, **devices}, scratch
        return
    if order.archive is None:
        raise TrialError(
            f"The folder {order.folder} is not seen by the machine that was to run the command in it.",
            hint="Put the trials where all machines see them, or let the executor send the files.",
        )
    folder, home = scratch / "folder", scratch / "home"
    for made in (folder, home):
        made.mkdir()
    unpacked(order.archive, folder)
    # Paths of the other machine mean nothing here: what belongs to the machine is this one's, the rest as it was ordered.
    told = {k: v for k, v in order.environment.items() if k not in ALLOWED and not k.startswith(PREFIXES)}
    logged = {"AUTORESEARCH_HOME": str(home), "AUTORESEARCH_MODE": "offline"}
    yield folder, {**clean_environment(), **told, **logged, **devices}, home


def finished(job: Job, done: Done) -> Run:
    """The run as the executor answers it, with what the command left in the folder, the output and the journals.

    Raises:
        TrialError: The command could not be started, or what came back cannot be taken.
    """
    if done.error:
        raise TrialError(done.error, hint=done.hint)
    job.output.write_bytes(done.output)
    if done.changes is not None:
        applied(done.changes, job.folder)
    home = job.environment.get("AUTORESEARCH_HOME")
    if done.journals is not None and home:
        spool = Path(home) / (
            "offline" if job.environment.get("AUTORESEARCH_MODE") == "offline" else "journals"
        )
        spool.mkdir(parents=True, exist_ok=True)
        unpacked(done.journals, spool)
    return Run(
        done.exit_code, done.ending, done.seconds, done.log_tail, job.output, done.output_bytes, done.reason
    )


@contextlib.contextmanager
def mark_beside(folder: Path, *, shared: bool) -> Iterator[str]:
    """A file beside the folder, by which a node knows that it sees the same file system."""
    if not shared:
        yield ""
        return
    mark = folder.parent / f".seen-{secrets.token_hex(16)}"
    mark.touch()
    try:
        yield str(mark)
    finally:
        mark.unlink(missing_ok=True)

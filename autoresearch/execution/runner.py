"""Run one command under a budget, and leave nothing behind: no process, no unbounded output.

A command runs in its own session, so that a Ctrl-C in the terminal reaches the campaign and not the command, and so
that everything it started can be ended together. What escapes the process group (a daemon) is found by a token
in its environment where the system has ``/proc``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from autoresearch.errors import TrialError
from autoresearch.execution.family import Family
from autoresearch.execution.output import BoundedFile

__all__ = [
    "ALLOWED",
    "PREFIXES",
    "PROCESSES",
    "Ending",
    "Run",
    "Watch",
    "clean_environment",
    "ended_when",
    "run_command",
    "stop_wanted",
    "stoppable",
]

_TOKEN = "AUTORESEARCH_TRIAL"  # noqa: S105  the name of a variable, not a secret

ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV",
    "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SYSTEMROOT",
)  # fmt: skip
"""Variables that a trial inherits; the others with one of ``PREFIXES``. Keys and tokens of the caller are not among them."""

PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "CUDA_", "NVIDIA_", "XDG_")

PROCESSES = 512
"""Processes that a command may have at once where nothing else is said: more is a program that forks without end."""

_DRAIN = 1.0
_TICK = 0.1
_PAUSE = 0.01

Ending = Literal["exited", "timed_out", "memory", "processes", "stopped"]
"""How a command ended: by itself, or by us as its time, memory or processes were over, or as the watch said so."""


class Watch(Protocol):
    """Looks at a command while it runs. Both are called by the thread that runs it, and must not block."""

    def heard(self, data: bytes) -> None:
        """Some of its output, as it was written."""
        ...

    def over(self) -> str:
        """Why it is to be ended now, in a sentence; empty to let it go on. Asked several times a second."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a command.

    Attributes:
        exit_code: As the shell gives it: 128 + n after signal n.
        ending: How it ended.
        seconds: Wall-clock seconds.
        log_tail: The last lines of its output, at most 4,000 characters.
        output_path: File with the output, head and tail when it was too long.
        output_bytes: Bytes the command wrote, kept or not.
        reason: Why we ended it, in a few words; empty when it ended by itself.
    """

    exit_code: int
    ending: Ending
    seconds: float
    log_tail: str
    output_path: Path
    output_bytes: int
    reason: str = ""

    @property
    def timed_out(self) -> bool:
        """Whether the budget of time ended it."""
        return self.ending == "timed_out"

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and self.ending == "exited"


_OVER: ContextVar[Callable[[], str]] = ContextVar("over", default=str)


@contextlib.contextmanager
def ended_when(over: Callable[[], str]) -> Iterator[None]:
    """Within the block, in this thread, every command is ended as soon as ``over`` gives a reason.

    It is asked several times a second and must not block. Also what starts commands without a watch is ended like this.
    """
    before = _OVER.set(over)
    try:
        yield
    finally:
        _OVER.reset(before)


def stop_wanted() -> str:
    """Why whatever this thread does is to be ended now; empty when it may go on. For work that is no command."""
    return _OVER.get()()


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that trials are ended.

    Only the main thread can do this; elsewhere the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(f"stopped by signal {number}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def clean_environment(
    extra: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a trial: what is on the allow-list, and ``extra``."""
    given = os.environ if environment is None else environment
    kept = {name: value for name, value in given.items() if name in ALLOWED or name.startswith(PREFIXES)}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}


def run_command(
    command: Sequence[str] | str,
    directory: Path,
    *,
    output: Path,
    errors: Path | None = None,
    stdin: Path | None = None,
    seconds: float | None = None,
    memory: int | None = None,
    processes: int = PROCESSES,
    environment: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    grace: float = 2.0,
    max_output: int = 4 * 1024 * 1024,
) -> Run:
    """Run a command in a folder and wait until it, and all it started, is gone.

    Args:
        command: Program and arguments; one string is given to ``/bin/sh -c``.
        directory: The folder it runs in.
        output: File for what it prints; replaced when it exists.
        errors: File for its stderr; None puts that into ``output``, as it comes.
        stdin: File that it reads as its input; None gives it an empty one.
        seconds: Wall-clock budget, or None for no limit. Past it the group gets SIGTERM, then SIGKILL.
        memory: Bytes that all its processes may hold together, or None for no limit; where there is ``/proc``.
        processes: How many it may have at once; where there is ``/proc``.
        environment: All of its environment; None takes ``clean_environment()``.
        watch: Hears what goes to ``output``, and may end the command.
        grace: Seconds between SIGTERM and SIGKILL; what takes too much memory or too many processes is given none.
        max_output: Bytes kept in each file: the first quarter and the last three quarters.

    Raises:
        TrialError: The command could not be started.
    """
    if seconds is not None and not seconds > 0:
        raise TrialError(
            f"A budget of {seconds} seconds leaves no time to run.", hint="Give a positive budget."
        )
    family, env = _marked(clean_environment() if environment is None else environment)
    with contextlib.ExitStack() as files:
        sink = files.enter_context(BoundedFile(output, max_output))
        apart = None if errors is None else files.enter_context(BoundedFile(errors, max_output))
        begun = time.monotonic()
        deadline = None if seconds is None else begun + seconds
        ending: Ending = "stopped"
        process: subprocess.Popen[bytes] | None = None
        one: _Following | None = None
        try:
            process = _start(command, directory, env, family, stdin=stdin, apart=apart is not None)
            streams = _Streams(process, sink, apart, watch)
            one = _Following(process, family, streams, watch, deadline, memory, processes)
            ending, reason = one.follow()
        finally:
            # Also on Ctrl-C: whatever ends the wait, nothing of the trial may go on.
            _end(one, family, process, 0.0 if ending in {"memory", "processes"} else grace)
        elapsed = time.monotonic() - begun
    code = process.returncode
    return Run(128 - code if code < 0 else code, ending, elapsed, sink.tail(), output, sink.written, reason)


def _marked(environment: Mapping[str, str]) -> tuple[Family, dict[str, str]]:
    """A family of processes to be, and the environment by which its members are known."""
    token = secrets.token_hex(16)
    # A campaign inside a trial hands the outer token on, so that ending the outer one ends all.
    return Family(token), {**environment, _TOKEN: f"{os.environ.get(_TOKEN, '')}:{token}"}


def _start(
    command: Sequence[str] | str,
    directory: Path,
    env: Mapping[str, str],
    family: Family,
    *,
    stdin: Path | None,
    apart: bool,
) -> subprocess.Popen[bytes]:
    arguments = ["/bin/sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
    if not arguments or not arguments[0]:
        raise TrialError("There is no command to run.", hint="Name the command that runs the training.")
    try:
        with Path(os.devnull if stdin is None else stdin).open("rb") as source:
            process = subprocess.Popen(
                arguments,
                cwd=directory,
                env=dict(env),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise TrialError(
            f"The command {arguments[0]!r} could not be started: {error}.",
            hint="Check that the program exists and can be executed from the trial's folder.",
        ) from error
    family.begin(process.pid)
    return process


def _end(
    one: _Following | None, family: Family, process: subprocess.Popen[bytes] | None, grace: float
) -> None:
    """End what runs, also what was started without our knowing of it yet: a Ctrl-C may come right after the fork."""
    if one is not None:
        one.end(grace)
        return
    family.see_off()
    if process is not None:
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class _Streams:
    """What a command writes, on its way into the files."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: BoundedFile,
        errors: BoundedFile | None,
        watch: Watch | None,
    ) -> None:
        self._watch = watch
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._pipes: list[IO[bytes]] = []
        for pipe, sink in ((process.stdout, output), (process.stderr, errors)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, sink)
                self._pipes.append(pipe)

    @property
    def open(self) -> bool:
        """Whether anybody can still write."""
        return bool(self._selector.get_map())

    def move(self, seconds: float) -> bool:
        """Take what there is as soon as there is something; False when nothing came within some seconds."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            try:
                data = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            if not data:
                self._selector.unregister(key.fileobj)
                continue
            key.data.write(data)
            if self._watch is not None and key.data is self._output:
                self._watch.heard(data)
        return bool(ready)

    def drain(self, seconds: float) -> None:
        """Take what is written within some seconds, or until nobody can write any more."""
        until = time.monotonic() + seconds
        while self.open and (left := until - time.monotonic()) > 0 and self.move(left):
            pass

    def close(self) -> None:
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()


@dataclass(slots=True)
class _Following:
    """One command while it runs."""

    process: subprocess.Popen[bytes]
    family: Family
    streams: _Streams
    watch: Watch | None
    deadline: float | None
    memory: int | None
    processes: int

    def follow(self) -> tuple[Ending, str]:
        """Move output to the file until the process ends or is to be ended; how, and why."""
        looked = 0.0
        while True:
            now = time.monotonic()
            left = _TICK if self.deadline is None else self.deadline - now
            if left <= 0:
                return "timed_out", ""
            if now >= looked + _TICK:
                looked = now
                if (said := self._excess()) is not None:
                    return said
            wait = min(_TICK, left)
            if self.streams.open:
                self.streams.move(wait)
            elif not self._ended():
                time.sleep(min(wait, _PAUSE))
            # The pipe may stay open in a child that outlives the command: the command's end counts.
            if self._ended():
                return "exited", ""

    def end(self, grace: float) -> None:
        """End the group and every process that carries the token, then collect what they still wrote."""
        try:
            if not self._ended() and grace > 0:
                self.family.signal(signal.SIGTERM)
                patience = time.monotonic() + grace
                while not self._ended() and time.monotonic() < patience:
                    self.streams.drain(_PAUSE)
                    time.sleep(_PAUSE)
        finally:
            # The leader is not reaped before this, so its group's number cannot belong to anyone else.
            self.family.signal(signal.SIGKILL)
            try:
                self.streams.drain(_DRAIN)
            finally:
                self.process.wait()
                self.streams.close()
                self.family.reaped()
                self.family.see_off()

    def _excess(self) -> tuple[Ending, str] | None:
        reason = stop_wanted() or ("" if self.watch is None else self.watch.over())
        if reason:
            return "stopped", reason
        size = self.family.size(self.memory)
        if size.processes > self.processes:
            return "processes", f"had more than {self.processes} processes at once"
        if self.memory is not None and size.memory > self.memory:
            held = (
                f"held {size.memory / 1e9:.3g} GB of memory, more than the {self.memory / 1e9:.3g} GB it may"
            )
            return "memory", held
        return None

    def _ended(self) -> bool:
        if self.process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

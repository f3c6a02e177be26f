"""Run one command under a budget, and leave nothing behind: no process, no unbounded output.

A trial runs in its own session, so that a Ctrl-C in the terminal reaches the campaign and not the trial, and so
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
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import TrialError
from autoresearch.loop.output import BoundedFile

__all__ = ["ALLOWED", "PREFIXES", "Run", "clean_environment", "run_command", "stoppable"]

_TOKEN = "AUTORESEARCH_TRIAL"  # noqa: S105  the name of a variable, not a secret

ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV",
    "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SYSTEMROOT",
)  # fmt: skip
"""Variables that a trial inherits; the others with one of ``PREFIXES``. Keys and tokens of the caller are not among them."""

PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "CUDA_", "NVIDIA_", "XDG_")

_DRAIN = 1.0
_TICK = 0.1
_PAUSE = 0.01
_LOOKS = 300


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a command.

    Attributes:
        exit_code: As the shell gives it: 128 + n after signal n.
        timed_out: Whether the budget ended it.
        seconds: Wall-clock seconds.
        log_tail: The last lines of its output, at most 4,000 characters.
        output_path: File with the output, head and tail when it was too long.
        output_bytes: Bytes the command wrote, kept or not.
    """

    exit_code: int
    timed_out: bool
    seconds: float
    log_tail: str
    output_path: Path
    output_bytes: int

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out


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
    seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
    grace: float = 2.0,
    max_output: int = 4 * 1024 * 1024,
) -> Run:
    """Run a command in a folder and wait until it, and all it started, is gone.

    Args:
        command: Program and arguments; one string is given to ``/bin/sh -c``.
        directory: The folder it runs in.
        output: File for stdout and stderr together; replaced when it exists.
        seconds: Wall-clock budget, or None for no limit. Past it the group gets SIGTERM, then SIGKILL.
        environment: All of its environment; None takes ``clean_environment()``.
        grace: Seconds between SIGTERM and SIGKILL.
        max_output: Bytes of output kept in the file: the first quarter and the last three quarters.

    Raises:
        TrialError: The command could not be started.
    """
    if seconds is not None and not seconds > 0:
        raise TrialError(
            f"A budget of {seconds} seconds leaves no time to run.", hint="Give a positive budget."
        )
    token = secrets.token_hex(16)
    # A campaign inside a trial hands the outer token on, so that ending the outer one ends all.
    chain = f"{os.environ.get(_TOKEN, '')}:{token}"
    env = {**(clean_environment() if environment is None else environment), _TOKEN: chain}
    with BoundedFile(output, max_output) as sink:
        begun = time.monotonic()
        process = _start(command, directory, env, token)
        try:
            timed_out = _follow(process, sink, None if seconds is None else begun + seconds)
        finally:
            # Also on Ctrl-C: whatever ends the wait, nothing of the trial may go on.
            _end(process, token, grace, sink)
        elapsed = time.monotonic() - begun
    code = process.returncode
    return Run(128 - code if code < 0 else code, timed_out, elapsed, sink.tail(), output, sink.written)


def _start(
    command: Sequence[str] | str, directory: Path, env: Mapping[str, str], token: str
) -> subprocess.Popen[bytes]:
    arguments = ["/bin/sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
    if not arguments or not arguments[0]:
        raise TrialError("There is no command to run.", hint="Name the command that runs the training.")
    try:
        return subprocess.Popen(
            arguments,
            cwd=directory,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise TrialError(
            f"The command {arguments[0]!r} could not be started: {error}.",
            hint="Check that the program exists and can be executed from the trial's folder.",
        ) from error
    except BaseException:
        # A Ctrl-C between the fork and our knowing of it.
        _signal_carriers(token, signal.SIGKILL)
        raise


def _follow(process: subprocess.Popen[bytes], sink: BoundedFile, deadline: float | None) -> bool:
    """Move output to the file until the process ends or its time is over; True when it was over."""
    with _reading(process) as (selector, pipe):
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return True
            wait = _TICK if left is None else min(_TICK, left)
            if selector.get_map():
                for _ in selector.select(wait):
                    if not _move(pipe, sink):
                        selector.unregister(pipe)
            elif _ended(process):
                return False
            else:
                time.sleep(min(wait, _PAUSE))
            # The pipe may stay open in a child that outlives the command: the command's end counts.
            if _ended(process):
                return False


def _end(process: subprocess.Popen[bytes], token: str, grace: float, sink: BoundedFile) -> None:
    """End the group and every process that carries the token, then collect what they still wrote."""
    try:
        if not _ended(process):
            _signal_all(process.pid, token, signal.SIGTERM)
            patience = time.monotonic() + grace
            while not _ended(process) and time.monotonic() < patience:
                _drain(process, sink, _PAUSE)
                time.sleep(_PAUSE)
    finally:
        # The leader is not reaped before this, so its group's number cannot belong to anyone else.
        killed = _signal_all(process.pid, token, signal.SIGKILL)
        try:
            _drain(process, sink, _DRAIN)
        finally:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            _see_off(token, killed)


def _see_off(token: str, killed: set[int]) -> None:
    """Kill whatever still carries the token, and wait until the system is done with all that was killed."""
    for _ in range(_LOOKS):
        # One that forked while we looked shows up in the next look.
        killed = killed | _signal_carriers(token, signal.SIGKILL)
        if not any(map(_going_on, killed)):
            return
        time.sleep(_PAUSE)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


@contextlib.contextmanager
def _reading(process: subprocess.Popen[bytes]) -> Iterator[tuple[selectors.BaseSelector, int]]:
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        yield selector, pipe


def _move(pipe: int, sink: BoundedFile) -> bool:
    """One read; False at the end of the output."""
    try:
        data = os.read(pipe, 65536)
    except BlockingIOError:
        return True
    sink.write(data)
    return bool(data)


def _drain(process: subprocess.Popen[bytes], sink: BoundedFile, seconds: float) -> None:
    """Take what is written within some seconds, or until nobody can write any more."""
    until = time.monotonic() + seconds
    with _reading(process) as (selector, pipe):
        while (left := until - time.monotonic()) > 0 and (ready := selector.select(left)):
            for _ in ready:
                if not _move(pipe, sink):
                    return


def _signal_all(group: int, token: str, number: signal.Signals) -> set[int]:
    """Signal the carriers of the token and the group; which carriers there were."""
    found = _signal_carriers(token, number)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
    return found


def _signal_carriers(token: str, number: signal.Signals) -> set[int]:
    """Signal processes whose environment names this trial; which they were. Only where ``/proc`` exists."""
    found: set[int] = set()
    if not sys.platform.startswith("linux"):
        return found
    mark = token.encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in Path(entry.path, "environ").read_bytes():
                os.kill(int(entry.name), number)
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def _going_on(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in {"Z", "X"}

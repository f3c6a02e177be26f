"""Commands as jobs of a Slurm cluster, through submitit.

The folders of trials, the store and the environment with this library have to be where the nodes see them, as it is usual on
such clusters. What a command prints comes back through a file there, and so does the word that it is to be ended.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run, Watch
from autoresearch.loop.executors.base import Job
from autoresearch.loop.executors.station import LOST_AFTER, Done, Order, Station, finished, mark_beside

__all__ = ["SlurmExecutor", "submitted"]

_POLL, _SIGN, _LOOK, _ANSWER, _PATIENCE = 0.25, 5.0, 10.0, 20.0, 20.0
_MARGIN = 5
_STREAM, _STOP, _ALIVE = "stream", "stop", "alive"
_MOST_STREAMED = 64 * 1024 * 1024
_OVER = frozenset(
    {
        "",
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    }
)


class SlurmExecutor:
    """Runs commands as Slurm jobs.

    Args:
        partition: Partition of the cluster; None takes its default.
        parameters: Further parameters of ``sbatch`` by name, such as ``{"account": "lab", "qos": "long"}``.
        cluster: ``"slurm"``, or ``"local"`` for submitit's own processes on this machine, to try things out.

    Raises:
        TrialError: submitit is not installed.
    """

    name = "slurm"

    def __init__(
        self,
        partition: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:
        try:
            import submitit
        except ImportError:
            raise TrialError(
                "submitit is not installed.", hint="Install it: pip install 'autoresearch[slurm]'."
            ) from None
        self._submitit: Any = submitit
        self._cluster, self._partition = cluster, partition
        self._parameters = dict(parameters or {})

    def run(self, job: Job, watch: Watch | None = None) -> Run:
        """Run a command as a job, and wait until it, and all it started, is gone.

        Raises:
            TrialError: Slurm refused the job, or it ended without a result.
        """
        channel = Path(tempfile.mkdtemp(prefix=".slurm-", dir=job.output.parent))
        try:
            with mark_beside(job.folder, shared=True) as mark:
                return finished(
                    job,
                    self._ran(job, mark, channel, watch),
                )
        finally:
            shutil.rmtree(channel, ignore_errors=True)

    def _ran(self, job: Job, mark: str, channel: Path, watch: Watch | None) -> Done:
        order = Order(
            command=job.command,
            folder=str(job.folder),
            mark=mark,
            archive=None,
            seconds=job.seconds,
            memory=job.resources.memory,
            processes=job.resources.processes,
            environment=dict(job.environment),
            devices=job.resources.gpus > 0,
        )
        (channel / _ALIVE).touch()
        sent = self._submit(job, order, channel)
        ended = False
        try:
            done = self._follow(job, sent, channel, watch)
            ended = True
            return done
        finally:
            if not ended:
                self._end(sent, channel, "its campaign was stopped")

    def _submit(self, job: Job, order: Order, channel: Path) -> Any:
        wanted = job.resources
        options: dict[str, Any] = {"cpus_per_task": math.ceil(wanted.cpus or 1)}
        if wanted.gpus:
            options["gpus_per_node"] = math.ceil(wanted.gpus)
        if wanted.memory is not None:
            options["mem_gb"] = wanted.memory / 2**30
        if job.seconds is not None:
            # Our own limit comes first, so that it is a time-out and no lost job.
            options["timeout_min"] = math.ceil(job.seconds / 60) + _MARGIN
        if self._cluster == "slurm":
            options |= {"slurm_partition": self._partition} if self._partition else {}
            options |= {"slurm_additional_parameters": self._parameters} if self._parameters else {}
        try:
            executor = self._submitit.AutoExecutor(folder=channel / "submitit", cluster=self._cluster)
            executor.update_parameters(name=_name(job.name), **options)
            return executor.submit(submitted, order, str(channel))
        except (OSError, RuntimeError, ValueError, NameError) as error:
            raise TrialError(
                f"Slurm did not take the job: {str(error)[:300]}.",
                hint="Check the partition and the parameters, and that sbatch works on this machine.",
            ) from error

    def _follow(self, job: Job, sent: Any, channel: Path, watch: Watch | None) -> Done:
        told, looked, stopped = 0.0, time.monotonic(), ""
        with (channel / _STREAM).open("a+b") as stream, job.output.open("wb") as live:
            while not self._is_done(sent):
                _hear(stream, live, watch)
                now = time.monotonic()
                if now - told >= _SIGN:
                    (channel / _ALIVE).touch()
                    told = now
                if not stopped and watch is not None and (stopped := watch.over()):
                    (channel / _STOP).write_text(stopped, encoding="utf-8")
                    if self._state(sent) == "PENDING":
                        sent.cancel(check=False)
                        return Done(exit_code=143, ending="stopped", reason=stopped)
                if now - looked >= _LOOK:
                    looked = now
                    self._still_there(sent)
                time.sleep(_POLL)
            _hear(stream, live, watch)
        return self._result(sent)

    def _is_done(self, sent: Any) -> bool:
        """Whether the job has left its result; asked often, and so of the file system and not of Slurm."""
        return bool(sent.done() if self._cluster == "local" else sent.paths.result_pickle.exists())

    def _state(self, sent: Any) -> str:
        """The state of a job in the queue, such as ``PENDING``; "" when it is not there, ``UNKNOWN`` when Slurm does not answer."""
        if self._cluster == "local":
            return "RUNNING"
        asked = ["squeue", "--noheader", "--format=%T", f"--jobs={sent.job_id}"]
        try:
            found = subprocess.run(asked, capture_output=True, text=True, timeout=_ANSWER, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return "UNKNOWN"
        # A job that ended a while ago is no job to squeue any more, and that is an error to it.
        known = found.returncode == 0 or "Invalid job id" in found.stderr
        return found.stdout.strip() if known else "UNKNOWN"

    def _still_there(self, sent: Any) -> None:
        if self._state(sent) not in _OVER:
            return
        # Its result may reach this machine's view of the file system a little later than the queue tells of its end.
        until = time.monotonic() + _LOOK
        while time.monotonic() < until:
            if self._is_done(sent):
                return
            time.sleep(_POLL)
        raise self._lost(sent, "it is not in the queue any more")

    def _lost(self, sent: Any, why: str) -> TrialError:
        return TrialError(
            f"The Slurm job {sent.job_id} left no result: {why}.",
            hint="It was cancelled, or its node was lost: look at it with `sacct -j`, and run the trial again.",
            details={"lost": True},
        )

    def _result(self, sent: Any) -> Done:
        try:
            done: Done = sent.result()
        except (OSError, EOFError, RuntimeError) as error:
            raise self._lost(sent, str(error)[-300:]) from error
        return done

    def _end(self, sent: Any, channel: Path, reason: str) -> None:
        """End a job whose campaign is stopped: by a word first, so that its processes are seen off, then by Slurm."""
        (channel / _STOP).write_text(reason, encoding="utf-8")
        until = time.monotonic() + _PATIENCE
        while (
            time.monotonic() < until
            and not self._is_done(sent)
            and self._state(sent) not in {"PENDING", *_OVER}
        ):
            time.sleep(_POLL)
        sent.cancel(check=False)

    def close(self) -> None:
        """It holds nothing: each job ends with its run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def submitted(order: Order, channel: str) -> Done:
    """What runs in the job: the command, its output into the stream, until it ends or the word comes to end it."""
    place, station = Path(channel), Station()
    station.start(order)
    sign, heard = _age(place), time.monotonic()
    with (place / _STREAM).open("ab") as stream:
        while True:
            data, done = station.poll(_POLL)
            stream.write(data[: max(0, _MOST_STREAMED - stream.tell())])
            stream.flush()
            if done is not None:
                return done
            if (now := _age(place)) != sign:
                sign, heard = now, time.monotonic()
            with contextlib.suppress(OSError):
                station.stop((place / _STOP).read_text(encoding="utf-8"))
            if time.monotonic() - heard > 2 * LOST_AFTER:
                station.stop("nobody asks for it any more")


def _age(place: Path) -> float:
    """When whoever waits for the job last gave a sign, by the clock of the file system; only a change of it means something."""
    try:
        return (place / _ALIVE).stat().st_mtime
    except OSError:
        return -1.0


def _hear(stream: BinaryIO, live: BinaryIO, watch: Watch | None) -> None:
    while data := stream.read(65536):
        live.write(data)
        live.flush()
        if watch is not None:
            watch.heard(data)


def _name(text: str) -> str:
    """A name that sbatch takes."""
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text)[:60]
        or "autoresearch"
    )

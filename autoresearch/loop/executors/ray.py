"""Commands on a Ray cluster: each in an actor of its own, which is given processors and accelerators for it.

Ray has to be installed here, and this library on every node. A node that does not see the trial's folder is sent its files,
and sends back what the command changed and logged.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run, Watch
from autoresearch.loop.executors.base import Job
from autoresearch.loop.executors.shipping import archived
from autoresearch.loop.executors.station import Done, Order, Station, finished, mark_beside

__all__ = ["RayExecutor"]

_POLL, _ANSWER, _END = 0.25, 30.0, 20.0
_SHOWN = 4 * 1024 * 1024


class RayExecutor:
    """Runs commands on a Ray cluster.

    Args:
        address: Address of the cluster, such as ``"auto"`` or ``"ray://head:10001"``; None takes the one that this process is
            connected to already or that ``RAY_ADDRESS`` names, and else starts one on this machine.
        cpus: Processors of a cluster that is started here; None for all of them.
        gpus: Accelerators of it; None for those that Ray finds.
        send_files: Whether nodes are sent the folder's files; None sends them to those that do not see the folder.

    Raises:
        TrialError: Ray is not installed, or the cluster does not answer.
    """

    name = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus: float | None = None,
        gpus: float | None = None,
        send_files: bool | None = None,
    ) -> None:
        try:
            import ray
        except ImportError:
            raise TrialError(
                "Ray is not installed.", hint="Install it: pip install 'autoresearch[ray]'."
            ) from None
        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        self._alone = self._ours and address is None and not os.environ.get("RAY_ADDRESS")
        self._send = send_files
        # The one node of a cluster on this machine sees what this process sees.
        self._sends = send_files or (send_files is None and not self._alone)
        if self._ours:
            self._connect(address, cpus, gpus)
        # One command in each: an actor that has run one is not used again, so that nothing is left of it for the next.
        self._station: Any = ray.remote(max_restarts=0, max_task_retries=0)(Station)

    def _connect(self, address: str | None, cpus: float | None, gpus: float | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "error",
            "configure_logging": False,
        }
        if self._alone:
            options |= {"include_dashboard": False, "num_cpus": cpus, "num_gpus": gpus}
        try:
            with _own_signals():
                self._ray.init(address="local" if self._alone else address, **options)
        except (OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            raise TrialError(
                f"The Ray cluster does not answer: {str(error)[:300]}.",
                hint="Check its address, that Ray has the same version here and there, and its token (RAY_AUTH_MODE, RAY_AUTH_TOKEN).",
            ) from error

    def run(self, job: Job, watch: Watch | None = None) -> Run:
        """Run a command on the node that Ray gives it, and wait until it, and all it started, is gone.

        Raises:
            TrialError: The command could not be started, no node can ever run it, or its node was lost.
        """
        self._check(job)
        with mark_beside(job.folder, shared=self._send is not True) as mark:
            order = Order(
                command=job.command,
                folder=str(job.folder),
                mark=mark,
                archive=archived(job.folder) if self._sends else None,
                seconds=job.seconds,
                memory=job.resources.memory,
                processes=job.resources.processes,
                environment=dict(job.environment),
                devices=job.resources.gpus > 0,
            )
            try:
                return self._ran(job, order, watch)
            except self._ray.exceptions.RayError as error:
                raise TrialError(
                    f"The Ray node that ran the command was lost: {str(error).splitlines()[0][:300]}",
                    hint="Look at the cluster with `ray status`, and run the trial again.",
                    details={"lost": True},
                ) from error

    def _check(self, job: Job) -> None:
        """Refuse what a cluster that does not grow can never run; others may get a node for it."""
        if not self._alone:
            return
        there, wanted = self._ray.cluster_resources(), job.resources
        for name, amount in (("CPU", wanted.cpus or 1), ("GPU", wanted.gpus)):
            if amount > there.get(name, 0.0):
                raise TrialError(
                    f"A run needs {amount:g} {name}, and this Ray cluster has {there.get(name, 0.0):g}.",
                    hint="Ask for less, or name another cluster.",
                )

    def _ran(self, job: Job, order: Order, watch: Watch | None) -> Run:
        wanted = job.resources
        station = self._station.options(
            num_cpus=1 if wanted.cpus is None else wanted.cpus, num_gpus=wanted.gpus
        ).remote()
        try:
            begun = station.start.remote(order)
            while not self._ray.wait([begun], timeout=_POLL)[0]:
                if watch is not None and (said := watch.over()):
                    job.output.write_bytes(b"")
                    return Run(143, "stopped", 0.0, "", job.output, 0, said)
            self._ray.get(begun)
            return finished(job, self._follow(job, station, watch))
        finally:
            self._ray.kill(station)

    def _follow(self, job: Job, station: Any, watch: Watch | None) -> Done:
        shown = 0
        done: Done | None = None
        try:
            with job.output.open("wb") as live:
                while done is None:
                    data, done = self._ray.get(station.poll.remote(_POLL), timeout=_ANSWER)
                    # The file as it grows is for whoever looks; the whole of it comes at the end.
                    live.write(data[: max(0, _SHOWN - shown)])
                    live.flush()
                    shown += len(data)
                    if watch is not None and data:
                        watch.heard(data)
                    if watch is not None and done is None and (said := watch.over()):
                        station.stop.remote(said)
            return done
        finally:
            # After a Ctrl-C too the command is ended before its actor is, so that nothing of it goes on.
            if done is None:
                self._end(station)

    def _end(self, station: Any) -> None:
        until = time.monotonic() + _END
        with contextlib.suppress(self._ray.exceptions.RayError):
            station.stop.remote("its campaign was stopped")
            while (
                time.monotonic() < until
                and self._ray.get(station.poll.remote(_POLL), timeout=_END)[1] is None
            ):
                pass

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._ours and self._ray.is_initialized():
            with _own_signals():
                self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Within the block Ray may put its handlers of signals in place; afterwards ours are back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""One look at the machine and the process tree."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

from autoresearch.telemetry.host import Host
from autoresearch.telemetry.nvidia import Gpus, driver
from autoresearch.telemetry.processes import Tree

TYPE_CHECKING = False  # a training process loads this: typing is not worth its time
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoresearch.telemetry.nvidia import Nvml

    Source = Callable[[float], dict[str, float]]

__all__ = ["Sampler"]

# What a missing, forbidden or strangely filled part of /proc, /sys or a driver leads to.
_FAULTS = (psutil.Error, OSError, RuntimeError, ValueError, LookupError, AttributeError, ArithmeticError)


class Sampler:
    """Samples the metrics of ``telemetry.keys.KEYS`` for a process.

    Args:
        pid: The process; what it started is counted with it.
        paths: Paths on the file systems whose free space matters.
        clock: Seconds, not going back; rates are over this time.
        nvml: The module ``pynvml``; found by itself when left out.

    A source that is missing or fails is left out in silence, the others go on. Use it from one thread. After a fork the
    child's copy starts its sources afresh, and goes on with the process that it was given.
    """

    def __init__(
        self,
        pid: int,
        *,
        paths: Sequence[str] = ("/",),
        clock: Callable[[], float] = time.monotonic,
        nvml: Nvml | None = None,
    ) -> None:
        self._pid = pid
        self._paths = tuple(paths)
        self._clock = clock
        self._nvml = nvml
        self._opened_in = 0
        self._sources: list[Source] = []
        self._gpus: Gpus | None = None

    def sample(self) -> dict[str, float]:
        """Values by name, all finite; rates are since the last call, and are left out of the first."""
        if self._opened_in != os.getpid():
            self._open()
        now = self._clock()
        answer: dict[str, float] = {}
        for source in self._sources:
            try:
                answer.update(source(now))
            except self._faults:
                continue
        return answer

    def close(self) -> None:
        """Give the driver's library back; a later sample opens it again."""
        if self._gpus is not None and self._opened_in == os.getpid():
            self._gpus.close()
        self._gpus = None
        self._opened_in = 0

    def _open(self) -> None:
        """Start the sources here rather than when constructed: finding a driver can take half a second."""
        self._opened_in = os.getpid()
        self._faults: tuple[type[Exception], ...] = _FAULTS
        host = Host(self._pid, self._paths)
        self._sources = [host.cpu, host.memory, host.space, host.disks, host.network]
        with contextlib.suppress(*_FAULTS):
            self._sources.append(Tree(self._pid).read)
        nvml = self._nvml or driver()
        if nvml is not None:
            self._faults = (*_FAULTS, nvml.NVMLError)
            self._gpus = Gpus(nvml)
            self._sources.append(self._gpus.read)

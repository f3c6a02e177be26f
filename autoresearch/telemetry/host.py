"""The machine: processor, memory, disks and network."""

from __future__ import annotations

import os

import psutil

from autoresearch.telemetry.cgroup import memory_limit
from autoresearch.telemetry.files import exists, names
from autoresearch.telemetry.rates import Rates

TYPE_CHECKING = False  # a training process loads this: typing is not worth its time
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Host"]


class Host:
    """Reads the machine that a process runs on; each method gives some of the keys, or raises what psutil raises."""

    def __init__(self, pid: int, paths: Sequence[str]) -> None:
        self._pid = pid
        self._paths = tuple(paths)
        self._rates = Rates()
        self._ticks: tuple[float, float] | None = None

    def cpu(self, now: float) -> dict[str, float]:  # noqa: ARG002 (called as the others)
        """How busy the cores were since the last call."""
        times = psutil.cpu_times()._asdict()
        # Guests are counted once more in what their host spent.
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        busy = total - times["idle"] - times.get("iowait", 0.0)
        before, self._ticks = self._ticks, (total, busy)
        if before is None or total <= before[0]:
            return {}
        share = (busy - before[1]) / (total - before[0])
        return {"system/cpu/percent": 100.0 * min(1.0, max(0.0, share))}

    def memory(self, now: float) -> dict[str, float]:  # noqa: ARG002 (as above)
        """Memory in use, of the machine or of the control group."""
        state = psutil.virtual_memory()
        total, used = state.total, state.total - state.available
        limited = memory_limit(self._pid)
        if limited is not None and limited[0] < total:
            total, used = limited
        return {"system/memory/percent": 100.0 * used / total, "system/memory/used_gb": used / 1e9}

    def space(self, now: float) -> dict[str, float]:  # noqa: ARG002 (as above)
        """Space in use on the fullest file system."""
        shares = []
        for path in self._paths:
            try:
                state = os.statvfs(path)
            except OSError:
                continue
            used = state.f_blocks - state.f_bfree
            if used + state.f_bavail > 0:
                shares.append(100.0 * used / (used + state.f_bavail))
        return {"system/disk/percent": max(shares)} if shares else {}

    def disks(self, now: float) -> dict[str, float]:
        """Bytes to and from the disks since the last call."""
        disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        counters = [counted for name, counted in disks.items() if _is_disk(name)]
        read = self._rates.since_last("read", sum(each.read_bytes for each in counters), now)
        written = self._rates.since_last("write", sum(each.write_bytes for each in counters), now)
        return _megabytes([("system/disk/read_mb_s", read), ("system/disk/write_mb_s", written)])

    def network(self, now: float) -> dict[str, float]:
        """Bytes to and from the network since the last call."""
        cards = psutil.net_io_counters(pernic=True, nowrap=False) or {}
        # A bridge or a container's cable would count again what passes through the card behind it.
        real = [name for name in cards if exists(f"/sys/class/net/{name}/device")]
        counters = [cards[name] for name in real or set(cards) - {"lo", "lo0"}]
        received = self._rates.since_last("received", sum(each.bytes_recv for each in counters), now)
        sent = self._rates.since_last("sent", sum(each.bytes_sent for each in counters), now)
        return _megabytes([("system/network/received_mb_s", received), ("system/network/sent_mb_s", sent)])


def _megabytes(rates: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    return {name: rate / 1e6 for name, rate in rates if rate is not None}


def _is_disk(name: str) -> bool:
    """Whether it is a whole disk: partitions, mappings and loops would count the same bytes again."""
    if name.startswith(("loop", "ram", "zram")):
        return False
    if not exists("/sys/block"):
        return True
    folder = f"/sys/block/{name.replace('/', '!')}"
    try:
        return not names(f"{folder}/slaves")
    except OSError:
        return exists(folder)

"""A process and everything that it started."""

from __future__ import annotations

import psutil

from autoresearch.telemetry.files import exists, names, read
from autoresearch.telemetry.rates import Rates

TYPE_CHECKING = False  # a training process loads this: typing is not worth its time
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Tree"]


class Tree:
    """Reads a process with its descendants; those that end while being read are left out.

    Raises:
        psutil.NoSuchProcess: There is no such process.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._rates = Rates()

    def read(self, now: float) -> dict[str, float]:
        """Processor time, resident memory, threads and open files of the tree.

        Raises:
            psutil.Error: The process itself is gone or may not be read.
        """
        seconds, memory, threads, files = _one(self._root)
        for child in self._descendants():
            try:
                one = _one(child)
            except (psutil.Error, OSError):
                continue
            seconds, memory, threads, files = (
                seconds + one[0],
                memory + one[1],
                threads + one[2],
                files + one[3],
            )
        answer = {
            "system/memory/process_gb": memory / 1e9,
            "system/process/threads": float(threads),
            "system/process/open_files": float(files),
        }
        share = self._rates.since_last("cpu", seconds, now)
        if share is not None:
            answer["system/cpu/percent_process"] = 100.0 * share
        return answer

    def _descendants(self) -> Iterator[psutil.Process]:
        root = self._root.pid
        if not exists(f"/proc/{root}/task/{root}/children"):
            yield from self._root.children(recursive=True)
            return
        # The kernel's list: psutil's reads every process of the machine, which on a big node are thousands.
        seen, waiting = {root}, [root]
        while waiting:
            for pid in _children(waiting.pop()):
                if pid not in seen:
                    seen.add(pid)
                    waiting.append(pid)
                    try:
                        yield psutil.Process(pid)
                    except psutil.Error:
                        continue


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in names(f"/proc/{pid}/task"):
            found += map(int, read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        return found
    return found


def _one(process: psutil.Process) -> tuple[float, int, int, int]:
    """Seconds, bytes, threads and descriptors of one process.

    The time of children that ended and were waited for counts for the parent, so that the sum over the tree only grows.
    """
    with process.oneshot():
        times = process.cpu_times()
        seconds = times.user + times.system + times.children_user + times.children_system
        memory, threads = process.memory_info().rss, process.num_threads()
    try:
        files = process.num_fds()
    except (psutil.Error, OSError):
        files = 0
    return seconds, memory, threads, files

"""Memory limit of a control group: what a container or a batch job may use of the machine's memory."""

from __future__ import annotations

from autoresearch.telemetry.files import read

__all__ = ["memory_limit"]


def memory_limit(pid: int, *, root: str = "/sys/fs/cgroup", proc: str = "/proc") -> tuple[int, int] | None:
    """The tightest limit above a process, and what is in use below it: ``(limit, used)`` in bytes.

    Both versions of control groups are read. Files that can be dropped at once are not counted as used, as in what
    the kernel calls available. None where no limit is set or nothing can be read.
    """
    try:
        memberships = read(f"{proc}/{pid}/cgroup").splitlines()
    except OSError:
        return None
    found: list[tuple[int, int]] = []
    for line in memberships:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            found += _limits(root, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            found += _limits(f"{root}/memory", path, *names)
    return min(found, default=None)


def _limits(mount: str, path: str, limit: str, usage: str, droppable: str) -> list[tuple[int, int]]:
    """Limits of the group and of those above it; in a container only the mount itself may be visible."""
    found = []
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    for depth in range(len(parts), -1, -1):
        folder = "/".join([mount, *parts[:depth]])
        most = _number(f"{folder}/{limit}")
        used = _number(f"{folder}/{usage}")
        if most and used is not None:
            found.append((most, max(0, used - _statistic(f"{folder}/memory.stat", droppable))))
    return found


def _number(path: str) -> int | None:
    """The number in a file; None when the file is missing or says ``max``."""
    try:
        text = read(path).strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _statistic(path: str, name: str) -> int:
    try:
        lines = read(path).splitlines()
    except OSError:
        return 0
    for line in lines:
        key, _, value = line.partition(" ")
        if key == name and value.isascii() and value.isdigit():
            return int(value)
    return 0

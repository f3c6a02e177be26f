"""From counters that only grow to what happened in a second."""

from __future__ import annotations

__all__ = ["Rates"]


class Rates:
    """Remembers counters, so that the next look at one gives its growth per second."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def since_last(self, name: str, total: float, now: float) -> float | None:
        """Growth per second since the last call for this name.

        None the first time, and when the counter or the clock went back (wrapped, reset, unplugged).
        """
        before = self._before.get(name)
        self._before[name] = (total, now)
        if before is None or total < before[0] or now <= before[1]:
            return None
        return (total - before[0]) / (now - before[1])

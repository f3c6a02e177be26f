"""What can be logged: numbers of any kind, text, and nested dictionaries of them; everything else is named and skipped.

This is the slow path of ``log()``. A key set whose values are all plain is packed without it from the second call on.
"""

from __future__ import annotations

import sys
from math import inf

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["clean", "gather", "labels_of", "plain", "step_of"]

_DEEPEST = 16
_PLAIN: set[type] = {float, int, bool}
_ACCEPTED = "numbers (int, float, bool, numpy and torch scalars), text, and dictionaries of them"
_BIGGEST = 2**63 - 1


def plain(values: Iterable[Any]) -> bool:
    """Whether ``struct`` takes every one of them as it is, so that nothing is converted twice."""
    return _PLAIN.issuperset(map(type, values))


def clean(text: str) -> str:
    """The same text as any UTF-8 store can hold it: lone surrogates become their escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def labels_of(labels: Any) -> tuple[tuple[str, str], ...]:
    """Sorted pairs of text from a mapping or from pairs; none from anything else."""
    try:
        pairs = labels.items() if hasattr(labels, "items") else labels
        return tuple(sorted((clean(str(key)), clean(str(value))) for key, value in pairs))
    except (TypeError, ValueError):
        return ()


def step_of(step: Any) -> int | None:
    """The step as an integer that fits 64 bits, fractions cut off; None for what is not one."""
    if isinstance(step, (str, bytes, bytearray)):
        return None
    try:
        number = int(step)
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything, and logging never does
        return None
    return number if -_BIGGEST - 1 <= number <= _BIGGEST else None


def gather(
    values: Any, complain: Callable[[str, str], None], take: Callable[[str, Any], bool] | None = None
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The numbers and the texts of one call of ``log()``, in order; each value is converted at most once.

    Args:
        values: What the user gave; nested dictionaries become names with ``/``.
        complain: Called with the key and a sentence for each value that cannot be logged.
        take: Called with the key and each value that is neither; what it answers True to is logged in its own way.
    """
    found = _Found(complain, take)
    if hasattr(values, "items"):
        found.take("", values, _DEEPEST)
    else:
        complain("", f"log() was given {type(values).__name__}; it takes a dictionary, name to value.")
    return found.numbers, found.texts


class _Found:
    """What was sorted out so far."""

    __slots__ = ("_other", "complain", "numbers", "texts")

    def __init__(
        self, complain: Callable[[str, str], None], other: Callable[[str, Any], bool] | None
    ) -> None:
        self.complain = complain
        self._other = other
        self.numbers: dict[str, Any] = {}
        self.texts: list[tuple[str, str]] = []

    def take(self, prefix: str, values: Any, depth: int) -> None:
        for key, value in list(values.items()):
            name = prefix + clean(key if type(key) is str else str(key))
            kind = type(value)
            if kind is float or kind is bool:
                self.numbers[name] = value
            elif isinstance(value, str):
                self.texts.append((name, clean(str(value))))
            elif hasattr(value, "items") and depth:
                self.take(f"{name}/", value, depth - 1)
            else:
                self._convert(name, value)

    def _convert(self, name: str, value: Any) -> None:
        number = _number(value)
        if number is not None:
            self.numbers[name] = number
        elif self._other is None or not self._other(name, value):
            kind = type(value).__name__
            self.complain(name, f"{name!r} is {kind}, which cannot be logged: give {_ACCEPTED}.")


def _number(value: Any) -> float | None:
    """The value as a float; None when it is not one number. A number beyond the range of floats is infinite."""
    try:
        if isinstance(value, (complex, bytes, bytearray)) or _strange(value):
            return None
        if len(getattr(value, "shape", ())) > 0:
            value = value.item()  # arrays with one element; longer ones raise
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything, and logging never does
        return None


def _strange(value: Any) -> bool:
    """Whether it is a numpy value of a kind that is no real number, such as a date; learns the types that are."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if not isinstance(kind, str):
        return False
    numpy = sys.modules.get("numpy")
    if kind in "fiub" and numpy is not None and isinstance(value, numpy.generic):
        _PLAIN.add(type(value))
    return kind not in "fiubO"

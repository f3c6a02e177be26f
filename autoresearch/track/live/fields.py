"""Names and values of a run that can be set like those of a dictionary, each change told to the journal."""

from __future__ import annotations

from autoresearch.track.live.values import as_mapping, plain_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from autoresearch.track.live.run import Run

__all__ = ["Field", "Values"]


class Values(dict[str, "Any"]):
    """A dictionary whose changes are recorded; values can also be read as attributes.

    Args:
        tell: Gets the message.
        op: What kind of message it is.
        values: What it begins with; not told again.
    """

    def __init__(
        self, tell: Callable[[Mapping[str, Any]], object], op: str, values: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(values or {})
        self._tell = tell
        self._op = op

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._tell({"op": self._op, "values": {}, "remove": [key]})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name!r} was not set") from None

    def update(self, *given: Any, **more: Any) -> None:
        """Set several values at once.

        Raises:
            Invalid: A value has no JSON form, or they are more than 1 MiB.
        """
        values = {**(as_mapping(given[0]) if given else {}), **more}
        said = plain_values(values, typed=self._op == "config")
        super().update(values)
        self._tell({"op": self._op, "values": said})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, set first when it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Take a key away and answer its value."""
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Take every key away."""
        for key in list(self):
            del self[key]


class Field:
    """One name of a run, as ``run["train/loss"]`` gives it."""

    __slots__ = ("_run", "path")

    def __init__(self, run: Run, path: str) -> None:
        self._run = run
        self.path = path

    def log(self, value: Any, step: int | None = None, *, labels: Mapping[str, str] | None = None) -> None:
        """Log a number to the metric of this name, or text to the text series; see :meth:`Run.log`."""
        self._run.log({self.path: value}, step, labels=labels)

    @property
    def value(self) -> Any:
        """The configuration value of this name.

        Raises:
            KeyError: It was not set.
        """
        return self._run.config[self.path]

    def __repr__(self) -> str:
        return f"Field({self.path!r})"

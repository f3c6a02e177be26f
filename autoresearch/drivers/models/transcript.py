"""Everything that was said in one conversation, a JSON object a line, written as it happens."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autoresearch.errors import AgentError
from autoresearch.records.base import utc_now

__all__ = ["Transcript"]

_MOST_LINE = 1_000_000


class Transcript:
    """A file of lines ``{"time": …, "kind": …, …}``; what an earlier attempt wrote stays in front.

    Args:
        path: The file; its folder is there. It never holds a key: headers are not written.

    Raises:
        AgentError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise AgentError(
                f"The transcript {path} cannot be written: {error.strerror}.",
                hint="Make room, or set AUTORESEARCH_HOME to a folder that can be written.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, kind: str, **values: Any) -> None:
        """Add a line.

        Raises:
            AgentError: It cannot be written.
        """
        line = json.dumps({"time": utc_now().isoformat(), "kind": kind, **values}, default=str)
        if len(line) > _MOST_LINE:
            line = json.dumps({"time": utc_now().isoformat(), "kind": kind, "cut": line[:_MOST_LINE]})
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError as error:
            raise AgentError(
                f"The transcript {self.path} cannot be written: {error.strerror}.", hint="Make room."
            ) from error

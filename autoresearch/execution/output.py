"""Output of a trial in a file of bounded size: its beginning and its end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from autoresearch.errors import TrialError

__all__ = ["BoundedFile"]

_TAIL_CHARACTERS = 4000


class BoundedFile:
    """Keeps the first quarter of ``limit`` bytes and the last three quarters; the middle of more is left out.

    Attributes:
        written: Bytes given to it, kept or not.

    Raises:
        TrialError: The file could not be written, such as on a full disk.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.written = 0
        self._path = path
        self._head_room = max(1, limit // 4)
        self._tail_room = max(1, limit - self._head_room)
        self._tail = bytearray()
        self._last = b""

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                self._file.write(self._end())
        except OSError as failed:
            if error is None:
                raise self._failed(failed) from failed

    def write(self, data: bytes) -> None:
        """Take some output."""
        self.written += len(data)
        self._last = (self._last + data)[-4 * _TAIL_CHARACTERS :]
        head, rest = data[: self._head_room], data[self._head_room :]
        self._head_room -= len(head)
        if head:
            try:
                self._file.write(head)
            except OSError as error:
                raise self._failed(error) from error
        self._tail += rest
        if len(self._tail) > 2 * self._tail_room:
            del self._tail[: -self._tail_room]

    def tail(self) -> str:
        """The last characters of the output, from the beginning of a line where there is one."""
        text = self._last.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        if len(text) <= _TAIL_CHARACTERS and self.written <= len(self._last):
            return text
        cut = text[-_TAIL_CHARACTERS:]
        _, found, lines = cut.partition("\n")
        return lines if found and lines else cut

    def _end(self) -> bytes:
        kept = bytes(self._tail[-self._tail_room :])
        dropped = self.written - self._file.tell() - len(kept)
        return (b"\n[%d bytes left out]\n" % dropped if dropped else b"") + kept

    def _failed(self, error: OSError) -> TrialError:
        return TrialError(
            f"The output of the trial could not be written to {self._path}: {error.strerror or error}.",
            hint="Make room or choose a folder that can be written.",
        )

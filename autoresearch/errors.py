"""Every error a caller can meet, below one base.

    AutoresearchError            error                  anything from here
    ├── Invalid                  invalid                a value was refused: 422, exit 2
    │   └── UsageError           usage                  the command line or call is off: exit 2
    ├── NotFound                 not_found              no such thing, or not yours: 404, exit 3
    ├── Conflict                 conflict               the move is not allowed from this state: 409, exit 5
    │   └── Busy                 busy                   another process holds it; try again: 409, exit 5
    ├── StoreError               store                  the store cannot be used: 503, exit 1
    │   ├── StoreCorrupt         store_corrupt          bytes do not match what was written
    │   ├── StoreTooNew          store_too_new          written by a newer version of the library
    │   ├── StoreReadOnly        store_read_only        the place cannot be written
    │   └── StoreFull            store_full             no space left
    ├── CaptureError             capture                git or the file system did not give the code
    └── TrialError               trial                  a trial could not be started or scored

Each error carries a ``code`` (stable, the same on the wire), a ``hint`` (what to do next) and
``details`` (a JSON object). The message says what was wrong; the hint says what to do.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in __init__: importing typing would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

__all__ = [
    "AutoresearchError",
    "Busy",
    "CaptureError",
    "Conflict",
    "Invalid",
    "NotFound",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "TrialError",
    "UsageError",
]


class AutoresearchError(Exception):
    """Base of every error raised by this library.

    Args:
        message: What was wrong, in one sentence.
        hint: What to do about it; may be empty.
        details: Values a program may want, JSON only.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.details)

    def envelope(self) -> dict[str, Any]:
        """The one shape in which errors leave the process: ``{"error": {code, message, hint, details}}``."""
        body = {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}
        return {"error": body}


def _rebuild(
    kind: type[AutoresearchError], message: str, hint: str, details: dict[str, Any]
) -> AutoresearchError:
    return kind(message, hint=hint, details=details)


class Invalid(AutoresearchError):
    """A value was refused before anything was stored."""

    code = "invalid"
    exit_code = 2


class UsageError(Invalid):
    """The call itself is off: arguments that exclude each other, a flag that is missing."""

    code = "usage"


class NotFound(AutoresearchError):
    """No such project, session, experiment, artifact or object."""

    code = "not_found"
    exit_code = 3


class Conflict(AutoresearchError):
    """The move is not allowed from the present state, or the id is taken by other content."""

    code = "conflict"
    exit_code = 5


class Busy(Conflict):
    """Another process held the store for longer than we wait; the same call may be made again."""

    code = "busy"


class StoreError(AutoresearchError):
    """The store cannot be used."""

    code = "store"


class StoreCorrupt(StoreError):
    """Stored bytes do not match what was written; ``autoresearch fsck`` names every one."""

    code = "store_corrupt"


class StoreTooNew(StoreError):
    """The store was written by a newer version of the library."""

    code = "store_too_new"


class StoreReadOnly(StoreError):
    """The place where the store lives cannot be written."""

    code = "store_read_only"


class StoreFull(StoreError):
    """The disk is full; nothing of the refused operation was stored."""

    code = "store_full"


class CaptureError(AutoresearchError):
    """Git or the file system did not give the code that was asked for."""

    code = "capture"


class TrialError(AutoresearchError):
    """A trial could not be started, or its score could not be read."""

    code = "trial"

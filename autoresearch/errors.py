"""Every error a caller can meet, below one base.

    AutoresearchError            error                  anything from here
    ├── Invalid                  invalid                a value was refused: 422, exit 2
    │   ├── UsageError           usage                  the command line or call is off: exit 2
    │   └── TooLarge             too_large              more than the server takes at once: 413, exit 2
    ├── NotFound                 not_found              no such thing, or not yours: 404, exit 3
    ├── Conflict                 conflict               the move is not allowed from this state: 409, exit 5
    │   └── Busy                 busy                   another process holds it; try again: 409, exit 5
    ├── StoreError               store                  the store cannot be used: 503, exit 1
    │   ├── StoreCorrupt         store_corrupt          bytes do not match what was written
    │   ├── StoreTooNew          store_too_new          written by a newer version of the library
    │   ├── StoreReadOnly        store_read_only        the place cannot be written
    │   └── StoreFull            store_full             no space left
    ├── Unauthorized             unauthorized           no valid key or session: 401, exit 4
    ├── Forbidden                forbidden              yours, but this key or role may not: 403, exit 4
    ├── Unavailable              unavailable            the server does not answer as it should; try again: 503, exit 6
    │   ├── TooSlow              too_slow               the body did not arrive in time: 408, exit 6
    │   └── SlowDown             slow_down              too much at once; ``details["retry_after"]`` seconds: 429, exit 6
    ├── CaptureError             capture                git or the file system did not give the code
    ├── TrialError               trial                  a trial could not be started or scored
    ├── AgentError               agent                  an agent gave no proposal
    └── InstallError             install                an agent's own files cannot be read or written

Each error carries a ``code`` (stable, the same on the wire), a ``hint`` (what to do next) and
``details`` (a JSON object). The message says what was wrong; the hint says what to do. ``retryable`` tells
whether the same call may succeed later, unchanged.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in __init__: importing typing would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

__all__ = [
    "AgentError",
    "AutoresearchError",
    "Busy",
    "CaptureError",
    "Conflict",
    "Forbidden",
    "InstallError",
    "Invalid",
    "NotFound",
    "SlowDown",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "TooLarge",
    "TooSlow",
    "TrialError",
    "Unauthorized",
    "Unavailable",
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
    retryable: ClassVar[bool] = False

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


class TooLarge(Invalid):
    """More was sent than the server takes in one request; the message says how much it takes."""

    code = "too_large"


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
    retryable = True


class Unauthorized(AutoresearchError):
    """No key or session came with the request, or it is not (or no longer) valid."""

    code = "unauthorized"
    exit_code = 4


class Forbidden(AutoresearchError):
    """The key or the person is known, and may not do this."""

    code = "forbidden"
    exit_code = 4


class Unavailable(AutoresearchError):
    """The server cannot be reached, or did not answer as a server of ours does; the same call may be made again."""

    code = "unavailable"
    exit_code = 6
    retryable = True


class SlowDown(Unavailable):
    """Too much at once; ``details["retry_after"]`` says after how many seconds to call again."""

    code = "slow_down"


class TooSlow(Unavailable):
    """The body of a request did not arrive in time, so that the server stopped waiting for it."""

    code = "too_slow"


class StoreError(AutoresearchError):
    """The store cannot be used."""

    code = "store"
    retryable = True


class StoreCorrupt(StoreError):
    """Stored bytes do not match what was written; ``autoresearch fsck`` names every one."""

    code = "store_corrupt"
    retryable = False


class StoreTooNew(StoreError):
    """The store was written by a newer version of the library."""

    code = "store_too_new"
    retryable = False


class StoreReadOnly(StoreError):
    """The place where the store lives cannot be written."""

    code = "store_read_only"
    retryable = False


class StoreFull(StoreError):
    """The disk is full; nothing of the refused operation was stored."""

    code = "store_full"


class CaptureError(AutoresearchError):
    """Git or the file system did not give the code that was asked for."""

    code = "capture"


class TrialError(AutoresearchError):
    """A trial could not be started, or its score could not be read."""

    code = "trial"


class AgentError(AutoresearchError):
    """An agent gave no proposal: its program failed or ran out of time, or its model refused."""

    code = "agent"


class InstallError(AutoresearchError):
    """The files of an agent's program, in which we make ourselves known, cannot be read or written."""

    code = "install"

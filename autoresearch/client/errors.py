"""What a client can meet, below one base.

ClientError           anything from here
├── RequestError      the server refused, or could not be reached; ``retryable`` says whether to call again
├── ResponseError     the server's answer is not what the API promises
└── AuthError         no credentials are stored on this machine, or they cannot be read
"""

from __future__ import annotations

from typing import Any

from autoresearch.errors import AutoresearchError

__all__ = ["AuthError", "ClientError", "RequestError", "ResponseError"]


class ClientError(AutoresearchError):
    """Base of every error of a client."""

    code = "client"


class RequestError(ClientError):
    """A request failed: the server answered with an error, or did not answer.

    Args:
        error: What the server said, as the ledger's own error; ``Unavailable`` when it was not reached.
        status: HTTP status, or None when there was no answer.

    Attributes:
        retryable: Whether the same request may succeed later.
        error_code: The server's code, such as ``not_found``.
    """

    def __init__(self, error: AutoresearchError, status: int | None = None) -> None:
        super().__init__(error.message, hint=error.hint, details=error.details)
        self.error = error
        self.status = status
        self.error_code = error.code
        self.retryable = error.retryable or (status is not None and status >= 500)  # type: ignore[misc]

    def __reduce__(self) -> tuple[Any, ...]:
        return RequestError, (self.error, self.status)


class ResponseError(ClientError):
    """The answer came with success and is not what the API promises: another version, or something in between."""


class AuthError(ClientError):
    """The credentials of this machine are missing or cannot be used; ``autoresearch login`` stores them."""

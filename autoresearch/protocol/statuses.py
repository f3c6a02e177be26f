"""Errors on the wire: the envelope, and the HTTP status of each code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoresearch import errors

__all__ = ["STATUS", "error_of", "status_of"]

STATUS: Mapping[str, int] = {
    "invalid": 422,
    "usage": 422,
    "too_large": 413,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "busy": 409,
    "too_slow": 408,
    "slow_down": 429,
    "unavailable": 503,
    "store": 503,
    "store_corrupt": 503,
    "store_too_new": 503,
    "store_read_only": 503,
    "store_full": 507,
    "capture": 422,
    "trial": 422,
}
"""HTTP status of each error code; a code that is not here is 500."""

_CLASSES: Mapping[str, type[errors.AutoresearchError]] = {
    kind.code: kind for name in errors.__all__ for kind in [getattr(errors, name)]
}


def status_of(error: errors.AutoresearchError) -> int:
    """The HTTP status that an error is answered with."""
    return STATUS.get(error.code, 500)


def error_of(body: Any) -> errors.AutoresearchError | None:
    """The error that an envelope ``{"error": {code, message, hint, details}}`` stands for; None when it is no envelope.

    A code that this version does not know gives the base class, with the code among the details.
    """
    said = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(said.get("message"), str):
        return None
    code, hint, details = said.get("code"), said.get("hint"), said.get("details")
    kind = _CLASSES.get(code) if isinstance(code, str) else None
    known: dict[str, Any] = dict(details) if isinstance(details, Mapping) else {}
    if kind is None:
        kind, known = errors.AutoresearchError, {**known, "code": code}
    return kind(said["message"], hint=hint if isinstance(hint, str) else "", details=known)

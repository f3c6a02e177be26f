"""Errors as answers: one envelope for every status, whoever raised it."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from autoresearch import errors
from autoresearch.protocol.statuses import status_of

__all__ = ["answer_errors", "as_callers_see", "refused"]

_log = logging.getLogger("autoresearch.server")
_ASK = "Whoever looks after the server finds the cause in its log; then make the same call again."
_OF_STORE = {
    "store_full": "The server's disk is full",
    "store_read_only": "The server's store cannot be written",
    "store_corrupt": "The server's store is damaged",
    "store_too_new": "The server's store was written by a newer version",
}
_BY_STATUS: dict[int, tuple[type[errors.AutoresearchError], str, str]] = {
    400: (errors.Invalid, "The request was not understood", "Look at /docs for what this path takes."),
    401: (errors.Unauthorized, "No valid key came with the request", "Send `Authorization: Bearer <key>`."),
    403: (errors.Forbidden, "This is not allowed", ""),
    404: (errors.NotFound, "There is nothing at this path", "/docs lists every path."),
    413: (errors.TooLarge, "The body is too large", "Send less at once."),
}


def refused(error: errors.AutoresearchError, status: int | None = None) -> Response:
    """The answer that an error is."""
    headers = {}
    if isinstance(error, errors.SlowDown):
        headers["Retry-After"] = str(max(1, round(float(error.details.get("retry_after", 1)))))
    if isinstance(error, errors.TooLarge | errors.TooSlow):
        # The rest of the body is still under way: nothing else can be said on this connection.
        headers["Connection"] = "close"
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.envelope(), status or status_of(error), headers)


def answer_errors(app: FastAPI) -> None:
    """Have every error of an app leave in the envelope."""
    app.add_exception_handler(errors.AutoresearchError, _ours)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _of_model)
    app.add_exception_handler(Exception, _unexpected)


def as_callers_see(error: errors.AutoresearchError) -> errors.AutoresearchError:
    """An error without what it names of the server's own machine, which is for those who look after it: that is logged."""
    if not isinstance(error, errors.StoreError) or "digest" in error.details:
        return error
    _log.error("the store failed: %s", error.message)
    said = _OF_STORE.get(error.code, "The server's store cannot be used now")
    known = {name: value for name, value in error.details.items() if name != "path"}
    return type(error)(f"{said}.", hint=_ASK, details=known)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.AutoresearchError)
    return refused(as_callers_see(error))


async def _of_framework(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind, message, hint = _BY_STATUS.get(error.status_code, (errors.Invalid, str(error.detail), ""))
    if error.status_code == 405:
        message, hint = "This path does not take this method", "/docs lists what each path takes."
    answer = refused(kind(f"{message.rstrip('.')}.", hint=hint), error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _of_model(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems: list[dict[str, Any]] = [
        {
            "field": ".".join(str(part) for part in each["loc"][1:]) or str(each["loc"][0]),
            "message": each["msg"],
        }
        for each in error.errors()[:20]
    ]
    first = problems[0]
    said = f"{first['field']}: {first['message'].removeprefix('Value error, ')}".rstrip(".")
    return refused(
        errors.Invalid(
            f"{said}.", hint=f"Correct {first['field']} and call again.", details={"fields": problems}
        )
    )


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return refused(
        errors.AutoresearchError(
            "The server met an error that nobody thought of.",
            hint="Call again; if it stays so, its log has the traceback.",
        )
    )

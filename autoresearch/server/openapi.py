"""The OpenAPI page: of the table, of routes by hand, and of those that the framework describes itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, get_origin

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field, TypeAdapter

from autoresearch.protocol.calls import body_model
from autoresearch.protocol.codecs import codec_of
from autoresearch.protocol.rows import Labels, Operation, Query
from autoresearch.server.documented import Documented

__all__ = ["Envelope", "Problem", "describe"]

_REF = "#/components/schemas/{model}"
_ERRORS = {
    401: "No valid key came with the request.",
    403: "The key may not do this.",
    404: "No such thing, or not yours.",
    409: "The present state does not allow it, or the id is taken by other content.",
    413: "The body is too large.",
    422: "A value was refused; nothing was changed.",
    429: "Too much at once; call again after Retry-After seconds.",
    503: "The store cannot be used now; call again.",
}


class Problem(BaseModel):
    """What was wrong (``message``), what to do (``hint``), a stable ``code``, and values a program may want."""

    code: str
    message: str
    hint: str
    details: dict[str, Any]


class Envelope(BaseModel):
    """The answer of every request that failed."""

    error: Problem = Field()


def describe(app: FastAPI) -> dict[str, Any]:
    """The page of an app, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    page = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas: dict[str, Any] = page.setdefault("components", {}).setdefault("schemas", {})
    for route in app.routes:
        if isinstance(route, Documented):
            page["paths"].setdefault(route.path_format, {})[route.row.method.lower()] = _entry(
                route.row, schemas
            )
    for methods in page["paths"].values():
        for entry in methods.values():
            _with_errors(entry, schemas)
    page["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    page["security"] = [{"key": []}]
    return page


def _entry(row: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.about,
        "parameters": [*_in_path(row, schemas), *_in_query(row.query, schemas)],
        "responses": _answer(row, schemas),
    }
    if row.scope is None:
        entry["security"] = []
    else:
        entry["x-scope"] = row.scope
    body = body_model(row)
    if body is not None or row.takes:
        content: dict[str, Any] = (
            {row.takes: {"schema": {"type": "string", "format": "binary"}}} if row.takes else {}
        )
        if body is not None:
            content["application/json"] = {"schema": _schema(body, schemas, "validation")}
        entry["requestBody"] = {"required": True, "content": content}
    return entry


def _answer(row: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    if row.answer is None:
        return {"204": {"description": row.about}}
    content: dict[str, Any] = {}
    if row.answer is not bytes:
        model = codec_of(row.answer).model
        content["application/json"] = {"schema": _schema(model, schemas, "serialization")}
    if row.media:
        content[row.media] = {"schema": {"type": "string", "format": "binary"}}
    return {"200": {"description": row.about, "content": content}}


def _in_path(row: Operation, schemas: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name in row.path_names:
        kind = row.kinds.get(name)
        schema = {"type": "string", "minLength": 1} if kind is None else _schema(kind, schemas, "validation")
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(known: Sequence[Query], schemas: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for query in known:
        kind = list[str] if query.kind is Labels else query.kind
        schema = dict(_schema(kind, schemas, "validation"))
        if query.default not in (..., None, ()):
            schema["default"] = query.default
        described = {
            "name": query.name,
            "in": "query",
            "required": query.default is ...,
            "description": query.about,
        }
        if get_origin(kind) is list:
            described |= {"style": "form", "explode": True}
        yield {**described, "schema": schema}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _schema(kind: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    made = _adapter(kind).json_schema(ref_template=_REF, mode=mode)
    schemas.update(made.pop("$defs", {}))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        name = kind.__name__.replace("[", "_").replace("]", "")
        schemas[name] = made
        return {"$ref": _REF.format(model=name)}
    return made


def _with_errors(entry: dict[str, Any], schemas: dict[str, Any]) -> None:
    schema = _schema(Envelope, schemas, "serialization")
    for status, said in _ERRORS.items():
        entry["responses"][str(status)] = {
            "description": said,
            "content": {"application/json": {"schema": schema}},
        }

"""A call of the ledger as a request over HTTP, and back: both directions from one row of the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, get_origin
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from autoresearch.errors import Invalid
from autoresearch.protocol.rows import Labels, Operation, Query
from autoresearch.records.base import refusal
from autoresearch.records.ids import new_id

__all__ = ["Prepared", "arguments", "body_model", "parse_json", "prepare", "query_of", "read_body"]

_MAX_REPEATED = 10_000


class Prepared(NamedTuple):
    """A request that is ready to be sent.

    Attributes:
        path: Quoted, without the origin.
        query: Name and value of each parameter, in order.
        content: The body, or None when there is none.
        media_type: Of the body.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    content: bytes | None
    media_type: str = "application/json"


def prepare(operation: Operation, given: Mapping[str, Any]) -> Prepared:
    """The request that makes a call.

    Args:
        operation: Its row.
        given: The method's arguments by name, defaults filled in or left out.

    Raises:
        Invalid: One of them was refused, as the server would refuse it.
    """
    values = dict(given)
    body = values["content"] if operation.takes else _body_out(operation, values)
    path = operation.path
    for name in operation.path_names:
        path = path.replace("{" + name + ":path}", "{" + name + "}")
        path = path.replace("{" + name + "}", quote(str(values[name]), safe=""))
    query = tuple(
        pair for each in operation.query for pair in _spelled(each, values.get(each.keyword, each.default))
    )
    return Prepared(operation.method, path, query, body, operation.takes or "application/json")


def _body_out(operation: Operation, values: dict[str, Any]) -> bytes | None:
    if operation.body is None:
        return None
    if not operation.body_as:
        fields = {name: values[name] for name in operation.body.model_fields if name in values}
        try:
            return operation.body.model_validate(fields).model_dump_json().encode()
        except ValidationError as error:
            raise refusal(error, operation.body.__name__) from None
    request: BaseModel = values[operation.body_as]
    values.update({name: getattr(request, field) for name, field in operation.filled.items()})
    if operation.in_query:
        values.update({name: getattr(request, name) for name in type(request).model_fields})
        return None
    return request.model_dump_json(exclude=set(operation.filled.values())).encode()


def _spelled(query: Query, value: Any) -> list[tuple[str, str]]:
    if value is None or (query.default is not ... and value == query.default):
        return []
    if query.kind is Labels:
        return [(query.name, f"{key}={said}") for key, said in value.items()]
    if get_origin(query.kind) is list:
        return [(query.name, str(each)) for each in value]
    return [(query.name, ("true" if value else "false") if isinstance(value, bool) else str(value))]


def arguments(
    operation: Operation, path: Mapping[str, str], query: Sequence[tuple[str, str]], content: bytes
) -> dict[str, Any]:
    """The method's arguments by name, from what came over the wire.

    Raises:
        Invalid: Something of it was refused; the message names the field.
    """
    values: dict[str, Any] = {
        name: _checked(name, operation.kinds.get(name, str), path[name]) for name in operation.path_names
    }
    values |= query_of(operation.query, query)
    if operation.body is None:
        if content.strip() not in {b"", b"{}"}:
            raise Invalid("This request takes no body.", hint="Leave it out.")
        return values
    fills = {field: values.pop(name) for name, field in operation.filled.items()}
    if operation.in_query:
        own = {name: values.pop(name) for name in list(values) if name in operation.body.model_fields}
        request = read_body(operation.body, {**own, **fills})
    else:
        request = read_body(operation.body, parse_json(content), fills)
    if not operation.body_as:
        return {**values, **{name: getattr(request, name) for name in operation.body.model_fields}}
    return {**values, operation.body_as: request}


def query_of(known: Sequence[Query], given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The arguments in the query of a URL, defaults filled in.

    Raises:
        Invalid: One is not known, is missing, or has no such value.
    """
    names = {query.name for query in known}
    for name, _ in given:
        if name not in names:
            said = ", ".join(sorted(names)) or "none"
            raise Invalid(
                f"There is no parameter {name[:80]!r}.",
                hint=f"This request knows: {said}.",
                details={"fields": [{"field": name[:80], "message": "unknown parameter"}]},
            )
    return {
        query.keyword: _of_query(query, [value for name, value in given if name == query.name])
        for query in known
    }


def _of_query(query: Query, found: Sequence[str]) -> Any:
    if not found:
        if query.default is ...:
            raise Invalid(f"The parameter {query.name} is missing.", hint=f"Give it: {query.about}")
        return query.default
    if query.kind is Labels:
        return dict(_pair(query.name, text) for text in found)
    if get_origin(query.kind) is list:
        if len(found) > _MAX_REPEATED:
            raise Invalid(f"{query.name} was given {len(found):,} times.", hint="Ask in parts.")
        return tuple(_checked(query.name, str, text) for text in found)
    if len(found) > 1:
        raise Invalid(f"{query.name} was given {len(found)} times.", hint="Give it once.")
    return _checked(query.name, query.kind, found[0])


def _pair(name: str, text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise Invalid(f"{name} was {text[:80]!r}.", hint="Give a key, = and a value, such as split=train.")
    return _checked(name, str, key), _checked(name, str, value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _checked(name: str, kind: Any, text: str) -> Any:
    if "\0" in text or (not text.isprintable() and any(0xD800 <= ord(letter) < 0xE000 for letter in text)):
        raise Invalid(f"{name} has characters that no text may have.", hint="Correct it and call again.")
    if kind is str or kind == str | None:
        return text
    try:
        return _adapter(kind).validate_strings(text)
    except ValidationError as error:
        said = error.errors(include_url=False, include_context=False)[0]["msg"]
        raise Invalid(
            f"{name} was {text[:80]!r}: {said}.",
            hint=f"Correct {name} and call again.",
            details={"fields": [{"field": name, "message": said}]},
        ) from None


def parse_json(content: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty object.

    Raises:
        Invalid: It is no JSON object.
    """
    if not content.strip():
        return {}
    try:
        value = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise Invalid(f"The body is not valid JSON: {said}.", hint="Send one JSON object in UTF-8.") from None
    if not isinstance(value, dict):
        raise Invalid("The body is not a JSON object.", hint="Send one JSON object, such as {}.")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number; write it as a string")


def read_body(
    model: type[BaseModel], value: Mapping[str, Any], fills: Mapping[str, Any] | None = None
) -> BaseModel:
    """The request that a body holds; an ``id`` that is not given is made here.

    Args:
        model: Its model.
        value: The JSON object.
        fills: Fields that the URL gives; the body may repeat them, and not say anything else.

    Raises:
        Invalid: A value was refused.
    """
    taken = dict(value)
    for field, given in (fills or {}).items():
        if taken.setdefault(field, given) != given:
            raise Invalid(
                f"{field} in the body is not the one in the URL.", hint=f"Leave {field} out of the body."
            )
    if "id" in model.model_fields:
        taken.setdefault("id", new_id())
    try:
        # In JSON mode, where a list may be a tuple and text a time, and nothing else is bent.
        return model.model_validate_json(json.dumps(taken))
    except ValidationError as error:
        raise refusal(error, model.__name__) from None
    except (ValueError, RecursionError) as error:
        raise Invalid(
            f"The body was refused: {str(error)[:200]}.", hint="Correct it and call again."
        ) from None


def body_model(operation: Operation) -> type[BaseModel] | None:
    """What the OpenAPI page says of the body: the request without what the URL gives, and with an optional id."""
    model = operation.body
    if model is None or operation.in_query:
        return None
    if operation.name not in _bodies:
        _bodies[operation.name] = _body_model(operation, model)
    return _bodies[operation.name]


_bodies: dict[str, type[BaseModel]] = {}


def _body_model(operation: Operation, model: type[BaseModel]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (info.annotation if not info.metadata else _annotated(info), info)
        for name, info in model.model_fields.items()
        if name not in operation.filled.values()
    }
    if "id" in fields:
        fields["id"] = (str | None, None)
    made = create_model(f"{_camel(operation.name)}Body", __base__=None, __config__=None, **fields)
    made.model_config["extra"] = "forbid"
    made.__doc__ = model.__doc__
    made.model_rebuild(force=True)
    return made


def _annotated(info: Any) -> Any:
    return info.rebuild_annotation()


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))

"""``/docs``: every endpoint on one page, drawn here from the table of operations and asking nobody else for anything."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from autoresearch._version import __version__
from autoresearch.protocol.calls import body_model
from autoresearch.protocol.codecs import codec_of
from autoresearch.protocol.operations import GROUPS, TITLES
from autoresearch.protocol.rows import Operation
from autoresearch.server.documented import by_hand

__all__ = ["routes"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --mark: #0a7ea4; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap; }
code { font: 13px/1.45 ui-monospace, monospace; }
.verb { font-weight: 700; color: var(--mark); min-width: 4.2rem; } .scope { margin-left: auto; opacity: .7; }
table { border-collapse: collapse; } td { padding: .15rem .8rem .15rem 0; vertical-align: top; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(docs=_docs)


async def _docs(_request: Request) -> Response:
    return HTMLResponse("".join(_page()), headers={"Content-Security-Policy": _POLICY})


def _page() -> Iterator[str]:
    yield "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    yield f"<title>autoresearch: HTTP API</title><style>{_STYLE}</style><h1>HTTP API</h1>"
    yield f"<p>Version {html.escape(__version__)}. <code>Authorization: Bearer KEY</code> on every path but those of scope –. "
    yield "Exact schemas: <a href='/openapi.json'>/openapi.json</a>."
    for name, title in TITLES.items():
        yield f"<h2>{html.escape(title)}</h2>"
        yield from map(_operation, GROUPS[name])


def _operation(row: Operation) -> str:
    path = html.escape(row.path.replace(":path}", "}"))
    parts = [
        f"<details id='{row.name}'><summary><span class=verb>{row.method}</span><code>{path}</code>",
        f"<span>{html.escape(row.about)}</span><span class=scope>{row.scope or '–'}</span></summary>",
    ]
    if row.query:
        cells = (f"<tr><td><code>{each.name}</code><td>{html.escape(each.about)}" for each in row.query)
        parts.append(f"<p>In the query:<table>{''.join(cells)}</table>")
    body = body_model(row)
    if body is not None:
        parts.append(_schema("Body", TypeAdapter(body).json_schema()))
    elif row.takes:
        parts.append(f"<p>Body: <code>{html.escape(row.takes)}</code>")
    parts.append(_answer(row))
    return "".join([*parts, "</details>"])


def _answer(row: Operation) -> str:
    if row.answer is None:
        return "<p>Answer: none."
    if row.answer is bytes:
        return f"<p>Answer: <code>{html.escape(row.media)}</code>"
    return _schema("Answer", TypeAdapter(codec_of(row.answer).model).json_schema(mode="serialization"))


def _schema(title: str, schema: dict[str, Any]) -> str:
    """The fields of an object, with the models within them by name alone."""
    about = html.escape(str(schema.get("description", "")).partition("\n\n")[0])
    required = set(schema.get("required", ()))
    cells = (
        f"<tr><td><code>{html.escape(name)}</code>{'' if name in required else '?'}<td>{html.escape(_said(kind))}"
        for name, kind in schema.get("properties", {}).items()
    )
    return f"<p>{title}: {about}<table>{''.join(cells)}</table>"


def _said(kind: dict[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2]
    if "anyOf" in kind:
        return " or ".join(dict.fromkeys(map(_said, kind["anyOf"])))
    if "enum" in kind:
        return ", ".join(map(str, kind["enum"]))
    if kind.get("type") == "array":
        return f"list of {_said(kind.get('items', {}))}"
    return str(kind.get("format") or kind.get("type") or "any JSON")

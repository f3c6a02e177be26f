"""Write what the dashboard knows of the API, autoresearch/web/src/api/generated.ts, from the OpenAPI page of the server.

python tools/page_client.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import autoresearch
from autoresearch.server.app import make_app
from autoresearch.server.openapi import describe
from autoresearch.server.state import State

TARGET = Path(autoresearch.__file__).parent / "web" / "src" / "api" / "generated.ts"
_HEAD = """\
// Written by tools/page_client.py from the OpenAPI page of the server.
import { ask, text } from "./asking";

"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_WORDS = re.compile(r"[^A-Za-z0-9]+")


def spelled(schema: dict[str, Any]) -> str:
    """A schema as a type of TypeScript."""
    if "$ref" in schema:
        return _name(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_literal, schema["enum"]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(map(spelled, schema[several])))
    if schema.get("type") == "array":
        return _array(schema)
    if schema.get("type") == "object":
        return _object(schema)
    return _PLAIN.get(schema.get("type", ""), "unknown")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _array(schema: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(map(spelled, schema['prefixItems']))}]"
    item = spelled(schema.get("items", {}))
    return f"({item})[]" if " | " in item else f"{item}[]"


def _object(schema: dict[str, Any]) -> str:
    fields = schema.get("properties")
    if fields is None:
        values = schema.get("additionalProperties")
        return f"Record<string, {spelled(values) if isinstance(values, dict) else 'unknown'}>"
    required = set(schema.get("required", ()))
    shown = (f"{name}{'' if name in required else '?'}: {spelled(kind)}" for name, kind in fields.items())
    return f"{{ {'; '.join(shown)} }}" if fields else "Record<string, never>"


def _name(schema: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in _WORDS.split(schema.replace("_", " ")))


def _interface(name: str, schema: dict[str, Any], *, whole: bool) -> str:
    """A named type; of one that is only answered (``whole``) no field is ever left out."""
    if schema.get("type") != "object" or "properties" not in schema:
        return f"export type {_name(name)} = {spelled(schema)};\n"
    required = set(schema["properties"] if whole else schema.get("required", ()))
    lines = [
        f"  {field}{'' if field in required else '?'}: {spelled(kind)};\n"
        for field, kind in schema["properties"].items()
    ]
    return f"export interface {_name(name)} {{\n{''.join(lines)}}}\n"


def _calls(page: dict[str, Any]) -> Iterator[str]:
    for path, methods in sorted(page["paths"].items()):
        if path.startswith("/v1/"):
            for method, entry in methods.items():
                made = _call(path, method.upper(), entry)
                if made:
                    yield made


def _call(path: str, method: str, entry: dict[str, Any]) -> str:
    """A function for one operation; none for those whose bodies or answers are bytes."""
    answers = entry["responses"]
    content = answers.get("200", {}).get("content", {})
    body = entry.get("requestBody", {}).get("content", {"application/json": {}}).get("application/json")
    if body is None or (content and not {"application/json", "text/x-diff"} & set(content)):
        return ""
    given = "; ".join(
        f"{each['name']}{'' if each['required'] else '?'}: {spelled(each['schema'])}"
        for each in entry.get("parameters", ())
    )
    first = f"given: {{ {given} }}" if given else "given: Record<string, never> = {}"
    if given and not any(each["required"] for each in entry["parameters"]):
        first += " = {}"
    takes = f", body: {spelled(body['schema'])}" if body else ""
    rest = ", body" if body else ""
    name = re.sub(r"_(\w)", lambda found: found[1].upper(), entry["operationId"])
    if content and "application/json" not in content:
        return f'export const {name} = ({first}) => text("{path}", given);\n'
    answer = spelled(content["application/json"]["schema"]) if content else "null"
    return (
        f"/** {entry['summary']} */\n"
        f'export const {name} = ({first}{takes}) => ask<{answer}>("{method}", "{path}", given{rest});\n'
    )


def _named(part: Any) -> set[str]:
    """Names of the schemas that a part of the page refers to."""
    if isinstance(part, list):
        return set().union(*map(_named, part))
    if not isinstance(part, dict):
        return set()
    found = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return found.union(*map(_named, part.values()))


def _asked(page: dict[str, Any]) -> set[str]:
    """Names of the schemas of requests, and of all that they hold."""
    entries = [entry for methods in page["paths"].values() for entry in methods.values()]
    found: set[str] = set()
    fresh = _named([[entry.get("requestBody"), entry.get("parameters")] for entry in entries])
    while fresh:
        found |= fresh
        fresh = _named([page["components"]["schemas"][name] for name in fresh]) - found
    return found


def source() -> str:
    """The whole file."""
    nothing: Any = None
    page = describe(make_app(State(database=nothing, objects=nothing, access=nothing)))
    schemas = page["components"]["schemas"]
    asked = _asked(page)
    types = (_interface(name, schemas[name], whole=name not in asked) for name in sorted(schemas))
    return _HEAD + "\n".join([*types, "", *_calls(page)])


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(source(), encoding="utf-8")

"""Write the methods of the typed client from the table of operations, and the asynchronous twin from the synchronous client.

python tools/client_source.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import autoresearch
from autoresearch.protocol.operations import GROUPS
from autoresearch.protocol.rows import Labels, Operation

CLIENT = Path(autoresearch.__file__).parent / "client"
_HEAD = '''"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

{imports}
__all__ = ["{name}"]


class {name}({base}):
    """One method for each row of this group; each raises what ``call`` does."""
'''
_ASYNC = (
    ("import time\n", "import anyio\n"),
    ("time.sleep(", "await anyio.sleep("),
    ("httpx.Client(", "httpx.AsyncClient("),
    ("httpx.BaseTransport", "httpx.AsyncBaseTransport"),
    ("self._http.request(", "await self._http.request("),
    ("self._http.close()", "await self._http.aclose()"),
    ("self.send(", "await self.send("),
    ("def close(", "async def aclose("),
    ("self.close()", "await self.aclose()"),
    ("def __enter__", "async def __aenter__"),
    ("def __exit__", "async def __aexit__"),
    ("def call(", "async def call("),
    ("def send(", "async def send("),
    ("def append(", "async def append("),
    ("def _minted(", "async def _minted("),
    ("self._minted(", "await self._minted("),
    ("self.create_ingestion_key(", "await self.create_ingestion_key("),
    ("client.calls import Calls", "client.async_calls import AsyncCalls"),
    ("(Calls)", "(AsyncCalls)"),
    ("class Client", "class AsyncClient"),
    ('["Client"]', '["AsyncClient"]'),
    ("threads may share it", "tasks may share it"),
)


def spelled(kind: Any, used: set[tuple[str, str]]) -> str:
    """A type as source text; the names it needs are added to ``used`` with their modules."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if kind is None or kind is type(None):
        return "None"
    if kind is Labels:
        used.add(("collections.abc", "Mapping"))
        return "Mapping[str, str]"
    origin, given = get_origin(kind), get_args(kind)
    if origin is Literal:
        used.add(("typing", "Literal"))
        return f"Literal[{', '.join(map(repr, given))}]"
    if origin is types.UnionType or str(origin) == "typing.Union":
        return " | ".join(spelled(each, used) for each in given)
    if origin is list:
        used.add(("collections.abc", "Sequence"))
        return f"Sequence[{spelled(given[0], used)}]"
    if origin is not None:
        inner = ", ".join("..." if each is ... else spelled(each, used) for each in given)
        return f"{spelled(origin, used)}[{inner}]"
    generic = getattr(kind, "__pydantic_generic_metadata__", {})
    if generic.get("origin"):
        inner = ", ".join(spelled(each, used) for each in generic["args"])
        return f"{spelled(generic['origin'], used)}[{inner}]"
    if kind is dict:
        used.add(("typing", "Any"))
        return "dict[str, Any]"
    if kind.__module__ != "builtins":
        used.add((kind.__module__, kind.__name__))
    return str(kind.__name__)


class Parameters:
    """The parameters of a method, as source text, and the names that are passed on."""

    def __init__(self, used: set[tuple[str, str]]) -> None:
        self._used = used
        self.first: list[str] = []
        self.named: list[str] = []
        self.given: list[str] = []

    def add(self, name: str, kind: Any, default: Any = ...) -> None:
        said = spelled(kind, self._used)
        self.given.append(name)
        if default is ...:
            self.first.append(f"{name}: {said}")
            return
        optional = said if "None" in said or default is not None else f"{said} | None"
        self.named.append(f"{name}: {optional} = {default!r}")

    def __str__(self) -> str:
        return ", ".join(["self", *self.first, *(["*", *self.named] if self.named else [])])


def parameters(row: Operation, used: set[tuple[str, str]]) -> Parameters:
    """What the method of an operation takes."""
    made = Parameters(used)
    filled = set(row.filled) if row.body_as else set()
    for name in row.path_names:
        if name not in filled:
            made.add(name, row.kinds.get(name, str))
    if row.takes:
        made.add("content", bytes)
    elif row.body is not None and row.body_as:
        made.add(row.body_as, row.body)
    elif row.body is not None:
        for name, info in row.body.model_fields.items():
            made.add(name, info.annotation, ... if info.is_required() else info.default)
    own = row.body.model_fields if row.body is not None and row.in_query else {}
    for query in row.query:
        if query.name not in own:
            made.add(query.keyword, query.kind, query.default)
    return made


def method(row: Operation, used: set[tuple[str, str]], *, asynchronous: bool) -> str:
    """The method of one operation."""
    taken = parameters(row, used)
    answer = spelled(row.answer, used) + (" | str" if row.media and row.answer is not bytes else "")
    arguments = ", ".join(f'"{name}": {name}' for name in taken.given)
    wait, start = ("await ", "async def") if asynchronous else ("", "def")
    call = f'{wait}self.call("{row.name}", {{{arguments}}})'
    body = (
        f"        {call}"
        if row.answer is None
        else f"        answer: {answer} = {call}\n        return answer"
    )
    return f'    {start} {row.name}({taken}) -> {answer}:\n        """{row.about}"""\n{body}\n'


def group(name: str, *, asynchronous: bool) -> str:
    """The module of one group of operations."""
    prefix, base = ("Async", "AsyncCaller") if asynchronous else ("", "Caller")
    used = {("autoresearch.client.caller", base)}
    # A method answers when the whole answer is there, which a stream of events never is.
    rows = [row for row in GROUPS[name] if row.media != "text/event-stream"]
    bodies = [method(row, used, asynchronous=asynchronous) for row in rows]
    modules: dict[str, list[str]] = {}
    for module, imported in sorted(used):
        modules.setdefault(module, []).append(imported)
    imports = "".join(f"from {module} import {', '.join(names)}\n" for module, names in modules.items())
    head = _HEAD.format(imports=imports, name=f"{prefix}{name.capitalize()}Calls", base=base)
    return head + "\n" + "\n".join(bodies)


def together(*, asynchronous: bool) -> str:
    """The package of all groups."""
    prefix, package = ("Async", "async_calls") if asynchronous else ("", "calls")
    names = {name: f"{prefix}{name.capitalize()}Calls" for name in GROUPS}
    imports = "".join(
        f"from autoresearch.client.{package}.{name} import {kind}\n" for name, kind in names.items()
    )
    return (
        '"""All calls of the API; written by tools/client_source.py from the table of operations."""\n\n'
        f"from __future__ import annotations\n\n{imports}\n"
        f'__all__ = ["{prefix}Calls"]\n\n\nclass {prefix}Calls({", ".join(names.values())}):\n'
        '    """Every call of the API."""\n'
    )


def twin() -> str:
    """The asynchronous client, from the synchronous one."""
    text = (CLIENT / "synchronous.py").read_text(encoding="utf-8")
    for before, after in _ASYNC:
        assert before in text, f"the client has no {before!r} any more"
        text = text.replace(before, after)
    text = text.replace(
        '"""The client:',
        '"""The asynchronous client, written by tools/client_source.py from synchronous.py:',
        1,
    )
    return re.sub(r"await await", "await", text)


def formatted(text: str) -> str:
    """The text as the formatter has it."""
    command = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(CLIENT / "synchronous.py")]
    for step in (["check", "--fix", "--quiet", "--select", "I"], ["format"]):
        text = subprocess.run(
            [*command, *step, *name, "-"], input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


def sources() -> dict[str, str]:
    """Every written file by its path below the client's folder."""
    made = {"asynchronous.py": twin()}
    for folder, asynchronous in (("calls", False), ("async_calls", True)):
        made[f"{folder}/__init__.py"] = together(asynchronous=asynchronous)
        made |= {f"{folder}/{name}.py": group(name, asynchronous=asynchronous) for name in GROUPS}
    return {name: formatted(text) for name, text in made.items()}


if __name__ == "__main__":
    for file, source in sources().items():
        (CLIENT / file).parent.mkdir(exist_ok=True)
        (CLIENT / file).write_text(source, encoding="utf-8")

"""A request to one of the faces, what it is answered, and the table of what they take.

Both clients live below ``/api/v1`` of the origin and have no path in common, so there is one table. A pattern is matched on the raw
path, segment by segment: a ``%2F`` belongs to a name and parts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from autoresearch.errors import Invalid
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.research.roles import Action

__all__ = ["Answer", "Call", "Match", "Rule", "Table", "whole"]

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that was let in.

    Attributes:
        caller: Who calls.
        ledger: The ledger of their organization.
        names: What stood in the place of the names of the pattern.
        query: Pairs of the query, in order.
        headers: By lower-case name.
        body: Whole and unpacked.
        origin: How the caller reached the server, such as ``http://localhost:8090``.
        access: Knows people and keys.
    """

    caller: Caller
    ledger: LocalLedger
    names: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    origin: str
    access: Access

    def one(self, name: str) -> str | None:
        """The last value of a parameter of the query; None when it has none."""
        found = [value for key, value in self.query if key == name]
        return found[-1] if found else None

    def all(self, name: str) -> list[str]:
        """Every value of a parameter of the query."""
        return [value for key, value in self.query if key == name]

    def document(self) -> dict[str, Any]:
        """The body as a JSON object, in which the bare words ``Infinity`` and ``NaN`` are numbers.

        Raises:
            Invalid: It is none.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"The body is not JSON: {str(error)[:200]}.", hint="Send a JSON object.") from None
        if not isinstance(found, dict):
            raise Invalid("The body is not a JSON object.", hint="Send one, such as {}.")
        return found


def whole(call: Call, name: str, *, least: int = -(2**63), most: int = 2**63 - 1) -> int | None:
    """A whole number of the query; None when it is not given.

    Raises:
        Invalid: It is none, or out of bounds.
    """
    text = call.one(name)
    if text is None:
        return None
    digits = text.strip().removeprefix("-")
    number = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    if number is None or not least <= number <= most:
        raise Invalid(f"{name} was {text[:40]!r}.", hint=f"Give a whole number of at least {least}.")
    return number


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call is answered.

    Attributes:
        content: A JSON value; None for an empty body.
        status: HTTP status.
        lines: Instead of content, parts of a body of the type ``media_type``.
    """

    content: Any = None
    status: int = 200
    lines: Iterator[bytes] | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that a face does.

    Attributes:
        method: Verb.
        pattern: Path below ``/api/v1/``, such as ``runs/{id}/paths``; ``{name:rest}`` takes all segments that are left.
        right: What the caller must be allowed; None for whoever has a key. The names have the run as ``id`` where it is known.
        limit: Most bytes of a body, unpacked.
        once: A repeated ``idempotency-key`` gets the answer that it got.
        data: Whether answers go into the envelope ``{"data", "error"}``.
    """

    method: str
    pattern: str
    handler: Callable[[Call], Answer]
    right: Action | None = "read"
    limit: int = 4 * _MEBIBYTE
    once: bool = False
    data: bool = False

    @property
    def path(self) -> str:
        """The whole pattern."""
        return f"/api/v1/{self.pattern}"


class Match(NamedTuple):
    """What a path leads to: rules by verb, and the names in the path."""

    rules: Mapping[str, Rule]
    names: Mapping[str, str]


class Table:
    """Rules by path.

    Args:
        rules: All of them; no two have the same verb and pattern.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._paths: dict[tuple[str, ...], dict[str, Rule]] = {}
        for rule in rules:
            self._paths.setdefault(tuple(rule.pattern.split("/")), {})[rule.method] = rule

    def find(self, raw_path: bytes) -> Match | None:
        """What a path below ``/api/v1/`` leads to, still percent-encoded; None when it leads nowhere."""
        segments = [unquote(segment) for segment in raw_path.decode("latin-1").split("/")]
        for pattern, rules in self._paths.items():
            names = _matched(pattern, segments)
            if names is not None:
                return Match(rules, names)
        return None


def _matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if pattern[-1].endswith(":rest}") and len(segments) >= len(pattern):
        last = len(pattern) - 1
        segments = [*segments[:last], "/".join(segments[last:])]
    if len(pattern) != len(segments):
        return None
    names = {}
    for part, segment in zip(pattern, segments, strict=True):
        if part.startswith("{"):
            names[part.strip("{}").removesuffix(":rest")] = segment
        elif part != segment:
            return None
    return names if all(names.values()) else None

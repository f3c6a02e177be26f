"""What a row of the table of operations says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

__all__ = ["CURSOR", "LABELS", "LIMIT", "Labels", "Operation", "Query", "Scope"]

Scope = Literal["read", "write", "admin"]


class Labels(dict[str, str]):
    """Pairs, each a query parameter such as ``label=split=train``."""


class Query(NamedTuple):
    """One argument in the query of a URL.

    Attributes:
        name: Its name in the URL; the argument's too unless ``argument`` says another.
        kind: Its type: text, a number, a flag, ``list[str]`` for one that may be repeated, or :class:`Labels`.
        default: What it is when it is left out; an ellipsis when it must be given.
        about: What it means.
        argument: Name of the method's argument.
    """

    name: str
    kind: Any
    default: Any
    about: str
    argument: str = ""

    @property
    def keyword(self) -> str:
        """The method's argument."""
        return self.argument or self.name


class Operation(NamedTuple):
    """One row.

    Attributes:
        name: Unique; the operation's id in the OpenAPI page and its method's name in the typed client.
        method: The HTTP verb.
        path: The URL's path; names in braces are arguments.
        part: The part of the ledger that has it; "" for a route that is written by hand.
        call: The method there; "" where one call of the ledger does not answer it.
        answer: Type of what it answers.
        about: One sentence for the OpenAPI page.
        scope: What a key must be allowed; None for a path that anybody may call.
        body: Model of the request's body; fields that the path or query gives are left out of it.
        body_as: The method's argument that takes the body; "" when its fields are arguments of their own.
        rename: Path names to the fields of the body that they give, where the two differ.
        query: What may be in the query of the URL.
        kinds: Types of names in the path that are not plain text.
        in_query: The request is built from path and query; no body is sent.
        media: Media type of an answer that is not JSON; it is bytes then, also where JSON is possible.
        takes: Media type of a body that is not JSON; it is bytes.
    """

    name: str
    method: str
    path: str
    part: str
    call: str
    answer: Any
    about: str
    scope: Scope | None = "read"
    body: type[BaseModel] | None = None
    body_as: str = "request"
    rename: Mapping[str, str] = {}
    query: tuple[Query, ...] = ()
    kinds: Mapping[str, Any] = {}
    in_query: bool = False
    media: str = ""
    takes: str = ""

    @property
    def path_names(self) -> tuple[str, ...]:
        """The names in braces, first to last."""
        return tuple(piece.partition("}")[0].partition(":")[0] for piece in self.path.split("{")[1:])

    @property
    def filled(self) -> Mapping[str, str]:
        """Path names to fields of the body."""
        if self.body is None:
            return {}
        fields = self.body.model_fields
        return {
            name: field
            for name in self.path_names
            for field in [self.rename.get(name, name)]
            if field in fields
        }


LIMIT = Query("limit", int, 100, "Most items of a page, from 1 to 10,000.")
CURSOR = Query("cursor", str | None, None, "Where the last page ended: its next_cursor.")
LABELS = Query(
    "label", Labels, None, "A pair that a series must have, such as split=train; may be repeated.", "labels"
)

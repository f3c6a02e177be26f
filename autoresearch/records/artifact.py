"""Versioned things that experiments produce and use."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from autoresearch.records.base import Count, Digest, Id, JsonObject, Line, Name, Record, Request, Text, Time
from autoresearch.records.experiment import Actor

__all__ = ["Artifact", "RefRequest", "Version", "VersionRequest", "version_number"]


class VersionRequest(Request):
    """Log a version: a tree whose blobs are already stored."""

    id: Id
    project: Name
    artifact: Name
    type: Line = "artifact"
    tree: Digest
    size: Count
    files: Count
    produced_by: Id | None = None
    metadata: JsonObject = Field(default_factory=dict)
    description: Text = ""


class Version(Record):
    """An immutable version. ``produced_by`` and ``used_by`` are experiment ids; ``refs`` point here now."""

    artifact: Name
    version: str
    number: int
    type: Line
    project: Name
    tree: Digest
    size: Count
    files: Count
    produced_by: Id | None
    producers: tuple[Id, ...]
    used_by: tuple[Id, ...]
    metadata: dict[str, Any]
    refs: tuple[Name, ...]
    actor: Actor
    recorded_at: Time


class Artifact(Record):
    """A named line of versions; ``refs`` maps names to versions, ``latest`` included."""

    name: Name
    type: Line
    project: Name
    description: Text
    versions: int
    refs: dict[str, str]
    recorded_at: Time


class RefRequest(Request):
    """Move a ref. With ``expected`` (a version, or "" for none yet) it moves only from there."""

    artifact: Name
    ref: Name
    version: Name
    expected: str | None = None


def version_number(text: str) -> int | None:
    """3 for ``"v3"``; None when the text does not name a version by number."""
    digits = text[1:]
    if text[:1] == "v" and digits.isascii() and digits.isdigit() and digits[0] != "0" and len(digits) <= 15:
        return int(digits)
    return None

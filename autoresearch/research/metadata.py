"""Metadata of any JSON type as labels, which are text, and back: ``1`` is not ``"1"``.

A label's value is the JSON text of the value, except that a string which is no JSON text itself stands for itself. So ``train`` is
``train`` for whoever reads labels, and still every value comes back as what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["LEFT_OUT", "canonical", "equal", "labels_of", "metadata_of"]

LEFT_OUT = "…"
"""The label that stands for metadata which is too long for labels; its value is a digest of all of it."""

_ROOM = 1400


def canonical(metadata: Any) -> str:
    """The one text of a JSON value."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def labels_of(metadata: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Labels, and whether they hold everything: the store takes about 1,400 bytes of their JSON form.

    Args:
        metadata: What is to be told; its texts have neither NUL nor lone surrogates.
    """
    labels = {key: _label(value) for key, value in metadata.items()}
    if len(json.dumps(labels)) <= _ROOM:
        return tuple(sorted(labels.items())), LEFT_OUT not in labels
    digest = hashlib.sha256(canonical(metadata).encode()).hexdigest()
    kept, size = {LEFT_OUT: digest}, 100
    for key, value in sorted(labels.items()):
        size += len(json.dumps({key: value}))
        if size <= _ROOM and key != LEFT_OUT:
            kept[key] = value
    return tuple(sorted(kept.items())), False


def metadata_of(labels: Mapping[str, str]) -> dict[str, Any]:
    """The values that labels stand for."""
    return {key: _value(label) for key, label in labels.items()}


def _label(value: Any) -> str:
    if isinstance(value, str) and not _is_json(value):
        return value
    return canonical(value)


def _value(label: str) -> Any:
    try:
        return json.loads(label)
    except (ValueError, RecursionError):
        return label


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def equal(value: Any, other: Any) -> bool:
    """Whether two JSON values are the same, with their types: ``1`` equals ``1.0`` and neither ``true`` nor ``"1"``."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(equal(value[key], other[key]) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(equal, value, other))
    return bool(value == other)

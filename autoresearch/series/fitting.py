"""How long the name and the labels of a series may be: what an index of every database takes. Standard library only."""

from __future__ import annotations

import json
import zlib

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from autoresearch.series.batch import Labels

__all__ = ["MOST_LABELS_BYTES", "MOST_NAME_BYTES", "fitting", "fitting_labels", "labels_text"]

MOST_NAME_BYTES = 1000
"""Of the UTF-8 form of a series' name."""
MOST_LABELS_BYTES = 1400
"""Of the JSON form of a series' labels."""


def fitting(name: str) -> str:
    """The name of a series, shortened to 1,000 bytes where it is longer; different names stay different."""
    if len(name) * 4 <= MOST_NAME_BYTES:
        return name
    raw = name.encode("utf-8", "backslashreplace")
    if len(raw) <= MOST_NAME_BYTES:
        return name
    return f"{raw[: MOST_NAME_BYTES - 16].decode('utf-8', 'ignore')}~{zlib.crc32(raw):08x}"


def labels_text(labels: Labels) -> str:
    """The labels as JSON, as the store keeps them."""
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":")) if labels else "{}"


def fitting_labels(labels: Labels) -> Labels:
    """The labels, each shortened, or one in place of all where they are too long together."""
    text = labels_text(labels)
    if len(text) <= MOST_LABELS_BYTES:
        return labels
    return ((fitting(labels[0][0])[:100], f"{labels[0][1][:100]}~{zlib.crc32(text.encode()):08x}"),)

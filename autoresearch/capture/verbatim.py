"""Lines before a patch that say which files must be written as they are, whatever the attributes want.

``git apply`` skips what stands before the first ``diff --git``, so a patch with such lines is still one for git.
"""

from __future__ import annotations

from collections.abc import Iterable

from autoresearch.capture.quoting import quote, unquote

__all__ = ["verbatim_lines", "verbatim_paths"]

_MARK = b"# verbatim: "


def verbatim_lines(paths: Iterable[bytes]) -> bytes:
    """One line for each path, in order."""
    return b"".join(_MARK + quote(path) + b"\n" for path in sorted(paths))


def verbatim_paths(patch: bytes) -> list[bytes]:
    """The paths that a patch names so."""
    paths = []
    start = 0
    while patch.startswith(_MARK, start):
        end = patch.find(b"\n", start)
        paths.append(unquote(patch[start + len(_MARK) : end]))
        start = end + 1
    return paths

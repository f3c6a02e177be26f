"""Keys by which equal things are known to be equal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from autoresearch.records.base import canonical_json

__all__ = ["content_key", "repro_key"]


def repro_key(
    commit: str | None,
    diff: str | None,
    config: Mapping[str, Any],
    tree: str | None = None,
    *,
    otherwise: str = "",
) -> str:
    """Digest of what an experiment ran: commit, digest of its patch, configuration.

    Without a commit the snapshot's digest stands for the code, and without both ``otherwise`` does, which must be the
    experiment's own: unknown code is never taken for equal. Equal keys mean the same code and configuration.
    """
    code: dict[str, Any] = {"commit": commit} if commit else {"tree": tree or otherwise}
    return hashlib.sha256(canonical_json({**code, "diff": diff, "config": dict(config)})).hexdigest()


def content_key(content: Any) -> str:
    """Digest by which a second request with the same id is told from a repeated one."""
    return hashlib.sha256(canonical_json(content)).hexdigest()

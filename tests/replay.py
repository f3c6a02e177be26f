"""Where the third-party logs lie that some tests read; they are not part of the project."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "replay"


def require() -> Path:
    """The folder; without it the calling test is skipped, or fails where skips are forbidden."""
    if not (FOLDER / "manifest.json").is_file():
        reason = "the third-party logs are not beside the checkout (../shared/replay)"
        if os.environ.get("AUTORESEARCH_FORBID_SKIPS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return FOLDER


def manifest() -> list[dict[str, Any]]:
    """One entry per log; empty when the folder is absent, so that it may parametrize tests at import."""
    path = FOLDER / "manifest.json"
    return cast("list[dict[str, Any]]", json.loads(path.read_text())) if path.is_file() else []

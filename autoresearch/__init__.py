"""Run research on code: change something, run it, measure it, keep it or drop it, and know why.

The calls below work on the workspace of the current folder: its repository, its project, the embedded store in
``AUTORESEARCH_HOME``. Importing this package loads only the standard library; the first call loads the rest.
"""

from __future__ import annotations

from autoresearch._version import __version__
from autoresearch.errors import (
    AutoresearchError,
    Busy,
    CaptureError,
    Conflict,
    Invalid,
    NotFound,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    TrialError,
)

# The name that type checkers know, without the import that would be most of this package's start-up.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autoresearch.track.calls import (
        artifact,
        artifacts,
        context,
        decision,
        experiment,
        frontier,
        get_artifact,
        goal,
        note,
        progress,
        promote,
        search,
        session,
        tried,
    )
    from autoresearch.track.workspace import Workspace

__all__ = [
    "AutoresearchError",
    "Busy",
    "CaptureError",
    "Conflict",
    "Invalid",
    "NotFound",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "TrialError",
    "Workspace",
    "__version__",
    "artifact",
    "artifacts",
    "context",
    "decision",
    "experiment",
    "frontier",
    "get_artifact",
    "goal",
    "note",
    "progress",
    "promote",
    "search",
    "session",
    "tried",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'autoresearch' has no attribute {name!r}")
    from importlib import import_module

    module = "workspace" if name == "Workspace" else "calls"
    value = getattr(import_module(f"autoresearch.track.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

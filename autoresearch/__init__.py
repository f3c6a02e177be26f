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
    Forbidden,
    Invalid,
    NotFound,
    SlowDown,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    TooLarge,
    TrialError,
    Unauthorized,
    Unavailable,
)

# The name that type checkers know, without the import that would be most of this package's start-up.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autoresearch.track.calls import (
        artifact,
        artifacts,
        compare,
        context,
        decision,
        experiment,
        frontier,
        get_artifact,
        get_run,
        goal,
        history,
        note,
        progress,
        promote,
        runs,
        search,
        session,
        tried,
    )
    from autoresearch.track.live.calls import active_run, alert, define_metric, finish, init, log, sync
    from autoresearch.track.live.run import Run
    from autoresearch.track.media import File, Histogram, Image, Table
    from autoresearch.track.workspace import Workspace

__all__ = [
    "AutoresearchError",
    "Busy",
    "CaptureError",
    "Conflict",
    "File",
    "Forbidden",
    "Histogram",
    "Image",
    "Invalid",
    "NotFound",
    "Run",
    "SlowDown",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "Table",
    "TooLarge",
    "TrialError",
    "Unauthorized",
    "Unavailable",
    "Workspace",
    "__version__",
    "active_run",
    "alert",
    "artifact",
    "artifacts",
    "compare",
    "context",
    "decision",
    "define_metric",
    "experiment",
    "finish",
    "frontier",
    "get_artifact",
    "get_run",
    "goal",
    "history",
    "init",
    "log",
    "note",
    "progress",
    "promote",
    "runs",
    "search",
    "session",
    "sync",
    "tried",
]


# Where each name lives; what is not here is a call on the workspace of the current folder.
_PLACES = {
    "File": "media",
    "Histogram": "media",
    "Image": "media",
    "Run": "live.run",
    "Table": "media",
    "Workspace": "workspace",
    "active_run": "live.calls",
    "alert": "live.calls",
    "define_metric": "live.calls",
    "finish": "live.calls",
    "init": "live.calls",
    "log": "live.calls",
    "sync": "live.calls",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'autoresearch' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"autoresearch.track.{_PLACES.get(name, 'calls')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

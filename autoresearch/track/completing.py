"""Experiments and runs for shell completion: read at once with the standard library alone, and never an error."""

from __future__ import annotations

import contextlib
import sqlite3
import tomllib
from pathlib import Path

from autoresearch.errors import AutoresearchError
from autoresearch.settings import Settings

__all__ = ["recent_experiments", "recent_runs"]

_MOST = 50
_EXPERIMENTS = """
SELECT number, note FROM experiments
WHERE organization = 'local' AND project = ? AND CAST(number AS TEXT) LIKE ? ORDER BY number DESC LIMIT ?
"""
_RUNS = """
SELECT number, name FROM runs
WHERE organization = 'local' AND project = ? AND CAST(number AS TEXT) LIKE ? ORDER BY number DESC LIMIT ?
"""


def recent_experiments(
    directory: str | Path | None = None,
    *,
    project: str | None = None,
    home: str | Path | None = None,
    beginning: str = "",
) -> list[tuple[str, str]]:
    """Numbers that begin with some digits, newest first, each with its note; empty when anything is amiss.

    Args:
        directory: The folder; None for the present one.
        project: Name of the project; else that of the folder.
        home: Folder of the embedded store.
        beginning: The digits that are there already.
    """
    return _recent(_EXPERIMENTS, directory, project, home, beginning)


def recent_runs(
    directory: str | Path | None = None,
    *,
    project: str | None = None,
    home: str | Path | None = None,
    beginning: str = "",
) -> list[tuple[str, str]]:
    """Numbers of runs that begin with some digits, newest first, each with its name; the arguments are those above."""
    return _recent(_RUNS, directory, project, home, beginning)


def _recent(
    query: str, directory: str | Path | None, project: str | None, home: str | Path | None, beginning: str
) -> list[tuple[str, str]]:
    if beginning and not beginning.isdigit():
        return []
    try:
        settings = Settings()
        store = Path(home).expanduser() if home else Path(settings.home)
        name = project or settings.project or _project_of(Path(directory or ".").resolve())
        # Read-only, and without waiting: a tab key must not make a store or hang behind a writer.
        uri = f"{(store / 'ledger.sqlite').resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0.05)) as connection:
            rows = connection.execute(query, (name, f"{beginning}%", _MOST)).fetchall()
    except (AutoresearchError, OSError, sqlite3.Error, ValueError):
        return []
    return [(str(number), " ".join(said.split())[:60]) for number, said in rows]


def _project_of(folder: Path) -> str:
    for above in (folder, *folder.parents):
        file = above / "autoresearch.toml"
        if file.is_file():
            named = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
            if isinstance(named, str):
                return named
        if (above / ".git").exists():
            return above.name
    return folder.name

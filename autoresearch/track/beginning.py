"""Set a repository up: look at what is there, and write ``autoresearch.toml`` from it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.errors import AutoresearchError, Conflict
from autoresearch.exchange.reading import Log, read_log
from autoresearch.records.base import Direction
from autoresearch.track.project_file import FILE_NAME, ProjectFile, read_project_file
from autoresearch.track.recognizing import Program, read_program

__all__ = ["Found", "look_around", "write_project_file"]

_SCRIPTS = ("train.py", "src/train.py", "scripts/train.py", "main.py", "run.py")
_LOGS = ("results.tsv", "results.csv")
_MOST_READ = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder shows.

    Attributes:
        script: The training script, relative to the folder; None when there is none of the usual names.
        log: A result log, relative to the folder, with the ``metric`` and ``direction`` that it tells, and how many ``rows``.
        program: What ``program.md`` says, where there is one.
    """

    script: str | None = None
    log: str | None = None
    metric: str | None = None
    direction: Direction | None = None
    rows: int = 0
    program: Program | None = None


def look_around(root: Path) -> Found:
    """Look for a training script and a result log by their usual names, and for what ``program.md`` says of them."""
    script = next((name for name in _SCRIPTS if (root / name).is_file()), None)
    program = read_program(root)
    metric, direction = (program.metric, program.direction) if program else (None, None)
    for name in _LOGS:
        file = root / name
        with contextlib.suppress(AutoresearchError, OSError):
            if file.is_file() and file.stat().st_size <= _MOST_READ:
                log = _log(file.read_bytes(), metric)
                better = direction if log.metric == metric and direction else log.direction
                return Found(script, name, log.metric, better, len(log.rows), program)
    return Found(script, None, metric, direction if metric else None, 0, program)


def _log(data: bytes, metric: str | None) -> Log:
    """The log, with the metric that the program names where it is a column."""
    log = read_log(data)
    return read_log(data, metric=metric) if metric in log.columns and metric != log.metric else log


def write_project_file(
    root: Path,
    *,
    project: str,
    goal: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> ProjectFile:
    """Write ``autoresearch.toml``, whole or not at all, and answer it as it reads.

    Args:
        root: The folder it belongs in.
        project: Name of the project.
        goal: Keys of ``[goal]``; those that are None or empty are left out, here and below.
        budget: Keys of ``[budget]``.
        run: Keys of ``[run]``.
        replace: Whether a file that is there may be replaced.

    Raises:
        Conflict: The file is there already.
        Invalid: A value was refused; nothing was written.
    """
    target = root / FILE_NAME
    parts = [f"project = {_toml(project)}\n"]
    for name, values in (("goal", goal), ("budget", budget), ("run", run)):
        lines = [f"{key} = {_toml(value)}\n" for key, value in (values or {}).items() if _said(value)]
        parts += ["\n", f"[{name}]\n", *lines] if lines else []
    with tempfile.TemporaryDirectory(prefix=".autoresearch-", dir=root) as folder:
        draft = Path(folder) / FILE_NAME
        with draft.open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        read = read_project_file(draft)
        _place(draft, target, replace=replace)
    return read


def _place(draft: Path, target: Path, *, replace: bool) -> None:
    if replace:
        draft.replace(target)
        return
    try:
        # A link is never made over a file that appeared in the meantime.
        target.hardlink_to(draft)
    except FileExistsError:
        raise Conflict(
            f"{target} is there already.", hint="Edit it, or pass --force to replace it."
        ) from None


def _said(value: object) -> bool:
    return value is not None and value not in ("", (), [])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # JSON's string is TOML's, but for one character that TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    assert isinstance(value, Sequence)
    return "[" + ", ".join(map(_toml, value)) + "]"

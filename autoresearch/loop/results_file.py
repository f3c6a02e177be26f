"""Keeps a ``results.tsv`` written for those who read it: in the columns that it has, with every line of others left as it is.

The ledger is what counts. The file is brought up to date from it after each verdict, so that a campaign that was killed
between the two loses no line: an experiment that the file has not is added, and one whose verdict has changed is corrected.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import Invalid
from autoresearch.exchange.columns import Layout, layout_of, number, snake
from autoresearch.exchange.files import whole_file
from autoresearch.exchange.writing import one_line
from autoresearch.records.experiment import Experiment, State
from autoresearch.track.workspace import Workspace

__all__ = ["write_results"]

_STATUSES: Mapping[State, str] = {"kept": "keep", "dropped": "discard", "crashed": "crash"}
_MEMORY = {
    "memory_gb": 1.0,
    "peak_memory_gb": 1.0,
    "peak_vram_gb": 1.0,
    "peak_vram_mb": 1024.0,
    "peak_memory_mb": 1024.0,
}
_DIGITS, _MEMORY_DIGITS, _COMMIT = 6, 1, 7
_MOST, _ROWS = 64 * 1024 * 1024, 50


@dataclass(frozen=True, slots=True)
class _File:
    """What the file is: its lines as they stand there, and what its columns mean."""

    lines: list[str]
    end: str
    layout: Layout
    metric: int

    def decimals(self, column: int, otherwise: int) -> int:
        """Most digits behind the point that the column has in its last rows."""
        rows = [line.split("\t") for line in self.lines[-_ROWS:]]
        cells = [row[column].strip() for row in rows if column < len(row) and number(row[column]) is not None]
        return max((len(cell.partition(".")[2]) for cell in cells), default=otherwise)


def write_results(workspace: Workspace, place: Path, *, commits: Mapping[str, str] | None = None) -> int:
    """Bring the file up to date with the project's own experiments that have a verdict; what was imported is left out.

    The file is made with the columns commit, the metric, memory_gb, status and description where there is none, and written
    whole or not at all.

    Args:
        workspace: The project; it has a goal.
        place: The file.
        commits: Commit of an experiment's change by its id, where that is known; else the one that it started from stands
            in the line.

    Returns:
        How many lines were added or corrected.

    Raises:
        Invalid: The file is no such log, or cannot be read or written.
        Conflict: The project has no goal.
    """
    metric = workspace.frontier().goal.metric
    file = _read(place, metric)
    ours = [e for e in workspace.experiments() if e.source is None and e.state != "recorded"]
    waiting: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    for index, line in enumerate(file.lines):
        waiting[_key(file, line.split("\t"))].append(index)
    lines, changed = list(file.lines), 0
    for experiment in ours:
        cells = _cells(file, experiment, metric, (commits or {}).get(experiment.id) or experiment.commit)
        line, there = "\t".join(cells), waiting[_key(file, cells)]
        if not there:
            lines.append(line)
            changed += 1
        elif lines[at := there.popleft()] != line:
            lines[at] = line
            changed += 1
    if changed or not place.exists():
        _write(place, file, lines)
    return changed


def _read(place: Path, metric: str) -> _File:
    header = ["commit", metric, "memory_gb", "status", "description"]
    text, end = "", "\n"
    if place.exists():
        try:
            if place.stat().st_size > _MOST:
                raise Invalid(f"{place} is larger than {_MOST:,} bytes.", hint="Begin a new file.")
            text = place.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise Invalid(
                f"{place} cannot be read: {error.strerror}.", hint="Name a file, such as results.tsv."
            ) from error
        end = "\r\n" if "\r\n" in text else "\n"
    lines = (
        [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        if text.strip()
        else ["\t".join(header)]
    )
    layout = layout_of(lines[0].split("\t"))
    column = None
    if layout is not None:
        column = layout.index(metric) if layout.metric_value is None else layout.metric_value
    if layout is None or layout.note is None or column is None:
        raise Invalid(
            f"{place} cannot be kept written: its first line names no column for {metric!r}, a status and a description.",
            hint="Name another file in `results`, or remove the key from autoresearch.toml.",
        )
    return _File(lines, end, layout, column)


def _key(file: _File, cells: Sequence[str]) -> tuple[str, str]:
    """What tells a line of ours again: its commit and its description."""
    note, commit = file.layout.note, file.layout.id
    assert note is not None
    said = cells[note].strip() if note < len(cells) else ""
    return (cells[commit].strip() if commit is not None and commit < len(cells) else "", said)


def _cells(file: _File, experiment: Experiment, metric: str, commit: str | None) -> list[str]:
    layout, crashed = file.layout, experiment.state == "crashed"
    found = {snake(name): value for name, value in experiment.metrics.items()}
    cells: list[str] = []
    for column, key in enumerate(layout.keys):
        if column == layout.id:
            cells.append((one_line(commit or "") or f"exp{experiment.number}")[:_COMMIT])
        elif column == layout.status:
            cells.append(_STATUSES[experiment.state])
        elif column == layout.note:
            cells.append(one_line(experiment.note) or "-")
        elif column == layout.metric_name:
            cells.append(one_line(metric))
        elif column == file.metric:
            cells.append(
                _number(
                    0.0 if crashed else experiment.score, file.decimals(column, _DIGITS), zero=not crashed
                )
            )
        elif key in _MEMORY:
            cells.append(_number(_memory(found, key), file.decimals(column, _MEMORY_DIGITS)))
        else:
            cells.append(_number(found.get(key), file.decimals(column, _DIGITS)))
    return cells


def _memory(found: Mapping[str, float | None], wanted: str) -> float:
    """Peak memory in the unit of a column, from whatever the run reported; 0 when it said nothing."""
    for name, unit in _MEMORY.items():
        value = found.get(name)
        if value is not None:
            return value / unit * _MEMORY[wanted]
    return 0.0


def _number(value: float | None, digits: int, *, zero: bool = False) -> str:
    """A number in a cell; a score that is really 0 is written ``0e0``, so that no reader takes it for a crash."""
    if value is None or not math.isfinite(value):
        return "nan"
    if zero and value == 0:
        return "0e0"
    short = f"{value:.{digits}f}"
    # A score must not become the crash's zero by rounding.
    return repr(value) if value and float(short) == 0 else short


def _write(place: Path, file: _File, lines: Sequence[str]) -> None:
    with whole_file(place, replace=True) as out:
        out.write("".join(line + file.end for line in lines).encode("utf-8", "surrogateescape"))

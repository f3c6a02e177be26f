"""Write experiments as JSON, as CSV for a spreadsheet, and as the ``results.tsv`` other loops read."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from autoresearch.records.base import Direction
from autoresearch.records.experiment import Experiment, State

__all__ = ["SCHEMA_VERSION", "Result", "guarded", "one_line", "result_of", "to_csv", "to_json", "to_tsv"]

SCHEMA_VERSION = 1
"""Version of the JSON document; it grows when a key changes its meaning or goes."""

_Status = Literal["keep", "drop", "crash", "recorded"]

_STATUS: dict[State, _Status] = {
    "kept": "keep",
    "dropped": "drop",
    "crashed": "crash",
    "recorded": "recorded",
}
_COMMUNITY: dict[_Status, str] = {"keep": "keep", "drop": "discard", "crash": "crash", "recorded": "recorded"}
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_FORMULA = ("=", "+", "-", "@")
_TSV_TAKEN = frozenset({"commit", "status", "description", "metric_name", "metric_value", "value"})
_CSV_FIXED = (
    "number",
    "id",
    "commit",
    "session",
    "status",
    "score",
    "gain",
    "seconds",
    "recorded_at",
    "note",
    "reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One experiment, ready to be written.

    ``gain`` is over the best at the time of the verdict, positive when better; ``seconds`` is wall-clock;
    ``recorded_at`` is ISO 8601 in UTC; ``session`` is the session's tag.
    """

    number: int
    status: _Status
    score: float | None = None
    id: str = ""
    commit: str | None = None
    session: str = ""
    note: str = ""
    reason: str = ""
    gain: float | None = None
    seconds: float | None = None
    recorded_at: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)


def result_of(experiment: Experiment, session: str = "") -> Result:
    """An experiment of the ledger as a line to write; ``session`` is the tag of its session."""
    return Result(
        number=experiment.number,
        status=_STATUS[experiment.state],
        score=experiment.score,
        id=experiment.id,
        commit=experiment.commit,
        session=session,
        note=experiment.note,
        reason=experiment.reason,
        gain=experiment.gain,
        seconds=experiment.seconds,
        recorded_at=experiment.recorded_at.isoformat(),
        metrics=experiment.metrics,
    )


def to_json(
    results: Iterable[Result], *, metric: str, direction: Direction, project: str = "", indent: int | None = 2
) -> str:
    """One JSON document: ``{schema_version, project, metric, direction, experiments: [...]}``, ended by a line end.

    Non-finite numbers are null; a crash has no score.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "project": project,
        "metric": metric,
        "direction": direction,
        "experiments": [_plain(result) for result in results],
    }
    return json.dumps(document, indent=indent, ensure_ascii=True, allow_nan=False) + "\n"


def to_csv(results: Sequence[Result], *, metric: str) -> str:
    """A table for spreadsheets (RFC 4180), one column per secondary metric; ``metric`` names the score's column.

    Text that a spreadsheet would run as a formula gets an apostrophe in front. Control characters and line ends in
    text become spaces.
    """
    secondary = _secondary(results)
    taken = {*_CSV_FIXED, "score"}
    named = _column(metric, taken - {"score"})
    others = _columns(secondary, {*taken, named})
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(guarded(name) for name in [*(named if f == "score" else f for f in _CSV_FIXED), *others])
    for result in results:
        plain = _plain(result)
        cells = [plain[name] for name in _CSV_FIXED] + [
            _finite(result.metrics.get(name)) for name in secondary
        ]
        write.writerow(guarded(cell) if isinstance(cell, str) else cell for cell in cells)
    return out.getvalue()


def to_tsv(results: Sequence[Result], *, metric: str) -> str:
    """A ``results.tsv``: commit (7 digits, else ``exp`` and the number), metric, secondary metrics, status, description.

    One physical line per experiment; tabs, line ends and control characters in notes become spaces. The statuses
    are keep, discard, crash and, before a verdict, recorded. A crash's score is written 0.000000; a real zero is
    written 0e0, so that no reader takes it for a crash. Reading it back gives the same verdicts and scores.
    """
    secondary = _secondary(results)
    named = _column(metric, _TSV_TAKEN)
    others = _columns(secondary, {*_TSV_TAKEN, named})
    lines = [["commit", named, *others, "status", "description"]]
    for result in results:
        crash = result.status == "crash"
        lines.append(
            [
                (one_line(result.commit or "") or f"exp{result.number}")[:7],
                "0.000000" if crash else _decimal(result.score),
                *(_decimal(result.metrics.get(name)) for name in secondary),
                _COMMUNITY[result.status],
                one_line(result.note) or "-",
            ]
        )
    return "".join("\t".join(cells) + "\n" for cells in lines)


def _plain(result: Result) -> dict[str, Any]:
    crash = result.status == "crash"
    return {
        "number": result.number,
        "id": result.id,
        "commit": result.commit or "",
        "session": result.session,
        "status": result.status,
        "score": None if crash else _finite(result.score),
        "gain": None if crash else _finite(result.gain),
        "seconds": _finite(result.seconds),
        "recorded_at": result.recorded_at,
        "note": result.note,
        "reason": result.reason,
        "metrics": {name: _finite(value) for name, value in sorted(result.metrics.items())},
    }


def _finite(value: float | None) -> float | None:
    return value + 0.0 if value is not None and math.isfinite(value) else None


def _decimal(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0e0"
    short = f"{value:.6f}"
    return short if abs(value) < 1e15 and float(short) == value else repr(value)


def one_line(text: str) -> str:
    """Text on one line; a quote at its beginning becomes an apostrophe, lest a reader that knows quoting act on it."""
    flat = " ".join(_BREAKS.sub(" ", text).split())
    return f"'{flat[1:]}" if flat.startswith('"') else flat


def guarded(text: str) -> str:
    """Text for a cell of a spreadsheet: on one line, with an apostrophe in front where it would run as a formula."""
    flat = _line_of_csv(text)
    return f"'{flat}" if flat.startswith(_FORMULA) else flat


def _line_of_csv(text: str) -> str:
    return _BREAKS.sub(" ", text).strip()


def _secondary(results: Iterable[Result]) -> list[str]:
    return sorted({name for result in results for name in result.metrics})


def _column(name: str, taken: Iterable[str]) -> str:
    flat = one_line(name) or "metric"
    return f"{flat}_metric" if flat.lower() in taken else flat


def _columns(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    used = {name.lower() for name in taken}
    found: list[str] = []
    for name in names:
        flat, copy = _column(name, used), 2
        while flat.lower() in used:
            flat, copy = f"{one_line(name)}_{copy}", copy + 1
        used.add(flat.lower())
        found.append(flat)
    return found

"""Read a foreign result log: every line ends as a row or as a rejected line with its reason, nothing is invented."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoresearch.errors import Invalid
from autoresearch.exchange.columns import Layout, clean, is_label, is_zero, meaning, missing, number
from autoresearch.exchange.objective import find_direction, find_metric
from autoresearch.exchange.splitting import Record, decode, physical_lines
from autoresearch.exchange.table import Rejected, Table, split
from autoresearch.records.base import Direction, canonical_json
from autoresearch.records.experiment import Verdict

__all__ = ["Log", "Rejected", "Row", "read_log"]

_SHOWN = 40
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}\Z")
_COMMIT_COLUMN = re.compile(r"(^|_)(commit|hash|sha)(_|$)")
_TAG = re.compile(r"\s*\[([^\[\]]{1,100})\]")
_UNJUDGED = frozenset({"recorded", "running", "pending", "started", "queued", "planned", "todo"})


@dataclass(frozen=True, slots=True)
class Row:
    """One experiment of a log.

    Attributes:
        line: Physical line it begins on, counted from 1; ``end`` is the last (a quoted cell may hold line ends).
        id: What the log calls it; "" when it gives nothing.
        commit: The same, when it is a commit hash.
        status: The status as written.
        verdict: What that means.
        score: The metric, always finite; None when it was not measured, and for every crash.
        metrics: Numbers in the other columns, in the units of the log.
        note: Its description.
        extra: Text in the other columns.
        segment: Label of the stretch within which scores compare; "" without ``segment_by``.
        key: Digest of the row's content and of how many equal rows came before it: the same row of a longer
            version of the file has the same key.
    """

    line: int
    end: int
    id: str
    commit: str | None
    status: str
    verdict: Verdict
    score: float | None
    metrics: Mapping[str, float]
    note: str
    extra: Mapping[str, str]
    segment: str
    key: str


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was read.

    Attributes:
        rows: The experiments, in file order.
        rejected: Every other line that is not blank, with its reason. ``len(rows) + len(rejected) == total``.
        total: Data rows in the file, the header not counted.
        columns: Names of the first header.
        metric: Name of the objective.
        direction: ``"min"`` or ``"max"``.
        statuses: How often each status stands there, as written; "" where there is none.
        segments: Segment labels by first appearance.
        notices: What was decided by rule and a reader may want to check.
    """

    rows: tuple[Row, ...]
    rejected: tuple[Rejected, ...]
    total: int
    columns: tuple[str, ...]
    metric: str
    direction: Direction
    statuses: Mapping[str, int]
    segments: tuple[str, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rules:
    metric: str
    column: str
    direction: Direction
    names: str | None
    segment_by: str | None
    zeros: bool


class _Refused(Exception):  # noqa: N818  not an error: how one row says why it is none
    """Why a row is no experiment."""


def read_log(
    data: str | bytes,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    segment_by: str | None = None,
    zeros: bool = False,
) -> Log:
    """Read a result log: tab, comma or semicolon separated, with a header that names a status column.

    Without ``metric`` the objective is, in this order: the one name in a ``metric_name`` column; the first numeric
    column whose name is a known objective (``val_bpb``, ``accuracy``, ``metric_after``); the only numeric column
    that is neither a label nor a resource. Without ``direction`` the metric's name tells it, else the order of
    the kept scores; a log in which no keep has a score is read as maximized, for nothing depends on it.

    A score that is plain zero means "not measured" when lower is better, as these logs write it, unless
    ``zeros``; ``0e0`` is always a number. A keep needs a finite score. A crash has none, whatever number is there.

    Args:
        data: The file's content.
        metric: Column that holds the objective, or its name in a long-form log (``metric_name``, ``metric_value``).
        direction: ``"min"`` when lower is better, ``"max"`` when higher is.
        segment_by: Column whose value starts a series of its own (an episode, a phase); the description column
            stands for the tag in brackets that a description begins with, carried on until the next tag.
        zeros: Whether plain zero is a score even when lower is better.

    Raises:
        Invalid: There is no header, or metric, direction or segment column cannot be told.
    """
    if direction not in {None, "min", "max"}:
        raise Invalid(f"{direction!r} is not a direction.", hint="Use min or max.")
    text = decode(data)
    table = split(physical_lines(text))
    if text and not text.endswith(("\n", "\r")):
        table.notices.append(
            "The last line has no line end: if the log is still being written it may be cut short."
        )
    column, name, names = find_metric(table, metric)
    rules = _Rules(
        metric=name,
        column=column,
        direction=direction or find_direction(table, name, column),
        names=names,
        segment_by=_segment_column(table.layout, segment_by),
        zeros=zeros,
    )
    rows = tuple(_Reader(rules).rows(table))
    rejected = tuple(sorted(table.rejected, key=lambda line: line.line))
    return Log(
        rows=rows,
        rejected=rejected,
        total=len(rows) + len(rejected),
        columns=table.layout.names,
        metric=name,
        direction=rules.direction,
        statuses=dict(table.statuses),
        segments=tuple(dict.fromkeys(row.segment for row in rows)),
        notices=tuple(table.notices),
    )


def _segment_column(layout: Layout, wanted: str | None) -> str | None:
    if wanted is None:
        return None
    index = layout.index(wanted)
    if index is None:
        raise Invalid(
            f"The log has no column {wanted!r} to segment by.",
            hint=f"Its columns are {', '.join(layout.names[:20])}.",
        )
    return layout.names[index]


class _Reader:
    """Turns the records of a table into rows, in file order."""

    def __init__(self, rules: _Rules) -> None:
        self._rules = rules
        self._seen: Counter[str] = Counter()

    def rows(self, table: Table) -> Iterator[Row]:
        """The rows; every record that is none joins ``table.rejected``."""
        segment = ""
        last: Row | None = None
        for record, layout in table.records:
            cells = _fitted(record.cells, layout)
            segment = _segment(cells, layout, self._rules, segment)
            try:
                last = self._row(record, cells, layout, segment)
            except _Refused as why:
                reason = str(why)
                if last is not None and len(record.cells) == 1 and layout.status > 0:
                    reason = f"has no status; it may go on with the description of line {last.line}"
                table.rejected.append(Rejected(record.line, reason, record.end))
            else:
                yield last

    def _row(self, record: Record, cells: list[str], layout: Layout, segment: str) -> Row:
        verdict = _verdict(cells, layout)
        named = (
            cells[layout.metric_name]
            if layout.metric_name is not None and layout.metric_name < len(cells)
            else ""
        )
        if self._rules.names is not None and named != self._rules.names:
            raise _Refused(f"measures {named[:_SHOWN]!r}, not {self._rules.names!r}")
        at = layout.index(self._rules.column)
        score = _score(cells[at] if at is not None and at < len(cells) else "", verdict, self._rules)
        metrics, extra = _others(cells, layout, at, verdict)
        called, commit = _called(cells, layout)
        return Row(
            line=record.line,
            end=record.end,
            id=called,
            commit=commit,
            status=cells[layout.status],
            verdict=verdict,
            score=score,
            metrics=metrics,
            note=cells[layout.note] if layout.note is not None and layout.note < len(cells) else "",
            extra=extra,
            segment=segment,
            key=self._key(cells, layout),
        )

    def _key(self, cells: list[str], layout: Layout) -> str:
        # Empty cells do not count: a column that a longer version of the file adds must not change old rows.
        content = {name: cell for name, cell in zip(layout.names, cells, strict=False) if cell}
        digest = hashlib.sha256(canonical_json(content)).hexdigest()
        self._seen[digest] += 1
        return hashlib.sha256(f"{digest}:{self._seen[digest]}".encode()).hexdigest()


def _called(cells: Sequence[str], layout: Layout) -> tuple[str, str | None]:
    """What the log calls the row, and that as a commit when it is one."""
    if layout.id is None or layout.id >= len(cells) or missing(cells[layout.id]):
        return "", None
    called = cells[layout.id][:200]
    is_commit = _COMMIT_COLUMN.search(layout.keys[layout.id]) and _COMMIT.match(called)
    return called, called.lower() if is_commit else None


def _fitted(cells: Sequence[str], layout: Layout) -> list[str]:
    """Cells, with separators inside a final description put back."""
    width = len(layout.names)
    if len(cells) > width and layout.note == width - 1:
        cells = [*cells[: width - 1], " ".join(cells[width - 1 :])]
    return [clean(cell) for cell in cells]


def _segment(cells: Sequence[str], layout: Layout, rules: _Rules, before: str) -> str:
    at = layout.index(rules.segment_by) if rules.segment_by else None
    if at is None or at >= len(cells):
        return before
    if at != layout.note:
        return cells[at][:200]
    tag = _TAG.match(cells[at])
    return tag[1].strip() if tag else before


def _verdict(cells: Sequence[str], layout: Layout) -> Verdict:
    width = len(layout.names)
    status = cells[layout.status] if layout.status < len(cells) else ""
    verdict = meaning(status, layout.names[layout.status])
    if verdict is not None and len(cells) <= width:
        return verdict
    if len(cells) != width:
        raise _Refused(f"has {len(cells)} cells where the header has {width}")
    if status.lower() in _UNJUDGED:
        raise _Refused(f"is not judged yet: its status is {status!r}")
    raise _Refused(f"has the unknown status {status[:_SHOWN]!r}" if status else "has no status")


def _score(cell: str, verdict: Verdict, rules: _Rules) -> float | None:
    if verdict == "crash":
        return None
    score = number(cell)
    sentinel = rules.direction == "min" and not rules.zeros and is_zero(cell) and score is not None
    if verdict == "keep" and (score is None or sentinel):
        why = "zero stands for not measured" if sentinel else f"{cell[:_SHOWN]!r} is no finite number"
        raise _Refused(f"is a keep without a {rules.metric}: {why}")
    return None if sentinel else score


def _others(
    cells: Sequence[str], layout: Layout, score: int | None, verdict: Verdict
) -> tuple[dict[str, float], dict[str, str]]:
    """The other columns: numbers as metrics, the rest as text. A zero beside "skipped" was not measured."""
    taken = {layout.status, layout.id, layout.note, layout.metric_name}
    others = [
        (name, cell, index)
        for index, (name, cell) in enumerate(zip(layout.names, cells, strict=False))
        if index not in taken and cell
    ]
    skipped = verdict == "crash" or any(cell.lower() in {"skip", "skipped"} for _, cell, _ in others)
    metrics: dict[str, float] = {}
    extra: dict[str, str] = {}
    for name, cell, index in others:
        value = number(cell)
        if value is None or is_label(name):
            if value is not None or not missing(cell) or cell.lower().startswith("skip"):
                extra[name] = cell
        elif index != score and not (skipped and is_zero(cell)):
            metrics[name] = value
    return metrics, extra

"""The file as a table: where its header is, and which layout rules each of its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoresearch.errors import Invalid
from autoresearch.exchange.columns import Layout, clean, layout_of, snake
from autoresearch.exchange.splitting import SEPARATORS, Record, cells_of, records

__all__ = ["Rejected", "Table", "split"]

_HEADER_WITHIN = 200
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Rejected:
    """A physical line that is no experiment, and why; ``end`` is its last line when it spans several."""

    line: int
    reason: str
    end: int


@dataclass(slots=True)
class Table:
    """The split file.

    Attributes:
        layout: Layout of the first header; ``current`` is that of the last one seen.
        records: Data rows, each with the layout that rules it.
        rejected: Lines already known to be no rows.
        statuses: How often each status stands there.
        notices: What was decided by rule and a reader may want to check.
    """

    layout: Layout
    current: Layout
    records: list[tuple[Record, Layout]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    notices: list[str] = field(default_factory=list)

    def whole(self, cells: Sequence[str]) -> bool:
        """Whether cells are a complete row under the last header seen."""
        return self.current.whole(cells)

    def count(self, cells: Sequence[str]) -> None:
        """Count the status of a row, as it is written."""
        at = self.current.status
        self.statuses[clean(cells[at]) if at < len(cells) else ""] += 1


def split(lines: Sequence[str]) -> Table:
    """Find the header and split what follows it; a header that comes again may change the columns.

    Raises:
        Invalid: No header names a status column.
    """
    header, layout, separator = _header(lines)
    table = Table(layout, layout)
    for index in range(header):
        if lines[index].strip():
            table.rejected.append(Rejected(index + 1, "stands before the header", index + 1))
            table.statuses[""] += 1
    for record in records(lines, header + 1, separator, table.whole):
        table.count(record.cells)
        again = _again(record.cells, table.current)
        if again is None:
            table.records.append((record, table.current))
            continue
        same = again.names == table.current.names
        reason = "repeats the header" if same else "is a new header: from here on the columns are its own"
        table.rejected.append(Rejected(record.line, reason, record.end))
        table.current = again
    return table


def _header(lines: Sequence[str]) -> tuple[int, Layout, str]:
    seen = 0
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        ways = [(layout_of(cells_of(line, separator)[0]), separator) for separator in SEPARATORS]
        found = [(layout, separator) for layout, separator in ways if layout is not None]
        if found:
            return index, *max(found, key=lambda way: len(way[0].names))
        seen += 1
        if seen == _HEADER_WITHIN:
            break
    shown = clean(next((line for line in lines if line.strip()), ""))[:_SHOWN]
    raise Invalid(
        f"The log has no header with a status column{f'; it begins {shown!r}' if shown else ': it is empty'}.",
        hint="Give it a first line such as 'commit<TAB>val_bpb<TAB>status<TAB>description'.",
    )


def _again(cells: Sequence[str], layout: Layout) -> Layout | None:
    """The layout of a line that is a header once more, perhaps with other columns."""
    keys = {snake(cell[:_SHOWN]) for cell in cells if len(cell) < _SHOWN}
    status = layout.keys[layout.status]
    if (
        status not in keys
        or len(keys.intersection(layout.keys)) * 2 < len(layout.keys)
        or layout.whole(cells)
    ):
        return None
    return layout_of(cells)

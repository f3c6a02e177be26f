"""Write the points of runs as CSV, as JSON lines, and as Parquet: one row for each step, one column for each metric.

Pages go in and rows go out, so that the memory that is needed does not grow with the run. Numbers are written with all their
digits; NaN and infinities are spelled ``NaN``, ``Infinity`` and ``-Infinity``, and a step without a point is an empty cell, an
absent key, or null.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, Self, get_args

from autoresearch.errors import Invalid
from autoresearch.exchange.aligning import Aligned, Key, align, key_of, title_of
from autoresearch.exchange.writing import guarded
from autoresearch.series.curve import Curve, number_out

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["FORMATS", "Format", "Source", "write_points"]

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)

_ROW_GROUP = 65_536

_Origin = tuple[int, str] | tuple[()]


@dataclass(frozen=True, slots=True)
class Source:
    """A run to be written.

    Attributes:
        number: Its number in the project.
        name: Its name.
        pages: Its curves, page after page; the steps of a page lie behind those of the page before.
    """

    number: int
    name: str
    pages: Iterable[Sequence[Curve]]


def write_points(out: BinaryIO, form: Format, metrics: Sequence[Key], sources: Sequence[Source]) -> int:
    """Write runs; answers how many rows that made.

    The columns are ``run`` and ``name`` where there are several runs, ``step``, ``time`` (seconds since 1970 UTC) and the
    metrics; a metric that is called like one of these, or like another, has ``_metric`` or a number behind its name.

    Args:
        out: Where to write.
        form: ``csv`` (RFC 4180; text that a spreadsheet would run as a formula has an apostrophe in front), ``jsonl``
            or ``parquet``.
        metrics: The series in the order of the columns; others that a page has are left out.
        sources: The runs.

    Raises:
        Invalid: There is no such format, or what writes Parquet is not installed.
    """
    if form not in _WRITERS:
        raise Invalid(f"The format was {form!r}.", hint=f"Use one of {', '.join(FORMATS)}.")
    several = len(sources) > 1
    fixed = ["run", "name", "step", "time"] if several else ["step", "time"]
    titles = [title_of(key) for key in metrics]
    place = {key: number for number, key in enumerate(metrics)}
    written = 0
    named = [guarded(title) for title in titles] if form == "csv" else titles
    with _WRITERS[form](out, fixed, _columns(named, fixed)) as writer:
        for source in sources:
            origin = (source.number, source.name) if several else ()
            for page in source.pages:
                known = [curve for curve in page if key_of(curve.name, curve.labels) in place]
                table = align(known)
                writer.write(origin, [place[key_of(curve.name, curve.labels)] for curve in known], table)
                written += len(table.steps)
    return written


class _Writer(Protocol):
    """Writes rows; leaving it writes what it still holds, the stream below stays open."""

    def __init__(self, out: BinaryIO, fixed: Sequence[str], metrics: Sequence[str]) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def write(self, origin: _Origin, places: Sequence[int], table: Aligned) -> None:
        """Write the rows of a page; ``places`` are the columns of its curves."""


class _CsvWriter:
    def __init__(self, out: BinaryIO, fixed: Sequence[str], metrics: Sequence[str]) -> None:
        self._out = out
        self._width = len(metrics)
        self._out.write(f"{_cells([*fixed, *metrics])}\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def write(self, origin: _Origin, places: Sequence[int], table: Aligned) -> None:
        head = _cells([guarded(one) if isinstance(one, str) else one for one in origin])
        head += "," * bool(origin)
        steps, times = table.steps.tolist(), table.times.tolist()
        heads = [f"{head}{step},{time!r}" for step, time in zip(steps, times, strict=True)]
        columns = [[","] * len(heads)] * self._width
        for place, values, present in zip(places, table.values, table.present, strict=True):
            columns[place] = _texts(values, present, ",", absent=",")
        _write_lines(self._out, [heads, *columns], "\r\n")


class _JsonWriter:
    def __init__(self, out: BinaryIO, fixed: Sequence[str], metrics: Sequence[str]) -> None:
        self._out = out
        self._fixed = fixed
        self._metrics = metrics

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def write(self, origin: _Origin, places: Sequence[int], table: Aligned) -> None:
        said = zip(self._fixed, origin, strict=False)
        head = "".join(f"{json.dumps(name)}: {json.dumps(one)}, " for name, one in said)
        steps, times = table.steps.tolist(), table.times.tolist()
        heads = [f'{{{head}"step": {step}, "time": {time!r}' for step, time in zip(steps, times, strict=True)]
        columns = [
            _texts(values, present, f", {json.dumps(self._metrics[place])}: ", quote='"')
            for place, values, present in zip(places, table.values, table.present, strict=True)
        ]
        _write_lines(self._out, [heads, *columns], "}\n")


class _ParquetWriter:
    def __init__(self, out: BinaryIO, fixed: Sequence[str], metrics: Sequence[str]) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise Invalid(
                "Parquet needs pyarrow, which is not installed.",
                hint="Install it: pip install 'autoresearch[parquet]', or write csv or jsonl.",
            ) from None
        self._pa = pa
        kinds = {"run": pa.int64(), "name": pa.string(), "step": pa.int64(), "time": pa.float64()}
        fields = [pa.field(name, kinds[name], nullable=False) for name in fixed]
        self._schema = pa.schema([*fields, *(pa.field(name, pa.float64()) for name in metrics)])
        self._width = len(metrics)
        self._writer = pq.ParquetWriter(out, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, origin: _Origin, places: Sequence[int], table: Aligned) -> None:
        pa, n = self._pa, len(table.steps)
        columns: list[Any] = [pa.nulls(n, pa.float64())] * self._width
        for place, values, present in zip(places, table.values, table.present, strict=True):
            columns[place] = pa.array(values, mask=~present)
        head = [pa.repeat(pa.scalar(one), n) for one in origin]
        self._waiting.append(
            pa.record_batch(
                [*head, pa.array(table.steps), pa.array(table.times), *columns], schema=self._schema
            )
        )
        if sum(len(batch) for batch in self._waiting) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            # Small pages as row groups of their own would cost more in headers than they hold.
            self._writer.write_table(self._pa.Table.from_batches(self._waiting))
            self._waiting.clear()


_WRITERS: dict[str, type[_Writer]] = {"csv": _CsvWriter, "jsonl": _JsonWriter, "parquet": _ParquetWriter}


def _cells(cells: Sequence[str | int]) -> str:
    """Cells of a CSV file, quoted where that is needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue() if cells else ""


def _texts(
    values: NDArray[np.float64], present: NDArray[np.bool_], head: str, *, quote: str = "", absent: str = ""
) -> list[str]:
    """Numbers as text, each behind a head: written with all their digits, or as words that may be quoted."""
    import numpy as np

    column = [f"{head}{value!r}" for value in values.tolist()]
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        column[place] = f"{head}{quote}{number_out(float(values[place]))}{quote}"
    for place in np.flatnonzero(~present).tolist():
        column[place] = absent
    return column


def _write_lines(out: BinaryIO, columns: Sequence[Sequence[str]], end: str) -> None:
    ends = [end] * len(columns[0])
    out.write("".join(map("".join, zip(*columns, ends, strict=True))).encode())


def _columns(titles: Sequence[str], fixed: Iterable[str]) -> list[str]:
    """A name of its own for each metric."""
    used = set(fixed)
    found: list[str] = []
    for title in titles:
        base = f"{title}_metric" if title in used & set(fixed) else title
        found.append(next(name for name in _numbered(base) if name not in used))
        used.add(found[-1])
    return found


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}_{number}"
        number += 1

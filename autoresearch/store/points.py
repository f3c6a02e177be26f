"""Points of runs in the database: batches come in, series and lines are read.

All of it happens on a connection and in a transaction of the caller. A training process pays for this module, so it needs
nothing but the standard library until it reads or compacts; those parts are loaded when they are called.
"""

from __future__ import annotations

import json
import time

from autoresearch.errors import Conflict
from autoresearch.store.points_sql import Sql
from autoresearch.store.points_writing import append

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autoresearch.series.batch import Batch
    from autoresearch.series.curve import Curve
    from autoresearch.store.points_reading import Line, SeriesRow
    from autoresearch.store.points_receipt import PointsReceipt

__all__ = ["Points"]

_MOST_FAULTS = 32


class Points:
    """The points, lines and messages of the runs of one organization.

    Args:
        connection: An open DB-API connection. Whoever calls begins and ends its transactions; calls that write need the write
            lock, or on a server the lock of the run.
        organization: Whose rows are meant.
    """

    __slots__ = ("_sql",)

    def __init__(self, connection: Any, organization: str) -> None:
        self._sql = Sql(connection, organization)

    def position(self, writer: str) -> int:
        """The last sequence number that is stored of a writer; 0 when nothing is."""
        found = self._sql.rows("SELECT sequence FROM writers WHERE organization = ? AND id = ?", writer)
        return int(found[0][0]) if found else 0

    def advance(self, batch: Batch, *, gapless: bool = False) -> bool:
        """Take note that a batch of a writer is stored by this transaction; answers whether it is new.

        Records that never came (a gap before the batch, or inside of it) count as lost. An empty batch that tells nothing new
        only renews when the writer was heard of, and adds its faults.

        Args:
            batch: What is to be stored.
            gapless: Refuse a batch before which records are missing: they may still be under way.

        Raises:
            Conflict: A part of it is stored already, or records before it are not; ``details["sequence"]`` says how far. Or the
                writer has another run.
        """
        found = self._sql.rows(
            "SELECT run_id, sequence, faults FROM writers WHERE organization = ? AND id = ?", batch.writer
        )
        run, stored, faults = found[0] if found else (batch.run, 0, "[]")
        if run != batch.run:
            raise Conflict(
                f"The writer {batch.writer} writes for another run.",
                hint="Use a new writer id for each process.",
            )
        empty = batch.first > batch.last
        if batch.last <= stored and not empty:
            return False
        if batch.first <= stored < batch.last:
            raise Conflict(
                f"Records of the writer {batch.writer} up to {stored} are stored already.",
                hint="Send what comes after them.",
                details={"sequence": stored},
            )
        if gapless and not empty and batch.first > stored + 1:
            raise Conflict(
                f"Records {stored + 1} to {batch.first - 1} of the writer {batch.writer} have not come yet.",
                hint="Send what comes after the sequence number in the details, in order.",
                details={"sequence": stored},
            )
        new: bool = batch.last > stored
        missing = max(batch.lost_records, batch.last - stored - batch.records) if new else 0
        said = list(batch.faults)
        if new and batch.first > stored + 1:
            said.append(f"Records {stored + 1} to {batch.first - 1} of the writer {batch.writer} never came.")
        if new or not found or said:
            self._write(batch, max(stored, batch.last), missing, _added(faults, said), new=new)
        else:
            self.beat(batch.writer)
        return new

    def beat(self, writer: str) -> None:
        """Take note that a writer was heard of."""
        self._sql.update(
            "UPDATE writers SET updated_at = ? WHERE id = ? AND organization = ?", [(time.time(), writer)]
        )

    def append(self, batch: Batch) -> None:
        """Store what is in a batch that :meth:`advance` found to be new.

        Raises:
            Invalid: Its columns do not belong together; the transaction must be undone.
        """
        append(self._sql, batch)

    def compact(self, run: str, *, most_points: int | None = None, whole: bool = False) -> int:
        """Bring the live tail of a run into chunks, where that pays; answers how many points were moved.

        Call it until it answers 0. Where the tail is short beside the chunks it would make anew it is left to grow, so that the
        whole work stays proportional to what was logged, also for steps in any order.

        Args:
            run: The run.
            most_points: Points of the tail to take at once, which bounds memory; 4 million when left out.
            whole: Take the tail however short it is.

        Raises:
            StoreCorrupt: A frame or chunk that is needed is damaged.
        """
        from autoresearch.store.points_compaction import compact

        return compact(self._sql, run, most_points=most_points, whole=whole)

    def catalog(self, runs: Sequence[str], *, kind: str | None = None) -> list[SeriesRow]:
        """What is known of the series of some runs, in order of run, name and labels; ``kind`` is metric or text."""
        from autoresearch.store.points_reading import catalog

        return catalog(self._sql, runs, kind=kind)

    def last_values(self, runs: Sequence[str]) -> dict[str, list[tuple[str, str, float | None]]]:
        """Name, labels (JSON) and last value of every metric of some runs; None stands for NaN."""
        from autoresearch.store.points_reading import last_values

        return last_values(self._sql, runs)

    def history(
        self,
        series: Sequence[SeriesRow],
        *,
        first_step: int | None = None,
        last_step: int | None = None,
        since: float | None = None,
        until: float | None = None,
        after_step: int | None = None,
        limit: int | None = None,
    ) -> tuple[list[Curve], int | None]:
        """Every point of some series within a window.

        Args:
            series: Rows of :meth:`catalog`.
            first_step: The least step.
            last_step: The greatest step, included.
            since: The least time, seconds since 1970 UTC.
            until: The greatest time, included.
            after_step: Where the last page ended.
            limit: Most points of one series.

        Returns:
            A curve for each series, all of them up to the same step, and that step when there is more, else None.

        Raises:
            StoreCorrupt: A blob that is needed is damaged.
        """
        from autoresearch.store.points_reading import Window, history

        first = (
            first_step
            if after_step is None
            else max(after_step + 1, after_step + 1 if first_step is None else first_step)
        )
        return history(self._sql, series, Window(first, last_step, since, until), limit)

    def sampled(
        self,
        series: Sequence[SeriesRow],
        samples: int,
        *,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> list[Curve]:
        """Series with at most ``samples`` points each, all points when there are no more than that.

        The first, the last and the extremes of every part are points as they were logged. The middle of a long series is read
        from summaries; its buckets end where those do.

        Raises:
            Invalid: Less than 2 samples.
            StoreCorrupt: A blob that is needed is damaged.
        """
        from autoresearch.store.points_reading import Reader, Window
        from autoresearch.store.points_sampling import sampled

        readers = {row.run: Reader(self._sql, row.run) for row in series}
        window = Window(first_step, last_step)
        together: dict[tuple[str, int], Curve] = {}
        if len(series) > 1 and samples >= 4 and first_step is None and last_step is None:
            from autoresearch.store.points_charting import drawn_together

            together = drawn_together(self._sql, readers, series, samples)
        return [
            together.get((row.run, row.id)) or sampled(readers[row.run], row, samples, window)
            for row in series
        ]

    def lines(
        self, series: SeriesRow, *, first: int = 0, limit: int = 1000, tail: bool = False
    ) -> list[Line]:
        """Entries of a text series, by number from ``first``; with ``tail`` the last ones.

        Raises:
            StoreCorrupt: A blob that is needed is damaged.
        """
        from autoresearch.store.points_reading import lines

        return lines(self._sql, series, first=first, limit=limit, tail=tail)

    def receipt(self, run: str, *, verify: bool = False) -> PointsReceipt:
        """What a run committed and what is there, counted apart; ``verify`` decodes everything."""
        from autoresearch.store.points_receipt import receipt

        return receipt(self._sql, run, verify=verify)

    def remove(self, run: str) -> None:
        """Remove everything of a run that this class wrote."""
        for table in ("frames", "chunks", "summaries", "axes", "texts", "series", "inbox", "writers"):
            self._sql.run(f"DELETE FROM {table} WHERE organization = ? AND run_id = ?", run)  # noqa: S608  own names

    def _write(self, batch: Batch, last: int, missing: int, faults: str, *, new: bool) -> None:
        self._sql.run(
            "INSERT INTO writers (organization, id, run_id, sequence, records, points, texts, lost_records, lost_points,"
            " faults, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (organization, id) DO UPDATE SET sequence = excluded.sequence,"
            " records = writers.records + excluded.records, points = writers.points + excluded.points,"
            " texts = writers.texts + excluded.texts, lost_records = writers.lost_records + excluded.lost_records,"
            " lost_points = writers.lost_points + excluded.lost_points, faults = excluded.faults,"
            " updated_at = excluded.updated_at",
            batch.writer,
            batch.run,
            last,
            batch.records if new else 0,
            batch.points if new else 0,
            len(batch.texts) if new else 0,
            missing,
            batch.lost_points if new else 0,
            faults,
            time.time(),
        )


def _added(known: str, said: list[str]) -> str:
    """The faults of a writer with further ones, each once, as JSON; beyond 32 no more are taken."""
    every: list[str] = json.loads(known)
    every += [fault for fault in dict.fromkeys(said) if fault not in every]
    return json.dumps(every[:_MOST_FAULTS])

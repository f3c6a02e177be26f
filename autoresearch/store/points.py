"""Points of runs in the database: batches come in, series and lines are read.

All of it happens on a connection and in a transaction of the caller. A training process pays for this module, so it needs
nothing but the standard library until it reads or compacts; those parts are loaded when they are called.
"""

from __future__ import annotations

from autoresearch.store.points_intake import take_over
from autoresearch.store.points_sql import Sql

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autoresearch.errors import AutoresearchError
    from autoresearch.series.batch import Batch
    from autoresearch.series.curve import Curve
    from autoresearch.store.points_reading import Line, SeriesRow
    from autoresearch.store.points_receipt import PointsReceipt

__all__ = ["Points"]


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

    def take(self, *batches: Batch, gapless: bool = False) -> list[int | AutoresearchError]:
        """Store batches, each whole or not at all; see :func:`autoresearch.store.points_intake.take_over`."""
        with self._sql.hurry():
            return take_over(self._sql, batches, gapless=gapless)

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

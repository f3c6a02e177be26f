"""``ledger.runs`` over SQLite: batches are stored as they come, and understood when somebody reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from autoresearch.errors import AutoresearchError, StoreError, StoreFull, StoreReadOnly
from autoresearch.ledger.base import Runs
from autoresearch.ledger.local import (
    ingest,
    run_annotations,
    run_changes,
    run_charts,
    run_comparing,
    run_listing,
    run_making,
    run_reading,
    run_views,
    settling,
)
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.comparing import CompareQuery, LabelValues
from autoresearch.records.folder import Annotation, AnnotationRequest
from autoresearch.records.run import (
    FinishRequest,
    LoggedLine,
    Media,
    Receipt,
    Run,
    RunEdit,
    RunQuery,
    RunRequest,
    SeriesInfo,
)
from autoresearch.series.batch import Batch
from autoresearch.series.curve import Curve, History
from autoresearch.series.several import Charts, Compared

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalRuns"]

_MOST_AT_ONCE = 4_000_000


class LocalRuns(Runs):
    """See :class:`autoresearch.ledger.base.Runs`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def ingest(self, batch: Batch) -> int:
        with self._ledger.write(run=batch.run) as unit:
            sql = run_views.points_sql(unit)
            return ingest.take(sql.connection, sql.organization, batch)

    def ingest_many(self, batches: Iterable[Batch]) -> list[int | AutoresearchError]:
        """Store batches of any writers in one transaction, each of them whole or not at all.

        Answers for each the sequence number that is stored of its writer, or the ``Conflict`` or ``Invalid`` that kept this
        one, and no other, from being stored. Whatever else is raised left nothing of any of them.
        """
        every = list(batches)
        with self._ledger.write(run=sorted({batch.run for batch in every})) as unit:
            sql = run_views.points_sql(unit)
            return ingest.take_many(sql.connection, sql.organization, every)

    def position(self, writer: str) -> int:
        with self._ledger.read() as unit:
            sql = run_views.points_sql(unit)
            return ingest.position(sql.connection, sql.organization, writer)

    def settle(self, scope: Mapping[str, str] | None = None) -> None:
        """Apply the messages that were received, and see which runs fell silent or were heard again.

        Args:
            scope: ``{"project": …}`` or ``{"id": …}``, to look for silence there alone.
        """
        with self._ledger.read() as unit:
            more = settling.due(unit, scope or {})
        while more:
            with self._ledger.write() as unit:
                more = settling.settle(unit, self._ledger.objects.holds(unit), scope or {})

    @contextlib.contextmanager
    def reading(self, *, points_of: Sequence[str] = (), **scope: str) -> Iterator[Unit]:
        """A read transaction in which every message is applied, and no tail of ``points_of`` is long."""
        with self._ledger.read() as unit:
            long = run_reading.long_tails(unit, points_of)
            if not long and not settling.due(unit, scope):
                yield unit
                return
        # What cannot be written now is settled by whoever comes next; it is no reason not to answer.
        with contextlib.suppress(StoreFull, StoreReadOnly):
            self.settle(scope)
            for run_id in long:
                self._compact(run_id, whole=False)
        with self._ledger.read() as unit:
            yield unit

    @contextlib.contextmanager
    def writing(self, **scope: str) -> Iterator[Unit]:
        """A write transaction after every message was applied."""
        self.settle(scope)
        with self._ledger.write() as unit:
            yield unit

    def run(self, run_id: str) -> Run:
        with self.reading(id=run_id) as unit:
            return run_listing.one(unit, run_id)

    def find(self, project: str, text: str) -> Run:
        with self.reading(project=project) as unit:
            return run_listing.find(unit, project, text)

    def runs(self, query: RunQuery, *, limit: int = 100, cursor: str | None = None) -> Page[Run]:
        with self.reading(project=query.project) as unit:
            return run_listing.listed(unit, query, limit=limit, cursor=cursor)

    def create(self, request: RunRequest) -> Run:
        with self.writing(id=request.id) as unit:
            run_making.create(unit, self._ledger.objects.has, request)
            return run_listing.one(unit, request.id)

    def touch(self, run_id: str) -> None:
        with self.writing(id=run_id) as unit:
            run_making.touch(unit, run_id)

    def edit(self, request: RunEdit) -> Run:
        with self.writing(id=request.run_id) as unit:
            run_changes.edit(unit, self._ledger.objects.holds(unit), request)
            return run_listing.one(unit, request.run_id)

    def finish(self, request: FinishRequest) -> Run:
        with self.writing(id=request.run_id) as unit:
            run_changes.finish(unit, self._ledger.objects.holds(unit), request)
            return run_listing.one(unit, request.run_id)

    def remove(self, run_id: str) -> None:
        with self.writing(id=run_id) as unit:
            run_changes.remove(unit, run_id)

    def catalog(self, run_id: str) -> tuple[SeriesInfo, ...]:
        with self.reading(id=run_id) as unit:
            return run_reading.catalog(unit, run_id)

    def history(
        self,
        run_id: str,
        names: Sequence[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 10_000,
        cursor: str | None = None,
    ) -> History:
        with self.reading(points_of=[run_id], id=run_id) as unit:
            return run_reading.history(
                unit,
                run_id,
                names,
                labels=labels,
                window=(first_step, last_step, since, until),
                limit=limit,
                cursor=cursor,
            )

    def sampled(
        self,
        run_ids: Sequence[str],
        names: Sequence[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> tuple[Curve, ...]:
        with self.reading(points_of=run_ids) as unit:
            return run_reading.sampled(
                unit,
                run_ids,
                names,
                labels=labels,
                samples=samples,
                first_step=first_step,
                last_step=last_step,
            )

    def lines(
        self,
        run_id: str,
        names: Sequence[str] = (),
        *,
        limit: int = 1000,
        cursor: str | None = None,
        tail: bool = False,
    ) -> Page[LoggedLine]:
        with self.reading(id=run_id) as unit:
            return run_reading.lines(unit, run_id, names, limit=limit, cursor=cursor, tail=tail)

    def media(
        self, run_id: str, *, key: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Media]:
        with self.reading(id=run_id) as unit:
            return run_reading.media(unit, run_id, key=key, limit=limit, cursor=cursor)

    def label_values(
        self, run_id: str, name: str, *, keys: Sequence[str] = (), limit: int = 100
    ) -> LabelValues:
        with self.reading(id=run_id) as unit:
            return run_comparing.label_values(unit, run_id, name, keys=keys, limit=limit)

    def compare(self, query: CompareQuery) -> Compared:
        with self.reading(points_of=[asked.run_id for asked in query.series]) as unit:
            return run_comparing.compare(unit, query)

    def charts(
        self,
        project: str,
        names: Sequence[str] = (),
        *,
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Charts:
        query = RunQuery.make(project=project)
        most = run_charts.bounded(limit)
        with self.reading(project=project) as unit:
            ids = [run.id for run in run_listing.listed(unit, query, limit=most, cursor=cursor).items]
        with self.reading(points_of=ids, project=project) as unit:
            page = run_listing.listed(unit, query, limit=most, cursor=cursor)
            database, window = self._ledger.database, (first_step, last_step)
            drawn = run_charts.curves(unit, database, page.items, names, samples=samples, window=window)
            return Charts(page.items, drawn, page.next_cursor)

    def add_annotation(self, request: AnnotationRequest) -> Annotation:
        with self.writing(id=request.run_id) as unit:
            return run_annotations.add(unit, request)

    def annotations(
        self,
        run_id: str,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Annotation]:
        with self.reading(id=run_id) as unit:
            return run_annotations.listed(unit, run_id, since=since, until=until, limit=limit, cursor=cursor)

    def receipt(self, run_id: str, *, verify: bool = False) -> Receipt:
        with self.reading(id=run_id) as unit:
            run_listing.row_of(unit, run_id)
        # Numbers at one step are collapsed when the tail is compacted; without that the counts hold as well, apart.
        with contextlib.suppress(StoreError):
            self._compact(run_id, whole=True)
        with self.reading(id=run_id) as unit:
            return run_reading.receipt(unit, run_id, verify=verify)

    def compact(self, run_id: str) -> int:
        with self.reading(id=run_id) as unit:
            run_listing.row_of(unit, run_id)
        return self._compact(run_id, whole=True)

    def _compact(self, run_id: str, *, whole: bool) -> int:
        """In transactions of bounded size, so that writers get their turn."""
        moved = 0
        while True:
            with self._ledger.write(run=run_id) as unit:
                done = run_reading.points(unit).compact(run_id, most_points=_MOST_AT_ONCE, whole=whole)
            moved += done
            if not done:
                return moved

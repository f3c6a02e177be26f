"""Runs as they are found again: listed, read back, compared, followed and written to files."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from autoresearch.errors import Invalid, NotFound
from autoresearch.exchange.aligning import Key, key_of
from autoresearch.exchange.files import whole_file
from autoresearch.exchange.points import Format
from autoresearch.ledger.base import Ledger, every
from autoresearch.records.comparing import CompareQuery, LabelValues, SeriesQuery
from autoresearch.records.folder import Annotation, AnnotationRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import LoggedLine, Media, Receipt, Run, RunEdit, RunQuery, RunState, SeriesInfo
from autoresearch.series.curve import Curve
from autoresearch.series.several import Compared
from autoresearch.track.comparing import Comparison, compared
from autoresearch.track.exporting import Exported, exported, meant, pages
from autoresearch.track.following import following, last_lines

__all__ = ["Archive", "RunRef"]

RunRef = Run | str | int
"""A run, its number, ``"#12"``, its name, its id or a part of it, or ``"last"``."""


class Archive:
    """The runs of a project.

    Args:
        ledger: Where they are remembered.
        project: Name of the project.
        refresh: Called before every look, so that what processes left behind when they died is taken over first.
    """

    def __init__(self, ledger: Ledger, project: str, refresh: Callable[[], object] = lambda: None) -> None:
        self.ledger = ledger
        self.project = project
        self.refresh = refresh

    # Which runs

    def list(  # the word that every tracker has
        self,
        *,
        state: RunState | None = None,
        tags: Sequence[str] = (),
        group: str | None = None,
        experiment: str | int | None = None,
        folder: str | None = None,
        where: Sequence[str] = (),
        order: str = "number",
        descending: bool = True,
        limit: int | None = None,
    ) -> tuple[Run, ...]:
        """Runs of the project, the newest first.

        Args:
            state: Only those in this state.
            tags: Only those that have all of these.
            group: Only those of this group.
            experiment: Only those that executed this experiment.
            folder: Only those that lie immediately in the folder at this path.
            where: Conditions such as ``"config.lr > 0.001"``, ``"loss < 2"``, ``"name ~ warm"``; all must hold.
            order: ``number``, ``name``, ``started``, ``seconds``, or a metric's or ``config.`` name.
            descending: Whether the last or largest come first; runs without it come last in any case.
            limit: At most this many.

        Raises:
            NotFound: There is no such project, experiment or folder.
            Invalid: A condition or the order was not understood.
        """
        self.refresh()
        research = self.ledger.research
        query = RunQuery.make(
            project=self.project,
            state=state,
            tags=tuple(tags),
            group=group,
            experiment_id=None if experiment is None else research.find(self.project, str(experiment)).id,
            folder_id=None if folder is None else self.ledger.folders.find(folder).id,
            where=tuple(where),
            order=order,
            descending=descending,
        )
        size = min(limit or 1000, 1000)
        found = every(lambda cursor: self.ledger.runs.runs(query, limit=size, cursor=cursor))
        return tuple(run for _, run in zip(range(limit), found, strict=False)) if limit else tuple(found)

    def find(self, run: RunRef) -> Run:
        """One run as it stands now.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """
        self.refresh()
        return self._run(run)

    def _run(self, run: RunRef) -> Run:
        if isinstance(run, Run):
            return self.ledger.runs.run(run.id)
        # The handle of a run that goes on is meant by its id.
        return self.ledger.runs.find(self.project, str(getattr(run, "id", run)))

    def _id(self, run: RunRef) -> str:
        return run.id if isinstance(run, Run) else self._run(run).id

    # What they logged

    def catalog(self, run: RunRef) -> tuple[SeriesInfo, ...]:
        """What a run has logged, in order of name and labels; raises as :meth:`find`."""
        self.refresh()
        found = self.ledger.runs.catalog(self._id(run))
        return tuple(sorted(found, key=lambda info: key_of(info.name, info.labels)))

    def history(
        self,
        run: RunRef,
        *names: str,
        labels: Mapping[str, str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
    ) -> tuple[Curve, ...]:
        """Every point of some metrics, of all when no name is given.

        Args:
            run: The run.
            names: Metrics; one may be a pattern such as ``val/*``.
            labels: Pairs that a series must have; None takes every series of the name.
            first_step: The least step.
            last_step: The greatest step, included.
            since: The least time.
            until: The greatest time, included.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        wanted = meant(self.ledger.runs, [run_id], names)
        found = pages(
            self.ledger.runs,
            run_id,
            wanted,
            labels,
            first_step=first_step,
            last_step=last_step,
            since=None if since is None else since.timestamp(),
            until=None if until is None else until.timestamp(),
        )
        parts: dict[Key, list[Curve]] = {}
        for page in found:
            for curve in page.curves:
                parts.setdefault(key_of(curve.name, curve.labels), []).append(curve)
        return tuple(_joined(part) for _, part in sorted(parts.items()))

    def sampled(
        self,
        runs: RunRef | Sequence[RunRef],
        *names: str,
        labels: Mapping[str, str] | None = None,
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> tuple[Curve, ...]:
        """Metrics of some runs, each with at most ``samples`` points, among them the exact extremes.

        Arguments and errors are those of :meth:`history`.
        """
        self.refresh()
        several = [runs] if isinstance(runs, RunRef) else runs
        ids = [self._id(run) for run in several]
        wanted = meant(self.ledger.runs, ids, names)
        if wanted is None or not ids:
            return ()
        found = self.ledger.runs.sampled(
            ids, wanted, labels=labels, samples=samples, first_step=first_step, last_step=last_step
        )
        place = {run_id: number for number, run_id in enumerate(ids)}
        return tuple(sorted(found, key=lambda c: (place[c.run_id], key_of(c.name, c.labels))))

    def compare(self, runs: Sequence[RunRef], *names: str, samples: int | None = None) -> Comparison:
        """Runs side by side.

        Args:
            runs: At least one.
            names: Metrics whose curves are wanted; none gives no curves unless ``samples`` is given.
            samples: At most this many points of each curve, the extremes among them; None gives every point.

        Raises:
            Invalid: There is no run, or one is named twice.
            NotFound: A run is not there.
            Conflict: Several runs fit.
        """
        self.refresh()
        found = [self._run(run) for run in runs]
        if not found or len({run.id for run in found}) < len(found):
            raise Invalid(
                "Runs to compare must be named, each once.", hint="Name two or more, such as 11 and 12."
            )
        curves: list[Curve] = []
        if samples is not None:
            curves += self.sampled(found, *names, samples=samples)
        elif names:
            curves += (curve for run in found for curve in self.history(run, *names))
        return compared(found, {run.id: self.ledger.runs.catalog(run.id) for run in found}, curves)

    def label_values(self, run: RunRef, name: str, *keys: str, limit: int = 100) -> LabelValues:
        """The labels of a metric with their values.

        Args:
            run: The run.
            name: The metric.
            keys: Only these labels; all when none is given.
            limit: Most values of one label, the most frequent first.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        return self.ledger.runs.label_values(self._id(run), name, keys=keys, limit=limit)

    def merged(
        self,
        runs: RunRef | Sequence[RunRef],
        *names: str,
        labels: Mapping[str, str | None] | None = None,
        sort: Sequence[Literal["step", "time", "series"]] = ("step",),
        descending: bool = False,
        first_step: int | None = None,
        last_step: int | None = None,
        limit: int = 1000,
    ) -> Compared:
        """Points of metrics of some runs in one order.

        Args:
            runs: The runs.
            names: Metrics, at least one.
            labels: What a series must have: a label with this value, or with any where the value is None.
            sort: What comes first in the order.
            descending: Whether the greatest comes first.
            first_step: The least step.
            last_step: The greatest step, included.
            limit: Most points.

        Raises:
            Invalid: There is no metric, or a value was refused.
            NotFound: There is no such run.
            Conflict: Several runs fit.
            TooLarge: More than 10 million points would have to be sorted.
        """
        self.refresh()
        several = [runs] if isinstance(runs, RunRef) else runs
        ids = [self._id(run) for run in several]
        asked = [
            SeriesQuery.make(run_id=run_id, name=name, labels=dict(labels or {}))
            for run_id in ids
            for name in names
        ]
        bounds = {"first_step": first_step, "last_step": last_step}
        query = CompareQuery.make(
            series=asked, sort=tuple(sort), descending=descending, limit=limit, **bounds
        )
        return self.ledger.runs.compare(query)

    # Console and media

    def lines(self, run: RunRef, *names: str, tail: int | None = None) -> Iterable[LoggedLine]:
        """Entries of text series in order of time, of all when no name is given; ``tail`` gives the last ones alone.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        if tail is not None:
            return last_lines(self.ledger.runs, run_id, names, tail)
        return every(lambda cursor: self.ledger.runs.lines(run_id, names, cursor=cursor))

    def follow(
        self,
        run: RunRef,
        *names: str,
        tail: int | None = 10,
        interval: float = 0.5,
        wait: Callable[[float], object] = time.sleep,
    ) -> Iterator[LoggedLine]:
        """Entries of text series as they come, until the run has ended.

        Args:
            run: The run.
            names: Text series; all when none is given.
            tail: How many of the lines that are there come first; None for all.
            interval: Seconds between two looks.
            wait: Waits that long; it may return earlier.

        Raises:
            NotFound: There is no such run, or no longer.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        return following(
            self.ledger.runs, run_id, names, tail=tail, wait=lambda: wait(interval), refresh=self.refresh
        )

    def media(self, run: RunRef, key: str | None = None) -> tuple[Media, ...]:
        """Images, tables, histograms and files of a run, first to last; those of one key when it is given.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        return tuple(every(lambda cursor: self.ledger.runs.media(run_id, key=key, cursor=cursor)))

    def media_file(self, media: Media, path: str | Path, *, replace: bool = False) -> Path:
        """Write the bytes of an image, table, histogram or file to a file; answers its path.

        Raises:
            NotFound: Its bytes are not in the store, or there is no such folder.
            Conflict: There is such a file.
            StoreCorrupt: The stored bytes are damaged.
        """
        if media.digest is None:
            raise NotFound(f"The bytes of {media.key!r} were not kept.", hint="Log it again, smaller.")
        place = Path(path).absolute()
        with whole_file(place, replace=replace) as out:
            out.write(self.ledger.snapshots.get(media.digest))
        return place

    # What people say about them

    def edit(
        self,
        run: RunRef,
        *,
        name: str | None = None,
        note: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        remove_config: Sequence[str] = (),
        experiment: str | int | None = None,
        clear: Sequence[Literal["group", "job_type", "note", "experiment_id", "folder_id"]] = (),
    ) -> Run:
        """Change what is said about a run; what is None stays, and what ``clear`` names is emptied.

        Raises:
            Invalid: A value was refused.
            NotFound: There is no such run or experiment.
            Conflict: Several runs fit.
        """
        self.refresh()
        research = self.ledger.research
        request = RunEdit.make(
            run_id=self._id(run),
            name=name,
            note=note,
            group=group,
            job_type=job_type,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            config=None if config is None else dict(config),
            remove_config=tuple(remove_config),
            clear=tuple(clear),
            experiment_id=None if experiment is None else research.find(self.project, str(experiment)).id,
        )
        return self.ledger.runs.edit(request)

    def tag(self, run: RunRef, *tags: str, remove: Sequence[str] = ()) -> Run:
        """Add tags to a run and take others away; raises as :meth:`edit`."""
        return self.edit(run, add_tags=tags, remove_tags=remove)

    def move(self, run: RunRef, folder: str) -> Run:
        """Move a run into the folder at a path, which is made when it is missing, or by ``/`` to the root.

        Raises:
            Invalid: It is no path of a folder.
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        if not folder.strip("/"):
            return self.ledger.runs.edit(RunEdit.make(run_id=run_id, clear=("folder_id",)))
        place = self.ledger.folders.make(folder)
        return self.ledger.runs.edit(RunEdit.make(run_id=run_id, folder_id=place.id))

    def annotate(
        self,
        run: RunRef,
        text: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        at: datetime.datetime | None = None,
    ) -> Annotation:
        """Note something about a run.

        Args:
            run: The run.
            text: What is noted.
            metadata: Data beside it.
            at: The moment that is meant; without a time zone it is UTC. None means now.

        Raises:
            Invalid: There is no text.
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        moment = at.replace(tzinfo=datetime.UTC) if at is not None and at.tzinfo is None else at
        request = AnnotationRequest.make(
            id=new_id(), run_id=self._id(run), text=text, metadata=dict(metadata or {}), at=moment
        )
        return self.ledger.runs.add_annotation(request)

    def annotations(
        self,
        run: RunRef,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
    ) -> tuple[Annotation, ...]:
        """What was noted about a run, in that order; of the moments from ``since`` to ``until``.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        run_id = self._id(run)
        bounds = {"since": _seconds(since), "until": _seconds(until)}
        return tuple(
            every(lambda cursor: self.ledger.runs.annotations(run_id, limit=1000, cursor=cursor, **bounds))
        )

    def remove(self, run: RunRef) -> Run:
        """Remove a run with all it logged; answers what it was.

        Raises:
            NotFound: There is no such run.
            Conflict: It is still running, or several runs fit.
        """
        self.refresh()
        found = self._run(run)
        self.ledger.runs.remove(found.id)
        return found

    def receipt(self, run: RunRef, *, verify: bool = False) -> Receipt:
        """Whether everything that a run committed is there; ``verify`` also decodes every point.

        Raises:
            NotFound: There is no such run.
            Conflict: Several runs fit.
        """
        self.refresh()
        return self.ledger.runs.receipt(self._id(run), verify=verify)

    # Files

    def export(
        self,
        path: str | Path | BinaryIO,
        runs: RunRef | Sequence[RunRef],
        *names: str,
        format: Format | None = None,  # noqa: A002  the field's word
        replace: bool = False,
    ) -> Exported:
        """Write every point of some runs to a file: one row for each step, one column for each metric.

        Metrics below ``system/`` have steps of their own. Without names they are left out; with names their rows
        follow behind the others.

        Args:
            path: A file, which is there whole or not at all, or a binary stream.
            runs: The runs.
            names: Metrics or patterns such as ``val/*``; all when none is given.
            format: ``csv``, ``jsonl`` or ``parquet``; None goes by the end of the file's name.
            replace: Whether a file that is there gives way.

        Raises:
            Invalid: The format cannot be told, or what writes it is not installed.
            NotFound: There is no such run, or no such folder.
            Conflict: There is such a file, or several runs fit.
        """
        self.refresh()
        several = [runs] if isinstance(runs, RunRef) else runs
        found = list({run.id: run for run in map(self._run, several)}.values())
        return exported(self.ledger.runs, path, found, names, form=format, replace=replace)


def _seconds(at: datetime.datetime | None) -> float | None:
    """Seconds since 1970 of a moment, which without a time zone is UTC."""
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()


def _joined(parts: Sequence[Curve]) -> Curve:
    """The pages of one series as one curve."""
    if len(parts) == 1:
        return parts[0]
    import numpy as np

    first = parts[0]
    steps, times, values = (
        np.concatenate([getattr(part, column) for part in parts]) for column in ("steps", "times", "values")
    )
    return Curve(first.run_id, first.name, first.labels, steps, times, values)

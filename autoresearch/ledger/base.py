"""What every ledger can do. Callers hold a ``Ledger`` and cannot tell which one it is.

Each operation is one transaction. Requests carry ids that the caller made: the same id with the same content answers what the
first call answered, with other content it is a ``Conflict``. Lists are pages with an opaque cursor.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from autoresearch.briefs.facts import Facts
from autoresearch.ledger.campaigns import Campaigns
from autoresearch.ledger.folders import Folders
from autoresearch.ledger.series import SeveralSeries
from autoresearch.records.artifact import Artifact, RefRequest, Version, VersionRequest
from autoresearch.records.base import Page
from autoresearch.records.experiment import (
    Decision,
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Note,
    NoteRequest,
    Session,
    SessionRequest,
    State,
)
from autoresearch.records.folder import Annotation, AnnotationRequest
from autoresearch.records.frontier import Event, Frontier, Match, Progress
from autoresearch.records.goal import Goal, GoalRequest, Project, ProjectRequest, Segment, SegmentRequest
from autoresearch.records.overview import Bootstrap
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
from autoresearch.records.tree import Tree
from autoresearch.series.batch import Batch
from autoresearch.series.curve import Curve, History
from autoresearch.store.blobs import Blobs

__all__ = ["Artifacts", "Campaigns", "Folders", "Ledger", "Memory", "Research", "Runs", "Snapshots", "every"]

_Item = TypeVar("_Item")


class Research(abc.ABC):
    """Goals, sessions, experiments, decisions, and the frontier that follows from them."""

    @abc.abstractmethod
    def set_goal(self, project: str, request: GoalRequest) -> Goal:
        """Set or change a project's goal; a project that is not there is made.

        Another metric or direction opens a new segment: nothing is compared across it. Any other change keeps the
        segment and recomputes its frontier.
        """

    @abc.abstractmethod
    def open_segment(self, request: SegmentRequest) -> Goal:
        """Begin to compare anew under the same goal: the evaluator, the data or the hardware is another.

        Raises:
            NotFound: There is no such project.
            Conflict: It has no goal yet.
        """

    @abc.abstractmethod
    def segments(self, project: str) -> tuple[Segment, ...]:
        """The segments of a project, first to last: the goal that rules each, why it was opened, and its sums.

        Raises:
            NotFound: There is no such project.
        """

    @abc.abstractmethod
    def make_project(self, request: ProjectRequest) -> Project:
        """The project of this name, made when it is not there."""

    @abc.abstractmethod
    def project(self, project: str) -> Project:
        """One project.

        Raises:
            NotFound: There is none of this name.
        """

    @abc.abstractmethod
    def projects(self, *, limit: int = 100, cursor: str | None = None) -> Page[Project]:
        """Projects in order of name."""

    @abc.abstractmethod
    def open_session(self, request: SessionRequest) -> Session:
        """Open a session and make it the project's active one; a project that is not there is made."""

    @abc.abstractmethod
    def move_session(
        self, session_id: str, move: Literal["close", "reopen"], *, activate: bool = True
    ) -> Session:
        """Close or reopen a session; a reopened one is the active one unless told otherwise.

        Raises:
            NotFound: There is no such session.
            Conflict: It is there already.
        """

    @abc.abstractmethod
    def session(self, session_id: str) -> Session:
        """One session.

        Raises:
            NotFound: There is no such session.
        """

    @abc.abstractmethod
    def sessions(self, project: str, *, limit: int = 100, cursor: str | None = None) -> Page[Session]:
        """Sessions of a project in order of number."""

    @abc.abstractmethod
    def record(self, request: ExperimentRequest) -> Experiment:
        """Record a tried change.

        Raises:
            NotFound: The session, the parent or a used artifact version is not there.
            Conflict: The session is closed, or the id is taken by other content.
        """

    @abc.abstractmethod
    def set_tree(self, experiment_id: str, tree: str) -> Experiment:
        """Give an experiment that was recorded without a snapshot the digest of one, whose manifest is stored.

        Raises:
            NotFound: There is no such experiment, or the manifest or a file of it was not stored.
            Conflict: It has another snapshot.
        """

    @abc.abstractmethod
    def record_judged(self, batch: Sequence[tuple[ExperimentRequest, DecisionRequest]]) -> int:
        """Record experiments with their verdicts, all or none; answers how many were not there before."""

    @abc.abstractmethod
    def decide(self, request: DecisionRequest) -> Decision:
        """Give a verdict; the frontier and the ``winner`` refs follow in the same transaction.

        Raises:
            NotFound: There is no such experiment.
            Invalid: The metric is not the goal's.
            Conflict: The project has no goal, the state machine forbids the move, or the id is taken.
        """

    @abc.abstractmethod
    def experiment(self, experiment_id: str) -> Experiment:
        """One experiment.

        Raises:
            NotFound: There is no such experiment.
        """

    @abc.abstractmethod
    def find(self, project: str, text: str) -> Experiment:
        """The experiment meant by ``12``, ``#12``, ``best``, ``last``, a full id, or the beginning or end of one.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """

    @abc.abstractmethod
    def experiments(
        self,
        project: str,
        *,
        session_id: str | None = None,
        state: State | None = None,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        """Experiments of a project in order of number."""

    @abc.abstractmethod
    def decisions(self, experiment_id: str) -> tuple[Decision, ...]:
        """All verdicts on one experiment, first to last; the last one stands."""

    @abc.abstractmethod
    def frontier(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Frontier:
        """The staircase of running bests, of the present segment unless another is named.

        With a session it is that of its own experiments, in the segment they came to last.

        Raises:
            NotFound: No such project, session or segment.
            Conflict: The project has no goal yet.
        """

    @abc.abstractmethod
    def progress(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Progress:
        """Every experiment of a segment with the running best; raises as ``frontier`` does."""


class Memory(abc.ABC):
    """What people said, what was tried, what happened."""

    @abc.abstractmethod
    def add_note(self, request: NoteRequest) -> Note:
        """Leave a remark; a project that is not there is made."""

    @abc.abstractmethod
    def notes(self, project: str, *, limit: int = 100, cursor: str | None = None) -> Page[Note]:
        """Remarks in the order in which they were made."""

    @abc.abstractmethod
    def search(self, project: str, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments whose note or diff has these words, best match first."""

    @abc.abstractmethod
    def tried(self, project: str, change: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments like a change (a patch, or words such as ``"LR 0.04 -> 0.06"``), most alike first."""

    @abc.abstractmethod
    def facts(self, project: str, *, limit: int = 5) -> Facts:
        """What the brief may say, in bounded lists."""

    @abc.abstractmethod
    def bootstrap(self, project: str | None = None, *, limit: int = 50) -> Bootstrap:
        """What a dashboard shows first: every project in a few numbers, and the newest of one.

        Args:
            project: The project that is looked at; else the one in which something happened last.
            limit: Most projects, runs and experiments, each.

        Raises:
            NotFound: There is no such project.
        """

    @abc.abstractmethod
    def events(
        self, *, project: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Event]:
        """What changed, in order."""


class Artifacts(abc.ABC):
    """Versioned things and the refs that point at them."""

    @abc.abstractmethod
    def log(self, request: VersionRequest) -> Version:
        """Log a version; identical bytes answer the version that has them.

        Raises:
            NotFound: The producing experiment is not there.
            Conflict: The artifact belongs to another project or has another type.
        """

    @abc.abstractmethod
    def artifacts(
        self,
        *,
        project: str | None = None,
        type: str | None = None,  # noqa: A002  the field's word
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Artifact]:
        """Artifacts in order of name."""

    @abc.abstractmethod
    def versions(self, artifact: str, *, limit: int = 100, cursor: str | None = None) -> Page[Version]:
        """Versions of an artifact in order of number."""

    @abc.abstractmethod
    def versions_of(self, experiment_id: str) -> tuple[Version, ...]:
        """The versions that an experiment made, in order of artifact and number.

        Raises:
            NotFound: No such experiment.
        """

    @abc.abstractmethod
    def version(self, artifact: str, ref: str = "latest") -> Version:
        """The version that a ref, ``latest``, or a version's own name points at.

        Raises:
            NotFound: No such artifact, ref or version.
        """

    @abc.abstractmethod
    def move_ref(self, request: RefRequest) -> Version:
        """Point a ref at a version.

        Raises:
            NotFound: No such artifact or version.
            Invalid: ``latest`` is built in; a name such as ``v3`` would pass for a version.
            Conflict: It does not point where ``expected`` says.
        """


class Snapshots(abc.ABC):
    """Blobs and trees by digest."""

    @abc.abstractmethod
    def put(self, data: bytes) -> str:
        """Store bytes; answers their sha256."""

    @abc.abstractmethod
    def get(self, digest: str) -> bytes:
        """Stored bytes, verified.

        Raises:
            NotFound: No object has this digest.
            StoreCorrupt: The bytes on disk are others.
        """

    @abc.abstractmethod
    def tree(self, digest: str) -> Tree:
        """A stored manifest.

        Raises:
            NotFound: No object has this digest.
            StoreCorrupt: It is damaged, or not a manifest.
        """

    @abc.abstractmethod
    def write_tree(self, digest: str, destination: Path) -> Tree:
        """Give the exact tree back in a new folder.

        Raises:
            Conflict: The destination exists and is not empty.
        """

    @abc.abstractmethod
    def patch(self, experiment_id: str) -> bytes:
        """The stored patch of an experiment, byte for byte; empty when it had none."""

    @abc.abstractmethod
    def verify(self) -> Iterator[str]:
        """Check the database and every digest; yields one sentence for each fault."""

    @abc.abstractmethod
    def collect(self, *, dry_run: bool = True) -> tuple[int, int]:
        """Remove objects that nothing refers to; answers how many and their bytes. A dry run removes nothing."""


class Runs(SeveralSeries):
    """Runs, and the points, lines and media they logged."""

    @abc.abstractmethod
    def ingest(self, batch: Batch) -> int:
        """Store a batch of one writer, once however often it is sent; answers the sequence number that is stored.

        Raises:
            Conflict: Part of it is stored already; ``details["sequence"]`` says how far, send what is beyond.
        """

    @abc.abstractmethod
    def position(self, writer: str) -> int:
        """The last sequence number that is stored of a writer; 0 when nothing is."""

    @abc.abstractmethod
    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            NotFound: There is no such run.
        """

    @abc.abstractmethod
    def find(self, project: str, text: str) -> Run:
        """The run meant by ``12``, ``#12``, ``last``, a name, a full id, or the beginning or end of one.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """

    @abc.abstractmethod
    def runs(self, query: RunQuery, *, limit: int = 100, cursor: str | None = None) -> Page[Run]:
        """The runs that a query asks for.

        Raises:
            NotFound: There is no such project.
            Invalid: A condition or the order was not understood.
        """

    @abc.abstractmethod
    def create(self, request: RunRequest) -> Run:
        """Begin a run that has no journal, or go on with one by ``resume``, which makes it where there is none.

        It counts as crashed after five minutes in which nothing is logged to it and nobody touches it.

        Raises:
            NotFound: The experiment or the folder is not there.
            Conflict: The id is taken by another run.
        """

    @abc.abstractmethod
    def touch(self, run_id: str) -> None:
        """Say that a run lives although nothing was logged; raises as ``run`` does."""

    @abc.abstractmethod
    def edit(self, request: RunEdit) -> Run:
        """Change name, note, tags, group, config, the folder or the linked experiment.

        Raises:
            NotFound: There is no such run, experiment or folder.
        """

    @abc.abstractmethod
    def finish(self, request: FinishRequest) -> Run:
        """End a run from outside; ending one that has that state already changes nothing.

        Raises:
            NotFound: There is no such run.
            Conflict: It has ended in another state.
        """

    @abc.abstractmethod
    def remove(self, run_id: str) -> None:
        """Remove a run with all it logged; objects that nothing else refers to go with the next collection.

        Raises:
            NotFound: There is no such run.
            Conflict: It is still running.
        """

    @abc.abstractmethod
    def catalog(self, run_id: str) -> tuple[SeriesInfo, ...]:
        """What a run has logged, in order of name and labels; raises as ``run`` does."""

    @abc.abstractmethod
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
        """Every point of some metrics, of all when no name is given, in pages of at most ``limit`` steps.

        Args:
            run_id: The run.
            names: Metrics; a name without points gives no curve.
            labels: Pairs that a series must have; None takes every series of the name.
            first_step: The least step.
            last_step: The greatest step, included.
            since: The least time, in seconds since 1970 UTC.
            until: The greatest time, included.
            limit: Most points of one series in a page.
            cursor: Where the last page ended.

        Raises:
            NotFound: There is no such run.
        """

    @abc.abstractmethod
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
        """Metrics of some runs, each with at most ``samples`` points, among them the exact extremes.

        Raises:
            NotFound: There is no such run.
        """

    @abc.abstractmethod
    def lines(
        self,
        run_id: str,
        names: Sequence[str] = (),
        *,
        limit: int = 1000,
        cursor: str | None = None,
        tail: bool = False,
    ) -> Page[LoggedLine]:
        """Entries of text series in order of time, of all when no name is given; with ``tail`` the last ones."""

    @abc.abstractmethod
    def media(
        self, run_id: str, *, key: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Media]:
        """What was logged beside numbers and text, first to last."""

    @abc.abstractmethod
    def add_annotation(self, request: AnnotationRequest) -> Annotation:
        """Note something about a run.

        Raises:
            NotFound: There is no such run.
            Conflict: The id is taken by other content.
        """

    @abc.abstractmethod
    def annotations(
        self,
        run_id: str,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Annotation]:
        """Annotations of a run in the order in which they were made.

        Args:
            run_id: The run.
            since: Only those of a moment from here on, in seconds since 1970 UTC.
            until: Only those up to this moment, included.
            limit: Most annotations of a page.
            cursor: Where the last page ended.

        Raises:
            NotFound: There is no such run.
        """

    @abc.abstractmethod
    def receipt(self, run_id: str, *, verify: bool = False) -> Receipt:
        """Whether everything is there; ``verify`` also decodes every point. Raises as ``run`` does."""

    @abc.abstractmethod
    def compact(self, run_id: str) -> int:
        """Bring the live tail of a run into chunks; answers how many points were moved. Reading does it as needed."""


class Ledger(abc.ABC):
    """The use cases, in seven small interfaces, and the bytes that they name."""

    research: Research
    memory: Memory
    artifacts: Artifacts
    snapshots: Snapshots
    runs: Runs
    folders: Folders
    campaigns: Campaigns
    objects: Blobs

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of files and connections; calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def every(fetch: Callable[[str | None], Page[_Item]]) -> Iterable[_Item]:
    """All items of a list, page after page; ``fetch`` takes a cursor."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return

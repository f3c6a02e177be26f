"""A workspace: one folder, its project, and the ledger that remembers it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autoresearch.briefs.brief import Context, build
from autoresearch.errors import AutoresearchError, Invalid, NotFound
from autoresearch.ledger.base import Ledger, every
from autoresearch.records.artifact import Artifact, RefRequest, Version
from autoresearch.records.experiment import (
    Actor,
    Decision,
    DecisionRequest,
    Experiment,
    Note,
    NoteRequest,
    Session,
    SessionRequest,
)
from autoresearch.records.frontier import Frontier, Match, Progress
from autoresearch.records.goal import (
    Budget,
    Constraint,
    Goal,
    GoalRequest,
    Project,
    SegmentRequest,
    parse_constraint,
)
from autoresearch.records.ids import new_id
from autoresearch.records.run import Synced
from autoresearch.settings import Settings
from autoresearch.track import place, storing
from autoresearch.track.archive import Archive
from autoresearch.track.belonging import brought_in, opened_ledger
from autoresearch.track.capturing import experiment_request
from autoresearch.track.live.servers import Server
from autoresearch.track.project_file import ProjectFile, find_project_file, read_project_file
from autoresearch.track.whoami import present_actor

if TYPE_CHECKING:
    from autoresearch.track.archive import Archive
    from autoresearch.track.campaign_list import CampaignList
    from autoresearch.track.folder_tree import FolderTree

__all__ = ["Workspace"]

_Paths = str | Path | Sequence[str | Path]


class Workspace:
    """One folder under research. Open it with :meth:`open`; every call of the library is a method here.

    Attributes:
        path: The folder.
        root: Root of its git work tree, or the folder itself.
        name: Name of the project.
        ledger: Where everything is remembered.
        home: Folder of what this machine keeps of it: the embedded store, or what belongs to the server.
        server: The server that it is on; None for the embedded store.
        file: What ``autoresearch.toml`` says, or its defaults.
    """

    def __init__(
        self,
        path: Path,
        *,
        root: Path,
        name: str,
        ledger: Ledger,
        home: Path,
        file: ProjectFile,
        settings: Settings,
        server: Server | None = None,
    ) -> None:
        self.path = path
        self.root = root
        self.name = name
        self.ledger = ledger
        self.home = home
        self.server = server
        self.file = file
        self.settings = settings
        self._session: str | None = None
        self._settled = False
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        project: str | None = None,
        home: str | Path | None = None,
        actor: Actor | None = None,
    ) -> Self:
        """Open a folder. Nothing is written until something is recorded.

        Args:
            path: The folder; inside a git work tree its root is found.
            project: Name of the project; else AUTORESEARCH_PROJECT, ``autoresearch.toml``, the folder's name.
            home: Folder below which everything is kept; else AUTORESEARCH_HOME, else ``~/.autoresearch``.
            actor: Who acts; else the agent or person that the environment shows.

        Raises:
            Invalid: A setting or ``autoresearch.toml`` is off.
            StoreError: The store cannot be used.
        """
        settings = Settings()
        folder = Path(path).resolve()
        root = _root(folder)
        found = find_project_file(folder)
        file = read_project_file(found) if found else ProjectFile()
        name = project or settings.project or file.project or place.named_by_folder(str(root))
        store = Path(home).expanduser().resolve() if home else Path(settings.home)
        ledger, kept, server = opened_ledger(settings, store, actor or present_actor(settings))
        return cls(
            folder,
            root=root,
            name=name,
            ledger=ledger,
            home=kept,
            file=file,
            settings=settings,
            server=server,
        )

    def at(self, path: str | Path) -> Workspace:
        """The same project, ledger and session, seen from another folder: a checkout in which a trial runs.

        Raises:
            Invalid: It is not a folder.
        """
        folder = Path(path).resolve()
        root = _root(folder)
        other = Workspace(
            folder,
            root=root,
            name=self.name,
            ledger=self.ledger,
            home=self.home,
            file=self.file,
            settings=self.settings,
            server=self.server,
        )
        other._session, other._settled = self._session, self._settled
        return other

    def close(self) -> None:
        """Let go of the store."""
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notice(self) -> str | None:
        """What is not as it is on the server, in a sentence: that it does not answer, what waits; None when all is well."""
        return getattr(self.ledger, "notice", None)

    def recover(self) -> Synced:
        """Bring into the store what this process has logged so far, and what others left in their journals when they died.

        Every look at runs begins with this. With a server it is sent there; while that does not answer, it waits.

        Raises:
            StoreError: The store cannot be used; the journals keep everything.
        """
        return brought_in(self.home, self.server, self.settings.mode)

    # Goal and session

    @property
    def project(self) -> Project:
        """The project as it stands.

        Raises:
            NotFound: Nothing was recorded in it yet.
        """
        return self.ledger.research.project(self.name)

    def goal(
        self,
        metric: str,
        *,
        lower_is_better: bool = True,
        target: float | None = None,
        min_delta: float = 0.0,
        constraints: Sequence[str | Constraint] = (),
        noise: float | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
        protected: Sequence[str] = (),
        description: str = "",
    ) -> Goal:
        """Set or change the goal.

        Args:
            metric: Name of the objective.
            lower_is_better: Whether a smaller score is better.
            target: The score at which the goal is reached.
            min_delta: The least gain that advances the frontier, in units of the metric.
            constraints: Bounds on secondary metrics, such as ``"memory_gb <= 24"``.
            noise: Known standard deviation of the metric; None to measure it from repeats.
            budget: ``max_experiments``, ``max_seconds``, ``trial_seconds``.
            protected: Globs of paths that no change may touch.
            description: What the goal means, in words.

        Raises:
            Invalid: A value was refused.
        """
        request = GoalRequest.make(
            metric=metric,
            direction="min" if lower_is_better else "max",
            target=target,
            min_delta=min_delta,
            constraints=tuple(parse_constraint(c) if isinstance(c, str) else c for c in constraints),
            noise=noise,
            budget=budget if isinstance(budget, Budget) else Budget.make(**(budget or {})),
            protected=tuple(protected),
            description=description,
        )
        return self.ledger.research.set_goal(self.name, request)

    def adopt_goal(self) -> None:
        """Take the goal of ``autoresearch.toml`` when the project has none; a goal of the ledger stays as it is.

        Every call that records, or asks about goal, frontier or context, begins with this.
        """
        wanted = self.file.goal_of(self.name)
        if wanted is None or self._settled:
            return
        with self._lock:
            try:
                present = self.project.goal
            except NotFound:
                present = None
            if present is None:
                self.ledger.research.set_goal(self.name, wanted)
            self._settled = True

    def new_segment(self, reason: str) -> Goal:
        """Begin to compare anew under the same goal: the evaluator, the data or the hardware is another.

        Args:
            reason: Why scores before and after are not compared; every later brief says it.

        Raises:
            NotFound: Nothing was recorded in the project yet.
            Conflict: It has no goal.
        """
        self.adopt_goal()
        return self.ledger.research.open_segment(SegmentRequest.make(project=self.name, reason=reason))

    def session(self, tag: str, branch: str | None = None, *, note: str = "") -> Session:
        """Open a session and make it the active one."""
        self.adopt_goal()
        request = SessionRequest.make(id=new_id(), project=self.name, tag=tag, branch=branch, note=note)
        opened = self.ledger.research.open_session(request)
        with self._lock:
            self._session = opened.id
        return opened

    def active_session(self) -> Session | None:
        """The session in which the next experiment is recorded: this workspace's own, else the project's."""
        with self._lock:
            mine = self._session
        if mine is None:
            try:
                mine = self.project.active_session
            except AutoresearchError:
                return None
        return self.ledger.research.session(mine) if mine else None

    def _session_id(self, branch: str | None) -> str:
        self.adopt_goal()
        with self._lock:
            session = self.active_session()
            if session is not None:
                return session.id
            tag = (branch or "default").replace("/", "-").replace(":", "-")
            return self.session(tag, branch).id

    # Experiments and decisions

    def experiment(
        self,
        note: str = "",
        *,
        commit: str | None = None,
        diff: str | bytes | None = None,
        snapshot: _Paths | None = ".",
        config: Mapping[str, Any] | None = None,
        command: Sequence[str] = (),
        parent: str | None = None,
        uses: Sequence[str] = (),
        id: str | None = None,  # noqa: A002  the field's word
    ) -> Experiment:
        """Record a tried change, with the code that runs.

        Inside a git repository commit, parent, branch and the uncommitted change (untracked files included) are
        captured. ``"."`` snapshots the whole work tree; outside a repository, the folder.

        Args:
            note: The flaw that was seen and the fix that is tried.
            commit: Commit to record instead of the present one.
            diff: Patch to record instead of the captured one; ``""`` records none.
            snapshot: Folder or files to keep, or None. One that fails warns and does not stop the experiment.
            config: Configuration of the run; part of ``repro_key``.
            command: How it is run, as a list of arguments; else the command of ``autoresearch.toml``.
            parent: Experiment it was made from; None takes the incumbent.
            uses: Artifact versions that go in, such as ``"char-lm:v3"``.
            id: The caller's own UUID, so that a repeated call records once.

        Raises:
            Invalid: A value was refused.
            NotFound: The parent or a used version is not there.
            Conflict: The session is closed, or the id is taken by other content.
            CaptureError: Git did not give the change.
        """
        made = experiment_request(
            self,
            note,
            commit=commit,
            diff=diff,
            snapshot=snapshot,
            config=config or {},
            command=command,
            parent=parent,
            uses=uses,
            id=id or new_id(),
            session_of=self._session_id,
        )
        return self.ledger.research.record(made)

    def decision(
        self,
        experiment_id: str,
        status: str,
        *,
        score: float | None = None,
        metric: str | None = None,
        samples: Sequence[float] = (),
        metrics: Mapping[str, float | None] | None = None,
        reason: str = "",
        seconds: float | None = None,
        log_tail: str = "",
        id: str | None = None,  # noqa: A002  the field's word
    ) -> Decision:
        """Give a verdict on an experiment.

        Args:
            experiment_id: Its id, number, ``best`` or ``last``.
            status: ``keep``, ``drop`` (``discard``, ``revert``, ``reject``) or ``crash``.
            score: Value of the goal's metric; a keep needs it, a crash has none.
            metric: Name of what was scored, checked against the goal.
            samples: Repeated measurements; their mean is the score unless one is given.
            metrics: Secondary metrics, by which constraints are checked.
            reason: Why, in a sentence.
            seconds: Wall-clock seconds it took.
            log_tail: Last lines of its output.
            id: The caller's own UUID, so that a repeated call decides once.

        Raises:
            Invalid: A value was refused: an unknown verdict, a keep without a finite score, another metric.
            NotFound: There is no such experiment.
            Conflict: The project has no goal, or a person's verdict would be overturned.
        """
        self.adopt_goal()
        request = DecisionRequest.make(
            id=id or new_id(),
            experiment_id=self._experiment_id(experiment_id),
            status=status,
            score=score,
            samples=tuple(samples),
            metric=metric,
            metrics=dict(metrics or {}),
            reason=reason,
            seconds=seconds,
            log_tail=storing.cleaned(log_tail)[-20_000:],
        )
        return self.ledger.research.decide(request)

    def find(self, text: str) -> Experiment:
        """The experiment meant by ``12``, ``#12``, ``best``, ``last``, or an id or part of one.

        Raises:
            NotFound: Nothing fits.
            Conflict: Several do.
        """
        return self.ledger.research.find(self.name, text)

    def _experiment_id(self, text: str) -> str:
        # A full id may be of another project of this ledger; everything shorter means this one.
        return text if len(text) == 36 else self.find(text).id

    def experiments(self) -> tuple[Experiment, ...]:
        """All experiments of the project in order of number."""
        research = self.ledger.research
        return tuple(every(lambda cursor: research.experiments(self.name, limit=1000, cursor=cursor)))

    def frontier(self, session_id: str | None = None) -> Frontier:
        """The staircase of running bests, of one session when it is given.

        Raises:
            NotFound: Nothing was recorded in the project yet.
            Conflict: It has no goal.
        """
        self.adopt_goal()
        return self.ledger.research.frontier(self.name, session_id=session_id)

    def progress(self, session_id: str | None = None) -> Progress:
        """Every experiment of the present segment with the running best; raises as :meth:`frontier`."""
        self.adopt_goal()
        return self.ledger.research.progress(self.name, session_id=session_id)

    # Memory

    def context(self, *, limit: int = 5, budget: int = 2000) -> Context:
        """What an agent reads before its next change.

        Args:
            limit: How many recent attempts to show.
            budget: Hard limit in tokens, for the Markdown and for the data.

        Raises:
            NotFound: Nothing was recorded in the project yet.
            Invalid: The budget is too small to say anything.
        """
        self.adopt_goal()
        return build(self.ledger.memory.facts(self.name, limit=limit), budget=budget)

    def note(self, text: str, experiment: str | None = None) -> Note:
        """Leave a remark that every later ``context()`` shows."""
        about = experiment and self._experiment_id(experiment)
        request = NoteRequest.make(id=new_id(), project=self.name, text=text, experiment_id=about)
        return self.ledger.memory.add_note(request)

    def search(self, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments whose note or diff has these words, best match first."""
        return self.ledger.memory.search(self.name, text, limit=limit)

    def tried(self, change: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments like a change: a patch, or words such as ``"LR 0.04 -> 0.06"``."""
        return self.ledger.memory.tried(self.name, change, limit=limit)

    # Runs

    @property
    def runs(self) -> Archive:
        """Its runs: listed, read back, compared, followed, edited and exported."""
        from autoresearch.track.archive import Archive

        return Archive(self.ledger, self.name, refresh=self.recover)

    @property
    def folders(self) -> FolderTree:
        """The folders in which runs of any project lie."""
        from autoresearch.track.folder_tree import FolderTree

        return FolderTree(self.ledger, refresh=self.recover)

    @property
    def campaigns(self) -> CampaignList:
        """Its campaigns: listed, looked at, paused, resumed and stopped."""
        from autoresearch.track.campaign_list import CampaignList

        return CampaignList(self.ledger, self.name)

    # Artifacts

    def artifact(
        self,
        name: str,
        path: str | Path,
        *,
        type: str = "artifact",  # noqa: A002  the field's word
        produced_by: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> Version:
        """Log a file or folder as a version; identical bytes answer the version that has them.

        Raises:
            Invalid: There is nothing at the path, or a value was refused.
            Conflict: The name is taken by another project or type.
        """
        request = storing.version_request(
            self,
            name,
            self.path / path,
            type_=type,
            produced_by=produced_by and self._experiment_id(produced_by),
            metadata=metadata or {},
            description=description,
        )
        return self.ledger.artifacts.log(request)

    def promote(self, name: str, ref: str, version: str, *, expected: str | None = None) -> Version:
        """Point a ref at a version.

        Args:
            name: The artifact.
            ref: The ref, such as ``winner`` or ``production``.
            version: ``"v3"``, or another ref.
            expected: Where it must point now for the move to happen; ``""`` for nowhere.

        Raises:
            NotFound: No such artifact or version.
            Conflict: It does not point where expected.
        """
        request = RefRequest.make(artifact=name, ref=ref, version=version, expected=expected)
        return self.ledger.artifacts.move_ref(request)

    def get_artifact(self, name: str, ref: str = "latest", path: str | Path | None = None) -> Version:
        """The version a ref points at; with ``path`` its files are written to that new folder.

        Raises:
            NotFound: No such artifact, ref or version.
            Conflict: The folder exists and is not empty.
        """
        version = self.ledger.artifacts.version(name, ref)
        if path is not None:
            self.ledger.snapshots.write_tree(version.tree, self.path / path)
        return version

    def artifacts(self, *, type: str | None = None) -> tuple[Artifact, ...]:  # noqa: A002  the field's word
        """All artifacts, of one type when it is given."""
        things = self.ledger.artifacts
        return tuple(every(lambda cursor: things.artifacts(type=type, limit=1000, cursor=cursor)))


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder.", hint="Give the folder of your code.")
    return Path(place.root_of(str(folder)))

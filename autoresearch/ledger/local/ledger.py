"""The embedded ledger as one thing: its seven interfaces over one database and one object store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from autoresearch.briefs.facts import Facts
from autoresearch.errors import Invalid, NotFound, StoreCorrupt, TooLarge
from autoresearch.ledger.base import Artifacts, Ledger, Memory
from autoresearch.ledger.local import briefing, cursors, memory, overview, things
from autoresearch.ledger.local.campaigns import LocalCampaigns
from autoresearch.ledger.local.folders import LocalFolders
from autoresearch.ledger.local.owning import OwnedBlobs, owned
from autoresearch.ledger.local.research import LocalResearch
from autoresearch.ledger.local.runs import LocalRuns
from autoresearch.ledger.local.snapshots import LocalSnapshots
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.artifact import Artifact, RefRequest, Version, VersionRequest
from autoresearch.records.base import Page, utc_now
from autoresearch.records.experiment import Actor, ExperimentRequest, Note, NoteRequest
from autoresearch.records.frontier import Event, Match
from autoresearch.records.overview import Bootstrap
from autoresearch.records.tree import Tree
from autoresearch.store.blobs import Depot, open_objects
from autoresearch.store.databases import Database, open_database
from autoresearch.store.rows import Rows

_MOST_MANIFEST = 128 * 1024 * 1024

__all__ = ["LocalArtifacts", "LocalLedger", "LocalMemory"]


class LocalMemory(Memory):
    """See :class:`autoresearch.ledger.base.Memory`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def add_note(self, request: NoteRequest) -> Note:
        with self._ledger.write() as unit:
            return memory.add_note(unit, request)

    def notes(self, project: str, *, limit: int = 100, cursor: str | None = None) -> Page[Note]:
        with self._ledger.read() as unit:
            return memory.notes(unit, project, limit=limit, cursor=cursor)

    def search(self, project: str, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        with self._ledger.read() as unit:
            return memory.search(unit, project, text, limit=limit)

    def tried(self, project: str, change: str, *, limit: int = 10) -> tuple[Match, ...]:
        with self._ledger.read() as unit:
            return memory.tried(unit, project, change, limit=limit)

    def facts(self, project: str, *, limit: int = 5) -> Facts:
        with self._ledger.read() as unit:
            return briefing.facts(unit, project, limit=cursors.bounded(limit))

    def bootstrap(self, project: str | None = None, *, limit: int = 50) -> Bootstrap:
        with self._ledger.runs.reading(**({} if project is None else {"project": project})) as unit:
            return overview.bootstrap(unit, project, limit=limit)

    def events(
        self, *, project: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Event]:
        self._ledger.runs.settle({} if project is None else {"project": project})
        with self._ledger.read() as unit:
            return memory.events(unit, project=project, limit=limit, cursor=cursor)


class LocalArtifacts(Artifacts):
    """See :class:`autoresearch.ledger.base.Artifacts`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def log(self, request: VersionRequest) -> Version:
        self._ledger.require_tree(request.tree)
        with self._ledger.write() as unit:
            self._ledger.require(unit, request.tree)
            return things.log(unit, request)

    def artifacts(
        self,
        *,
        project: str | None = None,
        type: str | None = None,  # noqa: A002  the field's word
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Artifact]:
        with self._ledger.read() as unit:
            return things.artifacts(unit, project=project, type_=type, limit=limit, cursor=cursor)

    def versions(self, artifact: str, *, limit: int = 100, cursor: str | None = None) -> Page[Version]:
        with self._ledger.read() as unit:
            return things.versions(unit, artifact, limit=limit, cursor=cursor)

    def versions_of(self, experiment_id: str) -> tuple[Version, ...]:
        with self._ledger.read() as unit:
            return things.versions_of(unit, experiment_id)

    def version(self, artifact: str, ref: str = "latest") -> Version:
        with self._ledger.read() as unit:
            return things.resolve(unit, artifact, ref)

    def move_ref(self, request: RefRequest) -> Version:
        with self._ledger.write() as unit:
            return things.move_ref(unit, request)


class LocalLedger(Ledger):
    """A ledger on this machine.

    Args:
        database: The opened database.
        objects: Where blobs lie.
        organization: Whose ledger it is; nothing of another is reachable through it.
        actor: Who acts through it.
        trusted: Whether whoever holds it could read every file of the store anyway; else it reads the objects alone that its
            organization has sent.
    """

    runs: LocalRuns
    objects: OwnedBlobs

    def __init__(
        self,
        database: Database,
        objects: Depot,
        *,
        organization: str = "local",
        actor: Actor | None = None,
        trusted: bool = False,
    ) -> None:
        self.database = database
        self.store = objects
        self.organization = organization
        self.trusted = trusted
        self.objects = OwnedBlobs(self)
        self.actor = actor or Actor()
        self.research = LocalResearch(self)
        self.memory = LocalMemory(self)
        self.artifacts = LocalArtifacts(self)
        self.snapshots = LocalSnapshots(self)
        self.runs = LocalRuns(self)
        self.folders = LocalFolders(self)
        self.campaigns = LocalCampaigns(self)

    @classmethod
    def open(cls, home: Path, *, actor: Actor | None = None) -> LocalLedger:
        """Open the embedded store in a folder, making or migrating it as needed.

        Raises:
            StoreCorrupt: The database is damaged.
            StoreTooNew: A newer version of the library wrote it.
            StoreReadOnly: The folder cannot be written.
        """
        return cls.connect(home / "ledger.sqlite", home / "objects", actor=actor)

    @classmethod
    def connect(
        cls,
        database: str | Path,
        objects: str | Path,
        *,
        organization: str = "local",
        actor: Actor | None = None,
    ) -> LocalLedger:
        """Open a store whose rows and objects lie in places of their own, making or migrating it as needed.

        Args:
            database: Path of a file, or ``postgresql://user@host/name``.
            objects: Folder of the objects, or the URL of a bucket.
            organization: Whose ledger it is; whoever opens a store himself may read all of its objects.
            actor: Who acts through it.

        Raises:
            Invalid: The URL is one of something else.
            StoreError: The database cannot be used.
            Unavailable: The database server cannot be reached.
        """
        opened = open_database(database)
        return cls(opened, open_objects(objects), organization=organization, actor=actor, trusted=True)

    def require(self, unit: Unit, digest: str) -> None:
        """Blobs first, records last: a record never names an object that is not there.

        Raises:
            NotFound: The object was not stored.
        """
        if not self.objects.holds(unit)(digest):
            raise _unsent(digest)

    def require_objects(self, unit: Unit, request: ExperimentRequest) -> None:
        """The objects an experiment names are there.

        Raises:
            NotFound: One was not stored.
        """
        if request.diff is not None and not request.diff.truncated:
            self.require(unit, request.diff.digest)
        if request.tree is not None:
            self.require(unit, request.tree)

    def require_tree(self, digest: str | None) -> None:
        """A tree that somebody sent is one, and so were its files; before the transaction that names it, for it is read.

        Where the files lie nothing is read: whoever writes there could damage them anyway.

        Raises:
            NotFound: The manifest or a file of it was not stored.
            Invalid: It is no manifest.
        """
        if digest is None or self.trusted:
            return
        try:
            if self.objects.size(digest) > _MOST_MANIFEST:
                raise TooLarge(f"Object {digest} is too large for a tree.", hint="Leave files out.")
            tree = Tree.parse(self.objects.get(digest))
        except NotFound:
            raise _unsent(digest) from None
        except StoreCorrupt as error:
            raise Invalid(
                f"Object {digest} cannot be a tree: {error.message}",
                hint="Send a manifest as a snapshot makes it.",
            ) from None
        wanted = {entry.sha256 for entry in tree.files() if entry.sha256}
        with self.read() as unit:
            lost = sorted(wanted - owned(unit, wanted))
        if lost:
            raise _unsent(lost[0])

    @contextlib.contextmanager
    def write(self, *, run: str | Sequence[str] = ()) -> Iterator[Unit]:
        """One write transaction; with ``run`` only points and messages of that run, or of those, may be written."""
        with self.database.write(self.organization, run=run) as connection:
            yield Unit(Rows(connection, self.organization), self.actor, utc_now())

    @contextlib.contextmanager
    def read(self) -> Iterator[Unit]:
        """One read transaction."""
        with self.database.read(self.organization) as connection:
            yield Unit(Rows(connection, self.organization), self.actor, utc_now())

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _unsent(digest: str) -> NotFound:
    return NotFound(f"Object {digest} was not stored.", hint="Store the bytes first, then record.")

"""``ledger.snapshots`` on this machine: blobs, trees, patches, and the checks over all of them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autoresearch.errors import AutoresearchError, Forbidden, NotFound, StoreCorrupt
from autoresearch.ledger.base import Snapshots
from autoresearch.records.base import utc_now
from autoresearch.records.tree import Tree, looks_like_manifest
from autoresearch.store import run_schema, schema
from autoresearch.store.blob_schema import blobs, collections, parts, uploads
from autoresearch.store.blobs import GRACE_SECONDS, STASH_SECONDS, Stored
from autoresearch.store.campaign_schema import trials
from autoresearch.store.columns import Moment
from autoresearch.store.dialects import plain
from autoresearch.store.points import Points

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalSnapshots"]

# The object folder is shared by every organization of a store, so what it refers to is asked of all of them.
_TREES = sa.union(
    sa.select(schema.experiments.c.tree).where(schema.experiments.c.tree.is_not(None)),
    sa.select(schema.versions.c.tree),
)
_CODES = sa.select(run_schema.runs.c.code).where(run_schema.runs.c.code.is_not(None))
_MEDIA = sa.select(run_schema.media.c.digest).where(run_schema.media.c.digest.is_not(None)).distinct()
_WORDS = sa.union(
    *(
        sa.select(text).where(text.is_not(None))
        for text in (trials.c.prompt, trials.c.context, trials.c.transcript)
    )
)
_WAITING = sa.select(run_schema.inbox.c.body)
_RUNS = sa.select(
    run_schema.runs.c.organization,
    run_schema.runs.c.id,
    run_schema.runs.c.project,
    run_schema.runs.c.number,
    run_schema.runs.c.name,
).order_by(run_schema.runs.c.organization, run_schema.runs.c.project, run_schema.runs.c.number)
_DIGEST = re.compile(r'"digest": ?"([0-9a-f]{64})"')
_BEGINNING = 4096
_AT_ONCE = 500
_OWNERS = sa.select(blobs.c.digest).where(blobs.c.digest.in_(sa.bindparam("digests", expanding=True)))
_OWNERLESS = sa.delete(blobs).where(blobs.c.digest.in_(sa.bindparam("digests", expanding=True)))
_JUST_USED = sa.select(blobs.c.digest).where(blobs.c.used_at > sa.bindparam("limit", type_=Moment)).distinct()
_PASSES = sa.select(sa.func.max(collections.c.number))
_DIFFS = sa.select(schema.experiments.c.diff).where(schema.experiments.c.diff.is_not(None))


class LocalSnapshots(Snapshots):
    """See :class:`autoresearch.ledger.base.Snapshots`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def put(self, data: bytes) -> str:
        return self._ledger.objects.put(data)

    def get(self, digest: str) -> bytes:
        return self._ledger.objects.get(digest)

    def tree(self, digest: str) -> Tree:
        return Tree.parse(self._ledger.objects.get(digest))

    def write_tree(self, digest: str, destination: Path) -> Tree:
        from autoresearch.capture.checkout import write_tree

        tree = self.tree(digest)
        write_tree(tree, self._ledger.objects, destination)
        return tree

    def patch(self, experiment_id: str) -> bytes:
        with self._ledger.read() as unit:
            row = unit.experiment(experiment_id)
        diff = row["diff"]
        if not diff:
            return b""
        if diff["truncated"]:
            raise NotFound(
                f"The patch of experiment {row['number']} was {diff['size']:,} bytes and over the cap: only its "
                f"digest {diff['digest']} was kept.",
                hint="Raise AUTORESEARCH_MAX_DIFF_BYTES for the next ones; its snapshot may have the files.",
            )
        return self._ledger.objects.get(diff["digest"])

    def verify(self) -> Iterator[str]:
        self._only_where_it_lies("autoresearch admin verify")
        try:
            yield from (f"database: {said}" for said in self._ledger.database.check())
        except StoreCorrupt as error:
            yield f"database: {error.message}"
            return
        yield from (f"object {problem.name}: {problem.reason}" for problem in self._ledger.store.verify())
        for digest, faults in self._references():
            yield from faults
            if digest and not self._ledger.store.has(digest):
                yield f"object {digest} is missing, and the ledger refers to it"
        yield from self._damaged_runs()

    def _only_where_it_lies(self, command: str) -> None:
        if not self._ledger.trusted:
            raise Forbidden(
                "The whole store is checked and cleaned where it lies.",
                hint=f"Run `{command}` on the server.",
            )

    def _damaged_runs(self) -> Iterator[str]:
        """What the receipts of runs say is wrong, of all organizations."""
        with self._ledger.database.read() as connection:
            for organization, run_id, project, number, name in connection.execute(_RUNS).all():
                points = Points(plain(connection), organization)
                receipt = points.receipt(run_id, verify=True)
                faults = receipt.faults or (() if receipt.intact else ("points were lost on the way",))
                yield from (f"run {number} ({name}) of {project}: {fault}" for fault in faults)

    def collect(self, *, dry_run: bool = True) -> tuple[int, int]:
        self._only_where_it_lies("autoresearch admin gc")
        with self._ledger.database.write(alone=True) as connection:
            doomed = self._doomed(connection)
            if not dry_run:
                # First nobody owns them any more: a kill from here on leaves bytes without a name, never a name without bytes.
                _disown(connection, [stored.digest for stored in doomed])
        if not dry_run:
            with self._ledger.database.write() as connection:
                again = _owned_by_anybody(connection, [stored.digest for stored in doomed])
                doomed = [stored for stored in doomed if stored.digest not in again]
                # A manifest that is there promises its blobs: it goes first, so that a kill leaves no broken promise.
                for stored in sorted(doomed, key=lambda stored: self._manifest(stored) is None):
                    self._ledger.store.remove(stored.digest)
                _disown(connection, [])
                _forget_uploads(connection)
            self._ledger.store.sweep()
        return len(doomed), sum(stored.size for stored in doomed)

    def _doomed(self, connection: sa.Connection) -> list[Stored]:
        """What nothing refers to, and what is not so young that something may be about to."""
        limit = utc_now() - datetime.timedelta(seconds=GRACE_SECONDS)
        used = set(connection.execute(_JUST_USED, {"limit": limit}).scalars())
        wanted, doomed = self._wanted(), []
        for stored in self._ledger.store.listed():
            if stored.digest in wanted:
                continue
            if stored.used_at <= limit.timestamp() and stored.digest not in used:
                doomed.append(stored)
            elif (tree := self._manifest(stored)) is not None:
                # A snapshot of an unchanged folder names its manifest again and touches nothing else.
                wanted.update(entry.sha256 for entry in tree.files() if entry.sha256)
        return [stored for stored in doomed if stored.digest not in wanted]

    def _manifest(self, stored: Stored) -> Tree | None:
        store = self._ledger.store
        try:
            if stored.size and looks_like_manifest(next(store.part(stored.digest, 0, _BEGINNING), b"")):
                return Tree.parse(store.get(stored.digest))
        except AutoresearchError:
            pass
        return None

    def _wanted(self) -> set[str]:
        wanted = self._about_to_be_named()
        for digest, faults in self._references():
            if faults:
                # What a damaged manifest names cannot be told from orphans.
                raise StoreCorrupt(
                    f"Nothing was removed: {faults[0]}.", hint="`autoresearch fsck` names every fault."
                )
            wanted.add(digest)
        return wanted

    def _about_to_be_named(self) -> set[str]:
        """Digests in messages of runs that were received and not yet applied."""
        with self._ledger.database.read() as connection:
            return {
                digest for body in connection.execute(_WAITING).scalars() for digest in _DIGEST.findall(body)
            }

    def _references(self) -> Iterator[tuple[str, list[str]]]:
        """Every digest the ledger refers to, with what is wrong about the manifests among them."""
        with self._ledger.database.read() as connection:
            trees = connection.execute(_TREES).scalars().all()
            diffs = [diff for diff in connection.execute(_DIFFS).scalars() if not diff["truncated"]]
            codes = [code["diff"] for code in connection.execute(_CODES).scalars()]
            named = [*connection.execute(_MEDIA).scalars(), *connection.execute(_WORDS).scalars()]
        diffs += [diff for diff in codes if diff is not None and not diff["truncated"]]
        yield from ((diff["digest"], []) for diff in diffs)
        yield from ((digest, []) for digest in named)
        for digest in trees:
            yield digest, []
            if not self._ledger.store.has(digest):
                continue
            try:
                entries = Tree.parse(self._ledger.store.get(digest)).entries
            except AutoresearchError as error:
                yield digest, [f"manifest {digest}: {error.message}"]
                continue
            yield from ((entry.sha256, []) for entry in entries if entry.kind == "file" and entry.sha256)


def _disown(connection: sa.Connection, digests: list[str]) -> None:
    """Take objects from all who own them, and count a pass: who is just storing one looks again whether it is there."""
    for first in range(0, len(digests), _AT_ONCE):
        connection.execute(_OWNERLESS, {"digests": digests[first : first + _AT_ONCE]})
    number = int(connection.execute(_PASSES).scalar() or 0)
    connection.execute(sa.insert(collections), {"number": number + 1, "recorded_at": utc_now()})


def _forget_uploads(connection: sa.Connection) -> None:
    limit = utc_now() - datetime.timedelta(seconds=STASH_SECONDS)
    old = sa.select(uploads.c.id).where(uploads.c.touched_at < limit)
    connection.execute(sa.delete(parts).where(parts.c.upload.in_(old)))
    connection.execute(sa.delete(uploads).where(uploads.c.touched_at < limit))


def _owned_by_anybody(connection: sa.Connection, digests: list[str]) -> set[str]:
    found: set[str] = set()
    for first in range(0, len(digests), _AT_ONCE):
        some = {"digests": digests[first : first + _AT_ONCE]}
        found |= set(connection.execute(_OWNERS, some).scalars())
    return found
